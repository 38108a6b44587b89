/* Convolution -> depthwise -> pointwise in one step, a strip of output rows at a time, so that what lies between them
 * stays in the cache of one core: inverted residual blocks (MobileNet, EfficientNet) and separable convolutions
 * (Xception). The first or the last part may be missing. Rows that two strips share are kept from one to the next while
 * the same worker computes both. */
#include "nn/plan_fast.h"

enum { SKEW = 16 }; /* floats that keep the rings of two vectors out of each other's cache sets */

struct chain_args {
    const struct kern_isa *k;
    bool has_head, has_tail;
    struct plan_conv head, tail;
    struct op_grid grid; /* of the depthwise convolution */
    int64_t taps;        /* its weights */
    struct kern_act act;
    int32_t strip, ring; /* output rows per tile, input rows kept */
    int32_t channels;
    size_t line;                  /* floats of a row of the ring, of one vector of channels */
    int64_t block;                /* floats of the ring of one vector of channels: they lie one behind the other */
    size_t middle_at, scratch_at; /* floats, in the worker's scratch */
};

/* Input rows [from, to) of output rows [from, to), cut to the picture. */
static struct plan_span rows_needed(const struct chain_args *a, struct plan_span out)
{
    const struct op_axis *y = &a->grid.axis[1];
    struct plan_span in = {out.from * y->stride - y->pad,
                           (out.to - 1) * y->stride - y->pad + (int64_t)(y->kernel - 1) * y->dilation + 1};
    in.from = in.from < 0 ? 0 : in.from;
    in.to = in.to > y->in ? y->in : in.to;
    return in;
}

/* Computes rows [from, to) of the head into the ring, as many at once as lie together there. */
static void chain_head(const struct chain_args *a, const struct nn_step *s, const struct nn_env *env,
                       struct plan_span rows, float *scratch)
{
    const int64_t width = a->grid.axis[2].in;
    while (rows.from < rows.to) {
        const int64_t slot = rows.from % a->ring, room = a->ring - slot;
        const int64_t n = rows.to - rows.from < room ? rows.to - rows.from : room;
        const struct plan_conv_job job = {
            .x = nn_at(env, &s->in[0]),
            .m = {rows.from * width, (rows.from + n) * width},
            .panels = {0, a->head.panels},
            .c = scratch + (size_t)slot * a->line,
            .ldc = a->k->vector,
            .c_step = a->block,
            .scratch = scratch + a->scratch_at,
        };
        plan_conv_run(&a->head, env, &job);
        rows.from += n;
    }
}

static void chain_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct chain_args *a = s->args;
    const struct op_axis *ax = a->grid.axis;
    float *scratch = env->scratch[worker], *out = nn_at(env, &s->out[0]);
    const struct plan_span strip = {(int64_t)tile * a->strip, (int64_t)(tile + 1) * a->strip < ax[1].out
                                                                  ? (int64_t)(tile + 1) * a->strip
                                                                  : ax[1].out};
    struct plan_span in = rows_needed(a, strip);
    if (a->has_head) {
        struct plan_span make = in;
        if (tile > 0 && env->carry[worker].tile == tile - 1) {
            const struct plan_span before = rows_needed(a, (struct plan_span){strip.from - a->strip, strip.from});
            make.from = before.to > make.from ? before.to : make.from;
        }
        chain_head(a, s, env, make, scratch);
        env->carry[worker].tile = tile;
    }
    const float *row[KERN_TAPS_MAX], *x = nn_at(env, &s->in[0]);
    struct kern_row j = {.row = row,
                         .pitch = a->has_head ? a->k->vector : s->in[0].pitch,
                         .block = a->has_head ? a->block : 0,
                         .in_w = ax[2].in,
                         .out_w = ax[2].out,
                         .channels = a->channels,
                         .kh = ax[1].kernel,
                         .kw = ax[2].kernel,
                         .stride = ax[2].stride,
                         .dilation = ax[2].dilation,
                         .before = ax[2].pad,
                         .w = env->packed + a->taps,
                         .act = a->act};
    j.out_pitch = a->has_tail ? a->channels : s->out[0].pitch;
    j.out_row = ax[2].out * j.out_pitch;
    const bool pairs = a->k->pairs(&j);
    for (int64_t y = strip.from; y < strip.to; y += j.two ? 2 : 1) {
        j.two = pairs && y + 1 < strip.to;
        for (int32_t k = 0; k < ax[1].kernel + j.two; k++) {
            const int32_t iy = op_axis_at(&ax[1], (int32_t)y, k);
            row[k] = iy < 0        ? NULL
                     : a->has_head ? scratch + (size_t)(iy % a->ring) * a->line
                                   : x + (int64_t)iy * ax[2].in * j.pitch;
        }
        j.out = a->has_tail ? scratch + a->middle_at + (y - strip.from) * ax[2].out * a->channels
                            : out + y * ax[2].out * j.out_pitch;
        a->k->depthwise(&j);
    }
    if (!a->has_tail)
        return;
    const int64_t at = strip.from * ax[2].out;
    struct plan_conv_job job = {
        .x = scratch + a->middle_at,
        .m = {0, (strip.to - strip.from) * ax[2].out},
        .panels = {0, a->tail.panels},
        .c = out + at * s->out[0].pitch,
        .ldc = s->out[0].pitch,
        .scratch = scratch + a->scratch_at,
    };
    if (a->tail.residual) {
        const struct nn_operand *r = &s->in[s->in_n - 1];
        job.residual = nn_at(env, r) + at * r->pitch;
        job.ldr = r->pitch;
    }
    plan_conv_run(&a->tail, env, &job);
}

