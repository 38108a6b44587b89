/* Geometry of sliding windows, tiles, strided walks, and the two inner loops everything is made of. */
#include "nn/op/op.h"

#include <string.h>

static int64_t effective(const struct ir_window *w, int32_t i)
{
    return (int64_t)(w->kernel[i] - 1) * w->dilation[i] + 1;
}

enum rc op_check_window(const struct ir_graph *g, const struct ir_node *n, const struct ir_window *w, struct err *e)
{
    enum rc rc = op_check_range(g, n, "number of spatial axes", w->spatial, 1, IR_SPATIAL_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "padding mode", w->mode, IR_PAD_VALID, IR_PAD_CAUSAL, e);
    }
    for (int32_t i = 0; rc == RC_OK && i < w->spatial; i++) {
        const struct {
            const char *what;
            int32_t v, lo;
        } rows[] = {{"kernel size", w->kernel[i], 1},
                    {"stride", w->stride[i], 1},
                    {"dilation", w->dilation[i], 1},
                    {"padding", w->before[i], 0},
                    {"padding", w->after[i], 0}};
        for (size_t k = 0; rc == RC_OK && k < sizeof rows / sizeof *rows; k++) {
            rc = op_check_range(g, n, rows[k].what, rows[k].v, rows[k].lo, OP_SIZE_MAX, e);
        }
    }
    for (int32_t i = 0; rc == RC_OK && i < w->spatial; i++) {
        rc = op_check_range(g, n, "dilated kernel size", effective(w, i), 1, 1 << 30, e);
    }
    if (rc == RC_OK && w->mode == IR_PAD_CAUSAL && w->spatial != 1) {
        return op_fail(g, n, e, ERR_MODEL_CONFIG, "causal padding with %d spatial axes", (int)w->spatial);
    }
    return rc;
}

int64_t op_window_size(const struct ir_window *w, int32_t i, int64_t in)
{
    if (in < 0) {
        return -1;
    }
    int64_t size = in + w->before[i] + w->after[i], s = w->stride[i];
    switch (w->mode) {
    case IR_PAD_VALID:
        return size < effective(w, i) ? 0 : (size - effective(w, i)) / s + 1;
    default:
        return (size + s - 1) / s;
    }
}

enum rc op_window_infer(const struct ir_graph *g, const struct ir_node *n, const struct ir_window *w,
                        const struct ir_shape *in, struct ir_shape *out, struct err *e)
{
    enum rc rc = op_want_rank(g, n, in, w->spatial + 1, e);
    if (rc == RC_OK) {
        rc = op_want_known(g, n, in, in->rank - 1, e);
    }
    if (rc != RC_OK) {
        return rc;
    }
    *out = *in;
    int32_t first = in->rank - 1 - w->spatial;
    for (int32_t i = 0; rc == RC_OK && i < w->spatial; i++) {
        rc = op_dim_set(g, n, out, first + i, op_window_size(w, i, in->dim[first + i]), e);
    }
    return rc;
}

/* Zeros in front that the mode adds: TensorFlow's SAME puts the odd one at the end. */
static int64_t mode_pad(const struct ir_window *w, int32_t i, int64_t in, int64_t out)
{
    if (w->mode == IR_PAD_CAUSAL) {
        return effective(w, i) - 1;
    }
    if (w->mode == IR_PAD_SAME) {
        int64_t total = (out - 1) * w->stride[i] + effective(w, i) - (in + w->before[i] + w->after[i]);
        return total > 0 ? total / 2 : 0;
    }
    return 0;
}

