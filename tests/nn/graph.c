#include "graph.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static float draw(uint32_t *seed, float low, float high)
{
    *seed = *seed * 1664525u + 1013904223u;
    return low + (high - low) * (float)(*seed >> 8) / 16777216.0f;
}

struct ir_shape shape3(int32_t a, int32_t b, int32_t c)
{
    return (struct ir_shape){.rank = 3, .dim = {a, b, c}};
}

int32_t graph_input(struct graph *g, struct ir_shape s)
{
    g->tensor[g->tensor_n] = s;
    g->input[g->input_n++] = g->tensor_n;
    return g->tensor_n++;
}

void graph_output(struct graph *g, int32_t tensor)
{
    g->output[g->output_n++] = tensor;
}

/* Weights wait here until the node that takes them: those behind the last node's. */
static int32_t weights_taken(const struct graph *g)
{
    int32_t n = 0;
    for (int32_t i = 0; i < g->node_n; i++)
        n += g->node[i].w_n;
    return n;
}

int32_t graph_node(struct graph *g, struct ir_node n, int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int32_t in[4] = {a, b, c, d};
    n.in = g->index_n;
    for (int32_t i = 0; i < 4 && in[i] >= 0; i++, n.in_n++)
        g->index[g->index_n++] = in[i];
    n.out = g->index_n;
    n.out_n = 1;
    g->index[g->index_n++] = g->tensor_n;
    n.w = g->index_n;
    for (int32_t i = weights_taken(g); i < g->weight_n; i++, n.w_n++)
        g->index[g->index_n++] = i;
    g->node[g->node_n++] = n;
    g->tensor[g->tensor_n] = (struct ir_shape){.rank = 1, .dim = {-1}};
    return g->tensor_n++;
}

void graph_weight(struct graph *g, int32_t rank, const int32_t *dim, float low, float high)
{
    struct ir_weight *w = &g->weight[g->weight_n++];
    *w = (struct ir_weight){.shape.rank = rank, .offset_bytes = g->data_n * (int64_t)sizeof(float)};
    int64_t n = 1;
    for (int32_t i = 0; i < rank; i++) {
        w->shape.dim[i] = dim[i];
        n *= dim[i];
    }
    for (int64_t i = 0; i < n; i++)
        g->data[g->data_n + i] = draw(&g->seed, low, high);
    g->data_n += (n + 15) / 16 * 16;
}

static struct ir_window window2(int32_t k, int32_t stride, int32_t dilation, int32_t mode)
{
    return (struct ir_window){
        .spatial = 2, .kernel = {k, k}, .stride = {stride, stride}, .dilation = {dilation, dilation}, .mode = mode};
}

int32_t graph_conv(struct graph *g, int32_t x, int32_t k, int32_t stride, int32_t dilation, int32_t mode, int32_t cin,
                   int32_t cout, bool bias)
{
    const float r = 1.5f / (float)(k * k * cin);
    graph_weight(g, 4, (const int32_t[]){k, k, cin, cout}, -8 * r, 9 * r);
    if (bias)
        graph_weight(g, 1, &cout, -0.5f, 0.5f);
    struct ir_node n = {.op = IR_CONV,
                        .u.conv = {.w = window2(k, stride, dilation, mode), .groups = 1, .has_bias = bias}};
    return graph_node(g, n, x, -1, -1, -1);
}

int32_t graph_dw(struct graph *g, int32_t x, int32_t k, int32_t stride, int32_t dilation, int32_t mode, int32_t c)
{
    graph_weight(g, 4, (const int32_t[]){k, k, c, 1}, -0.4f, 0.5f);
    struct ir_node n = {.op = IR_DWCONV, .u.conv = {.w = window2(k, stride, dilation, mode), .groups = 1}};
    return graph_node(g, n, x, -1, -1, -1);
}

int32_t graph_bn(struct graph *g, int32_t x, int32_t c, int32_t axis)
{
    graph_weight(g, 1, &c, 0.5f, 1.5f);
    graph_weight(g, 1, &c, -0.5f, 0.5f);
    return graph_node(g, (struct ir_node){.op = IR_AFFINE, .u.affine.axis = axis}, x, -1, -1, -1);
}

int32_t graph_act(struct graph *g, int32_t x, enum ir_fn fn, float a, float b)
{
    return graph_node(g, (struct ir_node){.op = IR_ACT, .u.act = {(int32_t)fn, a, b, 0}}, x, -1, -1, -1);
}

int32_t graph_binary(struct graph *g, int32_t fn, int32_t a, int32_t b)
{
    return graph_node(g, (struct ir_node){.op = IR_BINARY, .u.binary.fn = fn}, a, b, -1, -1);
}

int32_t graph_pad(struct graph *g, int32_t x, int32_t before, int32_t after)
{
    struct ir_node n = {.op = IR_PAD, .u.pad = {.before = {before, before}, .after = {after, after}}};
    return graph_node(g, n, x, -1, -1, -1);
}

