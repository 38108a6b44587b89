/* Signing in and out, sessions, locks. */
#include "auth.h"
#include "base/file.h"
#include "base/text.h"

#include <string.h>
#include <time.h>

enum { TOUCH_MS = 60 * 1000, FAILURES_FADE_MS = 60 * 60 * 1000 };

static void token_hash(const char *token, unsigned char out[BLAKE2B_BYTES])
{
    static const char label[] = "session token";
    blake2b(out, token, strlen(token), label, sizeof(label));
}

/* 0, 0.25, 0.5, 1, 2 seconds: what a person hardly notices and a guessing program does. */
static void slow_down(int64_t failures)
{
    if (failures <= 0)
        return;
    int64_t ms = 250LL << (failures < 4 ? failures - 1 : 3);
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&wait, &wait))
        continue;
}

/* A name nobody has gives u->id == 0 and the failures counted under it. */
static enum rc find_user(struct store *s, const char *username, struct store_user *u, struct err *e)
{
    struct store_tx *tx = NULL;
    struct err why = {0};
    enum rc rc = store_begin(s, STORE_READ, &tx, e);
    if (rc)
        return rc;
    rc = store_user_find(tx, username, u, &why);
    if (rc == RC_NOT_FOUND)
        rc = store_stranger_get(tx, username, u, e);
    else if (rc)
        err_set(e, why.code, "%s", why.msg);
    store_rollback(tx);
    return rc;
}

static enum rc locked(int64_t until, int64_t now, struct err *e)
{
    int64_t minutes = (until - now + 59999) / 60000;
    return err_set(e, ERR_LOCKED, "Account is locked for %lld more minute%s", (long long)minutes,
                   minutes == 1 ? "" : "s");
}

/* Counts a wrong password; the fifth within the hour locks. The count is the store's, so that reconnecting does not
 * help, and names nobody has are counted, slowed and locked alike, so that none of this tells who exists. */
