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
    {"chest-", "chest-pneumonia"}, {"kidney-", "kidney-stone"}, {"brain-", "brain-tumour"}, {"skin-", "skin-lesion"},
};

static const char *network_for(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(networks); i++)
        if (str_starts(name, networks[i].prefix))
            return networks[i].model;
    return NULL;
}

static int is_sample(const struct dirent *d)
{
    const char *ext = path_ext(d->d_name);
    return network_for(d->d_name) && (str_eq(ext, "jpg") || str_eq(ext, "png"));
}

static enum rc save_json(const char *dir, const char *name, const json_t *o, struct err *e)
{
    char path[PATH_MAX], file[300];
    str_format(file, sizeof(file), "%s.json", name);
    enum rc rc = path_join(path, sizeof(path), dir, file, e);
    if (rc)
        return rc;
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (!text)
        return err_set(e, ERR_MEMORY, NULL);
    rc = file_write_atomic(path, text, strlen(text), 0644, e);
    free(text);
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
    struct dirent **names;
    const char *chosen = json_string_value(json_object_get(c->extra, "output"));
    enum rc rc = samples_of(samples, sizeof(samples), e);
    if (!rc && chosen)
        rc = str_copy(out, sizeof(out), chosen) ? RC_OK : err_set(e, ERR_VALUE, "--output is too long");
    else if (!rc && (rc = home_dir(home, sizeof(home), e)) == RC_OK)
        rc = path_join(out, sizeof(out), home, "demo", e);
    if (!rc)
        rc = path_make_dirs(out, 0755, e);
    if (rc)
        return rc;
    int n = scandir(samples, &names, is_sample, alphasort);
    if (n < 0)
        return err_sys(e, ERR_FILE_OPEN, errno, "cannot read %s", samples);
    if (n == 0)
        rc = err_set(e, ERR_FILE_OPEN, "no sample pictures in %s", samples);
    for (int i = 0; i < n; i++) {
        if (!rc)
            rc = demo_one(c, samples, names[i]->d_name, out, e);
        free(names[i]);
    }
    free(names);
    if (!rc)
        printf("%d synthetic pictures analysed; the results are in %s\n"
               "Research and education. Not a medical device: a qualified person decides, the computer advises.\n",
               n, out);
    return rc;
}
