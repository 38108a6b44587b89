#include "report/field.h"
#include "base/file.h"
#include "base/text.h"

const char *field_text(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

double field_number(json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static void add_comma(char *dst, size_t cap, const char *what)
{
    char so_far[512];
    if (!*what)
        return;
    str_copy(so_far, sizeof so_far, dst);
    str_format(dst, cap, "%s%s%s", so_far, *so_far ? ", " : "", what);
}

const char *field_patient_name(json_t *record)
{
    json_t *patient = json_object_get(record, "patient");
    const char *name = field_text(patient, "name");
    return *name ? name : field_text(patient, "pseudonym");
}

void field_patient_facts(json_t *record, char *dst, size_t cap)
{
    json_t *patient = json_object_get(record, "patient"), *age = json_object_get(patient, "age"),
           *id = json_object_get(patient, "id");
    char number[40];
    dst[0] = 0;
    add_comma(dst, cap, field_text(patient, "sex"));
    if (json_is_integer(age)) {
        str_format(number, sizeof number, "%lld years", (long long)json_integer_value(age));
        add_comma(dst, cap, number);
    }
    if (json_is_integer(id)) {
        str_format(number, sizeof number, "#%06lld", (long long)json_integer_value(id));
        add_comma(dst, cap, number);
    }
}

void field_patient(json_t *record, char *dst, size_t cap)
{
    char facts[128];
    field_patient_facts(record, facts, sizeof facts);
    str_copy(dst, cap, field_patient_name(record));
    add_comma(dst, cap, facts);
}

void field_time(json_t *object, const char *name, char *dst, size_t cap)
{
    const char *iso = field_text(object, name);
    int64_t ms;
    char again[32];
    if (!clock_parse_iso(iso, &ms)) {
        str_copy(dst, cap, iso);
        return;
    }
    clock_iso(again, sizeof again, ms);
    str_format(dst, cap, "%.10s %.5s UTC", again, again + 11);
}

void field_review(json_t *record, char *dst, size_t cap)
{
    json_t *review = json_object_get(record, "review");
    const char *own = field_text(review, "own_class");
    if (!json_is_object(review))
        dst[0] = 0;
    else if (json_is_true(json_object_get(review, "agree")))
        str_copy(dst, cap, "agrees");
    else
        str_format(dst, cap, "disagrees%s%s", *own ? ": " : "", own);
}

bool field_positive(json_t *record)
{
    return json_is_true(json_object_get(json_object_get(record, "result"), "positive"));
}

bool field_voided(json_t *record)
{
    return json_is_true(json_object_get(json_object_get(record, "result"), "voided"));
}
