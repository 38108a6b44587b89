/* Between the files of the room. */
#ifndef CLINIC_IMAGE_PRIV_H
#define CLINIC_IMAGE_PRIV_H

#include "image.h"

/* Own pixels of the given shape, not cleared. Sizes outside the limits are ERR_IMAGE_LIMIT. */
enum rc image_init_blank(struct image *im, int32_t width_px, int32_t height_px, int32_t channels, int32_t bits,
                         struct err *e) MUST_USE;
/* out borrows in's pixels. */
void image_borrow(const struct image *in, struct image *out);
/* Limits of image.h, as a decoder meets them in a header. */
enum rc image_check_limits(uint64_t width_px, uint64_t height_px, struct err *e) MUST_USE;

/* EXIF orientation 1..8 of a TIFF block ("II*\0" or "MM\0*"); 1 when absent or not sound. Reads nothing outside data.
 */
int32_t image_exif_orientation(const uint8_t *data, size_t n);

/* The two decoders (cage only). Same contract as image_decode. */
enum rc image_png_decode(const uint8_t *data, size_t n, struct image_place to, struct image *out,
                         struct err *e) MUST_USE;
enum rc image_jpeg_decode(const uint8_t *data, size_t n, struct image_place to, struct image *out,
                          struct err *e) MUST_USE;

/* Part of a picture in pixels, as Pillow's resize(box=): the fields are float because Pillow's are. */
struct image_box {
    float x0, y0, x1, y1;
};
/* Resizes raw 8-bit channels independently of each other (alpha is one more channel). box NULL: the whole picture. */
enum rc image_pil_resize(const struct image *in, const struct image_box *box, int32_t width_px, int32_t height_px,
                         enum image_filter f, struct image *out, struct err *e) MUST_USE;
/* As image_resize_f32 from 8-bit samples, without a float copy of the whole picture. */
enum rc image_tf_resize_u8(const uint8_t *in, int32_t w, int32_t h, int32_t c, int32_t w2, int32_t h2,
                           enum image_filter f, float *out, struct err *e) MUST_USE;

#endif
