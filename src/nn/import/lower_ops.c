/* Functions called on tensors outside of layers: TFOpLambda and SlicingOpLambda of tf.keras, TensorFlowOpLayer of
 * TensorFlow 2.0 to 2.3, operations of Keras 3. One table for all three, by the name without its module. */
#include "nn/import/lower_ops.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* ---- arguments ---- */

const json_t *op_arg(struct lower *l, size_t place, const char *names)
{
    if (json_is_object(config_get(l->config, "node_def"))) { /* constants by place; tensors are the inputs in order */
        char key[8];
        str_format(key, sizeof(key), "%zu", place);
        return json_object_get(json_object_get(l->config, "constants"), key);
    }
    const json_t *v = NULL;
    if (l->keras3_call) {
        v = json_array_get(l->args, place);
    } else if (place == 0) {
        v = l->args;
        const json_t *name = json_array_get(v, 0);
        if (json_is_string(name) && str_eq(json_string_value(name), "_CONSTANT_VALUE"))
            return json_array_get(v, 2);
    }
    v = v ? v : config_get(l->kwargs, names);
    return v ? v : config_get(l->config, names);
}

/* A tensor, a number, or a constant array as a weight. */
struct operand {
    int32_t t, w;
    double number;
    bool is_number;
};

/* Shape of nested lists of numbers. */
static bool list_shape(const json_t *v, struct ir_shape *out)
{
    *out = (struct ir_shape){0};
    for (; json_is_array(v); v = json_array_get(v, 0)) {
        if (out->rank >= IR_RANK_MAX || json_array_size(v) == 0)
            return false;
        out->dim[out->rank++] = (int32_t)json_array_size(v);
    }
    return json_is_number(v);
}

static int64_t list_fill(const json_t *v, float *to, int64_t n, int64_t cap)
{
    if (!json_is_array(v)) {
        if (json_is_number(v) && n < cap)
            to[n] = (float)json_number_value(v);
        return json_is_number(v) ? n + 1 : cap + 1;
    }
    size_t i;
    json_t *item;
    json_array_foreach(v, i, item)
    {
        n = list_fill(item, to, n, cap);
        if (n > cap)
            return n;
    }
    return n;
}

/* {"class_name": "__numpy__" or "__tensor__", "config": {"value": ...}} */
static const json_t *plain_value(const json_t *v)
{
    const json_t *inner = json_object_get(json_object_get(v, "config"), "value");
    return inner ? inner : v;
}

static bool constant_array(struct lower *l, const json_t *v, struct operand *out)
{
    struct ir_shape shape;
    if (!list_shape(v, &shape))
        return lower_refuse(l, "a constant that is no array of numbers") >= 0;
    int64_t n = build_elements(&shape);
    float *x = lower_alloc(l, n);
    if (!x)
        return false;
    if (list_fill(v, x, 0, n) != n) {
        mem_free(x);
        return lower_refuse(l, "a constant that is no array of numbers") >= 0;
    }
    if (n == 1) {
        *out = (struct operand){.t = -1, .w = -1, .number = (double)x[0], .is_number = true};
        mem_free(x);
        return true;
    }
    if (shape.rank > 1 && shape.dim[0] == 1) { /* the batch axis of the constant */
        shape.rank--;
        memmove(shape.dim, shape.dim + 1, sizeof(shape.dim) - sizeof(*shape.dim));
        shape.dim[IR_RANK_MAX - 1] = 0;
    }
    *out = (struct operand){.t = -1, .w = build_values(l->b, "constant", &shape, x)};
    return out->w >= 0;
}

static bool operand_read(struct lower *l, const json_t *v, struct operand *out)
{
    *out = (struct operand){.t = -1, .w = -1};
    v = plain_value(v);
    if (json_is_number(v) || json_is_boolean(v)) {
        out->is_number = true;
        out->number = json_is_number(v) ? json_number_value(v) : json_is_true(v);
        return true;
    }
    struct value t;
    bool missing = false;
    if (frame_values(l->frame, v, &t, 1, &missing) == 1) {
        out->t = t.t;
        return t.t >= 0;
    }
    if (json_is_array(v))
        return constant_array(l, v, out);
    return lower_refuse(l, "an argument that is neither tensor nor number") >= 0;
}

