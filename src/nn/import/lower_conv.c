/* Dense, convolutions of every kind, embedding. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <string.h>

void lower_dense(struct lower *l)
{
    struct ir_node n = {.op = IR_DENSE};
    memset(&n.u.dense, 0, sizeof(n.u.dense));
    n.u.dense.units = (int32_t)lower_int(l, "units|output_dim", 0);
    n.u.dense.has_bias = lower_bool(l, "use_bias|bias", true);
    int32_t k = lower_weight(l, "kernel|W", 0, NULL), b = n.u.dense.has_bias ? lower_weight(l, "bias|b", 1, NULL) : -1;
    int32_t t = build_unary(l->b, &n, l->in[0].t, k, b);
    lower_set(l, lower_activation(l, "activation", t), l->in[0].mask);
}

/* ---- windows ---- */

/* The options every windowed layer shares, in the names of all versions. */
static void window_read(struct lower *l, int spatial, const char *kernel_keys, struct ir_window *w)
{
    memset(w, 0, sizeof(*w));
    w->spatial = spatial;
    if (!lower_ints(l, kernel_keys, spatial, w->kernel, 1)) {
        /* Keras 1 named each side. */
        static const char *const side[2][3] = {{"nb_row", "nb_col", ""}, {"kernel_dim1", "kernel_dim2", "kernel_dim3"}};
        for (int i = 0; i < spatial; i++)
            w->kernel[i] = (int32_t)lower_int(l, spatial == 1 ? "filter_length" : side[spatial == 3][i], 1);
    }
    lower_ints(l, "strides|subsample|subsample_length", spatial, w->stride, 1);
    lower_ints(l, "dilation_rate|atrous_rate", spatial, w->dilation, 1);
    const char *mode = lower_text(l, "padding|border_mode", "valid");
    if (str_eq_case(mode, "same"))
        w->mode = IR_PAD_SAME;
    else if (str_eq_case(mode, "causal") && spatial == 1)
        w->mode = IR_PAD_CAUSAL;
    else if (str_eq_case(mode, "full"))
        for (int i = 0; i < spatial; i++)
            w->before[i] = w->after[i] = (w->kernel[i] - 1) * w->dilation[i];
    else if (!str_eq_case(mode, "valid"))
        lower_refuse(l, "padding '%s'", mode);
}

/* ---- kernels of older files ---- */

/* Moves axes and optionally turns the spatial ones around: out axis i is in axis from[i]. */
static float *kernel_turn(struct lower *l, const struct h5_data *d, const int32_t *from, int spatial, bool flip,
                          struct ir_shape *shape)
{
    float *raw = lower_load(l, d), *out = raw ? lower_alloc(l, d->n) : NULL;
    if (!out) {
        mem_free(raw);
        return NULL;
    }
    int64_t stride[IR_RANK_MAX], step = 1;
    for (int32_t a = d->rank - 1; a >= 0; a--) {
        stride[a] = step;
        step *= d->dim[a];
    }
    *shape = (struct ir_shape){.rank = d->rank};
    for (int32_t a = 0; a < d->rank; a++)
        shape->dim[a] = (int32_t)d->dim[from[a]];
    int32_t at[IR_RANK_MAX] = {0};
    for (int64_t n = 0; n < d->n; n++) {
        int64_t src = 0;
        for (int32_t a = 0; a < d->rank; a++) {
            int32_t i = flip && a < spatial ? shape->dim[a] - 1 - at[a] : at[a];
            src += i * stride[from[a]];
        }
        out[n] = raw[src];
        for (int32_t a = d->rank - 1; a >= 0 && ++at[a] == shape->dim[a]; a--)
            at[a] = 0;
    }
    mem_free(raw);
    return out;
}

/* Kernel of a convolution in the order [k..., in, out] ([k..., out, in] when transposed). Keras 1 kept channels_first
 * kernels as [out, in, k...], and Theano's are flipped. */
