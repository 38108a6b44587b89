/* Every pass and every fast step against the plain build of the same network: each instruction set, one and three
 * threads; and the same bits for any number of threads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "graph.h"
#include "nn/plan_fast.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct graph *fresh(void)
{
    static struct graph g;
    memset(&g, 0, sizeof(g));
    g.seed = 1;
    return &g;
}

/* Names of the kernels that any of the networks here has used. */
static const char *seen[64];
static int seen_n;

static void note_kernels(const struct graph *g)
{
    struct err e = {0};
    struct nn_net *net;
    int fd = graph_file(g);
    assert_int_equal(nn_net_load(fd, &(struct nn_build){.isa = nn_isa_best()}, &net, &e), RC_OK);
    close(fd);
    const struct nn_info *info = nn_net_info(net);
    for (int32_t i = 0; i < info->step_n && seen_n < 64; i++) {
        bool known = false;
        for (int k = 0; k < seen_n; k++)
            known = known || str_eq(seen[k], info->step[i].kernel);
        if (!known)
            seen[seen_n++] = info->step[i].kernel;
    }
    nn_net_close(net);
}

static void compare(const struct graph *g, const char *what)
{
    size_t n, m;
    float *want = graph_run(g, NN_ISA_SCALAR, true, 1, &n);
    note_kernels(g);
    assert_non_null(want);
    for (int isa = 0; isa < NN_ISA_N; isa++) {
        float *one = NULL;
        for (int32_t threads = 1; threads <= 3 && nn_isa_usable((enum nn_isa)isa); threads += 2) {
            float *got = graph_run(g, (enum nn_isa)isa, false, threads, &m);
            assert_non_null(got);
            assert_int_equal(n, m);
            for (size_t i = 0; i < n; i++) {
                if (!(fabsf(got[i] - want[i]) <= 3e-5f + 1e-4f * fabsf(want[i])))
                    fail_msg("%s, %s, %d threads: element %zu is %.9g, plain %.9g", what, nn_isa_name((enum nn_isa)isa),
                             threads, i, (double)got[i], (double)want[i]);
            }
            if (one)
                assert_memory_equal(one, got, n * sizeof(float));
            if (threads == 1)
                one = got;
            else
                mem_free(got);
        }
        mem_free(one);
    }
    mem_free(want);
}

static int32_t relu6(struct graph *g, int32_t x)
{
    return graph_act(g, x, IR_FN_RELU, 0, 6);
}

static void test_convolutions(void **state)
{
    (void)state;
    static const struct {
        int32_t h, w, cin, cout, k, stride, dilation, mode;
    } c[] = {
        {9, 11, 3, 17, 3, 2, 1, IR_PAD_SAME},    {9, 11, 3, 8, 3, 1, 1, IR_PAD_VALID},
        {7, 7, 40, 70, 1, 1, 1, IR_PAD_VALID},   {7, 7, 40, 33, 1, 2, 1, IR_PAD_VALID},
        {12, 10, 5, 20, 3, 1, 2, IR_PAD_SAME},   {15, 13, 4, 6, 7, 2, 1, IR_PAD_SAME},
        {6, 5, 33, 31, 5, 1, 1, IR_PAD_SAME},    {30, 31, 24, 40, 3, 1, 1, IR_PAD_SAME},
        {18, 19, 26, 25, 3, 1, 1, IR_PAD_VALID}, {1, 1, 70, 130, 1, 1, 1, IR_PAD_VALID},
        {14, 14, 32, 65, 3, 1, 1, IR_PAD_SAME},
    };
    for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
        struct graph *g = fresh();
        int32_t x = graph_input(g, shape3(c[i].h, c[i].w, c[i].cin));
        x = graph_conv(g, x, c[i].k, c[i].stride, c[i].dilation, c[i].mode, c[i].cin, c[i].cout, i % 2);
        if (i % 3)
            x = graph_bn(g, x, c[i].cout, 2);
        graph_output(g, i % 4 ? graph_act(g, x, i % 4 == 1 ? IR_FN_RELU : IR_FN_SWISH, 0, 0) : x);
        char name[40];
        snprintf(name, sizeof(name), "convolution %zu", i);
        compare(g, name);
    }
}

