/* DOT: Keras' batch_dot, one axis of each operand summed over. MATMUL: the last two axes, outer axes broadcast. */
#include "nn/op/op.h"

#include <math.h>

enum rc op_check_DOT(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "axis", n->u.dot.axis_a, 0, IR_RANK_MAX - 1, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "axis", n->u.dot.axis_b, 0, IR_RANK_MAX - 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "normalize", n->u.dot.normalize, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 2, 1, 0, e);
}

static enum rc sizes_differ(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in, struct err *e)
{
    char a[96], b[96];
    return op_fail(g, n, e, ERR_MODEL_SHAPE, "shapes %s and %s do not fit for a product",
                   op_shape_text(a, sizeof a, &in[0]), op_shape_text(b, sizeof b, &in[1]));
}

enum rc op_infer_DOT(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in, struct ir_shape *out,
                     struct err *e)
{
    int32_t axis[2] = {n->u.dot.axis_a, n->u.dot.axis_b};
    struct ir_shape y = {0};
    if (axis[0] >= in[0].rank || axis[1] >= in[1].rank) {
        return sizes_differ(g, n, in, e);
    }
    int32_t p = in[0].dim[axis[0]], q = in[1].dim[axis[1]];
    if (p != q && p != -1 && q != -1) {
        return sizes_differ(g, n, in, e);
    }
    if (in[0].rank + in[1].rank - 2 > IR_RANK_MAX) {
        return op_fail(g, n, e, ERR_MODEL_LIMIT, "more than %d axes", IR_RANK_MAX);
    }
    for (int32_t k = 0; k < 2; k++) {
        for (int32_t i = 0; i < in[k].rank; i++) {
            if (i != axis[k]) {
                y.dim[y.rank++] = in[k].dim[i];
            }
        }
    }
    if (y.rank == 0) {
        y.dim[y.rank++] = 1;
    }
    *out = y;
    return RC_OK;
}

enum rc op_check_MATMUL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "transpose", n->u.matmul.transpose_a, 0, 1, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "transpose", n->u.matmul.transpose_b, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_float(g, n, "scale", n->u.matmul.scale, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 2, 1, 0, e);
}

enum rc op_infer_MATMUL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_matmul *m = &n->u.matmul;
    const struct ir_shape *a = &in[0], *b = &in[1];
    if (a->rank < 2 || b->rank < 2) {
        return op_want_rank(g, n, a->rank < 2 ? a : b, 2, e);
    }
    int32_t ka = a->dim[m->transpose_a ? a->rank - 2 : a->rank - 1];
    int32_t kb = b->dim[m->transpose_b ? b->rank - 1 : b->rank - 2];
    if (ka != kb && ka != -1 && kb != -1) {
        return sizes_differ(g, n, in, e);
    }
    struct ir_shape oa = op_shape(a->rank - 2, a->dim), ob = op_shape(b->rank - 2, b->dim);
    enum rc rc = op_broadcast(g, n, &oa, &ob, out, e);
    if (rc != RC_OK) {
        return rc;
    }
    out->dim[out->rank++] = a->dim[m->transpose_a ? a->rank - 1 : a->rank - 2];
    out->dim[out->rank++] = b->dim[m->transpose_b ? b->rank - 2 : b->rank - 1];
    return RC_OK;
}

/* ---- generic forms ---- */
struct dot_args { /* operands as [outer, size, inner], summed over size */
    int64_t size, outer[2], inner[2];
    int32_t normalize;
};

/* 1 / length of a column, as tf.math.l2_normalize. */
static double inverse_length(const float *x, int64_t n, int64_t step)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)x[i * step] * (double)x[i * step];
    }
    return 1.0 / sqrt(sum > 1e-12 ? sum : 1e-12);
}

