/* Worker threads of the engine: what exec.c needs besides the door. */
#ifndef CLINIC_NN_POOL_H
#define CLINIC_NN_POOL_H

#include "nn.h"
#include <stdatomic.h>

enum { NN_CACHE_LINE = 64, NN_THREADS_MAX = 256 };

int32_t nn_pool_threads(const struct nn_pool *pool); /* NULL: 1 */
/* Calls fn(ctx, worker) once on every thread, the caller being worker 0, and returns when all have returned. */
void nn_pool_run(struct nn_pool *pool, void (*fn)(void *ctx, int32_t worker), void *ctx);

/* A word that threads wait on: spins for some tens of microseconds, then sleeps in the kernel. */
struct nn_gate {
    _Atomic uint32_t word;
    _Atomic uint32_t sleepers;
};
void nn_gate_wait(struct nn_gate *g, uint32_t old);    /* returns when word differs from old (acquire) */
void nn_gate_raise(struct nn_gate *g, uint32_t value); /* sets it unless it is higher already */
void nn_gate_set(struct nn_gate *g, uint32_t value);   /* release; wakes all sleepers */

#endif
