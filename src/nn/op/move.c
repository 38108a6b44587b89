/* Values that only change places: CONCAT, REVERSE, RESHAPE, PERMUTE, PAD, REPEAT, REPEAT_VECTOR. */
#include "nn/op/op.h"

static enum rc check_axis(const struct ir_graph *g, const struct ir_node *n, int32_t axis, struct err *e)
{
    return op_check_range(g, n, "axis", axis, 0, IR_RANK_MAX - 1, e);
}

enum rc op_check_CONCAT(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = check_axis(g, n, n->u.axis.axis, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, -1, 1, 0, e);
}

enum rc op_infer_CONCAT(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    int32_t axis = n->u.axis.axis;
    enum rc rc = op_want_axis(g, n, in, axis, e);
    struct ir_shape y = in[0];
    int64_t size = in[0].dim[axis];
    for (int32_t i = 1; rc == RC_OK && i < n->in_n; i++) {
        bool same = in[i].rank == y.rank;
        for (int32_t k = 0; same && k < y.rank; k++) {
            same = k == axis || in[i].dim[k] == y.dim[k] || in[i].dim[k] == -1 || y.dim[k] == -1;
            if (same && k != axis && y.dim[k] == -1) {
                y.dim[k] = in[i].dim[k];
            }
        }
        if (!same) {
            char a[96], b[96];
            return op_fail(g, n, e, ERR_MODEL_SHAPE, "shapes %s and %s cannot be joined along axis %d",
                           op_shape_text(a, sizeof a, &y), op_shape_text(b, sizeof b, &in[i]), (int)axis);
        }
        size = size < 0 || in[i].dim[axis] < 0 ? -1 : size + in[i].dim[axis];
    }
    if (rc == RC_OK) {
        rc = op_dim_set(g, n, &y, axis, size, e);
    }
    *out = y;
    return rc;
}

enum rc op_check_REVERSE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = check_axis(g, n, n->u.axis.axis, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_REVERSE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                         struct ir_shape *out, struct err *e)
{
    *out = *in;
    return op_want_axis(g, n, in, n->u.axis.axis, e);
}

enum rc op_check_RESHAPE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_shape *to = &n->u.reshape.to;
    int32_t computed = 0;
    enum rc rc = op_shape_check(g, n, to, e);
    for (int32_t i = 0; rc == RC_OK && i < to->rank; i++) {
        computed += to->dim[i] == -1;
    }
    if (rc == RC_OK && computed > 1) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "%d sizes to compute, at most 1", (int)computed);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_RESHAPE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                         struct ir_shape *out, struct err *e)
{
    int64_t have = 1, want = 1;
    int32_t computed = -1;
    *out = n->u.reshape.to;
    for (int32_t i = 0; i < out->rank; i++) {
        if (out->dim[i] == -1) {
            computed = i;
        } else {
            want *= out->dim[i];
        }
    }
    bool known = op_shape_known(in);
    for (int32_t i = 0; i < in->rank; i++) {
        have *= in->dim[i] == -1 ? 1 : in->dim[i];
    }
    if (!known) {
        return RC_OK;
    }
    if (computed >= 0 ? have % want != 0 : have != want) {
        char a[96], b[96];
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "%s cannot be reshaped to %s", op_shape_text(a, sizeof a, in),
                       op_shape_text(b, sizeof b, out));
    }
    return computed >= 0 ? op_dim_set(g, n, out, computed, have / want, e) : RC_OK;
}

enum rc op_check_PERMUTE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = RC_OK;
    for (int32_t i = 0; rc == RC_OK && i < IR_RANK_MAX; i++) {
        rc = op_check_range(g, n, "permuted axis", n->u.permute.perm[i], 0, IR_RANK_MAX - 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_PERMUTE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                         struct ir_shape *out, struct err *e)
{
    int32_t seen = 0;
    out->rank = in->rank;
    for (int32_t i = 0; i < in->rank; i++) {
        int32_t from = n->u.permute.perm[i];
        if (from >= in->rank || seen >> from & 1) {
            return op_fail(g, n, e, ERR_MODEL_SHAPE, "the new order of the %d axes is no permutation", (int)in->rank);
        }
        seen |= 1 << from;
        out->dim[i] = in->dim[from];
    }
    return RC_OK;
}

enum rc op_check_PAD(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_float(g, n, "padding value", n->u.pad.value, e);
    for (int32_t i = 0; rc == RC_OK && i < IR_RANK_MAX; i++) {
        rc = op_check_range(g, n, "padding", n->u.pad.before[i], 0, OP_SIZE_MAX, e);
        if (rc == RC_OK) {
            rc = op_check_range(g, n, "padding", n->u.pad.after[i], 0, OP_SIZE_MAX, e);
        }
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_PAD(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                     struct ir_shape *out, struct err *e)
{
    const struct ir_pad_attr *a = &n->u.pad;
    *out = *in;
    for (int32_t i = 0; i < IR_RANK_MAX; i++) {
        int64_t more = (int64_t)a->before[i] + a->after[i];
        enum rc rc = RC_OK;
        if (i >= in->rank && more != 0) {
            rc = op_want_axis(g, n, in, i, e);
        } else if (i < in->rank && in->dim[i] > 0) {
            rc = op_dim_set(g, n, out, i, in->dim[i] + more, e);
        }
        if (rc != RC_OK) {
            return rc;
        }
    }
    return RC_OK;
}

enum rc op_check_REPEAT(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = check_axis(g, n, n->u.repeat.axis, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "repetitions", n->u.repeat.n, 1, OP_SIZE_MAX, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of tiling", n->u.repeat.tile, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_REPEAT(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    int32_t axis = n->u.repeat.axis;
    *out = *in;
    enum rc rc = op_want_axis(g, n, in, axis, e);
    if (rc == RC_OK && in->dim[axis] > 0) {
        rc = op_dim_set(g, n, out, axis, (int64_t)in->dim[axis] * n->u.repeat.n, e);
    }
    return rc;
}

enum rc op_check_REPEAT_VECTOR(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "repetitions", n->u.repeat_vector.n, 1, OP_ELEMENTS_MAX, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_REPEAT_VECTOR(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                               struct ir_shape *out, struct err *e)
{
    enum rc rc = op_want_rank(g, n, in, 1, e);
    if (rc != RC_OK) {
        return rc;
    }
    if (in->rank == IR_RANK_MAX) {
        return op_fail(g, n, e, ERR_MODEL_LIMIT, "more than %d axes", IR_RANK_MAX);
    }
    *out = *in;
    out->dim[in->rank - 1] = n->u.repeat_vector.n;
    out->dim[in->rank] = in->dim[in->rank - 1];
    out->rank = in->rank + 1;
    return RC_OK;
}
