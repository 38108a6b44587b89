/* Who sits there: passwords, locks, session tokens. Bcrypt "$2b$" at cost 12; with a frozen clock (tests,
 * $CLINIC_CLOCK) $CLINIC_BCRYPT_COST may lower it. Hashing takes about a quarter of a second and happens outside every
 * transaction. */
#ifndef CLINIC_AUTH_H
#define CLINIC_AUTH_H

#include "store.h"

enum {
    AUTH_HASH_CAP = 64,
    AUTH_TOKEN_CAP = 65, /* 64 hex digits */
    AUTH_FAILURES_MAX = 5,
    AUTH_LOCK_MS = 10 * 60 * 1000,
};

/* At least 8 characters, at most 72 bytes (bcrypt reads no more), no control characters, valid UTF-8:
 * ERR_PASSWORD_RULE. */
enum rc auth_password_check(const char *password, struct err *e) MUST_USE;
enum rc auth_password_hash(const char *password, char hash[AUTH_HASH_CAP], struct err *e) MUST_USE;
/* hash NULL or broken: the same work, then false. */
bool auth_password_verify(const char *password, const char *hash);
/* Letters, digits and . _ - @ +, 2 to 63 bytes, beginning with a letter or digit: ERR_VALUE. */
enum rc auth_username_check(const char *username, struct err *e) MUST_USE;

struct auth_where {
    const char *tty, *host; /* of the caller; NULL: unknown */
};
struct auth_session {
    int64_t id, expires_at;
    struct store_user user;
    unsigned roles;
    char token[AUTH_TOKEN_CAP]; /* only from auth_sign_in */
};
/* Unknown name, wrong password and disabled account are one ERR_SIGN_IN and take the same time; each failure makes the
 * next answer slower; the fifth locks the account for ten minutes (ERR_LOCKED, from the right password too). role: 0,
 * or the one role the session shall have (ERR_SIGN_IN when the person has it not). Writes the audit rows itself. */
enum rc auth_sign_in(struct store *s, const char *username, const char *password, unsigned role, int64_t hours,
                     const struct auth_where *w, struct auth_session *out, struct err *e) MUST_USE;
/* token -> session; ERR_SESSION when unknown, ended or expired, or the person is disabled. Notes the last-seen time
 * once a minute. */
enum rc auth_resume(struct store *s, const char *token, struct auth_session *out, struct err *e) MUST_USE;
/* The person of an open session proves again who sits there (lock screen, signing). Failures count as at sign-in. */
enum rc auth_prove(struct store *s, int64_t user_id, const char *password, struct err *e) MUST_USE;
enum rc auth_sign_out(struct store *s, int64_t user_id, int64_t session_id, const char *why, struct err *e) MUST_USE;
/* Proves old, checks and sets the new one, ends the person's other sessions. */
enum rc auth_password_change(struct store *s, int64_t user_id, int64_t session_id, const char *old,
                             const char *password, int64_t *ended, struct err *e) MUST_USE;

#endif
