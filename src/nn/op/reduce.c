/* REDUCE: maximum, mean, sum, minimum or product over any set of axes. */
#include "nn/op/op.h"

enum rc op_check_REDUCE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_reduce_attr *r = &n->u.reduce;
    enum rc rc = op_check_range(g, n, "kind of reduction", r->kind, IR_REDUCE_MAX, IR_REDUCE_PROD, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "axes", r->axes_mask, 0, (1 << IR_RANK_MAX) - 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "keepdims", r->keep_dims, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_REDUCE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_reduce_attr *r = &n->u.reduce;
    if (r->axes_mask >> in->rank != 0) {
        char text[96];
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "reduction over an axis that %s does not have",
                       op_shape_text(text, sizeof text, in));
    }
    struct ir_shape y = {0};
    for (int32_t i = 0; i < in->rank; i++) {
        bool gone = r->axes_mask >> i & 1;
        if (!gone || r->keep_dims) {
            y.dim[y.rank++] = gone ? 1 : in->dim[i];
        }
    }
    *out = y;
    return RC_OK;
}
