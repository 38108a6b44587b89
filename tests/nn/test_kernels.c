/* Every row of kernels.def against plain loops in double precision: odd sizes, tails, every misalignment that floats
 * allow. Buffers end where an unreadable page begins, so that one float too many is a fault even without a sanitizer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn.h"
#include "nn/kernel/kernels.h"
#include "nn/step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, BUFFERS = 16 };
static struct {
    void *base;
    size_t bytes;
} held[BUFFERS];
static int held_n;
static uint32_t seed = 1;

static float draw(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.0f - 1.0f;
}

static int32_t pick(int32_t low, int32_t high)
{
    seed = seed * 1664525u + 1013904223u;
    return low + (int32_t)((seed >> 8) % (uint32_t)(high - low + 1));
}

/* n floats of noise that end at an unreadable page. */
static float *room(int64_t n)
{
    const size_t bytes = ((size_t)n * sizeof(float) + PAGE - 1) / PAGE * PAGE + PAGE;
    unsigned char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + bytes - PAGE, PAGE, PROT_NONE), 0);
    assert_true(held_n < BUFFERS);
    held[held_n].base = base;
    held[held_n++].bytes = bytes;
    float *p = (float *)(void *)(base + bytes - PAGE) - n;
    for (int64_t i = 0; i < n; i++)
        p[i] = draw();
    return p;
}

static void release(void)
{
    while (held_n > 0) {
        held_n--;
        munmap(held[held_n].base, held[held_n].bytes);
    }
}

static double act_of(const struct kern_act *a, double x)
{
    switch (a->fn) {
    case KERN_CLAMP:
        return fmin((double)a->b, fmax((double)a->a, x));
    case KERN_LEAKY:
        return fmin((double)a->b, x < 0 ? (double)a->a * x : x);
    case KERN_SWISH:
        return x / (1 + exp(-x));
    case KERN_SIGMOID:
        return 1 / (1 + exp(-x));
    case KERN_TANH:
        return tanh(x);
    case KERN_HARD_SWISH:
        return x * fmin(1, fmax(0, x / 6 + 0.5));
    case KERN_HARD_SIGMOID:
        return fmin(1, fmax(0, x * (double)a->a + (double)a->b));
    case KERN_ELU:
        return x > 0 ? x : (double)a->a * (exp(x) - 1);
    case KERN_EXP:
        return exp(x);
    default:
        return x;
    }
}

static struct kern_act some_act(void)
{
    static const struct kern_act all[] = {{KERN_NONE, 0, 0},         {KERN_CLAMP, 0, 6},
                                          {KERN_CLAMP, 0, INFINITY}, {KERN_LEAKY, 0.2f, INFINITY},
                                          {KERN_SWISH, 0, 0},        {KERN_SIGMOID, 0, 0},
                                          {KERN_TANH, 0, 0},         {KERN_HARD_SWISH, 0, 0},
                                          {KERN_ELU, 1, 0},          {KERN_HARD_SIGMOID, 0.2f, 0.5f},
                                          {KERN_EXP, 0, 0}};
    return all[pick(0, (int32_t)(sizeof(all) / sizeof(*all)) - 1)];
}

static void near(double got, double want, double scale, const char *what, const struct kern_isa *k, int64_t at)
{
    if (!(fabs(got - want) <= 4e-7 * scale + 2e-6 * fabs(want)))
        fail_msg("%s of %s, element %lld: %.9g, expected %.9g", what, k->name, (long long)at, got, want);
}

static void each_row(void (*test)(const struct kern_isa *k))
{
    static const struct {
        enum nn_isa isa;
        const struct kern_isa *(*table)(void);
    } all[] = {
#define KERNELS(id, name) {NN_ISA_##id, kern_##name},
#include "nn/kernel/kernels.def"
#undef KERNELS
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        seed = 1;
        assert_ptr_equal(all[i].table(), kern_isa((int32_t)all[i].isa));
        if (nn_isa_usable(all[i].isa))
            test(all[i].table());
        else
            print_message("skipped: this processor has no %s\n", nn_isa_name(all[i].isa));
    }
}

