/* Functions that rearrange, cut, join and resize tensors. Their axes and shapes count the batch. */
#include "nn/import/lower_ops.h"

#include "base/text.h"

#include <string.h>

void op_reshape(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t dim[IR_RANK_MAX + 1] = {0};
    int n = op_ints(l, 1, "shape|newshape|new_shape|target_shape", IR_RANK_MAX + 1, dim);
    if (n < 1) {
        lower_refuse(l, "a shape that is not fixed");
        return;
    }
    int32_t t = l->in[0].t;
    int free_n = 0;
    for (int i = 1; i < n; i++)
        free_n += dim[i] < 0;
    /* The only -1 may stand for the batch, which is not here; then everything behind it is known. */
    if (dim[0] > 1 && free_n == 0)
        lower_refuse(l, "a shape that mixes the batch with other axes");
    else
        lower_set(l, lower_reshape(l, t, n - 1, dim + 1), -1);
}

void op_transpose(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t perm[IR_RANK_MAX + 1] = {0}, out[IR_RANK_MAX] = {0}, t = l->in[0].t, rank = lower_shape(l, t)->rank;
    int n = op_ints(l, 1, "perm|axes|pattern", IR_RANK_MAX + 1, perm);
    if (n != rank - l->outer + 1 || perm[0] != 0) {
        lower_refuse(l, "a transposition of the batch");
        return;
    }
    for (int32_t i = 0; i < rank; i++)
        out[i] = i < l->outer ? i : lower_axis(l, t, perm[i - l->outer + 1]);
    if (!l->b->rc)
        lower_set(l, lower_permute(l, t, out), -1);
}

/* Dims behind the outer axes into list; how many. */
static int32_t dims(struct lower *l, int32_t t, int32_t *list)
{
    const struct ir_shape *s = lower_shape(l, t);
    int32_t n = s->rank - l->outer;
    for (int32_t i = 0; i < n; i++)
        list[i] = s->dim[l->outer + i];
    return n;
}

static int32_t expand(struct lower *l, int32_t t, int64_t axis)
{
    int32_t list[IR_RANK_MAX + 1], n = dims(l, t, list);
    int64_t at = axis < 0 ? axis + n + 1 : axis - 1;
    if (at < 0 || at > n || n + 1 + l->outer > IR_RANK_MAX)
        return lower_refuse(l, "a new axis %lld", (long long)axis);
    memmove(list + at + 1, list + at, (size_t)(n - at) * sizeof(*list));
    list[at] = 1;
    return lower_reshape(l, t, n + 1, list);
}

void op_expand_dims(struct lower *l, const struct op_row *row)
{
    (void)row;
    int64_t axis = op_int(l, 1, "axis|dim", -1);
    if (axis == 0)
        lower_refuse(l, "a new batch axis");
    else
        lower_set(l, expand(l, l->in[0].t, axis), -1);
}

void op_squeeze(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t list[IR_RANK_MAX], keep[IR_RANK_MAX], axes[IR_RANK_MAX], t = l->in[0].t, n = dims(l, t, list), kept = 0;
    int have = op_ints(l, 1, "axis|squeeze_dims", IR_RANK_MAX, axes);
    bool drop[IR_RANK_MAX] = {false};
    for (int k = 0; k < have; k++) {
        int32_t a = lower_axis(l, t, axes[k]);
        if (a >= 0)
            drop[a - l->outer] = true;
    }
    for (int32_t i = 0; i < n; i++)
        if (!(have > 0 ? drop[i] : list[i] == 1))
            keep[kept++] = list[i];
    if (!l->b->rc)
        lower_set(l, lower_reshape(l, t, kept, keep), -1);
}

static void join(struct lower *l, const int32_t *in, int32_t n, int32_t axis)
{
    struct ir_node node = {.op = IR_CONCAT};
    node.u.axis.axis = axis;
    if (axis >= 0)
        lower_set(l, n == 1 ? in[0] : build_many(l->b, &node, in, n), -1);
}

