/* The passport of a network as a card: what it is for, how it was measured, what it is. */
#ifndef CLINIC_UI_SCREEN_PASSPORT_TEXT_H
#define CLINIC_UI_SCREEN_PASSPORT_TEXT_H

#include "ui/grid.h"
#include <jansson.h>

enum { PASSPORT_PURPOSE = 1, PASSPORT_MEASURED = 2 };

/* model: answer of models.show; milliseconds < 0: not timed yet; test: answer of models.test or NULL. Rows used. */
int passport_text_draw(json_t *model, int parts, double milliseconds, json_t *test, const struct pane *p);
/* "NORMAL, PNEUMONIA" */
void passport_classes_line(json_t *names, char *dst, size_t cap);
/* "2,259,265" */
void passport_count(int64_t n, char *dst, size_t cap);

#endif