int64_t op_int(struct lower *l, size_t place, const char *names, int64_t missing)
{
    int64_t n = missing;
    const json_t *v = plain_value(op_arg(l, place, names));
    if (json_is_array(v) && json_array_size(v) == 1)
        v = json_array_get(v, 0);
    if (!config_is_null(v) && !config_int(v, &n))
        lower_refuse(l, "'%.*s'", (int)strcspn(names, "|"), names);
    return n;
}

double op_num(struct lower *l, size_t place, const char *names, double missing)
{
    const json_t *v = plain_value(op_arg(l, place, names));
    if (config_is_null(v))
        return missing;
    if (json_is_number(v))
        return json_number_value(v);
    lower_refuse(l, "'%.*s'", (int)strcspn(names, "|"), names);
    return missing;
}

bool op_true(struct lower *l, size_t place, const char *names, bool missing)
{
    const json_t *v = op_arg(l, place, names);
    return json_is_boolean(v) ? json_is_true(v) : missing;
}

/* A list of whole numbers; null entries become -1. -1: absent or something else. */
int op_ints(struct lower *l, size_t place, const char *names, int cap, int32_t *out)
{
    const json_t *v = plain_value(op_arg(l, place, names));
    int64_t n;
    if (config_is_null(v))
        return -1;
    if (config_int(v, &n)) {
        out[0] = (int32_t)n;
        return 1;
    }
    if (!json_is_array(v) || json_array_size(v) > (size_t)cap)
        return -1;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *item = json_array_get(v, i);
        n = -1;
        if (!json_is_null(item) && !config_int(item, &n))
            return -1;
        out[i] = (int32_t)n;
    }
    return (int)json_array_size(v);
}

/* ---- arithmetic ---- */

static void op_binary(struct lower *l, const struct op_row *row)
{
    struct operand a, b;
    const bool graph = json_is_object(config_get(l->config, "node_def"));
    if (graph) {
        const json_t *first = op_arg(l, 0, ""), *second = op_arg(l, 1, "");
        a = (struct operand){.t = l->in[0].t, .w = -1};
        b = (struct operand){.t = l->in_n > 1 ? l->in[1].t : -1, .w = -1};
        if ((first && !operand_read(l, first, &a)) || (second && !operand_read(l, second, &b)))
            return;
        if (first)
            b = (struct operand){.t = l->in[0].t, .w = -1};
    } else if (!operand_read(l, op_arg(l, 0, "x|x1|a"), &a) ||
               !operand_read(l, op_arg(l, 1, "y|x2|b|bias|value|other"), &b)) {
        return;
    }
    int32_t mask = l->in[0].mask;
    if (a.t >= 0 && b.t >= 0)
        lower_set(l, lower_binary(l, row->arg, a.t, b.t), mask);
    else if (a.t >= 0 && b.is_number)
        lower_set(l, lower_scalar(l, row->arg, a.t, b.number, false), mask);
    else if (b.t >= 0 && a.is_number)
        lower_set(l, lower_scalar(l, row->arg, b.t, a.number, true), mask);
    else if (a.t >= 0 && b.w >= 0)
        lower_set(l, lower_constant(l, row->arg, a.t, b.w, false), mask);
    else if (b.t >= 0 && a.w >= 0)
        lower_set(l, lower_constant(l, row->arg, b.t, a.w, true), mask);
    else
        lower_refuse(l, "arithmetic without a tensor");
}

static void op_add_n(struct lower *l, const struct op_row *row)
{
    int32_t t = l->in[0].t;
    for (int32_t k = 1; k < l->in_n; k++)
        t = lower_binary(l, row->arg, t, l->in[k].t);
    lower_set(l, t, l->in[0].mask);
}

