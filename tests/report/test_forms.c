/* Text, CSV, JSON, formats, passphrases. */
#include "base/text.h"
#include "records.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void text_of(json_t *record, int columns, struct buf *out)
{
    struct err e = {0};
    assert_int_equal(report_text(record, columns, out, &e), RC_OK);
    assert_true(utf8_valid(out->data, out->len));
    for (const char *line = out->data; *line;) {
        size_t n = strcspn(line, "\n");
        char one[2048];
        assert_true(n < sizeof one);
        memcpy(one, line, n);
        one[n] = 0;
        assert_true(text_columns(one) <= (size_t)columns);
        line += n + (line[n] == '\n');
    }
}

static void usual_text(void **state)
{
    (void)state;
    static const char *const words[] = {
        "Report        St. Mary's clinic, image analysis\n",
        "Result        000871\n",
        "Patient       OKELLO Grace, F, 34 years, #000123\n",
        "Picture       film.jpg\n",
        "Analysed      2026-03-02 10:14 UTC\n",
        "Finding       [!!] PNEUMONIA  87.0 %\n",
        "              score 0.870, operating point 0.500\n",
        "  PNEUMONIA                [##########################----]  87.0 %\n",
        "Network       chest-pneumonia 1.0.0\n",
        "Measured      sensitivity 0.967",
        "Advice        Clinical correlation advised.\n              Consider a follow-up film.\n",
        "Notes         Cough for two weeks.\n              Fever since Sunday.\n",
        "Reader        agrees\n              dr.mutesi, 2026-03-02 10:18 UTC\nNote          Right lower zone.\n",
        "Notice        Research and education."};
    json_t *r = record_usual();
    struct buf out = {0};
    text_of(r, 78, &out);
    for (size_t i = 0; i < ARRAY_N(words); i++)
        if (!strstr(out.data, words[i]))
            fail_msg("%s is not in\n%s", words[i], out.data);
    assert_null(strstr(out.data, "VOID"));
    buf_free(&out);
    json_decref(r);
}

/* Every word of a long note is there, whatever the width; nothing drives a terminal. */
static void text_keeps_everything(void **state)
{
    (void)state;
    char word[24];
    struct buf notes = {0};
    json_t *r = record_usual();
    for (int i = 0; i < 400; i++)
        buf_printf(&notes, "w%d%s", i, i % 7 ? " " : "\n\n");
    buf_puts(&notes, " \xe6\x97\xa5\xe6\x9c\xac\x1b[2J");
    record_set(r, "result", "notes", json_string(notes.data));
    record_set(r, "result", "voided", json_true());
    record_set(r, "result", "threshold", json_null());
    record_set(r, NULL, "void", json_pack("{s:s}", "reason", "wrong patient"));
    for (int columns = 40; columns <= 200; columns += 32) {
        struct buf out = {0};
        text_of(r, columns, &out);
        for (int i = 0; i < 400; i++) {
            str_format(word, sizeof word, "w%d", i);
            assert_non_null(strstr(out.data, word));
        }
        assert_non_null(strstr(out.data, "VOID: do not use"));
        assert_non_null(strstr(out.data, "wrong patient"));
        assert_non_null(strstr(out.data, "the highest of 2 scores"));
        assert_null(strchr(out.data, 0x1b));
        buf_free(&out);
    }
    struct buf none = {0};
    assert_int_equal(report_text(r, 39, &none, NULL), RC_INPUT);
    assert_int_equal(report_text(r, 201, &none, NULL), RC_INPUT);
    buf_free(&notes);
    json_decref(r);
}

