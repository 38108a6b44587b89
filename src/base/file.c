#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_CAP = 4096, MIB = 1 << 20 };

static enum rc too_large(size_t max, struct err *e)
{
    if (max >= MIB && max % MIB == 0)
        return err_set(e, ERR_FILE_SIZE, "File too large. Maximum size: %zuMB", max / MIB);
    return err_set(e, ERR_FILE_SIZE, "File too large. Maximum size: %zu bytes", max);
}

enum rc file_read(const char *path, size_t max, char **out, size_t *n, struct err *e)
{
    enum rc rc = RC_OK;
    char *data = NULL;
    size_t len = 0, cap = 0;
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, ERR_FILE_OPEN, errno, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st)) {
        rc = err_sys(e, ERR_FILE_OPEN, errno, "cannot open %s", path);
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        rc = err_set(e, ERR_FILE_KIND, "%s is not a regular file", path);
        goto done;
    }
    if (st.st_size > 0 && (uintmax_t)st.st_size > max) {
        rc = too_large(max, e);
        goto done;
    }
    /* The size is a hint: files of /proc say 0, and a file may grow while it is read. */
    rc = mem_grow(&data, &cap, (size_t)st.st_size + 2, 1, e);
    while (!rc) {
        ssize_t got = read(fd, data + len, cap - len - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = err_sys(e, ERR_FILE_OPEN, errno, "cannot read %s", path);
        if (got <= 0)
            break;
        len += (size_t)got;
        if (len > max)
            rc = too_large(max, e);
        else if (len + 1 >= cap)
            rc = mem_grow(&data, &cap, cap + 1, 1, e);
    }
    if (!rc) {
        data[len] = '\0';
        *out = data;
        *n = len;
        data = NULL;
    }
done:
    mem_free(data);
    close(fd);
    return rc;
}

static enum rc sync_dir(const char *dir, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, ERR_DISK, errno, "cannot open folder %s", dir);
    /* Some file systems cannot sync a folder and say EINVAL: their renames are durable or hopeless anyway. */
    int failed = fsync(fd) && errno != EINVAL ? errno : 0;
    close(fd);
    return failed ? err_sys(e, ERR_DISK, failed, "cannot sync folder %s", dir) : RC_OK;
}

enum rc file_write_atomic(const char *path, const void *data, size_t n, unsigned mode, struct err *e)
{
    char dir[PATH_CAP], temporary[PATH_CAP];
    const char *base = path_base(path);
    if (!*base || (size_t)(base - path) >= sizeof(dir))
        return err_set(e, ERR_VALUE, "not a file name: %s", path);
    if (base == path)
        str_copy(dir, sizeof(dir), ".");
    else
        str_copy(dir, (size_t)(base - path) + 1, path);
    /* Renaming over it would put a file where a device or a pipe is: /dev/null for everybody. */
    struct stat old;
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode) && !S_ISDIR(old.st_mode))
        return err_set(e, ERR_FILE_KIND, "%s is not a regular file", path);
    if (!str_format(temporary, sizeof(temporary), "%s/.%s.XXXXXX", dir, base))
        return err_set(e, ERR_VALUE, "path is longer than %zu bytes", sizeof(temporary));
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, ERR_DISK, errno, "cannot write in %s", dir);
    enum rc rc = fd_write_all(fd, data, n, e);
    if (!rc && (fchmod(fd, (mode_t)mode) || fsync(fd)))
        rc = err_sys(e, ERR_DISK, errno, "cannot write %s", path);
    if (close(fd) && !rc)
        rc = err_sys(e, ERR_DISK, errno, "cannot write %s", path);
    if (!rc && rename(temporary, path))
        rc = err_sys(e, ERR_DISK, errno, "cannot write %s", path);
    if (rc)
        unlink(temporary);
    else
        rc = sync_dir(dir, e);
    return rc;
}

enum rc fd_read_all(int fd, void *data, size_t n, struct err *e)
{
    char *p = data;
    size_t left = n;
    while (left > 0) {
        ssize_t got = read(fd, p, left);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, ERR_INTERNAL, errno, "reading failed after %zu of %zu bytes", n - left, n);
        if (got == 0)
            return err_set(e, ERR_INTERNAL, "the data ended after %zu of %zu bytes", n - left, n);
        p += got;
        left -= (size_t)got;
    }
    return RC_OK;
}

enum rc fd_write_all(int fd, const void *data, size_t n, struct err *e)
{
    const char *p = data;
    size_t left = n;
    while (left > 0) {
        ssize_t put = write(fd, p, left);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_sys(e, ERR_DISK, errno, "writing failed after %zu of %zu bytes", n - left, n);
        p += put;
        left -= (size_t)put;
    }
    return RC_OK;
}
