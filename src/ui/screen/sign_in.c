/* Sign in: wrong user and wrong password read and take the same; the demo's accounts are named in a demo only. */
#include "ui/app.h"
#include <string.h>

enum { TAG_INFO, TAG_SIGN_IN };

struct state {
    struct form form;
    char role[16];
    bool demo, self_register, waiting;
};

static const char advice[] =
    "Research and education. Not a medical device. A qualified person decides; the computer advises.";
static const char demo_accounts[] =
    "Demo accounts: patient/demo-patient  doctor/demo-doctor  researcher/demo-researcher  admin/demo-admin";

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    const char *role = json_string_value(json_object_get(args, "role"));
    (void)a, (void)e;
    form_add(&s->form, FIELD_TEXT, "username", "User name", "Your user name; Enter goes on");
    form_add(&s->form, FIELD_SECRET, "password", "Password", "It is not shown")->edit.max = 200;
    form_add(&s->form, FIELD_BUTTON, "sign_in", "Sign in", "");
    form_add(&s->form, FIELD_BUTTON, "register", "Register", "A new account for a patient");
    str_copy(s->role, sizeof s->role, role ? role : "");
    return RC_OK;
}

static void refresh(struct app *a, void *state)
{
    (void)state;
    app_ask(a, LANE_QUERY, TAG_INFO, "station.info", NULL, NULL);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)e;
    if (tag == TAG_INFO && result) {
        s->demo = json_is_true(json_object_get(result, "demo"));
        s->self_register = json_is_true(json_object_get(result, "self_register"));
    } else if (tag == TAG_SIGN_IN) {
        s->waiting = false;
        edit_wipe(&form_field(&s->form, "password")->edit);
        if (result)
            app_signed_in(a, result); /* closes this screen */
        else
            s->form.focus = 1;
    }
}

static void sign_in(struct app *a, struct state *s)
{
    if (s->waiting)
        return;
    if (!*form_text(&s->form, "username") || !*form_text(&s->form, "password")) {
        app_say(a, STYLE_WARN, "Type your user name and your password");
        s->form.focus = *form_text(&s->form, "username") ? 1 : 0;
        return;
    }
    json_t *args = json_pack("{s:s, s:s}", "username", form_text(&s->form, "username"), "password",
                             form_text(&s->form, "password"));
    if (s->role[0])
        json_object_set_new(args, "role", json_string(s->role));
    s->waiting = true;
    app_say(a, STYLE_TEXT, "Signing in ...");
    app_ask(a, LANE_QUERY, TAG_SIGN_IN, "session.sign_in", args, NULL);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    if ((key == K_LEFT || key == K_RIGHT) && s->form.focus >= 2) {
        s->form.focus = 5 - s->form.focus;
        return true;
    }
    switch (form_key(&s->form, key, app_paste(a), app_view(a)->now_ms)) {
    case FORM_UNUSED:
    case FORM_CANCEL:
        return false;
    case FORM_USED:
        break;
    case FORM_SUBMIT:
    case FORM_BUTTON:
        if (s->form.focus != 3)
            sign_in(a, s);
        else if (s->self_register)
            app_go(a, "register", NULL);
        else
            app_say(a, STYLE_WARN, "Self-registration is closed here: ask the administrator for an account");
        break;
    }
    /* Enter on the password signs in at once: one key less, every time */
    if (key == 13 && s->form.focus == 2 && !s->waiting)
        sign_in(a, s);
    return true;
}

static void draw_buttons(const struct state *s, const struct pane *box, int row)
{
    for (int i = 2; i < s->form.n; i++) {
        bool on = s->form.focus == i;
        pane_printf(box, row, 2 + (i - 2) * 14, on ? STYLE_BUTTON_ON : STYLE_TEXT, "[ %s ]", s->form.field[i].label);
        if (on)
            pane_cursor(box, row, 4 + (i - 2) * 14, true);
    }
    if (s->role[0] && box->cols > 50) {
        char role[32];
        str_format(role, sizeof role, "role: %s ", s->role);
        pane_right(box, row, STYLE_TEXT, role);
    }
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int cols = body->cols < 56 ? body->cols : 56, rows = body->rows < 11 ? body->rows : 11;
    struct pane outer = pane_sub(body, (body->rows - rows) / 3, (body->cols - cols) / 2, rows, cols);
    struct pane box = pane_box(&outer, "Sign in", STYLE_TEXT);
    int row = rows >= 11 ? 1 : 0;
    for (int i = 0; i < 2; i++) {
        pane_text(&box, row + i, 2, STYLE_TEXT, s->form.field[i].label);
        edit_draw(&s->form.field[i].edit, &box, row + i, 14, box.cols - 17, s->form.focus == i, i == 1);
    }
    draw_buttons(s, &box, row + (rows >= 11 ? 3 : 2));
    int under = row + (rows >= 11 ? 5 : 3);
    struct pane note = pane_sub(&box, under, 2, box.rows - under, box.cols - 4);
    pane_wrap(&note, 0, STYLE_TEXT, advice);
    (void)v;
    if (s->demo && body->rows >= rows + 3) {
        struct pane demo = pane_sub(body, body->rows - 2, 0, 2, body->cols);
        pane_wrap(&demo, 0, STYLE_TEXT, demo_accounts);
    }
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    form_wipe(&s->form);
}

const struct screen_row screen_sign_in = {
    .id = "sign_in",
    .title = "Sign in",
    .state_bytes = sizeof(struct state),
    .keys_help = "Enter next   Tab field   F1 help   Ctrl-L redraw   Ctrl-Q quit",
    .help = "Type your user name, Enter, your password, Enter. After five wrong passwords the account is locked for "
            "ten minutes.",
    .open = open_screen,
    .refresh = refresh,
    .answer = answer,
    .draw = draw,
    .key = key,
    .close = close_screen,
};