static void text_of_nothing(void **state)
{
    (void)state;
    json_t *empty = json_object();
    struct buf out = {0};
    text_of(empty, 78, &out);
    assert_non_null(strstr(out.data, "not yet read by a person"));
    buf_free(&out);
    json_decref(empty);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void csv_rows(void **state)
{
    (void)state;
    json_t *list[2] = {record_usual(), record_usual()};
    struct buf out = {0};
    record_set(list[1], "result", "threshold", json_null());
    record_set(list[1], NULL, "review", json_null());
    assert_int_equal(report_csv(list, 2, true, &out, NULL), RC_OK);
    assert_int_equal(count(out.data, "\r\n"), 3);
    assert_int_equal(count(out.data, "\""), 3 * 16 * 2);
    assert_non_null(strstr(out.data, "\"871\",\"2026-03-02T10:14:00Z\",\"OKELLO Grace\",\"34\",\"film.jpg\","
                                     "\"chest-pneumonia\",\"1.0.0\",\"PNEUMONIA\",\"yes\",\"87\",\"0.87\",\"0.5\","
                                     "\"agrees\",\"no\",\"sensitivity"));
    assert_non_null(strstr(out.data, "\"0.87\",\"\",\"\",\"no\""));
    buf_free(&out);
    json_decref(list[0]);
    json_decref(list[1]);
}

static void csv_formulas_are_defused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"http://x\",\"y\")"};
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        json_t *r = record_usual();
        struct buf out = {0};
        record_set(r, "patient", "name", json_string(names[i]));
        record_set(r, "image", "name", json_string(names[i]));
        assert_int_equal(report_csv(&r, 1, false, &out, NULL), RC_OK);
        assert_int_equal(count(out.data, ",\"'"), 2);
        assert_int_equal(count(out.data, ",\"=") + count(out.data, ",\"+") + count(out.data, ",\"-") +
                             count(out.data, ",\"@") + count(out.data, ",\"\t") + count(out.data, ",\"\r"),
                         0);
        buf_free(&out);
        json_decref(r);
    }
    json_t *r = record_usual();
    struct buf out = {0};
    record_set(r, "patient", "name", json_string("A \"B\", C\nD"));
    assert_int_equal(report_csv(&r, 1, false, &out, NULL), RC_OK);
    assert_non_null(strstr(out.data, ",\"A \"\"B\"\", C\nD\","));
    buf_free(&out);
    json_decref(r);
}

static void json_comes_back(void **state)
{
    (void)state;
    json_t *list[2] = {record_usual(), record_usual()};
    struct buf out = {0};
    assert_int_equal(report_json(list, 1, &out, NULL), RC_OK);
    json_t *back = json_loadb(out.data, out.len, 0, NULL);
    assert_true(json_equal(back, list[0]));
    json_decref(back);
    buf_free(&out);
    out = (struct buf){0};
    assert_int_equal(report_json(list, 2, &out, NULL), RC_OK);
    back = json_loadb(out.data, out.len, 0, NULL);
    assert_int_equal(json_array_size(back), 2);
    assert_true(json_equal(json_array_get(back, 1), list[1]));
    json_decref(back);
    buf_free(&out);
    json_decref(list[0]);
    json_decref(list[1]);
}

static void formats(void **state)
{
    (void)state;
    enum report_format f;
    for (int i = 0; i < REPORT_FORMAT_N; i++) {
        assert_true(report_format_find(report_format_ext((enum report_format)i), &f));
        assert_int_equal(f, i);
        assert_non_null(strchr(report_format_mime(f), '/'));
    }
    assert_true(report_format_find("PDF", &f));
    assert_false(report_format_find("exe", &f));
    assert_false(report_format_find("", &f));
}

static void passphrases(void **state)
{
    (void)state;
    char one[80], two[80], small[5];
    assert_int_equal(report_passphrase(one, sizeof one, NULL), RC_OK);
    assert_int_equal(report_passphrase(two, sizeof two, NULL), RC_OK);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), 6 * 4 + 5); /* 12 syllables of 6 bits */
    assert_int_equal(strspn(one, "abdfghijklmnoprstuvz-"), strlen(one));
    assert_int_equal(report_passphrase(small, sizeof small, NULL), RC_FAILED);
}

/* Whichever allocation fails, it is told and nothing leaks (sanitizers look). */
static void memory_fails(void **state)
{
    (void)state;
    json_t *r = record_usual();
    enum rc rc = RC_FAILED;
    for (unsigned long n = 1; rc; n++) {
        struct buf out = {0};
        struct err e = {0};
        assert_true(n < 500);
        mem_fail_nth(n);
        rc = report_text(r, 78, &out, &e);
        mem_fail_nth(0);
        assert_true(rc == RC_OK || e.code == ERR_MEMORY);
        buf_free(&out);
    }
    json_decref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_text),
        cmocka_unit_test(text_keeps_everything),
        cmocka_unit_test(text_of_nothing),
        cmocka_unit_test(csv_rows),
        cmocka_unit_test(csv_formulas_are_defused),
        cmocka_unit_test(json_comes_back),
        cmocka_unit_test(formats),
        cmocka_unit_test(passphrases),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
