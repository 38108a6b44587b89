#include "nn/import/h5_file.h"

#include "base/text.h"
#include "nn/import/h5_drive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ATTR_STRINGS_MAX = 200000,
    ATTR_BYTES_MAX = 64 << 20,
    PATH_TEXT_MAX = 64 << 20,
    CHUNK_BYTES_MAX = 256 << 20,
    BOMB_FLOOR_BYTES = 64 << 20, /* below this no ratio between stored and unpacked bytes is suspicious */
    BOMB_RATIO = 200,
};

struct entry {
    struct h5_data data; /* data.path owned */
    bool is_data;
};
struct h5_file {
    hid_t id;
    struct entry *entry; /* sorted by path after the scan */
    size_t entry_n, entry_cap, text_bytes;
    haddr_t *seen; /* open-addressed set of object addresses + 1, 0: empty */
    size_t seen_cap, seen_n;
    struct h5_data *flat; /* datasets alone, in path order */
    size_t flat_n;
};

/* ---- errors ---- */

static herr_t first_words(unsigned n, const H5E_error2_t *at, void *out)
{
    if (n == 0 && at->desc)
        str_copy(out, 120, at->desc);
    return 0;
}

enum rc h5_fail(struct err *e, enum err_code code, const char *what)
{
    char reason[120] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_words, reason);
    H5Eclear2(H5E_DEFAULT);
    return err_set(e, code, "%s%s%s", what, *reason ? ": " : "", reason);
}

enum rc h5_warm_up(struct err *e)
{
    if (H5open() < 0 || H5PLset_loading_state(0) < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0)
        return err_set(e, ERR_INTERNAL, "the HDF5 library does not start");
    return RC_OK;
}

/* ---- index ---- */

static bool seen_before(struct h5_file *f, haddr_t addr, struct err *e, enum rc *rc)
{
    if (2 * (f->seen_n + 1) > f->seen_cap) {
        size_t cap = f->seen_cap ? 2 * f->seen_cap : 1024;
        haddr_t *set = mem_zalloc(cap, sizeof(*set), e);
        if (!set) {
            *rc = RC_FAILED;
            return false;
        }
        for (size_t i = 0; i < f->seen_cap; i++) {
            if (!f->seen[i])
                continue;
            size_t at = (size_t)(f->seen[i] * 0x9E3779B97F4A7C15u) & (cap - 1);
            while (set[at])
                at = (at + 1) & (cap - 1);
            set[at] = f->seen[i];
        }
        mem_free(f->seen);
        f->seen = set;
        f->seen_cap = cap;
    }
    size_t at = (size_t)((addr + 1) * 0x9E3779B97F4A7C15u) & (f->seen_cap - 1);
    for (; f->seen[at]; at = (at + 1) & (f->seen_cap - 1))
        if (f->seen[at] == addr + 1)
            return true;
    f->seen[at] = addr + 1;
    f->seen_n++;
    return false;
}

/* Contiguous, compact or chunked inside this file, with HDF5's own reversible filters only. */
static enum rc storage_check(hid_t set, const char *path, size_t type_bytes, int64_t n, struct err *e)
{
    hid_t plist = H5Dget_create_plist(set);
    if (plist < 0)
        return h5_fail(e, ERR_MODEL_TRUNCATED, "dataset without a creation list");
    enum rc rc = RC_OK;
    H5D_layout_t layout = H5Pget_layout(plist);
    if (H5Pget_external_count(plist) != 0)
        rc = err_set(e, ERR_MODEL_HOSTILE, "dataset '%s' keeps its data in another file", path);
    else if (layout == H5D_VIRTUAL)
        rc = err_set(e, ERR_MODEL_HOSTILE, "dataset '%s' is a virtual dataset", path);
    else if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
        rc = err_set(e, ERR_MODEL_HOSTILE, "dataset '%s' has an unknown layout", path);
    int filters = rc ? 0 : H5Pget_nfilters(plist);
    for (int i = 0; i < filters && !rc; i++) {
        unsigned flags, config;
        size_t values = 0;
        H5Z_filter_t id = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        if (id != H5Z_FILTER_DEFLATE && id != H5Z_FILTER_SHUFFLE && id != H5Z_FILTER_FLETCHER32)
            rc = err_set(e, ERR_MODEL_HOSTILE, "dataset '%s' needs the unknown filter %d", path, (int)id);
    }
    hsize_t chunk[H5S_MAX_RANK];
    int rank = layout == H5D_CHUNKED && !rc ? H5Pget_chunk(plist, H5S_MAX_RANK, chunk) : 0;
    double bytes = (double)type_bytes;
    for (int i = 0; i < rank && i < H5S_MAX_RANK; i++)
        bytes *= (double)chunk[i];
    if (!rc && rank > 0 && bytes > CHUNK_BYTES_MAX)
        rc = err_set(e, ERR_MODEL_LIMIT, "dataset '%s' has chunks of %.0f MiB", path, bytes / (1 << 20));
    double whole = (double)n * (double)type_bytes, stored = (double)H5Dget_storage_size(set);
    if (!rc && whole > BOMB_FLOOR_BYTES && stored > 0 && whole > BOMB_RATIO * stored)
        rc = err_set(e, ERR_MODEL_LIMIT, "dataset '%s' unpacks to %.0f MiB from %.1f MiB", path, whole / (1 << 20),
                     stored / (1 << 20));
    H5Pclose(plist);
    return rc;
}

