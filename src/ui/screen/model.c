/* The passport of one network as a card, its layers, its test. */
#include "ui/screen/passport_text.h"
#include "ui/screen/sheet.h"

enum { TAG_SHOW, TAG_TIME, TAG_TEST };
enum { WIDE_COLS = 100, WIDEST_COLS = 160, LAYER_COLS = 62 };

struct state {
    char id[200];
    json_t *model, *test; /* owned; answers of models.show and models.test */
    double milliseconds;  /* < 0: not timed yet */
    struct sheet sheet[2];
    struct list layers;
    bool layers_shown; /* over the card, where there is no pane for them */
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    const char *id = json_string_value(json_object_get(args, "id"));
    (void)a;
    s->milliseconds = -1;
    return id && str_copy(s->id, sizeof s->id, id) ? RC_OK : err_set(e, ERR_VALUE, "No network was named");
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    app_ask(a, LANE_QUERY, TAG_SHOW, "models.show", json_pack("{s:s, s:b}", "model", s->id, "layers", 1), NULL);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (!result)
        return;
    if (tag == TAG_SHOW) {
        json_t *layers = json_pack("{s:O?}", "results", json_object_get(result, "layers"));
        json_decref(s->model);
        s->model = json_incref(result);
        list_take(&s->layers, layers, 0);
        json_decref(layers);
        if (s->milliseconds < 0)
            app_ask(a, LANE_PREVIEW, TAG_TIME, "models.show", json_pack("{s:s, s:b}", "model", s->id, "timing", 1),
                    NULL);
    } else if (tag == TAG_TIME) {
        s->milliseconds = json_number_value(json_object_get(result, "milliseconds"));
    } else {
        json_decref(s->test);
        s->test = json_incref(result);
        app_say(a, STYLE_NORMAL, "PASSED: %lld golden vectors reproduced, largest difference %.1e",
                (long long)json_integer_value(json_object_get(result, "cases")),
                json_number_value(json_object_get(result, "max_difference")));
    }
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    if (!s->model)
        return false;
    switch (act) {
    case ACT_CHECK:
        return json_array_size(json_object_get(json_object_get(s->model, "passport"), "golden")) > 0;
    case ACT_OPEN:
        return app_view(a)->cols < WIDEST_COLS && !s->layers_shown;
    case ACT_PANE:
        return true;
    case ACT_BACK:
        return s->layers_shown;
    default:
        return sheet_can(act);
    }
}

static void move_layers(struct list *l, enum action act)
{
    switch (act) {
    case ACT_UP:
        list_move(l, -1);
        break;
    case ACT_DOWN:
        list_move(l, 1);
        break;
    case ACT_PAGE_UP:
        list_move(l, -l->page_rows);
        break;
    case ACT_PAGE_DOWN:
        list_move(l, l->page_rows);
        break;
    case ACT_TOP:
        list_go(l, 0);
        break;
    case ACT_BOTTOM:
        list_go(l, l->total - 1);
        break;
    default:
        break;
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    switch (act) {
    case ACT_OPEN:
    case ACT_PANE:
    case ACT_BACK:
        s->layers_shown = !s->layers_shown;
        break;
    case ACT_CHECK:
        app_say(a, STYLE_TEXT, "Testing against the golden vectors ...");
        app_ask(a, LANE_WORK, TAG_TEST, "models.test", json_pack("{s:s}", "model", s->id), NULL);
        break;
    default:
        if (s->layers_shown) {
            move_layers(&s->layers, act);
        } else {
            sheet_act(&s->sheet[0], act);
            sheet_act(&s->sheet[1], act);
        }
        break;
    }
}

/* ---- columns of the layers ---- */
static void name_text(json_t *row, char *dst, size_t cap)
{
    const char *text = json_string_value(json_object_get(row, "name"));
    str_copy(dst, cap, text ? text : "");
}

static void class_text(json_t *row, char *dst, size_t cap)
{
    const char *text = json_string_value(json_object_get(row, "class"));
    str_copy(dst, cap, text ? text : "");
}

static void shape_text(json_t *row, char *dst, size_t cap)
{
    struct buf line = {0};
    size_t i;
    json_t *dim;
    json_array_foreach(json_object_get(row, "output"), i, dim)
    {
        if (json_is_integer(dim))
            buf_printf(&line, "%s%lld", i ? "x" : "", (long long)json_integer_value(dim));
        else
            buf_printf(&line, "%s?", i ? "x" : "");
    }
    str_copy(dst, cap, line.data ? line.data : "-");
    buf_free(&line);
}

static void params_text(json_t *row, char *dst, size_t cap)
{
    char text[40];
    passport_count(json_integer_value(json_object_get(row, "params")), text, sizeof text);
    str_format(dst, cap, "%10s", text);
}

static void macs_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%8.2f", json_number_value(json_object_get(row, "macs")) / 1e6);
}

