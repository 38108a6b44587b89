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
/* x * a + b with constants per channel or one for all. */
bool plan_is_scale(const struct nn_plan *plan, int32_t node);
/* The node only renames its input: result and input share storage. */
bool plan_is_alias(const struct nn_plan *plan, int32_t node);

bool plan_transpose_takes(const struct ir_window *w);

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
    int64_t offset;               /* of panel 0 */
    int64_t pre_scale, pre_shift; /* offsets, or -1 */
};
enum rc plan_matrix_pack(struct nn_prepare *p, int32_t node, struct plan_matrix *m, struct err *e) MUST_USE;
/* Depthwise weights, per vector of channels: bias, then taps. Offset in floats. */
enum rc plan_taps_pack(struct nn_prepare *p, int32_t node, int64_t *offset, struct err *e) MUST_USE;
/* n zeros in the packed file: what windows read outside the picture. */
enum rc plan_zeros(struct nn_prepare *p, const struct ir_node *n, size_t count, int64_t *offset,
                   struct err *e) MUST_USE;

struct plan_span {
    int64_t from, to;
};
/* A convolution or dense layer as a product: pixels x channels. */
struct plan_conv {
    const struct kern_isa *k;
    struct op_grid grid;
    struct plan_matrix b;
    int64_t zeros;
    int64_t m; /* pixels, all rows and outer elements */
    int32_t block, m_tiles, n_tiles, panels;
    int32_t taps, tap_k; /* tap_k floats lie together in the input: channels, or a whole row of a narrow window */
    bool edges;          /* narrow window: rows that stick out are copied */
    int64_t pitch, lda;  /* of the input; lda > 0: pixels of the input in order, no window */
    bool pre, relu, gate, residual;
    struct kern_act act;
};
struct plan_conv_job {
    const float *x; /* the whole input */
    struct plan_span m, panels;
    float *c;              /* pixel m.from, channel 0 */
    int64_t ldc, c_step;   /* c_step: see kern_gemm */
    const float *residual; /* pixel m.from */
    int64_t ldr;
    const float *gate;
    void *scratch; /* plan_conv_scratch bytes */
};
enum rc plan_conv_init(struct nn_prepare *p, int32_t node, const struct ir_shape *in, int32_t pitch,
                       const struct ir_shape *out, struct plan_conv *a, struct err *e) MUST_USE;
size_t plan_conv_scratch(const struct plan_conv *a, int64_t pixels);
void plan_conv_run(const struct plan_conv *a, const struct nn_env *env, const struct plan_conv_job *job);

/* A 3x3 convolution that is cheaper by Winograd's way. */
bool plan_is_winograd(const struct nn_plan *plan, int32_t node);

/* Chains: convolution -> depthwise -> pointwise, each the only reader of the one before. Marks fuse.next and fuse.prev.
 */
enum rc plan_chains(struct nn_plan *plan, struct err *e) MUST_USE;

#endif
