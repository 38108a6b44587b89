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

/* The convolution whose gradient this is must map the output back to the input's size, or TensorFlow refuses to run it. */
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
            return op_fail(g, n, e, ERR_MODEL_SHAPE, "output_padding %d makes a size of %lld that does not fit the stride",
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
