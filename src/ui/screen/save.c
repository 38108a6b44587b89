/* Saving results as a file: never over an existing one, readable by its owner only; a passphrase is shown once. */
#include "base/file.h"
#include "base/secret.h"
#include "ui/app.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAG_MAKE, TAG_WRITE };
enum { PASSPHRASE_CAP = 200 };

static const char *const formats_one[] = {"pdf", "txt", "csv", "json", NULL};
static const char *const formats_many[] = {"csv", "pdf", "json", NULL};

struct state {
    struct form form;
    json_t *args; /* owned: ids, or filter */
    int64_t id;   /* the only result, or 0 */
    int64_t count;
    bool waiting;
    char stem[60];
    char passphrase[PASSPHRASE_CAP]; /* "": none; shown until a key */
    char saved[PATH_MAX];
};

static const char *format_of(struct state *s)
{
    return form_text(&s->form, "format");
}

/* The end of the name follows the format as long as the name is ours. */
static void name_after_format(struct state *s)
{
    struct edit *name = &form_field(&s->form, "name")->edit;
    char *dot = strrchr(name->text, '.');
    char text[EDIT_CAP];
    if (!dot || strchr(dot, '/'))
        return;
    str_format(text, sizeof text, "%.*s.%s", (int)(dot - name->text), name->text, format_of(s));
    edit_set(name, text);
}

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    json_t *ids = json_object_get(args, "ids");
    char name[80];
    (void)a;
    s->args = json_incref(args);
    if (!json_is_object(args))
        return err_set(e, ERR_VALUE, "Nothing to save was named");
    s->count = json_is_array(ids) ? (int64_t)json_array_size(ids) : json_integer_value(json_object_get(args, "count"));
    s->id = json_array_size(ids) == 1 ? json_integer_value(json_array_get(ids, 0)) : 0;
    if (s->id)
        str_format(s->stem, sizeof s->stem, "result-%06lld", (long long)s->id);
    else
        str_copy(s->stem, sizeof s->stem, "results");
    form_add(&s->form, FIELD_TEXT, "name", "File name", "Enter saves; an existing file is never written over");
    form_add(&s->form, FIELD_CHOICE, "format", "Format", "Space or Left/Right changes")->choices =
        s->id ? formats_one : formats_many;
    if (s->id)
        form_add(&s->form, FIELD_CHECK, "encrypt", "Encrypt", "PDF only: a passphrase is made and shown once");
    form_add(&s->form, FIELD_BUTTON, "save", "Save", "Enter saves");
    str_format(name, sizeof name, "%s.%s", s->stem, format_of(s));
    edit_set(&form_field(&s->form, "name")->edit, name);
    return RC_OK;
}

/* "~/" is the home folder, anything else relative to the current one. */
static bool full_name(struct state *s, char *dst, size_t cap)
{
    const char *name = form_text(&s->form, "name"), *home = getenv("HOME");
    if (name[0] == '~' && name[1] == '/' && home)
        return str_format(dst, cap, "%s%s", home, name + 1);
    return str_copy(dst, cap, name);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* "result-000871.pdf" taken: "result-000871-2.pdf" is offered. */
static void offer_other_name(struct state *s, const char *taken)
{
    struct field *field = form_field(&s->form, "name");
    const char *text = field->edit.text, *dot = strrchr(text, '.');
    size_t stem = dot && !strchr(dot, '/') ? (size_t)(dot - text) : strlen(text);
    char name[EDIT_CAP], path[PATH_MAX], kept[EDIT_CAP], end[EDIT_CAP];
    str_copy(kept, sizeof kept, text);
    str_copy(end, sizeof end, kept + stem);
    for (int i = 2; i < 1000; i++) {
        str_format(name, sizeof name, "%.*s-%d%s", (int)stem, kept, i, end);
        edit_set(&field->edit, name);
        if (!full_name(s, path, sizeof path) || !exists(path))
            break;
    }
    s->form.focus = 0;
    str_format(field->wrong, sizeof field->wrong, "%.60s is there already; Enter takes this free name",
               path_base(taken));
}

/* ---- writing ---- */
struct writing {
    char path[PATH_MAX];
    int fd; /* what to write; owned */
    int64_t bytes;
};

static enum rc copy_all(int from, int to, int64_t *bytes, const volatile bool *cancel, struct err *e)
{
    char block[65536];
    *bytes = 0;
    for (;;) {
        ssize_t n = pread(from, block, sizeof block, (off_t)*bytes);
        if (n == 0)
            return RC_OK;
        if (n < 0)
            return err_sys(e, ERR_DISK, errno, "Cannot read the report");
        if (*cancel)
            return err_set(e, ERR_CANCELLED, NULL);
        if (fd_write_all(to, block, (size_t)n, e) != RC_OK)
            return e->rc;
        *bytes += n;
    }
}

static enum rc write_work(void *data, const volatile bool *cancel, struct err *e)
{
    struct writing *w = data;
    int to = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (to < 0)
        return err_sys(e, ERR_DISK, errno, "Cannot make the file %s", path_base(w->path));
    enum rc rc = copy_all(w->fd, to, &w->bytes, cancel, e);
    if (rc == RC_OK && fsync(to) != 0 && errno != EINVAL && errno != EROFS)
        rc = err_sys(e, ERR_DISK, errno, "Cannot write %s", path_base(w->path));
    if (close(to) != 0 && rc == RC_OK)
        rc = err_sys(e, ERR_DISK, errno, "Cannot write %s", path_base(w->path));
    if (rc != RC_OK)
        unlink(w->path); /* ours alone: O_EXCL made it */
    return rc;
}

static void write_done(struct app *a, void *state, void *data, enum rc rc, const struct err *e)
{
    struct state *s = state;
    struct writing *w = data;
    s->waiting = false;
    if (rc != RC_OK) {
        secret_wipe(s->passphrase, sizeof s->passphrase);
        if (exists(w->path))
            offer_other_name(s, w->path);
        app_fail(a, e);
        return;
    }
    str_copy(s->saved, sizeof s->saved, w->path);
    app_say(a, STYLE_TEXT, "Saved as %s (%lld bytes)", w->path, (long long)w->bytes);
    if (!s->passphrase[0])
        app_back(a);
}

static void writing_free(void *data)
{
    struct writing *w = data;
    if (w->fd >= 0)
        close(w->fd);
    mem_free(w);
}

static void write_file(struct app *a, struct state *s, int fd)
{
    struct err e = {0};
    struct writing *w = mem_zalloc(1, sizeof *w, &e);
    if (w)
        w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (!w || w->fd < 0) {
        mem_free(w);
        s->waiting = false;
        app_say(a, STYLE_ERROR, "The report cannot be kept open to be written");
        return;
    }
    full_name(s, w->path, sizeof w->path);
    struct app_work work = {.data = w, .work = write_work, .done = write_done, .free_data = writing_free};
    app_work(a, LANE_WORK, TAG_WRITE, &work);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)tag, (void)e;
    if (!result || fd < 0) {
        s->waiting = false;
        if (result)
            app_say(a, STYLE_ERROR, "The station's answer held no file");
        return;
    }
    const char *passphrase = json_string_value(json_object_get(result, "passphrase"));
    str_copy(s->passphrase, sizeof s->passphrase, passphrase ? passphrase : "");
    write_file(a, s, fd);
}

