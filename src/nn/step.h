/* Between the planner and the operations. A plan is a list of steps; a step is `tile_n` independent pieces of work that
 * any worker may compute in any order, with a barrier between steps, so that results do not depend on the number of
 * threads. Everything that can fail happens in prepare; tiles cannot fail, allocate or call the system. */
#ifndef CLINIC_NN_STEP_H
#define CLINIC_NN_STEP_H

#include "nn/ir.h"

enum nn_place { NN_ARENA, NN_INPUT, NN_OUTPUT, NN_PACKED };
struct nn_operand {
    struct ir_shape shape; /* concrete */
    int32_t place;         /* enum nn_place */
    int32_t index;         /* NN_INPUT, NN_OUTPUT: which */
    int64_t offset;        /* NN_ARENA, NN_PACKED: floats from the base; 64-byte aligned for whole tensors */
    /* Floats between neighbours along the axis before the last; = last dim when dense. Generic operations always get
     * dense operands; kernels that declare pitched = true may get channel slices of a larger tensor (concatenation
     * without copying). */
    int32_t pitch;
};
/* Arena tensors are followed by at least 64 readable bytes. */

struct nn_carry;
struct nn_env { /* one run */
    float *arena;
    const float *packed;
    const float *const *input;
    float *const *output;
    float *const *scratch;  /* per worker, as many bytes as nn_want_scratch asked for, 64-byte aligned */
    struct nn_carry *carry; /* per worker */
};
/* Lets a tile reuse what the same worker's previous tile of the same step left in its scratch (rows that overlap). */
struct nn_carry {
    _Alignas(64) int32_t tile; /* set by the tile function; -1 at the start of each step */
};
struct nn_step;
typedef void nn_tile_fn(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker);
struct nn_step {
    nn_tile_fn *tile;
    int32_t tile_n;
    int32_t node; /* of the graph, for labels and timing */
    int32_t in_n, out_n;
    struct nn_operand *in, *out;
    const void *args;   /* the operation's own plain data, from nn_args */
    double flops;       /* 2 x multiply-adds, for reports */
    const char *kernel; /* name of the chosen kernel row, or "generic" */
};

static inline float *nn_at(const struct nn_env *env, const struct nn_operand *o)
{
    switch (o->place) {
    case NN_ARENA:
        return env->arena + o->offset;
    case NN_OUTPUT:
        return env->output[o->index];
    case NN_INPUT:
        return (float *)(uintptr_t)env->input[o->index];
    default:
        return (float *)(uintptr_t)(env->packed + o->offset);
    }
}
int64_t nn_shape_n(const struct ir_shape *s); /* elements; 1 for rank 0 */

/* Services for prepare. While a network is being packed, weights hold the raw float32 data and nn_pack writes; when it
 * is opened from a packed file the same sequence of calls hands out the same offsets and fills nothing: prepare must
 * ask in the same order both times and never look at weight values to decide. */
struct nn_prepare;
const struct ir_graph *nn_prepare_graph(const struct nn_prepare *p);
void *nn_args(struct nn_prepare *p, size_t bytes, struct err *e) MUST_USE; /* zeroed, lives as long as the plan */
enum rc nn_want_scratch(struct nn_prepare *p, size_t bytes,
                        struct err *e) MUST_USE; /* per worker; the largest wish counts */
typedef void nn_fill_fn(float *to, const float *const *weight,
                        const void *ctx); /* weight[i]: raw data of the node's weight i */
/* Reserves n floats (64-byte aligned) in the packed file and lets fill write them when packing. Offset in floats. */
enum rc nn_pack(struct nn_prepare *p, const struct ir_node *n, size_t count, nn_fill_fn *fill, const void *ctx,
                int64_t *offset, struct err *e) MUST_USE;
/* Weight i of node n as it is (shape order). */
enum rc nn_pack_raw(struct nn_prepare *p, const struct ir_node *n, int32_t i, int64_t *offset, struct err *e) MUST_USE;

/* One row per IR operation: nn/op/<name>.c, table nn/op/table.c from ir_ops.def. */
struct nn_op {
    const char *name;
    enum rc (*infer)(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in, struct ir_shape *out,
                     struct err *e);
    enum rc (*check)(const struct ir_graph *g, const struct ir_node *n,
                     struct err *e); /* attribute ranges, for ir_read */
    /* generic form: sets s->tile, tile_n, args, flops. s->in/out are set already. */
    enum rc (*prepare)(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e);
};
extern const struct nn_op nn_ops[IR_OP_N];

/* Element-wise functions, shared by ACT, RNN gates, fused kernels (scalar form; the reference for the vector rows). */
float nn_fn_apply(const struct ir_act *a, float x);
void nn_fn_apply_n(const struct ir_act *a, const float *x, float *y, int64_t n);

#endif
