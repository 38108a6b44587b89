/* Records: people, sessions, patients, pictures, results, outbox, drafts, audit; one SQLite database and a folder of
 * pictures under the station's home. Records leave as JSON objects with the product's public field names. Thread-safe:
 * every transaction has a connection of its own. Nothing here decides who may see what beyond the scope it is handed.
 * Times are ms since 1970, UTC. */
#ifndef CLINIC_STORE_H
#define CLINIC_STORE_H

#include "base/mem.h"
#include "base/secret.h"
#include <jansson.h>

struct store;
struct store_tx;

/* Creates the folder and the database, applies the migrations of schema_dir() that are missing. `done` hears the name
 * of each one applied now. Idempotent; a database of a newer program is ERR_STORE_NEWER and stays as it is. */
enum rc store_migrate(const char *home, void (*done)(void *ctx, const char *migration), void *ctx,
                      struct err *e) MUST_USE;
/* ERR_STORE_MISSING without a database or with one that needs migrating, ERR_STORE_NEWER, ERR_STORE. */
enum rc store_open(const char *home, struct store **out, struct err *e) MUST_USE;
void store_close(struct store *s); /* NULL fine; after the last transaction */
const char *store_home(const struct store *s);
/* Reads the whole database: ERR_STORE with the first trouble. Slow. */
enum rc store_check(struct store *s, struct err *e) MUST_USE;

/* A transaction is short: never held over decoding, computing, hashing of passwords or a network. STORE_WRITE waits at
 * most 5 s for other writers, then ERR_STORE_BUSY. commit and rollback free tx, whatever happens. */
enum store_mode { STORE_READ, STORE_WRITE };
enum rc store_begin(struct store *s, enum store_mode mode, struct store_tx **out, struct err *e) MUST_USE;
enum rc store_commit(struct store_tx *tx, struct err *e) MUST_USE;
void store_rollback(struct store_tx *tx); /* NULL fine */

/* One page of a list: {"count","next","previous","results"}. page counts from 1. ordering: "created_at" or
 * "-created_at". after: the "after" of an earlier answer of the same list, for walking far without counting pages; wins
 * over page. */
struct store_page {
    int64_t page, size;
    const char *ordering, *after;
};

/* Facts about the station: "demo". *out is owned; NULL when absent. */
enum rc store_meta_get(struct store_tx *tx, const char *name, char **out, struct err *e) MUST_USE;
enum rc store_meta_set(struct store_tx *tx, const char *name, const char *value, struct err *e) MUST_USE;

/* --- people
 * ----------------------------------------------------------------------------------------------------------- */
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
/* {id, username, email, first_name, last_name, role, roles, date_joined, disabled, locked_until}; with totals also
 * total_scans, normal_count, positive_count, pneumonia_count: what the person analysed, for a patient the own released
 * results. */
enum rc store_user_json(struct store_tx *tx, int64_t id, bool totals, json_t **out, struct err *e) MUST_USE;
enum rc store_users_list(struct store_tx *tx, const char *search, const struct store_page *p, json_t **out,
                         struct err *e) MUST_USE;
/* failures, last_failure_at and locked_until of a name nobody has; zeros when it was never tried. */
enum rc store_stranger_get(struct store_tx *tx, const char *username, struct store_user *out, struct err *e) MUST_USE;
enum rc store_stranger_set(struct store_tx *tx, const char *username, const struct store_user *u,
                           struct err *e) MUST_USE;
/* Enabled accounts with any of these roles (0: any account at all), one left out. */
enum rc store_users_count(struct store_tx *tx, unsigned roles, int64_t except, int64_t *n, struct err *e) MUST_USE;

struct store_session {
    int64_t id, user_id, started_at, last_seen_at, expires_at, ended_at;
    unsigned roles; /* of this session: all of the person's, or the one asked for */
};
enum rc store_session_add(struct store_tx *tx, const struct store_session *s,
                          const unsigned char token_hash[BLAKE2B_BYTES], const char *tty, const char *host, int64_t *id,
                          struct err *e) MUST_USE;
enum rc store_session_find(struct store_tx *tx, const unsigned char token_hash[BLAKE2B_BYTES],
                           struct store_session *out, struct err *e) MUST_USE;
enum rc store_session_touch(struct store_tx *tx, int64_t id, int64_t now, struct err *e) MUST_USE;
enum rc store_session_end(struct store_tx *tx, int64_t id, int64_t now, const char *why, struct err *e) MUST_USE;
/* Every open session of the person but `keep` (0: all). */
enum rc store_sessions_end(struct store_tx *tx, int64_t user_id, int64_t keep, int64_t now, const char *why, int64_t *n,
                           struct err *e) MUST_USE;
enum rc store_sessions_list(struct store_tx *tx, const struct store_page *p, json_t **out, struct err *e) MUST_USE;
enum rc store_sessions_open(struct store_tx *tx, int64_t now, int64_t *n, struct err *e) MUST_USE; /* how many */
enum rc store_session_json(struct store_tx *tx, int64_t id, json_t **out, struct err *e) MUST_USE;
enum rc store_disclaimer_accept(struct store_tx *tx, int64_t user_id, const char *version, int64_t now,
                                struct err *e) MUST_USE;
enum rc store_disclaimer_seen(struct store_tx *tx, int64_t user_id, const char *version, bool *out,
                              struct err *e) MUST_USE;

/* --- drafts
 * ----------------------------------------------------------------------------------------------------------- */
enum rc store_draft_save(struct store_tx *tx, int64_t user_id, const char *form, const char *json, int64_t now,
                         struct err *e) MUST_USE;
enum rc store_draft_load(struct store_tx *tx, int64_t user_id, const char *form, json_t **out,
                         struct err *e) MUST_USE; /* {fields, saved_at} */
enum rc store_draft_drop(struct store_tx *tx, int64_t user_id, const char *form, struct err *e) MUST_USE;

/* --- audit
 * ------------------------------------------------------------------------------------------------------------ */
/* Each row is bound to its forerunner by BLAKE2b keyed with <home>/audit.key; after every commit <home>/audit.head
 * holds "rows hash" beside the database, to be kept elsewhere. subject: "result 871"; detail: what changed, never a
 * name or a password. */
enum rc store_audit_add(struct store_tx *tx, int64_t at, int64_t user_id, const char *op, const char *subject,
                        const char *detail, struct err *e) MUST_USE;
enum rc store_audit_list(struct store_tx *tx, const char *user, const char *op, const struct store_page *p,
                         json_t **out, struct err *e) MUST_USE;
/* {ok, rows, head, broken_at, reason}: every row, and that neither audit.head nor `head` ("rows:hash", may be NULL)
 * knows of more or other rows. A broken chain is an answer, not an error. */
enum rc store_audit_verify(struct store_tx *tx, const char *head, json_t **out, struct err *e) MUST_USE;

#endif
