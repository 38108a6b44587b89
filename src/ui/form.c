#include "ui/form.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include <assert.h>
#include <string.h>
#include <time.h>

/* ---- one line ---- */
void edit_set(struct edit *ed, const char *text)
{
    str_copy(ed->text, ed->max && ed->max < EDIT_CAP ? ed->max + 1 : EDIT_CAP, text);
    ed->len = ed->cursor = strlen(ed->text);
}

void edit_wipe(struct edit *ed)
{
    secret_wipe(ed->text, sizeof ed->text);
    ed->len = ed->cursor = 0;
}

static size_t previous(const struct edit *ed, size_t at)
{
    if (at == 0)
        return 0;
    do
        at--;
    while (at > 0 && ((unsigned char)ed->text[at] & 0xc0) == 0x80);
    return at;
}

static size_t next(const struct edit *ed, size_t at)
{
    if (at >= ed->len)
        return ed->len;
    do
        at++;
    while (at < ed->len && ((unsigned char)ed->text[at] & 0xc0) == 0x80);
    return at;
}

static void cut(struct edit *ed, size_t from, size_t to)
{
    memmove(ed->text + from, ed->text + to, ed->len - to + 1);
    ed->len -= to - from;
    ed->cursor = from;
}

static void insert(struct edit *ed, const char *bytes, size_t n)
{
    size_t max = ed->max && ed->max < EDIT_CAP - 1 ? ed->max : EDIT_CAP - 1;
    if (ed->len + n > max)
        return;
    memmove(ed->text + ed->cursor + n, ed->text + ed->cursor, ed->len - ed->cursor + 1);
    memcpy(ed->text + ed->cursor, bytes, n);
    ed->len += n;
    ed->cursor += n;
}

static void insert_paste(struct edit *ed, const char *text)
{
    for (const char *at = text; *at;) {
        char utf8[4];
        uint32_t c = utf8_next(&at);
        if (c == '\n' || c == '\r' || c == '\t')
            c = ' ';
        if (c >= 32 && c != 127)
            insert(ed, utf8, utf8_put(utf8, c));
    }
}

static size_t word_begin(const struct edit *ed)
{
    size_t at = ed->cursor;
    while (at > 0 && ed->text[at - 1] == ' ')
        at--;
    while (at > 0 && ed->text[at - 1] != ' ')
        at--;
    return at;
}

bool edit_key(struct edit *ed, uint32_t key, const char *paste)
{
    switch (key) {
    case K_LEFT:
        ed->cursor = previous(ed, ed->cursor);
        return true;
    case K_RIGHT:
        ed->cursor = next(ed, ed->cursor);
        return true;
    case K_HOME:
    case K_CTRL('A'):
        ed->cursor = 0;
        return true;
    case K_END:
    case K_CTRL('E'):
        ed->cursor = ed->len;
        return true;
    case 127:
    case K_CTRL('H'):
        cut(ed, previous(ed, ed->cursor), ed->cursor);
        return true;
    case K_DELETE:
    case K_CTRL('D'): {
        size_t from = ed->cursor;
        cut(ed, from, next(ed, from));
        return true;
    }
    case K_CTRL('U'):
        cut(ed, 0, ed->cursor);
        return true;
    case K_CTRL('K'):
        cut(ed, ed->cursor, ed->len);
        return true;
    case K_CTRL('W'):
        cut(ed, word_begin(ed), ed->cursor);
        return true;
    case K_PASTE:
        insert_paste(ed, paste);
        return true;
    default:
        break;
    }
    if (key < 32 || key == 127 || key >= KEYS_BASE)
        return false;
    char utf8[4];
    insert(ed, utf8, utf8_put(utf8, key));
    return true;
}

