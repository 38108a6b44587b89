/* Reading a record: absent or foreign values read as empty, never as an error, because a report must always come out.
 */
#ifndef CLINIC_REPORT_FIELD_H
#define CLINIC_REPORT_FIELD_H

#include "report.h"

const char *field_text(json_t *object, const char *name); /* "" when absent */
double field_number(json_t *object, const char *name);    /* 0 when absent */
/* "OKELLO Grace, F, 34 years, #000123"; a walk-in's name and age; "" when nobody is named. */
void field_patient(json_t *record, char *dst, size_t cap);
/* The same in two: a name written from right to left must not pull the figures along. */
const char *field_patient_name(json_t *record);
void field_patient_facts(json_t *record, char *dst, size_t cap);
/* "2026-03-02 10:14 UTC" */
void field_time(json_t *object, const char *name, char *dst, size_t cap);
/* "agrees", "disagrees: NORMAL", or "" without a review; who and when apart. */
void field_review(json_t *record, char *dst, size_t cap);
bool field_positive(json_t *record);
bool field_voided(json_t *record);

#endif
