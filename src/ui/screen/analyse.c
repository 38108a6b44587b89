/* Analyse: pick, see, analyse, read: the main job on one screen. */
#include "base/file.h"
#include "ui/picker.h"
#include "ui/preview.h"
#include "ui/screen/result_card.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { TAG_PREVIEW, TAG_MODELS, TAG_ADD, TAG_BIND };
enum { PREVIEW_DELAY_MS = 150, NARROW_COLS = 70 };
enum part { PART_PICKER, PART_PICTURE, PART_RESULT, PART_N };

/* Several pictures, one after the other; what is done stays done. */
struct batch {
    char (*path)[PATH_MAX]; /* owned */
    int n, at, failed;
    int64_t begin_ns;
    json_t *about; /* owned; whose pictures these are, as it was when the batch began */
    char first_failure[300];
};

struct state {
    struct picker picker;
    struct preview preview;
    enum part part;
    char previewed[PATH_MAX]; /* what the preview shows or will show */
    json_t *models;           /* owned; results of models.list */
    char model[128];          /* "" : the default */
    json_t *result;           /* owned; answer of images.add */
    char analysed[256];       /* name of the picture the result is about */
    char walk_in[200], notes[400];
    int64_t walk_in_age; /* < 0: unknown */
    struct batch batch;
    bool running;
};

static void batch_fini(struct batch *b)
{
    mem_free(b->path);
    json_decref(b->about);
    *b = (struct batch){0};
}

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    const char *path = json_string_value(json_object_get(args, "path"));
    s->walk_in_age = -1;
    preview_init(&s->preview, s, TAG_PREVIEW, app_conf(a));
    return picker_read(&s->picker, path ? path : ".", NULL, e);
}

static void refresh(struct app *a, void *state)
{
    (void)state;
    app_ask(a, LANE_QUERY, TAG_MODELS, "models.list", NULL, NULL);
    app_timer(a, 0);
}

/* The preview follows the cursor once it rests. */
static void timer(struct app *a, void *state)
{
    struct state *s = state;
    char path[PATH_MAX];
    const struct picker_entry *entry = picker_current(&s->picker);
    if (!entry || entry->folder || !entry->openable || !picker_path(&s->picker, entry, path, sizeof path))
        path[0] = 0;
    if (str_eq(path, s->previewed))
        return;
    str_copy(s->previewed, sizeof s->previewed, path);
    preview_path(a, &s->preview, path[0] ? path : NULL);
}

/* ---- analysing ---- */
static void show_batch_end(struct app *a, struct state *s)
{
    struct batch *b = &s->batch;
    app_progress(a, 0, 0, 0);
    if (b->failed)
        app_say(a, STYLE_WARN, "%d of %d analysed and saved; %d failed, first: %s", b->at - b->failed, b->n, b->failed,
                b->first_failure);
    else
        app_say(a, STYLE_TEXT, "%d pictures analysed and saved", b->at);
    batch_fini(b);
}

/* The patient bound now, or the walk-in's few words, and the network: owned by the caller. */
static json_t *about_now(struct app *a, const struct state *s)
{
    json_t *args = json_object();
    if (s->model[0])
        json_object_set_new(args, "model", json_string(s->model));
    if (app_bound_patient(a))
        json_object_set_new(args, "patient", json_integer(app_bound_patient(a)));
    else if (s->walk_in[0])
        json_object_set_new(args, "patient_name", json_string(s->walk_in));
    if (!app_bound_patient(a) && s->walk_in_age >= 0)
        json_object_set_new(args, "patient_age", json_integer(s->walk_in_age));
    if (s->notes[0])
        json_object_set_new(args, "notes", json_string(s->notes));
    return args;
}

static void ask_analysis(struct app *a, struct state *s, const char *path, json_t *about)
{
    json_t *args = json_pack("{s:s}", "name", path_base(path));
    json_object_update(args, about);
    str_copy(s->analysed, sizeof s->analysed, path_base(path));
    s->running = true;
    app_ask(a, LANE_WORK, TAG_ADD, "images.add", args, path);
}

