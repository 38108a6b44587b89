/* The HDF5 container as plain data: an index of groups and datasets, attribute texts, weights as float32. The only
 * owner of libhdf5. Reads through pread on one descriptor; opens no path, loads no plugin, follows no link but hard
 * ones. A file that holds soft or external links, external or virtual storage, foreign filters, cycles or bombs
 * anywhere in its weights is refused as a whole when it is opened. */
#ifndef CLINIC_NN_IMPORT_H5_FILE_H
#define CLINIC_NN_IMPORT_H5_FILE_H

#include "base/mem.h"

enum { H5_RANK_MAX = 8, H5_DEPTH_MAX = 64, H5_OBJECT_MAX = 200000 };

struct h5_file;
/* One dataset of numbers; borrowed from the file. */
struct h5_data {
    const char *path;
    int32_t rank;
    int64_t dim[H5_RANK_MAX];
    int64_t n;     /* elements, <= INT32_MAX */
    bool numbers;  /* integers or IEEE floats; other types are listed, not readable */
    bool has_data; /* false: never written */
};
struct h5_strings {
    char **item;
    size_t n, cap;
};

enum rc h5_warm_up(struct err *e) MUST_USE;
/* MODEL_NOT_HDF5, MODEL_TRUNCATED, MODEL_HOSTILE, MODEL_LIMIT. */
enum rc h5_file_open(int fd, uint64_t size_bytes, struct h5_file **out, struct err *e) MUST_USE;
void h5_file_close(struct h5_file *f);

bool h5_has_group(const struct h5_file *f, const char *path); /* "" is the root; no leading slash */
const struct h5_data *h5_data_find(const struct h5_file *f, const char *path);
/* Datasets below a group, in path order; returns how many, *first gets the first. */
size_t h5_data_below(const struct h5_file *f, const char *group, const struct h5_data **first);

/* Scalar text attribute; *out is NULL when absent. Caller frees. */
enum rc h5_attr_text(struct h5_file *f, const char *group, const char *name, size_t max, char **out, size_t *n,
                     struct err *e) MUST_USE;
/* Array of texts, NAME or NAME0, NAME1, ... (split by Keras at 64 KiB); empty when absent. */
enum rc h5_attr_strings(struct h5_file *f, const char *group, const char *name, bool *found, struct h5_strings *out,
                        struct err *e) MUST_USE;
void h5_strings_free(struct h5_strings *s);

/* Whole dataset as float32, row-major. */
enum rc h5_data_read(struct h5_file *f, const struct h5_data *d, float *to, struct err *e) MUST_USE;
/* The same in pieces of a few MiB, in order. */
typedef enum rc h5_slab_fn(void *ctx, const float *data, size_t n, struct err *e);
enum rc h5_data_stream(struct h5_file *f, const struct h5_data *d, h5_slab_fn *fn, void *ctx, struct err *e) MUST_USE;

#endif
