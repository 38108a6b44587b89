/* Units: which nodes are computed together, and by which row. */
#include "nn/plan_fast.h"

static enum rc link_add(struct nn_plan *plan, int32_t tensor, struct err *e)
{
    if (mem_grow(&plan->link, &plan->link_cap, plan->link_n + 1, sizeof(*plan->link), e))
        return RC_FAILED;
    plan->link[plan->link_n++] = tensor;
    return RC_OK;
}

static enum rc unit_add(struct nn_plan *plan, const struct plan_group *group, struct err *e)
{
    const struct ir_graph *g = &plan->g;
    struct plan_unit u = {.row = group->row, .node_n = group->node_n, .in = (int32_t)plan->link_n};
    const struct ir_node *first = &g->node[group->node[0]], *last = &g->node[group->node[group->node_n - 1]];
    for (int32_t i = 0; i < group->node_n; i++)
        u.node[i] = group->node[i];
    for (int32_t i = 0; i < first->in_n; i++) {
        if (link_add(plan, plan_in(g, first, i), e))
            return RC_FAILED;
    }
    /* Further inputs of later members: what they read besides the chain itself. */
    for (int32_t k = 1; k < group->node_n; k++) {
        const struct ir_node *n = &g->node[group->node[k]];
        for (int32_t i = 1; i < n->in_n; i++) {
            if (link_add(plan, plan_in(g, n, i), e))
                return RC_FAILED;
        }
    }
    u.in_n = (int32_t)plan->link_n - u.in;
    u.out = (int32_t)plan->link_n;
    for (int32_t i = 0; i < last->out_n; i++) {
        if (link_add(plan, plan_out(g, last, i), e))
            return RC_FAILED;
    }
    u.out_n = (int32_t)plan->link_n - u.out;
    if (mem_grow(&plan->unit, &plan->unit_cap, (size_t)plan->unit_n + 1, sizeof(*plan->unit), e))
        return RC_FAILED;
    plan->unit[plan->unit_n++] = u;
    return RC_OK;
}

enum rc plan_units(struct nn_plan *plan, struct err *e)
{
    for (int32_t i = 0; i < plan->g.node_n; i++) {
        struct plan_group group = {.node = {i}, .node_n = 1};
        if (plan->fuse[i].into >= 0 || plan_is_alias(plan, i))
            continue;
        if (!plan->plain)
            plan_fast(plan, i, &group);
        if (group.node_n && unit_add(plan, &group, e))
            return RC_FAILED;
    }
    return RC_OK;
}
