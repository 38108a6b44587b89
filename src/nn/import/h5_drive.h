/* Inside the HDF5 owner only: opens a descriptor as an HDF5 file without any path. */
#ifndef CLINIC_NN_IMPORT_H5_DRIVE_H
#define CLINIC_NN_IMPORT_H5_DRIVE_H

#include "base/mem.h"

#include <hdf5.h>

/* Negative on failure; the reason is on HDF5's error stack. */
hid_t h5_drive_open(int fd, uint64_t size_bytes);
struct h5_file;
hid_t h5_file_id(const struct h5_file *f);
/* Sets e to "what: the innermost reason HDF5 gives". */
enum rc h5_fail(struct err *e, enum err_code code, const char *what);

#endif
