/* Files that people name on the command line. */
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum rc input_open(const char *path, int *fd, struct err *e)
{
    *fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (*fd >= 0)
        return RC_OK;
    if (errno == ELOOP)
        return err_set(e, ERR_FILE_KIND, "%.150s is a symbolic link, not a regular file", path);
    if (errno == ENXIO || errno == ENODEV)
        return err_set(e, ERR_FILE_KIND, "%.150s is a socket or a device, not a regular file", path);
    return err_sys(e, ERR_FILE_OPEN, errno, "Cannot open %.150s", path);
}

static enum rc read_answer(int fd, struct buf *b, struct err *e)
{
    char chunk[65536];
    off_t at = 0;
    for (ssize_t n; (n = pread(fd, chunk, sizeof(chunk), at)) != 0; at += n) {
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0)
            return err_sys(e, ERR_INTERNAL, errno, "cannot read the answer");
        else
            buf_add(b, chunk, (size_t)n);
    }
    return buf_check(b, e);
}

/* A name that comes with an answer is only a name: no folders, nothing hidden. */
static bool safe_name(const char *name)
{
    return name && *name && *name != '.' && !strchr(name, '/') && utf8_valid(name, strlen(name)) && strlen(name) < 200;
}

enum rc output_store(struct cli *c, int fd, const char *name, char **where, struct err *e)
{
    const char *to = json_string_value(json_object_get(c->extra, "output"));
    struct buf b = {0};
    *where = NULL;
    enum rc rc = read_answer(fd, &b, e);
    if (!rc && !to && !isatty(STDOUT_FILENO)) {
        rc = fd_write_all(STDOUT_FILENO, b.data ? b.data : "", b.len, e);
    } else if (!rc) {
        if (!to && (!safe_name(name) || access(name, F_OK) == 0))
            rc = err_set(e, ERR_USAGE, "say where to: -o FILE");
        else
            to = to ? to : name;
        if (!rc)
            rc = file_write_atomic(to, b.data ? b.data : "", b.len, 0600, e);
        if (!rc && !(*where = mem_strdup(to, e)))
            rc = RC_FAILED;
    }
    buf_free(&b);
    return rc;
}