int32_t graph_pool(struct graph *g, int32_t x, int32_t kind, int32_t k, int32_t stride, int32_t mode)
{
    return graph_node(g, (struct ir_node){.op = IR_POOL, .u.pool = {window2(k, stride, 1, mode), kind}}, x, -1, -1, -1);
}

int32_t graph_concat(struct graph *g, int32_t a, int32_t b, int32_t c, int32_t d)
{
    return graph_node(g, (struct ir_node){.op = IR_CONCAT, .u.axis.axis = 2}, a, b, c, d);
}

int32_t graph_dense(struct graph *g, int32_t x, int32_t k, int32_t units)
{
    graph_weight(g, 2, (const int32_t[]){k, units}, -2.0f / (float)k, 2.0f / (float)k);
    graph_weight(g, 1, &units, -0.5f, 0.5f);
    return graph_node(g, (struct ir_node){.op = IR_DENSE, .u.dense = {units, 1, {0}}}, x, -1, -1, -1);
}

int32_t graph_global(struct graph *g, int32_t x, bool keep_dims)
{
    return graph_node(g, (struct ir_node){.op = IR_GLOBAL_POOL, .u.global_pool = {2, IR_REDUCE_AVG, keep_dims, 0}}, x,
                      -1, -1, -1);
}

int graph_file(const struct graph *g)
{
    static char text[] = "\0layer\0Layer\0003.0";
    static int32_t names[4] = {1, 1, 1, 1};
    static struct ir_layer layer = {.name = 1, .class_name = 7};
    struct graph *w = (struct graph *)(uintptr_t)g; /* the writer takes writable arrays and writes nothing */
    struct ir_graph ir = {
        .tensor = w->tensor,
        .tensor_n = g->tensor_n,
        .node = w->node,
        .node_n = g->node_n,
        .weight = w->weight,
        .weight_n = g->weight_n,
        .layer = &layer,
        .layer_n = 1,
        .index = w->index,
        .index_n = g->index_n,
        .text = text,
        .text_n = (int32_t)sizeof(text),
        .input = w->input,
        .input_n = g->input_n,
        .output = w->output,
        .output_n = g->output_n,
        .input_name = names,
        .output_name = names,
        .keras_version = 13,
        .producer = 0,
        .weights_bytes = g->data_n * (int64_t)sizeof(float),
    };
    struct err e = {0};
    int64_t at;
    int fd = memfd_create("graph", MFD_CLOEXEC);
    if (fd < 0 || ir_write_graph(&ir, fd, 1u << 30, &at, &e) ||
        pwrite(fd, g->data, (size_t)ir.weights_bytes, at) != (ssize_t)ir.weights_bytes) {
        fprintf(stderr, "graph_file: %s\n", e.msg);
        return -1;
    }
    return fd;
}

static size_t elements(const struct nn_shape *s)
{
    size_t n = 1;
    for (int32_t i = 0; i < s->rank; i++)
        n *= (size_t)s->dim[i];
    return n;
}

float *graph_run(const struct graph *g, enum nn_isa isa, bool plain, int32_t threads, size_t *n)
{
    struct err e = {0};
    struct nn_net *net = NULL;
    struct nn_pool *pool = NULL;
    struct nn_run *run = NULL;
    struct nn_build b = {.isa = isa, .plain = plain};
    float *in[4] = {NULL}, *out[4] = {NULL}, *all = NULL;
    int fd = graph_file(g);
    if (fd < 0 || nn_net_load(fd, &b, &net, &e) || nn_pool_new(threads, &pool, &e) || nn_run_new(net, pool, &run, &e))
        goto done;
    const struct nn_info *info = nn_net_info(net);
    *n = 0;
    for (int32_t i = 0; i < info->input_n; i++) {
        uint32_t seed = 77u + (uint32_t)i;
        in[i] = mem_zalloc(elements(&info->input[i]), sizeof(float), &e);
        for (size_t k = 0; in[i] && k < elements(&info->input[i]); k++)
            in[i][k] = draw(&seed, -1.0f, 1.0f);
    }
    for (int32_t i = 0; i < info->output_n; i++)
        *n += elements(&info->output[i]);
    all = mem_zalloc(*n, sizeof(float), &e);
    for (int32_t i = 0, at = 0; all && i < info->output_n; i++) {
        out[i] = all + at;
        at += (int32_t)elements(&info->output[i]);
    }
    /* Twice: the second run finds the arena and the scratch as the first one left them. */
    for (int i = 0; i < 2; i++) {
        if (nn_forward(run, (const float *const *)in, out, NULL, &e))
            break;
    }
done:
    if (e.code) {
        fprintf(stderr, "graph_run: %s\n", e.msg);
        mem_free(all);
        all = NULL;
    }
    for (int i = 0; i < 4; i++)
        mem_free(in[i]);
    nn_run_free(run);
    nn_pool_free(pool);
    nn_net_close(net);
    if (fd >= 0)
        close(fd);
    return all;
}
