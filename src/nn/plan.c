#include "nn/plan_fast.h"

#include <string.h>

enum { ALIGN_FLOATS = 16, WEIGHTS_OF_NODE_MAX = 16 };

struct plan_chunk {
    struct plan_chunk *next;
    _Alignas(64) unsigned char data[];
};

const struct ir_graph *nn_prepare_graph(const struct nn_prepare *p)
{
    return &p->plan->g;
}

const struct nn_plan *nn_prepare_plan(const struct nn_prepare *p)
{
    return p->plan;
}

void *nn_args(struct nn_prepare *p, size_t bytes, struct err *e)
{
    size_t whole;
    if (__builtin_add_overflow(sizeof(struct plan_chunk), bytes, &whole)) {
        err_set(e, ERR_MEMORY, "Out of memory (%zu bytes)", bytes);
        return NULL;
    }
    struct plan_chunk *c = mem_aligned(whole, e);
    if (!c)
        return NULL;
    memset(c->data, 0, bytes);
    c->next = p->plan->args;
    p->plan->args = c;
    return c->data;
}

static void args_free(struct nn_plan *plan)
{
    while (plan->args) {
        struct plan_chunk *next = plan->args->next;
        mem_free(plan->args);
        plan->args = next;
    }
}

enum rc nn_want_scratch(struct nn_prepare *p, size_t bytes, struct err *e)
{
    if (bytes > (size_t)1 << 32)
        return err_set(e, ERR_MODEL_LIMIT, "a step of the network needs %zu MiB of scratch memory", bytes >> 20);
    if (bytes > p->plan->scratch_bytes)
        p->plan->scratch_bytes = bytes;
    return RC_OK;
}

enum rc nn_pack(struct nn_prepare *p, const struct ir_node *n, size_t count, nn_fill_fn *fill, const void *ctx,
                int64_t *offset, struct err *e)
{
    const struct ir_graph *g = &p->plan->g;
    const float *weight[WEIGHTS_OF_NODE_MAX] = {NULL};
    if (count > (size_t)1 << 33 || n->w_n > WEIGHTS_OF_NODE_MAX)
        return err_set(e, ERR_MODEL_LIMIT, "a layer's packed weights have %zu elements", count);
    *offset = p->cursor;
    p->cursor += (int64_t)((count + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS);
    if (!p->dst)
        return RC_OK;
    for (int32_t i = 0; i < n->w_n; i++)
        weight[i] = p->raw + plan_weight(g, n, i)->offset_bytes / (int64_t)sizeof(float);
    fill(p->dst + *offset, weight, ctx);
    return RC_OK;
}

struct raw_fill {
    int32_t i;
    size_t count;
};

static void fill_raw(float *to, const float *const *weight, const void *ctx)
{
    const struct raw_fill *r = ctx;
    memcpy(to, weight[r->i], r->count * sizeof(float));
}

enum rc nn_pack_raw(struct nn_prepare *p, const struct ir_node *n, int32_t i, int64_t *offset, struct err *e)
{
    struct raw_fill r = {i, (size_t)nn_shape_n(&plan_weight(&p->plan->g, n, i)->shape)};
    return nn_pack(p, n, r.count, fill_raw, &r, offset, e);
}

int32_t plan_index_add(struct nn_plan *plan, const int32_t *v, int32_t n, struct err *e)
{
    struct ir_graph *g = &plan->g;
    size_t used = (size_t)g->index_n;
    if (mem_grow(&g->index, &plan->index_cap, used + (size_t)n, sizeof(*g->index), e))
        return -1;
    memcpy(g->index + used, v, (size_t)n * sizeof(*v));
    g->index_n += n;
    return (int32_t)used;
}

/* ---- steps ---- */

static void copy_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)tile, (void)worker;
    const struct nn_operand *in = s->in, *out = s->out;
    int32_t last = in->shape.rank ? in->shape.dim[in->shape.rank - 1] : 1;
    int64_t rows = nn_shape_n(&in->shape) / last;
    int64_t from = rows > 1 ? in->pitch : last, to = rows > 1 ? out->pitch : last;
    for (int64_t i = 0; i < rows; i++)
        memcpy(nn_at(env, out) + i * to, nn_at(env, in) + i * from, (size_t)last * sizeof(float));
}

/* Outputs that no unit writes in place: an input, a second name of one tensor, a slice. */
static bool output_is_copied(const struct nn_plan *plan, int32_t i)
{
    struct nn_operand o = plan_operand(plan, plan->g.output[i]);
    return o.place != NN_OUTPUT || o.index != i || o.offset != 0;
}

