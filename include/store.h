/* Records: people, sessions, patients, pictures, results, outbox, drafts, audit; one SQLite database and a folder of pictures
 * under the station's home. Records leave as JSON objects with the product's public field names. Thread-safe: every transaction has
 * a connection of its own. Nothing here decides who may see what beyond the scope it is handed. Times are ms since 1970, UTC. */
#ifndef CLINIC_STORE_H
#define CLINIC_STORE_H

#include "base/mem.h"
#include "base/secret.h"
#include <jansson.h>

struct store;
struct store_tx;

/* Creates the folder and the database, applies the migrations of schema_dir() that are missing. `done` hears the name of each
 * one applied now. Idempotent; a database of a newer program is ERR_STORE_NEWER and stays as it is. */
enum rc store_migrate(const char *home, void (*done)(void *ctx, const char *migration), void *ctx, struct err *e) MUST_USE;
/* ERR_STORE_MISSING without a database or with one that needs migrating, ERR_STORE_NEWER, ERR_STORE. */
enum rc store_open(const char *home, struct store **out, struct err *e) MUST_USE;
void store_close(struct store *s); /* NULL fine; after the last transaction */
const char *store_home(const struct store *s);
/* Reads the whole database: ERR_STORE with the first trouble. Slow. */
enum rc store_check(struct store *s, struct err *e) MUST_USE;

/* A transaction is short: never held over decoding, computing, hashing of passwords or a network. STORE_WRITE waits at most
 * 5 s for other writers, then ERR_STORE_BUSY. commit and rollback free tx, whatever happens. */
enum store_mode { STORE_READ, STORE_WRITE };
enum rc store_begin(struct store *s, enum store_mode mode, struct store_tx **out, struct err *e) MUST_USE;
enum rc store_commit(struct store_tx *tx, struct err *e) MUST_USE;
void store_rollback(struct store_tx *tx); /* NULL fine */

/* One page of a list: {"count","next","previous","results"}. page counts from 1. ordering: "created_at" or "-created_at". after:
 * the "after" of an earlier answer of the same list, for walking far without counting pages; wins over page. */
struct store_page {
    int64_t page, size;
    const char *ordering, *after;
};

/* --- people ----------------------------------------------------------------------------------------------------------- */
struct store_user {
    int64_t id, date_joined, locked_until, last_failure_at, failures;
    unsigned roles; /* enum role bits of station.h */
    bool disabled;
    char username[64], email[256], first_name[128], last_name[128], password_hash[128];
};
/* ERR_NOT_FOUND. Names are compared case-folded. */
enum rc store_user_find(struct store_tx *tx, const char *username, struct store_user *out, struct err *e) MUST_USE;
enum rc store_user_get(struct store_tx *tx, int64_t id, struct store_user *out, struct err *e) MUST_USE;
/* ERR_TAKEN names what is taken. The password is hashed already. */
enum rc store_user_add(struct store_tx *tx, struct store_user *u, struct err *e) MUST_USE;
/* Writes every field of u but id and date_joined. */
enum rc store_user_set(struct store_tx *tx, const struct store_user *u, struct err *e) MUST_USE;
/* {id, username, email, first_name, last_name, role, roles, date_joined, disabled, locked_until}; with totals also total_scans,
 * normal_count, positive_count, pneumonia_count: what the person analysed, for a patient the own released results. */
enum rc store_user_json(struct store_tx *tx, int64_t id, bool totals, json_t **out, struct err *e) MUST_USE;
enum rc store_users_list(struct store_tx *tx, const char *search, const struct store_page *p, json_t **out,
                         struct err *e) MUST_USE;
/* failures, last_failure_at and locked_until of a name nobody has; zeros when it was never tried. */
enum rc store_stranger_get(struct store_tx *tx, const char *username, struct store_user *out, struct err *e) MUST_USE;
enum rc store_stranger_set(struct store_tx *tx, const char *username, const struct store_user *u, struct err *e) MUST_USE;
enum rc store_users_count(struct store_tx *tx, int64_t *n, struct err *e) MUST_USE;

