/* The neutral form of a network: primitive operations on float32 tensors, plain numbers only. The cage lowers Keras
 * layers to it (nn/import); the parent checks it field by field (ir_read), infers shapes, plans and runs it.
 *
 * Conventions
 * - The batch axis is not part of any shape: a network is planned for one picture, a batch is a loop.
 * - Tensors are row-major with channels last (NHWC); channels_first layers are lowered with PERMUTE around them.
 * - "outer axes": an operation that needs k trailing axes treats all axes before them as further batch axes. That is
 * how TimeDistributed and Dense on 3-D inputs are expressed; axis numbers in attributes are counted from 0 of the
 * tensor (batch not counted), never negative.
 * - dim -1 is free (None in Keras): concrete after nn_infer with given input shapes.
 * - Masks are ordinary tensors of 0 and 1 with shape [T] (plus outer axes).
 * - Attributes are POD of int32_t and float, zero-filled, so that a node can be compared, hashed and stored as bytes.
 */
#ifndef CLINIC_NN_IR_H
#define CLINIC_NN_IR_H

#include "base/mem.h"

enum {
    IR_RANK_MAX = 6,
    IR_SPATIAL_MAX = 3,
    IR_NODE_MAX = 20000,
    IR_TENSOR_MAX = 40000,
    IR_WEIGHT_MAX = 40000,
    IR_FORMAT = 2,
};

enum ir_op {
#define IR_OP(id, name, attr, in_min, in_max, out_max, w_min, w_max) IR_##id,
#include "nn/ir_ops.def"
#undef IR_OP
    IR_OP_N
};

struct ir_shape {
    int32_t rank;             /* 0..IR_RANK_MAX */
    int32_t dim[IR_RANK_MAX]; /* >= 1, or -1: free */
};

/* ---- attributes, one struct per operation ---- */
enum ir_fn {
#define IR_FN(id, name) IR_FN_##id,
#include "nn/ir_fns.def"
#undef IR_FN
    IR_FN_N
};
struct ir_act { /* y = fn(x; a, b, c): meaning of a, b, c in ir_fns.def */
    int32_t fn; /* enum ir_fn */
    float a, b, c;
};
enum ir_pad_mode { IR_PAD_VALID, IR_PAD_SAME, IR_PAD_CAUSAL };
struct ir_window {   /* convolutions and pooling over `spatial` axes just before the channel axis */
    int32_t spatial; /* 1..3 */
    int32_t kernel[IR_SPATIAL_MAX], stride[IR_SPATIAL_MAX], dilation[IR_SPATIAL_MAX];
    int32_t
        mode; /* enum ir_pad_mode: SAME as TensorFlow (more at the end), CAUSAL: (k-1)*d in front of the first axis */
    int32_t before[IR_SPATIAL_MAX],
        after[IR_SPATIAL_MAX]; /* zeros added first (a folded ZeroPadding; importers leave 0) */
};
struct ir_conv {
    struct ir_window w;
    int32_t groups, has_bias;
    struct ir_act act;
};
/* CONV   w0 [k..., Cin/groups, Cout], w1 bias [Cout].   DWCONV  w0 [k..., Cin, mult], w1 bias [Cin*mult].
 * act is the fused activation: importers emit LINEAR and a separate ACT node; the planner fuses. A second input of CONV
 * (planner only) is added before act. */
struct ir_conv_transpose {
    struct ir_window w;
    int32_t has_bias, output_padding[IR_SPATIAL_MAX], has_output_padding;
};
/* w0 [k..., Cout, Cin] (Keras order), w1 bias [Cout]; output size by Keras' deconv_output_length. */
struct ir_local {
    struct ir_window w;
    int32_t has_bias, implementation;
};
/* LocallyConnected1D/2D: w0 by implementation, 1: [positions, k...*Cin, Cout]; 2 and 3 as nn/op/local.c says;
 * w1 bias [out..., Cout] */
struct ir_dense {
    int32_t units, has_bias;
    struct ir_act act;
}; /* w0 [K, units] on the last axis, w1 bias [units] */
enum ir_reduce { IR_REDUCE_MAX, IR_REDUCE_AVG, IR_REDUCE_SUM, IR_REDUCE_MIN, IR_REDUCE_PROD };
struct ir_pool {
    struct ir_window w;
    int32_t kind;
}; /* enum ir_reduce MAX or AVG; averages count real cells only */
struct ir_global_pool {
    int32_t spatial, kind, keep_dims, has_mask;
}; /* in: x, [mask over the one spatial axis] */
struct ir_softmax {
    int32_t axes_mask, log;
}; /* bit i: axis i takes part */
struct ir_prelu {
    int32_t shared_mask;
}; /* w0 alpha, broadcast where bit i (axis i) is set */
struct ir_affine {
    int32_t axis;
}; /* y = x*w0[c] + w1[c] along axis (BatchNormalization folded in double) */
enum ir_norm_kind { IR_NORM_LAYER, IR_NORM_GROUP, IR_NORM_UNIT };
struct ir_norm {
    int32_t kind, axes_mask, groups, axis, has_scale, has_offset;
    float eps;
};
/* LAYER: over axes_mask, gamma/beta have the shape of those axes. GROUP: channels on `axis` in `groups`, statistics
 * over all axes in axes_mask (0: all axes; axis itself may be in it or not) and the group. UNIT: x / sqrt(max(sum x^2,
 * eps)) over axes_mask. Weights: [w scale], [w offset]. */
