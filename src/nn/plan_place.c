/* Places: which tensors share storage, and where each one lies in the arena. */
#include "nn/plan_fast.h"

#include <stdlib.h>

enum { ALIGN = 16, TAIL = 16 }; /* floats */

static int32_t root_of(const struct nn_plan *plan, int32_t tensor)
{
    while (plan->place[tensor].root != tensor)
        tensor = plan->place[tensor].root;
    return tensor;
}

static int32_t last_dim(const struct ir_shape *s)
{
    return s->rank ? s->dim[s->rank - 1] : 1;
}

struct nn_operand plan_operand(const struct nn_plan *plan, int32_t tensor)
{
    const struct plan_place *t = &plan->place[tensor], *r = &plan->place[root_of(plan, tensor)];
    int64_t shift = 0;
    for (int32_t i = tensor; plan->place[i].root != i; i = plan->place[i].root)
        shift += plan->place[i].shift;
    struct nn_operand o = {
        .shape = plan->g.tensor[tensor], .place = r->place, .index = r->index, .offset = r->offset + shift};
    o.pitch = t->pitch ? t->pitch : last_dim(&o.shape);
    return o;
}

static void places_begin(struct nn_plan *plan)
{
    const struct ir_graph *g = &plan->g;
    for (int32_t i = 0; i < g->tensor_n; i++) {
        int64_t n = nn_shape_n(&g->tensor[i]);
        plan->place[i] = (struct plan_place){.root = i, .place = NN_ARENA, .size = n, .first = -1, .last = -1};
    }
    for (int32_t i = 0; i < g->input_n; i++) {
        plan->place[g->input[i]].place = NN_INPUT;
        plan->place[g->input[i]].index = i;
    }
    for (int32_t i = 0; i < g->node_n; i++) {
        if (plan_is_alias(plan, i))
            plan->place[plan_out(g, &g->node[i], 0)].root = root_of(plan, plan_in(g, &g->node[i], 0));
    }
}

/* An output is computed where the caller wants it when nothing else owns its storage. */
static void places_outputs(struct nn_plan *plan)
{
    const struct ir_graph *g = &plan->g;
    for (int32_t i = 0; i < g->output_n; i++) {
        struct plan_place *t = &plan->place[g->output[i]], *r = &plan->place[root_of(plan, g->output[i])];
        if (r->place == NN_ARENA && !t->pitch && !t->shift && r->size == nn_shape_n(&g->tensor[g->output[i]])) {
            r->place = NN_OUTPUT;
            r->index = i;
        }
    }
}

/* ---- concatenation without copying: makers write slices of the whole ---- */

struct readers { /* per tensor */
    bool dense;  /* somebody needs it dense, or it has another name */
    bool made;   /* its maker can write a slice */
};

static void readers_find(const struct nn_plan *plan, struct readers *r)
{
    const struct ir_graph *g = &plan->g;
    for (int32_t u = 0; u < plan->unit_n; u++) {
        const struct plan_unit *unit = &plan->unit[u];
        for (int32_t i = 0; i < unit->in_n; i++)
            r[plan->link[unit->in + i]].dense |= !unit->row || !unit->row->pitched_in;
        for (int32_t i = 0; i < unit->out_n; i++)
            r[plan->link[unit->out + i]].made = unit->row && unit->row->pitched_out && unit->out_n == 1;
    }
    for (int32_t i = 0; i < g->tensor_n; i++) {
        if (plan->place[i].root != i)
            r[i].dense = r[plan->place[i].root].dense = true;
    }
    for (int32_t i = 0; i < g->input_n; i++)
        r[g->input[i]].dense = true;
    for (int32_t i = 0; i < g->output_n; i++)
        r[g->output[i]].dense = true;
}

static bool can_slice(const struct nn_plan *plan, const struct readers *r, const struct plan_unit *concat, int32_t i)
{
    const int32_t t = plan->link[concat->in + i];
    if (r[t].dense || !r[t].made || plan->place[t].root != t)
        return false;
    for (int32_t k = 0; k < concat->in_n; k++) {
        if (k != i && plan->link[concat->in + k] == t)
            return false;
    }
    return true;
}

