#!/usr/bin/env python3
"""Golden values of test_op_golden.c: op_cases.py OUT (needs TensorFlow from PyPI; made with 2.15).

Every case has the name, the shapes and the patterns of the case of that name in test_op_golden.c. A line is the name, the number of
values, the values of all outputs.
"""
import sys

import numpy as np
import tensorflow as tf

L = tf.keras.layers
CASES = []


def values(shape, k, weight=False, kind=""):
    n = int(np.prod(shape))
    u = (np.arange(n, dtype=np.uint64) * 2654435761 + 12345 + 1000003 * k + (777 if weight else 0)).astype(np.uint32)
    u ^= u >> np.uint32(15)
    u = (u.astype(np.uint64) * 2246822519).astype(np.uint32)
    u ^= u >> np.uint32(13)
    v = u.astype(np.float32) / np.float32(4294967296.0)
    x = {"m": (v > np.float32(0.4)).astype(np.float32), "t": np.floor(v * 7), "w": 8 * v - 4, "p": v + np.float32(0.1)}.get(kind, 2 * v - 1)
    return x.astype(np.float32).reshape(shape)


def case(name, ins, fn, ws=(), kinds=""):
    CASES.append((name, ins, ws, kinds, fn))


def layer(make, reorder=None, **call):
    """A function of inputs and weights that calls a Keras layer holding these weights."""
    def f(x, w):
        y = make()
        y.build((1,) + tuple(x[0].shape[1:]))
        y.set_weights(reorder(w) if reorder else w)
        return y(x[0], **{k: (x[v] if isinstance(v, int) else v) for k, v in call.items()})
    return f


def masked_conv_lstm(x, w):
    y = L.ConvLSTM1D(2, 3, padding="same", return_sequences=True, return_state=True)
    y.build((1,) + tuple(x[0].shape[1:]))
    y.set_weights(w)
    return y(x[0], mask=tf.cast(x[1], bool))


# convolutions
case("conv1d_causal", [(9, 3)], layer(lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2)), [(3, 3, 4), (4,)])
case("conv2d_same_s2", [(7, 8, 3)], layer(lambda: L.Conv2D(5, (3, 2), strides=(2, 2), padding="same")), [(3, 2, 3, 5), (5,)])
case("conv2d_groups", [(5, 6, 4)], layer(lambda: L.Conv2D(6, 3, groups=2, activation="relu")), [(3, 3, 2, 6), (6,)])
case("conv2d_dilated", [(7, 8, 2)], layer(lambda: L.Conv2D(2, 3, dilation_rate=(2, 3), padding="same", use_bias=False)), [(3, 3, 2, 2)])
case("conv3d_same", [(4, 5, 3, 2)], layer(lambda: L.Conv3D(2, (2, 3, 2), strides=(1, 2, 2), padding="same")), [(2, 3, 2, 2, 2), (2,)])
case("conv2d_outer", [(2, 5, 5, 3)], layer(lambda: L.TimeDistributed(L.Conv2D(3, 3))), [(3, 3, 3, 3), (3,)])
case("dw2d_same_s2_m2", [(7, 8, 3)], layer(lambda: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)), [(3, 3, 3, 2), (6,)])
case("dw2d_dilated", [(7, 6, 3)], layer(lambda: L.DepthwiseConv2D(3, dilation_rate=2, padding="same", use_bias=False)), [(3, 3, 3, 1)])
for p in ("same", "valid"):
    for k, s in ((3, 2), (2, 3), (4, 2), (3, 1)):
        case("convT2d_%s_k%d_s%d" % (p, k, s), [(3, 4, 2)], layer(lambda p=p, k=k, s=s: L.Conv2DTranspose(2, k, strides=s, padding=p)), [(k, k, 2, 2), (2,)])
