/* The store's door to the outbox. */
#ifndef CLINIC_STORE_MAIL_H
#define CLINIC_STORE_MAIL_H

#include "store.h"

/* --- outbox
 * ----------------------------------------------------------------------------------------------------------- */
/* queued -> in_flight -> sent | retry | dead | unknown; retry -> in_flight. A lease that ran out (the sender died) is
 * unknown: nobody knows whether the final dot was sent, so a person decides. */
enum store_mail_state {
    STORE_MAIL_QUEUED,
    STORE_MAIL_IN_FLIGHT,
    STORE_MAIL_SENT,
    STORE_MAIL_RETRY,
    STORE_MAIL_DEAD,
    STORE_MAIL_UNKNOWN,
    STORE_MAIL_STATE_N
};
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
enum rc store_mail_add(struct store_tx *tx, const struct store_mail_new *m, int64_t by, int64_t now, int64_t *id,
                       struct err *e) MUST_USE;
struct store_mail {
    int64_t id, attempts, lease; /* lease: proof of the claim */
    char from[256], to[256], message_id[256];
    char *message; /* owned: mem_free */
    size_t message_n;
};
/* The oldest due message becomes in_flight until now + lease_ms + lease_ms_per_kib for each KiB of it, its attempt
 * counted. out->id == 0: nothing is due. Leases that ran out become unknown first. */
enum rc store_mail_claim(struct store_tx *tx, int64_t now, int64_t lease_ms, int64_t lease_ms_per_kib,
                         struct store_mail *out, struct err *e) MUST_USE;
void store_mail_fini(struct store_mail *m);
/* state: SENT, RETRY (next_at), DEAD or UNKNOWN. ERR_CONFLICT when the lease is not this one any more. */
enum rc store_mail_settle(struct store_tx *tx, const struct store_mail *m, enum store_mail_state state,
                          const char *reply, int64_t next_at, int64_t now, struct err *e) MUST_USE;
int64_t store_mail_backoff_ms(int64_t attempts); /* 30 s, 1 min, 2 min ... at most 6 h */
/* Earliest moment at which something is due or a lease ends; INT64_MAX: never. */
enum rc store_mail_next(struct store_tx *tx, int64_t *at, struct err *e) MUST_USE;
/* By a person. by_user: only mails of that person (0: all). retry: of dead or unknown, at once. drop: of queued, retry
 * or unknown
 * -> dead with that reason. ERR_CONFLICT in another state, ERR_NOT_FOUND. */
enum rc store_mail_retry(struct store_tx *tx, int64_t id, int64_t by_user, int64_t now, struct err *e) MUST_USE;
enum rc store_mail_drop(struct store_tx *tx, int64_t id, int64_t by_user, const char *reason, int64_t now,
                        struct err *e) MUST_USE;
/* {id, to, subject, state, attempts, next_at, error, created_at, sent_at, results: [ids]}; the list adds "counts". */
enum rc store_mail_json(struct store_tx *tx, int64_t id, int64_t by_user, json_t **out, struct err *e) MUST_USE;
enum rc store_mail_list(struct store_tx *tx, int64_t by_user, const char *state, const struct store_page *p,
                        json_t **out, struct err *e) MUST_USE;
enum rc store_mail_counts(struct store_tx *tx, int64_t by_user, json_t **out, struct err *e) MUST_USE;

#endif
