/* NumPy array files (.npy, format 1.0 to 3.0): float32 in C order; float64 and integers are converted while reading. */
#ifndef CLINIC_STATION_NPY_H
#define CLINIC_STATION_NPY_H

#include "base/mem.h"

enum { NPY_RANK_MAX = 8 };

struct npy {
    int32_t rank;
    int64_t dim[NPY_RANK_MAX];
    size_t elements;
    float *data; /* owned */
};
/* Header and size are checked against each other before anything is allocated. ERR_NPY says what is wrong. */
enum rc npy_parse(const void *bytes, size_t n, struct npy *out, struct err *e) MUST_USE;
enum rc npy_read(const char *path, size_t max_bytes, struct npy *out, struct err *e) MUST_USE;
enum rc npy_write(const char *path, const struct npy *a, struct err *e) MUST_USE;
void npy_fini(struct npy *a);

#endif
