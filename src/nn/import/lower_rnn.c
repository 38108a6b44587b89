/* Recurrent layers and the wrappers around them. */
#include "nn/import/lower.h"

#include "base/text.h"

#include <string.h>

/* What the layer around a cell says. */
struct rnn {
    struct lower *l;
    bool reverse, sequences, states, zero_masked;
    int32_t x, mask;
    struct value initial[BUILD_IO_MAX];
    int32_t initial_n;
    int32_t out, state[2];
};

static int32_t gates_of(int cell)
{
    return cell == IR_CELL_LSTM ? 4 : cell == IR_CELL_GRU ? 3 : 1;
}

/* ---- weights ---- */

/* Keras 1 kept one matrix per gate: side by side they are today's kernel. */
static int32_t joined_gates(struct lower *l, int cell, const char *key, char which, int32_t rows)
{
    static const char *const lstm[4] = {"i", "f", "c", "o"}, *const gru[3] = {"z", "r", "h"};
    int32_t gates = gates_of(cell), units = (int32_t)lower_int(l, "units|output_dim", 0);
    if (units < 1 || units > 1 << 20)
        return build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s' has %d units", l->layer->name, (int)units);
    const struct h5_data *d[4] = {0};
    for (int32_t g = 0; g < gates; g++) {
        char leaf[8];
        str_format(leaf, sizeof(leaf), "%c_%s", which, cell == IR_CELL_LSTM ? lstm[g] : gru[g]);
        if (!(d[g] = lower_need(l, leaf, -1)))
            return -1;
        int64_t have = d[g]->n / units;
        rows = rows < 0 ? (int32_t)have : rows;
        if (have != rows || d[g]->n % units)
            return build_fail(l->b, ERR_MODEL_SHAPE, "'%s' does not fit %d units", d[g]->path, (int)units);
    }
    float *all = lower_alloc(l, (int64_t)rows * units * gates);
    for (int32_t g = 0; g < gates && all; g++) {
        float *one = lower_load(l, d[g]);
        for (int32_t r = 0; r < rows && one; r++)
            memcpy(all + ((int64_t)r * gates + g) * units, one + (int64_t)r * units, (size_t)units * sizeof(float));
        mem_free(one);
    }
    const struct ir_shape matrix = {.rank = 2, .dim = {rows, units * gates}},
                          vector = {.rank = 1, .dim = {units * gates}};
    return all ? lower_values(l, key, which == 'b' ? &vector : &matrix, all) : -1;
}

/* cuDNN keeps each gate's matrix transposed: the input kernel in C order of [units, inputs], the recurrent one plainly.
 */
static int32_t cudnn_matrix(struct lower *l, int cell, const char *key, int place)
{
    const struct h5_data *d = lower_need(l, key, place);
    float *raw = d && d->rank == 2 ? lower_load(l, d) : NULL, *out = raw ? lower_alloc(l, d->n) : NULL;
    int32_t gates = gates_of(cell);
    if (!out) {
        mem_free(raw);
        return l->b->rc ? -1 : build_fail(l->b, ERR_MODEL_SHAPE, "'%s' is no matrix", d ? d->path : key);
    }
    int64_t rows = d->dim[0], units = d->dim[1] / gates, wide = d->dim[1];
    for (int64_t g = 0; g < gates; g++)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t u = 0; u < units; u++) {
                int64_t flat = u * rows + r; /* of the gate's block, read in C order */
                out[r * wide + g * units + u] = raw[flat / units * wide + g * units + flat % units];
            }
    mem_free(raw);
    const struct ir_shape shape = {.rank = 2, .dim = {(int32_t)rows, (int32_t)wide}};
    return lower_values(l, key, &shape, out);
}

/* Two biases, for inputs and state: GRU keeps both, LSTM adds them. */
static int32_t cudnn_bias(struct lower *l, int cell, const char *key)
{
    const struct h5_data *d = lower_need(l, key, 2);
    if (!d)
        return -1;
    int32_t half = (int32_t)(d->n / 2);
    const struct ir_shape two = {.rank = 2, .dim = {2, half}}, one = {.rank = 1, .dim = {half}};
    if (cell == IR_CELL_GRU)
        return lower_weight(l, key, 2, &two);
    float *raw = lower_load(l, d);
    for (int32_t i = 0; i < half && raw; i++)
        raw[i] += raw[half + i];
    return raw ? lower_values(l, key, &one, raw) : -1;
}

