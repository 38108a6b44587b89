/* DOT: Keras' batch_dot, one axis of each operand summed over. MATMUL: the last two axes, outer axes broadcast. */
#include "nn/op/op.h"

enum rc op_check_DOT(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "axis", n->u.dot.axis_a, 0, IR_RANK_MAX - 1, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "axis", n->u.dot.axis_b, 0, IR_RANK_MAX - 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "normalize", n->u.dot.normalize, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 2, 1, 0, e);
}

static enum rc sizes_differ(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in, struct err *e)
{
    char a[96], b[96];
    return op_fail(g, n, e, ERR_MODEL_SHAPE, "shapes %s and %s do not fit for a product",
                   op_shape_text(a, sizeof a, &in[0]), op_shape_text(b, sizeof b, &in[1]));
}

enum rc op_infer_DOT(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                     struct ir_shape *out, struct err *e)
{
    int32_t axis[2] = {n->u.dot.axis_a, n->u.dot.axis_b};
    struct ir_shape y = {0};
    if (axis[0] >= in[0].rank || axis[1] >= in[1].rank) {
        return sizes_differ(g, n, in, e);
    }
    int32_t p = in[0].dim[axis[0]], q = in[1].dim[axis[1]];
    if (p != q && p != -1 && q != -1) {
        return sizes_differ(g, n, in, e);
    }
    if (in[0].rank + in[1].rank - 2 > IR_RANK_MAX) {
        return op_fail(g, n, e, ERR_MODEL_LIMIT, "more than %d axes", IR_RANK_MAX);
    }
    for (int32_t k = 0; k < 2; k++) {
        for (int32_t i = 0; i < in[k].rank; i++) {
            if (i != axis[k]) {
                y.dim[y.rank++] = in[k].dim[i];
            }
        }
    }
    if (y.rank == 0) {
        y.dim[y.rank++] = 1;
    }
    *out = y;
    return RC_OK;
}

enum rc op_check_MATMUL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "transpose", n->u.matmul.transpose_a, 0, 1, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "transpose", n->u.matmul.transpose_b, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_float(g, n, "scale", n->u.matmul.scale, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 2, 1, 0, e);
}

enum rc op_infer_MATMUL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_matmul *m = &n->u.matmul;
    const struct ir_shape *a = &in[0], *b = &in[1];
    if (a->rank < 2 || b->rank < 2) {
        return op_want_rank(g, n, a->rank < 2 ? a : b, 2, e);
    }
    int32_t ka = a->dim[m->transpose_a ? a->rank - 2 : a->rank - 1];
    int32_t kb = b->dim[m->transpose_b ? b->rank - 1 : b->rank - 2];
    if (ka != kb && ka != -1 && kb != -1) {
        return sizes_differ(g, n, in, e);
    }
    struct ir_shape oa = op_shape(a->rank - 2, a->dim), ob = op_shape(b->rank - 2, b->dim);
    enum rc rc = op_broadcast(g, n, &oa, &ob, out, e);
    if (rc != RC_OK) {
        return rc;
    }
    out->dim[out->rank++] = a->dim[m->transpose_a ? a->rank - 1 : a->rank - 2];
    out->dim[out->rank++] = b->dim[m->transpose_b ? b->rank - 2 : b->rank - 1];
    return RC_OK;
}
