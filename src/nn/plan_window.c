/* Depthwise convolutions and pooling, a band of output rows per tile. */
#include "nn/plan_fast.h"

struct taps_fill {
    int32_t vector, channels, taps;
    bool bias, affine;
    int32_t affine_at;
};

static void fill_taps(float *to, const float *const *weight, const void *ctx)
{
    const struct taps_fill *f = ctx;
    const float *scale = f->affine ? weight[f->affine_at] : NULL, *shift = f->affine ? weight[f->affine_at + 1] : NULL;
    for (int32_t c0 = 0; c0 < f->channels; c0 += f->vector) {
        for (int32_t i = 0; i < f->vector; i++) {
            int32_t c = c0 + i;
            double bias = c < f->channels && f->bias ? (double)weight[1][c] : 0;
            if (c < f->channels && f->affine)
                bias = bias * (double)scale[c] + (double)shift[c];
            to[i] = (float)bias;
            for (int32_t t = 0; t < f->taps; t++) {
                float w = c < f->channels ? weight[0][(int64_t)t * f->channels + c] : 0.0f;
                to[(1 + t) * f->vector + i] = f->affine && c < f->channels ? w * scale[c] : w;
            }
        }
        to += (1 + f->taps) * f->vector;
    }
}

enum rc plan_taps_pack(struct nn_prepare *p, int32_t node, int64_t *offset, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_node *n = &plan->g.node[node];
    const struct ir_shape *w = &plan_weight(&plan->g, n, 0)->shape;
    struct taps_fill f = {.vector = plan_kern(plan)->vector,
                          .channels = w->dim[w->rank - 2] * w->dim[w->rank - 1],
                          .bias = n->u.conv.has_bias,
                          .affine = plan->fuse[node].affine};
    f.taps = (int32_t)(nn_shape_n(w) / f.channels);
    f.affine_at = f.bias ? 2 : 1;
    size_t blocks = (size_t)((f.channels + f.vector - 1) / f.vector);
    return nn_pack(p, n, blocks * (size_t)(1 + f.taps) * (size_t)f.vector, fill_taps, &f, offset, e);
}

struct window_args {
    const struct kern_isa *k;
    struct op_grid grid;
    int64_t rows, w;
    bool average;
    struct kern_act act;
};

static void window_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct window_args *a = s->args;
    const struct op_axis *ax = a->grid.axis;
    const int64_t from = a->rows * tile / s->tile_n, to = a->rows * (tile + 1) / s->tile_n, pitch = s->in[0].pitch;
    const float *x = nn_at(env, &s->in[0]);
    const float *row[KERN_TAPS_MAX];
    struct kern_row j = {.row = row,
                         .pitch = pitch,
                         .in_w = ax[2].in,
                         .out_w = ax[2].out,
                         .channels = a->grid.in_channels,
                         .kh = ax[0].kernel * ax[1].kernel,
                         .kw = ax[2].kernel,
                         .stride = ax[2].stride,
                         .dilation = ax[2].dilation,
                         .before = ax[2].pad,
                         .out_pitch = s->out[0].pitch,
                         .act = a->act,
                         .average = a->average};
    j.out_row = ax[2].out * j.out_pitch;
    const bool pairs = a->w >= 0 && ax[0].kernel == 1 && a->k->pairs(&j);
    for (int64_t i = from; i < to; i += j.two ? 2 : 1) {
        const struct op_row r = op_grid_row(&a->grid, i);
        j.two = pairs && i + 1 < to && r.o[1] + 1 < ax[1].out;
        for (int32_t kz = 0; kz < ax[0].kernel; kz++) {
            const int32_t iz = op_axis_at(&ax[0], r.o[0], kz);
            for (int32_t ky = 0; ky < ax[1].kernel + j.two; ky++) {
                const int32_t iy = op_axis_at(&ax[1], r.o[1], ky);
                row[kz * ax[1].kernel + ky] =
                    iz < 0 || iy < 0 ? NULL : x + ((r.outer * ax[0].in + iz) * ax[1].in + iy) * ax[2].in * pitch;
            }
        }
        j.out = nn_at(env, &s->out[0]) + i * ax[2].out * j.out_pitch;
        if (a->w < 0) {
            a->k->pool(&j);
        } else {
            j.w = env->packed + a->w;
            a->k->depthwise(&j);
        }
    }
}

