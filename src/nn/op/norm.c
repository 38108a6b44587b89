/* NORM: LayerNormalization, GroupNormalization, UnitNormalization. */
#include "nn/op/op.h"

#include <math.h>

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

/* ---- generic form: mean and variance of each group in double, then one pass ---- */
struct norm_args {
    struct op_walk groups, members; /* as in softmax.c; the last axis of members is the run */
    int64_t run, step, count;
    struct op_walk channel_groups, channel_members; /* GROUP: where scale and offset lie, same walks */
    int64_t channel_step;
    int32_t kind, has_scale, has_offset;
    float eps;
    int64_t scale, offset;
};

struct sums {
    double plain, squares;
};

/* Sums of x - shift and of its square; neighbours in lanes, so that the compiler vectorises. */
static struct sums sums_of(const float *x, int64_t n, int64_t step, double shift)
{
    enum { LANES = 4 };
    double plain[LANES] = {0}, squares[LANES] = {0};
    int64_t i = 0;
    for (; step == 1 && i + LANES <= n; i += LANES) {
        for (int32_t l = 0; l < LANES; l++) {
            double v = (double)x[i + l] - shift;
            plain[l] += v;
            squares[l] += v * v;
        }
    }
    for (; i < n; i++) {
        double v = (double)x[i * step] - shift;
        plain[i % LANES] += v;
        squares[i % LANES] += v * v;
    }
    return (struct sums){(plain[0] + plain[1]) + (plain[2] + plain[3]),
                         (squares[0] + squares[1]) + (squares[2] + squares[3])};
}

static struct sums group_sums(const struct norm_args *a, const float *x, double shift)
{
    struct sums all = {0};
    int64_t rows = op_walk_n(&a->members);
    for (int64_t r = 0; r < rows; r++) {
        struct sums part = sums_of(x + op_walk_at(&a->members, r), a->run, a->step, shift);
        all.plain += part.plain;
        all.squares += part.squares;
    }
    return all;
}

/* y = (x - mean) * by [* scale] [+ offset] over one run. */
static void apply(const struct norm_args *a, const float *x, float *y, float mean, float by, const float *scale,
                  const float *offset)
{
    int64_t n = a->run, step = a->step, c = a->channel_step;
    if (step == 1 && c == 1 && scale != NULL && offset != NULL) {
        for (int64_t i = 0; i < n; i++) {
            y[i] = (x[i] - mean) * by * scale[i] + offset[i];
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        float v = (x[i * step] - mean) * by;
        v = scale != NULL ? v * scale[i * c] : v;
        y[i * step] = offset != NULL ? v + offset[i * c] : v;
    }
}

static void tile_norm(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct norm_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    const float *scale = a->has_scale ? env->packed + a->scale : NULL;
    const float *offset = a->has_offset ? env->packed + a->offset : NULL;
    float *out = nn_at(env, &s->out[0]);
    int64_t rows = op_walk_n(&a->members);
    struct op_range r = op_tile_range(s, op_walk_n(&a->groups), tile);
    for (int64_t g = r.lo; g < r.hi; g++) {
        int64_t first = op_walk_at(&a->groups, g), channel = op_walk_at(&a->channel_groups, g);
        bool unit = a->kind == IR_NORM_UNIT;
        double count = (double)a->count, eps = (double)a->eps, mean = 0, over;
        if (unit) {
            double squares = group_sums(a, in + first, 0).squares;
            over = squares > eps ? squares : eps;
        } else {
            mean = group_sums(a, in + first, 0).plain / count;
            over = group_sums(a, in + first, mean).squares / count + eps;
        }
        for (int64_t k = 0; k < rows; k++) {
            int64_t at = first + op_walk_at(&a->members, k), c = channel + op_walk_at(&a->channel_members, k);
            apply(a, in + at, out + at, (float)mean, (float)(1.0 / sqrt(over)), scale ? scale + c : NULL,
                  offset ? offset + c : NULL);
        }
    }
}

/* Appends an axis to the walk over elements and the same axis to the walk over channels; merges only when both can. */
static void add_axis(struct op_walk *x, struct op_walk *c, int64_t dim, int64_t stride, int64_t channel_stride)
{
    int32_t k = x->n - 1;
    if (k >= 0 && x->stride[k] == dim * stride && c->stride[k] == dim * channel_stride) {
        x->dim[k] *= dim;
        c->dim[k] *= dim;
        x->stride[k] = stride;
        c->stride[k] = channel_stride;
        return;
    }
    x->dim[x->n] = c->dim[c->n] = dim;
    x->stride[x->n++] = stride;
    c->stride[c->n++] = channel_stride;
}

static void walks(struct norm_args *a, const struct ir_norm *m, const struct ir_shape *x)
{
    bool group = m->kind == IR_NORM_GROUP;
    int32_t axes = group && m->axes_mask == 0 ? (1 << x->rank) - 1 : m->axes_mask;
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t stride = op_dims_n(x, i + 1, x->rank), dim = x->dim[i];
        if (group && i == m->axis) {
            int64_t per = dim / m->groups;
            add_axis(&a->groups, &a->channel_groups, m->groups, per * stride, per);
            add_axis(&a->members, &a->channel_members, per, stride, 1);
        } else if (axes >> i & 1) {
            int64_t inner = 1; /* LAYER: scale and offset have the shape of the axes in the mask */
            for (int32_t k = i + 1; k < x->rank; k++) {
                inner *= axes >> k & 1 ? x->dim[k] : 1;
            }
            add_axis(&a->members, &a->channel_members, dim, stride, group ? 0 : inner);
        } else {
            add_axis(&a->groups, &a->channel_groups, dim, stride, 0);
        }
    }
}

enum rc op_prepare_NORM(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_norm *m = &n->u.norm;
    const struct ir_shape *x = &s->in[0].shape;
    struct norm_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    walks(a, m, x);
    a->count = op_walk_n(&a->members);
    a->run = op_walk_run(&a->members, &a->step);
    op_walk_run(&a->channel_members, &a->channel_step);
    a->kind = m->kind;
    a->has_scale = m->has_scale;
    a->has_offset = m->has_offset;
    a->eps = m->eps;
    s->args = a;
    s->flops = 6.0 * (double)nn_shape_n(x);
    op_tiles(s, tile_norm, op_walk_n(&a->groups), 6.0 * (double)a->count);
    enum rc rc = m->has_scale ? nn_pack_raw(p, n, 0, &a->scale, e) : RC_OK;
    return rc == RC_OK && m->has_offset ? nn_pack_raw(p, n, m->has_scale, &a->offset, e) : rc;
}
