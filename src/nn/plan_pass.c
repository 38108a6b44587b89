/* Passes over the private graph: nodes are folded into others. Each keeps what the network computes (up to rounding);
 * tests compare with plain builds. A folded node stays in the graph with fuse.into set and takes part no more. */
#include "nn/plan_fast.h"

#include <math.h>

struct passes {
    struct nn_plan *plan;
    struct err *e;
    int32_t *uses;  /* per tensor: readers, graph outputs included */
    int32_t *maker; /* per tensor: node that makes it, -1 for inputs */
};

static struct ir_node *node_at(const struct passes *p, int32_t i)
{
    return &p->plan->g.node[i];
}

static bool live(const struct passes *p, int32_t i)
{
    return p->plan->fuse[i].into < 0;
}

/* The node that makes input k of node i, when node i is its only reader. */
static int32_t sole_maker(const struct passes *p, int32_t i, int32_t k)
{
    int32_t t = plan_in(&p->plan->g, node_at(p, i), k);
    return p->uses[t] == 1 ? p->maker[t] : -1;
}

/* Node i goes into its maker: the maker makes what i made. */
static void fold_back(struct passes *p, int32_t i, int32_t into)
{
    struct ir_graph *g = &p->plan->g;
    int32_t made = plan_out(g, node_at(p, i), 0);
    g->index[node_at(p, into)->out] = made;
    p->maker[made] = into;
    p->plan->fuse[i].into = into;
}

/* Node i goes into its reader: the reader reads what i read. */
static void fold_forward(struct passes *p, int32_t i, int32_t into, int32_t k)
{
    struct ir_graph *g = &p->plan->g;
    g->index[node_at(p, into)->in + k] = plan_in(g, node_at(p, i), 0);
    p->plan->fuse[i].into = into;
}

static enum rc slice_extend(struct passes *p, int32_t *at, int32_t *n, const int32_t *more, int32_t more_n)
{
    int32_t all[16];
    if (*n + more_n > 16)
        return err_set(p->e, ERR_INTERNAL, "a step with %d operands", (int)(*n + more_n));
    for (int32_t i = 0; i < *n; i++)
        all[i] = p->plan->g.index[*at + i];
    for (int32_t i = 0; i < more_n; i++)
        all[*n + i] = more[i];
    int32_t from = plan_index_add(p->plan, all, *n + more_n, p->e);
    if (from < 0)
        return RC_FAILED;
    *at = from;
    *n += more_n;
    return RC_OK;
}

static struct ir_act *act_of(struct ir_node *n)
{
    switch (n->op) {
    case IR_CONV:
    case IR_DWCONV:
        return &n->u.conv.act;
    case IR_DENSE:
        return &n->u.dense.act;
    case IR_BINARY:
        return &n->u.binary.act;
    default:
        return NULL;
    }
}

static bool is_linear(const struct ir_act *a)
{
    return a && a->fn == IR_FN_LINEAR;
}

/* Zero padding of spatial axes goes into the window of the convolution behind it, or of a maximum over what cannot be
 * negative. */
static enum rc pass_pad(struct passes *p, int32_t i)
{
    const struct ir_node *pad = node_at(p, i);
    const struct ir_graph *g = &p->plan->g;
    if (pad->op != IR_PAD || pad->u.pad.value != 0.0f || p->uses[plan_out(g, pad, 0)] != 1)
        return RC_OK;
    for (int32_t r = i + 1; r < g->node_n; r++) {
        struct ir_node *n = node_at(p, r);
        if (!live(p, r) || plan_in(g, n, 0) != plan_out(g, pad, 0))
            continue;
        if (!(n->op == IR_CONV || n->op == IR_DWCONV) || !plan_takes(p->plan, r))
            return RC_OK;
        struct ir_window *w = &n->u.conv.w;
        int32_t rank = g->tensor[plan_out(g, pad, 0)].rank, first = rank - 1 - w->spatial;
        for (int32_t k = 0; k < rank; k++) {
            if ((k < first || k == rank - 1) && (pad->u.pad.before[k] || pad->u.pad.after[k]))
                return RC_OK;
        }
        for (int32_t k = 0; k < w->spatial; k++) {
            w->before[k] += pad->u.pad.before[first + k];
            w->after[k] += pad->u.pad.after[first + k];
        }
        fold_forward(p, i, r, 0);
        return RC_OK;
    }
    return RC_OK;
}

