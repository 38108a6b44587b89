/* A folder as a list: folders first, what cannot be opened is dim. Names are bytes; they are made safe when drawn. */
#ifndef CLINIC_UI_PICKER_H
#define CLINIC_UI_PICKER_H

#include "ui/grid.h"

enum { PICKER_MAX = 20000 };
struct picker_entry {
    char *name; /* owned */
    int64_t size_bytes;
    bool folder, openable, marked;
};
struct picker {
    char folder[4096];
    struct picker_entry *entry; /* owned, sorted; entry 0 is ".." but in the root */
    int n, cursor, top, rows, marked_n;
    size_t cap;
    bool hidden, cut;    /* cut: more than PICKER_MAX entries */
    char filter[64];     /* folded; only names that hold it are shown */
    int *shown, shown_n; /* positions of the entries that pass the filter; owned */
};
void picker_close(struct picker *p);
/* Reads a folder (NULL: where it is); the cursor goes to the entry named `at` when it is there. Fails without changing
 * anything. */
enum rc picker_read(struct picker *p, const char *folder, const char *at, struct err *e) MUST_USE;
void picker_filter(struct picker *p, const char *text);
void picker_fit(struct picker *p, int rows);
void picker_move(struct picker *p, int delta);
void picker_go(struct picker *p, int position);
struct picker_entry *picker_current(const struct picker *p);
void picker_mark(struct picker *p, struct picker_entry *entry, bool on);
/* "<folder>/<name>"; false when too long. */
bool picker_path(const struct picker *p, const struct picker_entry *entry, char *dst, size_t cap);
void picker_draw(const struct picker *p, const struct pane *pane, bool focused);
/* "~/xrays" */
void picker_title(const struct picker *p, char *dst, size_t cap);

#endif