void op_concat(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t in[BUILD_IO_MAX], n = l->in_n < BUILD_IO_MAX ? l->in_n : BUILD_IO_MAX;
    bool graph = json_is_object(config_get(l->config, "node_def"));
    for (int32_t k = 0; k < n; k++)
        in[k] = l->in[k].t;
    int64_t axis = op_int(l, graph ? (size_t)n : 1, "axis", -1);
    if (axis == 0)
        lower_refuse(l, "joining along the batch");
    else
        join(l, in, n, lower_axis(l, in[0], axis));
}

void op_stack(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t in[BUILD_IO_MAX], n = l->in_n < BUILD_IO_MAX ? l->in_n : BUILD_IO_MAX;
    int64_t axis = op_int(l, 1, "axis", 0);
    if (axis == 0) {
        lower_refuse(l, "stacking along the batch");
        return;
    }
    for (int32_t k = 0; k < n; k++)
        in[k] = expand(l, l->in[k].t, axis);
    if (!l->b->rc)
        join(l, in, n, lower_axis(l, in[0], axis));
}

/* One slice of an axis, everything else whole. */
static int32_t cut(struct lower *l, int32_t t, int32_t axis, int32_t begin, int32_t end)
{
    struct ir_node n = {.op = IR_SLICE};
    memset(&n.u.slice, 0, sizeof(n.u.slice));
    for (int32_t a = 0; a < lower_shape(l, t)->rank; a++) {
        n.u.slice.step[a] = 1;
        if (a != axis)
            n.u.slice.full_mask |= 1 << a;
    }
    n.u.slice.begin[axis] = begin;
    n.u.slice.end[axis] = end;
    return lower_op(l, &n, t);
}

void op_split(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t size[BUILD_IO_MAX], t = l->in[0].t;
    int n = op_ints(l, 1, "num_or_size_splits|indices_or_sections", BUILD_IO_MAX, size);
    int32_t axis = lower_axis(l, t, op_int(l, 2, "axis", 0));
    if (axis < 0 || n < 1)
        return;
    int32_t whole = lower_shape(l, t)->dim[axis], at = 0;
    const json_t *given = op_arg(l, 1, "num_or_size_splits|indices_or_sections");
    bool list = json_is_array(given);
    int32_t parts = list ? (l->keras3_call ? n + 1 : n) : size[0];
    if (whole < 1 || parts < 1 || parts > BUILD_IO_MAX || (!list && whole % parts)) {
        lower_refuse(l, "a split of %d into %d", (int)whole, (int)parts);
        return;
    }
    l->out_n = 0;
    for (int32_t k = 0; k < parts; k++) {
        int32_t end = !list ? at + whole / parts : !l->keras3_call ? at + size[k] : k < n ? size[k] : whole;
        l->out[l->out_n++] = (struct value){cut(l, t, axis, at, end), -1};
        at = end;
    }
}

/* ---- x[...] ---- */

/* One entry of the key for one axis. False: refused. */
static bool key_entry(struct lower *l, const json_t *item, struct ir_slice *s, int32_t axis)
{
    const json_t *config = json_object_get(item, "config");
    const json_t *slice = json_is_object(config) ? config : item;
    int64_t at;
    s->step[axis] = 1;
    if (json_is_number(item) && config_int(item, &at)) {
        s->begin[axis] = (int32_t)at;
        s->end[axis] = (int32_t)(at + 1);
        if (at == -1) { /* the last one: up to 0 before the end */
            s->end[axis] = 0;
            s->from_end_mask |= 1 << axis;
        }
        s->drop_mask |= 1 << axis;
        return true;
    }
    if (!json_is_object(slice))
        return lower_refuse(l, "an index that is no number") >= 0;
    const json_t *start = json_object_get(slice, "start"), *stop = json_object_get(slice, "stop"),
                 *step = json_object_get(slice, "step");
    int64_t begin = 0, end = 0, by = 1;
    if ((!config_is_null(start) && !config_int(start, &begin)) || (!config_is_null(stop) && !config_int(stop, &end)) ||
        (!config_is_null(step) && !config_int(step, &by)))
        return lower_refuse(l, "an index that is no number") >= 0;
    s->step[axis] = (int32_t)by;
    if (config_is_null(start) && config_is_null(stop)) {
        s->full_mask |= 1 << axis;
        return true;
    }
    if (by < 0)
        return lower_refuse(l, "a slice that runs backwards from a place") >= 0;
    s->begin[axis] = (int32_t)begin;
    s->end[axis] = (int32_t)end;
    if (config_is_null(stop)) {
        s->end[axis] = 0;
        s->from_end_mask |= 1 << axis;
    } else if (end < 0) {
        s->end[axis] = (int32_t)-end;
        s->from_end_mask |= 1 << axis;
    }
    return true;
}