static void next_of_batch(struct app *a, struct state *s)
{
    struct batch *b = &s->batch;
    if (b->at < b->n) {
        app_progress(a, b->at, b->n, b->begin_ns);
        ask_analysis(a, s, b->path[b->at], b->about);
    } else {
        show_batch_end(a, s);
    }
}

static void analyse_marked(struct app *a, struct state *s)
{
    struct err e = {0};
    struct batch *b = &s->batch;
    batch_fini(b);
    b->path = mem_zalloc((size_t)s->picker.marked_n, sizeof *b->path, &e);
    if (!b->path) {
        app_fail(a, &e);
        return;
    }
    for (int i = 0; i < s->picker.n && b->n < s->picker.marked_n; i++)
        if (s->picker.entry[i].marked && picker_path(&s->picker, &s->picker.entry[i], b->path[b->n], PATH_MAX))
            b->n++;
    b->begin_ns = clock_mono_ns();
    b->about = about_now(a, s);
    next_of_batch(a, s);
}

static void analyse(struct app *a, struct state *s)
{
    char path[PATH_MAX];
    struct picker_entry *entry = picker_current(&s->picker);
    if (s->running) {
        app_say(a, STYLE_WARN, "An analysis is running: Ctrl-C stops it");
    } else if (s->picker.marked_n) {
        analyse_marked(a, s);
    } else if (!entry || entry->folder) {
        app_say(a, STYLE_WARN, "Put the cursor on a picture, or mark pictures with Space");
    } else if (picker_path(&s->picker, entry, path, sizeof path)) {
        timer(a, s);
        json_t *about = about_now(a, s);
        ask_analysis(a, s, path, about);
        json_decref(about);
    }
}

/* 0: none yet, or none that a patient may see yet. */
static int64_t result_id(const struct state *s)
{
    return json_integer_value(json_object_get(json_object_get(s->result, "result"), "id"));
}

static void unmark_done(struct state *s)
{
    const struct batch *b = &s->batch;
    for (int i = 0; i < s->picker.n; i++)
        if (b->at > 0 && str_eq(s->picker.entry[i].name, path_base(b->path[b->at - 1])))
            picker_mark(&s->picker, &s->picker.entry[i], false);
}

static void analysed(struct app *a, struct state *s, json_t *result, const struct err *e)
{
    struct batch *b = &s->batch;
    bool in_batch = b->n > 0;
    s->running = false;
    if (result) {
        json_decref(s->result);
        s->result = json_incref(result);
        if (!in_batch && app_view(a)->cols < NARROW_COLS)
            s->part = PART_RESULT;
        if (!in_batch && result_id(s))
            app_say(a, STYLE_TEXT, "Saved as #%06lld.", (long long)result_id(s));
        else if (!in_batch)
            app_say(a, STYLE_TEXT, "Saved. Waits for a doctor: shown once it is released.");
    }
    if (!in_batch)
        return;
    if (!result && e->code == ERR_CANCELLED) {
        app_say(a, STYLE_WARN, "Stopped: %d of %d analysed and saved, the rest stays marked", b->at - b->failed, b->n);
        batch_fini(b);
        app_progress(a, 0, 0, 0);
        return;
    }
    if (!result && b->failed++ == 0)
        str_format(b->first_failure, sizeof b->first_failure, "%s: %s", path_base(b->path[b->at]), e->msg);
    b->at++;
    unmark_done(s);
    next_of_batch(a, s);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd;
    if (tag == TAG_ADD) {
        analysed(a, s, result, e);
    } else if (tag == TAG_MODELS && result) {
        json_decref(s->models);
        s->models = json_incref(json_object_get(result, "results"));
    }
}

/* ---- choices ---- */
static void chosen_model(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (!text)
        return;
    str_copy(s->model, sizeof s->model, text);
    *strchrnul(s->model, ' ') = 0;
    app_say(a, STYLE_TEXT, "Network: %s", s->model);
}

