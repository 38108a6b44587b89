/* Questions, menus, palette, help and the message history: what stands over a screen for a moment. */
#include "base/secret.h"
#include "ui/app_priv.h"
#include <stdio.h>
#include <string.h>

void overlay_close(struct app *a)
{
    edit_wipe(&a->overlay.edit);
    mem_free(a->overlay.line);
    a->overlay = (struct overlay){0};
    app_dirty(a);
}

static struct overlay *overlay_open(struct app *a, enum overlay_kind kind, const char *question)
{
    overlay_close(a);
    a->overlay.kind = kind;
    str_copy(a->overlay.question, sizeof a->overlay.question, question);
    return &a->overlay;
}

void app_prompt(struct app *a, const char *question, const char *initial, bool secret, app_answer_fn *then)
{
    struct overlay *o = overlay_open(a, OVERLAY_PROMPT, question);
    edit_set(&o->edit, initial ? initial : "");
    o->secret = secret;
    o->then = then;
}

void app_prompt_live(struct app *a, const char *question, const char *initial, app_answer_fn *each, app_answer_fn *then)
{
    app_prompt(a, question, initial, false, then);
    a->overlay.each = each;
}

void app_confirm(struct app *a, const char *question, app_answer_fn *yes)
{
    overlay_open(a, OVERLAY_CONFIRM, question)->then = yes;
}

void app_type_word(struct app *a, const char *question, const char *word, app_answer_fn *then)
{
    struct overlay *o = overlay_open(a, OVERLAY_WORD, question);
    str_copy(o->word, sizeof o->word, word);
    o->then = then;
}

void app_choose(struct app *a, const char *title, const char *const *lines, int n, int current, app_answer_fn *then)
{
    struct err e = {0};
    struct overlay *o = overlay_open(a, OVERLAY_CHOOSE, title);
    o->line = mem_zalloc((size_t)n, sizeof *o->line, &e);
    if (!o->line || n == 0) {
        overlay_close(a);
        return;
    }
    for (int i = 0; i < n; i++)
        str_copy(o->line[i], sizeof o->line[i], lines[i]);
    o->n = n;
    o->cursor = current >= 0 && current < n ? current : 0;
    o->then = then;
}

/* ---- palette ---- */
static void palette_find(struct app *a)
{
    struct overlay *o = &a->overlay;
    char wanted[EDIT_CAP], name[200];
    o->n = 0;
    text_fold(wanted, sizeof wanted, o->edit.text);
    for (enum action act = ACT_NONE + 1; act < ACT_N; act++) {
        char both[200], help[120];
        str_format(both, sizeof both, "%s %s", actions[act].name, app_action_help(a, act, help, sizeof help));
        text_fold(name, sizeof name, both);
        if (app_can(a, act) && strstr(name, wanted))
            o->found[o->n++] = act;
    }
    o->cursor = 0;
}

void overlay_palette(struct app *a)
{
    overlay_open(a, OVERLAY_PALETTE, ":");
    palette_find(a);
}

void overlay_help(struct app *a)
{
    struct overlay *o = overlay_open(a, OVERLAY_HELP, "Help");
    for (enum action act = ACT_NONE + 1; act < ACT_N; act++)
        if (app_can(a, act))
            o->found[o->n++] = act;
    o->words_n = glossary_find(&a->grid, o->words); /* the frame that still shows the screen */
}

static void help_again(struct app *a)
{
    struct overlay *o = &a->overlay;
    if (!o->words_n) {
        overlay_close(a);
        return;
    }
    o->kind = OVERLAY_WORDS;
    o->n = o->words_n;
    o->cursor = 0;
    str_copy(o->question, sizeof o->question, "Words on this screen");
}

void overlay_messages(struct app *a)
{
    overlay_open(a, OVERLAY_MESSAGES, "Messages")->n = a->message_n < APP_MESSAGES ? a->message_n : APP_MESSAGES;
}

/* ---- keys ---- */
static void *top_state(struct app *a)
{
    struct screen *s = app_top(a);
    return s ? s->state : NULL;
}

/* The overlay is closed before the callback, which may open the next one. */
static void answer(struct app *a, app_answer_fn *then, const char *text)
{
    char kept[EDIT_CAP];
    str_copy(kept, sizeof kept, text ? text : "");
    bool cancelled = text == NULL;
    overlay_close(a);
    if (then)
        then(a, top_state(a), cancelled ? NULL : kept);
    secret_wipe(kept, sizeof kept);
}

