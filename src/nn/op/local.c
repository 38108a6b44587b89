/* LOCAL: LocallyConnected1D/2D, a convolution with its own kernel at every position. */
#include "nn/op/op.h"

enum { AS_PATCHES = 1, AS_MATRIX = 2, AS_LIST = 3 }; /* Keras' `implementation` */

enum rc op_check_LOCAL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_local *c = &n->u.local;
    enum rc rc = op_check_window(g, n, &c->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "implementation", c->implementation, AS_PATCHES, AS_LIST, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of spatial axes", c->w.spatial, 1, 2, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a bias", c->has_bias, 0, 1, e);
    }
    int32_t most = c->implementation == AS_PATCHES ? IR_PAD_VALID : IR_PAD_SAME;
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "padding mode", c->w.mode, IR_PAD_VALID, most, e);
    }
    for (int32_t i = 0; rc == RC_OK && i < c->w.spatial; i++) {
        rc = op_check_range(g, n, "dilation", c->w.dilation[i], 1, 1, e);
        if (rc == RC_OK) {
            rc = op_check_range(g, n, "padding", (int64_t)c->w.before[i] + c->w.after[i], 0, 0, e);
        }
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1 + c->has_bias, e);
}

/* Unlike a convolution, SAME centres the kernel: it begins kernel / 2 before the position
 * (conv_utils.conv_connected_inputs). */
static void local_grid(struct op_grid *grid, const struct ir_local *c, const struct ir_shape *in,
                       const struct ir_shape *out)
{
    op_grid_init(grid, &c->w, in, out);
    for (int32_t i = 0; i < IR_SPATIAL_MAX; i++) {
        grid->axis[i].pad = c->w.mode == IR_PAD_SAME ? grid->axis[i].kernel / 2 : 0;
    }
}

/* Pairs of one input and one output cell that are connected, per channel pair. */
static int64_t connections(const struct op_grid *grid)
{
    int64_t n = 1;
    for (int32_t i = 0; i < IR_SPATIAL_MAX; i++) {
        int64_t along = 0;
        for (int32_t o = 0; o < grid->axis[i].out; o++) {
            int32_t lo, hi;
            op_axis_taps(&grid->axis[i], o, &lo, &hi);
            along += hi - lo;
        }
        if (along > OP_ELEMENTS_MAX || (n *= along) > OP_ELEMENTS_MAX) {
            return -1;
        }
    }
    return n;
}

static enum rc want_list(const struct ir_graph *g, const struct ir_node *n, const struct op_grid *grid, struct err *e)
{
    int64_t pairs = connections(grid), per = pairs > 0 ? pairs * grid->in_channels : -1;
    if (per > 0 && op_weight(g, n, 0)->shape.dim[0] % per == 0) {
        return RC_OK;
    }
    return op_fail(g, n, e, ERR_MODEL_SHAPE, "%d weights do not fit %lld connections",
                   (int)op_weight(g, n, 0)->shape.dim[0], (long long)per);
}

/* Fills *want for weight 0 and gives the number of filters it holds (0: does not fit). */
static int32_t filters_of(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                          const struct ir_shape *out, const struct op_grid *grid, struct ir_shape *want)
{
    const struct ir_local *c = &n->u.local;
    const struct ir_shape *w = &op_weight(g, n, 0)->shape;
    int32_t spatial = c->w.spatial, first = in->rank - 1 - spatial;
    *want = (struct ir_shape){0};
    if (c->implementation == AS_PATCHES) {
        int64_t positions = op_dims_n(out, first, out->rank - 1), taps = grid->in_channels;
        for (int32_t i = 0; i < spatial; i++) {
            taps *= c->w.kernel[i];
            taps = taps > OP_ELEMENTS_MAX ? OP_ELEMENTS_MAX : taps;
        }
        *want = (struct ir_shape){
            .rank = 3,
            .dim = {(int32_t)(positions > OP_ELEMENTS_MAX ? OP_ELEMENTS_MAX : positions), (int32_t)taps, -1}};
        return w->rank == 3 ? w->dim[2] : 0;
    }
    if (c->implementation == AS_MATRIX) {
        for (int32_t i = 0; i <= spatial; i++) {
            want->dim[want->rank++] = in->dim[first + i];
        }
        for (int32_t i = 0; i < spatial; i++) {
            want->dim[want->rank++] = out->dim[first + i];
        }
        want->dim[want->rank++] = -1;
        return w->rank == want->rank ? w->dim[w->rank - 1] : 0;
    }
    int64_t per = connections(grid) * grid->in_channels;
    want->rank = 1;
    want->dim[0] = -1;
    return per > 0 && w->rank == 1 ? (int32_t)(w->dim[0] / per) : 0;
}

