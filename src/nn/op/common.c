/* Failures, checks and shapes shared by the operations. */
#include "base/text.h"
#include "nn/op/op.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum rc op_fail_at(const struct ir_graph *g, const struct ir_node *n, struct err *e, enum err_code code,
                   const char *where, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n->layer >= 0 && n->layer < g->layer_n) {
        return err_set_at(e, code, where, "layer '%.60s': %s", ir_text(g, g->layer[n->layer].name), text);
    }
    return err_set_at(e, code, where, "%s: %s", ir_op_name((enum ir_op)n->op), text);
}

char *op_shape_text(char *dst, size_t cap, const struct ir_shape *s)
{
    size_t at = 0;
    str_format(dst, cap, "[");
    for (int32_t i = 0; i < s->rank && i < IR_RANK_MAX; i++) {
        at = strlen(dst);
        if (s->dim[i] < 0) {
            str_format(dst + at, cap - at, "%s?", i ? "," : "");
        } else {
            str_format(dst + at, cap - at, "%s%d", i ? "," : "", (int)s->dim[i]);
        }
    }
    at = strlen(dst);
    str_format(dst + at, cap - at, "]");
    return dst;
}

enum rc op_check_range(const struct ir_graph *g, const struct ir_node *n, const char *what, int64_t v, int64_t lo,
                       int64_t hi, struct err *e)
{
    if (v >= lo && v <= hi) {
        return RC_OK;
    }
    return op_fail(g, n, e, ERR_MODEL_CONFIG, "%s is %lld, allowed %lld to %lld", what, (long long)v, (long long)lo,
                   (long long)hi);
}

enum rc op_check_float(const struct ir_graph *g, const struct ir_node *n, const char *what, float v, struct err *e)
{
    return isfinite(v) ? RC_OK : op_fail(g, n, e, ERR_MODEL_CONFIG, "%s is not a finite number", what);
}

enum rc op_check_counts(const struct ir_graph *g, const struct ir_node *n, int32_t in_n, int32_t out_n, int32_t w_n,
                        struct err *e)
{
    const struct {
        const char *what;
        int32_t is, want;
    } rows[] = {{"inputs", n->in_n, in_n}, {"outputs", n->out_n, out_n}, {"weights", n->w_n, w_n}};
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (rows[i].want >= 0 && rows[i].is != rows[i].want) {
            return op_fail(g, n, e, ERR_MODEL_CONFIG, "%d %s, expected %d", (int)rows[i].is, rows[i].what,
                           (int)rows[i].want);
        }
    }
    return RC_OK;
}

enum rc op_check_act(const struct ir_graph *g, const struct ir_node *n, const struct ir_act *a, struct err *e)
{
    enum rc rc = op_check_range(g, n, "activation", a->fn, 0, IR_FN_N - 1, e);
    if (rc == RC_OK && a->fn == IR_FN_GLU) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "glu cannot be fused");
    }
    if (rc == RC_OK && !(isfinite(a->a) && isfinite(a->b) && isfinite(a->c))) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "a parameter of the activation is not a finite number");
    }
    return rc;
}

bool op_shape_known(const struct ir_shape *s)
{
    for (int32_t i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) {
            return false;
        }
    }
    return true;
}

int64_t op_dims_n(const struct ir_shape *s, int32_t from, int32_t to)
{
    int64_t n = 1;
    for (int32_t i = from; i < to; i++) {
        n *= s->dim[i];
    }
    return n;
}

struct ir_shape op_shape(int32_t rank, const int32_t *dim)
{
    struct ir_shape s = {.rank = rank};
    for (int32_t i = 0; i < rank; i++) {
        s.dim[i] = dim[i];
    }
    return s;
}

enum rc op_shape_check(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s, struct err *e)
{
    if (s->rank < 0 || s->rank > IR_RANK_MAX) {
        return op_fail(g, n, e, ERR_MODEL_LIMIT, "%d axes, at most %d", (int)s->rank, IR_RANK_MAX);
    }
    int64_t count = 1;
    for (int32_t i = 0; i < s->rank; i++) {
        if (s->dim[i] == -1) {
            continue;
        }
        if (s->dim[i] < 1) {
            return op_fail(g, n, e, ERR_MODEL_SHAPE, "size %d along axis %d", (int)s->dim[i], (int)i);
        }
        count *= s->dim[i]; /* below 2^62: both factors fit 31 bits */
        if (count > OP_ELEMENTS_MAX) {
            return op_fail(g, n, e, ERR_MODEL_LIMIT, "a tensor of more than %d values", OP_ELEMENTS_MAX);
        }
    }
    return RC_OK;
}

