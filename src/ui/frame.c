/* What surrounds a screen: tabs and who, patient banner, message, keys. The same places everywhere. */
#include "ui/app_priv.h"
#include <stdio.h>
#include <string.h>

/* Returns the columns used. */
static int draw_tabs(struct app *a, const struct pane *p)
{
    bool narrow = p->cols < 80;
    int col = 0, number = 0;
    const struct screen_row *here = NULL;
    for (int i = 0; i < a->depth; i++)
        if (a->stack[i].row->tab)
            here = a->stack[i].row;
    if (!a->token || !narrow)
        col = pane_text(p, 0, 0, STYLE_TITLE, "clinic") + 2;
    for (int order = 1; a->token && order < 20; order++)
        for (size_t i = 0; i < screens_n; i++) {
            const struct screen_row *row = screens[i];
            if (row->tab != order || !(row->roles & (int)a->view.role_bit))
                continue;
            number++;
            if (row == here)
                col += pane_printf(p, 0, col, STYLE_TAB_ON, "[%d %s]", number, row->title) + 1;
            else if (narrow)
                col += pane_printf(p, 0, col, STYLE_TAB, "%d", number) + 1;
            else
                col += pane_printf(p, 0, col, STYLE_TAB, "%d %s", number, row->title) + 1;
        }
    return col;
}

static void draw_who(struct app *a, const struct pane *p, int from)
{
    char who[200], fitted[200];
    if (!a->token)
        str_copy(who, sizeof who, a->site_name);
    else if (p->cols < 60)
        str_copy(who, sizeof who, a->username);
    else
        str_format(who, sizeof who, "%s %s", a->username, a->role_text);
    if (from < p->cols)
        pane_right(p, 0, STYLE_TEXT, text_fit(fitted, sizeof fitted, who, (size_t)(p->cols - from)));
}

/* "[####------] 12 of 40  3.1/s  9 s left  computing" */
static void draw_batch(struct app *a, const struct pane *p)
{
    double seconds = (double)(clock_mono_ns() - a->batch_begin_ns) / 1e9;
    double rate = a->batch_done > 0 && seconds > 0 ? (double)a->batch_done / seconds : 0;
    int bar = p->cols >= 70 ? 22 : 10;
    pane_bar(p, 0, 0, bar, (double)a->batch_done / (double)a->batch_total, STYLE_TITLE);
    int col =
        bar + 1 +
        pane_printf(p, 0, bar + 1, STYLE_TEXT, "%lld of %lld", (long long)a->batch_done, (long long)a->batch_total);
    if (rate > 0)
        col += pane_printf(p, 0, col, STYLE_TEXT, "  %.1f/s  %.0f s left", rate,
                           (double)(a->batch_total - a->batch_done) / rate);
    pane_printf(p, 0, col, STYLE_TEXT, "  %s  Ctrl-C stops", a->stage);
}

static void draw_message(struct app *a, const struct pane *p)
{
    int64_t left_s = a->idle_warned_s;
    if (left_s) {
        pane_printf(p, 0, 0, STYLE_WARN, "No key for a while: the screen locks in %lld s", (long long)left_s);
    } else if (a->view.busy && a->batch_total > 1) {
        draw_batch(a, p);
    } else if (a->view.busy && a->stage[0]) {
        if (a->view.total > 1)
            pane_printf(p, 0, 0, STYLE_TEXT, "%s ... %lld of %lld   Ctrl-C stops", a->stage, (long long)a->view.done,
                        (long long)a->view.total);
        else
            pane_printf(p, 0, 0, STYLE_TEXT, "%s ...   Ctrl-C stops", a->stage);
    } else if (a->message_n && a->message_shown) {
        const struct message *m = &a->message[(a->message_n - 1) % APP_MESSAGES];
        int wide = (int)text_columns(m->text), lines = wide <= p->cols ? 1 : wide / (p->cols - 10) + 1;
        lines = lines < 5 ? lines : 5;
        /* one that is longer than the line covers what is above, until the next key */
        struct pane over = {p->g, p->row - lines + 1, p->col, lines, p->cols};
        pane_fill(&over, 0, 0, lines, over.cols, ' ', STYLE_TEXT);
        pane_wrap(&over, 0, m->style, m->text);
    }
}

static bool in_key_bar(enum action act)
{
    const char *group = actions[act].group;
    return str_eq(group, "work") || str_eq(group, "send") || str_eq(group, "view") || act == ACT_OPEN ||
           act == ACT_MARK || act == ACT_SEARCH || act == ACT_BACK;
}

