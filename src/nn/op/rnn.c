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

/* ---- running: one tile per sequence. The inputs of many steps are multiplied at once, then the steps follow in order.
 * ---- */
enum { AT_ONCE = 64, PARTS = 3 };

/* A part of the weights: depth rows, n columns, and what the sum starts with. */
struct part {
    int32_t weight, bias, depth, n; /* numbers of the node's weights; bias -1: none */
    int64_t column, bias_at, pitch; /* first column, first float of the bias; floats between rows */
    int64_t at;                     /* offset of the panels; without kernels of the weight itself */
    int64_t start;                  /* without kernels: offset of the bias, or -1 */
};
enum { INPUT, RECURRENT, CANDIDATE }; /* CANDIDATE: of a GRU that resets before the product */

struct rnn_args {
    const struct kern_isa *k; /* NULL: generic */
    int32_t cell, units, reverse, sequences, reset_after, has_initial, has_mask, zero_masked;
    int32_t time, depth, gates, state_n, parts, at_once;
    int64_t outer;
    struct ir_act act, gate;
    struct kern_act fast_act, fast_gate;
    bool has_fast_act, has_fast_gate;
    struct part part[PARTS];
};

/* A worker's scratch: the inputs of at_once steps times the kernel, one row for the recurrent product, four rows of
 * units. */
struct rnn_work {
    float *zx, *zh, *h, *c, *output, *tmp;
};

static struct rnn_work work_of(const struct rnn_args *a, float *scratch)
{
    int64_t wide = (int64_t)a->gates * a->units, u = a->units;
    float *zh = scratch + a->at_once * wide, *rows = zh + wide;
    return (struct rnn_work){scratch, zh, rows, rows + u, rows + 2 * u, rows + 3 * u};
}

/* y = x * part + bias, or y += x * part with `more`. */
static void times(const struct rnn_args *a, const struct nn_env *env, int32_t which, const float *x, int64_t pitch,
                  int32_t rows, float *y, bool more)
{
    const struct part *w = &a->part[which];
    int64_t wide = (int64_t)a->gates * a->units;
    if (a->k != NULL) {
        const struct kern_gemm j = {.a = x,
                                    .lda = pitch,
                                    .m = rows,
                                    .taps = 1,
                                    .k = w->depth,
                                    .n = w->n,
                                    .panel_end = kern_panel_n(a->k, w->n),
                                    .b = env->packed + w->at,
                                    .c = y,
                                    .ldc = wide,
                                    .more = more};
        a->k->gemm(&j);
        return;
    }
    for (int32_t i = 0; i < rows; i++, x += pitch, y += wide) {
        if (!more) {
            op_start(y, w->start < 0 ? NULL : env->packed + w->start, w->n);
        }
        op_axpy(y, x, env->packed + w->at, w->depth, w->n, w->pitch);
    }
}

static void activate(const struct rnn_args *a, bool gate, const float *x, float *y, int64_t n)
{
    if (gate ? a->has_fast_gate : a->has_fast_act) {
        a->k->map(gate ? &a->fast_gate : &a->fast_act, x, y, n);
    } else {
        nn_fn_apply_n(gate ? &a->gate : &a->act, x, y, n);
    }
}

static void step_simple(const struct rnn_args *a, const struct nn_env *env, float *zx, struct rnn_work *w)
{
    times(a, env, RECURRENT, w->h, 0, 1, zx, true);
    activate(a, false, zx, w->h, a->units);
}

static void step_lstm(const struct rnn_args *a, const struct nn_env *env, float *zx, struct rnn_work *w)
{
    int64_t u = a->units;
    float *i = zx, *f = i + u, *g = f + u, *o = g + u;
    times(a, env, RECURRENT, w->h, 0, 1, zx, true);
    activate(a, true, i, i, 2 * u);
    activate(a, false, g, g, u);
    activate(a, true, o, o, u);
    for (int64_t k = 0; k < u; k++) {
        w->c[k] = f[k] * w->c[k] + i[k] * g[k];
    }
    activate(a, false, w->c, w->tmp, u);
    for (int64_t k = 0; k < u; k++) {
        w->h[k] = o[k] * w->tmp[k];
    }
}

static void step_gru(const struct rnn_args *a, const struct nn_env *env, float *zx, struct rnn_work *w)
{
    int64_t u = a->units;
    float *z = zx, *r = z + u, *n = r + u;
    if (a->reset_after) {
        times(a, env, RECURRENT, w->h, 0, 1, w->zh, false);
        op_add(z, w->zh, 2 * u);
        activate(a, true, z, z, 2 * u);
        for (int64_t k = 0; k < u; k++) {
            n[k] += r[k] * w->zh[2 * u + k];
        }
    } else {
        times(a, env, RECURRENT, w->h, 0, 1, z, true);
        activate(a, true, z, z, 2 * u);
        for (int64_t k = 0; k < u; k++) {
            w->tmp[k] = r[k] * w->h[k];
        }
        times(a, env, CANDIDATE, w->tmp, 0, 1, n, true);
    }
    activate(a, false, n, n, u);
    for (int64_t k = 0; k < u; k++) {
        w->h[k] = z[k] * w->h[k] + (1.0f - z[k]) * n[k];
    }
}

static void rnn_step(const struct rnn_args *a, const struct nn_env *env, float *zx, struct rnn_work *w)
{
    switch (a->cell) {
    case IR_CELL_LSTM:
        step_lstm(a, env, zx, w);
        break;
    case IR_CELL_GRU:
        step_gru(a, env, zx, w);
        break;
    default:
        step_simple(a, env, zx, w);
        break;
    }
}