void op_grid_init(struct op_grid *g, const struct ir_window *w, const struct ir_shape *in, const struct ir_shape *out)
{
    int32_t first = in->rank - 1 - w->spatial, missing = IR_SPATIAL_MAX - w->spatial;
    *g = (struct op_grid){.outer = op_dims_n(in, 0, first),
                          .in_channels = in->dim[in->rank - 1],
                          .out_channels = out->dim[out->rank - 1]};
    for (int32_t i = 0; i < IR_SPATIAL_MAX; i++) {
        int32_t k = i - missing;
        if (k < 0) {
            g->axis[i] = (struct op_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
            continue;
        }
        int32_t size = in->dim[first + k], made = out->dim[first + k];
        g->axis[i] = (struct op_axis){.in = size,
                                      .out = made,
                                      .kernel = w->kernel[k],
                                      .stride = w->stride[k],
                                      .dilation = w->dilation[k],
                                      .pad = (int32_t)(w->before[k] + mode_pad(w, k, size, made)),
                                      .low = w->before[k],
                                      .high = w->after[k]};
    }
}

int64_t op_grid_rows(const struct op_grid *g)
{
    return g->outer * g->axis[0].out * g->axis[1].out;
}

struct op_row op_grid_row(const struct op_grid *g, int64_t row)
{
    int64_t rest = row / g->axis[1].out;
    return (struct op_row){.outer = rest / g->axis[0].out,
                           .o = {(int32_t)(rest % g->axis[0].out), (int32_t)(row % g->axis[1].out)}};
}

static int64_t ceil_div(int64_t a, int64_t b) /* b > 0 */
{
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

static void clamp_span(int64_t lo, int64_t hi, int32_t n, int32_t *out_lo, int32_t *out_hi)
{
    lo = lo < 0 ? 0 : lo > n ? n : lo;
    hi = hi > n ? n : hi < lo ? lo : hi;
    *out_lo = (int32_t)lo;
    *out_hi = (int32_t)hi;
}

void op_axis_span(const struct op_axis *a, int32_t k, int32_t *lo, int32_t *hi)
{
    int64_t shift = a->pad - (int64_t)k * a->dilation; /* 0 <= o * stride - shift < in */
    clamp_span(ceil_div(shift, a->stride), ceil_div(shift + a->in, a->stride), a->out, lo, hi);
}

void op_axis_taps(const struct op_axis *a, int32_t o, int32_t *lo, int32_t *hi)
{
    int64_t shift = a->pad - (int64_t)o * a->stride; /* 0 <= k * dilation - shift < in */
    clamp_span(ceil_div(shift, a->dilation), ceil_div(shift + a->in, a->dilation), a->kernel, lo, hi);
}

void op_tiles(struct nn_step *s, nn_tile_fn *fn, int64_t items, double cost)
{
    enum { WORTH = 32768, MOST = 256 }; /* operations that pay for a hand-over; enough pieces for any machine */
    double worth = (double)items * cost / WORTH;
    int64_t n = worth < 1 ? 1 : worth > MOST ? MOST : (int64_t)worth;
    s->tile = fn;
    s->tile_n = (int32_t)(n < items ? n : items);
}

void op_walk_add(struct op_walk *w, int64_t dim, int64_t stride)
{
    if (dim == 1) {
        return;
    }
    if (w->n > 0 && w->stride[w->n - 1] == dim * stride) {
        w->dim[w->n - 1] *= dim;
        w->stride[w->n - 1] = stride;
        return;
    }
    w->dim[w->n] = dim;
    w->stride[w->n++] = stride;
}

void op_walk_axes(struct op_walk *w, const struct ir_shape *s, int32_t mask, bool set)
{
    w->n = 0;
    for (int32_t i = 0; i < s->rank; i++) {
        if (((mask >> i & 1) != 0) == set) {
            op_walk_add(w, s->dim[i], op_dims_n(s, i + 1, s->rank));
        }
    }
}

int64_t op_walk_n(const struct op_walk *w)
{
    int64_t n = 1;
    for (int32_t i = 0; i < w->n; i++) {
        n *= w->dim[i];
    }
    return n;
}

int64_t op_walk_at(const struct op_walk *w, int64_t i)
{
    int64_t at = 0;
    for (int32_t k = w->n - 1; k >= 0; k--) {
        at += i % w->dim[k] * w->stride[k];
        i /= w->dim[k];
    }
    return at;
}

int64_t op_walk_run(struct op_walk *w, int64_t *stride)
{
    if (w->n == 0) {
        *stride = 1;
        return 1;
    }
    *stride = w->stride[--w->n];
    return w->dim[w->n];
}

void op_axpy(float *restrict y, const float *restrict x, const float *restrict w, int64_t in_n, int64_t out_n,
             int64_t pitch)
{
    int64_t i = 0;
    for (; i + 4 <= in_n; i += 4) { /* four rows at once: a quarter of the loads and stores of y */
        const float *w0 = w + i * pitch, *w1 = w0 + pitch, *w2 = w1 + pitch, *w3 = w2 + pitch;
        float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
        for (int64_t j = 0; j < out_n; j++) {
            y[j] += (x0 * w0[j] + x1 * w1[j]) + (x2 * w2[j] + x3 * w3[j]);
        }
    }
    for (; i < in_n; i++) {
        float x0 = x[i];
        const float *w0 = w + i * pitch;
        for (int64_t j = 0; j < out_n; j++) {
            y[j] += x0 * w0[j];
        }
    }
}

void op_start(float *y, const float *bias, int64_t n)
{
    if (bias != NULL) {
        memcpy(y, bias, (size_t)n * sizeof *y);
    } else {
        memset(y, 0, (size_t)n * sizeof *y);
    }
}

void op_add(float *restrict y, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        y[i] += x[i];
    }
}

float op_dot(const float *restrict a, const float *restrict b, int64_t n)
{
    enum { LANES = 8 };
    float part[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int32_t l = 0; l < LANES; l++) {
            part[l] += a[i + l] * b[i + l];
        }
    }
    float tail = 0;
    for (; i < n; i++) {
        tail += a[i] * b[i];
    }
    return (((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]))) + tail;
}
