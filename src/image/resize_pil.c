#include "resize_pil.h"

#include <math.h>
#include <string.h>

/* --- filters: Pillow's, to the letter ------------------------------------------------------------------------------
 */

static double filter_box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double filter_bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double filter_hamming(double x)
{
    x = fabs(x);
    if (x == 0.0) {
        return 1.0;
    }
    if (x >= 1.0) {
        return 0.0;
    }
    x *= M_PI;
    return sin(x) / x * ((double)0.54f + (double)0.46f * cos(x));
}

static double filter_bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) {
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    }
    return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

static double sinc(double x)
{
    if (x == 0.0) {
        return 1.0;
    }
    x *= M_PI;
    return sin(x) / x;
}

static double filter_lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct {
    double (*weight)(double);
    double support;
} filters[] = {
    [IMAGE_PIL_BOX] = {filter_box, 0.5},         [IMAGE_PIL_BILINEAR] = {filter_bilinear, 1.0},
    [IMAGE_PIL_HAMMING] = {filter_hamming, 1.0}, [IMAGE_PIL_BICUBIC] = {filter_bicubic, 2.0},
    [IMAGE_PIL_LANCZOS] = {filter_lanczos, 3.0},
};

/* --- coefficients --------------------------------------------------------------------------------------------------
 */

struct pil_span {
    double scale, filter_scale, support;
    float from;
    int32_t in_n;
};

static void span_bounds(const struct pil_span *s, int32_t x, int32_t *first, int32_t *count)
{
    double centre = (double)s->from + (x + 0.5) * s->scale;
    int32_t lo = (int32_t)(centre - s->support + 0.5);
    int32_t hi = (int32_t)(centre + s->support + 0.5);
    lo = lo < 0 ? 0 : lo;
    hi = hi > s->in_n ? s->in_n : hi;
    *first = lo;
    *count = hi - lo;
}

static void axis_fini(struct pil_axis *a)
{
    mem_free(a->owned);
    *a = (struct pil_axis){0};
}

static enum rc axis_alloc(struct pil_axis *a, struct err *e)
{
    size_t outs = (size_t)a->out_n, taps = outs * (size_t)a->taps_n;
    a->owned = mem_zalloc(2 * outs * sizeof(int32_t) + 2 * taps * sizeof(int16_t), 1, e);
    if (!a->owned) {
        return RC_FAILED;
    }
    a->first = a->owned;
    a->count = a->first + outs;
    a->lo = (int16_t *)(a->count + outs);
    a->hi = a->lo + taps;
    return RC_OK;
}

static void axis_fill(struct pil_axis *a, const struct pil_span *s, double (*weight)(double), double *w)
{
    for (int32_t x = 0; x < a->out_n; x++) {
        double centre = (double)s->from + (x + 0.5) * s->scale, sum = 0, inverse = 1.0 / s->filter_scale;
        span_bounds(s, x, &a->first[x], &a->count[x]);
        for (int32_t i = 0; i < a->count[x]; i++) {
            w[i] = weight((i + a->first[x] - centre + 0.5) * inverse);
            sum += w[i];
        }
        for (int32_t i = 0; i < a->count[x]; i++) {
            double k = sum != 0.0 ? w[i] / sum : w[i];
            int32_t fixed = (int32_t)((k < 0 ? -0.5 : 0.5) + k * (1 << PIL_PRECISION_BITS));
            size_t at = (size_t)x * (size_t)a->taps_n + (size_t)i;
            a->hi[at] = (int16_t)(fixed >> PIL_LOW_BITS);
            a->lo[at] = (int16_t)(fixed & ((1 << PIL_LOW_BITS) - 1));
        }
    }
}

static enum rc axis_init(struct pil_axis *a, int32_t in_n, float from, float to, int32_t out_n, enum image_filter f,
                         struct err *e)
{
    struct pil_span s = {.from = from, .in_n = in_n, .scale = (double)(to - from) / out_n};
    s.filter_scale = s.scale < 1.0 ? 1.0 : s.scale;
    s.support = filters[f].support * s.filter_scale;
    *a = (struct pil_axis){.out_n = out_n};
    int32_t widest = 1, first, count;
    for (int32_t x = 0; x < out_n; x++) {
        span_bounds(&s, x, &first, &count);
        widest = count > widest ? count : widest;
    }
    a->taps_n = (widest + PIL_TAPS_ALIGN - 1) / PIL_TAPS_ALIGN * PIL_TAPS_ALIGN;
    double *w = mem_zalloc((size_t)widest, sizeof *w, e);
    if (!w || axis_alloc(a, e) != RC_OK) {
        mem_free(w);
        return RC_FAILED;
    }
    axis_fill(a, &s, filters[f].weight, w);
    mem_free(w);
    return RC_OK;
}

/* --- passes --------------------------------------------------------------------------------------------------------
 */

