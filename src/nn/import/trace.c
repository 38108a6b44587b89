/* Walks the calls of a network in the order their inputs become known, and lowers each. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <string.h>

struct slot { /* one call of one layer */
    struct value *v;
    int32_t n;
    enum { SLOT_NONE, SLOT_OPEN, SLOT_DONE } state;
};
struct frame {
    const struct model *m;
    struct slot *slot;
    int32_t *first; /* slot number of each layer's first call */
    int32_t slot_n;
    bool ends; /* references are those of output_layers */
};

/* ---- weights of a layer ---- */

static void layer_weights(struct import *i, const struct layer *holder, struct layer *l)
{
    struct build *b = &i->b;
    if (b->rc || l->set_ready)
        return;
    if (!holder)
        b->rc = weight_set_top(&i->weights, l->name, &l->set, b->e);
    else if (holder->set.n == 0) /* Keras 1 stores the layers of nested networks side by side */
        b->rc = weight_set_top(&i->weights, l->name, &l->set, b->e);
    else
        b->rc = weight_set_inner(&i->weights, &holder->set, l->name, l->model == NULL, &l->set, b->e);
    l->set_ready = b->rc == RC_OK;
}

/* ---- references ---- */

const struct model *frame_model(const struct frame *f)
{
    return f->m;
}

static int32_t slot_of(const struct frame *f, const struct model_ref *r)
{
    const struct layer *l = &f->m->layer[r->layer];
    int32_t node = r->node - (f->ends ? l->end_base : l->node_base);
    int32_t have = f->first[r->layer + 1] - f->first[r->layer];
    return node >= 0 && node < have ? f->first[r->layer] + node : -1;
}

struct value frame_value(const struct frame *f, const json_t *ref, bool *is_ref)
{
    struct model_ref r;
    *is_ref = f && model_ref_read(f->m, ref, &r);
    if (!*is_ref)
        return no_value;
    int32_t s = slot_of(f, &r);
    return s >= 0 && r.tensor < f->slot[s].n ? f->slot[s].v[r.tensor] : no_value;
}

/* All tensors mentioned in `value`, in order. Keyword arguments, the fourth part of a reference, are left out. */
static int32_t collect(const struct frame *f, const json_t *value, struct value *out, int32_t n, int32_t cap,
                       bool *missing)
{
    bool is_ref;
    struct value v = frame_value(f, value, &is_ref);
    if (is_ref) {
        *missing = *missing || v.t < 0;
        if (n < cap)
            out[n] = v;
        return n + 1;
    }
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(value))
        json_array_foreach(value, i, item) n = collect(f, item, out, n, cap, missing);
    else if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, key, item) n = collect(f, item, out, n, cap, missing);
    return n;
}

int32_t frame_values(const struct frame *f, const json_t *value, struct value *out, int32_t cap, bool *missing)
{
    return f ? collect(f, value, out, 0, cap, missing) : 0;
}

/* ---- one call ---- */

static void slot_store(struct build *b, struct slot *s, const struct value *v, int32_t n)
{
    s->state = SLOT_DONE;
    if (b->rc || n <= 0)
        return;
    mem_free(s->v);
    s->n = 0;
    s->v = mem_zalloc((size_t)n, sizeof(*v), b->e);
    if (!s->v) {
        b->rc = RC_FAILED;
        return;
    }
    memcpy(s->v, v, (size_t)n * sizeof(*v));
    s->n = n;
}

/* Splits a call into positional and keyword arguments, in the form of its Keras version. */
static void call_args(const json_t *node, struct lower *l)
{
    l->keras3_call = json_is_object(node);
    if (l->keras3_call) {
        l->args = json_object_get(node, "args");
        l->kwargs = json_object_get(node, "kwargs");
        return;
    }
    l->args = node;
    const json_t *first = node;
    while (json_is_array(first) && !json_is_string(json_array_get(first, 0)) && json_array_size(first) > 0)
        first = json_array_get(first, 0);
    if (json_is_object(first)) /* called with a dictionary of tensors */
        first = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)first));
    const json_t *kwargs = json_array_get(first, 3);
    l->kwargs = json_is_object(kwargs) ? kwargs : NULL;
}

enum { CALL_IN_MAX = 512 };

