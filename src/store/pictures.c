/* Pictures as files, named by what is in them: images/YYYY/MM/DD/<sha256>.<ext>. A picture is on the disk for good
 * before its row is written; a crash in between leaves a file that no row names, never a row without its file. */
#include "base/file.h"
#include "base/text.h"
#include "store/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool stored_already(const char *path, size_t n)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == n;
}

static enum rc sync_dir(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, ERR_DISK, errno, "cannot open folder %s", path);
    enum rc rc = fsync(fd) ? err_sys(e, ERR_DISK, errno, "cannot keep folder %s", path) : RC_OK;
    close(fd);
    return rc;
}

/* images, images/YYYY, images/YYYY/MM: a day's new folder must survive a power cut, too. */
static enum rc sync_above(const char *images, const char *day, struct err *e)
{
    char path[STORE_PATH_MAX], part[12];
    enum rc rc = sync_dir(images, e);
    static const size_t cut[] = {4, 7};
    for (size_t i = 0; !rc && i < ARRAY_N(cut); i++) {
        str_format(part, sizeof(part), "%.*s", (int)cut[i], day);
        rc = path_join(path, sizeof(path), images, part, e);
        if (!rc)
            rc = sync_dir(path, e);
    }
    return rc;
}

enum rc store_picture_put(struct store *s, const void *data, size_t n, const char *sha256, const char *ext, int64_t now,
                          char path[STORE_PATH_CAP], struct err *e)
{
    char day[32], images[STORE_PATH_MAX], folder[STORE_PATH_MAX], full[STORE_PATH_MAX];
    clock_iso(day, sizeof(day), now);
    day[4] = day[7] = '/';
    day[10] = '\0';
    if (strspn(sha256, "0123456789abcdef") != SHA256_HEX - 1 ||
        strspn(ext, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(ext) ||
        !str_format(path, STORE_PATH_CAP, "%s/%.64s.%s", day, sha256, ext))
        return err_set(e, ERR_INTERNAL, "a picture's name is not a hash");
    enum rc rc = path_join(images, sizeof(images), s->home, "images", e);
    if (!rc)
        rc = path_join(folder, sizeof(folder), images, day, e);
    if (!rc)
        rc = path_join(full, sizeof(full), images, path, e);
    if (rc || stored_already(full, n))
        return rc;
    bool new_day = access(folder, F_OK) != 0;
    rc = path_make_dirs(folder, 0700, e);
    if (!rc)
        rc = file_write_atomic(full, data, n, 0600, e);
    if (!rc && new_day)
        rc = sync_above(images, day, e);
    return rc;
}

enum rc store_picture_open(struct store *s, const char *path, int *fd, struct err *e)
{
    char images[STORE_PATH_MAX], full[STORE_PATH_MAX];
    *fd = -1;
    if (strstr(path, "..") || path[0] == '/')
        return err_set(e, ERR_STORE, "a picture's path leads outside the store");
    enum rc rc = path_join(images, sizeof(images), s->home, "images", e);
    if (!rc)
        rc = path_join(full, sizeof(full), images, path, e);
    if (rc)
        return rc;
    *fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return *fd >= 0 ? RC_OK : err_sys(e, ERR_STORE, errno, "the stored picture %s cannot be read", path_base(path));
}
