/* The store's door to patients, pictures and results. */
#ifndef CLINIC_STORE_RECORDS_H
#define CLINIC_STORE_RECORDS_H

#include "store.h"

/* --- patients
 * --------------------------------------------------------------------------------------------------------- */
struct store_patient {
    int64_t id;                             /* 0: a new one */
    const char *name, *sex, *phone, *notes; /* NULL: unchanged (empty in a new one); sex "F", "M", "X" or "" */
    int64_t birth_year;                     /* -1: unchanged, 0: unknown */
    int consent;                            /* -1: unchanged, 0, 1 */
    int64_t user_id;                        /* -1: unchanged, 0: none */
};
enum rc store_patient_add(struct store_tx *tx, const struct store_patient *p, int64_t by, int64_t now, int64_t *id,
                          struct err *e) MUST_USE;
/* The former row is kept in patient_history. */
enum rc store_patient_set(struct store_tx *tx, const struct store_patient *p, int64_t by, int64_t now,
                          struct err *e) MUST_USE;
enum rc store_patient_json(struct store_tx *tx, int64_t id, int64_t now, json_t **out, struct err *e) MUST_USE;
/* search: words, each anywhere in name, number, phone or birth year; accents and case folded. */
enum rc store_patients_list(struct store_tx *tx, const char *search, const struct store_page *p, int64_t now,
                            json_t **out, struct err *e) MUST_USE;
/* An array, likeliest first, each with "why". Same phone, or alike name with the same or no birth year. except: 0 or
 * own id. */
enum rc store_patients_alike(struct store_tx *tx, const char *name, int64_t birth_year, const char *phone,
                             int64_t except, int64_t now, json_t **out, struct err *e) MUST_USE;
enum rc store_patient_of_user(struct store_tx *tx, int64_t user_id, int64_t *id, struct err *e) MUST_USE; /* 0: none */

/* --- pictures and results
 * --------------------------------------------------------------------------------------------- */
enum { STORE_PATH_CAP = 96 };
/* Copies the n bytes to images/YYYY/MM/DD/<sha256>.<ext>: temporary, fsync, rename, fsync of the folder. path: relative
 * to images/. The same bytes on the same day are one file. Outside any transaction. */
enum rc store_picture_put(struct store *s, const void *data, size_t n, const char *sha256, const char *ext, int64_t now,
                          char path[STORE_PATH_CAP], struct err *e) MUST_USE;
enum rc store_picture_open(struct store *s, const char *path, int *fd, struct err *e) MUST_USE;

struct store_image {
    const char *path, *name, *sha256, *format;
    int64_t file_size, width, height;
};
struct store_result {
    int64_t patient_id;               /* 0: a walk-in */
    const char *patient_name, *notes; /* of a walk-in; "" when unknown */
    int64_t patient_age;              /* -1 unknown */
    const char *predicted_class, *model_id, *model_version, *model_sha256;
    double confidence, raw_score, threshold, processing_time;
    int positive;   /* -1: the network has no positive class */
    json_t *detail; /* kept whole: scores, recommendations, passport_line, timings_ms, ...; borrowed */
    bool released;
};
enum rc store_result_add(struct store_tx *tx, const struct store_image *im, const struct store_result *r, int64_t by,
                         int64_t now, int64_t *image_id, int64_t *result_id, struct err *e) MUST_USE;

/* Whose eyes: what a query may return at all. */
enum store_scope {
    STORE_OWN, /* released, valid results of the patient records tied to user_id */
    STORE_ALL,
    STORE_DEIDENTIFIED, /* valid results without names, notes or file names; patients as stable pseudonyms */
};
struct store_eyes {
    enum store_scope scope;
    int64_t user_id;
};
struct store_filter {
    const char *search, *predicted_class, *model; /* NULL: any */
    double confidence_min, confidence_max;        /* NAN: any */
    int64_t from, to;                             /* 0: any; to is exclusive */
    int64_t patient;                              /* 0: any */
    int reviewed, released, positive;             /* -1: any */
    bool include_void;
    const int64_t *ids; /* only these, when id_n > 0 */
    size_t id_n;
};
struct store_filter store_filter_none(void); /* every valid result */
/* Orderings: created_at id confidence predicted_class raw_score model patient. Where counting would take too long,
 * "count" is what was found on the way and "count_more" is true. */
enum rc store_results_list(struct store_tx *tx, const struct store_eyes *eyes, const struct store_filter *f,
                           const struct store_page *p, json_t **out, struct err *e) MUST_USE;
/* {result, image, patient, scores, recommendations, model, passport_line, review, reviews, void, mail}; ERR_NOT_FOUND
 * when absent or beyond these eyes. */
enum rc store_result_json(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, int64_t now, json_t **out,
                          struct err *e) MUST_USE;
/* One row as in the list. */
enum rc store_result_row(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, json_t **out,
                         struct err *e) MUST_USE;
/* Where the picture lies and how the eyes may call it. */
struct store_picture {
    char path[STORE_PATH_CAP], name[256], sha256[SHA256_HEX], format[16];
    int64_t file_size;
};
enum rc store_result_picture(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, struct store_picture *out,
                             struct err *e) MUST_USE;
/* Corrections are rows of their own; the result itself never changes. ERR_CONFLICT on a voided result. */
enum rc store_result_void(struct store_tx *tx, int64_t id, const char *reason, int64_t by, int64_t now,
                          struct err *e) MUST_USE;
enum rc store_result_review(struct store_tx *tx, int64_t id, bool agree, const char *own_class, const char *note,
                            int64_t by, int64_t now, struct err *e) MUST_USE;
enum rc store_result_release(struct store_tx *tx, int64_t id, bool released, int64_t by, int64_t now,
                             struct err *e) MUST_USE;
enum rc store_result_attach(struct store_tx *tx, int64_t id, int64_t patient, int64_t by, int64_t now,
                            struct err *e) MUST_USE;

/* Pictures as {id, image, name, uploaded_at, file_size, width, height, format, result}. STORE_OWN: those the person
 * sent in; result only when released. */
enum rc store_images_list(struct store_tx *tx, const struct store_eyes *eyes, const struct store_page *p, json_t **out,
                          struct err *e) MUST_USE;
enum rc store_image_json(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, json_t **out,
                         struct err *e) MUST_USE;
/* {total, normal, positive, today, unreviewed, unreleased, classes} within the eyes. day: start of today. */
enum rc store_stats(struct store_tx *tx, const struct store_eyes *eyes, int64_t day, json_t **out,
                    struct err *e) MUST_USE;

#endif
