#include "intake/child.h"

#include "base/file.h"
#include "base/text.h"
#include "intake/cage/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CANCEL_POLL_MS = 20 };

/* Codes by kind, so that the same event has the right number for pictures and for networks. */
static const struct kind_errors {
    const char *what;
    enum err_code time, limit;
    enum err_code may[10];
} kind_errors[] = {
    [CAGE_IMAGE] = {"picture", ERR_IMAGE_TIME, ERR_IMAGE_LIMIT, {ERR_FILE_TYPE, ERR_FILE_CORRUPT, ERR_IMAGE_LIMIT}},
    [CAGE_NETWORK] = {"network",
                      ERR_MODEL_TIME,
                      ERR_MODEL_LIMIT,
                      {ERR_MODEL_NOT_HDF5, ERR_MODEL_TRUNCATED, ERR_MODEL_UNSUPPORTED, ERR_MODEL_WEIGHTS,
                       ERR_MODEL_SHAPE, ERR_MODEL_LIMIT, ERR_MODEL_CONFIG, ERR_MODEL_HOSTILE}},
};

int child_memfd(const char *name, struct err *e)
{
#ifdef MFD_NOEXEC_SEAL
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd >= 0 || errno != EINVAL) { /* EINVAL: a kernel before 6.3 */
        if (fd < 0) {
            (void)err_sys(e, ERR_MEMORY, errno, "memory file");
        }
        return fd;
    }
#endif
    int plain = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (plain < 0) {
        (void)err_sys(e, ERR_MEMORY, errno, "memory file");
    }
    return plain;
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* posix_spawn shares the address space until exec, so a large parent pays nothing for its page tables. */
static int spawn(const char *binary, int talk, pid_t *pid)
{
    posix_spawn_file_actions_t fds;
    posix_spawnattr_t attr;
    int bad = posix_spawn_file_actions_init(&fds);
    if (bad) {
        return bad;
    }
    bad = posix_spawnattr_init(&attr);
    if (bad) {
        posix_spawn_file_actions_destroy(&fds);
        return bad;
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    /* A session of its own: the terminal's Ctrl-C is the station's business. */
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID;
    int steps[] = {
        posix_spawnattr_setsigmask(&attr, &none),
        posix_spawnattr_setsigdefault(&attr, &all),
        posix_spawnattr_setflags(&attr, flags),
        posix_spawn_file_actions_adddup2(&fds, talk, CAGE_FD_TALK), /* first: talk may be one of 0..2 */
        posix_spawn_file_actions_addopen(&fds, 0, "/dev/null", O_RDWR, 0),
        posix_spawn_file_actions_adddup2(&fds, 0, 1),
        CAGE_SANITIZED ? 0 /* its reports must be seen */ : posix_spawn_file_actions_adddup2(&fds, 0, 2),
        posix_spawn_file_actions_addclosefrom_np(&fds, CAGE_FD_IN),
    };
    for (size_t i = 0; i < ARRAY_N(steps) && !bad; i++) {
        bad = steps[i];
    }
    if (!bad) {
        char *argv[] = {(char *)(uintptr_t)binary, NULL}; /* exec does not write to it; its type is older than const */
        char *env[] = {NULL};
        bad = posix_spawn(pid, binary, &fds, &attr, argv, env);
    }
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&fds);
    return bad;
}

enum rc child_start(struct child *c, const char *binary, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return err_sys(e, ERR_CAGE, errno, "The reading process could not be started");
    }
    pid_t pid = 0;
    int bad = spawn(binary, pair[1], &pid);
    close(pair[1]);
    if (bad) {
        close(pair[0]);
        return err_sys(e, ERR_CAGE, bad, "The reading process '%s' could not be started", path_base(binary));
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    *c = (struct child){.pid = pid, .talk = pair[0], .pidfd = pidfd};
    if (pidfd < 0) {
        int saved = errno;
        child_end(c);
        return err_sys(e, ERR_CAGE, saved, "The reading process cannot be watched");
    }
    return RC_OK;
}

/* --- ending ------------------------------------------------------------------------------------------------------ */