static void op_identity(struct lower *l, const struct op_row *row)
{
    (void)row;
    lower_set(l, l->in[0].t, l->in[0].mask);
}

static void op_cast(struct lower *l, const struct op_row *row)
{
    (void)row;
    const json_t *v = op_arg(l, 1, "dtype|x_dtype");
    const char *type = json_is_string(v) ? json_string_value(v) : "float32";
    if (strstr(type, "float") || str_eq(type, "half") || str_eq(type, "bool"))
        lower_set(l, l->in[0].t, l->in[0].mask);
    else
        lower_refuse(l, "a cast to %s", type);
}

static void op_clip(struct lower *l, const struct op_row *row)
{
    (void)row;
    double lo = op_num(l, 1, "clip_value_min|x_min", -1e30), hi = op_num(l, 2, "clip_value_max|x_max", 1e30);
    lower_set(l, lower_act(l, IR_FN_CLIP, l->in[0].t, lo, hi, 0), l->in[0].mask);
}

static void op_like(struct lower *l, const struct op_row *row)
{
    lower_set(l, lower_act(l, IR_FN_CLIP, l->in[0].t, row->arg, row->arg, 0), -1);
}

/* ---- comparisons: 1 where true, else 0 ---- */

/* 1 where t is not 0 */
static int32_t not_zero(struct lower *l, int32_t t)
{
    struct ir_node n = {.op = IR_MASK};
    n.u.mask.from_embedding = 1;
    n.u.mask.value = 0;
    return lower_op(l, &n, t);
}

static int32_t inverted(struct lower *l, int32_t t)
{
    return lower_scalar(l, IR_SUB, t, 1, true);
}

enum compare { NOT_EQUAL, EQUAL, GREATER, LESS, GREATER_EQUAL, LESS_EQUAL };

static void op_compare(struct lower *l, const struct op_row *row)
{
    struct operand a, b;
    if (!operand_read(l, op_arg(l, 0, "x|x1|a"), &a) || !operand_read(l, op_arg(l, 1, "y|x2|b"), &b))
        return;
    if (a.t < 0 || (b.t < 0 && !b.is_number)) {
        lower_refuse(l, "a comparison with a constant array");
        return;
    }
    int32_t d = b.t >= 0        ? lower_binary(l, IR_SUB, a.t, b.t)
                : b.number == 0 ? a.t
                                : lower_scalar(l, IR_SUB, a.t, b.number, false);
    if (row->arg == LESS || row->arg == GREATER_EQUAL)
        d = lower_act(l, IR_FN_NEG, d, 0, 0, 0);
    if (row->arg >= GREATER) /* what is above 0 stays, the rest becomes 0 */
        d = lower_act(l, IR_FN_RELU, d, 0, 0, 0);
    d = not_zero(l, d);
    lower_set(l, row->arg == EQUAL || row->arg >= GREATER_EQUAL ? inverted(l, d) : d, -1);
}

static void op_not(struct lower *l, const struct op_row *row)
{
    (void)row;
    lower_set(l, inverted(l, l->in[0].t), -1);
}

/* condition * x + (1 - condition) * y */
static void op_where(struct lower *l, const struct op_row *row)
{
    (void)row;
    struct operand c, x, y;
    if (!operand_read(l, op_arg(l, 0, "condition"), &c) || !operand_read(l, op_arg(l, 1, "x|x1"), &x) ||
        !operand_read(l, op_arg(l, 2, "y|x2"), &y))
        return;
    if (c.t < 0 || (x.t < 0 && !x.is_number) || (y.t < 0 && !y.is_number)) {
        lower_refuse(l, "a choice between constant arrays");
        return;
    }
    int32_t no = inverted(l, c.t);
    int32_t a = x.t >= 0 ? lower_binary(l, IR_MUL, c.t, x.t) : lower_scalar(l, IR_MUL, c.t, x.number, false);
    int32_t b = y.t >= 0 ? lower_binary(l, IR_MUL, no, y.t) : lower_scalar(l, IR_MUL, no, y.number, false);
    lower_set(l, lower_binary(l, IR_ADD, a, b), -1);
}

