/* People: the gate, signing in and out, profiles, accounts. */
#include "base/file.h"
#include "base/text.h"
#include "mail.h"
#include "station/records.h"

#include <string.h>

enum { NAME_MAX_BYTES = 120 };

/* --- the open store and the gate --- */

enum rc records_open(struct station *st, struct records **out, struct err *e)
{
    char home[4096], *demo = NULL;
    struct records *r = NULL;
    struct store_tx *tx = NULL;
    enum rc rc = RC_OK;
    pthread_mutex_lock(&st->lock);
    if (!st->records) {
        rc = home_dir(home, sizeof(home), e);
        r = rc ? NULL : mem_zalloc(1, sizeof(*r), e);
        if (!rc && !r)
            rc = RC_FAILED;
        if (!rc)
            rc = store_open(home, &r->store, e);
        if (!rc)
            rc = store_begin(r->store, STORE_READ, &tx, e);
        if (!rc)
            rc = store_meta_get(tx, "demo", &demo, e);
        store_rollback(tx);
        if (!rc) {
            r->demo = str_eq(demo, "yes");
            st->records = r;
        } else if (r) {
            store_close(r->store);
            mem_free(r);
        }
        mem_free(demo);
    }
    *out = st->records;
    pthread_mutex_unlock(&st->lock);
    return rc;
}

void records_close(struct station *st)
{
    struct records *r = st->records;
    if (!r)
        return;
    mailbox_stop(st);
    store_close(r->store);
    for (size_t i = 0; i < r->retired_n; i++)
        mem_free(r->retired[i]);
    mem_free(r->retired);
    mem_free(r);
    st->records = NULL;
}

static enum rc gate_admit(struct op_call *c, struct err *e)
{
    struct records *r = NULL;
    struct auth_session s;
    if (!c->q->token || !*c->q->token)
        return err_set(e, ERR_SESSION, NULL);
    enum rc rc = records_open(c->st, &r, e);
    if (!rc)
        rc = auth_resume(r->store, c->q->token, &s, e);
    if (rc)
        return rc;
    c->user.id = s.user.id;
    c->user.session_id = s.id;
    c->user.role = (enum role)s.roles;
    str_copy(c->user.username, sizeof(c->user.username), s.user.username);
    return RC_OK;
}

/* Somebody tried what the role does not allow: worth a row. */
static void gate_leave(struct op_call *c, enum rc rc)
{
    struct store_tx *tx = NULL;
    struct err why = {0};
    if (rc != RC_REFUSED || !c->st->records || store_begin(c->st->records->store, STORE_WRITE, &tx, &why))
        return;
    if (store_audit_add(tx, clock_wall_ms(), c->user.id, c->row->name, "", "refused", &why))
        store_rollback(tx);
    else
        (void)!store_commit(tx, &why);
}

static enum rc gate_health(struct station *st, json_t *checks, struct err *e)
{
    struct records *r = NULL;
    struct err why = {0};
    enum rc rc = records_open(st, &r, &why);
    /* Without a station the main job works all the same: nothing to complain about. */
    bool missing = why.code == ERR_STORE_MISSING;
    const char *detail = missing ? "no station here yet" : rc ? why.msg : "open";
    json_t *check = json_pack("{s:s, s:b, s:s}", "name", "records", "ok", !rc || missing, "detail", detail);
    return !check || json_array_append_new(checks, check) ? err_set(e, ERR_MEMORY, NULL) : RC_OK;
}

const struct station_gate people_gate = {
    .admit = gate_admit,
    .leave = gate_leave,
    .start = mailbox_start,
    .health = gate_health,
    .close = records_close,
};

/* --- sessions --- */

/* The person as this session sees it: "role" names the session's power. */
static enum rc user_json(struct store_tx *tx, int64_t id, unsigned roles, bool totals, json_t **out, struct err *e)
{
    enum rc rc = store_user_json(tx, id, totals, out, e);
    if (!rc && roles && json_object_set_new(*out, "role", json_string(role_name(roles_first(roles)))))
        rc = err_set(e, ERR_MEMORY, NULL);
    return rc;
}

