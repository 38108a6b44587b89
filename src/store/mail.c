/* The outbox as a state machine. Every change of state is one UPDATE that names the state it leaves, so that two
 * senders can never hold the same message. */
#include "base/text.h"
#include "store/priv.h"

#include <string.h>

static const char *const state_names[STORE_MAIL_STATE_N] = {"queued", "in_flight", "sent", "retry", "dead", "unknown"};

const char *store_mail_state_name(enum store_mail_state s)
{
    return s < STORE_MAIL_STATE_N ? state_names[s] : "unknown";
}

bool store_mail_state_find(const char *name, enum store_mail_state *out)
{
    for (size_t i = 0; i < STORE_MAIL_STATE_N; i++)
        if (str_eq(state_names[i], name)) {
            *out = (enum store_mail_state)i;
            return true;
        }
    return false;
}

/* The lists show how the youngest e-mail about a result stands. */
static enum rc show_state(struct db *db, int64_t mail_id, struct err *e)
{
    return db_run(
        db,
        "UPDATE result_index SET mail = (SELECT o.state FROM outbox_results r JOIN outbox o ON o.id = r.mail_id"
        " WHERE r.result_id = result_index.id ORDER BY o.id DESC LIMIT 1)"
        " WHERE id IN (SELECT result_id FROM outbox_results WHERE mail_id = ?)",
        DB_ARGS(db_i(mail_id)), e);
}

