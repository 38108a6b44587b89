#include "base/text.h"

#include "support.h"

static void valid_and_not(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbd",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    /* Bare continuation, overlong forms, surrogates, beyond U+10FFFF, cut sequences, bytes that never occur. */
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xc3",
                                      "\xe2\x82",
                                      "\xf0\x9f\x98",
                                      "\xfe",
                                      "\xff",
                                      "a\xc3z"};
    for (size_t i = 0; i < ARRAY_N(good); i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_N(bad); i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_true(utf8_valid("a\0b", 3));
    assert_false(utf8_valid("\xe2\x82\xac", 2));
}

static void every_code_point_round_trips(void **state)
{
    (void)state;
    for (uint32_t c = 1; c <= 0x110000; c++) {
        char bytes[5] = {0};
        size_t n = utf8_put(bytes, c);
        const char *s = bytes;
        bool real = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        assert_true(utf8_next(&s) == (real ? c : 0xFFFD));
        assert_int_equal(s - bytes, n);
    }
}

static void invalid_bytes_go_one_by_one(void **state)
{
    (void)state;
    const char *s = "\xf0\x9f\x98"
                    "a";
    for (int i = 0; i < 3; i++)
        assert_int_equal(utf8_next(&s), 0xFFFD);
    assert_int_equal(utf8_next(&s), 'a');
    assert_int_equal(*s, '\0');
    s = "\xe2\x82"; /* never past the NUL */
    utf8_next(&s), utf8_next(&s);
    assert_int_equal(*s, '\0');
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(utf8_columns('a'), 1);
    assert_int_equal(utf8_columns(0xE9), 1);
    assert_int_equal(utf8_columns(0x301), 0);   /* combining acute */
    assert_int_equal(utf8_columns(0x4E2D), 2);  /* CJK */
    assert_int_equal(utf8_columns(0xFF21), 2);  /* full width A */
    assert_int_equal(utf8_columns(0x1F600), 2); /* emoji */
    assert_int_equal(utf8_columns(0x200D), 0);
    assert_int_equal(utf8_columns('\n'), 0);
    assert_int_equal(utf8_columns(0x2588), 1); /* full block: one column outside East Asia */
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("e\xcc\x81\xe4\xb8\xad"), 3);
}

static void safe(const char *src, const char *expected)
{
    char b[200];
    assert_ptr_equal(text_safe(b, sizeof(b), src, false), b);
    assert_string_equal(b, expected);
    text_safe(b, sizeof(b), src, true);
    for (const char *s = b; *s; s++)
        assert_true(*s >= 0x20 && *s < 0x7F);
}

static void safe_keeps_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "OKELLO Grace",
        "M\xc3\xbcller",
        "\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd",
        "\xe5\xbc\xa0\xe4\xbc\x9f",
        "e\xcc\x81",
        "\xd9\x85\xd8\xad\xd9\x85\xd8\xaf",
        "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7", /* ZWJ in Devanagari */
        "\xd9\x86\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae",     /* ZWNJ in Persian */
    };
    for (size_t i = 0; i < ARRAY_N(names); i++)
        safe(names[i], names[i]);
}

