/* Element-wise and per-channel steps that could not be folded into others. */
#include "nn/plan_fast.h"

struct flat_args {
    const struct kern_isa *k;
    int64_t n;             /* elements, or rows of channels */
    int32_t channels;
    int64_t scale, shift;  /* AFFINE: offsets in the packed file */
    int32_t fn;            /* BINARY */
    struct kern_act act;
};

static struct flat_args *flat_begin(struct nn_prepare *p, struct nn_step *s, bool rows, struct err *e)
{
    enum { WORTH = 16384, TILES = 32 };
    struct flat_args *a = nn_args(p, sizeof(*a), e);
    if (!a)
        return NULL;
    const struct ir_shape *x = &s->out[0].shape;
    int64_t elements = nn_shape_n(x);
    a->k = plan_kern(nn_prepare_plan(p));
    a->channels = rows && x->rank ? x->dim[x->rank - 1] : 1;
    a->n = elements / a->channels;
    int64_t tiles = elements / WORTH < 1 ? 1 : elements / WORTH > TILES ? TILES : elements / WORTH;
    s->tile_n = (int32_t)(tiles < a->n ? tiles : a->n);
    s->args = a;
    return a;
}

static void act_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t from = a->n * tile / s->tile_n, to = a->n * (tile + 1) / s->tile_n;
    a->k->map(&a->act, nn_at(env, &s->in[0]) + from, nn_at(env, &s->out[0]) + from, to - from);
}

static enum rc act_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    struct flat_args *a = flat_begin(p, s, false, e);
    if (!a)
        return RC_FAILED;
    (void)kern_act_from(&plan_unit_node(nn_prepare_plan(p), u, 0)->u.act, &a->act);
    s->tile = act_tile;
    return RC_OK;
}
const struct plan_row plan_row_act = {.name = "map", .prepare = act_prepare};

static void affine_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t from = a->n * tile / s->tile_n, to = a->n * (tile + 1) / s->tile_n;
    const int64_t in = s->in[0].pitch, out = s->out[0].pitch;
    a->k->affine(nn_at(env, &s->in[0]) + from * in, in, nn_at(env, &s->out[0]) + from * out, out, to - from, a->channels,
                 env->packed + a->scale, env->packed + a->shift, &a->act);
}

static enum rc affine_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct ir_node *n = plan_unit_node(nn_prepare_plan(p), u, 0);
    struct flat_args *a = flat_begin(p, s, true, e);
    if (!a || nn_pack_raw(p, n, 0, &a->scale, e) || nn_pack_raw(p, n, 1, &a->shift, e))
        return e->rc;
    s->tile = affine_tile;
    return RC_OK;
}
const struct plan_row plan_row_affine = {.name = "affine", .pitched_in = true, .pitched_out = true, .prepare = affine_prepare};

static void binary_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t from = a->n * tile / s->tile_n, to = a->n * (tile + 1) / s->tile_n;
    a->k->binary(a->fn, nn_at(env, &s->in[0]) + from, nn_at(env, &s->in[1]) + from, nn_at(env, &s->out[0]) + from, to - from, &a->act);
}

static enum rc binary_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct ir_node *n = plan_unit_node(nn_prepare_plan(p), u, 0);
    struct flat_args *a = flat_begin(p, s, false, e);
    if (!a)
        return RC_FAILED;
    a->fn = n->u.binary.fn;
    (void)kern_act_from(&n->u.binary.act, &a->act);
    s->tile = binary_tile;
    return RC_OK;
}
const struct plan_row plan_row_binary = {.name = "binary", .prepare = binary_prepare};

/* x times one number per channel. */
static void gate_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t from = a->n * tile / s->tile_n, to = a->n * (tile + 1) / s->tile_n;
    const int64_t in = s->in[0].pitch, out = s->out[0].pitch;
    a->k->affine(nn_at(env, &s->in[0]) + from * in, in, nn_at(env, &s->out[0]) + from * out, out, to - from, a->channels,
                 nn_at(env, &s->in[1]), NULL, &a->act);
}

static enum rc gate_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    struct flat_args *a = flat_begin(p, s, true, e);
    if (!a)
        return RC_FAILED;
    (void)kern_act_from(&plan_unit_node(nn_prepare_plan(p), u, 0)->u.binary.act, &a->act);
    s->tile = gate_tile;
    return RC_OK;
}
const struct plan_row plan_row_gate = {.name = "gate", .pitched_in = true, .pitched_out = true, .prepare = gate_prepare};

static void softmax_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t from = a->n * tile / s->tile_n, to = a->n * (tile + 1) / s->tile_n;
    for (int64_t i = from; i < to; i++) {
        const float *x = nn_at(env, &s->in[0]) + i * a->channels;
        float *y = nn_at(env, &s->out[0]) + i * a->channels;
        double sum = a->k->exp_sum(x, y, a->channels, a->k->maximum(x, a->channels));
        float by = (float)(1.0 / sum);
        for (int32_t c = 0; c < a->channels; c++)
            y[c] *= by;
    }
}

static enum rc softmax_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    (void)u;
    struct flat_args *a = flat_begin(p, s, true, e);
    if (!a)
        return RC_FAILED;
    s->tile = softmax_tile;
    return RC_OK;
}
const struct plan_row plan_row_softmax = {.name = "softmax", .prepare = softmax_prepare};
