/* REDUCE: maximum, mean, sum, minimum or product over any set of axes. */
#include "nn/op/op.h"

enum rc op_check_REDUCE(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_reduce_attr *r = &n->u.reduce;
    enum rc rc = op_check_range(g, n, "kind of reduction", r->kind, IR_REDUCE_MAX, IR_REDUCE_PROD, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "axes", r->axes_mask, 0, (1 << IR_RANK_MAX) - 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "keepdims", r->keep_dims, 0, 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_REDUCE(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_reduce_attr *r = &n->u.reduce;
    if (r->axes_mask >> in->rank != 0) {
        char text[96];
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "reduction over an axis that %s does not have",
                       op_shape_text(text, sizeof text, in));
    }
    struct ir_shape y = {0};
    for (int32_t i = 0; i < in->rank; i++) {
        bool gone = r->axes_mask >> i & 1;
        if (!gone || r->keep_dims) {
            y.dim[y.rank++] = gone ? 1 : in->dim[i];
        }
    }
    *out = y;
    return RC_OK;
}

/* ---- generic form: blocks of neighbouring outputs, each over all members ---- */
enum { LANES = 64, RUN = 32 }; /* outputs per block; members summed before the sum joins the total, against rounding */

struct reduce_args {
    struct op_walk kept, gone;
    int64_t run, step, blocks, members;
    int32_t kind;
};

static void combine(int32_t kind, float *restrict y, const float *restrict x, int64_t step, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float v = x[i * step];
        switch (kind) {
        case IR_REDUCE_MAX:
            y[i] = v > y[i] ? v : y[i];
            break;
        case IR_REDUCE_MIN:
            y[i] = v < y[i] ? v : y[i];
            break;
        case IR_REDUCE_PROD:
            y[i] *= v;
            break;
        default:
            y[i] += v;
            break;
        }
    }
}

static void block(const struct reduce_args *a, const float *x, int64_t n, float *y)
{
    bool sums = a->kind == IR_REDUCE_AVG || a->kind == IR_REDUCE_SUM;
    float part[LANES];
    for (int64_t i = 0; i < n; i++) {
        y[i] = sums ? 0 : x[i * a->step];
    }
    for (int64_t k = sums ? 0 : 1; k < a->members; k++) {
        const float *from = x + op_walk_at(&a->gone, k);
        if (!sums) {
            combine(a->kind, y, from, a->step, n);
            continue;
        }
        if (k % RUN == 0) {
            op_start(part, NULL, n);
        }
        combine(a->kind, part, from, a->step, n);
        if (k % RUN == RUN - 1 || k + 1 == a->members) {
            op_add(y, part, n);
        }
    }
    for (int64_t i = 0; a->kind == IR_REDUCE_AVG && i < n; i++) {
        y[i] /= (float)a->members;
    }
}

static void tile_reduce(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct reduce_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, op_walk_n(&a->kept) * a->blocks, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        int64_t row = i / a->blocks, at = i % a->blocks * LANES;
        int64_t n = a->run - at < LANES ? a->run - at : LANES;
        block(a, in + op_walk_at(&a->kept, row) + at * a->step, n, out + row * a->run + at);
    }
}

enum rc op_prepare_REDUCE(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_shape *x = &s->in[0].shape;
    struct reduce_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    op_walk_axes(&a->kept, x, n->u.reduce.axes_mask, false);
    op_walk_axes(&a->gone, x, n->u.reduce.axes_mask, true);
    a->members = op_walk_n(&a->gone);
    a->run = op_walk_run(&a->kept, &a->step);
    a->blocks = (a->run + LANES - 1) / LANES;
    a->kind = n->u.reduce.kind;
    s->args = a;
    s->flops = (double)nn_shape_n(x);
    op_tiles(s, tile_reduce, op_walk_n(&a->kept) * a->blocks, (double)a->members * LANES);
    return RC_OK;
}
