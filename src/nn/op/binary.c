/* BINARY: sums, products and their like of tensors that broadcast, of a tensor and a number, of a tensor and a constant. */
#include "nn/op/op.h"

enum rc op_check_BINARY(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_binary *b = &n->u.binary;
    enum rc rc = op_check_range(g, n, "operation", b->fn, IR_ADD, IR_FLOORDIV, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a number", b->has_scalar, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "order", b->scalar_first, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &b->act, e);
    }
    if (rc == RC_OK && b->has_scalar) {
        rc = op_check_float(g, n, "number", b->scalar, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    int32_t operands = n->in_n + b->has_scalar + n->w_n;
    if (operands != n->in_n && operands != 2) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "%d tensors with a constant, expected 1", (int)n->in_n);
    }
    bool pairs = b->fn == IR_POW || b->fn == IR_SQDIFF || b->fn == IR_FLOORDIV || b->fn == IR_DIV;
    if (pairs && operands != 2) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "%d operands, expected 2", (int)operands);
    }
    return op_check_counts(g, n, -1, 1, -1, e);
}

enum rc op_infer_BINARY(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    struct ir_shape y = in[0];
    enum rc rc = RC_OK;
    for (int32_t i = 1; rc == RC_OK && i < n->in_n; i++) {
        rc = op_broadcast(g, n, &y, &in[i], &y, e);
    }
    if (rc == RC_OK && n->w_n) {
        rc = op_broadcast(g, n, &y, &op_weight(g, n, 0)->shape, &y, e);
    }
    *out = y;
    return rc;
}
