/* Home: the day's figures, the latest results, the way to everything else. */
#include "ui/app.h"
#include "ui/screen/result_row.h"

enum { TAG_STATS };

struct state {
    json_t *stats; /* owned; answer of stats.home */
    struct list recent;
};

static void refresh(struct app *a, void *state)
{
    (void)state;
    app_ask(a, LANE_QUERY, TAG_STATS, "stats.home", NULL, NULL);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    json_t *recent;
    (void)a, (void)tag, (void)fd, (void)e;
    if (!result)
        return;
    json_decref(s->stats);
    s->stats = json_incref(result);
    recent = json_pack("{s:O?}", "results", json_object_get(result, "recent"));
    list_take(&s->recent, recent, 0);
    json_decref(recent);
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    (void)a, (void)cols;
    list_fit(&s->recent, rows - 8 > 2 ? rows - 8 : 2);
}

static const struct {
    const char *field, *label;
} figures[] = {
    {"total", "results"},        {"normal", "normal"}, {"positive", "positive"},      {"today", "today"},
    {"unreviewed", "to review"}, {"users", "people"},  {"sessions", "signed in now"},
};

static void draw_figures(const struct state *s, const struct pane *p)
{
    int col = 0, row = 0;
    for (size_t i = 0; i < ARRAY_N(figures); i++) {
        json_t *value = json_object_get(s->stats, figures[i].field);
        if (!json_is_integer(value))
            continue;
        char text[64];
        str_format(text, sizeof text, "%lld %s", (long long)json_integer_value(value), figures[i].label);
        if (col + (int)text_columns(text) > p->cols && row + 1 < p->rows) {
            row++;
            col = 0;
        }
        col += pane_text(p, row, col, STYLE_TITLE, text) + 3;
    }
}

static void draw_outbox(const struct state *s, const struct pane *p)
{
    static const char *const states[] = {"queued", "in_flight", "retry", "sent", "dead", "unknown"};
    json_t *outbox = json_object_get(s->stats, "outbox");
    int col = 0;
    if (!json_is_object(outbox))
        return;
    col = pane_text(p, 0, 0, STYLE_TEXT, "Outbox  ");
    for (size_t i = 0; i < ARRAY_N(states); i++) {
        long long n = json_integer_value(json_object_get(outbox, states[i]));
        bool alarm = n && i >= 4;
        if (n || i == 0)
            col += 2 + pane_printf(p, 0, col, alarm ? STYLE_WARN : STYLE_TEXT, "%s %lld", states[i], n);
    }
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    struct pane head = pane_sub(body, 0, 1, 2, body->cols - 2), outbox = pane_sub(body, 2, 1, 1, body->cols - 2);
    (void)v;
    draw_figures(s, &head);
    draw_outbox(s, &outbox);
    if (s->stats && !json_object_get(s->stats, "recent"))
        return;
    int rows = (int)s->recent.total + 3 < body->rows - 4 ? (int)s->recent.total + 3 : body->rows - 4;
    if (rows < 5)
        rows = 5;
    struct pane outer = pane_sub(body, 3, 0, rows, body->cols), box = pane_box(&outer, "Latest results", STYLE_TEXT);
    list_draw(&s->recent, &box, result_columns, result_columns_n, -1, false, true);
    struct pane note = pane_sub(body, body->rows - 1, 0, 1, body->cols);
    pane_text(&note, 0, 0, STYLE_DIM,
              body->cols < 54 ? "Advice, not a diagnosis." : "Advice, not a diagnosis: a qualified person decides.");
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
        return s->recent.total > 0;
    case ACT_ANALYSE:
        return app_role(a) & WHO_CLINICAL;
    default:
        return false;
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    json_t *row = list_current(&s->recent);
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
        app_list_act(&s->recent, act);
        break;
    case ACT_ANALYSE:
        app_tab(a, "analyse");
        break;
    case ACT_OPEN:
        if (row)
            app_go(a, "result", json_pack("{s:O}", "id", json_object_get(row, "id")));
        break;
    default:
        break;
    }
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    json_decref(s->stats);
    list_fini(&s->recent);
}

const struct screen_row screen_home = {
    .id = "home",
    .title = "Home",
    .roles = WHO_SIGNED_IN,
    .tab = 1,
    .state_bytes = sizeof(struct state),
    .help = "Figures of the station and your latest results. The digits open the other parts.",
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .close = close_screen,
};
