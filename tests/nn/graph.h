/* Small networks for tests of the planner: nodes are added one by one, weights are drawn from a fixed sequence. */
#ifndef CLINIC_TESTS_NN_GRAPH_H
#define CLINIC_TESTS_NN_GRAPH_H

#include "nn.h"
#include "nn/ir.h"

enum { GRAPH_NODES = 64, GRAPH_TENSORS = 96, GRAPH_WEIGHTS = 128, GRAPH_INDEX = 512, GRAPH_FLOATS = 1 << 20 };

struct graph {
    struct ir_shape tensor[GRAPH_TENSORS];
    struct ir_node node[GRAPH_NODES];
    struct ir_weight weight[GRAPH_WEIGHTS];
    int32_t index[GRAPH_INDEX];
    float data[GRAPH_FLOATS];
    int32_t tensor_n, node_n, weight_n, index_n;
    int32_t input[4], input_n, output[4], output_n;
    int64_t data_n;
    uint32_t seed;
};

struct ir_shape shape3(int32_t a, int32_t b, int32_t c);
int32_t graph_input(struct graph *g, struct ir_shape s);
void graph_output(struct graph *g, int32_t tensor);
/* A node of up to four inputs (-1: no more) and the weights added since the last node; its output tensor. */
int32_t graph_node(struct graph *g, struct ir_node n, int32_t a, int32_t b, int32_t c, int32_t d);
void graph_weight(struct graph *g, int32_t rank, const int32_t *dim, float low, float high);
/* Usual layers. kernel 0: depthwise with mult 1 is conv2d_dw. */
int32_t graph_conv(struct graph *g, int32_t x, int32_t k, int32_t stride, int32_t dilation, int32_t mode, int32_t cin,
                   int32_t cout, bool bias);
int32_t graph_dw(struct graph *g, int32_t x, int32_t k, int32_t stride, int32_t dilation, int32_t mode, int32_t c);
int32_t graph_bn(struct graph *g, int32_t x, int32_t c, int32_t axis);
int32_t graph_act(struct graph *g, int32_t x, enum ir_fn fn, float a, float b);
int32_t graph_binary(struct graph *g, int32_t fn, int32_t a, int32_t b);
int32_t graph_pad(struct graph *g, int32_t x, int32_t before, int32_t after);
int32_t graph_pool(struct graph *g, int32_t x, int32_t kind, int32_t k, int32_t stride, int32_t mode);
int32_t graph_concat(struct graph *g, int32_t a, int32_t b, int32_t c, int32_t d);
int32_t graph_dense(struct graph *g, int32_t x, int32_t k, int32_t units);
int32_t graph_global(struct graph *g, int32_t x, bool keep_dims);

/* Neutral file in memory; descriptor or -1. */
int graph_file(const struct graph *g);
/* Loads, runs with `threads` on a fixed input and returns all outputs in one array (*n floats); NULL when something
 * failed. Caller frees with mem_free. */
float *graph_run(const struct graph *g, enum nn_isa isa, bool plain, int32_t threads, size_t *n);

#endif
