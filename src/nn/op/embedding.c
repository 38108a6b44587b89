/* EMBEDDING: rows of a table by number. MASK: which elements of a sequence count. */
#include "nn/op/op.h"

enum rc op_check_EMBEDDING(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "number of rows", n->u.embedding.rows, 1, OP_ELEMENTS_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of units", n->u.embedding.units, 1, OP_ELEMENTS_MAX, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1, e);
}

enum rc op_infer_EMBEDDING(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                           struct ir_shape *out, struct err *e)
{
    if (in->rank == IR_RANK_MAX) {
        return op_fail(g, n, e, ERR_MODEL_LIMIT, "more than %d axes", IR_RANK_MAX);
    }
    struct ir_shape want = {.rank = 2, .dim = {n->u.embedding.rows, n->u.embedding.units}};
    *out = *in;
    out->dim[out->rank++] = n->u.embedding.units;
    return op_want_weight(g, n, 0, &want, e);
}

enum rc op_check_MASK(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "kind of mask", n->u.mask.from_embedding, 0, 1, e);
    if (rc == RC_OK) {
        rc = op_check_float(g, n, "mask value", n->u.mask.value, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_MASK(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    *out = *in;
    if (n->u.mask.from_embedding) {
        return RC_OK;
    }
    enum rc rc = op_want_rank(g, n, in, 1, e);
    if (rc == RC_OK) {
        out->rank--;
        out->dim[out->rank] = 0;
    }
    return rc;
}
