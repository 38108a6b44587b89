/* Layers that rearrange. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <string.h>

void lower_flatten(struct lower *l)
{
    int32_t t = l->in[0].t, inner = lower_shape(l, t)->rank - l->outer;
    if (lower_channels_first(l) && inner > 1 && l->i->keras_major > 1) /* Keras flattens in channels_last order */
        t = lower_to_last(l, t, inner - 1);
    const int32_t all = -1;
    lower_set(l, lower_reshape(l, t, 1, &all), -1);
}

void lower_reshape_layer(struct lower *l)
{
    int32_t dim[IR_RANK_MAX] = {0};
    if (config_get(l->config, "newshape|new_shape")) { /* keras.ops.reshape, not a layer */
        lower_function(l);
        return;
    }
    int n = lower_list(l, "target_shape|dims", IR_RANK_MAX, dim);
    lower_set(l, lower_reshape(l, l->in[0].t, n, dim), -1);
}

void lower_permute_layer(struct lower *l)
{
    int32_t dim[IR_RANK_MAX] = {0}, perm[IR_RANK_MAX] = {0}, t = l->in[0].t, rank = lower_shape(l, t)->rank;
    int n = lower_list(l, "dims", IR_RANK_MAX, dim);
    if (n + l->outer != rank) {
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s' permutes %d of %d dimensions", l->layer->name, n,
                   (int)(rank - l->outer));
        return;
    }
    for (int32_t i = 0; i < rank; i++)
        perm[i] = i < l->outer ? i : lower_axis(l, t, dim[i - l->outer]);
    lower_set(l, lower_permute(l, t, perm), -1);
}

void lower_repeat_vector(struct lower *l)
{
    struct ir_node n = {.op = IR_REPEAT_VECTOR};
    n.u.repeat_vector.n = (int32_t)lower_int(l, "n", 1);
    lower_set(l, lower_op(l, &n, l->in[0].t), -1);
}

/* Steps equal to mask_value are zeroed and marked. */
void lower_masking(struct lower *l)
{
    struct ir_node n = {.op = IR_MASK};
    int32_t t = l->in[0].t, dim[IR_RANK_MAX];
    n.u.mask.from_embedding = 0;
    n.u.mask.value = (float)lower_num(l, "mask_value", 0);
    int32_t mask = lower_op(l, &n, t);
    const struct ir_shape *s = lower_shape(l, mask);
    int32_t rank = s->rank - l->outer;
    for (int32_t i = 0; i < rank && i < IR_RANK_MAX - 1; i++)
        dim[i] = s->dim[l->outer + i];
    if (l->b->rc || rank + 1 > IR_RANK_MAX)
        return;
    dim[rank] = 1;
    lower_set(l, lower_binary(l, IR_MUL, t, lower_reshape(l, mask, rank + 1, dim)), mask);
}

/* ---- scaling of inputs ---- */

/* A list of numbers, nested as it may be, into values; -1 when something else is in it. */
static int64_t numbers(const json_t *v, float *out, int64_t n, int64_t cap)
{
    if (json_is_number(v)) {
        if (n < cap)
            out[n] = (float)json_number_value(v);
        return n + 1;
    }
    if (json_is_object(
            v)) { /* {"class_name": "__numpy__", "config": {"value": [...]}} and {"type": "ndarray", "value": ...} */
        const json_t *inner = json_object_get(json_object_get(v, "config"), "value");
        return numbers(inner ? inner : json_object_get(v, "value"), out, n, cap);
    }
    if (!json_is_array(v))
        return -1;
    size_t i;
    json_t *item;
    json_array_foreach(v, i, item)
    {
        n = numbers(item, out, n, cap);
        if (n < 0)
            return -1;
    }
    return n;
}

enum { NUMBERS_MAX = 65536 };

