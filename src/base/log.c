#include "base/log.h"

#include "base/text.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The log sink: one per process, as messages come from every room and thread. */
static struct {
    pthread_mutex_t lock;
    int fd;
    enum log_level least;
    off_t max_bytes;
    int keep_n;
    char path[4096];
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static int open_file(void)
{
    return open(sink.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

enum rc log_open(const struct conf *c, struct err *e)
{
    char home[4096];
    struct stat st;
    enum rc rc = home_dir(home, sizeof(home), e);
    if (rc)
        return rc;
    log_close();
    /* Without a station there is nowhere to log to, and looking at a picture must leave no files behind. */
    if (stat(home, &st))
        return RC_OK;
    pthread_mutex_lock(&sink.lock);
    rc = path_join(sink.path, sizeof(sink.path), home, "clinic.log", e);
    if (!rc) {
        for (size_t i = 0; i < ARRAY_N(level_names); i++)
            if (str_eq(level_names[i], conf_text(c, CONF_ID_log_level)))
                sink.least = (enum log_level)i;
        sink.max_bytes = (off_t)conf_int(c, CONF_ID_log_max_kb) * 1024;
        sink.keep_n = (int)conf_int(c, CONF_ID_log_keep);
        sink.fd = open_file();
        if (sink.fd < 0)
            rc = err_set(e, ERR_DISK, "cannot write %s", sink.path);
    }
    pthread_mutex_unlock(&sink.lock);
    return rc;
}

/* clinic.log.1 is the youngest old file. Several processes may share the log: the lock on the file that is to be moved
 * decides who moves it; the others find that the name leads elsewhere and only open it again. */
static void rotate(void)
{
    char from[4200], to[4200];
    struct stat mine, named;
    if (flock(sink.fd, LOCK_EX))
        return;
    if (fstat(sink.fd, &mine) == 0 && stat(sink.path, &named) == 0 && mine.st_ino == named.st_ino &&
        mine.st_dev == named.st_dev) {
        for (int i = sink.keep_n; i > 1; i--) {
            str_format(from, sizeof(from), "%s.%d", sink.path, i - 1);
            str_format(to, sizeof(to), "%s.%d", sink.path, i);
            rename(from, to);
        }
        str_format(to, sizeof(to), "%s.1", sink.path);
        rename(sink.path, to);
    }
    close(sink.fd);
    sink.fd = open_file();
}

void log_line(enum log_level level, const char *room, const char *fmt, ...)
{
    char words[1024], safe[1024], line[1200], when[32];
    pthread_mutex_lock(&sink.lock);
    if (sink.fd >= 0 && level <= sink.least) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(words, sizeof(words), fmt, args);
        va_end(args);
        str_format(line, sizeof(line), "%s %s %s: %s\n", clock_iso(when, sizeof(when), clock_wall_ms()),
                   level_names[level], room, text_safe(safe, sizeof(safe), words, false));
        struct stat st;
        if (fstat(sink.fd, &st) == 0 && st.st_size >= sink.max_bytes)
            rotate();
        /* A full disk must not stop the work the line tells about. */
        size_t n = 0;
        while (line[n])
            n++;
        if (sink.fd >= 0)
            (void)!write(sink.fd, line, n);
    }
    pthread_mutex_unlock(&sink.lock);
}

void log_close(void)
{
    pthread_mutex_lock(&sink.lock);
    if (sink.fd >= 0)
        close(sink.fd);
    sink.fd = -1;
    pthread_mutex_unlock(&sink.lock);
}
