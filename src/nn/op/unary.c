/* One input, one element at a time: ACT, PRELU, AFFINE, COPY. */
#include "nn/op/op.h"

#include <string.h>

enum rc op_check_ACT(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    struct ir_act a = n->u.act;
    if (a.fn == IR_FN_GLU) {
        a.fn = IR_FN_SIGMOID; /* allowed here, where the shape may change */
    }
    enum rc rc = op_check_act(g, n, &a, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_ACT(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in, struct ir_shape *out,
                     struct err *e)
{
    *out = *in;
    if (n->u.act.fn != IR_FN_GLU) {
        return RC_OK;
    }
    enum rc rc = op_want_rank(g, n, in, 1, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc == RC_OK && in->dim[in->rank - 1] % 2 != 0) {
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "glu needs an even number of channels, not %d",
                       (int)in->dim[in->rank - 1]);
    }
    if (rc == RC_OK) {
        out->dim[out->rank - 1] /= 2;
    }
    return rc;
}

enum rc op_check_COPY(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    return op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_COPY(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    (void)g, (void)n, (void)e;
    *out = *in;
    return RC_OK;
}

enum rc op_check_PRELU(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "shared axes", n->u.prelu.shared_mask, 0, (1 << IR_RANK_MAX) - 1, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 1, e);
}

/* alpha may have fewer axes than x: it belongs to the last ones, the axes before are outer. */
enum rc op_infer_PRELU(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                       struct ir_shape *out, struct err *e)
{
    int32_t rank = op_weight(g, n, 0)->shape.rank;
    *out = *in;
    if (rank > in->rank) {
        return op_want_rank(g, n, in, rank, e);
    }
    struct ir_shape want = op_shape(rank, &in->dim[in->rank - rank]);
    for (int32_t i = 0; i < rank; i++) {
        if (n->u.prelu.shared_mask >> (in->rank - rank + i) & 1) {
            want.dim[i] = 1;
        }
    }
    return op_want_weight(g, n, 0, &want, e);
}

enum rc op_check_AFFINE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "axis", n->u.affine.axis, 0, IR_RANK_MAX - 1, e);
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 2, e);
}

enum rc op_infer_AFFINE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    int32_t axis = n->u.affine.axis;
    enum rc rc = op_want_axis(g, n, in, axis, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, axis, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    *out = *in;
    struct ir_shape want = op_shape(1, &in->dim[axis]);
    rc = op_want_weight(g, n, 0, &want, e);
    return rc != RC_OK ? rc : op_want_weight(g, n, 1, &want, e);
}

/* ---- generic forms ---- */
struct unary_args {
    struct ir_act act;
    int64_t half; /* GLU: size of the last axis of the output; otherwise 0 */
};

static void tile_act(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct unary_args *a = s->args;
    struct op_range r = op_tile_range(s, nn_shape_n(&s->out[0].shape), tile);
    nn_fn_apply_n(&a->act, nn_at(env, &s->in[0]) + r.lo, nn_at(env, &s->out[0]) + r.lo, r.hi - r.lo);
}

static void tile_glu(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct unary_args *a = s->args;
    struct op_range r = op_tile_range(s, nn_shape_n(&s->out[0].shape) / a->half, tile);
    for (int64_t row = r.lo; row < r.hi; row++) {
        const float *x = nn_at(env, &s->in[0]) + row * 2 * a->half;
        float *y = nn_at(env, &s->out[0]) + row * a->half;
        for (int64_t i = 0; i < a->half; i++) {
            y[i] = x[i] * nn_fn_apply(&a->act, x[a->half + i]);
        }
    }
}

static void tile_copy(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    struct op_range r = op_tile_range(s, nn_shape_n(&s->out[0].shape), tile);
    memmove(nn_at(env, &s->out[0]) + r.lo, nn_at(env, &s->in[0]) + r.lo, (size_t)(r.hi - r.lo) * sizeof(float));
}

enum { ACT_COST = 16 }; /* operations an exponential is worth */

