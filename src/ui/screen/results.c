/* Results: any filter, any order, marks, and what one does with many. */
#include "ui/screen/result_card.h"
#include "ui/screen/result_row.h"
#include "ui/screen/results_filter.h"
#include <string.h>

enum { TAG_LIST, TAG_RELEASE };
enum { SEARCH_DELAY_MS = 120, WIDE_COLS = 100, WIDEST_COLS = 160, COLUMNS_MAX = 12 };

static const struct {
    const char *ordering, *column, *label;
    bool falling;
} orders[] = {
    {"-created_at", "When", "newest first", true},      {"created_at", "When", "oldest first", false},
    {"-confidence", "Conf", "surest first", true},      {"confidence", "Conf", "least sure first", false},
    {"predicted_class", "Class", "by class", false},    {"model", "Model", "by network", false},
    {"patient", "Patient", "by patient's name", false},
};

struct state {
    struct list list;
    json_t *filter; /* owned; arguments of results.list but search, order and page */
    char search[200];
    size_t order;
    bool hidden[COLUMNS_MAX];
    int64_t asked_offset, asked_count; /* of the newest request */
    bool filtering, stale; /* stale: what is shown is not yet what was asked for, so nothing is done to it */
    struct form form;
    int64_t release_id;
    bool release_to;
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    json_t *filter = json_object_get(args, "filter");
    (void)a;
    s->filter = json_is_object(filter) ? json_deep_copy(filter) : json_object();
    s->asked_offset = -1;
    return s->filter ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

/* ---- asking ---- */
static json_t *list_args(const struct state *s)
{
    json_t *args = json_copy(s->filter);
    if (s->search[0])
        json_object_set_new(args, "search", json_string(s->search));
    return args;
}

static void ask_window(struct app *a, struct state *s, int64_t offset, int64_t count)
{
    json_t *args = list_args(s);
    json_object_set_new(args, "ordering", json_string(orders[s->order].ordering));
    json_object_set_new(args, "page", json_integer(offset / count + 1));
    json_object_set_new(args, "page_size", json_integer(count));
    s->asked_offset = offset;
    s->asked_count = count;
    app_ask(a, LANE_QUERY, TAG_LIST, "results.list", args, NULL);
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    int64_t offset = 0, count = 60;
    if (s->list.rows) {
        offset = s->asked_offset;
        count = s->asked_count;
    }
    ask_window(a, s, offset, count);
}

static void ask_from_top(struct app *a, struct state *s)
{
    s->stale = true;
    list_go(&s->list, 0);
    ask_window(a, s, 0, 60);
}

static void ask_if_wanted(struct app *a, struct state *s)
{
    int64_t offset, count;
    if (list_wants(&s->list, &offset, &count) && (offset != s->asked_offset || count != s->asked_count))
        ask_window(a, s, offset, count);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (tag == TAG_LIST && result) {
        s->stale = false;
        list_take(&s->list, result, s->asked_offset);
        ask_if_wanted(a, s);
    } else if (tag == TAG_LIST) {
        s->asked_offset = -1;
    } else if (tag == TAG_RELEASE && result) {
        app_say(a, STYLE_TEXT, "#%06lld is %s", (long long)s->release_id,
                s->release_to ? "released to its patient" : "withdrawn from its patient");
        refresh(a, s);
    }
}

static void timer(struct app *a, void *state)
{
    ask_from_top(a, state);
}

/* ---- doing ---- */
static int64_t current_id(const struct state *s)
{
    return json_integer_value(json_object_get(list_current(&s->list), "id"));
}

static json_t *marked_or_current(const struct state *s)
{
    json_t *ids = json_array();
    for (int i = 0; i < s->list.marks_n; i++)
        json_array_append_new(ids, json_integer(s->list.marks[i]));
    if (!s->list.marks_n && current_id(s))
        json_array_append_new(ids, json_integer(current_id(s)));
    return ids;
}

static void search_typed(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    str_copy(s->search, sizeof s->search, text ? text : "");
    s->stale = true;
    app_timer(a, SEARCH_DELAY_MS);
}

static void search_done(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    str_copy(s->search, sizeof s->search, text ? text : "");
    app_timer(a, -1);
    ask_from_top(a, s);
}

static void next_order(struct app *a, struct state *s)
{
    do
        s->order = (s->order + 1) % ARRAY_N(orders);
    while (str_eq(orders[s->order].ordering, "patient") && app_role(a) != ROLE_DOCTOR);
    app_say(a, STYLE_TEXT, "Order: %s", orders[s->order].label);
    ask_from_top(a, s);
}

static void column_chosen(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    for (int i = 1; text && i < result_columns_n; i++)
        if (str_eq(text + strlen("[x] "), result_columns[i].title))
            s->hidden[i] = !s->hidden[i];
    (void)a;
}

static void choose_columns(struct app *a, const struct state *s)
{
    char text[COLUMNS_MAX][40];
    const char *lines[COLUMNS_MAX];
    int n = 0;
    for (int i = 1; i < result_columns_n; i++, n++) {
        str_format(text[n], sizeof text[n], "[%c] %s", s->hidden[i] ? ' ' : 'x', result_columns[i].title);
        lines[n] = text[n];
    }
    app_choose(a, "Columns: Enter hides or shows", lines, n, 0, column_chosen);
}

/* The rows that are read can be turned; of a million others nobody has seen the marks. */
static void invert_marks(struct app *a, struct state *s)
{
    size_t i;
    json_t *row;
    json_array_foreach(s->list.rows, i, row)
    {
        int64_t id = json_integer_value(json_object_get(row, "id"));
        list_mark(&s->list, id, !list_marked(&s->list, id));
    }
    if ((int64_t)json_array_size(s->list.rows) < s->list.total)
        app_say(a, STYLE_TEXT, "%d marked, among the %zu rows around the cursor", s->list.marks_n,
                json_array_size(s->list.rows));
    else
        app_say(a, STYLE_TEXT, "%d marked", s->list.marks_n);
}

static void toggle_mark(struct app *a, struct state *s)
{
    int64_t id = current_id(s);
    if (!id)
        return;
    if (s->list.marks_n == LIST_MARKS_MAX && !list_marked(&s->list, id))
        app_say(a, STYLE_WARN, "%d rows are marked: no more fit; a filter exports any number", LIST_MARKS_MAX);
    list_mark(&s->list, id, !list_marked(&s->list, id));
    list_move(&s->list, 1);
}

static void export(struct app *a, struct state *s)
{
    json_t *ids = s->list.marks_n ? marked_or_current(s) : NULL;
    json_t *args = ids ? json_pack("{s:o}", "ids", ids)
                       : json_pack("{s:o, s:I}", "filter", list_args(s), "count", (json_int_t)s->list.total);
    app_go(a, "save", args);
}

static void release_yes(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    (void)text;
    app_ask(a, LANE_QUERY, TAG_RELEASE, "results.release",
            json_pack("{s:I, s:b}", "id", (json_int_t)s->release_id, "released", (int)s->release_to), NULL);
}

static void release(struct app *a, struct state *s)
{
    char question[100];
    s->release_id = current_id(s);
    s->release_to = !json_is_true(json_object_get(list_current(&s->list), "released"));
    str_format(question, sizeof question,
               s->release_to ? "Release #%06lld to its patient? [y/N]" : "Withdraw #%06lld from its patient? [y/N]",
               (long long)s->release_id);
    app_confirm(a, question, release_yes);
}

static bool list_act(struct app *a, struct state *s, enum action act)
{
    struct list *l = &s->list;
    switch (act) {
    case ACT_UP:
    case ACT_SEARCH_PREVIOUS:
    case ACT_DOWN:
    case ACT_SEARCH_NEXT:
    case ACT_TOP:
    case ACT_BOTTOM:
    case ACT_PAGE_UP:
    case ACT_PAGE_DOWN:
        app_list_act(l, act);
        break;
    case ACT_MARK:
        toggle_mark(a, s);
        break;
    case ACT_MARK_INVERT:
        invert_marks(a, s);
        break;
    case ACT_MARK_NONE:
        l->marks_n = 0;
        break;
    default:
        return false;
    }
    ask_if_wanted(a, s);
    return true;
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    bool rows = s->list.total > 0 && !s->stale, doctor = app_role(a) == ROLE_DOCTOR;
    if (s->filtering)
        return false;
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
    case ACT_EXPORT:
        return rows;
    case ACT_SEARCH_NEXT:
    case ACT_SEARCH_PREVIOUS:
        return rows && s->search[0];
    case ACT_SEARCH:
    case ACT_FILTER:
    case ACT_SORT:
    case ACT_COLUMNS:
        return true;
    case ACT_EMAIL:
    case ACT_SAVE:
        return rows && (act == ACT_SAVE || (app_role(a) & WHO_CLINICAL));
    case ACT_REVIEW:
    case ACT_RELEASE:
    case ACT_VOID:
        return rows && doctor && !json_is_true(json_object_get(list_current(&s->list), "voided"));
    case ACT_BACK:
        return s->search[0] || json_object_size(s->filter);
    default:
        return false;
    }
}