enum rc op_dim_set(const struct ir_graph *g, const struct ir_node *n, struct ir_shape *s, int32_t axis, int64_t v,
                   struct err *e)
{
    if (v != -1 && v < 1) {
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "the input is too small: nothing is left along axis %d", (int)axis);
    }
    if (v > OP_ELEMENTS_MAX) {
        return op_fail(g, n, e, ERR_MODEL_LIMIT, "size %lld along axis %d", (long long)v, (int)axis);
    }
    s->dim[axis] = (int32_t)v;
    return RC_OK;
}

enum rc op_want_rank(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s, int32_t least,
                     struct err *e)
{
    if (s->rank >= least) {
        return RC_OK;
    }
    char text[96];
    return op_fail(g, n, e, ERR_MODEL_SHAPE, "input %s has %d axes, at least %d needed",
                   op_shape_text(text, sizeof text, s), (int)s->rank, (int)least);
}

enum rc op_want_axis(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s, int32_t axis,
                     struct err *e)
{
    if (axis >= 0 && axis < s->rank) {
        return RC_OK;
    }
    char text[96];
    return op_fail(g, n, e, ERR_MODEL_SHAPE, "axis %d of an input %s", (int)axis, op_shape_text(text, sizeof text, s));
}

enum rc op_want_known(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s, int32_t axis,
                      struct err *e)
{
    if (s->dim[axis] > 0) {
        return RC_OK;
    }
    char text[96];
    return op_fail(g, n, e, ERR_MODEL_SHAPE, "axis %d of the input %s must be known", (int)axis,
                   op_shape_text(text, sizeof text, s));
}

const struct ir_weight *op_weight(const struct ir_graph *g, const struct ir_node *n, int32_t i)
{
    return &g->weight[g->index[n->w + i]];
}

enum rc op_want_weight(const struct ir_graph *g, const struct ir_node *n, int32_t i, const struct ir_shape *want,
                       struct err *e)
{
    const struct ir_weight *w = op_weight(g, n, i);
    bool same = w->shape.rank == want->rank;
    for (int32_t k = 0; same && k < want->rank; k++) {
        same = want->dim[k] == -1 || want->dim[k] == w->shape.dim[k];
    }
    if (same) {
        return RC_OK;
    }
    char is[96], should[96];
    return err_set(e, ERR_MODEL_SHAPE, "shape of '%.40s' is %s, expected %s", ir_text(g, w->name),
                   op_shape_text(is, sizeof is, &w->shape), op_shape_text(should, sizeof should, want));
}

enum rc op_want_shape(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *is,
                      const struct ir_shape *want, const char *what, struct err *e)
{
    bool same = is->rank == want->rank;
    for (int32_t i = 0; same && i < want->rank; i++) {
        same = is->dim[i] == want->dim[i] || is->dim[i] == -1 || want->dim[i] == -1;
    }
    char a[96], b[96];
    return same ? RC_OK
                : op_fail(g, n, e, ERR_MODEL_SHAPE, "%s %s, expected %s", what, op_shape_text(a, sizeof a, is),
                          op_shape_text(b, sizeof b, want));
}

enum rc op_broadcast(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *a,
                     const struct ir_shape *b, struct ir_shape *out, struct err *e)
{
    struct ir_shape y = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int32_t i = 1; i <= y.rank; i++) {
        int32_t p = i <= a->rank ? a->dim[a->rank - i] : 1, q = i <= b->rank ? b->dim[b->rank - i] : 1;
        int32_t *d = &y.dim[y.rank - i];
        if (p == q || q == 1) {
            *d = p;
        } else if (p == 1 || p == -1) {
            *d = q;
        } else if (q == -1) {
            *d = p;
        } else {
            char ta[96], tb[96];
            return op_fail(g, n, e, ERR_MODEL_SHAPE, "shapes %s and %s do not go together",
                           op_shape_text(ta, sizeof ta, a), op_shape_text(tb, sizeof tb, b));
        }
    }
    *out = y;
    return RC_OK;
}

int64_t nn_shape_n(const struct ir_shape *s)
{
    return op_dims_n(s, 0, s->rank);
}