struct store_session {
    int64_t id, user_id, started_at, last_seen_at, expires_at, ended_at;
    unsigned roles; /* of this session: all of the person's, or the one asked for */
};
enum rc store_session_add(struct store_tx *tx, const struct store_session *s, const unsigned char token_hash[BLAKE2B_BYTES],
                          const char *tty, const char *host, int64_t *id, struct err *e) MUST_USE;
enum rc store_session_find(struct store_tx *tx, const unsigned char token_hash[BLAKE2B_BYTES], struct store_session *out,
                           struct err *e) MUST_USE;
enum rc store_session_touch(struct store_tx *tx, int64_t id, int64_t now, struct err *e) MUST_USE;
enum rc store_session_end(struct store_tx *tx, int64_t id, int64_t now, const char *why, struct err *e) MUST_USE;
/* Every open session of the person but `keep` (0: all). */
enum rc store_sessions_end(struct store_tx *tx, int64_t user_id, int64_t keep, int64_t now, const char *why, int64_t *n,
                           struct err *e) MUST_USE;
enum rc store_sessions_list(struct store_tx *tx, const struct store_page *p, json_t **out, struct err *e) MUST_USE;
enum rc store_session_json(struct store_tx *tx, int64_t id, json_t **out, struct err *e) MUST_USE;
enum rc store_disclaimer_accept(struct store_tx *tx, int64_t user_id, const char *version, int64_t now, struct err *e) MUST_USE;
enum rc store_disclaimer_seen(struct store_tx *tx, int64_t user_id, const char *version, bool *out, struct err *e) MUST_USE;

/* --- patients --------------------------------------------------------------------------------------------------------- */
struct store_patient {
    int64_t id;            /* 0: a new one */
    const char *name, *sex, *phone, *notes; /* NULL: unchanged (empty in a new one); sex "F", "M", "X" or "" */
    int64_t birth_year;    /* -1: unchanged, 0: unknown */
    int consent;           /* -1: unchanged, 0, 1 */
    int64_t user_id;       /* -1: unchanged, 0: none */
};
enum rc store_patient_add(struct store_tx *tx, const struct store_patient *p, int64_t by, int64_t now, int64_t *id,
                          struct err *e) MUST_USE;
/* The former row is kept in patient_history. */
enum rc store_patient_set(struct store_tx *tx, const struct store_patient *p, int64_t by, int64_t now, struct err *e) MUST_USE;
enum rc store_patient_json(struct store_tx *tx, int64_t id, int64_t now, json_t **out, struct err *e) MUST_USE;
/* search: words, each anywhere in name, number, phone or birth year; accents and case folded. */
enum rc store_patients_list(struct store_tx *tx, const char *search, const struct store_page *p, int64_t now, json_t **out,
                            struct err *e) MUST_USE;
/* An array, likeliest first, each with "why". Same phone, or alike name with the same or no birth year. except: 0 or own id. */
enum rc store_patients_alike(struct store_tx *tx, const char *name, int64_t birth_year, const char *phone, int64_t except,
                             int64_t now, json_t **out, struct err *e) MUST_USE;
enum rc store_patient_of_user(struct store_tx *tx, int64_t user_id, int64_t *id, struct err *e) MUST_USE; /* 0: none */

/* --- pictures and results --------------------------------------------------------------------------------------------- */
enum { STORE_PATH_CAP = 96 };
/* Copies the n bytes to images/YYYY/MM/DD/<sha256>.<ext>: temporary, fsync, rename, fsync of the folder. path: relative to
 * images/. The same bytes on the same day are one file. Outside any transaction. */
enum rc store_picture_put(struct store *s, const void *data, size_t n, const char *sha256, const char *ext, int64_t now,
                          char path[STORE_PATH_CAP], struct err *e) MUST_USE;
enum rc store_picture_open(struct store *s, const char *path, int *fd, struct err *e) MUST_USE;

