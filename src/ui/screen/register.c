/* A patient's own account. */
#include "ui/screen/account_form.h"

enum { TAG_REGISTER };

struct state {
    struct form form;
    bool waiting;
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    struct form *f = &s->form;
    (void)a, (void)args, (void)e;
    form_add(f, FIELD_TEXT, "username", "User name", "Letters, digits and . _ - @ +; at least two; nobody else has it")
        ->required = true;
    form_add(f, FIELD_TEXT, "email", "E-mail", "Where the clinic may write to you")->required = true;
    form_add(f, FIELD_TEXT, "first_name", "First name", "May stay empty");
    form_add(f, FIELD_TEXT, "last_name", "Last name", "May stay empty");
    account_form_passwords(f, "Password");
    form_add(f, FIELD_BUTTON, "register", "Register", "Enter makes the account; Esc goes back");
    f->field[0].edit.max = 63;
    return RC_OK;
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)tag, (void)fd;
    s->waiting = false;
    if (!result) {
        account_form_refused(&s->form, e);
        return;
    }
    app_say(a, STYLE_TEXT, "The account %s is made: sign in with it", form_text(&s->form, "username"));
    app_back(a);
}

static void submit(struct app *a, struct state *s)
{
    static const char *const fields[] = {"username", "email", "first_name", "last_name", "password", "confirm"};
    if (s->waiting || !account_form_check(a, &s->form))
        return;
    json_t *args = json_object();
    for (size_t i = 0; i < ARRAY_N(fields); i++)
        json_object_set_new(args, fields[i], json_string(form_text(&s->form, fields[i])));
    s->waiting = true;
    app_say(a, STYLE_TEXT, "Making the account ...");
    app_ask(a, LANE_QUERY, TAG_REGISTER, "users.register", args, NULL);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    enum form_event event = account_form_key(a, &s->form, key);
    if (event == FORM_BUTTON || event == FORM_SUBMIT)
        submit(a, s);
    return event == FORM_UNUSED ? key >= ' ' && key < KEYS_BASE : event != FORM_CANCEL;
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    (void)v;
    form_box_draw(&s->form, body, "Register as a patient", NULL, 12);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    form_wipe(&s->form);
}

const struct screen_row screen_register = {
    .id = "register",
    .title = "Register",
    .state_bytes = sizeof(struct state),
    .help = "An account for a patient: user name, e-mail and a password of at least 8 characters. A field is checked "
            "when you leave it; ! marks what is not right yet.",
    .open = open_screen,
    .answer = answer,
    .draw = draw,
    .key = key,
    .close = close_screen,
};