enum ir_binary_fn { IR_ADD, IR_SUB, IR_MUL, IR_DIV, IR_MAX, IR_MIN, IR_AVG, IR_POW, IR_SQDIFF, IR_FLOORDIV };
struct ir_binary {
    int32_t fn, has_scalar, scalar_first;
    float scalar;
    struct ir_act act;
};
/* in: 2..n tensors, NumPy broadcasting (shorter shapes get leading 1s), folded left to right (AVG: sum / n); or 1
 * tensor and the scalar; or 1 tensor and w0 (a constant tensor), scalar_first: constant on the left. */
struct ir_axis {
    int32_t axis;
}; /* CONCAT, REVERSE */
struct ir_dot {
    int32_t axis_a, axis_b, normalize;
}; /* Keras Dot (batch_dot); UNIT along the axes first when normalize */
struct ir_matmul {
    int32_t transpose_a, transpose_b;
    float scale;
}; /* last two axes; outer axes equal or broadcast; times scale */
struct ir_reshape {
    struct ir_shape to;
}; /* at most one -1, computed */
struct ir_permute {
    int32_t perm[IR_RANK_MAX];
}; /* out axis i is in axis perm[i] */
struct ir_pad_attr {
    int32_t before[IR_RANK_MAX], after[IR_RANK_MAX];
    float value;
};
struct ir_slice {
    int32_t begin[IR_RANK_MAX], end[IR_RANK_MAX], step[IR_RANK_MAX], full_mask, drop_mask, from_end_mask;
};
/* Python's x[begin:end:step]: negative numbers count from the end, what lies beyond the axis is clamped (INT32_MAX or
 * INT32_MIN for an end that is absent), step 0 reads as 1, negative steps walk back. full_mask bit: begin and end
 * absent; from_end_mask bit i: the slice ends end[i] >= 0 elements before the end (cropping); drop_mask: axis of size 1
 * removed afterwards. */
enum ir_resize_fn {
    IR_RESIZE_NEAREST,
    IR_RESIZE_BILINEAR,
    IR_RESIZE_BICUBIC,
    IR_RESIZE_AREA,
    IR_RESIZE_LANCZOS3,
    IR_RESIZE_LANCZOS5,
    IR_RESIZE_GAUSSIAN,
    IR_RESIZE_MITCHELL
};
struct ir_resize {
    int32_t fn, size[2], factor[2], crop_to_aspect, keras3;
}; /* size, or factor (UpSampling2D) when size is 0; tf.image.resize v2 */
struct ir_repeat {
    int32_t axis, n, tile;
}; /* each element n times along axis (UpSampling1D/3D); tile: the whole axis n times */
struct ir_repeat_vector {
    int32_t n;
}; /* [F] -> [n, F] */
struct ir_embedding {
    int32_t rows, units;
}; /* w0 [rows, units]; in: float indices, out of range clamps to an error-free 0 vector */
struct ir_mask {
    int32_t from_embedding;
    float value;
}; /* x [.., F] -> any(x != value) over the last axis; embedding: x != 0 */
enum ir_cell { IR_CELL_SIMPLE, IR_CELL_GRU, IR_CELL_LSTM };
struct ir_rnn {
    int32_t cell, units, reverse, sequences, states, reset_after, has_bias, has_initial, has_mask, zero_masked;
    struct ir_act act, gate; /* activation and recurrent_activation */
};
/* in: x [T, F], [initial h (, c)], [mask [T]]; out: [T, units] (sequences; in processing order when reverse, as Keras
 * returns it) or [units]; then h (, c) when states. w0 kernel [F, G*units], w1 recurrent [units, G*units], w2 bias
 * ([G*units], GRU reset_after [2, G*units]). Gate order as Keras: LSTM i f c o; GRU z r h. A masked step keeps the
 * state and repeats the previous output (zero_masked: outputs 0). */
struct ir_conv_rnn {
    struct ir_window w;
    int32_t filters, reverse, sequences, states, has_bias, has_initial, has_mask, zero_masked; /* as ir_rnn */
    struct ir_act act, gate;
};
/* ConvLSTM1D/2D/3D: in x [T, spatial.., C], states [spatial.., F] and mask as ir_rnn; w0 [k.., C, 4F], w1 [k.., F, 4F]
 * (recurrent: SAME, stride 1), w2 [4F]; gates i f c o. */