static void call_lower(struct import *i, const struct layer *holder, struct frame *f, int32_t layer, int32_t node,
                       int32_t outer)
{
    struct build *b = &i->b;
    struct layer *y = (struct layer *)(uintptr_t)&f->m->layer[layer];
    struct slot *s = &f->slot[f->first[layer] + node];
    struct lower l = {.i = i, .b = b, .layer = y, .config = y->config, .outer = outer, .frame = f};
    call_args(json_array_get(y->inbound, (size_t)node), &l);
    struct value *in = mem_zalloc(CALL_IN_MAX, sizeof(*in), b->e);
    if (!in) {
        b->rc = RC_FAILED;
        return;
    }
    bool missing = false;
    int32_t n = collect(f, l.args, in, 0, CALL_IN_MAX, &missing);
    if (n == 0)
        n = collect(f, l.kwargs, in, 0, CALL_IN_MAX, &missing);
    if (n > CALL_IN_MAX)
        build_fail(b, ERR_MODEL_LIMIT, "layer '%s' has %d inputs", y->name, (int)n);
    layer_weights(i, holder, y);
    l.in = in;
    l.in_n = n;
    if (missing && b->unsupported_n == 0)
        build_fail(b, ERR_MODEL_CONFIG, "layer '%s' uses an output that does not exist", y->name);
    else if (!missing)
        lower_run(&l);
    slot_store(b, s, l.out, missing ? 0 : l.out_n);
    mem_free(in);
}

/* ---- functional networks ---- */

struct want {
    int32_t layer, node;
};
struct stack {
    struct want *item;
    size_t n, cap;
};

/* Pushes what `value` needs and nobody has made yet. */
static void push_missing(struct build *b, const struct frame *f, const json_t *value, struct stack *todo)
{
    struct model_ref r;
    if (b->rc)
        return;
    if (model_ref_read(f->m, value, &r)) {
        int32_t s = slot_of(f, &r);
        const char *name = f->m->layer[r.layer].name;
        if (s < 0) {
            build_fail(b, ERR_MODEL_CONFIG, "call %d of layer '%s' does not exist", (int)r.node, name);
        } else if (f->slot[s].state == SLOT_OPEN) {
            build_fail(b, ERR_MODEL_CONFIG, "layer '%s' needs its own result", name);
        } else if (f->slot[s].state == SLOT_NONE) {
            b->rc = mem_grow(&todo->item, &todo->cap, todo->n + 1, sizeof(*todo->item), b->e);
            if (!b->rc)
                todo->item[todo->n++] = (struct want){r.layer, s - f->first[r.layer]};
        }
    }
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(value))
        json_array_foreach(value, i, item) push_missing(b, f, item, todo);
    else if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, key, item) push_missing(b, f, item, todo);
}

static void trace_wanted(struct import *i, const struct layer *holder, struct frame *f, const json_t *outputs,
                         int32_t outer)
{
    struct build *b = &i->b;
    struct stack todo = {0};
    f->ends = true;
    push_missing(b, f, outputs, &todo);
    f->ends = false;
    while (todo.n && !b->rc) {
        struct want w = todo.item[todo.n - 1];
        struct slot *s = &f->slot[f->first[w.layer] + w.node];
        if (s->state == SLOT_DONE) {
            todo.n--;
            continue;
        }
        size_t before = todo.n;
        if (s->state == SLOT_NONE) {
            push_missing(b, f, json_array_get(f->m->layer[w.layer].inbound, (size_t)w.node), &todo);
            s->state = SLOT_OPEN;
        }
        if (todo.n == before && !b->rc) {
            call_lower(i, holder, f, w.layer, w.node, outer);
            todo.n--;
        }
    }
    mem_free(todo.item);
}

static bool frame_init(struct build *b, const struct model *m, struct frame *f)
{
    *f = (struct frame){.m = m};
    f->first = mem_zalloc((size_t)m->layer_n + 1, sizeof(*f->first), b->e);
    for (int32_t i = 0; i < m->layer_n && f->first; i++) {
        int64_t next = (int64_t)f->first[i] + (m->layer[i].node_n > 0 ? m->layer[i].node_n : 1);
        if (next > 4 * IR_NODE_MAX) {
            build_fail(b, ERR_MODEL_LIMIT, "network '%s' has more than %d calls", m->name, 4 * IR_NODE_MAX);
            return false;
        }
        f->first[i + 1] = (int32_t)next;
    }
    f->slot_n = f->first ? f->first[m->layer_n] : 0;
    f->slot = f->first ? mem_zalloc((size_t)f->slot_n, sizeof(*f->slot), b->e) : NULL;
    if (!f->slot)
        b->rc = RC_FAILED;
    return f->slot != NULL;
}