static bool key_is(const json_t *item, const char *name)
{
    const json_t *class_name = json_object_get(item, "class_name");
    return (json_is_string(item) && str_eq_case(json_string_value(item), name + 2)) ||
           (json_is_string(class_name) && str_starts(json_string_value(class_name), name));
}

void op_getitem(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t t = l->in[0].t, rank = lower_shape(l, t)->rank, axis = l->outer - 1, fresh[IR_RANK_MAX], fresh_n = 0;
    const json_t *key = op_arg(l, 1, "slice_spec|key");
    const json_t *items = json_object_get(key, "items");
    key = items ? items : key;
    struct ir_node n = {.op = IR_SLICE};
    struct ir_slice *s = &n.u.slice;
    memset(s, 0, sizeof(*s));
    for (int32_t a = 0; a < rank; a++) {
        s->step[a] = 1;
        s->full_mask |= 1 << a;
    }
    size_t size = json_is_array(key) ? json_array_size(key) : 1, used = 0;
    for (size_t i = 0; i < size; i++) {
        const json_t *item = json_is_array(key) ? json_array_get(key, i) : key;
        used += !json_is_null(item) && !key_is(item, "__ellipsis");
    }
    int32_t made = 0; /* axes of the result so far, the batch included */
    for (size_t i = 0; i < size && !l->b->rc; i++) {
        const json_t *item = json_is_array(key) ? json_array_get(key, i) : key;
        if (json_is_null(item)) { /* a new axis */
            if (fresh_n < IR_RANK_MAX)
                fresh[fresh_n++] = made;
            made++;
            continue;
        }
        if (key_is(item, "__ellipsis")) {
            int32_t skip = rank - l->outer + 1 - (int32_t)used;
            axis += skip;
            made += skip;
            continue;
        }
        if (axis == l->outer - 1) { /* the batch: only all of it */
            struct ir_slice batch;
            memset(&batch, 0, sizeof(batch));
            if (!key_entry(l, item, &batch, 0) || !batch.full_mask || batch.step[0] != 1) {
                lower_refuse(l, "a part of the batch");
                return;
            }
            axis++;
            made++;
            continue;
        }
        if (axis >= rank) {
            lower_refuse(l, "too many indices");
            return;
        }
        s->full_mask &= ~(1 << axis);
        if (!key_entry(l, item, s, axis))
            return;
        made += !(s->drop_mask >> axis & 1);
        axis++;
    }
    t = lower_op(l, &n, t);
    for (int32_t k = 0; k < fresh_n && !l->b->rc; k++) {
        if (fresh[k] == 0)
            lower_refuse(l, "a new batch axis");
        else
            t = expand(l, t, fresh[k]);
    }
    lower_set(l, t, -1);
}

/* ---- padding, repeating, turning ---- */

