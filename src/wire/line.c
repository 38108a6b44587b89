#include "wire/line.h"

#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

void line_open(struct line_io *io, int in, int out, bool socket)
{
    *io = (struct line_io){.in = in, .out = out, .socket = socket};
}

void line_close(struct line_io *io)
{
    for (size_t i = 0; i < io->fd_n; i++)
        close(io->fd[i]);
    io->fd_n = 0;
    if (io->data.data)
        secret_wipe(io->data.data, io->data.cap);
    buf_free(&io->data);
}

int line_take_fd(struct line_io *io)
{
    if (io->fd_n == 0)
        return -1;
    int fd = io->fd[0];
    io->fd_n--;
    memmove(io->fd, io->fd + 1, io->fd_n * sizeof(io->fd[0]));
    return fd;
}

static void keep_fds(struct line_io *io, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (io->fd_n < LINE_FDS_MAX)
                io->fd[io->fd_n++] = fd;
            else
                close(fd);
        }
    }
}

/* Reads once. */
static enum rc fill(struct line_io *io, struct err *e)
{
    char chunk[CHUNK];
    ssize_t n;
    do {
        if (io->socket) {
            union {
                char bytes[CMSG_SPACE(LINE_FDS_MAX * sizeof(int))];
                struct cmsghdr align;
            } control;
            struct iovec v = {chunk, sizeof(chunk)};
            struct msghdr m = {
                .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
            n = recvmsg(io->in, &m, MSG_CMSG_CLOEXEC);
            if (n >= 0)
                keep_fds(io, &m);
        } else {
            n = read(io->in, chunk, sizeof(chunk));
        }
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == ECONNRESET || errno == EPIPE))
        n = 0;
    if (n < 0)
        return err_sys(e, ERR_OFFLINE, errno, "the line broke");
    if (n == 0)
        io->ended = true;
    buf_add(&io->data, chunk, (size_t)n);
    secret_wipe(chunk, (size_t)n);
    return buf_check(&io->data, e);
}

/* Takes n bytes and the line end away; what they held may have been a password. */
static void drop(struct line_io *io, size_t n)
{
    size_t rest = io->data.len - n;
    memmove(io->data.data, io->data.data + n, rest);
    secret_wipe(io->data.data + rest, n);
    io->data.len = rest;
    io->scanned = 0;
}

static enum rc take_line(struct line_io *io, size_t n, json_t **out, struct err *e)
{
    json_error_t why;
    size_t text_n = n > 0 && io->data.data[n - 1] == '\n' ? n - 1 : n;
    *out = json_loadb(io->data.data, text_n, JSON_REJECT_DUPLICATES, &why);
    drop(io, n);
    if (*out && json_is_object(*out))
        return RC_OK;
    bool parsed = *out != NULL;
    json_decref(*out);
    *out = NULL;
    return parsed ? err_set(e, ERR_JSON, "a request is an object") : err_set(e, ERR_JSON, "%.160s", why.text);
}

static bool blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r\n", s[i]))
            return false;
    return true;
}

/* Skips to the next line end; the memory of the long line is given back. */
static enum rc skip_long(struct line_io *io, struct err *e)
{
    for (;;) {
        const char *end = memchr(io->data.data, '\n', io->data.len);
        if (end) {
            drop(io, (size_t)(end - io->data.data) + 1);
            break;
        }
        secret_wipe(io->data.data, io->data.len);
        io->data.len = 0;
        io->scanned = 0;
        if (io->ended)
            break;
        enum rc rc = fill(io, e);
        if (rc)
            return rc;
    }
    return err_set(e, ERR_JSON, "a request is longer than %d bytes", LINE_MAX_BYTES);
}

enum rc line_read(struct line_io *io, int timeout_ms, json_t **out, struct err *e)
{
    *out = NULL;
    for (;;) {
        const char *start = io->data.data;
        const char *end = start ? memchr(start + io->scanned, '\n', io->data.len - io->scanned) : NULL;
        size_t n = end ? (size_t)(end - start) + 1 : io->data.len;
        io->scanned = end ? 0 : io->data.len;
        if ((end || io->ended) && n > 0) {
            if (!blank(start, n))
                return take_line(io, n, out, e);
            drop(io, n);
            continue;
        }
        if (io->ended)
            return RC_OK;
        if (io->data.len > LINE_MAX_BYTES)
            return skip_long(io, e);
        if (timeout_ms >= 0) {
            struct pollfd p = {.fd = io->in, .events = POLLIN};
            if (poll(&p, 1, timeout_ms) <= 0)
                return RC_OK;
        }
        enum rc rc = fill(io, e);
        if (rc)
            return rc;
    }
}

static enum rc send_all(struct line_io *io, const char *text, size_t n, int fd, struct err *e)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    for (size_t at = 0; at < n;) {
        struct iovec v = {(void *)(uintptr_t)(text + at), n - at};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
        if (fd >= 0 && at == 0) {
            m.msg_control = control.bytes;
            m.msg_controllen = sizeof(control.bytes);
            struct cmsghdr *c = CMSG_FIRSTHDR(&m);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(c), &fd, sizeof(int));
        }
        ssize_t sent = sendmsg(io->out, &m, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return err_sys(e, ERR_OFFLINE, errno, "the line broke");
        at += (size_t)sent;
    }
    return RC_OK;
}

static int add_text(const char *text, size_t n, void *ctx)
{
    struct buf *b = ctx;
    buf_add(b, text, n);
    return b->failed ? -1 : 0;
}

enum rc line_write(struct line_io *io, const json_t *o, int fd, struct err *e)
{
    struct buf text = {0};
    /* 15 digits: 98.51 reads 98.51, and a float32 survives. The line end goes with it: a line is one write. */
    bool ok = o && !json_dump_callback(o, add_text, &text, JSON_COMPACT | JSON_REAL_PRECISION(15));
    buf_putc(&text, '\n');
    enum rc rc = ok ? buf_check(&text, e) : err_set(e, ERR_MEMORY, NULL);
    if (!rc)
        rc = io->socket ? send_all(io, text.data, text.len, fd, e) : fd_write_all(io->out, text.data, text.len, e);
    if (text.data)
        secret_wipe(text.data, text.len);
    buf_free(&text);
    return rc;
}

json_t *line_answer(json_t *id, json_t *result)
{
    return json_pack("{s:O?, s:b, s:O}", "id", id, "ok", 1, "result", result);
}

json_t *line_error(json_t *id, const struct err *why)
{
    return json_pack("{s:O?, s:b, s:o}", "id", id, "ok", 0, "error", wire_error_json(why));
}

void line_err(const json_t *error, struct err *e)
{
    int64_t number = 0;
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    if (!code || code[0] != 'E' || !str_to_i64(code + 1, 0, 9999, &number))
        number = ERR_INTERNAL;
    err_set(e, err_code_from_number((int)number), "%s", message ? message : "");
}

json_t *wire_error_json(const struct err *e)
{
    char code[8];
    str_format(code, sizeof(code), "E%d", (int)e->code);
    return json_pack("{s:s, s:s, s:s, s:s}", "error", err_title(e->code), "detail", err_advice(e->code), "code", code,
                     "message", e->msg);
}
