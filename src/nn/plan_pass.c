/* Passes over the private graph. Each keeps what the network computes; tests compare with NN built plain. */
#include "nn/plan.h"

enum rc plan_pass_all(struct nn_plan *plan, struct err *e)
{
    (void)plan, (void)e;
    return RC_OK;
}