/* Waits at most wait_ms for a child that is expected to go by itself, then kills. The wait status, or -1. */
static int bury(struct child *c, int wait_ms)
{
    if (c->pid == 0) {
        return -1;
    }
    int status = -1;
    if (c->pidfd >= 0) {
        struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
        if (wait_ms <= 0 || poll(&p, 1, wait_ms) != 1) {
            (void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
        }
        close(c->pidfd);
    } else {
        (void)kill(c->pid, SIGKILL);
    }
    while (waitpid(c->pid, &status, 0) < 0) {
        if (errno != EINTR) { /* ECHILD: somebody ignores SIGCHLD and the kernel has buried it */
            status = -1;
            break;
        }
    }
    close(c->talk);
    *c = (struct child){.pid = 0};
    return status;
}

void child_end(struct child *c)
{
    (void)bury(c, 0);
}

static bool cpu_used(const struct child *c, double *seconds)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(c->pid, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        return false;
    }
    *seconds = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    return true;
}

bool child_usable(const struct child *c)
{
    if (c->pid == 0) {
        return false;
    }
    struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
    double used_s;
    return poll(&p, 1, 0) == 0 && cpu_used(c, &used_s) && used_s < CAGE_CPU_WARM_S;
}

/* The child is gone or must go: says why in the words of its kind. Always fails. */
static enum rc gone(struct child *c, enum cage_kind kind, struct err *e)
{
    const struct kind_errors *k = &kind_errors[kind];
    int status = bury(c, 1000);
    if (status < 0) {
        return err_set(e, ERR_CAGE, "The reading process ended without an answer");
    }
    if (WIFEXITED(status)) {
        return err_set(e, ERR_CAGE, "The reading process ended without an answer (exit code %d)", WEXITSTATUS(status));
    }
    int sig = WTERMSIG(status);
    switch (sig) {
    case SIGXCPU:
        return err_set(e, k->time, "The %s takes more than %d s of computing to read", k->what,
                       kind == CAGE_NETWORK ? CAGE_NETWORK_CPU_S : CAGE_CPU_S);
    case SIGXFSZ:
        return err_set(e, k->limit, "The %s grows beyond the limits while being read", k->what);
    case SIGSYS:
        return err_set(e, ERR_CAGE, "The reading process was stopped: it tried a forbidden system call on this %s",
                       k->what);
    default:
        return err_set(e, ERR_CAGE, "The reading process crashed on this %s (signal %d)", k->what, sig);
    }
}

/* --- talking ------------------------------------------------------------------------------------------------------ */

enum heard { HEARD_RECORD, HEARD_NONSENSE, HEARD_END, HEARD_LATE, HEARD_CANCEL };

/* One message of exactly n bytes. */
static enum heard hear(const struct child *c, void *record, size_t n, int64_t until_ns, const volatile bool *cancel)
{
    for (;;) {
        if (cancel && *cancel) {
            return HEARD_CANCEL;
        }
        int64_t left_ms = (until_ns - clock_mono_ns() + 999999) / 1000000;
        if (left_ms <= 0) {
            return HEARD_LATE;
        }
        struct pollfd p = {.fd = c->talk, .events = POLLIN};
        int ready = poll(&p, 1, cancel && left_ms > CANCEL_POLL_MS ? CANCEL_POLL_MS : (int)left_ms);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            continue;
        }
        /* MSG_TRUNC: the true length of an overlong message. Descriptors a child might send are dropped by the kernel,
         * as there is no room for them. */
        ssize_t got = ready < 0 ? -1 : recv(c->talk, record, n, MSG_TRUNC | MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        return got == (ssize_t)n ? HEARD_RECORD : got > 0 ? HEARD_NONSENSE : HEARD_END;
    }
}

static enum rc nonsense(struct child *c, struct err *e)
{
    child_end(c);
    return err_set(e, ERR_CAGE, "The reading process gave a malformed answer");
}

