/* SOFTMAX over any set of axes, with the largest value taken off first; optional mask (1: takes part), as Keras adds
 * it: -1e9 where the mask is 0, so that a row without any 1 comes out as the plain softmax of what is left by rounding.
 */
#include "nn/op/op.h"

#include <math.h>

enum rc op_check_SOFTMAX(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = op_check_range(g, n, "axes", n->u.softmax.axes_mask, 1, (1 << IR_RANK_MAX) - 1, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of the logarithm", n->u.softmax.log, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, -1, 1, 0, e);
}

enum rc op_infer_SOFTMAX(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                         struct ir_shape *out, struct err *e)
{
    if (n->u.softmax.axes_mask >> in->rank != 0) {
        char text[96];
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "softmax over an axis that %s does not have",
                       op_shape_text(text, sizeof text, in));
    }
    *out = *in;
    struct ir_shape both;
    if (n->in_n == 2) {
        enum rc rc = op_broadcast(g, n, in, &in[1], &both, e);
        if (rc != RC_OK) {
            return rc;
        }
        for (int32_t i = 0; i < both.rank; i++) {
            if (both.rank != in->rank || (in->dim[i] == 1 && both.dim[i] > 1)) {
                return op_fail(g, n, e, ERR_MODEL_SHAPE, "the mask is larger than the input");
            }
        }
    }
    return RC_OK;
}

/* ---- generic form ---- */
struct softmax_args {
    struct op_walk groups;  /* first element of each group that sums to 1 */
    struct op_walk members; /* the group's elements, from its first; the last axis is the run */
    int64_t run, step;
    int32_t log;
    struct op_walk mask_groups, mask_members;
    int64_t mask_step;
    bool masked;
};

/* Walks of the input with the mask's strides: 0 where the mask broadcasts. Nothing is merged, so that both walks agree.
 */
static void walk_plain(struct op_walk *w, const struct ir_shape *x, const struct ir_shape *of, int32_t mask, bool set)
{
    *w = (struct op_walk){0};
    for (int32_t i = 0; i < x->rank; i++) {
        int32_t k = i - (x->rank - of->rank);
        if (((mask >> i & 1) != 0) == set) {
            w->dim[w->n] = x->dim[i];
            w->stride[w->n++] = k < 0 || of->dim[k] == 1 ? 0 : op_dims_n(of, k + 1, of->rank);
        }
    }
}

static const float *mask_row(const struct softmax_args *a, const float *mask, int64_t group, int64_t row)
{
    return mask + op_walk_at(&a->mask_groups, group) + op_walk_at(&a->mask_members, row);
}

/* Copies a group's logits to out, with the mask added, and gives the largest. */
static float logits(const struct softmax_args *a, const float *x, const float *mask, int64_t group, float *y)
{
    float top = -INFINITY;
    int64_t rows = op_walk_n(&a->members);
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = op_walk_at(&a->members, r);
        const float *m = a->masked ? mask_row(a, mask, group, r) : NULL;
        for (int64_t i = 0; i < a->run; i++) {
            float v = x[at + i * a->step];
            v = m != NULL ? v + (1.0f - m[i * a->mask_step]) * -1e9f : v;
            y[at + i * a->step] = v;
            top = v > top ? v : top;
        }
    }
    return top;
}

static void tile_softmax(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct softmax_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]), *mask = a->masked ? nn_at(env, &s->in[1]) : NULL;
    float *out = nn_at(env, &s->out[0]);
    int64_t rows = op_walk_n(&a->members);
    struct op_range r = op_tile_range(s, op_walk_n(&a->groups), tile);
    for (int64_t g = r.lo; g < r.hi; g++) {
        int64_t first = op_walk_at(&a->groups, g);
        float *y = out + first, top = logits(a, in + first, mask, g, y);
        double sum = 0;
        for (int64_t k = 0; k < rows; k++) {
            float *row = y + op_walk_at(&a->members, k);
            for (int64_t i = 0; i < a->run; i++) {
                float v = row[i * a->step] - top, power = expf(v);
                sum += (double)power;
                row[i * a->step] = a->log ? v : power;
            }
        }
        float part = a->log ? (float)log(sum) : (float)(1.0 / sum);
        for (int64_t k = 0; k < rows; k++) {
            float *row = y + op_walk_at(&a->members, k);
            for (int64_t i = 0; i < a->run; i++) {
                row[i * a->step] = a->log ? row[i * a->step] - part : row[i * a->step] * part;
            }
        }
    }
}

enum rc op_prepare_SOFTMAX(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    struct softmax_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    const struct ir_shape *x = &s->in[0].shape;
    int32_t axes = n->u.softmax.axes_mask;
    a->log = n->u.softmax.log;
    a->masked = s->in_n > 1;
    if (a->masked) {
        walk_plain(&a->groups, x, x, axes, false);
        walk_plain(&a->members, x, x, axes, true);
        walk_plain(&a->mask_groups, x, &s->in[1].shape, axes, false);
        walk_plain(&a->mask_members, x, &s->in[1].shape, axes, true);
        op_walk_run(&a->mask_members, &a->mask_step);
    } else {
        op_walk_axes(&a->groups, x, axes, false);
        op_walk_axes(&a->members, x, axes, true);
    }
    a->run = op_walk_run(&a->members, &a->step);
    s->args = a;
    s->flops = 4.0 * (double)nn_shape_n(x);
    int64_t groups = op_walk_n(&a->groups);
    op_tiles(s, tile_softmax, groups, 20.0 * (double)(nn_shape_n(x) / groups));
    return RC_OK;
}
