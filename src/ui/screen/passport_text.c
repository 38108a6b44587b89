#include "ui/screen/passport_text.h"
#include <string.h>

enum { NARROW_COLS = 50 };

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static int wrapped(const struct pane *p, int row, int indent, enum style s, const char *text)
{
    struct pane inner = pane_sub(p, row, indent, p->rows - row, p->cols - indent);
    return *text && row < p->rows ? row + pane_wrap(&inner, 0, s, text) : row;
}

static int heading(const struct pane *p, int row, const char *text)
{
    if (row)
        row++;
    pane_text(p, row, 0, STYLE_TITLE, text);
    return row + 1;
}

static int labelled(const struct pane *p, int row, const char *label, const char *text)
{
    if (!*text)
        return row;
    pane_text(p, row, 0, STYLE_DIM, label);
    return wrapped(p, row, p->cols < NARROW_COLS ? 9 : 15, STYLE_TEXT, text);
}

void passport_count(int64_t n, char *dst, size_t cap)
{
    char digits[32];
    size_t at = 0;
    str_format(digits, sizeof digits, "%lld", (long long)n);
    size_t len = strlen(digits);
    for (size_t i = 0; i < len && at + 2 < cap; i++) {
        if (i && (len - i) % 3 == 0)
            dst[at++] = ',';
        dst[at++] = digits[i];
    }
    dst[at] = 0;
}

void passport_classes_line(json_t *names, char *dst, size_t cap)
{
    struct buf line = {0};
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(json_is_object(name) ? json_object_get(name, "name") : name);
        buf_printf(&line, "%s%s", i ? ", " : "", text ? text : "");
    }
    str_copy(dst, cap, line.data ? line.data : "");
    buf_free(&line);
}

/* ---- what it is for ---- */
static int draw_classes(json_t *passport, const struct pane *p, int row)
{
    const char *positive = text_of(passport, "positive_class");
    size_t i;
    json_t *class;
    row = heading(p, row, "Classes, in the order of the outputs");
    json_array_foreach(json_object_get(passport, "classes"), i, class)
    {
        char line[300];
        const char *name = text_of(class, "name"), *label = text_of(class, "label");
        json_t *marked = json_object_get(class, "positive");
        bool alarm = json_is_boolean(marked) ? json_is_true(marked) : str_eq(name, positive);
        str_format(line, sizeof line, "%zu  %s %s%s%s", i, alarm ? "[!!]" : "[  ]", name, *label ? ": " : "", label);
        row = wrapped(p, row, 0, alarm ? STYLE_POSITIVE : STYLE_TEXT, line);
    }
    return row;
}

static int draw_list(json_t *list, const char *title, bool numbered, const struct pane *p, int row)
{
    size_t i;
    json_t *item;
    if (!json_array_size(list))
        return row;
    row = heading(p, row, title);
    json_array_foreach(list, i, item)
    {
        char mark[16];
        const char *text = json_string_value(item);
        str_format(mark, sizeof mark, numbered ? "%zu" : "-", i + 1);
        pane_text(p, row, 0, STYLE_TEXT, mark);
        row = wrapped(p, row, 3, STYLE_TEXT, text ? text : "");
    }
    return row;
}

static int draw_points(json_t *passport, const struct pane *p, int row)
{
    size_t i;
    json_t *point, *points = json_object_get(passport, "operating_points");
    if (!json_array_size(points))
        return row;
    row = heading(p, row, json_array_size(points) == 1 ? "Operating point" : "Operating points");
    json_array_foreach(points, i, point)
    {
        char line[300];
        str_format(line, sizeof line, "%s: threshold %.3f; %s", text_of(point, "name"),
                   json_number_value(json_object_get(point, "threshold")), text_of(point, "meaning"));
        row = wrapped(p, row, 0, STYLE_TEXT, line);
    }
    return row;
}