static int32_t kernel_weight(struct lower *l, const struct ir_window *w, bool transposed)
{
    static const char key[] = "kernel|W";
    int32_t s = w->spatial;
    bool old = l->i->keras_major == 1, turn = l->i->flip_kernels;
    int32_t have = lower_cached(l, key);
    if (have >= 0)
        return have;
    const struct h5_data *d = lower_need(l, key, 0);
    if (!d || d->rank != s + 2)
        old = old && s == 1; /* Keras 1 Conv1D kernels have four axes */
    if (!d || (!old && !turn))
        return d ? lower_weight(l, key, 0, NULL) : -1;
    int32_t from[IR_RANK_MAX];
    for (int32_t a = 0; a < IR_RANK_MAX; a++)
        from[a] = a;
    bool first = old && lower_channels_first(l);
    if (old && s == 1 && d->rank == 4) {
        /* (filter_length, 1, in, out), or before 1.1 (out, in, filter_length, 1) */
        if (d->dim[0] != w->kernel[0] || d->dim[1] != 1) {
            from[0] = 2, from[1] = 3, from[2] = 1, from[3] = 0;
        }
    } else if (first) {
        for (int32_t a = 0; a < s; a++)
            from[a] = a + 2;
        from[s] = transposed ? 0 : 1;
        from[s + 1] = transposed ? 1 : 0;
    } else if (old && transposed) {
        from[s] = s + 1;
        from[s + 1] = s;
    }
    struct ir_shape shape;
    if (d->rank > IR_RANK_MAX || d->rank < s + 2)
        return build_fail(l->b, ERR_MODEL_SHAPE, "the kernel of layer '%s' has %d dimensions", l->layer->name,
                          (int)d->rank);
    float *v = kernel_turn(l, d, from, s, turn, &shape);
    if (v && s == 1 && d->rank == 4) /* drop the axis of size 1 */
        shape = (struct ir_shape){.rank = 3, .dim = {shape.dim[0], shape.dim[2], shape.dim[3]}};
    return v ? lower_values(l, key, &shape, v) : -1;
}

/* ---- layers ---- */

static void conv(struct lower *l, int spatial)
{
    struct ir_node n = {.op = IR_CONV};
    memset(&n.u.conv, 0, sizeof(n.u.conv));
    window_read(l, spatial, "kernel_size", &n.u.conv.w);
    n.u.conv.groups = (int32_t)lower_int(l, "groups", 1);
    n.u.conv.has_bias = lower_bool(l, "use_bias|bias", true);
    bool first = lower_channels_first(l) && (spatial > 1 || l->i->keras_major > 1);
    int32_t t = first ? lower_to_last(l, l->in[0].t, spatial) : l->in[0].t;
    int32_t k = kernel_weight(l, &n.u.conv.w, false), b = n.u.conv.has_bias ? lower_weight(l, "bias|b", 1, NULL) : -1;
    t = build_unary(l->b, &n, t, k, b);
    t = first ? lower_to_first(l, t, spatial) : t;
    lower_set(l, lower_activation(l, "activation", t), -1);
}

void lower_conv1d(struct lower *l)
{
    conv(l, 1);
}
void lower_conv2d(struct lower *l)
{
    conv(l, 2);
}
void lower_conv3d(struct lower *l)
{
    conv(l, 3);
}

static void depthwise(struct lower *l, int spatial)
{
    struct ir_node n = {.op = IR_DWCONV};
    memset(&n.u.conv, 0, sizeof(n.u.conv));
    window_read(l, spatial, "kernel_size", &n.u.conv.w);
    n.u.conv.groups = 1;
    n.u.conv.has_bias = lower_bool(l, "use_bias|bias", true);
    bool first = lower_channels_first(l);
    int32_t t = first ? lower_to_last(l, l->in[0].t, spatial) : l->in[0].t;
    int32_t k = lower_weight(l, "depthwise_kernel|kernel", 0, NULL);
    int32_t b = n.u.conv.has_bias ? lower_weight(l, "bias|b", 1, NULL) : -1;
    t = build_unary(l->b, &n, t, k, b);
    t = first ? lower_to_first(l, t, spatial) : t;
    lower_set(l, lower_activation(l, "activation", t), -1);
}

void lower_depthwise1d(struct lower *l)
{
    depthwise(l, 1);
}
void lower_depthwise2d(struct lower *l)
{
    depthwise(l, 2);
}

