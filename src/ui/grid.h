/* A screen as a grid of cells. Screens draw here; term.c shows it. All foreign text enters through pane_text, which
 * makes it safe. */
#ifndef CLINIC_UI_GRID_H
#define CLINIC_UI_GRID_H

#include "base/text.h"
#include "image.h"

enum style {
#define STYLE(id, attributes, colour) STYLE_##id,
#include "ui/styles.def"
#undef STYLE
    STYLE_N
};

struct cell {
    uint32_t ch;      /* 0: right half of a wide character */
    uint32_t mark[2]; /* combining marks, 0: none */
    uint8_t style;    /* enum style */
    int16_t fg, bg;   /* of a picture cell; -1: the style's */
};
/* Owner: the application; one for the whole terminal. */
struct grid {
    int rows, cols;
    struct cell *cell;
    size_t cap;
    int cursor_row, cursor_col; /* always on the active item */
    bool cursor_shown;          /* visible block where text is typed */
    bool ascii_only;            /* the terminal's character set */
    bool unicode_lines;
};
enum rc grid_resize(struct grid *g, int rows, int cols, struct err *e) MUST_USE;
void grid_clear(struct grid *g);
void grid_fini(struct grid *g);
/* One line of the grid as UTF-8, trailing blanks cut: tests and --plain. */
void grid_line(const struct grid *g, int row, struct buf *out);

/* A rectangle of the grid; everything drawn through it is clipped to it. */
struct pane {
    struct grid *g;
    int row, col, rows, cols;
};
struct pane pane_all(struct grid *g);
struct pane pane_sub(const struct pane *p, int row, int col, int rows, int cols);
/* Draws UTF-8 text (unsafe bytes replaced) from (row, col); returns the columns used. */
int pane_text(const struct pane *p, int row, int col, enum style s, const char *text);
int pane_printf(const struct pane *p, int row, int col, enum style s, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* At most width columns, cut with an ellipsis; padded with blanks in style s to width. */
void pane_field(const struct pane *p, int row, int col, int width, enum style s, const char *text);
void pane_right(const struct pane *p, int row, enum style s, const char *text); /* flush right */
void pane_fill(const struct pane *p, int row, int col, int rows, int cols, uint32_t ch, enum style s);
void pane_style(const struct pane *p, int row, int col, int cols, enum style s); /* restyles what is there */
/* Wraps at blanks; returns the rows used (at most p->rows - row). */
int pane_wrap(const struct pane *p, int row, enum style s, const char *text);
/* Border with a title in its upper edge; returns the pane inside. */
struct pane pane_box(const struct pane *p, const char *title, enum style s);
void pane_picture(const struct pane *p, int row, int col, const struct ascii_cell *cells, int rows, int cols);
/* "[######----]" of width columns, share 0..1. */
void pane_bar(const struct pane *p, int row, int col, int width, double share, enum style s);
/* Rows of another grid from first_row on, at most rows of them. */
void pane_grid(const struct pane *p, int row, int col, const struct grid *from, int first_row, int rows);
void pane_cursor(const struct pane *p, int row, int col, bool shown);

#endif
