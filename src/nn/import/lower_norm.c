/* Normalisations. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* One vector of a batch normalisation in double; `missing` where the layer has none. */
static double *vector(struct lower *l, const char *leaves, int place, bool has, double missing, int64_t *n)
{
    const struct h5_data *d = has ? lower_need(l, leaves, place) : NULL;
    float *raw = d ? lower_load(l, d) : NULL;
    if (l->b->rc)
        return NULL;
    if (d && *n < 0)
        *n = d->n;
    if (d && d->n != *n) {
        build_fail(l->b, ERR_MODEL_SHAPE, "'%s' has %lld values, expected %lld", d->path, (long long)d->n,
                   (long long)*n);
        mem_free(raw);
        return NULL;
    }
    double *x = mem_zalloc((size_t)*n, sizeof(*x), l->b->e);
    if (!x)
        l->b->rc = RC_FAILED;
    for (int64_t i = 0; i < *n && x; i++)
        x[i] = d ? (double)raw[i] : missing;
    mem_free(raw);
    return x;
}

/* y = gamma * (x - mean) / sqrt(variance + epsilon) + beta as y = x * scale + shift, computed in double. */
static bool fold(struct lower *l, const struct ir_shape *shape, int32_t *scale_w, int32_t *shift_w)
{
    *scale_w = lower_cached(l, "scale");
    *shift_w = lower_cached(l, "shift");
    if (*scale_w >= 0 && *shift_w >= 0)
        return true;
    bool has_scale = lower_bool(l, "scale", true), has_center = lower_bool(l, "center", true);
    double eps = lower_num(l, "epsilon", l->i->keras_major == 1 ? 1e-5 : 1e-3);
    int64_t n = build_elements(shape);
    int place = has_scale + has_center;
    double *mean = vector(l, "moving_mean|running_mean", place, true, 0, &n);
    double *var = vector(l, "moving_variance|moving_var|running_std|running_var", place + 1, true, 1, &n);
    double *gamma = vector(l, "gamma", 0, has_scale, 1, &n), *beta = vector(l, "beta", has_scale, has_center, 0, &n);
    float *scale = lower_alloc(l, n), *shift = lower_alloc(l, n);
    bool ok = mean && var && gamma && beta && scale && shift;
    for (int64_t i = 0; i < n && ok; i++) {
        double s = gamma[i] / sqrt(var[i] + eps);
        scale[i] = (float)s;
        shift[i] = (float)(beta[i] - mean[i] * s);
    }
    mem_free(mean);
    mem_free(var);
    mem_free(gamma);
    mem_free(beta);
    if (!ok) {
        mem_free(scale);
        mem_free(shift);
        return false;
    }
    *scale_w = lower_values(l, "scale", shape, scale);
    *shift_w = lower_values(l, "shift", shape, shift);
    return !l->b->rc;
}

void lower_batch_norm(struct lower *l)
{
    int32_t t = l->in[0].t, axes[IR_RANK_MAX] = {-1}, scale, shift;
    const struct ir_shape *s = lower_shape(l, t);
    int n = lower_list(l, "axis", IR_RANK_MAX, axes);
    n = n ? n : 1;
    if (l->i->keras_major == 1 && lower_int(l, "mode", 0) != 0) {
        lower_refuse(l, "mode %lld", (long long)lower_int(l, "mode", 0));
        return;
    }
    if (!config_is_null(config_get(l->config, "virtual_batch_size"))) {
        lower_refuse(l, "virtual_batch_size");
        return;
    }
    struct ir_shape shape = {.rank = 1};
    int32_t a = lower_axis(l, t, axes[0]);
    if (a < 0)
        return;
    if (n == 1) {
        shape.dim[0] = s->dim[a];
        if (shape.dim[0] < 0) {
            build_fail(l->b, ERR_MODEL_SHAPE, "layer '%s': the normalised axis has no fixed size", l->layer->name);
            return;
        }
        struct ir_node node = {.op = IR_AFFINE};
        node.u.affine.axis = a;
        if (fold(l, &shape, &scale, &shift))
            lower_set(l, build_unary(l->b, &node, t, scale, shift), l->in[0].mask);
        return;
    }
    shape.rank = s->rank;
    for (int32_t i = 0; i < s->rank; i++)
        shape.dim[i] = 1;
    for (int k = 0; k < n; k++) {
        a = lower_axis(l, t, axes[k]);
        if (a >= 0 && s->dim[a] > 0)
            shape.dim[a] = s->dim[a];
    }
    if (fold(l, &shape, &scale, &shift)) {
        t = lower_constant(l, IR_MUL, t, scale, false);
        lower_set(l, lower_constant(l, IR_ADD, t, shift, false), l->in[0].mask);
    }
}

static int32_t axes_mask(struct lower *l, int32_t t, const char *key, int32_t missing)
{
    int32_t axes[IR_RANK_MAX] = {missing}, mask = 0;
    int n = lower_list(l, key, IR_RANK_MAX, axes);
    for (int k = 0; k < (n ? n : 1); k++) {
        int32_t a = lower_axis(l, t, axes[k]);
        mask |= a < 0 ? 0 : 1 << a;
    }
    return mask;
}

