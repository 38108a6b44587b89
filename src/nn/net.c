/* A network: graph, plan and what people want to know about them. */
#include "nn/net.h"
#include "base/text.h"

#include <string.h>
#include <sys/mman.h>

enum { FREE_DIM = 10, LABEL = 160 };

static void *copy_of(const void *p, size_t n, size_t size, struct err *e)
{
    void *c = mem_zalloc(n, size, e);
    if (c && n)
        memcpy(c, p, n * size);
    return c;
}

static enum rc graph_copy(const struct ir_graph *g, struct ir_graph *to, struct err *e)
{
    *to = *g;
    to->tensor = copy_of(g->tensor, (size_t)g->tensor_n, sizeof(*g->tensor), e);
    to->node = copy_of(g->node, (size_t)g->node_n, sizeof(*g->node), e);
    to->weight = copy_of(g->weight, (size_t)g->weight_n, sizeof(*g->weight), e);
    to->layer = copy_of(g->layer, (size_t)g->layer_n, sizeof(*g->layer), e);
    to->index = copy_of(g->index, (size_t)g->index_n, sizeof(*g->index), e);
    to->text = copy_of(g->text, (size_t)g->text_n, 1, e);
    to->input = copy_of(g->input, (size_t)g->input_n, sizeof(*g->input), e);
    to->output = copy_of(g->output, (size_t)g->output_n, sizeof(*g->output), e);
    to->input_name = copy_of(g->input_name, (size_t)g->input_n, sizeof(*g->input_name), e);
    to->output_name = copy_of(g->output_name, (size_t)g->output_n, sizeof(*g->output_name), e);
    bool good = to->tensor && to->node && to->weight && to->layer && to->index && to->text && to->input && to->output &&
                to->input_name && to->output_name;
    return good ? RC_OK : RC_FAILED;
}

/* Concrete shape of input i: what the build asks for where the network leaves dims free. */
static enum rc input_shape(const struct ir_graph *g, int32_t i, const struct nn_build *b, struct ir_shape *out,
                           struct err *e)
{
    *out = g->tensor[g->input[i]];
    const struct nn_shape *want = i < b->input_shape_n ? &b->input_shape[i] : NULL;
    if (want && want->rank != out->rank)
        return err_set(e, ERR_MODEL_INPUT, "input %d has %d dimensions, expected %d", (int)i + 1, (int)want->rank,
                       (int)out->rank);
    for (int32_t k = 0; k < out->rank; k++) {
        if (want && want->dim[k] > 0 && out->dim[k] > 0 && want->dim[k] != out->dim[k])
            return err_set(e, ERR_MODEL_INPUT, "dimension %d of input %d is %d, expected %d", (int)k + 1, (int)i + 1,
                           (int)want->dim[k], (int)out->dim[k]);
        if (out->dim[k] < 0)
            out->dim[k] = want && want->dim[k] > 0 ? want->dim[k] : FREE_DIM;
    }
    return RC_OK;
}

static bool shapes_known(const struct ir_graph *g)
{
    for (int32_t i = 0; i < g->tensor_n; i++) {
        for (int32_t k = 0; k < g->tensor[i].rank; k++) {
            if (g->tensor[i].dim[k] < 0)
                return false;
        }
    }
    return g->node_n > 0;
}

enum rc nn_net_make(struct nn_net *net, struct ir_graph *g, const struct nn_build *b, struct err *e)
{
    net->g = *g;
    *g = (struct ir_graph){0};
    g = &net->g;
    if (!nn_isa_usable(b->isa))
        return err_set(e, ERR_VALUE, "this processor cannot run %s", nn_isa_name(b->isa));
    if (b->input_shape_n && b->input_shape_n != g->input_n)
        return err_set(e, ERR_MODEL_INPUT, "%d inputs given, the network has %d", (int)b->input_shape_n,
                       (int)g->input_n);
    struct ir_shape *shape = mem_zalloc((size_t)g->input_n, sizeof(*shape), e);
    enum rc rc = shape ? RC_OK : RC_FAILED;
    for (int32_t i = 0; !rc && i < g->input_n; i++)
        rc = input_shape(g, i, b, &shape[i], e);
    /* From a packed file every shape is known already; straight from an import none can be relied on. */
    if (!rc && !net->map)
        rc = ir_infer(g, shape, e);
    mem_free(shape);
    if (!rc && !shapes_known(g))
        rc = err_set(e, ERR_MODEL_SHAPE, "a shape of the network stays unknown");
    struct ir_graph copy = {0};
    if (!rc)
        rc = graph_copy(g, &copy, e);
    if (rc) {
        ir_fini(&copy);
        return rc;
    }
    return nn_plan_make(&net->plan, &copy, b->isa, b->plain, e);
}

