/* The administrator's desk: accounts, sessions, the audit trail. */
#include "base/secret.h"
#include "ui/screen/paged.h"
#include "ui/screen/people_row.h"
#include <string.h>

enum desk { DESK_ACCOUNTS, DESK_SESSIONS, DESK_AUDIT, DESK_N };
enum { TAG_ACCOUNTS, TAG_SESSIONS, TAG_AUDIT, TAG_CHANGE, TAG_VERIFY };
enum { SEARCH_DELAY_MS = 120, PASSWORD_CAP = 256 };

static const struct {
    const char *title, *op;
    int tag;
    const struct list_column *columns;
    const int *columns_n;
} desks[DESK_N] = {
    {"People", "users.list", TAG_ACCOUNTS, account_columns, &account_columns_n},
    {"Sessions", "session.list", TAG_SESSIONS, session_columns, &session_columns_n},
    {"Audit", "audit.list", TAG_AUDIT, audit_columns, &audit_columns_n},
};
static const char *const role_lines[] = {"patient", "doctor", "researcher", "administrator"};

struct state {
    struct paged list[DESK_N];
    enum desk desk;
    char search[200];            /* of the accounts */
    char narrowed[200];          /* of the audit trail */
    char username[64];           /* whom the open question is about */
    char password[PASSWORD_CAP]; /* typed once, waiting for the second time */
    char done[120];              /* what to say when the change has been made */
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    (void)a, (void)args, (void)e;
    for (int i = 0; i < DESK_N; i++)
        paged_init(&s->list[i], desks[i].op, desks[i].tag);
    return RC_OK;
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    paged_refresh(a, &s->list[s->desk]);
}

static void verified(struct app *a, json_t *verdict)
{
    json_t *reason = json_object_get(verdict, "reason");
    long long rows = (long long)json_integer_value(json_object_get(verdict, "rows"));
    if (json_is_true(json_object_get(verdict, "ok")))
        app_say(a, STYLE_NORMAL, "The audit trail is whole: %lld rows, head %.24s...", rows,
                json_string_value(json_object_get(verdict, "head")));
    else
        app_say(a, STYLE_ERROR, "The audit trail is BROKEN at row %lld: %s",
                (long long)json_integer_value(json_object_get(verdict, "broken_at")),
                json_is_string(reason) ? json_string_value(reason) : "");
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (tag < DESK_N) {
        paged_take(a, &s->list[tag], result);
    } else if (tag == TAG_VERIFY && result) {
        verified(a, result);
    } else if (tag == TAG_CHANGE && result) {
        app_say(a, STYLE_TEXT, "%s", s->done);
        refresh(a, s);
    }
}

/* ---- searching ---- */
/* Audit rows are narrowed by an operation ("results.void", "results.") or by a user. */
static void timer(struct app *a, void *state)
{
    struct state *s = state;
    struct paged *p = &s->list[s->desk];
    if (s->desk == DESK_ACCOUNTS) {
        paged_arg(p, "search", s->search[0] ? json_string(s->search) : NULL);
    } else {
        size_t n = strlen(s->narrowed);
        bool op = strchr(s->narrowed, '.') != NULL && !strchr(s->narrowed, '@');
        if (op && s->narrowed[n - 1] == '.')
            n--;
        paged_arg(p, "op", op ? json_stringn(s->narrowed, n) : NULL);
        paged_arg(p, "user", n && !op ? json_string(s->narrowed) : NULL);
    }
    paged_top(a, p);
}

static void search_typed(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (s->desk == DESK_ACCOUNTS)
        str_copy(s->search, sizeof s->search, text ? text : "");
    else
        str_copy(s->narrowed, sizeof s->narrowed, text ? text : "");
    app_timer(a, SEARCH_DELAY_MS);
}

/* ---- changing an account ---- */
static void change(struct app *a, const char *op, json_t *args)
{
    app_ask(a, LANE_QUERY, TAG_CHANGE, op, args, NULL);
}

static bool disabled(const struct state *s)
{
    return json_is_true(json_object_get(list_current(&s->list[DESK_ACCOUNTS].list), "disabled"));
}

