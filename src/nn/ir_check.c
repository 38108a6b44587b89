/* A neutral network that came out of the cage is foreign data: every number in it is checked here, before anything uses
 * it. */
#include "nn/ir.h"
#include "nn/step.h"

#include "base/text.h"

#include <string.h>

struct arity {
    int32_t in_min, in_max, out_max, w_min, w_max; /* in_max -1: any */
};
static const struct arity arity[IR_OP_N] = {
#define IR_OP(id, name, attr, in_min, in_max, out_max, w_min, w_max) {in_min, in_max, out_max, w_min, w_max},
#include "nn/ir_ops.def"
#undef IR_OP
};

bool ir_counts_fit(const struct ir_node *n)
{
    const struct arity *a = &arity[n->op];
    return n->in_n >= a->in_min && (a->in_max < 0 || n->in_n <= a->in_max) && n->out_n >= 1 && n->out_n <= a->out_max &&
           n->w_n >= a->w_min && n->w_n <= a->w_max;
}

static bool shape_ok(const struct ir_shape *s, bool free_allowed, int64_t *elements)
{
    if (s->rank < 0 || s->rank > IR_RANK_MAX)
        return false;
    int64_t n = 1;
    for (int32_t i = 0; i < s->rank; i++) {
        if (s->dim[i] == -1 && free_allowed)
            continue;
        if (s->dim[i] < 1 || n > INT32_MAX / s->dim[i])
            return false;
        n *= s->dim[i];
    }
    for (int32_t i = s->rank; i < IR_RANK_MAX; i++)
        if (s->dim[i] != 0)
            return false;
    *elements = n;
    return true;
}

static bool slice_ok(const struct ir_graph *g, int32_t from, int32_t n)
{
    return from >= 0 && n >= 0 && from <= g->index_n && n <= g->index_n - from;
}

/* Every string offset starts inside the text, and the text ends with NUL, so that no string runs out of it. */
static enum rc text_check(const struct ir_graph *g, struct err *e)
{
    if (g->text[g->text_n - 1] != '\0' || !utf8_valid(g->text, (size_t)g->text_n - 1))
        return err_set(e, ERR_INTERNAL, "neutral network: text is not clean");
    for (int32_t i = 0; i < g->text_n; i++) {
        unsigned char c = (unsigned char)g->text[i];
        if ((c < 0x20 && c != '\0') || c == 0x7f)
            return err_set(e, ERR_INTERNAL, "neutral network: control character in the text");
    }
    bool ok = g->keras_version >= 0 && g->keras_version < g->text_n && g->producer >= 0 && g->producer < g->text_n;
    for (int32_t i = 0; i < g->layer_n && ok; i++)
        ok = g->layer[i].name >= 0 && g->layer[i].name < g->text_n && g->layer[i].class_name >= 0 &&
             g->layer[i].class_name < g->text_n && g->layer[i].params >= 0;
    for (int32_t i = 0; i < g->weight_n && ok; i++)
        ok = g->weight[i].name >= 0 && g->weight[i].name < g->text_n;
    for (int32_t i = 0; i < g->input_n && ok; i++)
        ok = g->input_name[i] >= 0 && g->input_name[i] < g->text_n;
    for (int32_t i = 0; i < g->output_n && ok; i++)
        ok = g->output_name[i] >= 0 && g->output_name[i] < g->text_n;
    return ok ? RC_OK : err_set(e, ERR_INTERNAL, "neutral network: name outside the text");
}

static enum rc weights_check(const struct ir_graph *g, struct err *e)
{
    for (int32_t i = 0; i < g->weight_n; i++) {
        const struct ir_weight *w = &g->weight[i];
        int64_t n;
        if (!shape_ok(&w->shape, false, &n) || w->reserved != 0)
            return err_set(e, ERR_INTERNAL, "neutral network: shape of weight %d", i);
        if (w->offset_bytes < 0 || w->offset_bytes % 64 || w->offset_bytes > g->weights_bytes ||
            n * (int64_t)sizeof(float) > g->weights_bytes - w->offset_bytes)
            return err_set(e, ERR_INTERNAL, "neutral network: weight %d outside the file", i);
    }
    return RC_OK;
}

/* Topological order and single assignment: `made` marks inputs and outputs of earlier nodes. */
static enum rc node_check(const struct ir_graph *g, int32_t at, bool *made, struct err *e)
{
    const struct ir_node *n = &g->node[at];
    if (n->op < 0 || n->op >= IR_OP_N)
        return err_set(e, ERR_INTERNAL, "neutral network: node %d has operation %d", at, n->op);
    if (!ir_counts_fit(n) || !slice_ok(g, n->in, n->in_n) || !slice_ok(g, n->out, n->out_n) ||
        !slice_ok(g, n->w, n->w_n) || n->layer < 0 || n->layer >= g->layer_n)
        return err_set(e, ERR_INTERNAL, "neutral network: node %d (%s) is malformed", at,
                       ir_op_name((enum ir_op)n->op));
    for (int32_t i = 0; i < n->in_n; i++) {
        int32_t t = g->index[n->in + i];
        if (t < 0 || t >= g->tensor_n || !made[t])
            return err_set(e, ERR_INTERNAL, "neutral network: node %d reads tensor %d before it is made", at, t);
    }
    for (int32_t i = 0; i < n->w_n; i++) {
        int32_t w = g->index[n->w + i];
        if (w < 0 || w >= g->weight_n)
            return err_set(e, ERR_INTERNAL, "neutral network: node %d has weight %d", at, w);
    }
    for (int32_t i = 0; i < n->out_n; i++) {
        int32_t t = g->index[n->out + i];
        if (t < 0 || t >= g->tensor_n || made[t])
            return err_set(e, ERR_INTERNAL, "neutral network: node %d makes tensor %d again", at, t);
        made[t] = true;
    }
    return nn_ops[n->op].check ? nn_ops[n->op].check(g, n, e) : RC_OK;
}

enum rc ir_check_graph(const struct ir_graph *g, struct err *e)
{
    enum rc rc = text_check(g, e);
    if (!rc)
        rc = weights_check(g, e);
    if (rc)
        return rc;
    for (int32_t i = 0; i < g->tensor_n; i++) {
        int64_t n;
        if (!shape_ok(&g->tensor[i], true, &n))
            return err_set(e, ERR_INTERNAL, "neutral network: shape of tensor %d", i);
    }
    bool *made = mem_zalloc((size_t)g->tensor_n, sizeof(*made), e);
    if (!made)
        return RC_FAILED;
    for (int32_t i = 0; i < g->input_n && !rc; i++) {
        int32_t t = g->input[i];
        if (t < 0 || t >= g->tensor_n || made[t])
            rc = err_set(e, ERR_INTERNAL, "neutral network: input %d is tensor %d", i, t);
        else
            made[t] = true;
    }
    for (int32_t i = 0; i < g->node_n && !rc; i++)
        rc = node_check(g, i, made, e);
    for (int32_t i = 0; i < g->output_n && !rc; i++) {
        int32_t t = g->output[i];
        if (t < 0 || t >= g->tensor_n || !made[t])
            rc = err_set(e, ERR_INTERNAL, "neutral network: output %d is tensor %d", i, t);
    }
    mem_free(made);
    return rc;
}
