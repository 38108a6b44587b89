/* Patients: found while typing, opened, bound to the next analysis. */
#include "ui/screen/paged.h"
#include "ui/screen/patient_text.h"

enum { TAG_LIST };
enum { SEARCH_DELAY_MS = 120, WIDE_COLS = 100, WIDEST_COLS = 160 };

static const struct {
    const char *ordering, *label;
    int column;
    bool falling;
} orders[] = {
    {"name", "by name", 1, false},
    {"-last_result_at", "last result first", 7, true},
    {"-id", "newest number first", 0, true},
    {"birth_year", "oldest first", 3, false},
};

struct state {
    struct paged patients;
    char search[200];
    size_t order;
    bool choose; /* opened to bind one: Enter binds and goes back */
};

/* ---- columns ---- */
static void id_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%06lld", (long long)json_integer_value(json_object_get(row, "id")));
}

static void name_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, patient_field(row, "name"));
}

static void sex_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, patient_field(row, "sex"));
}

static void age_text(json_t *row, char *dst, size_t cap)
{
    json_t *age = json_object_get(row, "age");
    dst[0] = 0;
    if (json_is_integer(age))
        str_format(dst, cap, "%3lld", (long long)json_integer_value(age));
}

static void phone_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, patient_field(row, "phone"));
}

static void consent_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, json_is_true(json_object_get(row, "consent")) ? "yes" : "NO");
}

static enum style consent_style(json_t *row)
{
    return json_is_true(json_object_get(row, "consent")) ? STYLE_TEXT : STYLE_WARN;
}

static void results_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%3lld", (long long)json_integer_value(json_object_get(row, "results")));
}

static void last_text(json_t *row, char *dst, size_t cap)
{
    patient_day(row, "last_result_at", dst, cap);
}

static const struct list_column columns[] = {
    {"No", 6, 6, id_text, NULL, -1},         {"Name", 0, 0, name_text, NULL, 0},
    {"S", 1, 1, sex_text, NULL, 1},          {"Age", 3, 3, age_text, NULL, 3},
    {"Phone", 15, 13, phone_text, NULL, -1}, {"Cons", 4, 4, consent_text, consent_style, 4},
    {"Res", 3, 3, results_text, NULL, 3},    {"Last", 10, 10, last_text, NULL, -1},
};

/* ---- asking ---- */
static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    (void)a, (void)e;
    paged_init(&s->patients, "patients.list", TAG_LIST);
    paged_arg(&s->patients, "ordering", json_string(orders[0].ordering));
    s->choose = json_is_true(json_object_get(args, "choose"));
    return RC_OK;
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    paged_refresh(a, &s->patients);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)tag, (void)fd, (void)e;
    paged_take(a, &s->patients, result);
}

static void timer(struct app *a, void *state)
{
    struct state *s = state;
    paged_arg(&s->patients, "search", s->search[0] ? json_string(s->search) : NULL);
    paged_top(a, &s->patients);
}

static void search_typed(struct app *a, void *state, const char *text)
{
    struct state *s = state;
    str_copy(s->search, sizeof s->search, text ? text : "");
    app_timer(a, SEARCH_DELAY_MS);
}

/* ---- doing ---- */
static void bind(struct app *a, struct state *s)
{
    int64_t id = paged_id(&s->patients);
    if (id == app_bound_patient(a) && !s->choose) {
        app_bind_patient(a, 0, NULL);
        app_say(a, STYLE_TEXT, "No patient is bound now");
        return;
    }
    app_bind_patient(a, id, list_current(&s->patients.list));
    app_say(a, STYLE_TEXT, "%s is bound: what is analysed now belongs to this patient",
            paged_text(&s->patients, "name"));
    if (s->choose)
        app_back(a);
}

