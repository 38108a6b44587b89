/* SOFTMAX over any set of axes, with the largest value taken off first; optional mask (1: takes part), as Keras adds it:
 * -1e9 where the mask is 0, so that a row without any 1 comes out as the plain softmax of what is left by rounding. */
#include "nn/op/op.h"

enum rc op_check_SOFTMAX(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "axes", n->u.softmax.axes_mask, 1, (1 << IR_RANK_MAX) - 1, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of the logarithm", n->u.softmax.log, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, -1, 1, 0, e);
}

enum rc op_infer_SOFTMAX(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                         struct ir_shape *out, struct err *e)
{
    if (n->u.softmax.axes_mask >> in->rank != 0) {
        char text[96];
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "softmax over an axis that %s does not have",
                       op_shape_text(text, sizeof text, in));
    }
    *out = *in;
    struct ir_shape both;
    if (n->in_n == 2) {
        enum rc rc = op_broadcast(g, n, in, &in[1], &both, e);
        if (rc != RC_OK) {
            return rc;
        }
        for (int32_t i = 0; i < both.rank; i++) {
            if (both.rank != in->rank || (in->dim[i] == 1 && both.dim[i] > 1)) {
                return op_fail(g, n, e, ERR_MODEL_SHAPE, "the mask is larger than the input");
            }
        }
    }
    return RC_OK;
}
