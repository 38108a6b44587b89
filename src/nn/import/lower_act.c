/* Activations by name, and the layers that are nothing else. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* Every name an activation has had, in lower case. */
static const struct known {
    const char *names;
    int fn;
    float a, b, c;
} known[] = {
    {"linear|identity|none", IR_FN_LINEAR, 0, 0, 0},
    {"relu", IR_FN_RELU, 0, 0, 0},
    {"relu6", IR_FN_RELU, 0, 6, 0},
    {"sigmoid", IR_FN_SIGMOID, 0, 0, 0},
    {"tanh", IR_FN_TANH, 0, 0, 0},
    {"elu", IR_FN_ELU, 1, 0, 0},
    {"selu", IR_FN_SELU, 0, 0, 0},
    {"softplus", IR_FN_SOFTPLUS, 0, 0, 0},
    {"softsign", IR_FN_SOFTSIGN, 0, 0, 0},
    {"exponential|exp", IR_FN_EXP, 0, 0, 0},
    {"swish|silu|fixed_swish|swish_v1|tf_swish", IR_FN_SWISH, 0, 0, 0},
    {"mish", IR_FN_MISH, 0, 0, 0},
    {"hard_swish|hard_silu|hardswish|h_swish|hswish", IR_FN_HARD_SWISH, 0, 0, 0},
    {"celu", IR_FN_CELU, 1, 0, 0},
    {"glu", IR_FN_GLU, 0, 0, 0},
    {"hard_tanh", IR_FN_HARD_TANH, 0, 0, 0},
    {"hard_shrink", IR_FN_HARD_SHRINK, 0.5F, 0, 0},
    {"soft_shrink", IR_FN_SOFT_SHRINK, 0.5F, 0, 0},
    {"tanh_shrink", IR_FN_TANH_SHRINK, 0, 0, 0},
    {"log_sigmoid", IR_FN_LOG_SIGMOID, 0, 0, 0},
    {"sparse_plus", IR_FN_SPARSE_PLUS, 0, 0, 0},
    {"sparse_sigmoid", IR_FN_SPARSE_SIGMOID, 0, 0, 0},
    {"squareplus", IR_FN_SQUAREPLUS, 4, 0, 0},
    {"threshold", IR_FN_THRESHOLD, 0, 0, 0},
    {"square", IR_FN_SQUARE, 0, 0, 0},
    {"sqrt", IR_FN_SQRT, 0, 0, 0},
    {"rsqrt", IR_FN_RSQRT, 0, 0, 0},
    {"abs|absolute", IR_FN_ABS, 0, 0, 0},
    {"log", IR_FN_LOG, 0, 0, 0},
    {"negative|neg", IR_FN_NEG, 0, 0, 0},
    {"sin", IR_FN_SIN, 0, 0, 0},
    {"cos", IR_FN_COS, 0, 0, 0},
    {"floor", IR_FN_FLOOR, 0, 0, 0},
    {"reciprocal", IR_FN_RECIPROCAL, 0, 0, 0},
};

static bool alternative(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = names; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == len && strncmp(p, name, len) == 0)
            return true;
    return false;
}

