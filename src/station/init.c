/* Making a station: folder, records, the first people. Idempotent. */
#include "base/file.h"
#include "base/text.h"
#include "mail.h"
#include "station/records.h"

#include <string.h>

enum rc op_station_info(struct op_call *c, struct err *e)
{
    const struct conf *conf = NULL;
    struct records *r = NULL;
    struct err why = {0};
    enum rc rc = station_conf(c->st, &conf, e);
    if (rc)
        return rc;
    if (records_open(c->st, &r, &why) && why.code != ERR_STORE_MISSING)
        return err_set(e, why.code, "%s", why.msg);
    return answer_set(c,
                      json_pack("{s:s, s:b, s:b, s:s, s:b, s:s, s:s, s:I, s:I}", "site_name",
                                conf_text(conf, CONF_ID_site_name), "demo", r && r->demo, "self_register",
                                (int)conf_bool(conf, CONF_ID_self_register), "version", CLINIC_VERSION, "exists",
                                r != NULL, "disclaimer", NOTICE_TEXT, "disclaimer_version", NOTICE_VERSION,
                                "idle_lock_s", (json_int_t)conf_int(conf, CONF_ID_idle_lock_s), "idle_warn_s",
                                (json_int_t)conf_int(conf, CONF_ID_idle_warn_s)),
                      e);
}

static void note_migration(void *ctx, const char *name)
{
    json_array_append_new(ctx, json_string(name));
}

/* The first administrator, who lets everybody else in. Refused once there are people: then an administrator adds the
 * next. */
static enum rc first_admin(struct op_call *c, struct store_tx *tx, const char *hash, struct err *e)
{
    const char *name = arg_text(c, "admin", "");
    struct store_user u = {.roles = ROLE_ADMIN, .date_joined = clock_wall_ms()};
    int64_t people = 0;
    enum rc rc = store_users_count(tx, 0, 0, &people, e);
    if (!rc && people > 0)
        rc = err_set(e, ERR_TAKEN, "the station has its people already; an administrator adds more with 'users add'");
    str_copy(u.username, sizeof(u.username), name);
    if (strchr(name, '@'))
        str_copy(u.email, sizeof(u.email), name);
    else
        str_format(u.email, sizeof(u.email), "%s@localhost", name);
    str_copy(u.password_hash, sizeof(u.password_hash), hash);
    return rc ? rc : store_user_add(tx, &u, e);
}

/* A site never becomes a demo: that would open it to passwords everybody knows. */
static enum rc mark_demo(struct store_tx *tx, bool is_demo, struct err *e)
{
    int64_t people = 0;
    if (is_demo)
        return RC_OK;
    enum rc rc = store_users_count(tx, 0, 0, &people, e);
    if (!rc && people > 0)
        rc = err_set(e, ERR_VALUE, "this station has real people: it cannot become a demo");
    return rc ? rc : store_meta_set(tx, "demo", "yes", e);
}

static enum rc write_people(struct op_call *c, bool demo, const char *hash, bool *needs_admin, struct err *e)
{
    struct records *r = NULL;
    struct store_tx *tx = NULL;
    int64_t admins = 0;
    enum rc rc = records_open(c->st, &r, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc && demo)
        rc = mark_demo(tx, r->demo, e);
    if (!rc && *hash)
        rc = first_admin(c, tx, hash, e);
    if (!rc)
        rc = store_users_count(tx, ROLE_ADMIN, 0, &admins, e);
    *needs_admin = !demo && admins == 0;
    rc = call_end(c, tx, rc, NULL, "station", demo ? "demo" : "site", e);
    if (!rc && demo)
        r->demo = true;
    return rc;
}

enum rc op_station_init(struct op_call *c, struct err *e)
{
    char home[4096], hash[AUTH_HASH_CAP] = "";
    bool demo = arg_bool(c, "demo", false), needs_admin = false;
    const char *admin = arg_text(c, "admin", "");
    json_t *migrations = json_array(), *accounts = json_array();
    enum rc rc = migrations && accounts ? home_dir(home, sizeof(home), e) : err_set(e, ERR_MEMORY, NULL);
    if (!rc && demo && arg_bool(c, "site", false))
        rc = err_set(e, ERR_VALUE, "a station is either a demo or a site");
    if (!rc && *admin)
        rc = auth_username_check(admin, e);
    if (!rc && *admin && strchr(admin, '@'))
        rc = mail_address_check(admin, e);
    if (!rc && *admin)
        rc = auth_password_hash(arg_text(c, "password", ""), hash, e);
    if (!rc)
        rc = store_migrate(home, note_migration, migrations, e);
    if (!rc)
        rc = write_people(c, demo, hash, &needs_admin, e);
    if (!rc && *admin && json_array_append_new(accounts, json_string(admin)))
        rc = err_set(e, ERR_MEMORY, NULL);
    if (!rc && demo)
        rc = demo_fill(c, accounts, e);
    if (!rc && c->st->opt.background)
        rc = mailbox_start(c->st, e);
    if (!rc)
        rc = answer_set(c,
                        json_pack("{s:O, s:O, s:b, s:s}", "migrations", migrations, "accounts", accounts, "needs_admin",
                                  (int)needs_admin, "home", home),
                        e);
    json_decref(migrations);
    json_decref(accounts);
    secret_wipe(hash, sizeof(hash));
    return rc;
}