static void choose_model(struct app *a, struct state *s)
{
    char text[32][100];
    const char *lines[32];
    int n = 0, current = 0;
    size_t i;
    json_t *m;
    json_array_foreach(s->models, i, m)
    {
        const char *id = json_string_value(json_object_get(m, "id")),
                   *made_for = json_string_value(json_object_get(m, "modality"));
        const char *version = json_string_value(json_object_get(m, "version"));
        if (n == (int)ARRAY_N(text) || !id)
            break;
        str_format(text[n], sizeof text[n], "%s %s  for: %s", id, version ? version : "",
                   made_for && made_for[0] ? made_for : "not said");
        if (s->model[0] ? str_eq(s->model, id) : json_is_true(json_object_get(m, "default")))
            current = n;
        lines[n] = text[n];
        n++;
    }
    if (n)
        app_choose(a, "Network", lines, n, current, chosen_model);
    else
        app_say(a, STYLE_WARN, "No networks are installed: see 'clinic model list'");
}

static void filter_typed(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    picker_filter(&s->picker, text ? text : "");
    app_timer(a, PREVIEW_DELAY_MS);
}

static void walk_in_notes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    str_copy(s->notes, sizeof s->notes, text);
    app_say(a, STYLE_TEXT, "Walk-in: %s", s->walk_in[0] ? s->walk_in : "none");
}

static void walk_in_age(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (*text && !str_to_i64(text, 0, 130, &s->walk_in_age)) {
        app_say(a, STYLE_WARN, "Age is a number of years from 0 to 130");
        app_prompt(a, "Age of the walk-in, years (may stay empty):", text, false, walk_in_age);
        return;
    }
    if (!*text)
        s->walk_in_age = -1;
    app_prompt(a, "Notes (may stay empty):", s->notes, false, walk_in_notes);
}

static void walk_in_name(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    char age[24] = "";
    str_copy(s->walk_in, sizeof s->walk_in, text);
    if (s->walk_in_age >= 0)
        str_format(age, sizeof age, "%lld", (long long)s->walk_in_age);
    app_prompt(a, "Age of the walk-in, years (may stay empty):", age, false, walk_in_age);
}

/* ---- moving in the picker ---- */
static void open_entry(struct app *a, struct state *s)
{
    char path[PATH_MAX], from[256] = "";
    struct err e = {0};
    struct picker_entry *entry = picker_current(&s->picker);
    if (!entry || !picker_path(&s->picker, entry, path, sizeof path))
        return;
    if (!entry->folder) {
        if (entry->openable)
            analyse(a, s);
        else
            app_say(a, STYLE_WARN, "Not a picture: PNG, JPG and JPEG can be opened");
        return;
    }
    if (str_eq(entry->name, ".."))
        str_copy(from, sizeof from, path_base(s->picker.folder));
    if (picker_read(&s->picker, path, from[0] ? from : NULL, &e) != RC_OK)
        app_fail(a, &e);
}

static void pasted_path(struct app *a, struct state *s, const char *text)
{
    char path[PATH_MAX];
    struct stat st;
    struct err e = {0};
    while (*text == ' ' || *text == '\'' || *text == '"')
        text++;
    str_copy(path, sizeof path, text);
    for (size_t n = strlen(path); n && strchr(" \r\n'\"", path[n - 1]); n--)
        path[n - 1] = 0;
    if (lstat(path, &st) != 0) {
        app_say(a, STYLE_WARN, "There is no file of that name");
        return;
    }
    char folder[PATH_MAX], name[NAME_MAX + 1];
    str_copy(name, sizeof name, path_base(path));
    str_copy(folder, sizeof folder, path);
    if (!S_ISDIR(st.st_mode)) {
        size_t keep = strlen(path) - strlen(name);
        str_copy(folder, keep ? keep + 1 : sizeof folder, keep ? path : ".");
    }
    if (picker_read(&s->picker, folder, S_ISDIR(st.st_mode) ? NULL : name, &e) != RC_OK)
        app_fail(a, &e);
    app_timer(a, 0);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    if (key != K_PASTE)
        return false;
    pasted_path(a, state, app_paste(a));
    return true;
}

