/* Registering and editing a patient. Likely duplicates are named while one types, and never stand in the way. */
#include "base/file.h"
#include "ui/screen/account_form.h"
#include "ui/screen/patient_text.h"
#include <string.h>
#include <time.h>

enum { TAG_SHOW, TAG_ALIKE, TAG_SAVE };
enum { ALIKE_DELAY_MS = 250, BIRTH_YEAR_MIN = 1880, WIDE_COLS = 100, FORM_COLS = 66 };

static const char *const sexes[] = {"not told", "F", "M", "X", NULL};

struct state {
    struct form form;
    int64_t id;  /* 0: a new patient */
    bool choose; /* came from choosing one: the new patient is bound */
    bool waiting;
    json_t *alike;   /* owned; rows of patients.duplicates */
    char asked[500]; /* what alike was asked with */
};

static int64_t this_year(int64_t now_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm now;
    localtime_r(&seconds, &now);
    return now.tm_year + 1900;
}

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    struct form *f = &s->form;
    (void)e;
    s->id = json_integer_value(json_object_get(args, "id"));
    s->choose = json_is_true(json_object_get(args, "choose"));
    form_add(f, FIELD_TEXT, "name", "Name", "Family name first, then the others, in any script")->required = true;
    form_add(f, FIELD_CHOICE, "sex", "Sex", "Space changes: F, M, X or not told")->choices = sexes;
    struct field *born = form_add(f, FIELD_NUMBER, "birth_year", "Birth year", "Four digits; empty when not known");
    born->min = BIRTH_YEAR_MIN;
    born->max = this_year(clock_wall_ms());
    form_add(f, FIELD_TEXT, "phone", "Phone", "As it is dialled here; may stay empty");
    form_add(f, FIELD_CHECK, "consent", "Consent", "Space: the patient agrees that pictures are kept and analysed");
    form_add(f, FIELD_NOTE, "notes", "Notes", "For the chart, not for reports");
    form_add(f, FIELD_TEXT, "username", "Account", "User name of the patient's own account; sees released results");
    form_add(f, FIELD_BUTTON, "save", s->id ? "Save" : "Register", "Enter saves; Esc keeps a draft");
    edit_set(&f->field[0].edit, patient_field(args, "name"));
    if (f->field[0].edit.len)
        app_timer(a, ALIKE_DELAY_MS);
    return RC_OK;
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    if (s->id && !s->form.changed)
        app_ask(a, LANE_QUERY, TAG_SHOW, "patients.show", json_pack("{s:I}", "id", (json_int_t)s->id), NULL);
}

static void fill(struct form *f, json_t *patient)
{
    static const char *const texts[] = {"name", "phone", "notes", "username"};
    json_t *born = json_object_get(patient, "birth_year");
    char year[24] = "";
    for (size_t i = 0; i < ARRAY_N(texts); i++)
        edit_set(&form_field(f, texts[i])->edit, patient_field(patient, texts[i]));
    if (json_is_integer(born))
        str_format(year, sizeof year, "%lld", (long long)json_integer_value(born));
    edit_set(&form_field(f, "birth_year")->edit, year);
    form_field(f, "consent")->on = json_is_true(json_object_get(patient, "consent"));
    for (int i = 1; sexes[i]; i++)
        if (str_eq(sexes[i], patient_field(patient, "sex")))
            form_field(f, "sex")->choice = i;
}

static int64_t birth_year(struct state *s)
{
    struct field *f = form_field(&s->form, "birth_year");
    int64_t year = 0;
    return str_to_i64(f->edit.text, f->min, f->max, &year) ? year : 0;
}

/* Asked again only when one of the three fields has changed. */
static void ask_alike(struct app *a, struct state *s)
{
    char key[sizeof s->asked];
    const char *name = form_text(&s->form, "name"), *phone = form_text(&s->form, "phone");
    str_format(key, sizeof key, "%.300s\n%s\n%.100s", name, form_text(&s->form, "birth_year"), phone);
    if (s->id || strlen(name) < 2 || str_eq(key, s->asked))
        return;
    str_copy(s->asked, sizeof s->asked, key);
    json_t *args = json_pack("{s:s, s:s}", "name", name, "phone", phone);
    if (args && birth_year(s))
        json_object_set_new(args, "birth_year", json_integer((json_int_t)birth_year(s)));
    app_ask(a, LANE_QUERY, TAG_ALIKE, "patients.duplicates", args, NULL);
}

static void timer(struct app *a, void *state)
{
    ask_alike(a, state);
}

static void saved(struct app *a, struct state *s, json_t *patient)
{
    bool choose = s->choose, fresh = !s->id;
    json_int_t id = json_integer_value(json_object_get(patient, "id"));
    s->form.changed = false;
    app_draft_drop(a);
    app_say(a, STYLE_TEXT, fresh ? "%s is registered as #%06lld" : "%s saved, #%06lld", patient_field(patient, "name"),
            (long long)id);
    if (choose || app_bound_patient(a) == id)
        app_bind_patient(a, id, patient);
    app_back(a);
    if (choose)
        app_back(a);
    else if (fresh)
        app_go(a, "patient", json_pack("{s:I}", "id", id));
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (tag == TAG_SHOW && result && !s->form.changed) {
        fill(&s->form, json_object_get(result, "patient"));
    } else if (tag == TAG_ALIKE && result) {
        json_decref(s->alike);
        s->alike = json_incref(json_object_get(result, "results"));
    } else if (tag == TAG_SAVE) {
        s->waiting = false;
        if (result)
            saved(a, s, json_object_get(result, "patient"));
    }
}