static void tile_dot(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct dot_args *a = s->args;
    const float *pa = nn_at(env, &s->in[0]), *pb = nn_at(env, &s->in[1]);
    float *out = nn_at(env, &s->out[0]);
    int64_t sa = a->inner[0], sb = a->inner[1], columns = a->outer[1] * sb;
    struct op_range r = op_tile_range(s, a->outer[0] * sa, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        const float *x = pa + i / sa * a->size * sa + i % sa;
        double length = a->normalize ? inverse_length(x, a->size, sa) : 1;
        for (int64_t j = 0; j < columns; j++) {
            const float *y = pb + j / sb * a->size * sb + j % sb;
            double sum = 0;
            for (int64_t k = 0; k < a->size; k++) {
                sum += (double)x[k * sa] * (double)y[k * sb];
            }
            sum *= a->normalize ? length * inverse_length(y, a->size, sb) : 1;
            out[i * columns + j] = (float)sum;
        }
    }
}

enum rc op_prepare_DOT(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    struct dot_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    int32_t axis[2] = {n->u.dot.axis_a, n->u.dot.axis_b};
    for (int32_t k = 0; k < 2; k++) {
        const struct ir_shape *x = &s->in[k].shape;
        a->outer[k] = op_dims_n(x, 0, axis[k]);
        a->inner[k] = op_dims_n(x, axis[k] + 1, x->rank);
    }
    a->size = s->in[0].shape.dim[axis[0]];
    a->normalize = n->u.dot.normalize;
    s->args = a;
    double per = 2.0 * (double)a->size * (double)(a->outer[1] * a->inner[1]);
    int64_t rows = a->outer[0] * a->inner[0];
    s->flops = per * (double)rows;
    op_tiles(s, tile_dot, rows, per);
    return RC_OK;
}

struct matmul_args {
    struct op_walk outer[2]; /* where the matrices of each operand begin, per outer element of the output */
    int64_t rows, columns, depth;
    int64_t row_step, depth_step; /* of a */
    int32_t transpose_b;
    float scale;
};

static void tile_matmul(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct matmul_args *m = s->args;
    const float *pa = nn_at(env, &s->in[0]), *pb = nn_at(env, &s->in[1]);
    float *out = nn_at(env, &s->out[0]), *line = env->scratch[worker];
    struct op_range r = op_tile_range(s, op_walk_n(&m->outer[0]) * m->rows, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        const float *x = pa + op_walk_at(&m->outer[0], i / m->rows) + i % m->rows * m->row_step;
        const float *b = pb + op_walk_at(&m->outer[1], i / m->rows);
        float *y = out + i * m->columns;
        for (int64_t k = 0; k < m->depth; k++) {
            line[k] = x[k * m->depth_step] * m->scale;
        }
        if (m->transpose_b) {
            for (int64_t j = 0; j < m->columns; j++) {
                y[j] = op_dot(line, b + j * m->depth, m->depth);
            }
        } else {
            op_start(y, NULL, m->columns);
            op_axpy(y, line, b, m->depth, m->columns, m->columns);
        }
    }
}

enum rc op_prepare_MATMUL(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_matmul *m = &n->u.matmul;
    const struct ir_shape *y = &s->out[0].shape;
    struct matmul_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    for (int32_t k = 0; k < 2; k++) {
        const struct ir_shape *x = &s->in[k].shape;
        for (int32_t i = 0; i < y->rank - 2; i++) {
            int32_t own = i - (y->rank - x->rank);
            a->outer[k].dim[i] = y->dim[i];
            a->outer[k].stride[i] = own < 0 || x->dim[own] == 1 ? 0 : op_dims_n(x, own + 1, x->rank);
        }
        a->outer[k].n = y->rank - 2;
    }
    const struct ir_shape *x = &s->in[0].shape;
    a->rows = y->dim[y->rank - 2];
    a->columns = y->dim[y->rank - 1];
    a->depth = x->dim[m->transpose_a ? x->rank - 2 : x->rank - 1];
    a->row_step = m->transpose_a ? 1 : a->depth;
    a->depth_step = m->transpose_a ? a->rows : 1;
    a->transpose_b = m->transpose_b;
    a->scale = m->scale;
    s->args = a;
    double per = 2.0 * (double)a->depth * (double)a->columns;
    int64_t rows = op_walk_n(&a->outer[0]) * a->rows;
    s->flops = per * (double)rows;
    op_tiles(s, tile_matmul, rows, per);
    return nn_want_scratch(p, (size_t)a->depth * sizeof(float), e);
}
