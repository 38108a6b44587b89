/* What the family files of the station share: the open station, one call, the gate of people. Private to the room. */
#ifndef CLINIC_STATION_CORE_H
#define CLINIC_STATION_CORE_H

#include "station.h"

#include <pthread.h>

struct netcache;
struct worker;
struct records;

/* Who is calling, as the gate found out. Zero: anonymous. */
struct op_user {
    int64_t id, session_id;
    enum role role;
    char username[64];
};

/* One call: arguments are checked against the row (an object, never NULL), the caller against the policy. The handler
 * puts its answer into a->result (and a->fd); a result it leaves NULL becomes {}. */
struct op_call {
    struct station *st;
    const struct op_row *row;
    const struct station_request *q;
    json_t *args;
    struct op_user user;
    struct station_answer *a;
};
#define OP(name, handler, who, effect, reach, args, fields, help)                                                      \
    enum rc handler(struct op_call *c, struct err *e) MUST_USE;
#include "station/ops.def"
#undef OP

/* The gate: how tokens become people. What needs no person (predict, bench) never passes it. */
struct station_gate {
    /* q->token -> c->user; ERR_SESSION when it is missing, unknown or ended. Not called for WHO_ANYONE rows. */
    enum rc (*admit)(struct op_call *c, struct err *e);
    /* After the handler of an admitted call (last-seen time, refused calls to the audit); may be NULL. */
    void (*leave)(struct op_call *c, enum rc rc);
    /* Starts the mail worker (station_options.background); may be NULL. */
    enum rc (*start)(struct station *st, struct err *e);
    /* Adds {"name","ok","detail"} rows of the store to a health answer; may be NULL. */
    enum rc (*health)(struct station *st, json_t *checks, struct err *e);
    /* Ends workers and closes the store: frees st->records. */
    void (*close)(struct station *st);
};
extern const struct station_gate people_gate;

struct station {
    struct station_options opt;
    pthread_mutex_t lock; /* conf, records, idle */
    struct conf conf;     /* use station_conf() */
    bool conf_ready;
    const struct station_gate *gate;
    struct records *records; /* store, secrets, mail worker: owned by the gate, opened on first use under lock */
    struct netcache *nets;   /* open networks, see netcache.h */
    struct worker *idle;     /* warm workers, see worker.h */
};
/* Settings, loaded on first use. Borrowed, read-only. */
enum rc station_conf(struct station *st, const struct conf **out, struct err *e) MUST_USE;

/* Checks `given` (object or NULL) against row->args; *out: the checked arguments, owned. */
enum rc args_check(const struct op_row *row, const json_t *given, int fd, json_t **out, struct err *e) MUST_USE;
/* Argument readers. The core has checked kinds: a missing optional argument gives the default. */
const char *arg_text(const struct op_call *c, const char *name, const char *def);
int64_t arg_int(const struct op_call *c, const char *name, int64_t def);
double arg_number(const struct op_call *c, const char *name, double def);
bool arg_bool(const struct op_call *c, const char *name, bool def);
bool arg_given(const struct op_call *c, const char *name);
/* ERR_VALUE "threads: 0 is not in 1..64" unless inside. */
enum rc arg_int_in(const struct op_call *c, const char *name, int64_t min, int64_t max, int64_t def, int64_t *out,
                   struct err *e) MUST_USE;
/* Tells the caller's job its stage; nothing without a job. */
void op_stage(const struct op_call *c, const char *stage, int64_t done, int64_t total);
void job_stage(const struct station_job *job, const char *stage, int64_t done, int64_t total); /* job may be NULL */

/* json_pack with a checked result: NULL becomes ERR_MEMORY. */
enum rc answer_set(struct op_call *c, json_t *owned, struct err *e) MUST_USE;
/* A float32 as the shortest decimal that reads back as the same float. */
json_t *json_float(float v);
double float_decimal(float v);

#endif
