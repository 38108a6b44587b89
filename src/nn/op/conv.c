/* CONV and DWCONV: convolutions over 1 to 3 spatial axes, channels last. y = act(conv(x) + bias [+ second input]). */
#include "nn/op/op.h"

static enum rc check_conv(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_conv *c = &n->u.conv;
    enum rc rc = op_check_window(g, n, &c->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of groups", c->groups, 1, OP_SIZE_MAX, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a bias", c->has_bias, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &c->act, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, -1, 1, 1 + c->has_bias, e);
}

enum rc op_check_CONV(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    return check_conv(g, n, e);
}

enum rc op_check_DWCONV(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = check_conv(g, n, e);
    return rc != RC_OK ? rc : op_check_range(g, n, "number of groups", n->u.conv.groups, 1, 1, e);
}

static struct ir_shape kernel_shape(const struct ir_window *w, int32_t a, int32_t b)
{
    struct ir_shape s = op_shape(w->spatial, w->kernel);
    s.dim[s.rank++] = a;
    s.dim[s.rank++] = b;
    return s;
}

/* Takes the number of output channels from the kernel's last axes, so that only one place can disagree. */
enum rc op_infer_CONV(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    const struct ir_conv *c = &n->u.conv;
    enum rc rc = op_window_infer(g, n, &c->w, &in[0], out, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t channels = in[0].dim[in[0].rank - 1];
    if (channels % c->groups != 0) {
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "%d channels cannot be split into %d groups", (int)channels,
                       (int)c->groups);
    }
    struct ir_shape want = kernel_shape(&c->w, channels / c->groups, -1);
    rc = op_want_weight(g, n, 0, &want, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t made = op_weight(g, n, 0)->shape.dim[want.rank - 1];
    if (made % c->groups != 0) {
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "%d filters cannot be split into %d groups", (int)made,
                       (int)c->groups);
    }
    out->dim[out->rank - 1] = made;
    want = op_shape(1, &made);
    if (c->has_bias && (rc = op_want_weight(g, n, 1, &want, e)) != RC_OK) {
        return rc;
    }
    return n->in_n == 2 ? op_want_shape(g, n, &in[1], out, "added tensor", e) : RC_OK;
}

enum rc op_infer_DWCONV(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_conv *c = &n->u.conv;
    enum rc rc = op_window_infer(g, n, &c->w, &in[0], out, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t channels = in[0].dim[in[0].rank - 1];
    struct ir_shape want = kernel_shape(&c->w, channels, -1);
    rc = op_want_weight(g, n, 0, &want, e);
    if (rc == RC_OK) {
        rc = op_dim_set(g, n, out, out->rank - 1, (int64_t)channels * op_weight(g, n, 0)->shape.dim[want.rank - 1], e);
    }
    want = op_shape(1, &out->dim[out->rank - 1]);
    return rc == RC_OK && c->has_bias ? op_want_weight(g, n, 1, &want, e) : rc;
}

/* ---- generic form: one output row after the other ---- */
struct conv_args {
    struct op_grid grid;
    struct ir_act act;
    int32_t groups, mult, has_bias;
    int64_t kernel, bias; /* offsets of packed floats */
};

typedef void conv_taps_fn(const struct conv_args *a, const float *x, const float *w, float *y);

/* All filters of one output pixel for one tap: x has the input channels, y the output channels. */
static void taps_dense(const struct conv_args *a, const float *x, const float *w, float *y)
{
    int64_t ci = a->grid.in_channels / a->groups, co = a->grid.out_channels / a->groups;
    for (int32_t k = 0; k < a->groups; k++) {
        op_axpy(y + k * co, x + k * ci, w + k * co, ci, co, a->grid.out_channels);
    }
}

static void taps_depthwise(const struct conv_args *a, const float *restrict x, const float *restrict w,
                           float *restrict y)
{
    int32_t channels = a->grid.in_channels, mult = a->mult;
    if (mult == 1) {
        for (int32_t c = 0; c < channels; c++) {
            y[c] += x[c] * w[c];
        }
        return;
    }
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t m = 0; m < mult; m++) {
            y[c * mult + m] += x[c] * w[c * mult + m];
        }
    }
}