/* Back takes the narrowing away before it leaves. */
static void widen(struct app *a, struct state *s)
{
    s->search[0] = 0;
    json_object_clear(s->filter);
    app_say(a, STYLE_TEXT, "All results");
    ask_from_top(a, s);
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    if (list_act(a, s, act))
        return;
    switch (act) {
    case ACT_OPEN:
        app_go(a, "result", json_pack("{s:I}", "id", (json_int_t)current_id(s)));
        break;
    case ACT_SEARCH:
        app_prompt_live(a, "Search name or number:", s->search, search_typed, search_done);
        break;
    case ACT_FILTER:
        results_filter_open(&s->form, s->filter, app_role(a));
        s->filtering = true;
        break;
    case ACT_SORT:
        next_order(a, s);
        break;
    case ACT_COLUMNS:
        choose_columns(a, s);
        break;
    case ACT_EXPORT:
        export(a, s);
        break;
    case ACT_SAVE:
        app_go(a, "save", json_pack("{s:o}", "ids", marked_or_current(s)));
        break;
    case ACT_EMAIL:
        app_go(a, "compose", json_pack("{s:o}", "ids", marked_or_current(s)));
        break;
    case ACT_REVIEW:
        app_go(a, "review", json_pack("{s:I}", "id", (json_int_t)current_id(s)));
        break;
    case ACT_RELEASE:
        release(a, s);
        break;
    case ACT_VOID:
        app_go(a, "void_result", json_pack("{s:I}", "id", (json_int_t)current_id(s)));
        break;
    case ACT_BACK:
        widen(a, s);
        break;
    default:
        break;
    }
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    if (!s->filtering)
        return false;
    switch (form_key(&s->form, key, app_paste(a), app_view(a)->now_ms)) {
    case FORM_UNUSED:
        return key < 0x110000 && key >= ' ';
    case FORM_USED:
        break;
    case FORM_CANCEL:
        s->filtering = false;
        break;
    case FORM_SUBMIT:
    case FORM_BUTTON: {
        json_t *filter = results_filter_take(&s->form, app_view(a)->now_ms);
        if (!filter)
            break;
        json_decref(s->filter);
        s->filter = filter;
        s->filtering = false;
        ask_from_top(a, s);
        break;
    }
    }
    return true;
}

