/* RESIZE: tf.image.resize (v2: half-pixel centres, no antialiasing) of the two axes before the channels. CROP_CENTER. Both are
 * one separable form: every output row is a weighted sum of a few input rows, every output column of a few columns. */
#include "nn/op/op.h"

enum rc op_check_RESIZE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_resize *r = &n->u.resize;
    enum rc rc = op_check_range(g, n, "interpolation", r->fn, IR_RESIZE_NEAREST, IR_RESIZE_MITCHELL, e);
    bool by_factor = r->size[0] == 0 && r->size[1] == 0;
    for (int32_t i = 0; rc == RC_OK && i < 2; i++) {
        rc = by_factor ? op_check_range(g, n, "factor", r->factor[i], 1, OP_SIZE_MAX, e)
                       : op_check_range(g, n, "size", r->size[i], 1, OP_SIZE_MAX, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "crop_to_aspect_ratio", r->crop_to_aspect, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "Keras 3", r->keras3, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_RESIZE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_resize *r = &n->u.resize;
    enum rc rc = op_want_rank(g, n, in, 3, e);
    bool by_factor = r->size[0] == 0 && r->size[1] == 0;
    *out = *in;
    for (int32_t i = 0; rc == RC_OK && i < 2; i++) {
        int32_t axis = in->rank - 3 + i, size = in->dim[axis];
        rc = op_dim_set(g, n, out, axis, !by_factor ? r->size[i] : size < 0 ? -1 : (int64_t)size * r->factor[i], e);
    }
    return rc;
}

enum rc op_check_CROP_CENTER(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "height", n->u.crop_center.height, 1, OP_SIZE_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "width", n->u.crop_center.width, 1, OP_SIZE_MAX, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "Keras 3", n->u.crop_center.keras3, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_CROP_CENTER(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                             struct ir_shape *out, struct err *e)
{
    enum rc rc = op_want_rank(g, n, in, 3, e);
    if (rc == RC_OK) {
        *out = *in;
        out->dim[in->rank - 3] = n->u.crop_center.height;
        out->dim[in->rank - 2] = n->u.crop_center.width;
    }
    return rc;
}