enum rc store_mail_add(struct store_tx *tx, const struct store_mail_new *m, int64_t by, int64_t now, int64_t *id,
                       struct err *e)
{
    enum rc rc =
        db_run(tx->db,
               "INSERT INTO outbox (created_at, created_by, sender, recipient, subject, note, message_id, message,"
               " state, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?)",
               DB_ARGS(db_i(now), db_i(by), db_t(m->from), db_t(m->to), db_t(m->subject), db_t(m->note ? m->note : ""),
                       db_t(m->message_id), db_b(m->message, m->message_n), db_i(m->not_before)),
               e);
    if (rc)
        return rc;
    *id = db_last_id(tx->db);
    for (size_t i = 0; !rc && i < m->result_n; i++)
        rc = db_run(tx->db, "INSERT INTO outbox_results (mail_id, result_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    DB_ARGS(db_i(*id), db_i(m->result[i])), e);
    return rc ? rc : show_state(tx->db, *id, e);
}

/* Whoever held these died between connecting and settling: nobody knows whether the message went. */
static enum rc expire_leases(struct db *db, int64_t now, struct err *e)
{
    for (;;) {
        int64_t id = 0;
        bool found = false;
        enum rc rc = db_int(db, "SELECT id FROM outbox WHERE state = 'in_flight' AND lease_until <= ? LIMIT 1",
                            DB_ARGS(db_i(now)), &id, &found, e);
        if (rc || !found)
            return rc;
        rc = db_run(db,
                    "UPDATE outbox SET state = 'unknown', lease = lease + 1,"
                    " error = 'the program ended while sending; ask the recipient before sending again' WHERE id = ?",
                    DB_ARGS(db_i(id)), e);
        if (!rc)
            rc = show_state(db, id, e);
        if (rc)
            return rc;
    }
}

enum rc store_mail_claim(struct store_tx *tx, int64_t now, int64_t lease_ms, int64_t lease_ms_per_kib,
                         struct store_mail *out, struct err *e)
{
    struct db_rows r = {0};
    bool row = false;
    *out = (struct store_mail){0};
    enum rc rc = expire_leases(tx->db, now, e);
    if (!rc)
        rc = db_query(tx->db,
                      "UPDATE outbox SET state = 'in_flight', attempts = attempts + 1, lease = lease + 1,"
                      " lease_until = ?2 + ?3 * (length(message) / 1024)"
                      " WHERE id = (SELECT id FROM outbox WHERE state IN ('queued', 'retry') AND next_at <= ?1"
                      " ORDER BY next_at, id LIMIT 1)"
                      " RETURNING id, attempts, lease, sender, recipient, message_id, message",
                      DB_ARGS(db_i(now), db_i(now + lease_ms), db_i(lease_ms_per_kib)), &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row) {
        out->id = db_col_int(&r, 0);
        out->attempts = db_col_int(&r, 1);
        out->lease = db_col_int(&r, 2);
        str_copy(out->from, sizeof(out->from), db_col_text(&r, 3));
        str_copy(out->to, sizeof(out->to), db_col_text(&r, 4));
        str_copy(out->message_id, sizeof(out->message_id), db_col_text(&r, 5));
        const void *p = db_col_blob(&r, 6, &out->message_n);
        out->message = mem_zalloc(out->message_n + 1, 1, e);
        if (!out->message)
            rc = RC_FAILED;
        else if (p)
            memcpy(out->message, p, out->message_n);
        if (!rc)
            rc = db_next(&r, &row, e);
    }
    db_rows_end(&r);
    if (!rc && out->id)
        rc = show_state(tx->db, out->id, e);
    if (rc)
        store_mail_fini(out);
    return rc;
}

void store_mail_fini(struct store_mail *m)
{
    mem_free(m->message);
    *m = (struct store_mail){0};
}

enum rc store_mail_settle(struct store_tx *tx, const struct store_mail *m, enum store_mail_state state,
                          const char *reply, int64_t next_at, int64_t now, struct err *e)
{
    char words[300];
    text_safe(words, sizeof(words), reply ? reply : "", false);
    if (state == STORE_MAIL_QUEUED || state == STORE_MAIL_IN_FLIGHT || state >= STORE_MAIL_STATE_N)
        return err_set(e, ERR_INTERNAL, "a sent message cannot become %s", store_mail_state_name(state));
    enum rc rc = db_run(
        tx->db,
        "UPDATE outbox SET state = ?1, error = ?2, next_at = iif(?1 = 'retry', ?3, next_at),"
        " sent_at = iif(?1 = 'sent', ?4, NULL), lease_until = 0"
        " WHERE id = ?5 AND state = 'in_flight' AND lease = ?6",
        DB_ARGS(db_t(store_mail_state_name(state)), db_t(words), db_i(next_at), db_i(now), db_i(m->id), db_i(m->lease)),
        e);
    if (!rc && db_changes(tx->db) == 0)
        rc = err_set(e, ERR_CONFLICT, "message %lld is not in this sender's hands any more", (long long)m->id);
    return rc ? rc : show_state(tx->db, m->id, e);
}

int64_t store_mail_backoff_ms(int64_t attempts)
{
    int64_t wait = 30 * 1000;
    for (int64_t i = 1; i < attempts && wait < 6 * 3600 * 1000; i++)
        wait *= 2;
    return wait < 6 * 3600 * 1000 ? wait : 6 * 3600 * 1000;
}

enum rc store_mail_next(struct store_tx *tx, int64_t *at, struct err *e)
{
    *at = INT64_MAX;
    return db_int(tx->db,
                  "SELECT coalesce(min(at), 9223372036854775807) FROM"
                  " (SELECT min(next_at) AS at FROM outbox WHERE state IN ('queued', 'retry')"
                  " UNION ALL SELECT min(lease_until) FROM outbox WHERE state = 'in_flight')",
                  DB_NONE, at, NULL, e);
}

/* NOT_FOUND beyond the person's own; else CONFLICT with the state it is in. */
static enum rc refuse_state(struct db *db, int64_t id, int64_t by_user, const char *wanted, struct err *e)
{
    struct db_rows r;
    bool row = false;
    enum rc rc = db_query(db, "SELECT state FROM outbox WHERE id = ?1 AND (?2 = 0 OR created_by = ?2)",
                          DB_ARGS(db_i(id), db_i(by_user)), &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc)
        rc = row ? err_set(e, ERR_CONFLICT, "message %lld is %s; %s", (long long)id, db_col_text(&r, 0), wanted)
                 : err_set(e, ERR_NOT_FOUND, "no message %lld", (long long)id);
    db_rows_end(&r);
    return rc;
}

enum rc store_mail_retry(struct store_tx *tx, int64_t id, int64_t by_user, int64_t now, struct err *e)
{
    enum rc rc = db_run(tx->db,
                        "UPDATE outbox SET state = 'queued', next_at = ?3, attempts = 0, error = '' WHERE id = ?1"
                        " AND (?2 = 0 OR created_by = ?2) AND state IN ('dead', 'unknown', 'retry')",
                        DB_ARGS(db_i(id), db_i(by_user), db_i(now)), e);
    if (!rc && db_changes(tx->db) == 0)
        rc = refuse_state(tx->db, id, by_user, "only a dead, unknown or waiting one can be tried again", e);
    return rc ? rc : show_state(tx->db, id, e);
}

enum rc store_mail_drop(struct store_tx *tx, int64_t id, int64_t by_user, const char *reason, int64_t now,
                        struct err *e)
{
    (void)now;
    enum rc rc = db_run(tx->db,
                        "UPDATE outbox SET state = 'dead', error = ?3 WHERE id = ?1 AND (?2 = 0 OR created_by = ?2)"
                        " AND state IN ('queued', 'retry', 'unknown')",
                        DB_ARGS(db_i(id), db_i(by_user), db_t(reason)), e);
    if (!rc && db_changes(tx->db) == 0)
        rc = refuse_state(tx->db, id, by_user, "only one that waits can be given up", e);
    return rc ? rc : show_state(tx->db, id, e);
}

#define MAIL_FIELDS                                                                                                    \
    "id, recipient AS \"to\", subject, state, attempts,"                                                               \
    " iif(state IN ('queued', 'retry'), next_at, NULL) AS \"next_at@\", error, created_at AS \"created_at@\","         \
    " sent_at AS \"sent_at@\", (SELECT json_group_array(result_id) FROM outbox_results WHERE mail_id = outbox.id)"     \
    " AS \"results#\""

enum rc store_mail_json(struct store_tx *tx, int64_t id, int64_t by_user, json_t **out, struct err *e)
{
    enum rc rc =
        db_json_one(tx->db, "SELECT " MAIL_FIELDS ", note FROM outbox WHERE id = ?1 AND (?2 = 0 OR created_by = ?2)",
                    DB_ARGS(db_i(id), db_i(by_user)), out, e);
    return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "no message %lld", (long long)id);
}

