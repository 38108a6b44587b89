/* EMBEDDING: rows of a table by number. MASK: which elements of a sequence count. */
#include "nn/op/op.h"

enum rc op_check_EMBEDDING(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "number of rows", n->u.embedding.rows, 1, OP_ELEMENTS_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of units", n->u.embedding.units, 1, OP_ELEMENTS_MAX, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1, e);
}

enum rc op_infer_EMBEDDING(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                           struct ir_shape *out, struct err *e)
{
    if (in->rank == IR_RANK_MAX) {
        return op_fail(g, n, e, ERR_MODEL_LIMIT, "more than %d axes", IR_RANK_MAX);
    }
    struct ir_shape want = {.rank = 2, .dim = {n->u.embedding.rows, n->u.embedding.units}};
    *out = *in;
    out->dim[out->rank++] = n->u.embedding.units;
    return op_want_weight(g, n, 0, &want, e);
}

enum rc op_check_MASK(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "kind of mask", n->u.mask.from_embedding, 0, 1, e);
    if (rc == RC_OK) {
        rc = op_check_float(g, n, "mask value", n->u.mask.value, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_MASK(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    *out = *in;
    if (n->u.mask.from_embedding) {
        return RC_OK;
    }
    enum rc rc = op_want_rank(g, n, in, 1, e);
    if (rc == RC_OK) {
        out->rank--;
        out->dim[out->rank] = 0;
    }
    return rc;
}

/* ---- generic forms ---- */
struct embedding_args {
    int32_t rows, units;
    int64_t table;
};

static void tile_embedding(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct embedding_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]), *table = env->packed + a->table;
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, nn_shape_n(&s->in[0].shape), tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        double v = (double)in[i];
        bool inside = v >= 0 && v < (double)a->rows; /* false for a NaN too */
        op_start(out + i * a->units, inside ? table + (int64_t)v * a->units : NULL, a->units);
    }
}

enum rc op_prepare_EMBEDDING(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    struct embedding_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    a->rows = n->u.embedding.rows;
    a->units = n->u.embedding.units;
    s->args = a;
    op_tiles(s, tile_embedding, nn_shape_n(&s->in[0].shape), a->units);
    return nn_pack_raw(p, n, 0, &a->table, e);
}

struct mask_args {
    int64_t width;
    float value;
};

static void tile_mask(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct mask_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, nn_shape_n(&s->out[0].shape), tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        bool any = false;
        for (int64_t k = 0; !any && k < a->width; k++) {
            any = in[i * a->width + k] != a->value;
        }
        out[i] = any;
    }
}

enum rc op_prepare_MASK(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    struct mask_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    bool embedding = n->u.mask.from_embedding;
    a->width = embedding ? 1 : x->dim[x->rank - 1];
    a->value = embedding ? 0 : n->u.mask.value;
    s->args = a;
    op_tiles(s, tile_mask, nn_shape_n(&s->out[0].shape), (double)a->width);
    return RC_OK;
}