static bool is_active(const struct state *s)
{
    char text[60];
    account_state(list_current(&s->list[DESK_ACCOUNTS].list), text, sizeof text);
    return str_eq(text, "active");
}

static void disable_yes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    (void)text;
    str_format(s->done, sizeof s->done, "%s is disabled, open sessions are ended", s->username);
    change(a, "users.disable", json_pack("{s:s}", "username", s->username));
}

static void enable_yes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    (void)text;
    str_format(s->done, sizeof s->done, "%s may sign in again", s->username);
    change(a, "users.enable", json_pack("{s:s}", "username", s->username));
}

static void role_chosen(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (!text)
        return;
    str_format(s->done, sizeof s->done, "%s is %s now; signs in anew", s->username, text);
    change(a, "users.role", json_pack("{s:s, s:s}", "username", s->username, "role", text));
}

static void password_again(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (text && str_eq(text, s->password)) {
        str_format(s->done, sizeof s->done, "%s has a new password; open sessions are ended", s->username);
        change(a, "users.reset", json_pack("{s:s, s:s}", "username", s->username, "password", text));
    } else if (text) {
        app_say(a, STYLE_WARN, "Not done: the two passwords differ");
    }
    secret_wipe(s->password, sizeof s->password);
}

static void password_typed(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    if (!text || !*text)
        return;
    str_copy(s->password, sizeof s->password, text);
    app_prompt(a, "Once more:", "", true, password_again);
}

static void ask_change(struct app *a, struct state *s, enum action act)
{
    char question[200];
    str_copy(s->username, sizeof s->username, paged_text(&s->list[DESK_ACCOUNTS], "username"));
    int current = 0;
    switch (act) {
    case ACT_DISABLE:
        str_format(question, sizeof question,
                   is_active(s) ? "Disable %s and end the sessions? [y/N]" : "Let %s sign in again? [y/N]",
                   s->username);
        app_confirm(a, question, is_active(s) ? disable_yes : enable_yes);
        break;
    case ACT_ROLE:
        for (size_t i = 0; i < ARRAY_N(role_lines); i++)
            if (str_eq(role_lines[i], paged_text(&s->list[DESK_ACCOUNTS], "role")))
                current = (int)i;
        str_format(question, sizeof question, "Role of %s", s->username);
        app_choose(a, question, role_lines, ARRAY_N(role_lines), current, role_chosen);
        break;
    default:
        str_format(question, sizeof question, "New password of %s (8 characters or more):", s->username);
        app_prompt(a, question, "", true, password_typed);
        break;
    }
}

/* ---- keys ---- */
static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    bool row = list_current(&s->list[s->desk].list) != NULL;
    (void)a;
    switch (act) {
    case ACT_PANE:
    case ACT_PANE_BACK:
        return true;
    case ACT_SEARCH:
        return s->desk != DESK_SESSIONS;
    case ACT_NEW:
        return s->desk == DESK_ACCOUNTS;
    case ACT_DISABLE:
    case ACT_ROLE:
    case ACT_RESET:
        return s->desk == DESK_ACCOUNTS && row;
    case ACT_CHECK:
        return s->desk == DESK_AUDIT;
    case ACT_BACK:
        return (s->desk == DESK_ACCOUNTS && s->search[0]) || (s->desk == DESK_AUDIT && s->narrowed[0]);
    default:
        return paged_can(&s->list[s->desk], act);
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    if (paged_act(a, &s->list[s->desk], act))
        return;
    switch (act) {
    case ACT_PANE:
    case ACT_PANE_BACK:
        s->desk = (enum desk)(((int)s->desk + (act == ACT_PANE ? 1 : DESK_N - 1)) % DESK_N);
        refresh(a, s);
        break;
    case ACT_SEARCH:
        if (s->desk == DESK_ACCOUNTS)
            app_prompt_live(a, "Search name or e-mail:", s->search, search_typed, search_typed);
        else
            app_prompt(a, "User, or operation like results.void:", s->narrowed, false, search_typed);
        break;
    case ACT_BACK:
        search_typed(a, s, NULL);
        break;
    case ACT_NEW:
        app_go(a, "person_form", NULL);
        break;
    case ACT_CHECK:
        app_say(a, STYLE_TEXT, "Checking every row of the audit trail ...");
        app_ask(a, LANE_WORK, TAG_VERIFY, "audit.verify", NULL, NULL);
        break;
    case ACT_DISABLE:
    case ACT_ROLE:
    case ACT_RESET:
        ask_change(a, s, act);
        break;
    default:
        break;
    }
}