void op_pad(struct lower *l, const struct op_row *row)
{
    (void)row;
    struct ir_node n = {.op = IR_PAD};
    memset(&n.u.pad, 0, sizeof(n.u.pad));
    int32_t t = l->in[0].t, rank = lower_shape(l, t)->rank;
    const json_t *v = op_arg(l, 1, "paddings|pad_width"), *mode = op_arg(l, 2, "mode");
    if (json_is_string(mode) && !str_eq_case(json_string_value(mode), "constant")) {
        lower_refuse(l, "mode '%s'", json_string_value(mode));
        return;
    }
    n.u.pad.value = (float)op_num(l, 3, "constant_values", 0);
    if (!json_is_array(v) || json_array_size(v) != (size_t)(rank - l->outer + 1)) {
        lower_refuse(l, "a padding that is not fixed");
        return;
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *pair = json_array_get(v, i);
        int64_t before = 0, after = 0;
        if (!config_int(json_array_get(pair, 0), &before) || !config_int(json_array_get(pair, 1), &after) ||
            (i == 0 && before + after != 0)) {
            lower_refuse(l, "a padding of the batch");
            return;
        }
        if (i > 0) {
            n.u.pad.before[l->outer + (int32_t)i - 1] = (int32_t)before;
            n.u.pad.after[l->outer + (int32_t)i - 1] = (int32_t)after;
        }
    }
    lower_set(l, lower_op(l, &n, t), -1);
}

void op_tile(struct lower *l, const struct op_row *row)
{
    int32_t times[IR_RANK_MAX + 1], t = l->in[0].t, rank = lower_shape(l, t)->rank;
    int n = op_ints(l, 1, "multiples|repeats", IR_RANK_MAX + 1, times);
    if (row->arg == 0) { /* repeat along one axis */
        int32_t axis = lower_axis(l, t, op_int(l, 2, "axis", 0));
        if (n != 1 || axis < 0) {
            lower_refuse(l, "repeats that differ");
            return;
        }
        struct ir_node node = {.op = IR_REPEAT, .u.repeat = {.axis = axis, .n = times[0]}};
        lower_set(l, lower_op(l, &node, t), -1);
        return;
    }
    if (n != rank - l->outer + 1 || times[0] != 1) {
        lower_refuse(l, "a repetition of the batch");
        return;
    }
    for (int k = 1; k < n; k++) {
        struct ir_node node = {.op = IR_REPEAT, .u.repeat = {.axis = l->outer + k - 1, .n = times[k], .tile = 1}};
        t = times[k] == 1 ? t : lower_op(l, &node, t);
    }
    lower_set(l, t, -1);
}

void op_flip(struct lower *l, const struct op_row *row)
{
    (void)row;
    int32_t axes[IR_RANK_MAX], t = l->in[0].t;
    int n = op_ints(l, 1, "axis", IR_RANK_MAX, axes);
    if (n < 1)
        lower_refuse(l, "turning the batch around");
    for (int k = 0; k < n; k++) {
        struct ir_node node = {.op = IR_REVERSE};
        node.u.axis.axis = lower_axis(l, t, axes[k]);
        if (axes[k] == 0)
            lower_refuse(l, "turning the batch around");
        if (node.u.axis.axis >= 0)
            t = lower_op(l, &node, t);
    }
    lower_set(l, t, -1);
}

/* ---- pictures ---- */

void op_resize(struct lower *l, const struct op_row *row)
{
    (void)row;
    static const char *const names[] = {"nearest",  "bilinear", "bicubic",  "area",
                                        "lanczos3", "lanczos5", "gaussian", "mitchellcubic"};
    struct ir_node n = {.op = IR_RESIZE};
    struct ir_resize *a = &n.u.resize;
    memset(a, 0, sizeof(*a));
    const json_t *method = op_arg(l, 2, "method|interpolation");
    const char *name = json_is_string(method) ? json_string_value(method) : "bilinear";
    a->fn = -1;
    for (size_t i = 0; i < ARRAY_N(names); i++)
        if (str_eq_case(name, names[i]))
            a->fn = (int32_t)i;
    if (json_is_number(method)) /* the numbers of TensorFlow 1: bilinear, nearest, bicubic, area */
        a->fn = json_number_value(method) == 1   ? IR_RESIZE_NEAREST
                : json_number_value(method) == 0 ? IR_RESIZE_BILINEAR
                                                 : -1;
    a->keras3 = l->keras3_call;
    if (op_ints(l, 1, "size", 2, a->size) != 2 || a->fn < 0 || a->size[0] < 1 || a->size[1] < 1)
        lower_refuse(l, "a resize by '%s'", name);
    else if (op_true(l, 4, "antialias", false) || op_true(l, 3, "preserve_aspect_ratio", false))
        lower_refuse(l, "antialias or preserve_aspect_ratio");
    else if (op_true(l, 9, "align_corners", false) || json_is_object(config_get(l->config, "node_def")))
        lower_refuse(l, "a resize of TensorFlow 1");
    else
        lower_set(l, lower_op(l, &n, l->in[0].t), -1);
}