static void save(struct app *a, struct state *s)
{
    struct form *f = &s->form;
    int sex = form_field(f, "sex")->choice;
    if (s->waiting || !account_form_check(a, f))
        return;
    json_t *args =
        json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", form_text(f, "name"), "sex", sex ? sexes[sex] : "", "phone",
                  form_text(f, "phone"), "consent", (int)form_field(f, "consent")->on, "notes", form_text(f, "notes"));
    if (s->id) {
        json_object_set_new(args, "id", json_integer((json_int_t)s->id));
        json_object_set_new(args, "birth_year", json_integer((json_int_t)birth_year(s)));
        json_object_set_new(args, "username", json_string(form_text(f, "username")));
    } else {
        if (birth_year(s))
            json_object_set_new(args, "birth_year", json_integer((json_int_t)birth_year(s)));
        if (*form_text(f, "username"))
            json_object_set_new(args, "username", json_string(form_text(f, "username")));
    }
    s->waiting = true;
    app_ask(a, LANE_QUERY, TAG_SAVE, s->id ? "patients.set" : "patients.add", args, NULL);
}

static void leave(struct app *a, struct state *s)
{
    if (s->form.changed) {
        app_draft_keep(a);
        app_say(a, STYLE_TEXT, "Not saved; kept as a draft");
    }
    app_back(a);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    switch (account_form_key(a, &s->form, key)) {
    case FORM_UNUSED:
        return key >= ' ' && key < KEYS_BASE;
    case FORM_CANCEL:
        leave(a, s);
        break;
    case FORM_SUBMIT:
    case FORM_BUTTON:
        save(a, s);
        break;
    case FORM_USED:
        app_timer(a, ALIKE_DELAY_MS);
        break;
    }
    return true;
}

/* ---- drawing ---- */
static void draw_alike(const struct state *s, const struct pane *p)
{
    size_t i;
    json_t *row;
    if (p->rows < 2 || !json_array_size(s->alike))
        return;
    pane_text(p, 0, 0, STYLE_WARN, "Likely the same person? Look before you register:");
    json_array_foreach(s->alike, i, row)
    {
        char age[60], line[400];
        if ((int)i + 1 >= p->rows)
            break;
        patient_age(row, age, sizeof age);
        str_format(line, sizeof line, "#%06lld %s  %s  %s", (long long)json_integer_value(json_object_get(row, "id")),
                   patient_field(row, "name"), age, patient_field(row, "phone"));
        pane_field(p, (int)i + 1, 0, p->cols, STYLE_TEXT, line);
    }
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    char title[60] = "New patient";
    int alike = (int)json_array_size(s->alike), rows = s->form.n + 4;
    bool beside = body->cols >= WIDE_COLS;
    int cols = beside ? FORM_COLS : body->cols, below = beside || !alike ? 0 : alike < 4 ? alike + 1 : 4;
    (void)v;
    if (s->id)
        str_format(title, sizeof title, "Patient %06lld", (long long)s->id);
    if (rows > body->rows - below)
        rows = body->rows - below;
    struct pane outer = pane_sub(body, 0, 0, rows, cols), box = pane_box(&outer, title, STYLE_TEXT);
    struct pane inner = pane_sub(&box, 0, 1, box.rows, box.cols - 2);
    struct pane names = beside ? pane_sub(body, 1, FORM_COLS + 1, body->rows - 1, body->cols - FORM_COLS - 1)
                               : pane_sub(body, rows, 1, below, body->cols - 2);
    draw_alike(s, &names);
    form_draw(&s->form, &inner, 11);
}

/* ---- drafts ---- */
static json_t *draft(const void *state)
{
    const struct state *s = state;
    return s->form.changed ? json_pack("{s:I, s:o}", "id", (json_int_t)s->id, "form", form_to_json(&s->form)) : NULL;
}

static void restore(struct app *a, void *state, json_t *fields)
{
    struct state *s = state;
    if (s->form.changed || json_integer_value(json_object_get(fields, "id")) != s->id)
        return;
    form_from_json(&s->form, json_object_get(fields, "form"));
    s->form.changed = true;
    app_say(a, STYLE_TEXT, "Your draft is back; Ctrl-U empties a field");
    app_timer(a, ALIKE_DELAY_MS);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    json_decref(s->alike);
}

const struct screen_row screen_patient_form = {
    .id = "patient_form",
    .title = "Patient",
    .roles = WHO_DOCTOR,
    .state_bytes = sizeof(struct state),
    .keys_help = "Enter next   Tab field   Space change   Esc draft   F1 help",
    .help = "Only the name is needed. People who look like this one are named while you type; you decide. Esc keeps a "
            "draft.",
    .open = open_screen,
    .refresh = refresh,
    .answer = answer,
    .draw = draw,
    .key = key,
    .timer = timer,
    .draft = draft,
    .restore = restore,
    .close = close_screen,
};
