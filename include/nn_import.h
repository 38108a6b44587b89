/* Import of Keras HDF5 networks. Runs only inside the cage (and in unit tests): bytes come through `source`, the
 * neutral form of nn/ir.h leaves through `sink`; no file is opened, nothing global is changed but HDF5's own state. */
#ifndef CLINIC_NN_IMPORT_H
#define CLINIC_NN_IMPORT_H

#include "base/mem.h"

struct nn_import_source {
    int fd; /* .h5 (or .keras) read with pread only */
    uint64_t size_bytes;
    const char *json; /* architecture of a weights-only file, or NULL */
    size_t json_n;
};
struct nn_import_sink {
    int fd;             /* neutral form, written with pwrite only */
    uint64_t max_bytes; /* ERR_MODEL_LIMIT beyond */
};
/* HDF5 library initialisation that needs files, locale or environment: call before the sandbox closes. */
enum rc nn_import_warm_up(struct err *e) MUST_USE;
/* Errors: MODEL_NOT_HDF5, MODEL_TRUNCATED, MODEL_UNSUPPORTED (all unsupported layers of the file at once, by name),
 * MODEL_WEIGHTS ("weights missing for layer 'X'"), MODEL_SHAPE ("shape of 'Z' is A, expected B"), MODEL_LIMIT,
 * MODEL_CONFIG, MODEL_HOSTILE, MEMORY. */
enum rc nn_import(const struct nn_import_source *src, const struct nn_import_sink *to, struct err *e) MUST_USE;

#endif