static void cell_weights(struct lower *l, int cell, bool cudnn, bool has_bias, int32_t w[3])
{
    static const char *const key[3] = {"kernel|W", "recurrent_kernel|U", "bias|b"};
    static const char letter[3] = {'W', 'U', 'b'};
    for (int k = 0; k < 2 + has_bias; k++) {
        w[k] = lower_cached(l, cudnn ? (k == 0 ? "kernel" : k == 1 ? "recurrent_kernel" : "bias") : key[k]);
        if (w[k] >= 0)
            continue;
        if (cudnn)
            w[k] = k < 2 ? cudnn_matrix(l, cell, k ? "recurrent_kernel" : "kernel", k) : cudnn_bias(l, cell, "bias");
        else if (l->i->keras_major == 1 && cell != IR_CELL_SIMPLE && !lower_find(l, key[k], -1))
            w[k] = joined_gates(l, cell, key[k], letter[k], letter[k] == 'b' ? 1 : -1);
        else
            w[k] = lower_weight(l, key[k], k, NULL);
    }
}

/* ---- one cell over the sequence ---- */

static void run_cell(struct lower *l, int cell, bool cudnn, struct rnn *r)
{
    struct ir_node n = {.op = IR_RNN};
    memset(&n.u.rnn, 0, sizeof(n.u.rnn));
    struct ir_rnn *a = &n.u.rnn;
    a->cell = cell;
    a->units = (int32_t)lower_int(l, "units|output_dim", 0);
    a->reverse = r->reverse;
    a->sequences = r->sequences;
    a->states = r->states;
    a->zero_masked = r->zero_masked;
    a->has_bias = cudnn || lower_bool(l, "use_bias", true);
    const char *gate = l->i->keras_major == 1 ? "hard_sigmoid" : "sigmoid";
    if (!lower_gate(l, "activation", "tanh", &a->act) ||
        (cell != IR_CELL_SIMPLE && !lower_gate(l, "recurrent_activation|inner_activation", gate, &a->gate)))
        return;
    int32_t w[3] = {-1, -1, -1}, in[4], in_n = 0, out[3] = {-1, -1, -1}, states = cell == IR_CELL_LSTM ? 2 : 1;
    cell_weights(l, cell, cudnn, a->has_bias, w);
    if (l->b->rc)
        return;
    bool after = l->b->g.weight[w[1]].shape.rank == 2 && a->has_bias && l->b->g.weight[w[2]].shape.rank == 2;
    a->reset_after = cell == IR_CELL_GRU && (cudnn || after || (!a->has_bias && lower_bool(l, "reset_after", false)));
    in[in_n++] = r->x;
    a->has_initial = r->initial_n > 0;
    if (a->has_initial && r->initial_n != states) {
        build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s' is given %d initial states, it has %d", l->layer->name,
                   (int)r->initial_n, (int)states);
        return;
    }
    for (int32_t k = 0; k < r->initial_n; k++)
        in[in_n++] = r->initial[k].t;
    a->has_mask = r->mask >= 0;
    if (a->has_mask)
        in[in_n++] = r->mask;
    build_node(l->b, &n, in, in_n, w, 2 + a->has_bias, out, 1 + a->states * states);
    r->out = out[0];
    r->state[0] = out[1];
    r->state[1] = out[2];
}

static int cell_kind(const char *class_name, bool *cudnn)
{
    *cudnn = str_starts(class_name, "CuDNN");
    if (strstr(class_name, "LSTM"))
        return IR_CELL_LSTM;
    return strstr(class_name, "GRU") ? IR_CELL_GRU : IR_CELL_SIMPLE;
}

/* Options of the layer, and what it is called with: the sequence, initial states behind it or as a keyword, a mask. */
static bool rnn_read(struct lower *l, struct rnn *r)
{
    *r = (struct rnn){.l = l, .x = l->in[0].t, .mask = l->in[0].mask, .out = -1, .state = {-1, -1}};
    r->reverse = lower_bool(l, "go_backwards", false) != l->backwards;
    r->sequences = lower_bool(l, "return_sequences", false);
    r->states = lower_bool(l, "return_state", false);
    r->zero_masked = lower_bool(l, "zero_output_for_mask", false);
    if (lower_bool(l, "time_major", false))
        return lower_refuse(l, "time_major") >= 0;
    struct value mask[2];
    if (lower_kwarg(l, "mask", mask, 2) >= 1 && mask[0].t != l->in[0].t)
        r->mask = mask[0].t;
    for (int32_t k = 1; k < l->in_n && k < BUILD_IO_MAX; k++)
        r->initial[r->initial_n++] = l->in[k];
    if (r->initial_n == 0)
        r->initial_n = lower_kwarg(l, "initial_state", r->initial, BUILD_IO_MAX);
    if (lower_int(l, "num_constants", 0) > 0)
        return lower_refuse(l, "constants") >= 0;
    return !l->b->rc;
}

