#include "nn/import/lower.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct layer_row rows[] = {
#define LAYER(names, function, weights, options) {names, function, weights, options},
#include "nn/import/layers.def"
#undef LAYER
};

static bool named_in(const char *names, const char *one)
{
    size_t len = strlen(one);
    for (const char *p = names; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == len && strncmp(p, one, len) == 0)
            return true;
    return false;
}

const struct layer_row *layer_row_find(const char *class_name)
{
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        if (named_in(rows[i].names, class_name))
            return &rows[i];
    return NULL;
}

/* ---- configuration ---- */

static const json_t *option(struct lower *l, const char *keys)
{
    return l->b->rc ? NULL : config_get(l->config, keys);
}

static void option_wrong(struct lower *l, const char *keys, const char *want)
{
    build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s': '%.*s' is not %s", l->layer->name, (int)strcspn(keys, "|"), keys,
               want);
}

int64_t lower_int(struct lower *l, const char *keys, int64_t missing)
{
    const json_t *v = option(l, keys);
    int64_t n = missing;
    if (!config_is_null(v) && !config_int(json_is_array(v) && json_array_size(v) == 1 ? json_array_get(v, 0) : v, &n))
        option_wrong(l, keys, "a whole number");
    return n;
}

double lower_num(struct lower *l, const char *keys, double missing)
{
    const json_t *v = option(l, keys);
    if (config_is_null(v))
        return missing;
    /* A NumPy scalar may be kept as {"type": "ndarray"|..., "value": x}. */
    if (json_is_object(v)) {
        const json_t *inner = json_object_get(v, "value");
        v = inner ? inner : json_object_get(json_object_get(v, "config"), "value");
    }
    if (!json_is_number(v)) {
        option_wrong(l, keys, "a number");
        return missing;
    }
    return json_number_value(v);
}

bool lower_bool(struct lower *l, const char *keys, bool missing)
{
    const json_t *v = option(l, keys);
    if (config_is_null(v))
        return missing;
    if (json_is_number(v))
        return json_number_value(v) != 0;
    if (!json_is_boolean(v))
        option_wrong(l, keys, "true or false");
    return json_is_true(v);
}

const char *lower_text(struct lower *l, const char *keys, const char *missing)
{
    const json_t *v = option(l, keys);
    if (config_is_null(v))
        return missing;
    if (!json_is_string(v)) {
        option_wrong(l, keys, "a text");
        return missing;
    }
    return json_string_value(v);
}

int lower_list(struct lower *l, const char *keys, int cap, int32_t *out)
{
    const json_t *v = option(l, keys);
    if (config_is_null(v))
        return 0;
    int64_t n;
    if (config_int(v, &n)) {
        out[0] = (int32_t)n;
        return 1;
    }
    size_t size = json_array_size(v);
    if (!json_is_array(v) || size > (size_t)cap) {
        option_wrong(l, keys, "a short list of whole numbers");
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        if (!config_int(json_array_get(v, i), &n)) {
            option_wrong(l, keys, "a list of whole numbers");
            return 0;
        }
        out[i] = (int32_t)n;
    }
    return (int)size;
}

bool lower_ints(struct lower *l, const char *keys, int n, int32_t *out, int32_t missing)
{
    int32_t got[8] = {0};
    int have = lower_list(l, keys, 8, got);
    for (int i = 0; i < n; i++)
        out[i] = have == 0 ? missing : have == 1 ? got[0] : got[i < 8 ? i : 7];
    if (have > 1 && have != n)
        option_wrong(l, keys, "of the right length");
    return have > 0;
}

bool lower_channels_first(struct lower *l)
{
    const char *order = lower_text(l, "data_format|dim_ordering", NULL);
    if (!order || str_eq(order, "default"))
        return l->i->channels_first;
    return str_eq(order, "channels_first") || str_eq(order, "th");
}