/* False: not a function of single elements (softmax, unknown). */
static bool act_by_name(const struct import *i, const char *name, struct ir_act *out)
{
    char low[64];
    name = class_base(name);
    str_copy(low, sizeof(low), name);
    for (char *p = low; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    memset(out, 0, sizeof(*out));
    if (str_eq(low, "hard_sigmoid")) { /* redefined by Keras 3 */
        *out = (struct ir_act){.fn = IR_FN_HARD_SIGMOID, .a = i && i->keras_major >= 3 ? 1.0F / 6.0F : 0.2F, .b = 0.5F};
        return true;
    }
    if (str_eq(low, "leaky_relu")) { /* tf.nn and Keras 3 */
        *out = (struct ir_act){.fn = IR_FN_RELU, .a = 0.2F};
        return true;
    }
    if (str_eq(low, "gelu")) { /* exact unless told otherwise, in every version */
        *out = (struct ir_act){.fn = IR_FN_GELU};
        return true;
    }
    for (size_t k = 0; k < ARRAY_N(known); k++) {
        if (alternative(known[k].names, low)) {
            *out = (struct ir_act){.fn = known[k].fn, .a = known[k].a, .b = known[k].b, .c = known[k].c};
            return true;
        }
    }
    return false;
}

static bool is_softmax(const char *name, bool *log_form)
{
    name = class_base(name);
    *log_form = str_eq(name, "log_softmax");
    return *log_form || str_eq(name, "softmax") || str_eq(name, "Softmax") || str_eq(name, "softmax_v2");
}

bool activation_known(const char *name)
{
    struct ir_act act;
    bool log_form;
    return act_by_name(NULL, name, &act) || is_softmax(name, &log_form) || layer_row_find(class_base(name));
}

static int32_t act_apply(struct lower *l, const char *name, int32_t t)
{
    struct ir_act act;
    bool log_form;
    int32_t rank = lower_shape(l, t)->rank;
    if (act_by_name(l->i, name, &act))
        return act.fn == IR_FN_LINEAR ? t : lower_act(l, act.fn, t, (double)act.a, (double)act.b, (double)act.c);
    if (is_softmax(name, &log_form) && rank > 0)
        return lower_softmax(l, t, 1 << (rank - 1), log_form, -1);
    return lower_refuse(l, "activation '%s'", name);
}

/* A function is {"class_name": "function", "config": "relu6"}; a layer is {"class_name": "LeakyReLU", "config": {...}}.
 */
int32_t lower_activation_value(struct lower *l, const json_t *value, int32_t t)
{
    enum { SLOT_ACTIVATION = LAYER_INNER_MAX - 1 };
    if (l->b->rc || config_is_null(value))
        return t;
    if (json_is_string(value))
        return act_apply(l, json_string_value(value), t);
    const json_t *class_name = json_object_get(value, "class_name"), *config = json_object_get(value, "config");
    if (json_is_string(config))
        return act_apply(l, json_string_value(config), t);
    if (json_is_string(class_name) && json_is_object(config)) {
        const struct value in = {t, -1};
        struct lower inner;
        struct layer *y = lower_inner(l, SLOT_ACTIVATION, value);
        if (y && !layer_row_find(y->class_name) && json_is_string(json_object_get(config, "name")) &&
            str_eq(y->class_name, "function"))
            return act_apply(l, json_string_value(json_object_get(config, "name")), t);
        lower_call(l, y, &in, 1, l->outer, &inner);
        return inner.out_n ? inner.out[0].t : -1;
    }
    return lower_refuse(l, "an activation without a name");
}

int32_t lower_activation(struct lower *l, const char *keys, int32_t t)
{
    return lower_activation_value(l, config_get(l->config, keys), t);
}

bool lower_gate(struct lower *l, const char *keys, const char *missing, struct ir_act *out)
{
    const json_t *v = config_get(l->config, keys);
    const char *name = missing;
    bool absent = !v; /* null means linear */
    if (json_is_string(v))
        name = json_string_value(v);
    else if (json_is_object(v) && json_is_string(json_object_get(v, "config")))
        name = json_string_value(json_object_get(v, "config"));
    else if (!absent)
        name = json_is_null(v) ? "linear" : "?";
    if (act_by_name(l->i, name, out) && out->fn != IR_FN_GLU)
        return true;
    lower_refuse(l, "activation '%s' inside a recurrent layer", name);
    return false;
}

/* ---- layers ---- */

void lower_identity(struct lower *l)
{
    memcpy(l->out, l->in, (size_t)(l->in_n < BUILD_IO_MAX ? l->in_n : BUILD_IO_MAX) * sizeof(*l->out));
    l->out_n = l->in_n < BUILD_IO_MAX ? l->in_n : BUILD_IO_MAX;
}

void lower_activation_layer(struct lower *l)
{
    lower_set(l, lower_activation(l, "activation", l->in[0].t), l->in[0].mask);
}

/* Keras: x above the threshold, clipped to [0, max_value] when there is one; below, slope * (x - threshold). A value at
 * the threshold itself counts as 0, unless the threshold is 0 where both sides meet. */
void lower_relu(struct lower *l)
{
    double top = lower_num(l, "max_value", 0), slope = lower_num(l, "negative_slope", 0),
           at = lower_num(l, "threshold", 0);
    bool has_top = !config_is_null(config_get(l->config, "max_value")) && top < 1e30;
    int32_t t = l->in[0].t;
    if (at == 0 && (!has_top || top > 0)) {
        t = lower_act(l, IR_FN_RELU, t, slope, has_top ? top : 0, 0);
    } else {
        int32_t high = lower_act(l, IR_FN_THRESHOLD, t, at, 0, 0);
        if (has_top)
            high = lower_act(l, IR_FN_CLIP, high, 0, top, 0);
        if (slope != 0) {
            int32_t low = lower_scalar(l, IR_MIN, lower_scalar(l, IR_SUB, t, at, false), 0, false);
            high = lower_binary(l, IR_ADD, high, lower_scalar(l, IR_MUL, low, slope, false));
        }
        t = high;
    }
    lower_set(l, t, l->in[0].mask);
}

void lower_leaky_relu(struct lower *l)
{
    double slope = lower_num(l, "negative_slope|alpha", 0.3);
    lower_set(l, lower_act(l, IR_FN_RELU, l->in[0].t, slope, 0, 0), l->in[0].mask);
}

void lower_elu(struct lower *l)
{
    lower_set(l, lower_act(l, IR_FN_ELU, l->in[0].t, lower_num(l, "alpha", 1), 0, 0), l->in[0].mask);
}

void lower_thresholded_relu(struct lower *l)
{
    lower_set(l, lower_act(l, IR_FN_THRESHOLD, l->in[0].t, lower_num(l, "theta", 1), 0, 0), l->in[0].mask);
}

void lower_prelu(struct lower *l)
{
    int32_t t = l->in[0].t, shared[IR_RANK_MAX] = {0}, mask = 0;
    const struct ir_shape *s = lower_shape(l, t);
    int n = lower_list(l, "shared_axes", IR_RANK_MAX, shared);
    for (int k = 0; k < n; k++)
        mask |= 1 << lower_axis(l, t, shared[k]);
    const struct h5_data *d = lower_need(l, "alpha|alphas", 0);
    if (!d || l->b->rc)
        return;
    struct ir_shape own;
    if (!build_data_shape(l->b, d, &own))
        return;
    /* Alpha of an inner layer lacks the outer axes: they share it. */
    struct ir_shape full = {.rank = s->rank};
    for (int32_t a = 0; a < s->rank; a++) {
        int32_t k = a - (s->rank - own.rank);
        full.dim[a] = k < 0 ? 1 : own.dim[k];
        if (full.dim[a] == 1 && s->dim[a] != 1)
            mask |= 1 << a;
    }
    struct ir_node node = {.op = IR_PRELU, .u.prelu = {.shared_mask = mask}};
    lower_set(l, build_unary(l->b, &node, t, lower_weight(l, "alpha|alphas", 0, &full), -1), l->in[0].mask);
}

void lower_softmax_layer(struct lower *l)
{
    int32_t t = l->in[0].t, axes[IR_RANK_MAX] = {-1}, mask = 0;
    int n = lower_list(l, "axis", IR_RANK_MAX, axes);
    for (int k = 0; k < (n ? n : 1); k++) {
        int32_t a = lower_axis(l, t, axes[k]);
        mask |= a < 0 ? 0 : 1 << a;
    }
    lower_set(l, lower_softmax(l, t, mask, false, -1), l->in[0].mask);
}