static bool picker_act(struct app *a, struct state *s, enum action act)
{
    struct picker *p = &s->picker;
    struct picker_entry *entry = picker_current(p);
    switch (act) {
    case ACT_UP:
        picker_move(p, -1);
        break;
    case ACT_DOWN:
        picker_move(p, 1);
        break;
    case ACT_TOP:
        picker_go(p, 0);
        break;
    case ACT_BOTTOM:
        picker_go(p, p->shown_n - 1);
        break;
    case ACT_PAGE_UP:
        picker_move(p, -p->rows);
        break;
    case ACT_PAGE_DOWN:
        picker_move(p, p->rows);
        break;
    case ACT_OPEN:
        open_entry(a, s);
        break;
    case ACT_MARK:
        if (entry)
            picker_mark(p, entry, !entry->marked);
        picker_move(p, 1);
        break;
    case ACT_MARK_INVERT:
    case ACT_MARK_NONE:
        for (int i = 0; i < p->shown_n; i++) {
            struct picker_entry *each = &p->entry[p->shown[i]];
            picker_mark(p, each, act == ACT_MARK_INVERT && !each->marked);
        }
        break;
    default:
        return false;
    }
    app_timer(a, PREVIEW_DELAY_MS);
    return true;
}

static void read_again(struct app *a, struct state *s)
{
    struct err e = {0};
    const struct picker_entry *entry = picker_current(&s->picker);
    char at[256] = "";
    if (entry)
        str_copy(at, sizeof at, entry->name);
    if (picker_read(&s->picker, NULL, at, &e) != RC_OK)
        app_fail(a, &e);
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
    case ACT_OPEN:
    case ACT_MARK:
    case ACT_MARK_INVERT:
    case ACT_MARK_NONE:
    case ACT_ANALYSE:
    case ACT_MODEL:
    case ACT_SEARCH:
    case ACT_HIDDEN:
        return true;
    case ACT_PANE:
    case ACT_PANE_BACK:
        return app_view(a)->cols < NARROW_COLS;
    case ACT_PATIENT:
    case ACT_WALK_IN:
        return app_role(a) == ROLE_DOCTOR;
    case ACT_SAVE:
    case ACT_EMAIL:
    case ACT_REVIEW:
        return result_id(s) && (act != ACT_REVIEW || app_role(a) == ROLE_DOCTOR);
    default:
        return preview_can(&s->preview, act);
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    if (picker_act(a, s, act) || preview_act(a, &s->preview, act))
        return;
    switch (act) {
    case ACT_PANE:
        s->part = (s->part + 1) % PART_N;
        break;
    case ACT_PANE_BACK:
        s->part = (s->part + PART_N - 1) % PART_N;
        break;
    case ACT_ANALYSE:
        analyse(a, s);
        break;
    case ACT_MODEL:
        choose_model(a, s);
        break;
    case ACT_SEARCH:
        app_prompt_live(a, "Show only names with:", s->picker.filter, filter_typed, filter_typed);
        break;
    case ACT_HIDDEN:
        s->picker.hidden = !s->picker.hidden;
        read_again(a, s);
        break;
    case ACT_PATIENT:
        app_go(a, "patients", json_pack("{s:b}", "choose", 1));
        break;
    case ACT_WALK_IN:
        app_prompt(a, "Name of the walk-in (may stay empty):", s->walk_in, false, walk_in_name);
        break;
    case ACT_SAVE:
        app_go(a, "save", json_pack("{s:[I]}", "ids", (json_int_t)result_id(s)));
        break;
    case ACT_EMAIL:
        app_go(a, "compose", json_pack("{s:[I]}", "ids", (json_int_t)result_id(s)));
        break;
    case ACT_REVIEW:
        app_go(a, "result", json_pack("{s:I}", "id", (json_int_t)result_id(s)));
        break;
    default:
        break;
    }
}

/* ---- drawing ---- */
struct places {
    struct pane part[PART_N];
    bool one_at_a_time;
};