/* ---- activations ---- */

static void op_leaky(struct lower *l, const struct op_row *row)
{
    (void)row;
    lower_set(l, lower_act(l, IR_FN_RELU, l->in[0].t, op_num(l, 1, "alpha|negative_slope", 0.2), 0, 0), l->in[0].mask);
}

static void op_with_alpha(struct lower *l, const struct op_row *row)
{
    lower_set(l, lower_act(l, row->arg, l->in[0].t, op_num(l, 1, "alpha|threshold|b|lambd", row->number), 0, 0),
              l->in[0].mask);
}

static void op_gelu(struct lower *l, const struct op_row *row)
{
    (void)row; /* tf.nn.gelu is exact unless told otherwise, keras.ops.nn.gelu approximate */
    bool tanh_form = op_true(l, 1, "approximate", l->keras3_call);
    lower_set(l, lower_act(l, tanh_form ? IR_FN_GELU_TANH : IR_FN_GELU, l->in[0].t, 0, 0, 0), l->in[0].mask);
}

static void op_softmax(struct lower *l, const struct op_row *row)
{
    int32_t a = lower_axis(l, l->in[0].t, op_int(l, 1, "axis|dim", -1));
    if (a >= 0)
        lower_set(l, lower_softmax(l, l->in[0].t, 1 << a, row->arg != 0, -1), l->in[0].mask);
}

static void op_l2_normalize(struct lower *l, const struct op_row *row)
{
    (void)row;
    struct ir_node n = {.op = IR_NORM};
    memset(&n.u.norm, 0, sizeof(n.u.norm));
    n.u.norm.kind = IR_NORM_UNIT;
    n.u.norm.eps = (float)op_num(l, 2, "epsilon", 1e-12);
    int32_t axes[IR_RANK_MAX];
    int have = op_ints(l, 1, "axis|dim", IR_RANK_MAX, axes);
    if (have < 1) {
        lower_refuse(l, "normalisation over the batch");
        return;
    }
    for (int k = 0; k < have; k++) {
        int32_t a = lower_axis(l, l->in[0].t, axes[k]);
        n.u.norm.axes_mask |= a < 0 ? 0 : 1 << a;
    }
    lower_set(l, lower_op(l, &n, l->in[0].t), l->in[0].mask);
}

/* ---- reductions ---- */

static int32_t reduce(struct lower *l, int32_t t, int kind, int32_t mask, bool keep)
{
    struct ir_node n = {.op = IR_REDUCE};
    n.u.reduce.kind = kind;
    n.u.reduce.axes_mask = mask;
    n.u.reduce.keep_dims = keep;
    return lower_op(l, &n, t);
}

static bool reduce_axes(struct lower *l, int32_t *mask, bool *keep)
{
    int32_t axes[IR_RANK_MAX];
    int n = op_ints(l, 1, "axis|axes|reduction_indices", IR_RANK_MAX, axes);
    *mask = 0;
    *keep = op_true(l, 2, "keepdims|keep_dims", false);
    const json_t *attr = json_object_get(config_get(l->config, "node_def"), "attr");
    if (json_is_true(json_object_get(json_object_get(attr, "keep_dims"), "b")))
        *keep = true;
    if (n < 1)
        return lower_refuse(l, "a reduction over the batch") >= 0;
    for (int k = 0; k < n; k++) {
        if (axes[k] == 0)
            return lower_refuse(l, "a reduction over the batch") >= 0;
        int32_t a = lower_axis(l, l->in[0].t, axes[k]);
        *mask |= a < 0 ? 0 : 1 << a;
    }
    return !l->b->rc;
}

static void op_reduce(struct lower *l, const struct op_row *row)
{
    int32_t mask;
    bool keep;
    if (reduce_axes(l, &mask, &keep))
        lower_set(l, reduce(l, l->in[0].t, row->arg, mask, keep), -1);
}

