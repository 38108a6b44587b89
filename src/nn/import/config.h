/* JSON from a file, read with limits, and the small questions lowering code asks of it. */
#ifndef CLINIC_NN_IMPORT_CONFIG_H
#define CLINIC_NN_IMPORT_CONFIG_H

#include "base/mem.h"

#include <jansson.h>

enum { CONFIG_BYTES_MAX = 64 << 20, CONFIG_DEPTH_MAX = 200, CONFIG_VALUES_MAX = 2 << 20 };

/* Refuses text that is too long, nested too deep, has too many values, or repeats a key (MODEL_LIMIT, MODEL_CONFIG).
 * Whole numbers come back as reals: sizes of any notation compare equal. `text` is changed ("Infinity" is replaced). */
enum rc config_parse(char *text, size_t n, json_t **out, struct err *e) MUST_USE;

/* Value of the first of the '|'-separated keys that is there; NULL when none is. JSON null counts as there. */
const json_t *config_get(const json_t *object, const char *keys);
bool config_is_null(const json_t *value);           /* absent or null */
bool config_int(const json_t *value, int64_t *out); /* a whole number inside int32 */

#endif