void lower_rnn(struct lower *l)
{
    struct rnn r;
    bool cudnn;
    int cell = cell_kind(l->layer->class_name, &cudnn);
    if (!rnn_read(l, &r))
        return;
    run_cell(l, cell, cudnn, &r);
    lower_set(l, r.out, r.sequences ? r.mask : -1);
    for (int32_t k = 0; r.states && k < (cell == IR_CELL_LSTM ? 2 : 1); k++)
        l->out[l->out_n++] = (struct value){r.state[k], -1};
}

/* ---- RNN(cell), RNN([cells]) ---- */

static int32_t reversed_steps(struct lower *l, int32_t t, int32_t axes_behind)
{
    struct ir_node n = {.op = IR_REVERSE};
    n.u.axis.axis = lower_shape(l, t)->rank - 1 - axes_behind;
    return lower_op(l, &n, t);
}

/* A stack of cells is a chain of layers: each one's sequence feeds the next. */
void lower_rnn_cells(struct lower *l)
{
    struct rnn r;
    const json_t *cell = config_get(l->config, "cell"), *cells = NULL;
    const char *name = json_string_value(json_object_get(cell, "class_name"));
    if (!rnn_read(l, &r) || !name)
        return;
    if (str_eq(class_base(name), "StackedRNNCells")) {
        cells = json_object_get(json_object_get(cell, "config"), "cells");
        if (json_is_true(json_object_get(json_object_get(cell, "config"), "reverse_state_order")) &&
            r.initial_n + r.states > 0) {
            lower_refuse(l, "reverse_state_order");
            return;
        }
    }
    size_t n = cells ? json_array_size(cells) : 1;
    struct value states[BUILD_IO_MAX], given[BUILD_IO_MAX];
    int32_t states_n = 0, given_n = r.initial_n, given_at = 0, mask = r.mask;
    bool sequences = r.sequences;
    memcpy(given, r.initial, sizeof(given));
    for (size_t k = 0; k < n && !l->b->rc; k++) {
        struct layer *y = lower_inner(l, (int)k, cells ? json_array_get(cells, k) : cell);
        bool cudnn;
        if (!y || (!str_eq(y->class_name, "LSTMCell") && !str_eq(y->class_name, "GRUCell") &&
                   !str_eq(y->class_name, "SimpleRNNCell"))) {
            lower_refuse(l, "cell class '%s'", y ? y->class_name : "?");
            return;
        }
        int kind = cell_kind(y->class_name, &cudnn), own = kind == IR_CELL_LSTM ? 2 : 1;
        if (cells && y->set.n == l->layer->set.n && n > 1) { /* cells of one name: three weights each, in order */
            weight_set_free(&y->set);
            l->b->rc = weight_set_part(&l->layer->set, 3 * k, 3 * k + 3, &y->set, l->b->e);
        }
        struct lower inner = {.i = l->i, .b = l->b, .layer = y, .config = y->config, .outer = l->outer};
        r.sequences = sequences || k + 1 < n;
        r.initial_n = 0;
        for (int j = 0; j < own && given_at < given_n; j++)
            r.initial[r.initial_n++] = given[given_at++];
        run_cell(&inner, kind, cudnn, &r);
        for (int j = 0; j < own && states_n < BUILD_IO_MAX - 1; j++)
            states[states_n++] = (struct value){r.state[j], -1};
        if (r.reverse && k == 0) { /* what follows is in processing order already */
            r.reverse = false;
            r.mask = r.mask >= 0 && n > 1 ? reversed_steps(l, r.mask, 0) : r.mask;
        }
        r.x = r.out;
    }
    lower_set(l, r.out, sequences ? mask : -1);
    for (int32_t k = 0; r.states && k < states_n; k++)
        l->out[l->out_n++] = states[k];
}

/* ---- wrappers ---- */

static void half_weights(struct lower *l, struct layer *y, const char *prefix, bool second)
{
    struct weight_set s;
    if (l->b->rc || (l->b->rc = weight_set_prefix(&l->layer->set, prefix, &s, l->b->e)) != RC_OK)
        return;
    if (s.n == 0) {
        size_t half = l->layer->set.n / 2;
        weight_set_free(&s);
        l->b->rc = weight_set_part(&l->layer->set, second ? half : 0, second ? 2 * half : half, &s, l->b->e);
    }
    weight_set_free(&y->set);
    y->set = s;
}

