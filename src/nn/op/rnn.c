/* RNN: SimpleRNN, GRU and LSTM over [.., T, F]. */
#include "nn/op/op.h"

static int32_t gates_of(const struct ir_rnn *r)
{
    return r->cell == IR_CELL_LSTM ? 4 : r->cell == IR_CELL_GRU ? 3 : 1;
}

static int32_t states_of(const struct ir_rnn *r)
{
    return r->cell == IR_CELL_LSTM ? 2 : 1;
}

enum rc op_check_RNN(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_rnn *r = &n->u.rnn;
    enum rc rc = op_check_range(g, n, "kind of cell", r->cell, IR_CELL_SIMPLE, IR_CELL_LSTM, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "number of units", r->units, 1, OP_ELEMENTS_MAX / 8, e);
    }
    const struct {
        const char *what;
        int32_t v;
    } flags[] = {{"go_backwards", r->reverse},         {"return_sequences", r->sequences},
                 {"return_state", r->states},          {"reset_after", r->reset_after},
                 {"use of a bias", r->has_bias},       {"use of an initial state", r->has_initial},
                 {"use of a mask", r->has_mask},       {"zero_output_for_mask", r->zero_masked}};
    for (size_t i = 0; rc == RC_OK && i < sizeof flags / sizeof *flags; i++) {
        rc = op_check_range(g, n, flags[i].what, flags[i].v, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->act, e);
    }
    if (rc == RC_OK) {
        rc = op_check_act(g, n, &r->gate, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    int32_t states = states_of(r);
    return op_check_counts(g, n, 1 + r->has_initial * states + r->has_mask, 1 + r->states * states, 2 + r->has_bias, e);
}

static enum rc check_side(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *is,
                          const struct ir_shape *want, const char *what, struct err *e)
{
    bool same = is->rank == want->rank;
    for (int32_t i = 0; same && i < want->rank; i++) {
        same = is->dim[i] == want->dim[i] || is->dim[i] == -1 || want->dim[i] == -1;
    }
    char a[96], b[96];
    return same ? RC_OK
                : op_fail(g, n, e, ERR_MODEL_SHAPE, "%s %s, expected %s", what, op_shape_text(a, sizeof a, is),
                          op_shape_text(b, sizeof b, want));
}

enum rc op_infer_RNN(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                     struct ir_shape *out, struct err *e)
{
    const struct ir_rnn *r = &n->u.rnn;
    int32_t width = gates_of(r) * r->units, states = states_of(r);
    enum rc rc = op_want_rank(g, n, in, 2, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    struct ir_shape want = {.rank = 2, .dim = {in->dim[in->rank - 1], width}};
    rc = op_want_weight(g, n, 0, &want, e);
    want.dim[0] = r->units;
    if (rc == RC_OK) {
        rc = op_want_weight(g, n, 1, &want, e);
    }
    bool two = r->cell == IR_CELL_GRU && r->reset_after;
    want = two ? (struct ir_shape){.rank = 2, .dim = {2, width}} : op_shape(1, &width);
    if (rc == RC_OK && r->has_bias) {
        rc = op_want_weight(g, n, 2, &want, e);
    }
    struct ir_shape state = op_shape(in->rank - 1, in->dim);
    state.dim[state.rank - 1] = r->units;
    for (int32_t i = 0; rc == RC_OK && r->has_initial && i < states; i++) {
        rc = check_side(g, n, &in[1 + i], &state, "initial state", e);
    }
    struct ir_shape mask = op_shape(in->rank - 1, in->dim);
    if (rc == RC_OK && r->has_mask) {
        rc = check_side(g, n, &in[n->in_n - 1], &mask, "mask", e);
    }
    out[0] = state;
    if (r->sequences) {
        out[0] = *in;
        out[0].dim[in->rank - 1] = r->units;
    }
    for (int32_t i = 1; i < n->out_n; i++) {
        out[i] = state;
    }
    return rc;
}