/* ---- drawing ---- */
static int card_cols(int cols)
{
    return cols >= WIDEST_COLS ? 48 : cols >= WIDE_COLS ? 36 : 0;
}

static int detail_rows(int rows, int cols)
{
    return cols >= WIDE_COLS ? 0 : rows >= 14 ? 3 : rows >= 9 ? 1 : 0;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    list_fit(&s->list, rows - 1 - detail_rows(rows, cols));
    if (s->list.rows)
        ask_if_wanted(a, s);
}

static void thousands(int64_t n, char *dst, size_t cap)
{
    if (n >= 1000000)
        str_format(dst, cap, "%lld,%03lld,%03lld", (long long)(n / 1000000), (long long)(n / 1000 % 1000),
                   (long long)(n % 1000));
    else if (n >= 1000)
        str_format(dst, cap, "%lld,%03lld", (long long)(n / 1000), (long long)(n % 1000));
    else
        str_format(dst, cap, "%lld", (long long)n);
}

static void draw_head(const struct state *s, const struct pane *p)
{
    char line[600], filter[500], at[32], total[32], count[80];
    bool wide = p->cols >= 60;
    results_filter_line(s->filter, filter, sizeof filter);
    str_format(line, sizeof line, "%s%s%s%s%s", filter[0] ? "filter: " : "", filter,
               filter[0] && s->search[0] ? "  " : "", s->search[0] ? "search: " : "", s->search);
    thousands(s->list.total ? s->list.cursor + 1 : 0, at, sizeof at);
    thousands(s->list.total, total, sizeof total);
    if (!s->list.rows)
        str_copy(count, sizeof count, "");
    else if (s->list.marks_n)
        str_format(count, sizeof count, "%d marked  %s of %s", s->list.marks_n, at, total);
    else
        str_format(count, sizeof count, "%s of %s", at, total);
    int width = (int)text_columns(count);
    pane_field(p, 0, 0, p->cols - width - 1, STYLE_TEXT, line[0] ? line : wide ? "all results" : "");
    pane_right(p, 0, STYLE_TEXT, count);
}

