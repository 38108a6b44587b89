#include "ui/plain.h"
#include "base/file.h"
#include "base/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- lines out ---- */
static void put(const char *text)
{
    struct err ignored = {0};
    if (fd_write_all(STDOUT_FILENO, text, strlen(text), &ignored) != RC_OK)
        return; /* nobody reads any more: the next line in ends the program */
}

void plain_say(struct plain *p, const char *fmt, ...)
{
    char text[4 * PLAIN_LINE], safe[4 * PLAIN_LINE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put(text_safe(safe, sizeof safe, text, p->ascii_only));
    put("\n");
}

void plain_fail(struct plain *p, const struct err *e)
{
    plain_say(p, "%s. %s. (E%d)", e->msg, err_advice(e->code), (int)e->code);
}

/* ---- lines in ---- */
static void sign_out(struct plain *p, const char *why)
{
    if (!p->token[0])
        return;
    json_t *result = plain_call(p, "session.sign_out", json_pack("{s:s}", "why", why), NULL, NULL);
    json_decref(result);
    secret_wipe(p->token, sizeof p->token);
    p->role = ROLE_NONE;
    p->patient = 0;
}

/* More of the input; false at its end. Nobody there for too long: signed out, as the screens would lock. */
static bool read_more(struct plain *p)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int wait_ms = p->token[0] ? (int)conf_int(p->conf, CONF_ID_idle_lock_s) * 1000 : -1, ready;
    do
        ready = poll(&in, 1, wait_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        plain_say(p, "No line for a long time: you are signed out.");
        sign_out(p, "idle");
        return false;
    }
    ssize_t n = read(STDIN_FILENO, p->input + p->input_n, sizeof p->input - p->input_n);
    if (n <= 0) {
        p->over = true;
        return false;
    }
    p->input_n += (size_t)n;
    return true;
}

static bool read_line(struct plain *p, char *dst, size_t cap)
{
    char *end;
    while (!(end = memchr(p->input, '\n', p->input_n))) {
        if (p->input_n == sizeof p->input)
            p->input_n = 0; /* longer than any answer: the beginning is dropped */
        if (!read_more(p))
            return false;
    }
    size_t len = (size_t)(end - p->input), used = len + 1;
    char line[sizeof p->input + 1];
    memcpy(line, p->input, len);
    line[len] = '\0';
    if (len && line[len - 1] == '\r')
        line[len - 1] = '\0';
    str_copy(dst, cap, line);
    secret_wipe(line, sizeof line);
    memmove(p->input, p->input + used, p->input_n - used);
    p->input_n -= used;
    return true;
}