static const struct list_column columns[] = {
    {"Layer", 0, 0, name_text, NULL, 0},      {"Kind", 18, 16, class_text, NULL, 14},
    {"Output", 12, 12, shape_text, NULL, -1}, {"Parameters", 10, 10, params_text, NULL, -1},
    {"M madds", 8, 8, macs_text, NULL, -1},
};

/* ---- drawing ---- */
struct places {
    struct pane card[2], layers; /* rows 0: not shown */
};

static struct places place(const struct state *s, const struct pane *body)
{
    struct places p = {0};
    int rows = body->rows, cols = body->cols;
    if (cols >= WIDEST_COLS) {
        int each = (cols - LAYER_COLS - 10) / 2;
        p.card[0] = pane_sub(body, 0, 0, rows, each);
        p.card[1] = pane_sub(body, 0, each, rows, each);
        p.layers = pane_sub(body, 0, 2 * each, rows, cols - 2 * each);
    } else if (s->layers_shown) {
        p.layers = *body;
    } else if (cols >= WIDE_COLS) {
        p.card[0] = pane_sub(body, 0, 0, rows, cols / 2);
        p.card[1] = pane_sub(body, 0, cols / 2, rows, cols - cols / 2);
    } else {
        p.card[0] = *body;
    }
    return p;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    struct grid shape = {.rows = rows, .cols = cols};
    struct pane body = pane_all(&shape);
    struct places p = place(s, &body);
    if (p.layers.rows)
        list_fit(&s->layers, p.layers.rows - 2);
    for (int i = 0; i < 2 && s->model; i++) {
        int parts = !p.card[1].rows ? PASSPORT_PURPOSE | PASSPORT_MEASURED : i ? PASSPORT_MEASURED : PASSPORT_PURPOSE;
        if (!p.card[i].rows)
            continue;
        struct pane sheet = sheet_begin(a, &s->sheet[i], p.card[i].cols - 4);
        if (sheet.rows)
            sheet_end(&s->sheet[i], passport_text_draw(s->model, parts, s->milliseconds, s->test, &sheet),
                      p.card[i].rows - 2);
    }
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    struct places p = place(s, body);
    char title[260];
    (void)v;
    if (p.layers.rows) {
        str_format(title, sizeof title, "Layers of %s: %lld", s->id, (long long)s->layers.total);
        struct pane box = pane_box(&p.layers, title, STYLE_TEXT);
        list_draw(&s->layers, &box, columns, ARRAY_N(columns), -1, false, s->layers_shown);
    }
    for (int i = 1; i >= 0; i--) {
        if (!p.card[i].rows)
            continue;
        struct pane box = pane_box(&p.card[i], i ? "Measured" : s->id, STYLE_TEXT);
        if (s->model)
            sheet_show(&s->sheet[i], &box);
        else
            pane_text(&box, 0, 1, STYLE_DIM, "Reading ...");
    }
    if (s->layers_shown && p.card[0].rows)
        pane_cursor(&p.layers, 2 + (int)(s->layers.cursor - s->layers.top), 1, false);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    json_decref(s->model);
    json_decref(s->test);
    list_fini(&s->layers);
    sheet_fini(&s->sheet[0]);
    sheet_fini(&s->sheet[1]);
}

const struct screen_row screen_model = {
    .id = "model",
    .title = "Network",
    .roles = WHO_SIGNED_IN,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_OPEN, ACT_CHECK, ACT_PANE},
    .help = "The passport of a network. Up and Down scroll, Enter shows the layers, Tab changes between the two, c "
            "tests it against its golden vectors.",
    .open = open_screen,
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .close = close_screen,
};
