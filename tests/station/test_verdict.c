/* From scores to classes and confidences: the table of the contract, other operating points, several classes, bad
 * output. */
#include "station/predict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct passport_class two[] = {{.name = "NORMAL"}, {.name = "PNEUMONIA", .concern = true}};
static struct passport_class three[] = {{.name = "a"}, {.name = "b"}, {.name = "c", .concern = true}};
static const struct passport binary = {.id = "t", .class_n = 2, .positive = 1, .class = two, .threshold = 0.5};
static const struct passport many = {.id = "m", .class_n = 3, .positive = -1, .class = three};

static struct verdict of(const struct passport *p, const float *out, int32_t n, double threshold)
{
    struct verdict v;
    struct err e = {0};
    assert_int_equal(verdict_of(p, out, n, threshold, &v, &e), RC_OK);
    return v;
}

static void contract_table(void **state)
{
    (void)state;
    static const struct {
        float score;
        double confidence;
        int32_t class;
    } rows[] = {{0.12f, 88.0, 0}, {0.35f, 65.0, 0}, {0.52f, 52.0, 1}, {0.87f, 87.0, 1}, {0.95f, 95.0, 1},
                {0.5f, 50.0, 1},  {0.0f, 100.0, 0}, {1.0f, 100.0, 1}, {0.49f, 51.0, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct verdict v = of(&binary, &rows[i].score, 1, (double)NAN);
        assert_true(v.confidence == rows[i].confidence);
        assert_int_equal(v.class_index, rows[i].class);
        assert_true(v.has_threshold && v.threshold == 0.5);
    }
}

static void equality_is_positive(void **state)
{
    (void)state;
    /* 0.35f is less than 0.35: a float score still reaches the operating point that is written like it. */
    for (int k = 0; k <= 100; k++) {
        float score = (float)k / 100.0f;
        struct verdict v = of(&binary, &score, 1, (double)k / 100.0);
        assert_true(v.positive);
        assert_true(v.confidence == (k == 100 ? 100.0 : 50.0));
    }
}

static void other_operating_points(void **state)
{
    (void)state;
    static const struct {
        double threshold;
        float score;
        double confidence;
        int32_t class;
    } rows[] = {
        {0.2, 0.1f, 75.0, 0},  {0.2, 0.6f, 75.0, 1}, {0.8, 0.4f, 75.0, 0},  {0.8, 0.9f, 75.0, 1},  {0.0, 0.0f, 50.0, 1},
        {0.0, 1.0f, 100.0, 1}, {1.0, 0.5f, 75.0, 0}, {1.0, 1.0f, 100.0, 1}, {0.3, 0.0f, 100.0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct verdict v = of(&binary, &rows[i].score, 1, rows[i].threshold);
        assert_true(fabs(v.confidence - rows[i].confidence) < 0.006);
        assert_int_equal(v.class_index, rows[i].class);
    }
}

static void confidence_never_below_half(void **state)
{
    (void)state;
    for (int t = 1; t < 100; t++) {
        double before = -1;
        for (int s = 0; s <= 1000; s++) {
            float score = (float)s / 1000.0f;
            struct verdict v = of(&binary, &score, 1, (double)t / 100.0);
            assert_true(v.confidence >= 49.99 && v.confidence <= 100.0);
            double signed_confidence = v.positive ? v.confidence : 100.0 - v.confidence;
            assert_true(signed_confidence >= before - 0.011); /* rises with the score, but for rounding */
            before = signed_confidence;
        }
    }
}

static void softmax_pair_uses_positive_score(void **state)
{
    (void)state;
    float out[2] = {0.7f, 0.3f};
    struct verdict v = of(&binary, out, 2, (double)NAN);
    assert_int_equal(v.class_index, 0);
    assert_true(v.confidence == 70.0 && v.score == 0.3f);
    v = of(&binary, out, 2, 0.3);
    assert_int_equal(v.class_index, 1);
    assert_true(v.confidence == 50.0);
}

static void top_class_of_many(void **state)
{
    (void)state;
    float out[3] = {0.2f, 0.3f, 0.5f};
    struct verdict v = of(&many, out, 3, (double)NAN);
    assert_int_equal(v.class_index, 2);
    assert_true(v.positive && !v.has_threshold && v.confidence == 50.0);
    float tie[3] = {0.4f, 0.4f, 0.2f};
    assert_int_equal(of(&many, tie, 3, (double)NAN).class_index, 0);
}

static void refusals(void **state)
{
    (void)state;
    struct verdict v;
    struct err e = {0};
    float out[3] = {0.2f, 0.3f, 0.5f}, nan_out = (float)NAN, infinite = (float)INFINITY, score = 0.4f;
    assert_int_equal(verdict_of(&many, out, 3, 0.5, &v, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_VALUE);
    static const double wrong[] = {-0.1, 1.1, 1e300};
    for (size_t i = 0; i < 3; i++) {
        err_clear(&e);
        assert_int_equal(verdict_of(&binary, &score, 1, wrong[i], &v, &e), RC_INPUT);
    }
    err_clear(&e);
    assert_int_equal(verdict_of(&binary, &nan_out, 1, (double)NAN, &v, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_MODEL_GOLDEN);
    err_clear(&e);
    assert_int_equal(verdict_of(&binary, &infinite, 1, (double)NAN, &v, &e), RC_FAILED);
}

static void scores_of_classes(void **state)
{
    (void)state;
    float one = 0.25f, pair[2] = {0.9f, 0.1f};
    assert_true(verdict_score(&binary, &one, 1, 0) == 0.75f);
    assert_true(verdict_score(&binary, &one, 1, 1) == 0.25f);
    assert_true(verdict_score(&binary, pair, 2, 0) == 0.9f);
}

static void floats_keep_their_decimals(void **state)
{
    (void)state;
    assert_true(float_decimal(0.12f) == 0.12);
    assert_true(float_decimal(0.1f) == 0.1);
    assert_true(float_decimal(1.0f) == 1.0);
    uint32_t bits = 0x3f000001u;
    for (int i = 0; i < 20000; i++, bits += 997) {
        float f;
        memcpy(&f, &bits, sizeof(f));
        assert_true((float)float_decimal(f) == f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contract_table),
        cmocka_unit_test(equality_is_positive),
        cmocka_unit_test(other_operating_points),
        cmocka_unit_test(confidence_never_below_half),
        cmocka_unit_test(softmax_pair_uses_positive_score),
        cmocka_unit_test(top_class_of_many),
        cmocka_unit_test(refusals),
        cmocka_unit_test(scores_of_classes),
        cmocka_unit_test(floats_keep_their_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
