#include "ui/screen/result_card.h"
#include "ui/screen/result_row.h"
#include <string.h>

enum { NARROW_COLS = 30, LOW_ROWS = 12, TALL_ROWS = 24 };

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* Every class with its bar, best first as the station orders them. */
static int draw_scores(json_t *scores, const struct pane *p, int row)
{
    const char *name;
    json_t *score;
    int width = p->cols > 30 ? 14 : 10;
    json_object_foreach(scores, name, score)
    {
        if (row >= p->rows)
            break;
        pane_field(p, row, 1, width, STYLE_TEXT, name);
        pane_bar(p, row, width + 2, p->cols - width - 9, json_number_value(score), STYLE_TEXT);
        pane_printf(p, row, p->cols - 6, STYLE_TEXT, "%5.1f", 100 * json_number_value(score));
        row++;
    }
    return row;
}

static int draw_advice(json_t *advice, const struct pane *p, int row)
{
    size_t i;
    json_t *line;
    json_array_foreach(advice, i, line)
    {
        if (row >= p->rows)
            break;
        row += pane_wrap(p, row, STYLE_TEXT, json_string_value(line) ? json_string_value(line) : "");
    }
    return row;
}

static int draw_figures(json_t *record, const struct pane *p, int row)
{
    char class_name[160], label[200];
    json_t *result = json_object_get(record, "result");
    const char *meaning = result_label(record);
    double confidence = json_number_value(json_object_get(result, "confidence"));
    json_t *threshold = json_object_get(result, "threshold");
    int gap = p->rows >= TALL_ROWS;
    result_class_text(result, class_name, sizeof class_name);
    pane_text(p, row++, 1, result_class_style(result), class_name);
    if (meaning && p->rows > LOW_ROWS) {
        struct pane inner = pane_sub(p, 0, 1, p->rows, p->cols - 1);
        str_format(label, sizeof label, "= %s", meaning);
        row += pane_wrap(&inner, row, STYLE_TEXT, label);
    }
    row += gap;
    pane_bar(p, row, 1, p->cols - 9, confidence / 100, STYLE_TITLE);
    pane_printf(p, row++, p->cols - 7, STYLE_TITLE, "%4.1f %%", confidence);
    if (json_is_number(threshold))
        pane_printf(p, row++, 1, STYLE_TEXT,
                    p->cols < NARROW_COLS ? "score %.3f thr %.3f" : "score %.3f   threshold %.3f",
                    json_number_value(json_object_get(result, "raw_score")), json_number_value(threshold));
    else
        pane_printf(p, row++, 1, STYLE_TEXT, "score %.3f", json_number_value(json_object_get(result, "raw_score")));
    return row + gap;
}

/* Which network said so, for which kind of picture it was made, on what its figures were measured. */
static int draw_network(json_t *record, const struct pane *p, int row)
{
    json_t *model = result_part(record, "model"), *result = json_object_get(record, "result");
    const char *id = json_string_value(json_is_object(model) ? json_object_get(model, "id") : model);
    struct pane inner = pane_sub(p, 0, 1, p->rows, p->cols - 1);
    char line[400];
    const char *version = json_is_object(model) ? text_of(model, "version") : "";
    pane_printf(p, row++, 1, STYLE_TITLE, "%s %s", id ? id : "", version);
    const char *modality = json_string_value(result_part(record, "modality"));
    str_format(line, sizeof line, "for: %s", modality ? modality : "");
    if (modality)
        row += pane_wrap(&inner, row, STYLE_TEXT, line);
    if (p->rows > LOW_ROWS)
        pane_printf(p, row++, 1, STYLE_DIM, "%.0f ms   #%06lld",
                    1000 * json_number_value(json_object_get(result, "processing_time")),
                    (long long)json_integer_value(json_object_get(result, "id")));
    const char *measured = json_string_value(result_part(record, "passport_line"));
    str_copy(line, sizeof line, measured ? measured : "");
    if (p->cols < NARROW_COLS && strchr(line, ';'))
        *strchr(line, ';') = 0; /* the first figure with its interval; all of them on the result's own screen */
    if (line[0])
        row += pane_wrap(&inner, row, STYLE_TEXT, line);
    return row;
}

/* A patient's picture, until a doctor has looked. */
static void draw_waiting(const struct pane *p)
{
    struct pane inner = pane_sub(p, 0, 1, p->rows, p->cols - 2);
    int row = pane_wrap(&inner, 0, STYLE_TITLE, "Kept and analysed.");
    pane_wrap(&inner, row + (p->rows > 6), STYLE_TEXT,
              "Waits for a doctor: you find the result under Results once a doctor has released it.");
}

void result_card_draw(json_t *record, const struct pane *p)
{
    json_t *result = json_object_get(record, "result");
    if (!record) {
        struct pane text = pane_sub(p, 1, 1, p->rows - 1, p->cols - 2);
        pane_wrap(&text, 0, STYLE_DIM,
                  "Put the cursor on a picture and press a. The computer advises, a qualified person decides.");
        return;
    }
    if (!json_is_object(result)) {
        draw_waiting(p);
        return;
    }
    struct pane body = pane_sub(p, 0, 0, p->rows - 1, p->cols);
    json_t *scores = result_part(record, "scores");
    int gap = p->rows >= TALL_ROWS, row = draw_figures(record, &body, gap);
    if (json_object_size(scores) > 2 && p->rows > LOW_ROWS)
        row = draw_scores(scores, &body, row) + gap;
    row = draw_network(record, &body, row) + gap;
    struct pane inner = pane_sub(&body, 0, 1, body.rows, body.cols - 1);
    draw_advice(result_part(record, "recommendations"), &inner, row);
    pane_text(p, p->rows - 1, 1, STYLE_DIM, p->cols >= 32 ? "Advice, not a diagnosis." : "Not a diagnosis.");
}
