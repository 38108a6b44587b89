#include "child_program.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const unsigned char tiny_png[] = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
                                  0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00,
                                  0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78,
                                  0x9c, 0x63, 0xf0, 0x05, 0x00, 0x00, 0x4f, 0x00, 0x4e, 0x69, 0x8b, 0x01, 0x6c, 0x00,
                                  0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
const size_t tiny_png_n = sizeof tiny_png;

static char folder[] = "/tmp/clinic-intake-XXXXXX";
static bool folder_made;

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];
    if (!folder_made) {
        folder_made = mkdtemp(folder) != NULL;
    }
    if (!folder_made || !str_format(path, sizeof path, "%s/%s", folder, name)) {
        abort();
    }
    return path;
}

void child_program_run(const char *argv0, const struct role *roles, size_t roles_n)
{
    for (size_t i = 0; i < roles_n; i++) {
        if (str_eq(path_base(argv0), roles[i].name)) {
            roles[i].play();
            _exit(0);
        }
    }
}

const char *child_program_path(const char *role)
{
    const char *path = in_folder(role);
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0 || (symlink(self, path) != 0 && errno != EEXIST)) {
        abort();
    }
    return path;
}

void child_program_clean(void)
{
    if (!folder_made) {
        return;
    }
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL) {
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..")) {
            (void)unlink(in_folder(entry->d_name));
        }
    }
    if (d) {
        closedir(d);
    }
    (void)rmdir(folder);
}

const char *test_file(const char *name, const void *data, size_t n)
{
    const char *path = in_folder(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct err e = {.rc = RC_OK};
    if (fd < 0 || (n > 0 && fd_write_all(fd, data, n, &e) != RC_OK)) {
        abort();
    }
    close(fd);
    return path;
}

size_t test_fds_n(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d) {
        abort();
    }
    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n;
}

bool test_childless(void)
{
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}
