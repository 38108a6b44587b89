/* Dataset values as float32, whole or in slabs. */
#include "nn/import/h5_drive.h"
#include "nn/import/h5_file.h"

#include <string.h>

enum { SLAB_VALUES = 1 << 20, CHUNK_CACHE_BYTES = 64 << 20 };

/* A slab is a box: leading axes fixed, `part` rows of axis `split`, everything behind it. */
struct slab {
    int split;
    int64_t part, inner; /* rows of the split axis at a time; values behind one row */
};

static struct slab slab_plan(const struct h5_data *d)
{
    struct slab s = {.split = 0, .inner = 1};
    for (int i = d->rank - 1; i >= 0; i--) {
        if (s.inner * d->dim[i] > SLAB_VALUES) {
            s.split = i;
            s.part = SLAB_VALUES / s.inner > 0 ? SLAB_VALUES / s.inner : 1;
            return s;
        }
        s.inner *= d->dim[i];
    }
    s.inner = d->rank ? s.inner / (d->dim[0] ? d->dim[0] : 1) : 1;
    s.part = d->rank ? d->dim[0] : 1;
    return s;
}

/* A chunk that does not fit the cache would be unpacked again for every slab that touches it. */
static hid_t cache_for(hid_t file, const char *path)
{
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (access >= 0)
        H5Pset_chunk_cache(access, 12421, CHUNK_CACHE_BYTES, 1.0);
    hid_t set = H5Dopen2(file, path, access < 0 ? H5P_DEFAULT : access);
    hid_t plist = set < 0 ? H5I_INVALID_HID : H5Dget_create_plist(set),
          type = set < 0 ? H5I_INVALID_HID : H5Dget_type(set);
    hsize_t chunk[H5S_MAX_RANK];
    int rank = plist >= 0 && H5Pget_layout(plist) == H5D_CHUNKED ? H5Pget_chunk(plist, H5S_MAX_RANK, chunk) : 0;
    size_t bytes = type >= 0 ? H5Tget_size(type) : 0;
    for (int i = 0; i < rank && i < H5S_MAX_RANK; i++)
        bytes *= (size_t)chunk[i];
    if (rank > 0 && bytes > CHUNK_CACHE_BYTES && access >= 0) {
        H5Dclose(set);
        H5Pset_chunk_cache(access, 13, bytes, 1.0);
        set = H5Dopen2(file, path, access);
    }
    if (type >= 0)
        H5Tclose(type);
    if (plist >= 0)
        H5Pclose(plist);
    if (access >= 0)
        H5Pclose(access);
    return set;
}

static enum rc slab_read(hid_t set, hid_t space, const struct h5_data *d, const hsize_t *start, const hsize_t *count,
                         hsize_t n, float *to, struct err *e)
{
    enum rc rc = RC_OK;
    hid_t memory = H5Screate_simple(1, &n, NULL);
    if (memory < 0 || (d->rank && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0) ||
        H5Dread(set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, to) < 0)
        rc = h5_fail(e, ERR_MODEL_TRUNCATED, "weights cannot be read");
    if (memory >= 0)
        H5Sclose(memory);
    return rc;
}

enum rc h5_data_stream(struct h5_file *f, const struct h5_data *d, h5_slab_fn *fn, void *ctx, struct err *e)
{
    if (!d->numbers)
        return err_set(e, ERR_MODEL_UNSUPPORTED, "dataset '%s' does not hold numbers", d->path);
    if (d->n == 0)
        return RC_OK;
    if (!d->has_data)
        return err_set(e, ERR_MODEL_TRUNCATED, "dataset '%s' was never written", d->path);
    struct slab s = slab_plan(d);
    enum rc rc = RC_OK;
    float *buffer = mem_aligned(sizeof(float) * (size_t)(s.part * s.inner), e);
    hid_t set = buffer ? cache_for(h5_file_id(f), d->path) : H5I_INVALID_HID;
    hid_t space = set >= 0 ? H5Dget_space(set) : H5I_INVALID_HID;
    if (!buffer)
        rc = RC_FAILED;
    else if (space < 0)
        rc = h5_fail(e, ERR_MODEL_TRUNCATED, "weights cannot be opened");
    hsize_t start[H5_RANK_MAX] = {0}, count[H5_RANK_MAX];
    for (int i = 0; i < d->rank; i++)
        count[i] = i < s.split ? 1 : (hsize_t)d->dim[i];
    for (bool more = true; more && !rc;) {
        int64_t rows = s.part;
        if (d->rank) {
            int64_t left = d->dim[s.split] - (int64_t)start[s.split];
            rows = rows < left ? rows : left;
            count[s.split] = (hsize_t)rows;
        }
        size_t n = (size_t)(rows * s.inner);
        rc = slab_read(set, space, d, start, count, n, buffer, e);
        if (!rc)
            rc = fn(ctx, buffer, n, e);
        more = false;
        for (int i = d->rank ? s.split : -1; i >= 0 && !more; i--) {
            start[i] += i == s.split ? (hsize_t)rows : 1;
            more = start[i] < (hsize_t)d->dim[i];
            if (!more)
                start[i] = 0;
        }
    }
    if (space >= 0)
        H5Sclose(space);
    if (set >= 0)
        H5Dclose(set);
    mem_free(buffer);
    return rc;
}

struct collect {
    float *to;
};

static enum rc collect_slab(void *ctx, const float *data, size_t n, struct err *e)
{
    (void)e;
    struct collect *c = ctx;
    memcpy(c->to, data, n * sizeof(float));
    c->to += n;
    return RC_OK;
}

enum rc h5_data_read(struct h5_file *f, const struct h5_data *d, float *to, struct err *e)
{
    struct collect c = {to};
    return h5_data_stream(f, d, collect_slab, &c, e);
}
