/* How a row of results.list is shown, the same in every list of results. */
#ifndef CLINIC_UI_SCREEN_RESULT_ROW_H
#define CLINIC_UI_SCREEN_RESULT_ROW_H

#include "ui/list.h"

extern const struct list_column result_columns[];
extern const int result_columns_n;
/* "[!!] PNEUMONIA" or "[  ] NORMAL": the mark stands for positive, without colour. */
void result_class_text(json_t *result, char *dst, size_t cap);
enum style result_class_style(json_t *result);
/* A field of a record: beside its result (results.show) or inside it (images.add). Borrowed; NULL: none. */
json_t *result_part(json_t *record, const char *name);
/* What the class's code means, where the network's passport says more than the code does; else NULL. */
const char *result_label(json_t *record);
/* "2026-03-02 10:14", local time. */
void result_when(json_t *result, char *dst, size_t cap);

#endif
