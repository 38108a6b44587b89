#include "ui/list.h"
#include "base/text.h"
#include <string.h>

enum { NARROW_COLS = 100, SMALL_COLS = 60, WINDOW_MAX = 500, SHOWN_MAX = 100 };

void list_fini(struct list *l)
{
    json_decref(l->rows);
    *l = (struct list){0};
}

static int64_t loaded(const struct list *l)
{
    return (int64_t)json_array_size(l->rows);
}

void list_take(struct list *l, json_t *answer, int64_t offset)
{
    json_t *rows = json_object_get(answer, "results"), *count = json_object_get(answer, "count");
    json_decref(l->rows);
    l->rows = json_incref(rows);
    l->offset = offset;
    l->total = json_is_integer(count) ? json_integer_value(count) : offset + loaded(l);
    list_go(l, l->cursor);
}

json_t *list_at(const struct list *l, int64_t position)
{
    return position < l->offset ? NULL : json_array_get(l->rows, (size_t)(position - l->offset));
}

json_t *list_current(const struct list *l)
{
    return list_at(l, l->cursor);
}

void list_go(struct list *l, int64_t position)
{
    int64_t shown = l->page_rows > 0 ? l->page_rows : 1;
    if (position >= l->total)
        position = l->total - 1;
    if (position < 0)
        position = 0;
    l->cursor = position;
    if (l->cursor < l->top)
        l->top = l->cursor;
    if (l->cursor >= l->top + shown)
        l->top = l->cursor - shown + 1;
    if (l->top > l->total - shown)
        l->top = l->total - shown;
    if (l->top < 0)
        l->top = 0;
}

void list_fit(struct list *l, int rows)
{
    l->page_rows = rows > 1 ? rows - 1 : 1;
    list_go(l, l->cursor);
}

void list_move(struct list *l, int64_t delta)
{
    list_go(l, l->cursor + delta);
}

/* Lists are asked for by page number: the smallest page size of which one page holds the rows in sight, a screen of
 * rows on both sides, and some slack, so that moving on asks seldom. */
static void window_around(const struct list *l, int64_t shown, int64_t *offset, int64_t *count)
{
    int64_t most = (WINDOW_MAX - 100 - 3 * shown) / 4, slack = 2 * shown < most ? 2 * shown : most;
    for (int64_t size = 3 * shown + 3 * slack; size <= WINDOW_MAX; size++) {
        int64_t inside = l->top % size;
        *count = size;
        *offset = l->top - inside;
        if ((inside >= shown + slack || *offset == 0) && inside + 2 * shown + slack <= size)
            return;
    }
}

bool list_wants(const struct list *l, int64_t *offset, int64_t *count)
{
    int64_t shown = l->page_rows > 0 ? l->page_rows : 1;
    if (shown > SHOWN_MAX)
        shown = SHOWN_MAX;
    int64_t first = l->top > shown ? l->top - shown : 0, last = l->top + 2 * shown - 1;
    if (last >= l->total)
        last = l->total - 1;
    if (l->total == 0 || (list_at(l, first) && list_at(l, last)))
        return false;
    window_around(l, shown, offset, count);
    return *offset != l->offset || *offset + *count > l->offset + loaded(l);
}

static int mark_at(const struct list *l, int64_t id)
{
    for (int i = 0; i < l->marks_n; i++)
        if (l->marks[i] == id)
            return i;
    return -1;
}

bool list_marked(const struct list *l, int64_t id)
{
    return mark_at(l, id) >= 0;
}

void list_mark(struct list *l, int64_t id, bool on)
{
    int at = mark_at(l, id);
    if (on && at < 0 && l->marks_n < LIST_MARKS_MAX)
        l->marks[l->marks_n++] = id;
    else if (!on && at >= 0)
        l->marks[at] = l->marks[--l->marks_n];
}

static int wished_width(const struct list_column *c, int cols)
{
    if (cols < SMALL_COLS && c->small_width)
        return c->small_width;
    return cols < NARROW_COLS && c->narrow_width ? c->narrow_width : c->width;
}

/* Width a column gets: fixed ones what they ask for, the one with 0 what is left. */
static int column_width(const struct list_column *c, int n, int i, int cols)
{
    int used = 2, width = wished_width(&c[i], cols);
    if (width != 0)
        return width;
    for (int k = 0; k < n; k++) {
        int w = wished_width(&c[k], cols);
        used += w > 0 ? w + 1 : 0;
    }
    return cols - used > 4 ? cols - used : 4;
}

static void draw_row(const struct list *l, const struct pane *p, int row, int64_t position,
                     const struct list_column *columns, int n, bool active)
{
    json_t *item = list_at(l, position);
    int64_t id = json_integer_value(json_object_get(item, "id"));
    bool marked = item && list_marked(l, id);
    int col = 2, shown = 0;
    pane_text(p, row, 0, active ? STYLE_SELECTED : STYLE_TEXT, active ? ">" : " ");
    pane_text(p, row, 1, active ? STYLE_SELECTED : STYLE_MARKED, marked ? "*" : " ");
    for (int i = 0; i < n; i++) {
        char text[256] = "";
        int width = column_width(columns, n, i, p->cols);
        if (width < 0)
            continue;
        if (item)
            columns[i].text(item, text, sizeof text);
        else if (i == 0)
            str_copy(text, sizeof text, "...");
        enum style s = item && columns[i].style ? columns[i].style(item) : marked ? STYLE_MARKED : STYLE_TEXT;
        /* the first column alone is reversed: moving the cursor costs a slow line two short pieces, not two lines */
        pane_field(p, row, col, width, active && shown++ == 0 ? STYLE_SELECTED : s, text);
        col += width + 1;
    }
}

void list_draw(const struct list *l, const struct pane *p, const struct list_column *columns, int n, int sorted,
               bool descending, bool focused)
{
    int col = 2;
    for (int i = 0; i < n; i++) {
        char title[64];
        int width = column_width(columns, n, i, p->cols);
        if (width < 0)
            continue;
        bool tight = (int)strlen(columns[i].title) + 2 > width && width > 0;
        str_format(title, sizeof title, "%s%s%s", columns[i].title, i != sorted || tight ? "" : " ",
                   i != sorted  ? ""
                   : descending ? "v"
                                : "^");
        pane_field(p, 0, col, width, STYLE_TITLE, title);
        col += width + 1;
    }
    for (int row = 1; row < p->rows && l->top + row - 1 < l->total; row++)
        draw_row(l, p, row, l->top + row - 1, columns, n, l->top + row - 1 == l->cursor);
    if (focused)
        pane_cursor(p, (int)(l->cursor - l->top) + 1, 0, false);
    if (l->total == 0)
        pane_text(p, 1, 2, STYLE_DIM, l->rows ? "Nothing here" : "Reading ...");
}
