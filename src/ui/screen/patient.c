/* Chart of a patient: who it is, every result, the score over time, the picture of the chosen one. */
#include "ui/preview.h"
#include "ui/screen/patient_text.h"
#include "ui/screen/result_row.h"

enum { TAG_SHOW, TAG_PICTURE, TAG_PREVIEW };
enum { PREVIEW_DELAY_MS = 150, WIDE_COLS = 100, WIDEST_COLS = 160, COLUMNS_MAX = 8, SCORES_MAX = 256 };

struct state {
    int64_t id;
    json_t *patient; /* owned */
    int64_t count;   /* results there are; the chart holds the latest */
    struct list results;
    struct preview preview;
    int64_t picture_of; /* result whose picture was asked for */
    bool wide;
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    s->id = json_integer_value(json_object_get(args, "id"));
    preview_init(&s->preview, s, TAG_PREVIEW, app_conf(a));
    return s->id ? RC_OK : err_set(e, ERR_VALUE, "No patient was named");
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    app_ask(a, LANE_QUERY, TAG_SHOW, "patients.show", json_pack("{s:I}", "id", (json_int_t)s->id), NULL);
}

static int64_t current_id(const struct state *s)
{
    return json_integer_value(json_object_get(list_current(&s->results), "id"));
}

static void want_picture(struct app *a, const struct state *s)
{
    if (s->wide && current_id(s) && current_id(s) != s->picture_of)
        app_timer(a, PREVIEW_DELAY_MS);
}

static void timer(struct app *a, void *state)
{
    struct state *s = state;
    s->picture_of = current_id(s);
    if (s->picture_of)
        app_ask(a, LANE_QUERY, TAG_PICTURE, "images.fetch", json_pack("{s:I}", "result", (json_int_t)s->picture_of),
                NULL);
}

static void take(struct app *a, struct state *s, json_t *chart)
{
    json_t *rows = json_object_get(chart, "results");
    json_t *list = json_pack("{s:O, s:I}", "results", rows, "count", (json_int_t)json_array_size(rows));
    json_decref(s->patient);
    s->patient = json_incref(json_object_get(chart, "patient"));
    s->count = json_integer_value(json_object_get(chart, "count"));
    if (list)
        list_take(&s->results, list, 0);
    json_decref(list);
    if (app_bound_patient(a) == s->id)
        app_bind_patient(a, s->id, s->patient);
    want_picture(a, s);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)e;
    if (tag == TAG_SHOW && result)
        take(a, s, result);
    else if (tag == TAG_PICTURE && result && fd >= 0)
        preview_fd(a, &s->preview, fd, patient_field(result, "name"));
}

/* ---- doing ---- */
static bool list_can(enum action act)
{
    return act == ACT_UP || act == ACT_DOWN || act == ACT_TOP || act == ACT_BOTTOM || act == ACT_PAGE_UP ||
           act == ACT_PAGE_DOWN || act == ACT_OPEN || act == ACT_MARK || act == ACT_MARK_NONE || act == ACT_SAVE ||
           act == ACT_EXPORT || act == ACT_EMAIL;
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    (void)a;
    if (list_can(act))
        return s->results.total > 0;
    switch (act) {
    case ACT_ANALYSE:
    case ACT_EDIT:
    case ACT_PATIENT:
        return s->patient != NULL;
    case ACT_FILTER:
        return s->results.total > 0;
    default:
        return s->wide && preview_can(&s->preview, act);
    }
}

static json_t *marked_or_current(const struct state *s)
{
    json_t *ids = json_array();
    for (int i = 0; i < s->results.marks_n; i++)
        json_array_append_new(ids, json_integer((json_int_t)s->results.marks[i]));
    if (!s->results.marks_n)
        json_array_append_new(ids, json_integer((json_int_t)current_id(s)));
    return ids;
}

