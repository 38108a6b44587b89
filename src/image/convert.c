/* Colour, depth, orientation, window, crop; and resizing with alpha, which Pillow does on premultiplied colour. */
#include "image_priv.h"

#include <math.h>
#include <string.h>

static enum rc like(const struct image *in, int32_t width_px, int32_t height_px, int32_t channels, int32_t bits,
                    struct image *out, struct err *e)
{
    enum rc rc = image_init_blank(out, width_px, height_px, channels, bits, e);
    if (rc == RC_OK) {
        out->source_bits = in->source_bits;
        out->format = in->format;
        out->orientation = in->orientation;
    }
    return rc;
}

static size_t pixels_n(const struct image *im)
{
    return (size_t)im->width_px * (size_t)im->height_px;
}

/* A sample of either depth as 8 bits. */
static inline uint8_t level(const struct image *im, size_t at)
{
    return im->bits == 8 ? im->u8[at] : (uint8_t)(im->u16[at] >> 8);
}

enum rc image_to_rgb8(const struct image *in, struct image *out, struct err *e)
{
    if (in->channels == 3 && in->bits == 8) {
        image_borrow(in, out);
        return RC_OK;
    }
    enum rc rc = like(in, in->width_px, in->height_px, 3, 8, out, e);
    if (rc != RC_OK) {
        return rc;
    }
    size_t n = pixels_n(in), step = (size_t)in->channels, green = step > 2 ? 1 : 0, blue = step > 2 ? 2 : 0;
    uint8_t *to = out->u8;
    for (size_t i = 0, at = 0; i < n; i++, at += step, to += 3) {
        to[0] = level(in, at);
        to[1] = level(in, at + green);
        to[2] = level(in, at + blue);
    }
    return RC_OK;
}

/* ITU-R 601-2 in 16-bit fixed point, libImaging/Convert.c */
static inline uint8_t luma(unsigned r, unsigned g, unsigned b)
{
    return (uint8_t)((r * 19595U + g * 38470U + b * 7471U + 0x8000U) >> 16);
}

enum rc image_to_grey8(const struct image *in, struct image *out, struct err *e)
{
    if (in->channels == 1 && in->bits == 8) {
        image_borrow(in, out);
        return RC_OK;
    }
    enum rc rc = like(in, in->width_px, in->height_px, 1, 8, out, e);
    if (rc != RC_OK) {
        return rc;
    }
    size_t n = pixels_n(in), step = (size_t)in->channels;
    for (size_t i = 0, at = 0; step < 3 && i < n; i++, at += step) {
        out->u8[i] = level(in, at);
    }
    for (size_t i = 0, at = 0; step > 2 && i < n; i++, at += step) {
        out->u8[i] = luma(level(in, at), level(in, at + 1), level(in, at + 2));
    }
    return RC_OK;
}

/* Walks the source in the order of the upright picture: EXIF 1..8 as flips and a transposition. */
static const struct {
    bool transpose, flip_x, flip_y;
} turns[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false},  [6] = {true, false, true},  [7] = {true, true, true},  [8] = {true, true, false},
};

static inline void turn(const struct image *in, int32_t orientation, size_t px, struct image *out)
{
    ptrdiff_t right = (ptrdiff_t)px, down = (ptrdiff_t)px * in->width_px; /* steps in the source */
    const uint8_t *corner = in->u8;
    if (turns[orientation].flip_x) {
        corner += right * (in->width_px - 1);
        right = -right;
    }
    if (turns[orientation].flip_y) {
        corner += down * (in->height_px - 1);
        down = -down;
    }
    ptrdiff_t along = turns[orientation].transpose ? down : right, across = turns[orientation].transpose ? right : down;
    uint8_t *to = out->u8;
    for (int32_t y = 0; y < out->height_px; y++) {
        for (int32_t x = 0; x < out->width_px; x++, to += px) {
            memcpy(to, corner + y * across + x * along, px);
        }
    }
}

enum rc image_orient(const struct image *in, int32_t orientation, struct image *out, struct err *e)
{
    if (orientation < 1 || orientation > 8) {
        return err_set(e, ERR_VALUE, "Orientation %d, allowed 1 to 8", orientation);
    }
    if (orientation == 1) {
        image_borrow(in, out);
        return RC_OK;
    }
    bool transpose = turns[orientation].transpose;
    int32_t w = transpose ? in->height_px : in->width_px, h = transpose ? in->width_px : in->height_px;
    enum rc rc = like(in, w, h, in->channels, in->bits, out, e);
    if (rc != RC_OK) {
        return rc;
    }
    size_t px = (size_t)in->channels * (size_t)(in->bits / 8);
    switch (px) { /* a constant size spares a call per pixel */
    case 1:
        turn(in, orientation, 1, out);
        break;
    case 3:
        turn(in, orientation, 3, out);
        break;
    default:
        turn(in, orientation, px, out);
    }
    out->orientation = 1;
    return RC_OK;
}