int32_t lower_refuse(struct lower *l, const char *fmt, ...)
{
    char what[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return build_unsupported(l->b, "%s of layer '%s' (%s)", what, l->layer->name, l->layer->class_name);
}

/* ---- weights ---- */

static void note_params(struct lower *l, const struct h5_data *d, bool first)
{
    if (first && l->layer->number >= 0 && l->layer->number < l->b->g.layer_n)
        l->b->g.layer[l->layer->number].params += d->n;
}

const struct h5_data *lower_find(struct lower *l, const char *leaves, int place)
{
    if (l->b->rc)
        return NULL;
    struct weight_set *s = &l->layer->set;
    const struct h5_data *d = weight_find(&l->i->weights, s, l->layer->name, leaves, place);
    if (!d && s->group && s->n < s->group->n) {
        /* An enclosing network of the same name may have narrowed the choice too far. */
        struct weight_set all, named;
        if ((l->b->rc = weight_set_top(&l->i->weights, s->group->name, &all, l->b->e)) != RC_OK)
            return NULL;
        l->b->rc = weight_set_inner(&l->i->weights, &all, l->layer->name, true, &named, l->b->e);
        if (!l->b->rc)
            d = weight_find(&l->i->weights, &named, l->layer->name, leaves, place);
        weight_set_free(&named);
        weight_set_free(&all);
    }
    return d;
}

const struct h5_data *lower_need(struct lower *l, const char *leaves, int place)
{
    const struct h5_data *d = lower_find(l, leaves, place);
    if (!d)
        build_fail(l->b, ERR_MODEL_WEIGHTS, "weights missing for layer '%s': %.*s", l->layer->name,
                   (int)strcspn(leaves, "|"), leaves);
    return d;
}

int32_t lower_cached(const struct lower *l, const char *key)
{
    for (int32_t i = 0; i < l->layer->cache_n; i++)
        if (str_eq(l->layer->cache[i].key, key))
            return l->layer->cache[i].weight;
    return -1;
}

static int32_t remember(struct lower *l, const char *key, int32_t w)
{
    struct layer *y = l->layer;
    if (w >= 0 && y->cache_n < LAYER_CACHE_MAX) {
        y->cache[y->cache_n].key = key;
        y->cache[y->cache_n++].weight = w;
    }
    return w;
}

/* "conv1/kernel" */
static void weight_label(const struct lower *l, const char *leaves, char *dst, size_t cap)
{
    str_format(dst, cap, "%.*s/%.*s", 200, l->layer->name, (int)strcspn(leaves, "|"), leaves);
}

int32_t lower_weight(struct lower *l, const char *leaves, int place, const struct ir_shape *shape)
{
    int32_t w = lower_cached(l, leaves);
    if (w >= 0)
        return w;
    const struct h5_data *d = lower_need(l, leaves, place);
    if (!d)
        return -1;
    char label[280];
    weight_label(l, leaves, label, sizeof(label));
    note_params(l, d, true);
    return remember(l, leaves, build_weight(l->b, label, d, shape));
}

float *lower_alloc(struct lower *l, int64_t n)
{
    if (l->b->rc)
        return NULL;
    float *p = mem_zalloc((size_t)n, sizeof(*p), l->b->e);
    if (!p)
        l->b->rc = RC_FAILED;
    return p;
}

float *lower_load(struct lower *l, const struct h5_data *d)
{
    enum { LOAD_MAX = 96 << 20 };
    if (!d || l->b->rc)
        return NULL;
    if (d->n > LOAD_MAX) {
        build_fail(l->b, ERR_MODEL_LIMIT, "weights '%s' of %lld values are too large to be rearranged", d->path,
                   (long long)d->n);
        return NULL;
    }
    note_params(l, d, true);
    float *p = lower_alloc(l, d->n);
    if (p && (l->b->rc = h5_data_read(l->i->weights.h5, d, p, l->b->e)) != RC_OK) {
        mem_free(p);
        return NULL;
    }
    return p;
}

int32_t lower_values(struct lower *l, const char *key, const struct ir_shape *shape, float *values)
{
    char label[280];
    weight_label(l, key, label, sizeof(label));
    return remember(l, key, build_values(l->b, label, shape, values));
}

/* ---- tensors ---- */

const struct ir_shape *lower_shape(const struct lower *l, int32_t t)
{
    return build_shape(l->b, t);
}

int32_t lower_axis(struct lower *l, int32_t t, int64_t axis)
{
    int32_t rank = lower_shape(l, t)->rank, inner = rank - l->outer;
    int64_t at = axis < 0 ? axis + inner : axis - 1;
    if (l->b->rc)
        return -1;
    if (at < 0 || at >= inner)
        return build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s': axis %lld of %d", l->layer->name, (long long)axis,
                          (int)inner + 1);
    return (int32_t)at + l->outer;
}

