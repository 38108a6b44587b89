/* CONV_RNN: ConvLSTM1D/2D/3D over [.., T, spatial.., C]. */
#include "nn/op/op.h"

#include <string.h>

enum { GATES = 4, STATES = 2 };

enum rc op_check_CONV_RNN(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_conv_rnn *r = &n->u.conv_rnn;
    enum rc rc = op_check_window(g, n, &r->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "padding mode", r->w.mode, IR_PAD_VALID, IR_PAD_SAME, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of filters", r->filters, 1, OP_ELEMENTS_MAX / 8, e);
    }
    const struct {
        const char *what;
        int32_t v;
    } flags[] = {{"go_backwards", r->reverse},
                 {"return_sequences", r->sequences},
                 {"return_state", r->states},
                 {"use of a bias", r->has_bias},
                 {"use of an initial state", r->has_initial},
                 {"use of a mask", r->has_mask},
                 {"zero_output_for_mask", r->zero_masked}};
    for (size_t i = 0; rc == RC_OK && i < sizeof flags / sizeof *flags; i++) {
        rc = op_check_range(g, n, flags[i].what, flags[i].v, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->act, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->gate, e);
    }
    return rc != RC_OK ? rc
                       : op_check_counts(g, n, 1 + r->has_initial * STATES + r->has_mask, 1 + r->states * STATES,
                                         2 + r->has_bias, e);
}

/* Initial states and mask have the shapes that `state` and the axes in front of a picture say. */
static enum rc want_inputs(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                           const struct ir_shape *state, struct err *e)
{
    const struct ir_conv_rnn *r = &n->u.conv_rnn;
    enum rc rc = RC_OK;
    for (int32_t i = 0; rc == RC_OK && r->has_initial && i < STATES; i++) {
        rc = op_want_shape(g, n, &in[1 + i], state, "initial state", e);
    }
    struct ir_shape mask = op_shape(in->rank - r->w.spatial - 1, in->dim);
    return rc == RC_OK && r->has_mask ? op_want_shape(g, n, &in[n->in_n - 1], &mask, "mask", e) : rc;
}

