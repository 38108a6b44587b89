/* Pictures: decoding (inside the cage only), exact resizing, preparing for networks, drawing with characters.
 * Pixels are interleaved, row after row without gaps, top row first. Thread-safe: no state. */
#ifndef CLINIC_IMAGE_H
#define CLINIC_IMAGE_H

#include "base/mem.h"

enum {
    IMAGE_SIDE_MAX_PX = 8192,
    IMAGE_AREA_MAX_PX = 32 * 1000 * 1000,
    IMAGE_PNG_CHUNK_MAX_BYTES = 4 << 20,
    IMAGE_JPEG_SCANS_MAX = 64,
};

enum image_format { IMAGE_UNKNOWN, IMAGE_PNG, IMAGE_JPEG };

struct image {
    int32_t width_px, height_px;
    int32_t channels;    /* 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA */
    int32_t bits;        /* 8: uint8_t samples; 16: uint16_t samples in the machine's byte order */
    int32_t source_bits; /* bits per sample in the file: 1, 2, 4, 8, 16 */
    enum image_format format;
    int32_t orientation; /* EXIF 1..8; 1 when absent. Known, not applied: see image_orient */
    union {
        uint8_t *u8;
        uint16_t *u16;
    };                   /* width*height*channels samples */
    void *owned;         /* released by image_fini; NULL when the pixels are borrowed */
    size_t mapped_bytes; /* 0: owned is from mem_*; else a mapping of that many bytes (the cage's answer): munmap */
};
size_t image_bytes(const struct image *im);
void image_fini(struct image *im);

/* By the first bytes alone. */
enum image_format image_sniff(const void *data, size_t n);
const char *image_format_name(enum image_format f); /* "png", "jpeg", "unknown" */

/* Decodes one whole file. Palette becomes RGB (RGBA with tRNS), 1-4 bit grey becomes 8 bit (scaled to 0..255), 16 bit
 * stays 16 bit, CMYK/YCCK become RGB as Pillow's convert("RGB") would. The pixels go where `place` says: it is called
 * once, after the limits were checked, with the byte count, and returns the buffer (NULL: out of memory). Anything
 * libpng or libjpeg warns of that means lost picture data (truncated, bad CRC, corrupt entropy code) is
 * ERR_FILE_CORRUPT with the decoder's reason: a damaged picture is never analysed silently.
 * Errors: FILE_TYPE, FILE_CORRUPT ("Invalid or corrupted image file: REASON"), IMAGE_LIMIT, MEMORY. Cage only. */
struct image_place {
    void *(*place)(void *ctx, size_t bytes);
    void *ctx;
};
enum rc image_decode(const void *data, size_t n, struct image_place to, struct image *out, struct err *e) MUST_USE;

/* Resizing. PIL_*: equal to Pillow's Image.resize with that filter and reducing_gap=None, 8-bit fixed point (2^22
 * coefficients, two passes, clip8), within 1 level on every pixel. TF_*: tf.image.resize without antialias, half-pixel
 * centres, float arithmetic. u8 in, u8 out for PIL; TF gives float. */
enum image_filter {
    IMAGE_PIL_NEAREST,
    IMAGE_PIL_BOX,
    IMAGE_PIL_BILINEAR,
    IMAGE_PIL_HAMMING,
    IMAGE_PIL_BICUBIC,
    IMAGE_PIL_LANCZOS,
    IMAGE_TF_NEAREST,
    IMAGE_TF_BILINEAR,
    IMAGE_TF_AREA,
    IMAGE_FILTER_N
};
const char *image_filter_name(enum image_filter f); /* "pil-bilinear" ... as passports write them */
bool image_filter_find(const char *name, enum image_filter *out);
enum rc image_resize_u8(const struct image *in, int32_t width_px, int32_t height_px, enum image_filter f,
                        struct image *out, struct err *e) MUST_USE;
