/* PNG through libpng. Everything libpng could be talked into doing that a picture does not need is switched off: text,
 * profiles and unknown chunks are skipped unread. */
#include "image_priv.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct png_job {
    png_structp png;
    png_infop info, tail; /* chunks before and after the pixels */
    const uint8_t *data;
    size_t n, at;
    struct image_place to;
    struct image *out;
    struct err *e;
    enum rc rc;
    jmp_buf jump;
    bool deaf; /* destroying: warnings no longer matter */
};

static _Noreturn void fail(png_structp png, png_const_charp why)
{
    struct png_job *j = png_get_error_ptr(png);
    if (j->rc == RC_OK) {
        j->rc = err_set(j->e, ERR_FILE_CORRUPT, "Invalid or corrupted image file: %s", why);
    }
    longjmp(j->jump, 1);
}

/* libpng keeps going after damage it calls benign. What touches the pixels is not benign here; the same goes for an
 * index outside the palette. More data than the picture needs loses nothing. */
static void warn(png_structp png, png_const_charp why)
{
    struct png_job *j = png_get_error_ptr(png);
    bool pixels = strncmp(why, "IDAT:", 5) == 0 || strstr(why, "palette index");
    bool surplus = strstr(why, "Extra compressed data") || strstr(why, "Too much image data");
    if (pixels && !surplus && !j->deaf) {
        fail(png, why);
    }
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    struct png_job *j = png_get_io_ptr(png);
    if (n > j->n - j->at) {
        fail(png, "the file ends early");
    }
    memcpy(to, j->data + j->at, n);
    j->at += n;
}

static void skip_what_no_picture_needs(png_structp png)
{
    static const png_byte names[] =
        "bKGD\0cHRM\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, (int)(sizeof names / 5));
    png_set_user_limits(png, IMAGE_SIDE_MAX_PX, IMAGE_SIDE_MAX_PX);
    png_set_chunk_malloc_max(png, IMAGE_PNG_CHUNK_MAX_BYTES);
    png_set_chunk_cache_max(png, 128);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
}

/* Grey, grey+alpha, RGB or RGBA of 8 or 16 bits in the machine's byte order. */
static void ask_for_plain_samples(png_structp png, png_infop info)
{
    int depth = png_get_bit_depth(png, info);
    int colour = png_get_color_type(png, info);
    if (colour == PNG_COLOR_TYPE_PALETTE) {
        png_set_palette_to_rgb(png);
    } else if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) {
        png_set_expand_gray_1_2_4_to_8(png);
    }
    if (png_get_valid(png, info, PNG_INFO_tRNS)) {
        png_set_tRNS_to_alpha(png);
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (depth == 16) {
        png_set_swap(png);
    }
#endif
}

static int32_t orientation(const struct png_job *j)
{
    png_bytep exif;
    png_uint_32 n;
    if (png_get_eXIf_1(j->png, j->info, &n, &exif) || png_get_eXIf_1(j->png, j->tail, &n, &exif)) {
        return image_exif_orientation(exif, n);
    }
    return 1;
}

static void read_picture(struct png_job *j)
{
    png_structp png = j->png;
    struct image *im = j->out;
    png_read_info(png, j->info);
    im->format = IMAGE_PNG;
    im->source_bits = png_get_bit_depth(png, j->info);
    ask_for_plain_samples(png, j->info);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, j->info);
    im->width_px = (int32_t)png_get_image_width(png, j->info);
    im->height_px = (int32_t)png_get_image_height(png, j->info);
    im->channels = png_get_channels(png, j->info);
    im->bits = png_get_bit_depth(png, j->info);
    size_t row_bytes = png_get_rowbytes(png, j->info);
    if (row_bytes * (size_t)im->height_px != image_bytes(im)) {
        fail(png, "row size disagrees with the header");
    }
    im->u8 = j->to.place(j->to.ctx, image_bytes(im));
    if (!im->u8) {
        j->rc = err_set(j->e, ERR_MEMORY, "No memory for a picture of %d x %d pixels", im->width_px, im->height_px);
        longjmp(j->jump, 1);
    }
    for (int pass = 0; pass < passes; pass++) {
        for (int32_t y = 0; y < im->height_px; y++) {
            png_read_row(png, im->u8 + (size_t)y * row_bytes, NULL);
        }
    }
    png_read_end(png, j->tail);
    im->orientation = orientation(j);
}

/* No local variable lives across the jump: all state is in *j. */
static enum rc run(struct png_job *j)
{
    if (setjmp(j->jump) != 0) {
        return j->rc;
    }
    j->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, j, fail, warn);
    if (!j->png) {
        return err_set(j->e, ERR_MEMORY, "No memory for the PNG decoder");
    }
    j->info = png_create_info_struct(j->png);
    j->tail = png_create_info_struct(j->png);
    if (!j->info || !j->tail) {
        return err_set(j->e, ERR_MEMORY, "No memory for the PNG decoder");
    }
    skip_what_no_picture_needs(j->png);
    png_set_read_fn(j->png, j, read_bytes);
    read_picture(j);
    return RC_OK;
}

/* The header's own numbers, so that a picture beyond the limits is told apart from a broken one. */
static enum rc check_header(const uint8_t *data, size_t n, struct err *e)
{
    if (n < 33 || memcmp(data + 8, "\0\0\0\15IHDR", 8) != 0) {
        return err_set(e, ERR_FILE_CORRUPT, "Invalid or corrupted image file: %s",
                       n < 33 ? "the file ends early" : "no IHDR chunk at the start");
    }
    return image_check_limits(png_get_uint_32(data + 16), png_get_uint_32(data + 20), e);
}

enum rc image_png_decode(const uint8_t *data, size_t n, struct image_place to, struct image *out, struct err *e)
{
    struct png_job j = {.data = data, .n = n, .to = to, .out = out, .e = e};
    *out = (struct image){0};
    enum rc rc = check_header(data, n, e);
    if (rc == RC_OK) {
        rc = run(&j);
    }
    j.deaf = true;
    png_destroy_read_struct(&j.png, &j.info, &j.tail);
    if (rc != RC_OK) {
        *out = (struct image){0};
    }
    return rc;
}
