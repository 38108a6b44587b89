/* The filter of the results: a form, its meaning as arguments of results.list, and one line that says it. */
#ifndef CLINIC_UI_SCREEN_RESULTS_FILTER_H
#define CLINIC_UI_SCREEN_RESULTS_FILTER_H

#include "ui/app.h"

/* Fields for this role; filter: what is set now (an object, borrowed). */
void results_filter_open(struct form *f, json_t *filter, enum role role);
/* New object; NULL when a field is wrong (it is focused and says why). */
json_t *results_filter_take(struct form *f, int64_t now_ms);
/* "class=PNEUMONIA conf>=80 from=2026-02-01"; "" when nothing is set. */
void results_filter_line(json_t *filter, char *dst, size_t cap);

#endif
