/* Attributes and shapes that an operation must refuse, and what it then says. Input of this kind is what a hostile file
 * makes. */
#include "op_case.h"

#include "base/text.h"

struct refusal {
    struct op_case c;
    const char *says; /* part of the message */
};

#define CONV_2D(...)                                                                                                   \
    .u.conv = {.w = {.spatial = 2, .kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}}, .groups = 1, __VA_ARGS__}

static const struct refusal refusals[] = {
    {CASE("kernel", OP(CONV, CONV_2D(.has_bias = 0)), IN(S(8, 8, 4)), W(S(3, 3, 3, 16))),
     "shape of 'w0' is [3,3,3,16], expected [3,3,4,?]"},
    {CASE("bias", OP(CONV, CONV_2D(.has_bias = 1)), IN(S(8, 8, 4)), W(S(3, 3, 4, 16), S(15))),
     "shape of 'w1' is [15], expected [16]"},
    {CASE("no bias", OP(CONV, CONV_2D(.has_bias = 1)), IN(S(8, 8, 4)), W(S(3, 3, 4, 16))), "1 weights, expected 2"},
    {CASE("too small", OP(CONV, CONV_2D(.has_bias = 0)), IN(S(2, 8, 4)), W(S(3, 3, 4, 16))), "too small"},
    {CASE("free channels", OP(CONV, CONV_2D(.has_bias = 0)), IN(S(8, 8, -1)), W(S(3, 3, 4, 16))), "must be known"},
    {CASE("rank", OP(CONV, CONV_2D(.has_bias = 0)), IN(S(8, 4)), W(S(3, 3, 4, 16))), "at least 3 needed"},
    {CASE("act", OP(CONV, CONV_2D(.act.fn = 999)), IN(S(8, 8, 4)), W(S(3, 3, 4, 16))), "activation is 999"},
    {CASE("glu", OP(CONV, CONV_2D(.act.fn = IR_FN_GLU)), IN(S(8, 8, 4)), W(S(3, 3, 4, 16))), "glu cannot be fused"},
    {CASE("stride 0", OP(CONV, .u.conv = {.w = {.spatial = 1, .kernel = {3}, .dilation = {1}}, .groups = 1}),
          IN(S(8, 4)), W(S(3, 4, 5))),
     "stride is 0"},
    {CASE("spatial 4", OP(CONV, .u.conv = {.w = {.spatial = 4}, .groups = 1}), IN(S(8, 4)), W(S(3, 4, 5))),
     "spatial axes is 4"},
    {CASE("groups 0", OP(CONV, .u.conv = {.w = {.spatial = 1, .kernel = {3}, .stride = {1}, .dilation = {1}}}),
          IN(S(8, 4)), W(S(3, 4, 5))),
     "groups is 0"},
    {CASE("groups 3",
          OP(CONV, .u.conv = {.w = {.spatial = 1, .kernel = {3}, .stride = {1}, .dilation = {1}}, .groups = 3}),
          IN(S(8, 4)), W(S(3, 4, 5))),
     "cannot be split into 3 groups"},
    {CASE("dilation",
          OP(POOL, .u.pool = {.w = {.spatial = 1, .kernel = {1 << 20}, .stride = {1}, .dilation = {1 << 20}}}),
          IN(S(8, 4))),
     "dilated kernel size"},
    {CASE("causal 2",
          OP(CONV,
             .u.conv =
                 {.w = {.spatial = 2, .kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .mode = IR_PAD_CAUSAL},
                  .groups = 1}),
          IN(S(8, 8, 4)), W(S(3, 3, 4, 5))),
     "causal"},
    {CASE("pool kind",
          OP(POOL,
             .u.pool = {.w = {.spatial = 1, .kernel = {2}, .stride = {1}, .dilation = {1}}, .kind = IR_REDUCE_PROD}),
          IN(S(8, 4))),
     "kind of pooling"},
    {CASE("output_padding",
          OP(CONV_TRANSPOSE,
             .u.conv_transpose =
                 {.w = {.spatial = 1, .kernel = {4}, .stride = {2}, .dilation = {1}, .mode = IR_PAD_SAME},
                  .has_output_padding = 1}),
          IN(S(5, 3)), W(S(4, 2, 3))),
     "does not fit the stride"},
    {CASE("units", OP(DENSE, .u.dense = {.units = 0}), IN(S(8)), W(S(8, 4))), "units is 0"},
    {CASE("softmax axis", OP(SOFTMAX, .u.softmax = {.axes_mask = 4}), IN(S(8, 4))), "does not have"},
    {CASE("softmax mask", OP(SOFTMAX, .u.softmax = {.axes_mask = 1}), IN(S(1, 4), S(3, 4))), "larger"},
    {CASE("norm eps", OP(NORM, .u.norm = {.axes_mask = 1, .eps = -1}), IN(S(8))), "epsilon is negative"},
    {CASE("norm groups", OP(NORM, .u.norm = {.kind = IR_NORM_GROUP, .groups = 3}), IN(S(8))), "3 groups"},
    {CASE("affine axis", OP(AFFINE, .u.affine = {.axis = 2}), IN(S(8, 4)), W(S(4), S(4))), "axis 2 of an input [8,4]"},
    {CASE("broadcast", OP(BINARY, .u.act = {0}), IN(S(8, 4), S(8, 3))), "[8,4] and [8,3] do not go together"},
    {CASE("power of three", OP(BINARY, .u.binary = {.fn = IR_POW}), IN(S(4), S(4), S(4))), "3 operands"},
    {CASE("concat", OP(CONCAT, .u.axis = {.axis = 1}), IN(S(8, 4), S(7, 4))), "cannot be joined along axis 1"},
    {CASE("reshape", OP(RESHAPE, .u.reshape.to = S(5, -1)), IN(S(8, 4))), "[8,4] cannot be reshaped to [5,?]"},
    {CASE("reshape twice", OP(RESHAPE, .u.reshape.to = S(-1, -1)), IN(S(8, 4))), "2 sizes to compute"},
    {CASE("reshape 0", OP(RESHAPE, .u.reshape.to = S(0, 4)), IN(S(8, 4))), "size 0 along axis 0"},
    {CASE("permute", OP(PERMUTE, .u.permute.perm = {1, 1}), IN(S(8, 4))), "no permutation"},
    {CASE("pad", OP(PAD, .u.pad.before = {-1}), IN(S(8, 4))), "padding is -1"},
    {CASE("pad beyond", OP(PAD, .u.pad.after = {0, 0, 1}), IN(S(8, 4))), "axis 2"},
    {CASE("empty slice", OP(SLICE, .u.slice = {.begin = {5}, .end = {5}, .full_mask = 2}), IN(S(8, 4))),
     "nothing is left"},
    {CASE("drop", OP(SLICE, .u.slice = {.full_mask = 3, .drop_mask = 1}), IN(S(8, 4))), "cannot be dropped"},
    {CASE("repeat", OP(REPEAT, .u.repeat = {.n = 0}), IN(S(8, 4))), "repetitions is 0"},
    {CASE("elements", OP(REPEAT_VECTOR, .u.repeat_vector.n = INT32_MAX), IN(S(2))), "more than 2147483647 values"},
    {CASE("resize", OP(RESIZE, .u.resize = {.size = {4, 0}}), IN(S(8, 8, 4))), "size is 0"},
    {CASE("factor", OP(RESIZE, .u.resize = {.factor = {1 << 20, 1 << 20}}), IN(S(8, 8, 4))), "more than"},
    {CASE("centre", OP(CROP_CENTER, .u.crop_center = {.height = -1, .width = 3}), IN(S(8, 8, 4))), "height is -1"},
    {CASE("dot", OP(DOT, .u.dot = {.axis_a = 1, .axis_b = 0}), IN(S(4, 6), S(5, 6))), "do not fit for a product"},
    {CASE("matmul", OP(MATMUL, .u.matmul = {.scale = 1}), IN(S(4, 6), S(5, 6))), "do not fit for a product"},
    {CASE("table", OP(EMBEDDING, .u.embedding = {.rows = 7, .units = 4}), IN(S(9)), W(S(7, 5))), "expected [7,4]"},
    {CASE("recurrent", OP(RNN, .u.rnn = {.cell = IR_CELL_LSTM, .units = 5}), IN(S(6, 4)), W(S(4, 20), S(5, 15))),
     "expected [5,20]"},
    {CASE("gru bias", OP(RNN, .u.rnn = {.cell = IR_CELL_GRU, .units = 5, .has_bias = 1, .reset_after = 1}), IN(S(6, 4)),
          W(S(4, 15), S(5, 15), S(15))),
     "expected [2,15]"},
    {CASE("state", OP(RNN, .u.rnn = {.units = 5, .has_initial = 1}), IN(S(6, 4), S(4)), W(S(4, 5), S(5, 5))),
     "initial state [4], expected [5]"},
    {CASE("mask", OP(RNN, .u.rnn = {.units = 5, .has_mask = 1}), IN(S(6, 4), S(5)), W(S(4, 5), S(5, 5))),
     "mask [5], expected [6]"},
    {CASE("cell", OP(RNN, .u.rnn = {.cell = 3, .units = 5}), IN(S(6, 4)), W(S(4, 5), S(5, 5))), "kind of cell is 3"},
    {CASE(
         "convlstm",
         OP(CONV_RNN, .u.conv_rnn = {.w = {.spatial = 1, .kernel = {3}, .stride = {1}, .dilation = {1}}, .filters = 2}),
         IN(S(3, 6, 2)), W(S(3, 2, 8), S(3, 1, 8))),
     "expected [3,2,8]"},
    {CASE("local",
          OP(LOCAL,
             .u.local = {.w = {.spatial = 1, .kernel = {3}, .stride = {1}, .dilation = {1}}, .implementation = 1}),
          IN(S(8, 3)), W(S(5, 9, 2))),
     "expected [6,9,?]"},
    {CASE("reduce", OP(REDUCE, .u.reduce = {.axes_mask = 64}), IN(S(8))), "axes is 64"},
    {CASE("inputs", OP(CONCAT, .u.act = {0})), "0 inputs"},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(refusals); i++) {
        struct ir_shape out[CASE_OUT_MAX];
        struct err e = {0};
        enum rc rc = op_case_infer(&refusals[i].c, out, &e);
        if (rc == RC_OK || strstr(e.msg, refusals[i].says) == NULL) {
            fail_msg("%s: rc %d, '%s' lacks '%s'", refusals[i].c.name, (int)rc, e.msg, refusals[i].says);
        }
    }
}

