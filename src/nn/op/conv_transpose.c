/* CONV_TRANSPOSE: the gradient of a convolution with respect to its input, as Keras' ConvNDTranspose. */
#include "nn/op/op.h"

enum rc op_check_CONV_TRANSPOSE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_conv_transpose *c = &n->u.conv_transpose;
    enum rc rc = op_check_window(g, n, &c->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "padding mode", c->w.mode, IR_PAD_VALID, IR_PAD_SAME, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a bias", c->has_bias, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of output_padding", c->has_output_padding, 0, 1, e);
    }
    for (int32_t i = 0; rc == RC_OK && i < c->w.spatial; i++) {
        rc = op_check_range(g, n, "padding", c->w.before[i], 0, 0, e);
        if (rc == RC_OK) {
            rc = op_check_range(g, n, "padding", c->w.after[i], 0, 0, e);
        }
        if (rc == RC_OK && c->has_output_padding) {
            rc = op_check_range(g, n, "output_padding", c->output_padding[i], 0, OP_SIZE_MAX, e);
        }
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1 + c->has_bias, e);
}

/* keras/utils/conv_utils.py, deconv_output_length */
static int64_t output_size(const struct ir_conv_transpose *c, int32_t i, int64_t in)
{
    int64_t k = (int64_t)(c->w.kernel[i] - 1) * c->w.dilation[i] + 1, s = c->w.stride[i];
    if (in < 0) {
        return -1;
    }
    if (c->has_output_padding) {
        int64_t pad = c->w.mode == IR_PAD_SAME ? k / 2 : 0;
        return (in - 1) * s + k - 2 * pad + c->output_padding[i];
    }
    return c->w.mode == IR_PAD_SAME ? in * s : in * s + (k > s ? k - s : 0);
}

/* The convolution whose gradient this is must map the output back to the input's size, or TensorFlow refuses to run it.
 */
static bool size_fits(const struct ir_conv_transpose *c, int32_t i, int64_t in, int64_t out)
{
    int64_t k = (int64_t)(c->w.kernel[i] - 1) * c->w.dilation[i] + 1, s = c->w.stride[i];
    int64_t cells = c->w.mode == IR_PAD_SAME ? out : out - k + 1;
    return in < 0 || (cells >= 0 && (cells + s - 1) / s == in);
}

