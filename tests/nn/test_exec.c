/* Executor, thread pool, packed files: what can go wrong besides arithmetic. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "graph.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A small MobileNet-like network: every kind of step that the station's networks have. */
static const struct graph *sample(void)
{
    static struct graph g;
    memset(&g, 0, sizeof(g));
    g.seed = 5;
    int32_t x = graph_input(&g, shape3(32, 32, 3));
    x = graph_act(&g, graph_bn(&g, graph_conv(&g, x, 3, 2, 1, IR_PAD_SAME, 3, 16, false), 16, 2), IR_FN_RELU, 0, 6);
    x = graph_act(&g, graph_dw(&g, x, 3, 1, 1, IR_PAD_SAME, 16), IR_FN_RELU, 0, 6);
    x = graph_bn(&g, graph_conv(&g, x, 1, 1, 1, IR_PAD_SAME, 16, 40, false), 40, 2);
    x = graph_act(&g, graph_conv(&g, x, 3, 1, 1, IR_PAD_SAME, 40, 48, true), IR_FN_RELU, 0, 0);
    x = graph_dense(&g, graph_global(&g, x, false), 48, 10);
    graph_output(&g, graph_node(&g, (struct ir_node){.op = IR_SOFTMAX, .u.softmax.axes_mask = 1}, x, -1, -1, -1));
    return &g;
}

static void folder(char *dst, size_t cap)
{
    snprintf(dst, cap, "%s/clinic-nn-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(dst));
}

static void fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 255) / 255.0f;
}

struct session {
    struct nn_net *net;
    int32_t threads;
    float out[10];
    bool good;
};

static void *many_runs(void *arg)
{
    struct session *s = arg;
    struct nn_pool *pool = NULL;
    struct nn_run *run = NULL;
    struct err e = {0};
    float *in = mem_zalloc(3072, sizeof(float), &e), *out = s->out;
    fill(in, 3072);
    s->good = in && !nn_pool_new(s->threads, &pool, &e) && !nn_run_new(s->net, pool, &run, &e);
    for (int i = 0; s->good && i < 50; i++)
        s->good = !nn_forward(run, (const float *const[]){in}, (float *const[]){out}, NULL, &e);
    nn_run_free(run);
    nn_pool_free(pool);
    mem_free(in);
    return NULL;
}

static struct nn_net *loaded(enum nn_isa isa)
{
    struct err e = {0};
    struct nn_net *net = NULL;
    int fd = graph_file(sample());
    assert_true(fd >= 0);
    assert_int_equal(nn_net_load(fd, &(struct nn_build){.isa = isa}, &net, &e), RC_OK);
    close(fd);
    return net;
}

/* One network, several sessions at a time, each with its own number of threads: the same bits everywhere. */
static void test_sessions(void **state)
{
    (void)state;
    enum { N = 4 };
    struct nn_net *net = loaded(nn_isa_best());
    struct session s[N];
    pthread_t id[N];
    for (int32_t i = 0; i < N; i++) {
        s[i] = (struct session){.net = net, .threads = i + 1};
        assert_int_equal(pthread_create(&id[i], NULL, many_runs, &s[i]), 0);
    }
    for (int i = 0; i < N; i++)
        pthread_join(id[i], NULL);
    for (int i = 0; i < N; i++) {
        assert_true(s[i].good);
        assert_memory_equal(s[0].out, s[i].out, sizeof(s[0].out));
    }
    double sum = 0;
    for (int i = 0; i < 10; i++)
        sum += (double)s[0].out[i];
    assert_true(sum > 0.9999 && sum < 1.0001);
    nn_net_close(net);
}

static void test_cancel_and_profile(void **state)
{
    (void)state;
    struct err e = {0};
    struct nn_net *net = loaded(nn_isa_best());
    const struct nn_info *info = nn_net_info(net);
    for (int32_t threads = 1; threads <= 2; threads++) {
        struct nn_pool *pool;
        struct nn_run *run;
        static float in[3072], out[10];
        int64_t ns[64] = {0}, total = 0;
        volatile bool cancel = true;
        assert_int_equal(nn_pool_new(threads, &pool, &e), RC_OK);
        assert_int_equal(nn_run_new(net, pool, &run, &e), RC_OK);
        assert_int_equal(nn_forward(run, (const float *const[]){in}, (float *const[]){out}, &cancel, &e), RC_BUSY);
        assert_int_equal(e.code, ERR_CANCELLED);
        e = (struct err){0};
        cancel = false;
        assert_true(info->step_n <= 64);
        nn_run_profile(run, ns);
        int64_t start = clock_mono_ns();
        assert_int_equal(nn_forward(run, (const float *const[]){in}, (float *const[]){out}, &cancel, &e), RC_OK);
        int64_t took = clock_mono_ns() - start;
        for (int32_t i = 0; i < info->step_n; i++) {
            assert_true(ns[i] >= 0);
            total += ns[i];
        }
        assert_true(total > 0 && total <= took);
        nn_run_free(run);
        nn_pool_free(pool);
    }
    nn_net_close(net);
}

static void run_once(const struct nn_net *net, float out[10])
{
    struct err e = {0};
    struct nn_run *run;
    static float in[3072];
    fill(in, 3072);
    assert_int_equal(nn_run_new(net, NULL, &run, &e), RC_OK);
    assert_int_equal(nn_forward(run, (const float *const[]){in}, (float *const[]){out}, NULL, &e), RC_OK);
    nn_run_free(run);
}

