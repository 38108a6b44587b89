/* NORM: LayerNormalization, GroupNormalization, UnitNormalization. */
#include "nn/op/op.h"

enum rc op_check_NORM(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_norm *a = &n->u.norm;
    bool group = a->kind == IR_NORM_GROUP;
    const struct {
        const char *what;
        int32_t v, lo, hi;
    } rows[] = {{"kind of normalization", a->kind, IR_NORM_LAYER, IR_NORM_UNIT},
                {"axes", a->axes_mask, group ? 0 : 1, (1 << IR_RANK_MAX) - 1},
                {"number of groups", a->groups, group ? 1 : 0, OP_SIZE_MAX},
                {"axis", a->axis, 0, IR_RANK_MAX - 1},
                {"use of a scale", a->has_scale, 0, a->kind != IR_NORM_UNIT},
                {"use of an offset", a->has_offset, 0, a->kind != IR_NORM_UNIT}};
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sizeof rows / sizeof *rows; i++) {
        rc = op_check_range(g, n, rows[i].what, rows[i].v, rows[i].lo, rows[i].hi, e);
    }
    if (rc == RC_OK) {
        rc = op_check_float(g, n, "epsilon", a->eps, e);
    }
    if (rc == RC_OK && a->eps < 0) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "epsilon is negative");
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, a->has_scale + a->has_offset, e);
}

enum rc op_infer_NORM(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    const struct ir_norm *a = &n->u.norm;
    int32_t mask = a->axes_mask;
    *out = *in;
    if (a->kind == IR_NORM_GROUP) {
        enum rc rc = op_want_axis(g, n, in, a->axis, e);
        if (rc == RC_OK) {
            rc = op_want_known(g, n, in, a->axis, e);
        }
        if (rc != RC_OK) {
            return rc;
        }
        if (in->dim[a->axis] % a->groups != 0) {
            return op_fail(g, n, e, ERR_MODEL_SHAPE, "%d channels cannot be split into %d groups",
                           (int)in->dim[a->axis], (int)a->groups);
        }
    }
    if (mask >> in->rank != 0) {
        char text[96];
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "normalization over an axis that %s does not have",
                       op_shape_text(text, sizeof text, in));
    }
    struct ir_shape want = {0};
    for (int32_t i = 0; i < in->rank; i++) {
        if (a->kind == IR_NORM_GROUP ? i == a->axis : (mask >> i & 1) != 0) {
            want.dim[want.rank++] = in->dim[i];
        }
    }
    for (int32_t i = 0; i < n->w_n; i++) {
        enum rc rc = op_want_weight(g, n, i, &want, e);
        if (rc != RC_OK) {
            return rc;
        }
    }
    return RC_OK;
}
