/* The administrator adds a person. */
#include "ui/screen/account_form.h"

enum { TAG_ADD };

static const char *const roles[] = {"doctor", "patient", "researcher", "administrator", NULL};

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
    form_add(f, FIELD_CHOICE, "role", "Role", "Space changes; a doctor sees charts, a researcher no names")->choices =
        roles;
    form_add(f, FIELD_TEXT, "email", "E-mail", "One address")->required = true;
    form_add(f, FIELD_TEXT, "first_name", "First name", "May stay empty");
    form_add(f, FIELD_TEXT, "last_name", "Last name", "May stay empty");
    account_form_passwords(f, "Password");
    form_add(f, FIELD_BUTTON, "add", "Add", "Enter makes the account; tell the password by another way");
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
    s->form.changed = false;
    app_draft_drop(a);
    app_say(a, STYLE_TEXT, "%s is added as %s", form_text(&s->form, "username"), form_text(&s->form, "role"));
    app_back(a);
}

static void submit(struct app *a, struct state *s)
{
    static const char *const fields[] = {"username", "role", "email", "first_name", "last_name", "password"};
    if (s->waiting || !account_form_check(a, &s->form))
        return;
    json_t *args = json_object();
    for (size_t i = 0; i < ARRAY_N(fields); i++)
        json_object_set_new(args, fields[i], json_string(form_text(&s->form, fields[i])));
    s->waiting = true;
    app_ask(a, LANE_QUERY, TAG_ADD, "users.add", args, NULL);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    switch (account_form_key(a, &s->form, key)) {
    case FORM_UNUSED:
        return key >= ' ' && key < KEYS_BASE;
    case FORM_CANCEL:
        if (s->form.changed) {
            app_draft_keep(a);
            app_say(a, STYLE_TEXT, "Not added; kept as a draft without the password");
        }
        app_back(a);
        break;
    case FORM_SUBMIT:
    case FORM_BUTTON:
        submit(a, s);
        break;
    case FORM_USED:
        break;
    }
    return true;
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    (void)v;
    form_box_draw(&s->form, body, "Add a person", NULL, 12);
}

static json_t *draft(const void *state)
{
    const struct state *s = state;
    return s->form.changed ? form_to_json(&s->form) : NULL;
}

static void restore(struct app *a, void *state, json_t *fields)
{
    struct state *s = state;
    if (s->form.changed)
        return;
    form_from_json(&s->form, fields);
    s->form.changed = true;
    app_say(a, STYLE_TEXT, "Your draft is back; Ctrl-U empties a field");
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    form_wipe(&s->form);
}

const struct screen_row screen_person_form = {
    .id = "person_form",
    .title = "Add a person",
    .roles = WHO_ADMIN,
    .state_bytes = sizeof(struct state),
    .help = "An account with a role and a first password, which its owner should change. A field is checked when you "
            "leave it.",
    .open = open_screen,
    .answer = answer,
    .draw = draw,
    .key = key,
    .draft = draft,
    .restore = restore,
    .close = close_screen,
};
