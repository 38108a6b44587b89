/* Layers that join several tensors. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <string.h>

/* Where the masks of all inputs allow it: the product. */
static int32_t masks_and(struct lower *l)
{
    int32_t mask = -1;
    for (int32_t i = 0; i < l->in_n; i++)
        if (l->in[i].mask >= 0 && l->in[i].mask != mask)
            mask = mask < 0 ? l->in[i].mask : lower_binary(l, IR_MUL, mask, l->in[i].mask);
    return mask;
}

/* Keras aligns shorter shapes at the batch axis: an input of fewer dimensions gets axes of size 1 in front, as NumPy
 * does. */
static void merge(struct lower *l, int fn)
{
    struct ir_node n = {.op = IR_BINARY};
    memset(&n.u.binary, 0, sizeof(n.u.binary));
    n.u.binary.fn = fn;
    if (l->keras3_call && json_array_size(l->args) == 2) { /* keras.ops.add(x, y), not a layer */
        lower_function(l);
        return;
    }
    if (l->in_n < 2) {
        lower_set(l, l->in[0].t, l->in[0].mask);
        return;
    }
    int32_t *in = mem_zalloc((size_t)l->in_n, sizeof(*in), l->b->e);
    if (!in) {
        l->b->rc = RC_FAILED;
        return;
    }
    for (int32_t i = 0; i < l->in_n; i++)
        in[i] = l->in[i].t;
    lower_set(l, build_many(l->b, &n, in, l->in_n), masks_and(l));
    mem_free(in);
}

void lower_add(struct lower *l)
{
    merge(l, IR_ADD);
}
void lower_subtract(struct lower *l)
{
    merge(l, IR_SUB);
}
void lower_multiply(struct lower *l)
{
    merge(l, IR_MUL);
}
void lower_average(struct lower *l)
{
    merge(l, IR_AVG);
}
void lower_maximum(struct lower *l)
{
    merge(l, IR_MAX);
}
void lower_minimum(struct lower *l)
{
    merge(l, IR_MIN);
}

static void concat(struct lower *l, int64_t axis)
{
    struct ir_node n = {.op = IR_CONCAT};
    int32_t a = lower_axis(l, l->in[0].t, axis);
    n.u.axis.axis = a;
    if (a < 0)
        return;
    if (l->in_n < 2) {
        lower_set(l, l->in[0].t, l->in[0].mask);
        return;
    }
    int32_t *in = mem_zalloc((size_t)l->in_n, sizeof(*in), l->b->e), mask = -1, rank = lower_shape(l, l->in[0].t)->rank;
    if (!in) {
        l->b->rc = RC_FAILED;
        return;
    }
    bool all = true, any = false;
    for (int32_t i = 0; i < l->in_n; i++) {
        in[i] = l->in[i].t;
        all = all && l->in[i].mask >= 0;
        any = any || l->in[i].mask >= 0;
    }
    int32_t t = build_many(l->b, &n, in, l->in_n);
    if (any && a == rank - 1)
        mask = masks_and(l); /* a step counts when it counts everywhere */
    if (all && a == rank - 2) {
        for (int32_t i = 0; i < l->in_n; i++)
            in[i] = l->in[i].mask;
        mask = build_many(l->b, &n, in, l->in_n);
    } else if (any && a == rank - 2) {
        lower_refuse(l, "a mask on some inputs only");
    }
    mem_free(in);
    lower_set(l, t, mask);
}

void lower_concatenate(struct lower *l)
{
    concat(l, lower_int(l, "axis|concat_axis", -1));
}

/* a + b * scale, as the residual blocks of InceptionResNetV2. */
void lower_scaled_sum(struct lower *l)
{
    if (l->in_n != 2) {
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s' needs two inputs", l->layer->name);
        return;
    }
    int32_t scaled = lower_scalar(l, IR_MUL, l->in[1].t, lower_num(l, "scale", 1), false);
    lower_set(l, lower_binary(l, IR_ADD, l->in[0].t, scaled), -1);
}

static void dot(struct lower *l, const char *key, bool normalize)
{
    struct ir_node n = {.op = IR_DOT};
    int32_t axes[2] = {-1, -1};
    if (l->in_n != 2) {
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s' needs two inputs", l->layer->name);
        return;
    }
    int have = lower_list(l, key, 2, axes);
    if (have == 1)
        axes[1] = axes[0];
    n.u.dot.axis_a = lower_axis(l, l->in[0].t, axes[0]);
    n.u.dot.axis_b = lower_axis(l, l->in[1].t, axes[1]);
    n.u.dot.normalize = normalize;
    const int32_t in[2] = {l->in[0].t, l->in[1].t};
    if (!l->b->rc)
        lower_set(l, build_many(l->b, &n, in, 2), -1);
}

void lower_dot(struct lower *l)
{
    dot(l, "axes", lower_bool(l, "normalize", false));
}

/* Keras 1: one class for all of them. A Merge that begins a Sequential holds its branches.
 */
static void merge_mode(struct lower *l)
{
    const char *mode = lower_text(l, "mode", "sum");
    static const struct {
        const char *mode;
        int fn;
    } binary[] = {{"sum", IR_ADD}, {"mul", IR_MUL}, {"ave", IR_AVG}, {"max", IR_MAX}};
    for (size_t i = 0; i < ARRAY_N(binary); i++) {
        if (str_eq(mode, binary[i].mode)) {
            merge(l, binary[i].fn);
            return;
        }
    }
    if (str_eq(mode, "concat"))
        concat(l, lower_int(l, "concat_axis", -1));
    else if (str_eq(mode, "dot") || str_eq(mode, "cos"))
        dot(l, "dot_axes", str_eq(mode, "cos"));
    else
        lower_refuse(l, "mode '%s'", mode);
}

void lower_merge_keras1(struct lower *l)
{
    const json_t *branches = config_get(l->config, "layers");
    size_t n = json_array_size(branches);
    if (n == 0) {
        merge_mode(l);
        return;
    }
    struct value joined[BUILD_IO_MAX];
    struct lower branch, all = *l;
    if ((int32_t)n != l->in_n || n >= LAYER_INNER_MAX) {
        lower_refuse(l, "%zu branches for %d inputs", n, (int)l->in_n);
        return;
    }
    for (size_t i = 0; i < n && !l->b->rc; i++) {
        lower_call(l, lower_inner(l, (int)i, json_array_get(branches, i)), &l->in[i], 1, l->outer, &branch);
        joined[i] = branch.out_n ? branch.out[0] : no_value;
        if (joined[i].t < 0)
            return;
    }
    all.in = joined;
    merge_mode(&all);
    *l = all;
}
