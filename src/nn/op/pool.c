/* POOL: windowed maximum and average. GLOBAL_POOL: reduction over all spatial axes, averages with an optional mask. */
#include "nn/op/op.h"

enum rc op_check_POOL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_pool *p = &n->u.pool;
    enum rc rc = op_check_window(g, n, &p->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "padding mode", p->w.mode, IR_PAD_VALID, IR_PAD_SAME, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "kind of pooling", p->kind, IR_REDUCE_MAX, IR_REDUCE_AVG, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_POOL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    return op_window_infer(g, n, &n->u.pool.w, in, out, e);
}

enum rc op_check_GLOBAL_POOL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_global_pool *p = &n->u.global_pool;
    enum rc rc = op_check_range(g, n, "number of spatial axes", p->spatial, 1, IR_SPATIAL_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "kind of pooling", p->kind, IR_REDUCE_MAX, IR_REDUCE_AVG, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "keepdims", p->keep_dims, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a mask", p->has_mask, 0, p->kind == IR_REDUCE_AVG && p->spatial == 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1 + p->has_mask, 1, 0, e);
}

enum rc op_infer_GLOBAL_POOL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                             struct ir_shape *out, struct err *e)
{
    const struct ir_global_pool *p = &n->u.global_pool;
    enum rc rc = op_want_rank(g, n, in, p->spatial + 1, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t first = in->rank - 1 - p->spatial;
    struct ir_shape mask = op_shape(in->rank - 1, in->dim), both;
    if (p->has_mask && (in[1].rank != mask.rank || op_broadcast(g, n, &mask, &in[1], &both, e) != RC_OK)) {
        char a[96], b[96];
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "mask %s for an input %s", op_shape_text(a, sizeof a, &in[1]),
                       op_shape_text(b, sizeof b, in));
    }
    *out = op_shape(first, in->dim);
    for (int32_t i = 0; p->keep_dims && i < p->spatial; i++) {
        out->dim[out->rank++] = 1;
    }
    out->dim[out->rank++] = in->dim[in->rank - 1];
    return RC_OK;
}