bool plain_ask(struct plain *p, const char *question, bool secret, char *dst, size_t cap)
{
    struct termios before, quiet;
    char safe[PLAIN_LINE];
    bool hidden = secret && tcgetattr(STDIN_FILENO, &before) == 0;
    dst[0] = '\0';
    if (p->over)
        return false;
    put(text_safe(safe, sizeof safe, question, p->ascii_only));
    put(" ");
    if (hidden) {
        /* signals wait for the end of the line, so that the echo always comes back */
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        quiet.c_lflag |= ECHONL | ICANON;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool got = read_line(p, dst, cap);
    if (hidden)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (!got || !isatty(STDIN_FILENO)) /* nothing echoed the end of the line */
        put("\n");
    return got;
}

bool plain_yes(struct plain *p, const char *question)
{
    char text[PLAIN_LINE];
    return plain_ask(p, question, false, text, sizeof text) && (str_eq(text, "y") || str_eq(text, "Y"));
}

/* ---- requests ---- */
const char *plain_text(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

bool plain_may(const struct plain *p, const char *op)
{
    const struct op_row *row = station_op_find(op);
    return row && (row->who == WHO_ANYONE || ((unsigned)row->who & (unsigned)p->role));
}

json_t *plain_call(struct plain *p, const char *op, json_t *args, const char *path, int *out)
{
    struct station_answer answer = {.fd = -1};
    struct err e = {0};
    json_t *result = NULL;
    int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
    enum rc rc = path && fd < 0 ? err_sys(&e, ERR_FILE_OPEN, errno, "Cannot open %s", path_base(path)) : RC_OK;
    struct station_request q = {
        .op = op, .args = args, .token = p->token[0] ? p->token : NULL, .fd = fd, .tty = ttyname(STDIN_FILENO)};
    if (rc == RC_OK)
        rc = wire_call(p->wire, &q, &answer, &e);
    if (rc == RC_OK) {
        result = json_incref(answer.result);
        if (out) {
            *out = answer.fd;
            answer.fd = -1;
        }
    } else {
        plain_fail(p, &e);
        if (e.code == ERR_SESSION)
            secret_wipe(p->token, sizeof p->token);
    }
    if (fd >= 0)
        close(fd);
    json_decref(args);
    station_answer_fini(&answer);
    return result;
}

/* ---- signing in ---- */
static void accept_notice(struct plain *p, json_t *info)
{
    plain_say(p, "%s", plain_text(info, "disclaimer"));
    if (plain_yes(p, "Have you read and understood this? y/n:")) {
        json_t *done = plain_call(p, "disclaimer.accept",
                                  json_pack("{s:s}", "version", plain_text(info, "disclaimer_version")), NULL, NULL);
        json_decref(done);
    } else {
        sign_out(p, "notice not accepted");
    }
}

static void take_session(struct plain *p, json_t *answer)
{
    json_t *user = json_object_get(answer, "user");
    str_copy(p->token, sizeof p->token, plain_text(answer, "token"));
    str_copy(p->username, sizeof p->username, plain_text(user, "username"));
    if (!role_find(plain_text(user, "role"), &p->role))
        p->role = ROLE_NONE;
    plain_say(p, "Signed in as %s, %s.", p->username, plain_text(user, "role"));
}

static void sign_in(struct plain *p, json_t *info)
{
    char username[PLAIN_LINE], password[PLAIN_LINE];
    if (!plain_ask(p, "User name (empty leaves):", false, username, sizeof username) || !username[0]) {
        p->over = true;
        return;
    }
    if (!plain_ask(p, "Password:", true, password, sizeof password))
        return;
    json_t *args = json_pack("{s:s, s:s}", "username", username, "password", password);
    if (args && p->options->role)
        json_object_set_new(args, "role", json_string(p->options->role));
    secret_wipe(password, sizeof password);
    json_t *answer = plain_call(p, "session.sign_in", args, NULL, NULL);
    if (answer) {
        take_session(p, answer);
        if (json_is_true(json_object_get(answer, "disclaimer_needed")))
            accept_notice(p, info);
    }
    json_decref(answer);
}

/* ---- the menu ---- */
static const struct {
    const char *title, *op; /* shown to roles that may call op */
    void (*act)(struct plain *p);
} menu[] = {
    {"Analyse a picture", "images.add", plain_analyse},
    {"Results", "results.list", plain_results},
    {"A result by its number", "results.show", plain_result_by_number},
    {"Patients", "patients.list", plain_patients},
    {"Outbox", "mail.list", plain_outbox},
    {"Figures", "stats.home", plain_figures},
};

static void choose(struct plain *p)
{
    char text[PLAIN_LINE];
    int64_t wanted = -1, number = 0;
    if (p->patient)
        plain_say(p, "Patient: %s #%06lld", p->patient_name, (long long)p->patient);
    for (size_t i = 0; i < ARRAY_N(menu); i++)
        if (plain_may(p, menu[i].op))
            plain_say(p, "%lld  %s", (long long)++number, menu[i].title);
    plain_say(p, "0  Sign out");
    if (!plain_ask(p, "Number:", false, text, sizeof text))
        return;
    if (!str_to_i64(text, 0, number, &wanted)) {
        plain_say(p, "Type a number from 0 to %lld.", (long long)number);
        return;
    }
    if (wanted == 0) {
        sign_out(p, "sign-out");
        plain_say(p, "Signed out.");
        return;
    }
    number = 0;
    for (size_t i = 0; i < ARRAY_N(menu); i++)
        if (plain_may(p, menu[i].op) && ++number == wanted)
            menu[i].act(p);
}

enum rc plain_run(struct wire *w, const struct conf *c, const struct ui_options *o, struct err *e)
{
    struct plain *p = mem_zalloc(1, sizeof *p, e);
    if (!p)
        return RC_FAILED;
    p->wire = w;
    p->conf = c;
    p->options = o;
    p->ascii_only = MB_CUR_MAX == 1;
    json_t *info = plain_call(p, "station.info", NULL, NULL, NULL);
    if (info)
        plain_say(p, "clinic - %s", plain_text(info, "site_name"));
    while (info && !p->over) {
        if (p->token[0])
            choose(p);
        else
            sign_in(p, info);
    }
    sign_out(p, "end of input");
    json_decref(info);
    enum rc rc = info ? RC_OK : err_set(e, ERR_STORE_MISSING, NULL);
    secret_wipe(p, sizeof *p);
    mem_free(p);
    return rc;
}
