/* Analysing pictures: one, several, folders; answers in the order they were named. */
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 16, JOBS_MAX = 64 };

struct item {
    char *path;
    json_t *answer; /* NULL: failed or not done */
    struct err err;
    bool done;
};

struct batch {
    struct cli *c;
    struct item *item;
    size_t n, cap, next, printed, failed; /* next: as many were begun, and all of those end */
    bool many, stop, tty, told; /* told: why nothing can be analysed, which several workers may meet at once */
    int32_t jobs;
    int64_t start_ns;
    pthread_mutex_t lock;
};

static bool picture_name(const char *name)
{
    const char *ext = path_ext(name);
    return str_eq_case(ext, "png") || str_eq_case(ext, "jpg") || str_eq_case(ext, "jpeg");
}

static enum rc batch_add(struct batch *b, const char *path, struct err *e)
{
    enum rc rc = mem_grow(&b->item, &b->cap, b->n + 1, sizeof(*b->item), e);
    if (rc)
        return rc;
    b->item[b->n] = (struct item){.path = mem_strdup(path, e)};
    return b->item[b->n].path ? (b->n++, RC_OK) : RC_FAILED;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->path, ((const struct item *)b)->path);
}

/* Pictures of a folder and the folders in it, by name; links are not followed. */
static enum rc add_folder(struct batch *b, const char *dir, int depth, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d && depth > 0)
        return batch_add(b, dir, e); /* fails in its turn, by name; the other folders go on */
    if (!d)
        return err_sys(e, ERR_FILE_OPEN, errno, "Cannot read folder %.150s", dir);
    enum rc rc = RC_OK;
    for (struct dirent *entry; !rc && (entry = readdir(d));) {
        char path[PATH_MAX];
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        rc = path_join(path, sizeof(path), dir, entry->d_name, e);
        if (rc || lstat(path, &st))
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            rc = add_folder(b, path, depth + 1, e);
        else if (S_ISREG(st.st_mode) && picture_name(path))
            rc = batch_add(b, path, e);
    }
    closedir(d);
    return rc;
}

static enum rc collect(struct batch *b, struct err *e)
{
    size_t i;
    json_t *file;
    enum rc rc = RC_OK;
    json_array_foreach(b->c->files, i, file)
    {
        const char *path = json_string_value(file);
        struct stat st;
        bool folder = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
        size_t from = b->n;
        b->many = b->many || folder || i > 0;
        rc = folder ? add_folder(b, path, 0, e) : batch_add(b, path, e);
        if (rc)
            break;
        if (folder && b->n == from)
            return err_set(e, ERR_VALUE, "No PNG or JPEG picture in folder %.150s", path);
        if (folder)
            qsort(b->item + from, b->n - from, sizeof(*b->item), by_path);
    }
    return rc;
}

/* A batch: one line a picture. */
static void print_line(const json_t *o)
{
    char text[1024];
    printf("%-28s ", json_string_value(json_object_get(o, "prediction")));
    print_bar(stdout, json_number_value(json_object_get(o, "confidence")), 10);
    printf("  %s", shown(text, sizeof(text), json_string_value(json_object_get(o, "file"))));
    size_t i;
    json_t *note;
    json_array_foreach(json_object_get(o, "notes"), i, note)
    {
        printf("%s%s", i ? "; " : "  (", shown(text, sizeof(text), json_string_value(note)));
    }
    puts(i ? ")" : "");
}

void print_prediction(const json_t *o)
{
    const json_t *threshold = json_object_get(o, "threshold"), *model = json_object_get(o, "model");
    const json_t *image = json_object_get(o, "image"), *timings = json_object_get(o, "timings_ms");
    char text[1024];
    printf("%s\n  %s ", shown(text, sizeof(text), json_string_value(json_object_get(o, "file"))),
           json_string_value(json_object_get(o, "prediction")));
    print_bar(stdout, json_number_value(json_object_get(o, "confidence")), 20);
    printf("\n  score %.4f", json_number_value(json_object_get(o, "raw_score")));
    if (json_is_number(threshold))
        printf(", threshold %.3g", json_number_value(threshold));
    printf(" | %s %s | %lldx%lld %s | %.0f ms (decode %.1f, prepare %.1f, compute %.1f)\n",
           json_string_value(json_object_get(model, "id")), json_string_value(json_object_get(model, "version")),
           (long long)json_integer_value(json_object_get(image, "width")),
           (long long)json_integer_value(json_object_get(image, "height")),
           json_string_value(json_object_get(image, "format")), json_number_value(json_object_get(timings, "total")),
           json_number_value(json_object_get(timings, "decode")),
           json_number_value(json_object_get(timings, "prepare")),
           json_number_value(json_object_get(timings, "compute")));
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(o, "recommendations"), i, line)
    {
        printf("  - %s\n", shown(text, sizeof(text), json_string_value(line)));
    }
    json_array_foreach(json_object_get(o, "notes"), i, line)
    {
        printf("  note: %s\n", shown(text, sizeof(text), json_string_value(line)));
    }
}

