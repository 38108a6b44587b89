/* Composing an e-mail about one or more results. It is queued; for a few seconds it can be taken back. */
#include "base/secret.h"
#include "ui/app.h"
#include <string.h>

enum { TAG_SEND };

struct state {
    struct form form;
    json_t *ids; /* owned */
    bool waiting;
    char passphrase[200]; /* shown once, after queueing */
};

static int64_t first_id(const struct state *s)
{
    return json_integer_value(json_array_get(s->ids, 0));
}

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    char subject[80];
    json_t *ids = json_object_get(args, "ids");
    (void)a;
    if (!json_array_size(ids))
        return err_set(e, ERR_VALUE, "No result to send was named");
    s->ids = json_incref(ids);
    form_add(&s->form, FIELD_TEXT, "to", "To", "One address: name@host.example; Enter goes to Send")->required = true;
    form_add(&s->form, FIELD_TEXT, "subject", "Subject", "Names nobody: subjects travel in the clear")->required = true;
    form_add(&s->form, FIELD_NOTE, "note", "Note", "A few words to the reader; may stay empty");
    form_add(&s->form, FIELD_CHECK, "pdf", "report.pdf", "Attach the report; Space changes")->on = true;
    form_add(&s->form, FIELD_CHECK, "encrypt", "encrypt it", "A passphrase is made and shown once; Space changes");
    form_add(&s->form, FIELD_CHECK, "picture", "picture", "Attach the picture itself; Space changes");
    form_add(&s->form, FIELD_CHECK, "text", "summary", "The result as text in the message; Space changes")->on = true;
    form_add(&s->form, FIELD_BUTTON, "send", "Send", "Enter queues it; u takes it back while it waits");
    if (json_array_size(ids) == 1)
        str_format(subject, sizeof subject, "Chest X-ray result %06lld", (long long)first_id(s));
    else
        str_format(subject, sizeof subject, "%zu imaging results", json_array_size(ids));
    edit_set(&form_field(&s->form, "subject")->edit, subject);
    return RC_OK;
}

/* What was typed before a lock or a dropped line comes back, to the results it was about. */
static void restore(struct app *a, void *state, json_t *fields)
{
    struct state *s = state;
    if (s->form.changed || !json_equal(json_object_get(fields, "ids"), s->ids))
        return;
    form_from_json(&s->form, json_object_get(fields, "form"));
    s->form.changed = true;
    app_say(a, STYLE_TEXT, "Your draft is back");
}

static void queued(struct app *a, struct state *s, json_t *result)
{
    const char *passphrase = json_string_value(json_object_get(result, "passphrase"));
    json_t *mail = json_object_get(result, "mail");
    int64_t wait_s = conf_int(app_conf(a), CONF_ID_mail_delay_s);
    s->form.changed = false;
    app_draft_drop(a);
    app_take_back(a, json_integer_value(json_object_get(mail, "id")), wait_s);
    if (wait_s)
        app_say(a, STYLE_TEXT, "Queued; sends in %lld s, u takes it back", (long long)wait_s);
    else
        app_say(a, STYLE_TEXT, "Queued");
    if (passphrase)
        str_copy(s->passphrase, sizeof s->passphrase, passphrase);
    else
        app_back(a);
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    struct state *s = state;
    (void)fd, (void)tag;
    s->waiting = false;
    if (result) {
        queued(a, s, result);
    } else if (e->code == ERR_MAIL_ADDRESS) {
        s->form.focus = 0;
        str_copy(s->form.field[0].wrong, sizeof s->form.field[0].wrong, e->msg);
    }
}

