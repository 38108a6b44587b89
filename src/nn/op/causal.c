/* CAUSAL: for scores [.., Tq, Tk], the mask [Tq, Tk] that lets a step look at itself and the steps before it. */
#include "nn/op/op.h"

enum rc op_check_CAUSAL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    return op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_CAUSAL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    enum rc rc = op_want_rank(g, n, in, 2, e);
    if (rc == RC_OK) {
        *out = op_shape(2, &in->dim[in->rank - 2]);
    }
    return rc;
}

static void tile_causal(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct ir_shape *y = &s->out[0].shape;
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, y->dim[0], tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        for (int64_t k = 0; k < y->dim[1]; k++) {
            out[i * y->dim[1] + k] = k <= i ? 1.0f : 0.0f;
        }
    }
}

enum rc op_prepare_CAUSAL(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    (void)p, (void)n, (void)e;
    op_tiles(s, tile_causal, s->out[0].shape.dim[0], (double)s->out[0].shape.dim[1]);
    return RC_OK;
}
