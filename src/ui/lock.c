/* The locked screen: no patient data, no way past it but the password or leaving. Drafts are kept first. */
#include "ui/app_priv.h"
#include <string.h>

void app_lock(struct app *a)
{
    if (!a->token || a->locked)
        return;
    term_blank(a->term); /* first of all: nothing stays readable */
    a->locked = true;
    a->idle_warned_s = 0;
    a->lock_wrong[0] = 0;
    edit_set(&a->lock_edit, "");
    overlay_close(a);
    app_save_drafts(a, false);
    app_dirty(a);
}

static void unlocked(struct app *a, json_t *result, const struct err *e)
{
    if (result) {
        a->locked = false;
        a->last_key_ns = clock_mono_ns();
        term_redraw(a->term);
    } else {
        str_format(a->lock_wrong, sizeof a->lock_wrong, "%s", e->msg);
    }
    app_dirty(a);
}

void lock_key(struct app *a, uint32_t key)
{
    if (key == 13 && a->lock_edit.len) {
        str_copy(a->lock_wrong, sizeof a->lock_wrong, "checking ...");
        app_ask_own(a, "session.unlock", json_pack("{s:s}", "password", a->lock_edit.text), unlocked);
        edit_wipe(&a->lock_edit);
    } else if (key == 27) {
        a->locked = false;
        edit_wipe(&a->lock_edit);
        app_sign_out(a);
    } else {
        edit_key(&a->lock_edit, key, term_paste(a->term, NULL));
    }
}

void lock_draw(struct app *a, const struct pane *all)
{
    int cols = all->cols > 56 ? 56 : all->cols, rows = 8;
    struct pane outer = pane_sub(all, (all->rows - rows) / 2, (all->cols - cols) / 2, rows, cols);
    struct pane box = pane_box(&outer, "Locked", STYLE_TEXT);
    pane_printf(&box, 1, 2, STYLE_TEXT, "%s  %s", a->username, a->role_text);
    pane_text(&box, 2, 2, STYLE_TEXT, "Password");
    pane_text(&box, 4, 2, STYLE_WARN, a->lock_wrong);
    pane_text(&box, 5, 2, STYLE_DIM, "Enter unlock   Esc switch user");
    edit_draw(&a->lock_edit, &box, 2, 12, box.cols - 14, true, true);
}
