#include "ui/screen/result_text.h"
#include "ui/screen/result_row.h"
#include <math.h>
#include <string.h>

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static double number_of(json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static int wrapped(const struct pane *p, int row, enum style s, const char *text)
{
    return *text ? row + pane_wrap(p, row, s, text) : row;
}

static int draw_verdict(json_t *record, const struct pane *p, int row)
{
    char class_name[160], meaning[200];
    json_t *result = json_object_get(record, "result");
    double confidence = number_of(result, "confidence");
    int bar = p->cols - 9 < 40 ? p->cols - 9 : 40;
    result_class_text(result, class_name, sizeof class_name);
    pane_text(p, row++, 0, result_class_style(result), class_name);
    if (result_label(record)) {
        str_format(meaning, sizeof meaning, "= %s", result_label(record));
        row = wrapped(p, row, STYLE_TEXT, meaning);
    }
    if (json_is_true(json_object_get(result, "voided")))
        pane_text(p, row++, 0, STYLE_ERROR, "VOID: not to be used");
    pane_bar(p, row, 0, bar, confidence / 100, STYLE_TITLE);
    pane_printf(p, row++, bar + 1, STYLE_TITLE, "%.1f %%", confidence);
    if (json_is_number(json_object_get(result, "threshold")))
        pane_printf(p, row++, 0, STYLE_TEXT, "score %.3f   threshold %.3f", number_of(result, "raw_score"),
                    number_of(result, "threshold"));
    else
        pane_printf(p, row++, 0, STYLE_TEXT, "score %.3f", number_of(result, "raw_score"));
    return row;
}

static int draw_scores(json_t *scores, const struct pane *p, int row)
{
    const char *name;
    json_t *score;
    int longest = 6, bar;
    json_object_foreach(scores, name, score) if ((int)text_columns(name) > longest) longest = (int)text_columns(name);
    longest = longest > p->cols / 2 ? p->cols / 2 : longest;
    bar = p->cols - longest - 9 < 40 ? p->cols - longest - 9 : 40;
    json_object_foreach(scores, name, score)
    {
        double share = json_number_value(score);
        if (row >= p->rows)
            break;
        pane_field(p, row, 0, longest, STYLE_TEXT, name);
        if (bar > 4)
            pane_bar(p, row, longest + 1, bar, share < 0 ? 0 : share > 1 ? 1 : share, STYLE_TEXT);
        pane_printf(p, row++, longest + (bar > 4 ? bar : 0) + 2, STYLE_TEXT, "%5.1f", 100 * share);
    }
    return json_object_size(scores) ? row + 1 : row;
}

static int draw_said(json_t *record, const struct pane *p, int row)
{
    json_t *result = json_object_get(record, "result"), *model = json_object_get(record, "model"), *line;
    char made_for[300];
    size_t i;
    row = draw_verdict(record, p, row);
    pane_printf(p, row++, 0, STYLE_TITLE, "%s %s", text_of(model, "id"), text_of(model, "version"));
    if (*text_of(record, "modality")) {
        str_format(made_for, sizeof made_for, "for: %s", text_of(record, "modality"));
        row = wrapped(p, row, STYLE_TEXT, made_for);
    }
    row++;
    row = draw_scores(json_object_get(record, "scores"), p, row);
    json_array_foreach(json_object_get(record, "recommendations"), i, line) row =
        wrapped(p, row, STYLE_TEXT, json_string_value(line) ? json_string_value(line) : "");
    if (i)
        row++;
    if (*text_of(model, "sha256"))
        pane_printf(p, row++, 0, STYLE_DIM, "network sha256 %.16s   %.0f ms", text_of(model, "sha256"),
                    1000 * number_of(result, "processing_time"));
    row = wrapped(p, row, STYLE_TEXT, text_of(record, "passport_line"));
    json_array_foreach(json_object_get(record, "image_notes"), i, line) row =
        wrapped(p, row, STYLE_WARN, json_string_value(line) ? json_string_value(line) : "");
    return row;
}

static int draw_patient(json_t *patient, const struct pane *p, int row)
{
    char line[300], years[24] = "", number[32] = "";
    json_t *age = json_object_get(patient, "age"), *id = json_object_get(patient, "id");
    if (!json_is_object(patient)) {
        pane_text(p, row, 0, STYLE_TEXT, "Patient   none: a walk-in");
        return row + 1;
    }
    if (json_is_integer(age))
        str_format(years, sizeof years, " %d y", (int)json_integer_value(age));
    if (json_is_integer(id))
        str_format(number, sizeof number, "  #%06lld", (long long)json_integer_value(id));
    str_format(line, sizeof line, "Patient   %s  %s%s%s", text_of(patient, "name"), text_of(patient, "sex"), years,
               number);
    return wrapped(p, row, STYLE_TEXT, line);
}

static int draw_reviews(json_t *record, const struct pane *p, int row)
{
    json_t *reviews = json_object_get(record, "reviews"), *review;
    char line[600];
    size_t i;
    if (!json_array_size(reviews))
        row = wrapped(p, row, STYLE_TEXT, "Review    none yet");
    json_array_foreach(reviews, i, review)
    {
        bool agree = json_is_true(json_object_get(review, "agree"));
        str_format(line, sizeof line, "Review    %s %s%s%s  %.10s  %s", text_of(review, "by"),
                   agree ? "agrees" : "disagrees", *text_of(review, "own_class") ? ": " : "",
                   text_of(review, "own_class"), text_of(review, "at"), text_of(review, "note"));
        row = wrapped(p, row, STYLE_TEXT, line);
    }
    return row;
}

static int draw_record(json_t *record, const struct pane *p, int row)
{
    json_t *result = json_object_get(record, "result"), *image = json_object_get(record, "image"),
           *ended = json_object_get(record, "void"), *mail;
    char line[600], when[32];
    size_t i;
    row = draw_patient(json_object_get(record, "patient"), p, row);
    result_when(result, when, sizeof when);
    str_format(line, sizeof line, "Analysed  %s  %s%s", when, *text_of(result, "created_by") ? "by " : "",
               text_of(result, "created_by"));
    row = wrapped(p, row, STYLE_TEXT, line);
    str_format(line, sizeof line, "Picture   %s  %lldx%lld  %lld kB", text_of(image, "name"),
               (long long)json_integer_value(json_object_get(image, "width")),
               (long long)json_integer_value(json_object_get(image, "height")),
               (long long)(json_integer_value(json_object_get(image, "file_size")) + 1023) / 1024);
    row = wrapped(p, row, STYLE_TEXT, line);
    if (*text_of(result, "notes")) {
        str_format(line, sizeof line, "Notes     %s", text_of(result, "notes"));
        row = wrapped(p, row, STYLE_TEXT, line);
    }
    row = draw_reviews(record, p, row);
    row = wrapped(p, row, STYLE_TEXT,
                  json_is_true(json_object_get(result, "released")) ? "Released  yes" : "Released  no");
    json_array_foreach(json_object_get(record, "mail"), i, mail)
    {
        str_format(line, sizeof line, "E-mail    %s  %s", text_of(mail, "state"), text_of(mail, "to"));
        row = wrapped(p, row, STYLE_TEXT, line);
    }
    if (json_is_object(ended)) {
        str_format(line, sizeof line, "Void      %.10s by %s: %s", text_of(ended, "at"), text_of(ended, "by"),
                   text_of(ended, "reason"));
        row = wrapped(p, row, STYLE_WARN, line);
    }
    return wrapped(p, row + 1, STYLE_DIM, text_of(record, "disclaimer"));
}

int result_text_draw(json_t *record, int parts, const struct pane *p)
{
    int row = 0;
    if (parts & RESULT_SAID)
        row = draw_said(record, p, row);
    if ((parts & RESULT_SAID) && (parts & RESULT_RECORD))
        row++;
    if (parts & RESULT_RECORD)
        row = draw_record(record, p, row);
    return row < p->rows ? row : p->rows;
}
