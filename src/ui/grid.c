#include "ui/grid.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_CAP = 4096 };

static const struct cell blank = {.ch = ' ', .style = STYLE_TEXT, .fg = -1, .bg = -1};

enum rc grid_resize(struct grid *g, int rows, int cols, struct err *e)
{
    size_t need = (size_t)rows * (size_t)cols;
    enum rc rc = mem_grow(&g->cell, &g->cap, need, sizeof *g->cell, e);
    if (rc != RC_OK)
        return rc;
    g->rows = rows;
    g->cols = cols;
    grid_clear(g);
    return RC_OK;
}

void grid_clear(struct grid *g)
{
    for (int i = 0; i < g->rows * g->cols; i++)
        g->cell[i] = blank;
    g->cursor_row = g->cursor_col = 0;
    g->cursor_shown = false;
}

void grid_fini(struct grid *g)
{
    mem_free(g->cell);
    *g = (struct grid){0};
}

void grid_line(const struct grid *g, int row, struct buf *out)
{
    const struct cell *c = g->cell + (size_t)row * (size_t)g->cols;
    int last = g->cols - 1;
    while (last >= 0 && c[last].ch == ' ')
        last--;
    for (int i = 0; i <= last; i++) {
        char utf8[4];
        if (c[i].ch == 0)
            continue;
        buf_add(out, utf8, utf8_put(utf8, c[i].ch));
        for (size_t m = 0; m < ARRAY_N(c[i].mark) && c[i].mark[m]; m++)
            buf_add(out, utf8, utf8_put(utf8, c[i].mark[m]));
    }
}

struct pane pane_all(struct grid *g)
{
    return (struct pane){g, 0, 0, g->rows, g->cols};
}

struct pane pane_sub(const struct pane *p, int row, int col, int rows, int cols)
{
    struct pane s = {p->g, p->row + row, p->col + col, rows, cols};
    if (row + rows > p->rows)
        s.rows = p->rows - row;
    if (col + cols > p->cols)
        s.cols = p->cols - col;
    if (s.rows < 0 || row < 0)
        s.rows = 0;
    if (s.cols < 0 || col < 0)
        s.cols = 0;
    return s;
}

static struct cell *cell_at(const struct pane *p, int row, int col)
{
    if (row < 0 || col < 0 || row >= p->rows || col >= p->cols)
        return NULL;
    return p->g->cell + (size_t)(p->row + row) * (size_t)p->g->cols + (size_t)(p->col + col);
}

static void add_mark(struct cell *c, uint32_t mark)
{
    for (size_t m = 0; c && m < ARRAY_N(c->mark); m++)
        if (!c->mark[m]) {
            c->mark[m] = mark;
            return;
        }
}

/* Overwriting one half of a wide character blanks the other half. */
static void split_wide(const struct pane *p, int row, int col)
{
    struct cell *here = cell_at(p, row, col), *left = cell_at(p, row, col - 1), *right = cell_at(p, row, col + 1);
    if (here && here->ch == 0 && left)
        *left = blank;
    if (right && right->ch == 0)
        *right = blank;
}

int pane_text(const struct pane *p, int row, int col, enum style s, const char *text)
{
    char safe[TEXT_CAP];
    const char *at = text_safe(safe, sizeof safe, text ? text : "", p->g->ascii_only);
    int begin = col;
    while (*at) {
        uint32_t ch = utf8_next(&at);
        int width = utf8_columns(ch);
        if (width == 0) {
            add_mark(col > begin ? cell_at(p, row, col - 1) : NULL, ch);
            continue;
        }
        if (col + width > p->cols)
            break;
        struct cell *c = cell_at(p, row, col);
        if (c) {
            split_wide(p, row, col);
            *c = (struct cell){.ch = ch, .style = (uint8_t)s, .fg = -1, .bg = -1};
            if (width == 2) {
                struct cell *tail = cell_at(p, row, col + 1);
                split_wide(p, row, col + 1);
                *c = (struct cell){.ch = ch, .style = (uint8_t)s, .fg = -1, .bg = -1};
                *tail = (struct cell){.ch = 0, .style = (uint8_t)s, .fg = -1, .bg = -1};
            }
        }
        col += width;
    }
    return col - begin;
}

int pane_printf(const struct pane *p, int row, int col, enum style s, const char *fmt, ...)
{
    char text[TEXT_CAP];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return pane_text(p, row, col, s, text);
}

void pane_field(const struct pane *p, int row, int col, int width, enum style s, const char *text)
{
    char safe[TEXT_CAP], fitted[TEXT_CAP];
    if (width <= 0)
        return;
    text_safe(safe, sizeof safe, text ? text : "", p->g->ascii_only);
    text_fit(fitted, sizeof fitted, safe, (size_t)width);
    int used = pane_text(p, row, col, s, fitted);
    if (used < width)
        pane_fill(p, row, col + used, 1, width - used, ' ', s);
}

void pane_right(const struct pane *p, int row, enum style s, const char *text)
{
    char safe[TEXT_CAP];
    text_safe(safe, sizeof safe, text, p->g->ascii_only);
    int width = (int)text_columns(safe);
    pane_text(p, row, width < p->cols ? p->cols - width : 0, s, safe);
}