struct store_image {
    const char *path, *name, *sha256, *format;
    int64_t file_size, width, height;
};
struct store_result {
    int64_t patient_id; /* 0: a walk-in */
    const char *patient_name, *notes; /* of a walk-in; "" when unknown */
    int64_t patient_age;              /* -1 unknown */
    const char *predicted_class, *model_id, *model_version, *model_sha256;
    double confidence, raw_score, threshold, processing_time;
    int positive; /* -1: the network has no positive class */
    json_t *detail; /* kept whole: scores, recommendations, passport_line, timings_ms, ...; borrowed */
    bool released;
};
enum rc store_result_add(struct store_tx *tx, const struct store_image *im, const struct store_result *r, int64_t by,
                         int64_t now, int64_t *image_id, int64_t *result_id, struct err *e) MUST_USE;

/* Whose eyes: what a query may return at all. */
enum store_scope {
    STORE_OWN,          /* released, valid results of the patient records tied to user_id */
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
    const int64_t *ids;                           /* only these, when id_n > 0 */
    size_t id_n;
};
/* Orderings: created_at id confidence predicted_class raw_score model patient. Beyond 100,000 matches of an arbitrary filter
 * "count" stops there and "count_more" is true. */
enum rc store_results_list(struct store_tx *tx, const struct store_eyes *eyes, const struct store_filter *f,
                           const struct store_page *p, json_t **out, struct err *e) MUST_USE;
/* {result, image, patient, scores, recommendations, model, passport_line, review, reviews, void, mail}; ERR_NOT_FOUND when
 * absent or beyond these eyes. */
enum rc store_result_json(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, int64_t now, json_t **out,
                          struct err *e) MUST_USE;
/* One row as in the list. */
enum rc store_result_row(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, json_t **out, struct err *e) MUST_USE;
/* Where the picture lies and how the eyes may call it. */
struct store_picture {
    char path[STORE_PATH_CAP], name[256], sha256[SHA256_HEX], format[16];
    int64_t file_size;
};
enum rc store_result_picture(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, struct store_picture *out,
                             struct err *e) MUST_USE;
/* Corrections are rows of their own; the result itself never changes. ERR_CONFLICT on a voided result. */
enum rc store_result_void(struct store_tx *tx, int64_t id, const char *reason, int64_t by, int64_t now, struct err *e) MUST_USE;
enum rc store_result_review(struct store_tx *tx, int64_t id, bool agree, const char *own_class, const char *note, int64_t by,
                            int64_t now, struct err *e) MUST_USE;
enum rc store_result_release(struct store_tx *tx, int64_t id, bool released, int64_t by, int64_t now, struct err *e) MUST_USE;
enum rc store_result_attach(struct store_tx *tx, int64_t id, int64_t patient, int64_t by, int64_t now, struct err *e) MUST_USE;

/* Pictures as {id, image, name, uploaded_at, file_size, width, height, format, result}. STORE_OWN: those the person sent in;
 * result only when released. */
enum rc store_images_list(struct store_tx *tx, const struct store_eyes *eyes, const struct store_page *p, json_t **out,
                          struct err *e) MUST_USE;
enum rc store_image_json(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, json_t **out, struct err *e) MUST_USE;
/* {total, normal, positive, today, unreviewed, unreleased, classes} within the eyes. day: start of today. */
enum rc store_stats(struct store_tx *tx, const struct store_eyes *eyes, int64_t day, json_t **out, struct err *e) MUST_USE;

/* --- outbox ----------------------------------------------------------------------------------------------------------- */
/* queued -> in_flight -> sent | retry | dead | unknown; retry -> in_flight. A lease that ran out (the sender died) is unknown:
 * nobody knows whether the final dot was sent, so a person decides. */
