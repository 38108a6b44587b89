/* Figures of the home screen, per role. */
#include "base/file.h"
#include "station/records.h"

enum { RECENT_ROWS = 5 };

/* Results within the eyes: counts and the latest few. */
static enum rc add_results(struct op_call *c, struct store_tx *tx, json_t *out, struct err *e)
{
    struct store_eyes eyes = eyes_of(c);
    const struct store_filter f = store_filter_none();
    const struct store_page p = {.page = 1, .size = RECENT_ROWS};
    json_t *stats = NULL, *list = NULL;
    enum rc rc = store_stats(tx, &eyes, today_ms(), &stats, e);
    if (!rc)
        rc = store_results_list(tx, &eyes, &f, &p, &list, e);
    if (!rc && (json_object_update(out, stats) || json_object_set(out, "recent", json_object_get(list, "results"))))
        rc = err_set(e, ERR_MEMORY, NULL);
    json_decref(stats);
    json_decref(list);
    return rc;
}

static enum rc add_station(struct store_tx *tx, json_t *out, struct err *e)
{
    int64_t users = 0, sessions = 0;
    enum rc rc = store_users_count(tx, 0, 0, &users, e);
    if (!rc)
        rc = store_sessions_open(tx, clock_wall_ms(), &sessions, e);
    if (!rc && (json_object_set_new(out, "users", json_integer(users)) ||
                json_object_set_new(out, "sessions", json_integer(sessions))))
        rc = err_set(e, ERR_MEMORY, NULL);
    return rc;
}

enum rc op_stats_home(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    unsigned role = (unsigned)c->user.role;
    json_t *out = json_object(), *outbox = NULL;
    enum rc rc = out ? call_begin(c, &tx, e) : err_set(e, ERR_MEMORY, NULL);
    if (!rc && (role & (ROLE_PATIENT | ROLE_DOCTOR | ROLE_RESEARCHER)))
        rc = add_results(c, tx, out, e);
    if (!rc && (role & (ROLE_PATIENT | ROLE_DOCTOR | ROLE_ADMIN)))
        rc = store_mail_counts(tx, role & (ROLE_DOCTOR | ROLE_ADMIN) ? 0 : c->user.id, &outbox, e);
    if (!rc && outbox && json_object_set(out, "outbox", outbox))
        rc = err_set(e, ERR_MEMORY, NULL);
    if (!rc && (role & ROLE_ADMIN))
        rc = add_station(tx, out, e);
    json_decref(outbox);
    if (!tx) {
        json_decref(out);
        return rc;
    }
    return call_end(c, tx, rc, out, NULL, NULL, e);
}
