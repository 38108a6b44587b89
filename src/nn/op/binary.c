/* BINARY: sums, products and their like of tensors that broadcast, of a tensor and a number, of a tensor and a
 * constant. */
#include "nn/op/op.h"

#include <math.h>

enum rc op_check_BINARY(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_binary *b = &n->u.binary;
    enum rc rc = op_check_range(g, n, "operation", b->fn, IR_ADD, IR_FLOORDIV, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a number", b->has_scalar, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "order", b->scalar_first, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &b->act, e);
    }
    if (rc == RC_OK && b->has_scalar) {
        rc = op_check_float(g, n, "number", b->scalar, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    int32_t operands = n->in_n + b->has_scalar + n->w_n;
    if (operands != n->in_n && operands != 2) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "%d tensors with a constant, expected 1", (int)n->in_n);
    }
    bool pairs = b->fn == IR_POW || b->fn == IR_SQDIFF || b->fn == IR_FLOORDIV || b->fn == IR_DIV;
    if (pairs && operands != 2) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "%d operands, expected 2", (int)operands);
    }
    return op_check_counts(g, n, -1, 1, -1, e);
}

enum rc op_infer_BINARY(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    struct ir_shape y = in[0];
    enum rc rc = RC_OK;
    for (int32_t i = 1; rc == RC_OK && i < n->in_n; i++) {
        rc = op_broadcast(g, n, &y, &in[i], &y, e);
    }
    if (rc == RC_OK && n->w_n) {
        rc = op_broadcast(g, n, &y, &op_weight(g, n, 0)->shape, &y, e);
    }
    *out = y;
    return rc;
}

/* ---- generic form: the output in runs along which every operand has stride 0 or 1 ---- */
struct operand_walk {
    int64_t stride[IR_RANK_MAX];
};
struct binary_args {
    int32_t fn, operands, inputs, has_scalar, swap;
    float scalar;
    struct ir_act act;
    int64_t weight, total;
    int32_t n;    /* axes, merged over all operands; the last one is the run */
    int32_t rows; /* short runs: this many are taken at once */
    int64_t dim[IR_RANK_MAX];
    struct operand_walk walk[]; /* per operand */
};

typedef void pair_fn(const float *a, int64_t sa, const float *b, int64_t sb, float *y, int64_t n);

/* y may be a or b. The three shapes that matter are written out, so that the compiler vectorises each. */
#define PAIR(name, expr)                                                                                               \
    static void pair_##name(const float *a, int64_t sa, const float *b, int64_t sb, float *y, int64_t n)               \
    {                                                                                                                  \
        if (sa && sb) {                                                                                                \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                float p = a[i], q = b[i];                                                                              \
                y[i] = expr;                                                                                           \
            }                                                                                                          \
        } else if (sa) {                                                                                               \
            const float q = *b;                                                                                        \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                float p = a[i];                                                                                        \
                y[i] = expr;                                                                                           \
            }                                                                                                          \
        } else {                                                                                                       \
            const float p = *a;                                                                                        \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                float q = b[i * sb];                                                                                   \
                y[i] = expr;                                                                                           \
            }                                                                                                          \
        }                                                                                                              \
    }
PAIR(add, p + q)
PAIR(sub, p - q)
PAIR(mul, p *q)
PAIR(div, p / q)
PAIR(max, p > q ? p : q)
PAIR(min, p < q ? p : q)
PAIR(pow, powf(p, q))
PAIR(sqdiff, (p - q) * (p - q))
PAIR(floordiv, floorf(p / q))
#undef PAIR

static pair_fn *const pairs[] = {
    [IR_ADD] = pair_add,       [IR_SUB] = pair_sub,          [IR_MUL] = pair_mul, [IR_DIV] = pair_div,
    [IR_MAX] = pair_max,       [IR_MIN] = pair_min,          [IR_AVG] = pair_add, [IR_POW] = pair_pow,
    [IR_SQDIFF] = pair_sqdiff, [IR_FLOORDIV] = pair_floordiv};

static const float *operand(const struct nn_step *s, const struct nn_env *env, int32_t i)
{
    const struct binary_args *a = s->args;
    if (i < a->inputs) {
        return nn_at(env, &s->in[i]);
    }
    return a->has_scalar ? &a->scalar : env->packed + a->weight;
}

static int64_t operand_at(const struct binary_args *a, int32_t k, int64_t row)
{
    int64_t at = 0;
    for (int32_t i = a->n - 2; i >= 0; i--) {
        at += row % a->dim[i] * a->walk[k].stride[i];
        row /= a->dim[i];
    }
    return at;
}

static void run_of(const struct nn_step *s, const struct nn_env *env, int64_t row, int64_t from, int64_t n, float *y)
{
    const struct binary_args *a = s->args;
    const float *acc = NULL;
    int64_t acc_step = 0;
    for (int32_t k = 0; k < a->operands; k++) {
        int64_t step = a->walk[k].stride[a->n - 1];
        const float *x = operand(s, env, k) + operand_at(a, k, row) + from * step;
        if (k == 0) {
            acc = x;
            acc_step = step;
        } else if (a->swap) {
            pairs[a->fn](x, step, acc, acc_step, y, n);
        } else {
            pairs[a->fn](acc, acc_step, x, step, y, n);
        }
        if (k > 0) {
            acc = y;
            acc_step = 1;
        }
    }
    for (int64_t i = 0; a->operands == 1 && i < n; i++) {
        y[i] = acc[i * acc_step];
    }
    if (a->fn == IR_AVG) {
        float part = 1.0f / (float)a->operands;
        for (int64_t i = 0; i < n; i++) {
            y[i] *= part;
        }
    }
    nn_fn_apply_n(&a->act, y, y, n);
}