/* ---- description ---- */

static double dims(const struct ir_shape *s, int32_t from, int32_t to)
{
    double n = 1;
    for (int32_t i = from; i < to; i++)
        n *= s->dim[i];
    return n;
}

static double rnn_macs(const struct ir_graph *g, const struct ir_node *n)
{
    const struct ir_shape *x = &g->tensor[plan_in(g, n, 0)], *k = &plan_weight(g, n, 0)->shape,
                          *r = &plan_weight(g, n, 1)->shape;
    return dims(x, 0, x->rank - 1) * (dims(k, 0, k->rank) + dims(r, 0, r->rank));
}

double plan_node_macs(const struct ir_graph *g, const struct ir_node *n)
{
    const struct ir_shape *in = n->in_n ? &g->tensor[plan_in(g, n, 0)] : NULL, *out = &g->tensor[plan_out(g, n, 0)];
    const struct ir_shape *w = n->w_n ? &plan_weight(g, n, 0)->shape : NULL;
    double all = dims(out, 0, out->rank), last = out->rank ? out->dim[out->rank - 1] : 1;
    switch (n->op) {
    case IR_CONV:
        return all / last * dims(w, 0, w->rank);
    case IR_DWCONV:
        return all / last * dims(w, 0, w->rank);
    case IR_CONV_TRANSPOSE:
        return dims(in, 0, in->rank - 1) * dims(w, 0, w->rank);
    case IR_LOCAL:
        return dims(w, 0, w->rank);
    case IR_DENSE:
        return all / last * dims(w, 0, w->rank);
    case IR_RNN:
        return rnn_macs(g, n);
    case IR_CONV_RNN:
        return dims(in, 0, in->rank - 1) *
               (dims(w, 0, w->rank) +
                (n->w_n > 1 ? dims(&plan_weight(g, n, 1)->shape, 0, plan_weight(g, n, 1)->shape.rank) : 0));
    case IR_MATMUL:
        return all * (n->u.matmul.transpose_a ? in->dim[in->rank - 2] : in->dim[in->rank - 1]);
    case IR_DOT:
        return all * in->dim[n->u.dot.axis_a];
    default:
        return 0;
    }
}

static void shape_to_door(const struct ir_shape *s, struct nn_shape *to)
{
    *to = (struct nn_shape){.rank = s->rank};
    memcpy(to->dim, s->dim, sizeof(to->dim));
}

/* Names of the layers computed by each unit, joined; the chain of folded nodes ends in a node of the unit. */
static enum rc labels(const struct nn_net *net, struct nn_step_info *step, char *text, struct err *e)
{
    const struct nn_plan *plan = &net->plan;
    int32_t *unit_of = mem_zalloc((size_t)plan->g.node_n, sizeof(*unit_of), e), *seen = NULL;
    if (!unit_of || !(seen = mem_zalloc((size_t)plan->unit_n + 1, sizeof(*seen), e))) {
        mem_free(unit_of);
        return RC_FAILED;
    }
    for (int32_t u = 0; u < plan->unit_n; u++) {
        for (int32_t i = 0; i < plan->unit[u].node_n; i++)
            unit_of[plan->unit[u].node[i]] = u + 1;
    }
    for (int32_t i = 0; i < plan->g.node_n; i++) {
        int32_t home = i;
        while (plan->fuse[home].into >= 0)
            home = plan->fuse[home].into;
        int32_t u = unit_of[home] - 1, layer = plan->g.node[i].layer;
        if (u < 0 || seen[u] == layer + 1 || layer < 0 || layer >= plan->g.layer_n)
            continue;
        char *at = text + (size_t)u * LABEL;
        size_t used = strlen(at);
        str_format(at + used, LABEL - used, "%s%s", used ? " + " : "", ir_text(&plan->g, plan->g.layer[layer].name));
        seen[u] = layer + 1;
    }
    for (int32_t s = 0; s < plan->step_n; s++) {
        step[s].label = s < plan->unit_n ? text + (size_t)s * LABEL : "output";
        step[s].kernel = plan->step[s].kernel;
        step[s].flops = plan->step[s].flops;
    }
    mem_free(seen);
    mem_free(unit_of);
    return RC_OK;
}

