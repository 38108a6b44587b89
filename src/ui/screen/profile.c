/* The own profile: who one is, what one did, names, e-mail, password. */
#include "ui/screen/account_form.h"

enum { TAG_ME, TAG_SET, TAG_PASSWORD };
enum part { PART_VIEW, PART_EDIT, PART_PASSWORD };

struct state {
    json_t *me; /* owned; answer of users.me */
    struct form form;
    enum part part;
    bool waiting;
};

static const char *field(const struct state *s, const char *name)
{
    const char *text = json_string_value(json_object_get(s->me, name));
    return text ? text : "";
}

static void refresh(struct app *a, void *state)
{
    (void)state;
    app_ask(a, LANE_QUERY, TAG_ME, "users.me", NULL, NULL);
}

static void to_view(struct state *s)
{
    form_wipe(&s->form);
    s->form = (struct form){0};
    s->part = PART_VIEW;
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd;
    if (tag == TAG_ME && result) {
        json_decref(s->me);
        s->me = json_incref(result);
        return;
    }
    if (tag == TAG_ME)
        return;
    s->waiting = false;
    if (!result) {
        account_form_refused(&s->form, e);
        return;
    }
    if (tag == TAG_PASSWORD)
        app_say(a, STYLE_TEXT, "The password is changed; %lld other sessions are ended",
                (long long)json_integer_value(json_object_get(result, "sessions_ended")));
    else
        app_say(a, STYLE_TEXT, "The profile is saved");
    app_draft_drop(a);
    to_view(s);
    refresh(a, s);
}

/* ---- the two forms ---- */
static void open_edit(struct state *s)
{
    static const char *const fields[] = {"email", "first_name", "last_name"};
    struct form *f = &s->form;
    to_view(s);
    form_add(f, FIELD_TEXT, "email", "E-mail", "Where the clinic may write to you")->required = true;
    form_add(f, FIELD_TEXT, "first_name", "First name", "May stay empty");
    form_add(f, FIELD_TEXT, "last_name", "Last name", "May stay empty");
    form_add(f, FIELD_BUTTON, "save", "Save", "Enter saves; Esc leaves it as it was");
    for (size_t i = 0; i < ARRAY_N(fields); i++)
        edit_set(&form_field(f, fields[i])->edit, field(s, fields[i]));
    s->part = PART_EDIT;
}

static void open_password(struct state *s)
{
    struct form *f = &s->form;
    to_view(s);
    struct field *old = form_add(f, FIELD_SECRET, "old", "Now", "The password you signed in with");
    old->edit.max = 200;
    old->required = true;
    account_form_passwords(f, "New");
    form_add(f, FIELD_BUTTON, "change", "Change", "Enter changes it and ends your other sessions");
    s->part = PART_PASSWORD;
}

static void submit(struct app *a, struct state *s)
{
    static const char *const profile[] = {"email", "first_name", "last_name"};
    static const char *const password[] = {"old", "password", "confirm"};
    const char *const *fields = s->part == PART_EDIT ? profile : password;
    if (s->waiting || !account_form_check(a, &s->form))
        return;
    json_t *args = json_object();
    for (size_t i = 0; i < ARRAY_N(profile); i++)
        json_object_set_new(args, fields[i], json_string(form_text(&s->form, fields[i])));
    s->waiting = true;
    if (s->part == PART_EDIT)
        app_ask(a, LANE_QUERY, TAG_SET, "users.me_set", args, NULL);
    else
        app_ask(a, LANE_QUERY, TAG_PASSWORD, "users.password", args, NULL);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    if (s->part == PART_VIEW)
        return false;
    switch (account_form_key(a, &s->form, key)) {
    case FORM_UNUSED:
        return key >= ' ' && key < KEYS_BASE;
    case FORM_CANCEL:
        app_draft_drop(a); /* a lock may have kept one */
        to_view(s);
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

static bool can(const struct app *a, const void *state, enum action act)
{
    const struct state *s = state;
    (void)a;
    switch (act) {
    case ACT_EDIT:
    case ACT_PASSWORD:
        return s->part == PART_VIEW && s->me;
    case ACT_SETTINGS:
        return s->part == PART_VIEW;
    default:
        return false;
    }
}

static void act(struct app *a, void *state, enum action act)
{
    struct state *s = state;
    if (act == ACT_EDIT)
        open_edit(s);
    else if (act == ACT_PASSWORD)
        open_password(s);
    else
        app_go(a, app_role(a) == ROLE_ADMIN ? "settings" : "settings_view", NULL);
}

/* ---- drawing ---- */
static int line(const struct pane *p, int row, const char *label, const char *text)
{
    pane_text(p, row, 0, STYLE_DIM, label);
    pane_field(p, row, 13, p->cols - 13, STYLE_TEXT, text);
    return row + 1;
}

static void draw_view(const struct state *s, const struct pane *body)
{
    static const struct {
        const char *field, *label;
    } totals[] = {{"total_scans", "Analyses"}, {"normal_count", "Normal"}, {"positive_count", "Positive"}};
    int cols = body->cols < 72 ? body->cols : 72, rows = body->rows < 10 ? body->rows : 10, row = 0;
    struct pane outer = pane_sub(body, (body->rows - rows) / 3, (body->cols - cols) / 2, rows, cols);
    struct pane box = pane_box(&outer, "Profile", STYLE_TEXT), p = pane_sub(&box, 0, 1, box.rows, box.cols - 2);
    char text[300];
    pane_cursor(&p, 0, 0, false);
    if (!s->me) {
        pane_text(&p, 0, 0, STYLE_DIM, "Reading ...");
        return;
    }
    row = line(&p, row, "User", field(s, "username"));
    row = line(&p, row, "Role", field(s, "role"));
    str_format(text, sizeof text, "%s %s", field(s, "first_name"), field(s, "last_name"));
    row = line(&p, row, "Name", text);
    row = line(&p, row, "E-mail", field(s, "email"));
    str_format(text, sizeof text, "%.10s", field(s, "date_joined"));
    row = line(&p, row, "Since", text);
    for (size_t i = 0; i < ARRAY_N(totals); i++) {
        json_t *n = json_object_get(s->me, totals[i].field);
        str_format(text, sizeof text, "%lld", (long long)json_integer_value(n));
        if (json_is_integer(n))
            row = line(&p, row, totals[i].label, text);
    }
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    (void)v;
    if (s->part == PART_VIEW)
        draw_view(s, body);
    else
        form_box_draw(&s->form, body, s->part == PART_EDIT ? "Edit the profile" : "Change the password", NULL, 12);
}

static json_t *draft(const void *state)
{
    const struct state *s = state;
    return s->part == PART_EDIT && s->form.changed ? form_to_json(&s->form) : NULL;
}

static void restore(struct app *a, void *state, json_t *fields)
{
    struct state *s = state;
    if (s->part != PART_VIEW)
        return;
    open_edit(s);
    form_from_json(&s->form, fields);
    s->form.changed = true;
    app_draft_drop(a);
    app_say(a, STYLE_TEXT, "Your draft is back; Esc leaves the profile as it was");
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    form_wipe(&s->form);
    json_decref(s->me);
}

const struct screen_row screen_profile = {
    .id = "profile",
    .title = "Profile",
    .roles = WHO_SIGNED_IN,
    .state_bytes = sizeof(struct state),
    .help = "Your account and what was analysed under it. E edits names and e-mail, w changes the password and ends "
            "your other sessions.",
    .refresh = refresh,
    .answer = answer,
    .draw = draw,
    .can = can,
    .act = act,
    .key = key,
    .draft = draft,
    .restore = restore,
    .close = close_screen,
};
