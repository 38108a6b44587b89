/* A whole result as a sheet of text: class and scores; advice and what the figures rest on; patient, review, mail. */
#ifndef CLINIC_UI_SCREEN_RESULT_TEXT_H
#define CLINIC_UI_SCREEN_RESULT_TEXT_H

#include "ui/grid.h"
#include <jansson.h>

enum { RESULT_SHEET_ROWS = 160 };
enum result_part { RESULT_SAID = 1, RESULT_RECORD = 2 };
/* Draws the parts from row 0 of the pane down; returns the rows used. record: answer of results.show. */
int result_text_draw(json_t *record, int parts, const struct pane *p);

#endif
