#include "nn/import/build.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 24, VALUES_MAX_BYTES = 480 << 20, UNSUPPORTED_TEXT_MAX = 4096 };

static const size_t attr_bytes[IR_OP_N] = {
#define IR_OP(id, name, attr, in_min, in_max, out_max, w_min, w_max) sizeof(((struct ir_node *)0)->u.attr),
#include "nn/ir_ops.def"
#undef IR_OP
};

void build_init(struct build *b, struct err *e)
{
    *b = (struct build){.e = e};
    build_text(b, ""); /* offset 0 is the empty string */
}

void build_fini(struct build *b)
{
    for (int32_t i = 0; i < b->g.weight_n && b->source; i++)
        mem_free(b->source[i].values);
    mem_free(b->source);
    buf_free(&b->unsupported);
    ir_fini(&b->g);
}

int32_t build_fail(struct build *b, enum err_code code, const char *fmt, ...)
{
    if (b->rc)
        return -1;
    char line[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    b->rc = err_set(b->e, code, "%s", line);
    return -1;
}

int32_t build_unsupported(struct build *b, const char *fmt, ...)
{
    if (b->rc)
        return -1;
    char line[240];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (b->unsupported.data && strstr(b->unsupported.data, line))
        return -1;
    b->unsupported_n++;
    if (b->unsupported.len < UNSUPPORTED_TEXT_MAX)
        buf_printf(&b->unsupported, "%s%s", b->unsupported.len ? ", " : "", line);
    b->rc = buf_check(&b->unsupported, b->e);
    return -1;
}

/* Appends n items of size bytes; counts are int32_t in the graph. False with b->rc set. */
static bool append(struct build *b, void *items, int32_t *count, size_t *cap, int32_t max, const char *what,
                   const void *item, size_t n, size_t size)
{
    if (b->rc)
        return false;
    if (n > (size_t)(max - *count)) {
        build_fail(b, ERR_MODEL_LIMIT, "more than %d %s", (int)max, what);
        return false;
    }
    b->rc = mem_grow(items, cap, (size_t)*count + n, size, b->e);
    if (b->rc)
        return false;
    char *base;
    memcpy(&base, items, sizeof(base));
    memcpy(base + (size_t)*count * size, item, n * size);
    *count += (int32_t)n;
    return true;
}

int32_t build_text(struct build *b, const char *s)
{
    char safe[512];
    text_safe(safe, sizeof(safe), s, false);
    int32_t at = b->g.text_n;
    return append(b, &b->g.text, &b->g.text_n, &b->text_cap, TEXT_MAX, "bytes of names", safe, strlen(safe) + 1, 1) ? at
                                                                                                                    : 0;
}

int32_t build_layer(struct build *b, const char *name, const char *class_name)
{
    struct ir_layer l = {.name = build_text(b, name), .class_name = build_text(b, class_name)};
    int32_t at = b->g.layer_n;
    return append(b, &b->g.layer, &b->g.layer_n, &b->layer_cap, IR_NODE_MAX, "layers", &l, 1, sizeof(l)) ? at : 0;
}

static int32_t add_tensor(struct build *b, const struct ir_shape *shape)
{
    int32_t at = b->g.tensor_n;
    return append(b, &b->g.tensor, &b->g.tensor_n, &b->tensor_cap, IR_TENSOR_MAX, "tensors", shape, 1, sizeof(*shape))
               ? at
               : -1;
}

int32_t build_input(struct build *b, const struct ir_shape *shape, const char *name)
{
    int32_t t = add_tensor(b, shape), text = build_text(b, name), names = b->g.input_n;
    append(b, &b->g.input, &b->g.input_n, &b->input_cap, BUILD_IO_MAX, "inputs", &t, 1, sizeof(t));
    append(b, &b->g.input_name, &names, &b->input_name_cap, BUILD_IO_MAX, "inputs", &text, 1, sizeof(text));
    return b->rc ? -1 : t;
}

void build_output(struct build *b, int32_t tensor, const char *name)
{
    int32_t text = build_text(b, name), names = b->g.output_n;
    append(b, &b->g.output, &b->g.output_n, &b->output_cap, BUILD_IO_MAX, "outputs", &tensor, 1, sizeof(tensor));
    append(b, &b->g.output_name, &names, &b->output_name_cap, BUILD_IO_MAX, "outputs", &text, 1, sizeof(text));
}

const struct ir_shape *build_shape(const struct build *b, int32_t tensor)
{
    static const struct ir_shape none = {0};
    return tensor >= 0 && tensor < b->g.tensor_n ? &b->g.tensor[tensor] : &none;
}

static int32_t add_index(struct build *b, const int32_t *list, int32_t n)
{
    int32_t at = b->g.index_n;
    if (n > 0)
        append(b, &b->g.index, &b->g.index_n, &b->index_cap, 4 * IR_TENSOR_MAX, "connections", list, (size_t)n,
               sizeof(*list));
    return at;
}

void build_node(struct build *b, const struct ir_node *proto, const int32_t *in, int32_t in_n, const int32_t *w,
                int32_t w_n, int32_t *out, int32_t out_n)
{
    enum { OUT_MAX = 8, IN_SMALL = 16 };
    struct ir_shape small[IN_SMALL], made[OUT_MAX] = {0};
    struct ir_shape *shape = small, *heap = NULL;
    for (int32_t i = 0; i < out_n; i++)
        out[i] = -1;
    for (int32_t i = 0; i < in_n && !b->rc; i++)
        if (in[i] < 0 || in[i] >= b->g.tensor_n)
            build_fail(b, ERR_INTERNAL, "%s without input %d", ir_op_name((enum ir_op)proto->op), (int)i);
    for (int32_t i = 0; i < w_n && !b->rc; i++)
        if (w[i] < 0 || w[i] >= b->g.weight_n)
            build_fail(b, ERR_INTERNAL, "%s without weight %d", ir_op_name((enum ir_op)proto->op), (int)i);
    if (b->rc || out_n > OUT_MAX)
        return;
    if (in_n > IN_SMALL && !(shape = heap = mem_zalloc((size_t)in_n, sizeof(*shape), b->e))) {
        b->rc = RC_FAILED;
        return;
    }
    for (int32_t i = 0; i < in_n; i++)
        shape[i] = b->g.tensor[in[i]];
    struct ir_node n;
    memset(&n, 0, sizeof(n));
    n.op = proto->op;
    memcpy(&n.u, &proto->u, attr_bytes[proto->op]);
    n.layer = b->layer;
    n.in = add_index(b, in, in_n);
    n.in_n = in_n;
    n.w = add_index(b, w, w_n);
    n.w_n = w_n;
    n.out_n = out_n;
    if (!b->rc)
        b->rc = ir_infer_node(&b->g, &n, shape, made, b->e);
    for (int32_t i = 0; i < out_n && !b->rc; i++)
        out[i] = add_tensor(b, &made[i]);
    n.out = add_index(b, out, out_n);
    append(b, &b->g.node, &b->g.node_n, &b->node_cap, IR_NODE_MAX, "operations", &n, 1, sizeof(n));
    mem_free(heap);
}

int32_t build_unary(struct build *b, const struct ir_node *proto, int32_t in, int32_t w0, int32_t w1)
{
    int32_t w[2] = {w0, w1}, out = -1;
    build_node(b, proto, &in, 1, w, (w0 >= 0) + (w0 >= 0 && w1 >= 0), &out, 1);
    return out;
}

int32_t build_many(struct build *b, const struct ir_node *proto, const int32_t *in, int32_t in_n)
{
    int32_t out = -1;
    build_node(b, proto, in, in_n, NULL, 0, &out, 1);
    return out;
}

/* ---- weights ---- */

int64_t build_elements(const struct ir_shape *s)
{
    int64_t n = 1;
    for (int32_t i = 0; i < s->rank; i++)
        n *= s->dim[i] < 0 ? 1 : s->dim[i];
    return n;
}

bool build_data_shape(struct build *b, const struct h5_data *d, struct ir_shape *out)
{
    *out = (struct ir_shape){.rank = d->rank};
    if (d->rank > IR_RANK_MAX || d->n < 1) {
        build_fail(b, ERR_MODEL_SHAPE, "weights '%s' have %d dimensions and %lld values", d->path, (int)d->rank,
                   (long long)d->n);
        return false;
    }
    for (int32_t i = 0; i < d->rank; i++)
        out->dim[i] = (int32_t)d->dim[i];
    return true;
}

static int32_t add_weight(struct build *b, const char *name, const struct ir_shape *shape, struct build_source source)
{
    struct ir_weight w = {.shape = *shape, .name = build_text(b, name), .offset_bytes = b->g.weights_bytes};
    int32_t at = b->g.weight_n, sources = at;
    if (!append(b, &b->source, &sources, &b->source_cap, IR_WEIGHT_MAX, "weights", &source, 1, sizeof(source)) ||
        !append(b, &b->g.weight, &b->g.weight_n, &b->weight_cap, IR_WEIGHT_MAX, "weights", &w, 1, sizeof(w))) {
        mem_free(source.values);
        return -1;
    }
    b->g.weights_bytes += (build_elements(shape) * (int64_t)sizeof(float) + 63) / 64 * 64;
    return at;
}

int32_t build_weight(struct build *b, const char *name, const struct h5_data *data, const struct ir_shape *shape)
{
    struct ir_shape own;
    if (b->rc || !build_data_shape(b, data, &own))
        return -1;
    if (!data->numbers)
        return build_unsupported(b, "weights '%s' of an unknown number type", data->path);
    if (shape && build_elements(shape) != data->n)
        return build_fail(b, ERR_MODEL_SHAPE, "'%s' has %lld values, expected %lld", name, (long long)data->n,
                          (long long)build_elements(shape));
    return add_weight(b, name, shape ? shape : &own, (struct build_source){.data = data});
}

int32_t build_values(struct build *b, const char *name, const struct ir_shape *shape, float *values)
{
    if (b->rc) {
        mem_free(values);
        return -1;
    }
    b->values_bytes += build_elements(shape) * (int64_t)sizeof(float);
    if (b->values_bytes > VALUES_MAX_BYTES) {
        mem_free(values);
        return build_fail(b, ERR_MODEL_LIMIT, "more than %d MiB of weights must be rearranged", VALUES_MAX_BYTES >> 20);
    }
    return add_weight(b, name, shape, (struct build_source){.values = values});
}

struct out {
    int fd;
    int64_t at;
    const char *name;
};

static enum rc write_slab(void *ctx, const float *data, size_t n, struct err *e)
{
    struct out *o = ctx;
    /* x - x is 0 for every finite x and NaN otherwise; one sum per slab keeps the loop free of branches. */
    float odd = 0;
    for (size_t i = 0; i < n; i++)
        odd += data[i] - data[i];
    if (odd != 0 || isnan(odd))
        return err_set(e, ERR_MODEL_WEIGHTS, "weights '%s' hold NaN or infinite values", o->name);
    const char *p = (const char *)data;
    for (size_t left = n * sizeof(float); left;) {
        ssize_t done = pwrite(o->fd, p, left, (off_t)o->at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return err_sys(e, ERR_DISK, done < 0 ? errno : EIO, "neutral form");
        p += done;
        o->at += done;
        left -= (size_t)done;
    }
    return RC_OK;
}

enum rc build_write(struct build *b, struct h5_file *file, int fd, uint64_t max_bytes, struct err *e)
{
    int64_t start = 0;
    enum rc rc = ir_write_graph(&b->g, fd, max_bytes, &start, e);
    for (int32_t i = 0; i < b->g.weight_n && !rc; i++) {
        const struct ir_weight *w = &b->g.weight[i];
        struct out o = {.fd = fd, .at = start + w->offset_bytes, .name = ir_text(&b->g, w->name)};
        if (b->source[i].data)
            rc = h5_data_stream(file, b->source[i].data, write_slab, &o, e);
        else
            rc = write_slab(&o, b->source[i].values, (size_t)build_elements(&w->shape), e);
    }
    return rc;
}