/* ---- products ---- */

static void pack(const struct kern_isa *k, const float *b, const float *bias, int64_t kt, int32_t n, float *to)
{
    for (int32_t i = 0; i < kern_panel_n(k, n); i++) {
        const int32_t from = kern_panel_start(k, n, i), width = kern_panel_width(k, n, i);
        float *p = to + kern_panel_offset(k, n, kt, i);
        for (int64_t r = -1; r < kt; r++) {
            for (int32_t c = 0; c < width; c++)
                *p++ = from + c >= n ? 0.0f : r < 0 ? bias[from + c] : b[r * n + from + c];
        }
    }
}

static void one_product(const struct kern_isa *k)
{
    const int32_t m = pick(1, 31), taps = pick(1, 3), kk = pick(1, 37), n = pick(1, 150), lda = kk + pick(0, 3),
                  ldc = n + pick(0, 5);
    const bool rows = taps > 1 || pick(0, 1), residual = pick(0, 1), twice = pick(0, 3) == 0;
    const int64_t kt = (int64_t)taps * kk;
    float *a = room((int64_t)m * taps * lda), *b = room(kt * n), *bias = room(n),
          *packed = room(kern_panels_floats(k, n, kt));
    float *c = room((int64_t)(m - 1) * ldc + n), *r = room((int64_t)m * ldc);
    const float *row[31 * 3];
    for (int32_t t = 0; t < taps; t++) {
        for (int32_t i = 0; i < m; i++)
            row[t * m + i] = a + ((int64_t)t * m + i) * lda;
    }
    pack(k, b, bias, kt, n, packed);
    struct kern_gemm j = {.a = a,
                          .lda = lda,
                          .row = rows ? row : NULL,
                          .row_n = m,
                          .m = m,
                          .taps = taps,
                          .k = kk,
                          .n = n,
                          .panel_end = kern_panel_n(k, n),
                          .b = packed,
                          .c = c,
                          .ldc = ldc,
                          .residual = residual ? r : NULL,
                          .ldr = ldc,
                          .act = some_act()};
    const int32_t cut = twice ? pick(0, j.panel_end) : 0;
    if (twice) { /* panels in two calls, the first of them held and gone over again with zero weights */
        j.panel_end = cut;
        k->gemm(&j);
        j.panel = cut;
        j.panel_end = kern_panel_n(k, n);
    }
    k->gemm(&j);
    for (int32_t i = 0; i < m; i++) {
        for (int32_t x = 0; x < n; x++) {
            double want = (double)bias[x], size = 1;
            for (int32_t t = 0; t < taps; t++) {
                for (int32_t q = 0; q < kk; q++) {
                    const double term = (double)row[t * m + i][q] * (double)b[((int64_t)t * kk + q) * n + x];
                    want += term;
                    size += fabs(term);
                }
            }
            want += residual ? (double)r[(int64_t)i * ldc + x] : 0;
            near((double)c[(int64_t)i * ldc + x], act_of(&j.act, want), size * (1 + act_of(&j.act, fabs(want))),
                 "product", k, (int64_t)i * n + x);
        }
    }
    release();
}

static void products(const struct kern_isa *k)
{
    for (int i = 0; i < 300; i++)
        one_product(k);
}

