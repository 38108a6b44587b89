/* One result for a printer, an e-mail or a file: plain lines of at most `columns`. */
#include "base/text.h"
#include "report/field.h"
#include <math.h>
#include <string.h>

enum { LABEL_COLUMNS = 14, BAR_COLUMNS = 30, LINE_CAP = 2048 };

/* Where the line that begins at `at` ends: at the last blank that fits, else wherever it is full. */
static const char *line_end(const char *at, int columns)
{
    const char *end = at, *blank = NULL;
    int width = LABEL_COLUMNS;
    while (*end) {
        const char *next = end;
        width += utf8_columns(utf8_next(&next));
        if (*end == ' ')
            blank = end;
        if (width > columns)
            return blank && blank > at ? blank : end > at ? end : next;
        end = next;
    }
    return end;
}

/* One paragraph. label: told at its first line. */
static void paragraph(struct buf *out, const char *label, const char *text, int columns)
{
    for (const char *at = text; *at; label = "") {
        const char *end = line_end(at, columns);
        buf_printf(out, "%-*s", LABEL_COLUMNS, label);
        buf_add(out, at, (size_t)(end - at));
        buf_putc(out, '\n');
        at = end + strspn(end, " ");
    }
}

/* Text of any length, line by line; nothing when it is empty. */
static void wrapped(struct buf *out, const char *label, const char *text, int columns)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        struct buf line = {0};
        buf_add(&line, text, n);
        char *safe = line.failed ? NULL : mem_zalloc(3 * n + 1, 1, NULL); /* a bad byte becomes three */
        if (!safe) {
            out->failed = true;
            buf_free(&line);
            return;
        }
        paragraph(out, label, n ? text_safe(safe, 3 * n + 1, line.data, false) : "", columns);
        mem_free(safe);
        buf_free(&line);
        text += n + (text[n] == '\n');
        label = "";
    }
}

static void rule(struct buf *out, int columns)
{
    for (int i = 0; i < columns; i++)
        buf_putc(out, '-');
    buf_putc(out, '\n');
}

static void bar(struct buf *out, double share, int columns)
{
    int filled = (int)lround(fmin(fmax(share, 0), 1) * columns);
    buf_putc(out, '[');
    for (int i = 0; i < columns; i++)
        buf_putc(out, i < filled ? '#' : '-');
    buf_putc(out, ']');
}

static void scores(struct buf *out, json_t *all, int columns)
{
    const char *name;
    json_t *score;
    char fitted[128], safe[256];
    int name_columns = columns < 68 ? 12 : 24, left = columns - name_columns - 13;
    json_object_foreach(all, name, score)
    {
        text_safe(safe, sizeof safe, name, false);
        text_fit(fitted, sizeof fitted, safe, (size_t)name_columns);
        buf_printf(out, "  %s%*s ", fitted, name_columns - (int)text_columns(fitted), "");
        bar(out, json_number_value(score), left < BAR_COLUMNS ? left : BAR_COLUMNS);
        buf_printf(out, " %5.1f %%\n", 100 * json_number_value(score));
    }
}

static void reading(struct buf *out, json_t *record, int columns)
{
    json_t *review = json_object_get(record, "review");
    char text[400], when[40];
    field_review(record, text, sizeof text);
    wrapped(out, "Reader", *text ? text : "not yet read by a person", columns);
    if (!json_is_object(review))
        return;
    field_time(review, "at", when, sizeof when);
    str_format(text, sizeof text, "%s%s%s", field_text(review, "by"), *field_text(review, "by") ? ", " : "", when);
    wrapped(out, "", text, columns);
    wrapped(out, "Note", field_text(review, "note"), columns);
}

static void finding(struct buf *out, json_t *record, int columns)
{
    json_t *result = json_object_get(record, "result");
    char text[LINE_CAP];
    str_format(text, sizeof text, "%s%s  %.1f %%", field_positive(record) ? "[!!] " : "",
               field_text(result, "predicted_class"), field_number(result, "confidence"));
    wrapped(out, "Finding", text, columns);
    if (json_is_number(json_object_get(result, "threshold")))
        str_format(text, sizeof text, "score %.3f, operating point %.3f", field_number(result, "raw_score"),
                   field_number(result, "threshold"));
    else
        str_format(text, sizeof text, "the highest of %zu scores; this network has no operating point",
                   json_object_size(json_object_get(record, "scores")));
    wrapped(out, "", text, columns);
}

static void heading(struct buf *out, json_t *record, int columns)
{
    json_t *result = json_object_get(record, "result"), *ended = json_object_get(record, "void");
    char text[LINE_CAP];
    str_format(text, sizeof text, "%s, image analysis", field_text(record, "site_name"));
    wrapped(out, "Report", text, columns);
    rule(out, columns);
    str_format(text, sizeof text, "%06lld%s", (long long)json_integer_value(json_object_get(result, "id")),
               field_voided(record) ? "   VOID: do not use" : "");
    wrapped(out, "Result", text, columns);
    wrapped(out, "Void because", field_text(ended, "reason"), columns);
    field_patient(record, text, sizeof text);
    wrapped(out, "Patient", text, columns);
    wrapped(out, "Picture", field_text(json_object_get(record, "image"), "name"), columns);
    field_time(result, "created_at", text, sizeof text);
    wrapped(out, "Analysed", text, columns);
}

enum rc report_text(json_t *record, int columns, struct buf *out, struct err *e)
{
    json_t *model = json_object_get(record, "model"), *advice = json_object_get(record, "recommendations"), *line;
    char text[LINE_CAP];
    size_t i;
    if (columns < 40 || columns > 200)
        return err_set(e, ERR_VALUE, "A text report has 40 to 200 columns, not %d", columns);
    heading(out, record, columns);
    buf_putc(out, '\n');
    finding(out, record, columns);
    buf_putc(out, '\n');
    scores(out, json_object_get(record, "scores"), columns);
    buf_putc(out, '\n');
    str_format(text, sizeof text, "%s %s", field_text(model, "id"), field_text(model, "version"));
    wrapped(out, "Network", text, columns);
    wrapped(out, "SHA-256", field_text(model, "sha256"), columns);
    wrapped(out, "Measured", field_text(record, "passport_line"), columns);
    json_array_foreach(advice, i, line)
        wrapped(out, i ? "" : "Advice", json_string_value(line) ? json_string_value(line) : "", columns);
    wrapped(out, "Notes", field_text(json_object_get(record, "result"), "notes"), columns);
    reading(out, record, columns);
    rule(out, columns);
    wrapped(out, "Notice", field_text(record, "disclaimer"), columns);
    return buf_check(out, e);
}