void edit_draw(const struct edit *ed, const struct pane *p, int row, int col, int width, bool focused, bool secret)
{
    char shown[EDIT_CAP], stars[EDIT_CAP];
    enum style s = focused ? STYLE_FIELD_ON : STYLE_FIELD, mark = focused ? STYLE_TITLE : STYLE_TEXT;
    const char *text = ed->text, *cursor = ed->text + ed->cursor;
    size_t before = 0;
    bool bracket = width >= 6;
    if (bracket) {
        col++;
        width -= 2;
    }
    if (width < 2)
        return;
    if (secret) {
        size_t n = 0;
        for (const char *at = ed->text; *at && n + 1 < sizeof stars; n++)
            utf8_next(&at);
        for (const char *at = ed->text; at < cursor && before < n; before++)
            utf8_next(&at);
        memset(stars, '*', n);
        stars[n] = 0;
        text = stars;
    } else {
        memcpy(shown, text, ed->cursor);
        shown[ed->cursor] = 0;
        before = text_columns(shown);
    }
    /* keeps the cursor in sight: drops whole characters on the left */
    size_t skip = before >= (size_t)width ? before - (size_t)width + 1 : 0, skipped = 0;
    while (skipped < skip && *text)
        skipped += (size_t)utf8_columns(utf8_next(&text));
    struct pane field = pane_sub(p, row, col, 1, width);
    pane_fill(&field, 0, 0, 1, width, ' ', s);
    pane_text(&field, 0, 0, s, text);
    if (bracket) { /* the field ends in sight without colour or underline */
        pane_text(p, row, col - 1, mark, "[");
        pane_text(p, row, col + width, mark, "]");
    }
    if (focused)
        pane_cursor(&field, 0, (int)(before - skipped), true);
    secret_wipe(stars, sizeof stars);
}

/* ---- fields ---- */
struct field *form_add(struct form *f, enum field_kind kind, const char *id, const char *label, const char *help)
{
    assert(f->n < FORM_FIELDS);
    struct field *field = &f->field[f->n++];
    *field = (struct field){.id = id, .label = label, .kind = kind, .help = help};
    return field;
}

struct field *form_field(struct form *f, const char *id)
{
    for (int i = 0; i < f->n; i++)
        if (str_eq(f->field[i].id, id))
            return &f->field[i];
    return NULL;
}

const char *form_text(struct form *f, const char *id)
{
    struct field *field = form_field(f, id);
    if (!field)
        return "";
    return field->kind == FIELD_CHOICE && field->choices ? field->choices[field->choice] : field->edit.text;
}

static bool typed(const struct field *field)
{
    return field->kind == FIELD_TEXT || field->kind == FIELD_SECRET || field->kind == FIELD_DATE ||
           field->kind == FIELD_NUMBER || field->kind == FIELD_NOTE;
}

bool form_takes_text(const struct form *f)
{
    return f->n > 0 && typed(&f->field[f->focus]);
}

/* "T-7" becomes "2026-02-23 Mon". */
static void check_date(struct field *field, int64_t now_ms)
{
    char date[11] = "";
    int64_t at;
    str_copy(date, sizeof date, field->edit.text);
    if (clock_parse_iso(date, &at) ? !clock_parse_human(date, now_ms, &at)
                                   : !clock_parse_human(field->edit.text, now_ms, &at)) {
        str_copy(field->wrong, sizeof field->wrong, "Write a date: T, T-7, T+3W, 2026-03-02 or 12 mar");
        return;
    }
    time_t seconds = (time_t)(at / 1000);
    struct tm day;
    char text[32];
    localtime_r(&seconds, &day);
    strftime(text, sizeof text, "%Y-%m-%d %a", &day);
    edit_set(&field->edit, text);
}

static bool check_field(struct field *field, int64_t now_ms)
{
    int64_t number;
    field->wrong[0] = 0;
    if (typed(field) && !field->edit.len) {
        if (field->required)
            str_format(field->wrong, sizeof field->wrong, "%s is needed", field->label);
    } else if (field->kind == FIELD_DATE) {
        check_date(field, now_ms);
    } else if (field->kind == FIELD_NUMBER && !str_to_i64(field->edit.text, field->min, field->max, &number)) {
        str_format(field->wrong, sizeof field->wrong, "Write a number from %lld to %lld", (long long)field->min,
                   (long long)field->max);
    }
    return !field->wrong[0];
}

bool form_check(struct form *f, int64_t now_ms)
{
    int first = -1;
    for (int i = f->n - 1; i >= 0; i--)
        if (!check_field(&f->field[i], now_ms))
            first = i;
    if (first >= 0)
        f->focus = first;
    return first < 0;
}

static void move_focus(struct form *f, int step, int64_t now_ms)
{
    struct field *left = &f->field[f->focus];
    if (left->edit.len)
        check_field(left, now_ms);
    f->focus = (f->focus + step + f->n) % f->n;
}

static bool toggle(struct form *f, struct field *field, uint32_t key)
{
    int n = 0;
    if (field->kind == FIELD_CHECK && (key == ' ' || key == 'x')) {
        field->on = !field->on;
    } else if (field->kind == FIELD_CHOICE && (key == ' ' || key == K_RIGHT || key == K_LEFT)) {
        while (field->choices[n])
            n++;
        field->choice = (field->choice + (key == K_LEFT ? n - 1 : 1)) % n;
    } else {
        return false;
    }
    f->changed = true;
    return true;
}

