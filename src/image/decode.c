/* Linked into the cage alone, with the two decoders. */
#include "image_priv.h"

enum rc image_decode(const void *data, size_t n, struct image_place to, struct image *out, struct err *e)
{
    *out = (struct image){0};
    switch (image_sniff(data, n)) {
    case IMAGE_PNG:
        return image_png_decode(data, n, to, out, e);
    case IMAGE_JPEG:
        return image_jpeg_decode(data, n, to, out, e);
    case IMAGE_UNKNOWN:
        break;
    }
    return err_set(e, ERR_FILE_TYPE, "Invalid file type. Please upload a PNG, JPG, or JPEG image.");
}