/* So much k that a panel is used in slices: one tap, several taps by table, several by a constant step. */
static void long_products(const struct kern_isa *k)
{
    static const int32_t size[][4] = {{31, 1, 6007, 67}, {29, 9, 701, 45}, {26, 3, 2111, 70}}; /* m, taps, k, n */
    for (size_t i = 0; i < sizeof(size) / sizeof(*size); i++) {
        const int32_t m = size[i][0], taps = size[i][1], kk = size[i][2], n = size[i][3];
        const int64_t kt = (int64_t)taps * kk;
        float *a = room(kt * m), *b = room(kt * n), *bias = room(n), *packed = room(kern_panels_floats(k, n, kt));
        float *c = room((int64_t)m * n), *r = room((int64_t)m * n);
        const float *row[31 * 9], *tap[9];
        for (int32_t t = 0; t < taps; t++) {
            tap[t] = a + (int64_t)t * m * kk;
            for (int32_t q = 0; q < m; q++)
                row[t * m + q] = tap[t] + (int64_t)q * kk;
        }
        pack(k, b, bias, kt, n, packed);
        struct kern_gemm j = {.a = a,
                              .lda = kk,
                              .row = i == 1 ? row : NULL,
                              .tap = i == 2 ? tap : NULL,
                              .row_n = m,
                              .m = m,
                              .taps = taps,
                              .k = kk,
                              .n = n,
                              .panel_end = kern_panel_n(k, n),
                              .b = packed,
                              .c = c,
                              .ldc = n,
                              .residual = r,
                              .ldr = n,
                              .act = {KERN_CLAMP, -20, 20}};
        k->gemm(&j);
        for (int32_t q = 0; q < m; q++) {
            for (int32_t x = 0; x < n; x++) {
                double want = (double)bias[x] + (double)r[q * n + x];
                for (int64_t t = 0; t < kt; t++)
                    want += (double)row[t / kk * m + q][t % kk] * (double)b[t * n + x];
                near((double)c[q * n + x], fmin(20, fmax(-20, want)), (double)kt, "long product", k, q * n + x);
            }
        }
        release();
    }
}

/* k in two calls: bias and the first half held, then the rest with residual and activation. */
static void product_in_parts(const struct kern_isa *k)
{
    for (int i = 0; i < 40; i++) {
        const int32_t m = pick(1, 20), k1 = pick(1, 20), k2 = pick(1, 20), n = pick(1, 100);
        float *a = room((int64_t)m * (k1 + k2)), *b = room((int64_t)(k1 + k2) * n), *bias = room(n),
              *r = room((int64_t)m * n);
        float *p1 = room(kern_panels_floats(k, n, k1)), *p2 = room(kern_panels_floats(k, n, k2)),
              *c = room((int64_t)m * n);
        pack(k, b, bias, k1, n, p1);
        pack(k, b + (int64_t)k1 * n, bias, k2, n, p2);
        struct kern_gemm j = {.a = a,
                              .lda = k1 + k2,
                              .m = m,
                              .taps = 1,
                              .k = k1,
                              .n = n,
                              .panel_end = kern_panel_n(k, n),
                              .b = p1,
                              .c = c,
                              .ldc = n,
                              .residual = r,
                              .ldr = n,
                              .hold = true,
                              .act = {KERN_CLAMP, 0, 1}};
        k->gemm(&j);
        j.a = a + k1;
        j.k = k2;
        j.b = p2;
        j.hold = false;
        j.more = true;
        k->gemm(&j);
        for (int32_t y = 0; y < m; y++) {
            for (int32_t x = 0; x < n; x++) {
                double want = (double)bias[x] + (double)r[y * n + x];
                for (int32_t q = 0; q < k1 + k2; q++)
                    want += (double)a[y * (k1 + k2) + q] * (double)b[q * n + x];
                near((double)c[y * n + x], fmin(1, fmax(0, want)), k1 + k2, "product in parts", k, y * n + x);
            }
        }
        release();
    }
}

/* ---- rows ---- */

