/* CONV and DWCONV: convolutions over 1 to 3 spatial axes, channels last. y = act(conv(x) + bias [+ second input]). */
#include "nn/op/op.h"

static enum rc check_conv(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_conv *c = &n->u.conv;
    enum rc rc = op_check_window(g, n, &c->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of groups", c->groups, 1, OP_SIZE_MAX, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a bias", c->has_bias, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &c->act, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, -1, 1, 1 + c->has_bias, e);
}

enum rc op_check_CONV(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    return check_conv(g, n, e);
}

enum rc op_check_DWCONV(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    enum rc rc = check_conv(g, n, e);
    return rc != RC_OK ? rc : op_check_range(g, n, "number of groups", n->u.conv.groups, 1, 1, e);
}

static struct ir_shape kernel_shape(const struct ir_window *w, int32_t a, int32_t b)
{
    struct ir_shape s = op_shape(w->spatial, w->kernel);
    s.dim[s.rank++] = a;
    s.dim[s.rank++] = b;
    return s;
}

/* Takes the number of output channels from the kernel's last axes, so that only one place can disagree. */
enum rc op_infer_CONV(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    const struct ir_conv *c = &n->u.conv;
    enum rc rc = op_window_infer(g, n, &c->w, &in[0], out, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t channels = in[0].dim[in[0].rank - 1];
    if (channels % c->groups != 0) {
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "%d channels cannot be split into %d groups", (int)channels,
                       (int)c->groups);
    }
    struct ir_shape want = kernel_shape(&c->w, channels / c->groups, -1);
    rc = op_want_weight(g, n, 0, &want, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t made = op_weight(g, n, 0)->shape.dim[want.rank - 1];
    if (made % c->groups != 0) {
        return op_fail(g, n, e, ERR_MODEL_SHAPE, "%d filters cannot be split into %d groups", (int)made,
                       (int)c->groups);
    }
    out->dim[out->rank - 1] = made;
    want = op_shape(1, &made);
    if (c->has_bias && (rc = op_want_weight(g, n, 1, &want, e)) != RC_OK) {
        return rc;
    }
    struct ir_shape both;
    if (n->in_n == 2 && (rc = op_broadcast(g, n, out, &in[1], &both, e)) != RC_OK) {
        return rc;
    }
    return RC_OK;
}

enum rc op_infer_DWCONV(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                        struct ir_shape *out, struct err *e)
{
    const struct ir_conv *c = &n->u.conv;
    enum rc rc = op_window_infer(g, n, &c->w, &in[0], out, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t channels = in[0].dim[in[0].rank - 1];
    struct ir_shape want = kernel_shape(&c->w, channels, -1);
    rc = op_want_weight(g, n, 0, &want, e);
    if (rc == RC_OK) {
        rc = op_dim_set(g, n, out, out->rank - 1, (int64_t)channels * op_weight(g, n, 0)->shape.dim[want.rank - 1], e);
    }
    want = op_shape(1, &out->dim[out->rank - 1]);
    return rc == RC_OK && c->has_bias ? op_want_weight(g, n, 1, &want, e) : rc;
}
