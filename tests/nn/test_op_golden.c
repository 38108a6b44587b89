/* Every operation, in its generic form and on kernels, against TensorFlow 2.15 (tests/golden/nn/ops.txt, made by
 * op_cases.py). */
#include "op_case.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WIN1(k, s, d, m)                                                                                               \
    {                                                                                                                  \
        .spatial = 1, .kernel = {k}, .stride = {s}, .dilation = {d}, .mode = IR_PAD_##m                                \
    }
#define WIN2(ky, kx, sy, sx, dy, dx, m)                                                                                \
    {                                                                                                                  \
        .spatial = 2, .kernel = {ky, kx}, .stride = {sy, sx}, .dilation = {dy, dx}, .mode = IR_PAD_##m                 \
    }
#define WIN3(kz, ky, kx, sz, sy, sx, m)                                                                                \
    {                                                                                                                  \
        .spatial = 3, .kernel = {kz, ky, kx}, .stride = {sz, sy, sx}, .dilation = {1, 1, 1}, .mode = IR_PAD_##m        \
    }
#define WIN2_ZEROS(k, s)                                                                                               \
    {                                                                                                                  \
        .spatial = 2, .kernel = {k, k}, .stride = {s, s}, .dilation = {1, 1}, .before = {1, 1}, .after = { 1, 2 }      \
    }
#define TRANSPOSE(name, m, k, s)                                                                                       \
    CASE(name, OP(CONV_TRANSPOSE, .u.conv_transpose = {.w = WIN2(k, k, s, s, 1, 1, m), .has_bias = 1}),                \
         IN(S(3, 4, 2)), W(S(k, k, 2, 2), S(2)))
#define TRANSPOSE_PAD(name, m, py, px)                                                                                 \
    CASE(name,                                                                                                         \
         OP(CONV_TRANSPOSE, .u.conv_transpose = {.w = WIN2(3, 3, 2, 2, 1, 1, m),                                       \
                                                 .has_bias = 1,                                                        \
                                                 .has_output_padding = 1,                                              \
                                                 .output_padding = {py, px}}),                                         \
         IN(S(3, 4, 2)), W(S(3, 3, 2, 2), S(2)))
