/* The far end: one thread per session, all over one station. Who may connect is decided twice: by the mode of the
 * socket, and by the credentials the kernel vouches for: the same user, root, or a member of the socket's group. */
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/line.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { POLL_MS = 200, JOB_POLL_MS = 50, GROUPS_MAX = 256 };

struct session {
    pthread_t thread;
    struct server *server;
    struct line_io io;
    pthread_mutex_t write; /* stages and the answer come from two threads */
    volatile bool cancel;  /* of the running request */
    bool used, done;       /* done: the thread may be joined; under server->lock */
    char host[32];         /* "uid 1000" */
};
struct server {
    struct station *station;
    const volatile bool *stop;
    pthread_mutex_t lock;
    struct session *session;
    int session_n;
};

static enum rc send_line(struct session *s, json_t *owned, int fd)
{
    pthread_mutex_lock(&s->write);
    enum rc rc = line_write(&s->io, owned, fd, NULL);
    pthread_mutex_unlock(&s->write);
    json_decref(owned);
    return rc;
}

static void tell_stage(void *ctx, const char *stage, int64_t done, int64_t total)
{
    struct session *s = ctx;
    /* A client that went away is found out by the answer. */
    (void)!send_line(
        s, json_pack("{s:s, s:I, s:I}", "stage", stage, "done", (json_int_t)done, "total", (json_int_t)total), -1);
}

struct work {
    struct session *s;
    json_t *line;
    int fd;
    struct station_job job;
    bool wants_job;
    atomic_bool finished;
};

static void perform(struct work *w)
{
    struct station_answer a = {.fd = -1};
    struct err why = {0};
    json_t *id = json_object_get(w->line, "id"), *args = json_object_get(w->line, "args"), *answer = NULL;
    const char *op = json_string_value(json_object_get(w->line, "op"));
    const struct op_row *row = op ? station_op_find(op) : NULL;
    const char *host = json_string_value(json_object_get(w->line, "host"));
    char from[200];
    str_format(from, sizeof(from), "%.120s%s%s", host ? host : "", host ? ", " : "", w->s->host);
    const struct station_request q = {
        .op = op,
        .args = json_is_object(args) ? args : NULL,
        .token = json_string_value(json_object_get(w->line, "token")),
        .fd = w->fd,
        .job = w->wants_job ? &w->job : NULL,
        .tty = json_string_value(json_object_get(w->line, "tty")),
        .host = from,
    };
    enum rc rc;
    if (row && row->reach == REACH_LOCAL)
        rc = err_set(&why, ERR_POLICY, "%s works on the caller's own machine; the station does not do it over the line",
                     op);
    else
        rc = station_call(w->s->server->station, &q, &a, &why);
    answer = rc ? line_error(id, &why) : line_answer(id, a.result);
    if (answer && !rc && a.fd >= 0)
        json_object_set_new(answer, "fd", json_true());
    if (send_line(w->s, answer, rc ? -1 : a.fd))
        shutdown(w->s->io.in, SHUT_RDWR);
    station_answer_fini(&a);
}

static void *work_main(void *arg)
{
    struct work *w = arg;
    perform(w);
    w->finished = true;
    return NULL;
}

/* A request that wants to be stopped runs beside the session's thread, which listens for the word meanwhile. */
static void perform_listening(struct work *w)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work_main, w)) {
        perform(w);
        return;
    }
    while (!w->finished) {
        json_t *line = NULL;
        if (w->s->io.ended || *w->s->server->stop) {
            w->job.cancel = true;
            break;
        }
        struct err why = {0};
        enum rc rc = line_read(&w->s->io, JOB_POLL_MS, &line, &why);
        if (json_is_true(json_object_get(line, "cancel"))) {
            w->job.cancel = true;
        } else if (line || (rc && why.code == ERR_JSON)) {
            if (line)
                (void)!err_set(&why, ERR_STORE_BUSY, "one request at a time on a line");
            (void)!send_line(w->s, line_error(json_object_get(line, "id"), &why), -1);
        }
        json_decref(line);
    }
    pthread_join(thread, NULL);
}

static void handle(struct session *s, json_t *line)
{
    struct work w = {.s = s, .line = line, .fd = -1, .job = {.stage = tell_stage, .ctx = s}};
    if (json_is_true(json_object_get(line, "cancel")))
        return; /* came too late */
    w.wants_job = json_is_true(json_object_get(line, "job"));
    if (json_is_true(json_object_get(line, "fd")))
        w.fd = line_take_fd(&s->io);
    if (w.wants_job)
        perform_listening(&w);
    else
        perform(&w);
    if (w.fd >= 0)
        close(w.fd);
}

static void *session_main(void *arg)
{
    struct session *s = arg;
    for (;;) {
        struct err why = {0};
        json_t *line = NULL;
        enum rc rc = line_read(&s->io, -1, &line, &why);
        if (rc && why.code == ERR_JSON) {
            if (send_line(s, line_error(NULL, &why), -1))
                break;
            continue;
        }
        if (rc || !line)
            break;
        handle(s, line);
        json_decref(line);
    }
    shutdown(s->io.in, SHUT_RDWR);
    pthread_mutex_lock(&s->server->lock);
    s->done = true;
    pthread_mutex_unlock(&s->server->lock);
    return NULL;
}

/* Ends and frees the sessions that are done, or all of them. */
static void reap(struct server *v, bool all)
{
    for (int i = 0; i < v->session_n; i++) {
        struct session *s = &v->session[i];
        pthread_mutex_lock(&v->lock);
        bool done = s->used && (s->done || all);
        pthread_mutex_unlock(&v->lock);
        if (!done)
            continue;
        shutdown(s->io.in, SHUT_RDWR);
        pthread_join(s->thread, NULL);
        close(s->io.in);
        line_close(&s->io);
        pthread_mutex_destroy(&s->write);
        *s = (struct session){0};
    }
}