/* Variance, or its root. */
static void op_variance(struct lower *l, const struct op_row *row)
{
    int32_t mask, t = l->in[0].t;
    bool keep;
    if (!reduce_axes(l, &mask, &keep))
        return;
    int32_t mean = reduce(l, t, IR_REDUCE_AVG, mask, true);
    t = reduce(l, lower_binary(l, IR_SQDIFF, t, mean), IR_REDUCE_AVG, mask, keep);
    lower_set(l, row->arg ? lower_act(l, IR_FN_SQRT, t, 0, 0, 0) : t, -1);
}

static void op_matmul(struct lower *l, const struct op_row *row)
{
    (void)row;
    struct operand a, b;
    struct ir_node n = {.op = IR_MATMUL};
    memset(&n.u.matmul, 0, sizeof(n.u.matmul));
    if (!operand_read(l, op_arg(l, 0, "a|x1"), &a) || !operand_read(l, op_arg(l, 1, "b|x2"), &b))
        return;
    if (a.t < 0 || b.t < 0) {
        lower_refuse(l, "a product with a constant");
        return;
    }
    n.u.matmul.scale = 1;
    n.u.matmul.transpose_a = op_true(l, 2, "transpose_a|adj_x", false);
    n.u.matmul.transpose_b = op_true(l, 3, "transpose_b|adj_y", false);
    const int32_t in[2] = {a.t, b.t};
    lower_set(l, build_many(l->b, &n, in, 2), -1);
}

/* ---- the table ---- */

static const struct op_row rows[] = {
    {"add|add_v2|bias_add", op_binary, IR_ADD, 0},
    {"subtract|sub|rsub", op_binary, IR_SUB, 0},
    {"multiply|mul|scalar_mul", op_binary, IR_MUL, 0},
    {"divide|truediv|real_div|true_divide|div|divide_no_nan|div_no_nan", op_binary, IR_DIV, 0},
    {"floordiv|floor_divide|floor_div", op_binary, IR_FLOORDIV, 0},
    {"maximum", op_binary, IR_MAX, 0},
    {"minimum", op_binary, IR_MIN, 0},
    {"pow|power", op_binary, IR_POW, 0},
    {"squared_difference", op_binary, IR_SQDIFF, 0},
    {"not_equal", op_compare, NOT_EQUAL, 0},
    {"equal", op_compare, EQUAL, 0},
    {"greater", op_compare, GREATER, 0},
    {"less", op_compare, LESS, 0},
    {"greater_equal", op_compare, GREATER_EQUAL, 0},
    {"less_equal", op_compare, LESS_EQUAL, 0},
    {"logical_or", op_binary, IR_MAX, 0},
    {"logical_and", op_binary, IR_MUL, 0},
    {"logical_not", op_not, 0, 0},
    {"where|where_v2", op_where, 0, 0},
    {"any|reduce_any", op_reduce, IR_REDUCE_MAX, 0},
    {"all|reduce_all", op_reduce, IR_REDUCE_MIN, 0},
    {"add_n|accumulate_n", op_add_n, IR_ADD, 0},
    {"identity|stop_gradient|convert_to_tensor|ensure_shape|copy|dropout|check_numerics", op_identity, 0, 0},
    {"cast|to_float", op_cast, 0, 0},
    {"clip|clip_by_value", op_clip, 0, 0},
    {"zeros_like", op_like, 0, 0},
    {"ones_like", op_like, 1, 0},
    {"leaky_relu", op_leaky, 0, 0},
    {"elu", op_with_alpha, IR_FN_ELU, 1},
    {"celu", op_with_alpha, IR_FN_CELU, 1},
    {"hard_shrink", op_with_alpha, IR_FN_HARD_SHRINK, 0.5},
    {"soft_shrink", op_with_alpha, IR_FN_SOFT_SHRINK, 0.5},
    {"squareplus", op_with_alpha, IR_FN_SQUAREPLUS, 4},
    {"gelu", op_gelu, 0, 0},
    {"softmax|softmax_v2", op_softmax, 0, 0},
    {"log_softmax", op_softmax, 1, 0},
    {"l2_normalize", op_l2_normalize, 0, 0},
    {"reduce_mean|mean", op_reduce, IR_REDUCE_AVG, 0},
    {"reduce_sum|sum", op_reduce, IR_REDUCE_SUM, 0},
    {"reduce_max|max|amax", op_reduce, IR_REDUCE_MAX, 0},
    {"reduce_min|min|amin", op_reduce, IR_REDUCE_MIN, 0},
    {"reduce_prod|prod", op_reduce, IR_REDUCE_PROD, 0},
    {"reduce_variance|var", op_variance, 0, 0},
    {"reduce_std|std", op_variance, 1, 0},
    {"matmul|batch_mat_mul_v2|mat_mul|batch_mat_mul", op_matmul, 0, 0},
    {"reshape", op_reshape, 0, 0},
    {"transpose|permute_dimensions", op_transpose, 0, 0},
    {"expand_dims", op_expand_dims, 0, 0},
    {"squeeze", op_squeeze, 0, 0},
    {"concat|concat_v2|concatenate", op_concat, 0, 0},
    {"stack|pack", op_stack, 0, 0},
    {"split|split_v", op_split, 0, 0},
    {"getitem|get_item", op_getitem, 0, 0},
    {"pad|pad_v2|mirror_pad", op_pad, 0, 0},
    {"tile", op_tile, 1, 0},
    {"repeat", op_tile, 0, 0},
    {"reverse|flip|reverse_v2", op_flip, 0, 0},
    {"resize|resize_images|resize_bilinear|resize_nearest_neighbor", op_resize, 0, 0},
    {"max_pool|max_pool2d|max_pool_v2", op_pool, IR_REDUCE_MAX, 0},
    {"avg_pool|avg_pool2d|average_pool", op_pool, IR_REDUCE_AVG, 0},
    {"depth_to_space|pixel_shuffle", op_depth_to_space, 0, 0},
    {"space_to_depth", op_space_to_depth, 0, 0},
};