static bool output_is(const struct ir_graph *g, int32_t fn)
{
    for (int32_t i = g->node_n - 1; i >= 0; i--) {
        const struct ir_node *n = &g->node[i];
        if (plan_out(g, n, 0) != g->output[0])
            continue;
        if (fn == IR_FN_SIGMOID)
            return n->op == IR_ACT && n->u.act.fn == IR_FN_SIGMOID;
        return n->op == IR_SOFTMAX && !n->u.softmax.log;
    }
    return false;
}

static void describe_layers(struct nn_net *net, struct nn_layer_info *layer)
{
    const struct ir_graph *g = &net->g;
    struct nn_info *info = &net->info;
    for (int32_t i = 0; i < g->layer_n; i++) {
        layer[i].name = ir_text(g, g->layer[i].name);
        layer[i].class_name = ir_text(g, g->layer[i].class_name);
        layer[i].params = g->layer[i].params;
        info->params += g->layer[i].params;
    }
    for (int32_t i = 0; i < g->node_n; i++) {
        const struct ir_node *n = &g->node[i];
        double macs = plan_node_macs(g, n);
        info->macs += macs;
        if (n->layer < 0 || n->layer >= g->layer_n)
            continue;
        layer[n->layer].macs += macs;
        shape_to_door(&g->tensor[plan_out(g, n, 0)], &layer[n->layer].output);
    }
}

enum rc nn_net_describe(struct nn_net *net, const struct nn_shape *declared, struct err *e)
{
    const struct ir_graph *g = &net->g;
    size_t in = (size_t)g->input_n, out = (size_t)g->output_n, step_n = (size_t)net->plan.step_n;
    struct nn_shape *shape = net->info_memory[0] = mem_zalloc(2 * in + out, sizeof(*shape), e);
    const char **name = net->info_memory[1] = mem_zalloc(in + out, sizeof(*name), e);
    struct nn_layer_info *layer = net->info_memory[2] = mem_zalloc((size_t)g->layer_n, sizeof(*layer), e);
    struct nn_step_info *step = net->info_memory[3] = mem_zalloc(step_n, sizeof(*step), e);
    char *text = net->info_memory[4] = mem_zalloc(step_n, LABEL, e);
    if (!shape || !name || !layer || !step || !text)
        return RC_FAILED;
    net->info = (struct nn_info){
        .input_n = g->input_n,
        .output_n = g->output_n,
        .layer_n = g->layer_n,
        .step_n = net->plan.step_n,
        .input = shape,
        .input_declared = shape + in,
        .output = shape + 2 * in,
        .input_name = name,
        .output_name = name + in,
        .layer = layer,
        .step = step,
        .keras_version = ir_text(g, g->keras_version),
        .isa = net->plan.isa,
        .arena_bytes = (size_t)net->plan.arena_n * sizeof(float),
        .packed_bytes = (size_t)net->plan.packed_n * sizeof(float),
        .last_is_sigmoid = output_is(g, IR_FN_SIGMOID),
        .last_is_softmax = output_is(g, -1),
    };
    for (size_t i = 0; i < in; i++) {
        shape_to_door(&g->tensor[g->input[i]], &shape[i]);
        shape[in + i] = declared[i];
        name[i] = ir_text(g, g->input_name[i]);
    }
    for (size_t i = 0; i < out; i++) {
        shape_to_door(&g->tensor[g->output[i]], &shape[2 * in + i]);
        name[in + i] = ir_text(g, g->output_name[i]);
    }
    describe_layers(net, layer);
    return labels(net, step, text, e);
}

const struct nn_info *nn_net_info(const struct nn_net *net)
{
    return &net->info;
}

void nn_net_fini(struct nn_net *net)
{
    for (size_t i = 0; i < ARRAY_N(net->info_memory); i++)
        mem_free(net->info_memory[i]);
    nn_plan_fini(&net->plan);
    ir_fini(&net->g);
    mem_free(net->owned);
    if (net->map)
        munmap(net->map, net->map_bytes);
}

void nn_net_close(struct nn_net *net)
{
    if (!net)
        return;
    nn_net_fini(net);
    mem_free(net);
}