static void one_row(const struct kern_isa *k, bool pooling)
{
    const int32_t c = pick(1, 70), kw = pick(1, 7), w = pick(1, 40), dilation = pick(1, 2), stride = pick(1, 3),
                  before = pick(0, (kw - 1) * dilation);
    const bool square = kw == 3 || kw == 5;
    const int32_t kh = square && pick(0, 1) ? kw : pick(1, 5);
    const int32_t reach = (kw - 1) * dilation + 1, out_w = (w + before + pick(0, reach - 1) - reach) / stride + 1;
    const int64_t pitch = c + pick(0, 4), out_pitch = c + pick(0, 4);
    if (out_w < 1 || w + before < reach)
        return;
    const int32_t blocks = (c + k->vector - 1) / k->vector;
    float *x = room((int64_t)(kh + 1) * w * pitch - (pitch - c)),
          *weights = room((int64_t)blocks * (1 + kh * kw) * k->vector);
    const float *row[8];
    int32_t real = 0;
    for (int32_t i = 0; i <= kh; i++) {
        row[i] = pick(0, 4) == 0 && (i != kh - 1 || real) ? NULL : x + (int64_t)i * w * pitch;
        real += i < kh && row[i];
    }
    if (!real)
        row[0] = x;
    float *sum = room(c), sum0[70];
    memcpy(sum0, sum, (size_t)c * sizeof(float));
    struct kern_row j = {.row = row,
                         .pitch = pitch,
                         .in_w = w,
                         .out_w = out_w,
                         .channels = c,
                         .kh = kh,
                         .kw = kw,
                         .stride = stride,
                         .dilation = dilation,
                         .before = before,
                         .w = weights,
                         .out_pitch = out_pitch,
                         .out_row = out_w * out_pitch,
                         .act = pooling ? (struct kern_act){0} : some_act(),
                         .average = pick(0, 1)};
    j.two = !pooling && k->pairs(&j) && pick(0, 1);
    j.sum = !pooling && pick(0, 1) ? sum : NULL;
    j.out = room((1 + j.two) * out_w * out_pitch - (out_pitch - c));
    if (pooling)
        k->pool(&j);
    else
        k->depthwise(&j);
    for (int32_t y = 0; y < 1 + j.two; y++) {
        for (int32_t o = 0; o < out_w; o++) {
            for (int32_t q = 0; q < c; q++) {
                const float *wq = weights + (int64_t)(q / k->vector) * (1 + kh * kw) * k->vector + q % k->vector;
                double want = pooling ? (j.average ? 0 : -INFINITY) : (double)wq[0], size = 1;
                int32_t cells = 0;
                for (int32_t ky = 0; ky < kh; ky++) {
                    for (int32_t kx = 0; row[y + ky] && kx < kw; kx++) {
                        const int32_t at = o * stride + kx * dilation - before;
                        if (at < 0 || at >= w)
                            continue;
                        const double v = (double)row[y + ky][at * pitch + q];
                        cells++;
                        if (pooling)
                            want = j.average ? want + v : fmax(want, v);
                        else
                            want += v * (double)wq[(1 + ky * kw + kx) * k->vector];
                        size += fabs(v);
                    }
                }
                if (pooling && j.average)
                    want /= cells ? cells : 1;
                const int64_t at = (int64_t)y * j.out_row + o * out_pitch + q;
                want = act_of(&j.act, want);
                if (cells || !pooling)
                    near((double)j.out[at], want, size * (1 + fabs(want)), pooling ? "pooling" : "depthwise", k, at);
                sum0[q] += j.out[at];
            }
        }
    }
    for (int32_t q = 0; j.sum && q < c; q++)
        near((double)sum[q], (double)sum0[q], 200, "sum of depthwise", k, q);
    release();
}

static void rows(const struct kern_isa *k)
{
    for (int i = 0; i < 500; i++)
        one_row(k, i % 4 == 0);
}

/* ---- flat ---- */

