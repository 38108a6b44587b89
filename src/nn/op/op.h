/* Shared by the operations in this folder: shape arithmetic, attribute checks, window geometry, small inner loops.
 * Every operation has three functions, named by its row of ir_ops.def:
 *   op_check_X    attribute ranges of one node; the input may be hostile
 *   op_infer_X    shapes; relies on op_check_X having passed
 *   op_prepare_X  the generic scalar form; relies on concrete shapes */
#ifndef CLINIC_NN_OP_H
#define CLINIC_NN_OP_H

#include "nn/ir.h"
#include "nn/kernel/kernels.h"
#include "nn/step.h"

#define IR_OP(id, name, attr, in_min, in_max, out_max, w_min, w_max)                                                   \
    enum rc op_check_##id(const struct ir_graph *g, const struct ir_node *n, struct err *e) MUST_USE;                  \
    enum rc op_infer_##id(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,                \
                          struct ir_shape *out, struct err *e) MUST_USE;                                               \
    enum rc op_prepare_##id(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e) MUST_USE;
#include "nn/ir_ops.def"
#undef IR_OP

enum {
    OP_SIZE_MAX = 1 << 20,      /* kernels, strides, dilations, pads, repeats */
    OP_ELEMENTS_MAX = INT32_MAX /* of one tensor */
};

