/* A doctor's word on a result: agree, or an own class, and a note. */
#include "ui/app.h"

enum { TAG_SHOW, TAG_REVIEW };
enum { CLASSES_MAX = 64 };

static const char *const opinions[] = {"agree", "disagree", NULL};

struct state {
    struct form form;
    int64_t id;
    json_t *record; /* owned; names of the classes are borrowed from it */
    const char *classes[CLASSES_MAX + 2];
    char said[160];
    bool waiting;
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    (void)a;
    s->id = json_integer_value(json_object_get(args, "id"));
    s->classes[0] = "-";
    form_add(&s->form, FIELD_CHOICE, "opinion", "You", "Space changes")->choices = opinions;
    form_add(&s->form, FIELD_CHOICE, "own_class", "Own class", "When you disagree: Space changes")->choices =
        s->classes;
    form_add(&s->form, FIELD_NOTE, "note", "Note", "What the patient's record should say; may stay empty");
    form_add(&s->form, FIELD_BUTTON, "record", "Record it", "Enter records your review; it can be recorded anew");
    return s->id ? RC_OK : err_set(e, ERR_VALUE, "No result was named");
}

static void refresh(struct app *a, void *state)
{
    struct state *s = state;
    if (!s->record)
        app_ask(a, LANE_QUERY, TAG_SHOW, "results.show", json_pack("{s:I}", "id", (json_int_t)s->id), NULL);
}

static void take_record(struct state *s, json_t *record)
{
    const char *name,
        *predicted = json_string_value(json_object_get(json_object_get(record, "result"), "predicted_class"));
    json_t *score;
    int n = 1;
    json_decref(s->record);
    s->record = json_incref(record);
    json_object_foreach(json_object_get(s->record, "scores"), name,
                        score) if (n <= CLASSES_MAX && !str_eq(name, predicted)) s->classes[n++] = name;
    s->classes[n] = NULL;
    str_format(s->said, sizeof s->said, "%s, %.1f %%", predicted ? predicted : "",
               json_number_value(json_object_get(json_object_get(record, "result"), "confidence")));
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (tag == TAG_SHOW && result)
        take_record(s, result);
    if (tag != TAG_REVIEW)
        return;
    s->waiting = false;
    if (result) {
        app_draft_drop(a);
        app_say(a, STYLE_TEXT, "Review of #%06lld recorded", (long long)s->id);
        app_back(a);
    }
}

static void record(struct app *a, struct state *s)
{
    bool agree = form_field(&s->form, "opinion")->choice == 0;
    int own = form_field(&s->form, "own_class")->choice;
    if (s->waiting)
        return;
    if (!agree && own == 0 && s->classes[1]) {
        s->form.focus = 1;
        str_copy(s->form.field[1].wrong, sizeof s->form.field[1].wrong, "Say which class it is instead: Space changes");
        return;
    }
    json_t *args = json_pack("{s:I, s:b}", "id", (json_int_t)s->id, "agree", (int)agree);
    if (!agree && own)
        json_object_set_new(args, "own_class", json_string(s->classes[own]));
    if (*form_text(&s->form, "note"))
        json_object_set_new(args, "note", json_string(form_text(&s->form, "note")));
    s->waiting = true;
    app_ask(a, LANE_QUERY, TAG_REVIEW, "results.review", args, NULL);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    enum form_event event = form_key(&s->form, key, app_paste(a), app_view(a)->now_ms);
    if (event == FORM_USED && s->form.focus == 1 && form_field(&s->form, "own_class")->choice > 0) {
        s->form.field[1].wrong[0] = 0;
        form_field(&s->form, "opinion")->choice = 1;
    }
    if (event == FORM_BUTTON || event == FORM_SUBMIT)
        record(a, s);
    return event == FORM_UNUSED ? key >= ' ' && key < KEYS_BASE : event != FORM_CANCEL;
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int cols = body->cols < 72 ? body->cols : 72, rows = body->rows < 11 ? body->rows : 11;
    struct pane outer = pane_sub(body, (body->rows - rows) / 3, (body->cols - cols) / 2, rows, cols);
    char title[60];
    (void)v;
    str_format(title, sizeof title, "Review %06lld", (long long)s->id);
    struct pane box = pane_box(&outer, title, STYLE_TEXT);
    pane_printf(&box, 0, 1, STYLE_TEXT, "The network said: %s", s->said);
    int top = box.rows >= 8 ? 2 : 1;
    struct pane inner = pane_sub(&box, top, 1, box.rows - top, box.cols - 2);
    form_draw(&s->form, &inner, 10);
}

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
    app_say(a, STYLE_TEXT, "Your draft is back");
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    json_decref(s->record);
}

const struct screen_row screen_review = {
    .id = "review",
    .title = "Review",
    .roles = WHO_DOCTOR,
    .state_bytes = sizeof(struct state),
    .help = "Say whether you agree with the network. Earlier reviews stay in the record.",
    .open = open_screen,
    .refresh = refresh,
    .answer = answer,
    .draw = draw,
    .key = key,
    .draft = draft,
    .restore = restore,
    .close = close_screen,
};