static void flat(const struct kern_isa *k)
{
    for (int i = 0; i < 200; i++) {
        const int32_t n = pick(1, 200), c = pick(1, 70), m = pick(1, 5);
        const struct kern_act act = some_act();
        const int32_t fns[] = {IR_ADD, IR_SUB, IR_MUL, IR_MAX, IR_MIN}, fn = fns[pick(0, 4)];
        float *x = room(n), *y = room(n), *z = room(n), *rows_in = room((int64_t)m * c), *scale = room(c),
              *shift = room(c), *sum = room(c);
        for (int32_t q = 0; q < n; q++)
            x[q] *= 12;
        k->map(&act, x, y, n);
        for (int32_t q = 0; q < n; q++)
            near((double)y[q], act_of(&act, (double)x[q]), 1, "map", k, q);
        k->binary(fn, x, z, y, n, &act);
        for (int32_t q = 0; q < n; q++) {
            const double a = (double)x[q], b = (double)z[q];
            const double v = fn == IR_ADD   ? a + b
                             : fn == IR_SUB ? a - b
                             : fn == IR_MUL ? a * b
                             : fn == IR_MAX ? fmax(a, b)
                                            : fmin(a, b);
            near((double)y[q], act_of(&act, v), 1 + 13 * (1 + fabs(act_of(&act, v))), "binary", k, q);
        }
        float *rows_out = room((int64_t)m * c), before[70];
        const bool maximum = pick(0, 1);
        k->affine(rows_in, c, rows_out, c, m, c, scale, pick(0, 1) ? shift : NULL,
                  &(struct kern_act){KERN_CLAMP, -9, 9});
        memcpy(before, sum, (size_t)c * sizeof(float));
        k->reduce(rows_in, c, m, c, sum, maximum);
        for (int32_t q = 0; q < c; q++) {
            double want = (double)before[q];
            for (int32_t r = 0; r < m; r++)
                want = maximum ? fmax(want, (double)rows_in[r * c + q]) : want + (double)rows_in[r * c + q];
            near((double)sum[q], want, 6, "reduce", k, q);
        }
        const float top = k->maximum(x, n);
        double total = 0, got = k->exp_sum(x, y, n, top);
        for (int32_t q = 0; q < n; q++) {
            assert_true(x[q] <= top);
            near((double)y[q], exp((double)x[q] - (double)top), 1e-3, "exponential", k, q);
            total += exp((double)x[q] - (double)top);
        }
        near(got, total, 1, "sum of exponentials", k, n);
        release();
    }
}

static void exponential(const struct kern_isa *k)
{
    const struct kern_act fn = {KERN_EXP, 0, 0}, swish = {KERN_SWISH, 0, 0}, tan_h = {KERN_TANH, 0, 0};
    double worst = 0;
    for (double x = -86; x < 88; x += 0.00937) {
        float in[1] = {(float)x}, out[1];
        k->map(&fn, in, out, 1);
        worst = fmax(worst, fabs((double)out[0] / exp((double)in[0]) - 1));
    }
    if (!(worst < 2e-7))
        fail_msg("exp of %s: relative error %g", k->name, worst);
    const float edges[] = {-INFINITY, -1e30f, -200, -88, 88, 200, 1e30f, INFINITY}; /* no NaN out of finite numbers */
    for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
        float out[1];
        k->map(&tan_h, &edges[i], out, 1);
        assert_true(fabsf(out[0]) == 1.0f);
        k->map(&swish, &edges[i], out, 1);
        if (isfinite(edges[i]))
            near((double)out[0], edges[i] < 0 ? 0 : (double)edges[i], 100, "swish", k, (int64_t)i);
        k->map(&fn, &edges[i], out, 1);
        assert_true(edges[i] < 0 ? out[0] < 1e-37f : out[0] > 1e38f);
    }
}

static void test_products(void **state)
{
    (void)state;
    each_row(products);
    each_row(long_products);
    each_row(product_in_parts);
}

static void test_rows(void **state)
{
    (void)state;
    each_row(rows);
}

static void test_flat(void **state)
{
    (void)state;
    each_row(flat);
    each_row(exponential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products), cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_flat)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