static bool in_group(uid_t uid, gid_t gid, gid_t wanted)
{
    gid_t groups[GROUPS_MAX];
    int n = GROUPS_MAX;
    struct passwd entry, *found = NULL;
    char names[1024];
    if (gid == wanted)
        return true;
    if (getpwuid_r(uid, &entry, names, sizeof(names), &found) || !found ||
        getgrouplist(entry.pw_name, gid, groups, &n) < 0)
        return false;
    for (int i = 0; i < n; i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

static bool peer_may(int fd, char who[32])
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) || n != sizeof(peer))
        return false;
    str_format(who, 32, "uid %u", (unsigned)peer.uid);
    return peer.uid == geteuid() || peer.uid == 0 || in_group(peer.uid, peer.gid, getegid());
}

static void refuse(int fd, enum err_code code, const char *words)
{
    struct line_io io;
    struct err why = {0};
    err_set(&why, code, "%s", words);
    line_open(&io, fd, fd, true);
    json_t *o = line_error(NULL, &why);
    (void)!line_write(&io, o, -1, NULL);
    json_decref(o);
    line_close(&io);
    close(fd);
}

static void welcome(struct server *v, int fd)
{
    char who[32] = "";
    struct session *s = NULL;
    if (!peer_may(fd, who)) {
        log_line(LOG_LEVEL_WARN, "wire", "refused a connection of %s", who[0] ? who : "nobody known");
        refuse(fd, ERR_POLICY, "this user may not use the station's socket");
        return;
    }
    reap(v, false);
    for (int i = 0; i < v->session_n && !s; i++)
        if (!v->session[i].used)
            s = &v->session[i];
    if (!s) {
        refuse(fd, ERR_STORE_BUSY, "too many sessions at once");
        return;
    }
    *s = (struct session){.server = v, .used = true};
    str_copy(s->host, sizeof(s->host), who);
    pthread_mutex_init(&s->write, NULL);
    line_open(&s->io, fd, fd, true);
    if (pthread_create(&s->thread, NULL, session_main, s)) {
        pthread_mutex_destroy(&s->write);
        *s = (struct session){0};
        refuse(fd, ERR_MEMORY, "no thread for a session");
    }
}

/* Binds; a socket file nobody listens on any more is replaced. The lock file decides between two that start at once. */
static enum rc listen_on(const char *path, int *out, int *lock, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char lock_path[sizeof(address.sun_path) + 8];
    struct stat st;
    *out = *lock = -1;
    if (!str_copy(address.sun_path, sizeof(address.sun_path), path))
        return err_set(e, ERR_VALUE, "the path of the socket is longer than %zu bytes", sizeof(address.sun_path) - 1);
    str_format(lock_path, sizeof(lock_path), "%s.lock", path);
    *lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*lock < 0)
        return err_sys(e, ERR_DISK, errno, "cannot make %s", lock_path);
    if (flock(*lock, LOCK_EX | LOCK_NB))
        return err_set(e, ERR_STORE_BUSY, "another program serves %s already", path);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return err_set(e, ERR_VALUE, "%s exists and is not a socket", path);
    unlink(path);
    *out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*out < 0)
        return err_sys(e, ERR_OFFLINE, errno, "no socket");
    /* Closed to everybody between bind and chmod; fchmod on the descriptor before bind sets the mode of the file. */
    if (fchmod(*out, 0660) || bind(*out, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0660) ||
        listen(*out, 64))
        return err_sys(e, ERR_OFFLINE, errno, "cannot listen on %s", path);
    return RC_OK;
}

static void accept_until(struct server *v, int listener)
{
    while (!*v->stop) {
        struct pollfd p = {.fd = listener, .events = POLLIN};
        if (poll(&p, 1, POLL_MS) <= 0)
            continue;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            welcome(v, fd);
    }
}

static enum rc default_socket(char *dst, size_t cap, struct err *e)
{
    char home[4096];
    enum rc rc = home_dir(home, sizeof(home), e);
    return rc ? rc : path_join(dst, cap, home, "clinic.sock", e);
}

enum rc wire_serve(const struct serve_options *o, const volatile bool *stop, struct err *e)
{
    struct server v = {.stop = stop, .session_n = o->max_sessions};
    char path[4096];
    int listener = -1, lock = -1;
    pthread_mutex_init(&v.lock, NULL);
    enum rc rc = RC_OK;
    if (o->socket)
        rc = str_copy(path, sizeof(path), o->socket) ? RC_OK
                                                     : err_set(e, ERR_VALUE, "the path of the socket is too long");
    else
        rc = default_socket(path, sizeof(path), e);
    if (!rc) {
        v.session = mem_zalloc((size_t)v.session_n, sizeof(*v.session), e);
        rc = v.session ? RC_OK : RC_FAILED;
    }
    if (!rc)
        rc = listen_on(path, &listener, &lock, e);
    if (!rc)
        rc = station_open(&o->station, &v.station, e);
    if (!rc) {
        log_line(LOG_LEVEL_INFO, "wire", "serving, at most %d sessions", v.session_n);
        accept_until(&v, listener);
        reap(&v, true);
        unlink(path);
        log_line(LOG_LEVEL_INFO, "wire", "stopped");
    }
    station_close(v.station);
    if (listener >= 0)
        close(listener);
    if (lock >= 0)
        close(lock);
    mem_free(v.session);
    pthread_mutex_destroy(&v.lock);
    return rc;
}