/* Batch normalisation behind a convolution or dense layer. */
static enum rc pass_affine(struct passes *p, int32_t i)
{
    const struct ir_graph *g = &p->plan->g;
    const struct ir_node *n = node_at(p, i);
    if (n->op != IR_AFFINE || n->u.affine.axis != g->tensor[plan_out(g, n, 0)].rank - 1)
        return RC_OK;
    int32_t m = sole_maker(p, i, 0);
    if (m < 0 || !plan_takes(p->plan, m) || !is_linear(act_of(node_at(p, m))) || node_at(p, m)->op == IR_BINARY ||
        p->plan->fuse[m].affine || p->plan->fuse[m].residual)
        return RC_OK;
    const int32_t w[2] = {g->index[n->w], g->index[n->w + 1]};
    if (slice_extend(p, &node_at(p, m)->w, &node_at(p, m)->w_n, w, 2))
        return RC_FAILED;
    p->plan->fuse[m].affine = true;
    fold_back(p, i, m);
    return RC_OK;
}

static enum rc pass_act(struct passes *p, int32_t i)
{
    const struct ir_node *n = node_at(p, i);
    struct kern_act known;
    if (n->op != IR_ACT || !kern_act_from(&n->u.act, &known))
        return RC_OK;
    int32_t m = sole_maker(p, i, 0);
    if (m < 0 || !plan_takes(p->plan, m) || !is_linear(act_of(node_at(p, m))))
        return RC_OK;
    *act_of(node_at(p, m)) = n->u.act;
    fold_back(p, i, m);
    return RC_OK;
}

static bool same_shape(const struct ir_shape *a, const struct ir_shape *b)
{
    bool same = a->rank == b->rank;
    for (int32_t i = 0; same && i < a->rank; i++)
        same = a->dim[i] == b->dim[i];
    return same;
}

/* Addition of two tensors: into the convolution that makes the later one. */
static enum rc pass_residual(struct passes *p, int32_t i)
{
    const struct ir_graph *g = &p->plan->g;
    const struct ir_node *n = node_at(p, i);
    if (n->op != IR_BINARY || n->u.binary.fn != IR_ADD || n->in_n != 2 || n->w_n || n->u.binary.has_scalar)
        return RC_OK;
    int32_t a = plan_in(g, n, 0), b = plan_in(g, n, 1);
    if (a == b || !same_shape(&g->tensor[a], &g->tensor[b]))
        return RC_OK;
    int32_t k = p->maker[a] > p->maker[b] ? 0 : 1, m = sole_maker(p, i, k), other = k ? a : b;
    if (m < 0 || p->maker[other] >= m)
        return RC_OK;
    struct ir_node *to = node_at(p, m);
    if ((to->op != IR_CONV && to->op != IR_DENSE) || !plan_takes(p->plan, m) || !is_linear(act_of(to)) ||
        p->plan->fuse[m].residual)
        return RC_OK;
    if (slice_extend(p, &to->in, &to->in_n, &other, 1))
        return RC_FAILED;
    *act_of(to) = n->u.binary.act;
    p->plan->fuse[m].residual = true;
    fold_back(p, i, m);
    return RC_OK;
}

static bool is_pointwise(const struct ir_node *n)
{
    bool one = n->op == IR_CONV && n->in_n == 1;
    for (int32_t k = 0; one && k < n->u.conv.w.spatial; k++)
        one =
            n->u.conv.w.kernel[k] == 1 && n->u.conv.w.stride[k] == 1 && !n->u.conv.w.before[k] && !n->u.conv.w.after[k];
    return one;
}

static bool is_relu(const struct ir_act *a)
{
    struct kern_act k;
    return kern_act_from(a, &k) && k.fn == KERN_CLAMP && k.a == 0.0f && k.b == INFINITY;
}

/* Batch normalisation and ReLU in front of a pointwise convolution (DenseNet): applied to the rows the product reads.
 */
