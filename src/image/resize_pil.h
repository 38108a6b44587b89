/* Pillow's resampling (libImaging/Resample.c): per axis a table of fixed-point coefficients, then one pass along the
 * rows and one along the columns, each rounding to 8 bits. All arithmetic is modulo 2^32, so every kernel gives the
 * same bytes. */
#ifndef CLINIC_IMAGE_RESIZE_PIL_H
#define CLINIC_IMAGE_RESIZE_PIL_H

#include "image_priv.h"

enum {
    PIL_PRECISION_BITS = 32 - 8 - 2,
    PIL_LOW_BITS = 15, /* k = hi * 2^15 + lo: two 16-bit factors, for multiply-add of 16-bit pairs */
    PIL_TAPS_ALIGN = 16,
    PIL_PAD_BYTES = 128, /* kernels may read so far behind a row, and multiply what is there by 0 */
};

struct pil_axis {
    int32_t out_n;
    int32_t taps_n;         /* stored per output: the widest, rounded up to PIL_TAPS_ALIGN, zeros behind count */
    int32_t *first, *count; /* out_n each: the inputs first .. first+count-1 make one output */
    int16_t *lo, *hi;       /* out_n * taps_n each */
    void *owned;
};

static inline int32_t pil_k(const struct pil_axis *a, size_t at)
{
    return a->hi[at] * (1 << PIL_LOW_BITS) + a->lo[at];
}

static inline uint8_t pil_clip8(int32_t sum)
{
    sum >>= PIL_PRECISION_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* rows: rows_n rows of in -> a->out_n pixels each. columns: one row of n bytes from the rows
 * in + (first .. first+count-1) * stride that output y needs. */
struct pil_kernel {
    const char *name;
    bool (*supported)(void);
    void (*rows)(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride, int32_t rows_n, int32_t channels,
                 const struct pil_axis *a);
    void (*column)(const uint8_t *in, size_t stride, uint8_t *out, size_t n, const struct pil_axis *a, int32_t y);
};

#define PIL_KERNEL(isa)                                                                                                \
    void image_pil_rows_##isa(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride, int32_t rows_n,    \
                              int32_t channels, const struct pil_axis *a);                                             \
    void image_pil_column_##isa(const uint8_t *in, size_t stride, uint8_t *out, size_t n, const struct pil_axis *a,    \
                                int32_t y);
PIL_KERNEL(scalar)
PIL_KERNEL(sse41)
PIL_KERNEL(avx2)
#undef PIL_KERNEL

/* Rows from the fastest to the scalar one, which is supported everywhere. */
const struct pil_kernel *image_pil_kernels(size_t *n);
/* image_pil_resize with a kernel of the caller's choice (tests, bench). */
enum rc image_pil_resize_with(const struct pil_kernel *k, const struct image *in, const struct image_box *box,
                              int32_t width_px, int32_t height_px, enum image_filter f, struct image *out,
                              struct err *e) MUST_USE;

#endif