static struct places place(const struct state *s, const struct pane *body)
{
    struct places p = {.one_at_a_time = body->cols < NARROW_COLS};
    int rows = body->rows - 1, cols = body->cols;
    if (p.one_at_a_time) {
        for (int i = 0; i < PART_N; i++)
            p.part[i] = i == (int)s->part ? pane_sub(body, 0, 0, rows, cols) : pane_sub(body, 0, 0, 0, 0);
        return p;
    }
    int result = cols >= 160 ? 44 : cols >= 100 ? 34 : 24, left = cols >= 100 ? 34 : 27;
    p.part[PART_PICKER] = pane_sub(body, 0, 0, rows, left);
    p.part[PART_PICTURE] = pane_sub(body, 0, left, rows, cols - left - result);
    p.part[PART_RESULT] = pane_sub(body, 0, cols - result, rows, result);
    return p;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    struct grid shape = {.rows = rows, .cols = cols};
    struct pane body = pane_all(&shape);
    struct places p = place(s, &body);
    picker_fit(&s->picker, p.part[PART_PICKER].rows - 2 > 0 ? p.part[PART_PICKER].rows - 2 : s->picker.rows);
    if (p.part[PART_PICTURE].rows > 4)
        preview_fit(a, &s->preview, p.part[PART_PICTURE].rows - 3, p.part[PART_PICTURE].cols - 2);
}

static void draw_picture(const struct state *s, const struct pane *outer)
{
    char title[300], status[120];
    preview_title(&s->preview, title, sizeof title);
    struct pane box = pane_box(outer, title, STYLE_TEXT);
    struct pane picture = pane_sub(&box, 0, 0, box.rows - 1, box.cols);
    preview_draw(&s->preview, &picture);
    preview_status(&s->preview, status, sizeof status);
    if (s->preview.used_rows)
        pane_text(&box, box.rows - 1, 1, STYLE_DIM, status);
    pane_cursor(&box, 0, 0, false); /* where one pane is shown at a time; else the picker takes it */
}

/* The network to be used, and the kind of picture it was made for: another kind gets a confident wrong answer. */
static void draw_model_line(const struct state *s, const struct pane *body)
{
    bool narrow = body->cols < NARROW_COLS;
    const char *made_for = NULL, *model = s->model[0] ? s->model : NULL;
    char line[600];
    size_t i;
    json_t *m;
    json_array_foreach(s->models, i, m)
    {
        const char *id = json_string_value(json_object_get(m, "id"));
        if (model ? str_eq(model, id) : json_is_true(json_object_get(m, "default"))) {
            model = id;
            made_for = json_string_value(json_object_get(m, "modality"));
        }
    }
    str_format(line, sizeof line, "Model: %s%s%s%s%s", model ? model : "the default network",
               made_for && made_for[0] ? narrow ? ": " : "   for: " : "", made_for ? made_for : "",
               s->walk_in[0] ? "   Walk-in: "
               : narrow      ? ""
                             : "   (m changes)",
               s->walk_in);
    pane_field(body, body->rows - 1, 1, body->cols - 1, STYLE_TEXT, line);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    struct places p = place(s, body);
    char title[4200];
    (void)v;
    if (p.part[PART_PICTURE].rows)
        draw_picture(s, &p.part[PART_PICTURE]);
    if (p.part[PART_RESULT].rows) {
        struct pane box = pane_box(&p.part[PART_RESULT], s->result ? s->analysed : "Result", STYLE_TEXT);
        result_card_draw(s->result, &box);
        pane_cursor(&box, 0, 0, false);
    }
    if (p.part[PART_PICKER].rows) {
        picker_title(&s->picker, title, sizeof title);
        struct pane box = pane_box(&p.part[PART_PICKER], title, STYLE_TEXT);
        picker_draw(&s->picker, &box, true);
    }
    draw_model_line(s, body);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    if (s->batch.at < s->batch.n)
        app_say(a, STYLE_WARN, "Left while working: %d of %d analysed, one under way, the rest not begun",
                s->batch.at - s->batch.failed, s->batch.n);
    picker_close(&s->picker);
    preview_close(&s->preview);
    batch_fini(&s->batch);
    json_decref(s->models);
    json_decref(s->result);
}

const struct screen_row screen_analyse = {
    .id = "analyse",
    .title = "Analyse",
    .roles = WHO_CLINICAL,
    .tab = 2,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_ANALYSE, ACT_PANE, ACT_SAVE, ACT_EMAIL, ACT_SEARCH, ACT_MARK, ACT_MODEL, ACT_ZOOM_IN, ACT_INVERT,
            ACT_WINDOW},
    .help = "Put the cursor on a picture and press a. Space marks several for a batch. Enter opens a folder. A pasted "
            "path opens its file.",
    .open = open_screen,
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .key = key,
    .timer = timer,
    .close = close_screen,
};