static int32_t operands_wanted(const struct nn_plan *plan)
{
    int32_t n = 2 * plan->g.output_n;
    for (int32_t i = 0; i < plan->unit_n; i++)
        n += plan->unit[i].in_n + plan->unit[i].out_n;
    return n;
}

static enum rc prepare_unit(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct ir_node *n = &p->plan->g.node[u->node[u->node_n - 1]];
    s->kernel = u->row ? u->row->name : "generic";
    if (u->row)
        return u->row->prepare(p, u, s, e);
    return nn_ops[n->op].prepare(p, n, s, e);
}

static enum rc prepare_all(struct nn_plan *plan, const float *raw, float *dst, struct err *e)
{
    struct nn_prepare p = {.plan = plan, .raw = raw, .dst = dst};
    struct nn_operand *next = plan->operand;
    args_free(plan);
    plan->scratch_bytes = 64;
    plan->step_n = 0;
    for (int32_t i = 0; i < plan->unit_n; i++) {
        const struct plan_unit *u = &plan->unit[i];
        struct nn_step *s = &plan->step[plan->step_n++];
        *s = (struct nn_step){.node = u->node[u->node_n - 1], .in_n = u->in_n, .out_n = u->out_n, .tile_n = 1};
        s->in = next;
        for (int32_t k = 0; k < u->in_n; k++)
            *next++ = plan_operand(plan, plan->link[u->in + k]);
        s->out = next;
        for (int32_t k = 0; k < u->out_n; k++)
            *next++ = plan_operand(plan, plan->link[u->out + k]);
        if (prepare_unit(&p, u, s, e))
            return e->rc ? e->rc : RC_FAILED;
    }
    for (int32_t i = 0; i < plan->g.output_n; i++) {
        if (!output_is_copied(plan, i))
            continue;
        struct nn_operand from = plan_operand(plan, plan->g.output[i]), to = from;
        to.place = NN_OUTPUT;
        to.index = i;
        to.offset = 0;
        to.pitch = to.shape.rank ? to.shape.dim[to.shape.rank - 1] : 1;
        struct nn_step *s = &plan->step[plan->step_n++];
        *s = (struct nn_step){.tile = copy_tile, .tile_n = 1, .node = -1, .in_n = 1, .out_n = 1, .kernel = "copy"};
        s->in = next;
        *next++ = from;
        s->out = next;
        *next++ = to;
    }
    plan->packed_n = p.cursor;
    return RC_OK;
}

enum rc nn_plan_make(struct nn_plan *plan, struct ir_graph *g, enum nn_isa isa, bool plain, struct err *e)
{
    *plan = (struct nn_plan){.g = *g, .isa = isa, .plain = plain};
    *g = (struct ir_graph){0};
    plan->index_cap = (size_t)plan->g.index_n;
    size_t node_n = (size_t)plan->g.node_n;
    plan->fuse = mem_zalloc(node_n, sizeof(*plan->fuse), e);
    if (!plan->fuse)
        return RC_FAILED;
    for (size_t i = 0; i < node_n; i++)
        plan->fuse[i].into = plan->fuse[i].prev = plan->fuse[i].next = -1;
    if (!plain && (plan_pass_all(plan, e) || plan_chains(plan, e)))
        return e->rc;
    if (plan_units(plan, e) || plan_places(plan, e))
        return e->rc;
    plan->step = mem_zalloc((size_t)plan->unit_n + (size_t)plan->g.output_n, sizeof(*plan->step), e);
    plan->operand = mem_zalloc((size_t)operands_wanted(plan), sizeof(*plan->operand), e);
    if (!plan->step || !plan->operand)
        return RC_FAILED;
    return prepare_all(plan, NULL, NULL, e);
}

enum rc nn_plan_fill(struct nn_plan *plan, const float *raw, float *dst, struct err *e)
{
    int64_t counted = plan->packed_n;
    if (prepare_all(plan, raw, dst, e))
        return e->rc;
    if (counted != plan->packed_n)
        return err_set(e, ERR_INTERNAL, "packing wrote %lld floats, %lld were counted", (long long)plan->packed_n,
                       (long long)counted);
    return RC_OK;
}

void nn_plan_fini(struct nn_plan *plan)
{
    args_free(plan);
    mem_free(plan->operand);
    mem_free(plan->step);
    mem_free(plan->place);
    mem_free(plan->link);
    mem_free(plan->unit);
    mem_free(plan->fuse);
    ir_fini(&plan->g);
    *plan = (struct nn_plan){0};
}