/* in: h*w*c floats; out: h2*w2*c floats, caller's. */
enum rc image_resize_f32(const float *in, int32_t w, int32_t h, int32_t c, int32_t w2, int32_t h2, enum image_filter f,
                         float *out, struct err *e) MUST_USE;

/* Colour, depth, orientation: a new image. Where nothing changes, out borrows in's pixels (owned == NULL) and lives no
 * longer than in. 16-bit samples become 8-bit by their high byte; so does Pillow for colour, while its convert() of
 * 16-bit grey clips at 255 and shows white: not followed, because a radiograph would be lost. */
/* Alpha is dropped, as Pillow's convert("RGB") does. */
enum rc image_to_rgb8(const struct image *in, struct image *out, struct err *e) MUST_USE;
/* ITU-R 601-2, Pillow's convert("L"). */
enum rc image_to_grey8(const struct image *in, struct image *out, struct err *e) MUST_USE;
/* Turns a picture upright; orientation as in EXIF, 1..8. */
enum rc image_orient(const struct image *in, int32_t orientation, struct image *out, struct err *e) MUST_USE;
/* Window and level on 8- or 16-bit grey -> 8-bit grey, linear as in DICOM: centre and width in source levels; width <=
 * 0: full range. Alpha is dropped; colour is ERR_VALUE. */
enum rc image_window(const struct image *in, double centre, double width, bool invert, struct image *out,
                     struct err *e) MUST_USE;
enum rc image_crop(const struct image *in, int32_t x, int32_t y, int32_t w, int32_t h, struct image *out,
                   struct err *e) MUST_USE;

/* What a passport's preprocessing says; image_prepare turns a picture into the network's input. */
struct image_recipe {
    int32_t width_px, height_px, channels; /* of the network's input; channels 1 or 3 */
    enum image_filter filter;
    bool apply_orientation;
    bool keep_aspect;          /* centre crop to the input's aspect before resizing (as Teachable Machine) */
    float scale[3], offset[3]; /* value = level * scale + offset per channel; 1/255 and 0 for [0, 1] */
    bool bgr;                  /* caffe order */
};
/* out: height*width*channels floats, NHWC. */
enum rc image_prepare(const struct image *in, const struct image_recipe *r, float *out, struct err *e) MUST_USE;

/* Writers for the station's own pictures (reports, thumbnails, e-mail). */
enum rc image_write_png(const struct image *in, struct buf *out, struct err *e) MUST_USE;
enum rc image_write_jpeg(const struct image *in, int quality, struct buf *out, struct err *e) MUST_USE;

/* Drawing with characters (libcaca's canvas and dither only; lives in the module "ascii"). */
enum ascii_mode { ASCII_MONO, ASCII_GREY16, ASCII_256, ASCII_BRAILLE, ASCII_HALF, ASCII_MODE_N };
const char *ascii_mode_name(enum ascii_mode m); /* "mono", "grey16", "256", "braille", "half" */
bool ascii_mode_find(const char *name, enum ascii_mode *out);
struct ascii_cell {
    uint32_t ch;    /* code point; mono uses ASCII only */
    int16_t fg, bg; /* -1: the terminal's own; else 0..15 (grey16) or 0..255 (256, half) */
};
struct ascii_view {
    int32_t columns, rows; /* the room there is; the picture keeps its aspect inside */
    double cell_aspect;    /* height/width of a character cell; 2.0 usual */
    enum ascii_mode mode;
    double zoom;         /* 1: whole picture; 4: a quarter of its width */
    double pan_x, pan_y; /* centre of the view, 0..1 */
    bool invert;
    double window_centre, window_width; /* in source levels; width 0: full range */
};
/* cells: rows*columns, row by row, blank outside the picture; *used_columns/rows: what the picture covers (centred). */
enum rc ascii_draw(const struct image *in, const struct ascii_view *v, struct ascii_cell *cells, int32_t *used_columns,
                   int32_t *used_rows, struct err *e) MUST_USE;

#endif