struct outcome {
    struct op_case c;
    struct ir_shape out;
};

/* Free axes pass through. */
static const struct outcome outcomes[] = {
    {CASE("conv", OP(CONV, CONV_2D(.has_bias = 0)), IN(S(-1, 9, 4)), W(S(3, 3, 4, 16))), S(-1, 7, 16)},
    {CASE("conv in time", OP(CONV, CONV_2D(.has_bias = 0)), IN(S(5, 8, 9, 4)), W(S(3, 3, 4, 16))), S(5, 6, 7, 16)},
    {CASE("transpose",
          OP(CONV_TRANSPOSE,
             .u.conv_transpose =
                 {.w = {.spatial = 1, .kernel = {3}, .stride = {2}, .dilation = {1}, .mode = IR_PAD_SAME}}),
          IN(S(-1, 3)), W(S(3, 2, 3))),
     S(-1, 2)},
    {CASE("add", OP(BINARY, .u.act = {0}), IN(S(-1, 4), S(1, 1), S(4))), S(-1, 4)},
    {CASE("concat", OP(CONCAT, .u.axis = {.axis = 0}), IN(S(-1, 4), S(3, 4))), S(-1, 4)},
    {CASE("concat channels", OP(CONCAT, .u.axis = {.axis = 1}), IN(S(-1, 4), S(3, 4))), S(3, 8)},
    {CASE("reshape", OP(RESHAPE, .u.reshape.to = S(-1, 6)), IN(S(-1, 3, 4))), S(-1, 6)},
    {CASE("crop", OP(SLICE, .u.slice = {.begin = {1}, .end = {2}, .from_end_mask = 1, .full_mask = 2}), IN(S(-1, 4))),
     S(-1, 4)},
    {CASE("crop 9", OP(SLICE, .u.slice = {.begin = {1}, .end = {2}, .from_end_mask = 1, .full_mask = 2}), IN(S(9, 4))),
     S(6, 4)},
    {CASE("last", OP(SLICE, .u.slice = {.begin = {-1}, .end = {INT32_MAX}, .drop_mask = 1, .full_mask = 2}),
          IN(S(-1, 4))),
     S(4)},
    {CASE("back", OP(SLICE, .u.slice = {.step = {-2}, .full_mask = 3}), IN(S(9, 4))), S(5, 4)},
    {CASE("rnn", OP(RNN, .u.rnn = {.units = 5, .sequences = 1}), IN(S(-1, 4)), W(S(4, 5), S(5, 5))), S(-1, 5)},
    {CASE("dot", OP(DOT, .u.dot = {.axis_a = 0, .axis_b = 0}), IN(S(6), S(6))), S(1)},
    {CASE("matmul", OP(MATMUL, .u.matmul = {.scale = 1, .transpose_b = 1}), IN(S(2, -1, 4), S(7, 4))), S(2, -1, 7)},
    {CASE("reduce", OP(REDUCE, .u.reduce = {.kind = IR_REDUCE_AVG, .axes_mask = 5, .keep_dims = 1}), IN(S(-1, 3, 4))),
     S(1, 3, 1)},
    {CASE("glu", OP(ACT, .u.act.fn = IR_FN_GLU), IN(S(3, 8))), S(3, 4)},
};