static int draw_purpose(json_t *model, const struct pane *p, int row)
{
    json_t *passport = json_object_get(model, "passport");
    if (!json_is_object(passport))
        return wrapped(p, row, 0, STYLE_WARN,
                       "This network has no passport: nothing is known of its classes, its preprocessing or its "
                       "accuracy. Its results are numbers, not findings.");
    row = wrapped(p, row, 0, STYLE_TITLE, text_of(passport, "title"));
    row = labelled(p, row, "For", text_of(passport, "modality"));
    row = labelled(p, row, "Task", text_of(passport, "task"));
    row = labelled(p, row, "Version", text_of(passport, "version"));
    row = draw_classes(passport, p, row);
    row = draw_points(passport, p, row);
    row = draw_list(json_object_get(passport, "limits"), "Limits", false, p, row);
    row = draw_list(json_object_get(json_object_get(passport, "preprocessing"), "steps"),
                    "Preprocessing, in this order", true, p, row);
    return row;
}

/* ---- measured ---- */
static const struct {
    const char *field, *label;
} measures[] = {
    {"accuracy", "accuracy"},
    {"sensitivity", "sensitivity"},
    {"specificity", "specificity"},
    {"precision", "precision"},
    {"balanced_accuracy", "balanced acc."},
    {"macro_f1", "macro F1"},
    {"f1", "F1"},
    {"auc", "AUC"},
};

/* "accuracy      .898 [.872-.920]  555 of 618" */
static int draw_measure(json_t *metric, size_t i, const struct pane *p, int row)
{
    json_t *m = json_object_get(metric, measures[i].field), *ci = json_object_get(m, "ci95");
    json_t *value = json_is_object(m) ? json_object_get(m, "value") : m;
    if (!json_is_number(value))
        return row;
    int col = 14;
    pane_text(p, row, 0, STYLE_TEXT, measures[i].label);
    col += pane_printf(p, row, col, STYLE_TITLE, "%.3f", json_number_value(value));
    if (json_array_size(ci) == 2)
        col += pane_printf(p, row, col, STYLE_TEXT, "  [%.3f-%.3f]", json_number_value(json_array_get(ci, 0)),
                           json_number_value(json_array_get(ci, 1)));
    if (json_is_integer(json_object_get(m, "n")))
        pane_printf(p, row, col, STYLE_DIM, "  %lld of %lld", (long long)json_integer_value(json_object_get(m, "k")),
                    (long long)json_integer_value(json_object_get(m, "n")));
    return row + 1;
}

static int draw_confusion(json_t *confusion, const struct pane *p, int row)
{
    const char *truth, *said;
    json_t *counts, *n;
    int label = 12, each = 8, col = label;
    if (!json_object_size(confusion))
        return row;
    json_object_foreach(confusion, truth, counts)
    {
        pane_field(p, row, col, each - 1, STYLE_DIM, truth);
        col += each;
    }
    pane_text(p, row++, 0, STYLE_DIM, "is \\ said");
    json_object_foreach(confusion, truth, counts)
    {
        pane_field(p, row, 0, label - 1, STYLE_TEXT, truth);
        col = label;
        json_object_foreach(counts, said, n)
        {
            pane_printf(p, row, col, str_eq(truth, said) ? STYLE_TITLE : STYLE_TEXT, "%5lld",
                        (long long)json_integer_value(n));
            col += each;
        }
        row++;
    }
    return row;
}

static int draw_metric(json_t *metric, const struct pane *p, int row)
{
    char line[300];
    json_t *n = json_object_get(metric, "n");
    if (json_is_integer(n))
        str_format(line, sizeof line, "%s: %lld pictures, %s", text_of(metric, "dataset"),
                   (long long)json_integer_value(n), text_of(metric, "date"));
    else
        str_copy(line, sizeof line, text_of(metric, "dataset"));
    row = wrapped(p, row, 0, STYLE_TEXT, line);
    for (size_t i = 0; i < ARRAY_N(measures); i++)
        row = draw_measure(metric, i, p, row);
    return draw_confusion(json_object_get(metric, "confusion"), p, row);
}