enum rc op_infer_CONV_TRANSPOSE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                                struct ir_shape *out, struct err *e)
{
    const struct ir_conv_transpose *c = &n->u.conv_transpose;
    enum rc rc = op_want_rank(g, n, in, c->w.spatial + 1, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    *out = *in;
    int32_t first = in->rank - 1 - c->w.spatial;
    for (int32_t i = 0; i < c->w.spatial; i++) {
        int64_t size = output_size(c, i, in->dim[first + i]);
        rc = op_dim_set(g, n, out, first + i, size, e);
        if (rc != RC_OK) {
            return rc;
        }
        if (!size_fits(c, i, in->dim[first + i], size)) {
            return op_fail(g, n, e, ERR_MODEL_SHAPE,
                           "output_padding %d makes a size of %lld that does not fit the stride",
                           (int)c->output_padding[i], (long long)size);
        }
    }
    struct ir_shape want = op_shape(c->w.spatial, c->w.kernel);
    want.dim[want.rank++] = -1;
    want.dim[want.rank++] = in->dim[in->rank - 1];
    rc = op_want_weight(g, n, 0, &want, e);
    if (rc != RC_OK) {
        return rc;
    }
    out->dim[out->rank - 1] = op_weight(g, n, 0)->shape.dim[want.rank - 2];
    want = op_shape(1, &out->dim[out->rank - 1]);
    return c->has_bias ? op_want_weight(g, n, 1, &want, e) : RC_OK;
}

/* ---- generic form: output o collects input i and tap k with i * stride + k * dilation - pad = o ---- */
struct transpose_args {
    struct op_grid grid; /* in and out as in the layer; pad is what the convolution in the other direction would pad */
    int32_t has_bias;
    int64_t kernel, bias; /* kernel packed [k.., Cin, Cout] */
};

/* Whether tap k reaches output o, and from which input. */
static bool source_of(const struct op_axis *a, int32_t o, int32_t k, int64_t *i)
{
    int64_t at = (int64_t)o + a->pad - (int64_t)k * a->dilation;
    *i = at / a->stride;
    return at >= 0 && at % a->stride == 0 && *i < a->in;
}

static void transpose_line(const struct transpose_args *a, const float *x, const float *w, float *y)
{
    const struct op_axis *last = &a->grid.axis[2];
    int64_t channels = a->grid.in_channels, made = a->grid.out_channels;
    for (int32_t k = 0; k < last->kernel; k++) {
        for (int64_t i = 0; i < last->in; i++) {
            int64_t o = i * last->stride + (int64_t)k * last->dilation - last->pad;
            if (o >= 0 && o < last->out) {
                op_axpy(y + o * made, x + i * channels, w + k * channels * made, channels, made, made);
            }
        }
    }
}

static void tile_transpose(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct transpose_args *a = s->args;
    const struct op_axis *ax = a->grid.axis;
    const float *in = nn_at(env, &s->in[0]), *w = env->packed + a->kernel;
    float *out = nn_at(env, &s->out[0]);
    int64_t channels = a->grid.in_channels, made = a->grid.out_channels, width = ax[2].out * made;
    struct op_range rows = op_tile_range(s, op_grid_rows(&a->grid), tile);
    for (int64_t row = rows.lo; row < rows.hi; row++) {
        struct op_row r = op_grid_row(&a->grid, row);
        float *y = out + row * width;
        for (int64_t i = 0; i < width; i += made) {
            op_start(y + i, a->has_bias ? env->packed + a->bias : NULL, made);
        }
        for (int32_t kz = 0; kz < ax[0].kernel; kz++) {
            for (int32_t ky = 0; ky < ax[1].kernel; ky++) {
                int64_t iz, iy;
                if (source_of(&ax[0], r.o[0], kz, &iz) && source_of(&ax[1], r.o[1], ky, &iy)) {
                    int64_t line = (r.outer * ax[0].in + iz) * ax[1].in + iy;
                    int64_t tap = ((int64_t)kz * ax[1].kernel + ky) * ax[2].kernel;
                    transpose_line(a, in + line * ax[2].in * channels, w + tap * channels * made, y);
                }
            }
        }
    }
}

static void fill_swapped(float *to, const float *const *weight, const void *ctx)
{
    const struct op_grid *g = ctx;
    int64_t taps = (int64_t)g->axis[0].kernel * g->axis[1].kernel * g->axis[2].kernel;
    int64_t channels = g->in_channels, made = g->out_channels;
    for (int64_t t = 0; t < taps; t++) {
        for (int64_t o = 0; o < made; o++) {
            for (int64_t i = 0; i < channels; i++) {
                to[(t * channels + i) * made + o] = weight[0][(t * made + o) * channels + i];
            }
        }
    }
}

enum rc op_prepare_CONV_TRANSPOSE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_conv_transpose *c = &n->u.conv_transpose;
    struct transpose_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    /* The padding of the convolution from out to in. */
    struct op_grid back;
    op_grid_init(&back, &c->w, &s->out[0].shape, &s->in[0].shape);
    op_grid_init(&a->grid, &c->w, &s->in[0].shape, &s->out[0].shape);
    double per = 2.0 * a->grid.in_channels * a->grid.out_channels * a->grid.axis[2].in;
    int64_t taps = 1;
    for (int32_t i = 0; i < IR_SPATIAL_MAX; i++) {
        a->grid.axis[i].pad = back.axis[i].pad;
        taps *= a->grid.axis[i].kernel;
    }
    a->has_bias = c->has_bias;
    s->args = a;
    int64_t rows = op_grid_rows(&a->grid);
    per *= (double)taps * ((double)a->grid.axis[0].in * a->grid.axis[1].in) /
           ((double)a->grid.axis[0].out * a->grid.axis[1].out);
    s->flops = per * (double)rows;
    op_tiles(s, tile_transpose, rows, per);
    size_t count = (size_t)(taps * a->grid.in_channels * a->grid.out_channels);
    enum rc rc = nn_pack(p, n, count, fill_swapped, &a->grid, &a->kernel, e);
    return rc == RC_OK && c->has_bias ? nn_pack_raw(p, n, 1, &a->bias, e) : rc;
}
