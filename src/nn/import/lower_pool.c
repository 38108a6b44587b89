/* Pooling, padding, cropping, changes of size. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <string.h>

static void pool(struct lower *l, int spatial, int kind)
{
    struct ir_node n = {.op = IR_POOL};
    memset(&n.u.pool, 0, sizeof(n.u.pool));
    struct ir_window *w = &n.u.pool.w;
    n.u.pool.kind = kind;
    w->spatial = spatial;
    lower_ints(l, "pool_size|pool_length", spatial, w->kernel, 2);
    if (!lower_ints(l, "strides|stride", spatial, w->stride, 0))
        memcpy(w->stride, w->kernel, sizeof(w->stride));
    for (int i = 0; i < spatial; i++)
        w->dilation[i] = 1;
    const char *mode = lower_text(l, "padding|border_mode", "valid");
    w->mode = str_eq_case(mode, "same") ? IR_PAD_SAME : IR_PAD_VALID;
    if (w->mode == IR_PAD_VALID && !str_eq_case(mode, "valid"))
        lower_refuse(l, "padding '%s'", mode);
    bool first = lower_channels_first(l) && (spatial > 1 || l->i->keras_major > 1);
    int32_t t = first ? lower_to_last(l, l->in[0].t, spatial) : l->in[0].t;
    t = lower_op(l, &n, t);
    lower_set(l, first ? lower_to_first(l, t, spatial) : t, -1);
}

void lower_max_pool1d(struct lower *l)
{
    pool(l, 1, IR_REDUCE_MAX);
}
void lower_max_pool2d(struct lower *l)
{
    pool(l, 2, IR_REDUCE_MAX);
}
void lower_max_pool3d(struct lower *l)
{
    pool(l, 3, IR_REDUCE_MAX);
}
void lower_avg_pool1d(struct lower *l)
{
    pool(l, 1, IR_REDUCE_AVG);
}
void lower_avg_pool2d(struct lower *l)
{
    pool(l, 2, IR_REDUCE_AVG);
}
void lower_avg_pool3d(struct lower *l)
{
    pool(l, 3, IR_REDUCE_AVG);
}

static void global_pool(struct lower *l, int spatial, int kind)
{
    struct ir_node n = {.op = IR_GLOBAL_POOL};
    memset(&n.u.global_pool, 0, sizeof(n.u.global_pool));
    n.u.global_pool.spatial = spatial;
    n.u.global_pool.kind = kind;
    n.u.global_pool.keep_dims = lower_bool(l, "keepdims", false);
    bool first = lower_channels_first(l) && (spatial > 1 || l->i->keras_major > 1);
    int32_t mask = l->in[0].mask;
    bool masked = mask >= 0 && spatial == 1 && kind == IR_REDUCE_AVG && !first;
    n.u.global_pool.has_mask = masked;
    int32_t t = first ? lower_to_last(l, l->in[0].t, spatial) : l->in[0].t;
    const int32_t in[2] = {t, mask};
    t = build_many(l->b, &n, in, masked ? 2 : 1);
    lower_set(l, first && n.u.global_pool.keep_dims ? lower_to_first(l, t, spatial) : t, -1);
}

void lower_global_max1d(struct lower *l)
{
    global_pool(l, 1, IR_REDUCE_MAX);
}
void lower_global_max2d(struct lower *l)
{
    global_pool(l, 2, IR_REDUCE_MAX);
}
void lower_global_max3d(struct lower *l)
{
    global_pool(l, 3, IR_REDUCE_MAX);
}
void lower_global_avg1d(struct lower *l)
{
    global_pool(l, 1, IR_REDUCE_AVG);
}
void lower_global_avg2d(struct lower *l)
{
    global_pool(l, 2, IR_REDUCE_AVG);
}
void lower_global_avg3d(struct lower *l)
{
    global_pool(l, 3, IR_REDUCE_AVG);
}

/* ---- padding and cropping ---- */

