#include "nn/plan_fast.h"

bool plan_is_alias(const struct nn_plan *plan, int32_t node)
{
    int32_t op = plan->g.node[node].op;
    return !plan->plain && (op == IR_RESHAPE || op == IR_COPY);
}

static const struct ir_shape *in_shape(const struct ir_graph *g, const struct ir_node *n, int32_t i)
{
    return &g->tensor[plan_in(g, n, i)];
}

static int32_t channels_of(const struct ir_shape *s)
{
    return s->dim[s->rank - 1];
}

static bool act_known(const struct ir_act *a)
{
    struct kern_act k;
    return kern_act_from(a, &k);
}

static int64_t taps_of(const struct ir_window *w, int32_t axes)
{
    int64_t n = 1;
    for (int32_t i = 0; i < axes; i++)
        n *= w->kernel[i];
    return n;
}

static bool same_as_output(const struct ir_graph *g, const struct ir_node *n, int32_t i)
{
    const struct ir_shape *a = in_shape(g, n, i), *b = &g->tensor[plan_out(g, n, 0)];
    bool same = a->rank == b->rank;
    for (int32_t k = 0; same && k < a->rank; k++)
        same = a->dim[k] == b->dim[k];
    return same;
}

static bool takes_binary(const struct ir_graph *g, const struct ir_node *n)
{
    const struct ir_binary *b = &n->u.binary;
    bool fn = b->fn == IR_ADD || b->fn == IR_SUB || b->fn == IR_MUL || b->fn == IR_MAX || b->fn == IR_MIN;
    return fn && n->in_n == 2 && !n->w_n && !b->has_scalar && act_known(&b->act) && same_as_output(g, n, 0) &&
           same_as_output(g, n, 1);
}

/* x [.., C] times one number per channel. */
static bool takes_gate(const struct ir_graph *g, const struct ir_node *n)
{
    const struct ir_binary *b = &n->u.binary;
    if (b->fn != IR_MUL || n->in_n != 2 || n->w_n || b->has_scalar || !act_known(&b->act) || !same_as_output(g, n, 0))
        return false;
    const struct ir_shape *x = in_shape(g, n, 0), *s = in_shape(g, n, 1);
    return s->rank && x->rank && nn_shape_n(s) == x->dim[x->rank - 1] && s->dim[s->rank - 1] == x->dim[x->rank - 1];
}

bool plan_is_scale(const struct nn_plan *plan, int32_t node)
{
    const struct ir_graph *g = &plan->g;
    const struct ir_node *n = &g->node[node];
    const struct ir_binary *b = &n->u.binary;
    if (plan->plain || n->op != IR_BINARY || n->in_n != 1 || b->act.fn != IR_FN_LINEAR || !same_as_output(g, n, 0))
        return false;
    if (!(b->fn == IR_ADD || b->fn == IR_MUL || b->fn == IR_SUB || (b->fn == IR_DIV && !b->scalar_first)))
        return false;
    if (!n->w_n)
        return b->has_scalar;
    const struct ir_shape *x = in_shape(g, n, 0), *w = &plan_weight(g, n, 0)->shape;
    const int64_t c = nn_shape_n(w);
    return !b->has_scalar && (c == 1 || (w->rank && x->rank && c == w->dim[w->rank - 1] && c == x->dim[x->rank - 1]));
}

static const struct plan_row *row_of(const struct nn_plan *plan, int32_t node)
{
    enum { ROW_TAPS = KERN_TAPS_MAX };
    const struct ir_graph *g = &plan->g;
    const struct ir_node *n = &g->node[node];
    switch (n->op) {
    case IR_CONV:
        return n->u.conv.groups == 1 && act_known(&n->u.conv.act) && taps_of(&n->u.conv.w, n->u.conv.w.spatial) <= 4096
                   ? &plan_row_conv
                   : NULL;
    case IR_DWCONV:
        return act_known(&n->u.conv.act) && taps_of(&n->u.conv.w, n->u.conv.w.spatial - 1) <= ROW_TAPS &&
                       nn_shape_n(&plan_weight(g, n, 0)->shape) ==
                           taps_of(&n->u.conv.w, n->u.conv.w.spatial) * channels_of(in_shape(g, n, 0))
                   ? &plan_row_depthwise
                   : NULL;
    case IR_DENSE:
        return act_known(&n->u.dense.act) ? &plan_row_dense : NULL;
    case IR_RNN:
        return &plan_row_rnn;
    case IR_CONV_TRANSPOSE:
        return plan_transpose_takes(&n->u.conv_transpose.w) ? &plan_row_transpose : NULL;
    case IR_POOL: {
        const struct ir_window *w = &n->u.pool.w;
        bool plain = taps_of(w, w->spatial - 1) <= ROW_TAPS;
        for (int32_t i = 0; i < w->spatial; i++)
            plain = plain && ((!w->before[i] && !w->after[i]) || plan->fuse[node].from_zero);
        return plain ? &plan_row_pool : NULL;
    }
    case IR_GLOBAL_POOL:
        return !n->u.global_pool.has_mask && in_shape(g, n, 0)->rank == n->u.global_pool.spatial + 1
                   ? &plan_row_global_pool
                   : NULL;
    case IR_ACT:
        return act_known(&n->u.act) ? &plan_row_act : NULL;
    case IR_AFFINE:
        return n->u.affine.axis == in_shape(g, n, 0)->rank - 1 ? &plan_row_affine : NULL;
    case IR_CONCAT:
        return n->u.axis.axis == g->tensor[plan_out(g, n, 0)].rank - 1 ? &plan_row_concat : NULL;
    case IR_BINARY:
        return plan_is_scale(plan, node) ? &plan_row_scale
               : takes_binary(g, n)      ? &plan_row_binary
               : takes_gate(g, n)        ? &plan_row_gate
                                         : NULL;
    case IR_SOFTMAX:
        return n->in_n == 1 && !n->u.softmax.log && n->u.softmax.axes_mask == 1 << (in_shape(g, n, 0)->rank - 1)
                   ? &plan_row_softmax
                   : NULL;
    default:
        return NULL;
    }
}

bool plan_takes(const struct nn_plan *plan, int32_t node)
{
    return !plan->plain && row_of(plan, node) != NULL;
}

void plan_fast(const struct nn_plan *plan, int32_t node, struct plan_group *group)
{
    const struct plan_fuse *fuse = plan->fuse;
    if (fuse[node].next >= 0) {
        group->node_n = 0;
        return;
    }
    if (fuse[node].prev < 0) {
        group->row = plan_is_winograd(plan, node) ? &plan_row_winograd : row_of(plan, node);
        return;
    }
    int32_t first = node;
    while (fuse[first].prev >= 0)
        first = fuse[first].prev;
    group->row = plan->g.node[node].op == IR_BINARY ? &plan_row_scale : &plan_row_chain;
    group->node_n = 0;
    for (int32_t i = first; i >= 0; i = fuse[i].next)
        group->node[group->node_n++] = i;
}
