/* From a graph to a list of steps. The planner works on a private copy of the graph: passes fold nodes into others
 * (plan_pass*.c), what is left becomes units (plan_unit.c), tensors get places (plan_place.c), units prepare their
 * steps. Everything is a pure function of graph, instruction set and build flags: the same when packing and when
 * opening. */
#ifndef CLINIC_NN_PLAN_H
#define CLINIC_NN_PLAN_H

#include "nn.h"
#include "nn/step.h"

/* What passes folded into a node. Weights follow those of the operation itself, in the order of the members here;
 * inputs follow the first one. y = act((conv(pre(x) * gate) + bias) * scale + shift + residual) */
struct plan_fuse {
    bool affine;        /* weights scale [C], shift [C] of the result */
    bool pre_affine;    /* weights scale [K], shift [K] of the input channels */
    bool pre_relu;      /* max(0, .) of the input after pre_affine */
    bool residual;      /* input: a tensor of the result's shape */
    bool gate;          /* input: a tensor [K] that multiplies the input channels (squeeze-and-excite) */
    bool from_zero;     /* POOL: nothing in the input is negative, zeros around it count as the lowest value */
    int32_t into;       /* the node this one was folded into, or -1 */
    int32_t prev, next; /* neighbours in a chain computed as one step, or -1 */
};

struct plan_unit;
/* A way to compute one or several nodes in one step. */
struct plan_row {
    const char *name;
    bool pitched_in, pitched_out; /* takes, makes channel slices of wider tensors */
    enum rc (*prepare)(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e);
};

enum { PLAN_UNIT_NODES = 8 };
struct plan_unit {
    const struct plan_row *row;            /* NULL: the operation's generic form */
    int32_t node[PLAN_UNIT_NODES], node_n; /* the last one makes the result */
    int32_t in, in_n, out, out_n;          /* slices of plan->link: tensor numbers */
};

struct plan_place {       /* of a tensor */
    int32_t root;         /* tensor that owns the storage; itself unless an alias */
    int64_t shift;        /* floats into the root */
    int32_t pitch;        /* 0: dense */
    int32_t place, index; /* of the root */
    int64_t offset;       /* of the root, floats */
    int64_t size;         /* of the root, floats */
    int32_t first, last;  /* of the root: units that make and last use it; first -1: not stored */
};

struct nn_plan {
    struct ir_graph g; /* owned copy; weights by number, without data */
    size_t index_cap;
    struct plan_fuse *fuse; /* per node */
    enum nn_isa isa;
    bool plain; /* no passes, generic operations only */
    struct plan_unit *unit;
    int32_t unit_n;
    int32_t *link;
    size_t link_n, link_cap, unit_cap;
    struct plan_place *place; /* per tensor */
    struct nn_step *step;     /* per unit, then copies of outputs */
    int32_t step_n;
    struct nn_operand *operand;
    struct plan_chunk *args;   /* memory of nn_args */
    int64_t arena_n, packed_n; /* floats */
    size_t scratch_bytes;
};

/* Takes over g (also on failure). Shapes must be inferred. After it step[] is set for a packed area that starts
 * anywhere. */
enum rc nn_plan_make(struct nn_plan *plan, struct ir_graph *g, enum nn_isa isa, bool plain, struct err *e) MUST_USE;
/* Writes packed_n floats to dst from raw, the weight data of the neutral file; sets the steps again. */
enum rc nn_plan_fill(struct nn_plan *plan, const float *raw, float *dst, struct err *e) MUST_USE;
void nn_plan_fini(struct nn_plan *plan);

enum rc plan_pass_all(struct nn_plan *plan, struct err *e) MUST_USE;
enum rc plan_units(struct nn_plan *plan, struct err *e) MUST_USE;
enum rc plan_places(struct nn_plan *plan, struct err *e) MUST_USE;
struct nn_operand plan_operand(const struct nn_plan *plan, int32_t tensor);
/* Appends n numbers to g.index; where they start, or -1. */
int32_t plan_index_add(struct nn_plan *plan, const int32_t *v, int32_t n, struct err *e);

struct nn_prepare {
    struct nn_plan *plan;
    const float *raw; /* NULL: only count */
    float *dst;
    int64_t cursor; /* floats */
};
const struct nn_plan *nn_prepare_plan(const struct nn_prepare *p);

/* Multiply-adds of a node. */
double plan_node_macs(const struct ir_graph *g, const struct ir_node *n);

static inline int32_t plan_in(const struct ir_graph *g, const struct ir_node *n, int32_t i)
{
    return g->index[n->in + i];
}
static inline int32_t plan_out(const struct ir_graph *g, const struct ir_node *n, int32_t i)
{
    return g->index[n->out + i];
}
static inline const struct ir_weight *plan_weight(const struct ir_graph *g, const struct ir_node *n, int32_t i)
{
    return &g->weight[g->index[n->w + i]];
}

#endif
