/* Accounts, sessions, acknowledged notices, drafts. */
#include "base/text.h"
#include "store/priv.h"

#include <string.h>

enum { FOLD_CAP = 512 };

static enum rc user_read(struct db *db, const char *sql, struct db_args a, struct store_user *u, struct err *e)
{
    struct db_rows r;
    bool row = false;
    enum rc rc = db_query(db, sql, a, &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && !row)
        rc = err_set(e, ERR_NOT_FOUND, "no such person");
    if (!rc) {
        *u = (struct store_user){
            .id = db_col_int(&r, 0),
            .date_joined = db_col_int(&r, 1),
            .locked_until = db_col_int(&r, 2),
            .last_failure_at = db_col_int(&r, 3),
            .failures = db_col_int(&r, 4),
            .roles = (unsigned)db_col_int(&r, 5),
            .disabled = db_col_int(&r, 6) != 0,
        };
        str_copy(u->username, sizeof(u->username), db_col_text(&r, 7));
        str_copy(u->email, sizeof(u->email), db_col_text(&r, 8));
        str_copy(u->first_name, sizeof(u->first_name), db_col_text(&r, 9));
        str_copy(u->last_name, sizeof(u->last_name), db_col_text(&r, 10));
        str_copy(u->password_hash, sizeof(u->password_hash), db_col_text(&r, 11));
    }
    db_rows_end(&r);
    return rc;
}

#define USER_COLUMNS                                                                                                   \
    "id, date_joined, locked_until, last_failure_at, failures, roles, disabled, username, email, first_name, "         \
    "last_name, password_hash"

enum rc store_user_find(struct store_tx *tx, const char *username, struct store_user *out, struct err *e)
{
    char fold[FOLD_CAP];
    text_fold(fold, sizeof(fold), username);
    return user_read(tx->db, "SELECT " USER_COLUMNS " FROM users WHERE username_fold = ?", DB_ARGS(db_t(fold)), out, e);
}

enum rc store_user_get(struct store_tx *tx, int64_t id, struct store_user *out, struct err *e)
{
    return user_read(tx->db, "SELECT " USER_COLUMNS " FROM users WHERE id = ?", DB_ARGS(db_i(id)), out, e);
}

/* except: the id that may have the name and address. */
static enum rc refuse_taken(struct db *db, const char *username, const char *email, int64_t except, struct err *e)
{
    int64_t n = 0;
    enum rc rc = db_int(db, "SELECT count(*) FROM users WHERE username_fold = ? AND id <> ?",
                        DB_ARGS(db_t(username), db_i(except)), &n, NULL, e);
    if (!rc && n > 0)
        return err_set(e, ERR_TAKEN, "this user name is already taken");
    if (!rc)
        rc = db_int(db, "SELECT count(*) FROM users WHERE email_fold = ? AND id <> ?",
                    DB_ARGS(db_t(email), db_i(except)), &n, NULL, e);
    if (!rc && n > 0)
        return err_set(e, ERR_TAKEN, "this e-mail address is already taken");
    return rc;
}

enum rc store_user_add(struct store_tx *tx, struct store_user *u, struct err *e)
{
    char username[FOLD_CAP], email[FOLD_CAP];
    text_fold(username, sizeof(username), u->username);
    text_fold(email, sizeof(email), u->email);
    enum rc rc = refuse_taken(tx->db, username, email, 0, e);
    if (!rc)
        rc = db_run(tx->db,
                    "INSERT INTO users (username, username_fold, email, email_fold, first_name, last_name, roles,"
                    " password_hash, date_joined, disabled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    DB_ARGS(db_t(u->username), db_t(username), db_t(u->email), db_t(email), db_t(u->first_name),
                            db_t(u->last_name), db_i(u->roles), db_t(u->password_hash), db_i(u->date_joined),
                            db_i(u->disabled)),
                    e);
    if (!rc)
        u->id = db_last_id(tx->db);
    return rc;
}

enum rc store_user_set(struct store_tx *tx, const struct store_user *u, struct err *e)
{
    char username[FOLD_CAP], email[FOLD_CAP];
    text_fold(username, sizeof(username), u->username);
    text_fold(email, sizeof(email), u->email);
    enum rc rc = refuse_taken(tx->db, username, email, u->id, e);
    if (!rc)
        rc = db_run(tx->db,
                    "UPDATE users SET username = ?, username_fold = ?, email = ?, email_fold = ?, first_name = ?,"
                    " last_name = ?, roles = ?, password_hash = ?, disabled = ?, failures = ?, last_failure_at = ?,"
                    " locked_until = ? WHERE id = ?",
                    DB_ARGS(db_t(u->username), db_t(username), db_t(u->email), db_t(email), db_t(u->first_name),
                            db_t(u->last_name), db_i(u->roles), db_t(u->password_hash), db_i(u->disabled),
                            db_i(u->failures), db_i(u->last_failure_at), db_i(u->locked_until), db_i(u->id)),
                    e);
    return rc;
}