static void frame_fini(struct frame *f)
{
    for (int32_t i = 0; i < f->slot_n && f->slot; i++)
        mem_free(f->slot[i].v);
    mem_free(f->slot);
    mem_free(f->first);
}

/* Keras sorts the keys of a dictionary of inputs. */
static const json_t *smallest_key_after(const json_t *object, const char *last, const char **key_out)
{
    const char *key, *best = NULL;
    json_t *item, *found = NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, item)
    {
        if ((!last || strcmp(key, last) > 0) && (!best || strcmp(key, best) < 0)) {
            best = key;
            found = item;
        }
    }
    *key_out = best;
    return found;
}

/* input_layers, output_layers: one reference, or lists or dictionaries of them. */
static int32_t end_refs(const struct model *m, const json_t *value, bool sorted, struct model_ref *out,
                        const json_t **refs, int32_t n)
{
    if (n < BUILD_IO_MAX && model_ref_read(m, value, &out[n])) {
        if (refs)
            refs[n] = value;
        return n + 1;
    }
    size_t i;
    json_t *item;
    const char *key = NULL;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item) n = end_refs(m, item, sorted, out, refs, n);
    } else if (json_is_object(value) && sorted) {
        for (const json_t *v; (v = smallest_key_after(value, key, &key)) != NULL;)
            n = end_refs(m, v, sorted, out, refs, n);
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, item) n = end_refs(m, item, sorted, out, refs, n);
    }
    return n;
}

static void trace_functional(struct import *i, const struct layer *holder, struct model *m, const struct value *in,
                             int32_t in_n, int32_t outer, struct value *out, int32_t *out_n)
{
    struct build *b = &i->b;
    struct frame f;
    struct model_ref at[BUILD_IO_MAX];
    const json_t *refs[BUILD_IO_MAX], *outputs = json_object_get(m->config, "output_layers");
    if (frame_init(b, m, &f)) {
        int32_t n = end_refs(m, json_object_get(m->config, "input_layers"), true, at, NULL, 0);
        if (n != in_n)
            build_fail(b, ERR_MODEL_CONFIG, "network '%s' has %d inputs, %d are given", m->name, (int)n, (int)in_n);
        for (int32_t k = 0; k < n && !b->rc; k++)
            slot_store(b, &f.slot[f.first[at[k].layer]], &in[k], 1);
        trace_wanted(i, holder, &f, outputs, outer);
        n = end_refs(m, outputs, false, at, refs, 0);
        if (n == 0)
            build_fail(b, ERR_MODEL_CONFIG, "network '%s' has no outputs", m->name);
        bool is_ref;
        f.ends = true;
        for (int32_t k = 0; k < n; k++)
            out[k] = frame_value(&f, refs[k], &is_ref);
        *out_n = n;
    }
    frame_fini(&f);
}

static void trace_sequential(struct import *i, const struct layer *holder, struct model *m, const struct value *in,
                             int32_t in_n, int32_t outer, struct value *out, int32_t *out_n)
{
    struct build *b = &i->b;
    struct value now[BUILD_IO_MAX];
    int32_t n = in_n < BUILD_IO_MAX ? in_n : BUILD_IO_MAX;
    memcpy(now, in, (size_t)n * sizeof(*now));
    for (int32_t k = 0; k < m->layer_n && !b->rc; k++) {
        struct layer *y = &m->layer[k];
        if (str_eq(y->class_name, "InputLayer"))
            continue;
        layer_weights(i, holder, y);
        struct lower l = {.i = i, .b = b, .layer = y, .config = y->config, .outer = outer, .in = now, .in_n = n};
        bool missing = n == 0;
        for (int32_t j = 0; j < n; j++)
            missing = missing || now[j].t < 0;
        if (missing && b->unsupported_n == 0)
            build_fail(b, ERR_MODEL_CONFIG, "layer '%s' has no input", y->name);
        if (missing)
            break;
        lower_run(&l);
        n = l.out_n;
        memcpy(now, l.out, (size_t)n * sizeof(*now));
        if (n == 0)
            break;
    }
    memcpy(out, now, (size_t)n * sizeof(*now));
    *out_n = n;
}

