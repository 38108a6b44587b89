/* The main job on the sample pictures, as text: what a person sees first. */
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The samples are named after their network. */
static const struct {
    const char *prefix, *model;
} networks[] = {
    {"chest-", "chest-pneumonia"},
    {"kidney-", "kidney-stone"},
    {"brain-", "brain-tumour"},
    {"skin-", "skin-lesion"},
};

static const char *network_for(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(networks); i++)
        if (str_starts(name, networks[i].prefix))
            return networks[i].model;
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the sample pictures, sorted; owned by the caller, each one too. */
static enum rc sample_names(const char *dir, char ***names, size_t *n, struct err *e)
{
    size_t cap = 0;
    enum rc rc = RC_OK;
    *names = NULL;
    *n = 0;
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(e, ERR_FILE_OPEN, errno, "cannot read %s", dir);
    for (struct dirent *entry; !rc && (entry = readdir(d));) {
        const char *ext = path_ext(entry->d_name);
        if (!network_for(entry->d_name) || (!str_eq(ext, "jpg") && !str_eq(ext, "png")))
            continue;
        rc = mem_grow(names, &cap, *n + 1, sizeof(**names), e);
        if (!rc && !((*names)[*n] = mem_strdup(entry->d_name, e)))
            rc = RC_FAILED;
        *n += !rc;
    }
    closedir(d);
    if (*n)
        qsort(*names, *n, sizeof(**names), by_name);
    return rc || *n ? rc : err_set(e, ERR_FILE_OPEN, "no sample pictures in %s", dir);
}

static int buffer_add(const char *text, size_t n, void *b)
{
    buf_add(b, text, n);
    return 0;
}

static enum rc save_json(const char *dir, const char *name, const json_t *o, struct err *e)
{
    char path[PATH_MAX], file[300];
    str_format(file, sizeof(file), "%s.json", name);
    enum rc rc = path_join(path, sizeof(path), dir, file, e);
    if (rc)
        return rc;
    struct buf text = {0};
    if (json_dump_callback(o, buffer_add, &text, JSON_INDENT(2) | JSON_REAL_PRECISION(15)))
        rc = err_set(e, ERR_MEMORY, NULL);
    if (!rc)
        rc = buf_check(&text, e);
    if (!rc)
        rc = file_write_atomic(path, text.data, text.len, 0644, e);
    buf_free(&text);
    if (!rc)
        printf("  saved %s\n", path);
    return rc;
}

static enum rc demo_one(struct cli *c, const char *samples, const char *name, const char *out, struct err *e)
{
    char path[PATH_MAX];
    struct station_answer a = {.fd = -1};
    int fd;
    enum rc rc = path_join(path, sizeof(path), samples, name, e);
    if (!rc)
        rc = preview_print(path, 60, 18, "mono", false, 1.0, e);
    if (!rc)
        rc = input_open(path, &fd, e);
    if (rc)
        return rc;
    json_t *args = json_pack("{s:s s:s}", "name", name, "model", network_for(name));
    rc = args ? cli_call(c, "predict", args, fd, NULL, &a, e) : err_set(e, ERR_MEMORY, NULL);
    close(fd);
    if (!rc) {
        print_prediction(a.result);
        rc = save_json(out, name, a.result, e);
        putchar('\n');
        fflush(stdout);
    }
    json_decref(args);
    station_answer_fini(&a);
    return rc;
}

/* Where the samples lie: beside the folder of the networks. */
static enum rc samples_of(char *dst, size_t cap, struct err *e)
{
    char models[PATH_MAX], path[PATH_MAX];
    enum rc rc = models_dir(models, sizeof(models), e);
    if (!rc)
        rc = path_join(path, sizeof(path), models, "../samples", e);
    if (!rc && !realpath(path, models))
        rc = err_sys(e, ERR_FILE_OPEN, errno, "no sample pictures at %s", path);
    return !rc && !str_copy(dst, cap, models) ? err_set(e, ERR_VALUE, "path too long") : rc;
}

enum rc run_demo(struct cli *c, struct err *e)
{
    char samples[PATH_MAX], out[PATH_MAX], home[PATH_MAX];
    char **names = NULL;
    size_t n = 0;
    const char *chosen = json_string_value(json_object_get(c->extra, "output"));
    enum rc rc = samples_of(samples, sizeof(samples), e);
    if (!rc && chosen)
        rc = str_copy(out, sizeof(out), chosen) ? RC_OK : err_set(e, ERR_VALUE, "--output is too long");
    else if (!rc && (rc = home_dir(home, sizeof(home), e)) == RC_OK)
        rc = path_join(out, sizeof(out), home, "demo", e);
    if (!rc)
        rc = path_make_dirs(out, 0755, e);
    if (!rc)
        rc = sample_names(samples, &names, &n, e);
    for (size_t i = 0; i < n; i++) {
        if (!rc)
            rc = demo_one(c, samples, names[i], out, e);
        mem_free(names[i]);
    }
    mem_free(names);
    if (!rc)
        printf("%zu synthetic pictures analysed; the results are in %s\n"
               "Research and education. Not a medical device: a qualified person decides, the computer advises.\n",
               n, out);
    return rc;
}