static void save(struct app *a, struct state *s)
{
    char path[PATH_MAX];
    json_t *args;
    if (s->waiting)
        return;
    if (!*form_text(&s->form, "name") || !full_name(s, path, sizeof path)) {
        s->form.focus = 0;
        app_say(a, STYLE_WARN, "Type a name for the file");
        return;
    }
    if (exists(path)) {
        offer_other_name(s, path);
        return;
    }
    s->waiting = true;
    app_say(a, STYLE_TEXT, "Making %s ...", path_base(path));
    if (s->id) {
        bool encrypt = form_field(&s->form, "encrypt")->on && str_eq(format_of(s), "pdf");
        args = json_pack("{s:I, s:s, s:b}", "id", (json_int_t)s->id, "as", format_of(s), "encrypt", (int)encrypt);
        app_ask(a, LANE_WORK, TAG_MAKE, "results.save", args, NULL);
    } else {
        json_t *ids = json_object_get(s->args, "ids"), *filter = json_object_get(s->args, "filter");
        args = ids ? json_pack("{s:O}", "ids", ids) : json_copy(filter);
        json_object_set_new(args, "as", json_string(format_of(s)));
        app_ask(a, LANE_WORK, TAG_MAKE, "results.export", args, NULL);
    }
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    if (s->passphrase[0] && s->saved[0]) {
        secret_wipe(s->passphrase, sizeof s->passphrase);
        app_back(a);
        return true;
    }
    if (key == 13) { /* every field has a default: Enter anywhere saves */
        save(a, s);
        return true;
    }
    char before[8];
    str_copy(before, sizeof before, format_of(s));
    enum form_event event = form_key(&s->form, key, app_paste(a), app_view(a)->now_ms);
    if (!str_eq(before, format_of(s)))
        name_after_format(s);
    if (event == FORM_BUTTON)
        save(a, s);
    return event != FORM_UNUSED && event != FORM_CANCEL ? true : event == FORM_UNUSED && key >= ' ' && key < KEYS_BASE;
}

static void draw_passphrase(const struct state *s, const struct pane *box)
{
    pane_text(box, 1, 1, STYLE_TEXT, "Passphrase of this file, shown once:");
    struct pane text = pane_sub(box, 3, 3, 2, box->cols - 5);
    pane_wrap(&text, 0, STYLE_TITLE, s->passphrase);
    pane_text(box, 6, 1, STYLE_TEXT, "Write it down and tell it by another way");
    pane_text(box, 7, 1, STYLE_TEXT, "than the file. Any key goes on.");
    pane_cursor(box, 3, 3, false);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int cols = body->cols < 72 ? body->cols : 72, rows = body->rows < 10 ? body->rows : 10;
    struct pane outer = pane_sub(body, (body->rows - rows) / 3, (body->cols - cols) / 2, rows, cols);
    char title[80];
    (void)v;
    if (s->id)
        str_format(title, sizeof title, "Save result %06lld", (long long)s->id);
    else
        str_format(title, sizeof title, "Export %lld results", (long long)s->count);
    struct pane box = pane_box(&outer, title, STYLE_TEXT);
    if (s->passphrase[0] && s->saved[0]) {
        draw_passphrase(s, &box);
        return;
    }
    int top = box.rows >= 8 ? 1 : 0;
    struct pane inner = pane_sub(&box, top, 1, box.rows - top, box.cols - 2);
    form_draw(&s->form, &inner, 10);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    secret_wipe(s->passphrase, sizeof s->passphrase);
    json_decref(s->args);
}

const struct screen_row screen_save = {
    .id = "save",
    .title = "Save",
    .roles = WHO_READERS,
    .state_bytes = sizeof(struct state),
    .keys_help = "Enter save   Tab field   Space change   Esc leave   F1 help",
    .help = "Saves as a file in the current folder, or where the name says (~/ is your home). Enter saves, Tab goes to "
            "the format. The file can be read by you only.",
    .open = open_screen,
    .answer = answer,
    .draw = draw,
    .key = key,
    .close = close_screen,
};