enum rc op_session_sign_in(struct op_call *c, struct err *e)
{
    const struct conf *conf = NULL;
    struct records *r = NULL;
    struct auth_session s = {0};
    struct store_tx *tx = NULL;
    json_t *user = NULL, *answer = NULL;
    unsigned role = 0;
    bool seen = false;
    char when[32];
    const char *asked = arg_text(c, "role", NULL);
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc && asked && *asked)
        rc = roles_parse(asked, &role, e);
    if (!rc)
        rc = records_open(c->st, &r, e);
    if (!rc)
        rc = auth_sign_in(r->store, arg_text(c, "username", ""), arg_text(c, "password", ""), role,
                          conf_int(conf, CONF_ID_session_hours), &(struct auth_where){c->q->tty, c->q->host}, &s, e);
    if (!rc)
        rc = store_begin(r->store, STORE_READ, &tx, e);
    if (!rc)
        rc = user_json(tx, s.user.id, s.roles, false, &user, e);
    if (!rc)
        rc = store_disclaimer_seen(tx, s.user.id, NOTICE_VERSION, &seen, e);
    store_rollback(tx);
    if (!rc) {
        answer = json_pack("{s:s, s:O, s:s, s:b}", "token", s.token, "user", user, "expires_at",
                           clock_iso(when, sizeof(when), s.expires_at), "disclaimer_needed", !seen);
        rc = answer_set(c, answer, e);
    }
    json_decref(user);
    secret_wipe(&s, sizeof(s));
    return rc;
}

enum rc op_session_sign_out(struct op_call *c, struct err *e)
{
    const char *why = NULL;
    enum rc rc = line_arg(c, "why", 80, &why, e);
    if (!rc)
        rc = auth_sign_out(c->st->records->store, c->user.id, c->user.session_id, why && *why ? why : "sign-out", e);
    return rc ? rc : answer_set(c, json_pack("{s:b}", "ok", 1), e);
}

