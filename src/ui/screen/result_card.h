/* A result in a narrow pane: class and confidence first, then what they rest on. The same beside the picker and in the
 * detail. */
#ifndef CLINIC_UI_SCREEN_RESULT_CARD_H
#define CLINIC_UI_SCREEN_RESULT_CARD_H

#include "ui/grid.h"
#include <jansson.h>

/* record: answer of images.add or results.show; NULL draws an invitation. */
void result_card_draw(json_t *record, const struct pane *p);

#endif
