#include "intake/cage/cage.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* False when the station hung up or sent what it never sends. */
static bool receive(struct cage_request *q)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = q, .iov_len = sizeof *q};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;
    do {
        n = recvmsg(CAGE_FD_TALK, &m, 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof *q || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        return false;
    }
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    size_t fds_n = q->extra_bytes > 0 ? 3 : 2;
    /* The filter knows descriptors by number, so they must have landed where it expects them. */
    int want[] = {CAGE_FD_IN, CAGE_FD_OUT, CAGE_FD_EXTRA};
    return c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
           c->cmsg_len == CMSG_LEN(fds_n * sizeof(int)) && memcmp(CMSG_DATA(c), want, fds_n * sizeof(int)) == 0 &&
           q->magic == CAGE_REQUEST_MAGIC && q->version == CAGE_VERSION;
}

static bool say(const void *record, size_t n)
{
    ssize_t sent;
    do {
        sent = send(CAGE_FD_TALK, record, n, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n;
}

static void answer_error(struct cage_answer *a, const struct err *e)
{
    *a = (struct cage_answer){.magic = CAGE_ANSWER_MAGIC, .version = CAGE_VERSION, .code = (int32_t)e->code};
    str_copy(a->msg, sizeof a->msg, e->msg);
    a->msg_n = (uint32_t)strlen(a->msg);
}

_Noreturn void cage_serve(const struct cage_hello *hello, cage_parse *parse)
{
    struct cage_request q;
    bool going = say(hello, sizeof *hello);
    while (going && receive(&q)) {
        struct cage_answer a = {.magic = CAGE_ANSWER_MAGIC, .version = CAGE_VERSION};
        struct err e = {.rc = RC_OK};
        bool good = parse(&q, &a, &e) == RC_OK;
        if (!good) {
            answer_error(&a, &e);
        }
        for (int fd = CAGE_FD_IN; fd < (q.extra_bytes > 0 ? CAGE_FD_END : CAGE_FD_EXTRA); fd++) {
            (void)close(fd);
        }
        going = say(&a, sizeof a) && good;
    }
    _exit(0);
}
