/* A network in memory: what packed.c makes and exec.c runs. */
#ifndef CLINIC_NN_NET_H
#define CLINIC_NN_NET_H

#include "nn/plan.h"

enum {
    NN_PACK_FORMAT = 5
}; /* raised when the file's own layout changes; weight order and passes are told apart by
    * NN_SOURCES, the hash of the engine's sources that the Makefile puts into packed.c */

struct nn_net {
    struct ir_graph g; /* as imported, shapes inferred; names live in its text */
    struct nn_plan plan;
    const float *packed;
    void *map; /* of a packed file, or NULL */
    size_t map_bytes;
    float *owned; /* packed area without a file */
    struct nn_info info;
    void *info_memory[6];
};

/* From a graph as read (taken over, also on failure): infers shapes unless they are known, plans, describes. */
enum rc nn_net_make(struct nn_net *net, struct ir_graph *g, const struct nn_build *b, struct err *e) MUST_USE;
void nn_net_fini(struct nn_net *net);
enum rc nn_net_describe(struct nn_net *net, const struct nn_shape *declared, struct err *e) MUST_USE;

#endif
