/* Installed networks. */
#include "ui/app.h"
#include "ui/screen/passport_text.h"

enum { TAG_LIST, TAG_TEST };
enum { DETAIL_ROWS = 5 };

struct state {
    struct list models;
    char tested[200]; /* id of the network that is being tested */
};

static const char *field(json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

static void id_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, field(row, "id"));
}

static void version_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, field(row, "version"));
}

static void title_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, *field(row, "problem") ? field(row, "problem") : field(row, "title"));
}

static enum style title_style(json_t *row)
{
    return *field(row, "problem") ? STYLE_WARN : STYLE_TEXT;
}

static void classes_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%zu", json_array_size(json_object_get(row, "classes")));
}

static void default_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, json_is_true(json_object_get(row, "default")) ? "default" : "");
}

static const struct list_column columns[] = {
    {"Network", 24, 18, id_text, NULL, 0},      {"Version", 8, 8, version_text, NULL, 8},
    {"For", 0, 0, title_text, title_style, -1}, {"Cls", 3, 3, classes_text, NULL, 3},
    {"", 7, 7, default_text, NULL, -1},
};

static void refresh(struct app *a, void *state)
{
    (void)state;
    app_ask(a, LANE_QUERY, TAG_LIST, "models.list", NULL, NULL);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (!result)
        return;
    if (tag == TAG_LIST)
        list_take(&s->models, result, 0);
    else
        app_say(a, STYLE_NORMAL, "%s: PASSED, %lld golden vectors reproduced", s->tested,
                (long long)json_integer_value(json_object_get(result, "cases")));
}

static const char *current(const struct state *s)
{
    return field(list_current(&s->models), "id");
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    (void)a;
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_OPEN:
    case ACT_CHECK:
        return s->models.total > 0;
    default:
        return false;
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
        app_list_act(&s->models, act);
        break;
    case ACT_OPEN:
        app_go(a, "model", json_pack("{s:s}", "id", current(s)));
        break;
    case ACT_CHECK:
        str_copy(s->tested, sizeof s->tested, current(s));
        app_say(a, STYLE_TEXT, "Testing %s against its golden vectors ...", s->tested);
        app_ask(a, LANE_WORK, TAG_TEST, "models.test", json_pack("{s:s}", "model", s->tested), NULL);
        break;
    default:
        break;
    }
}

static int detail_rows(int rows)
{
    return rows >= 14 ? DETAIL_ROWS : 0;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    (void)a, (void)cols;
    list_fit(&s->models, rows - detail_rows(rows));
}

static void draw_detail(const struct state *s, const struct pane *p)
{
    json_t *row = list_current(&s->models);
    char classes[300];
    struct pane box = pane_box(p, field(row, "id"), STYLE_TEXT), inner = pane_sub(&box, 0, 1, box.rows, box.cols - 2);
    passport_classes_line(json_object_get(row, "classes"), classes, sizeof classes);
    pane_field(&inner, 0, 0, inner.cols, STYLE_TITLE, field(row, "title"));
    pane_field(&inner, 1, 0, inner.cols, STYLE_TEXT, field(row, "modality"));
    pane_field(&inner, 2, 0, inner.cols, STYLE_TEXT, classes);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int detail = detail_rows(body->rows);
    struct pane list = pane_sub(body, 0, 0, body->rows - detail, body->cols);
    (void)v;
    if (detail && list_current(&s->models)) {
        struct pane below = pane_sub(body, body->rows - detail, 0, detail, body->cols);
        draw_detail(s, &below);
    }
    list_draw(&s->models, &list, columns, ARRAY_N(columns), -1, false, true);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    list_fini(&s->models);
}

const struct screen_row screen_models = {
    .id = "models",
    .title = "Models",
    .roles = WHO_SIGNED_IN,
    .tab = 5,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_OPEN, ACT_CHECK},
    .help = "The installed networks. Enter opens the passport: what a network is for, how it was measured, where it "
            "fails. c tests one against its golden vectors.",
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .close = close_screen,
};
