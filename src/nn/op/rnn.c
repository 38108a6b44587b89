/* RNN: SimpleRNN, GRU and LSTM over [.., T, F]. */
#include "nn/op/op.h"

#include <string.h>

static int32_t gates_of(const struct ir_rnn *r)
{
    return r->cell == IR_CELL_LSTM ? 4 : r->cell == IR_CELL_GRU ? 3 : 1;
}

static int32_t states_of(const struct ir_rnn *r)
{
    return r->cell == IR_CELL_LSTM ? 2 : 1;
}

enum rc op_check_RNN(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_rnn *r = &n->u.rnn;
    enum rc rc = op_check_range(g, n, "kind of cell", r->cell, IR_CELL_SIMPLE, IR_CELL_LSTM, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of units", r->units, 1, OP_ELEMENTS_MAX / 8, e);
    }
    const struct {
        const char *what;
        int32_t v;
    } flags[] = {{"go_backwards", r->reverse},   {"return_sequences", r->sequences},
                 {"return_state", r->states},    {"reset_after", r->reset_after},
                 {"use of a bias", r->has_bias}, {"use of an initial state", r->has_initial},
                 {"use of a mask", r->has_mask}, {"zero_output_for_mask", r->zero_masked}};
    for (size_t i = 0; rc == RC_OK && i < sizeof flags / sizeof *flags; i++) {
        rc = op_check_range(g, n, flags[i].what, flags[i].v, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->act, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->gate, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    int32_t states = states_of(r);
    return op_check_counts(g, n, 1 + r->has_initial * states + r->has_mask, 1 + r->states * states, 2 + r->has_bias, e);
}

enum rc op_infer_RNN(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in, struct ir_shape *out,
                     struct err *e)
{
    const struct ir_rnn *r = &n->u.rnn;
    int32_t width = gates_of(r) * r->units, states = states_of(r);
    enum rc rc = op_want_rank(g, n, in, 2, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    struct ir_shape want = {.rank = 2, .dim = {in->dim[in->rank - 1], width}};
    rc = op_want_weight(g, n, 0, &want, e);
    want.dim[0] = r->units;
    if (rc == RC_OK) {
        rc = op_want_weight(g, n, 1, &want, e);
    }
    bool two = r->cell == IR_CELL_GRU && r->reset_after;
    want = two ? (struct ir_shape){.rank = 2, .dim = {2, width}} : op_shape(1, &width);
    if (rc == RC_OK && r->has_bias) {
        rc = op_want_weight(g, n, 2, &want, e);
    }
    struct ir_shape state = op_shape(in->rank - 1, in->dim);
    state.dim[state.rank - 1] = r->units;
    for (int32_t i = 0; rc == RC_OK && r->has_initial && i < states; i++) {
        rc = op_want_shape(g, n, &in[1 + i], &state, "initial state", e);
    }
    struct ir_shape mask = op_shape(in->rank - 1, in->dim);
    if (rc == RC_OK && r->has_mask) {
        rc = op_want_shape(g, n, &in[n->in_n - 1], &mask, "mask", e);
    }
    out[0] = state;
    if (r->sequences) {
        out[0] = *in;
        out[0].dim[in->rank - 1] = r->units;
    }
    for (int32_t i = 1; i < n->out_n; i++) {
        out[i] = state;
    }
    return rc;
}

/* ---- generic form: one tile per sequence, the steps in order ---- */
struct rnn_args {
    int32_t cell, units, reverse, sequences, reset_after, has_bias, has_initial, has_mask, zero_masked;
    int32_t time, depth, gates, state_n;
    int64_t outer;
    struct ir_act act, gate;
    int64_t kernel, recurrent, bias;
};

/* A worker's scratch: x and h projections [gates * units] each, then four rows of units. */
struct rnn_work {
    float *zx, *zh, *h, *c, *output, *tmp;
};

static struct rnn_work work_of(const struct rnn_args *a, float *scratch)
{
    int64_t wide = (int64_t)a->gates * a->units, u = a->units;
    float *rows = scratch + 2 * wide;
    return (struct rnn_work){scratch, scratch + wide, rows, rows + u, rows + 2 * u, rows + 3 * u};
}

static void step_simple(const struct rnn_args *a, const float *recurrent, struct rnn_work *w)
{
    int64_t u = a->units;
    op_axpy(w->zx, w->h, recurrent, u, u, u);
    nn_fn_apply_n(&a->act, w->zx, w->h, u);
}

static void step_lstm(const struct rnn_args *a, const float *recurrent, struct rnn_work *w)
{
    int64_t u = a->units;
    float *i = w->zx, *f = i + u, *g = f + u, *o = g + u;
    op_axpy(w->zx, w->h, recurrent, u, 4 * u, 4 * u);
    nn_fn_apply_n(&a->gate, i, i, 2 * u);
    nn_fn_apply_n(&a->act, g, g, u);
    nn_fn_apply_n(&a->gate, o, o, u);
    for (int64_t k = 0; k < u; k++) {
        w->c[k] = f[k] * w->c[k] + i[k] * g[k];
    }
    nn_fn_apply_n(&a->act, w->c, w->tmp, u);
    for (int64_t k = 0; k < u; k++) {
        w->h[k] = o[k] * w->tmp[k];
    }
}

static void step_gru(const struct rnn_args *a, const float *recurrent, const float *recurrent_bias, struct rnn_work *w)
{
    int64_t u = a->units;
    float *z = w->zx, *r = z + u, *n = r + u, *zh = w->zh;
    op_start(zh, recurrent_bias, 3 * u);
    op_axpy(zh, w->h, recurrent, u, a->reset_after ? 3 * u : 2 * u, 3 * u);
    op_add(z, zh, 2 * u);
    nn_fn_apply_n(&a->gate, z, z, 2 * u);
    if (a->reset_after) {
        for (int64_t k = 0; k < u; k++) {
            n[k] += r[k] * zh[2 * u + k];
        }
    } else {
        for (int64_t k = 0; k < u; k++) {
            w->tmp[k] = r[k] * w->h[k];
        }
        op_axpy(n, w->tmp, recurrent + 2 * u, u, u, 3 * u);
    }
    nn_fn_apply_n(&a->act, n, n, u);
    for (int64_t k = 0; k < u; k++) {
        w->h[k] = z[k] * w->h[k] + (1.0f - z[k]) * n[k];
    }
}

static void rnn_step(const struct rnn_args *a, const struct nn_env *env, const float *x, struct rnn_work *w)
{
    int64_t wide = (int64_t)a->gates * a->units;
    const float *bias = a->has_bias ? env->packed + a->bias : NULL, *recurrent = env->packed + a->recurrent;
    op_start(w->zx, bias, wide);
    op_axpy(w->zx, x, env->packed + a->kernel, a->depth, wide, wide);
    switch (a->cell) {
    case IR_CELL_LSTM:
        step_lstm(a, recurrent, w);
        break;
    case IR_CELL_GRU:
        step_gru(a, recurrent, bias != NULL && a->reset_after ? bias + wide : NULL, w);
        break;
    default:
        step_simple(a, recurrent, w);
        break;
    }
}

static void sequence(const struct nn_step *s, const struct nn_env *env, int64_t i, struct rnn_work *w)
{
    const struct rnn_args *a = s->args;
    int64_t u = a->units;
    size_t row = (size_t)u * sizeof(float);
    const float *x = nn_at(env, &s->in[0]) + i * a->time * a->depth;
    const float *mask = a->has_mask ? nn_at(env, &s->in[s->in_n - 1]) + i * a->time : NULL;
    float *y = nn_at(env, &s->out[0]) + i * u * (a->sequences ? a->time : 1);
    op_start(w->h, a->has_initial ? nn_at(env, &s->in[1]) + i * u : NULL, u);
    op_start(w->c, a->has_initial && a->state_n > 1 ? nn_at(env, &s->in[2]) + i * u : NULL, u);
    op_start(w->output, NULL, u);
    for (int64_t t = 0; t < a->time; t++) {
        int64_t at = a->reverse ? a->time - 1 - t : t;
        if (mask == NULL || mask[at] != 0) {
            rnn_step(a, env, x + at * a->depth, w);
            memcpy(w->output, w->h, row);
        } else if (a->zero_masked) {
            op_start(w->output, NULL, u);
        }
        if (a->sequences) {
            memcpy(y + t * u, w->output, row);
        }
    }
    if (!a->sequences) {
        memcpy(y, w->output, row);
    }
    if (s->out_n > 1) {
        memcpy(nn_at(env, &s->out[1]) + i * u, w->h, row);
    }
    if (s->out_n > 2) {
        memcpy(nn_at(env, &s->out[2]) + i * u, w->c, row);
    }
}

static void tile_rnn(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct rnn_args *a = s->args;
    struct rnn_work w = work_of(a, env->scratch[worker]);
    struct op_range r = op_tile_range(s, a->outer, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        sequence(s, env, i, &w);
    }
}

enum rc op_prepare_RNN(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_rnn *r = &n->u.rnn;
    const struct ir_shape *x = &s->in[0].shape;
    struct rnn_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    *a = (struct rnn_args){.cell = r->cell,
                           .units = r->units,
                           .reverse = r->reverse,
                           .sequences = r->sequences,
                           .reset_after = r->reset_after,
                           .has_bias = r->has_bias,
                           .has_initial = r->has_initial,
                           .has_mask = r->has_mask,
                           .zero_masked = r->zero_masked,
                           .time = x->dim[x->rank - 2],
                           .depth = x->dim[x->rank - 1],
                           .gates = gates_of(r),
                           .state_n = states_of(r),
                           .outer = op_dims_n(x, 0, x->rank - 2),
                           .act = r->act,
                           .gate = r->gate};
    s->args = a;
    double wide = (double)a->gates * a->units, per = 2.0 * wide * ((double)a->depth + a->units) * a->time;
    s->flops = per * (double)a->outer;
    op_tiles(s, tile_rnn, a->outer, per);
    size_t floats = (size_t)a->units * ((size_t)a->gates * 2 + 4);
    enum rc rc = nn_want_scratch(p, floats * sizeof(float), e);
    if (rc == RC_OK) {
        rc = nn_pack_raw(p, n, 0, &a->kernel, e);
    }
    if (rc == RC_OK) {
        rc = nn_pack_raw(p, n, 1, &a->recurrent, e);
    }
    return rc == RC_OK && a->has_bias ? nn_pack_raw(p, n, 2, &a->bias, e) : rc;
}