void lower_set(struct lower *l, int32_t t, int32_t mask)
{
    l->out[0] = (struct value){t, mask};
    l->out_n = 1;
}

int32_t lower_op(struct lower *l, const struct ir_node *proto, int32_t in)
{
    return build_unary(l->b, proto, in, -1, -1);
}

int32_t lower_reshape(struct lower *l, int32_t t, int32_t rank, const int32_t *dim)
{
    const struct ir_shape *from = lower_shape(l, t);
    struct ir_node n = {.op = IR_RESHAPE};
    struct ir_shape *to = &n.u.reshape.to;
    memset(to, 0, sizeof(*to));
    if (l->b->rc)
        return -1;
    if (l->outer + rank > IR_RANK_MAX)
        return lower_refuse(l, "a result of %d dimensions", (int)(l->outer + rank));
    to->rank = l->outer + rank;
    int free_n = 0;
    int64_t known = 1, have = 1;
    for (int32_t i = 0; i < to->rank; i++) {
        to->dim[i] = i < l->outer ? from->dim[i] : dim[i - l->outer];
        free_n += to->dim[i] < 0;
        known *= to->dim[i] < 0 ? 1 : to->dim[i];
    }
    bool all = true;
    for (int32_t i = 0; i < from->rank; i++) {
        all = all && from->dim[i] >= 0;
        have *= from->dim[i] < 0 ? 1 : from->dim[i];
    }
    if (free_n > 1 && all && known > 0) { /* a free outer axis and a computed one: compute it here */
        for (int32_t i = l->outer; i < to->rank; i++)
            if (to->dim[i] < 0)
                to->dim[i] = (int32_t)(have / known);
    } else if (free_n > 1) {
        /* The free axes in front stay, so what lies behind them must agree without them. */
        int32_t inner = 1;
        for (int32_t i = l->outer; i < from->rank; i++)
            inner = from->dim[i] < 0 || inner < 0 ? -1 : inner * from->dim[i];
        int64_t rest = 1;
        for (int32_t i = l->outer; i < to->rank; i++)
            rest *= to->dim[i] < 0 ? 1 : to->dim[i];
        for (int32_t i = l->outer; i < to->rank && inner > 0; i++)
            if (to->dim[i] < 0)
                to->dim[i] = (int32_t)(inner / rest);
        free_n = 0;
        for (int32_t i = 0; i < to->rank; i++)
            free_n += to->dim[i] < 0;
        if (free_n > 1)
            return lower_refuse(l, "reshaping with two free dimensions");
    }
    if (to->rank == from->rank && memcmp(to, from, sizeof(*to)) == 0)
        return t;
    return lower_op(l, &n, t);
}

int32_t lower_permute(struct lower *l, int32_t t, const int32_t *perm)
{
    struct ir_node n = {.op = IR_PERMUTE};
    memset(&n.u.permute, 0, sizeof(n.u.permute));
    bool same = true;
    for (int32_t i = 0; i < lower_shape(l, t)->rank; i++) {
        n.u.permute.perm[i] = perm[i];
        same = same && perm[i] == i;
    }
    return same ? t : lower_op(l, &n, t);
}