static bool move(struct app *a, struct state *s, enum action act)
{
    struct list *l = &s->results;
    int64_t id = current_id(s);
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
        app_list_act(l, act);
        break;
    case ACT_MARK:
        list_mark(l, id, !list_marked(l, id));
        list_move(l, 1);
        break;
    case ACT_MARK_NONE:
        l->marks_n = 0;
        break;
    default:
        return false;
    }
    want_picture(a, s);
    return true;
}

static void bind(struct app *a, struct state *s)
{
    bool bound = app_bound_patient(a) == s->id;
    app_bind_patient(a, bound ? 0 : s->id, bound ? NULL : s->patient);
    app_say(a, STYLE_TEXT, bound ? "No patient is bound now" : "Bound: what is analysed now belongs to this patient");
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    if (move(a, s, act) || (s->wide && preview_act(a, &s->preview, act)))
        return;
    switch (act) {
    case ACT_OPEN:
        app_go(a, "result", json_pack("{s:I}", "id", (json_int_t)current_id(s)));
        break;
    case ACT_ANALYSE:
        app_bind_patient(a, s->id, s->patient);
        app_tab(a, "analyse");
        break;
    case ACT_PATIENT:
        bind(a, s);
        break;
    case ACT_EDIT:
        app_go(a, "patient_form", json_pack("{s:I}", "id", (json_int_t)s->id));
        break;
    case ACT_FILTER:
        app_go(a, "results", json_pack("{s:{s:I}}", "filter", "patient", (json_int_t)s->id));
        break;
    case ACT_SAVE:
    case ACT_EXPORT:
        app_go(a, "save", json_pack("{s:o}", "ids", marked_or_current(s)));
        break;
    case ACT_EMAIL:
        app_go(a, "compose", json_pack("{s:o}", "ids", marked_or_current(s)));
        break;
    default:
        break;
    }
}

/* ---- drawing ---- */
struct places {
    struct pane who, list, picture, notes; /* rows 0: not shown */
};

static struct places place(const struct pane *body)
{
    struct places p = {0};
    int rows = body->rows, cols = body->cols;
    int left = cols >= WIDEST_COLS ? 76 : cols >= WIDE_COLS ? 60 : cols;
    int notes = cols >= WIDEST_COLS ? 40 : 0, head = rows >= 14 ? 4 : 2;
    p.who = pane_sub(body, 0, 0, head, left);
    p.list = pane_sub(body, head, 0, rows - head, left);
    if (left < cols)
        p.picture = pane_sub(body, 0, left, rows, cols - left - notes);
    if (notes)
        p.notes = pane_sub(body, 0, cols - notes, rows, notes);
    return p;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    struct grid shape = {.rows = rows, .cols = cols};
    struct pane body = pane_all(&shape);
    struct places p = place(&body);
    bool was = s->wide;
    list_fit(&s->results, p.list.rows - 2);
    s->wide = p.picture.rows > 4;
    if (s->wide)
        preview_fit(a, &s->preview, p.picture.rows - 3, p.picture.cols - 2);
    if (s->wide && !was)
        want_picture(a, s);
}

/* Scores of the current result's network, oldest first. */
static size_t scores(const struct state *s, double score[SCORES_MAX], const char **model)
{
    json_t *current = list_current(&s->results);
    size_t n = 0;
    *model = patient_field(json_object_get(current, "model"), "id");
    for (size_t i = json_array_size(s->results.rows); i-- > 0;) {
        json_t *row = json_array_get(s->results.rows, i);
        if (n < SCORES_MAX && !json_is_true(json_object_get(row, "voided")) &&
            str_eq(patient_field(json_object_get(row, "model"), "id"), *model))
            score[n++] = json_number_value(json_object_get(row, "raw_score"));
    }
    return n;
}