enum rc op_infer_LOCAL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                       struct ir_shape *out, struct err *e)
{
    const struct ir_local *c = &n->u.local;
    enum rc rc = op_window_infer(g, n, &c->w, in, out, e);
    for (int32_t i = 0; rc == RC_OK && i < c->w.spatial; i++) {
        rc = op_want_known(g, n, in, in->rank - 2 - i, e);
    }
    if (rc == RC_OK) {
        rc = op_shape_check(g, n, out, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    struct op_grid grid;
    struct ir_shape want;
    local_grid(&grid, c, in, out);
    int32_t filters = filters_of(g, n, in, out, &grid, &want);
    if ((rc = op_want_weight(g, n, 0, &want, e)) != RC_OK ||
        (c->implementation == AS_LIST && (rc = want_list(g, n, &grid, e)) != RC_OK)) {
        return rc;
    }
    rc = op_dim_set(g, n, out, out->rank - 1, filters, e);
    if (rc != RC_OK || !c->has_bias) {
        return rc;
    }
    want = op_shape(c->w.spatial + 1, &out->dim[out->rank - 1 - c->w.spatial]);
    return op_want_weight(g, n, 1, &want, e);
}

/* ---- generic form: whatever the implementation stored, packed as [positions, taps, Cin, Cout] ---- */
struct local_args {
    struct op_grid grid;
    int32_t has_bias, implementation;
    int64_t kernel, bias;
};

static int64_t taps_of(const struct op_grid *g)
{
    return (int64_t)g->axis[0].kernel * g->axis[1].kernel * g->axis[2].kernel;
}

static int64_t positions_of(const struct op_grid *g)
{
    return (int64_t)g->axis[0].out * g->axis[1].out * g->axis[2].out;
}

/* The input cell that tap t of output position p reads, or -1. Both count rows of the last two axes (LOCAL has at most
 * two). */
static int64_t cell_of(const struct op_grid *g, int64_t p, int64_t t)
{
    const struct op_axis *y = &g->axis[1], *x = &g->axis[2];
    int32_t iy = op_axis_at(y, (int32_t)(p / x->out), (int32_t)(t / x->kernel));
    int32_t ix = op_axis_at(x, (int32_t)(p % x->out), (int32_t)(t % x->kernel));
    return iy < 0 || ix < 0 ? -1 : (int64_t)iy * x->in + ix;
}

static void fill_matrix(float *to, const float *w, const struct op_grid *g)
{
    int64_t positions = positions_of(g), taps = taps_of(g), ci = g->in_channels, co = g->out_channels;
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t t = 0; t < taps; t++) {
            int64_t cell = cell_of(g, p, t);
            for (int64_t i = 0; i < ci * co; i++) {
                float v = cell < 0 ? 0 : w[((cell * ci + i / co) * positions + p) * co + i % co];
                to[((p * taps + t) * ci) * co + i] = v;
            }
        }
    }
}

/* conv_utils.conv_kernel_idxs, sorted: for each position, for each filter, the connected cells in order. */
static void fill_list(float *to, const float *w, const struct op_grid *g)
{
    int64_t positions = positions_of(g), taps = taps_of(g), ci = g->in_channels, co = g->out_channels;
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t o = 0; o < co; o++) {
            for (int64_t t = 0; t < taps; t++) {
                bool real = cell_of(g, p, t) >= 0;
                for (int64_t i = 0; i < ci; i++) {
                    to[((p * taps + t) * ci + i) * co + o] = real ? *w++ : 0;
                }
            }
        }
    }
}

static void fill_local(float *to, const float *const *weight, const void *ctx)
{
    const struct local_args *a = ctx;
    if (a->implementation == AS_MATRIX) {
        fill_matrix(to, weight[0], &a->grid);
    } else {
        fill_list(to, weight[0], &a->grid);
    }
}

static void tile_local(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct local_args *a = s->args;
    const struct op_grid *g = &a->grid;
    int64_t positions = positions_of(g), taps = taps_of(g), ci = g->in_channels, co = g->out_channels;
    int64_t cells = (int64_t)g->axis[1].in * g->axis[2].in;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, g->outer * positions, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        int64_t p = i % positions;
        const float *x = in + i / positions * cells * ci, *w = env->packed + a->kernel + p * taps * ci * co;
        float *y = out + i * co;
        op_start(y, a->has_bias ? env->packed + a->bias + p * co : NULL, co);
        for (int64_t t = 0; t < taps; t++) {
            int64_t cell = cell_of(g, p, t);
            if (cell >= 0) {
                op_axpy(y, x + cell * ci, w + t * ci * co, ci, co, co);
            }
        }
    }
}

enum rc op_prepare_LOCAL(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_local *c = &n->u.local;
    struct local_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    local_grid(&a->grid, c, &s->in[0].shape, &s->out[0].shape);
    a->has_bias = c->has_bias;
    a->implementation = c->implementation;
    s->args = a;
    int64_t items = a->grid.outer * positions_of(&a->grid);
    int64_t matrix = taps_of(&a->grid) * a->grid.in_channels * a->grid.out_channels;
    s->flops = 2.0 * (double)matrix * (double)items;
    op_tiles(s, tile_local, items, 2.0 * (double)matrix);
    enum rc rc = c->implementation == AS_PATCHES
                     ? nn_pack_raw(p, n, 0, &a->kernel, e)
                     : nn_pack(p, n, (size_t)(positions_of(&a->grid) * matrix), fill_local, a, &a->kernel, e);
    return rc == RC_OK && c->has_bias ? nn_pack_raw(p, n, 1, &a->bias, e) : rc;
}
