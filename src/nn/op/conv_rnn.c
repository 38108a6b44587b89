/* CONV_RNN: ConvLSTM1D/2D/3D over [.., T, spatial.., C]. */
#include "nn/op/op.h"

enum { GATES = 4 };

enum rc op_check_CONV_RNN(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_conv_rnn *r = &n->u.conv_rnn;
    enum rc rc = op_check_window(g, n, &r->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "padding mode", r->w.mode, IR_PAD_VALID, IR_PAD_SAME, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of filters", r->filters, 1, OP_ELEMENTS_MAX / 8, e);
    }
    const struct {
        const char *what;
        int32_t v;
    } flags[] = {{"go_backwards", r->reverse}, {"return_sequences", r->sequences}, {"use of a bias", r->has_bias}};
    for (size_t i = 0; rc == RC_OK && i < sizeof flags / sizeof *flags; i++) {
        rc = op_check_range(g, n, flags[i].what, flags[i].v, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->act, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->gate, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 2 + r->has_bias, e);
}

enum rc op_infer_CONV_RNN(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                          struct ir_shape *out, struct err *e)
{
    const struct ir_conv_rnn *r = &n->u.conv_rnn;
    int32_t width = GATES * r->filters, spatial = r->w.spatial;
    enum rc rc = op_want_rank(g, n, in, spatial + 2, e);
    struct ir_shape y;
    if (rc == RC_OK) {
        rc = op_window_infer(g, n, &r->w, in, &y, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    struct ir_shape want = op_shape(spatial, r->w.kernel);
    want.dim[want.rank++] = in->dim[in->rank - 1];
    want.dim[want.rank++] = width;
    rc = op_want_weight(g, n, 0, &want, e);
    want.dim[want.rank - 2] = r->filters;
    if (rc == RC_OK) {
        rc = op_want_weight(g, n, 1, &want, e);
    }
    want = op_shape(1, &width);
    if (rc == RC_OK && r->has_bias) {
        rc = op_want_weight(g, n, 2, &want, e);
    }
    y.dim[y.rank - 1] = r->filters;
    *out = y;
    int32_t time = in->rank - spatial - 2;
    if (!r->sequences) {
        for (int32_t i = time; i + 1 < y.rank; i++) {
            out->dim[i] = y.dim[i + 1];
        }
        out->dim[--out->rank] = 0;
    }
    return rc;
}
