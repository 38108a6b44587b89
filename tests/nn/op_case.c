#include "op_case.h"

#include <stdio.h>

static int32_t count(const struct ir_shape *s)
{
    int32_t n = 0;
    while (s[n].rank > 0) {
        n++;
    }
    return n;
}

float op_case_value(int64_t i, int32_t k, bool weight, char kind)
{
    uint32_t u = (uint32_t)i * 2654435761u + 12345u + 1000003u * (uint32_t)k + (weight ? 777u : 0u);
    u ^= u >> 15;
    u *= 2246822519u;
    u ^= u >> 13;
    float v = (float)u / 4294967296.0f;
    switch (kind) {
    case 'm':
        return v > 0.4f;
    case 't':
        return (float)(int32_t)(v * 7);
    case 'w':
        return 8 * v - 4;
    case 'p':
        return v + 0.1f;
    default:
        return 2 * v - 1;
    }
}

/* Tensors are the inputs, then the outputs; index lists inputs, outputs, weights. */
static enum rc make_graph(const struct op_case *c, struct ir_graph *g, struct err *e)
{
    static const char text[] = "\0one\0Layer\0w0\0w1\0w2\0"
                               "2.15.0";
    enum { ONE = 1, LAYER = 5, W0 = 11, VERSION = 20 };
    int32_t in_n = count(c->in), w_n = count(c->w), out_n = c->out_n ? c->out_n : 1;
    *g = (struct ir_graph){.tensor_n = in_n + out_n, .node_n = 1, .weight_n = w_n, .layer_n = 1};
    g->index_n = in_n + out_n + w_n;
    g->text_n = (int32_t)sizeof text;
    g->input_n = in_n;
    g->output_n = out_n;
    g->keras_version = g->producer = VERSION;
    g->tensor = mem_zalloc((size_t)g->tensor_n, sizeof *g->tensor, e);
    g->node = mem_zalloc(1, sizeof *g->node, e);
    g->weight = mem_zalloc((size_t)w_n, sizeof *g->weight, e);
    g->layer = mem_zalloc(1, sizeof *g->layer, e);
    g->index = mem_zalloc((size_t)g->index_n, sizeof *g->index, e);
    g->text = mem_zalloc(sizeof text, 1, e);
    g->input = mem_zalloc((size_t)in_n, sizeof *g->input, e);
    g->output = mem_zalloc((size_t)out_n, sizeof *g->output, e);
    g->input_name = mem_zalloc((size_t)in_n, sizeof *g->input_name, e);
    g->output_name = mem_zalloc((size_t)out_n, sizeof *g->output_name, e);
    if (!g->tensor || !g->node || !g->weight || !g->layer || !g->index || !g->text || !g->input || !g->output ||
        !g->input_name || !g->output_name) {
        return RC_FAILED;
    }
    memcpy(g->text, text, sizeof text);
    g->layer[0] = (struct ir_layer){.name = ONE, .class_name = LAYER};
    g->node[0] = c->node;
    g->node[0].in_n = in_n;
    g->node[0].out = in_n;
    g->node[0].out_n = out_n;
    g->node[0].w = in_n + out_n;
    g->node[0].w_n = w_n;
    for (int32_t i = 0; i < in_n + out_n; i++) {
        g->index[i] = i;
        if (i < in_n) {
            g->tensor[i] = c->in[i];
            g->input[i] = i;
        } else {
            g->output[i - in_n] = i;
        }
    }
    for (int32_t i = 0; i < w_n; i++) {
        g->index[in_n + out_n + i] = i;
        g->weight[i] = (struct ir_weight){.shape = c->w[i], .name = W0 + 3 * i, .offset_bytes = g->weights_bytes};
        int64_t bytes = 4;
        for (int32_t k = 0; k < c->w[i].rank; k++) {
            bytes *= c->w[i].dim[k];
        }
        g->weights_bytes += (bytes + 63) / 64 * 64;
    }
    return RC_OK;
}

enum rc op_case_infer(const struct op_case *c, struct ir_shape out[CASE_OUT_MAX], struct err *e)
{
    struct ir_graph g;
    enum rc rc = make_graph(c, &g, e);
    if (rc == RC_OK) {
        rc = ir_infer_node(&g, &g.node[0], c->in, out, e);
    }
    ir_fini(&g);
    return rc;
}