void op_pool(struct lower *l, const struct op_row *row)
{
    struct ir_node n = {.op = IR_POOL};
    memset(&n.u.pool, 0, sizeof(n.u.pool));
    struct ir_window *w = &n.u.pool.w;
    int32_t size[4] = {0}, stride[4] = {0};
    int k = op_ints(l, 1, "ksize|pool_size", 4, size), s = op_ints(l, 2, "strides", 4, stride);
    const json_t *mode = op_arg(l, 3, "padding"), *format = op_arg(l, 4, "data_format");
    if (lower_shape(l, l->in[0].t)->rank != l->outer + 3 || k < 1 ||
        (json_is_string(format) && str_eq(json_string_value(format), "NCHW"))) {
        lower_refuse(l, "a pooling that is not over two axes");
        return;
    }
    w->spatial = 2;
    n.u.pool.kind = row->arg;
    for (int i = 0; i < 2; i++) {
        w->kernel[i] = k == 1 ? size[0] : size[k == 4 ? i + 1 : i];
        w->stride[i] = s < 1 ? w->kernel[i] : s == 1 ? stride[0] : stride[s == 4 ? i + 1 : i];
        w->dilation[i] = 1;
    }
    w->mode = json_is_string(mode) && str_eq_case(json_string_value(mode), "same") ? IR_PAD_SAME : IR_PAD_VALID;
    lower_set(l, lower_op(l, &n, l->in[0].t), -1);
}

/* [H, W, b*b*C] <-> [H*b, W*b, C] */
static void block(struct lower *l, bool to_space)
{
    int32_t d[IR_RANK_MAX], t = l->in[0].t, n = dims(l, t, d), b = (int32_t)op_int(l, 1, "block_size", 2), o = l->outer;
    if (n != 3 || b < 1 || b > 1024 || d[0] < 1 || d[1] < 1 || d[2] < 1 || o > 1 ||
        (to_space ? d[2] % (b * b) : d[0] % b + d[1] % b)) {
        lower_refuse(l, "blocks of %d", (int)b);
        return;
    }
    int32_t perm[IR_RANK_MAX] = {0, 1, 2, 3, 4, 5};
    if (to_space) {
        const int32_t split[5] = {d[0], d[1], b, b, d[2] / (b * b)}, whole[3] = {d[0] * b, d[1] * b, d[2] / (b * b)};
        t = lower_reshape(l, t, 5, split);
        perm[o + 1] = o + 2, perm[o + 2] = o + 1;
        lower_set(l, lower_reshape(l, lower_permute(l, t, perm), 3, whole), -1);
    } else {
        const int32_t split[5] = {d[0] / b, b, d[1] / b, b, d[2]}, whole[3] = {d[0] / b, d[1] / b, d[2] * b * b};
        t = lower_reshape(l, t, 5, split);
        perm[o + 1] = o + 2, perm[o + 2] = o + 1;
        lower_set(l, lower_reshape(l, lower_permute(l, t, perm), 3, whole), -1);
    }
}

void op_depth_to_space(struct lower *l, const struct op_row *row)
{
    (void)row;
    block(l, true);
}

void op_space_to_depth(struct lower *l, const struct op_row *row)
{
    (void)row;
    block(l, false);
}
