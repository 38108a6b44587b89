#include "image_priv.h"

#include "base/text.h"
#include <string.h>
#include <sys/mman.h>

size_t image_bytes(const struct image *im)
{
    return (size_t)im->width_px * (size_t)im->height_px * (size_t)im->channels * (size_t)(im->bits / 8);
}

void image_fini(struct image *im)
{
    if (im->mapped_bytes > 0) {
        munmap(im->owned, im->mapped_bytes);
    } else {
        mem_free(im->owned);
    }
    *im = (struct image){0};
}

enum rc image_check_limits(uint64_t width_px, uint64_t height_px, struct err *e)
{
    if (width_px == 0 || height_px == 0) {
        return err_set(e, ERR_FILE_CORRUPT, "Invalid or corrupted image file: %llu x %llu pixels",
                       (unsigned long long)width_px, (unsigned long long)height_px);
    }
    if (width_px > IMAGE_SIDE_MAX_PX || height_px > IMAGE_SIDE_MAX_PX) {
        return err_set(e, ERR_IMAGE_LIMIT, "Picture of %llu x %llu pixels, at most %d a side",
                       (unsigned long long)width_px, (unsigned long long)height_px, IMAGE_SIDE_MAX_PX);
    }
    if (width_px * height_px > IMAGE_AREA_MAX_PX) {
        return err_set(e, ERR_IMAGE_LIMIT, "Picture of %llu x %llu pixels, at most %d million in all",
                       (unsigned long long)width_px, (unsigned long long)height_px, IMAGE_AREA_MAX_PX / 1000000);
    }
    return RC_OK;
}

enum rc image_init_blank(struct image *im, int32_t width_px, int32_t height_px, int32_t channels, int32_t bits,
                         struct err *e)
{
    *im = (struct image){0};
    if (width_px < 1 || height_px < 1 || width_px > IMAGE_SIDE_MAX_PX || height_px > IMAGE_SIDE_MAX_PX ||
        (int64_t)width_px * height_px > IMAGE_AREA_MAX_PX) {
        return err_set(e, ERR_IMAGE_LIMIT, "Picture of %d x %d pixels asked for", width_px, height_px);
    }
    im->width_px = width_px;
    im->height_px = height_px;
    im->channels = channels;
    im->bits = bits;
    im->source_bits = bits;
    im->orientation = 1;
    im->owned = mem_aligned(image_bytes(im), e);
    if (!im->owned) {
        *im = (struct image){0};
        return RC_FAILED;
    }
    im->u8 = im->owned;
    return RC_OK;
}

void image_borrow(const struct image *in, struct image *out)
{
    *out = *in;
    out->owned = NULL;
    out->mapped_bytes = 0;
}

enum image_format image_sniff(const void *data, size_t n)
{
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff};
    if (n >= sizeof png && memcmp(data, png, sizeof png) == 0) {
        return IMAGE_PNG;
    }
    if (n >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0) {
        return IMAGE_JPEG;
    }
    return IMAGE_UNKNOWN;
}

const char *image_format_name(enum image_format f)
{
    return f == IMAGE_PNG ? "png" : f == IMAGE_JPEG ? "jpeg" : "unknown";
}

static const char *const filter_names[IMAGE_FILTER_N] = {
    [IMAGE_PIL_NEAREST] = "pil-nearest", [IMAGE_PIL_BOX] = "pil-box",         [IMAGE_PIL_BILINEAR] = "pil-bilinear",
    [IMAGE_PIL_HAMMING] = "pil-hamming", [IMAGE_PIL_BICUBIC] = "pil-bicubic", [IMAGE_PIL_LANCZOS] = "pil-lanczos",
    [IMAGE_TF_NEAREST] = "tf-nearest",   [IMAGE_TF_BILINEAR] = "tf-bilinear", [IMAGE_TF_AREA] = "tf-area",
};

const char *image_filter_name(enum image_filter f)
{
    return (unsigned)f < IMAGE_FILTER_N ? filter_names[f] : "unknown";
}

bool image_filter_find(const char *name, enum image_filter *out)
{
    for (int i = 0; i < IMAGE_FILTER_N; i++) {
        if (str_eq(name, filter_names[i])) {
            *out = (enum image_filter)i;
            return true;
        }
    }
    return false;
}
