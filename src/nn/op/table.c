/* The table of operations, and inference of one node by it. */
#include "nn/op/op.h"

const struct nn_op nn_ops[IR_OP_N] = {
#define IR_OP(id, op_name, attr, in_min, in_max, out_max, w_min, w_max)                                                \
    [IR_##id] = {.name = op_name, .infer = op_infer_##id, .check = op_check_##id, .prepare = op_prepare_##id},
#include "nn/ir_ops.def"
#undef IR_OP
};

enum rc ir_infer_node(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    if (n->op < 0 || n->op >= IR_OP_N) {
        return err_set(e, ERR_MODEL_CONFIG, "operation %d is unknown", (int)n->op);
    }
    if (!ir_counts_fit(n)) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "%s with %d inputs, %d outputs and %d weights",
                       ir_op_name((enum ir_op)n->op), (int)n->in_n, (int)n->out_n, (int)n->w_n);
    }
    enum rc rc = nn_ops[n->op].check(g, n, e);
    for (int32_t i = 0; rc == RC_OK && i < n->in_n; i++) {
        rc = op_shape_check(g, n, &in[i], e);
    }
    if (rc == RC_OK) {
        rc = nn_ops[n->op].infer(g, n, in, out, e);
    }
    for (int32_t i = 0; rc == RC_OK && i < n->out_n; i++) {
        rc = op_shape_check(g, n, &out[i], e);
    }
    return rc;
}