static void send(struct app *a, struct state *s)
{
    static const char *const switches[] = {"pdf", "encrypt", "picture", "text"};
    if (s->waiting || !form_check(&s->form, app_view(a)->now_ms))
        return;
    json_t *args = json_pack("{s:O, s:s, s:s}", "results", s->ids, "to", form_text(&s->form, "to"), "subject",
                             form_text(&s->form, "subject"));
    for (size_t i = 0; i < ARRAY_N(switches); i++)
        json_object_set_new(args, switches[i], json_boolean(form_field(&s->form, switches[i])->on));
    if (*form_text(&s->form, "note"))
        json_object_set_new(args, "note", json_string(form_text(&s->form, "note")));
    s->waiting = true;
    app_say(a, STYLE_TEXT, "Making the message ...");
    app_ask(a, LANE_WORK, TAG_SEND, "mail.send", args, NULL);
}

static json_t *draft(const void *state)
{
    const struct state *s = state;
    return s->form.changed ? json_pack("{s:O, s:o}", "ids", s->ids, "form", form_to_json(&s->form)) : NULL;
}

static void leave(struct app *a, struct state *s)
{
    if (s->form.changed) {
        app_draft_keep(a);
        app_say(a, STYLE_TEXT, "Not sent; kept as a draft");
    }
    app_back(a);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    if (s->passphrase[0]) {
        secret_wipe(s->passphrase, sizeof s->passphrase);
        app_back(a);
        return true;
    }
    /* everything below To has a default: Enter goes straight to Send, Tab goes field by field */
    if (key == 13 && s->form.focus < s->form.n - 1) {
        if (form_check(&s->form, app_view(a)->now_ms))
            s->form.focus = s->form.n - 1;
        return true;
    }
    switch (form_key(&s->form, key, app_paste(a), app_view(a)->now_ms)) {
    case FORM_UNUSED:
        return key >= ' ' && key < KEYS_BASE;
    case FORM_CANCEL:
        leave(a, s);
        break;
    case FORM_SUBMIT:
    case FORM_BUTTON:
        send(a, s);
        break;
    case FORM_USED:
        break;
    }
    return true;
}

static void draw_passphrase(const struct state *s, const struct pane *box)
{
    struct pane text = pane_sub(box, 3, 3, 2, box->cols - 5);
    pane_text(box, 1, 1, STYLE_TEXT, "Passphrase of the report, shown once:");
    pane_wrap(&text, 0, STYLE_TITLE, s->passphrase);
    pane_text(box, 6, 1, STYLE_TEXT, "Tell it by another way, by telephone.");
    pane_text(box, 7, 1, STYLE_TEXT, "Any key goes on.");
    pane_cursor(box, 3, 3, false);
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int cols = body->cols < 80 ? body->cols : 80, rows = body->rows < 13 ? body->rows : 13;
    struct pane outer = pane_sub(body, (body->rows - rows) / 3, (body->cols - cols) / 2, rows, cols);
    char title[80];
    (void)v;
    if (json_array_size(s->ids) == 1)
        str_format(title, sizeof title, "E-mail result %06lld", (long long)first_id(s));
    else
        str_format(title, sizeof title, "E-mail %zu results", json_array_size(s->ids));
    struct pane box = pane_box(&outer, title, STYLE_TEXT);
    if (s->passphrase[0]) {
        draw_passphrase(s, &box);
        return;
    }
    int top = box.rows >= 11 ? 1 : 0;
    struct pane inner = pane_sub(&box, top, 1, box.rows - top, box.cols - 2);
    form_draw(&s->form, &inner, 11);
}

static void close_screen(struct app *a, void *state)
{
    struct state *s = state;
    (void)a;
    secret_wipe(s->passphrase, sizeof s->passphrase);
    json_decref(s->ids);
}

const struct screen_row screen_compose = {
    .id = "compose",
    .title = "E-mail",
    .roles = WHO_CLINICAL,
    .state_bytes = sizeof(struct state),
    .keys_help = "Enter send   Tab field   Space change   Esc draft   F1 help",
    .help = "Type the address, Enter, Enter. Tab goes through the other fields. The message waits a few seconds in the "
            "outbox, where u takes it back. Esc keeps it as a draft.",
    .open = open_screen,
    .answer = answer,
    .draw = draw,
    .key = key,
    .draft = draft,
    .restore = restore,
    .close = close_screen,
};