enum rc op_session_show(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    json_t *user = NULL, *session = NULL, *answer = NULL;
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = user_json(tx, c->user.id, c->user.role, false, &user, e);
    if (!rc)
        rc = store_session_json(tx, c->user.session_id, &session, e);
    if (!rc) {
        answer = json_pack("{s:O, s:O}", "user", user, "session", session);
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(user);
    json_decref(session);
    return call_end(c, tx, rc, answer, NULL, NULL, e);
}

enum rc op_session_unlock(struct op_call *c, struct err *e)
{
    enum rc rc = auth_prove(c->st->records->store, c->user.id, arg_text(c, "password", ""), e);
    return rc ? rc : answer_set(c, json_pack("{s:b}", "ok", 1), e);
}

enum rc op_session_list(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_page p;
    json_t *list = NULL;
    enum rc rc = page_of(c, &p, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_sessions_list(tx, &p, &list, e);
    return call_end(c, tx, rc, list, NULL, NULL, e);
}

enum rc op_disclaimer_accept(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    const char *version = arg_text(c, "version", "");
    enum rc rc = str_eq(version, NOTICE_VERSION)
                     ? RC_OK
                     : err_set(e, ERR_CONFLICT, "the notice in force is version " NOTICE_VERSION);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_disclaimer_accept(tx, c->user.id, version, clock_wall_ms(), e);
    return call_end(c, tx, rc, rc ? NULL : json_pack("{s:b}", "ok", 1), "notice " NOTICE_VERSION, NULL, e);
}

/* --- profiles and accounts --- */

/* Copies a checked one-line argument; leaves dst alone when it was not given. */
static enum rc take_name(const struct op_call *c, const char *name, char *dst, size_t cap, struct err *e)
{
    const char *text = NULL;
    enum rc rc = line_arg(c, name, cap - 1 < NAME_MAX_BYTES ? cap - 1 : NAME_MAX_BYTES, &text, e);
    if (!rc && text)
        str_copy(dst, cap, text);
    return rc;
}

static enum rc take_email(const struct op_call *c, struct store_user *u, struct err *e)
{
    const char *email = arg_text(c, "email", NULL);
    if (!email)
        return RC_OK;
    enum rc rc = mail_address_check(email, e);
    if (!rc)
        str_copy(u->email, sizeof(u->email), email);
    return rc;
}

/* A new account from the arguments, the password hashed: nothing is held while that takes its time. */
static enum rc new_user(struct op_call *c, unsigned roles, struct store_user *u, struct err *e)
{
    char hash[AUTH_HASH_CAP];
    *u = (struct store_user){.roles = roles, .date_joined = clock_wall_ms()};
    enum rc rc = auth_username_check(arg_text(c, "username", ""), e);
    if (!rc)
        str_copy(u->username, sizeof(u->username), arg_text(c, "username", ""));
    if (!rc)
        rc = take_email(c, u, e);
    if (!rc)
        rc = take_name(c, "first_name", u->first_name, sizeof(u->first_name), e);
    if (!rc)
        rc = take_name(c, "last_name", u->last_name, sizeof(u->last_name), e);
    if (!rc)
        rc = auth_password_hash(arg_text(c, "password", ""), hash, e);
    if (!rc)
        str_copy(u->password_hash, sizeof(u->password_hash), hash);
    return rc;
}

static void user_subject(char dst[32], int64_t id)
{
    str_format(dst, 32, "user %lld", (long long)id);
}

/* Answers {"user": ...} of this person and ends the call. */
static enum rc end_with_user(struct op_call *c, struct store_tx *tx, enum rc rc, int64_t id, const char *detail,
                             struct err *e)
{
    char subject[32];
    json_t *user = NULL, *answer = NULL;
    user_subject(subject, id);
    if (!rc)
        rc = store_user_json(tx, id, false, &user, e);
    if (!rc) {
        answer = json_pack("{s:O}", "user", user);
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(user);
    return call_end(c, tx, rc, answer, subject, detail, e);
}

enum rc op_users_register(struct op_call *c, struct err *e)
{
    const struct conf *conf = NULL;
    struct records *r = NULL;
    struct store_user u = {0};
    struct store_tx *tx = NULL;
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = records_open(c->st, &r, e);
    if (!rc && !conf_bool(conf, CONF_ID_self_register))
        rc = err_set(e, ERR_CLOSED, NULL);
    if (!rc && !str_eq(arg_text(c, "password", ""), arg_text(c, "confirm", "")))
        rc = err_set(e, ERR_CONFIRM, "the two passwords differ");
    if (!rc)
        rc = new_user(c, ROLE_PATIENT, &u, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_user_add(tx, &u, e);
    c->user.id = u.id;
    return end_with_user(c, tx, rc, u.id, "patient", e);
}

enum rc op_users_add(struct op_call *c, struct err *e)
{
    struct store_user u = {0};
    struct store_tx *tx = NULL;
    unsigned roles = 0;
    enum rc rc = roles_parse(arg_text(c, "role", ""), &roles, e);
    if (!rc)
        rc = new_user(c, roles, &u, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_user_add(tx, &u, e);
    return end_with_user(c, tx, rc, u.id, role_name(roles_first(roles)), e);
}

enum rc op_users_me(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    json_t *user = NULL;
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = user_json(tx, c->user.id, c->user.role, true, &user, e);
    return call_end(c, tx, rc, user, NULL, NULL, e);
}

enum rc op_users_me_set(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_user u = {0};
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_user_get(tx, c->user.id, &u, e);
    if (!rc)
        rc = take_email(c, &u, e);
    if (!rc)
        rc = take_name(c, "first_name", u.first_name, sizeof(u.first_name), e);
    if (!rc)
        rc = take_name(c, "last_name", u.last_name, sizeof(u.last_name), e);
    if (!rc)
        rc = store_user_set(tx, &u, e);
    return end_with_user(c, tx, rc, c->user.id, "own profile", e);
}

enum rc op_users_password(struct op_call *c, struct err *e)
{
    int64_t ended = 0;
    enum rc rc = RC_OK;
    if (!str_eq(arg_text(c, "password", ""), arg_text(c, "confirm", "")))
        rc = err_set(e, ERR_CONFIRM, "the two passwords differ");
    if (!rc)
        rc = auth_password_change(c->st->records->store, c->user.id, c->user.session_id, arg_text(c, "old", ""),
                                  arg_text(c, "password", ""), &ended, e);
    return rc ? rc : answer_set(c, json_pack("{s:b, s:I}", "ok", 1, "sessions_ended", (json_int_t)ended), e);
}

enum rc op_users_list(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_page p;
    json_t *list = NULL;
    enum rc rc = page_of(c, &p, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_users_list(tx, arg_text(c, "search", NULL), &p, &list, e);
    return call_end(c, tx, rc, list, NULL, NULL, e);
}

/* The station must keep somebody who can let people in. */
static enum rc keep_an_administrator(struct store_tx *tx, const struct store_user *u, struct err *e)
{
    int64_t others = 0;
    if (!(u->roles & ROLE_ADMIN) || u->disabled)
        return RC_OK;
    enum rc rc = store_users_count(tx, ROLE_ADMIN, u->id, &others, e);
    return rc || others > 0 ? rc : err_set(e, ERR_VALUE, "this is the last administrator");
}

enum account_change { DISABLE, ENABLE, RESET, ROLE };

static enum rc change_account(struct op_call *c, enum account_change what, unsigned roles, const char *hash,
                              struct err *e)
{
    static const char *const reasons[] = {"disabled", NULL, "password reset", "role changed"};
    struct store_tx *tx = NULL;
    struct store_user u = {0};
    int64_t ended = 0;
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_user_find(tx, arg_text(c, "username", ""), &u, e);
    if (!rc && (what == DISABLE || (what == ROLE && !(roles & ROLE_ADMIN))))
        rc = keep_an_administrator(tx, &u, e);
    if (what == ROLE)
        u.roles = roles;
    if (what == RESET)
        str_copy(u.password_hash, sizeof(u.password_hash), hash);
    if (what == ENABLE || what == RESET)
        u.failures = u.locked_until = 0;
    if (what == ENABLE || what == DISABLE)
        u.disabled = what == DISABLE;
    if (!rc)
        rc = store_user_set(tx, &u, e);
    if (!rc && reasons[what])
        rc = store_sessions_end(tx, u.id, 0, clock_wall_ms(), reasons[what], &ended, e);
    return end_with_user(c, tx, rc, u.id, what == ROLE ? arg_text(c, "role", "") : NULL, e);
}

enum rc op_users_disable(struct op_call *c, struct err *e)
{
    return change_account(c, DISABLE, 0, NULL, e);
}

enum rc op_users_enable(struct op_call *c, struct err *e)
{
    return change_account(c, ENABLE, 0, NULL, e);
}

enum rc op_users_reset(struct op_call *c, struct err *e)
{
    char hash[AUTH_HASH_CAP];
    enum rc rc = auth_password_hash(arg_text(c, "password", ""), hash, e);
    if (!rc)
        rc = change_account(c, RESET, 0, hash, e);
    secret_wipe(hash, sizeof(hash));
    return rc;
}

enum rc op_users_role(struct op_call *c, struct err *e)
{
    unsigned roles = 0;
    enum rc rc = roles_parse(arg_text(c, "role", ""), &roles, e);
    return rc ? rc : change_account(c, ROLE, roles, NULL, e);
}