static void shape_line(json_t *list, char *dst, size_t cap)
{
    struct buf line = {0};
    size_t i, k;
    json_t *io, *dim;
    json_array_foreach(list, i, io)
    {
        buf_puts(&line, i ? ", " : "");
        json_array_foreach(json_object_get(io, "shape"), k, dim)
        {
            if (json_is_integer(dim))
                buf_printf(&line, "%s%lld", k ? "x" : "", (long long)json_integer_value(dim));
            else
                buf_printf(&line, "%s?", k ? "x" : "");
        }
    }
    str_copy(dst, cap, line.data ? line.data : "");
    buf_free(&line);
}

static int draw_network(json_t *model, double milliseconds, const struct pane *p, int row)
{
    char count[40], line[200];
    row = heading(p, row, "The network itself");
    row = labelled(p, row, "Name", text_of(model, "id"));
    passport_count(json_integer_value(json_object_get(model, "layer_count")), count, sizeof count);
    row = labelled(p, row, "Layers", count);
    passport_count(json_integer_value(json_object_get(model, "parameters")), count, sizeof count);
    row = labelled(p, row, p->cols < NARROW_COLS ? "Params" : "Parameters", count);
    str_format(line, sizeof line, "%.3f billion", json_number_value(json_object_get(model, "macs")) / 1e9);
    row = labelled(p, row, p->cols < NARROW_COLS ? "Work" : "Multiply-adds", line);
    shape_line(json_object_get(model, "inputs"), line, sizeof line);
    row = labelled(p, row, "Input", line);
    shape_line(json_object_get(model, "outputs"), line, sizeof line);
    row = labelled(p, row, "Output", line);
    if (milliseconds >= 0)
        str_format(line, sizeof line, "%.1f ms a picture on this machine (%s)", milliseconds, text_of(model, "isa"));
    else
        str_copy(line, sizeof line, "timing ...");
    row = labelled(p, row, "Speed", line);
    row = labelled(p, row, "Keras", text_of(model, "keras_version"));
    return labelled(p, row, "SHA-256", text_of(model, "sha256"));
}

static int draw_test(json_t *model, json_t *test, const struct pane *p, int row)
{
    char line[200];
    size_t golden = json_array_size(json_object_get(json_object_get(model, "passport"), "golden"));
    row = heading(p, row, "Golden vectors");
    if (json_is_true(json_object_get(test, "passed"))) {
        str_format(line, sizeof line, "PASSED: %lld cases reproduced, largest difference %.1e",
                   (long long)json_integer_value(json_object_get(test, "cases")),
                   json_number_value(json_object_get(test, "max_difference")));
        return wrapped(p, row, 0, STYLE_NORMAL, line);
    }
    if (golden)
        str_format(line, sizeof line, "%zu in the passport; c tests the network against them now", golden);
    else
        str_copy(line, sizeof line, "none: this network cannot be tested");
    return wrapped(p, row, 0, STYLE_TEXT, line);
}

static int draw_measured(json_t *model, double milliseconds, json_t *test, const struct pane *p, int row)
{
    size_t i;
    json_t *metric, *passport = json_object_get(model, "passport"), *metrics = json_object_get(passport, "metrics");
    row = heading(p, row, "Measured, with 95 % confidence intervals");
    json_array_foreach(metrics, i, metric) row = draw_metric(metric, p, row + (i ? 1 : 0));
    if (!json_array_size(metrics))
        row = wrapped(p, row, 0, STYLE_WARN, "Nothing was measured here: do not rely on this network.");
    row = draw_test(model, test, p, row);
    row = draw_network(model, milliseconds, p, row);
    row = labelled(p, row + 1, "Licence", text_of(passport, "licence"));
    return labelled(p, row, "Notice", text_of(passport, "notice"));
}

int passport_text_draw(json_t *model, int parts, double milliseconds, json_t *test, const struct pane *p)
{
    int row = 0;
    if (parts & PASSPORT_PURPOSE)
        row = draw_purpose(model, p, row);
    if (parts & PASSPORT_MEASURED)
        row = draw_measured(model, milliseconds, test, p, row);
    return row;
}