static void sequence(const struct nn_step *s, const struct nn_env *env, int64_t i, struct rnn_work *w)
{
    const struct rnn_args *a = s->args;
    int64_t u = a->units, wide = a->gates * u, pitch = a->reverse ? -a->depth : a->depth;
    size_t row = (size_t)u * sizeof(float);
    const float *x = nn_at(env, &s->in[0]) + i * a->time * a->depth;
    const float *mask = a->has_mask ? nn_at(env, &s->in[s->in_n - 1]) + i * a->time : NULL;
    float *y = nn_at(env, &s->out[0]) + i * u * (a->sequences ? a->time : 1);
    op_start(w->h, a->has_initial ? nn_at(env, &s->in[1]) + i * u : NULL, u);
    op_start(w->c, a->has_initial && a->state_n > 1 ? nn_at(env, &s->in[2]) + i * u : NULL, u);
    op_start(w->output, NULL, u);
    for (int32_t t = 0; t < a->time; t++) {
        int32_t at = a->reverse ? a->time - 1 - t : t, ahead = t % a->at_once;
        if (ahead == 0) {
            int32_t rows = a->time - t < a->at_once ? a->time - t : a->at_once;
            times(a, env, INPUT, x + (int64_t)at * a->depth, pitch, rows, w->zx, false);
        }
        if (mask == NULL || mask[at] != 0) {
            rnn_step(a, env, w->zx + ahead * wide, w);
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

/* ---- preparing ---- */

struct part_fill {
    const struct kern_isa *k;
    const struct part *part;
};

static void fill_part(float *to, const float *const *weight, const void *ctx)
{
    const struct part_fill *f = ctx;
    const struct part *w = f->part;
    const float *from = weight[w->weight] + w->column, *bias = w->bias < 0 ? NULL : weight[w->bias] + w->bias_at;
    for (int32_t i = 0; i < kern_panel_n(f->k, w->n); i++) {
        int32_t first = kern_panel_start(f->k, w->n, i), width = kern_panel_width(f->k, w->n, i);
        for (int32_t c = first; c < first + width; c++) {
            *to++ = bias != NULL && c < w->n ? bias[c] : 0;
        }
        for (int64_t k = 0; k < w->depth; k++) {
            for (int32_t c = first; c < first + width; c++) {
                *to++ = c < w->n ? from[k * w->pitch + c] : 0;
            }
        }
    }
}

static enum rc pack_parts(struct nn_prepare *p, const struct ir_node *n, struct rnn_args *a, struct err *e)
{
    int64_t raw[3] = {0};
    enum rc rc = RC_OK;
    for (int32_t i = 0; a->k == NULL && rc == RC_OK && i < n->w_n; i++) {
        rc = nn_pack_raw(p, n, i, &raw[i], e);
    }
    for (int32_t i = 0; rc == RC_OK && i < a->parts; i++) {
        struct part *w = &a->part[i];
        if (a->k == NULL) {
            w->at = raw[w->weight] + w->column;
            w->start = w->bias < 0 ? -1 : raw[w->bias] + w->bias_at;
            continue;
        }
        struct part_fill f = {a->k, w};
        rc = nn_pack(p, n, (size_t)kern_panels_floats(a->k, w->n, w->depth), fill_part, &f, &w->at, e);
    }
    return rc;
}

static void parts_of(struct rnn_args *a, const struct ir_rnn *r)
{
    int32_t u = r->units, wide = a->gates * u, bias = r->has_bias ? 2 : -1;
    bool after = r->cell == IR_CELL_GRU && r->reset_after, before = r->cell == IR_CELL_GRU && !r->reset_after;
    a->part[INPUT] = (struct part){.weight = 0, .bias = bias, .depth = a->depth, .n = wide, .pitch = wide};
    a->part[RECURRENT] = (struct part){
        .weight = 1, .bias = after ? bias : -1, .bias_at = wide, .depth = u, .n = before ? 2 * u : wide, .pitch = wide};
    a->part[CANDIDATE] = (struct part){.weight = 1, .bias = -1, .column = 2 * u, .depth = u, .n = u, .pitch = wide};
    a->parts = before ? 3 : 2;
}

enum rc op_prepare_rnn_on(const struct kern_isa *k, struct nn_prepare *p, const struct ir_node *n, struct nn_step *s,
                          struct err *e)
{
    const struct ir_rnn *r = &n->u.rnn;
    const struct ir_shape *x = &s->in[0].shape;
    struct rnn_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    *a = (struct rnn_args){.k = k,
                           .cell = r->cell,
                           .units = r->units,
                           .reverse = r->reverse,
                           .sequences = r->sequences,
                           .reset_after = r->reset_after,
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
    a->has_fast_act = k != NULL && kern_act_from(&r->act, &a->fast_act);
    a->has_fast_gate = k != NULL && kern_act_from(&r->gate, &a->fast_gate);
    a->at_once = a->time < AT_ONCE ? a->time : AT_ONCE;
    parts_of(a, r);
    s->args = a;
    double wide = (double)a->gates * a->units, per = 2.0 * wide * ((double)a->depth + a->units) * a->time;
    s->flops = per * (double)a->outer;
    op_tiles(s, tile_rnn, a->outer, per);
    size_t floats = (size_t)a->units * ((size_t)a->gates * (size_t)(a->at_once + 1) + 4);
    enum rc rc = nn_want_scratch(p, floats * sizeof(float), e);
    return rc == RC_OK ? pack_parts(p, n, a, e) : rc;
}

enum rc op_prepare_RNN(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    return op_prepare_rnn_on(NULL, p, n, s, e);
}
