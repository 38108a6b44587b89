#include "ui/screen/account_form.h"
#include "auth.h"
#include "mail.h"
#include <string.h>

enum { BOX_COLS = 72 };

void account_form_passwords(struct form *f, const char *label)
{
    struct field *first = form_add(f, FIELD_SECRET, "password", label,
                                   "At least 8 characters, at most 72 bytes; a few unrelated words are good");
    struct field *again = form_add(f, FIELD_SECRET, "confirm", "Once more", "The same password again");
    first->edit.max = again->edit.max = 200;
    first->required = again->required = true;
}

static void check(struct form *f, struct field *field)
{
    struct err e = {0};
    const char *text = field->edit.text;
    enum rc rc = RC_OK;
    if (!*text)
        return;
    if (str_eq(field->id, "username"))
        rc = auth_username_check(text, &e);
    else if (str_eq(field->id, "email"))
        rc = mail_address_check(text, &e);
    else if (str_eq(field->id, "password"))
        rc = auth_password_check(text, &e);
    else if (str_eq(field->id, "confirm") && !str_eq(text, form_text(f, "password")))
        rc = err_set(&e, ERR_CONFIRM, "The two passwords differ: type them again");
    if (rc != RC_OK)
        str_copy(field->wrong, sizeof field->wrong, e.msg);
}

enum form_event account_form_key(struct app *a, struct form *f, uint32_t key)
{
    int before = f->focus;
    enum form_event event = form_key(f, key, app_paste(a), app_view(a)->now_ms);
    struct field *left = &f->field[before];
    if (event == FORM_USED && f->focus != before) {
        check(f, left);
        if (left->wrong[0])
            app_say(a, STYLE_WARN, "%s: %s", left->label, left->wrong);
    }
    return event;
}

bool account_form_check(struct app *a, struct form *f)
{
    bool fine = form_check(f, app_view(a)->now_ms);
    for (int i = f->n - 1; i >= 0; i--) {
        check(f, &f->field[i]);
        if (f->field[i].wrong[0]) {
            f->focus = i;
            fine = false;
        }
    }
    if (!fine)
        app_say(a, STYLE_WARN, "%s: %s", f->field[f->focus].label, f->field[f->focus].wrong);
    return fine;
}

void account_form_refused(struct form *f, const struct err *e)
{
    const char *about = NULL;
    switch (e->code) {
    case ERR_TAKEN:
        about = strstr(e->msg, "mail") ? "email" : "username";
        break;
    case ERR_MAIL_ADDRESS:
        about = "email";
        break;
    case ERR_PASSWORD_RULE:
    case ERR_CONFIRM:
        about = "password";
        break;
    case ERR_SIGN_IN:
        about = "old";
        break;
    default:
        return;
    }
    struct field *field = form_field(f, about);
    if (!field)
        return;
    str_copy(field->wrong, sizeof field->wrong, e->msg);
    f->focus = (int)(field - f->field);
}

void form_box_draw(const struct form *f, const struct pane *body, const char *title, const char *intro, int label_width)
{
    int cols = body->cols < BOX_COLS ? body->cols : BOX_COLS;
    int wanted = f->n + 5 + (intro ? 2 : 0), rows = body->rows < wanted ? body->rows : wanted, top = 0;
    struct pane outer = pane_sub(body, (body->rows - rows) / 3, (body->cols - cols) / 2, rows, cols);
    struct pane box = pane_box(&outer, title, STYLE_TEXT);
    if (intro && box.rows >= f->n + 4) {
        struct pane text = pane_sub(&box, 0, 1, 2, box.cols - 2);
        pane_wrap(&text, 0, STYLE_TEXT, intro);
        top = 2;
    } else if (box.rows > f->n + 3) {
        top = 1;
    }
    struct pane inner = pane_sub(&box, top, 1, box.rows - top, box.cols - 2);
    form_draw(f, &inner, label_width);
}