static bool type_is_number(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_FLOAT:
        return H5Tget_size(type) <= 8;
    case H5T_INTEGER:
        return H5Tget_size(type) <= 8;
    default:
        return false;
    }
}

static enum rc data_open(hid_t group, const char *name, struct h5_data *d, struct err *e)
{
    enum rc rc = RC_OK;
    hid_t space = -1, type = -1, set = H5Dopen2(group, name, H5P_DEFAULT);
    if (set < 0)
        return h5_fail(e, ERR_MODEL_TRUNCATED, "a dataset cannot be opened");
    space = H5Dget_space(set);
    type = H5Dget_type(set);
    if (space < 0 || type < 0) {
        rc = h5_fail(e, ERR_MODEL_TRUNCATED, "a dataset cannot be opened");
        goto done;
    }
    hsize_t dim[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > H5_RANK_MAX || H5Sget_simple_extent_dims(space, dim, NULL) < 0) {
        rc = err_set(e, ERR_MODEL_LIMIT, "dataset '%s' has %d dimensions", d->path, rank);
        goto done;
    }
    d->rank = rank;
    d->n = H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : 1;
    for (int i = 0; i < rank; i++) {
        if (dim[i] > INT32_MAX || (d->n > 0 && (int64_t)dim[i] > INT32_MAX / d->n)) {
            rc = err_set(e, ERR_MODEL_LIMIT, "dataset '%s' has more than 2^31 values", d->path);
            goto done;
        }
        d->dim[i] = (int64_t)dim[i];
        d->n *= (int64_t)dim[i];
    }
    d->numbers = type_is_number(type);
    rc = storage_check(set, d->path, H5Tget_size(type), d->n, e);
    d->has_data = H5Dget_storage_size(set) > 0;
done:
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    H5Dclose(set);
    return rc;
}

struct walk {
    struct h5_file *f;
    struct buf path;
    int depth;
    enum rc rc;
    struct err *e;
};

static enum rc entry_add(struct walk *w, hid_t group, const char *name, bool is_data)
{
    struct h5_file *f = w->f;
    if (f->entry_n >= H5_OBJECT_MAX)
        return err_set(w->e, ERR_MODEL_LIMIT, "more than %d objects in the file", H5_OBJECT_MAX);
    f->text_bytes += w->path.len + 1;
    if (f->text_bytes > PATH_TEXT_MAX)
        return err_set(w->e, ERR_MODEL_LIMIT, "names of more than %d MiB", PATH_TEXT_MAX >> 20);
    enum rc rc = mem_grow(&f->entry, &f->entry_cap, f->entry_n + 1, sizeof(*f->entry), w->e);
    if (rc)
        return rc;
    struct entry *n = &f->entry[f->entry_n];
    *n = (struct entry){.is_data = is_data, .data.path = mem_strdup(w->path.data, w->e)};
    if (!n->data.path)
        return RC_FAILED;
    f->entry_n++;
    return is_data ? data_open(group, name, &n->data, w->e) : RC_OK;
}

static herr_t walk_link(hid_t group, const char *name, const H5L_info_t *info, void *ctx);

