/* The outbox: what waits, what went, what needs a person. */
#include "base/file.h"
#include "ui/app.h"
#include <string.h>
#include <time.h>

enum { TAG_LIST, TAG_CHANGE, TAG_FLUSH };
enum { POLL_MS = 3000 };

static const char *const states[] = {"queued", "in_flight", "retry", "sent", "dead", "unknown"};

struct state {
    struct list list;
    json_t *counts; /* owned */
    char only[16];  /* a state, or "" */
    bool details;
    int64_t asked_offset, asked_count, id; /* id: what the question is about */
};

static const char *text_of(json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

/* "14:05", or the date when it is not today's. */
static void moment(json_t *row, const char *name, char *dst, size_t cap)
{
    int64_t at, now = clock_wall_ms();
    struct tm then, today;
    dst[0] = 0;
    if (!clock_parse_iso(text_of(row, name), &at))
        return;
    time_t seconds = (time_t)(at / 1000), now_s = (time_t)(now / 1000);
    localtime_r(&seconds, &then);
    localtime_r(&now_s, &today);
    bool same = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    strftime(dst, cap, same ? "%H:%M:%S" : "%Y-%m-%d", &then);
}

static void id_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%lld", (long long)json_integer_value(json_object_get(row, "id")));
}

static void to_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, text_of(row, "to"));
}

static void subject_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, text_of(row, "subject"));
}

static void state_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, str_eq(text_of(row, "state"), "in_flight") ? "sending" : text_of(row, "state"));
}

static enum style state_style(json_t *row)
{
    const char *state = text_of(row, "state");
    return str_eq(state, "dead") || str_eq(state, "unknown") ? STYLE_WARN : STYLE_TEXT;
}

static void tries_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%lld", (long long)json_integer_value(json_object_get(row, "attempts")));
}

static void next_text(json_t *row, char *dst, size_t cap)
{
    moment(row, *text_of(row, "sent_at") ? "sent_at" : "next_at", dst, cap);
}

static void error_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, text_of(row, "error"));
}

static const struct list_column columns[] = {
    {"No.", 5, 5, id_text, NULL, -1},
    {"To", 0, 0, to_text, NULL, 0},
    {"Subject", 30, -1, subject_text, NULL, -1},
    {"State", 8, 8, state_text, state_style, 8},
    {"Tries", 5, 5, tries_text, NULL, -1},
    {"Next/sent", 10, 10, next_text, NULL, -1},
    {"Error", 30, 18, error_text, NULL, -1},
};

static void ask_window(struct app *a, struct state *s, int64_t offset, int64_t count)
{
    json_t *args = json_pack("{s:I, s:I}", "page", (json_int_t)(offset / count + 1), "page_size", (json_int_t)count);
    if (s->only[0])
        json_object_set_new(args, "state", json_string(s->only));
    s->asked_offset = offset;
    s->asked_count = count;
    app_ask(a, LANE_QUERY, TAG_LIST, "mail.list", args, NULL);
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    ask_window(a, s, s->list.rows ? s->asked_offset : 0, s->list.rows ? s->asked_count : 60);
}

static void ask_if_wanted(struct app *a, struct state *s)
{
    int64_t offset, count;
    if (list_wants(&s->list, &offset, &count) && (offset != s->asked_offset || count != s->asked_count))
        ask_window(a, s, offset, count);
}

static int64_t count_of(const struct state *s, const char *name)
{
    return json_integer_value(json_object_get(s->counts, name));
}

static void take_list(struct app *a, struct state *s, json_t *result)
{
    list_take(&s->list, result, s->asked_offset);
    json_decref(s->counts);
    s->counts = json_incref(json_object_get(result, "counts"));
    /* looks again only while something may move by itself */
    bool moving = count_of(s, "queued") + count_of(s, "in_flight") + count_of(s, "retry") > 0;
    app_timer(a, moving ? POLL_MS : -1);
    ask_if_wanted(a, s);
}

static void flushed(struct app *a, json_t *result)
{
    app_say(a, STYLE_TEXT, "sent %lld  to be tried again %lld  dead %lld  unknown %lld",
            (long long)json_integer_value(json_object_get(result, "sent")),
            (long long)json_integer_value(json_object_get(result, "retry")),
            (long long)json_integer_value(json_object_get(result, "dead")),
            (long long)json_integer_value(json_object_get(result, "unknown")));
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (tag == TAG_LIST) {
        if (result)
            take_list(a, s, result);
        return;
    }
    if (tag == TAG_FLUSH && result)
        flushed(a, result);
    refresh(a, s);
}

static void retry_yes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    (void)text;
    app_ask(a, LANE_QUERY, TAG_CHANGE, "mail.retry", json_pack("{s:I}", "id", (json_int_t)s->id), NULL);
    app_say(a, STYLE_TEXT, "Queued again");
}

static void drop_yes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    (void)text;
    app_ask(a, LANE_QUERY, TAG_CHANGE, "mail.drop", json_pack("{s:I}", "id", (json_int_t)s->id), NULL);
    app_say(a, STYLE_TEXT, "Given up: it is not sent");
}

static void state_chosen(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (!text)
        return;
    str_copy(s->only, sizeof s->only, str_eq(text, "all") ? "" : text);
    list_go(&s->list, 0);
    ask_window(a, s, 0, 60);
}

static void choose_state(struct app *a, const struct state *s)
{
    const char *lines[ARRAY_N(states) + 1] = {"all"};
    int current = 0;
    for (size_t i = 0; i < ARRAY_N(states); i++) {
        lines[i + 1] = states[i];
        if (str_eq(states[i], s->only))
            current = (int)i + 1;
    }
    app_choose(a, "Show", lines, ARRAY_N(lines), current, state_chosen);
}

