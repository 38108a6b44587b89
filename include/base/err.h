/* Errors. A function that can fail returns enum rc and takes `struct err *` last; the first failure wins.
 * The rc is also the exit code of the command line. A stable code (E101 ...) names the row of errors.def
 * that holds the title and the advice people are shown. */
#ifndef CLINIC_BASE_ERR_H
#define CLINIC_BASE_ERR_H

#include <stddef.h>

enum rc {
    RC_OK = 0,
    RC_INPUT = 2,     /* bad input: nothing was changed */
    RC_SIGN_IN = 3,   /* not signed in, or wrong name or password */
    RC_NOT_FOUND = 4, /* no such thing, or not yours */
    RC_FAILED = 5,    /* the machine, the disk or the program failed */
    RC_BUSY = 6,      /* busy or offline: try again */
    RC_REFUSED = 7,   /* refused by policy */
};

enum err_code {
    ERR_NONE = 0,
#define ERR(number, name, rc, title, advice) ERR_##name = number,
#include "base/errors.def"
#undef ERR
};

struct err {
    enum rc rc;
    enum err_code code;
    const char *where; /* function that found it */
    char msg[240];     /* one line: the fact and the number; safe to show (no control characters) */
};

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Records the failure unless e already holds one; returns the rc of the row. An empty format keeps the row's title as
 * message. Bytes that could drive a terminal are replaced. e may be NULL. */
#define err_set(e, code, ...) err_set_at((e), (code), __func__, __VA_ARGS__)
enum rc err_set_at(struct err *e, enum err_code code, const char *where, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* As err_set, and appends ": <strerror(errnum)>". */
#define err_sys(e, code, errnum, ...) err_sys_at((e), (code), __func__, (errnum), __VA_ARGS__)
enum rc err_sys_at(struct err *e, enum err_code code, const char *where, int errnum, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
void err_clear(struct err *e);
/* For answers that crossed a process border: a number outside errors.def becomes ERR_INTERNAL. */
enum err_code err_code_from_number(int number);
enum rc err_rc_of(enum err_code code);
/* "Invalid file type": the short name of the row; and "Only PNG, ...": what to do. Never NULL. */
const char *err_title(enum err_code code);
const char *err_advice(enum err_code code);

#endif