#define POOL(name, how, win, ...)                                                                                      \
    CASE(name, OP(POOL, .u.pool = {.w = win, .kind = IR_REDUCE_##how}), IN(S(__VA_ARGS__)))
#define ACT(name, id, ...)                                                                                             \
    CASE("act_" name, OP(ACT, .u.act = {.fn = IR_FN_##id, __VA_ARGS__}), IN(S(5, 6)), .kind = "w")
#define ACT_POSITIVE(name, id) CASE("act_" name, OP(ACT, .u.act = {.fn = IR_FN_##id}), IN(S(5, 6)), .kind = "p")
#define BIN(name, id) CASE("bin_" name, OP(BINARY, .u.binary = {.fn = IR_##id}), IN(S(4, 5), S(4, 5)), .kind = "ww")
#define RESIZE(name, id)                                                                                               \
    CASE("resize_up_" name, OP(RESIZE, .u.resize = {.fn = IR_RESIZE_##id, .size = {7, 9}}), IN(S(4, 5, 1))),           \
        CASE("resize_down_" name, OP(RESIZE, .u.resize = {.fn = IR_RESIZE_##id, .size = {4, 6}}), IN(S(9, 11, 1)))
#define REDUCE(name, id)                                                                                               \
    CASE("reduce_" name, OP(REDUCE, .u.reduce = {.kind = IR_REDUCE_##id, .axes_mask = 2}), IN(S(4, 3, 5)), .kind = "w")
#define SIGMOID                                                                                                        \
    {                                                                                                                  \
        .fn = IR_FN_SIGMOID                                                                                            \
    }
#define TANH                                                                                                           \
    {                                                                                                                  \
        .fn = IR_FN_TANH                                                                                               \
    }
#define RNN(id, ...) OP(RNN, .u.rnn = {.cell = IR_CELL_##id, .units = 5, .act = TANH, .gate = SIGMOID, __VA_ARGS__})
#define CONV_RNN(win, f, ...)                                                                                          \
    OP(CONV_RNN, .u.conv_rnn = {.w = win,                                                                              \
                                .filters = f,                                                                          \
                                .act = TANH,                                                                           \
                                .gate = {.fn = IR_FN_HARD_SIGMOID, .a = 0.2f, .b = 0.5f},                              \
                                __VA_ARGS__})

static const struct op_case cases[] = {
    CASE("conv1d_causal", OP(CONV, .u.conv = {.w = WIN1(3, 1, 2, CAUSAL), .groups = 1, .has_bias = 1}), IN(S(9, 3)),
         W(S(3, 3, 4), S(4))),
    CASE("conv2d_same_s2", OP(CONV, .u.conv = {.w = WIN2(3, 2, 2, 2, 1, 1, SAME), .groups = 1, .has_bias = 1}),
         IN(S(7, 8, 3)), W(S(3, 2, 3, 5), S(5))),
    CASE("conv2d_groups",
         OP(CONV, .u.conv = {.w = WIN2(3, 3, 1, 1, 1, 1, VALID), .groups = 2, .has_bias = 1, .act.fn = IR_FN_RELU}),
         IN(S(5, 6, 4)), W(S(3, 3, 2, 6), S(6))),
    CASE("conv2d_dilated", OP(CONV, .u.conv = {.w = WIN2(3, 3, 1, 1, 2, 3, SAME), .groups = 1}), IN(S(7, 8, 2)),
         W(S(3, 3, 2, 2))),
    CASE("conv3d_same", OP(CONV, .u.conv = {.w = WIN3(2, 3, 2, 1, 2, 2, SAME), .groups = 1, .has_bias = 1}),
         IN(S(4, 5, 3, 2)), W(S(2, 3, 2, 2, 2), S(2))),
    CASE("conv2d_outer", OP(CONV, .u.conv = {.w = WIN2(3, 3, 1, 1, 1, 1, VALID), .groups = 1, .has_bias = 1}),
         IN(S(2, 5, 5, 3)), W(S(3, 3, 3, 3), S(3))),
    CASE("dw2d_same_s2_m2", OP(DWCONV, .u.conv = {.w = WIN2(3, 3, 2, 2, 1, 1, SAME), .groups = 1, .has_bias = 1}),
         IN(S(7, 8, 3)), W(S(3, 3, 3, 2), S(6))),
    CASE("dw2d_dilated", OP(DWCONV, .u.conv = {.w = WIN2(3, 3, 1, 1, 2, 2, SAME), .groups = 1}), IN(S(7, 6, 3)),
         W(S(3, 3, 3, 1))),
    TRANSPOSE("convT2d_same_k3_s2", SAME, 3, 2),
    TRANSPOSE("convT2d_same_k2_s3", SAME, 2, 3),
    TRANSPOSE("convT2d_same_k4_s2", SAME, 4, 2),
    TRANSPOSE("convT2d_same_k3_s1", SAME, 3, 1),
    TRANSPOSE("convT2d_valid_k3_s2", VALID, 3, 2),
    TRANSPOSE("convT2d_valid_k2_s3", VALID, 2, 3),
    TRANSPOSE("convT2d_valid_k4_s2", VALID, 4, 2),
    TRANSPOSE("convT2d_valid_k3_s1", VALID, 3, 1),
    TRANSPOSE_PAD("convT2d_outpad", SAME, 1, 1),
    TRANSPOSE_PAD("convT2d_outpad_valid", VALID, 1, 0),
    CASE("convT2d_dilated", OP(CONV_TRANSPOSE, .u.conv_transpose = {.w = WIN2(3, 3, 1, 1, 2, 2, SAME), .has_bias = 1}),
         IN(S(4, 5, 2)), W(S(3, 3, 2, 2), S(2))),
    CASE("convT2d_dilated_valid",
         OP(CONV_TRANSPOSE, .u.conv_transpose = {.w = WIN2(2, 2, 1, 1, 2, 2, VALID), .has_bias = 1}), IN(S(4, 5, 2)),
         W(S(2, 2, 2, 2), S(2))),
    CASE("convT1d", OP(CONV_TRANSPOSE, .u.conv_transpose = {.w = WIN1(3, 2, 1, SAME)}), IN(S(6, 3)), W(S(3, 2, 3))),
    CASE("convT3d", OP(CONV_TRANSPOSE, .u.conv_transpose = {.w = WIN3(3, 3, 3, 2, 2, 2, SAME), .has_bias = 1}),
         IN(S(2, 3, 2, 2)), W(S(3, 3, 3, 1, 2), S(1))),
    CASE("local1d", OP(LOCAL, .u.local = {.w = WIN1(3, 2, 1, VALID), .has_bias = 1, .implementation = 1}), IN(S(8, 3)),
         W(S(3, 9, 2), S(3, 2))),
    CASE("local2d", OP(LOCAL, .u.local = {.w = WIN2(3, 2, 1, 1, 1, 1, VALID), .has_bias = 1, .implementation = 1}),
         IN(S(4, 5, 2)), W(S(8, 12, 2), S(2, 4, 2))),
    CASE("local2d_matrix",
         OP(LOCAL, .u.local = {.w = WIN2(3, 2, 1, 1, 1, 1, SAME), .has_bias = 1, .implementation = 2}), IN(S(4, 3, 2)),
         W(S(4, 3, 2, 4, 3, 2), S(4, 3, 2))),
    CASE("local1d_list", OP(LOCAL, .u.local = {.w = WIN1(3, 1, 1, SAME), .has_bias = 1, .implementation = 3}),
         IN(S(6, 2)), W(S(96), S(6, 3))),
    CASE("local1d_list_valid", OP(LOCAL, .u.local = {.w = WIN1(3, 2, 1, VALID), .has_bias = 1, .implementation = 3}),
         IN(S(6, 2)), W(S(36), S(2, 3))),
    CASE("dense_3d", OP(DENSE, .u.dense = {.units = 5, .has_bias = 1, .act = TANH}), IN(S(4, 7)), W(S(7, 5), S(5))),

    POOL("maxpool2d_same", MAX, WIN2(3, 3, 2, 2, 1, 1, SAME), 7, 6, 2),
    POOL("maxpool2d_valid", MAX, WIN2(3, 3, 2, 2, 1, 1, VALID), 7, 6, 2),
    POOL("avgpool2d_same", AVG, WIN2(3, 2, 2, 1, 1, 1, SAME), 7, 6, 2),
    POOL("avgpool2d_valid", AVG, WIN2(3, 2, 2, 1, 1, 1, VALID), 7, 6, 2),
    POOL("avgpool3d_same", AVG, WIN3(2, 2, 2, 2, 2, 2, SAME), 3, 4, 5, 2),
    POOL("avgpool3d_valid", AVG, WIN3(2, 2, 2, 2, 2, 2, VALID), 3, 4, 5, 2),
    POOL("maxpool1d_same", MAX, WIN1(2, 3, 1, SAME), 9, 3),
    POOL("maxpool1d_valid", MAX, WIN1(2, 3, 1, VALID), 9, 3),
    POOL("maxpool2d_zeros", MAX, WIN2_ZEROS(2, 2), 5, 6, 2),
    POOL("avgpool2d_zeros", AVG, WIN2_ZEROS(3, 2), 5, 6, 2),
    CASE("globalavg2d", OP(GLOBAL_POOL, .u.global_pool = {.spatial = 2, .kind = IR_REDUCE_AVG}), IN(S(5, 4, 3))),
    CASE("globalmax3d", OP(GLOBAL_POOL, .u.global_pool = {.spatial = 3, .kind = IR_REDUCE_MAX, .keep_dims = 1}),
         IN(S(3, 4, 2, 3))),
    CASE("globalavg1d_mask", OP(GLOBAL_POOL, .u.global_pool = {.spatial = 1, .kind = IR_REDUCE_AVG, .has_mask = 1}),
         IN(S(7, 3), S(7)), .kind = " m"),

    ACT("relu", RELU, .a = 0, .b = 0, .c = 0),
    ACT("relu_all", RELU, .a = 0.2f, .b = 2.5f, .c = 0.5f),
    ACT("sigmoid", SIGMOID, .a = 0),
    ACT("tanh", TANH, .a = 0),
    ACT("elu", ELU, .a = 0.7f),
    ACT("selu", SELU, .a = 0),
    ACT("softplus", SOFTPLUS, .a = 0),
    ACT("softsign", SOFTSIGN, .a = 0),
    ACT("exponential", EXP, .a = 0),
    ACT("swish", SWISH, .a = 0),
    ACT("gelu", GELU, .a = 0),
    ACT("gelu_tanh", GELU_TANH, .a = 0),
    ACT("mish", MISH, .a = 0),
    ACT("hard_sigmoid", HARD_SIGMOID, .a = 0.2f, .b = 0.5f),
    ACT("hard_swish", HARD_SWISH, .a = 0),
    ACT("celu", CELU, .a = 1.5f),
    ACT("hard_tanh", HARD_TANH, .a = 0),
    ACT("hard_shrink", HARD_SHRINK, .a = 0.5f),
    ACT("soft_shrink", SOFT_SHRINK, .a = 0.5f),
    ACT("tanh_shrink", TANH_SHRINK, .a = 0),
    ACT("log_sigmoid", LOG_SIGMOID, .a = 0),
    ACT("sparse_plus", SPARSE_PLUS, .a = 0),
    ACT("sparse_sigmoid", SPARSE_SIGMOID, .a = 0),
    ACT("squareplus", SQUAREPLUS, .a = 4),
    ACT("threshold", THRESHOLD, .a = 0.4f, .b = -0.25f),
    ACT("clip", CLIP, .a = -0.5f, .b = 1.5f),
    ACT("square", SQUARE, .a = 0),
    ACT("abs", ABS, .a = 0),
    ACT("negative", NEG, .a = 0),
    ACT("sin", SIN, .a = 0),
    ACT("cos", COS, .a = 0),
    ACT("floor", FLOOR, .a = 0),
    ACT("reciprocal", RECIPROCAL, .a = 0),
    ACT("linear", LINEAR, .a = 0),
    ACT_POSITIVE("sqrt", SQRT),
    ACT_POSITIVE("rsqrt", RSQRT),
    ACT_POSITIVE("log", LOG),
    CASE("act_glu", OP(ACT, .u.act.fn = IR_FN_GLU), IN(S(3, 8)), .kind = "w"),
    CASE("prelu", OP(PRELU, .u.prelu.shared_mask = 0), IN(S(4, 3, 2)), W(S(4, 3, 2))),
    CASE("prelu_shared", OP(PRELU, .u.prelu.shared_mask = 3), IN(S(4, 3, 2)), W(S(1, 1, 2))),
    CASE("prelu_shared_last", OP(PRELU, .u.prelu.shared_mask = 4), IN(S(4, 3, 2)), W(S(4, 3, 1))),
    CASE("affine_last", OP(AFFINE, .u.affine.axis = 2), IN(S(4, 3, 2)), W(S(2), S(2))),
    CASE("affine_first", OP(AFFINE, .u.affine.axis = 0), IN(S(4, 3, 2)), W(S(4), S(4))),

    CASE("softmax", OP(SOFTMAX, .u.softmax.axes_mask = 2), IN(S(3, 5)), .kind = "w"),
    CASE("softmax_axis0", OP(SOFTMAX, .u.softmax.axes_mask = 1), IN(S(3, 5)), .kind = "w"),
    CASE("softmax_axes02", OP(SOFTMAX, .u.softmax.axes_mask = 5), IN(S(3, 4, 2)), .kind = "w"),
    CASE("softmax_masked", OP(SOFTMAX, .u.softmax.axes_mask = 4), IN(S(2, 3, 4), S(3, 4)), .kind = "wm"),
    CASE("log_softmax", OP(SOFTMAX, .u.softmax = {.axes_mask = 2, .log = 1}), IN(S(3, 5)), .kind = "w"),
    CASE("layernorm", OP(NORM, .u.norm = {.axes_mask = 2, .has_scale = 1, .has_offset = 1, .eps = 1e-3f}), IN(S(4, 6)),
         W(S(6), S(6))),
    CASE("layernorm_axes12", OP(NORM, .u.norm = {.axes_mask = 6, .has_scale = 1, .eps = 1e-3f}), IN(S(3, 4, 2)),
         W(S(4, 2))),
    CASE("layernorm_axis1", OP(NORM, .u.norm = {.axes_mask = 1, .has_offset = 1, .eps = 1e-3f}), IN(S(4, 5)), W(S(4))),
    CASE("layernorm_axes13", OP(NORM, .u.norm = {.axes_mask = 5, .has_scale = 1, .has_offset = 1, .eps = 1e-3f}),
         IN(S(3, 4, 2)), W(S(3, 2), S(3, 2))),
    CASE("groupnorm",
         OP(NORM,
            .u.norm = {.kind = IR_NORM_GROUP, .groups = 2, .axis = 2, .has_scale = 1, .has_offset = 1, .eps = 1e-3f}),
         IN(S(3, 4, 6)), W(S(6), S(6))),
    CASE("groupnorm_axis1",
         OP(NORM,
            .u.norm = {.kind = IR_NORM_GROUP, .groups = 3, .axis = 0, .has_scale = 1, .has_offset = 1, .eps = 0.01f}),
         IN(S(6, 3, 4)), W(S(6), S(6))),
    CASE("groupnorm_instance",
         OP(NORM, .u.norm = {.kind = IR_NORM_GROUP, .groups = 4, .axis = 2, .axes_mask = 7, .eps = 1e-3f}),
         IN(S(3, 4, 4))),
    CASE("unitnorm", OP(NORM, .u.norm = {.kind = IR_NORM_UNIT, .axes_mask = 2, .eps = 1e-12f}), IN(S(4, 6))),
    CASE("unitnorm_axis1", OP(NORM, .u.norm = {.kind = IR_NORM_UNIT, .axes_mask = 1, .eps = 1e-12f}), IN(S(4, 6))),

    BIN("add", ADD),
    BIN("sub", SUB),
    BIN("mul", MUL),
    BIN("div", DIV),
    BIN("max", MAX),
    BIN("min", MIN),
    BIN("sqdiff", SQDIFF),
    BIN("floordiv", FLOORDIV),
    CASE("bin_pow", OP(BINARY, .u.binary.fn = IR_POW), IN(S(4, 5), S(4, 5)), .kind = "pp"),
    CASE("bin_avg3", OP(BINARY, .u.binary.fn = IR_AVG), IN(S(4, 5), S(4, 5), S(4, 5))),
    CASE("bin_broadcast", OP(BINARY, .u.binary.fn = IR_SUB), IN(S(4, 1, 3), S(2, 1), S(3))),
    CASE("bin_scalar_first", OP(BINARY, .u.binary = {.fn = IR_DIV, .has_scalar = 1, .scalar = 1.5f, .scalar_first = 1}),
         IN(S(4, 5))),
    CASE("bin_scalar_relu",
         OP(BINARY, .u.binary = {.fn = IR_SUB, .has_scalar = 1, .scalar = 0.25f, .act.fn = IR_FN_RELU}), IN(S(4, 5))),
    CASE("bin_weight", OP(BINARY, .u.binary = {.fn = IR_SUB, .scalar_first = 1}), IN(S(4, 5)), W(S(3, 1, 5))),

    CASE("concat", OP(CONCAT, .u.axis.axis = 1), IN(S(3, 4), S(3, 2), S(3, 1))),
    CASE("concat_first", OP(CONCAT, .u.axis.axis = 0), IN(S(3, 4), S(2, 4))),
    CASE("reverse", OP(REVERSE, .u.axis.axis = 1), IN(S(3, 4, 2))),
    CASE("reshape", OP(RESHAPE, .u.reshape.to = S(-1, 6)), IN(S(3, 4))),
    CASE("permute", OP(PERMUTE, .u.permute.perm = {2, 0, 1}), IN(S(2, 3, 4))),
    CASE("permute_keep_last", OP(PERMUTE, .u.permute.perm = {1, 0, 2}), IN(S(2, 3, 4))),
    CASE("pad", OP(PAD, .u.pad = {.before = {1, 0, 1}, .after = {0, 2, 1}, .value = 0.5f}), IN(S(2, 3, 2))),
    CASE("slice", OP(SLICE, .u.slice = {.begin = {1}, .end = {-1}, .step = {1, 2}, .full_mask = 2}), IN(S(5, 6))),
    CASE("slice_back", OP(SLICE, .u.slice = {.begin = {3}, .end = {0}, .step = {-2, -1}, .full_mask = 2}), IN(S(5, 6))),
    CASE("slice_drop", OP(SLICE, .u.slice = {.begin = {-1, 2}, .end = {INT32_MAX, 5}, .drop_mask = 1}), IN(S(5, 6))),
    CASE("crop", OP(SLICE, .u.slice = {.begin = {1, 0}, .end = {2, 3}, .from_end_mask = 3, .full_mask = 4}),
         IN(S(5, 6, 2))),
    CASE("repeat", OP(REPEAT, .u.repeat = {.axis = 0, .n = 3}), IN(S(3, 2))),
    CASE("tile", OP(REPEAT, .u.repeat = {.axis = 0, .n = 3, .tile = 1}), IN(S(3, 2))),
    CASE("repeat_vector", OP(REPEAT_VECTOR, .u.repeat_vector.n = 3), IN(S(5))),

    CASE("dot_vec", OP(DOT, .u.dot = {0, 0, 0}), IN(S(6), S(6))),
    CASE("dot_normalize", OP(DOT, .u.dot = {1, 1, 1}), IN(S(4, 6), S(5, 6))),
    CASE("dot_21", OP(DOT, .u.dot = {1, 0, 0}), IN(S(4, 6), S(6, 3))),
    CASE("dot_3d", OP(DOT, .u.dot = {1, 1, 0}), IN(S(4, 6, 2), S(3, 6))),
    CASE("matmul", OP(MATMUL, .u.matmul.scale = 0.5f), IN(S(2, 3, 4), S(2, 4, 5))),
    CASE("matmul_tb", OP(MATMUL, .u.matmul = {.transpose_b = 1, .scale = 1}), IN(S(2, 3, 9), S(5, 9))),
    CASE("matmul_ta", OP(MATMUL, .u.matmul = {.transpose_a = 1, .scale = 1}), IN(S(4, 3), S(2, 4, 5))),

    RESIZE("nearest", NEAREST),
    RESIZE("bilinear", BILINEAR),
    RESIZE("bicubic", BICUBIC),
    RESIZE("area", AREA),
    RESIZE("lanczos3", LANCZOS3),
    RESIZE("lanczos5", LANCZOS5),
    RESIZE("gaussian", GAUSSIAN),
    RESIZE("mitchellcubic", MITCHELL),
    CASE("upsample_bilinear", OP(RESIZE, .u.resize = {.fn = IR_RESIZE_BILINEAR, .factor = {2, 3}}), IN(S(3, 4, 2))),
    CASE("resize_crop", OP(RESIZE, .u.resize = {.fn = IR_RESIZE_BILINEAR, .size = {4, 4}, .crop_to_aspect = 1}),
         IN(S(8, 13, 2))),
    CASE("center_crop", OP(CROP_CENTER, .u.crop_center = {.height = 5, .width = 4}), IN(S(8, 9, 2))),
    CASE("center_crop_small", OP(CROP_CENTER, .u.crop_center = {.height = 7, .width = 5}), IN(S(4, 6, 2))),

    CASE("embedding", OP(EMBEDDING, .u.embedding = {7, 3}), IN(S(4)), W(S(7, 3)), .kind = "t"),
    CASE("mask_values", OP(MASK, .u.mask.value = 3), IN(S(6, 1)), .kind = "t"),
    CASE("mask_zero", OP(MASK, .u.mask.from_embedding = 1), IN(S(9)), .kind = "t"),
    CASE("rnn_simple", RNN(SIMPLE, .sequences = 1, .has_bias = 1), IN(S(6, 4)), W(S(4, 5), S(5, 5), S(5))),
    CASE("rnn_lstm", RNN(LSTM, .states = 1, .has_bias = 1), IN(S(6, 4)), W(S(4, 20), S(5, 20), S(20)), .out_n = 3),
    CASE("rnn_lstm_back_nobias", RNN(LSTM, .reverse = 1, .sequences = 1), IN(S(6, 4)), W(S(4, 20), S(5, 20))),
    CASE("rnn_lstm_hard",
         OP(RNN, .u.rnn = {.cell = IR_CELL_LSTM,
                           .units = 5,
                           .has_bias = 1,
                           .act.fn = IR_FN_RELU,
                           .gate = {.fn = IR_FN_HARD_SIGMOID, .a = 0.2f, .b = 0.5f}}),
         IN(S(6, 4)), W(S(4, 20), S(5, 20), S(20))),
    CASE("rnn_lstm_mask", RNN(LSTM, .sequences = 1, .states = 1, .has_bias = 1, .has_mask = 1), IN(S(6, 4), S(6)),
         W(S(4, 20), S(5, 20), S(20)), .out_n = 3, .kind = " m"),
    CASE("rnn_lstm_mask_zero", RNN(LSTM, .sequences = 1, .has_bias = 1, .has_mask = 1, .zero_masked = 1),
         IN(S(6, 4), S(6)), W(S(4, 20), S(5, 20), S(20)), .kind = " m"),
    CASE("rnn_lstm_initial_mask_back", RNN(LSTM, .reverse = 1, .has_bias = 1, .has_mask = 1, .has_initial = 1),
         IN(S(6, 4), S(5), S(5), S(6)), W(S(4, 20), S(5, 20), S(20)), .kind = "   m"),
    CASE("rnn_gru", RNN(GRU, .sequences = 1, .has_bias = 1, .reset_after = 1), IN(S(6, 4)),
         W(S(4, 15), S(5, 15), S(2, 15))),
    CASE("rnn_gru_before", RNN(GRU, .has_bias = 1), IN(S(6, 4)), W(S(4, 15), S(5, 15), S(15))),
    CASE("rnn_gru_initial_mask",
         RNN(GRU, .states = 1, .has_bias = 1, .reset_after = 1, .has_mask = 1, .has_initial = 1),
         IN(S(6, 4), S(5), S(6)), W(S(4, 15), S(5, 15), S(2, 15)), .out_n = 2, .kind = "  m"),
    CASE("rnn_outer", RNN(SIMPLE, .has_bias = 1), IN(S(2, 3, 4)), W(S(4, 5), S(5, 5), S(5))),
    CASE("convlstm1d", CONV_RNN(WIN1(3, 2, 1, SAME), 2, .sequences = 1, .has_bias = 1), IN(S(3, 6, 2)),
         W(S(3, 2, 8), S(3, 2, 8), S(8))),
    CASE("convlstm2d", CONV_RNN(WIN2(3, 2, 1, 1, 1, 1, VALID), 2, .reverse = 1, .has_bias = 1), IN(S(3, 5, 4, 1)),
         W(S(3, 2, 1, 8), S(3, 2, 2, 8), S(8))),
    CASE("convlstm1d_mask", CONV_RNN(WIN1(3, 1, 1, SAME), 2, .sequences = 1, .has_bias = 1, .states = 1, .has_mask = 1),
         IN(S(4, 5, 2), S(4)), W(S(3, 2, 8), S(3, 2, 8), S(8)), .kind = " m", .out_n = 3),
    CASE("causal", OP(CAUSAL, .layer = 0), IN(S(2, 3, 4))),
    CASE("convlstm3d", CONV_RNN(WIN3(2, 2, 2, 1, 1, 1, SAME), 1, .has_bias = 0), IN(S(2, 3, 3, 2, 1)),
         W(S(2, 2, 2, 1, 4), S(2, 2, 2, 1, 4))),
    REDUCE("max", MAX),
    REDUCE("avg", AVG),
    REDUCE("sum", SUM),
    REDUCE("min", MIN),
    REDUCE("prod", PROD),
    CASE("reduce_last", OP(REDUCE, .u.reduce = {.kind = IR_REDUCE_SUM, .axes_mask = 5}), IN(S(4, 3, 5))),
    CASE("reduce_all_keep", OP(REDUCE, .u.reduce = {.kind = IR_REDUCE_AVG, .axes_mask = 7, .keep_dims = 1}),
         IN(S(4, 3, 5))),
};

/* The line of ops.txt that begins with the name; the numbers behind it, or NULL. */
static const char *golden_find(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = text; *line;) {
        if (strncmp(line, name, n) == 0 && line[n] == ' ') {
            return line + n;
        }
        const char *end = strchr(line, '\n');
        line = end ? end + 1 : line + strlen(line);
    }
    return NULL;
}

enum { VALUES = 1024 };

static void compare(const struct op_case *c, int32_t isa, const char *golden)
{
    float got[VALUES], again[VALUES];
    int64_t n = VALUES, m = VALUES;
    struct err e = {0};
    char *next;
    const char *how = isa < 0 ? "generic" : nn_isa_name((enum nn_isa)isa);
    if (op_case_run(c, NULL, NULL, isa, false, got, &n, &e) != RC_OK ||
        op_case_run(c, NULL, NULL, isa, true, again, &m, &e) != RC_OK) {
        fail_msg("%s, %s: %s", c->name, how, e.msg);
    }
    long want = strtol(golden, &next, 10);
    if (want != n) {
        fail_msg("%s, %s: %lld values, expected %ld", c->name, how, (long long)n, want);
    }
    for (int64_t i = 0; i < n; i++) {
        float b = strtof(next, &next);
        if (!(fabsf(got[i] - b) <= 2e-6f + 1e-5f * fabsf(b))) {
            fail_msg("%s, %s: value %lld is %.7g, expected %.7g", c->name, how, (long long)i, (double)got[i],
                     (double)b);
        }
    }
    if (memcmp(got, again, (size_t)n * sizeof *got) != 0) {
        fail_msg("%s, %s: the order of the tiles changes the result", c->name, how);
    }
}

static char *golden_text(void)
{
    static char text[1 << 18];
    char path[4096];
    const char *tree = getenv("CLINIC_TEST_TREE");
    str_format(path, sizeof path, "%s/tests/golden/nn/ops.txt", tree ? tree : ".");
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    assert_true(n > 0 && n < sizeof text - 1);
    text[n] = '\0';
    return text;
}

static void goldens(void **state)
{
    (void)state;
    const char *text = golden_text();
    int32_t seen[IR_OP_N] = {0}, functions[IR_FN_N] = {0};
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        const char *golden = golden_find(text, cases[i].name);
        if (golden == NULL) {
            fail_msg("%s: not in ops.txt", cases[i].name);
        } else {
            compare(&cases[i], CASE_GENERIC, golden);
        }
        seen[cases[i].node.op]++;
        functions[cases[i].node.op == IR_ACT ? cases[i].node.u.act.fn : 0]++;
    }
    for (int32_t i = 0; i < IR_FN_N; i++) {
        if (!functions[i]) {
            fail_msg("element-wise function %d has no golden case", (int)i);
        }
    }
    for (int32_t i = 0; i < IR_OP_N; i++) {
        if (!seen[i] && i != IR_COPY) {
            fail_msg("operation %s has no golden case", ir_op_name((enum ir_op)i));
        }
    }
}

/* The same through whatever faster ways the planner finds, on every instruction set of this processor. */
static void planned(void **state)
{
    (void)state;
    const char *text = golden_text();
    for (int32_t isa = 0; isa < NN_ISA_N; isa++) {
        if (!nn_isa_usable((enum nn_isa)isa)) {
            print_message("skipped: this processor has no %s\n", nn_isa_name((enum nn_isa)isa));
            continue;
        }
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
            const char *golden = golden_find(text, cases[i].name);
            assert_non_null(golden);
            compare(&cases[i], isa, golden);
        }
    }
}

/* The one operation TensorFlow has no words for. */
static void copies(void **state)
{
    (void)state;
    static const struct op_case copy = CASE("copy", OP(COPY, .layer = 0), IN(S(3, 4)));
    float in[12], out[12];
    int64_t n = ARRAY_N(out);
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_N(in); i++) {
        in[i] = (float)i - 5.5f;
    }
    for (int32_t isa = CASE_GENERIC; isa <= (int32_t)nn_isa_best(); isa++) {
        memset(out, 0, sizeof out);
        assert_int_equal(op_case_run(&copy, in, NULL, isa, false, out, &n, &e), RC_OK);
        assert_int_equal(n, 12);
        assert_memory_equal(out, in, sizeof in);
    }
}

/* Each allocation of each case fails once, in the generic form and as planned: an error that says so, nothing leaked.
 */
static void failing_allocations(void **state)
{
    (void)state;
    static float out[1 << 16];
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        for (int32_t isa = CASE_GENERIC; isa < NN_ISA_N; isa += (int32_t)nn_isa_best() + 1) {
            bool done = false;
            for (unsigned long nth = 1; !done; nth++) {
                struct err e = {0};
                int64_t n = ARRAY_N(out);
                mem_fail_nth(nth);
                enum rc rc = op_case_run(&cases[i], NULL, NULL, isa, false, out, &n, &e);
                done = mem_fail_nth(0) < nth;
                if (done ? rc != RC_OK || nth < 15 : rc == RC_OK || e.code != ERR_MEMORY) {
                    fail_msg("%s: allocation %lu: rc %d, E%d %s", cases[i].name, nth, (int)rc, (int)e.code, e.msg);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(goldens), cmocka_unit_test(planned), cmocka_unit_test(copies),
                                       cmocka_unit_test(failing_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
