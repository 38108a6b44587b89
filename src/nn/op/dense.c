/* DENSE: the last axis times a matrix. */
#include "nn/op/op.h"

enum rc op_check_DENSE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_dense *d = &n->u.dense;
    enum rc rc = op_check_range(g, n, "number of units", d->units, 1, OP_ELEMENTS_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a bias", d->has_bias, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &d->act, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1 + d->has_bias, e);
}

enum rc op_infer_DENSE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                       struct ir_shape *out, struct err *e)
{
    const struct ir_dense *d = &n->u.dense;
    enum rc rc = op_want_rank(g, n, in, 1, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    struct ir_shape want = {.rank = 2, .dim = {in->dim[in->rank - 1], d->units}};
    rc = op_want_weight(g, n, 0, &want, e);
    want = op_shape(1, &d->units);
    if (rc == RC_OK && d->has_bias) {
        rc = op_want_weight(g, n, 1, &want, e);
    }
    *out = *in;
    out->dim[out->rank - 1] = d->units;
    return rc;
}