static bool named_in(const char *names, const char *one)
{
    size_t len = strlen(one);
    for (const char *p = names; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == len && strncmp(p, one, len) == 0)
            return true;
    return false;
}

/* "math.reduce_mean" -> "reduce_mean", "ExpandDims" -> "expand_dims", "AddV2" -> "add_v2" */
static void plain_name(const char *name, char *out, size_t cap)
{
    const char *cut = strrchr(name, '.');
    name = cut ? cut + 1 : name;
    size_t n = 0;
    for (const char *p = name; *p && n + 2 < cap; p++) {
        bool upper = *p >= 'A' && *p <= 'Z';
        if (upper && p > name && !(p[-1] >= 'A' && p[-1] <= 'Z'))
            out[n++] = '_';
        out[n++] = upper ? (char)(*p - 'A' + 'a') : *p;
    }
    out[n] = '\0';
}

const char *op_function(const struct layer *l)
{
    const json_t *v = config_get(l->config, "function");
    if (json_is_string(v))
        return json_string_value(v);
    v = json_object_get(json_object_get(l->config, "node_def"), "op");
    return json_is_string(v) ? json_string_value(v) : l->class_name;
}

static const struct op_row *row_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        if (named_in(rows[i].names, name))
            return &rows[i];
    return NULL;
}

bool op_known(const struct layer *l)
{
    char name[64];
    plain_name(op_function(l), name, sizeof(name));
    return row_find(name) || activation_known(name);
}

void lower_function(struct lower *l)
{
    char name[64];
    plain_name(op_function(l->layer), name, sizeof(name));
    const struct op_row *row = row_find(name);
    json_t *text = row ? NULL : json_string(name);
    if (row)
        row->fn(l, row);
    else if (activation_known(name) && text)
        lower_set(l, lower_activation_value(l, text, l->in[0].t), l->in[0].mask);
    else
        build_unsupported(l->b, "function '%s' (layer '%s')", op_function(l->layer), l->layer->name); /* as survey.c */
    json_decref(text);
}