static void test_packed(void **state)
{
    (void)state;
    struct err e = {0};
    char dir[200], path[256];
    float memory[10], file[10];
    folder(dir, sizeof(dir));
    snprintf(path, sizeof(path), "%s/net.nn", dir);
    for (int isa = 0; isa < NN_ISA_N; isa++) {
        if (!nn_isa_usable((enum nn_isa)isa))
            continue;
        struct nn_build b = {.isa = (enum nn_isa)isa}, other = {.isa = (enum nn_isa)isa, .plain = true};
        struct nn_net *net = loaded(b.isa), *mapped = NULL;
        run_once(net, memory);
        int fd = graph_file(sample());
        assert_int_equal(nn_net_pack(fd, path, &b, &e), RC_OK);
        close(fd);
        assert_int_equal(nn_net_open(path, &other, &mapped, &e), RC_NOT_FOUND);
        e = (struct err){0};
        assert_int_equal(nn_net_open(path, &b, &mapped, &e), RC_OK);
        run_once(mapped, file);
        assert_memory_equal(memory, file, sizeof(file));
        const struct nn_info *x = nn_net_info(net), *y = nn_net_info(mapped);
        assert_int_equal(x->step_n, y->step_n);
        assert_int_equal(x->packed_bytes, y->packed_bytes);
        assert_true(x->last_is_softmax && y->last_is_softmax && !y->last_is_sigmoid);
        assert_true(x->macs > 0 && x->macs == y->macs);
        nn_net_close(mapped);
        nn_net_close(net);
    }
    unlink(path);
    rmdir(dir);
}

/* Every damage to header or plan is found, whatever byte it hits; a short file too. */
static void test_packed_damage(void **state)
{
    (void)state;
    struct err e = {0};
    char dir[200], path[256];
    folder(dir, sizeof(dir));
    snprintf(path, sizeof(path), "%s/net.nn", dir);
    struct nn_build b = {.isa = nn_isa_best()};
    struct nn_net *net = NULL;
    int fd = graph_file(sample());
    assert_int_equal(nn_net_pack(fd, path, &b, &e), RC_OK);
    close(fd);
    char *data;
    size_t n;
    assert_int_equal(file_read(path, 1u << 30, &data, &n, &e), RC_OK);
    fd = open(path, O_WRONLY);
    for (size_t at = 0; at < 4096 + 2000; at += at < 200 ? 1 : 97) {
        if (at >= 160 && at < 4096)
            continue; /* padding of the header page */
        const char wrong = (char)(data[at] ^ 0x41);
        assert_int_equal(pwrite(fd, &wrong, 1, (off_t)at), 1);
        if (nn_net_open(path, &b, &net, &e) != RC_NOT_FOUND)
            fail_msg("a wrong byte at %zu was not found", at);
        assert_null(net);
        e = (struct err){0};
        assert_int_equal(pwrite(fd, data + at, 1, (off_t)at), 1);
    }
    assert_int_equal(nn_net_open(path, &b, &net, &e), RC_OK);
    nn_net_close(net);
    for (size_t cut = 0; cut < n; cut += n / 7 + 1) {
        assert_int_equal(ftruncate(fd, (off_t)cut), 0);
        assert_int_equal(nn_net_open(path, &b, &net, &e), RC_NOT_FOUND);
        e = (struct err){0};
        assert_int_equal(ftruncate(fd, (off_t)n), 0);
        assert_int_equal(pwrite(fd, data, n, 0), (ssize_t)n);
    }
    close(fd);
    unlink(path);
    assert_int_equal(nn_net_open(path, &b, &net, &e), RC_NOT_FOUND);
    mem_free(data);
    rmdir(dir);
}

/* Each allocation fails once: an error, nothing leaked, nothing half-made. */
static void test_allocations(void **state)
{
    (void)state;
    struct err e = {0};
    int fd = graph_file(sample());
    for (unsigned long nth = 1;; nth++) {
        struct nn_net *net = NULL;
        struct nn_pool *pool = NULL;
        struct nn_run *run = NULL;
        e = (struct err){0};
        mem_fail_nth(nth);
        bool good = !nn_net_load(fd, &(struct nn_build){.isa = nn_isa_best()}, &net, &e) &&
                    !nn_pool_new(2, &pool, &e) && !nn_run_new(net, pool, &run, &e);
        const unsigned long counted = mem_fail_nth(0);
        nn_run_free(run);
        nn_pool_free(pool);
        nn_net_close(net);
        if (good) {
            assert_true(nth > 20);
            assert_true(counted < nth);
            break;
        }
        if (e.code != ERR_MEMORY)
            fail_msg("allocation %lu failed with E%d %s", nth, (int)e.code, e.msg);
    }
    close(fd);
}

static void test_refusals(void **state)
{
    (void)state;
    struct err e = {0};
    struct nn_pool *pool;
    struct nn_net *net;
    enum nn_isa isa;
    assert_int_equal(nn_pool_new(0, &pool, &e), RC_INPUT);
    e = (struct err){0};
    assert_true(nn_isa_find("AVX2", &isa) && isa == NN_ISA_AVX2);
    assert_false(nn_isa_find("mmx", &isa));
    int fd = graph_file(sample());
    const struct nn_shape wrong = {.rank = 3, .dim = {32, 33, 3}}, two[2] = {wrong, wrong};
    assert_int_equal(
        nn_net_load(fd, &(struct nn_build){.isa = nn_isa_best(), .input_shape = &wrong, .input_shape_n = 1}, &net, &e),
        RC_INPUT);
    assert_int_equal(e.code, ERR_MODEL_INPUT);
    e = (struct err){0};
    assert_int_equal(
        nn_net_load(fd, &(struct nn_build){.isa = nn_isa_best(), .input_shape = two, .input_shape_n = 2}, &net, &e),
        RC_INPUT);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),    cmocka_unit_test(test_cancel_and_profile),
        cmocka_unit_test(test_packed),      cmocka_unit_test(test_packed_damage),
        cmocka_unit_test(test_allocations), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
