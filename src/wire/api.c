/* JSON lines on a pair of descriptors: `clinic api`, also as the forced command of an SSH key. Files: an argument of
 * kind "file" is a path, or "base64:..." with the bytes themselves; over SSH only the latter, and operations on this
 * machine's own files are refused, because the far end's files are not here. Files in answers come as "file_base64". */
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "wire/line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 256 << 20 };

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648, blanks and line ends between the digits allowed. */
static enum rc base64_read(const char *text, struct buf *out, struct err *e)
{
    unsigned bits = 0, n = 0;
    const char *s = text;
    for (; *s && *s != '='; s++) {
        int v = base64_digit(*s);
        if (v < 0 && strchr(" \r\n", *s))
            continue;
        if (v < 0)
            return err_set(e, ERR_VALUE, "the file is not valid base64 at byte %zu", (size_t)(s - text));
        bits = bits << 6 | (unsigned)v;
        if (++n % 4 != 1)
            buf_putc(out, (char)(bits >> (6 - 2 * ((n - 1) % 4))));
    }
    if (s[strspn(s, "= \r\n")] || n % 4 == 1)
        return err_set(e, ERR_VALUE, "the file is not valid base64 at its end");
    return buf_check(out, e);
}

static enum rc open_base64(const char *text, int *fd, struct err *e)
{
    struct buf bytes = {0};
    enum rc rc = base64_read(text, &bytes, e);
    if (!rc) {
        *fd = memfd_create("api", MFD_CLOEXEC);
        rc = *fd < 0 ? err_sys(e, ERR_MEMORY, errno, "no memory for a file")
                     : fd_write_all(*fd, bytes.data, bytes.len, e);
    }
    if (!rc && lseek(*fd, 0, SEEK_SET) < 0)
        rc = err_sys(e, ERR_INTERNAL, errno, "a file in memory");
    buf_free(&bytes);
    return rc;
}

/* The descriptor behind the row's argument of kind file; its name where "name" is left out. */
static enum rc open_file(const struct op_row *row, json_t *args, bool far, int *fd, struct err *e)
{
    const char *cursor = row ? row->args : "";
    const char *text = NULL;
    for (struct op_arg arg; op_arg_next(&cursor, &arg);)
        if (arg.kind == ARG_FILE)
            text = json_string_value(json_object_get(args, arg.name));
    if (!text)
        return RC_OK;
    if (str_starts(text, "base64:")) {
        enum rc rc = open_base64(text + strlen("base64:"), fd, e);
        json_object_set_new(args, "file", json_string("(sent along)"));
        return rc;
    }
    if (far)
        return err_set(e, ERR_VALUE, "over SSH a file is sent along as \"base64:...\"");
    *fd = open(text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    if (*fd < 0)
        return err_sys(e, ERR_FILE_OPEN, errno, "cannot open the file");
    if (!json_object_get(args, "name"))
        json_object_set_new(args, "name", json_string(path_base(text)));
    return RC_OK;
}

static enum rc add_file(json_t *result, int fd, struct err *e)
{
    struct stat st;
    struct buf text = {0};
    if (fstat(fd, &st) || st.st_size > FILE_MAX_BYTES)
        return err_set(e, ERR_FILE_SIZE, "the file is too large for a line");
    char *data = mem_zalloc((size_t)st.st_size, 1, e);
    enum rc rc = data ? RC_OK : RC_FAILED;
    if (!rc && lseek(fd, 0, SEEK_SET) < 0)
        rc = err_sys(e, ERR_INTERNAL, errno, "a file in memory");
    if (!rc)
        rc = fd_read_all(fd, data, (size_t)st.st_size, e);
    if (!rc) {
        base64_add(&text, data, (size_t)st.st_size);
        rc = buf_check(&text, e);
    }
    if (!rc && json_object_set_new(result, "file_base64", json_string(text.data ? text.data : "")))
        rc = err_set(e, ERR_MEMORY, NULL);
    buf_free(&text);
    mem_free(data);
    return rc;
}

struct api {
    struct wire *wire;
    char token[128]; /* of the last sign-in on this line */
    bool far;        /* the far end of an SSH line */
};

static void remember(struct api *s, const char *op, const json_t *result)
{
    const char *token = json_string_value(json_object_get(result, "token"));
    if (str_eq(op, "session.sign_in") && token)
        str_copy(s->token, sizeof(s->token), token);
    else if (str_eq(op, "session.sign_out"))
        secret_wipe(s->token, sizeof(s->token));
}

static enum rc perform(struct api *s, json_t *line, json_t **result, struct err *e)
{
    const char *op = json_string_value(json_object_get(line, "op"));
    const char *token = json_string_value(json_object_get(line, "token"));
    json_t *given = json_object_get(line, "args");
    struct station_answer a = {.fd = -1};
    int fd = -1;
    *result = NULL;
    if (!op)
        return err_set(e, ERR_JSON, "a request names its operation in \"op\"");
    if (given && !json_is_object(given) && !json_is_null(given))
        return err_set(e, ERR_JSON, "\"args\" must be an object");
    const struct op_row *row = station_op_find(op);
    if (row && row->reach == REACH_LOCAL && s->far)
        return err_set(e, ERR_POLICY, "%s works on the files of its own machine; not over SSH", op);
    json_t *args = json_is_object(given) ? json_copy(given) : json_object();
    enum rc rc = args ? open_file(row, args, s->far, &fd, e) : err_set(e, ERR_MEMORY, NULL);
    if (!rc) {
        const struct station_request q = {.op = op,
                                          .args = args,
                                          .token = token         ? token
                                                   : s->token[0] ? s->token
                                                                 : NULL,
                                          .fd = fd,
                                          .host = s->far ? "ssh" : NULL};
        rc = wire_call(s->wire, &q, &a, e);
    }
    if (!rc && a.fd >= 0)
        rc = add_file(a.result, a.fd, e);
    if (!rc) {
        remember(s, op, a.result);
        *result = json_incref(a.result);
    }
    station_answer_fini(&a);
    json_decref(args);
    if (fd >= 0)
        close(fd);
    return rc;
}

enum rc wire_api(struct wire *w, int in_fd, int out_fd, struct err *e)
{
    const char *ssh = secure_getenv("SSH_CONNECTION");
    struct api s = {.wire = w, .far = ssh && *ssh};
    struct line_io io;
    enum rc rc = RC_OK;
    line_open(&io, in_fd, out_fd, false);
    while (!rc) {
        struct err why = {0};
        json_t *line = NULL, *result = NULL, *answer;
        enum rc done = line_read(&io, -1, &line, &why);
        if (!done && !line)
            break;
        if (done && why.code != ERR_JSON) {
            rc = err_set(e, why.code, "%s", why.msg);
            break;
        }
        if (!done)
            done = perform(&s, line, &result, &why);
        json_t *id = json_object_get(line, "id");
        answer = done ? line_error(id, &why) : line_answer(id, result);
        rc = answer ? line_write(&io, answer, -1, e) : err_set(e, ERR_MEMORY, NULL);
        json_decref(answer);
        json_decref(result);
        json_decref(line);
    }
    line_close(&io);
    secret_wipe(s.token, sizeof(s.token));
    return rc;
}
