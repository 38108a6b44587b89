/* Names of files and the folders the program lives with. */
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_CAP = 4096 };

enum rc path_join(char *dst, size_t cap, const char *dir, const char *name, struct err *e)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    while (*name == '/')
        name++;
    const char *slash = n == 0 || (n == 1 && dir[0] == '/') ? "" : "/";
    if (n > PATH_CAP || !str_format(dst, cap, "%.*s%s%s", (int)n, dir, slash, name))
        return err_set(e, ERR_VALUE, "path is longer than %zu bytes", cap);
    return RC_OK;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_ext(const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    return dot && dot != base ? dot + 1 : "";
}

enum rc path_make_dirs(const char *path, unsigned mode, struct err *e)
{
    char part[PATH_CAP];
    if (!*path || !str_copy(part, sizeof(part), path))
        return err_set(e, ERR_VALUE, "path of %zu bytes", strlen(path));
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(part, end ? 0777 : (mode_t)mode) && errno != EEXIST) {
            /* A folder above may be read-only or closed to us and still lead to the wanted one. */
            int failed = errno;
            struct stat st;
            if (stat(part, &st) || !S_ISDIR(st.st_mode))
                return err_sys(e, ERR_DISK, failed, "cannot make folder %s", part);
        }
        if (!end)
            break;
        *p = '/';
    }
    struct stat st;
    if (stat(path, &st))
        return err_sys(e, ERR_DISK, errno, "cannot make folder %s", path);
    return S_ISDIR(st.st_mode) ? RC_OK : err_set(e, ERR_DISK, "%s is not a folder", path);
}

static const char *variable(const char *name)
{
    const char *value = secure_getenv(name);
    return value && *value ? value : NULL;
}

/* $xdg/clinic, else ~/fallback/clinic. */
static enum rc user_dir(char *dst, size_t cap, const char *xdg, const char *fallback, struct err *e)
{
    const char *dir = variable(xdg);
    if (dir && dir[0] == '/')
        return path_join(dst, cap, dir, "clinic", e);
    const char *home = variable("HOME");
    struct passwd entry, *found = NULL;
    char names[1024];
    if (!home && getpwuid_r(getuid(), &entry, names, sizeof(names), &found) == 0 && found)
        home = entry.pw_dir;
    if (!home || !*home)
        return err_set(e, ERR_VALUE, "no home folder: set HOME or CLINIC_HOME");
    char below[64];
    str_format(below, sizeof(below), "%s/clinic", fallback);
    return path_join(dst, cap, home, below, e);
}

enum rc home_dir(char *dst, size_t cap, struct err *e)
{
    const char *home = variable("CLINIC_HOME");
    if (!home)
        return user_dir(dst, cap, "XDG_DATA_HOME", ".local/share", e);
    return str_copy(dst, cap, home) ? RC_OK : err_set(e, ERR_VALUE, "CLINIC_HOME is longer than %zu bytes", cap);
}

static bool usable_dir(const char *path)
{
    return path_make_dirs(path, 0700, NULL) == RC_OK && access(path, W_OK | X_OK) == 0;
}

enum rc cache_dir(char *dst, size_t cap, struct err *e)
{
    char home[PATH_CAP];
    if (home_dir(home, sizeof(home), NULL) == RC_OK && path_join(dst, cap, home, "cache", NULL) == RC_OK &&
        usable_dir(dst))
        return RC_OK;
    if (user_dir(dst, cap, "XDG_CACHE_HOME", ".cache", NULL) == RC_OK && usable_dir(dst))
        return RC_OK;
    /* /tmp is everybody's: only a real folder of our own, closed to others, is taken. */
    if (!str_format(dst, cap, "/tmp/clinic-%u", (unsigned)getuid()))
        return err_set(e, ERR_VALUE, "path is longer than %zu bytes", cap);
    struct stat st;
    if ((mkdir(dst, 0700) && errno != EEXIST) || lstat(dst, &st))
        return err_sys(e, ERR_DISK, errno, "cannot make folder %s", dst);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return err_set(e, ERR_DISK, "%s is not a private folder of this user", dst);
    return RC_OK;
}

/* Cuts the last name off; "/" and a bare name become "". */
static void cut_base(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    else
        path[0] = '\0';
}

/* Where this program is: *build is its build folder and root the source tree while it runs from one (the Makefile
 * leaves a file clinic-tree there, with the way from the build folder to the tree); else root is the prefix it is
 * installed in. */
static enum rc find_tree(char root[PATH_CAP], char build[PATH_CAP], struct err *e)
{
    root[0] = '\0';
    ssize_t n = readlink("/proc/self/exe", build, PATH_CAP - 1);
    if (n <= 0)
        return err_sys(e, ERR_INTERNAL, errno, "cannot read /proc/self/exe");
    build[n] = '\0';
    cut_base(build);
    str_copy(root, PATH_CAP, build);
    cut_base(root);
    /* build/bin, build/lib, build/tests/<room> */
    for (int up = 0; up < 3 && *build; up++, cut_base(build)) {
        char marker[PATH_CAP], way[PATH_CAP];
        if (path_join(marker, sizeof(marker), build, "clinic-tree", NULL))
            break;
        int fd = open(marker, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        n = read(fd, way, sizeof(way) - 1);
        close(fd);
        if (n <= 0)
            continue;
        way[n] = '\0';
        way[strcspn(way, "\n")] = '\0';
        if (way[0] == '/')
            return str_copy(root, PATH_CAP, way) ? RC_OK : err_set(e, ERR_VALUE, "%s names too long a path", marker);
        return path_join(root, PATH_CAP, build, way, e);
    }
    build[0] = '\0';
    return RC_OK;
}

/* <tree>/in_tree, else PREFIX/installed. */
static enum rc data_dir(char *dst, size_t cap, const char *in_tree, const char *installed, struct err *e)
{
    char root[PATH_CAP], build[PATH_CAP];
    enum rc rc = find_tree(root, build, e);
    if (rc)
        return rc;
    return path_join(dst, cap, root, *build ? in_tree : installed, e);
}

enum rc models_dir(char *dst, size_t cap, struct err *e)
{
    const char *models = variable("CLINIC_MODELS");
    if (!models)
        return data_dir(dst, cap, "models", "share/clinic/models", e);
    return str_copy(dst, cap, models) ? RC_OK : err_set(e, ERR_VALUE, "CLINIC_MODELS is longer than %zu bytes", cap);
}

enum rc schema_dir(char *dst, size_t cap, struct err *e)
{
    return data_dir(dst, cap, "schema", "share/clinic/schema", e);
}

enum rc lib_dir(char *dst, size_t cap, struct err *e)
{
    char root[PATH_CAP], build[PATH_CAP];
    enum rc rc = find_tree(root, build, e);
    if (rc)
        return rc;
    return *build ? path_join(dst, cap, build, "lib", e) : path_join(dst, cap, root, "lib/clinic", e);
}
