/* CSV and JSON: for spreadsheets and programs. */
#include "base/text.h"
#include "report/field.h"
#include <string.h>

/* RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe in front. */
static void cell(struct buf *out, const char *text, bool last)
{
    bool formula = *text && strchr("=+-@\t\r", *text);
    buf_putc(out, '"');
    if (formula)
        buf_putc(out, '\'');
    for (; *text; text++) {
        if (*text == '"')
            buf_putc(out, '"');
        buf_putc(out, *text);
    }
    buf_puts(out, last ? "\"\r\n" : "\",");
}

typedef void cell_fn(json_t *record, char *dst, size_t cap);

static void id_cell(json_t *record, char *dst, size_t cap)
{
    str_format(dst, cap, "%lld",
               (long long)json_integer_value(json_object_get(json_object_get(record, "result"), "id")));
}

static void number_cell(json_t *record, const char *name, char *dst, size_t cap)
{
    json_t *number = json_object_get(json_object_get(record, "result"), name);
    dst[0] = 0;
    if (json_is_number(number))
        str_format(dst, cap, "%.6g", json_number_value(number));
}

static void confidence_cell(json_t *record, char *dst, size_t cap)
{
    number_cell(record, "confidence", dst, cap);
}

static void score_cell(json_t *record, char *dst, size_t cap)
{
    number_cell(record, "raw_score", dst, cap);
}

static void threshold_cell(json_t *record, char *dst, size_t cap)
{
    number_cell(record, "threshold", dst, cap);
}

static void when_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_text(json_object_get(record, "result"), "created_at"));
}

static void class_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_text(json_object_get(record, "result"), "predicted_class"));
}

static void positive_cell(json_t *record, char *dst, size_t cap)
{
    json_t *positive = json_object_get(json_object_get(record, "result"), "positive");
    str_copy(dst, cap, json_is_boolean(positive) ? json_is_true(positive) ? "yes" : "no" : "");
}

static void model_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_text(json_object_get(record, "model"), "id"));
}

static void version_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_text(json_object_get(record, "model"), "version"));
}

static void patient_cell(json_t *record, char *dst, size_t cap)
{
    json_t *patient = json_object_get(record, "patient");
    const char *name = field_text(patient, "name");
    str_copy(dst, cap, *name ? name : field_text(patient, "pseudonym"));
}

static void age_cell(json_t *record, char *dst, size_t cap)
{
    json_t *age = json_object_get(json_object_get(record, "patient"), "age");
    dst[0] = 0;
    if (json_is_integer(age))
        str_format(dst, cap, "%lld", (long long)json_integer_value(age));
}

static void image_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_text(json_object_get(record, "image"), "name"));
}

static void voided_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_voided(record) ? "yes" : "no");
}

static void measured_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_text(record, "passport_line"));
}

static void notice_cell(json_t *record, char *dst, size_t cap)
{
    str_copy(dst, cap, field_text(record, "disclaimer"));
}

static const struct {
    const char *title;
    cell_fn *text;
} columns[] = {
    {"id", id_cell},
    {"created_at", when_cell},
    {"patient", patient_cell},
    {"patient_age", age_cell},
    {"image", image_cell},
    {"model", model_cell},
    {"model_version", version_cell},
    {"predicted_class", class_cell},
    {"positive", positive_cell},
    {"confidence", confidence_cell},
    {"raw_score", score_cell},
    {"threshold", threshold_cell},
    {"review", field_review},
    {"voided", voided_cell},
    {"measured_on", measured_cell},
    {"notice", notice_cell},
};

enum rc report_csv(json_t *const *record, size_t n, bool header, struct buf *out, struct err *e)
{
    for (size_t c = 0; header && c < ARRAY_N(columns); c++)
        cell(out, columns[c].title, c + 1 == ARRAY_N(columns));
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < ARRAY_N(columns); c++) {
            char text[2048];
            columns[c].text(record[i], text, sizeof text);
            cell(out, text, c + 1 == ARRAY_N(columns));
        }
    return buf_check(out, e);
}

static int add_json(const char *bytes, size_t n, void *out)
{
    buf_add(out, bytes, n);
    return 0;
}

enum rc report_json(json_t *const *record, size_t n, struct buf *out, struct err *e)
{
    const size_t flags = JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15);
    if (n == 1) {
        json_dump_callback(record[0], add_json, out, flags);
    } else {
        buf_puts(out, "[\n");
        for (size_t i = 0; i < n; i++) {
            json_dump_callback(record[i], add_json, out, flags);
            buf_puts(out, i + 1 < n ? ",\n" : "\n");
        }
        buf_putc(out, ']');
    }
    buf_putc(out, '\n');
    return buf_check(out, e);
}
