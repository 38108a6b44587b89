/* What the writers take is settled here; libpng and libjpeg are opened on first use. */
#include "image_priv.h"
#include "write_impl.h"

#include "base/file.h"

/* POSIX lets an object pointer from dlsym become a function; ISO C needs the detour. */
union entry {
    void *object;
    enum rc (*png)(const struct image *, struct buf *, struct err *);
    enum rc (*jpeg)(const struct image *, int, struct buf *, struct err *);
};

static enum rc check_shape(const struct image *in, struct err *e)
{
    if (in->width_px < 1 || in->height_px < 1 || in->channels < 1 || in->channels > 4 ||
        (in->bits != 8 && in->bits != 16)) {
        return err_set(e, ERR_VALUE, "Picture of %d x %d pixels, %d channels, %d bits cannot be written", in->width_px,
                       in->height_px, in->channels, in->bits);
    }
    return RC_OK;
}

enum rc image_write_png(const struct image *in, struct buf *out, struct err *e)
{
    enum rc rc = check_shape(in, e);
    if (rc != RC_OK) {
        return rc;
    }
    union entry entry = {.object = module_symbol("picture", "image_write_png_impl", e)};
    return entry.object ? entry.png(in, out, e) : RC_FAILED;
}

/* JPEG knows neither alpha nor 16 bits: those are dropped as image_to_rgb8 does. */
enum rc image_write_jpeg(const struct image *in, int quality, struct buf *out, struct err *e)
{
    struct image plain;
    enum rc rc = check_shape(in, e);
    if (rc != RC_OK) {
        return rc;
    }
    if (quality < 1 || quality > 100) {
        return err_set(e, ERR_VALUE, "JPEG quality %d, allowed 1 to 100", quality);
    }
    union entry entry = {.object = module_symbol("picture", "image_write_jpeg_impl", e)};
    if (!entry.object) {
        return RC_FAILED;
    }
    rc = in->channels > 2 ? image_to_rgb8(in, &plain, e) : image_to_grey8(in, &plain, e);
    if (rc == RC_OK) {
        rc = entry.jpeg(&plain, quality, out, e);
    }
    image_fini(&plain);
    return rc;
}