static void prompt_key(struct app *a, uint32_t key)
{
    struct overlay *o = &a->overlay;
    if (key == 27 || key == K_CTRL('C')) {
        app_answer_fn *live = o->each ? o->then : NULL;
        answer(a, live, NULL);
    } else if (key == 13) {
        if (o->kind == OVERLAY_WORD && !str_eq(o->edit.text, o->word)) {
            overlay_close(a);
            app_say(a, STYLE_WARN, "Not done: the word was not typed");
        } else {
            answer(a, o->then, o->edit.text);
        }
    } else if (edit_key(&o->edit, key, term_paste(a->term, NULL)) && o->each) {
        o->each(a, top_state(a), o->edit.text);
    }
}

static void confirm_key(struct app *a, uint32_t key)
{
    if (key == 'y' || key == 'Y')
        answer(a, a->overlay.then, "y");
    else if (key == 'n' || key == 'N' || key == 27 || key == 'q' || key == K_CTRL('C'))
        overlay_close(a);
    /* Enter never confirms */
}

static bool move_cursor(struct overlay *o, uint32_t key, bool letters)
{
    int to = o->cursor;
    if (key == K_UP || key == K_CTRL('P') || (letters && key == 'k'))
        to--;
    else if (key == K_DOWN || key == K_CTRL('N') || (letters && key == 'j'))
        to++;
    else if (key == K_PAGE_UP)
        to -= 10;
    else if (key == K_PAGE_DOWN || (letters && key == ' '))
        to += 10;
    else
        return false;
    o->cursor = to < 0 || o->n == 0 ? 0 : to >= o->n ? o->n - 1 : to;
    return true;
}

static void list_key(struct app *a, uint32_t key)
{
    struct overlay *o = &a->overlay;
    if (move_cursor(o, key, o->kind != OVERLAY_PALETTE))
        return;
    if (o->kind == OVERLAY_HELP && (key == '?' || key == K_F1)) {
        help_again(a);
        return;
    }
    if (key == 27 || key == K_CTRL('C') ||
        (o->kind != OVERLAY_PALETTE && (key == 'q' || key == '?' || key == K_LEFT))) {
        overlay_close(a);
    } else if (o->kind == OVERLAY_CHOOSE && key == 13) {
        answer(a, o->then, o->line[o->cursor]);
    } else if (o->kind == OVERLAY_PALETTE && key == 13) {
        enum action act = o->n ? o->found[o->cursor] : ACT_NONE;
        overlay_close(a);
        if (act != ACT_NONE)
            app_act(a, act);
    } else if (o->kind == OVERLAY_PALETTE && edit_key(&o->edit, key, term_paste(a->term, NULL))) {
        palette_find(a);
    } else if (o->kind != OVERLAY_PALETTE && key == 13) {
        overlay_close(a);
    }
}

bool overlay_key(struct app *a, uint32_t key)
{
    switch (a->overlay.kind) {
    case OVERLAY_NONE:
        return false;
    case OVERLAY_PROMPT:
    case OVERLAY_WORD:
        prompt_key(a, key);
        return true;
    case OVERLAY_CONFIRM:
        confirm_key(a, key);
        return true;
    default:
        list_key(a, key);
        return true;
    }
}

/* ---- drawing ---- */
/* In the message line; a question too long for it takes lines above. */
static void question_draw(const struct overlay *o, const struct pane *line)
{
    char question[260];
    int room = o->kind == OVERLAY_CONFIRM ? 2 : 14, lines = 1;
    str_copy(question, sizeof question, o->question);
    int wide = (int)text_columns(question);
    if (wide + room > line->cols)
        lines = o->kind == OVERLAY_CONFIRM ? wide / (line->cols - 10) + 1 : wide / (line->cols - 10) + 2;
    struct pane p = {line->g, line->row - lines + 1, line->col, lines, line->cols};
    pane_fill(&p, 0, 0, lines, p.cols, ' ', STYLE_TEXT);
    int used = lines == 1 ? pane_text(&p, 0, 0, STYLE_WARN, question) : pane_wrap(&p, 0, STYLE_WARN, question);
    if (o->kind == OVERLAY_CONFIRM)
        pane_cursor(&p, lines - 1, lines == 1 ? used + 1 : p.cols - 1, true);
    else if (lines == 1)
        edit_draw(&o->edit, &p, 0, used + 1, p.cols - used - 2, true, o->secret);
    else
        edit_draw(&o->edit, &p, lines - 1, 0, p.cols - 1, true, o->secret);
}

