#include "ui/screen/patient_text.h"
#include "base/file.h"
#include <time.h>

const char *patient_field(json_t *patient, const char *name)
{
    const char *text = json_string_value(json_object_get(patient, name));
    return text ? text : "";
}

void patient_day(json_t *patient, const char *field, char *dst, size_t cap)
{
    int64_t wall_ms;
    struct tm local;
    dst[0] = 0;
    if (!clock_parse_iso(patient_field(patient, field), &wall_ms))
        return;
    time_t seconds = (time_t)(wall_ms / 1000);
    localtime_r(&seconds, &local);
    strftime(dst, cap, "%Y-%m-%d", &local);
}

void patient_age(json_t *patient, char *dst, size_t cap)
{
    json_t *age = json_object_get(patient, "age"), *born = json_object_get(patient, "birth_year");
    const char *sex = patient_field(patient, "sex");
    str_copy(dst, cap, sex);
    if (json_is_integer(age) && json_is_integer(born))
        str_format(dst, cap, "%s%s%lld y, born %lld", sex, *sex ? " " : "", (long long)json_integer_value(age),
                   (long long)json_integer_value(born));
}

static int line(const struct pane *p, int row, const char *label, const char *text)
{
    if (!*text || row >= p->rows)
        return row;
    pane_text(p, row, 0, STYLE_DIM, label);
    struct pane value = pane_sub(p, row, 10, p->rows - row, p->cols - 10);
    return row + pane_wrap(&value, 0, STYLE_TEXT, text);
}

int patient_card_draw(json_t *patient, const struct pane *p)
{
    char text[80];
    if (!patient)
        return 0;
    int row = pane_wrap(p, 0, STYLE_TITLE, patient_field(patient, "name"));
    str_format(text, sizeof text, "#%06lld", (long long)json_integer_value(json_object_get(patient, "id")));
    row = line(p, row, "Number", text);
    patient_age(patient, text, sizeof text);
    row = line(p, row, "Person", text);
    row = line(p, row, "Phone", patient_field(patient, "phone"));
    row = line(p, row, "Consent", json_is_true(json_object_get(patient, "consent")) ? "yes" : "NO");
    str_format(text, sizeof text, "%lld", (long long)json_integer_value(json_object_get(patient, "results")));
    row = line(p, row, "Results", text);
    patient_day(patient, "last_result_at", text, sizeof text);
    row = line(p, row, "Last", text);
    patient_day(patient, "created_at", text, sizeof text);
    row = line(p, row, "Since", text);
    row = line(p, row, "Account", patient_field(patient, "username"));
    return line(p, row, "Notes", patient_field(patient, "notes"));
}

void patient_score_line(const double *score, size_t n, size_t columns, bool ascii_only, char *dst, size_t cap)
{
    static const char ascii[] = "_.:-=+*#";
    struct buf out = {0};
    for (size_t i = n > columns ? n - columns : 0; i < n; i++) {
        int level = (int)(score[i] * 8);
        level = level < 0 ? 0 : level > 7 ? 7 : level;
        char utf8[4];
        if (ascii_only)
            buf_add(&out, &ascii[level], 1);
        else
            buf_add(&out, utf8, utf8_put(utf8, 0x2581 + (uint32_t)level));
    }
    str_copy(dst, cap, out.data ? out.data : "");
    buf_free(&out);
}