static void progress(const struct batch *b, size_t done)
{
    double seconds = clock_ms_since(b->start_ns) / 1e3, rate = seconds > 0 ? (double)done / seconds : 0;
    fputc('\r', stderr);
    print_bar(stderr, 100.0 * (double)done / (double)b->n, 24);
    fprintf(stderr, "  %zu/%zu  %.1f/s  %.0f s left   ", done, b->n, rate,
            rate > 0 ? (double)(b->n - done) / rate : 0.0);
    fflush(stderr);
}

/* What would fail for every further file, too: the network, the memory, the machine. */
static bool hopeless(const struct err *e)
{
    return (e->code >= 200 && e->code < 300 && e->code != ERR_CANCELLED) || e->code >= 500 || e->code == ERR_VALUE;
}

/* Prints what is ready, in order. Called with the lock held. */
static void flush_ready(struct batch *b)
{
    for (; b->printed < b->n && b->item[b->printed].done; b->printed++) {
        struct item *it = &b->item[b->printed];
        if (b->tty)
            fputs("\r\033[K", stderr);
        if (it->answer && b->c->json)
            print_json(stdout, it->answer);
        else if (it->answer && b->many)
            print_line(it->answer);
        else if (it->answer)
            print_prediction(it->answer);
        else if (!hopeless(&it->err))
            tell_error(b->c, it->path, &it->err);
        else if (!b->told)
            tell_error(b->c, NULL, &it->err);
        b->told = b->told || (it->err.rc && hopeless(&it->err));
        json_decref(it->answer);
        it->answer = NULL;
    }
    fflush(stdout);
}

static enum rc analyse(struct batch *b, struct item *it)
{
    struct station_answer a = {.fd = -1};
    char name[PATH_MAX];
    int fd;
    enum rc rc = input_open(it->path, &fd, &it->err);
    if (rc)
        return rc;
    json_t *args = json_copy(b->c->args);
    if (!args || json_object_set_new(args, "name", json_string(text_safe(name, sizeof(name), it->path, false))))
        rc = err_set(&it->err, ERR_MEMORY, NULL);
    if (!rc && b->jobs > 1 && !json_object_get(args, "threads"))
        json_object_set_new(args, "threads", json_integer(1));
    if (!rc)
        rc = cli_call(b->c, "predict", args, fd, NULL, &a, &it->err);
    if (!rc)
        it->answer = json_incref(a.result);
    station_answer_fini(&a);
    json_decref(args);
    close(fd);
    return rc;
}

static void *batch_worker(void *arg)
{
    struct batch *b = arg;
    pthread_mutex_lock(&b->lock);
    while (!b->stop && b->next < b->n) {
        struct item *it = &b->item[b->next++];
        pthread_mutex_unlock(&b->lock);
        enum rc rc = analyse(b, it);
        pthread_mutex_lock(&b->lock);
        it->done = true;
        b->failed += rc != RC_OK;
        b->stop = b->stop || (rc && hopeless(&it->err));
        flush_ready(b);
        if (b->tty && b->printed < b->n)
            progress(b, b->printed);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void run_batch(struct batch *b)
{
    pthread_t thread[JOBS_MAX];
    int32_t started = 0;
    b->start_ns = clock_mono_ns();
    for (int32_t i = 1; i < b->jobs; i++)
        started += pthread_create(&thread[started], NULL, batch_worker, b) == 0;
    batch_worker(b);
    for (int32_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
}

static enum rc batch_summary(const struct batch *b)
{
    double seconds = clock_ms_since(b->start_ns) / 1e3;
    if (!b->c->quiet)
        fprintf(stderr, "%s%zu of %zu pictures analysed, %zu failed, %.1f a second\n", b->tty ? "\r\033[K" : "",
                b->next - b->failed, b->n, b->failed, seconds > 0 ? (double)b->next / seconds : 0.0);
    return b->failed ? RC_INPUT : RC_OK;
}

enum rc run_predict(struct cli *c, struct err *e)
{
    struct batch b = {.c = c};
    if (pthread_mutex_init(&b.lock, NULL))
        return err_set(e, ERR_MEMORY, NULL);
    const json_t *jobs = json_object_get(c->extra, "jobs");
    enum rc rc = RC_OK;
    if (jobs && (json_integer_value(jobs) < 1 || json_integer_value(jobs) > JOBS_MAX))
        rc = err_set(e, ERR_VALUE, "--jobs: %lld is not in 1..%d", (long long)json_integer_value(jobs), JOBS_MAX);
    if (!rc)
        rc = collect(&b, e);
    if (!rc)
        rc = cli_wire(c, e);
    if (!rc) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        int32_t wanted = jobs ? (int32_t)json_integer_value(jobs) : cpus > 0 && cpus < JOBS_MAX ? (int32_t)cpus : 1;
        b.jobs = b.n < (size_t)wanted ? (int32_t)b.n : wanted;
        b.tty = b.many && isatty(STDERR_FILENO) && !c->quiet;
        run_batch(&b);
        rc = b.many ? batch_summary(&b) : b.failed ? b.item[0].err.rc : RC_OK;
    }
    for (size_t i = 0; i < b.n; i++) {
        json_decref(b.item[i].answer);
        mem_free(b.item[i].path);
    }
    mem_free(b.item);
    pthread_mutex_destroy(&b.lock);
    return rc;
}
