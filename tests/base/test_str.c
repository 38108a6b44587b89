#include "base/text.h"

#include "support.h"

#include <locale.h>
#include <math.h>

static void copies(void **state)
{
    (void)state;
    char b[6];
    assert_true(str_copy(b, sizeof(b), "abcde"));
    assert_string_equal(b, "abcde");
    assert_false(str_copy(b, sizeof(b), "abcdef"));
    assert_string_equal(b, "abcde");
    assert_false(str_copy(b, 1, "x"));
    assert_string_equal(b, "");
    assert_true(str_copy(b, 1, ""));
    assert_false(str_copy(NULL, 0, "x"));
    b[0] = 'z';
    assert_true(str_copy(b, sizeof(b), b + 5)); /* overlapping: the empty end of itself */
}

static void cuts_between_characters(void **state)
{
    (void)state;
    static const char *const texts[] = {"ab\xc3\xa9", "a\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc3\xa9\xc3\xa9"};
    static const char *const cut_at_3[] = {"ab", "a", "", "\xc3\xa9"};
    char b[4];
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        assert_int_equal(str_copy(b, sizeof(b), texts[i]), strlen(texts[i]) < 4);
        assert_string_equal(b, cut_at_3[i]);
        str_format(b, sizeof(b), "%s", texts[i]);
        assert_string_equal(b, cut_at_3[i]);
    }
    /* Bytes that are no UTF-8 are copied as they are. */
    assert_false(str_copy(b, sizeof(b), "\x80\x80\x80\x80"));
    assert_int_equal(strlen(b), 3);
}

static void formats(void **state)
{
    (void)state;
    char b[8];
    assert_true(str_format(b, sizeof(b), "%d", 1234567));
    assert_string_equal(b, "1234567");
    assert_false(str_format(b, sizeof(b), "%d", 12345678));
    assert_string_equal(b, "1234567");
    assert_false(str_format(b, 0, "%d", 1));
}

static void compares(void **state)
{
    (void)state;
    assert_true(str_eq("a", "a"));
    assert_false(str_eq("a", "A"));
    assert_false(str_eq("a", NULL));
    assert_true(str_eq(NULL, NULL));
    assert_true(str_eq_case("PnG", "pNg"));
    assert_false(str_eq_case("png", "pngx"));
    assert_false(str_eq_case("pngx", "png"));
    assert_false(str_eq_case("[", "{")); /* neighbours of the letters */
    assert_false(str_eq_case(NULL, ""));
    assert_true(str_starts("abc", ""));
    assert_true(str_starts("abc", "abc"));
    assert_false(str_starts("abc", "abcd"));
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        bool ok;
        int64_t v;
    } cases[] = {
        {"0", true, 0},     {"-5", true, -5},       {"+7", true, 7},   {"007", true, 7},
        {"100", true, 100}, {"101", false, 0},      {"-11", false, 0}, {"", false, 0},
        {" 1", false, 0},   {"1 ", false, 0},       {"1x", false, 0},  {"0x1", false, 0},
        {"--1", false, 0},  {"+", false, 0},        {"1.0", false, 0}, {"99999999999999999999", false, 0},
        {"1e1", false, 0},  {"\xd9\xa1", false, 0},
    };
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        int64_t v = 42;
        assert_int_equal(str_to_i64(cases[i].s, -10, 100, &v), cases[i].ok);
        assert_int_equal(v, cases[i].ok ? cases[i].v : 42);
    }
    int64_t v;
    assert_true(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v));
    assert_true(v == INT64_MIN);
    assert_false(str_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &v));
}

static void decimal_numbers(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "0.5", ".5", "5.", "-1.25", "+1e0", "1E-3", "0.10000000000000001"};
    static const double values[] = {0, 0.5, 0.5, 5, -1.25, 1, 0.001, 0.1};
    static const char *const bad[] = {"",    ".",   "nan",   "inf", "0x1p3", " 1",    "1 ", "1,5", "1e",
                                      "1e+", "--1", "1.2.3", "6",   "-2.5",  "1e999", "e5", "1_0"};
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        double v = NAN;
        assert_true(str_to_f64(good[i], -2, 5, &v));
        assert_true(v == values[i]);
    }
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        double v = 42;
        assert_false(str_to_f64(bad[i], -2, 5, &v));
        assert_true(v == 42);
    }
}

static void decimal_point_of_every_locale(void **state)
{
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "cs_CZ.UTF-8"};
    bool any = false;
    for (size_t i = 0; i < ARRAY_N(locales) && !any; i++)
        any = setlocale(LC_NUMERIC, locales[i]) != NULL;
    double v = 0;
    assert_true(str_to_f64("1.25", 0, 2, &v));
    assert_true(v == 1.25);
    assert_false(str_to_f64("1,25", 0, 2, &v));
    setlocale(LC_NUMERIC, "C");
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(str_distance("", ""), 0);
    assert_int_equal(str_distance("abc", ""), 3);
    assert_int_equal(str_distance("", "abc"), 3);
    assert_int_equal(str_distance("kitten", "sitting"), 3);
    assert_int_equal(str_distance("Predict", "predict"), 0);
    assert_int_equal(str_distance("smtp_hots", "smtp_host"), 2);
    char a[1000], b[1000];
    memset(a, 'a', sizeof(a)), memset(b, 'b', sizeof(b));
    a[999] = b[999] = '\0';
    assert_int_equal(str_distance(a, b), 255);
    assert_int_equal(str_distance(a, ""), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies),        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(formats),       cmocka_unit_test(compares),
        cmocka_unit_test(whole_numbers), cmocka_unit_test(decimal_numbers),
        cmocka_unit_test(distances),     cmocka_unit_test(decimal_point_of_every_locale),
    };
    return RUN(tests);
}