static void test_other_ranks(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t x = graph_input(g, (struct ir_shape){.rank = 2, .dim = {37, 5}});
    graph_weight(g, 3, (const int32_t[]){4, 5, 19}, -0.4f, 0.4f);
    struct ir_window w = {.spatial = 1, .kernel = {4}, .stride = {1}, .dilation = {2}, .mode = IR_PAD_CAUSAL};
    x = graph_node(g, (struct ir_node){.op = IR_CONV, .u.conv = {.w = w, .groups = 1}}, x, -1, -1, -1);
    graph_output(g, graph_act(g, x, IR_FN_TANH, 0, 0));
    compare(g, "one dimension, causal");
    g = fresh();
    x = graph_input(g, (struct ir_shape){.rank = 4, .dim = {5, 6, 7, 3}});
    graph_weight(g, 5, (const int32_t[]){3, 2, 3, 3, 9}, -0.2f, 0.2f);
    w = (struct ir_window){
        .spatial = 3, .kernel = {3, 2, 3}, .stride = {2, 1, 1}, .dilation = {1, 1, 1}, .mode = IR_PAD_SAME};
    x = graph_node(g, (struct ir_node){.op = IR_CONV, .u.conv = {.w = w, .groups = 1}}, x, -1, -1, -1);
    w = (struct ir_window){
        .spatial = 3, .kernel = {2, 2, 2}, .stride = {1, 2, 2}, .dilation = {1, 1, 1}, .mode = IR_PAD_SAME};
    graph_output(g, graph_node(g, (struct ir_node){.op = IR_POOL, .u.pool = {w, IR_REDUCE_AVG}}, x, -1, -1, -1));
    compare(g, "three dimensions");
    g = fresh(); /* outer axis: the same convolution for each of four pictures */
    x = graph_input(g, (struct ir_shape){.rank = 4, .dim = {4, 9, 8, 6}});
    graph_weight(g, 4, (const int32_t[]){3, 3, 6, 10}, -0.2f, 0.2f);
    w = (struct ir_window){.spatial = 2, .kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .mode = IR_PAD_SAME};
    x = graph_node(g, (struct ir_node){.op = IR_CONV, .u.conv = {.w = w, .groups = 1}}, x, -1, -1, -1);
    graph_weight(g, 2, (const int32_t[]){10, 21}, -0.4f, 0.4f);
    graph_output(g, graph_node(g, (struct ir_node){.op = IR_DENSE, .u.dense = {21, 0, {0}}}, x, -1, -1, -1));
    compare(g, "outer axis");
}

/* Expand, depthwise, project with the residual, at sizes that leave tails everywhere. */
static void test_inverted_residual(void **state)
{
    (void)state;
    static const struct {
        int32_t h, w, c, mid, out, k, stride, dilation;
    } c[] = {{33, 35, 9, 70, 9, 3, 1, 1},
             {34, 31, 8, 64, 12, 3, 2, 1},
             {29, 30, 16, 96, 16, 5, 1, 1},
             {31, 40, 8, 72, 10, 5, 2, 1},
             {40, 40, 8, 50, 8, 3, 1, 2}};
    for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
        struct graph *g = fresh();
        int32_t in = graph_input(g, shape3(c[i].h, c[i].w, c[i].c));
        int32_t first =
            relu6(g, graph_bn(g, graph_conv(g, in, 3, 1, 1, IR_PAD_SAME, c[i].c, c[i].c, false), c[i].c, 2));
        int32_t x =
            relu6(g, graph_bn(g, graph_conv(g, first, 1, 1, 1, IR_PAD_SAME, c[i].c, c[i].mid, false), c[i].mid, 2));
        int32_t mode = IR_PAD_SAME;
        if (c[i].stride == 2 && c[i].k == 3) {
            x = graph_pad(g, x, 0, 1);
            mode = IR_PAD_VALID;
        }
        x = relu6(g, graph_bn(g, graph_dw(g, x, c[i].k, c[i].stride, c[i].dilation, mode, c[i].mid), c[i].mid, 2));
        x = graph_bn(g, graph_conv(g, x, 1, 1, 1, IR_PAD_SAME, c[i].mid, c[i].out, false), c[i].out, 2);
        if (c[i].stride == 1 && c[i].out == c[i].c)
            x = graph_binary(g, IR_ADD, first, x);
        graph_output(g, x);
        char name[40];
        snprintf(name, sizeof(name), "inverted residual %zu", i);
        compare(g, name);
    }
}

static void test_separable(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t in = graph_input(g, shape3(19, 21, 24));
    int32_t x = graph_act(g, in, IR_FN_RELU, 0, 0);
    x = graph_bn(g, graph_conv(g, graph_dw(g, x, 3, 1, 1, IR_PAD_SAME, 24), 1, 1, 1, IR_PAD_SAME, 24, 30, false), 30,
                 2);
    x = graph_pool(g, x, IR_REDUCE_MAX, 3, 2, IR_PAD_SAME);
    int32_t side = graph_bn(g, graph_conv(g, in, 1, 2, 1, IR_PAD_SAME, 24, 30, false), 30, 2);
    x = graph_binary(g, IR_ADD, x, side);
    graph_output(g, graph_act(g, x, IR_FN_ELU, 1, 0));
    compare(g, "separable with side way");
}