void image_pil_rows_scalar(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride, int32_t rows_n,
                           int32_t channels, const struct pil_axis *a)
{
    for (int32_t y = 0; y < rows_n; y++, in += in_stride, out += out_stride) {
        uint8_t *to = out;
        for (int32_t x = 0; x < a->out_n; x++) {
            size_t k0 = (size_t)x * (size_t)a->taps_n;
            const uint8_t *from = in + (size_t)a->first[x] * (size_t)channels;
            for (int32_t c = 0; c < channels; c++) {
                int32_t sum = 1 << (PIL_PRECISION_BITS - 1);
                for (int32_t i = 0; i < a->count[x]; i++) {
                    sum += from[i * channels + c] * pil_k(a, k0 + (size_t)i);
                }
                *to++ = pil_clip8(sum);
            }
        }
    }
}

void image_pil_column_scalar(const uint8_t *in, size_t stride, uint8_t *out, size_t n, const struct pil_axis *a,
                             int32_t y)
{
    size_t k0 = (size_t)y * (size_t)a->taps_n;
    const uint8_t *from = in + (size_t)a->first[y] * stride;
    for (size_t x = 0; x < n; x++) {
        int32_t sum = 1 << (PIL_PRECISION_BITS - 1);
        for (int32_t i = 0; i < a->count[y]; i++) {
            sum += from[(size_t)i * stride + x] * pil_k(a, k0 + (size_t)i);
        }
        out[x] = pil_clip8(sum);
    }
}

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_sse41(void)
{
    return __builtin_cpu_supports("sse4.1");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#endif

static const struct pil_kernel kernels[] = {
#if defined(__x86_64__)
    {"avx2", has_avx2, image_pil_rows_avx2, image_pil_column_avx2},
    {"sse41", has_sse41, image_pil_rows_sse41, image_pil_column_sse41},
#endif
    {"scalar", always, image_pil_rows_scalar, image_pil_column_scalar},
};

const struct pil_kernel *image_pil_kernels(size_t *n)
{
    *n = sizeof kernels / sizeof kernels[0];
    return kernels;
}

static const struct pil_kernel *fastest(void)
{
    const struct pil_kernel *k = kernels;
    while (!k->supported()) {
        k++;
    }
    return k;
}

/* Rows y0 .. y0+out->height_px-1. The last rows go through a padded copy, because kernels read behind a row's end. */
static enum rc pass_rows(const struct pil_kernel *k, const struct image *in, int32_t y0, const struct pil_axis *a,
                         struct image *out, struct err *e)
{
    size_t in_stride = (size_t)in->width_px * (size_t)in->channels;
    size_t out_stride = (size_t)out->width_px * (size_t)out->channels;
    int32_t tail_n = (int32_t)(PIL_PAD_BYTES / in_stride) + 1;
    int32_t direct_n = in->height_px - tail_n - y0;
    direct_n = direct_n < 0 ? 0 : direct_n > out->height_px ? out->height_px : direct_n;
    k->rows(in->u8 + (size_t)y0 * in_stride, in_stride, out->u8, out_stride, direct_n, in->channels, a);
    if (direct_n == out->height_px) {
        return RC_OK;
    }
    uint8_t *padded = mem_zalloc(in_stride + PIL_PAD_BYTES, 1, e);
    if (!padded) {
        return RC_FAILED;
    }
    for (int32_t y = direct_n; y < out->height_px; y++) {
        memcpy(padded, in->u8 + (size_t)(y0 + y) * in_stride, in_stride);
        k->rows(padded, in_stride, out->u8 + (size_t)y * out_stride, out_stride, 1, in->channels, a);
    }
    mem_free(padded);
    return RC_OK;
}

static void pass_columns(const struct pil_kernel *k, const struct image *in, const struct pil_axis *a,
                         struct image *out)
{
    size_t stride = (size_t)in->width_px * (size_t)in->channels;
    for (int32_t y = 0; y < a->out_n; y++) {
        k->column(in->u8, stride, out->u8 + (size_t)y * stride, stride, a, y);
    }
}

static enum rc copy(const struct image *in, struct image *out, struct err *e)
{
    enum rc rc = image_init_blank(out, in->width_px, in->height_px, in->channels, 8, e);
    if (rc == RC_OK) {
        memcpy(out->u8, in->u8, image_bytes(in));
    }
    return rc;
}

/* libImaging/Geometry.c, ImagingScaleAffine: positions are summed, not multiplied. */
static int32_t *nearest_table(float from, float to, int32_t in_n, int32_t out_n, struct err *e)
{
    int32_t *at = mem_zalloc((size_t)out_n, sizeof *at, e);
    double step = (double)(to - from) / out_n, x = (double)from + step * 0.5;
    for (int32_t i = 0; at && i < out_n; i++) {
        int32_t v = x < 0 ? 0 : (int32_t)x;
        at[i] = v < in_n ? v : in_n - 1;
        x += step;
    }
    return at;
}

static enum rc resize_nearest(const struct image *in, const struct image_box *b, int32_t width_px, int32_t height_px,
                              struct image *out, struct err *e)
{
    size_t c = (size_t)in->channels;
    enum rc rc = RC_FAILED;
    int32_t *xs = nearest_table(b->x0, b->x1, in->width_px, width_px, e);
    int32_t *ys = nearest_table(b->y0, b->y1, in->height_px, height_px, e);
    if (!xs || !ys) {
        goto done;
    }
    rc = image_init_blank(out, width_px, height_px, in->channels, 8, e);
    if (rc != RC_OK) {
        goto done;
    }
    uint8_t *to = out->u8;
    for (int32_t y = 0; y < height_px; y++) {
        const uint8_t *row = in->u8 + (size_t)ys[y] * (size_t)in->width_px * c;
        for (int32_t x = 0; x < width_px; x++, to += c) {
            memcpy(to, row + (size_t)xs[x] * c, c);
        }
    }
done:
    mem_free(xs);
    mem_free(ys);
    return rc;
}

static enum rc resize_two_pass(const struct pil_kernel *k, const struct image *in, const struct image_box *b,
                               int32_t width_px, int32_t height_px, enum image_filter f, struct image *out,
                               struct err *e)
{
    bool across = width_px != in->width_px || b->x0 != 0 || b->x1 != (float)width_px;
    bool down = height_px != in->height_px || b->y0 != 0 || b->y1 != (float)height_px;
    struct pil_axis h = {0}, v = {0};
    struct image narrow = {0};
    enum rc rc = axis_init(&v, in->height_px, b->y0, b->y1, height_px, f, e);
    if (rc != RC_OK) {
        return rc;
    }
    image_borrow(in, &narrow);
    if (across) {
        /* Only the rows that the second pass will read. */
        int32_t y0 = down ? v.first[0] : 0;
        int32_t y1 = down ? v.first[height_px - 1] + v.count[height_px - 1] : in->height_px;
        rc = axis_init(&h, in->width_px, b->x0, b->x1, width_px, f, e);
        if (rc == RC_OK) {
            rc = image_init_blank(&narrow, width_px, y1 - y0, in->channels, 8, e);
        }
        if (rc == RC_OK) {
            rc = pass_rows(k, in, y0, &h, &narrow, e);
        }
        for (int32_t y = 0; y < height_px; y++) {
            v.first[y] -= y0;
        }
    }
    if (rc == RC_OK && down) {
        rc = image_init_blank(out, width_px, height_px, in->channels, 8, e);
        if (rc == RC_OK) {
            pass_columns(k, &narrow, &v, out);
        }
    } else if (rc == RC_OK) {
        *out = narrow;
        narrow = (struct image){0};
    }
    image_fini(&narrow);
    axis_fini(&h);
    axis_fini(&v);
    return rc;
}

enum rc image_pil_resize_with(const struct pil_kernel *k, const struct image *in, const struct image_box *box,
                              int32_t width_px, int32_t height_px, enum image_filter f, struct image *out,
                              struct err *e)
{
    struct image_box whole = {0, 0, (float)in->width_px, (float)in->height_px};
    const struct image_box *b = box ? box : &whole;
    *out = (struct image){0};
    if (in->bits != 8 || f > IMAGE_PIL_LANCZOS) {
        return err_set(e, ERR_VALUE, "Resizing with %s takes 8-bit pictures and Pillow's filters",
                       image_filter_name(f));
    }
    if (width_px < 1 || height_px < 1 || width_px > IMAGE_SIDE_MAX_PX || height_px > IMAGE_SIDE_MAX_PX) {
        return err_set(e, ERR_VALUE, "Resizing to %d x %d pixels, allowed 1 to %d a side", width_px, height_px,
                       IMAGE_SIDE_MAX_PX);
    }
    enum rc rc;
    if (width_px == in->width_px && height_px == in->height_px && b->x0 == 0 && b->y0 == 0 && b->x1 == whole.x1 &&
        b->y1 == whole.y1) {
        rc = copy(in, out, e);
    } else if (f == IMAGE_PIL_NEAREST) {
        rc = resize_nearest(in, b, width_px, height_px, out, e);
    } else {
        rc = resize_two_pass(k, in, b, width_px, height_px, f, out, e);
    }
    if (rc == RC_OK) {
        out->format = in->format;
        out->source_bits = in->source_bits;
        out->orientation = in->orientation;
    }
    return rc;
}

enum rc image_pil_resize(const struct image *in, const struct image_box *box, int32_t width_px, int32_t height_px,
                         enum image_filter f, struct image *out, struct err *e)
{
    return image_pil_resize_with(fastest(), in, box, width_px, height_px, f, out, e);
}
