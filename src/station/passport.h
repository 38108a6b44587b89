/* Passports: what a network is for, how its input is made, what its outputs mean. models/<id>.json beside
 * models/<id>.h5. */
#ifndef CLINIC_STATION_PASSPORT_H
#define CLINIC_STATION_PASSPORT_H

#include "base/secret.h"
#include "image.h"
#include "nn.h"

#include <jansson.h>

enum { PASSPORT_CLASSES_MAX = 1000, PASSPORT_GOLDEN_MAX = 64, PASSPORT_FILE_MAX_BYTES = 1 << 20 };

struct passport_class {
    const char *name, *label; /* borrowed from json */
    const json_t *advice;     /* {"en": [sentences]}; borrowed, may be NULL */
    bool concern;             /* worth a second look: positive, or of the malignant group */
};
struct passport_golden {
    const char *pattern;  /* "p0" ... see pattern.h */
    const json_t *output; /* array of numbers, output 0 */
    double tolerance;
};
struct passport {
    json_t *json; /* owned; every string below lives in it */
    const char *id, *version, *title, *task, *modality;
    char sha256[SHA256_HEX];
    bool assumed;                 /* no passport file: made up from the network's shapes */
    int32_t class_n, positive;    /* positive: index of the positive class or -1 */
    struct passport_class *class; /* owned, class_n */
    double threshold;             /* operating point of the positive class; NAN without one */
    struct image_recipe recipe;
    int32_t golden_n;
    struct passport_golden golden[PASSPORT_GOLDEN_MAX];
};
/* Text of a passport file. Every field is checked; ERR_MODEL_PASSPORT names the field. */
enum rc passport_parse(const char *text, size_t n, struct passport **out, struct err *e) MUST_USE;
enum rc passport_load(const char *path, struct passport **out, struct err *e) MUST_USE;
/* The file beside a network that was named by its path: a JSON object with no mark of a passport (sha256, classes,
 * preprocessing) is somebody else's and leaves *out NULL, as a missing file does. */
enum rc passport_load_beside(const char *path, struct passport **out, struct err *e) MUST_USE;
/* For a network without passport: one 2-D picture in (H x W x 1 or 3, levels times 1/255), class_0 ... out; one sigmoid
 * unit is class_1's score. ERR_MODEL_INPUT when the network does not take one picture. */
enum rc passport_assume(const struct nn_info *info, const char *id, const char *sha256, struct passport **out,
                        struct err *e) MUST_USE;
/* ERR_MODEL_PASSPORT unless input and output of the network are those the passport describes. */
enum rc passport_fits(const struct passport *p, const struct nn_info *info, struct err *e) MUST_USE;
size_t shape_elements(const struct nn_shape *s);                                           /* without free dims */
void passport_free(struct passport *p);                                                    /* NULL fine */
int32_t passport_class_find(const struct passport *p, const char *name, bool ignore_case); /* -1: none */
/* Sentences of advice for a class, in `language` or English; a new reference to an array, never NULL but for memory. */
json_t *passport_advice(const struct passport *p, int32_t class_index, const char *language);

#endif
