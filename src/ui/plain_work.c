/* What can be done at the numbered prompts. */
#include "base/file.h"
#include "ui/plain.h"
#include "ui/screen/result_row.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t number_of(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void each_line(struct plain *p, int fd)
{
    char block[8192];
    struct buf text = {0};
    ssize_t n;
    off_t at = 0;
    while ((n = pread(fd, block, sizeof block, at)) > 0) {
        buf_add(&text, block, (size_t)n);
        at += n;
    }
    buf_putc(&text, '\0');
    for (char *line = text.data; line && *line;) {
        char *end = strchrnul(line, '\n');
        bool last = !*end;
        *end = '\0';
        plain_say(p, "%s", line);
        line = last ? end : end + 1;
    }
    buf_free(&text);
}

/* ---- one result ---- */
static enum rc write_new(const char *path, int from, int64_t *bytes, struct err *e)
{
    char block[65536];
    ssize_t n;
    *bytes = 0;
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return err_sys(e, ERR_FILE_OPEN, errno, "Cannot make %s", path_base(path));
    enum rc rc = RC_OK;
    while (rc == RC_OK && (n = pread(from, block, sizeof block, (off_t)*bytes)) > 0) {
        rc = fd_write_all(to, block, (size_t)n, e);
        *bytes += n;
    }
    if (rc == RC_OK && fsync(to))
        rc = err_sys(e, ERR_DISK, errno, "Cannot write %s", path_base(path));
    if (close(to) && rc == RC_OK)
        rc = err_sys(e, ERR_DISK, errno, "Cannot write %s", path_base(path));
    if (rc != RC_OK)
        unlink(path);
    return rc;
}

/* "~/" is the home folder, as a shell would have it. */
static bool ask_file(struct plain *p, const char *question, char *dst, size_t cap)
{
    char typed[PLAIN_LINE];
    const char *home = getenv("HOME");
    if (!plain_ask(p, question, false, typed, sizeof typed) || !typed[0])
        return false;
    return str_starts(typed, "~/") && home ? str_format(dst, cap, "%s%s", home, typed + 1) : str_copy(dst, cap, typed);
}

static void save(struct plain *p, int64_t id)
{
    char path[PLAIN_LINE], *dot;
    int fd = -1;
    int64_t bytes;
    struct err e = {0};
    if (!ask_file(p, "File name, ending in .pdf, .txt, .csv or .json:", path, sizeof path))
        return;
    dot = strrchr(path, '.');
    json_t *made = plain_call(p, "results.save",
                              json_pack("{s:I, s:s}", "id", (json_int_t)id, "as", dot ? dot + 1 : ""), NULL, &fd);
    if (made && fd >= 0) {
        if (write_new(path, fd, &bytes, &e) == RC_OK)
            plain_say(p, "Saved: %s, %lld bytes.", path, (long long)bytes);
        else
            plain_fail(p, &e);
    }
    if (fd >= 0)
        close(fd);
    json_decref(made);
}

static void send(struct plain *p, int64_t id)
{
    char to[PLAIN_LINE], note[PLAIN_LINE];
    if (!plain_ask(p, "To (one address):", false, to, sizeof to) || !to[0] ||
        !plain_ask(p, "Note (may stay empty):", false, note, sizeof note))
        return;
    json_t *args = json_pack("{s:I, s:s, s:b, s:b}", "result", (json_int_t)id, "to", to, "text", 1, "pdf", 1);
    if (args && note[0])
        json_object_set_new(args, "note", json_string(note));
    json_t *queued = plain_call(p, "mail.send", args, NULL, NULL);
    if (queued)
        plain_say(p, "Queued as e-mail %lld; the outbox says when it is sent.",
                  (long long)number_of(json_object_get(queued, "mail"), "id"));
    json_decref(queued);
}

static void release(struct plain *p, int64_t id)
{
    if (!plain_yes(p, "Release this result to its patient? y/n:"))
        return;
    json_t *done =
        plain_call(p, "results.release", json_pack("{s:I, s:b}", "id", (json_int_t)id, "released", 1), NULL, NULL);
    if (done)
        plain_say(p, "Released.");
    json_decref(done);
}

static void review(struct plain *p, int64_t id)
{
    char note[PLAIN_LINE];
    bool agree = plain_yes(p, "Do you agree with the network? y/n:");
    if (!plain_ask(p, "Your note (may stay empty):", false, note, sizeof note))
        return;
    json_t *done =
        plain_call(p, "results.review",
                   json_pack("{s:I, s:b, s:s}", "id", (json_int_t)id, "agree", (int)agree, "note", note), NULL, NULL);
    if (done)
        plain_say(p, "Review recorded: %s.", agree ? "agree" : "disagree");
    json_decref(done);
}