/* x / sqrt(mean(x^2) + epsilon), times a scale; centred: LayerNormalization's rms_scaling divides by the variance. */
static void rms_norm(struct lower *l, const char *leaf, int32_t mask, bool centred, bool has_scale)
{
    int32_t t = l->in[0].t;
    struct ir_node n = {.op = IR_REDUCE};
    n.u.reduce.kind = IR_REDUCE_AVG;
    n.u.reduce.axes_mask = mask;
    n.u.reduce.keep_dims = 1;
    int32_t r = centred ? lower_binary(l, IR_SQDIFF, t, lower_op(l, &n, t)) : lower_act(l, IR_FN_SQUARE, t, 0, 0, 0);
    r = lower_op(l, &n, r);
    r = lower_scalar(l, IR_ADD, r, lower_num(l, "epsilon", 1e-6), false);
    t = lower_binary(l, IR_MUL, t, lower_act(l, IR_FN_RSQRT, r, 0, 0, 0));
    if (has_scale) {
        const struct ir_shape *s = lower_shape(l, t);
        struct ir_shape shape = {.rank = s->rank};
        for (int32_t i = 0; i < s->rank; i++)
            shape.dim[i] = mask >> i & 1 && s->dim[i] > 0 ? s->dim[i] : 1;
        t = lower_constant(l, IR_MUL, t, lower_weight(l, leaf, 0, &shape), false);
    }
    lower_set(l, t, l->in[0].mask);
}

void lower_rms_norm(struct lower *l)
{
    rms_norm(l, "scale", axes_mask(l, l->in[0].t, "axis", -1), false, true);
}

void lower_layer_norm(struct lower *l)
{
    struct ir_node n = {.op = IR_NORM};
    memset(&n.u.norm, 0, sizeof(n.u.norm));
    n.u.norm.kind = IR_NORM_LAYER;
    n.u.norm.axes_mask = axes_mask(l, l->in[0].t, "axis", -1);
    n.u.norm.has_scale = lower_bool(l, "scale", true);
    n.u.norm.has_offset = lower_bool(l, "center", true);
    n.u.norm.eps = (float)lower_num(l, "epsilon", 1e-3);
    if (lower_bool(l, "rms_scaling", false)) {
        rms_norm(l, "gamma", n.u.norm.axes_mask, true, true);
        return;
    }
    int32_t w[2], w_n = 0, in = l->in[0].t, out;
    if (n.u.norm.has_scale)
        w[w_n++] = lower_weight(l, "gamma", 0, NULL);
    if (n.u.norm.has_offset)
        w[w_n++] = lower_weight(l, "beta", n.u.norm.has_scale, NULL);
    build_node(l->b, &n, &in, 1, w, w_n, &out, 1);
    lower_set(l, out, l->in[0].mask);
}

void lower_group_norm(struct lower *l)
{
    struct ir_node n = {.op = IR_NORM};
    int32_t in = l->in[0].t, out, w[2], w_n = 0;
    memset(&n.u.norm, 0, sizeof(n.u.norm));
    n.u.norm.kind = IR_NORM_GROUP;
    n.u.norm.axis = lower_axis(l, in, lower_int(l, "axis", -1));
    if (n.u.norm.axis < 0)
        return;
    int64_t groups = lower_int(l, "groups", 32), channels = lower_shape(l, in)->dim[n.u.norm.axis];
    n.u.norm.groups = (int32_t)(groups == -1 ? channels : groups);
    n.u.norm.has_scale = lower_bool(l, "scale", true);
    n.u.norm.has_offset = lower_bool(l, "center", true);
    n.u.norm.eps = (float)lower_num(l, "epsilon", 1e-3);
    for (int32_t a = l->outer; a < lower_shape(l, in)->rank; a++)
        n.u.norm.axes_mask |= 1 << a;
    if (n.u.norm.has_scale)
        w[w_n++] = lower_weight(l, "gamma", 0, NULL);
    if (n.u.norm.has_offset)
        w[w_n++] = lower_weight(l, "beta", n.u.norm.has_scale, NULL);
    build_node(l->b, &n, &in, 1, w, w_n, &out, 1);
    lower_set(l, out, l->in[0].mask);
}

void lower_unit_norm(struct lower *l)
{
    struct ir_node n = {.op = IR_NORM};
    memset(&n.u.norm, 0, sizeof(n.u.norm));
    n.u.norm.kind = IR_NORM_UNIT;
    n.u.norm.axes_mask = axes_mask(l, l->in[0].t, "axis", -1);
    n.u.norm.eps = 1e-12F;
    lower_set(l, lower_op(l, &n, l->in[0].t), l->in[0].mask);
}

/* ConvNeXt: x * gamma along the last axis. */
void lower_layer_scale(struct lower *l)
{
    lower_set(
        l,
        lower_constant(l, IR_MUL, l->in[0].t, lower_weight(l, "gamma|layer_scale|Variable|variable", 0, NULL), false),
        l->in[0].mask);
}

/* Spectral normalisation changes the kernel while training only. */
void lower_wrapped(struct lower *l)
{
    struct lower inner;
    lower_call(l, lower_inner(l, 0, config_get(l->config, "layer")), l->in, l->in_n, l->outer, &inner);
    memcpy(l->out, inner.out, sizeof(l->out));
    l->out_n = inner.out_n;
}
