/* Voiding a result: a reason and a typed word; it stays readable for doctors. */
#include "ui/app.h"

enum { TAG_VOID };

struct state {
    struct form form;
    int64_t id;
    bool waiting;
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    (void)a;
    s->id = json_integer_value(json_object_get(args, "id"));
    struct field *reason =
        form_add(&s->form, FIELD_TEXT, "reason", "Reason", "Why it must not be used: kept in the record");
    reason->required = true;
    reason->edit.max = 500;
    struct field *word =
        form_add(&s->form, FIELD_TEXT, "word", "Type VOID", "In capitals; a void result cannot be made valid again");
    word->required = true;
    word->edit.max = 8;
    form_add(&s->form, FIELD_BUTTON, "void", "Void the result", "Enter voids it");
    return s->id ? RC_OK : err_set(e, ERR_VALUE, "No result was named");
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)tag, (void)e;
    s->waiting = false;
    if (!result)
        return;
    app_say(a, STYLE_TEXT, "#%06lld is void", (long long)s->id);
    app_back(a);
}

static void void_it(struct app *a, struct state *s)
{
    if (s->waiting || !form_check(&s->form, app_view(a)->now_ms))
        return;
    if (!str_eq(form_text(&s->form, "word"), "VOID")) {
        s->form.focus = 1;
        str_copy(s->form.field[1].wrong, sizeof s->form.field[1].wrong, "Not done: type VOID in capitals");
        return;
    }
    s->waiting = true;
    app_ask(a, LANE_QUERY, TAG_VOID, "results.void",
            json_pack("{s:I, s:s, s:s}", "id", (json_int_t)s->id, "reason", form_text(&s->form, "reason"), "confirm",
                      form_text(&s->form, "word")),
            NULL);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    enum form_event event = form_key(&s->form, key, app_paste(a), app_view(a)->now_ms);
    if (event == FORM_BUTTON)
        void_it(a, s);
    return event == FORM_UNUSED ? key >= ' ' && key < KEYS_BASE : event != FORM_CANCEL;
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int cols = body->cols < 64 ? body->cols : 64, rows = body->rows < 9 ? body->rows : 9;
    struct pane outer = pane_sub(body, (body->rows - rows) / 3, (body->cols - cols) / 2, rows, cols);
    char title[60];
    (void)v;
    str_format(title, sizeof title, "Void result %06lld", (long long)s->id);
    struct pane box = pane_box(&outer, title, STYLE_TEXT);
    struct pane inner = pane_sub(&box, 1, 1, box.rows - 1, box.cols - 2);
    form_draw(&s->form, &inner, 10);
}

const struct screen_row screen_void_result = {
    .id = "void_result",
    .title = "Void",
    .roles = WHO_DOCTOR,
    .state_bytes = sizeof(struct state),
    .help = "A void result is not shown to patients and researchers any more; doctors find it with the filter.",
    .open = open_screen,
    .answer = answer,
    .draw = draw,
    .key = key,
};