static enum rc walk_group(struct walk *w, hid_t group, const char *name)
{
    if (w->depth >= H5_DEPTH_MAX)
        return err_set(w->e, ERR_MODEL_LIMIT, "groups nested more than %d deep", H5_DEPTH_MAX);
    enum rc rc = entry_add(w, group, name, false);
    if (rc)
        return rc;
    hid_t id = H5Gopen2(group, name, H5P_DEFAULT);
    if (id < 0)
        return h5_fail(w->e, ERR_MODEL_TRUNCATED, "a group cannot be opened");
    w->depth++;
    hsize_t at = 0;
    if (H5Literate(id, H5_INDEX_NAME, H5_ITER_NATIVE, &at, walk_link, w) < 0 && !w->rc)
        w->rc = h5_fail(w->e, ERR_MODEL_TRUNCATED, "a group cannot be listed");
    w->depth--;
    H5Gclose(id);
    return w->rc;
}

static enum rc walk_object(struct walk *w, hid_t group, const char *name)
{
    H5O_info_t info;
    if (H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return h5_fail(w->e, ERR_MODEL_TRUNCATED, "an object cannot be opened");
    enum rc rc = RC_OK;
    if (seen_before(w->f, info.addr, w->e, &rc))
        return err_set(w->e, ERR_MODEL_HOSTILE, "'%s' is linked twice or forms a cycle", w->path.data);
    if (rc)
        return rc;
    if (info.type == H5O_TYPE_GROUP)
        return walk_group(w, group, name);
    if (info.type == H5O_TYPE_DATASET)
        return entry_add(w, group, name, true);
    return RC_OK; /* named types are never used */
}

static herr_t walk_link(hid_t group, const char *name, const H5L_info_t *info, void *ctx)
{
    struct walk *w = ctx;
    size_t len = w->path.len;
    if (len)
        buf_putc(&w->path, '/');
    buf_puts(&w->path, name);
    if ((w->rc = buf_check(&w->path, w->e)) == RC_OK) {
        /* Optimizer state is never read: what it holds cannot matter. */
        if (len == 0 && str_eq(name, "optimizer_weights"))
            ;
        else if (info->type == H5L_TYPE_SOFT)
            w->rc = err_set(w->e, ERR_MODEL_HOSTILE, "'%s' is a soft link", w->path.data);
        else if (info->type == H5L_TYPE_EXTERNAL)
            w->rc = err_set(w->e, ERR_MODEL_HOSTILE, "'%s' is a link to another file", w->path.data);
        else if (info->type != H5L_TYPE_HARD)
            w->rc = err_set(w->e, ERR_MODEL_HOSTILE, "'%s' is a link of unknown kind", w->path.data);
        else
            w->rc = walk_object(w, group, name);
        w->path.len = len;
        w->path.data[len] = '\0';
    }
    return w->rc ? -1 : 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->data.path, ((const struct entry *)b)->data.path);
}

static enum rc scan(struct h5_file *f, struct err *e)
{
    struct walk w = {.f = f, .e = e};
    buf_puts(&w.path, "");
    enum rc rc = buf_check(&w.path, e);
    if (!rc)
        rc = walk_object(&w, f->id, "/");
    buf_free(&w.path);
    if (rc)
        return rc;
    qsort(f->entry, f->entry_n, sizeof(*f->entry), by_path);
    f->flat = mem_zalloc(f->entry_n, sizeof(*f->flat), e);
    if (!f->flat)
        return RC_FAILED;
    for (size_t i = 0; i < f->entry_n; i++)
        if (f->entry[i].is_data)
            f->flat[f->flat_n++] = f->entry[i].data;
    return RC_OK;
}

/* ---- open and close ---- */