static enum rc note_failure(struct store *s, int64_t user_id, const char *username, const char *op, int64_t now,
                            int64_t *failures, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_user u;
    char detail[96];
    enum rc rc = store_begin(s, STORE_WRITE, &tx, e);
    if (!rc)
        rc = user_id ? store_user_get(tx, user_id, &u, e) : store_stranger_get(tx, username, &u, e);
    if (!rc) {
        if (now - u.last_failure_at > FAILURES_FADE_MS)
            u.failures = 0;
        u.failures++;
        u.last_failure_at = now;
        if (u.failures >= AUTH_FAILURES_MAX && u.locked_until <= now)
            u.locked_until = now + AUTH_LOCK_MS;
        *failures = u.failures;
        rc = user_id ? store_user_set(tx, &u, e) : store_stranger_set(tx, username, &u, e);
    }
    if (!rc) {
        str_format(detail, sizeof(detail), "%s, %lld in a row%s", user_id ? "wrong password" : "unknown name",
                   (long long)u.failures, u.locked_until > now ? "; locked" : "");
        rc = store_audit_add(tx, now, user_id, op, "", detail, e);
    }
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

/* Inside the transaction that lets somebody in: while the password was being hashed, others may have guessed the
 * account locked, or the password may have been changed; what was proven then counts no more. */
static enum rc confirm(struct store_tx *tx, const struct store_user *proven, int64_t now, struct err *e)
{
    struct store_user u;
    enum rc rc = store_user_get(tx, proven->id, &u, e);
    if (rc)
        return rc;
    if (u.locked_until > now)
        return locked(u.locked_until, now, e);
    if (u.disabled || !str_eq(u.password_hash, proven->password_hash))
        return err_set(e, ERR_SIGN_IN, "Wrong user name or password");
    if (u.failures == 0 && u.locked_until == 0)
        return RC_OK;
    u.failures = 0;
    u.locked_until = 0;
    return store_user_set(tx, &u, e);
}

/* Wrong: waits, counts, says so in words that tell nothing more. */
static enum rc refuse(struct store *s, int64_t user_id, const char *username, const char *op, int64_t now,
                      struct err *e)
{
    int64_t failures = 1;
    struct err why = {0};
    if (note_failure(s, user_id, username, op, now, &failures, &why))
        return err_set(e, why.code, "%s", why.msg);
    slow_down(failures);
    return err_set(e, ERR_SIGN_IN, "Wrong user name or password");
}

static enum rc open_session(struct store *s, struct auth_session *out, const struct auth_where *w, int64_t now,
                            struct err *e)
{
    unsigned char hash[BLAKE2B_BYTES];
    struct store_tx *tx = NULL;
    char subject[32];
    secret_random_hex(out->token, AUTH_TOKEN_CAP - 1);
    token_hash(out->token, hash);
    struct store_session row = {.user_id = out->user.id,
                                .started_at = now,
                                .last_seen_at = now,
                                .expires_at = out->expires_at,
                                .roles = out->roles};
    enum rc rc = store_begin(s, STORE_WRITE, &tx, e);
    if (!rc)
        rc = confirm(tx, &out->user, now, e);
    if (!rc)
        rc = store_session_add(tx, &row, hash, w ? w->tty : NULL, w ? w->host : NULL, &out->id, e);
    if (!rc) {
        str_format(subject, sizeof(subject), "session %lld", (long long)out->id);
        rc = store_audit_add(tx, now, out->user.id, "session.sign_in", subject, "", e);
    }
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

enum rc auth_sign_in(struct store *s, const char *username, const char *password, unsigned role, int64_t hours,
                     const struct auth_where *w, struct auth_session *out, struct err *e)
{
    int64_t now = clock_wall_ms();
    *out = (struct auth_session){0};
    enum rc rc = find_user(s, username, &out->user, e);
    if (rc)
        return rc;
    bool known = out->user.id != 0;
    /* Hashed in every case, also for an unknown, locked or disabled account: they answer after the same time. */
    bool right = auth_password_verify(password, known ? out->user.password_hash : NULL);
    if (out->user.locked_until > now)
        return locked(out->user.locked_until, now, e);
    if (!right || out->user.disabled || (role && !(out->user.roles & role)))
        return refuse(s, out->user.id, username, "session.sign_in", now, e);
    out->roles = role ? role & out->user.roles : out->user.roles;
    out->expires_at = now + hours * 3600 * 1000;
    rc = open_session(s, out, w, now, e);
    if (rc)
        secret_wipe(out, sizeof(*out));
    return rc;
}

static enum rc note_seen(struct store *s, const struct store_session *row, int64_t now, struct err *e)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(s, STORE_WRITE, &tx, e);
    if (!rc && row->expires_at <= now)
        rc = store_session_end(tx, row->id, now, "expired", e);
    else if (!rc)
        rc = store_session_touch(tx, row->id, now, e);
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

enum rc auth_resume(struct store *s, const char *token, struct auth_session *out, struct err *e)
{
    unsigned char hash[BLAKE2B_BYTES];
    struct store_tx *tx = NULL;
    struct store_session row = {0};
    int64_t now = clock_wall_ms();
    *out = (struct auth_session){0};
    if (!token || strlen(token) != AUTH_TOKEN_CAP - 1)
        return err_set(e, ERR_SESSION, NULL);
    token_hash(token, hash);
    enum rc rc = store_begin(s, STORE_READ, &tx, e);
    if (rc)
        return rc;
    rc = store_session_find(tx, hash, &row, e);
    if (!rc)
        rc = store_user_get(tx, row.user_id, &out->user, e);
    store_rollback(tx);
    if (rc)
        return rc;
    if (row.ended_at || out->user.disabled)
        return err_set(e, ERR_SESSION, "The session has ended");
    bool expired = row.expires_at <= now;
    struct err why = {0};
    /* A busy or full store must not throw a working person out: the last-seen time waits for the next call. */
    if (expired || now - row.last_seen_at >= TOUCH_MS)
        (void)!note_seen(s, &row, now, &why);
    if (expired)
        return err_set(e, ERR_SESSION, "The session has expired");
    out->id = row.id;
    out->expires_at = row.expires_at;
    out->roles = row.roles & out->user.roles;
    return RC_OK;
}

static enum rc get_user(struct store *s, int64_t id, struct store_user *u, struct err *e)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_begin(s, STORE_READ, &tx, e);
    if (!rc)
        rc = store_user_get(tx, id, u, e);
    store_rollback(tx);
    return rc;
}

static enum rc prove(struct store *s, int64_t user_id, const char *password, const char *op, struct store_user *u,
                     struct err *e)
{
    int64_t now = clock_wall_ms();
    enum rc rc = get_user(s, user_id, u, e);
    if (rc)
        return rc;
    bool right = auth_password_verify(password, u->password_hash);
    if (u->locked_until > now)
        return locked(u->locked_until, now, e);
    return right && !u->disabled ? RC_OK : refuse(s, u->id, u->username, op, now, e);
}

enum rc auth_prove(struct store *s, int64_t user_id, const char *password, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_user proven = {0};
    int64_t now = clock_wall_ms();
    enum rc rc = prove(s, user_id, password, "session.unlock", &proven, e);
    if (!rc)
        rc = store_begin(s, STORE_WRITE, &tx, e);
    if (!rc)
        rc = confirm(tx, &proven, now, e);
    if (!rc)
        rc = store_audit_add(tx, now, user_id, "session.unlock", "", "", e);
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

enum rc auth_sign_out(struct store *s, int64_t user_id, int64_t session_id, const char *why, struct err *e)
{
    struct store_tx *tx = NULL;
    char subject[32];
    int64_t now = clock_wall_ms();
    str_format(subject, sizeof(subject), "session %lld", (long long)session_id);
    enum rc rc = store_begin(s, STORE_WRITE, &tx, e);
    if (!rc)
        rc = store_session_end(tx, session_id, now, why, e);
    if (!rc)
        rc = store_audit_add(tx, now, user_id, "session.sign_out", subject, why, e);
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

enum rc auth_password_change(struct store *s, int64_t user_id, int64_t session_id, const char *old,
                             const char *password, int64_t *ended, struct err *e)
{
    char hash[AUTH_HASH_CAP];
    struct store_tx *tx = NULL;
    struct store_user proven = {0}, u = {0};
    int64_t now = clock_wall_ms();
    *ended = 0;
    enum rc rc = auth_password_check(password, e);
    if (!rc && str_eq(old, password))
        rc = err_set(e, ERR_PASSWORD_RULE, "the new password is the old one");
    if (!rc)
        rc = prove(s, user_id, old, "users.password", &proven, e);
    if (!rc)
        rc = auth_password_hash(password, hash, e);
    if (!rc)
        rc = store_begin(s, STORE_WRITE, &tx, e);
    if (!rc)
        rc = confirm(tx, &proven, now, e);
    if (!rc)
        rc = store_user_get(tx, user_id, &u, e);
    if (!rc) {
        str_copy(u.password_hash, sizeof(u.password_hash), hash);
        rc = store_user_set(tx, &u, e);
    }
    if (!rc)
        rc = store_sessions_end(tx, user_id, session_id, now, "password changed", ended, e);
    if (!rc)
        rc = store_audit_add(tx, now, user_id, "users.password", "", "", e);
    secret_wipe(hash, sizeof(hash));
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}
