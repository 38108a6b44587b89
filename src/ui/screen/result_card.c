#include "ui/screen/result_card.h"
#include "ui/screen/result_row.h"

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
    struct pane inner = pane_sub(p, 0, 1, p->rows - 1, p->cols - 1);
    json_array_foreach(advice, i, line)
    {
        if (row >= inner.rows)
            break;
        row += pane_wrap(&inner, row, STYLE_TEXT, json_string_value(line) ? json_string_value(line) : "");
    }
    return row;
}

void result_card_draw(json_t *record, const struct pane *p)
{
    json_t *result = json_object_get(record, "result"), *model = json_object_get(record, "model"),
           *scores = json_object_get(record, "scores");
    char class_name[160];
    if (!record) {
        struct pane text = pane_sub(p, 1, 1, p->rows - 1, p->cols - 2);
        pane_wrap(&text, 0, STYLE_DIM,
                  "Put the cursor on a picture and press a. The computer advises, a qualified person decides.");
        return;
    }
    if (!model)
        model = json_object_get(result, "model");
    if (!scores)
        scores = json_object_get(result, "scores");
    int row = p->rows > 12 ? 1 : 0;
    result_class_text(result, class_name, sizeof class_name);
    pane_text(p, row, 1, result_class_style(result), class_name);
    row += p->rows > 12 ? 2 : 1;
    double confidence = json_number_value(json_object_get(result, "confidence"));
    pane_bar(p, row, 1, p->cols - 9, confidence / 100, STYLE_TITLE);
    pane_printf(p, row++, p->cols - 7, STYLE_TITLE, "%4.1f %%", confidence);
    pane_printf(p, row++, 1, STYLE_TEXT, "score %.3f", json_number_value(json_object_get(result, "raw_score")));
    if (json_is_number(json_object_get(result, "threshold"))) /* networks without a positive class have none */
        pane_printf(p, row++, 1, STYLE_TEXT, "threshold %.3f", json_number_value(json_object_get(result, "threshold")));
    if (json_object_size(scores) > 2)
        row = draw_scores(scores, p, p->rows > 12 ? row + 1 : row);
    row += p->rows > 12 ? 1 : 0;
    const char *id = json_string_value(json_is_object(model) ? json_object_get(model, "id") : model);
    pane_printf(p, row++, 1, STYLE_TEXT, "%s %s", id ? id : "", json_is_object(model) ? text_of(model, "version") : "");
    pane_printf(p, row++, 1, STYLE_TEXT, "%.0f ms   #%06lld",
                1000 * json_number_value(json_object_get(result, "processing_time")),
                (long long)json_integer_value(json_object_get(result, "id")));
    row += p->rows > 12 ? 1 : 0;
    struct pane inner = pane_sub(p, 0, 1, p->rows - 1, p->cols - 1);
    const char *measured = text_of(record, "passport_line");
    if (*measured)
        row += pane_wrap(&inner, row, STYLE_TEXT, measured) + (p->rows > 16 ? 1 : 0);
    json_t *advice = json_object_get(record, "recommendations");
    draw_advice(advice ? advice : json_object_get(result, "recommendations"), p, row);
    pane_text(p, p->rows - 1, 1, STYLE_DIM, p->cols >= 32 ? "Advice, not a diagnosis." : "Not a diagnosis.");
}