/* DICOM PS3.3 C.11.2.1.2.1, linear: width 2^bits and centre 2^(bits-1) is the full range. */
static uint8_t window_level(double v, double centre, double width)
{
    double low = centre - 0.5 - (width - 1) / 2, high = centre - 0.5 + (width - 1) / 2;
    if (v <= low) {
        return 0;
    }
    if (v > high) {
        return 255;
    }
    return (uint8_t)lround(((v - (centre - 0.5)) / (width - 1) + 0.5) * 255);
}

enum rc image_window(const struct image *in, double centre, double width, bool invert, struct image *out, struct err *e)
{
    size_t levels_n = (size_t)1 << in->bits, n = pixels_n(in);
    if (!isfinite(centre) || !isfinite(width)) {
        return err_set(e, ERR_VALUE, "Window %g/%g is not a number", centre, width);
    }
    if (in->channels > 2) {
        return err_set(e, ERR_VALUE, "A window applies to grey pictures, this one has %d channels", in->channels);
    }
    if (width <= 0) {
        width = (double)levels_n;
        centre = width / 2;
    }
    width = width < 1 ? 1 : width;
    uint8_t *table = mem_zalloc(levels_n, 1, e);
    enum rc rc = table ? like(in, in->width_px, in->height_px, 1, 8, out, e) : RC_FAILED;
    for (size_t v = 0; rc == RC_OK && v < levels_n; v++) {
        uint8_t to = window_level((double)v, centre, width);
        table[v] = invert ? (uint8_t)(255 - to) : to;
    }
    for (size_t i = 0; rc == RC_OK && i < n; i++) {
        size_t at = i * (size_t)in->channels;
        out->u8[i] = table[in->bits == 8 ? in->u8[at] : in->u16[at]];
    }
    mem_free(table);
    return rc;
}

enum rc image_crop(const struct image *in, int32_t x, int32_t y, int32_t w, int32_t h, struct image *out, struct err *e)
{
    if (x < 0 || y < 0 || w < 1 || h < 1 || x > in->width_px - w || y > in->height_px - h) {
        return err_set(e, ERR_VALUE, "Part %d x %d at %d, %d is outside the picture of %d x %d pixels", w, h, x, y,
                       in->width_px, in->height_px);
    }
    if (w == in->width_px && h == in->height_px) {
        image_borrow(in, out);
        return RC_OK;
    }
    enum rc rc = like(in, w, h, in->channels, in->bits, out, e);
    if (rc != RC_OK) {
        return rc;
    }
    size_t px = (size_t)in->channels * (size_t)(in->bits / 8), row = (size_t)w * px;
    for (int32_t i = 0; i < h; i++) {
        size_t from = ((size_t)(y + i) * (size_t)in->width_px + (size_t)x) * px;
        memcpy(out->u8 + (size_t)i * row, in->u8 + from, row);
    }
    return RC_OK;
}

/* libImaging/Convert.c, rgbA2rgba: MULDIV255. */
static void premultiply(const struct image *in, struct image *out)
{
    size_t n = pixels_n(in), step = (size_t)in->channels, alpha = step - 1;
    for (size_t i = 0, at = 0; i < n; i++, at += step) {
        unsigned a = in->u8[at + alpha];
        for (size_t c = 0; c < alpha; c++) {
            unsigned t = in->u8[at + c] * a + 128;
            out->u8[at + c] = (uint8_t)((t + (t >> 8)) >> 8);
        }
        out->u8[at + alpha] = (uint8_t)a;
    }
}

/* rgba2rgbA */
static void divide_by_alpha(struct image *im)
{
    size_t n = pixels_n(im), step = (size_t)im->channels, alpha = step - 1;
    for (size_t i = 0, at = 0; i < n; i++, at += step) {
        unsigned a = im->u8[at + alpha];
        if (a == 0 || a == 255) {
            continue;
        }
        for (size_t c = 0; c < alpha; c++) {
            unsigned v = 255U * im->u8[at + c] / a;
            im->u8[at + c] = (uint8_t)(v > 255 ? 255 : v);
        }
    }
}

enum rc image_resize_u8(const struct image *in, int32_t width_px, int32_t height_px, enum image_filter f,
                        struct image *out, struct err *e)
{
    bool alpha = in->channels == 2 || in->channels == 4;
    bool same = width_px == in->width_px && height_px == in->height_px;
    if (!alpha || same || in->bits != 8 || f == IMAGE_PIL_NEAREST) {
        return image_pil_resize(in, NULL, width_px, height_px, f, out, e);
    }
    struct image weighted = {0};
    enum rc rc = like(in, in->width_px, in->height_px, in->channels, 8, &weighted, e);
    if (rc == RC_OK) {
        premultiply(in, &weighted);
        rc = image_pil_resize(&weighted, NULL, width_px, height_px, f, out, e);
    }
    if (rc == RC_OK) {
        divide_by_alpha(out);
    }
    image_fini(&weighted);
    return rc;
}