/* The first power of the person that has a name of its own, and all of them. */
#define ROLE_FIELDS                                                                                                    \
    "CASE WHEN roles & 2 THEN 'doctor' WHEN roles & 8 THEN 'administrator' WHEN roles & 4 THEN 'researcher'"           \
    " ELSE 'patient' END AS role,"                                                                                     \
    " (SELECT json_group_array(name) FROM (SELECT 'patient' AS name, 1 AS bit"                                         \
    " UNION ALL SELECT 'doctor', 2 UNION ALL SELECT 'researcher', 4 UNION ALL SELECT 'administrator', 8)"              \
    " WHERE bit & roles) AS \"roles#\""
#define USER_FIELDS                                                                                                    \
    "id, username, email, first_name, last_name, " ROLE_FIELDS ", date_joined AS \"date_joined@\","                    \
    " disabled AS \"disabled?\", nullif(locked_until, 0) AS \"locked_until@\""

enum rc store_user_json(struct store_tx *tx, int64_t id, bool totals, json_t **out, struct err *e)
{
    /* A patient's figures are the own released results; everybody else's are what they analysed. */
    static const char with_totals[] =
        "SELECT " USER_FIELDS ", coalesce(total, 0) AS total_scans, coalesce(normal, 0) AS normal_count,"
        " coalesce(positive, 0) AS positive_count, coalesce(pneumonia, 0) AS pneumonia_count"
        " FROM users, (SELECT sum(n) AS total, sum(n * (positive = 0)) AS normal, sum(n * (positive = 1)) AS positive,"
        " sum(n * (predicted_class = 'PNEUMONIA')) AS pneumonia FROM"
        " (SELECT n, positive, predicted_class FROM result_totals, users u WHERE u.id = ?1 AND u.roles <> 1"
        "  AND created_by = ?1 AND voided = 0"
        "  UNION ALL SELECT 1, positive, predicted_class FROM result_index, users u WHERE u.id = ?1 AND u.roles = 1"
        "  AND patient_id IN (SELECT id FROM patients WHERE user_id = ?1) AND released = 1 AND voided = 0))"
        " WHERE id = ?1";
    enum rc rc = db_json_one(tx->db, totals ? with_totals : "SELECT " USER_FIELDS " FROM users WHERE id = ?1",
                             DB_ARGS(db_i(id)), out, e);
    return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "no such person");
}

enum rc store_users_list(struct store_tx *tx, const char *search, const struct store_page *p, json_t **out,
                         struct err *e)
{
    char fold[FOLD_CAP] = "";
    text_fold(fold, sizeof(fold), search ? search : "");
#define USERS_MATCH                                                                                                    \
    " FROM users WHERE instr(username_fold, ?1) OR instr(email_fold, ?1) OR instr(lower(first_name || ' ' || "         \
    "last_name), ?1)"
    struct db_list l = {
        .count = "SELECT count(*)" USERS_MATCH,
        .rows = "SELECT " USER_FIELDS USERS_MATCH " ORDER BY username_fold LIMIT ? OFFSET ?",
        .args = DB_ARGS(db_t(fold)),
    };
    return page_query(tx->db, &l, p, out, e);
}

static void stranger_hash(const struct store_tx *tx, const char *username, unsigned char hash[BLAKE2B_BYTES])
{
    char fold[FOLD_CAP];
    text_fold(fold, sizeof(fold), username);
    blake2b(hash, fold, strlen(fold), tx->store->pseudonym_key, BLAKE2B_BYTES);
}

enum rc store_stranger_get(struct store_tx *tx, const char *username, struct store_user *out, struct err *e)
{
    unsigned char hash[BLAKE2B_BYTES];
    struct db_rows r;
    bool row = false;
    stranger_hash(tx, username, hash);
    *out = (struct store_user){0};
    enum rc rc = db_query(tx->db, "SELECT failures, last_failure_at, locked_until FROM strangers WHERE name_hash = ?",
                          DB_ARGS(db_b(hash, sizeof(hash))), &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row) {
        out->failures = db_col_int(&r, 0);
        out->last_failure_at = db_col_int(&r, 1);
        out->locked_until = db_col_int(&r, 2);
    }
    db_rows_end(&r);
    return rc;
}