void trace_model(struct import *i, struct layer *holder, struct model *m, const struct value *in, int32_t in_n,
                 int32_t outer, struct value *out, int32_t *out_n)
{
    *out_n = 0;
    if (i->b.rc)
        return;
    if (m->sequential)
        trace_sequential(i, holder, m, in, in_n, outer, out, out_n);
    else
        trace_functional(i, holder, m, in, in_n, outer, out, out_n);
}

/* ---- the ends of the file's network ---- */

static bool shape_read(const json_t *list, struct ir_shape *out)
{
    *out = (struct ir_shape){0};
    if (!json_is_array(list) || json_array_size(list) < 1 || json_array_size(list) > IR_RANK_MAX + 1)
        return false;
    out->rank = (int32_t)json_array_size(list) - 1;
    for (int32_t i = 0; i < out->rank; i++) {
        const json_t *v = json_array_get(list, (size_t)i + 1);
        int64_t n = -1;
        if (!config_is_null(v) && (!config_int(v, &n) || n < 1))
            return false;
        out->dim[i] = (int32_t)n;
    }
    return true;
}

struct ends {
    struct ir_shape shape[BUILD_IO_MAX];
    const char *name[BUILD_IO_MAX];
    int32_t n;
};

/* Layers whose first weight tells the size of the last input axis, and the rank of their input (-1 first: free). */
static bool shape_guess(const struct import *i, const struct layer *l, struct ir_shape *out)
{
    static const struct {
        const char *classes, *leaf;
        int32_t rank, axis_from_end;
    } known[] = {
        {"|Dense|", "kernel|W", 1, 2},
        {"|Conv1D|Convolution1D|", "kernel|W", 2, 2},
        {"|Conv2D|Convolution2D|", "kernel", 3, 2},
        {"|Conv3D|", "kernel", 4, 2},
        {"|LSTM|GRU|SimpleRNN|", "kernel", 2, 2},
        {"|DepthwiseConv2D|", "depthwise_kernel|kernel", 3, 2},
        {"|BatchNormalization|", "gamma", 1, 1},
    };
    char wrapped[80];
    str_format(wrapped, sizeof(wrapped), "|%.60s|", l->class_name);
    if (str_eq(l->class_name, "Embedding")) {
        *out = (struct ir_shape){.rank = 1, .dim = {-1}};
        return true;
    }
    for (size_t k = 0; k < ARRAY_N(known); k++) {
        struct weight_set s;
        struct err none = {0};
        if (!strstr(known[k].classes, wrapped) || weight_set_top(&i->weights, l->name, &s, &none))
            continue;
        const struct h5_data *d = weight_find(&i->weights, &s, l->name, known[k].leaf, -1);
        weight_set_free(&s);
        if (!d || d->rank < known[k].axis_from_end)
            return false;
        *out = (struct ir_shape){.rank = known[k].rank};
        for (int32_t a = 0; a < out->rank; a++)
            out->dim[a] = -1;
        out->dim[out->rank - 1] = (int32_t)d->dim[d->rank - known[k].axis_from_end];
        return out->dim[out->rank - 1] > 0;
    }
    return false;
}

/* The first place that tells the input shape of a Sequential's first layer. */
static bool first_shape(const struct import *i, const struct model *m, const struct layer *l, struct ir_shape *out)
{
    const json_t *held = json_object_get(json_object_get(l->config, "layer"), "config");
    const json_t *places[] = {
        config_get(l->config, "batch_input_shape|batch_shape"),
        config_get(held, "batch_input_shape|batch_shape"),
        json_is_object(m->config) ? json_object_get(m->config, "build_input_shape") : NULL,
        json_object_get(l->build_config, "input_shape"),
    };
    for (size_t k = 0; k < ARRAY_N(places); k++)
        if (shape_read(places[k], out))
            return true;
    int64_t n;
    if (config_int(config_get(l->config, "input_dim"), &n) && str_eq(l->class_name, "Dense")) {
        *out = (struct ir_shape){.rank = 1, .dim = {(int32_t)n}};
        return n > 0;
    }
    return shape_guess(i, l, out);
}

static void ends_find(struct import *i, const struct model *m, struct ends *out, int depth);

