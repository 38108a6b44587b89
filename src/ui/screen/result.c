/* One result, whole: the picture, what the network said, what people decided. */
#include "ui/preview.h"
#include "ui/screen/result_text.h"

enum { TAG_SHOW, TAG_PICTURE, TAG_PREVIEW, TAG_CHANGE };
enum { NARROW_COLS = 70, WIDEST_COLS = 160 };
enum part { PART_SAID, PART_PICTURE, PART_RECORD, PART_N };

/* A column of text longer than its pane: drawn once on a sheet of its own, shown from `top` on. */
struct sheet {
    struct grid grid;
    int parts, used, top;
};

struct state {
    int64_t id;
    json_t *record; /* owned; answer of results.show */
    struct preview preview;
    bool picture_asked, attaching, fresh;
    enum part part;
    int sheets; /* 1: all text in sheet[0]; 2: record in sheet[1] */
    struct sheet sheet[2];
    int visible[2]; /* rows of the panes they are shown in */
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    s->id = json_integer_value(json_object_get(args, "id"));
    preview_init(&s->preview, s, TAG_PREVIEW, app_conf(a));
    return s->id ? RC_OK : err_set(e, ERR_VALUE, "No result was named");
}

static void attach_yes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    (void)text;
    app_ask(a, LANE_QUERY, TAG_CHANGE, "results.attach",
            json_pack("{s:I, s:I}", "id", (json_int_t)s->id, "patient", (json_int_t)app_bound_patient(a)), NULL);
}

static void ask_attach(struct app *a, struct state *s)
{
    char question[120];
    str_format(question, sizeof question, "Attach #%06lld to patient #%06lld, named above? [y/N]", (long long)s->id,
               (long long)app_bound_patient(a));
    app_confirm(a, question, attach_yes);
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    app_ask(a, LANE_QUERY, TAG_SHOW, "results.show", json_pack("{s:I}", "id", (json_int_t)s->id), NULL);
    if (!s->picture_asked) {
        s->picture_asked = true;
        app_ask(a, LANE_QUERY, TAG_PICTURE, "images.fetch", json_pack("{s:I}", "result", (json_int_t)s->id), NULL);
    }
    if (s->attaching && app_bound_patient(a))
        ask_attach(a, s);
    s->attaching = false;
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)e;
    if (tag == TAG_SHOW && result) {
        json_decref(s->record);
        s->record = json_incref(result);
        s->fresh = true;
    } else if (tag == TAG_PICTURE && result && fd >= 0) {
        preview_fd(a, &s->preview, fd, json_string_value(json_object_get(result, "name")));
    } else if (tag == TAG_CHANGE && result) {
        app_say(a, STYLE_TEXT, "#%06lld changed", (long long)s->id);
        refresh(a, s);
    }
}

static bool flag(const struct state *s, const char *name)
{
    return json_is_true(json_object_get(json_object_get(s->record, "result"), name));
}

static void release_yes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    (void)text;
    app_ask(a, LANE_QUERY, TAG_CHANGE, "results.release",
            json_pack("{s:I, s:b}", "id", (json_int_t)s->id, "released", !flag(s, "released")), NULL);
}

static void scroll(struct state *s, int delta)
{
    for (int i = 0; i < s->sheets; i++) {
        struct sheet *sheet = &s->sheet[i];
        int last = sheet->used > s->visible[i] ? sheet->used - s->visible[i] : 0, to = sheet->top + delta;
        sheet->top = to < 0 ? 0 : to > last ? last : to;
    }
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    bool doctor = app_role(a) == ROLE_DOCTOR, valid = s->record && !flag(s, "voided");
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
        return s->record != NULL;
    case ACT_PANE:
    case ACT_PANE_BACK:
        return app_view(a)->cols < NARROW_COLS;
    case ACT_SAVE:
        return s->record != NULL;
    case ACT_EMAIL:
        return s->record && (app_role(a) & WHO_CLINICAL);
    case ACT_REVIEW:
    case ACT_RELEASE:
    case ACT_VOID:
    case ACT_ATTACH:
        return valid && doctor;
    default:
        return preview_can(&s->preview, act);
    }
}