static void test_squeeze_excite(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t in = graph_input(g, shape3(17, 18, 12));
    int32_t x =
        graph_act(g, graph_bn(g, graph_conv(g, in, 1, 1, 1, IR_PAD_SAME, 12, 40, false), 40, 2), IR_FN_SWISH, 0, 0);
    x = graph_act(g, graph_bn(g, graph_dw(g, x, 5, 1, 1, IR_PAD_SAME, 40), 40, 2), IR_FN_SWISH, 0, 0);
    int32_t s = graph_global(g, x, false);
    s = graph_node(g, (struct ir_node){.op = IR_RESHAPE, .u.reshape.to = {.rank = 3, .dim = {1, 1, 40}}}, s, -1, -1,
                   -1);
    s = graph_act(g, graph_conv(g, s, 1, 1, 1, IR_PAD_SAME, 40, 5, true), IR_FN_SWISH, 0, 0);
    s = graph_act(g, graph_conv(g, s, 1, 1, 1, IR_PAD_SAME, 5, 40, true), IR_FN_SIGMOID, 0, 0);
    x = graph_binary(g, IR_MUL, x, s);
    x = graph_bn(g, graph_conv(g, x, 1, 1, 1, IR_PAD_SAME, 40, 12, false), 12, 2);
    x = graph_binary(g, IR_ADD, x, in);
    graph_output(g, graph_binary(g, IR_MUL, x, graph_global(g, x, true)));
    compare(g, "squeeze and excite");
}

static void test_dense_block(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t in = graph_input(g, shape3(16, 17, 3)), c = 24;
    int32_t x = graph_act(g, graph_conv(g, in, 3, 1, 1, IR_PAD_SAME, 3, 24, true), IR_FN_RELU, 0, 0);
    x = graph_pool(g, graph_pad(g, x, 1, 1), IR_REDUCE_MAX, 3, 1, IR_PAD_VALID);
    for (int i = 0; i < 3; i++, c += 28) {
        int32_t y = graph_act(g, graph_bn(g, x, c, 2), IR_FN_RELU, 0, 0);
        y = graph_act(g, graph_bn(g, graph_conv(g, y, 1, 1, 1, IR_PAD_SAME, c, 32, false), 32, 2), IR_FN_RELU, 0, 0);
        y = graph_conv(g, y, 3, 1, 1, IR_PAD_SAME, 32, 28, false);
        x = graph_concat(g, x, y, -1, -1);
    }
    x = graph_conv(g, graph_act(g, graph_bn(g, x, c, 2), IR_FN_RELU, 0, 0), 1, 1, 1, IR_PAD_SAME, c, 20, false);
    x = graph_pool(g, x, IR_REDUCE_AVG, 2, 2, IR_PAD_VALID);
    graph_output(g, x);
    compare(g, "dense block");
}

/* Slices that cannot be written in place: an input, a tensor twice, one that is also an output, one read densely. */
static void test_concatenations(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t in = graph_input(g, shape3(10, 9, 6));
    int32_t a = graph_conv(g, in, 3, 1, 1, IR_PAD_SAME, 6, 11, true),
            b = graph_conv(g, in, 1, 1, 1, IR_PAD_SAME, 6, 7, true);
    int32_t d = graph_dw(g, a, 3, 1, 1, IR_PAD_SAME, 11), p = graph_pool(g, in, IR_REDUCE_AVG, 3, 1, IR_PAD_SAME);
    int32_t inner = graph_concat(g, d, in, p, p), both = graph_concat(g, inner, a, b, -1);
    graph_output(g, both);
    graph_output(g, b);
    int32_t soft = graph_node(g, (struct ir_node){.op = IR_SOFTMAX, .u.softmax.axes_mask = 4}, a, -1, -1, -1);
    graph_output(g, graph_binary(g, IR_MAX, soft, a));
    compare(g, "concatenations");
}

static void test_outputs(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t in = graph_input(g, shape3(4, 5, 6)), flat;
    graph_output(g, in);
    flat = graph_node(g, (struct ir_node){.op = IR_RESHAPE, .u.reshape.to = {.rank = 1, .dim = {-1}}}, in, -1, -1, -1);
    int32_t y = graph_dense(g, flat, 120, 37);
    graph_output(g, graph_node(g, (struct ir_node){.op = IR_RESHAPE, .u.reshape.to = {.rank = 2, .dim = {1, 37}}}, y,
                               -1, -1, -1));
    graph_output(g, y);
    y = graph_node(g, (struct ir_node){.op = IR_SOFTMAX, .u.softmax.axes_mask = 1}, graph_dense(g, y, 37, 1000), -1, -1,
                   -1);
    graph_output(g, y);
    compare(g, "outputs under two names");
}

