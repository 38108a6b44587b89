#include "ui/screen/results_filter.h"
#include <string.h>

static const char *const any_yes_no[] = {"any", "yes", "no", NULL};

static void put_text(struct form *f, json_t *filter, const char *id)
{
    const char *text = json_string_value(json_object_get(filter, id));
    edit_set(&form_field(f, id)->edit, text ? text : "");
}

static void put_number(struct form *f, json_t *filter, const char *id)
{
    json_t *value = json_object_get(filter, id);
    char text[32] = "";
    if (json_is_number(value))
        str_format(text, sizeof text, "%.6g", json_number_value(value));
    edit_set(&form_field(f, id)->edit, text);
}

static void put_choice(struct form *f, json_t *filter, const char *id)
{
    json_t *value = json_object_get(filter, id);
    form_field(f, id)->choice = !value ? 0 : json_is_true(value) ? 1 : 2;
}

static void add_percent(struct form *f, const char *id, const char *label)
{
    struct field *field = form_add(f, FIELD_NUMBER, id, label, "Percent, 0 to 100; may stay empty");
    field->max = 100;
}

void results_filter_open(struct form *f, json_t *filter, enum role role)
{
    *f = (struct form){0};
    form_add(f, FIELD_TEXT, "predicted_class", "Class", "Name of a class as the network calls it: PNEUMONIA");
    add_percent(f, "confidence_min", "Confidence from");
    add_percent(f, "confidence_max", "Confidence to");
    form_add(f, FIELD_DATE, "date_from", "From", "A date: T-30, 2026-03-02, 12 mar; may stay empty");
    form_add(f, FIELD_DATE, "date_to", "To, including", "A date: T, 2026-03-31; may stay empty");
    form_add(f, FIELD_TEXT, "model", "Network", "Name of a network; may stay empty");
    put_text(f, filter, "predicted_class");
    put_number(f, filter, "confidence_min");
    put_number(f, filter, "confidence_max");
    put_text(f, filter, "date_from");
    put_text(f, filter, "date_to");
    put_text(f, filter, "model");
    if (role == ROLE_DOCTOR) {
        struct field *patient = form_add(f, FIELD_NUMBER, "patient", "Patient no.", "Number of a patient");
        patient->min = 1;
        patient->max = 999999999;
        put_number(f, filter, "patient");
        form_add(f, FIELD_CHOICE, "reviewed", "Reviewed", "Space changes")->choices = any_yes_no;
        form_add(f, FIELD_CHOICE, "released", "Released", "Space changes")->choices = any_yes_no;
        form_add(f, FIELD_CHECK, "include_void", "Void ones too", "Space changes");
        put_choice(f, filter, "reviewed");
        put_choice(f, filter, "released");
        form_field(f, "include_void")->on = json_is_true(json_object_get(filter, "include_void"));
    }
    form_add(f, FIELD_BUTTON, "apply", "Show", "Enter shows what passes");
}

static bool take_field(const struct field *field, json_t *out)
{
    double number;
    char date[11];
    switch (field->kind) {
    case FIELD_CHECK:
        return !field->on || json_object_set_new(out, field->id, json_true()) == 0;
    case FIELD_CHOICE:
        return field->choice == 0 || json_object_set_new(out, field->id, json_boolean(field->choice == 1)) == 0;
    case FIELD_NUMBER:
        if (!field->edit.len)
            return true;
        if (!str_to_f64(field->edit.text, 0, 1e9, &number))
            return false;
        return json_object_set_new(out, field->id,
                                   str_eq(field->id, "patient") ? json_integer((json_int_t)number)
                                                                : json_real(number)) == 0;
    case FIELD_DATE:
        str_copy(date, sizeof date, field->edit.text); /* without the weekday */
        return !field->edit.len || json_object_set_new(out, field->id, json_string(date)) == 0;
    case FIELD_TEXT:
        return !field->edit.len || json_object_set_new(out, field->id, json_string(field->edit.text)) == 0;
    default:
        return true;
    }
}

json_t *results_filter_take(struct form *f, int64_t now_ms)
{
    if (!form_check(f, now_ms))
        return NULL;
    json_t *out = json_object();
    for (int i = 0; i < f->n; i++)
        if (!take_field(&f->field[i], out)) {
            f->focus = i;
            str_copy(f->field[i].wrong, sizeof f->field[i].wrong, "Write a number");
            json_decref(out);
            return NULL;
        }
    return out;
}

void results_filter_line(json_t *filter, char *dst, size_t cap)
{
    static const struct {
        const char *id, *shown;
    } parts[] = {{"predicted_class", "class="}, {"confidence_min", "conf>="}, {"confidence_max", "conf<="},
                 {"date_from", "from="},        {"date_to", "to="},           {"model", "model="},
                 {"patient", "patient="},       {"reviewed", "reviewed="},    {"released", "released="},
                 {"include_void", "void="}};
    size_t n = 0;
    dst[0] = 0;
    for (size_t i = 0; i < ARRAY_N(parts); i++) {
        json_t *value = json_object_get(filter, parts[i].id);
        char text[200];
        if (!value)
            continue;
        if (json_is_string(value))
            str_copy(text, sizeof text, json_string_value(value));
        else if (json_is_boolean(value))
            str_copy(text, sizeof text, json_is_true(value) ? "yes" : "no");
        else
            str_format(text, sizeof text, "%.6g", json_number_value(value));
        str_format(dst + n, cap - n, "%s%s%s", n ? " " : "", parts[i].shown, text);
        n = strlen(dst);
    }
}