case("convT2d_outpad", [(3, 4, 2)], layer(lambda: L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1)), [(3, 3, 2, 2), (2,)])
case("convT2d_outpad_valid", [(3, 4, 2)], layer(lambda: L.Conv2DTranspose(2, 3, strides=2, padding="valid", output_padding=(1, 0))), [(3, 3, 2, 2), (2,)])
case("convT2d_dilated", [(4, 5, 2)], layer(lambda: L.Conv2DTranspose(2, 3, dilation_rate=2, padding="same")), [(3, 3, 2, 2), (2,)])
case("convT2d_dilated_valid", [(4, 5, 2)], layer(lambda: L.Conv2DTranspose(2, 2, dilation_rate=2)), [(2, 2, 2, 2), (2,)])
case("convT1d", [(6, 3)], layer(lambda: L.Conv1DTranspose(2, 3, strides=2, padding="same", use_bias=False)), [(3, 2, 3)])
case("convT3d", [(2, 3, 2, 2)], layer(lambda: L.Conv3DTranspose(1, 3, strides=2, padding="same")), [(3, 3, 3, 1, 2), (1,)])
case("local1d", [(8, 3)], layer(lambda: L.LocallyConnected1D(2, 3, strides=2)), [(3, 9, 2), (3, 2)])
case("local2d", [(4, 5, 2)], layer(lambda: L.LocallyConnected2D(2, (3, 2))), [(8, 12, 2), (2, 4, 2)])
case("local2d_matrix", [(4, 3, 2)], layer(lambda: L.LocallyConnected2D(2, (3, 2), padding="same", implementation=2)), [(4, 3, 2, 4, 3, 2), (4, 3, 2)])
case("local1d_list", [(6, 2)], layer(lambda: L.LocallyConnected1D(3, 3, padding="same", implementation=3)), [(96,), (6, 3)])
case("local1d_list_valid", [(6, 2)], layer(lambda: L.LocallyConnected1D(3, 3, strides=2, implementation=3)), [(36,), (2, 3)])
case("dense_3d", [(4, 7)], layer(lambda: L.Dense(5, activation="tanh")), [(7, 5), (5,)])
# pooling
for p in ("same", "valid"):
    case("maxpool2d_" + p, [(7, 6, 2)], layer(lambda p=p: L.MaxPooling2D(3, strides=2, padding=p)))
    case("avgpool2d_" + p, [(7, 6, 2)], layer(lambda p=p: L.AveragePooling2D((3, 2), strides=(2, 1), padding=p)))
    case("avgpool3d_" + p, [(3, 4, 5, 2)], layer(lambda p=p: L.AveragePooling3D(2, padding=p)))
    case("maxpool1d_" + p, [(9, 3)], layer(lambda p=p: L.MaxPooling1D(2, strides=3, padding=p)))
case("maxpool2d_zeros", [(5, 6, 2)], lambda x, w: tf.nn.max_pool2d(tf.pad(x[0], [[0, 0], [1, 1], [1, 2], [0, 0]]), 2, 2, "VALID"))
case("avgpool2d_zeros", [(5, 6, 2)], lambda x, w: tf.nn.avg_pool2d(tf.pad(x[0], [[0, 0], [1, 1], [1, 2], [0, 0]]), 3, 2, "VALID"))
case("globalavg2d", [(5, 4, 3)], layer(lambda: L.GlobalAveragePooling2D()))
case("globalmax3d", [(3, 4, 2, 3)], layer(lambda: L.GlobalMaxPooling3D(keepdims=True)))
case("globalavg1d_mask", [(7, 3), (7,)], lambda x, w: L.GlobalAveragePooling1D()(x[0], mask=tf.cast(x[1], bool)), kinds=" m")
# element by element
K = tf.keras.activations
ACTS = {
    "relu": tf.nn.relu, "relu_all": lambda x: K.relu(x, alpha=0.2, max_value=2.5, threshold=0.5),
    "sigmoid": K.sigmoid, "tanh": K.tanh, "elu": lambda x: K.elu(x, 0.7), "selu": K.selu, "softplus": K.softplus, "softsign": K.softsign,
    "exponential": K.exponential, "swish": K.swish, "gelu": K.gelu, "gelu_tanh": lambda x: K.gelu(x, approximate=True), "mish": K.mish,
    "hard_sigmoid": K.hard_sigmoid, "hard_swish": lambda x: x * tf.nn.relu6(x + 3) / 6, "celu": lambda x: tf.maximum(x, 0) + tf.minimum(0.0, 1.5 * tf.math.expm1(x / 1.5)),
    "hard_tanh": lambda x: tf.clip_by_value(x, -1, 1), "hard_shrink": lambda x: tf.where(tf.abs(x) > 0.5, x, 0.0),
    "soft_shrink": lambda x: tf.sign(x) * tf.maximum(tf.abs(x) - 0.5, 0), "tanh_shrink": lambda x: x - tf.tanh(x), "log_sigmoid": tf.math.log_sigmoid,
    "sparse_plus": lambda x: tf.where(x <= -1, 0.0, tf.where(x < 1, (x + 1) ** 2 / 4, x)),
    "sparse_sigmoid": lambda x: tf.where(x <= -1, 0.0, tf.where(x >= 1, 1.0, 0.5 * (x + 1))), "squareplus": lambda x: (x + tf.sqrt(x * x + 4)) / 2,
    "threshold": lambda x: tf.where(x > 0.4, x, -0.25), "clip": lambda x: tf.clip_by_value(x, -0.5, 1.5), "square": tf.square, "abs": tf.abs,
    "negative": tf.negative, "sin": tf.sin, "cos": tf.cos, "floor": tf.floor, "reciprocal": tf.math.reciprocal, "linear": tf.identity,
}
for name, f in ACTS.items():
    case("act_" + name, [(5, 6)], lambda x, w, f=f: f(x[0]), kinds="w")