/* Order of the bar: what one came for first. */
static const char *const bar_groups[] = {"move", "work", "send", "view"};

static void first_word(char *dst, size_t cap, const char *words)
{
    str_copy(dst, cap, words);
    *strchrnul(dst, ' ') = 0;
}

/* "f filter  "; what does not fit is left out. Returns the columns used. */
static int draw_key(const struct pane *p, int col, int room, enum action act)
{
    char label[16], key[16] = "";
    first_word(key, sizeof key, actions[act].keys);
    str_copy(label, sizeof label, actions[act].name);
    int width = (int)(strlen(key) + 1 + strlen(label));
    if (col + width > room)
        return 0;
    pane_text(p, 0, col, STYLE_KEY, key);
    pane_text(p, 0, col + (int)strlen(key) + 1, STYLE_TEXT, label);
    return width + 2;
}

static bool screen_can(const struct app *a, enum action act)
{
    const struct screen *s = app_top_const(a);
    return s->row->can && s->row->can(a, s->state, act);
}

static bool in_own_bar(const struct screen_row *row, enum action act)
{
    for (size_t i = 0; i < ARRAY_N(row->bar); i++)
        if (row->bar[i] == act)
            return true;
    return false;
}

static void draw_keys(struct app *a, const struct pane *p)
{
    const struct screen_row *row = app_top_const(a)->row;
    static const char tail[] = "? help";
    int col = 0, room = p->cols - (int)sizeof tail;
    if (a->overlay.kind != OVERLAY_NONE) {
        pane_text(p, 0, 0, STYLE_TEXT,
                  a->overlay.kind == OVERLAY_CONFIRM ? "y yes   n no   Esc no" : "Enter do it   Esc leave");
        return;
    }
    if (app_can_take_back(a) && !screen_can(a, ACT_UNDO))
        col += draw_key(p, col, room, ACT_UNDO);
    int none = col;
    for (size_t i = 0; i < ARRAY_N(row->bar); i++)
        if (row->bar[i] && screen_can(a, row->bar[i]))
            col += draw_key(p, col, room, row->bar[i]);
    for (size_t group = 0; group < ARRAY_N(bar_groups); group++)
        for (enum action act = ACT_NONE + 1; act < ACT_N; act++)
            if (str_eq(actions[act].group, bar_groups[group]) && in_key_bar(act) && !in_own_bar(row, act) &&
                screen_can(a, act))
                col += draw_key(p, col, room, act);
    if (col == none) { /* a form: letters are typed */
        pane_field(p, 0, col, p->cols - col, STYLE_TEXT,
                   p->cols < 60 && row->key ? "Enter  Tab  Esc leave  F1 help"
                   : row->keys_help         ? row->keys_help
                   : row->key               ? "Enter next   Tab field   Esc leave   F1 help"
                                            : "q back   : actions   ? help");
        return;
    }
    pane_right(p, 0, STYLE_TEXT, tail);
}

void app_draw(struct app *a)
{
    struct grid *g = &a->grid;
    grid_clear(g);
    struct pane all = pane_all(g);
    if (g->rows < MIN_ROWS || g->cols < MIN_COLS) {
        pane_printf(&all, 0, 0, STYLE_TEXT, "%dx%d is too small", g->cols, g->rows);
        pane_text(&all, 1, 0, STYLE_TEXT, "needs 40x12");
        return;
    }
    if (a->locked) {
        lock_draw(a, &all);
        return;
    }
    struct pane top = pane_sub(&all, 0, 0, 1, g->cols), keys = pane_sub(&all, g->rows - 1, 0, 1, g->cols - 1);
    struct pane message = pane_sub(&all, g->rows - 2, 0, 1, g->cols);
    int head = 1;
    draw_who(a, &top, draw_tabs(a, &top));
    if (a->patient_id) {
        struct pane banner = pane_sub(&all, 1, 0, 1, g->cols);
        pane_field(&banner, 0, 0, g->cols, STYLE_BANNER, a->patient_line);
        head = 2;
    }
    struct pane body = pane_sub(&all, head, 0, g->rows - head - 2, g->cols);
    struct screen *s = app_top(a);
    if (s && s->row->layout)
        s->row->layout(a, s->state, body.rows, body.cols);
    if (s)
        s->row->draw(s->state, &a->view, &body);
    draw_message(a, &message);
    if (s)
        draw_keys(a, &keys);
    overlay_draw(a, &body, &message);
}