/* 2 | [1, 2] | [[0, 1], [2, 3]]: for one axis a pair is before and after, for more axes it is one number per axis. */
static bool amounts_read(struct lower *l, const char *key, int spatial, int32_t before[3], int32_t after[3])
{
    const json_t *v = config_get(l->config, key);
    int64_t n, m;
    bool ok = true;
    for (int i = 0; i < spatial && ok; i++) {
        const json_t *item =
            json_is_array(v) && (spatial > 1 || json_array_size(v) == 1) ? json_array_get(v, (size_t)i) : v;
        if (config_int(item, &n)) {
            before[i] = after[i] = (int32_t)n;
        } else {
            ok = json_array_size(item) == 2 && config_int(json_array_get(item, 0), &n) &&
                 config_int(json_array_get(item, 1), &m);
            before[i] = ok ? (int32_t)n : 0;
            after[i] = ok ? (int32_t)m : 0;
        }
        ok = ok && before[i] >= 0 && after[i] >= 0;
    }
    /* Keras 1 also allowed (top, bottom, left, right) and names for the sides. */
    if (!ok && spatial == 2 && (json_array_size(v) == 4 || json_is_object(v))) {
        static const char *const side[4] = {"top_pad", "bottom_pad", "left_pad", "right_pad"};
        int64_t s[4] = {0};
        ok = true;
        for (size_t i = 0; i < 4; i++) {
            const json_t *one = json_is_object(v) ? json_object_get(v, side[i]) : json_array_get(v, i);
            ok = ok && (!one || (config_int(one, &s[i]) && s[i] >= 0));
        }
        before[0] = (int32_t)s[0], after[0] = (int32_t)s[1], before[1] = (int32_t)s[2], after[1] = (int32_t)s[3];
    }
    if (!ok)
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s': '%s' is not understood", l->layer->name, key);
    return ok;
}

static int32_t spatial_start(struct lower *l, int32_t t, int spatial)
{
    return lower_shape(l, t)->rank - spatial - (lower_channels_first(l) && spatial > 1 ? 0 : 1);
}

static bool spatial_check(struct lower *l, int32_t first)
{
    if (first < l->outer && !l->b->rc)
        build_fail(l->b, ERR_MODEL_SHAPE, "layer '%s': the input has too few dimensions", l->layer->name);
    return !l->b->rc;
}

static void zero_pad(struct lower *l, int spatial)
{
    int32_t before[3] = {1, 1, 1}, after[3] = {1, 1, 1}, t = l->in[0].t, first = spatial_start(l, t, spatial);
    struct ir_node n = {.op = IR_PAD};
    memset(&n.u.pad, 0, sizeof(n.u.pad));
    if (!spatial_check(l, first) || !amounts_read(l, "padding", spatial, before, after))
        return;
    for (int i = 0; i < spatial; i++) {
        n.u.pad.before[first + i] = before[i];
        n.u.pad.after[first + i] = after[i];
    }
    lower_set(l, lower_op(l, &n, t), -1);
}

void lower_zero_pad1d(struct lower *l)
{
    zero_pad(l, 1);
}
void lower_zero_pad2d(struct lower *l)
{
    zero_pad(l, 2);
}
void lower_zero_pad3d(struct lower *l)
{
    zero_pad(l, 3);
}

static void crop(struct lower *l, int spatial)
{
    int32_t before[3] = {1, 1, 1}, after[3] = {1, 1, 1}, t = l->in[0].t, first = spatial_start(l, t, spatial);
    struct ir_node n = {.op = IR_SLICE};
    memset(&n.u.slice, 0, sizeof(n.u.slice));
    if (!spatial_check(l, first) || !amounts_read(l, "cropping", spatial, before, after))
        return;
    for (int32_t a = 0; a < lower_shape(l, t)->rank; a++) {
        n.u.slice.step[a] = 1;
        if (a < first || a >= first + spatial) {
            n.u.slice.full_mask |= 1 << a;
            continue;
        }
        n.u.slice.begin[a] = before[a - first];
        n.u.slice.end[a] = after[a - first];
        n.u.slice.from_end_mask |= 1 << a;
    }
    lower_set(l, lower_op(l, &n, t), -1);
}

void lower_crop1d(struct lower *l)
{
    crop(l, 1);
}
void lower_crop2d(struct lower *l)
{
    crop(l, 2);
}
void lower_crop3d(struct lower *l)
{
    crop(l, 3);
}

