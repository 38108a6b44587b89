/* Fast ways: which nodes they take. */
#ifndef CLINIC_NN_PLAN_FAST_H
#define CLINIC_NN_PLAN_FAST_H

#include "nn/plan.h"

struct plan_group {
    const struct plan_row *row;
    int32_t node[PLAN_UNIT_NODES], node_n; /* node_n 0: computed by a later unit */
};
/* Replaces the group of one node by a faster one when there is. */
void plan_fast(const struct nn_plan *plan, int32_t node, struct plan_group *group);
/* The node only renames its input: result and input share storage. */
bool plan_is_alias(const struct nn_plan *plan, int32_t node);

#endif