static void safe_stops_what_drives_a_terminal(void **state)
{
    (void)state;
    safe("\x1b[2J\x1b]52;c;aGk=\x07", "?[2J?]52;c;aGk=?");
    safe("a\tb\nc\rd\x7f", "a?b?c?d?");
    safe("\xc2\x9b"
         "31m",
         "?31m"); /* C1 CSI as UTF-8 */
    safe("\x9b"
         "31m",
         "\xef\xbf\xbd"
         "31m"); /* C1 CSI as a raw byte */
    safe("a\xe2\x80\xae"
         "gpj.exe",
         "a?gpj.exe");                        /* right-to-left override */
    safe("\xe2\x81\xa6x\xe2\x81\xa9", "?x?"); /* isolates */
    safe("pay\xe2\x80\x8bpal", "pay?pal");    /* zero-width space */
    safe("a\xe2\x80\x8d"
         "b",
         "a?b"); /* a joiner between Latin letters joins nothing */
    safe("\xef\xbb\xbf"
         "a\xc2\xad"
         "b",
         "?a?b");                           /* byte order mark, soft hyphen */
    safe("\xe2\x80\xa8\xe2\x80\xa9", "??"); /* line and paragraph separator */
    safe("\xf3\xa0\x81\xa1", "?");          /* tag characters */
    safe("\xff\xfe\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void safe_limits_stacked_marks(void **state)
{
    (void)state;
    char src[100] = "a", b[100];
    for (int i = 0; i < 20; i++)
        memcpy(src + 1 + 2 * i, "\xcc\x81", 3);
    text_safe(b, sizeof(b), src, false);
    size_t marks = 0, questions = 0;
    for (const char *s = b + 1; *s;)
        *s == '?' ? (questions++, s++) : (marks++, s += 2);
    assert_true(marks > 0 && questions > 0);
    assert_true(marks < 20);
}

static void safe_cuts_between_characters(void **state)
{
    (void)state;
    char b[6];
    text_safe(b, sizeof(b), "ab\xe2\x82\xac\xe2\x82\xac", false);
    assert_string_equal(b, "ab\xe2\x82\xac");
    text_safe(b, 4, "\xff\xff", false);
    assert_string_equal(b, "\xef\xbf\xbd");
    text_safe(b, 3, "\xff", false);
    assert_string_equal(b, "");
    assert_ptr_equal(text_safe(b, 0, "x", false), b);
    text_safe(b, sizeof(b), "\xc3\xa9z", true);
    assert_string_equal(b, "?z");
}

static void fit(const char *src, size_t columns, const char *expected)
{
    char b[64];
    assert_string_equal(text_fit(b, sizeof(b), src, columns), expected);
    assert_true(text_columns(b) <= columns);
}

static void fits_columns(void **state)
{
    (void)state;
    fit("abcdef", 6, "abcdef");
    fit("abcdef", 5, "ab...");
    fit("abcdef", 3, "...");
    fit("abcdef", 2, "..");
    fit("abcdef", 0, "");
    fit("", 0, "");
    fit("M\xc3\xbcller", 4, "M\xc3\xbcl\xe2\x80\xa6");
    fit("\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", 5, "\xe4\xb8\xad\xe6\x96\x87\xe2\x80\xa6");
    fit("\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", 4,
        "\xe4\xb8\xad\xe2\x80\xa6"); /* a wide one does not fit into one column */
    fit("\xe4\xb8\xad\xe6\x96\x87", 1, "\xe2\x80\xa6");
    fit("e\xcc\x81"
        "e\xcc\x81",
        2,
        "e\xcc\x81"
        "e\xcc\x81");
    char small[6];
    text_fit(small, sizeof(small), "abcdefghij", 10); /* bytes run out before columns */
    assert_string_equal(small, "ab...");
    for (size_t cap = 1; cap < sizeof(small); cap++) {
        text_fit(small, cap, "\xe4\xb8\xad\xe6\x96\x87", 3);
        assert_true(strlen(small) < cap && utf8_valid(small, strlen(small)));
    }
}

static void fold(const char *src, const char *expected)
{
    char b[100];
    assert_string_equal(text_fold(b, sizeof(b), src), expected);
}

static void folds_names(void **state)
{
    (void)state;
    fold("  OKELLO \t Grace ", "okello grace");
    fold("M\xc3\xbcLLER", "muller");
    fold("Mu\xcc\x88ller", "muller"); /* decomposed */
    fold("\xc5\x81\xc3\xb3"
         "d\xc5\xba",
         "lodz");
    fold("Stra\xc3\x9f"
         "e",
         "strasse");
    fold("S\xc3\xb8ren \xc3\x86r\xc3\xb8", "soren aero");
    fold("\xef\xbc\xa1\xef\xbc\xa2", "ab");                       /* full width */
    fold("\xd0\x99\xd0\x9e\xd0\x93", "\xd0\xb8\xd0\xbe\xd0\xb3"); /* Cyrillic, breve folded */
    fold("\xce\x9c\xce\xac\xcf\x81\xce\xb9\xce\xbf\xcf\x82", "\xce\xbc\xce\xb1\xcf\x81\xce\xb9\xce\xbf\xcf\x83");
    fold("\xed\x95\x9c", "\xed\x95\x9c"); /* Hangul stays whole */
    fold("\xe2\x80\x8b"
         "a\xc2\xa0"
         "b",
         "a b"); /* zero-width gone, hard blank a blank */
    fold("\xd9\x85\xd9\x8f\xd8\xad\xd9\x85\xd8\xaf", "\xd9\x85\xd8\xad\xd9\x85\xd8\xaf"); /* vowel sign */
    fold("\xef\xac\x81n", "fin");                                                         /* ligature */
    fold("\xff"
         "a",
         "\xef\xbf\xbd"
         "a");
    fold("", "");
    fold("   ", "");
}

static void fold_is_stable_and_bounded(void **state)
{
    (void)state;
    char once[100], twice[100], small[4];
    for (uint32_t c = 0x20; c < 0x11000; c++) {
        char src[8] = "a ";
        src[2 + utf8_put(src + 2, c)] = '\0';
        text_fold(once, sizeof(once), src);
        text_fold(twice, sizeof(twice), once);
        assert_string_equal(once, twice);
    }
    text_fold(small, sizeof(small), "ab\xe4\xb8\xad");
    assert_string_equal(small, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_and_not),
        cmocka_unit_test(every_code_point_round_trips),
        cmocka_unit_test(invalid_bytes_go_one_by_one),
        cmocka_unit_test(widths),
        cmocka_unit_test(safe_keeps_names),
        cmocka_unit_test(safe_stops_what_drives_a_terminal),
        cmocka_unit_test(safe_limits_stacked_marks),
        cmocka_unit_test(safe_cuts_between_characters),
        cmocka_unit_test(fits_columns),
        cmocka_unit_test(folds_names),
        cmocka_unit_test(fold_is_stable_and_bounded),
    };
    return RUN(tests);
}
