/* The station: every operation of the product behind one door, as rows of station/ops.def. Requests and answers are
 * JSON objects; bulk bytes (pictures in, files out) travel as descriptors. The only room that sees store, nn, intake,
 * mail, report and policy together. The faces (ui, cli, api) reach it through wire. */
#ifndef CLINIC_STATION_H
#define CLINIC_STATION_H

#include "base/conf.h"
#include <jansson.h>

enum role { ROLE_NONE = 0, ROLE_PATIENT = 1, ROLE_DOCTOR = 2, ROLE_RESEARCHER = 4, ROLE_ADMIN = 8 };
const char *role_name(enum role r);               /* "patient", "doctor", "researcher", "administrator" */
bool role_find(const char *name, enum role *out); /* "admin" too */

/* Who may call an operation. Ownership (own rows, released rows) is the handler's query, never a second check
 * elsewhere. */
enum op_who {
    WHO_ANYONE = 0, /* no sign-in: works without a station, too */
    WHO_PATIENT = ROLE_PATIENT,
    WHO_DOCTOR = ROLE_DOCTOR,
    WHO_RESEARCHER = ROLE_RESEARCHER,
    WHO_ADMIN = ROLE_ADMIN,
    WHO_CLINICAL = ROLE_PATIENT | ROLE_DOCTOR,
    WHO_READERS = ROLE_PATIENT | ROLE_DOCTOR | ROLE_RESEARCHER,
    WHO_SIGNED_IN = ROLE_PATIENT | ROLE_DOCTOR | ROLE_RESEARCHER | ROLE_ADMIN,
};
enum op_effect {
    OP_READS,   /* no audit row */
    OP_VIEWS,   /* shows a chart or picture: audit row */
    OP_CHANGES, /* changes the store: audit row in the same transaction; refused when read-only */
};
enum op_reach {
    REACH_ALL,   /* command, screens, JSON, socket */
    REACH_LOCAL, /* touches the caller's own files or machine: never over the socket */
};

/* A slow operation tells its stage and can be stopped. All fields may be zero. */
struct station_job {
    volatile bool cancel;
    void (*stage)(void *ctx, const char *stage, int64_t done,
                  int64_t total); /* "reading", "checking", "preparing", "computing" */
    void *ctx;
};
struct station_request {
    const char *op;
    json_t *args;            /* object or NULL; borrowed */
    const char *token;       /* session token or NULL */
    int fd;                  /* bulk input named by a `file` argument: readable descriptor, or -1; borrowed */
    struct station_job *job; /* or NULL */
    const char *tty, *host;  /* of the caller, for session records; NULL: unknown */
};
struct station_answer {
    json_t *result; /* object, owned by the caller of station_call */
    int fd;         /* bulk output (sealed memfd), or -1; owned by the caller of station_call */
};
void station_answer_fini(struct station_answer *a);

struct station;
struct station_options {
    bool read_only;
    int64_t start_ns; /* monotonic time at which this process began, for `clinic bench`; 0: unknown */
    bool background;  /* start the mail worker (screens, serve); commands flush on request */
};
/* Cheap: opens nothing until an operation needs it (store, networks, cage). Thread-safe calls. */
enum rc station_open(const struct station_options *o, struct station **out, struct err *e) MUST_USE;
void station_close(struct station *s);
enum rc station_call(struct station *s, const struct station_request *q, struct station_answer *a,
                     struct err *e) MUST_USE;

/* The table, for faces: help, flags, man page, completion, parity test. */
enum arg_kind { ARG_TEXT, ARG_INT, ARG_NUMBER, ARG_BOOL, ARG_DATE, ARG_FILE, ARG_SECRET, ARG_OBJECT };
struct op_arg {
    char name[32];
    enum arg_kind kind;
    bool required, list;
};
struct op_row {
    const char *name; /* "results.list" */
    enum op_who who;
    enum op_effect effect;
    enum op_reach reach;
    const char *args;   /* "model:text threshold:number file:file!" */
    const char *fields; /* what the answer holds, for help */
    const char *help;   /* one line */
};
const struct op_row *station_ops(size_t *n);
const struct op_row *station_op_find(const char *name);
/* Parses one argument of row->args at *cursor (advances it); false at the end. */
bool op_arg_next(const char **cursor, struct op_arg *out);

#endif
