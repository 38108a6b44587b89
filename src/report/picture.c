/* Pictures as reports and e-mails hold them. */
#include "report.h"
#include <math.h>
#include <string.h>

/* 12 bits in 16 would come out black: the levels that are there become the whole range. */
static enum rc stretch(const struct image *in, struct image *out, struct err *e)
{
    size_t n = (size_t)in->width_px * (size_t)in->height_px * (size_t)in->channels;
    uint16_t low = UINT16_MAX, high = 0;
    for (size_t i = 0; i < n; i += (size_t)in->channels) {
        low = in->u16[i] < low ? in->u16[i] : low;
        high = in->u16[i] > high ? in->u16[i] : high;
    }
    double width = high > low ? (double)high - low + 1 : 1;
    return image_window(in, ((double)high + low) / 2, width, false, out, e);
}

/* Where nothing had to change, pixels are borrowed: here they become the picture's own. */
static enum rc keep(struct image *im, struct err *e)
{
    if (im->owned)
        return RC_OK;
    void *copy = mem_aligned(image_bytes(im), e);
    if (!copy)
        return RC_FAILED;
    memcpy(copy, im->u8, image_bytes(im));
    im->u8 = im->owned = copy;
    im->mapped_bytes = 0;
    return RC_OK;
}

enum rc report_picture(const struct image *in, int32_t side_max_px, struct image *out, struct err *e)
{
    struct image upright, flat = {0};
    int32_t side = in->width_px > in->height_px ? in->width_px : in->height_px;
    *out = (struct image){0};
    enum rc rc = image_orient(in, in->orientation, &upright, e);
    if (rc)
        return rc;
    double scale = side > side_max_px ? (double)side_max_px / side : 1;
    int32_t w = (int32_t)fmax(1, round(upright.width_px * scale));
    int32_t h = (int32_t)fmax(1, round(upright.height_px * scale));
    if (upright.channels >= 3)
        rc = image_to_rgb8(&upright, &flat, e);
    else if (upright.bits == 16)
        rc = stretch(&upright, &flat, e);
    else
        rc = image_to_grey8(&upright, &flat, e);
    if (!rc)
        rc = image_resize_u8(&flat, w, h, IMAGE_PIL_BILINEAR, out, e);
    if (!rc)
        rc = keep(out, e);
    if (!rc)
        out->orientation = 1;
    image_fini(&flat);
    image_fini(&upright);
    return rc;
}
