/* A list of JSON rows with columns, a cursor, marks and pages fetched on demand. */
#ifndef CLINIC_UI_LIST_H
#define CLINIC_UI_LIST_H

#include "ui/grid.h"
#include <jansson.h>

enum { LIST_MARKS_MAX = 4096 };

struct list_column {
    const char *title;
    int width;        /* columns; 0: takes what is left */
    int narrow_width; /* below 100 columns; -1: hidden there */
    void (*text)(json_t *row, char *dst, size_t cap);
    enum style (*style)(json_t *row); /* NULL: plain */
    int small_width;                  /* below 60 columns; 0: as narrow; -1: hidden there */
};
struct list {
    json_t *rows;                  /* array of the loaded window, owned */
    int64_t total;                 /* of the whole result */
    int64_t offset;                /* position of rows[0] in the whole */
    int64_t cursor, top;           /* absolute positions */
    int64_t marks[LIST_MARKS_MAX]; /* ids */
    int marks_n;
    int page_rows; /* rows shown, set by list_fit */
};
void list_fini(struct list *l);
/* The pane it will be drawn in has that many rows (one of them the header): call from the screen's layout. */
void list_fit(struct list *l, int rows);
/* Takes an answer {count, results} that begins at offset. */
void list_take(struct list *l, json_t *answer, int64_t offset);
json_t *list_current(const struct list *l); /* borrowed, NULL when none or not loaded */
json_t *list_at(const struct list *l, int64_t position);
void list_move(struct list *l, int64_t delta);
void list_go(struct list *l, int64_t position);
/* True when rows in sight, or within a screen of them, are not loaded: *offset, *count say what to ask for. offset is a
 * multiple of count: page = offset / count + 1, page_size = count. */
bool list_wants(const struct list *l, int64_t *offset, int64_t *count);
bool list_marked(const struct list *l, int64_t id);
void list_mark(struct list *l, int64_t id, bool on);
/* Header line and rows; the cursor rests on the active row. sorted: column with the order mark, -1 none. */
void list_draw(const struct list *l, const struct pane *p, const struct list_column *columns, int columns_n, int sorted,
               bool descending, bool focused);

#endif
