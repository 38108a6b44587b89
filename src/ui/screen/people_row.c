#include "ui/screen/people_row.h"
#include "base/file.h"
#include <string.h>
#include <time.h>

enum { DAY_CHARS = 10 }; /* of "2026-03-02 10:14" */

static const char *text_of(json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

/* "2026-03-02 10:14", local time; "" when absent. */
static void moment(json_t *row, const char *name, char *dst, size_t cap)
{
    int64_t wall_ms;
    struct tm local;
    dst[0] = 0;
    if (!clock_parse_iso(text_of(row, name), &wall_ms))
        return;
    time_t seconds = (time_t)(wall_ms / 1000);
    localtime_r(&seconds, &local);
    strftime(dst, cap, "%Y-%m-%d %H:%M", &local);
}

#define TEXT_COLUMN(function, field)                                                                                   \
    static void function(json_t *row, char *dst, size_t cap)                                                           \
    {                                                                                                                  \
        str_copy(dst, cap, text_of(row, field));                                                                       \
    }
#define MOMENT_COLUMN(function, field)                                                                                 \
    static void function(json_t *row, char *dst, size_t cap)                                                           \
    {                                                                                                                  \
        moment(row, field, dst, cap);                                                                                  \
    }

TEXT_COLUMN(username_text, "username")
TEXT_COLUMN(email_text, "email")
TEXT_COLUMN(tty_text, "tty")
TEXT_COLUMN(host_text, "host")
TEXT_COLUMN(why_text, "why")
TEXT_COLUMN(user_text, "user")
TEXT_COLUMN(op_text, "op")
TEXT_COLUMN(subject_text, "subject")
TEXT_COLUMN(detail_text, "detail")
MOMENT_COLUMN(started_text, "started_at")
MOMENT_COLUMN(seen_text, "last_seen_at")
MOMENT_COLUMN(ended_text, "ended_at")
MOMENT_COLUMN(at_text, "at")

/* ---- accounts ---- */
static void name_text(json_t *row, char *dst, size_t cap)
{
    const char *first = text_of(row, "first_name"), *last = text_of(row, "last_name");
    str_format(dst, cap, "%s%s%s", first, *first && *last ? " " : "", last);
}

/* All of a person's roles; one word each. */
static void role_text(json_t *row, char *dst, size_t cap)
{
    struct buf line = {0};
    size_t i;
    json_t *role;
    json_array_foreach(json_object_get(row, "roles"), i, role)
        buf_printf(&line, "%s%s", i ? "+" : "", json_string_value(role) ? json_string_value(role) : "");
    str_copy(dst, cap, line.data && line.data[0] ? line.data : text_of(row, "role"));
    buf_free(&line);
}

static bool locked(json_t *user)
{
    int64_t until;
    return clock_parse_iso(text_of(user, "locked_until"), &until) && until > clock_wall_ms();
}

void account_state(json_t *user, char *dst, size_t cap)
{
    char until[32];
    if (json_is_true(json_object_get(user, "disabled"))) {
        str_copy(dst, cap, "disabled");
    } else if (locked(user)) {
        moment(user, "locked_until", until, sizeof until);
        str_format(dst, cap, "locked to %s", until + DAY_CHARS + 1);
    } else {
        str_copy(dst, cap, "active");
    }
}

static enum style state_style(json_t *user)
{
    return json_is_true(json_object_get(user, "disabled")) || locked(user) ? STYLE_WARN : STYLE_TEXT;
}

static void joined_text(json_t *row, char *dst, size_t cap)
{
    char text[32];
    moment(row, "date_joined", text, sizeof text);
    text[DAY_CHARS] = 0;
    str_copy(dst, cap, text);
}

const struct list_column account_columns[] = {
    {"User", 18, 14, username_text, NULL, 0},         {"Name", 0, 0, name_text, NULL, -1},
    {"E-mail", 30, -1, email_text, NULL, -1},         {"Role", 24, 13, role_text, NULL, 13},
    {"State", 15, 15, account_state, state_style, 8}, {"Joined", 10, 10, joined_text, NULL, -1},
};
const int account_columns_n = ARRAY_N(account_columns);

/* ---- sessions ---- */
static void end_text(json_t *row, char *dst, size_t cap)
{
    ended_text(row, dst, cap);
    if (!dst[0])
        str_copy(dst, cap, "open");
}

static enum style end_style(json_t *row)
{
    return *text_of(row, "ended_at") ? STYLE_DIM : STYLE_TITLE;
}

const struct list_column session_columns[] = {
    {"User", 18, 12, username_text, NULL, 0}, {"From", 16, 16, started_text, NULL, 16},
    {"Seen", 16, -1, seen_text, NULL, -1},    {"To", 16, 16, end_text, end_style, -1},
    {"Why", 0, 0, why_text, NULL, -1},        {"Terminal", 14, 12, tty_text, NULL, -1},
    {"Host", 20, -1, host_text, NULL, -1},
};
const int session_columns_n = ARRAY_N(session_columns);

/* ---- audit ---- */
static void number_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%6lld", (long long)json_integer_value(json_object_get(row, "id")));
}

const struct list_column audit_columns[] = {
    {"Row", 6, 6, number_text, NULL, -1},   {"When", 16, 16, at_text, NULL, -1},
    {"Who", 16, 12, user_text, NULL, 10},   {"What", 20, 17, op_text, NULL, 0},
    {"On", 24, 14, subject_text, NULL, -1}, {"Detail", 0, 0, detail_text, NULL, -1},
};
const int audit_columns_n = ARRAY_N(audit_columns);