enum rc store_stranger_set(struct store_tx *tx, const char *username, const struct store_user *u, struct err *e)
{
    unsigned char hash[BLAKE2B_BYTES];
    stranger_hash(tx, username, hash);
    /* Whoever tries a million names must not fill the disk: a day is long enough to remember them. */
    enum rc rc = db_run(tx->db, "DELETE FROM strangers WHERE last_failure_at < ?",
                        DB_ARGS(db_i(u->last_failure_at - 24 * 3600 * 1000)), e);
    if (!rc)
        rc = db_run(
            tx->db,
            "INSERT INTO strangers (name_hash, failures, last_failure_at, locked_until) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET failures = excluded.failures, last_failure_at = excluded.last_failure_at,"
            " locked_until = excluded.locked_until",
            DB_ARGS(db_b(hash, sizeof(hash)), db_i(u->failures), db_i(u->last_failure_at), db_i(u->locked_until)), e);
    return rc;
}

enum rc store_users_count(struct store_tx *tx, unsigned roles, int64_t except, int64_t *n, struct err *e)
{
    return db_int(tx->db, "SELECT count(*) FROM users WHERE (?1 = 0 OR (roles & ?1 AND disabled = 0)) AND id <> ?2",
                  DB_ARGS(db_i(roles), db_i(except)), n, NULL, e);
}

enum rc store_meta_get(struct store_tx *tx, const char *name, char **out, struct err *e)
{
    struct db_rows r;
    bool row = false;
    *out = NULL;
    enum rc rc = db_query(tx->db, "SELECT value FROM meta WHERE name = ?", DB_ARGS(db_t(name)), &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row) {
        *out = mem_strdup(db_col_text(&r, 0), e);
        rc = *out ? RC_OK : RC_FAILED;
    }
    db_rows_end(&r);
    return rc;
}

enum rc store_meta_set(struct store_tx *tx, const char *name, const char *value, struct err *e)
{
    return db_run(tx->db,
                  "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                  DB_ARGS(db_t(name), db_t(value)), e);
}

enum rc store_session_add(struct store_tx *tx, const struct store_session *s,
                          const unsigned char token_hash[BLAKE2B_BYTES], const char *tty, const char *host, int64_t *id,
                          struct err *e)
{
    enum rc rc =
        db_run(tx->db,
               "INSERT INTO sessions (token_hash, user_id, roles, tty, host, started_at, last_seen_at, expires_at)"
               " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
               DB_ARGS(db_b(token_hash, BLAKE2B_BYTES), db_i(s->user_id), db_i(s->roles), db_t(tty ? tty : ""),
                       db_t(host ? host : ""), db_i(s->started_at), db_i(s->last_seen_at), db_i(s->expires_at)),
               e);
    if (!rc)
        *id = db_last_id(tx->db);
    return rc;
}

enum rc store_session_find(struct store_tx *tx, const unsigned char token_hash[BLAKE2B_BYTES],
                           struct store_session *out, struct err *e)
{
    struct db_rows r;
    bool row = false;
    enum rc rc = db_query(tx->db,
                          "SELECT id, user_id, started_at, last_seen_at, expires_at, coalesce(ended_at, 0), roles"
                          " FROM sessions WHERE token_hash = ?",
                          DB_ARGS(db_b(token_hash, BLAKE2B_BYTES)), &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && !row)
        rc = err_set(e, ERR_SESSION, "no such session");
    if (!rc)
        *out = (struct store_session){
            .id = db_col_int(&r, 0),
            .user_id = db_col_int(&r, 1),
            .started_at = db_col_int(&r, 2),
            .last_seen_at = db_col_int(&r, 3),
            .expires_at = db_col_int(&r, 4),
            .ended_at = db_col_int(&r, 5),
            .roles = (unsigned)db_col_int(&r, 6),
        };
    db_rows_end(&r);
    return rc;
}

enum rc store_session_touch(struct store_tx *tx, int64_t id, int64_t now, struct err *e)
{
    return db_run(tx->db, "UPDATE sessions SET last_seen_at = ? WHERE id = ? AND ended_at IS NULL",
                  DB_ARGS(db_i(now), db_i(id)), e);
}

enum rc store_session_end(struct store_tx *tx, int64_t id, int64_t now, const char *why, struct err *e)
{
    return db_run(tx->db, "UPDATE sessions SET ended_at = ?, why = ? WHERE id = ? AND ended_at IS NULL",
                  DB_ARGS(db_i(now), db_t(why), db_i(id)), e);
}

enum rc store_sessions_end(struct store_tx *tx, int64_t user_id, int64_t keep, int64_t now, const char *why, int64_t *n,
                           struct err *e)
{
    enum rc rc =
        db_run(tx->db, "UPDATE sessions SET ended_at = ?, why = ? WHERE user_id = ? AND id <> ? AND ended_at IS NULL",
               DB_ARGS(db_i(now), db_t(why), db_i(user_id), db_i(keep)), e);
    if (!rc && n)
        *n = db_changes(tx->db);
    return rc;
}

#define SESSION_FIELDS                                                                                                 \
    "SELECT s.id AS id, u.username AS username, tty, host, started_at AS \"started_at@\","                             \
    " last_seen_at AS \"last_seen_at@\", expires_at AS \"expires_at@\", ended_at AS \"ended_at@\", why"                \
    " FROM sessions s JOIN users u ON u.id = s.user_id"

enum rc store_sessions_list(struct store_tx *tx, const struct store_page *p, json_t **out, struct err *e)
{
    struct db_list l = {
        .count = "SELECT count(*) FROM sessions",
        .rows = SESSION_FIELDS " ORDER BY s.id DESC LIMIT ? OFFSET ?",
    };
    return page_query(tx->db, &l, p, out, e);
}

enum rc store_sessions_open(struct store_tx *tx, int64_t now, int64_t *n, struct err *e)
{
    return db_int(tx->db, "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND expires_at > ?", DB_ARGS(db_i(now)),
                  n, NULL, e);
}

enum rc store_session_json(struct store_tx *tx, int64_t id, json_t **out, struct err *e)
{
    enum rc rc = db_json_one(tx->db, SESSION_FIELDS " WHERE s.id = ?", DB_ARGS(db_i(id)), out, e);
    return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "no such session");
}

