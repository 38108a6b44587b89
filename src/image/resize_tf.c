/* tf.image.resize without antialias, in single precision: bilinear and nearest with half-pixel centres, area as
 * TensorFlow's ResizeArea (tensorflow/core/kernels/image/resize_*_op.cc). Source rows are turned into floats one at a
 * time. */
#include "image_priv.h"

#include <math.h>
#include <string.h>

struct tf_source {
    const void *samples; /* floats, or bytes */
    bool bytes;
    int32_t w, h, c;
};

/* Output i is made of inputs first..last: bilinear (first, last, share of last), area (all, the ends by a share). */
struct tf_tap {
    int32_t first, last;
    float first_share, last_share;
};

static float sample(const struct tf_source *s, size_t at)
{
    return s->bytes ? (float)((const uint8_t *)s->samples)[at] : ((const float *)s->samples)[at];
}

static int32_t clamp(int32_t v, int32_t hi)
{
    return v < 0 ? 0 : v > hi ? hi : v;
}

static struct tf_tap tap_bilinear(int32_t i, float scale, int32_t in_n)
{
    float at = ((float)i + 0.5F) * scale - 0.5F, below = floorf(at);
    return (struct tf_tap){clamp((int32_t)below, in_n - 1), clamp((int32_t)ceilf(at), in_n - 1), 0, at - below};
}

static struct tf_tap tap_nearest(int32_t i, float scale, int32_t in_n)
{
    int32_t at = clamp((int32_t)floorf(((float)i + 0.5F) * scale), in_n - 1);
    return (struct tf_tap){at, at, 0, 0};
}

/* How much of input v lies in [from, to). */
static float area_share(int32_t v, float from, float to, float scale)
{
    float at = (float)v;
    if (at < from) {
        return at + 1 > to ? scale : at + 1 - from;
    }
    return at + 1 > to ? to - at : 1.0F;
}

static struct tf_tap tap_area(int32_t i, float scale, int32_t in_n)
{
    float from = (float)i * scale, to = ((float)i + 1) * scale;
    int32_t first = (int32_t)floorf(from), last = (int32_t)ceilf(to) - 1;
    struct tf_tap t = {first, last, area_share(first, from, to, scale), area_share(last, from, to, scale)};
    t.first = clamp(first, in_n - 1);
    t.last = clamp(last, in_n - 1);
    return t;
}

static struct tf_tap *taps_new(enum image_filter f, int32_t in_n, int32_t out_n, struct err *e)
{
    float scale = (float)in_n / (float)out_n;
    struct tf_tap *t = mem_zalloc((size_t)out_n, sizeof *t, e);
    for (int32_t i = 0; t && i < out_n; i++) {
        t[i] = f == IMAGE_TF_BILINEAR  ? tap_bilinear(i, scale, in_n)
               : f == IMAGE_TF_NEAREST ? tap_nearest(i, scale, in_n)
                                       : tap_area(i, scale, in_n);
    }
    return t;
}

static void row_bilinear(const struct tf_source *s, const struct tf_tap *ty, const struct tf_tap *tx, int32_t w2,
                         float *out)
{
    size_t stride = (size_t)s->w * (size_t)s->c, c = (size_t)s->c;
    size_t upper = (size_t)ty->first * stride, lower = (size_t)ty->last * stride;
    for (int32_t x = 0; x < w2; x++) {
        size_t l = (size_t)tx[x].first * c, r = (size_t)tx[x].last * c;
        for (size_t i = 0; i < c; i++) {
            float ul = sample(s, upper + l + i), ur = sample(s, upper + r + i);
            float ll = sample(s, lower + l + i), lr = sample(s, lower + r + i);
            float top = ul + (ur - ul) * tx[x].last_share;
            float bottom = ll + (lr - ll) * tx[x].last_share;
            *out++ = top + (bottom - top) * ty->last_share;
        }
    }
}

static void row_nearest(const struct tf_source *s, const struct tf_tap *ty, const struct tf_tap *tx, int32_t w2,
                        float *out)
{
    size_t row = (size_t)ty->first * (size_t)s->w;
    for (int32_t x = 0; x < w2; x++) {
        size_t from = (row + (size_t)tx[x].first) * (size_t)s->c;
        for (size_t i = 0; i < (size_t)s->c; i++) {
            *out++ = sample(s, from + i);
        }
    }
}

static float end_share(const struct tf_tap *t, int32_t v)
{
    return v == t->first ? t->first_share : v == t->last ? t->last_share : 1.0F;
}

static void row_area(const struct tf_source *s, const struct tf_tap *ty, const struct tf_tap *tx, int32_t w2,
                     float weight, float *out)
{
    size_t c = (size_t)s->c;
    for (int32_t x = 0; x < w2; x++, out += c) {
        memset(out, 0, c * sizeof *out);
        for (int32_t y = ty->first; y <= ty->last; y++) {
            size_t row = (size_t)y * (size_t)s->w;
            for (size_t i = 0; i < c; i++) {
                float sum = 0;
                for (int32_t v = tx[x].first; v <= tx[x].last; v++) {
                    sum += sample(s, (row + (size_t)v) * c + i) * end_share(&tx[x], v);
                }
                out[i] += sum * end_share(ty, y);
            }
        }
        for (size_t i = 0; i < c; i++) {
            out[i] *= weight;
        }
    }
}

static enum rc resize(const struct tf_source *s, int32_t w2, int32_t h2, enum image_filter f, float *out, struct err *e)
{
    if (f != IMAGE_TF_BILINEAR && f != IMAGE_TF_NEAREST && f != IMAGE_TF_AREA) {
        return err_set(e, ERR_VALUE, "Resizing floats takes TensorFlow's filters, not %s", image_filter_name(f));
    }
    if (s->w < 1 || s->h < 1 || s->c < 1 || w2 < 1 || h2 < 1 || w2 > IMAGE_SIDE_MAX_PX || h2 > IMAGE_SIDE_MAX_PX) {
        return err_set(e, ERR_VALUE, "Resizing %d x %d x %d to %d x %d pixels", s->w, s->h, s->c, w2, h2);
    }
    struct tf_tap *tx = taps_new(f, s->w, w2, e);
    struct tf_tap *ty = taps_new(f, s->h, h2, e);
    enum rc rc = tx && ty ? RC_OK : RC_FAILED;
    float weight = 1.0F / (((float)s->w / (float)w2) * ((float)s->h / (float)h2));
    for (int32_t y = 0; rc == RC_OK && y < h2; y++, out += (size_t)w2 * (size_t)s->c) {
        if (f == IMAGE_TF_BILINEAR) {
            row_bilinear(s, &ty[y], tx, w2, out);
        } else if (f == IMAGE_TF_NEAREST) {
            row_nearest(s, &ty[y], tx, w2, out);
        } else {
            row_area(s, &ty[y], tx, w2, weight, out);
        }
    }
    mem_free(tx);
    mem_free(ty);
    return rc;
}

enum rc image_resize_f32(const float *in, int32_t w, int32_t h, int32_t c, int32_t w2, int32_t h2, enum image_filter f,
                         float *out, struct err *e)
{
    return resize(&(struct tf_source){.samples = in, .w = w, .h = h, .c = c}, w2, h2, f, out, e);
}

enum rc image_tf_resize_u8(const uint8_t *in, int32_t w, int32_t h, int32_t c, int32_t w2, int32_t h2,
                           enum image_filter f, float *out, struct err *e)
{
    return resize(&(struct tf_source){.samples = in, .bytes = true, .w = w, .h = h, .c = c}, w2, h2, f, out, e);
}
