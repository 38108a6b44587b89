#include "base/err.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct row {
    enum err_code code;
    enum rc rc;
    const char *title, *advice;
};

static const struct row rows[] = {
#define ERR(number, name, rc, title, advice) {ERR_##name, rc, title, advice},
#include "base/errors.def"
#undef ERR
};

static const struct row *row_of(enum err_code code)
{
    static const struct row none = {ERR_NONE, RC_OK, "No error", ""};
    if (code == ERR_NONE)
        return &none;
    const struct row *internal = NULL;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (rows[i].code == code)
            return &rows[i];
        if (rows[i].code == ERR_INTERNAL)
            internal = &rows[i];
    }
    return internal ? internal : &none;
}

/* One line: the words, then ": reason" where there is one. Longer than msg, so that the cut falls between characters.
 */
static void record(struct err *e, const struct row *row, const char *where, const char *reason, const char *fmt,
                   va_list args) __attribute__((format(printf, 5, 0)));
static void record(struct err *e, const struct row *row, const char *where, const char *reason, const char *fmt,
                   va_list args)
{
    char line[2 * sizeof(e->msg)];
    int n = fmt ? vsnprintf(line, sizeof(line), fmt, args) : 0;
    if (n <= 0)
        str_copy(line, sizeof(line), row->title);
    if (reason) {
        size_t len = strlen(line);
        str_format(line + len, sizeof(line) - len, ": %s", reason);
    }
    e->rc = row->rc;
    e->code = row->code;
    e->where = where;
    text_safe(e->msg, sizeof(e->msg), line, false);
}

enum rc err_set_at(struct err *e, enum err_code code, const char *where, const char *fmt, ...)
{
    const struct row *row = row_of(code);
    if (e && e->rc == RC_OK) {
        va_list args;
        va_start(args, fmt);
        record(e, row, where, NULL, fmt, args);
        va_end(args);
    }
    return row->rc;
}

enum rc err_sys_at(struct err *e, enum err_code code, const char *where, int errnum, const char *fmt, ...)
{
    const struct row *row = row_of(code);
    if (e && e->rc == RC_OK) {
        char reason[128];
        va_list args;
        va_start(args, fmt);
        record(e, row, where, strerror_r(errnum, reason, sizeof(reason)), fmt, args);
        va_end(args);
    }
    return row->rc;
}

void err_clear(struct err *e)
{
    if (e)
        *e = (struct err){0};
}

enum err_code err_code_from_number(int number)
{
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        if ((int)rows[i].code == number)
            return rows[i].code;
    return number == 0 ? ERR_NONE : ERR_INTERNAL;
}

enum rc err_rc_of(enum err_code code)
{
    return row_of(code)->rc;
}

const char *err_title(enum err_code code)
{
    return row_of(code)->title;
}

const char *err_advice(enum err_code code)
{
    return row_of(code)->advice;
}