case("act_glu", [(3, 8)], lambda x, w: x[0][..., :4] * tf.sigmoid(x[0][..., 4:]), kinds="w")
for name, f in {"sqrt": tf.sqrt, "rsqrt": tf.math.rsqrt, "log": tf.math.log}.items():
    case("act_" + name, [(5, 6)], lambda x, w, f=f: f(x[0]), kinds="p")
case("prelu", [(4, 3, 2)], layer(lambda: L.PReLU()), [(4, 3, 2)])
case("prelu_shared", [(4, 3, 2)], layer(lambda: L.PReLU(shared_axes=[1, 2])), [(1, 1, 2)])
case("prelu_shared_last", [(4, 3, 2)], layer(lambda: L.PReLU(shared_axes=[3])), [(4, 3, 1)])
case("affine_last", [(4, 3, 2)], lambda x, w: x[0] * w[0] + w[1], [(2,), (2,)])
case("affine_first", [(4, 3, 2)], lambda x, w: x[0] * w[0][:, None, None] + w[1][:, None, None], [(4,), (4,)])
# softmax and norms
case("softmax", [(3, 5)], lambda x, w: tf.nn.softmax(x[0]), kinds="w")
case("softmax_axis0", [(3, 5)], lambda x, w: tf.nn.softmax(x[0], axis=1), kinds="w")
case("softmax_axes02", [(3, 4, 2)], layer(lambda: L.Softmax(axis=[1, 3])), kinds="w")
case("softmax_masked", [(2, 3, 4), (3, 4)], lambda x, w: L.Softmax()(x[0], mask=tf.cast(x[1], bool)), kinds="wm")
case("log_softmax", [(3, 5)], lambda x, w: tf.nn.log_softmax(x[0]), kinds="w")
case("layernorm", [(4, 6)], layer(lambda: L.LayerNormalization(epsilon=1e-3)), [(6,), (6,)])
case("layernorm_axes12", [(3, 4, 2)], layer(lambda: L.LayerNormalization(axis=[2, 3], center=False)), [(4, 2)])
case("layernorm_axis1", [(4, 5)], layer(lambda: L.LayerNormalization(axis=1, scale=False)), [(4,)])
case("layernorm_axes13", [(3, 4, 2)], layer(lambda: L.LayerNormalization(axis=[1, 3])), [(3, 2), (3, 2)])
case("groupnorm", [(3, 4, 6)], layer(lambda: L.GroupNormalization(groups=2)), [(6,), (6,)])
case("groupnorm_axis1", [(6, 3, 4)], layer(lambda: L.GroupNormalization(groups=3, axis=1, epsilon=0.01)), [(6,), (6,)])
case("groupnorm_instance", [(3, 4, 4)], layer(lambda: L.GroupNormalization(groups=-1, scale=False, center=False)))
case("unitnorm", [(4, 6)], layer(lambda: L.UnitNormalization()))
case("unitnorm_axis1", [(4, 6)], layer(lambda: L.UnitNormalization(axis=1)))
# merges
BIN = {"add": tf.add, "sub": tf.subtract, "mul": tf.multiply, "div": tf.divide, "max": tf.maximum, "min": tf.minimum, "sqdiff": tf.math.squared_difference,
       "floordiv": tf.math.floordiv}
for name, f in BIN.items():
    case("bin_" + name, [(4, 5), (4, 5)], lambda x, w, f=f: f(x[0], x[1]), kinds="ww")