enum rc op_infer_CONV_RNN(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                          struct ir_shape *out, struct err *e)
{
    const struct ir_conv_rnn *r = &n->u.conv_rnn;
    int32_t width = GATES * r->filters, spatial = r->w.spatial;
    enum rc rc = op_want_rank(g, n, in, spatial + 2, e);
    struct ir_shape y;
    if (rc == RC_OK) {
        rc = op_window_infer(g, n, &r->w, in, &y, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    struct ir_shape want = op_shape(spatial, r->w.kernel);
    want.dim[want.rank++] = in->dim[in->rank - 1];
    want.dim[want.rank++] = width;
    rc = op_want_weight(g, n, 0, &want, e);
    want.dim[want.rank - 2] = r->filters;
    if (rc == RC_OK) {
        rc = op_want_weight(g, n, 1, &want, e);
    }
    want = op_shape(1, &width);
    if (rc == RC_OK && r->has_bias) {
        rc = op_want_weight(g, n, 2, &want, e);
    }
    y.dim[y.rank - 1] = r->filters;
    struct ir_shape state = y;
    for (int32_t i = in->rank - spatial - 2; i + 1 < y.rank; i++) {
        state.dim[i] = y.dim[i + 1];
    }
    state.dim[--state.rank] = 0;
    out[0] = r->sequences ? y : state;
    for (int32_t i = 1; i < n->out_n; i++) {
        out[i] = state;
    }
    return rc == RC_OK ? want_inputs(g, n, in, &state, e) : rc;
}

/* ---- generic form: one tile per sequence of pictures ---- */
struct conv_rnn_args {
    struct op_grid input, state; /* window of the input; of the state: SAME, stride 1 */
    int64_t outer, cells;        /* cells: output positions of one picture */
    int32_t time, filters, reverse, sequences, has_bias, has_initial, has_mask, zero_masked;
    struct ir_act act, gate;
    int64_t kernel, recurrent, bias;
};

static int64_t picture(const struct op_grid *g)
{
    return (int64_t)g->axis[0].in * g->axis[1].in * g->axis[2].in * g->in_channels;
}

/* Gates i f c o of every cell, after both convolutions. */
static void cells_update(const struct conv_rnn_args *a, float *z, float *h, float *c)
{
    int64_t f = a->filters;
    for (int64_t k = 0; k < a->cells; k++, z += GATES * f, h += f, c += f) {
        nn_fn_apply_n(&a->gate, z, z, 2 * f);
        nn_fn_apply_n(&a->act, z + 2 * f, z + 2 * f, f);
        nn_fn_apply_n(&a->gate, z + 3 * f, z + 3 * f, f);
        for (int64_t i = 0; i < f; i++) {
            c[i] = z[f + i] * c[i] + z[i] * z[2 * f + i];
        }
        nn_fn_apply_n(&a->act, c, h, f);
        for (int64_t i = 0; i < f; i++) {
            h[i] *= z[3 * f + i];
        }
    }
}

/* A worker's scratch: both convolutions, the two states, the last output. */
struct conv_rnn_work {
    float *z, *h, *c, *output;
};

static void step(const struct conv_rnn_args *a, const struct nn_env *env, const float *x, struct conv_rnn_work *w)
{
    int64_t wide = (int64_t)GATES * a->filters;
    for (int64_t k = 0; k < a->cells; k++) {
        op_start(w->z + k * wide, a->has_bias ? env->packed + a->bias : NULL, wide);
    }
    op_conv_add(&a->input, x, env->packed + a->kernel, w->z);
    op_conv_add(&a->state, w->h, env->packed + a->recurrent, w->z);
    cells_update(a, w->z, w->h, w->c);
}

static void sequence(const struct nn_step *s, const struct nn_env *env, int64_t i, struct conv_rnn_work *w)
{
    const struct conv_rnn_args *a = s->args;
    int64_t state = a->cells * a->filters;
    size_t bytes = (size_t)state * sizeof(float);
    const float *x = nn_at(env, &s->in[0]) + i * a->time * picture(&a->input);
    const float *mask = a->has_mask ? nn_at(env, &s->in[s->in_n - 1]) + i * a->time : NULL;
    float *y = nn_at(env, &s->out[0]) + i * state * (a->sequences ? a->time : 1);
    op_start(w->h, a->has_initial ? nn_at(env, &s->in[1]) + i * state : NULL, state);
    op_start(w->c, a->has_initial ? nn_at(env, &s->in[2]) + i * state : NULL, state);
    op_start(w->output, NULL, state);
    for (int64_t t = 0; t < a->time; t++) {
        int64_t at = a->reverse ? a->time - 1 - t : t;
        if (mask == NULL || mask[at] != 0) {
            step(a, env, x + at * picture(&a->input), w);
            memcpy(w->output, w->h, bytes);
        } else if (a->zero_masked) {
            op_start(w->output, NULL, state);
        }
        if (a->sequences) {
            memcpy(y + t * state, w->output, bytes);
        }
    }
    if (!a->sequences) {
        memcpy(y, w->output, bytes);
    }
    if (s->out_n > 1) {
        memcpy(nn_at(env, &s->out[1]) + i * state, w->h, bytes);
        memcpy(nn_at(env, &s->out[2]) + i * state, w->c, bytes);
    }
}

static void tile_conv_rnn(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct conv_rnn_args *a = s->args;
    int64_t state = a->cells * a->filters;
    struct conv_rnn_work w = {.z = env->scratch[worker]};
    w.h = w.z + GATES * state;
    w.c = w.h + state;
    w.output = w.c + state;
    struct op_range r = op_tile_range(s, a->outer, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        sequence(s, env, i, &w);
    }
}

static void grids(struct conv_rnn_args *a, const struct ir_conv_rnn *r, const struct ir_shape *x,
                  const struct ir_shape *y)
{
    struct ir_shape made = op_shape(r->w.spatial + 1, &y->dim[y->rank - r->w.spatial - 1]);
    struct ir_shape gates = made, seen = op_shape(r->w.spatial + 1, &x->dim[x->rank - r->w.spatial - 1]);
    struct ir_window again = {.spatial = r->w.spatial, .mode = IR_PAD_SAME};
    gates.dim[r->w.spatial] = GATES * r->filters;
    for (int32_t i = 0; i < r->w.spatial; i++) {
        again.kernel[i] = r->w.kernel[i];
        again.stride[i] = again.dilation[i] = 1;
    }
    op_grid_init(&a->input, &r->w, &seen, &gates);
    op_grid_init(&a->state, &again, &made, &gates);
    a->cells = op_dims_n(&made, 0, r->w.spatial);
}

enum rc op_prepare_CONV_RNN(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_conv_rnn *r = &n->u.conv_rnn;
    const struct ir_shape *x = &s->in[0].shape;
    struct conv_rnn_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    grids(a, r, x, &s->out[0].shape);
    int32_t time = x->rank - 2 - r->w.spatial;
    a->outer = op_dims_n(x, 0, time);
    a->time = x->dim[time];
    a->filters = r->filters;
    a->reverse = r->reverse;
    a->sequences = r->sequences;
    a->has_bias = r->has_bias;
    a->has_initial = r->has_initial;
    a->has_mask = r->has_mask;
    a->zero_masked = r->zero_masked;
    a->act = r->act;
    a->gate = r->gate;
    s->args = a;
    double taps = 1;
    for (int32_t i = 0; i < r->w.spatial; i++) {
        taps *= r->w.kernel[i];
    }
    double per =
        2.0 * taps * GATES * r->filters * ((double)a->input.in_channels + r->filters) * (double)a->cells * a->time;
    s->flops = per * (double)a->outer;
    op_tiles(s, tile_conv_rnn, a->outer, per);
    size_t floats = (size_t)a->cells * (size_t)r->filters * (GATES + STATES + 1);
    enum rc rc = nn_want_scratch(p, floats * sizeof(float), e);
    if (rc == RC_OK) {
        rc = nn_pack_raw(p, n, 0, &a->kernel, e);
    }
    if (rc == RC_OK) {
        rc = nn_pack_raw(p, n, 1, &a->recurrent, e);
    }
    return rc == RC_OK && a->has_bias ? nn_pack_raw(p, n, 2, &a->bias, e) : rc;
}