static int32_t move_channels(struct lower *l, int32_t t, int32_t spatial, bool to_last)
{
    int32_t rank = lower_shape(l, t)->rank, first = rank - spatial - 1, perm[IR_RANK_MAX];
    if (l->b->rc)
        return -1;
    if (first < 0)
        return build_fail(l->b, ERR_MODEL_SHAPE, "layer '%s': input has %d dimensions", l->layer->name, (int)rank + 1);
    for (int32_t i = 0; i < rank; i++)
        perm[i] = i;
    for (int32_t i = 0; i < spatial; i++)
        perm[first + i + (to_last ? 0 : 1)] = first + i + (to_last ? 1 : 0);
    perm[to_last ? rank - 1 : first] = to_last ? first : rank - 1;
    return lower_permute(l, t, perm);
}

int32_t lower_to_last(struct lower *l, int32_t t, int32_t spatial)
{
    return move_channels(l, t, spatial, true);
}

int32_t lower_to_first(struct lower *l, int32_t t, int32_t spatial)
{
    return move_channels(l, t, spatial, false);
}

static struct ir_node binary_proto(int fn)
{
    struct ir_node n = {.op = IR_BINARY};
    memset(&n.u.binary, 0, sizeof(n.u.binary));
    n.u.binary.fn = fn;
    return n;
}

int32_t lower_binary(struct lower *l, int fn, int32_t a, int32_t b_)
{
    struct ir_node n = binary_proto(fn);
    const int32_t in[2] = {a, b_};
    return build_many(l->b, &n, in, 2);
}

int32_t lower_scalar(struct lower *l, int fn, int32_t t, double scalar, bool scalar_first)
{
    struct ir_node n = binary_proto(fn);
    n.u.binary.has_scalar = 1;
    n.u.binary.scalar_first = scalar_first;
    n.u.binary.scalar = (float)scalar;
    return lower_op(l, &n, t);
}

int32_t lower_constant(struct lower *l, int fn, int32_t t, int32_t w, bool constant_first)
{
    struct ir_node n = binary_proto(fn);
    n.u.binary.scalar_first = constant_first;
    return w < 0 ? -1 : build_unary(l->b, &n, t, w, -1);
}

int32_t lower_act(struct lower *l, int fn, int32_t t, double a, double b, double c)
{
    struct ir_node n = {.op = IR_ACT, .u.act = {.fn = fn, .a = (float)a, .b = (float)b, .c = (float)c}};
    return lower_op(l, &n, t);
}

int32_t lower_softmax(struct lower *l, int32_t t, int32_t axes_mask, bool log_form, int32_t mask)
{
    struct ir_node n = {.op = IR_SOFTMAX, .u.softmax = {.axes_mask = axes_mask, .log = log_form}};
    const int32_t in[2] = {t, mask};
    return build_many(l->b, &n, in, mask >= 0 ? 2 : 1);
}

/* ---- running ---- */

/* Numbers in the value of a call's argument; text in it is the name of a layer, so that it refers to a tensor. */
static bool holds_numbers(const json_t *value)
{
    size_t i;
    const char *key;
    json_t *item;
    bool found = json_is_number(value) || json_is_boolean(value);
    if (json_is_array(value) && json_is_string(json_array_get(value, 0)))
        return false;
    json_array_foreach(value, i, item) found = found || holds_numbers(item);
    if (json_is_string(json_object_get(value, "class_name")))
        return !str_eq(json_string_value(json_object_get(value, "class_name")), "__keras_tensor__");
    json_object_foreach((json_t *)(uintptr_t)value, key, item) found = found || holds_numbers(item);
    return found;
}

/* A mask or state that Keras wrote into the description instead of computing it. */
static bool refuse_constants(struct lower *l)
{
    static const char *const keys[] = {"mask", "attention_mask", "initial_state"};
    for (size_t i = 0; i < ARRAY_N(keys); i++)
        if (holds_numbers(json_object_get(l->kwargs, keys[i])))
            return lower_refuse(l, "a constant '%s'", keys[i]) < 0;
    return false;
}