static const struct {
    const char *title, *op;
    void (*act)(struct plain *p, int64_t id);
} choices[] = {
    {"Save as a file", "results.save", save},
    {"Send by e-mail", "mail.send", send},
    {"Agree or disagree", "results.review", review},
    {"Release to the patient", "results.release", release},
};

static void show_result(struct plain *p, int64_t id)
{
    int fd = -1;
    char text[PLAIN_LINE];
    json_t *made = plain_call(p, "results.save", json_pack("{s:I, s:s}", "id", (json_int_t)id, "as", "txt"), NULL, &fd);
    bool shown = made && fd >= 0;
    if (shown)
        each_line(p, fd);
    if (fd >= 0)
        close(fd);
    json_decref(made);
    while (shown && p->token[0]) {
        int64_t number = 0, wanted = 0;
        for (size_t i = 0; i < ARRAY_N(choices); i++)
            if (plain_may(p, choices[i].op))
                plain_say(p, "%lld  %s", (long long)++number, choices[i].title);
        if (!plain_ask(p, "Number (empty goes back):", false, text, sizeof text) ||
            !str_to_i64(text, 1, number, &wanted))
            return;
        number = 0;
        for (size_t i = 0; i < ARRAY_N(choices); i++)
            if (plain_may(p, choices[i].op) && ++number == wanted)
                choices[i].act(p, id);
    }
}

void plain_result_by_number(struct plain *p)
{
    char text[PLAIN_LINE];
    int64_t id;
    if (!plain_ask(p, "Number of the result:", false, text, sizeof text) || !text[0])
        return;
    if (str_to_i64(text + (text[0] == '#'), 1, INT64_MAX, &id))
        show_result(p, id);
    else
        plain_say(p, "That is not a number of a result.");
}

/* ---- lists ---- */
struct listing {
    const char *op;
    json_t *args; /* owned by the caller */
    void (*line)(struct plain *p, int64_t number, json_t *row);
};

/* Pages of ten; the row that was chosen is the caller's to free, NULL: none. */
static json_t *pick(struct plain *p, const struct listing *l)
{
    char text[PLAIN_LINE];
    for (int64_t page = 1; p->token[0]; page++) {
        json_t *args = json_copy(l->args), *row, *chosen = NULL;
        int64_t wanted;
        size_t i;
        json_object_set_new(args, "page", json_integer(page));
        json_object_set_new(args, "page_size", json_integer(PLAIN_ROWS));
        json_t *answer = plain_call(p, l->op, args, NULL, NULL), *rows = json_object_get(answer, "results");
        int64_t shown = (page - 1) * PLAIN_ROWS + (int64_t)json_array_size(rows), count = number_of(answer, "count");
        json_array_foreach(rows, i, row) l->line(p, (int64_t)i + 1, row);
        bool more = shown < count;
        if (answer)
            plain_say(p, "%lld of %lld.", (long long)shown, (long long)count);
        bool got = json_array_size(rows) &&
                   plain_ask(p, more ? "Number, n for more (empty goes back):" : "Number (empty goes back):", false,
                             text, sizeof text);
        if (got && str_to_i64(text, 1, (int64_t)json_array_size(rows), &wanted))
            chosen = json_incref(json_array_get(rows, (size_t)wanted - 1));
        json_decref(answer);
        if (chosen || !got || !more || !str_eq(text, "n"))
            return chosen;
    }
    return NULL;
}

static void result_line(struct plain *p, int64_t number, json_t *row)
{
    char when[32], class_name[160];
    result_when(row, when, sizeof when);
    result_class_text(row, class_name, sizeof class_name);
    plain_say(p, "%lld  #%06lld  %s  %s  %s  %.1f %%%s%s%s", (long long)number, (long long)number_of(row, "id"), when,
              plain_text(json_object_get(row, "patient"), "name"), class_name,
              json_number_value(json_object_get(row, "confidence")),
              json_is_true(json_object_get(row, "reviewed")) ? "  reviewed" : "",
              json_is_true(json_object_get(row, "released")) ? "  released" : "",
              json_is_true(json_object_get(row, "voided")) ? "  VOID" : "");
}

void plain_results(struct plain *p)
{
    char search[PLAIN_LINE];
    if (!plain_ask(p, "Search name or number (empty: all):", false, search, sizeof search))
        return;
    json_t *args = json_pack("{s:s}", "ordering", "-created_at");
    if (args && search[0])
        json_object_set_new(args, "search", json_string(search));
    struct listing l = {"results.list", args, result_line};
    json_t *row = pick(p, &l);
    if (row)
        show_result(p, number_of(row, "id"));
    json_decref(row);
    json_decref(args);
}

static void patient_line(struct plain *p, int64_t number, json_t *row)
{
    json_t *age = json_object_get(row, "age");
    char years[24] = "";
    if (json_is_integer(age))
        str_format(years, sizeof years, " %lld y", (long long)json_integer_value(age));
    plain_say(p, "%lld  #%06lld  %s  %s%s  %s  consent %s  results %lld", (long long)number,
              (long long)number_of(row, "id"), plain_text(row, "name"), plain_text(row, "sex"), years,
              plain_text(row, "phone"), json_is_true(json_object_get(row, "consent")) ? "yes" : "NO",
              (long long)number_of(row, "results"));
}

