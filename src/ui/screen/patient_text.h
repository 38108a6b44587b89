/* How a patient is shown: the words of a record, the same in the list and in the chart. */
#ifndef CLINIC_UI_SCREEN_PATIENT_TEXT_H
#define CLINIC_UI_SCREEN_PATIENT_TEXT_H

#include "ui/grid.h"
#include <jansson.h>

const char *patient_field(json_t *patient, const char *name); /* "" when absent */
/* "2026-03-02" of a time field, local time; "" when absent. */
void patient_day(json_t *patient, const char *field, char *dst, size_t cap);
/* "F 34 y (1992)" */
void patient_age(json_t *patient, char *dst, size_t cap);
/* Everything that is known, a line each; returns the rows used. NULL: nothing. */
int patient_card_draw(json_t *patient, const struct pane *p);
/* Scores 0..1, oldest first, one character each; the newest ones when there is not room for all. */
void patient_score_line(const double *score, size_t n, size_t columns, bool ascii_only, char *dst, size_t cap);

#endif