enum form_event form_key(struct form *f, uint32_t key, const char *paste, int64_t now_ms)
{
    if (f->n == 0)
        return FORM_UNUSED;
    struct field *field = &f->field[f->focus];
    if (key == 27)
        return FORM_CANCEL;
    if (toggle(f, field, key))
        return FORM_USED;
    if (key == 9 || key == K_DOWN) {
        move_focus(f, 1, now_ms);
        return FORM_USED;
    }
    if (key == K_BACKTAB || key == K_UP) {
        move_focus(f, -1, now_ms);
        return FORM_USED;
    }
    if (key == 13 || (key == ' ' && field->kind == FIELD_BUTTON)) {
        if (field->kind == FIELD_BUTTON)
            return FORM_BUTTON;
        if (f->focus == f->n - 1)
            return FORM_SUBMIT;
        move_focus(f, 1, now_ms);
        return FORM_USED;
    }
    if (typed(field) && edit_key(&field->edit, key, paste)) {
        field->wrong[0] = 0;
        f->changed = true;
        return FORM_USED;
    }
    return FORM_UNUSED;
}

/* ---- drawing ---- */
static void draw_value(const struct field *field, const struct pane *p, int row, int col, bool focused)
{
    enum style s = focused ? STYLE_BUTTON_ON : STYLE_TEXT;
    switch (field->kind) {
    case FIELD_CHECK:
        pane_text(p, row, col, s, field->on ? "[x]" : "[ ]");
        break;
    case FIELD_CHOICE:
        pane_printf(p, row, col, s, "< %s >", field->choices[field->choice]);
        break;
    case FIELD_BUTTON:
        pane_printf(p, row, col, s, "[ %s ]", field->label);
        break;
    default:
        edit_draw(&field->edit, p, row, col, p->cols - col - 1, focused, field->kind == FIELD_SECRET);
        return;
    }
    if (focused)
        pane_cursor(p, row, col + 1, true);
}

int form_draw(const struct form *f, const struct pane *p, int label_width)
{
    int room = p->rows > 2 ? p->rows - 2 : p->rows; /* the last lines explain the focused field */
    int first = f->focus >= room ? f->focus - room + 1 : 0, row = 0;
    for (int i = first; i < f->n && row < room; i++, row++) {
        const struct field *field = &f->field[i];
        bool focused = i == f->focus;
        if (field->kind != FIELD_BUTTON)
            pane_field(p, row, 0, label_width, focused ? STYLE_TITLE : STYLE_TEXT, field->label);
        draw_value(field, p, row, field->kind == FIELD_BUTTON ? 0 : label_width + 1, focused);
        if (field->wrong[0] && !focused)
            pane_text(p, row, label_width, STYLE_ERROR, "!");
    }
    if (p->rows > 2 && f->n) {
        const struct field *field = &f->field[f->focus];
        struct pane help = pane_sub(p, row, 0, p->rows - row, p->cols);
        pane_wrap(&help, 0, field->wrong[0] ? STYLE_ERROR : STYLE_DIM,
                  field->wrong[0] ? field->wrong
                  : field->help   ? field->help
                                  : "");
    }
    return row;
}

/* ---- drafts ---- */
json_t *form_to_json(const struct form *f)
{
    json_t *fields = json_object();
    for (int i = 0; i < f->n; i++) {
        const struct field *field = &f->field[i];
        if (field->kind == FIELD_CHECK)
            json_object_set_new(fields, field->id, json_boolean(field->on));
        else if (field->kind == FIELD_CHOICE)
            json_object_set_new(fields, field->id, json_integer(field->choice));
        else if (typed(field) && field->kind != FIELD_SECRET)
            json_object_set_new(fields, field->id, json_string(field->edit.text));
    }
    return fields;
}

void form_from_json(struct form *f, json_t *fields)
{
    for (int i = 0; i < f->n; i++) {
        struct field *field = &f->field[i];
        json_t *value = json_object_get(fields, field->id);
        int n = 0;
        if (json_is_boolean(value))
            field->on = json_is_true(value);
        else if (json_is_string(value))
            edit_set(&field->edit, json_string_value(value));
        else if (json_is_integer(value) && field->choices) {
            while (field->choices[n])
                n++;
            if (json_integer_value(value) >= 0 && json_integer_value(value) < n)
                field->choice = (int)json_integer_value(value);
        }
    }
}

void form_wipe(struct form *f)
{
    for (int i = 0; i < f->n; i++)
        edit_wipe(&f->field[i].edit);
}
