/* Settings of the station: everybody reads them, the administrator changes them. */
#include "base/conf.h"
#include "ui/app.h"
#include <string.h>

enum { TAG_LIST, TAG_SET, TAG_MAIL };
enum { WIDE_COLS = 100, CARD_COLS = 44, CHOICES_MAX = 12, DETAIL_ROWS = 4 };

struct state {
    struct list settings;
    char name[80];    /* of the setting being changed */
    char value[1024]; /* what was typed for it */
};

static const char *field(json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

static void name_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, field(row, "name"));
}

static void value_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, *field(row, "value") ? field(row, "value") : "(empty)");
}

static enum style value_style(json_t *row)
{
    return str_eq(field(row, "origin"), "default") ? STYLE_TEXT : STYLE_TITLE;
}

static void origin_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, field(row, "origin"));
}

static const struct list_column columns[] = {
    {"Setting", 20, 20, name_text, NULL, 18},
    {"Value", 0, 0, value_text, value_style, 0},
    {"From", 11, 11, origin_text, NULL, -1},
};

static void refresh(struct app *a, void *state)
{
    (void)state;
    app_ask(a, LANE_QUERY, TAG_LIST, "settings.list", NULL, NULL);
}

static void edit(struct app *a, struct state *s, const char *initial);

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd;
    if (tag == TAG_LIST && result) {
        list_take(&s->settings, result, 0);
    } else if (tag == TAG_SET) {
        if (result) {
            app_say(a, STYLE_TEXT, "%s is %s now", s->name, s->value[0] ? s->value : "empty");
            refresh(a, s);
        } else if (e->rc == RC_INPUT) {
            edit(a, s, s->value); /* what was typed is not lost */
        }
    } else if (tag == TAG_MAIL && result) {
        app_say(a, STYLE_NORMAL, "The mail server took the test message");
    }
}

/* ---- editing ---- */
static void value_typed(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (!text)
        return;
    str_copy(s->value, sizeof s->value, text);
    app_ask(a, LANE_QUERY, TAG_SET, "settings.set", json_pack("{s:s, s:s}", "name", s->name, "value", text), NULL);
}

/* "30 to 86400", "at most 80 bytes", or "". */
static void range_text(const char *name, char *dst, size_t cap)
{
    enum conf_id id;
    dst[0] = 0;
    if (!conf_find(name, &id))
        return;
    const struct conf_row *row = conf_row(id);
    if (row->kind == CONF_INT)
        str_format(dst, cap, "%lld to %lld", (long long)row->min, (long long)row->max);
    else if (row->kind == CONF_TEXT)
        str_format(dst, cap, "%lld to %lld bytes", (long long)row->min, (long long)row->max);
}

/* "default|other|..." or the two of a switch. */
static void choose(struct app *a, const char *choices, const char *current)
{
    char text[CHOICES_MAX][80];
    const char *lines[CHOICES_MAX];
    int n = 0, at = 0;
    for (const char *word = choices; *word && n < CHOICES_MAX; n++) {
        size_t len = strcspn(word, "|");
        str_format(text[n], sizeof text[n], "%.*s", (int)len, word);
        lines[n] = text[n];
        if (str_eq(text[n], current))
            at = n;
        word += word[len] ? len + 1 : len;
    }
    app_choose(a, "Value: Enter takes it", lines, n, at, value_typed);
}

static void edit(struct app *a, struct state *s, const char *initial)
{
    json_t *row = list_current(&s->settings);
    char question[160], range[60];
    str_copy(s->name, sizeof s->name, field(row, "name"));
    if (str_eq(field(row, "kind"), "choice")) {
        choose(a, field(row, "choices"), initial);
    } else if (str_eq(field(row, "kind"), "yes or no")) {
        choose(a, "yes|no", initial);
    } else {
        range_text(s->name, range, sizeof range);
        str_format(question, sizeof question, "%s (%s):", s->name, range);
        app_prompt(a, question, initial, false, value_typed);
    }
}