/* Rows per strip: enough pixels for the products to pay, few enough for the strip to stay in a core's cache. */
static void chain_strip(struct chain_args *a, size_t vectors)
{
    enum { CACHE = 80 * 1024, PIXELS = 200, ROWS_MOST = 16 }; /* floats; pixels of a strip; rows */
    const struct op_axis *y = &a->grid.axis[1], *x = &a->grid.axis[2];
    const int32_t reach = (y->kernel - 1) * y->dilation + 1;
    int32_t rows = 1;
    for (int32_t r = 2; r <= y->out && r <= ROWS_MOST; r++) {
        const int64_t ring = a->has_head ? (int64_t)((r - 1) * y->stride + reach) * (int64_t)(a->line * vectors) : 0;
        const int64_t middle = a->has_tail ? (int64_t)r * x->out * a->channels : 0;
        if (ring + middle > CACHE || (int64_t)rows * x->out >= PIXELS)
            break;
        rows = r;
    }
    const int32_t strips = (y->out + rows - 1) / rows;
    a->strip = (y->out + strips - 1) / strips;
    a->ring = (a->strip - 1) * y->stride + reach;
}

static enum rc chain_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_graph *g = &plan->g;
    struct chain_args *a = nn_args(p, sizeof(*a), e);
    if (!a)
        return RC_FAILED;
    int32_t d = 0;
    while (g->node[u->node[d]].op != IR_DWCONV)
        d++;
    const struct ir_node *dw = &g->node[u->node[d]];
    const struct ir_shape *in = &g->tensor[plan_in(g, dw, 0)], *mid = &g->tensor[plan_out(g, dw, 0)];
    a->k = plan_kern(plan);
    a->has_head = d > 0;
    a->has_tail = d + 1 < u->node_n;
    a->channels = mid->dim[mid->rank - 1];
    if (a->has_head && plan_conv_init(p, u->node[0], &s->in[0].shape, s->in[0].pitch, in, &a->head, e))
        return e->rc;
    op_grid_init(&a->grid, &dw->u.conv.w, in, mid);
    (void)kern_act_from(&dw->u.conv.act, &a->act);
    if (plan_taps_pack(p, u->node[d], &a->taps, e))
        return e->rc;
    if (a->has_tail && plan_conv_init(p, u->node[d + 1], mid, a->channels, &s->out[0].shape, &a->tail, e))
        return e->rc;
    a->line = (size_t)a->grid.axis[2].in * (size_t)a->k->vector;
    const size_t vectors = (size_t)((a->channels + a->k->vector - 1) / a->k->vector);
    chain_strip(a, vectors);
    a->block = (int64_t)((size_t)a->ring * a->line) + SKEW;
    const struct op_axis *y = &a->grid.axis[1], *x = &a->grid.axis[2];
    a->middle_at = a->has_head ? ((size_t)a->block * vectors + 15) / 16 * 16 : 0;
    a->scratch_at =
        a->middle_at + (a->has_tail ? ((size_t)a->strip * (size_t)x->out * (size_t)a->channels + 15) / 16 * 16 : 0);
    s->tile = chain_tile;
    s->tile_n = (y->out + a->strip - 1) / a->strip;
    s->args = a;
    for (int32_t i = 0; i < u->node_n; i++)
        s->flops += 2 * plan_node_macs(g, &g->node[u->node[i]]);
    const size_t more = a->has_head ? plan_conv_scratch(&a->head, (int64_t)a->ring * x->in) : 0;
    return nn_want_scratch(p, a->scratch_at * sizeof(float) + more, e);
}
const struct plan_row plan_row_chain = {
    .name = "chain", .pitched_in = true, .pitched_out = true, .prepare = chain_prepare};