static void draw_detail(const struct state *s, const struct pane *p)
{
    json_t *row = list_current(&s->list);
    char id[24] = "", line[400];
    const char *mail = json_string_value(json_object_get(row, "mail"));
    if (!row)
        return;
    const char *name = json_string_value(json_object_get(row, "predicted_class"));
    json_t *model = json_object_get(row, "model");
    const char *network = json_string_value(json_is_object(model) ? json_object_get(model, "id") : model);
    str_format(line, sizeof line, "%s %.1f %% by %s  reviewed: %s  released: %s  mail: %s%s", name ? name : "",
               json_number_value(json_object_get(row, "confidence")), network ? network : "?",
               json_is_true(json_object_get(row, "reviewed")) ? "yes" : "no",
               json_is_true(json_object_get(row, "released")) ? "yes" : "no", mail && *mail ? mail : "-",
               json_is_true(json_object_get(row, "voided")) ? "  VOID" : "");
    if (p->rows < 3) {
        pane_field(p, 0, 0, p->cols, STYLE_TEXT, line);
        return;
    }
    str_format(id, sizeof id, "%06lld", (long long)current_id(s));
    struct pane box = pane_box(p, id, STYLE_TEXT);
    pane_field(&box, 0, 1, box.cols - 2, STYLE_TEXT, line);
}

static void draw_list(const struct state *s, const struct pane *p)
{
    struct list_column shown[COLUMNS_MAX];
    int n = 0, sorted = -1;
    for (int i = 0; i < result_columns_n; i++) {
        if (s->hidden[i])
            continue;
        if (str_eq(result_columns[i].title, orders[s->order].column))
            sorted = n;
        shown[n++] = result_columns[i];
    }
    list_draw(&s->list, p, shown, n, sorted, orders[s->order].falling, true);
}

static void draw_form(const struct state *s, const struct pane *body)
{
    int rows = s->form.n + 4 < body->rows ? s->form.n + 4 : body->rows, cols = body->cols < 60 ? body->cols : 60;
    struct pane outer = pane_sub(body, (body->rows - rows) / 2, (body->cols - cols) / 2, rows, cols);
    pane_fill(&outer, 0, 0, rows, cols, ' ', STYLE_TEXT);
    struct pane box = pane_box(&outer, "Filter", STYLE_TEXT), inner = pane_sub(&box, 0, 1, box.rows, box.cols - 2);
    form_draw(&s->form, &inner, 16);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int card = card_cols(body->cols), detail = detail_rows(body->rows, body->cols);
    struct pane head = pane_sub(body, 0, 0, 1, body->cols);
    struct pane list = pane_sub(body, 1, 0, body->rows - 1 - detail, body->cols - card);
    (void)v;
    draw_head(s, &head);
    draw_list(s, &list);
    if (detail) {
        struct pane below = pane_sub(body, body->rows - detail, 0, detail, body->cols);
        draw_detail(s, &below);
    }
    if (card) {
        struct pane beside = pane_sub(body, 1, body->cols - card, body->rows - 1, card);
        struct pane box = pane_box(&beside, "Result", STYLE_TEXT);
        json_t *row = list_current(&s->list);
        json_t *record = row ? json_pack("{s:O}", "result", row) : NULL;
        if (record)
            result_card_draw(record, &box);
        json_decref(record);
    }
    if (s->filtering)
        draw_form(s, body);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    list_fini(&s->list);
    json_decref(s->filter);
}

const struct screen_row screen_results = {
    .id = "results",
    .title = "Results",
    .roles = WHO_READERS,
    .tab = 4,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_OPEN, ACT_SEARCH, ACT_FILTER, ACT_SORT, ACT_MARK, ACT_EXPORT, ACT_EMAIL, ACT_VOID},
    .help = "All results you may see. / searches while you type, f filters, o changes the order, Space marks rows for "
            "x (export) and e (e-mail). St: r reviewed, R released, V void.",
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