void lower_run(struct lower *l)
{
    struct build *b = l->b;
    l->out_n = 0;
    if (b->rc)
        return;
    if (l->layer->number < 0)
        l->layer->number = build_layer(b, l->layer->name, l->layer->class_name);
    int32_t outside = b->layer;
    b->layer = l->layer->number;
    if (l->layer->model) {
        trace_model(l->i, l->layer, l->layer->model, l->in, l->in_n, l->outer, l->out, &l->out_n);
    } else {
        if (!l->layer->row)
            l->layer->row = layer_row_find(l->layer->class_name);
        if (!l->layer->row)
            build_unsupported(b, "layer class '%s' (layer '%s')", l->layer->class_name, l->layer->name);
        else if (!refuse_constants(l))
            l->layer->row->lower(l);
    }
    b->layer = outside;
}

int32_t lower_kwarg(struct lower *l, const char *name, struct value *out, int32_t cap)
{
    bool missing = false;
    int32_t n = frame_values(l->frame, json_object_get(l->kwargs, name), out, cap, &missing);
    if (missing && l->b->unsupported_n == 0)
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s': '%s' is an output that does not exist", l->layer->name, name);
    if (n > cap)
        build_fail(l->b, ERR_MODEL_LIMIT, "layer '%s': '%s' lists %d tensors", l->layer->name, name, (int)n);
    return l->b->rc || missing ? 0 : n;
}

bool lower_kwarg_true(struct lower *l, const char *name)
{
    const json_t *v = json_object_get(l->kwargs, name);
    return json_is_true(v) || (json_is_number(v) && json_number_value(v) != 0);
}

struct lower lower_part(struct lower *l, int slot, const char *name)
{
    struct build *b = l->b;
    struct lower part = {
        .i = l->i, .b = b, .outer = l->outer, .in = l->in, .in_n = l->in_n, .config = l->config, .layer = l->layer};
    if (b->rc || slot < 0 || slot >= LAYER_INNER_MAX)
        return part;
    struct layer *y = l->layer->inner[slot];
    if (!y) {
        y = mem_zalloc(1, sizeof(*y), b->e);
        if (!y) {
            b->rc = RC_FAILED;
            return part;
        }
        y->name = name;
        y->class_name = l->layer->class_name;
        y->config = l->layer->config;
        y->number = l->layer->number;
        y->set_ready = true;
        l->layer->inner[slot] = y;
        b->rc = weight_set_inner(&l->i->weights, &l->layer->set, name, true, &y->set, b->e);
    }
    part.layer = y;
    return part;
}

struct layer *lower_inner(struct lower *l, int slot, const json_t *object)
{
    struct build *b = l->b;
    if (b->rc)
        return NULL;
    if (slot < 0 || slot >= LAYER_INNER_MAX) {
        build_fail(b, ERR_MODEL_LIMIT, "layer '%s' holds more than %d layers", l->layer->name, LAYER_INNER_MAX);
        return NULL;
    }
    if (l->layer->inner[slot])
        return l->layer->inner[slot];
    struct layer *y = mem_zalloc(1, sizeof(*y), b->e);
    if (!y) {
        b->rc = RC_FAILED;
        return NULL;
    }
    b->rc = json_is_object(object) ? layer_parse(object, y, b->e)
                                   : err_set(b->e, ERR_MODEL_CONFIG, "layer '%s' holds no layer", l->layer->name);
    if (b->rc) {
        mem_free(y);
        return NULL;
    }
    l->layer->inner[slot] = y;
    y->number = l->layer->number;
    b->rc = weight_set_inner(&l->i->weights, &l->layer->set, y->name, false, &y->set, b->e);
    y->set_ready = true;
    return b->rc ? NULL : y;
}

void lower_call(struct lower *l, struct layer *inner, const struct value *in, int32_t in_n, int32_t outer,
                struct lower *out)
{
    *out = (struct lower){.i = l->i,
                          .b = l->b,
                          .layer = inner,
                          .config = inner ? inner->config : NULL,
                          .outer = outer,
                          .in = in,
                          .in_n = in_n};
    if (!inner)
        return;
    lower_run(out);
}
