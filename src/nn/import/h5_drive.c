/* A read-only HDF5 file driver over pread on an open descriptor. */
#include "nn/import/h5_drive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct drive_info {
    int fd;
    haddr_t size;
};
struct drive {
    H5FD_t pub; /* first: HDF5 hands this pointer back */
    int fd;
    haddr_t eoa, eof;
};

static H5FD_t *drive_open(const char *name, unsigned flags, hid_t fapl, haddr_t max)
{
    (void)name;
    const struct drive_info *info = H5Pget_driver_info(fapl);
    if (!info || (flags & (H5F_ACC_RDWR | H5F_ACC_CREAT | H5F_ACC_TRUNC)) || info->size > max)
        return NULL;
    struct drive *d = mem_zalloc(1, sizeof(*d), NULL);
    if (!d)
        return NULL;
    d->fd = info->fd;
    d->eof = info->size;
    return &d->pub;
}

static herr_t drive_close(H5FD_t *file)
{
    mem_free(file);
    return 0;
}

static int drive_cmp(const H5FD_t *a, const H5FD_t *b)
{
    return (a > b) - (a < b);
}

static herr_t drive_query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_ACCUMULATE_METADATA_READ;
    return 0;
}

static haddr_t drive_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const struct drive *)(const void *)file)->eoa;
}

static herr_t drive_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t addr)
{
    (void)type;
    ((struct drive *)(void *)file)->eoa = addr;
    return 0;
}

static haddr_t drive_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const struct drive *)(const void *)file)->eof;
}

static herr_t drive_read(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, void *buffer)
{
    (void)type;
    (void)dxpl;
    const struct drive *d = (const struct drive *)(const void *)file;
    char *p = buffer;
    while (size) {
        if (addr >= d->eof || addr > INT64_MAX)
            return -1;
        ssize_t n = pread(d->fd, p, size, (off_t)addr);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        addr += (haddr_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static herr_t drive_write(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, const void *buffer)
{
    (void)file, (void)type, (void)dxpl, (void)addr, (void)size, (void)buffer;
    return -1;
}

static const H5FD_class_t drive_class = {
    .name = "clinic_pread",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(struct drive_info),
    .open = drive_open,
    .close = drive_close,
    .cmp = drive_cmp,
    .query = drive_query,
    .get_eoa = drive_get_eoa,
    .set_eoa = drive_set_eoa,
    .get_eof = drive_get_eof,
    .read = drive_read,
    .write = drive_write,
    .fl_map = H5FD_FLMAP_SINGLE,
};

hid_t h5_drive_open(int fd, uint64_t size_bytes)
{
    hid_t file = H5I_INVALID_HID, fapl = H5Pcreate(H5P_FILE_ACCESS), driver = H5FDregister(&drive_class);
    const struct drive_info info = {.fd = fd, .size = size_bytes};
    if (fapl >= 0 && driver >= 0 && H5Pset_driver(fapl, driver, &info) >= 0 &&
        H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG) >= 0)
        file = H5Fopen("network", H5F_ACC_RDONLY, fapl);
    if (fapl >= 0)
        H5Pclose(fapl);
    if (driver >= 0)
        H5FDunregister(driver);
    return file;
}
