/* A list that is read page by page from one operation, and the keys that move in it. */
#ifndef CLINIC_UI_SCREEN_PAGED_H
#define CLINIC_UI_SCREEN_PAGED_H

#include "ui/app.h"

struct paged {
    struct list list;
    const char *op; /* answers {count, results} */
    int tag;        /* of app_ask */
    json_t *args;   /* owned; search, filter, order */
    int64_t asked_offset, asked_count;
};
void paged_init(struct paged *p, const char *op, int tag);
void paged_fini(struct paged *p);
/* Stolen value; NULL takes the argument away. Nothing is asked yet. */
void paged_arg(struct paged *p, const char *name, json_t *value);
void paged_refresh(struct app *a, struct paged *p);              /* what is in sight, anew */
void paged_top(struct app *a, struct paged *p);                  /* from the first row on: another filter or order */
void paged_take(struct app *a, struct paged *p, json_t *result); /* the answer; NULL when it failed */
void paged_fit(struct app *a, struct paged *p, int rows);        /* from the screen's layout */
bool paged_can(const struct paged *p, enum action act);
bool paged_act(struct app *a, struct paged *p, enum action act);  /* true when it was a movement */
int64_t paged_id(const struct paged *p);                          /* of the current row, 0: none */
const char *paged_text(const struct paged *p, const char *field); /* of the current row, "" when none */

#endif