static enum rc pass_pre(struct passes *p, int32_t i)
{
    struct ir_node *n = node_at(p, i);
    const struct ir_graph *g = &p->plan->g;
    if (!is_pointwise(n) || !plan_takes(p->plan, i))
        return RC_OK;
    int32_t act = sole_maker(p, i, 0), affine = act;
    if (act < 0)
        return RC_OK;
    bool relu = node_at(p, act)->op == IR_ACT && is_relu(&node_at(p, act)->u.act);
    if (relu)
        affine = sole_maker(p, act, 0);
    if (affine < 0)
        return RC_OK;
    const struct ir_node *a = node_at(p, affine);
    if (a->op != IR_AFFINE || a->u.affine.axis != g->tensor[plan_out(g, a, 0)].rank - 1)
        return RC_OK;
    const int32_t w[2] = {g->index[a->w], g->index[a->w + 1]};
    if (slice_extend(p, &n->w, &n->w_n, w, 2))
        return RC_FAILED;
    g->index[n->in] = plan_in(g, a, 0);
    p->plan->fuse[i].pre_affine = true;
    p->plan->fuse[i].pre_relu = relu;
    p->plan->fuse[affine].into = i;
    p->plan->fuse[act].into = i;
    return RC_OK;
}

/* Zero padding in front of a maximum over what cannot be negative: the window skips what lies outside. */
static enum rc pass_pool_pad(struct passes *p, int32_t i)
{
    const struct ir_graph *g = &p->plan->g;
    struct ir_node *n = node_at(p, i);
    if (n->op != IR_POOL || n->u.pool.kind != IR_REDUCE_MAX || n->u.pool.w.mode != IR_PAD_VALID ||
        !plan_takes(p->plan, i))
        return RC_OK;
    int32_t m = sole_maker(p, i, 0),
            below = m < 0 || node_at(p, m)->op != IR_PAD ? -1 : p->maker[plan_in(g, node_at(p, m), 0)];
    const struct ir_act *act = below < 0 ? NULL : act_of(node_at(p, below));
    struct kern_act k;
    if (!act || !kern_act_from(act, &k) || k.fn != KERN_CLAMP || !(k.a >= 0.0f) || !plan_takes(p->plan, below))
        return RC_OK;
    const struct ir_pad_attr *pad = &node_at(p, m)->u.pad;
    struct ir_window *w = &n->u.pool.w;
    const int32_t rank = g->tensor[plan_in(g, n, 0)].rank, first = rank - 1 - w->spatial;
    for (int32_t k2 = 0; k2 < rank; k2++) {
        const bool inside = k2 >= first && k2 < rank - 1;
        const int32_t most = inside ? w->kernel[k2 - first] - 1 : 0;
        if (pad->value != 0.0f || pad->before[k2] > most || pad->after[k2] > most)
            return RC_OK;
    }
    for (int32_t k2 = 0; k2 < w->spatial; k2++) {
        w->before[k2] = pad->before[first + k2];
        w->after[k2] = pad->after[first + k2];
    }
    p->plan->fuse[i].from_zero = true;
    fold_forward(p, m, i, 0);
    return RC_OK;
}

/* Multiplication by one number per channel (squeeze-and-excite) in front of a pointwise convolution. */
static enum rc pass_gate(struct passes *p, int32_t i)
{
    struct ir_node *n = node_at(p, i);
    const struct ir_graph *g = &p->plan->g;
    const struct plan_fuse *f = &p->plan->fuse[i];
    bool pointwise = n->op == IR_CONV && plan_takes(p->plan, i) && !f->gate && !f->pre_affine;
    for (int32_t k = 0; pointwise && k < n->u.conv.w.spatial; k++)
        pointwise =
            n->u.conv.w.kernel[k] == 1 && n->u.conv.w.stride[k] == 1 && !n->u.conv.w.before[k] && !n->u.conv.w.after[k];
    int32_t m = pointwise ? sole_maker(p, i, 0) : -1;
    if (m < 0)
        return RC_OK;
    const struct ir_node *mul = node_at(p, m);
    if (mul->op != IR_BINARY || mul->u.binary.fn != IR_MUL || mul->in_n != 2 || mul->w_n || mul->u.binary.has_scalar ||
        !is_linear(&mul->u.binary.act))
        return RC_OK;
    for (int32_t k = 0; k < 2; k++) {
        int32_t x = plan_in(g, mul, k), s = plan_in(g, mul, 1 - k);
        const struct ir_shape *xs = &g->tensor[x], *ss = &g->tensor[s];
        if (!same_shape(xs, &g->tensor[plan_out(g, mul, 0)]) || nn_shape_n(ss) != xs->dim[xs->rank - 1] ||
            ss->dim[ss->rank - 1] != xs->dim[xs->rank - 1] || x == s)
            continue;
        if (slice_extend(p, &n->in, &n->in_n, &s, 1))
            return RC_FAILED;
        g->index[n->in] = x;
        p->plan->fuse[i].gate = true;
        p->plan->fuse[m].into = i;
        return RC_OK;
    }
    return RC_OK;
}

