/* Wilson's interval and DeLong's against published values. */
#include "station/stats_ci.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("%.8f is not %.8f", got, want);
}

/* Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (score without continuity correction). */
static void wilson_published(void **state)
{
    (void)state;
    static const struct {
        int64_t k, n;
        double low, high;
    } rows[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0, 0.1611}, {1, 29, 0.0061, 0.1718}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct interval w = wilson(rows[i].k, rows[i].n);
        near(w.low, rows[i].low, 5e-5);
        near(w.high, rows[i].high, 5e-5);
    }
}

static void wilson_edges(void **state)
{
    (void)state;
    assert_true(isnan(wilson(0, 0).value));
    struct interval all = wilson(200, 200);
    assert_true(all.value == 1.0 && all.high == 1.0);
    near(all.low, 0.98115, 5e-5);
    for (int64_t n = 1; n < 60; n++) {
        for (int64_t k = 0; k <= n; k++) {
            struct interval a = wilson(k, n), b = wilson(n - k, n);
            assert_true(a.low >= 0 && a.high <= 1 && a.low <= a.value + 1e-12 && a.value <= a.high + 1e-12);
            near(a.low, 1 - b.high, 1e-12);
        }
    }
}

static struct interval auc(const double *score, const bool *positive, size_t n)
{
    struct interval i;
    struct err e = {0};
    assert_int_equal(auc_delong(score, positive, n, &i, &e), RC_OK);
    return i;
}

/* Direct O(mn) form of the definition: Mann-Whitney kernel, variances of its structural components. */
static struct interval by_definition(const double *score, const bool *positive, size_t n)
{
    double sum[2] = {0, 0}, square[2] = {0, 0}, count[2] = {0, 0};
    for (size_t i = 0; i < n; i++)
        count[positive[i]]++;
    for (size_t i = 0; i < n; i++) {
        double v = 0;
        for (size_t j = 0; j < n; j++) {
            if (positive[j] == positive[i])
                continue;
            double high = positive[i] ? score[i] : score[j], low = positive[i] ? score[j] : score[i];
            v += high > low ? 1 : high == low ? 0.5 : 0;
        }
        v /= count[!positive[i]];
        sum[positive[i]] += v;
        square[positive[i]] += v * v;
    }
    double variance = 0;
    for (int k = 0; k < 2; k++)
        variance += (square[k] - sum[k] * sum[k] / count[k]) / (count[k] - 1) / count[k];
    double half = 1.959963984540054 * sqrt(variance), a = sum[1] / count[1];
    return (struct interval){a, fmax(0, a - half), fmin(1, a + half)};
}

static void delong_is_its_definition(void **state)
{
    (void)state;
    uint32_t u = 1;
    for (int round = 0; round < 40; round++) {
        double score[80];
        bool positive[80];
        size_t n = 20 + (size_t)round;
        for (size_t i = 0; i < n; i++) {
            u = u * 1664525u + 1013904223u;
            positive[i] = (u >> 16) % 3 == 0;
            u = u * 1664525u + 1013904223u;
            score[i] =
                (double)((u >> 20) % (round % 2 ? 7u : 4000u)) + (positive[i] ? 3 : 0); /* ties in every other round */
        }
        positive[0] = positive[1] = true;
        positive[2] = positive[3] = false;
        struct interval got = auc(score, positive, n), want = by_definition(score, positive, n);
        near(got.value, want.value, 1e-12);
        near(got.low, want.low, 1e-9);
        near(got.high, want.high, 1e-9);
    }
}

/* Hanley and McNeil, Radiology 143 (1982), table 1: 58 normal and 51 abnormal CT readings in five categories; the area
 * is 0.893 by the trapezoidal rule (Wilcoxon). */
static void hanley_mcneil(void **state)
{
    (void)state;
    static const int normal[5] = {33, 6, 6, 11, 2}, abnormal[5] = {3, 2, 2, 11, 33};
    double score[109];
    bool positive[109];
    size_t n = 0;
    for (int c = 0; c < 5; c++) {
        for (int i = 0; i < normal[c] + abnormal[c]; i++) {
            score[n] = c;
            positive[n++] = i >= normal[c];
        }
    }
    assert_int_equal(n, 109);
    struct interval a = auc(score, positive, n);
    near(a.value, 0.893, 5e-4);
    near((a.high - a.low) / 2 / 1.959963984540054, 0.032, 2e-3); /* their standard error: 0.032 */
}

static void edges(void **state)
{
    (void)state;
    static const double rising[4] = {1, 2, 3, 4}, same[4] = {5, 5, 5, 5};
    static const bool upper[4] = {false, false, true, true}, one_kind[4] = {true, true, true, true};
    assert_true(auc(rising, upper, 4).value == 1.0);
    assert_true(auc(same, upper, 4).value == 0.5);
    assert_true(isnan(auc(rising, one_kind, 4).value));
    assert_true(isnan(auc(rising, upper, 0).value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_published), cmocka_unit_test(wilson_edges), cmocka_unit_test(delong_is_its_definition),
        cmocka_unit_test(hanley_mcneil),    cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
