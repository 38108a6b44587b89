/* A power cut for programs that are preloaded with this: what a disk is bound to keep, kept in a second folder.
 *
 * POWER_CUT_LIVE is the folder that is watched, POWER_CUT_KEPT the copy. The rules are those of POSIX, read strictly:
 * the bytes of a file are those of its last successful fsync, the names in a folder are those of the folder's. A file
 * that got its name without a sync of the folder is not there; one that was never synced itself is there, empty.
 * After a kill -9 of the program, POWER_CUT_KEPT is what the next morning finds.
 *
 * cc -shared -fPIC -o power_cut.so power_cut.c -ldl */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

enum { PATH_N = PATH_MAX + 256 };

typedef int sync_call(int fd);

static sync_call *real(const char *name)
{
    sync_call *call;
    *(void **)&call = dlsym(RTLD_NEXT, name);
    return call;
}

/* A model that cannot keep its promise must not let a test pass. */
static void demand(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "power_cut: %s: %s\n", what, strerror(errno));
        abort();
    }
}

__attribute__((format(printf, 2, 3))) static void path_set(char dst[PATH_N], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(dst, PATH_N, format, args);
    va_end(args);
    demand(n > 0 && n < PATH_N, "a path is too long");
}

/* What is kept of a file or folder stands under its number and time of birth: numbers are used again. */
static bool kept_bytes(char dst[PATH_N], const char *kept, int folder, const char *name)
{
    struct statx st;
    if (statx(folder, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &st))
        return false;
    path_set(dst, "%s/.bytes/%llu.%lld.%u", kept, (unsigned long long)st.stx_ino, (long long)st.stx_btime.tv_sec,
             st.stx_btime.tv_nsec);
    return true;
}

static void keep_file(const char *path, int fd, const char *self, const char *kept)
{
    char into[PATH_N], part[PATH_N], data[1 << 16];
    demand(kept_bytes(into, kept, fd, ""), path);
    path_set(part, "%s.%ld", into, (long)syscall(SYS_gettid));
    int from = open(self, O_RDONLY | O_CLOEXEC), to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    demand(from >= 0 && to >= 0, path);
    ssize_t n;
    while ((n = read(from, data, sizeof(data))) > 0)
        demand(write(to, data, (size_t)n) == n, part);
    demand(n == 0 && close(to) == 0, part);
    close(from);
    /* Names that folders keep already lead to the new bytes: each is a symbolic link to them. */
    demand(rename(part, into) == 0, into);
}

static void keep_name(int folder, const char *name, const char *kept, const char *into)
{
    char at[PATH_N], bytes[PATH_N], link_new[PATH_N];
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) || !kept_bytes(bytes, kept, folder, name))
        return;
    if (S_ISDIR(st.st_mode)) {
        demand(mkdir(bytes, 0700) == 0 || errno == EEXIST, bytes);
    } else if (S_ISREG(st.st_mode)) {
        int empty = open(bytes, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        demand(empty >= 0, bytes);
        close(empty);
    } else {
        return;
    }
    path_set(at, "%s/%s", into, name);
    path_set(link_new, "%s/.bytes/%ld", kept, (long)syscall(SYS_gettid));
    unlink(link_new); /* of a program that was killed right here */
    demand(symlink(bytes, link_new) == 0 && rename(link_new, at) == 0, at);
}

/* A folder's names are kept under its number, too: they count once the folder's own name is kept above it. */
static void keep_folder(const char *path, int fd, bool top, const char *kept)
{
    char into[PATH_N], at[PATH_N];
    struct stat st;
    if (top)
        path_set(into, "%s", kept);
    else
        demand(kept_bytes(into, kept, fd, "") && (mkdir(into, 0700) == 0 || errno == EEXIST), path);
    DIR *now = opendir(path), *then = opendir(into);
    demand(now && then, path);
    for (struct dirent *d; (d = readdir(now));)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            keep_name(dirfd(now), d->d_name, kept, into);
    for (struct dirent *d; (d = readdir(then));)
        if (strcmp(d->d_name, ".bytes") != 0 && fstatat(dirfd(now), d->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
            errno == ENOENT) {
            path_set(at, "%s/%s", into, d->d_name);
            unlink(at);
        }
    closedir(now);
    closedir(then);
}

static void keep(int fd)
{
    const char *live = getenv("POWER_CUT_LIVE"), *kept = getenv("POWER_CUT_KEPT");
    char self[64], path[PATH_N];
    struct stat st;
    if (!live || !kept || fstat(fd, &st))
        return;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(self, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    size_t root = strlen(live);
    if (strncmp(path, live, root) != 0 || (path[root] != '/' && path[root] != '\0'))
        return;
    if (S_ISREG(st.st_mode))
        keep_file(path, fd, self, kept);
    else if (S_ISDIR(st.st_mode))
        keep_folder(path, fd, path[root] == '\0', kept);
}

int fsync(int fd)
{
    int failed = real("fsync")(fd);
    if (!failed)
        keep(fd);
    return failed;
}

int fdatasync(int fd)
{
    int failed = real("fdatasync")(fd);
    if (!failed)
        keep(fd);
    return failed;
}