static void separable(struct lower *l, int spatial)
{
    struct ir_node n = {.op = IR_DWCONV}, point = {.op = IR_CONV};
    memset(&n.u.conv, 0, sizeof(n.u.conv));
    memset(&point.u.conv, 0, sizeof(point.u.conv));
    window_read(l, spatial, "kernel_size", &n.u.conv.w);
    n.u.conv.groups = 1;
    point.u.conv.w.spatial = spatial;
    for (int i = 0; i < spatial; i++)
        point.u.conv.w.kernel[i] = point.u.conv.w.stride[i] = point.u.conv.w.dilation[i] = 1;
    point.u.conv.groups = 1;
    point.u.conv.has_bias = lower_bool(l, "use_bias|bias", true);
    bool first = lower_channels_first(l);
    if (first && l->i->keras_major == 1)
        lower_refuse(l, "Keras 1 channels_first");
    int32_t t = first ? lower_to_last(l, l->in[0].t, spatial) : l->in[0].t;
    t = build_unary(l->b, &n, t, lower_weight(l, "depthwise_kernel", 0, NULL), -1);
    int32_t k = lower_weight(l, "pointwise_kernel", 1, NULL);
    int32_t b = point.u.conv.has_bias ? lower_weight(l, "bias|b", 2, NULL) : -1;
    t = build_unary(l->b, &point, t, k, b);
    t = first ? lower_to_first(l, t, spatial) : t;
    lower_set(l, lower_activation(l, "activation", t), -1);
}

void lower_separable1d(struct lower *l)
{
    separable(l, 1);
}
void lower_separable2d(struct lower *l)
{
    separable(l, 2);
}

static void transposed(struct lower *l, int spatial)
{
    struct ir_node n = {.op = IR_CONV_TRANSPOSE};
    memset(&n.u.conv_transpose, 0, sizeof(n.u.conv_transpose));
    window_read(l, spatial, "kernel_size", &n.u.conv_transpose.w);
    n.u.conv_transpose.has_bias = lower_bool(l, "use_bias|bias", true);
    n.u.conv_transpose.has_output_padding =
        lower_ints(l, "output_padding", spatial, n.u.conv_transpose.output_padding, 0);
    if (lower_int(l, "groups", 1) != 1)
        lower_refuse(l, "groups");
    bool first = lower_channels_first(l);
    int32_t t = first ? lower_to_last(l, l->in[0].t, spatial) : l->in[0].t;
    int32_t k = kernel_weight(l, &n.u.conv_transpose.w, true);
    int32_t b = n.u.conv_transpose.has_bias ? lower_weight(l, "bias|b", 1, NULL) : -1;
    t = build_unary(l->b, &n, t, k, b);
    t = first ? lower_to_first(l, t, spatial) : t;
    lower_set(l, lower_activation(l, "activation", t), -1);
}

void lower_conv1d_transpose(struct lower *l)
{
    transposed(l, 1);
}
void lower_conv2d_transpose(struct lower *l)
{
    transposed(l, 2);
}
void lower_conv3d_transpose(struct lower *l)
{
    transposed(l, 3);
}

static void local(struct lower *l, int spatial)
{
    struct ir_node n = {.op = IR_LOCAL};
    memset(&n.u.local, 0, sizeof(n.u.local));
    window_read(l, spatial, "kernel_size", &n.u.local.w);
    n.u.local.has_bias = lower_bool(l, "use_bias|bias", true);
    int64_t how = lower_int(l, "implementation", 1);
    if (how < 1 || how > 3)
        lower_refuse(l, "implementation %lld", (long long)how);
    n.u.local.implementation = (int32_t)how;
    bool first = lower_channels_first(l) && spatial > 1;
    if (first)
        lower_refuse(l, "channels_first");
    int32_t k = lower_weight(l, "kernel|W", 0, NULL), b = n.u.local.has_bias ? lower_weight(l, "bias|b", 1, NULL) : -1;
    int32_t t = build_unary(l->b, &n, l->in[0].t, k, b);
    lower_set(l, lower_activation(l, "activation", t), -1);
}

void lower_local1d(struct lower *l)
{
    local(l, 1);
}
void lower_local2d(struct lower *l)
{
    local(l, 2);
}

void lower_embedding(struct lower *l)
{
    struct ir_node n = {.op = IR_EMBEDDING};
    n.u.embedding.rows = (int32_t)lower_int(l, "input_dim", 0);
    n.u.embedding.units = (int32_t)lower_int(l, "output_dim", 0);
    int32_t mask = -1, t = l->in[0].t;
    if (lower_bool(l, "mask_zero", false)) {
        struct ir_node m = {.op = IR_MASK};
        m.u.mask.from_embedding = 1;
        m.u.mask.value = 0;
        mask = lower_op(l, &m, t);
    }
    lower_set(l, build_unary(l->b, &n, t, lower_weight(l, "embeddings|W", 0, NULL), -1), mask);
}