static int32_t bidirectional_merge(struct lower *l, const char *mode, int32_t a, int32_t b_)
{
    if (str_eq(mode, "concat")) {
        struct ir_node n = {.op = IR_CONCAT};
        const int32_t in[2] = {a, b_};
        n.u.axis.axis = lower_shape(l, a)->rank - 1;
        return build_many(l->b, &n, in, 2);
    }
    if (str_eq(mode, "sum"))
        return lower_binary(l, IR_ADD, a, b_);
    if (str_eq(mode, "mul"))
        return lower_binary(l, IR_MUL, a, b_);
    if (str_eq(mode, "ave"))
        return lower_binary(l, IR_AVG, a, b_);
    return lower_refuse(l, "merge_mode '%s'", mode);
}

void lower_bidirectional(struct lower *l)
{
    const json_t *back = config_get(l->config, "backward_layer"), *front = config_get(l->config, "layer");
    bool own_back = json_is_object(back);
    struct layer *y[2] = {lower_inner(l, 0, front), lower_inner(l, 1, own_back ? back : front)};
    struct lower run[2];
    struct value given[BUILD_IO_MAX], in[BUILD_IO_MAX];
    int32_t given_n = 0;
    if (!y[0] || !y[1])
        return;
    bool fresh = y[0]->cache_n == 0 && y[1]->cache_n == 0;
    for (int32_t k = 1; k < l->in_n && given_n < BUILD_IO_MAX; k++)
        given[given_n++] = l->in[k];
    if (given_n == 0)
        given_n = lower_kwarg(l, "initial_state", given, BUILD_IO_MAX);
    for (int k = 0; k < 2 && !l->b->rc; k++) {
        if (fresh)
            half_weights(l, y[k], k ? "backward_" : "forward_", k == 1);
        int32_t half = given_n / 2;
        in[0] = l->in[0];
        memcpy(in + 1, given + k * half, (size_t)(half < BUILD_IO_MAX - 1 ? half : 0) * sizeof(*in));
        run[k] = (struct lower){.i = l->i,
                                .b = l->b,
                                .layer = y[k],
                                .config = y[k]->config,
                                .outer = l->outer,
                                .in = in,
                                .in_n = 1 + half,
                                .backwards = k == 1 && !own_back};
        lower_run(&run[k]);
    }
    if (l->b->rc || run[0].out_n < 1 || run[1].out_n < 1 || run[0].out[0].t < 0 || run[1].out[0].t < 0)
        return;
    const json_t *config = y[0]->config;
    bool sequences = json_is_true(json_object_get(config, "return_sequences"));
    int32_t a = run[0].out[0].t, b_ = run[1].out[0].t, mask = run[0].out[0].mask;
    if (sequences) {
        bool conv = str_starts(y[0]->class_name, "ConvLSTM");
        b_ = reversed_steps(l, b_, conv ? lower_shape(l, b_)->rank - 1 - l->outer : 1);
    }
    const json_t *mode = config_get(l->config, "merge_mode");
    if (mode && json_is_null(mode)) {
        lower_set(l, a, mask);
        l->out[l->out_n++] = (struct value){b_, mask};
    } else {
        lower_set(l, bidirectional_merge(l, lower_text(l, "merge_mode", "concat"), a, b_), mask);
    }
    for (int k = 0; k < 2; k++)
        for (int32_t s = 1; s < run[k].out_n && l->out_n < BUILD_IO_MAX; s++)
            l->out[l->out_n++] = run[k].out[s];
}

/* The inner layer on every step: the time axis becomes one more batch axis. */
void lower_time_distributed(struct lower *l)
{
    struct lower inner;
    struct value in[BUILD_IO_MAX];
    int32_t n = l->in_n < BUILD_IO_MAX ? l->in_n : BUILD_IO_MAX, mask = l->in[0].mask,
            rank = lower_shape(l, mask)->rank;
    for (int32_t k = 0; k < n; k++) {
        in[k] = l->in[k];
        if (in[k].mask >= 0 && lower_shape(l, in[k].mask)->rank <= l->outer + 1)
            in[k].mask = -1; /* says something about whole steps only */
    }
    if (lower_shape(l, l->in[0].t)->rank < l->outer + 1) {
        build_fail(l->b, ERR_MODEL_SHAPE, "layer '%s' has no time axis", l->layer->name);
        return;
    }
    lower_call(l, lower_inner(l, 0, config_get(l->config, "layer")), in, n, l->outer + 1, &inner);
    if (mask >= 0 && rank > l->outer + 1) {
        struct ir_node any = {.op = IR_REDUCE};
        memset(&any.u.reduce, 0, sizeof(any.u.reduce));
        any.u.reduce.kind = IR_REDUCE_MAX;
        for (int32_t a = l->outer + 1; a < rank; a++)
            any.u.reduce.axes_mask |= 1 << a;
        mask = lower_op(l, &any, mask);
    }
    memcpy(l->out, inner.out, sizeof(l->out));
    l->out_n = inner.out_n;
    for (int32_t k = 0; k < l->out_n; k++)
        if (l->out[k].mask < 0)
            l->out[k].mask = mask;
}

