/* Keys to actions: one table, actions.def. The screen says which actions make sense; the application's own come after.
 */
#include "ui/app_priv.h"
#include <string.h>

const struct action_row actions[ACT_N] = {
#define ACTION(id, name, keys, group, help) [ACT_##id] = {name, keys, group, help},
#include "ui/actions.def"
#undef ACTION
};

size_t action_keys(enum action act, uint32_t *keys, size_t cap)
{
    char text[64];
    size_t n = 0;
    str_copy(text, sizeof text, actions[act].keys ? actions[act].keys : "");
    for (char *at = text; *at && n < cap;) {
        char *end = strchrnul(at, ' ');
        bool last = !*end;
        *end = 0;
        keys[n++] = key_from_label(at);
        at = last ? end : end + 1;
    }
    return n;
}

static const struct screen_row *nth_tab(const struct app *a, int number)
{
    for (int order = 1, seen = 0; order < 20; order++)
        for (size_t i = 0; i < screens_n; i++)
            if (screens[i]->tab == order && (screens[i]->roles & (int)a->view.role_bit) && ++seen == number)
                return screens[i];
    return NULL;
}

const char *app_action_help(const struct app *a, enum action act, char *dst, size_t cap)
{
    const struct screen_row *tab = act >= ACT_TAB_1 && act <= ACT_TAB_9 ? nth_tab(a, (int)(act - ACT_TAB_1) + 1) : NULL;
    str_format(dst, cap, "%s%s", tab ? "Go to " : actions[act].help, tab ? tab->title : "");
    return dst;
}

/* Actions the application itself does on any screen. */
static bool own_can(const struct app *a, enum action act)
{
    if (act >= ACT_TAB_1 && act <= ACT_TAB_9)
        return a->token && nth_tab(a, (int)(act - ACT_TAB_1) + 1) != NULL;
    switch (act) {
    case ACT_HELP:
    case ACT_PALETTE:
    case ACT_REDRAW:
    case ACT_STOP:
    case ACT_QUIT:
    case ACT_MESSAGES:
    case ACT_BACK:
        return true;
    case ACT_LOCK:
    case ACT_SIGN_OUT:
    case ACT_PROFILE:
        return a->token != NULL;
    case ACT_UNDO:
        return app_can_take_back(a);
    default:
        return false;
    }
}

bool app_can(const struct app *a, enum action act)
{
    const struct screen *s = app_top_const(a);
    return (s && s->row->can && s->row->can(a, s->state, act)) || own_can(a, act);
}

static void sign_out_yes(struct app *a, void *state, const char *text)
{
    (void)state, (void)text;
    app_sign_out(a);
}

static void own_act(struct app *a, enum action act)
{
    if (act >= ACT_TAB_1 && act <= ACT_TAB_9) {
        app_tab(a, nth_tab(a, (int)(act - ACT_TAB_1) + 1)->id);
        return;
    }
    switch (act) {
    case ACT_HELP:
        overlay_help(a);
        break;
    case ACT_PALETTE:
        overlay_palette(a);
        break;
    case ACT_MESSAGES:
        overlay_messages(a);
        break;
    case ACT_REDRAW:
        term_redraw(a->term);
        break;
    case ACT_STOP:
        if (a->view.busy)
            app_say(a, STYLE_WARN, "Stopping after the current one ...");
        app_stop_work(a);
        break;
    case ACT_QUIT:
        app_quit(a);
        break;
    case ACT_BACK:
        app_back(a);
        break;
    case ACT_LOCK:
        app_lock(a);
        break;
    case ACT_UNDO:
        app_take_back_now(a);
        break;
    case ACT_SIGN_OUT:
        app_confirm(a, "Sign out? [y/N]", sign_out_yes);
        break;
    case ACT_PROFILE:
        app_go(a, "profile", NULL);
        break;
    default:
        break;
    }
}

void app_act(struct app *a, enum action act)
{
    struct screen *s = app_top(a);
    app_dirty(a);
    if (s && s->row->can && s->row->can(a, s->state, act))
        s->row->act(a, s->state, act);
    else if (own_can(a, act))
        own_act(a, act);
}

static enum action action_of_key(const struct app *a, uint32_t key)
{
    const struct screen *s = app_top_const(a);
    for (int pass = 0; pass < 2; pass++)
        for (enum action act = ACT_NONE + 1; act < ACT_N; act++) {
            uint32_t keys[4];
            size_t n = action_keys(act, keys, ARRAY_N(keys));
            for (size_t i = 0; i < n; i++)
                if (keys[i] == key && (pass == 0 ? s && s->row->can && s->row->can(a, s->state, act) : own_can(a, act)))
                    return act;
        }
    return ACT_NONE;
}

void app_key(struct app *a, uint32_t key)
{
    app_dirty(a);
    if (key == K_UNKNOWN)
        return;
    if (key == K_CTRL('X') && a->token && !a->locked) {
        app_lock(a);
        return;
    }
    if (key == K_CTRL('L')) {
        term_redraw(a->term);
        return;
    }
    if (key == K_CTRL('Q')) {
        app_quit(a);
        return;
    }
    if (a->locked) {
        lock_key(a, key);
        return;
    }
    if (overlay_key(a, key))
        return;
    struct screen *s = app_top(a);
    if (key != K_CTRL('C') && s && s->row->key && s->row->key(a, s->state, key))
        return;
    enum action act = action_of_key(a, key);
    if (act != ACT_NONE) {
        a->message_shown = false;
        app_act(a, act);
    }
}

const char *app_paste(const struct app *a)
{
    return term_paste(a->term, NULL);
}

void app_list_act(struct list *l, enum action act)
{
    switch (act) {
    case ACT_UP:
    case ACT_SEARCH_PREVIOUS:
        list_move(l, -1);
        break;
    case ACT_DOWN:
    case ACT_SEARCH_NEXT:
        list_move(l, 1);
        break;
    case ACT_TOP:
        list_go(l, 0);
        break;
    case ACT_BOTTOM:
        list_go(l, l->total - 1);
        break;
    case ACT_PAGE_UP:
        list_move(l, -l->page_rows);
        break;
    case ACT_PAGE_DOWN:
        list_move(l, l->page_rows);
        break;
    default:
        break;
    }
}