/* One number, or one per channel, as a constant along the last axis. Returns a scalar in *one and -1, or a weight. */
static int32_t constant_read(struct lower *l, const char *key, double missing, double *one, bool *ok)
{
    const json_t *v = config_get(l->config, key);
    *one = missing;
    *ok = true;
    if (config_is_null(v))
        return -1;
    float *x = lower_alloc(l, NUMBERS_MAX);
    int64_t n = x ? numbers(v, x, 0, NUMBERS_MAX) : -1;
    *ok = n > 0 && n <= NUMBERS_MAX;
    if (*ok && n == 1)
        *one = json_is_number(v) ? json_number_value(v) : (double)x[0];
    if (!*ok && !l->b->rc)
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s': '%s' is not a list of numbers", l->layer->name, key);
    if (!*ok || n == 1) {
        mem_free(x);
        return -1;
    }
    const struct ir_shape shape = {.rank = 1, .dim = {(int32_t)n}};
    int32_t have = lower_cached(l, key);
    if (have >= 0)
        mem_free(x);
    return have >= 0 ? have : lower_values(l, key, &shape, x);
}

void lower_rescaling(struct lower *l)
{
    double scale, offset;
    bool ok;
    int32_t t = l->in[0].t, w = constant_read(l, "scale", 1, &scale, &ok);
    if (w >= 0)
        t = lower_constant(l, IR_MUL, t, w, false);
    else if (scale != 1)
        t = lower_scalar(l, IR_MUL, t, scale, false);
    w = ok ? constant_read(l, "offset", 0, &offset, &ok) : -1;
    if (w >= 0)
        t = lower_constant(l, IR_ADD, t, w, false);
    else if (ok && offset != 0)
        t = lower_scalar(l, IR_ADD, t, offset, false);
    lower_set(l, t, l->in[0].mask);
}

/* Shape of a constant that varies along the kept axes only. */
static struct ir_shape kept_shape(struct lower *l, int32_t t, int n, const int32_t *axes)
{
    const struct ir_shape *s = lower_shape(l, t);
    struct ir_shape out = {.rank = s->rank};
    for (int32_t i = 0; i < s->rank; i++)
        out.dim[i] = 1;
    for (int k = 0; k < n; k++) {
        int32_t a = lower_axis(l, t, axes[k]);
        if (a >= 0 && s->dim[a] > 0)
            out.dim[a] = s->dim[a];
    }
    return out;
}

/* Mean or variance from the configuration or the weights; variance becomes max(sqrt(v), 1e-7). */
static int32_t statistic(struct lower *l, const char *key, int place, const struct ir_shape *shape, bool root)
{
    int32_t have = lower_cached(l, key);
    if (have >= 0)
        return have;
    int64_t want = build_elements(shape);
    const json_t *given = config_get(l->config, key);
    float *x = NULL;
    int64_t n = -1;
    if (!config_is_null(given)) {
        x = lower_alloc(l, want);
        n = x ? numbers(given, x, 0, want) : -1;
        for (int64_t i = 1; i < want && n == 1; i++)
            x[i] = x[0];
        n = n == 1 ? want : n;
    } else {
        const struct h5_data *d = lower_need(l, key, place);
        x = lower_load(l, d);
        n = d ? d->n : -1;
    }
    if (x && n != want && !l->b->rc)
        build_fail(l->b, ERR_MODEL_SHAPE, "'%s' of layer '%s' has %lld values, expected %lld", key, l->layer->name,
                   (long long)n, (long long)want);
    if (!x || l->b->rc) {
        mem_free(x);
        return -1;
    }
    for (int64_t i = 0; i < n && root; i++) {
        x[i] = __builtin_sqrtf(x[i]);
        x[i] = x[i] > 1e-7F ? x[i] : 1e-7F;
    }
    return lower_values(l, key, shape, x);
}

void lower_normalization(struct lower *l)
{
    int32_t t = l->in[0].t, axes[IR_RANK_MAX] = {-1};
    const json_t *axis = config_get(l->config, "axis");
    int n = lower_list(l, "axis", IR_RANK_MAX, axes);
    if (n == 0 && !axis)
        n = 1;
    struct ir_shape shape = kept_shape(l, t, n, axes);
    int32_t mean = statistic(l, "mean", 0, &shape, false), root = statistic(l, "variance", 1, &shape, true);
    lower_find(l, "count", 2);
    bool invert = lower_bool(l, "invert", false);
    t = lower_constant(l, invert ? IR_MUL : IR_SUB, t, invert ? root : mean, false);
    t = lower_constant(l, invert ? IR_ADD : IR_DIV, t, invert ? mean : root, false);
    lower_set(l, t, l->in[0].mask);
}