static bool state_is(json_t *row, const char *one, const char *two, const char *three)
{
    const char *state = text_of(row, "state");
    return str_eq(state, one) || str_eq(state, two) || str_eq(state, three);
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    json_t *row = list_current(&s->list);
    bool clinical = app_role(a) & WHO_CLINICAL;
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
    case ACT_OPEN:
        return row != NULL;
    case ACT_RETRY:
        return clinical && row && state_is(row, "dead", "unknown", "retry");
    case ACT_VOID:
        return clinical && row && state_is(row, "queued", "retry", "unknown");
    case ACT_BACK:
        return s->details;
    case ACT_FLUSH:
    case ACT_FILTER:
        return true;
    default:
        return false;
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    json_t *row = list_current(&s->list);
    s->id = json_integer_value(json_object_get(row, "id"));
    switch (act) {
    case ACT_UP:
    case ACT_DOWN:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
        app_list_act(&s->list, act);
        break;
    case ACT_OPEN:
        s->details = !s->details;
        break;
    case ACT_BACK:
        s->details = false;
        break;
    case ACT_RETRY:
        if (str_eq(text_of(row, "state"), "unknown"))
            app_confirm(a, "Nobody knows whether it arrived. Was it asked? Send it again? [y/N]", retry_yes);
        else
            retry_yes(a, s, NULL);
        break;
    case ACT_VOID:
        app_confirm(a, "Give this e-mail up? [y/N]", drop_yes);
        break;
    case ACT_FLUSH:
        app_say(a, STYLE_TEXT, "Sending what is due ...");
        app_ask(a, LANE_WORK, TAG_FLUSH, "mail.flush", NULL, NULL);
        break;
    case ACT_FILTER:
        choose_state(a, s);
        break;
    default:
        break;
    }
    ask_if_wanted(a, s);
}

/* ---- drawing ---- */
static int detail_rows(const struct state *s, int rows, int cols)
{
    return s->details || (rows >= 16 && cols >= 60) ? (rows >= 16 ? 8 : rows >= 9 ? 6 : 0) : 0;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    (void)a;
    list_fit(&s->list, rows - 1 - detail_rows(s, rows, cols));
}

static void draw_counts(const struct state *s, const struct pane *p)
{
    char next[32];
    int col = 0;
    for (size_t i = 0; i < ARRAY_N(states) && s->counts; i++) {
        int64_t n = count_of(s, states[i]);
        enum style style = n && i >= 4 ? STYLE_WARN : STYLE_TEXT;
        if (!n && (i == 1 || p->cols < 60))
            continue;
        col += pane_printf(p, 0, col, style, "%s %lld", str_eq(states[i], "in_flight") ? "sending" : states[i],
                           (long long)n) +
               2;
        moment(s->counts, "next_at", next, sizeof next);
        if (i == 2 && next[0] && p->cols >= 60)
            col += pane_printf(p, 0, col - 1, STYLE_TEXT, "(next %s)", next) + 1;
    }
    if (s->only[0])
        pane_printf(p, 0, col, STYLE_TITLE, "only: %s", s->only);
}

static void draw_detail(json_t *row, const struct pane *outer)
{
    char title[40], when[40];
    str_format(title, sizeof title, "E-mail %lld", (long long)json_integer_value(json_object_get(row, "id")));
    struct pane box = pane_box(outer, title, STYLE_TEXT), p = pane_sub(&box, 0, 1, box.rows, box.cols - 2);
    int line = 0;
    pane_printf(&p, line++, 0, STYLE_TEXT, "To       %s", text_of(row, "to"));
    pane_printf(&p, line++, 0, STYLE_TEXT, "Subject  %s", text_of(row, "subject"));
    char *ids = json_dumps(json_object_get(row, "results"), JSON_COMPACT | JSON_ENCODE_ANY);
    moment(row, "created_at", when, sizeof when);
    pane_printf(&p, line++, 0, STYLE_TEXT, "Results  %s   written %s", ids ? ids : "", when);
    mem_free(ids);
    if (*text_of(row, "error")) {
        struct pane rest = pane_sub(&p, line, 0, p.rows - line, p.cols);
        pane_wrap(&rest, 0, STYLE_WARN, text_of(row, "error"));
    }
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int detail = detail_rows(s, body->rows, body->cols);
    struct pane head = pane_sub(body, 0, 0, 1, body->cols);
    struct pane list = pane_sub(body, 1, 0, body->rows - 1 - detail, body->cols);
    json_t *row = list_current(&s->list);
    (void)v;
    draw_counts(s, &head);
    list_draw(&s->list, &list, columns, ARRAY_N(columns), -1, false, true);
    if (detail && row) {
        struct pane below = pane_sub(body, body->rows - detail, 0, detail, body->cols);
        draw_detail(row, &below);
    }
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    list_fini(&s->list);
    json_decref(s->counts);
}

const struct screen_row screen_outbox = {
    .id = "outbox",
    .title = "Mail",
    .roles = WHO_CLINICAL | WHO_ADMIN,
    .tab = 6,
    .state_bytes = sizeof(struct state),
    .help = "E-mails: queued waits, retry waits for its next try, dead was refused or given up, unknown may or may not "
            "have arrived: ask the recipient before y sends it again.",
    .open = NULL,
    .refresh = refresh,
    .answer = answer,
    .layout = layout,
    .draw = draw,
    .can = can,
    .act = act,
    .timer = refresh,
    .close = close_screen,
};
