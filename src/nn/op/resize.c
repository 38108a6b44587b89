/* RESIZE: tf.image.resize (v2: half-pixel centres, no antialiasing) of the two axes before the channels. CROP_CENTER.
 * Both are one separable form: every output row is a weighted sum of a few input rows, every output column of a few
 * columns. */
#include "nn/op/op.h"

#include <float.h>
#include <math.h>

enum rc op_check_RESIZE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_resize *r = &n->u.resize;
    enum rc rc = op_check_range(g, n, "interpolation", r->fn, IR_RESIZE_NEAREST, IR_RESIZE_MITCHELL, e);
    bool by_factor = r->size[0] == 0 && r->size[1] == 0;
    for (int32_t i = 0; rc == RC_OK && i < 2; i++) {
        rc = by_factor ? op_check_range(g, n, "factor", r->factor[i], 1, OP_SIZE_MAX, e)
                       : op_check_range(g, n, "size", r->size[i], 1, OP_SIZE_MAX, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "crop_to_aspect_ratio", r->crop_to_aspect, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "Keras 3", r->keras3, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_RESIZE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_resize *r = &n->u.resize;
    enum rc rc = op_want_rank(g, n, in, 3, e);
    bool by_factor = r->size[0] == 0 && r->size[1] == 0;
    *out = *in;
    for (int32_t i = 0; rc == RC_OK && i < 2; i++) {
        int32_t axis = in->rank - 3 + i, size = in->dim[axis];
        rc = op_dim_set(g, n, out, axis, !by_factor ? r->size[i] : size < 0 ? -1 : (int64_t)size * r->factor[i], e);
    }
    return rc;
}

enum rc op_check_CROP_CENTER(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "height", n->u.crop_center.height, 1, OP_SIZE_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "width", n->u.crop_center.width, 1, OP_SIZE_MAX, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "Keras 3", n->u.crop_center.keras3, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_CROP_CENTER(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                             struct ir_shape *out, struct err *e)
{
    enum rc rc = op_want_rank(g, n, in, 3, e);
    if (rc == RC_OK) {
        *out = *in;
        out->dim[in->rank - 3] = n->u.crop_center.height;
        out->dim[in->rank - 2] = n->u.crop_center.width;
    }
    return rc;
}

/* ---- generic form ---- */
/* Which inputs one output of an axis is made of; weight: `most` floats per output. */
struct span {
    int32_t first, n;
};
struct scaling {
    int32_t in, out, most; /* most: largest span */
    struct span *span;
    float *weight;
};
struct resize_args {
    int64_t outer, channels;
    int32_t height, width; /* of the input */
    struct scaling y, x;
    float numbers[]; /* weights and spans of y, then of x */
};

static float cubic_keys(float x) /* Keys, a = -0.5 */
{
    return x < 1 ? (1.5f * x - 2.5f) * x * x + 1 : x < 2 ? ((-0.5f * x + 2.5f) * x - 4) * x + 2 : 0;
}

static float cubic_mitchell(float x) /* B = C = 1/3 */
{
    return x < 1   ? (7.0f / 6.0f * x - 2) * x * x + 8.0f / 9.0f
           : x < 2 ? ((-7.0f / 18.0f * x + 2) * x - 10.0f / 3.0f) * x + 16.0f / 9.0f
                   : 0;
}

static float gaussian(float x) /* radius 1.5, sigma a third of it */
{
    return x < 1.5f ? expf(-x * x / (2 * 0.5f * 0.5f)) : 0;
}

static float lanczos(float x, float radius)
{
    const float pi = 3.14159265358979323846f;
    return x > radius ? 0 : x <= 1e-3f ? 1 : radius * sinf(pi * x) * sinf(pi * x / radius) / (pi * pi * x * x);
}

static float kernel_at(int32_t fn, float x)
{
    switch (fn) {
    case IR_RESIZE_LANCZOS3:
        return lanczos(x, 3);
    case IR_RESIZE_LANCZOS5:
        return lanczos(x, 5);
    case IR_RESIZE_GAUSSIAN:
        return gaussian(x);
    default:
        return cubic_mitchell(x);
    }
}

static float kernel_radius(int32_t fn)
{
    switch (fn) {
    case IR_RESIZE_LANCZOS3:
        return 3;
    case IR_RESIZE_LANCZOS5:
        return 5;
    case IR_RESIZE_GAUSSIAN:
        return 1.5f;
    default:
        return 2;
    }
}

static int32_t most_of(int32_t fn, int32_t in, int32_t out)
{
    switch (fn) {
    case IR_RESIZE_NEAREST:
        return 1;
    case IR_RESIZE_BILINEAR:
        return 2;
    case IR_RESIZE_BICUBIC:
        return 4;
    case IR_RESIZE_AREA:
        return in / out + 3;
    default:
        return 2 * (int32_t)kernel_radius(fn) + 3;
    }
}

static int32_t limit(int64_t v, int32_t n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : (int32_t)v;
}

/* tensorflow/core/kernels/image: resize_nearest_neighbor_op, resize_bilinear_op */
static struct span span_linear(int32_t fn, const struct scaling *s, int32_t o, float *w)
{
    float scale = (float)s->in / (float)s->out, at = ((float)o + 0.5f) * scale;
    w[0] = 1;
    if (fn == IR_RESIZE_NEAREST) {
        return (struct span){limit((int64_t)floorf(at), s->in), 1};
    }
    at -= 0.5f;
    float below = floorf(at);
    int32_t lo = limit((int64_t)below, s->in), hi = limit((int64_t)below + 1, s->in);
    if (lo == hi) {
        return (struct span){lo, 1};
    }
    w[1] = at - below;
    w[0] = 1 - w[1];
    return (struct span){lo, 2};
}

/* resize_bicubic_op with half-pixel centres: weights from a table of 1024 steps, those outside the image left out. */
static struct span span_bicubic(const struct scaling *s, int32_t o, float *w)
{
    enum { STEPS = 1024 };
    float scale = (float)s->in / (float)s->out, at = ((float)o + 0.5f) * scale - 0.5f, below = floorf(at);
    float delta = (float)lrintf((at - below) * STEPS) / STEPS;
    float all[4] = {cubic_keys(1 + delta), cubic_keys(delta), cubic_keys(1 - delta), cubic_keys(2 - delta)}, sum = 0;
    struct span r = {0};
    for (int32_t k = 0; k < 4; k++) {
        int64_t i = (int64_t)below - 1 + k;
        if (i >= 0 && i < s->in) {
            r.first = r.n ? r.first : (int32_t)i;
            w[r.n++] = all[k];
            sum += all[k];
        }
    }
    for (int32_t k = 0; k < r.n; k++) {
        w[k] /= sum;
    }
    return r;
}

/* resize_area_op */
static struct span span_area(const struct scaling *s, int32_t o, float *w)
{
    float scale = (float)s->in / (float)s->out, from = (float)o * scale, to = ((float)o + 1) * scale;
    int32_t lo = (int32_t)floorf(from), hi = (int32_t)ceilf(to);
    struct span r = {limit(lo, s->in), 0};
    for (int32_t i = lo; i < hi; i++) {
        float left = (float)i < from ? from : (float)i, right = (float)i + 1 > to ? to : (float)i + 1;
        int32_t k = limit(i, s->in) - r.first;
        if (k >= r.n && r.n < s->most) {
            w[r.n++] = 0;
        }
        w[k < r.n ? k : r.n - 1] += (right - left) / scale;
    }
    return r;
}

/* scale_and_translate_op without antialiasing */
static struct span span_kernel(int32_t fn, const struct scaling *s, int32_t o, float *w)
{
    float scale = (float)s->out / (float)s->in, at = ((float)o + 0.5f) * (1.0f / scale), radius = kernel_radius(fn);
    int32_t lo = limit((int64_t)ceilf(at - radius - 0.5f), s->in),
            hi = limit((int64_t)floorf(at + radius - 0.5f), s->in);
    float sum = 0;
    struct span r = {lo, hi - lo + 1};
    for (int32_t k = 0; k < r.n; k++) {
        w[k] = kernel_at(fn, fabsf((float)(lo + k) + 0.5f - at));
        sum += w[k];
    }
    for (int32_t k = 0; k < r.n && fabsf(sum) >= 1000 * FLT_MIN; k++) {
        w[k] /= sum;
    }
    return r;
}

/* begin: first input cell of the part that is scaled; same: the picture keeps its size, TensorFlow then copies it. */
static void fill_scaling(struct scaling *s, int32_t fn, int32_t begin, bool same)
{
    for (int32_t o = 0; o < s->out; o++) {
        float *w = s->weight + (int64_t)o * s->most;
        struct span r = {o, 1};
        if (same) {
            w[0] = 1;
        } else if (fn == IR_RESIZE_AREA) {
            r = span_area(s, o, w);
        } else if (fn == IR_RESIZE_BICUBIC) {
            r = span_bicubic(s, o, w);
        } else if (fn == IR_RESIZE_NEAREST || fn == IR_RESIZE_BILINEAR) {
            r = span_linear(fn, s, o, w);
        } else {
            r = span_kernel(fn, s, o, w);
        }
        s->span[o] = (struct span){r.first + begin, r.n};
    }
}

/* y = sum of n rows of width floats, pitch apart */
static void blend(const float *x, int64_t pitch, const float *w, int32_t n, int64_t width, float *restrict y)
{
    for (int64_t i = 0; i < width; i++) {
        y[i] = x[i] * w[0];
    }
    for (int32_t k = 1; k < n; k++) {
        const float *row = x + k * pitch;
        for (int64_t i = 0; i < width; i++) {
            y[i] += row[i] * w[k];
        }
    }
}

static void tile_resize(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct resize_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]), *line = env->scratch[worker];
    int64_t pitch = (int64_t)a->width * a->channels;
    struct op_range r = op_tile_range(s, a->outer * a->y.out, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        int64_t o = i % a->y.out;
        struct span v = a->y.span[o];
        const float *x = in + (i / a->y.out * a->height + v.first) * pitch, *wy = a->y.weight + o * a->y.most;
        if (v.n > 1) {
            blend(x, pitch, wy, v.n, pitch, line);
            x = line;
        }
        float *y = out + i * a->x.out * a->channels;
        for (int32_t k = 0; k < a->x.out; k++, y += a->channels) {
            struct span h = a->x.span[k];
            blend(x + h.first * a->channels, a->channels, a->x.weight + (int64_t)k * a->x.most, h.n, a->channels, y);
        }
    }
}

