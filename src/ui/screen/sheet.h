/* A text longer than its pane: drawn once on a sheet of its own, shown from `top` on. */
#ifndef CLINIC_UI_SCREEN_SHEET_H
#define CLINIC_UI_SCREEN_SHEET_H

#include "ui/app.h"

enum { SHEET_ROWS = 600 };

struct sheet {
    struct grid grid;
    int used, top, visible;
};
/* The sheet to draw on, empty, that wide; rows 0 when there is no memory (the person is told). */
struct pane sheet_begin(struct app *a, struct sheet *s, int cols);
void sheet_end(struct sheet *s, int used, int visible); /* rows drawn, rows of the pane it is shown in */
bool sheet_act(struct sheet *s, enum action act);       /* true when it was a movement */
bool sheet_can(enum action act);
/* In the pane inside a box; marks at the right edge say that there is more. */
void sheet_show(const struct sheet *s, const struct pane *inside);
void sheet_fini(struct sheet *s);

#endif
