/* The near end: a call in this process, or a line to the server. */
#include "wire.h"

#include "base/file.h"
#include "base/text.h"
#include "wire/line.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CANCEL_POLL_MS = 30 };

struct wire {
    struct station_options options;
    pthread_mutex_t lock;                                     /* line, station while it is being opened */
    struct station *station;                                  /* NULL until an operation needs it here */
    char socket[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "" : in-process */
    struct line_io line;
    bool connected;
    int64_t last_id;
};

static enum rc dial(struct wire *w, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (w->connected)
        return RC_OK;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, ERR_OFFLINE, errno, "no socket");
    str_copy(address.sun_path, sizeof(address.sun_path), w->socket);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        enum rc rc = err_sys(e, ERR_OFFLINE, errno, "cannot reach %s", w->socket);
        close(fd);
        return rc;
    }
    line_open(&w->line, fd, fd, true);
    w->connected = true;
    return RC_OK;
}

static void hang_up(struct wire *w)
{
    if (!w->connected)
        return;
    close(w->line.in);
    line_close(&w->line);
    w->connected = false;
}

enum rc wire_open(const struct wire_options *o, struct wire **out, struct err *e)
{
    const char *socket = o->socket ? o->socket : secure_getenv("CLINIC_SOCKET");
    *out = NULL;
    struct wire *w = mem_zalloc(1, sizeof(*w), e);
    if (!w)
        return RC_FAILED;
    w->options = o->station;
    pthread_mutex_init(&w->lock, NULL);
    enum rc rc = RC_OK;
    if (socket && !str_copy(w->socket, sizeof(w->socket), socket))
        rc = err_set(e, ERR_VALUE, "the path of the socket is longer than %zu bytes", sizeof(w->socket) - 1);
    if (!rc)
        rc = w->socket[0] ? dial(w, e) : station_open(&w->options, &w->station, e);
    if (rc)
        wire_close(w);
    else
        *out = w;
    return rc;
}

void wire_close(struct wire *w)
{
    if (!w)
        return;
    hang_up(w);
    station_close(w->station);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

bool wire_is_local(const struct wire *w)
{
    return w->socket[0] == '\0';
}

/* The same request as a line. */
static json_t *request_json(struct wire *w, const struct station_request *q)
{
    json_t *o =
        json_pack("{s:I, s:s, s:O?, s:s?, s:s?, s:s?, s:b, s:b}", "id", (json_int_t)++w->last_id, "op", q->op, "args",
                  q->args, "token", q->token, "tty", q->tty, "host", q->host, "fd", q->fd >= 0, "job", q->job != NULL);
    return o;
}

/* Waits for the answer; passes stages on and a cancel over. */
static enum rc await(struct wire *w, const struct station_request *q, json_t **out, struct err *e)
{
    bool told = false;
    for (;;) {
        json_t *o = NULL;
        enum rc rc = line_read(&w->line, q->job ? CANCEL_POLL_MS : -1, &o, e);
        if (rc)
            return rc;
        if (!o && w->line.ended)
            return err_set(e, ERR_OFFLINE, "the station ended the line");
        const char *stage = json_string_value(json_object_get(o, "stage"));
        if (o && !stage) {
            *out = o;
            return RC_OK;
        }
        if (stage && q->job && q->job->stage)
            q->job->stage(q->job->ctx, stage, json_integer_value(json_object_get(o, "done")),
                          json_integer_value(json_object_get(o, "total")));
        json_decref(o);
        if (q->job && q->job->cancel && !told) {
            json_t *cancel = json_pack("{s:b}", "cancel", 1);
            rc = line_write(&w->line, cancel, -1, e);
            json_decref(cancel);
            told = true;
            if (rc)
                return rc;
        }
    }
}

static enum rc remote_call(struct wire *w, const struct station_request *q, struct station_answer *a, struct err *e)
{
    json_t *answer = NULL;
    enum rc rc = dial(w, e);
    if (rc)
        return rc;
    struct err why = {0};
    json_t *request = request_json(w, q);
    rc = line_write(&w->line, request, q->fd, &why);
    json_decref(request);
    /* A server that hung up may have said why before. */
    if (rc && line_read(&w->line, 0, &answer, NULL) == RC_OK && answer)
        rc = RC_OK;
    else if (rc)
        err_set(e, why.code, "%s", why.msg);
    else
        rc = await(w, q, &answer, e);
    if (rc) {
        /* Half an answer may still come: the line is of no use any more; the next call opens a new one. */
        hang_up(w);
        return rc;
    }
    if (!json_is_true(json_object_get(answer, "ok"))) {
        line_err(json_object_get(answer, "error"), e);
        rc = e ? e->rc : RC_FAILED;
    } else {
        a->result = json_incref(json_object_get(answer, "result"));
        if (json_is_true(json_object_get(answer, "fd")))
            a->fd = line_take_fd(&w->line);
    }
    json_decref(answer);
    return rc;
}

enum rc wire_call(struct wire *w, const struct station_request *q, struct station_answer *a, struct err *e)
{
    const struct op_row *row = q->op ? station_op_find(q->op) : NULL;
    /* What touches the caller's own files is done here, whoever keeps the records. */
    bool here = !w->socket[0] || (row && row->reach == REACH_LOCAL);
    *a = (struct station_answer){.fd = -1};
    pthread_mutex_lock(&w->lock);
    enum rc rc = RC_OK;
    if (!here)
        rc = remote_call(w, q, a, e);
    else if (!w->station)
        rc = station_open(&w->options, &w->station, e);
    pthread_mutex_unlock(&w->lock);
    return here && !rc ? station_call(w->station, q, a, e) : rc;
}