static void next_order(struct app *a, struct state *s)
{
    s->order = (s->order + 1) % ARRAY_N(orders);
    app_say(a, STYLE_TEXT, "Order: %s", orders[s->order].label);
    paged_arg(&s->patients, "ordering", json_string(orders[s->order].ordering));
    paged_top(a, &s->patients);
}

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    bool row = paged_id(&s->patients) != 0;
    switch (act) {
    case ACT_OPEN:
    case ACT_PATIENT:
    case ACT_EDIT:
        return row;
    case ACT_SEARCH:
    case ACT_NEW:
    case ACT_SORT:
        return true;
    case ACT_MARK_NONE:
        return app_bound_patient(a) != 0;
    case ACT_ANALYSE:
        return row && !s->choose;
    case ACT_BACK:
        return s->search[0] != 0;
    default:
        return paged_can(&s->patients, act);
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    json_int_t id = (json_int_t)paged_id(&s->patients);
    if (paged_act(a, &s->patients, act))
        return;
    switch (act) {
    case ACT_OPEN:
        if (s->choose)
            bind(a, s);
        else
            app_go(a, "patient", json_pack("{s:I}", "id", id));
        break;
    case ACT_PATIENT:
        bind(a, s);
        break;
    case ACT_MARK_NONE:
        app_bind_patient(a, 0, NULL);
        app_say(a, STYLE_TEXT, "No patient is bound now");
        break;
    case ACT_ANALYSE:
        app_bind_patient(a, id, list_current(&s->patients.list));
        app_tab(a, "analyse");
        break;
    case ACT_SEARCH:
        app_prompt_live(a, "Search name, number, phone, birth year:", s->search, search_typed, search_typed);
        break;
    case ACT_SORT:
        next_order(a, s);
        break;
    case ACT_NEW:
        app_go(a, "patient_form", json_pack("{s:b, s:s}", "choose", (int)s->choose, "name", s->search));
        break;
    case ACT_EDIT:
        app_go(a, "patient_form", json_pack("{s:I}", "id", id));
        break;
    case ACT_BACK:
        search_typed(a, s, NULL);
        break;
    default:
        break;
    }
}

/* ---- drawing ---- */
static int card_cols(int cols)
{
    return cols >= WIDEST_COLS ? 60 : cols >= WIDE_COLS ? 36 : 0;
}

static void layout(struct app *a, void *state, int rows, int cols)
{
    struct state *s = state;
    (void)cols;
    paged_fit(a, &s->patients, rows - 1);
}

static void draw_head(const struct state *s, const struct pane *p)
{
    char line[260], count[60] = "";
    const struct list *l = &s->patients.list;
    if (s->search[0])
        str_format(line, sizeof line, "search: %s", s->search);
    else
        str_copy(line, sizeof line, s->choose ? "Choose a patient: Enter binds" : "all patients");
    if (l->rows)
        str_format(count, sizeof count, "%lld of %lld", l->total ? (long long)l->cursor + 1 : 0LL, (long long)l->total);
    pane_field(p, 0, 0, p->cols - (int)text_columns(count) - 1, STYLE_TEXT, line);
    pane_right(p, 0, STYLE_TEXT, count);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int card = card_cols(body->cols);
    struct pane head = pane_sub(body, 0, 0, 1, body->cols);
    struct pane list = pane_sub(body, 1, 0, body->rows - 1, body->cols - card);
    (void)v;
    draw_head(s, &head);
    if (card) {
        struct pane beside = pane_sub(body, 1, body->cols - card, body->rows - 1, card);
        struct pane box = pane_box(&beside, "Patient", STYLE_TEXT), inner = pane_sub(&box, 0, 1, box.rows, card - 4);
        patient_card_draw(list_current(&s->patients.list), &inner);
    }
    list_draw(&s->patients.list, &list, columns, ARRAY_N(columns), orders[s->order].column, orders[s->order].falling,
              true);
    if (s->patients.list.rows && s->patients.list.total == 0)
        pane_text(&list, 1, 2, STYLE_DIM,
                  s->search[0] ? "Nobody like that; n registers a new patient" : "No patients yet; n registers one");
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    paged_fini(&s->patients);
}

const struct screen_row screen_patients = {
    .id = "patients",
    .title = "Patients",
    .roles = WHO_DOCTOR,
    .tab = 3,
    .state_bytes = sizeof(struct state),
    .bar = {ACT_OPEN, ACT_SEARCH, ACT_NEW, ACT_PATIENT, ACT_ANALYSE, ACT_EDIT, ACT_SORT},
    .help = "/ searches while you type: any part of the name, the number, the phone or the birth year. Enter opens the "
            "chart, p binds the patient to what is analysed next, U unbinds, n registers, E edits.",
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
