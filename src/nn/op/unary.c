/* One input, one element at a time: ACT, PRELU, AFFINE, COPY. */
#include "nn/op/op.h"

enum rc op_check_ACT(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    struct ir_act a = n->u.act;
    if (a.fn == IR_FN_GLU) {
        a.fn = IR_FN_SIGMOID; /* allowed here, where the shape may change */
    }
    enum rc rc = op_check_act(g, n, &a, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_ACT(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                     struct ir_shape *out, struct err *e)
{
    *out = *in;
    if (n->u.act.fn != IR_FN_GLU) {
        return RC_OK;
    }
    enum rc rc = op_want_rank(g, n, in, 1, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc == RC_OK && in->dim[in->rank - 1] % 2 != 0) {
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "glu needs an even number of channels, not %d",
                       (int)in->dim[in->rank - 1]);
    }
    if (rc == RC_OK) {
        out->dim[out->rank - 1] /= 2;
    }
    return rc;
}

enum rc op_check_COPY(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    return op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_COPY(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    (void)g, (void)n, (void)e;
    *out = *in;
    return RC_OK;
}

enum rc op_check_PRELU(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "shared axes", n->u.prelu.shared_mask, 0, (1 << IR_RANK_MAX) - 1, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1, e);
}

/* alpha may have fewer axes than x: it belongs to the last ones, the axes before are outer. */
enum rc op_infer_PRELU(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                       struct ir_shape *out, struct err *e)
{
    int32_t rank = op_weight(g, n, 0)->shape.rank;
    *out = *in;
    if (rank > in->rank) {
        return op_want_rank(g, n, in, rank, e);
    }
    struct ir_shape want = op_shape(rank, &in->dim[in->rank - rank]);
    for (int32_t i = 0; i < rank; i++) {
        if (n->u.prelu.shared_mask >> (in->rank - rank + i) & 1) {
            want.dim[i] = 1;
        }
    }
    return op_want_weight(g, n, 0, &want, e);
}

enum rc op_check_AFFINE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "axis", n->u.affine.axis, 0, IR_RANK_MAX - 1, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 2, e);
}

enum rc op_infer_AFFINE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    int32_t axis = n->u.affine.axis;
    enum rc rc = op_want_axis(g, n, in, axis, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, axis, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    *out = *in;
    struct ir_shape want = op_shape(1, &in->dim[axis]);
    rc = op_want_weight(g, n, 0, &want, e);
    return rc != RC_OK ? rc : op_want_weight(g, n, 1, &want, e);
}
