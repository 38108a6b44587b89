/* From a picture to a network's input. Channels are resized as they are in the file: a grey picture is resized once and
 * repeated at the end, alpha is dropped at the end; Pillow's channels do not see each other, so the values are those of
 * convert("RGB") before resizing. */
#include "image_priv.h"

static bool is_tf(enum image_filter f)
{
    return f == IMAGE_TF_NEAREST || f == IMAGE_TF_BILINEAR || f == IMAGE_TF_AREA;
}

/* The middle part with the input's aspect: as Pillow's ImageOps.fit, in fractions of a pixel. */
static struct image_box centre_box(const struct image *im, const struct image_recipe *r)
{
    double w = im->width_px, h = im->height_px, want = (double)r->width_px / r->height_px;
    double cut_w = w, cut_h = h;
    if (w / h > want) {
        cut_w = want * h;
    } else if (w / h < want) {
        cut_h = w / want;
    }
    double x = (w - cut_w) * 0.5, y = (h - cut_h) * 0.5;
    return (struct image_box){(float)x, (float)y, (float)(x + cut_w), (float)(y + cut_h)};
}

/* The same in whole pixels: as Keras' smart_resize. */
static enum rc centre_crop(const struct image *im, const struct image_recipe *r, struct image *out, struct err *e)
{
    int32_t h = (int32_t)((double)im->width_px * r->height_px / r->width_px);
    int32_t w = (int32_t)((double)im->height_px * r->width_px / r->height_px);
    h = h < 1 ? 1 : h > im->height_px ? im->height_px : h;
    w = w < 1 ? 1 : w > im->width_px ? im->width_px : w;
    return image_crop(im, (im->width_px - w) / 2, (im->height_px - h) / 2, w, h, out, e);
}

/* Source channel that feeds output channel c (before scaling); the pictures are 8-bit, the recipe checked. */
static int32_t source_channel(int32_t in_channels, const struct image_recipe *r, int32_t c)
{
    return in_channels < 3 ? 0 : r->bgr ? 2 - c : c;
}

static void scale_levels(const struct image *im, const struct image_recipe *r, float *out)
{
    float table[3][256];
    size_t n = (size_t)im->width_px * (size_t)im->height_px, step = (size_t)im->channels, k = (size_t)r->channels;
    for (size_t c = 0; c < k; c++) {
        for (int v = 0; v < 256; v++) {
            table[c][v] = (float)v * r->scale[c] + r->offset[c];
        }
    }
    for (size_t c = 0; c < k; c++) {
        const uint8_t *from = im->u8 + source_channel(im->channels, r, (int32_t)c);
        for (size_t i = 0; i < n; i++) {
            out[i * k + c] = table[c][from[i * step]];
        }
    }
}

static void scale_floats(const float *in, int32_t channels, const struct image_recipe *r, float *out)
{
    size_t n = (size_t)r->width_px * (size_t)r->height_px, step = (size_t)channels, k = (size_t)r->channels;
    for (size_t c = 0; c < k; c++) {
        const float *from = in + source_channel(channels, r, (int32_t)c);
        for (size_t i = 0; i < n; i++) {
            out[i * k + c] = from[i * step] * r->scale[c] + r->offset[c];
        }
    }
}

static enum rc prepare_tf(const struct image *im, const struct image_recipe *r, float *out, struct err *e)
{
    struct image part = {0};
    float *resized = NULL;
    enum rc rc = RC_OK;
    if (r->keep_aspect) {
        rc = centre_crop(im, r, &part, e);
    } else {
        image_borrow(im, &part);
    }
    if (rc == RC_OK) {
        size_t bytes = (size_t)r->width_px * (size_t)r->height_px * (size_t)part.channels * sizeof *resized;
        resized = mem_aligned(bytes, e);
        rc = resized ? image_tf_resize_u8(part.u8, part.width_px, part.height_px, part.channels, r->width_px,
                                          r->height_px, r->filter, resized, e)
                     : RC_FAILED;
    }
    if (rc == RC_OK) {
        scale_floats(resized, part.channels, r, out);
    }
    mem_free(resized);
    image_fini(&part);
    return rc;
}

static enum rc prepare_pil(const struct image *im, const struct image_recipe *r, float *out, struct err *e)
{
    struct image resized = {0};
    enum rc rc;
    if (r->keep_aspect) {
        struct image_box box = centre_box(im, r);
        rc = image_pil_resize(im, &box, r->width_px, r->height_px, r->filter, &resized, e);
    } else if (im->width_px == r->width_px && im->height_px == r->height_px) {
        image_borrow(im, &resized);
        rc = RC_OK;
    } else {
        rc = image_pil_resize(im, NULL, r->width_px, r->height_px, r->filter, &resized, e);
    }
    if (rc == RC_OK) {
        scale_levels(&resized, r, out);
    }
    image_fini(&resized);
    return rc;
}

enum rc image_prepare(const struct image *in, const struct image_recipe *r, float *out, struct err *e)
{
    struct image upright = {0}, plain = {0};
    enum rc rc;
    if ((r->channels != 1 && r->channels != 3) || r->width_px < 1 || r->height_px < 1 ||
        r->width_px > IMAGE_SIDE_MAX_PX || r->height_px > IMAGE_SIDE_MAX_PX) {
        return err_set(e, ERR_VALUE, "Network input of %d x %d x %d", r->width_px, r->height_px, r->channels);
    }
    rc = image_orient(in, r->apply_orientation ? in->orientation : 1, &upright, e);
    if (rc != RC_OK) {
        return rc;
    }
    if (r->channels == 1 && upright.channels > 2) {
        rc = image_to_grey8(&upright, &plain, e);
    } else if (upright.bits == 16) {
        rc = upright.channels > 2 ? image_to_rgb8(&upright, &plain, e) : image_to_grey8(&upright, &plain, e);
    } else {
        image_borrow(&upright, &plain);
    }
    if (rc == RC_OK) {
        rc = is_tf(r->filter) ? prepare_tf(&plain, r, out, e) : prepare_pil(&plain, r, out, e);
    }
    image_fini(&plain);
    image_fini(&upright);
    return rc;
}
