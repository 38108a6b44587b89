/* Opening the station and calling a row of the table: arguments, policy, handler, in that order. */
#include "station/core.h"

#include "base/text.h"
#include "intake.h"
#include "station/netcache.h"
#include "station/worker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct op_row rows[] = {
#define OP(name, handler, who, effect, reach, args, fields, help) {name, who, effect, reach, args, fields, help},
#include "station/ops.def"
#undef OP
};
static enum rc (*const handlers[])(struct op_call *, struct err *) = {
#define OP(name, handler, who, effect, reach, args, fields, help) handler,
#include "station/ops.def"
#undef OP
};

const struct op_row *station_ops(size_t *n)
{
    *n = ARRAY_N(rows);
    return rows;
}

const struct op_row *station_op_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        if (str_eq(rows[i].name, name))
            return &rows[i];
    return NULL;
}

static const struct {
    const char *name;
    enum role role;
} role_names[] = {
    {"patient", ROLE_PATIENT},     {"doctor", ROLE_DOCTOR}, {"researcher", ROLE_RESEARCHER},
    {"administrator", ROLE_ADMIN}, {"admin", ROLE_ADMIN},
};

const char *role_name(enum role r)
{
    for (size_t i = 0; i < ARRAY_N(role_names); i++)
        if (role_names[i].role == r)
            return role_names[i].name;
    return "nobody";
}

bool role_find(const char *name, enum role *out)
{
    for (size_t i = 0; i < ARRAY_N(role_names); i++) {
        if (str_eq(role_names[i].name, name)) {
            *out = role_names[i].role;
            return true;
        }
    }
    return false;
}

enum rc station_open(const struct station_options *o, struct station **out, struct err *e)
{
    *out = NULL;
    struct station *st = mem_zalloc(1, sizeof(*st), e);
    if (!st)
        return RC_FAILED;
    if (o)
        st->opt = *o;
    if (pthread_mutex_init(&st->lock, NULL)) {
        mem_free(st);
        return err_set(e, ERR_MEMORY, "no memory for a lock");
    }
    st->gate = &people_gate;
    enum rc rc = netcache_open(&st->nets, e);
    if (!rc && st->opt.background && st->gate->start)
        rc = st->gate->start(st, e);
    if (rc) {
        station_close(st);
        return rc;
    }
    *out = st;
    return RC_OK;
}

void station_close(struct station *st)
{
    if (!st)
        return;
    if (st->gate->close)
        st->gate->close(st);
    worker_close_all(st);
    netcache_close(st->nets);
    if (st->conf_ready)
        conf_free(&st->conf);
    pthread_mutex_destroy(&st->lock);
    mem_free(st);
}

enum rc station_conf(struct station *st, const struct conf **out, struct err *e)
{
    enum rc rc = RC_OK;
    pthread_mutex_lock(&st->lock);
    if (!st->conf_ready) {
        rc = conf_load(&st->conf, e);
        st->conf_ready = !rc;
    }
    pthread_mutex_unlock(&st->lock);
    *out = &st->conf;
    return rc;
}

void station_answer_fini(struct station_answer *a)
{
    json_decref(a->result);
    a->result = NULL;
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

static enum rc unknown_op(const char *name, struct err *e)
{
    const struct op_row *near = NULL;
    size_t best = 4;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        size_t d = str_distance(rows[i].name, name);
        if (d < best) {
            best = d;
            near = &rows[i];
        }
    }
    if (near)
        return err_set(e, ERR_OPERATION, "No such operation '%.80s'; did you mean '%s'?", name, near->name);
    return err_set(e, ERR_OPERATION, "No such operation '%.80s'", name);
}

/* Read-only stations still let people in and out, past the notice, too. */
static bool writes(const struct op_row *row)
{
    return row->effect == OP_CHANGES && !str_starts(row->name, "session.") && !str_starts(row->name, "disclaimer.");
}

static enum rc admit(struct op_call *c, struct err *e)
{
    if (c->row->who == WHO_ANYONE)
        return RC_OK;
    enum rc rc = c->st->gate->admit(c, e);
    if (rc)
        return rc;
    if (!((unsigned)c->row->who & (unsigned)c->user.role))
        return err_set(e, ERR_POLICY, "%s is not for the role %s", c->row->name, role_name(c->user.role));
    return RC_OK;
}

enum rc station_call(struct station *st, const struct station_request *q, struct station_answer *a, struct err *e)
{
    *a = (struct station_answer){.fd = -1};
    const struct op_row *row = q->op ? station_op_find(q->op) : NULL;
    if (!row)
        return unknown_op(q->op ? q->op : "", e);
    struct op_call c = {.st = st, .row = row, .q = q, .a = a};
    enum rc rc = args_check(row, q->args, q->fd, &c.args, e);
    if (rc)
        goto done;
    if (st->opt.read_only && writes(row)) {
        rc = err_set(e, ERR_READ_ONLY, NULL);
        goto done;
    }
    rc = admit(&c, e);
    if (!rc)
        rc = handlers[row - rows](&c, e);
    if (!rc && !a->result) {
        a->result = json_object();
        if (!a->result)
            rc = err_set(e, ERR_MEMORY, NULL);
    }
    if (c.user.role != ROLE_NONE && st->gate->leave)
        st->gate->leave(&c, rc);
done:
    json_decref(c.args);
    if (rc)
        station_answer_fini(a);
    return rc;
}

enum rc answer_set(struct op_call *c, json_t *owned, struct err *e)
{
    if (!owned)
        return err_set(e, ERR_MEMORY, NULL);
    json_decref(c->a->result);
    c->a->result = owned;
    return RC_OK;
}

void op_stage(const struct op_call *c, const char *stage, int64_t done, int64_t total)
{
    job_stage(c->q->job, stage, done, total);
}

void job_stage(const struct station_job *job, const char *stage, int64_t done, int64_t total)
{
    if (job && job->stage)
        job->stage(job->ctx, stage, done, total);
}

double float_decimal(float v)
{
    char text[32];
    double d = (double)v;
    for (int digits = 6; digits <= 9; digits++) {
        str_format(text, sizeof(text), "%.*g", digits, (double)v);
        if (!str_to_f64(text, -(double)INFINITY, (double)INFINITY, &d))
            return (double)v;
        if ((float)d == v)
            break;
    }
    return d;
}

json_t *json_float(float v)
{
    return isfinite(v) ? json_real(float_decimal(v)) : json_null();
}