static void decide(struct app *a, struct state *s, enum action act)
{
    char question[100];
    switch (act) {
    case ACT_SAVE:
        app_go(a, "save", json_pack("{s:[I]}", "ids", (json_int_t)s->id));
        break;
    case ACT_EMAIL:
        app_go(a, "compose", json_pack("{s:[I]}", "ids", (json_int_t)s->id));
        break;
    case ACT_REVIEW:
        app_go(a, "review", json_pack("{s:I}", "id", (json_int_t)s->id));
        break;
    case ACT_VOID:
        app_go(a, "void_result", json_pack("{s:I}", "id", (json_int_t)s->id));
        break;
    case ACT_RELEASE:
        str_format(question, sizeof question,
                   flag(s, "released") ? "Withdraw #%06lld from its patient? [y/N]"
                                       : "Release #%06lld to its patient? [y/N]",
                   (long long)s->id);
        app_confirm(a, question, release_yes);
        break;
    case ACT_ATTACH:
        s->attaching = true;
        app_go(a, "patients", json_pack("{s:b}", "choose", 1));
        break;
    default:
        break;
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    if (preview_act(a, &s->preview, act))
        return;
    switch (act) {
    case ACT_UP:
        scroll(s, -1);
        break;
    case ACT_DOWN:
        scroll(s, 1);
        break;
    case ACT_PAGE_UP:
        scroll(s, -s->visible[0] + 1);
        break;
    case ACT_PAGE_DOWN:
        scroll(s, s->visible[0] - 1);
        break;
    case ACT_TOP:
        scroll(s, -RESULT_SHEET_ROWS);
        break;
    case ACT_BOTTOM:
        scroll(s, RESULT_SHEET_ROWS);
        break;
    case ACT_PANE:
    case ACT_PANE_BACK:
        s->part = s->part == PART_SAID ? PART_PICTURE : PART_SAID;
        break;
    default:
        decide(a, s, act);
        break;
    }
}

/* ---- drawing ---- */
struct places {
    struct pane part[PART_N]; /* rows 0: not shown */
};

static struct places place(const struct state *s, const struct pane *body)
{
    struct places p = {0};
    int rows = body->rows, cols = body->cols;
    if (cols < NARROW_COLS) {
        p.part[s->part] = *body;
    } else if (cols < WIDEST_COLS) {
        int text = cols >= 100 ? 54 : 40;
        p.part[PART_PICTURE] = pane_sub(body, 0, 0, rows, cols - text);
        p.part[PART_SAID] = pane_sub(body, 0, cols - text, rows, text);
    } else {
        p.part[PART_PICTURE] = pane_sub(body, 0, 0, rows, cols - 110);
        p.part[PART_SAID] = pane_sub(body, 0, cols - 110, rows, 55);
        p.part[PART_RECORD] = pane_sub(body, 0, cols - 55, rows, 55);
    }
    return p;
}

static void fill_sheet(struct app *a, struct state *s, int i, int parts, int cols)
{
    struct sheet *sheet = &s->sheet[i];
    struct err e = {0};
    if (!s->record || cols < 4 || (!s->fresh && sheet->grid.cols == cols && sheet->parts == parts))
        return;
    if (grid_resize(&sheet->grid, RESULT_SHEET_ROWS, cols, &e) != RC_OK) {
        app_fail(a, &e);
        return;
    }
    sheet->grid.ascii_only = app_view(a)->ascii_only;
    struct pane all = pane_all(&sheet->grid);
    sheet->parts = parts;
    sheet->used = result_text_draw(s->record, parts, &all);
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    struct grid shape = {.rows = rows, .cols = cols};
    struct pane body = pane_all(&shape);
    struct places p = place(s, &body);
    const struct pane *said = &p.part[PART_SAID], *record = &p.part[PART_RECORD], *picture = &p.part[PART_PICTURE];
    s->sheets = record->rows ? 2 : 1;
    if (said->rows) {
        s->visible[0] = said->rows - 2;
        fill_sheet(a, s, 0, s->sheets == 2 ? RESULT_SAID : RESULT_SAID | RESULT_RECORD, said->cols - 4);
    }
    if (record->rows) {
        s->visible[1] = record->rows - 2;
        fill_sheet(a, s, 1, RESULT_RECORD, record->cols - 4);
    }
    s->fresh = s->fresh && !said->rows;
    scroll(s, 0);
    if (picture->rows > 4)
        preview_fit(a, &s->preview, picture->rows - 3, picture->cols - 2);
}

static void draw_sheet(const struct sheet *sheet, const struct pane *outer, const char *title)
{
    struct pane box = pane_box(outer, title, STYLE_TEXT);
    pane_grid(&box, 0, 1, &sheet->grid, sheet->top, box.rows);
    if (sheet->used > sheet->top + box.rows)
        pane_right(&box, box.rows - 1, STYLE_TITLE, "v");
    if (sheet->top > 0)
        pane_right(&box, 0, STYLE_TITLE, "^");
    pane_cursor(&box, 0, 1, false);
}

static void draw_picture(const struct state *s, const struct pane *outer)
{
    char title[300], status[120];
    preview_title(&s->preview, title, sizeof title);
    struct pane box = pane_box(outer, title, STYLE_TEXT), picture = pane_sub(&box, 0, 0, box.rows - 1, box.cols);
    preview_draw(&s->preview, &picture);
    preview_status(&s->preview, status, sizeof status);
    if (s->preview.used_rows)
        pane_text(&box, box.rows - 1, 1, STYLE_DIM, status);
    pane_cursor(&box, 0, 0, false);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    struct places p = place(s, body);
    char title[40];
    (void)v;
    str_format(title, sizeof title, "Result %06lld", (long long)s->id);
    if (p.part[PART_PICTURE].rows)
        draw_picture(s, &p.part[PART_PICTURE]);
    if (p.part[PART_RECORD].rows)
        draw_sheet(&s->sheet[1], &p.part[PART_RECORD], "Record");
    if (p.part[PART_SAID].rows)
        draw_sheet(&s->sheet[0], &p.part[PART_SAID], title);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    preview_close(&s->preview);
    json_decref(s->record);
    grid_fini(&s->sheet[0].grid);
    grid_fini(&s->sheet[1].grid);
}

const struct screen_row screen_result = {
    .id = "result",
    .title = "Result",
    .roles = WHO_READERS,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_PANE, ACT_SAVE, ACT_EMAIL, ACT_REVIEW, ACT_RELEASE, ACT_ATTACH, ACT_VOID},
    .help = "Everything about one result. Up and Down scroll the text; on a narrow screen Tab changes to the picture. "
            "s saves it as a file, e sends it.",
    .open = open_screen,
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .close = close_screen,
};
