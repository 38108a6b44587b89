/* From what a person typed to a network file, and what to say when there is none. */
#include "base/file.h"
#include "base/text.h"
#include "station/netcache.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool network_name(const char *name)
{
    const char *ext = path_ext(name);
    return str_eq_case(ext, "h5") || str_eq_case(ext, "hdf5") || str_eq_case(ext, "keras");
}

static bool plain_id(const char *s)
{
    size_t n = strlen(s);
    return n >= 1 && n <= 100 && s[0] != '.' && s[0] != '-' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

enum rc netcache_path(const char *model, char *dst, size_t cap, bool *is_id, struct err *e)
{
    *is_id = !strchr(model, '/') && !network_name(model);
    if (!*is_id)
        return str_copy(dst, cap, model) ? RC_OK : err_set(e, ERR_VALUE, "path is longer than %zu bytes", cap);
    char dir[4096], name[128];
    if (!plain_id(model))
        return err_set(e, ERR_MODEL_MISSING, "'%.100s' is not a network's name", model);
    enum rc rc = models_dir(dir, sizeof(dir), e);
    if (rc)
        return rc;
    str_format(name, sizeof(name), "%s.h5", model);
    return path_join(dst, cap, dir, name, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of network files in dir, sorted; nothing when it cannot be read. */
static enum rc names_in(const char *dir, char ***out, size_t *n, struct err *e)
{
    enum { NAMES_MAX = 1000 };
    size_t cap = 0;
    enum rc rc = RC_OK;
    *out = NULL;
    *n = 0;
    DIR *d = opendir(dir);
    if (!d)
        return RC_OK;
    for (struct dirent *entry; !rc && *n < NAMES_MAX && (entry = readdir(d));) {
        if (entry->d_name[0] == '.' || !network_name(entry->d_name))
            continue;
        rc = mem_grow(out, &cap, *n + 1, sizeof(**out), e);
        if (!rc && !((*out)[*n] = mem_strdup(entry->d_name, e)))
            rc = RC_FAILED;
        *n += !rc;
    }
    closedir(d);
    if (*n > 1)
        qsort(*out, *n, sizeof(**out), by_name);
    return rc;
}

static void names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(names[i]);
    mem_free(names);
}

enum rc models_each(enum rc (*fn)(void *ctx, const char *id, struct err *e), void *ctx, struct err *e)
{
    char dir[4096], **names = NULL;
    size_t n = 0;
    enum rc rc = models_dir(dir, sizeof(dir), e);
    if (!rc)
        rc = names_in(dir, &names, &n, e);
    for (size_t i = 0; !rc && i < n; i++) {
        const char *ext = path_ext(names[i]);
        if (!str_eq_case(ext, "h5"))
            continue;
        names[i][strlen(names[i]) - strlen(ext) - 1] = '\0';
        if (plain_id(names[i]))
            rc = fn(ctx, names[i], e);
    }
    names_free(names, n);
    return rc;
}

/* "Model file not found at PATH" and the names that may have been meant. */
enum rc model_missing(const char *model, const char *path, bool is_id, struct err *e)
{
    char dir[4096], near[256] = "", shown[160], **names = NULL;
    const char *want = path_base(path);
    size_t n = 0, best = strlen(want) / 3 + 2, listed = 0;
    struct buf all = {0};
    str_copy(dir, sizeof(dir), path);
    size_t base_at = (size_t)(want - path);
    str_copy(dir, sizeof(dir), base_at > 1 ? "" : base_at == 1 ? "/" : ".");
    if (base_at > 1 && base_at <= sizeof(dir)) {
        memcpy(dir, path, base_at - 1);
        dir[base_at - 1] = '\0';
    }
    enum rc rc = names_in(dir, &names, &n, e);
    for (size_t i = 0; !rc && i < n; i++) {
        const char *ext = path_ext(names[i]);
        if (is_id && !str_eq_case(ext, "h5"))
            continue; /* an id means <id>.h5 */
        if (is_id)
            names[i][strlen(names[i]) - strlen(ext) - 1] = '\0';
        size_t d = str_distance(names[i], is_id ? model : want);
        if (d < best) {
            best = d;
            str_copy(near, sizeof(near), names[i]);
        }
        if (listed < 6)
            buf_printf(&all, "%s%s", listed++ ? ", " : "", names[i]);
    }
    /* The folder without "..": what people can type. */
    char real[PATH_MAX], whole[2 * PATH_MAX];
    if (*dir && realpath(dir, real) && str_format(whole, sizeof(whole), "%s/%s", real, want) && path[0] == '/')
        path = whole;
    text_fit(shown, sizeof(shown), path, 110);
    if (!rc && *near)
        rc = err_set(e, ERR_MODEL_MISSING, "Model file not found at %s; did you mean '%.60s'?%s%.90s", shown, near,
                     is_id ? " Installed: " : "", is_id && all.data ? all.data : "");
    else if (!rc)
        rc = err_set(e, ERR_MODEL_MISSING, "Model file not found at %s%s%.90s", shown,
                     all.len ? (is_id ? "; installed: " : "; there are: ") : "", all.data ? all.data : "");
    buf_free(&all);
    names_free(names, n);
    return rc;
}