/* HDF5's signature may stand at 0, 512, 1024, 2048, ... */
static enum rc signature_check(int fd, uint64_t size, struct err *e)
{
    static const unsigned char magic[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[8] = {0};
    if (size == 0)
        return err_set(e, ERR_MODEL_NOT_HDF5, "the file is empty");
    if (pread(fd, head, sizeof(head), 0) < 0)
        return err_sys(e, ERR_MODEL_TRUNCATED, errno, "network file");
    if (memcmp(head, "PK\3\4", 4) == 0)
        return err_set(e, ERR_MODEL_NOT_HDF5,
                       "a .keras archive (zip): load it in Keras and save it with model.save('name.h5')");
    for (uint64_t at = 0; at + 8 <= size; at = at ? 2 * at : 512) {
        if (pread(fd, head, sizeof(head), (off_t)at) == (ssize_t)sizeof(head) && memcmp(head, magic, 8) == 0)
            return RC_OK;
    }
    if (size < 8 && pread(fd, head, sizeof(head), 0) > 0 && memcmp(head, magic, (size_t)size) == 0)
        return err_set(e, ERR_MODEL_TRUNCATED, "the file ends after %llu bytes", (unsigned long long)size);
    return err_set(e, ERR_MODEL_NOT_HDF5, "no HDF5 signature");
}

enum rc h5_file_open(int fd, uint64_t size_bytes, struct h5_file **out, struct err *e)
{
    *out = NULL;
    enum rc rc = h5_warm_up(e);
    if (!rc)
        rc = signature_check(fd, size_bytes, e);
    if (rc)
        return rc;
    struct h5_file *f = mem_zalloc(1, sizeof(*f), e);
    if (!f)
        return RC_FAILED;
    f->id = h5_drive_open(fd, size_bytes);
    rc = f->id < 0 ? h5_fail(e, ERR_MODEL_TRUNCATED, "the file is truncated or damaged") : scan(f, e);
    if (rc) {
        h5_file_close(f);
        return rc;
    }
    *out = f;
    return RC_OK;
}

void h5_file_close(struct h5_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->entry_n; i++)
        mem_free((char *)(uintptr_t)f->entry[i].data.path);
    mem_free(f->entry);
    mem_free(f->seen);
    mem_free(f->flat);
    if (f->id >= 0)
        H5Fclose(f->id);
    H5Eclear2(H5E_DEFAULT);
    mem_free(f);
}

/* ---- look-up ---- */

hid_t h5_file_id(const struct h5_file *f)
{
    return f->id;
}

static const struct entry *entry_find(const struct h5_file *f, const char *path)
{
    size_t lo = 0, hi = f->entry_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(f->entry[mid].data.path, path);
        if (c == 0)
            return &f->entry[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

bool h5_has_group(const struct h5_file *f, const char *path)
{
    const struct entry *x = entry_find(f, path);
    return x && !x->is_data;
}

const struct h5_data *h5_data_find(const struct h5_file *f, const char *path)
{
    const struct entry *x = entry_find(f, path);
    return x && x->is_data ? &x->data : NULL;
}

size_t h5_data_below(const struct h5_file *f, const char *group, const struct h5_data **first)
{
    size_t len = strlen(group), lo = 0, hi = f->flat_n;
    while (lo < hi) { /* first path > "group/" */
        size_t mid = lo + (hi - lo) / 2;
        int c = strncmp(f->flat[mid].path, group, len);
        if (c < 0 || (c == 0 && len && (unsigned char)f->flat[mid].path[len] < '/'))
            lo = mid + 1;
        else
            hi = mid;
    }
    size_t n = 0;
    while (lo + n < f->flat_n && strncmp(f->flat[lo + n].path, group, len) == 0 &&
           (!len || f->flat[lo + n].path[len] == '/'))
        n++;
    *first = n ? &f->flat[lo] : NULL;
    return n;
}

/* ---- attributes ---- */

static hid_t object_open(struct h5_file *f, const char *path)
{
    if (!*path)
        return H5Gopen2(f->id, "/", H5P_DEFAULT);
    return entry_find(f, path) ? H5Oopen(f->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
}

static void strings_put(struct h5_strings *out, const char *s, size_t n, struct err *e, enum rc *rc)
{
    if (*rc)
        return;
    if (out->n >= ATTR_STRINGS_MAX) {
        *rc = err_set(e, ERR_MODEL_LIMIT, "an attribute lists more than %d names", ATTR_STRINGS_MAX);
        return;
    }
    if ((*rc = mem_grow(&out->item, &out->cap, out->n + 1, sizeof(*out->item), e)) != RC_OK)
        return;
    char *copy = mem_zalloc(n + 1, 1, e);
    if (!copy) {
        *rc = RC_FAILED;
        return;
    }
    memcpy(copy, s, n);
    out->item[out->n++] = copy;
}

static enum rc strings_vlen(hid_t attr, hid_t space, size_t n, struct h5_strings *out, struct err *e)
{
    enum rc rc = RC_OK;
    hid_t type = H5Tcopy(H5T_C_S1);
    char **list = mem_zalloc(n, sizeof(*list), e);
    hid_t own = H5Aget_type(attr);
    if (!list) {
        rc = RC_FAILED;
    } else if (type < 0 || own < 0 || H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5Tget_cset(own)) < 0 ||
               H5Aread(attr, type, list) < 0) {
        rc = h5_fail(e, ERR_MODEL_TRUNCATED, "an attribute cannot be read");
    } else {
        size_t total = 0;
        for (size_t i = 0; i < n && !rc; i++) {
            const char *s = list[i] ? list[i] : "";
            size_t len = strlen(s);
            total += len;
            if (total > ATTR_BYTES_MAX)
                rc = err_set(e, ERR_MODEL_LIMIT, "an attribute holds more than %d MiB", ATTR_BYTES_MAX >> 20);
            strings_put(out, s, len, e, &rc);
        }
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, list);
    }
    if (own >= 0)
        H5Tclose(own);
    if (type >= 0)
        H5Tclose(type);
    mem_free(list);
    return rc;
}

static enum rc strings_fixed(hid_t attr, hid_t type, size_t n, struct h5_strings *out, struct err *e)
{
    size_t width = H5Tget_size(type);
    bool blanks = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    if (width == 0 || width > ATTR_BYTES_MAX || n > ATTR_BYTES_MAX / width)
        return err_set(e, ERR_MODEL_LIMIT, "an attribute holds more than %d MiB", ATTR_BYTES_MAX >> 20);
    char *block = mem_zalloc(n, width, e);
    if (!block)
        return RC_FAILED;
    enum rc rc =
        H5Aread(attr, type, block) < 0 ? h5_fail(e, ERR_MODEL_TRUNCATED, "an attribute cannot be read") : RC_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        size_t len = strnlen(block + i * width, width);
        while (blanks && len && block[i * width + len - 1] == ' ')
            len--;
        strings_put(out, block + i * width, len, e, &rc);
    }
    mem_free(block);
    return rc;
}