/* The part of the input that is scaled. */
struct part {
    int32_t top, left, height, width;
};

/* keras.preprocessing.image.smart_resize: the largest part in the middle with the aspect of the target. Keras 2
 * computes in float32, Keras 3 in float64. */
static struct part part_of(int32_t height, int32_t width, int32_t out_height, int32_t out_width, bool keras3)
{
    int64_t tall = (int64_t)width * out_height, wide = (int64_t)height * out_width;
    double h = keras3 ? (double)tall / out_width : (double)((float)tall / (float)out_width);
    double w = keras3 ? (double)wide / out_height : (double)((float)wide / (float)out_height);
    struct part r = {.height = h < height ? (int32_t)h : height, .width = w < width ? (int32_t)w : width};
    r.height = r.height < 1 ? 1 : r.height;
    r.width = r.width < 1 ? 1 : r.width;
    r.top = (height - r.height) / 2;
    r.left = (width - r.width) / 2;
    return r;
}

static enum rc prepare_resize(struct nn_prepare *p, struct nn_step *s, int32_t fn, struct part part, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape, *y = &s->out[0].shape;
    int32_t rank = x->rank, out_height = y->dim[rank - 3], out_width = y->dim[rank - 2];
    int32_t most_y = most_of(fn, part.height, out_height), most_x = most_of(fn, part.width, out_width);
    size_t per_y = (size_t)most_y * sizeof(float) + sizeof(struct span),
           per_x = (size_t)most_x * sizeof(float) + sizeof(struct span);
    struct resize_args *a = nn_args(p, sizeof *a + (size_t)out_height * per_y + (size_t)out_width * per_x, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    *a = (struct resize_args){.outer = op_dims_n(x, 0, rank - 3),
                              .channels = x->dim[rank - 1],
                              .height = x->dim[rank - 3],
                              .width = x->dim[rank - 2],
                              .y = {.in = part.height, .out = out_height, .most = most_y},
                              .x = {.in = part.width, .out = out_width, .most = most_x}};
    char *at = (char *)a->numbers;
    struct scaling *both[] = {&a->y, &a->x};
    for (int32_t i = 0; i < 2; i++) {
        both[i]->span = (struct span *)(void *)at;
        at += (size_t)both[i]->out * sizeof(struct span);
        both[i]->weight = (float *)(void *)at;
        at += (size_t)both[i]->out * (size_t)both[i]->most * sizeof(float);
    }
    bool same = part.height == out_height && part.width == out_width;
    fill_scaling(&a->y, fn, part.top, same);
    fill_scaling(&a->x, fn, part.left, same);
    s->args = a;
    double per = (double)a->channels * ((double)a->width * most_y + (double)out_width * most_x);
    s->flops = 2 * per * (double)a->outer * out_height;
    op_tiles(s, tile_resize, a->outer * out_height, per);
    return nn_want_scratch(p, (size_t)a->width * (size_t)a->channels * sizeof(float), e);
}

enum rc op_prepare_RESIZE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_resize *r = &n->u.resize;
    const struct ir_shape *x = &s->in[0].shape, *y = &s->out[0].shape;
    int32_t height = x->dim[x->rank - 3], width = x->dim[x->rank - 2];
    struct part part = {0, 0, height, width};
    if (r->crop_to_aspect) {
        part = part_of(height, width, y->dim[x->rank - 3], y->dim[x->rank - 2], r->keras3);
    }
    return prepare_resize(p, s, r->fn, part, e);
}

/* Crops when the picture is large enough both ways, otherwise resizes as smart_resize (bilinear). */
enum rc op_prepare_CROP_CENTER(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_crop_center *c = &n->u.crop_center;
    const struct ir_shape *x = &s->in[0].shape;
    int32_t height = x->dim[x->rank - 3], width = x->dim[x->rank - 2];
    if (height >= c->height && width >= c->width) {
        struct part part = {(height - c->height) / 2, (width - c->width) / 2, c->height, c->width};
        return prepare_resize(p, s, IR_RESIZE_NEAREST, part, e);
    }
    return prepare_resize(p, s, IR_RESIZE_BILINEAR, part_of(height, width, c->height, c->width, c->keras3), e);
}
