/* Recurrent layers on the kernels of the instruction set. */
#include "nn/plan_fast.h"

static enum rc rnn_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    return op_prepare_rnn_on(plan_kern(plan), p, plan_unit_node(plan, u, 0), s, e);
}
const struct plan_row plan_row_rnn = {.name = "gemm_rnn", .prepare = rnn_prepare};
