/* SLICE: Python's x[begin:end:step] per axis. begin and end may count from the end as in Python; values beyond the axis
 * are clamped; full_mask: both are absent; from_end_mask: the slice ends end[i] elements before the end (0 allowed, as
 * a cropping layer says it). drop_mask removes the axis, which must have come out with size 1. */
#include "nn/op/op.h"

/* Where the slice of one axis starts and how many elements it takes. */
struct cut {
    int64_t begin, step, n;
};

enum rc op_check_SLICE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_slice *a = &n->u.slice;
    int32_t all = (1 << IR_RANK_MAX) - 1;
    enum rc rc = op_check_range(g, n, "axes taken whole", a->full_mask, 0, all, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "dropped axes", a->drop_mask, 0, all, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "axes counted from the end", a->from_end_mask, 0, all, e);
    }
    for (int32_t i = 0; rc == RC_OK && i < IR_RANK_MAX; i++) {
        rc = op_check_range(g, n, "step", a->step[i], -OP_SIZE_MAX, OP_SIZE_MAX, e);
        if (rc == RC_OK && (a->from_end_mask & ~a->full_mask) >> i & 1) {
            rc = op_check_range(g, n, "end", a->end[i], 0, OP_ELEMENTS_MAX, e);
        }
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static struct cut cut_of(const struct ir_slice *a, int32_t i, int64_t dim)
{
    struct cut c = {.step = a->step[i] == 0 ? 1 : a->step[i]};
    bool back = c.step < 0;
    int64_t lo = back ? -1 : 0, hi = back ? dim - 1 : dim; /* where begin and end may lie */
    int64_t begin = back ? dim - 1 : 0, end = back ? -1 : dim;
    if (!(a->full_mask >> i & 1)) {
        begin = clamp(a->begin[i] < 0 ? a->begin[i] + dim : a->begin[i], lo, hi);
        end = a->from_end_mask >> i & 1 ? dim - a->end[i] : a->end[i] < 0 ? a->end[i] + dim : a->end[i];
        end = clamp(end, lo, hi);
    }
    int64_t way = back ? begin - end : end - begin, stride = back ? -c.step : c.step;
    c.begin = begin;
    c.n = way > 0 ? (way + stride - 1) / stride : 0;
    return c;
}

/* A free axis stays free, unless begin and end count from the same side. */
static int64_t free_size(const struct ir_slice *a, int32_t i)
{
    int64_t step = a->step[i] == 0 ? 1 : a->step[i];
    bool ends_from_end = a->from_end_mask >> i & 1;
    if (a->full_mask >> i & 1 || ends_from_end || step < 0 || (a->begin[i] < 0) != (a->end[i] < 0)) {
        return -1;
    }
    if (a->end[i] - (int64_t)a->begin[i] == 1 || a->drop_mask >> i & 1) {
        return 1;
    }
    return -1;
}

enum rc op_infer_SLICE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                       struct ir_shape *out, struct err *e)
{
    const struct ir_slice *a = &n->u.slice;
    struct ir_shape y = {0};
    if (a->drop_mask >> in->rank != 0) {
        return op_want_rank(g, n, in, in->rank + 1, e);
    }
    for (int32_t i = 0; i < in->rank; i++) {
        int64_t size = in->dim[i] > 0 ? cut_of(a, i, in->dim[i]).n : free_size(a, i);
        struct ir_shape one = {.rank = 1};
        enum rc rc = op_dim_set(g, n, &one, 0, size, e);
        if (rc != RC_OK) {
            return rc;
        }
        if (!(a->drop_mask >> i & 1)) {
            y.dim[y.rank++] = one.dim[0];
        } else if (one.dim[0] > 1) {
            return op_fail(g, n, e, ERR_MODEL_SHAPE, "axis %d of size %d cannot be dropped", (int)i, (int)one.dim[0]);
        }
    }
    *out = y;
    return RC_OK;
}

/* ---- generic form ---- */
struct slice_args {
    struct op_walk from;
    int64_t first, run, step;
};

static void tile_slice(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct slice_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]) + a->first;
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, op_walk_n(&a->from), tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        const float *x = in + op_walk_at(&a->from, i);
        float *y = out + i * a->run;
        for (int64_t k = 0; k < a->run; k++) {
            y[k] = x[k * a->step];
        }
    }
}

enum rc op_prepare_SLICE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    struct slice_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    for (int32_t i = 0; i < x->rank; i++) {
        struct cut c = cut_of(&n->u.slice, i, x->dim[i]);
        int64_t stride = op_dims_n(x, i + 1, x->rank);
        a->first += c.begin * stride;
        op_walk_add(&a->from, c.n, c.step * stride);
    }
    a->run = op_walk_run(&a->from, &a->step);
    s->args = a;
    op_tiles(s, tile_slice, op_walk_n(&a->from), (double)a->run + 8);
    return RC_OK;
}