static void test_rescaling(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t x = graph_input(g, shape3(13, 11, 3));
    x = graph_node(g, (struct ir_node){.op = IR_BINARY, .u.binary = {.fn = IR_MUL, .has_scalar = 1, .scalar = 0.25f}},
                   x, -1, -1, -1);
    graph_weight(g, 3, (const int32_t[]){1, 1, 3}, 0.1f, 0.4f);
    x = graph_node(g, (struct ir_node){.op = IR_BINARY, .u.binary.fn = IR_SUB}, x, -1, -1, -1);
    graph_weight(g, 1, (const int32_t[]){3}, 0.5f, 2.0f);
    x = graph_node(g, (struct ir_node){.op = IR_BINARY, .u.binary.fn = IR_DIV}, x, -1, -1, -1);
    x = graph_node(
        g,
        (struct ir_node){.op = IR_BINARY, .u.binary = {.fn = IR_SUB, .has_scalar = 1, .scalar_first = 1, .scalar = 2}},
        x, -1, -1, -1);
    graph_output(g, x);
    graph_output(g, graph_conv(g, graph_pad(g, x, 1, 0), 3, 2, 1, IR_PAD_VALID, 3, 10, false));
    compare(g, "rescaling");
}

/* Steps that nothing else takes in: normalisation of an input, a transposed convolution, recurrent layers. */
static void test_single_steps(void **state)
{
    (void)state;
    struct graph *g = fresh();
    int32_t x = graph_bn(g, graph_input(g, shape3(7, 9, 21)), 21, 2);
    graph_output(g, graph_binary(g, IR_SUB, graph_act(g, x, IR_FN_SIGMOID, 0, 0), x));
    graph_weight(g, 4, (const int32_t[]){3, 3, 10, 21}, -0.2f, 0.2f);
    struct ir_window w = {.spatial = 2, .kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .mode = IR_PAD_SAME};
    graph_output(g, graph_node(g, (struct ir_node){.op = IR_CONV_TRANSPOSE, .u.conv_transpose.w = w}, x, -1, -1, -1));
    compare(g, "affine and transposed");
    static const struct {
        int32_t cell, gates;
    } c[] = {{IR_CELL_SIMPLE, 1}, {IR_CELL_GRU, 3}, {IR_CELL_LSTM, 4}};
    for (size_t i = 0; i < ARRAY_N(c); i++) {
        g = fresh();
        x = graph_input(g, (struct ir_shape){.rank = 2, .dim = {13, 11}});
        const int32_t units = 19, all = units * c[i].gates;
        graph_weight(g, 2, (const int32_t[]){11, all}, -0.3f, 0.3f);
        graph_weight(g, 2, (const int32_t[]){units, all}, -0.3f, 0.3f);
        graph_weight(g, 1, &all, -0.3f, 0.3f);
        struct ir_rnn rnn = {.cell = c[i].cell,
                             .units = units,
                             .sequences = 1,
                             .has_bias = 1,
                             .reverse = i == 2,
                             .act.fn = IR_FN_TANH,
                             .gate.fn = IR_FN_SIGMOID};
        graph_output(g, graph_node(g, (struct ir_node){.op = IR_RNN, .u.rnn = rnn}, x, -1, -1, -1));
        compare(g, "recurrent");
    }
}

/* Comes last: every row of the table was used by some network above. */
static void test_every_row(void **state)
{
    (void)state;
#define PLAN_ROW(id) &plan_row_##id,
    static const struct plan_row *const all[] = {
#include "nn/plan_rows.def"
    };
#undef PLAN_ROW
    for (size_t i = 0; i < ARRAY_N(all); i++) {
        bool used = false;
        for (int k = 0; k < seen_n; k++)
            used = used || str_eq(seen[k], all[i]->name);
        if (!used)
            fail_msg("no network here uses the row '%s'", all[i]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),      cmocka_unit_test(test_other_ranks),
        cmocka_unit_test(test_inverted_residual), cmocka_unit_test(test_separable),
        cmocka_unit_test(test_squeeze_excite),    cmocka_unit_test(test_dense_block),
        cmocka_unit_test(test_concatenations),    cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_rescaling),         cmocka_unit_test(test_single_steps),
        cmocka_unit_test(test_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
