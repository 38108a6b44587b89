#include "ui/screen/result_row.h"
#include "base/file.h"
#include "base/text.h"
#include <strings.h>
#include <time.h>

void result_when(json_t *result, char *dst, size_t cap)
{
    const char *at = json_string_value(json_object_get(result, "created_at"));
    int64_t wall_ms;
    struct tm local;
    dst[0] = 0;
    if (!at || !clock_parse_iso(at, &wall_ms))
        return;
    time_t seconds = (time_t)(wall_ms / 1000);
    localtime_r(&seconds, &local);
    strftime(dst, cap, "%Y-%m-%d %H:%M", &local);
}

void result_class_text(json_t *result, char *dst, size_t cap)
{
    const char *name = json_string_value(json_object_get(result, "predicted_class"));
    str_format(dst, cap, "[%s] %s", json_is_true(json_object_get(result, "positive")) ? "!!" : "  ", name ? name : "");
}

json_t *result_part(json_t *record, const char *name)
{
    json_t *part = json_object_get(record, name);
    return part ? part : json_object_get(json_object_get(record, "result"), name);
}

const char *result_label(json_t *record)
{
    const char *name = json_string_value(json_object_get(json_object_get(record, "result"), "predicted_class")),
               *label = json_string_value(result_part(record, "class_label"));
    return name && label && label[0] && strcasecmp(name, label) != 0 ? label : NULL;
}

enum style result_class_style(json_t *result)
{
    return json_is_true(json_object_get(result, "positive")) ? STYLE_POSITIVE : STYLE_NORMAL;
}

static void id_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%06lld", (long long)json_integer_value(json_object_get(row, "id")));
}

static void patient_text(json_t *row, char *dst, size_t cap)
{
    json_t *patient = json_object_get(row, "patient"), *age = json_object_get(patient, "age");
    const char *name = json_string_value(json_object_get(patient, "name")),
               *sex = json_string_value(json_object_get(patient, "sex"));
    if (!name)
        name = json_string_value(json_object_get(patient, "pseudonym"));
    str_format(dst, cap, "%s", name ? name : "-");
    if (name && json_is_integer(age))
        str_format(dst, cap, "%s %s%d", name, sex ? sex : "", (int)json_integer_value(age));
}

static void model_text(json_t *row, char *dst, size_t cap)
{
    json_t *model = json_object_get(row, "model");
    const char *id = json_string_value(json_is_object(model) ? json_object_get(model, "id") : model);
    str_copy(dst, cap, id ? id : "");
}

static void confidence_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%5.1f", json_number_value(json_object_get(row, "confidence")));
}

static void state_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%c%c%c", json_is_true(json_object_get(row, "reviewed")) ? 'r' : '-',
               json_is_true(json_object_get(row, "released")) ? 'R' : '-',
               json_is_true(json_object_get(row, "voided")) ? 'V' : '-');
}

const struct list_column result_columns[] = {
    {"Id", 6, 6, id_text, NULL, -1},
    {"When", 16, 16, result_when, NULL, -1},
    {"Patient", 0, 0, patient_text, NULL, 0},
    {"Model", 18, -1, model_text, NULL, -1},
    {"Class", 18, 14, result_class_text, result_class_style, 14},
    {"Conf", 5, 5, confidence_text, NULL, 5},
    {"St", 3, 3, state_text, NULL, -1},
};
const int result_columns_n = ARRAY_N(result_columns);
