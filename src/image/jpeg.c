/* JPEG through libjpeg-turbo with its defaults (accurate integer DCT, fancy upsampling), which are Pillow's too. */
#include "image_priv.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* Coefficients of a progressive picture at the area limit need 2 bytes a sample; the rest is tables. */
enum { DECODER_MEMORY_MAX_BYTES = 320 << 20 };

struct jpeg_job {
    struct jpeg_decompress_struct c;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct image_place to;
    struct image *out;
    struct err *e;
    enum rc rc;
    jmp_buf jump;
    bool in_scan; /* the headers are behind: what is skipped from here on may be picture data */
    JSAMPLE *row; /* one row of CMYK, from the decoder's own pool */
};

static struct jpeg_job *job_of(j_common_ptr c)
{
    return c->client_data;
}

static _Noreturn void fail(j_common_ptr c)
{
    struct jpeg_job *j = job_of(c);
    if (j->rc == RC_OK) {
        char why[JMSG_LENGTH_MAX];
        c->err->format_message(c, why);
        bool memory = c->err->msg_code == JERR_OUT_OF_MEMORY;
        bool limit = c->err->msg_code == JERR_NO_BACKING_STORE || c->err->msg_code == JERR_IMAGE_TOO_BIG;
        if (memory || limit) {
            j->rc = err_set(j->e, memory ? ERR_MEMORY : ERR_IMAGE_LIMIT, "JPEG decoder: %s", why);
        } else {
            j->rc = err_set(j->e, ERR_FILE_CORRUPT, "Invalid or corrupted image file: %s", why);
        }
    }
    longjmp(j->jump, 1);
}

/* Which of libjpeg's warnings leave every pixel as the sender made it. Bytes between the header's segments are padding;
 * after the scan began they are picture data that did not fit, the usual trace of a damaged bit. */
static bool harmless(const struct jpeg_job *j, int code)
{
    switch (code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_BOGUS_ICC:
        return true;
    case JWRN_EXTRANEOUS_DATA:
        return !j->in_scan;
    default:
        return false;
    }
}

static void emit(j_common_ptr c, int level)
{
    if (level < 0 && !harmless(job_of(c), c->err->msg_code)) {
        fail(c);
    }
}

static void silent(j_common_ptr c)
{
    (void)c;
}

/* Each scan of a progressive picture costs a pass over all coefficients, however small its data. */
static void count_scans(j_common_ptr c)
{
    struct jpeg_job *j = job_of(c);
    if (j->c.input_scan_number > IMAGE_JPEG_SCANS_MAX) {
        j->rc = err_set(j->e, ERR_IMAGE_LIMIT, "JPEG of more than %d scans", IMAGE_JPEG_SCANS_MAX);
        longjmp(j->jump, 1);
    }
}

static int32_t orientation(const struct jpeg_job *j)
{
    for (jpeg_saved_marker_ptr m = j->c.marker_list; m; m = m->next) {
        if (m->data_length >= 6 && memcmp(m->data, "Exif\0\0", 6) == 0) {
            return image_exif_orientation(m->data + 6, m->data_length - 6);
        }
    }
    return 1;
}

static void choose_output(struct jpeg_job *j)
{
    switch (j->c.num_components) {
    case 1:
        j->c.out_color_space = JCS_GRAYSCALE;
        j->out->channels = 1;
        return;
    case 3:
        j->c.out_color_space = JCS_RGB;
        j->out->channels = 3;
        return;
    case 4:
        j->c.out_color_space = JCS_CMYK;
        j->out->channels = 3;
        return;
    default:
        j->rc = err_set(j->e, ERR_FILE_CORRUPT, "Invalid or corrupted image file: JPEG of %d components",
                        j->c.num_components);
        longjmp(j->jump, 1);
    }
}

static uint8_t times_255(unsigned a, unsigned b)
{
    unsigned t = a * b + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

/* Four-colour JPEGs hold the inks inverted (Adobe); then Pillow's convert("RGB"): light that black lets through, less
 * what each ink takes of it. */
static void cmyk_to_rgb(const JSAMPLE *in, uint8_t *out, int32_t n)
{
    for (int32_t x = 0; x < n; x++, in += 4, out += 3) {
        unsigned light = in[3];
        for (int i = 0; i < 3; i++) {
            out[i] = (uint8_t)(light - times_255(255U - in[i], light));
        }
    }
}

static void read_rows(struct jpeg_job *j)
{
    struct image *im = j->out;
    size_t row_bytes = (size_t)im->width_px * (size_t)im->channels;
    bool cmyk = j->c.out_color_space == JCS_CMYK;
    if (cmyk) {
        j->row = j->c.mem->alloc_large((j_common_ptr)&j->c, JPOOL_IMAGE, (size_t)im->width_px * 4);
    }
    while (j->c.output_scanline < j->c.output_height) {
        uint8_t *to = im->u8 + j->c.output_scanline * row_bytes;
        JSAMPLE *row = cmyk ? j->row : to;
        if (jpeg_read_scanlines(&j->c, &row, 1) == 1 && cmyk) {
            cmyk_to_rgb(j->row, to, im->width_px);
        }
    }
}

static void read_picture(struct jpeg_job *j, const uint8_t *data, size_t n)
{
    struct image *im = j->out;
    jpeg_mem_src(&j->c, data, n);
    jpeg_save_markers(&j->c, JPEG_APP0 + 1, 0xffff);
    if (jpeg_read_header(&j->c, TRUE) != JPEG_HEADER_OK) {
        ERREXIT((j_common_ptr)&j->c, JERR_NO_IMAGE);
    }
    j->rc = image_check_limits(j->c.image_width, j->c.image_height, j->e);
    if (j->rc != RC_OK) {
        longjmp(j->jump, 1);
    }
    im->format = IMAGE_JPEG;
    im->width_px = (int32_t)j->c.image_width;
    im->height_px = (int32_t)j->c.image_height;
    im->bits = 8;
    im->source_bits = 8;
    im->orientation = orientation(j);
    choose_output(j);
    j->in_scan = true;
    jpeg_start_decompress(&j->c);
    im->u8 = j->to.place(j->to.ctx, image_bytes(im));
    if (!im->u8) {
        j->rc = err_set(j->e, ERR_MEMORY, "No memory for a picture of %d x %d pixels", im->width_px, im->height_px);
        longjmp(j->jump, 1);
    }
    read_rows(j);
    jpeg_finish_decompress(&j->c);
}

/* No local variable lives across the jump: all state is in *j. */
static enum rc run(struct jpeg_job *j, const uint8_t *data, size_t n)
{
    j->c.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = fail;
    j->errors.emit_message = emit;
    j->errors.output_message = silent;
    j->progress.progress_monitor = count_scans;
    j->c.client_data = j;
    if (setjmp(j->jump) != 0) {
        return j->rc;
    }
    jpeg_create_decompress(&j->c);
    j->c.progress = &j->progress;
    j->c.mem->max_memory_to_use = DECODER_MEMORY_MAX_BYTES;
    read_picture(j, data, n);
    return RC_OK;
}

enum rc image_jpeg_decode(const uint8_t *data, size_t n, struct image_place to, struct image *out, struct err *e)
{
    struct jpeg_job j = {.to = to, .out = out, .e = e};
    *out = (struct image){0};
    enum rc rc = run(&j, data, n);
    jpeg_destroy_decompress(&j.c);
    if (rc != RC_OK) {
        *out = (struct image){0};
    }
    return rc;
}
