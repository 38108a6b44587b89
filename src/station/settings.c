/* Settings from the file and the environment, shown and changed. */
#include "base/text.h"
#include "station/records.h"

#include <string.h>

static json_t *setting_json(const struct conf *conf, enum conf_id id)
{
    static const char *const kinds[] = {"number", "yes or no", "text", "choice"};
    static const char *const origins[] = {"default", "file", "environment"};
    const struct conf_row *row = conf_row(id);
    const char *def = row->def;
    size_t n = row->kind == CONF_CHOICE ? strcspn(def, "|") : strlen(def);
    return json_pack("{s:s, s:s, s:s%, s:s, s:s, s:s, s:o}", "name", row->name, "value", conf->value[id], "default",
                     def, n, "origin", origins[conf->origin[id]], "kind", kinds[row->kind], "help", row->help,
                     "choices", row->kind == CONF_CHOICE ? json_string(def) : json_null());
}

enum rc op_settings_list(struct op_call *c, struct err *e)
{
    const struct conf *conf = NULL;
    enum rc rc = station_conf(c->st, &conf, e);
    if (rc)
        return rc;
    bool admin = ((unsigned)c->user.role & ROLE_ADMIN) != 0;
    json_t *rows = json_array();
    pthread_mutex_lock(&c->st->lock);
    for (size_t i = 0; rows && i < CONF_N; i++) {
        /* How the station signs in at its mail server is the administrator's business. */
        if (!admin && str_starts(conf_row((enum conf_id)i)->name, "smtp_"))
            continue;
        if (json_array_append_new(rows, setting_json(conf, (enum conf_id)i))) {
            json_decref(rows);
            rows = NULL;
        }
    }
    pthread_mutex_unlock(&c->st->lock);
    return answer_set(c, rows ? json_pack("{s:i, s:o}", "count", (int)json_array_size(rows), "results", rows) : NULL,
                      e);
}

/* Other threads may be reading the former text: it is kept until the station closes. */
static enum rc change(struct station *st, enum conf_id id, const char *value, struct err *e)
{
    struct records *r = st->records;
    char *former = st->conf.value[id], *copy = mem_strdup(former, e);
    if (!copy)
        return RC_FAILED;
    enum rc rc = mem_grow(&r->retired, &r->retired_cap, r->retired_n + 1, sizeof(*r->retired), e);
    if (rc) {
        mem_free(copy);
        return rc;
    }
    st->conf.value[id] = copy;
    rc = conf_set(&st->conf, id, value, true, e);
    if (rc) {
        st->conf.value[id] = former;
        mem_free(copy);
        return rc;
    }
    r->retired[r->retired_n++] = former;
    return RC_OK;
}

enum rc op_settings_set(struct op_call *c, struct err *e)
{
    const struct conf *conf = NULL;
    struct store_tx *tx = NULL;
    enum conf_id id;
    char subject[80];
    const char *name = arg_text(c, "name", ""), *value = arg_text(c, "value", "");
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc && !conf_find(name, &id))
        rc = err_set(e, ERR_SETTING, "there is no setting '%.60s'", name);
    if (!rc && conf->origin[id] == CONF_ENV)
        rc = err_set(e, ERR_VALUE, "%s is set by the environment of this program", name);
    if (rc)
        return rc;
    str_format(subject, sizeof(subject), "setting %s", conf_row(id)->name);
    rc = call_begin(c, &tx, e);
    if (!rc) {
        pthread_mutex_lock(&c->st->lock);
        rc = change(c->st, id, value, e);
        pthread_mutex_unlock(&c->st->lock);
    }
    return call_end(c, tx, rc, rc ? NULL : json_pack("{s:s, s:s}", "name", name, "value", value), subject, value, e);
}