enum rc op_prepare_ACT(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    struct unary_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    const struct ir_shape *y = &s->out[0].shape;
    bool glu = n->u.act.fn == IR_FN_GLU;
    *a = (struct unary_args){.act = n->u.act, .half = glu ? y->dim[y->rank - 1] : 0};
    s->args = a;
    int64_t items = nn_shape_n(y);
    s->flops = (double)items;
    op_tiles(s, glu ? tile_glu : tile_act, glu ? items / a->half : items, glu ? (double)a->half * ACT_COST : ACT_COST);
    return RC_OK;
}

enum rc op_prepare_COPY(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    (void)p, (void)n, (void)e;
    op_tiles(s, tile_copy, nn_shape_n(&s->out[0].shape), 1);
    return RC_OK;
}

struct scale_args { /* PRELU and AFFINE: the operand is [outer, channels, inner] */
    int64_t channels, inner;
    int64_t scale, offset;
    struct op_walk alpha; /* PRELU: where alpha lies for each element of its trailing axes */
};

static void tile_affine(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct scale_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]), *scale = env->packed + a->scale, *offset = env->packed + a->offset;
    float *out = nn_at(env, &s->out[0]);
    int64_t run = a->inner == 1 ? a->channels : a->inner; /* consecutive elements treated alike */
    struct op_range r = op_tile_range(s, nn_shape_n(&s->out[0].shape) / run, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        const float *x = in + i * run;
        float *y = out + i * run;
        if (a->inner == 1) {
            for (int64_t c = 0; c < run; c++) {
                y[c] = x[c] * scale[c] + offset[c];
            }
        } else {
            float m = scale[i % a->channels], b = offset[i % a->channels];
            for (int64_t c = 0; c < run; c++) {
                y[c] = x[c] * m + b;
            }
        }
    }
}

enum rc op_prepare_AFFINE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    struct scale_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    const struct ir_shape *x = &s->in[0].shape;
    int32_t axis = n->u.affine.axis;
    a->channels = x->dim[axis];
    a->inner = op_dims_n(x, axis + 1, x->rank);
    s->args = a;
    int64_t run = a->inner == 1 ? a->channels : a->inner;
    s->flops = 2.0 * (double)nn_shape_n(x);
    op_tiles(s, tile_affine, nn_shape_n(x) / run, (double)run * 2);
    enum rc rc = nn_pack_raw(p, n, 0, &a->scale, e);
    return rc == RC_OK ? nn_pack_raw(p, n, 1, &a->offset, e) : rc;
}

static void tile_prelu(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct scale_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]), *alpha = env->packed + a->scale;
    float *out = nn_at(env, &s->out[0]);
    struct op_walk walk = a->alpha;
    int64_t step, run = op_walk_run(&walk, &step), rows = op_walk_n(&walk);
    struct op_range r = op_tile_range(s, nn_shape_n(&s->out[0].shape) / run, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        const float *x = in + i * run, *m = alpha + op_walk_at(&walk, i % rows);
        float *y = out + i * run;
        for (int64_t c = 0; c < run; c++) {
            y[c] = x[c] > 0 ? x[c] : m[c * step] * x[c];
        }
    }
}

enum rc op_prepare_PRELU(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    struct scale_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    const struct ir_shape *x = &s->in[0].shape, *w = &op_weight(nn_prepare_graph(p), n, 0)->shape;
    for (int32_t i = 0; i < w->rank; i++) {
        int32_t size = x->dim[x->rank - w->rank + i];
        op_walk_add(&a->alpha, size, w->dim[i] == 1 ? 0 : op_dims_n(w, i + 1, w->rank));
    }
    s->args = a;
    struct op_walk walk = a->alpha;
    int64_t step, run = op_walk_run(&walk, &step);
    s->flops = (double)nn_shape_n(x);
    op_tiles(s, tile_prelu, nn_shape_n(x) / run, (double)run * 2);
    return nn_pack_raw(p, n, 0, &a->scale, e);
}