void pane_fill(const struct pane *p, int row, int col, int rows, int cols, uint32_t ch, enum style s)
{
    for (int r = row; r < row + rows; r++)
        for (int c = col; c < col + cols; c++) {
            struct cell *at = cell_at(p, r, c);
            if (at) {
                split_wide(p, r, c);
                *at = (struct cell){.ch = ch, .style = (uint8_t)s, .fg = -1, .bg = -1};
            }
        }
}

void pane_style(const struct pane *p, int row, int col, int cols, enum style s)
{
    for (int c = col; c < col + cols; c++) {
        struct cell *at = cell_at(p, row, c);
        if (at)
            at->style = (uint8_t)s;
    }
}

/* Bytes of the longest prefix of at that fits into cols columns, broken at a blank where there is one. */
static size_t wrap_line(const char *at, int cols)
{
    const char *p = at, *blank_at = NULL;
    int width = 0;
    while (*p && *p != '\n') {
        const char *next = p;
        int w = utf8_columns(utf8_next(&next));
        if (width + w > cols)
            return (size_t)((blank_at && blank_at > at ? blank_at : p) - at);
        if (*p == ' ')
            blank_at = p;
        width += w;
        p = next;
    }
    return (size_t)(p - at);
}

int pane_wrap(const struct pane *p, int row, enum style s, const char *text)
{
    int begin = row;
    if (p->cols < 2)
        return 0;
    while (*text && row < p->rows) {
        char line[TEXT_CAP];
        size_t n = wrap_line(text, p->cols);
        size_t keep = n < sizeof line ? n : sizeof line - 1;
        memcpy(line, text, keep);
        line[keep] = 0;
        pane_text(p, row++, 0, s, line);
        text += n;
        if (n == 0 && *text && *text != '\n')
            break;
        while (*text == ' ')
            text++;
        if (*text == '\n')
            text++;
    }
    return row - begin;
}

struct pane pane_box(const struct pane *p, const char *title, enum style s)
{
    static const uint32_t ascii[] = {'-', '|', '+', '+', '+', '+'};
    static const uint32_t unicode[] = {0x2500, 0x2502, 0x250c, 0x2510, 0x2514, 0x2518};
    const uint32_t *line = p->g->unicode_lines && !p->g->ascii_only ? unicode : ascii;
    int bottom = p->rows - 1, right = p->cols - 1;
    pane_fill(p, 0, 1, 1, right - 1, line[0], s);
    pane_fill(p, bottom, 1, 1, right - 1, line[0], s);
    pane_fill(p, 1, 0, bottom - 1, 1, line[1], s);
    pane_fill(p, 1, right, bottom - 1, 1, line[1], s);
    pane_fill(p, 0, 0, 1, 1, line[2], s);
    pane_fill(p, 0, right, 1, 1, line[3], s);
    pane_fill(p, bottom, 0, 1, 1, line[4], s);
    pane_fill(p, bottom, right, 1, 1, line[5], s);
    if (title && *title && p->cols > 6) {
        char fitted[TEXT_CAP];
        struct pane edge = pane_sub(p, 0, 2, 1, p->cols - 4);
        text_fit(fitted, sizeof fitted, title, (size_t)(p->cols - 6));
        pane_printf(&edge, 0, 0, s == STYLE_TEXT ? STYLE_TITLE : s, " %s ", fitted);
    }
    return pane_sub(p, 1, 1, p->rows - 2, p->cols - 2);
}

void pane_picture(const struct pane *p, int row, int col, const struct ascii_cell *cells, int rows, int cols)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            const struct ascii_cell *from = &cells[(size_t)r * (size_t)cols + (size_t)c];
            struct cell *to = cell_at(p, row + r, col + c);
            if (to)
                *to = (struct cell){.ch = from->ch, .style = STYLE_PICTURE, .fg = from->fg, .bg = from->bg};
        }
}

void pane_grid(const struct pane *p, int row, int col, const struct grid *from, int first_row, int rows)
{
    for (int r = 0; r < rows && first_row + r < from->rows; r++)
        for (int c = 0; c < from->cols; c++) {
            struct cell *to = cell_at(p, row + r, col + c);
            if (to)
                *to = from->cell[(size_t)(first_row + r) * (size_t)from->cols + (size_t)c];
        }
}

void pane_bar(const struct pane *p, int row, int col, int width, double share, enum style s)
{
    int inside = width - 2, filled = (int)(share * inside + 0.5);
    if (inside < 1)
        return;
    pane_text(p, row, col, STYLE_TEXT, "[");
    pane_fill(p, row, col + 1, 1, filled, '#', s);
    pane_fill(p, row, col + 1 + filled, 1, inside - filled, '-', STYLE_TEXT);
    pane_text(p, row, col + width - 1, STYLE_TEXT, "]");
}

void pane_cursor(const struct pane *p, int row, int col, bool shown)
{
    p->g->cursor_row = p->row + (row < p->rows ? row : p->rows - 1);
    p->g->cursor_col = p->col + (col < p->cols ? col : p->cols - 1);
    p->g->cursor_shown = shown;
}