static void action_line(const struct app *a, const struct pane *p, int row, enum action act, bool active)
{
    char keys[64], help[120];
    str_copy(keys, sizeof keys, actions[act].keys);
    pane_field(p, row, 0, 14, active ? STYLE_SELECTED : STYLE_KEY, keys);
    pane_field(p, row, 15, p->cols - 15, active ? STYLE_SELECTED : STYLE_TEXT,
               app_action_help(a, act, help, sizeof help));
}

static void menu_line(struct app *a, const struct pane *p, int row, int i, bool active)
{
    const struct overlay *o = &a->overlay;
    enum style s = active ? STYLE_SELECTED : STYLE_TEXT;
    if (o->kind == OVERLAY_CHOOSE) {
        pane_field(p, row, 0, p->cols, s, o->line[i]);
    } else if (o->kind == OVERLAY_MESSAGES) {
        const struct message *m = &a->message[(a->message_n - 1 - i) % APP_MESSAGES];
        char text[360], when[32];
        clock_iso(when, sizeof when, m->at_ms);
        str_format(text, sizeof text, "%.8s %s", when + 11, m->text);
        pane_field(p, row, 0, p->cols, s, text);
    } else if (o->kind == OVERLAY_WORDS) {
        pane_field(p, row, 0, p->cols, s, glossary_line(o->words[i]));
    } else {
        action_line(a, p, row, o->found[i], active);
    }
}

static int lines_needed(const char *text, int cols, int most)
{
    int lines = (int)text_columns(text) / (cols > 8 ? cols - 6 : cols) + 1;
    return lines < most ? lines : most;
}

/* Above the lines: what the screen is for; below: the whole meaning of a word that is cut in its line. */
static void menu_draw(struct app *a, const struct pane *body)
{
    struct overlay *o = &a->overlay;
    const struct screen *s = app_top_const(a);
    int cols = body->cols > 76 ? 76 : body->cols, most = body->rows >= 14 ? 5 : 3, below = 0;
    int above = o->kind == OVERLAY_PALETTE ? 1 : 0;
    if (o->kind == OVERLAY_HELP && s->row->help)
        above = lines_needed(s->row->help, cols - 2, most);
    if (o->kind == OVERLAY_WORDS)
        below = most;
    int wanted = (o->n ? o->n : 1) + 2 + above + below, rows = wanted < body->rows ? wanted : body->rows;
    struct pane outer = pane_sub(body, (body->rows - rows) / 2, (body->cols - cols) / 2, rows, cols);
    pane_fill(&outer, 0, 0, rows, cols, ' ', STYLE_TEXT);
    struct pane inner = pane_box(&outer, o->kind == OVERLAY_PALETTE ? "Actions" : o->question, STYLE_TEXT);
    struct pane head = pane_sub(&inner, 0, 0, above, inner.cols);
    struct pane foot = pane_sub(&inner, inner.rows - below, 0, below, inner.cols);
    struct pane list = pane_sub(&inner, above, 0, inner.rows - above - below, inner.cols);
    int top = o->cursor >= list.rows ? o->cursor - list.rows + 1 : 0;
    for (int i = 0; i < list.rows && top + i < o->n; i++)
        menu_line(a, &list, i, top + i, top + i == o->cursor);
    pane_cursor(&list, o->cursor - top, 0, false);
    if (o->kind == OVERLAY_HELP && above)
        pane_wrap(&head, 0, STYLE_TEXT, s->row->help);
    if (o->kind == OVERLAY_WORDS && o->n)
        pane_wrap(&foot, 1, STYLE_TEXT, glossary_line(o->words[o->cursor]));
    if (o->kind == OVERLAY_PALETTE) {
        pane_text(&head, 0, 0, STYLE_KEY, ":");
        edit_draw(&o->edit, &head, 0, 1, head.cols - 2, true, false);
        if (!o->n)
            pane_text(&list, 0, 0, STYLE_DIM, "nothing of that name can be done here");
    }
}

void overlay_draw(struct app *a, const struct pane *body, const struct pane *message_line)
{
    switch (a->overlay.kind) {
    case OVERLAY_NONE:
        break;
    case OVERLAY_PROMPT:
    case OVERLAY_CONFIRM:
    case OVERLAY_WORD:
        question_draw(&a->overlay, message_line);
        break;
    default:
        menu_draw(a, body);
        break;
    }
}