/* ---- size ---- */

static void up_by_repeats(struct lower *l, int spatial, const char *keys)
{
    int32_t size[3], t = l->in[0].t, first = spatial_start(l, t, spatial);
    lower_ints(l, keys, spatial, size, 2);
    if (!spatial_check(l, first))
        return;
    for (int i = 0; i < spatial; i++) {
        struct ir_node n = {.op = IR_REPEAT};
        n.u.repeat.axis = first + i;
        n.u.repeat.n = size[i];
        n.u.repeat.tile = 0;
        t = size[i] == 1 ? t : lower_op(l, &n, t);
    }
    lower_set(l, t, -1);
}

void lower_up1d(struct lower *l)
{
    up_by_repeats(l, 1, "size|length");
}
void lower_up3d(struct lower *l)
{
    up_by_repeats(l, 3, "size");
}

static int resize_fn(struct lower *l, const char *name)
{
    static const char *const names[] = {"nearest",  "bilinear", "bicubic",  "area",
                                        "lanczos3", "lanczos5", "gaussian", "mitchellcubic"};
    for (size_t i = 0; i < ARRAY_N(names); i++)
        if (str_eq_case(name, names[i]))
            return (int)i;
    return lower_refuse(l, "interpolation '%s'", name);
}

static void resize(struct lower *l, const struct ir_resize *attr)
{
    struct ir_node n = {.op = IR_RESIZE};
    n.u.resize = *attr;
    n.u.resize.keras3 = l->i->keras_major >= 3;
    bool first = lower_channels_first(l);
    int32_t t = first ? lower_to_last(l, l->in[0].t, 2) : l->in[0].t;
    t = lower_op(l, &n, t);
    lower_set(l, first ? lower_to_first(l, t, 2) : t, -1);
}

void lower_up2d(struct lower *l)
{
    struct ir_resize a;
    memset(&a, 0, sizeof(a));
    a.fn = resize_fn(l, lower_text(l, "interpolation", "nearest"));
    lower_ints(l, "size", 2, a.factor, 2);
    if (a.fn >= 0)
        resize(l, &a);
}

void lower_resizing(struct lower *l)
{
    struct ir_resize a;
    memset(&a, 0, sizeof(a));
    a.fn = resize_fn(l, lower_text(l, "interpolation", "bilinear"));
    a.size[0] = (int32_t)lower_int(l, "height", 0);
    a.size[1] = (int32_t)lower_int(l, "width", 0);
    a.crop_to_aspect = lower_bool(l, "crop_to_aspect_ratio", false);
    if (lower_bool(l, "pad_to_aspect_ratio", false))
        lower_refuse(l, "pad_to_aspect_ratio");
    else if (lower_bool(l, "antialias", false))
        lower_refuse(l, "antialias");
    else if (a.fn >= 0)
        resize(l, &a);
}

void lower_center_crop(struct lower *l)
{
    struct ir_node n = {.op = IR_CROP_CENTER};
    n.u.crop_center.height = (int32_t)lower_int(l, "height", 0);
    n.u.crop_center.width = (int32_t)lower_int(l, "width", 0);
    n.u.crop_center.keras3 = l->i->keras_major >= 3;
    bool first = lower_channels_first(l);
    int32_t t = first ? lower_to_last(l, l->in[0].t, 2) : l->in[0].t;
    t = lower_op(l, &n, t);
    lower_set(l, first ? lower_to_first(l, t, 2) : t, -1);
}

/* At inference it resizes with a crop to the aspect ratio; since Keras 3.7 it does nothing. */
void lower_random_crop(struct lower *l)
{
    if (l->i->keras_major > 3 || (l->i->keras_major == 3 && l->i->keras_minor >= 7)) {
        lower_identity(l);
        return;
    }
    struct ir_resize a;
    memset(&a, 0, sizeof(a));
    a.fn = IR_RESIZE_BILINEAR;
    a.size[0] = (int32_t)lower_int(l, "height", 0);
    a.size[1] = (int32_t)lower_int(l, "width", 0);
    a.crop_to_aspect = 1;
    resize(l, &a);
}
