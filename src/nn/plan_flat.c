/* Element-wise and per-channel steps that could not be folded into others. */
#include "nn/plan_fast.h"

struct flat_args {
    const struct kern_isa *k;
    int64_t n; /* elements, or rows of channels */
    int32_t channels;
    int64_t scale, shift; /* AFFINE: offsets in the packed file */
    int32_t fn;           /* BINARY */
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
    a->k->affine(nn_at(env, &s->in[0]) + from * in, in, nn_at(env, &s->out[0]) + from * out, out, to - from,
                 a->channels, env->packed + a->scale, env->packed + a->shift, &a->act);
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
const struct plan_row plan_row_affine = {
    .name = "affine", .pitched_in = true, .pitched_out = true, .prepare = affine_prepare};

/* ---- runs of additions and multiplications by constants ---- */

struct scale_op {
    int32_t fn, weight, count; /* weight number among those of the run, -1: scalar; count: 1 or channels */
    bool first;
    float scalar;
};
struct scale_fill {
    int32_t n, channels, repeat;
    struct scale_op op[PLAN_UNIT_NODES];
};

static void fill_scale(float *to, const float *const *weight, const void *ctx)
{
    const struct scale_fill *f = ctx;
    const int32_t all = f->channels * f->repeat;
    for (int32_t c = 0; c < f->channels; c++) {
        double s = 1, t = 0;
        for (int32_t i = 0; i < f->n; i++) {
            const struct scale_op *o = &f->op[i];
            const double v = (double)(o->weight < 0 ? o->scalar : weight[o->weight][o->count > 1 ? c : 0]);
            switch (o->fn) {
            case IR_ADD:
                t += v;
                break;
            case IR_MUL:
                s *= v, t *= v;
                break;
            case IR_DIV:
                s /= v, t /= v;
                break;
            default:
                t = o->first ? v - t : t - v;
                s = o->first ? -s : s;
                break;
            }
        }
        for (int32_t r = 0; r < f->repeat; r++) {
            to[r * f->channels + c] = (float)s;
            to[all + r * f->channels + c] = (float)t;
        }
    }
}

static void scale_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t rows = a->n / a->channels, from = rows * tile / s->tile_n, to = rows * (tile + 1) / s->tile_n;
    const float *scale = env->packed + a->scale, *shift = env->packed + a->shift, *x = nn_at(env, &s->in[0]);
    float *y = nn_at(env, &s->out[0]);
    a->k->affine(x + from * a->channels, a->channels, y + from * a->channels, a->channels, to - from, a->channels,
                 scale, shift, &a->act);
    const int64_t done = rows * a->channels;
    if (tile == s->tile_n - 1 && done < a->n)
        a->k->affine(x + done, a->channels, y + done, a->channels, 1, (int32_t)(a->n - done), scale, shift, &a->act);
}

/* The constants are repeated until they fill whole vectors, so that three channels are as fast as many. */
static enum rc scale_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_graph *g = &plan->g;
    const struct ir_node *head = plan_unit_node(plan, u, 0);
    struct flat_args *a = flat_begin(p, s, false, e);
    if (!a)
        return RC_FAILED;
    struct scale_fill f = {.n = u->node_n, .channels = 1, .repeat = a->k->vector};
    int32_t later = 0, at = 0;
    for (int32_t i = 1; i < u->node_n; i++)
        later += plan_unit_node(plan, u, i)->w_n;
    for (int32_t i = 0; i < u->node_n; i++) {
        const struct ir_node *n = plan_unit_node(plan, u, i);
        const int32_t own = i ? n->w_n : n->w_n - later;
        f.op[i] = (struct scale_op){.fn = n->u.binary.fn,
                                    .weight = own ? at : -1,
                                    .count = 1,
                                    .first = n->u.binary.scalar_first,
                                    .scalar = n->u.binary.scalar};
        if (own)
            f.op[i].count = (int32_t)nn_shape_n(&plan_weight(g, head, at++)->shape);
        f.channels = f.op[i].count > f.channels ? f.op[i].count : f.channels;
    }
    a->channels = f.channels * f.repeat;
    const int64_t rows = a->n / a->channels;
    s->tile_n = (int32_t)(s->tile_n < rows ? s->tile_n : rows > 0 ? rows : 1);
    s->tile = scale_tile;
    enum rc rc = nn_pack(p, head, 2 * (size_t)a->channels, fill_scale, &f, &a->scale, e);
    a->shift = a->scale + a->channels;
    return rc;
}
const struct plan_row plan_row_scale = {.name = "scale", .prepare = scale_prepare};

static void binary_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t from = a->n * tile / s->tile_n, to = a->n * (tile + 1) / s->tile_n;
    a->k->binary(a->fn, nn_at(env, &s->in[0]) + from, nn_at(env, &s->in[1]) + from, nn_at(env, &s->out[0]) + from,
                 to - from, &a->act);
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
    a->k->affine(nn_at(env, &s->in[0]) + from * in, in, nn_at(env, &s->out[0]) + from * out, out, to - from,
                 a->channels, nn_at(env, &s->in[1]), NULL, &a->act);
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
const struct plan_row plan_row_gate = {
    .name = "gate", .pitched_in = true, .pitched_out = true, .prepare = gate_prepare};

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

/* ---- concatenation along channels: what its makers have put in place already is not copied ---- */

static bool in_place(const struct nn_operand *in, const struct nn_operand *out, int64_t shift)
{
    return in->place == out->place && in->index == out->index && in->offset == out->offset + shift &&
           in->pitch == out->pitch;
}

static void concat_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct flat_args *a = s->args;
    const int64_t from = a->n * tile / s->tile_n, to = a->n * (tile + 1) / s->tile_n;
    int64_t shift = 0;
    for (int32_t i = 0; i < s->in_n; i++) {
        const struct nn_operand *in = &s->in[i];
        const int32_t c = in->shape.dim[in->shape.rank - 1];
        if (!in_place(in, &s->out[0], shift)) {
            const struct kern_act none = {0};
            a->k->affine(nn_at(env, in) + from * in->pitch, in->pitch,
                         nn_at(env, &s->out[0]) + from * s->out[0].pitch + shift, s->out[0].pitch, to - from, c, NULL,
                         NULL, &none);
        }
        shift += c;
    }
}

static enum rc concat_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    (void)u;
    struct flat_args *a = flat_begin(p, s, true, e);
    if (!a)
        return RC_FAILED;
    int64_t shift = 0;
    bool all = true;
    for (int32_t i = 0; i < s->in_n; i++) {
        all = all && in_place(&s->in[i], &s->out[0], shift);
        shift += s->in[i].shape.dim[s->in[i].shape.rank - 1];
    }
    if (all)
        s->tile_n = 1;
    s->tile = concat_tile;
    return RC_OK;
}
const struct plan_row plan_row_concat = {
    .name = "concat", .pitched_in = true, .pitched_out = true, .prepare = concat_prepare};
