/* Fast ways to compute nodes: which ones they take, and the rows that prepare them. */
#ifndef CLINIC_NN_PLAN_FAST_H
#define CLINIC_NN_PLAN_FAST_H

#include "nn/kernel/kernels.h"
#include "nn/op/op.h"
#include "nn/plan.h"

struct plan_group {
    const struct plan_row *row;
    int32_t node[PLAN_UNIT_NODES], node_n; /* node_n 0: computed by a later unit */
};
/* Replaces the group of one node by a faster one when there is. */
void plan_fast(const struct nn_plan *plan, int32_t node, struct plan_group *group);
/* A fast row computes this node and honours what is folded into it. */
bool plan_takes(const struct nn_plan *plan, int32_t node);
/* The node only renames its input: result and input share storage. */
bool plan_is_alias(const struct nn_plan *plan, int32_t node);

#define PLAN_ROW(id) extern const struct plan_row plan_row_##id;
#include "nn/plan_rows.def"
#undef PLAN_ROW

/* ---- shared by the rows ---- */
static inline const struct kern_isa *plan_kern(const struct nn_plan *plan)
{
    return kern_isa((int32_t)plan->isa);
}
static inline const struct ir_node *plan_unit_node(const struct nn_plan *plan, const struct plan_unit *u, int32_t i)
{
    return &plan->g.node[u->node[i]];
}

/* Packed product of a CONV or DENSE node: panels with scale, shift and bias of what is folded in. */
struct plan_matrix {
    int64_t kt; /* rows: taps x k */
    int32_t n;
    int64_t offset; /* of panel 0 */
    int64_t pre_scale, pre_shift; /* offsets, or -1 */
};
enum rc plan_matrix_pack(struct nn_prepare *p, int32_t node, struct plan_matrix *m, struct err *e) MUST_USE;
/* Depthwise weights, per vector of channels: bias, then taps. Offset in floats. */
enum rc plan_taps_pack(struct nn_prepare *p, int32_t node, int64_t *offset, struct err *e) MUST_USE;
/* n zeros in the packed file: what windows read outside the picture. */
enum rc plan_zeros(struct nn_prepare *p, const struct ir_node *n, size_t count, int64_t *offset, struct err *e) MUST_USE;

#endif
