/* The module "picture": PNG and JPEG writers, out of the program's start-up. Only the station's own pictures pass here.
 */
#include "write_impl.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

/* --- PNG -----------------------------------------------------------------------------------------------------------
 */

struct png_out {
    const struct image *in;
    struct buf *to;
    struct err *e;
    png_structp png;
    png_infop info;
    jmp_buf jump;
};

static _Noreturn void png_failed(png_structp png, png_const_charp why)
{
    struct png_out *o = png_get_error_ptr(png);
    (void)err_set(o->e, o->to->failed ? ERR_MEMORY : ERR_INTERNAL, "Writing a PNG: %s", why);
    longjmp(o->jump, 1);
}

static void png_ignore(png_structp png, png_const_charp why)
{
    (void)png;
    (void)why;
}

static void png_bytes(png_structp png, png_bytep data, size_t n)
{
    struct png_out *o = png_get_io_ptr(png);
    buf_add(o->to, data, n);
    if (o->to->failed) {
        png_error(png, "out of memory");
    }
}

static void png_flush_nothing(png_structp png)
{
    (void)png;
}

/* No local variable lives across the jump: all state is in *o. */
static enum rc png_run(struct png_out *o)
{
    static const int colours[5] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                   PNG_COLOR_TYPE_RGB_ALPHA};
    const struct image *in = o->in;
    if (setjmp(o->jump) != 0) {
        return RC_FAILED;
    }
    o->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, o, png_failed, png_ignore);
    o->info = o->png ? png_create_info_struct(o->png) : NULL;
    if (!o->info) {
        return err_set(o->e, ERR_MEMORY, "No memory for the PNG writer");
    }
    png_set_write_fn(o->png, o, png_bytes, png_flush_nothing);
    png_set_IHDR(o->png, o->info, (png_uint_32)in->width_px, (png_uint_32)in->height_px, in->bits,
                 colours[in->channels], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(o->png, o->info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (in->bits == 16) {
        png_set_swap(o->png);
    }
#endif
    size_t stride = image_bytes(in) / (size_t)in->height_px;
    for (int32_t y = 0; y < in->height_px; y++) {
        png_write_row(o->png, in->u8 + (size_t)y * stride);
    }
    png_write_end(o->png, NULL);
    return RC_OK;
}

enum rc image_write_png_impl(const struct image *in, struct buf *out, struct err *e)
{
    struct png_out o = {.in = in, .to = out, .e = e};
    enum rc rc = png_run(&o);
    png_destroy_write_struct(&o.png, &o.info);
    return rc;
}

/* --- JPEG ----------------------------------------------------------------------------------------------------------
 */

struct jpeg_out {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr sink;
    const struct image *in;
    struct buf *to;
    struct err *e;
    int quality;
    jmp_buf jump;
    JOCTET block[1 << 14];
};

static _Noreturn void jpeg_failed(j_common_ptr c)
{
    struct jpeg_out *o = c->client_data;
    char why[JMSG_LENGTH_MAX];
    c->err->format_message(c, why);
    (void)err_set(o->e, o->to->failed ? ERR_MEMORY : ERR_INTERNAL, "Writing a JPEG: %s", why);
    longjmp(o->jump, 1);
}

static void jpeg_silent(j_common_ptr c)
{
    (void)c;
}

static void jpeg_quiet(j_common_ptr c, int level)
{
    (void)c;
    (void)level;
}

static void sink_begin(j_compress_ptr c)
{
    struct jpeg_out *o = c->client_data;
    c->dest->next_output_byte = o->block;
    c->dest->free_in_buffer = sizeof o->block;
}

static void sink_take(struct jpeg_out *o, size_t n)
{
    buf_add(o->to, o->block, n);
    if (o->to->failed) {
        (void)err_set(o->e, ERR_MEMORY, "Writing a JPEG: out of memory");
        longjmp(o->jump, 1);
    }
}

static boolean sink_full(j_compress_ptr c)
{
    struct jpeg_out *o = c->client_data;
    sink_take(o, sizeof o->block);
    sink_begin(c);
    return TRUE;
}

static void sink_end(j_compress_ptr c)
{
    struct jpeg_out *o = c->client_data;
    sink_take(o, sizeof o->block - c->dest->free_in_buffer);
}

static enum rc jpeg_run(struct jpeg_out *o)
{
    o->c.err = jpeg_std_error(&o->errors);
    o->errors.error_exit = jpeg_failed;
    o->errors.output_message = jpeg_silent;
    o->errors.emit_message = jpeg_quiet;
    o->c.client_data = o;
    o->sink = (struct jpeg_destination_mgr){
        .init_destination = sink_begin, .empty_output_buffer = sink_full, .term_destination = sink_end};
    if (setjmp(o->jump) != 0) {
        return RC_FAILED;
    }
    jpeg_create_compress(&o->c);
    o->c.dest = &o->sink;
    o->c.image_width = (JDIMENSION)o->in->width_px;
    o->c.image_height = (JDIMENSION)o->in->height_px;
    o->c.input_components = o->in->channels;
    o->c.in_color_space = o->in->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&o->c);
    jpeg_set_quality(&o->c, o->quality, TRUE);
    jpeg_start_compress(&o->c, TRUE);
    size_t stride = image_bytes(o->in) / (size_t)o->in->height_px;
    while (o->c.next_scanline < o->c.image_height) {
        JSAMPLE *row = o->in->u8 + o->c.next_scanline * stride;
        jpeg_write_scanlines(&o->c, &row, 1);
    }
    jpeg_finish_compress(&o->c);
    return RC_OK;
}

enum rc image_write_jpeg_impl(const struct image *in, int quality, struct buf *out, struct err *e)
{
    struct jpeg_out *o = mem_zalloc(1, sizeof *o, e);
    if (!o) {
        return RC_FAILED;
    }
    o->in = in;
    o->to = out;
    o->e = e;
    o->quality = quality;
    enum rc rc = jpeg_run(o);
    jpeg_destroy_compress(&o->c);
    mem_free(o);
    return rc;
}
