#include "ui/screen/sheet.h"

struct pane sheet_begin(struct app *a, struct sheet *s, int cols)
{
    struct err e = {0};
    if (cols < 1 || grid_resize(&s->grid, SHEET_ROWS, cols, &e) != RC_OK) {
        if (e.rc != RC_OK)
            app_fail(a, &e);
        return (struct pane){.g = &s->grid};
    }
    grid_clear(&s->grid);
    s->grid.ascii_only = app_view(a)->ascii_only;
    return pane_all(&s->grid);
}

static void scroll(struct sheet *s, int delta)
{
    int last = s->used > s->visible ? s->used - s->visible : 0, to = s->top + delta;
    s->top = to < 0 ? 0 : to > last ? last : to;
}

void sheet_end(struct sheet *s, int used, int visible)
{
    s->used = used;
    s->visible = visible > 0 ? visible : 1;
    scroll(s, 0);
}

bool sheet_can(enum action act)
{
    return act == ACT_UP || act == ACT_DOWN || act == ACT_TOP || act == ACT_BOTTOM || act == ACT_PAGE_UP ||
           act == ACT_PAGE_DOWN;
}

bool sheet_act(struct sheet *s, enum action act)
{
    int page = s->visible > 1 ? s->visible - 1 : 1;
    if (!sheet_can(act))
        return false;
    scroll(s, act == ACT_UP          ? -1
              : act == ACT_DOWN      ? 1
              : act == ACT_PAGE_UP   ? -page
              : act == ACT_PAGE_DOWN ? page
              : act == ACT_TOP       ? -SHEET_ROWS
                                     : SHEET_ROWS);
    return true;
}

void sheet_show(const struct sheet *s, const struct pane *inside)
{
    pane_grid(inside, 0, 1, &s->grid, s->top, inside->rows);
    if (s->used > s->top + inside->rows)
        pane_right(inside, inside->rows - 1, STYLE_TITLE, "v");
    if (s->top > 0)
        pane_right(inside, 0, STYLE_TITLE, "^");
    pane_cursor(inside, 0, 1, false);
}

void sheet_fini(struct sheet *s)
{
    grid_fini(&s->grid);
}