void plain_patients(struct plain *p)
{
    char search[PLAIN_LINE];
    if (!plain_ask(p,
                   p->patient ? "Search name, number, phone or birth year (empty: all, - unbinds):"
                              : "Search name, number, phone or birth year (empty: all):",
                   false, search, sizeof search))
        return;
    if (p->patient && str_eq(search, "-")) {
        p->patient = 0;
        plain_say(p, "No patient is bound now.");
        return;
    }
    json_t *args = json_pack("{s:s}", "ordering", "name");
    if (args && search[0])
        json_object_set_new(args, "search", json_string(search));
    struct listing l = {"patients.list", args, patient_line};
    json_t *row = pick(p, &l);
    json_decref(args);
    if (!row)
        return;
    p->patient = number_of(row, "id");
    str_copy(p->patient_name, sizeof p->patient_name, plain_text(row, "name"));
    json_decref(row);
    struct listing chart = {"results.list", json_pack("{s:I}", "patient", (json_int_t)p->patient), result_line};
    plain_say(p, "%s is bound: pictures analysed now belong to this patient.", p->patient_name);
    row = pick(p, &chart);
    if (row)
        show_result(p, number_of(row, "id"));
    json_decref(row);
    json_decref(chart.args);
}

static void mail_line(struct plain *p, int64_t number, json_t *row)
{
    plain_say(p, "%lld  e-mail %lld  %s  %s  %s  %s", (long long)number, (long long)number_of(row, "id"),
              plain_text(row, "to"), plain_text(row, "state"), plain_text(row, "subject"), plain_text(row, "error"));
}

void plain_outbox(struct plain *p)
{
    struct listing l = {"mail.list", json_object(), mail_line};
    json_t *row = pick(p, &l), *done = NULL;
    const char *state = plain_text(row, "state");
    json_int_t id = (json_int_t)number_of(row, "id");
    if ((str_eq(state, "dead") || str_eq(state, "unknown")) && plain_may(p, "mail.retry")) {
        if (plain_yes(p, "Queue it again? y/n:"))
            done = plain_call(p, "mail.retry", json_pack("{s:I}", "id", id), NULL, NULL);
    } else if ((str_eq(state, "queued") || str_eq(state, "retry")) && plain_may(p, "mail.drop")) {
        if (plain_yes(p, "Take it back? y/n:"))
            done = plain_call(p, "mail.drop", json_pack("{s:I}", "id", id), NULL, NULL);
    }
    if (done)
        plain_say(p, "Done.");
    json_decref(done);
    json_decref(row);
    json_decref(l.args);
}

/* ---- the main job ---- */
static bool about_patient(struct plain *p, json_t *args)
{
    char name[PLAIN_LINE];
    if (p->patient) {
        json_object_set_new(args, "patient", json_integer((json_int_t)p->patient));
        return true;
    }
    if (!plain_may(p, "patients.list"))
        return true;
    if (!plain_ask(p, "Name of a walk-in (may stay empty):", false, name, sizeof name))
        return false;
    if (name[0])
        json_object_set_new(args, "patient_name", json_string(name));
    return true;
}

void plain_analyse(struct plain *p)
{
    char path[PLAIN_LINE], model[PLAIN_LINE];
    if (!ask_file(p, "File of the picture:", path, sizeof path) ||
        !plain_ask(p, "Network (empty: the usual one):", false, model, sizeof model))
        return;
    json_t *args = json_pack("{s:s}", "name", path_base(path));
    if (args && model[0])
        json_object_set_new(args, "model", json_string(model));
    if (!args || !about_patient(p, args)) {
        json_decref(args);
        return;
    }
    plain_say(p, "Analysing ...");
    json_t *answer = plain_call(p, "images.add", args, path, NULL);
    int64_t id = number_of(json_object_get(answer, "result"), "id");
    json_decref(answer);
    if (id)
        show_result(p, id);
}

void plain_figures(struct plain *p)
{
    static const struct {
        const char *field, *label;
    } figures[] = {{"total", "Results"},        {"normal", "Normal"}, {"positive", "Positive"},     {"today", "Today"},
                   {"unreviewed", "To review"}, {"users", "People"},  {"sessions", "Signed in now"}};
    json_t *stats = plain_call(p, "stats.home", NULL, NULL, NULL);
    for (size_t i = 0; i < ARRAY_N(figures); i++)
        if (json_is_integer(json_object_get(stats, figures[i].field)))
            plain_say(p, "%s: %lld", figures[i].label, (long long)number_of(stats, figures[i].field));
    json_decref(stats);
}
