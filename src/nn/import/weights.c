#include "nn/import/weights.h"

#include "base/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading the lists ---- */

/* "dense/kernel:0" -> "dense/kernel" */
static void strip_output_number(char *name)
{
    char *colon = strrchr(name, ':');
    if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1))
        *colon = '\0';
}

static enum rc item_add(struct weight_group *g, const char *name, const struct h5_data *data, struct err *e)
{
    enum rc rc = mem_grow(&g->item, &g->cap, g->n + 1, sizeof(*g->item), e);
    if (rc)
        return rc;
    char *copy = mem_strdup(name, e);
    if (!copy)
        return RC_FAILED;
    strip_output_number(copy);
    g->item[g->n++] = (struct weight_item){.name = copy, .data = data};
    return RC_OK;
}

/* HDF5 treats repeated slashes as one. */
static void squeeze_slashes(char *path)
{
    char *to = path;
    for (const char *p = path; *p; p++)
        if (*p != '/' || (to > path && to[-1] != '/'))
            *to++ = *p;
    if (to > path && to[-1] == '/')
        to--;
    *to = '\0';
}

static enum rc group_read(struct weight_file *f, const char *root, const char *layer, struct weight_group *g,
                          struct err *e)
{
    enum rc rc = RC_OK;
    struct h5_strings names = {0};
    bool found;
    char *path = mem_printf(e, "%s%s%s", root, *root ? "/" : "", layer), *whole = NULL;
    g->name = path ? mem_strdup(layer, e) : NULL;
    if (!g->name) {
        rc = RC_FAILED;
        goto done;
    }
    squeeze_slashes(path);
    rc = h5_attr_strings(f->h5, path, "weight_names", &found, &names, e);
    for (size_t i = 0; i < names.n && !rc; i++) {
        mem_free(whole);
        whole = mem_printf(e, "%s/%s", path, names.item[i]);
        if (!whole) {
            rc = RC_FAILED;
            break;
        }
        squeeze_slashes(whole);
        const struct h5_data *d = h5_data_find(f->h5, whole);
        if (d)
            rc = item_add(g, names.item[i], d, e);
    }
    if (!rc && !found) { /* no list: whatever lies below the group */
        const struct h5_data *d;
        size_t n = h5_data_below(f->h5, path, &d), skip = strlen(path) + 1;
        for (size_t i = 0; i < n && !rc; i++)
            rc = item_add(g, d[i].path + skip, &d[i], e);
    }
done:
    h5_strings_free(&names);
    mem_free(whole);
    mem_free(path);
    return rc;
}

static int group_order(const void *a, const void *b)
{
    return strcmp(((const struct weight_group *)a)->name, ((const struct weight_group *)b)->name);
}

enum rc weight_file_open(struct h5_file *h5, const char *root, bool keras1, struct weight_file *out, struct err *e)
{
    *out = (struct weight_file){.h5 = h5, .keras1 = keras1};
    struct h5_strings layers = {0};
    bool found;
    enum rc rc = h5_attr_strings(h5, root, "layer_names", &found, &layers, e);
    for (size_t i = 0; i < layers.n && !rc; i++) {
        rc = mem_grow(&out->group, &out->cap, out->n + 1, sizeof(*out->group), e);
        if (rc)
            break;
        out->group[out->n] = (struct weight_group){0};
        rc = group_read(out, root, layers.item[i], &out->group[out->n], e);
        out->n += out->group[out->n].name != NULL;
    }
    h5_strings_free(&layers);
    if (rc) {
        weight_file_close(out);
        return rc;
    }
    if (out->n)
        qsort(out->group, out->n, sizeof(*out->group), group_order);
    return RC_OK;
}

void weight_file_close(struct weight_file *f)
{
    for (size_t i = 0; i < f->n; i++) {
        for (size_t k = 0; k < f->group[i].n; k++)
            mem_free(f->group[i].item[k].name);
        mem_free(f->group[i].item);
        mem_free(f->group[i].name);
    }
    mem_free(f->group);
    *f = (struct weight_file){0};
}

/* ---- selections ---- */

static enum rc set_new(struct weight_group *g, size_t n, struct weight_set *out, struct err *e)
{
    *out = (struct weight_set){.group = g, .pick = mem_zalloc(n, sizeof(*out->pick), e)};
    return out->pick ? RC_OK : RC_FAILED;
}

void weight_set_free(struct weight_set *s)
{
    mem_free(s->pick);
    *s = (struct weight_set){0};
}

enum rc weight_set_top(const struct weight_file *f, const char *layer, struct weight_set *out, struct err *e)
{
    const struct weight_group key = {.name = (char *)(uintptr_t)layer};
    struct weight_group *g = f->n ? bsearch(&key, f->group, f->n, sizeof(key), group_order) : NULL;
    enum rc rc = set_new(g, g ? g->n : 0, out, e);
    for (size_t i = 0; g && !rc && i < g->n; i++)
        out->pick[out->n++] = (int32_t)i;
    return rc;
}

enum rc weight_set_part(const struct weight_set *from, size_t lo, size_t hi, struct weight_set *out, struct err *e)
{
    hi = hi < from->n ? hi : from->n;
    lo = lo < hi ? lo : hi;
    enum rc rc = set_new(from->group, hi - lo, out, e);
    for (size_t i = lo; i < hi && !rc; i++)
        out->pick[out->n++] = from->pick[i];
    return rc;
}