struct ir_reduce_attr {
    int32_t kind, axes_mask, keep_dims;
}; /* REDUCE */
struct ir_crop_center {
    int32_t height, width, keras3;
}; /* CenterCrop: resizes (smart_resize) when the input is smaller */

struct ir_node {
    int32_t op;                           /* enum ir_op */
    int32_t in, in_n, out, out_n, w, w_n; /* slices of ir_graph.index: tensor, tensor and weight numbers */
    int32_t layer;                        /* number of the Keras layer it came from */
    union {
        struct ir_act act;
        struct ir_conv conv;
        struct ir_conv_transpose conv_transpose;
        struct ir_local local;
        struct ir_dense dense;
        struct ir_pool pool;
        struct ir_global_pool global_pool;
        struct ir_softmax softmax;
        struct ir_prelu prelu;
        struct ir_affine affine;
        struct ir_norm norm;
        struct ir_binary binary;
        struct ir_axis axis;
        struct ir_dot dot;
        struct ir_matmul matmul;
        struct ir_reshape reshape;
        struct ir_permute permute;
        struct ir_pad_attr pad;
        struct ir_slice slice;
        struct ir_resize resize;
        struct ir_repeat repeat;
        struct ir_repeat_vector repeat_vector;
        struct ir_embedding embedding;
        struct ir_mask mask;
        struct ir_rnn rnn;
        struct ir_conv_rnn conv_rnn;
        struct ir_reduce_attr reduce;
        struct ir_crop_center crop_center;
    } u;
};

struct ir_weight {
    struct ir_shape shape; /* all dims known */
    int32_t name;          /* offset into text: "conv1/kernel" */
    int32_t reserved;
    int64_t offset_bytes; /* of the float32 data behind the graph in the neutral file; 64-byte aligned */
};
struct ir_layer {             /* for people: `clinic model show`, per-layer timing */
    int32_t name, class_name; /* offsets into text */
    int64_t params;
};
struct ir_graph {
    /* owned arrays (ir_fini) */
    struct ir_shape *tensor;
    int32_t tensor_n;
    struct ir_node *node;
    int32_t node_n; /* topological order: inputs of a node are made by earlier nodes */
    struct ir_weight *weight;
    int32_t weight_n;
    struct ir_layer *layer;
    int32_t layer_n;
    int32_t *index;
    int32_t index_n;
    char *text;
    int32_t text_n; /* NUL-terminated strings, UTF-8 checked, made safe to show */
    int32_t *input;
    int32_t input_n; /* tensor numbers */
    int32_t *output;
    int32_t output_n;
    int32_t *input_name, *output_name; /* offsets into text */
    int32_t keras_version, producer;   /* offsets into text */
    int64_t weights_bytes;
};
void ir_fini(struct ir_graph *g);
const char *ir_op_name(enum ir_op op);
const char *ir_text(const struct ir_graph *g, int32_t offset);

/* Neutral file: fixed header (magic, IR_FORMAT, counts, byte sizes), arrays, text, then weights.
 * ir_write_graph writes header and arrays (weights_bytes and every offset known beforehand) and returns where the
 * weight data starts; weights are then written with pwrite at start + offset_bytes. */
enum rc ir_write_graph(const struct ir_graph *g, int fd, uint64_t max_bytes, int64_t *weights_at,
                       struct err *e) MUST_USE;
/* Reads and checks everything: counts, ranges, enum values, attribute ranges, single assignment, topological order,
 * weight extents inside the file. weights: mapping of the data, valid until ir_unmap. Hostile input is the normal case.
 */
struct ir_map {
    void *base;
    size_t bytes;
    const float *weights;
};
enum rc ir_read(int fd, struct ir_graph *g, struct ir_map *map, struct err *e) MUST_USE;
void ir_unmap(struct ir_map *map);
enum rc ir_check_graph(const struct ir_graph *g, struct err *e) MUST_USE; /* what ir_read checks behind the header */
bool ir_counts_fit(const struct ir_node *n); /* inputs, outputs and weights within the row of ir_ops.def; op is one */

/* Checks the attributes and counts of one node, then infers its shapes: in/out shapes by value; free dims propagate as
 * -1. Checks weights against shapes (MODEL_SHAPE "shape of 'conv1/kernel' is [3,3,3,16], expected [3,3,4,16]").
 * Implemented per operation in nn/op/. */
enum rc ir_infer_node(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e) MUST_USE;
/* All nodes; input_shape[i] replaces the free dims of input i (NULL: keep). Writes g->tensor. */
enum rc ir_infer(struct ir_graph *g, const struct ir_shape *input_shape, struct err *e) MUST_USE;

#endif