enum store_mail_state { STORE_MAIL_QUEUED, STORE_MAIL_IN_FLIGHT, STORE_MAIL_SENT, STORE_MAIL_RETRY, STORE_MAIL_DEAD, STORE_MAIL_UNKNOWN, STORE_MAIL_STATE_N };
const char *store_mail_state_name(enum store_mail_state s);
bool store_mail_state_find(const char *name, enum store_mail_state *out);
struct store_mail_new {
    const char *from, *to, *subject, *note, *message_id;
    const void *message; /* the whole MIME message, as it will be sent by every attempt */
    size_t message_n;
    const int64_t *result; /* what it tells about */
    size_t result_n;
    int64_t not_before; /* end of the take-back */
};
enum rc store_mail_add(struct store_tx *tx, const struct store_mail_new *m, int64_t by, int64_t now, int64_t *id, struct err *e) MUST_USE;
struct store_mail {
    int64_t id, attempts, lease; /* lease: proof of the claim */
    char from[256], to[256], message_id[256];
    char *message; /* owned: mem_free */
    size_t message_n;
};
/* The oldest due message becomes in_flight until now + lease_ms, its attempt counted. out->id == 0: nothing is due. Leases that
 * ran out become unknown first. */
enum rc store_mail_claim(struct store_tx *tx, int64_t now, int64_t lease_ms, struct store_mail *out, struct err *e) MUST_USE;
void store_mail_fini(struct store_mail *m);
/* state: SENT, RETRY (next_at), DEAD or UNKNOWN. ERR_CONFLICT when the lease is not this one any more. */
enum rc store_mail_settle(struct store_tx *tx, const struct store_mail *m, enum store_mail_state state, const char *reply,
                          int64_t next_at, int64_t now, struct err *e) MUST_USE;
int64_t store_mail_backoff_ms(int64_t attempts); /* 30 s, 1 min, 2 min ... at most 6 h */
/* Earliest moment at which something is due or a lease ends; INT64_MAX: never. */
enum rc store_mail_next(struct store_tx *tx, int64_t *at, struct err *e) MUST_USE;
/* By a person. by_user: only mails of that person (0: all). retry: of dead or unknown, at once. drop: of queued, retry or unknown
 * -> dead with that reason. ERR_CONFLICT in another state, ERR_NOT_FOUND. */
enum rc store_mail_retry(struct store_tx *tx, int64_t id, int64_t by_user, int64_t now, struct err *e) MUST_USE;
enum rc store_mail_drop(struct store_tx *tx, int64_t id, int64_t by_user, const char *reason, int64_t now, struct err *e) MUST_USE;
/* {id, to, subject, state, attempts, next_at, error, created_at, sent_at, results: [ids]}; the list adds "counts". */
enum rc store_mail_json(struct store_tx *tx, int64_t id, int64_t by_user, json_t **out, struct err *e) MUST_USE;
enum rc store_mail_list(struct store_tx *tx, int64_t by_user, const char *state, const struct store_page *p, json_t **out, struct err *e) MUST_USE;
enum rc store_mail_counts(struct store_tx *tx, int64_t by_user, json_t **out, struct err *e) MUST_USE;

/* --- drafts ----------------------------------------------------------------------------------------------------------- */
enum rc store_draft_save(struct store_tx *tx, int64_t user_id, const char *form, const char *json, int64_t now, struct err *e) MUST_USE;
enum rc store_draft_load(struct store_tx *tx, int64_t user_id, const char *form, json_t **out, struct err *e) MUST_USE; /* {fields, saved_at} */
enum rc store_draft_drop(struct store_tx *tx, int64_t user_id, const char *form, struct err *e) MUST_USE;

/* --- audit ------------------------------------------------------------------------------------------------------------ */
/* Each row is bound to its forerunner by BLAKE2b keyed with <home>/audit.key; after every commit <home>/audit.head holds "rows hash"
 * beside the database, to be kept elsewhere. subject: "result 871"; detail: what changed, never a name or a password. */
enum rc store_audit_add(struct store_tx *tx, int64_t at, int64_t user_id, const char *op, const char *subject,
                        const char *detail, struct err *e) MUST_USE;
enum rc store_audit_list(struct store_tx *tx, const char *user, const char *op, const struct store_page *p, json_t **out,
                         struct err *e) MUST_USE;
/* {ok, rows, head, broken_at, reason}: every row, and that neither audit.head nor `head` ("rows:hash", may be NULL) knows of more or
 * other rows. A broken chain is an answer, not an error. */
enum rc store_audit_verify(struct store_tx *tx, const char *head, json_t **out, struct err *e) MUST_USE;

#endif