enum { SHORT = 32, BLOCK = 64 };

/* a->rows short runs of two operands, which have been laid out one after the other. */
static void block_of(const struct nn_step *s, const struct nn_env *env, int64_t row, float *y)
{
    const struct binary_args *a = s->args;
    int64_t run = a->dim[a->n - 1], n = run * a->rows;
    float spread[2][BLOCK];
    const float *x[2];
    for (int32_t k = 0; k < 2; k++) {
        int64_t step = a->walk[k].stride[a->n - 1], next = a->walk[k].stride[a->n - 2];
        const float *from = operand(s, env, k) + operand_at(a, k, row);
        x[k] = step && next == run ? from : spread[k];
        for (int64_t i = 0; x[k] == spread[k] && i < a->rows; i++) {
            for (int64_t j = 0; j < run; j++) {
                spread[k][i * run + j] = from[i * next + j * step];
            }
        }
    }
    pairs[a->fn](x[a->swap], 1, x[!a->swap], 1, y, n);
    if (a->fn == IR_AVG) {
        for (int64_t i = 0; i < n; i++) {
            y[i] *= 0.5f;
        }
    }
    nn_fn_apply_n(&a->act, y, y, n);
}

static void tile_binary(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct binary_args *a = s->args;
    float *out = nn_at(env, &s->out[0]);
    int64_t run = a->dim[a->n - 1];
    struct op_range r = op_tile_range(s, a->total, tile);
    for (int64_t at = r.lo; at < r.hi;) {
        int64_t row = at / run, from = at - row * run;
        if (a->rows > 1 && from == 0 && r.hi - at >= a->rows * run &&
            row % a->dim[a->n - 2] + a->rows <= a->dim[a->n - 2]) {
            block_of(s, env, row, out + at);
            at += a->rows * run;
            continue;
        }
        int64_t n = run - from < r.hi - at ? run - from : r.hi - at;
        run_of(s, env, row, from, n, out + at);
        at += n;
    }
}

static int64_t stride_of(const struct ir_shape *s, const struct ir_shape *y, int32_t axis)
{
    int32_t k = axis - (y->rank - s->rank);
    return k < 0 || s->dim[k] == 1 ? 0 : op_dims_n(s, k + 1, s->rank);
}

static void merge_axes(struct binary_args *a, const struct ir_shape *const *shape, const struct ir_shape *y)
{
    for (int32_t i = 0; i < y->rank; i++) {
        if (y->dim[i] == 1) {
            continue;
        }
        bool merge = a->n > 0;
        for (int32_t k = 0; merge && k < a->operands; k++) {
            merge = a->walk[k].stride[a->n - 1] == stride_of(shape[k], y, i) * y->dim[i];
        }
        if (!merge) {
            a->dim[a->n++] = 1;
        }
        a->dim[a->n - 1] *= y->dim[i];
        for (int32_t k = 0; k < a->operands; k++) {
            a->walk[k].stride[a->n - 1] = stride_of(shape[k], y, i);
        }
    }
    if (a->n == 0) {
        a->dim[a->n++] = 1;
    }
}

enum rc op_prepare_BINARY(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_binary *b = &n->u.binary;
    static const struct ir_shape number = {.rank = 0};
    int32_t operands = s->in_n + b->has_scalar + n->w_n;
    struct binary_args *a = nn_args(p, sizeof *a + (size_t)operands * sizeof a->walk[0], e);
    const struct ir_shape **shape = mem_zalloc((size_t)operands, sizeof *shape, e);
    if (a == NULL || shape == NULL) {
        mem_free(shape);
        return RC_FAILED;
    }
    for (int32_t i = 0; i < s->in_n; i++) {
        shape[i] = &s->in[i].shape;
    }
    if (operands > s->in_n) {
        shape[s->in_n] = b->has_scalar ? &number : &op_weight(nn_prepare_graph(p), n, 0)->shape;
    }
    a->fn = b->fn;
    a->operands = operands;
    a->inputs = s->in_n;
    a->has_scalar = b->has_scalar;
    a->swap = operands > s->in_n && b->scalar_first;
    a->scalar = b->scalar;
    a->act = b->act;
    a->total = nn_shape_n(&s->out[0].shape);
    merge_axes(a, shape, &s->out[0].shape);
    mem_free(shape);
    int64_t run = a->dim[a->n - 1];
    a->rows = operands == 2 && a->n > 1 && run < SHORT ? (int32_t)(BLOCK / run) : 1;
    s->args = a;
    s->flops = (double)a->total * (operands > 1 ? operands - 1 : 1);
    op_tiles(s, tile_binary, a->total, operands);
    return n->w_n ? nn_pack_raw(p, n, 0, &a->weight, e) : RC_OK;
}