enum rc store_disclaimer_accept(struct store_tx *tx, int64_t user_id, const char *version, int64_t now, struct err *e)
{
    return db_run(tx->db,
                  "INSERT INTO disclaimers (user_id, version, accepted_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                  DB_ARGS(db_i(user_id), db_t(version), db_i(now)), e);
}

enum rc store_disclaimer_seen(struct store_tx *tx, int64_t user_id, const char *version, bool *out, struct err *e)
{
    int64_t n = 0;
    enum rc rc = db_int(tx->db, "SELECT count(*) FROM disclaimers WHERE user_id = ? AND version = ?",
                        DB_ARGS(db_i(user_id), db_t(version)), &n, NULL, e);
    *out = n > 0;
    return rc;
}

enum { DRAFTS_MAX = 40 };

enum rc store_draft_save(struct store_tx *tx, int64_t user_id, const char *form, const char *json, int64_t now,
                         struct err *e)
{
    enum rc rc = db_run(tx->db,
                        "INSERT INTO drafts (user_id, form, fields, saved_at) VALUES (?, ?, ?, ?)"
                        " ON CONFLICT DO UPDATE SET fields = excluded.fields, saved_at = excluded.saved_at",
                        DB_ARGS(db_i(user_id), db_t(form), db_t(json), db_i(now)), e);
    /* Nobody fills more forms at a time than there are screens: the oldest drafts make room. */
    if (!rc)
        rc = db_run(tx->db,
                    "DELETE FROM drafts WHERE user_id = ?1 AND form NOT IN"
                    " (SELECT form FROM drafts WHERE user_id = ?1 ORDER BY saved_at DESC, form LIMIT ?2)",
                    DB_ARGS(db_i(user_id), db_i(DRAFTS_MAX)), e);
    return rc;
}

enum rc store_draft_load(struct store_tx *tx, int64_t user_id, const char *form, json_t **out, struct err *e)
{
    enum rc rc = db_json_one(
        tx->db, "SELECT fields AS \"fields#\", saved_at AS \"saved_at@\" FROM drafts WHERE user_id = ? AND form = ?",
        DB_ARGS(db_i(user_id), db_t(form)), out, e);
    return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "no draft of this form");
}

enum rc store_draft_drop(struct store_tx *tx, int64_t user_id, const char *form, struct err *e)
{
    return db_run(tx->db, "DELETE FROM drafts WHERE user_id = ? AND form = ?", DB_ARGS(db_i(user_id), db_t(form)), e);
}