/* ---- drawing ---- */
static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    (void)cols;
    if (s->list[s->desk].list.rows)
        paged_fit(a, &s->list[s->desk], rows - 2);
    else
        list_fit(&s->list[s->desk].list, rows - 2);
}

static void draw_head(const struct state *s, const struct pane *p)
{
    const struct list *l = &s->list[s->desk].list;
    const char *narrowed = s->desk == DESK_ACCOUNTS ? s->search : s->desk == DESK_AUDIT ? s->narrowed : "";
    char count[60] = "", line[260] = "";
    int col = 0;
    for (int i = 0; i < DESK_N; i++)
        col += 1 + pane_printf(p, 0, col, i == (int)s->desk ? STYLE_TAB_ON : STYLE_TAB,
                               i == (int)s->desk ? "[%s]" : " %s ", desks[i].title);
    if (l->rows)
        str_format(count, sizeof count, "%lld of %lld", l->total ? (long long)l->cursor + 1 : 0LL, (long long)l->total);
    if (narrowed[0])
        str_format(line, sizeof line, "search: %s", narrowed);
    else if (p->cols >= 60)
        str_copy(line, sizeof line, "Tab changes");
    pane_field(p, 0, col, p->cols - col - (int)text_columns(count) - 1, STYLE_DIM, line);
    pane_right(p, 0, STYLE_TEXT, count);
}

static void draw_foot(const struct state *s, const struct pane *p)
{
    json_t *row = list_current(&s->list[s->desk].list);
    const struct paged *list = &s->list[s->desk];
    if (!row)
        return;
    if (s->desk == DESK_ACCOUNTS)
        pane_printf(p, 0, 0, STYLE_DIM, "%s  %s %s  %s%s", paged_text(list, "username"), paged_text(list, "first_name"),
                    paged_text(list, "last_name"), paged_text(list, "email"), disabled(s) ? "  X enables" : "");
    else if (s->desk == DESK_SESSIONS)
        pane_printf(p, 0, 0, STYLE_DIM, "terminal %s%s%s  %s", paged_text(list, "tty"),
                    *paged_text(list, "host") ? "  from " : "", paged_text(list, "host"), paged_text(list, "why"));
    else
        pane_printf(p, 0, 0, STYLE_DIM, "%s  %s  %s  %s", paged_text(list, "at"), paged_text(list, "op"),
                    paged_text(list, "subject"), paged_text(list, "detail"));
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    struct pane head = pane_sub(body, 0, 0, 1, body->cols);
    struct pane list = pane_sub(body, 1, 0, body->rows - 2, body->cols);
    struct pane foot = pane_sub(body, body->rows - 1, 0, 1, body->cols);
    (void)v;
    draw_head(s, &head);
    draw_foot(s, &foot);
    list_draw(&s->list[s->desk].list, &list, desks[s->desk].columns, *desks[s->desk].columns_n, -1, false, true);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    for (int i = 0; i < DESK_N; i++)
        paged_fini(&s->list[i]);
    secret_wipe(s->password, sizeof s->password);
}

const struct screen_row screen_people = {
    .id = "people",
    .title = "People",
    .roles = WHO_ADMIN,
    .tab = 7,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_PANE, ACT_SEARCH, ACT_NEW, ACT_ROLE, ACT_DISABLE, ACT_RESET, ACT_CHECK},
    .help = "Tab changes between people, sessions and the audit trail. n adds a person, X disables or enables, O gives "
            "a role, Z sets a new password; in the audit trail c checks every row.",
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