/* Keras 1: a Merge that begins a Sequential holds its branches, each with an input of its own. */
static void ends_of_branches(struct import *i, const json_t *branches, struct ends *out, int depth)
{
    size_t k;
    json_t *branch;
    json_array_foreach(branches, k, branch)
    {
        struct layer l;
        struct ends one = {0};
        if (i->b.rc || (i->b.rc = layer_parse(branch, &l, i->b.e)) != RC_OK)
            return;
        if (l.model && depth < MODEL_DEPTH_MAX)
            ends_find(i, l.model, &one, depth + 1);
        layer_fini(&l);
        if (one.n != 1 || out->n >= BUILD_IO_MAX) {
            build_fail(&i->b, ERR_MODEL_CONFIG, "branch %zu of a merge has %d inputs", k, (int)one.n);
            return;
        }
        out->shape[out->n] = one.shape[0];
        out->name[out->n++] = one.name[0];
    }
}

static void ends_find(struct import *i, const struct model *m, struct ends *out, int depth)
{
    struct build *b = &i->b;
    if (m->sequential) {
        if (m->layer_n == 0) {
            build_fail(b, ERR_MODEL_CONFIG, "network '%s' has no layers", m->name);
            return;
        }
        const struct layer *l = &m->layer[0];
        struct ir_shape s;
        if (first_shape(i, m, l, &s)) {
            out->shape[0] = s;
            out->name[0] = l->name;
            out->n = 1;
        } else if (str_eq(l->class_name, "Merge") && json_is_array(config_get(l->config, "layers"))) {
            ends_of_branches(i, config_get(l->config, "layers"), out, depth);
        } else if (l->model && depth < MODEL_DEPTH_MAX) {
            ends_find(i, l->model, out, depth + 1);
        } else {
            build_fail(b, ERR_MODEL_CONFIG, "the file does not tell the shape of the input of layer '%s'", l->name);
        }
        return;
    }
    struct model_ref at[BUILD_IO_MAX];
    out->n = end_refs(m, json_object_get(m->config, "input_layers"), true, at, NULL, 0);
    for (int32_t k = 0; k < out->n && !b->rc; k++) {
        const struct layer *l = &m->layer[at[k].layer];
        out->name[k] = l->name;
        if (!shape_read(config_get(l->config, "batch_shape|batch_input_shape"), &out->shape[k]))
            build_fail(b, ERR_MODEL_CONFIG, "input '%s' has no usable shape", l->name);
    }
    if (out->n == 0)
        build_fail(b, ERR_MODEL_CONFIG, "network '%s' has no inputs", m->name);
}

static const char *output_name(const struct model *m, int32_t k)
{
    struct model_ref at[BUILD_IO_MAX];
    if (m->sequential)
        return m->layer[m->layer_n - 1].name;
    int32_t n = end_refs(m, json_object_get(m->config, "output_layers"), false, at, NULL, 0);
    return k < n ? m->layer[at[k].layer].name : "";
}

/* An output that is an input or an earlier output gets a tensor of its own. */
static int32_t output_alone(struct build *b, int32_t t)
{
    bool shared = false;
    for (int32_t k = 0; k < b->g.input_n; k++)
        shared = shared || b->g.input[k] == t;
    for (int32_t k = 0; k < b->g.output_n; k++)
        shared = shared || b->g.output[k] == t;
    const struct ir_node copy = {.op = IR_COPY};
    return shared ? build_unary(b, &copy, t, -1, -1) : t;
}

void trace_top(struct import *i, struct model *m)
{
    struct build *b = &i->b;
    struct ends ends = {0};
    struct value in[BUILD_IO_MAX], out[BUILD_IO_MAX];
    int32_t out_n = 0;
    ends_find(i, m, &ends, 0);
    for (int32_t k = 0; k < ends.n && !b->rc; k++) {
        in[k] = (struct value){build_input(b, &ends.shape[k], ends.name[k]), -1};
        build_layer(b, ends.name[k], "InputLayer");
    }
    trace_model(i, NULL, m, in, ends.n, 0, out, &out_n);
    for (int32_t k = 0; k < out_n && !b->rc && b->unsupported_n == 0; k++) {
        if (out[k].t < 0)
            build_fail(b, ERR_MODEL_CONFIG, "output %d of network '%s' does not exist", (int)k, m->name);
        build_output(b, output_alone(b, out[k].t), output_name(m, k));
    }
    if (out_n == 0 && b->unsupported_n == 0)
        build_fail(b, ERR_MODEL_CONFIG, "network '%s' has no outputs", m->name);
}