enum rc store_mail_counts(struct store_tx *tx, int64_t by_user, json_t **out, struct err *e)
{
    return db_json_one(
        tx->db,
        "SELECT count(*) FILTER (WHERE state = 'queued') AS queued,"
        " count(*) FILTER (WHERE state = 'in_flight') AS in_flight,"
        " count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'retry') AS retry,"
        " count(*) FILTER (WHERE state = 'dead') AS dead,"
        " count(*) FILTER (WHERE state = 'unknown') AS unknown,"
        " min(next_at) FILTER (WHERE state IN ('queued', 'retry')) AS \"next_at@\""
        " FROM outbox WHERE ?1 = 0 OR created_by = ?1",
        DB_ARGS(db_i(by_user)), out, e);
}

enum rc store_mail_list(struct store_tx *tx, int64_t by_user, const char *state, const struct store_page *p,
                        json_t **out, struct err *e)
{
    enum store_mail_state known;
    json_t *counts = NULL;
    *out = NULL;
    if (state && *state && !store_mail_state_find(state, &known))
        return err_set(e, ERR_VALUE, "state '%.40s' is not one of queued, in_flight, sent, retry, dead, unknown",
                       state);
#define MAIL_MATCH " FROM outbox WHERE (?1 = 0 OR created_by = ?1) AND (?2 IS NULL OR state = ?2)"
    struct db_list l = {
        .count = "SELECT count(*)" MAIL_MATCH,
        .rows = "SELECT " MAIL_FIELDS MAIL_MATCH " ORDER BY id DESC LIMIT ? OFFSET ?",
        .args = DB_ARGS(db_i(by_user), db_t(state && *state ? state : NULL)),
    };
    enum rc rc = page_query(tx->db, &l, p, out, e);
    if (!rc)
        rc = store_mail_counts(tx, by_user, &counts, e);
    if (!rc && json_object_set_new(*out, "counts", counts))
        rc = err_set(e, ERR_MEMORY, NULL);
    if (rc) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}