/* A convolution with one input channel per group is a depthwise one; its weights [k.., 1, C*m] lie as [k.., C, m]. */
static enum rc pass_depthwise(struct passes *p, int32_t i)
{
    struct ir_node *n = node_at(p, i);
    if (n->op != IR_CONV || n->in_n != 1 || n->u.conv.groups == 1)
        return RC_OK;
    const struct ir_shape *x = &p->plan->g.tensor[plan_in(&p->plan->g, n, 0)];
    if (n->u.conv.groups == x->dim[x->rank - 1]) {
        n->op = IR_DWCONV;
        n->u.conv.groups = 1;
    }
    return RC_OK;
}

/* Runs of additions and multiplications by constants (rescaling, normalisation of the input): computed as one. */
static enum rc pass_scale(struct passes *p, int32_t i)
{
    if (!plan_is_scale(p->plan, i))
        return RC_OK;
    const int32_t m = sole_maker(p, i, 0);
    if (m < 0 || !plan_is_scale(p->plan, m))
        return RC_OK;
    int32_t first = m, n = 2;
    for (; p->plan->fuse[first].prev >= 0; n++)
        first = p->plan->fuse[first].prev;
    const struct ir_node *from = node_at(p, i);
    struct ir_node *head = node_at(p, first);
    if (n > PLAN_UNIT_NODES || head->w_n + from->w_n > 16)
        return RC_OK;
    int32_t w[2] = {0};
    for (int32_t k = 0; k < from->w_n; k++)
        w[k] = p->plan->g.index[from->w + k];
    if (slice_extend(p, &head->w, &head->w_n, w, from->w_n))
        return RC_FAILED;
    p->plan->fuse[m].next = i;
    p->plan->fuse[i].prev = m;
    return RC_OK;
}

/* In this order, each over the whole graph. */
static enum rc (*const passes[])(struct passes *p, int32_t node) = {
    pass_depthwise, pass_pad, pass_affine, pass_act,      pass_residual,
    pass_act,       pass_pre, pass_gate,   pass_pool_pad, pass_scale,
};

enum rc plan_pass_all(struct nn_plan *plan, struct err *e)
{
    const struct ir_graph *g = &plan->g;
    struct passes p = {.plan = plan, .e = e};
    p.uses = mem_zalloc((size_t)g->tensor_n, sizeof(*p.uses), e);
    p.maker = mem_zalloc((size_t)g->tensor_n, sizeof(*p.maker), e);
    enum rc rc = p.uses && p.maker ? RC_OK : RC_FAILED;
    for (int32_t i = 0; !rc && i < g->tensor_n; i++)
        p.maker[i] = -1;
    for (int32_t i = 0; !rc && i < g->node_n; i++) {
        for (int32_t k = 0; k < g->node[i].in_n; k++)
            p.uses[plan_in(g, &g->node[i], k)]++;
        for (int32_t k = 0; k < g->node[i].out_n; k++)
            p.maker[plan_out(g, &g->node[i], k)] = i;
    }
    for (int32_t i = 0; !rc && i < g->output_n; i++)
        p.uses[g->output[i]]++;
    for (size_t k = 0; k < sizeof(passes) / sizeof(*passes); k++) {
        for (int32_t i = 0; !rc && i < g->node_n; i++) {
            if (live(&p, i))
                rc = passes[k](&p, i);
        }
    }
    mem_free(p.maker);
    mem_free(p.uses);
    return rc;
}