/* ---- convolutional LSTM ---- */

/* The tensors of the call in the order of the operation; how many, < 1 after a refusal. */
static int32_t conv_lstm_inputs(struct lower *l, struct ir_conv_rnn *a, int32_t *mask, int32_t in[4])
{
    struct rnn r;
    if (!rnn_read(l, &r))
        return 0;
    bool first = lower_channels_first(l);
    int32_t n = 0;
    a->reverse = r.reverse;
    a->sequences = r.sequences;
    a->states = r.states;
    a->zero_masked = r.zero_masked;
    a->has_initial = r.initial_n > 0;
    a->has_mask = r.mask >= 0;
    *mask = r.sequences ? r.mask : -1;
    if (r.initial_n != 0 && r.initial_n != 2)
        return build_fail(l->b, ERR_MODEL_CONFIG, "layer '%s' is given %d initial states, it has 2", l->layer->name,
                          (int)r.initial_n);
    in[n++] = first ? lower_to_last(l, r.x, a->w.spatial) : r.x;
    for (int32_t k = 0; k < r.initial_n; k++)
        in[n++] = first ? lower_to_last(l, r.initial[k].t, a->w.spatial) : r.initial[k].t;
    if (a->has_mask)
        in[n++] = r.mask;
    return n;
}

static void conv_lstm(struct lower *l, int spatial)
{
    struct ir_node n = {.op = IR_CONV_RNN};
    memset(&n.u.conv_rnn, 0, sizeof(n.u.conv_rnn));
    struct ir_conv_rnn *a = &n.u.conv_rnn;
    a->w.spatial = spatial;
    lower_ints(l, "kernel_size", spatial, a->w.kernel, 1);
    lower_ints(l, "strides|subsample", spatial, a->w.stride, 1);
    lower_ints(l, "dilation_rate", spatial, a->w.dilation, 1);
    const char *mode = lower_text(l, "padding|border_mode", "valid");
    a->w.mode = str_eq_case(mode, "same") ? IR_PAD_SAME : IR_PAD_VALID;
    a->filters = (int32_t)lower_int(l, "filters|nb_filter", 0);
    a->has_bias = lower_bool(l, "use_bias", true);
    if (l->i->keras_major == 1 || l->i->flip_kernels) {
        lower_refuse(l, "the weights of Keras 1");
        return;
    }
    if (!lower_gate(l, "activation", "tanh", &a->act) ||
        !lower_gate(l, "recurrent_activation|inner_activation", "hard_sigmoid", &a->gate))
        return;
    int32_t in[4], mask, w[3] = {-1, -1, -1}, out[3] = {-1, -1, -1};
    int32_t in_n = conv_lstm_inputs(l, a, &mask, in);
    if (in_n < 1)
        return;
    w[0] = lower_weight(l, "kernel", 0, NULL);
    w[1] = lower_weight(l, "recurrent_kernel", 1, NULL);
    w[2] = a->has_bias ? lower_weight(l, "bias", 2, NULL) : -1;
    int32_t out_n = a->states ? 3 : 1;
    build_node(l->b, &n, in, in_n, w, 2 + a->has_bias, out, out_n);
    for (int32_t k = 0; k < out_n && lower_channels_first(l); k++)
        out[k] = lower_to_first(l, out[k], spatial);
    lower_set(l, out[0], mask);
    for (int32_t k = 1; k < out_n; k++)
        l->out[l->out_n++] = (struct value){out[k], -1};
}

void lower_conv_lstm1d(struct lower *l)
{
    conv_lstm(l, 1);
}
void lower_conv_lstm2d(struct lower *l)
{
    conv_lstm(l, 2);
}
void lower_conv_lstm3d(struct lower *l)
{
    conv_lstm(l, 3);
}

void lower_bare_cell(struct lower *l)
{
    lower_refuse(l, "use outside of an RNN layer");
}