static void inferred(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(outcomes); i++) {
        struct ir_shape out[CASE_OUT_MAX];
        struct err e = {0};
        const struct ir_shape *want = &outcomes[i].out;
        enum rc rc = op_case_infer(&outcomes[i].c, out, &e);
        bool same = rc == RC_OK && out[0].rank == want->rank;
        for (int32_t k = 0; same && k < want->rank; k++) {
            same = out[0].dim[k] == want->dim[k];
        }
        if (!same) {
            fail_msg("%s: rc %d '%s', rank %d, [%d, %d, ...", outcomes[i].c.name, (int)rc, e.msg, (int)out[0].rank,
                     (int)out[0].dim[0], (int)out[0].dim[1]);
        }
    }
}

/* No attribute, whatever its bits, may crash or be taken for a tensor beyond the limits. */
static void any_bits(void **state)
{
    (void)state;
    uint32_t seed = 1;
    int32_t taken = 0;
    for (int32_t round = 0; round < 200000; round++) {
        struct op_case c = {.node.op = round % IR_OP_N, .in = {S(5, 6, 4), S(5, 6, 4)}, .w = {S(4, 5), S(5, 5)}};
        uint8_t *bytes = (uint8_t *)&c.node.u;
        for (size_t i = 0; i < sizeof c.node.u; i += 4) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t pick = seed >> 24, v = pick < 120   ? 0
                                            : pick < 200 ? pick & 3
                                            : pick < 230 ? (seed >> 8) & 31
                                                         : seed * 7919u;
            memcpy(bytes + i, &v, 4);
        }
        c.in[1 + (seed >> 9) % 2].rank = 0;
        c.w[(seed >> 10) % 3].rank = 0;
        struct ir_shape out[CASE_OUT_MAX];
        struct err e = {0};
        if (op_case_infer(&c, out, &e) == RC_OK) {
            taken++;
            int64_t n = 1;
            for (int32_t i = 0; i < out[0].rank; i++) {
                assert_true(out[0].dim[i] >= 1);
                n *= out[0].dim[i];
                assert_true(n <= INT32_MAX);
            }
        } else {
            assert_int_not_equal(e.rc, RC_OK);
        }
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(refused), cmocka_unit_test(inferred),
                                       cmocka_unit_test(any_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