/* From the last one back, so that a concatenation of concatenations ends in one buffer. */
static enum rc places_slices(struct nn_plan *plan, struct err *e)
{
    struct readers *r = mem_zalloc((size_t)plan->g.tensor_n, sizeof(*r), e);
    if (!r)
        return RC_FAILED;
    readers_find(plan, r);
    for (int32_t u = plan->unit_n - 1; u >= 0; u--) {
        const struct plan_unit *unit = &plan->unit[u];
        if (unit->row != &plan_row_concat)
            continue;
        const int32_t out = plan->link[unit->out];
        const int32_t pitch = plan->place[out].pitch ? plan->place[out].pitch : last_dim(&plan->g.tensor[out]);
        int64_t shift = 0;
        for (int32_t i = 0; i < unit->in_n; i++) {
            const int32_t t = plan->link[unit->in + i];
            if (can_slice(plan, r, unit, i)) {
                plan->place[t].root = out;
                plan->place[t].shift = shift;
                plan->place[t].pitch = pitch;
            }
            shift += last_dim(&plan->g.tensor[t]);
        }
    }
    mem_free(r);
    return RC_OK;
}

static void places_lives(struct nn_plan *plan)
{
    const struct ir_graph *g = &plan->g;
    for (int32_t u = 0; u < plan->unit_n; u++) {
        const struct plan_unit *unit = &plan->unit[u];
        for (int32_t i = 0; i < unit->in_n; i++)
            plan->place[root_of(plan, plan->link[unit->in + i])].last = u;
        for (int32_t i = 0; i < unit->out_n; i++) {
            struct plan_place *r = &plan->place[root_of(plan, plan->link[unit->out + i])];
            if (r->first < 0)
                r->first = u;
            if (r->last < u)
                r->last = u;
        }
    }
    for (int32_t i = 0; i < g->output_n; i++)
        plan->place[root_of(plan, g->output[i])].last = plan->unit_n;
}

struct block {
    int32_t tensor;
    int64_t size, offset;
};

static int by_size(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return x->tensor < y->tensor ? -1 : x->tensor > y->tensor;
}

/* Largest first, each at the lowest offset where no tensor alive at the same time lies. placed[] is kept in order of
 * offset. */
static int64_t place_block(const struct plan_place *place, struct block *placed, int32_t placed_n, struct block b)
{
    const struct plan_place *t = &place[b.tensor];
    int64_t at = 0;
    int32_t i;
    for (i = 0; i < placed_n; i++) {
        const struct plan_place *o = &place[placed[i].tensor];
        if (o->last < t->first || t->last < o->first)
            continue;
        if (placed[i].offset >= at + b.size)
            break;
        if (placed[i].offset + placed[i].size > at)
            at = placed[i].offset + placed[i].size;
    }
    b.offset = at;
    for (i = placed_n; i > 0 && placed[i - 1].offset > at; i--)
        placed[i] = placed[i - 1];
    placed[i] = b;
    return at;
}

static enum rc places_arena(struct nn_plan *plan, struct err *e)
{
    const int32_t n = plan->g.tensor_n;
    struct block *want = mem_zalloc((size_t)n, sizeof(*want), e), *placed = mem_zalloc((size_t)n, sizeof(*placed), e);
    enum rc rc = want && placed ? RC_OK : RC_FAILED;
    int32_t want_n = 0;
    for (int32_t i = 0; !rc && i < n; i++) {
        struct plan_place *t = &plan->place[i];
        if (t->root == i && t->place == NN_ARENA && t->first >= 0)
            want[want_n++] = (struct block){i, (t->size + TAIL + ALIGN - 1) / ALIGN * ALIGN, 0};
    }
    if (!rc)
        qsort(want, (size_t)want_n, sizeof(*want), by_size);
    for (int32_t i = 0; !rc && i < want_n; i++) {
        int64_t at = place_block(plan->place, placed, i, want[i]);
        plan->place[want[i].tensor].offset = at;
        if (at + want[i].size > plan->arena_n)
            plan->arena_n = at + want[i].size;
    }
    if (!rc && plan->arena_n > (int64_t)1 << 32)
        rc = err_set(e, ERR_MODEL_LIMIT, "the network needs %lld MiB of working memory",
                     (long long)(plan->arena_n >> 18));
    mem_free(placed);
    mem_free(want);
    return rc;
}

enum rc plan_places(struct nn_plan *plan, struct err *e)
{
    plan->place = mem_zalloc((size_t)plan->g.tensor_n, sizeof(*plan->place), e);
    if (!plan->place)
        return RC_FAILED;
    places_begin(plan);
    if (places_slices(plan, e))
        return RC_FAILED;
    places_outputs(plan);
    places_lives(plan);
    return places_arena(plan, e);
}