case("bin_pow", [(4, 5), (4, 5)], lambda x, w: tf.pow(x[0], x[1]), kinds="pp")
case("bin_avg3", [(4, 5), (4, 5), (4, 5)], lambda x, w: L.Average()(x))
case("bin_broadcast", [(4, 1, 3), (2, 1), (3,)], lambda x, w: x[0] - x[1][:, None] - x[2][:, None, None])
case("bin_scalar_first", [(4, 5)], lambda x, w: 1.5 / x[0])
case("bin_scalar_relu", [(4, 5)], lambda x, w: tf.nn.relu(x[0] - 0.25))
case("bin_weight", [(4, 5)], lambda x, w: w[0] - x[0], [(3, 1, 5)])
# places
case("concat", [(3, 4), (3, 2), (3, 1)], lambda x, w: tf.concat(x, 2))
case("concat_first", [(3, 4), (2, 4)], lambda x, w: tf.concat(x, 1))
case("reverse", [(3, 4, 2)], lambda x, w: tf.reverse(x[0], [2]))
case("reshape", [(3, 4)], lambda x, w: tf.reshape(x[0], (1, 2, 6)))
case("permute", [(2, 3, 4)], lambda x, w: tf.transpose(x[0], (0, 3, 1, 2)))
case("permute_keep_last", [(2, 3, 4)], lambda x, w: tf.transpose(x[0], (0, 2, 1, 3)))
case("pad", [(2, 3, 2)], lambda x, w: tf.pad(x[0], [[0, 0], [1, 0], [0, 2], [1, 1]], constant_values=0.5))
case("slice", [(5, 6)], lambda x, w: x[0][:, 1:-1, ::2])
case("slice_back", [(5, 6)], lambda x, w: x[0][:, 3:0:-2, ::-1])
case("slice_drop", [(5, 6)], lambda x, w: x[0][:, -1, 2:5])
case("crop", [(5, 6, 2)], layer(lambda: L.Cropping2D(((1, 2), (0, 3)))))
case("repeat", [(3, 2)], lambda x, w: tf.repeat(x[0], 3, axis=1))
case("tile", [(3, 2)], lambda x, w: tf.tile(x[0], (1, 3, 1)))
case("repeat_vector", [(5,)], layer(lambda: L.RepeatVector(3)))
# products
case("dot_vec", [(6,), (6,)], lambda x, w: L.Dot(axes=1)(x))
case("dot_normalize", [(4, 6), (5, 6)], lambda x, w: L.Dot(axes=2, normalize=True)(x))
case("dot_21", [(4, 6), (6, 3)], lambda x, w: L.Dot(axes=(2, 1))(x))
case("dot_3d", [(4, 6, 2), (3, 6)], lambda x, w: L.Dot(axes=(2, 2))(x))
case("matmul", [(2, 3, 4), (2, 4, 5)], lambda x, w: tf.matmul(x[0], x[1]) * 0.5)
case("matmul_tb", [(2, 3, 9), (5, 9)], lambda x, w: tf.matmul(x[0], x[1][:, None], transpose_b=True))
case("matmul_ta", [(4, 3), (2, 4, 5)], lambda x, w: tf.matmul(x[0][:, None], x[1], transpose_a=True))
# sizes
for m in ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"):
    case("resize_up_" + m, [(4, 5, 1)], lambda x, w, m=m: tf.image.resize(x[0], (7, 9), method=m))
    case("resize_down_" + m, [(9, 11, 1)], lambda x, w, m=m: tf.image.resize(x[0], (4, 6), method=m))
case("upsample_bilinear", [(3, 4, 2)], layer(lambda: L.UpSampling2D((2, 3), interpolation="bilinear")))
case("resize_crop", [(8, 13, 2)], layer(lambda: L.Resizing(4, 4, crop_to_aspect_ratio=True)))
case("center_crop", [(8, 9, 2)], layer(lambda: L.CenterCrop(5, 4)))
case("center_crop_small", [(4, 6, 2)], layer(lambda: L.CenterCrop(7, 5)))
# sequences
case("embedding", [(4,)], lambda x, w: tf.gather(w[0], tf.cast(x[0], tf.int32)), [(7, 3)], kinds="t")
case("mask_values", [(6, 1)], lambda x, w: tf.cast(tf.reduce_any(x[0] != 3, -1), tf.float32), kinds="t")
case("mask_zero", [(9,)], lambda x, w: tf.cast(x[0] != 0, tf.float32), kinds="t")


def rnn(make):
    """Inputs x, [states], [mask]; outputs in a row."""
    def f(x, w):
        y = make()
        y.build(x[0].shape)
        y.set_weights(w)
        states = [t for t in x[1:] if t.shape[1:] == (5,)]
        masks = [tf.cast(t, bool) for t in x[1:] if t.shape[1:] == (6,)]
        return y(x[0], initial_state=states or None, mask=masks[0] if masks else None)
    return f


