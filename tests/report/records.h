/* Records as results.show gives them. */
#ifndef TESTS_REPORT_RECORDS_H
#define TESTS_REPORT_RECORDS_H

#include "report.h"

json_t *record_usual(void); /* positive, read by a person */
void record_set(json_t *record, const char *object, const char *name,
                json_t *owned); /* object NULL: of the record itself */
/* A picture with detail everywhere, the worst for JPEG. */
void picture_noise(struct image *im, int32_t w, int32_t h, int32_t channels, int32_t bits);

#endif