static enum rc attr_read(hid_t object, const char *name, bool *found, struct h5_strings *out, struct err *e)
{
    *found = H5Aexists(object, name) > 0;
    if (!*found)
        return RC_OK;
    enum rc rc = RC_OK;
    hid_t type = -1, space = -1, attr = H5Aopen(object, name, H5P_DEFAULT);
    if (attr < 0)
        return h5_fail(e, ERR_MODEL_TRUNCATED, "an attribute cannot be opened");
    type = H5Aget_type(attr);
    space = H5Aget_space(attr);
    hssize_t n = space < 0 || H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : H5Sget_simple_extent_npoints(space);
    if (type < 0 || n < 0)
        rc = h5_fail(e, ERR_MODEL_TRUNCATED, "an attribute cannot be opened");
    else if (n > ATTR_STRINGS_MAX)
        rc = err_set(e, ERR_MODEL_LIMIT, "attribute '%s' lists more than %d names", name, ATTR_STRINGS_MAX);
    else if (n > 0 && H5Tget_class(type) == H5T_STRING) /* an empty list is an empty array of float64 */
        rc = H5Tis_variable_str(type) > 0 ? strings_vlen(attr, space, (size_t)n, out, e)
                                          : strings_fixed(attr, type, (size_t)n, out, e);
    else if (n > 0)
        rc = err_set(e, ERR_MODEL_CONFIG, "attribute '%s' is not text", name);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    H5Aclose(attr);
    return rc;
}

enum rc h5_attr_strings(struct h5_file *f, const char *group, const char *name, bool *found, struct h5_strings *out,
                        struct err *e)
{
    *out = (struct h5_strings){0};
    *found = false;
    hid_t object = object_open(f, group);
    if (object < 0) {
        H5Eclear2(H5E_DEFAULT);
        return RC_OK;
    }
    enum rc rc = attr_read(object, name, found, out, e);
    for (int i = 0; !rc && (i == 0 ? !*found : true); i++) {
        char part[80];
        bool more = false;
        str_format(part, sizeof(part), "%s%d", name, i);
        rc = attr_read(object, part, &more, out, e);
        if (!more)
            break;
        *found = true;
    }
    H5Oclose(object);
    if (rc)
        h5_strings_free(out);
    return rc;
}

enum rc h5_attr_text(struct h5_file *f, const char *group, const char *name, size_t max, char **out, size_t *n,
                     struct err *e)
{
    *out = NULL;
    *n = 0;
    struct h5_strings all;
    bool found;
    enum rc rc = h5_attr_strings(f, group, name, &found, &all, e);
    if (rc || !found || all.n == 0)
        return rc;
    *n = strlen(all.item[0]);
    if (*n > max) {
        rc = err_set(e, ERR_MODEL_LIMIT, "attribute '%s' holds more than %zu MiB", name, max >> 20);
    } else {
        *out = all.item[0];
        all.item[0] = NULL;
    }
    h5_strings_free(&all);
    return rc;
}

void h5_strings_free(struct h5_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->item[i]);
    mem_free(s->item);
    *s = (struct h5_strings){0};
}