def w_of(gates, bias=True, two=False):
    return [(4, 5 * gates), (5, 5 * gates)] + ([(2, 5 * gates) if two else (5 * gates,)] if bias else [])


case("rnn_simple", [(6, 4)], rnn(lambda: L.SimpleRNN(5, return_sequences=True)), w_of(1))
case("rnn_lstm", [(6, 4)], rnn(lambda: L.LSTM(5, return_state=True)), w_of(4))
case("rnn_lstm_back_nobias", [(6, 4)], rnn(lambda: L.LSTM(5, go_backwards=True, return_sequences=True, use_bias=False)), w_of(4, False))
case("rnn_lstm_hard", [(6, 4)], rnn(lambda: L.LSTM(5, activation="relu", recurrent_activation="hard_sigmoid")), w_of(4))
case("rnn_lstm_mask", [(6, 4), (6,)], rnn(lambda: L.LSTM(5, return_sequences=True, return_state=True)), w_of(4), kinds=" m")
case("rnn_lstm_mask_zero", [(6, 4), (6,)], rnn(lambda: L.LSTM(5, return_sequences=True, zero_output_for_mask=True)), w_of(4), kinds=" m")
case("rnn_lstm_initial_mask_back", [(6, 4), (5,), (5,), (6,)], rnn(lambda: L.LSTM(5, go_backwards=True)), w_of(4), kinds="   m")
case("rnn_gru", [(6, 4)], rnn(lambda: L.GRU(5, return_sequences=True)), w_of(3, two=True))
case("rnn_gru_before", [(6, 4)], rnn(lambda: L.GRU(5, reset_after=False)), w_of(3))
case("rnn_gru_initial_mask", [(6, 4), (5,), (6,)], rnn(lambda: L.GRU(5, return_state=True)), w_of(3, two=True), kinds="  m")
case("rnn_outer", [(2, 3, 4)], layer(lambda: L.TimeDistributed(L.SimpleRNN(5))), w_of(1))
case("convlstm1d", [(3, 6, 2)], layer(lambda: L.ConvLSTM1D(2, 3, strides=2, padding="same", return_sequences=True)), [(3, 2, 8), (3, 2, 8), (8,)])
case("convlstm2d", [(3, 5, 4, 1)], layer(lambda: L.ConvLSTM2D(2, (3, 2), go_backwards=True)), [(3, 2, 1, 8), (3, 2, 2, 8), (8,)])
case("convlstm3d", [(2, 3, 3, 2, 1)], layer(lambda: L.ConvLSTM3D(1, 2, padding="same", use_bias=False)), [(2, 2, 2, 1, 4), (2, 2, 2, 1, 4)])
case("convlstm1d_mask", [(4, 5, 2), (4,)], lambda x, w: masked_conv_lstm(x, w), [(3, 2, 8), (3, 2, 8), (8,)], kinds=" m")
case("causal", [(2, 3, 4)], lambda x, w: tf.linalg.band_part(tf.ones((3, 4)), -1, 0))
RED = {"max": tf.reduce_max, "avg": tf.reduce_mean, "sum": tf.reduce_sum, "min": tf.reduce_min, "prod": tf.reduce_prod}
for name, f in RED.items():
    case("reduce_" + name, [(4, 3, 5)], lambda x, w, f=f: f(x[0], axis=2), kinds="w")
case("reduce_last", [(4, 3, 5)], lambda x, w: tf.reduce_sum(x[0], axis=[1, 3]))
case("reduce_all_keep", [(4, 3, 5)], lambda x, w: tf.reduce_mean(x[0], axis=[1, 2, 3], keepdims=True))

with open(sys.argv[1], "w") as out:
    for name, ins, ws, kinds, fn in CASES:
        x = [tf.constant(values(s, k, kind=(kinds + "    ")[k].strip()))[None] for k, s in enumerate(ins)]
        y = fn(x, [values(s, k, True) for k, s in enumerate(ws)])
        flat = np.concatenate([np.asarray(t, np.float32).ravel() for t in (y if isinstance(y, (list, tuple)) else [y])])
        assert np.isfinite(flat).all(), name
        out.write("%s %d %s\n" % (name, flat.size, " ".join("%.7g" % v for v in flat)))
print(len(CASES), "cases")