/* ---- finding ---- */

static bool two_dimensions(const struct nn_plan *plan, const struct ir_node *n)
{
    return n->u.conv.w.spatial == 2 && plan->g.tensor[plan_in(&plan->g, n, 0)].rank == 3;
}

static bool can_head(const struct nn_plan *plan, int32_t node)
{
    const struct ir_node *n = &plan->g.node[node];
    const struct plan_fuse *f = &plan->fuse[node];
    return n->op == IR_CONV && plan_takes(plan, node) && two_dimensions(plan, n) && !f->residual && !f->gate &&
           !f->pre_affine && f->prev < 0 && f->next < 0;
}

static bool can_tail(const struct nn_plan *plan, int32_t node)
{
    const struct ir_node *n = &plan->g.node[node];
    const struct plan_fuse *f = &plan->fuse[node];
    const struct ir_window *w = &n->u.conv.w;
    if (n->op != IR_CONV || !plan_takes(plan, node) || !two_dimensions(plan, n) || f->gate || f->pre_affine)
        return false;
    for (int32_t i = 0; i < 2; i++) {
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] || w->after[i])
            return false;
    }
    return true;
}

/* Worth it when what lies in between does not fit beside everything else, and strips are not all overlap. */
static bool worth_head(const struct nn_plan *plan, const struct ir_node *dw)
{
    enum { LARGE = 16 * 1024, ROWS = 14 }; /* floats; output rows */
    const struct ir_graph *g = &plan->g;
    const struct ir_shape *in = &g->tensor[plan_in(g, dw, 0)], *out = &g->tensor[plan_out(g, dw, 0)];
    return nn_shape_n(in) >= LARGE && out->dim[0] >= ROWS;
}

enum rc plan_chains(struct nn_plan *plan, struct err *e)
{
    const struct ir_graph *g = &plan->g;
    int32_t *uses = mem_zalloc((size_t)g->tensor_n, sizeof(*uses), e),
            *maker = mem_zalloc((size_t)g->tensor_n, sizeof(*maker), e);
    int32_t *reader = mem_zalloc((size_t)g->tensor_n, sizeof(*reader), e);
    enum rc rc = uses && maker && reader ? RC_OK : RC_FAILED;
    for (int32_t i = 0; !rc && i < g->tensor_n; i++)
        maker[i] = reader[i] = -1;
    for (int32_t i = 0; !rc && i < g->node_n; i++) {
        const struct ir_node *n = &g->node[i];
        if (plan->fuse[i].into >= 0)
            continue;
        for (int32_t k = 0; k < n->in_n; k++) {
            uses[plan_in(g, n, k)]++;
            reader[plan_in(g, n, k)] = k == 0 ? i : -1;
        }
        maker[plan_out(g, n, 0)] = i;
    }
    for (int32_t i = 0; !rc && i < g->output_n; i++)
        uses[g->output[i]] += 2;
    for (int32_t i = 0; !rc && i < g->node_n; i++) {
        const struct ir_node *n = &g->node[i];
        if (n->op != IR_DWCONV || plan->fuse[i].into >= 0 || !plan_takes(plan, i) || !two_dimensions(plan, n))
            continue;
        const int32_t in = plan_in(g, n, 0), out = plan_out(g, n, 0);
        const int32_t head = uses[in] == 1 ? maker[in] : -1, tail = uses[out] == 1 ? reader[out] : -1;
        const bool with_head = head >= 0 && can_head(plan, head) && worth_head(plan, n);
        const bool with_tail = tail >= 0 && can_tail(plan, tail) && (with_head || head < 0 || !can_head(plan, head));
        if (with_head) {
            plan->fuse[head].next = i;
            plan->fuse[i].prev = head;
        }
        if (with_tail) {
            plan->fuse[i].next = tail;
            plan->fuse[tail].prev = i;
        }
    }
    mem_free(reader);
    mem_free(maker);
    mem_free(uses);
    return rc;
}