static void run_steps(const struct nn_plan *plan, struct nn_env *env, bool backwards)
{
    for (int32_t i = 0; i < plan->step_n; i++) {
        const struct nn_step *s = &plan->step[i];
        for (int32_t t = 0; t < s->tile_n; t++) {
            s->tile(s, env, backwards ? s->tile_n - 1 - t : t, backwards);
        }
    }
}

/* Fills raw (weights at their offsets) and x (inputs in a row) from the given values or the patterns. */
static void fill(const struct op_case *c, const struct ir_graph *g, const float *in, const float *w, float *x,
                 float *raw)
{
    for (int32_t k = 0; k < g->weight_n; k++) {
        float *to = raw + g->weight[k].offset_bytes / (int64_t)sizeof(float);
        for (int64_t i = 0; i < nn_shape_n(&g->weight[k].shape); i++) {
            to[i] = w != NULL ? *w++ : op_case_value(i, k, true, 0);
        }
    }
    for (int32_t k = 0; k < g->input_n; k++) {
        for (int64_t i = 0; i < nn_shape_n(&g->tensor[g->input[k]]); i++) {
            *x++ = in != NULL ? *in++ : op_case_value(i, k, false, c->kind[k]);
        }
    }
}

/* A worker's scratch is full of NaN at first: what a tile reads without having written shows. */
static float *scratch_new(size_t bytes, struct err *e)
{
    float *p = mem_aligned(bytes, e);
    if (p != NULL) {
        memset(p, 0xff, bytes);
    }
    return p;
}

enum rc op_case_run(const struct op_case *c, const float *in, const float *w, int32_t isa, bool backwards, float *out,
                    int64_t *n, struct err *e)
{
    struct ir_graph g;
    struct nn_plan plan = {0};
    float *x = NULL, *raw = NULL, *packed = NULL, *arena = NULL, *scratch[2] = {NULL, NULL};
    struct nn_carry carry[2];
    memset(carry, 0xff, sizeof carry);
    const float *input[CASE_IN_MAX];
    float *output[CASE_OUT_MAX];
    int64_t room = *n;
    enum rc rc = make_graph(c, &g, e);
    if (rc != RC_OK || (rc = ir_infer(&g, NULL, e)) != RC_OK) {
        goto done;
    }
    int64_t inputs = 0, made = 0;
    for (int32_t i = 0; i < g.tensor_n; i++) {
        *(i < g.input_n ? &inputs : &made) += nn_shape_n(&g.tensor[i]);
    }
    *n = made;
    x = mem_aligned((size_t)inputs * sizeof *x + 64, e);
    raw = mem_aligned((size_t)g.weights_bytes + 64, e);
    if (x == NULL || raw == NULL || made > room) {
        rc = RC_FAILED;
        goto done;
    }
    fill(c, &g, in, w, x, raw);
    float *next_in = x, *next_out = out;
    for (int32_t i = 0; i < g.tensor_n; i++) {
        if (i < g.input_n) {
            input[i] = next_in;
            next_in += nn_shape_n(&g.tensor[i]);
        } else {
            output[i - g.input_n] = next_out;
            next_out += nn_shape_n(&g.tensor[i]);
        }
    }
    memset(out, 0xff, (size_t)made * sizeof *out);
    rc = nn_plan_make(&plan, &g, isa < 0 ? NN_ISA_SCALAR : (enum nn_isa)isa, isa < 0, e);
    if (rc != RC_OK) {
        goto done;
    }
    packed = mem_aligned((size_t)plan.packed_n * sizeof *packed + 64, e);
    arena = mem_aligned((size_t)plan.arena_n * sizeof *arena + 64, e);
    for (int32_t i = 0; i < 2; i++) {
        scratch[i] = scratch_new(plan.scratch_bytes, e);
    }
    if (packed == NULL || arena == NULL || scratch[0] == NULL || scratch[1] == NULL) {
        rc = RC_FAILED;
        goto done;
    }
    rc = nn_plan_fill(&plan, raw, packed, e);
    if (rc == RC_OK) {
        struct nn_env env = {
            .arena = arena, .packed = packed, .input = input, .output = output, .scratch = scratch, .carry = carry};
        run_steps(&plan, &env, backwards);
    }
done:
    nn_plan_fini(&plan);
    ir_fini(&g);
    mem_free(x);
    mem_free(raw);
    mem_free(packed);
    mem_free(arena);
    mem_free(scratch[0]);
    mem_free(scratch[1]);
    return rc;
}