enum rc weight_set_prefix(const struct weight_set *from, const char *prefix, struct weight_set *out, struct err *e)
{
    enum rc rc = set_new(from->group, from->n, out, e);
    for (size_t i = 0; i < from->n && !rc; i++) {
        const char *name = from->group->item[from->pick[i]].name;
        bool found = str_starts(name, prefix);
        for (const char *p = name; !found && (p = strchr(p, '/')) != NULL; p++)
            found = str_starts(p + 1, prefix);
        if (found)
            out->pick[out->n++] = from->pick[i];
    }
    return rc;
}

/* How a weight's name mentions a layer; looser ways have larger numbers. */
enum mention { MENTION_EXACT, MENTION_FLAT, MENTION_NUMBERED, MENTION_N };

/* `layer` as a whole run of path components: at the start or after '/', and before '/'. numbered: a "_12" that
 * TensorFlow added to make names unique may stand between. How many components stand before it; -1: not mentioned. */
static int mentions(const char *name, const char *layer, enum mention how)
{
    size_t len = strlen(layer);
    if (how == MENTION_FLAT) { /* Keras 1: dense_1_W */
        const char *last = strrchr(name, '/');
        last = last ? last + 1 : name;
        return strncmp(last, layer, len) == 0 && last[len] == '_' && isalpha((unsigned char)last[len + 1]) ? 0 : -1;
    }
    for (const char *p = name; (p = strstr(p, layer)) != NULL; p++) {
        if (p > name && p[-1] != '/')
            continue;
        const char *end = p + len;
        if (how == MENTION_NUMBERED && *end == '_')
            end += 1 + strspn(end + 1, "0123456789");
        if (*end == '/') {
            int before = 0;
            for (const char *c = name; c < p; c++)
                before += *c == '/';
            return before;
        }
    }
    return -1;
}

enum rc weight_set_inner(const struct weight_file *f, const struct weight_set *from, const char *layer, bool strict,
                         struct weight_set *out, struct err *e)
{
    enum rc rc = set_new(from->group, from->n, out, e);
    for (int how = 0; how < MENTION_N && !rc && out->n == 0 && *layer; how++) {
        if (how == MENTION_FLAT && !f->keras1)
            continue;
        /* 'Conv' is Conv/kernel, not block/Conv/kernel of a layer named 'block/Conv': the nearest to the front. */
        int least = INT_MAX;
        for (size_t i = 0; i < from->n; i++) {
            int at = mentions(from->group->item[from->pick[i]].name, layer, (enum mention)how);
            if (at >= 0 && at < least) {
                least = at;
                out->n = 0;
            }
            if (at >= 0 && at == least)
                out->pick[out->n++] = from->pick[i];
        }
    }
    for (size_t i = 0; i < from->n && !rc && out->n == 0 && !strict; i++)
        out->pick[i] = from->pick[i];
    if (!rc && out->n == 0 && !strict)
        out->n = from->n;
    return rc;
}

/* ---- one weight ---- */

/* 0: no; else the larger the better. */
static int leaf_score(const struct weight_file *f, const struct weight_item *w, const char *layer, const char *leaf)
{
    const char *last = strrchr(w->name, '/');
    last = last ? last + 1 : w->name;
    size_t len = strlen(leaf), have = strlen(last);
    int score = 0;
    if (str_eq(last, leaf))
        score = 4;
    else if (strncmp(last, leaf, len) == 0 && last[len] == '_' && last[len + 1] &&
             strspn(last + len + 1, "0123456789") == strlen(last + len + 1))
        score = 2; /* kernel_1 */
    else if (f->keras1 && have > len + 1 && last[have - len - 1] == '_' && str_eq(last + have - len, leaf))
        score = 3; /* dense_1_W */
    if (!score)
        return 0;
    size_t name_n = strlen(layer);
    if (last - w->name > (ptrdiff_t)name_n && strncmp(last - 1 - name_n, layer, name_n) == 0)
        score += 8; /* directly behind the layer's own name */
    return w->used ? score : score + 16;
}

const struct h5_data *weight_find(const struct weight_file *f, struct weight_set *s, const char *layer,
                                  const char *leaves, int place)
{
    char leaf[64];
    for (const char *p = leaves; *p;) {
        size_t n = strcspn(p, "|");
        str_format(leaf, sizeof(leaf), "%.*s", (int)n, p);
        struct weight_item *best = NULL;
        int best_score = 0;
        for (size_t i = 0; i < s->n; i++) {
            struct weight_item *w = &s->group->item[s->pick[i]];
            int score = leaf_score(f, w, layer, leaf);
            if (score > best_score) {
                best_score = score;
                best = w;
            }
        }
        if (best) {
            best->used = true;
            return best->data;
        }
        p += n + (p[n] == '|');
    }
    if (place >= 0 && (size_t)place < s->n) {
        struct weight_item *w = &s->group->item[s->pick[place]];
        const char *last = strrchr(w->name, '/');
        last = last ? last + 1 : w->name;
        if (str_starts(last, "param_") || str_starts(last, "variable") || str_starts(last, "Variable")) {
            w->used = true;
            return w->data;
        }
    }
    return NULL;
}
