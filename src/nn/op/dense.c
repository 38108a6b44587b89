/* DENSE: the last axis times a matrix. */
#include "nn/op/op.h"

enum rc op_check_DENSE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_dense *d = &n->u.dense;
    enum rc rc = op_check_range(g, n, "number of units", d->units, 1, OP_ELEMENTS_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a bias", d->has_bias, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &d->act, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1 + d->has_bias, e);
}

enum rc op_infer_DENSE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                       struct ir_shape *out, struct err *e)
{
    const struct ir_dense *d = &n->u.dense;
    enum rc rc = op_want_rank(g, n, in, 1, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    struct ir_shape want = {.rank = 2, .dim = {in->dim[in->rank - 1], d->units}};
    rc = op_want_weight(g, n, 0, &want, e);
    want = op_shape(1, &d->units);
    if (rc == RC_OK && d->has_bias) {
        rc = op_want_weight(g, n, 1, &want, e);
    }
    *out = *in;
    out->dim[out->rank - 1] = d->units;
    return rc;
}

/* ---- generic form: tiles are blocks of rows times blocks of columns ---- */
enum { COLUMNS = 64 };

struct dense_args {
    int64_t rows, row_block, column_blocks;
    int32_t depth, units, has_bias;
    struct ir_act act;
    int64_t kernel, bias;
};

static int64_t row_blocks(const struct dense_args *a)
{
    return (a->rows + a->row_block - 1) / a->row_block;
}

static void tile_dense(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct dense_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]), *w = env->packed + a->kernel;
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, row_blocks(a) * a->column_blocks, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        int64_t first = i / a->column_blocks * a->row_block, at = i % a->column_blocks * COLUMNS;
        int64_t wide = a->units - at < COLUMNS ? a->units - at : COLUMNS;
        for (int64_t row = first; row < a->rows && row < first + a->row_block; row++) {
            float *y = out + row * a->units + at;
            op_start(y, a->has_bias ? env->packed + a->bias + at : NULL, wide);
            op_axpy(y, in + row * a->depth, w + at, a->depth, wide, a->units);
            nn_fn_apply_n(&a->act, y, y, wide);
        }
    }
}

enum rc op_prepare_DENSE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_dense *d = &n->u.dense;
    const struct ir_shape *x = &s->in[0].shape;
    struct dense_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    *a = (struct dense_args){.rows = op_dims_n(x, 0, x->rank - 1),
                             .row_block = 8,
                             .column_blocks = (d->units + COLUMNS - 1) / COLUMNS,
                             .depth = x->dim[x->rank - 1],
                             .units = d->units,
                             .has_bias = d->has_bias,
                             .act = d->act};
    s->args = a;
    s->flops = 2.0 * (double)a->rows * a->depth * a->units;
    int64_t items = row_blocks(a) * a->column_blocks;
    op_tiles(s, tile_dense, items, s->flops / (double)items);
    enum rc rc = nn_pack_raw(p, n, 0, &a->kernel, e);
    return rc == RC_OK && d->has_bias ? nn_pack_raw(p, n, 1, &a->bias, e) : rc;
}