static void address_typed(struct app *a, void *state, const char *text)
{
    (void)state;
    if (!text || !*text)
        return;
    app_say(a, STYLE_TEXT, "Talking to the mail server ...");
    app_ask(a, LANE_WORK, TAG_MAIL, "mail.test", json_pack("{s:s}", "to", text), NULL);
}

/* ---- keys ---- */
static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    bool admin = app_role(a) == ROLE_ADMIN;
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
        return s->settings.total > 0;
    case ACT_EDIT:
    case ACT_OPEN:
        return admin && list_current(&s->settings);
    case ACT_CHECK:
        return admin;
    default:
        return false;
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    struct list *l = &s->settings;
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
        app_list_act(l, act);
        break;
    case ACT_EDIT:
    case ACT_OPEN:
        if (str_eq(field(list_current(l), "origin"), "environment"))
            app_say(a, STYLE_WARN, "%s is set by the environment of this program and cannot be changed here",
                    field(list_current(l), "name"));
        else
            edit(a, s, field(list_current(l), "value"));
        break;
    case ACT_CHECK:
        app_prompt(a, "Send a test message to:", "", false, address_typed);
        break;
    default:
        break;
    }
}

/* ---- drawing ---- */
static int detail_rows(int rows, int cols)
{
    return cols >= WIDE_COLS ? 0 : rows >= 14 ? DETAIL_ROWS : rows >= 8 ? 1 : 0;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    (void)a;
    list_fit(&s->settings, rows - detail_rows(rows, cols));
}

static void draw_detail(const struct state *s, const struct pane *outer)
{
    json_t *row = list_current(&s->settings);
    char range[60], line[200];
    if (!row)
        return;
    if (outer->rows < 3) {
        pane_field(outer, 0, 0, outer->cols, STYLE_DIM, field(row, "help"));
        return;
    }
    struct pane box = pane_box(outer, field(row, "name"), STYLE_TEXT);
    struct pane inner = pane_sub(&box, 0, 1, box.rows, box.cols - 2);
    int at = inner.rows > 2 ? pane_wrap(&inner, 0, STYLE_TEXT, field(row, "help"))
                            : (pane_field(&inner, 0, 0, inner.cols, STYLE_TEXT, field(row, "help")), 1);
    range_text(field(row, "name"), range, sizeof range);
    str_format(line, sizeof line, "default %s   %s%s%s", *field(row, "default") ? field(row, "default") : "empty",
               field(row, "kind"), range[0] ? ", " : "", range);
    struct pane rest = pane_sub(&inner, at, 0, inner.rows - at, inner.cols);
    pane_wrap(&rest, 0, STYLE_DIM, line);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int card = body->cols >= WIDE_COLS ? CARD_COLS : 0, detail = detail_rows(body->rows, body->cols);
    struct pane list = pane_sub(body, 0, 0, body->rows - detail, body->cols - card);
    struct pane beside = card ? pane_sub(body, 0, body->cols - card, body->rows, card)
                              : pane_sub(body, body->rows - detail, 0, detail, body->cols);
    (void)v;
    draw_detail(s, &beside);
    list_draw(&s->settings, &list, columns, ARRAY_N(columns), -1, false, true);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    list_fini(&s->settings);
}

const struct screen_row screen_settings = {
    .id = "settings",
    .title = "Settings",
    .roles = WHO_ADMIN,
    .tab = 8,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_OPEN, ACT_CHECK},
    .help = "Enter changes a setting; it is checked and kept in the station's file. What the environment sets cannot "
            "be changed here. c sends a test message by the mail server.",
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .close = close_screen,
};

/* The same for those who may only read it: no tab, reached from the profile. */
const struct screen_row screen_settings_view = {
    .id = "settings_view",
    .title = "Settings",
    .roles = WHO_SIGNED_IN,
    .state_bytes = sizeof(struct state),
    .keys_help = "q back   ? help",
    .help = "How this station is set up. Only the administrator changes it.",
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .close = close_screen,
};