static enum rc window_prepare(struct nn_prepare *p, const struct ir_window *w, struct nn_step *s,
                              struct window_args **out, struct err *e)
{
    enum { TILES = 32 };
    struct window_args *a = *out = nn_args(p, sizeof(*a), e);
    if (!a)
        return RC_FAILED;
    a->k = plan_kern(nn_prepare_plan(p));
    op_grid_init(&a->grid, w, &s->in[0].shape, &s->out[0].shape);
    a->rows = op_grid_rows(&a->grid);
    s->tile = window_tile;
    s->tile_n = (int32_t)(a->rows < TILES ? a->rows : TILES);
    s->args = a;
    return RC_OK;
}

static enum rc depthwise_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct ir_node *n = plan_unit_node(nn_prepare_plan(p), u, 0);
    struct window_args *a;
    if (window_prepare(p, &n->u.conv.w, s, &a, e))
        return e->rc;
    (void)kern_act_from(&n->u.conv.act, &a->act);
    s->flops = 2 * plan_node_macs(nn_prepare_graph(p), n);
    return plan_taps_pack(p, u->node[0], &a->w, e);
}
const struct plan_row plan_row_depthwise = {
    .name = "depthwise", .pitched_in = true, .pitched_out = true, .prepare = depthwise_prepare};

static enum rc pool_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct ir_node *n = plan_unit_node(nn_prepare_plan(p), u, 0);
    struct window_args *a;
    if (window_prepare(p, &n->u.pool.w, s, &a, e))
        return e->rc;
    a->w = -1;
    a->average = n->u.pool.kind == IR_REDUCE_AVG;
    return RC_OK;
}
const struct plan_row plan_row_pool = {
    .name = "pool", .pitched_in = true, .pitched_out = true, .prepare = pool_prepare};

/* ---- global pooling: channels shared out ---- */

struct global_args {
    const struct kern_isa *k;
    int64_t pixels;
    int32_t channels;
    bool average;
};

static void global_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct global_args *a = s->args;
    const int32_t lanes = a->k->vector * 4, from = tile * lanes,
                  to = from + lanes < a->channels ? from + lanes : a->channels;
    float *sum = nn_at(env, &s->out[0]) + from;
    for (int32_t i = 0; i < to - from; i++)
        sum[i] = a->average ? 0.0f : -__builtin_inff();
    a->k->reduce(nn_at(env, &s->in[0]) + from, s->in[0].pitch, a->pixels, to - from, sum, !a->average);
    for (int32_t i = 0; a->average && i < to - from; i++)
        sum[i] /= (float)a->pixels;
}

static enum rc global_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct ir_node *n = plan_unit_node(nn_prepare_plan(p), u, 0);
    struct global_args *a = nn_args(p, sizeof(*a), e);
    if (!a)
        return RC_FAILED;
    a->k = plan_kern(nn_prepare_plan(p));
    a->channels = s->in[0].shape.dim[s->in[0].shape.rank - 1];
    a->pixels = nn_shape_n(&s->in[0].shape) / a->channels;
    a->average = n->u.global_pool.kind == IR_REDUCE_AVG;
    s->tile = global_tile;
    s->tile_n = (a->channels + a->k->vector * 4 - 1) / (a->k->vector * 4);
    s->args = a;
    return RC_OK;
}
const struct plan_row plan_row_global_pool = {.name = "global_pool", .pitched_in = true, .prepare = global_prepare};
