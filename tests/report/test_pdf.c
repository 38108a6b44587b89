/* PDFs: shape, size, pages, encryption, hostile records. What they show is read back in tests/e2e/test_report.py. */
#include "base/text.h"
#include "records.h"
#include "report/pdf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The libraries keep fonts they have looked at until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

static bool holds(const struct buf *b, const char *words)
{
    return memmem(b->data, b->len, words, strlen(words)) != NULL;
}

static void pdf_of(json_t *record, const struct image *picture, const char *passphrase, struct buf *out)
{
    struct err e = {0};
    if (report_pdf_impl(&record, &picture, 1, passphrase, out, &e) != RC_OK)
        fail_msg("%s", e.msg);
    assert_true(out->len > 1000);
    assert_memory_equal(out->data, "%PDF-1.", 7);
    assert_true(holds(out, "%%EOF"));
}

static void pages_are(const struct buf *pdf, int least, int most)
{
    const char *count = memmem(pdf->data, pdf->len, "/Count ", 7);
    assert_non_null(count);
    int64_t n = 0;
    char digits[8] = "";
    memcpy(digits, count + 7, strspn(count + 7, "0123456789") < 7 ? strspn(count + 7, "0123456789") : 7);
    assert_true(str_to_i64(digits, 1, 999, &n));
    assert_in_range(n, least, most);
}

static void one_page_without_picture(void **state)
{
    (void)state;
    json_t *r = record_usual();
    struct buf out = {0};
    pdf_of(r, NULL, NULL, &out);
    pages_are(&out, 1, 1);
    assert_true(holds(&out, "Result 000871"));
    assert_false(holds(&out, "OKELLO")); /* no name in what a file manager shows */
    buf_free(&out);
    json_decref(r);
}

/* Noise is the largest JPEG there is: the report stays small all the same. */
static void small_with_any_picture(void **state)
{
    (void)state;
    static const struct {
        int32_t w, h, channels, bits;
    } shapes[] = {{3000, 2500, 1, 8}, {1200, 1200, 3, 8}, {900, 20, 4, 8},
                  {1, 1, 1, 8},       {640, 1600, 1, 16}, {50, 50, 3, 16}};
    for (size_t i = 0; i < ARRAY_N(shapes); i++) {
        json_t *r = record_usual();
        struct image im;
        struct buf out = {0};
        picture_noise(&im, shapes[i].w, shapes[i].h, shapes[i].channels, shapes[i].bits);
        pdf_of(r, &im, NULL, &out);
        assert_true(out.len <= 150 * 1000);
        assert_true(holds(&out, "/DCTDecode"));
        pages_are(&out, 1, 2);
        buf_free(&out);
        image_fini(&im);
        json_decref(r);
    }
}

static void long_notes_flow(void **state)
{
    (void)state;
    json_t *r = record_usual();
    struct buf notes = {0}, out = {0};
    for (int i = 0; i < 260; i++)
        buf_printf(&notes, "Line %d of a long history, with words enough to be seen on paper.\n", i);
    record_set(r, "result", "notes", json_string(notes.data));
    pdf_of(r, NULL, NULL, &out);
    pages_are(&out, 4, 8);
    buf_free(&out);
    buf_free(&notes);
    json_decref(r);
}

static void encrypted(void **state)
{
    (void)state;
    json_t *r = record_usual();
    struct buf out = {0};
    pdf_of(r, NULL, "bado-fuki-goro", &out);
    assert_true(holds(&out, "/AESV3"));
    assert_true(holds(&out, "/R 6"));
    assert_false(holds(&out, "bado-fuki-goro"));
    assert_false(holds(&out, "Result 000871")); /* the title is hidden, too */
    buf_free(&out);
    json_decref(r);
}

static void anything_in_a_record(void **state)
{
    (void)state;
    struct buf out = {0};
    json_t *empty = json_object();
    pdf_of(empty, NULL, NULL, &out);
    buf_free(&out);
    json_decref(empty);
    json_t *r = record_usual();
    char big[2000];
    memset(big, 'W', sizeof big - 1);
    big[sizeof big - 1] = 0;
    record_set(r, "patient", "name", json_string(big));
    record_set(r, "result", "predicted_class", json_string(big));
    record_set(r, NULL, "passport_line", json_string("\xe2\x80\xae reversed \x1b[31m <b>&amp;</b>"));
    record_set(r, NULL, "site_name", json_string("\xd8\xb9\xd9\x8a\xd8\xa7\xd8\xaf\xd8\xa9 \xe8\xaf\x8a\xe6\x89\x80"));
    record_set(r, NULL, "scores", json_pack("{s:f,s:n,s:s}", big, -3.5, "x", "y", "not a number"));
    out = (struct buf){0};
    pdf_of(r, NULL, NULL, &out);
    buf_free(&out);
    json_decref(r);
}

static void many_results(void **state)
{
    (void)state;
    json_t *list[20];
    struct buf out = {0};
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_N(list); i++) {
        list[i] = record_usual();
        record_set(list[i], "result", "voided", json_boolean(i % 2));
    }
    assert_int_equal(report_pdf_impl(list, NULL, ARRAY_N(list), NULL, &out, &e), RC_OK);
    pages_are(&out, 20, 20);
    buf_free(&out);
    for (size_t i = 0; i < ARRAY_N(list); i++)
        json_decref(list[i]);
}

static void door_refuses(void **state)
{
    (void)state;
    json_t *r = record_usual();
    struct buf out = {0};
    assert_int_equal(report_pdf(&r, NULL, 0, NULL, &out, NULL), RC_INPUT);
    assert_int_equal(report_pdf(&r, NULL, 1, "", &out, NULL), RC_INPUT);
    assert_int_equal(out.len, 0);
    json_decref(r);
}

static void pictures_for_reports(void **state)
{
    (void)state;
    struct image im, out;
    picture_noise(&im, 300, 100, 2, 16);
    im.orientation = 6; /* a quarter turn */
    assert_int_equal(report_picture(&im, 760, &out, NULL), RC_OK);
    assert_int_equal(out.width_px, 100);
    assert_int_equal(out.height_px, 300);
    assert_int_equal(out.channels, 1);
    assert_int_equal(out.bits, 8);
    image_fini(&out);
    assert_int_equal(report_picture(&im, 150, &out, NULL), RC_OK);
    assert_int_equal(out.width_px, 50);
    assert_int_equal(out.height_px, 150);
    image_fini(&im); /* the result keeps pixels of its own */
    assert_true(out.u8[0] <= 255 && out.owned);
    image_fini(&out);
    picture_noise(&im, 40, 30, 3, 8);
    assert_int_equal(report_picture(&im, 760, &out, NULL), RC_OK);
    assert_memory_equal(out.u8, im.u8, image_bytes(&im));
    assert_ptr_not_equal(out.u8, im.u8);
    image_fini(&im);
    image_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_page_without_picture),
        cmocka_unit_test(small_with_any_picture),
        cmocka_unit_test(long_notes_flow),
        cmocka_unit_test(encrypted),
        cmocka_unit_test(anything_in_a_record),
        cmocka_unit_test(many_results),
        cmocka_unit_test(door_refuses),
        cmocka_unit_test(pictures_for_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