/* ---- failures: the message begins with the name of the layer ---- */
#define op_fail(g, n, e, code, ...) op_fail_at((g), (n), (e), (code), __func__, __VA_ARGS__)
enum rc op_fail_at(const struct ir_graph *g, const struct ir_node *n, struct err *e, enum err_code code,
                   const char *where, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* "[3,3,?,16]" into dst; returns dst. */
char *op_shape_text(char *dst, size_t cap, const struct ir_shape *s);

/* ---- checks of attributes ---- */
enum rc op_check_range(const struct ir_graph *g, const struct ir_node *n, const char *what, int64_t v, int64_t lo,
                       int64_t hi, struct err *e) MUST_USE;
enum rc op_check_float(const struct ir_graph *g, const struct ir_node *n, const char *what, float v,
                       struct err *e) MUST_USE; /* finite */
enum rc op_check_counts(const struct ir_graph *g, const struct ir_node *n, int32_t in_n, int32_t out_n, int32_t w_n,
                        struct err *e) MUST_USE; /* -1: any */
/* An activation that is fused or a gate: element by element, so GLU is not allowed. */
enum rc op_check_act(const struct ir_graph *g, const struct ir_node *n, const struct ir_act *a, struct err *e) MUST_USE;
enum rc op_check_window(const struct ir_graph *g, const struct ir_node *n, const struct ir_window *w,
                        struct err *e) MUST_USE;

/* ---- shapes ---- */
bool op_shape_known(const struct ir_shape *s);
int64_t op_dims_n(const struct ir_shape *s, int32_t from, int32_t to); /* product of dim[from..to) */
struct ir_shape op_shape(int32_t rank, const int32_t *dim);
/* Rank, dims >= 1 or -1, and the number of elements. Every infer ends with it. */
enum rc op_shape_check(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s,
                       struct err *e) MUST_USE;
/* Stores a computed size; refuses what is no int32 or below 1. */
enum rc op_dim_set(const struct ir_graph *g, const struct ir_node *n, struct ir_shape *s, int32_t axis, int64_t v,
                   struct err *e) MUST_USE;
enum rc op_want_rank(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s, int32_t least,
                     struct err *e) MUST_USE;
enum rc op_want_axis(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s, int32_t axis,
                     struct err *e) MUST_USE;
/* A dim that must be known (channels). */
enum rc op_want_known(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *s, int32_t axis,
                      struct err *e) MUST_USE;
/* Weight i must have this shape (-1 matches any size). */
enum rc op_want_weight(const struct ir_graph *g, const struct ir_node *n, int32_t i, const struct ir_shape *want,
                       struct err *e) MUST_USE;
const struct ir_weight *op_weight(const struct ir_graph *g, const struct ir_node *n, int32_t i);
/* A second input must have this shape (free dims match any size). */
enum rc op_want_shape(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *is,
                      const struct ir_shape *want, const char *what, struct err *e) MUST_USE;
/* NumPy broadcasting of two shapes; a free dim against n > 1 gives n. */
enum rc op_broadcast(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *a,
                     const struct ir_shape *b, struct ir_shape *out, struct err *e) MUST_USE;

/* ---- windows ---- */
/* Output size along one axis; in -1 gives -1. May be <= 0, which op_dim_set refuses. */
int64_t op_window_size(const struct ir_window *w, int32_t i, int64_t in);
/* out: outer axes and spatial axes of a window over in; the channel axis is copied from in. */
enum rc op_window_infer(const struct ir_graph *g, const struct ir_node *n, const struct ir_window *w,
                        const struct ir_shape *in, struct ir_shape *out, struct err *e) MUST_USE;

/* One spatial axis of a window: output o and tap k read input o * stride + k * dilation - pad. */
struct op_axis {
    int32_t in, out, kernel, stride, dilation, pad;
    int32_t low, high; /* explicit zeros: positions -low .. in + high - 1 are cells of value 0, beyond is nothing */
};
/* Always three axes; the ones in front that a 1-D or 2-D window lacks have size 1. */
struct op_grid {
    int64_t outer; /* product of the axes before the spatial ones */
    struct op_axis axis[3];
    int32_t in_channels, out_channels;
};
void op_grid_init(struct op_grid *g, const struct ir_window *w, const struct ir_shape *in, const struct ir_shape *out);
int64_t op_grid_rows(const struct op_grid *g); /* outer x output rows (all but the last spatial axis) */
/* Row number -> which outer element, and the output coordinates of its first two spatial axes. */
struct op_row {
    int64_t outer;
    int32_t o[2];
};
struct op_row op_grid_row(const struct op_grid *g, int64_t row);
/* Input coordinate of output o and tap k; -1 when it is padding. */
static inline int32_t op_axis_at(const struct op_axis *a, int32_t o, int32_t k)
{
    int64_t i = (int64_t)o * a->stride + (int64_t)k * a->dilation - a->pad;
    return i >= 0 && i < a->in ? (int32_t)i : -1;
}
/* Outputs [*lo, *hi) for which tap k reads a real input. */
void op_axis_span(const struct op_axis *a, int32_t k, int32_t *lo, int32_t *hi);
/* Taps [*lo, *hi) of output o that read a real input. */
void op_axis_taps(const struct op_axis *a, int32_t o, int32_t *lo, int32_t *hi);

/* ---- tiles ---- */
/* Splits `items` pieces of work of about `cost` operations each; sets s->tile_n. */
void op_tiles(struct nn_step *s, nn_tile_fn *fn, int64_t items, double cost);
struct op_range {
    int64_t lo, hi;
};
static inline struct op_range op_tile_range(const struct nn_step *s, int64_t items, int32_t tile)
{
    return (struct op_range){items * tile / s->tile_n, items * (tile + 1) / s->tile_n};
}

/* Walks a block of a tensor given by sizes and strides, in row-major order. */
struct op_walk {
    int32_t n;
    int64_t dim[IR_RANK_MAX], stride[IR_RANK_MAX];
};
void op_walk_add(struct op_walk *w, int64_t dim, int64_t stride); /* merges with the axis before where contiguous */
/* The axes of s whose bit in mask equals `set`. */
void op_walk_axes(struct op_walk *w, const struct ir_shape *s, int32_t mask, bool set);
int64_t op_walk_n(const struct op_walk *w);
int64_t op_walk_at(const struct op_walk *w, int64_t i);
/* Takes the last axis off as an inner run: its length, and its stride (1 and 1 for a scalar). */
int64_t op_walk_run(struct op_walk *w, int64_t *stride);

/* ---- inner loops ---- */
/* y[j] += sum over i of x[i] * w[i * pitch + j], j < out_n */
void op_axpy(float *restrict y, const float *restrict x, const float *restrict w, int64_t in_n, int64_t out_n,
             int64_t pitch);
void op_start(float *y, const float *bias, int64_t n); /* y = bias, or 0 when there is none */
void op_add(float *restrict y, const float *restrict x, int64_t n);
float op_dot(const float *restrict a, const float *restrict b, int64_t n);
/* y += the convolution of one picture x; w [k.., Cin, Cout]. Sizes from g, whose outer is not looked at. */
void op_conv_add(const struct op_grid *g, const float *x, const float *w, float *y);
/* RNN with its products and activations on these kernels; NULL: the generic form. */
enum rc op_prepare_rnn_on(const struct kern_isa *k, struct nn_prepare *p, const struct ir_node *n, struct nn_step *s,
                          struct err *e) MUST_USE;

#endif