static void conv_row(const struct conv_args *a, const float *in, const float *w, struct op_row r, float *y,
                     conv_taps_fn *taps)
{
    const struct op_axis *ax = a->grid.axis, *last = &ax[2];
    int64_t channels = a->grid.in_channels, made = a->grid.out_channels;
    int64_t tap = (a->mult ? channels * a->mult : channels / a->groups * made); /* weights per tap */
    int32_t z0, z1, y0, y1;
    op_axis_taps(&ax[0], r.o[0], &z0, &z1);
    op_axis_taps(&ax[1], r.o[1], &y0, &y1);
    for (int32_t kz = z0; kz < z1; kz++) {
        for (int32_t ky = y0; ky < y1; ky++) {
            int64_t line =
                (r.outer * ax[0].in + op_axis_at(&ax[0], r.o[0], kz)) * ax[1].in + op_axis_at(&ax[1], r.o[1], ky);
            const float *x = in + line * last->in * channels;
            const float *wl = w + ((int64_t)kz * ax[1].kernel + ky) * last->kernel * tap;
            for (int32_t kx = 0; kx < last->kernel; kx++) {
                int32_t lo, hi;
                op_axis_span(last, kx, &lo, &hi);
                for (int32_t o = lo; o < hi; o++) {
                    taps(a, x + op_axis_at(last, o, kx) * channels, wl + kx * tap, y + o * made);
                }
            }
        }
    }
}

void op_conv_add(const struct op_grid *g, const float *x, const float *w, float *y)
{
    struct conv_args a = {.grid = *g, .groups = 1};
    a.grid.outer = 1;
    int64_t rows = op_grid_rows(&a.grid), width = (int64_t)g->axis[2].out * g->out_channels;
    for (int64_t row = 0; row < rows; row++) {
        conv_row(&a, x, w, op_grid_row(&a.grid, row), y + row * width, taps_dense);
    }
}

static void conv_rows(const struct nn_step *s, const struct nn_env *env, int32_t tile, conv_taps_fn *taps)
{
    const struct conv_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]), *w = env->packed + a->kernel;
    const float *more = s->in_n > 1 ? nn_at(env, &s->in[1]) : NULL;
    float *out = nn_at(env, &s->out[0]);
    int64_t made = a->grid.out_channels, width = a->grid.axis[2].out * made;
    struct op_range rows = op_tile_range(s, op_grid_rows(&a->grid), tile);
    for (int64_t row = rows.lo; row < rows.hi; row++) {
        float *y = out + row * width;
        for (int64_t i = 0; i < width; i += made) {
            op_start(y + i, a->has_bias ? env->packed + a->bias : NULL, made);
        }
        conv_row(a, in, w, op_grid_row(&a->grid, row), y, taps);
        if (more != NULL) {
            op_add(y, more + row * width, width);
        }
        nn_fn_apply_n(&a->act, y, y, width);
    }
}

static void tile_conv(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    conv_rows(s, env, tile, taps_dense);
}

static void tile_depthwise(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    conv_rows(s, env, tile, taps_depthwise);
}

static enum rc prepare(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, nn_tile_fn *tile,
                       bool depthwise, struct err *e)
{
    const struct ir_conv *c = &n->u.conv;
    struct conv_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    op_grid_init(&a->grid, &c->w, &s->in[0].shape, &s->out[0].shape);
    a->act = c->act;
    a->groups = c->groups;
    a->mult = depthwise ? a->grid.out_channels / a->grid.in_channels : 0;
    a->has_bias = c->has_bias;
    s->args = a;
    double per = 2.0 * a->grid.out_channels * (depthwise ? 1 : a->grid.in_channels / a->groups);
    for (int32_t i = 0; i < IR_SPATIAL_MAX; i++) {
        per *= a->grid.axis[i].kernel;
    }
    per *= a->grid.axis[2].out;
    int64_t rows = op_grid_rows(&a->grid);
    s->flops = per * (double)rows;
    op_tiles(s, tile, rows, per);
    enum rc rc = nn_pack_raw(p, n, 0, &a->kernel, e);
    return rc == RC_OK && c->has_bias ? nn_pack_raw(p, n, 1, &a->bias, e) : rc;
}

enum rc op_prepare_CONV(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    bool depthwise = n->u.conv.groups == x->dim[x->rank - 1]; /* its weights then lie as those of DWCONV */
    return prepare(p, n, s, depthwise ? tile_depthwise : tile_conv, depthwise, e);
}

enum rc op_prepare_DWCONV(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    return prepare(p, n, s, tile_depthwise, true, e);
}