static void draw_who(const struct state *s, const struct view *v, const struct pane *p)
{
    char text[400], age[80], line[200];
    double score[SCORES_MAX];
    const char *model;
    patient_age(s->patient, age, sizeof age);
    str_format(text, sizeof text, "%s   %s", patient_field(s->patient, "name"), age);
    pane_field(p, 0, 1, p->cols - 2, STYLE_TITLE, text);
    str_format(text, sizeof text, "#%06lld   %s%s   consent: %s", (long long)s->id,
               *patient_field(s->patient, "phone") ? "phone " : "", patient_field(s->patient, "phone"),
               json_is_true(json_object_get(s->patient, "consent")) ? "yes" : "NO");
    pane_field(p, 1, 1, p->cols - 2, STYLE_TEXT, text);
    if (p->rows < 4)
        return;
    if (*patient_field(s->patient, "notes"))
        pane_field(p, 2, 1, p->cols - 2, STYLE_TEXT, patient_field(s->patient, "notes"));
    size_t n = scores(s, score, &model);
    if (!n)
        return;
    patient_score_line(score, n, p->cols > 60 ? 30 : 12, v->ascii_only, line, sizeof line);
    str_format(text, sizeof text, "score over time  %s  %.2f now   %s", line, score[n - 1], model);
    pane_field(p, 3, 1, p->cols - 2, STYLE_TEXT, text);
}

static void draw_list(const struct state *s, const struct pane *p)
{
    struct list_column shown[COLUMNS_MAX];
    char title[80];
    int n = 0;
    for (int i = 0; i < result_columns_n && n < COLUMNS_MAX; i++) {
        if (str_eq(result_columns[i].title, "Patient"))
            continue;
        shown[n] = result_columns[i];
        if (str_eq(shown[n].title, "Class"))
            shown[n].width = shown[n].narrow_width = shown[n].small_width = 0;
        if (str_eq(shown[n].title, "When"))
            shown[n].small_width = 10;
        if (str_eq(shown[n].title, "St"))
            shown[n].small_width = 3;
        n++;
    }
    if (s->count > s->results.total)
        str_format(title, sizeof title, "Chart: latest %lld of %lld, f shows all", (long long)s->results.total,
                   (long long)s->count);
    else
        str_format(title, sizeof title, "Chart: %lld result%s", (long long)s->count, s->count == 1 ? "" : "s");
    struct pane box = pane_box(p, title, STYLE_TEXT);
    list_draw(&s->results, &box, shown, n, -1, false, true);
    if (s->patient && !s->results.total)
        pane_field(&box, 1, 2, box.cols - 2, STYLE_DIM, "No results yet; a analyses a picture of this patient");
}

static void draw_picture(const struct state *s, const struct pane *p)
{
    char title[300], status[120];
    preview_title(&s->preview, title, sizeof title);
    struct pane box = pane_box(p, title, STYLE_TEXT), picture = pane_sub(&box, 0, 0, box.rows - 1, box.cols);
    preview_draw(&s->preview, &picture);
    preview_status(&s->preview, status, sizeof status);
    if (s->preview.used_rows)
        pane_text(&box, box.rows - 1, 1, STYLE_DIM, status);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    struct places p = place(body);
    if (p.picture.rows)
        draw_picture(s, &p.picture);
    if (p.notes.rows) {
        struct pane box = pane_box(&p.notes, "Patient", STYLE_TEXT);
        struct pane inner = pane_sub(&box, 0, 1, box.rows, box.cols - 2);
        patient_card_draw(s->patient, &inner);
    }
    if (s->patient)
        draw_who(s, v, &p.who);
    draw_list(s, &p.list);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    preview_close(&s->preview);
    list_fini(&s->results);
    json_decref(s->patient);
}

const struct screen_row screen_patient = {
    .id = "patient",
    .title = "Chart",
    .roles = WHO_DOCTOR,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_OPEN, ACT_ANALYSE, ACT_MARK, ACT_EMAIL, ACT_EDIT, ACT_PATIENT, ACT_FILTER, ACT_EXPORT},
    .help = "The chart: Enter opens a result, a analyses a picture of this patient, Space marks results for e (e-mail) "
            "and x (export), E edits. St: r reviewed, R released, V void.",
    .open = open_screen,
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .timer = timer,
    .close = close_screen,
};
