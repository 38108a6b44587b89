/* One result for a printer, an e-mail or a file: plain lines of at most `columns`. */
#include "base/text.h"
#include "report/field.h"
#include <math.h>
#include <string.h>

enum { LABEL_COLUMNS = 14, BAR_COLUMNS = 30, LINE_CAP = 2048 };

static void wrapped(struct buf *out, const char *label, const char *text, int columns)
{
    char safe[LINE_CAP];
    bool first = true;
    if (!*text)
        return;
    text_safe(safe, sizeof safe, text, false);
    for (const char *at = safe; *at;) {
        const char *end = at, *blank = NULL;
        int width = LABEL_COLUMNS;
        while (*end) {
            const char *next = end;
            int w = utf8_columns(utf8_next(&next));
            if (width + w > columns)
                break;
            if (*end == ' ')
                blank = end;
            width += w;
            end = next;
        }
        if (*end && blank)
            end = blank;
        if (end == at)
            break;
        buf_printf(out, "%-*s", LABEL_COLUMNS, first ? label : "");
        buf_add(out, at, (size_t)(end - at));
        buf_putc(out, '\n');
        for (at = end; *at == ' ';)
            at++;
        first = false;
    }
}

static void rule(struct buf *out, int columns)
{
    for (int i = 0; i < columns; i++)
        buf_putc(out, '-');
    buf_putc(out, '\n');
}

static void bar(struct buf *out, double share)
{
    int filled = (int)lround(share * BAR_COLUMNS);
    buf_putc(out, '[');
    for (int i = 0; i < BAR_COLUMNS; i++)
        buf_putc(out, i < filled ? '#' : '-');
    buf_putc(out, ']');
}

static void scores(struct buf *out, json_t *all)
{
    const char *name;
    json_t *score;
    char fitted[128], safe[256];
    json_object_foreach(all, name, score)
    {
        text_safe(safe, sizeof safe, name, false);
        text_fit(fitted, sizeof fitted, safe, 24);
        buf_printf(out, "  %s%*s ", fitted, (int)(24 - text_columns(fitted)), "");
        bar(out, json_number_value(score));
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
    field_time(review, "created_at", when, sizeof when);
    str_format(text, sizeof text, "%s, %s", field_text(review, "by"), when);
    wrapped(out, "", text, columns);
    wrapped(out, "Note", field_text(review, "note"), columns);
}

enum rc report_text(json_t *record, int columns, struct buf *out, struct err *e)
{
    json_t *result = json_object_get(record, "result"), *image = json_object_get(record, "image"),
           *model = json_object_get(record, "model");
    json_t *advice = json_object_get(record, "recommendations"), *line;
    char text[LINE_CAP];
    size_t i;
    if (columns < 40 || columns > 200)
        return err_set(e, ERR_VALUE, "A text report has 40 to 200 columns, not %d", columns);
    str_format(text, sizeof text, "%s", field_text(record, "site_name"));
    wrapped(out, "Image analysis", text, columns);
    rule(out, columns);
    str_format(text, sizeof text, "%06lld%s", (long long)json_integer_value(json_object_get(result, "id")),
               field_voided(record) ? "   VOID: do not use" : "");
    wrapped(out, "Result", text, columns);
    field_patient(record, text, sizeof text);
    wrapped(out, "Patient", text, columns);
    wrapped(out, "Picture", field_text(image, "name"), columns);
    field_time(result, "created_at", text, sizeof text);
    wrapped(out, "Analysed", text, columns);
    buf_putc(out, '\n');
    str_format(text, sizeof text, "%s%s  %.1f %%", field_positive(record) ? "[!!] " : "",
               field_text(result, "predicted_class"), field_number(result, "confidence"));
    wrapped(out, "Finding", text, columns);
    str_format(text, sizeof text, "score %.3f, operating point %.3f", field_number(result, "raw_score"),
               field_number(result, "threshold"));
    wrapped(out, "", text, columns);
    buf_putc(out, '\n');
    scores(out, json_object_get(record, "scores"));
    buf_putc(out, '\n');
    str_format(text, sizeof text, "%s %s", field_text(model, "id"), field_text(model, "version"));
    wrapped(out, "Network", text, columns);
    wrapped(out, "Measured", field_text(record, "passport_line"), columns);
    json_array_foreach(advice, i, line)
        wrapped(out, i ? "" : "Advice", json_string_value(line) ? json_string_value(line) : "", columns);
    reading(out, record, columns);
    rule(out, columns);
    wrapped(out, "Notice", field_text(record, "disclaimer"), columns);
    return buf_check(out, e);
}
