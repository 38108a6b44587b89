/* Values that only change places: CONCAT, REVERSE, RESHAPE, PERMUTE, PAD, REPEAT, REPEAT_VECTOR. */
#include "nn/op/op.h"

#include <string.h>

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

enum rc op_infer_PAD(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in, struct ir_shape *out,
                     struct err *e)
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

/* ---- generic forms ---- */
struct move_args { /* an operand seen as [outer, size, inner] */
    int64_t outer, inner;
    int32_t axis;
};

static struct move_args *around(struct nn_prepare *p, const struct ir_shape *x, int32_t axis, struct err *e)
{
    struct move_args *a = nn_args(p, sizeof *a, e);
    if (a != NULL) {
        *a = (struct move_args){.outer = op_dims_n(x, 0, axis), .inner = op_dims_n(x, axis + 1, x->rank), .axis = axis};
    }
    return a;
}

static void tile_concat(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct move_args *a = s->args;
    float *out = nn_at(env, &s->out[0]);
    int64_t whole = s->out[0].shape.dim[a->axis] * a->inner;
    struct op_range r = op_tile_range(s, a->outer, tile);
    for (int32_t k = 0; k < s->in_n; k++) {
        const float *in = nn_at(env, &s->in[k]);
        int64_t part = s->in[k].shape.dim[a->axis] * a->inner;
        for (int64_t i = r.lo; i < r.hi; i++) {
            memcpy(out + i * whole, in + i * part, (size_t)part * sizeof *out);
        }
        out += part;
    }
}

enum rc op_prepare_CONCAT(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *y = &s->out[0].shape;
    struct move_args *a = around(p, y, n->u.axis.axis, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    s->args = a;
    op_tiles(s, tile_concat, a->outer, (double)nn_shape_n(y) / (double)a->outer);
    return RC_OK;
}

static void tile_reverse(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct move_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    int64_t size = s->in[0].shape.dim[a->axis];
    struct op_range r = op_tile_range(s, a->outer * size, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        int64_t from = i - i % size + (size - 1 - i % size);
        memcpy(out + i * a->inner, in + from * a->inner, (size_t)a->inner * sizeof *out);
    }
}

enum rc op_prepare_REVERSE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    struct move_args *a = around(p, x, n->u.axis.axis, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    s->args = a;
    op_tiles(s, tile_reverse, a->outer * x->dim[a->axis], (double)a->inner);
    return RC_OK;
}

static void tile_reshape(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    struct op_range r = op_tile_range(s, nn_shape_n(&s->out[0].shape), tile);
    memmove(nn_at(env, &s->out[0]) + r.lo, nn_at(env, &s->in[0]) + r.lo, (size_t)(r.hi - r.lo) * sizeof(float));
}

enum rc op_prepare_RESHAPE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    (void)p, (void)n, (void)e;
    op_tiles(s, tile_reshape, nn_shape_n(&s->out[0].shape), 1);
    return RC_OK;
}

struct permute_args {
    struct op_walk from; /* the input in the order of the output */
    int64_t run, step;
};

static void tile_permute(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct permute_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, op_walk_n(&a->from), tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        const float *x = in + op_walk_at(&a->from, i);
        float *y = out + i * a->run;
        if (a->step == 1) {
            memcpy(y, x, (size_t)a->run * sizeof *y);
        } else {
            for (int64_t k = 0; k < a->run; k++) {
                y[k] = x[k * a->step];
            }
        }
    }
}

enum rc op_prepare_PERMUTE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    struct permute_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    for (int32_t i = 0; i < x->rank; i++) {
        int32_t from = n->u.permute.perm[i];
        op_walk_add(&a->from, x->dim[from], op_dims_n(x, from + 1, x->rank));
    }
    a->run = op_walk_run(&a->from, &a->step);
    s->args = a;
    op_tiles(s, tile_permute, op_walk_n(&a->from), (double)a->run * 2);
    return RC_OK;
}

struct pad_args {
    int32_t before[IR_RANK_MAX];
    float value;
};

/* Fills n floats at y with the input's row `row` of the last axis of the output. */
static void pad_row(const struct pad_args *a, const struct nn_step *s, const float *in, int64_t row, float *y)
{
    const struct ir_shape *x = &s->in[0].shape, *o = &s->out[0].shape;
    int32_t last = x->rank - 1, lead = a->before[last], n = x->dim[last];
    int64_t at = 0, stride = n;
    bool real = true;
    for (int32_t i = last - 1; i >= 0; i--) {
        int64_t k = row % o->dim[i] - a->before[i];
        row /= o->dim[i];
        real = real && k >= 0 && k < x->dim[i];
        at += k * stride;
        stride *= x->dim[i];
    }
    for (int32_t i = 0; i < (real ? lead : o->dim[last]); i++) {
        y[i] = a->value;
    }
    if (real) {
        memcpy(y + lead, in + at, (size_t)n * sizeof *y);
        for (int32_t i = lead + n; i < o->dim[last]; i++) {
            y[i] = a->value;
        }
    }
}

static void tile_pad(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct ir_shape *o = &s->out[0].shape;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    int64_t wide = o->dim[o->rank - 1];
    struct op_range r = op_tile_range(s, op_dims_n(o, 0, o->rank - 1), tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        pad_row(s->args, s, in, i, out + i * wide);
    }
}

enum rc op_prepare_PAD(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *o = &s->out[0].shape;
    struct pad_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    if (o->rank == 0) {
        return op_prepare_COPY(p, n, s, e);
    }
    memcpy(a->before, n->u.pad.before, sizeof a->before);
    a->value = n->u.pad.value;
    s->args = a;
    op_tiles(s, tile_pad, op_dims_n(o, 0, o->rank - 1), o->dim[o->rank - 1]);
    return RC_OK;
}

struct repeat_args {
    int64_t outer, size, inner;
    int32_t n, tile;
};

static void tile_repeat(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct repeat_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    int64_t made = a->size * a->n;
    struct op_range r = op_tile_range(s, a->outer * made, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        int64_t k = i % made, from = i / made * a->size + (a->tile ? k % a->size : k / a->n);
        memcpy(out + i * a->inner, in + from * a->inner, (size_t)a->inner * sizeof *out);
    }
}

static enum rc prepare_repeat(struct nn_prepare *p, struct nn_step *s, struct repeat_args v, struct err *e)
{
    struct repeat_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    *a = v;
    s->args = a;
    op_tiles(s, tile_repeat, v.outer * v.size * v.n, (double)v.inner + 8);
    return RC_OK;
}

enum rc op_prepare_REPEAT(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    int32_t axis = n->u.repeat.axis;
    return prepare_repeat(p, s,
                          (struct repeat_args){.outer = op_dims_n(x, 0, axis),
                                               .size = x->dim[axis],
                                               .inner = op_dims_n(x, axis + 1, x->rank),
                                               .n = n->u.repeat.n,
                                               .tile = n->u.repeat.tile},
                          e);
}

enum rc op_prepare_REPEAT_VECTOR(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    return prepare_repeat(
        p, s,
        (struct repeat_args){
            .outer = op_dims_n(x, 0, x->rank - 1), .size = 1, .inner = x->dim[x->rank - 1], .n = n->u.repeat_vector.n},
        e);
}