enum rc child_greet(struct child *c, enum cage_kind kind, int deadline_ms, struct err *e)
{
    if (c->greeted) {
        return RC_OK;
    }
    int64_t until_ns = clock_mono_ns() + (int64_t)deadline_ms * 1000000;
    struct cage_hello h;
    switch (hear(c, &h, sizeof h, until_ns, NULL)) {
    case HEARD_RECORD:
        break;
    case HEARD_NONSENSE:
        return nonsense(c, e);
    case HEARD_END:
        return gone(c, kind, e);
    default:
        child_end(c);
        return err_set(e, ERR_CAGE, "The reading process did not get ready in %d s", deadline_ms / 1000);
    }
    if (h.magic != CAGE_HELLO_MAGIC || h.version != CAGE_VERSION || h.kind != (uint32_t)kind || h.seccomp != 1) {
        child_end(c);
        return err_set(e, ERR_CAGE, "The reading process is not the one of this version: install the program again");
    }
    c->hello = h;
    c->greeted = true;
    return RC_OK;
}

static bool send_task(const struct child *c, const struct child_task *t)
{
    struct cage_request q = {.magic = CAGE_REQUEST_MAGIC,
                             .version = CAGE_VERSION,
                             .in_bytes = t->in_bytes,
                             .extra_bytes = t->extra_bytes,
                             .out_max_bytes = t->out_max_bytes};
    int fds[3] = {t->in_fd, t->out_fd, t->extra_fd};
    size_t fds_n = t->extra_bytes > 0 ? 3 : 2;
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof fds)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = &q, .iov_len = sizeof q};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(fds_n * sizeof(int))};
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
    memcpy(CMSG_DATA(head), fds, fds_n * sizeof(int));
    ssize_t n;
    do {
        n = sendmsg(c->talk, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof q;
}

enum rc child_ask(struct child *c, const struct child_task *t, struct cage_answer *a, struct err *e)
{
    const struct kind_errors *k = &kind_errors[t->kind];
    int64_t until_ns = clock_mono_ns() + (int64_t)t->deadline_ms * 1000000;
    /* The request goes out before the greeting is read: a starting child finds it waiting. */
    bool sent = send_task(c, t);
    enum rc rc = child_greet(c, t->kind, t->deadline_ms, e); /* first: it may say why nothing could be sent */
    if (rc != RC_OK) {
        return rc;
    }
    if (!sent) {
        child_end(c);
        return err_set(e, ERR_CAGE, "The reading process could not be asked");
    }
    switch (hear(c, a, sizeof *a, until_ns, t->cancel)) {
    case HEARD_RECORD:
        break;
    case HEARD_NONSENSE:
        return nonsense(c, e);
    case HEARD_END:
        return gone(c, t->kind, e);
    case HEARD_CANCEL:
        child_end(c);
        return err_set(e, ERR_CANCELLED, "Stopped while the %s was being read", k->what);
    case HEARD_LATE:
        child_end(c);
        return err_set(e, k->time, "The %s takes more than %g s to read", k->what, t->deadline_ms / 1000.0);
    }
    if (a->magic != CAGE_ANSWER_MAGIC || a->version != CAGE_VERSION || a->msg_n >= sizeof a->msg || a->code < 0) {
        return nonsense(c, e);
    }
    a->msg[a->msg_n] = '\0';
    return RC_OK;
}

enum rc child_report(enum cage_kind kind, const struct cage_answer *a, struct err *e)
{
    const struct kind_errors *k = &kind_errors[kind];
    if (a->code == ERR_MEMORY) {
        return err_set(e, k->limit, "The %s needs more than %d MB of memory to read", k->what, CAGE_ADDRESS_SPACE_MB);
    }
    for (size_t i = 0; i < ARRAY_N(k->may); i++) {
        if (k->may[i] != ERR_NONE && (int32_t)k->may[i] == a->code) {
            return a->msg[0] ? err_set(e, k->may[i], "%s", a->msg) : err_set(e, k->may[i], "%s", err_title(k->may[i]));
        }
    }
    return err_set(e, ERR_CAGE, "The reading process failed on this %s (code %d)", k->what, (int)a->code);
}
