/* POOL: windowed maximum and average. GLOBAL_POOL: reduction over all spatial axes, averages with an optional mask. */
#include "nn/op/op.h"

#include <math.h>
#include <string.h>

enum rc op_check_POOL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_pool *p = &n->u.pool;
    enum rc rc = op_check_window(g, n, &p->w, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "padding mode", p->w.mode, IR_PAD_VALID, IR_PAD_SAME, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "kind of pooling", p->kind, IR_REDUCE_MAX, IR_REDUCE_AVG, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1, 1, 0, e);
}

enum rc op_infer_POOL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                      struct ir_shape *out, struct err *e)
{
    return op_window_infer(g, n, &n->u.pool.w, in, out, e);
}

enum rc op_check_GLOBAL_POOL(const struct ir_graph *g, const struct ir_node *n, struct err *e)
{
    const struct ir_global_pool *p = &n->u.global_pool;
    enum rc rc = op_check_range(g, n, "number of spatial axes", p->spatial, 1, IR_SPATIAL_MAX, e);
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "kind of pooling", p->kind, IR_REDUCE_MAX, IR_REDUCE_AVG, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "keepdims", p->keep_dims, 0, 1, e);
    }
    if (rc == RC_OK) {
        rc = op_check_range(g, n, "use of a mask", p->has_mask, 0, p->kind == IR_REDUCE_AVG && p->spatial == 1, e);
    }
    return rc != RC_OK ? rc : op_check_counts(g, n, 1 + p->has_mask, 1, 0, e);
}

enum rc op_infer_GLOBAL_POOL(const struct ir_graph *g, const struct ir_node *n, const struct ir_shape *in,
                             struct ir_shape *out, struct err *e)
{
    const struct ir_global_pool *p = &n->u.global_pool;
    enum rc rc = op_want_rank(g, n, in, p->spatial + 1, e);
    if (rc != RC_OK) {
        return rc;
    }
    int32_t first = in->rank - 1 - p->spatial;
    struct ir_shape mask = op_shape(in->rank - 1, in->dim);
    if (p->has_mask && (rc = op_want_shape(g, n, &in[1], &mask, "mask", e)) != RC_OK) {
        return rc;
    }
    *out = op_shape(first, in->dim);
    for (int32_t i = 0; p->keep_dims && i < p->spatial; i++) {
        out->dim[out->rank++] = 1;
    }
    out->dim[out->rank++] = in->dim[in->rank - 1];
    return RC_OK;
}

/* ---- generic forms ---- */
struct pool_args {
    struct op_grid grid;
    int32_t kind;
};

/* How many cells a window covers along one axis: real ones and explicit zeros, not the padding of SAME. */
static int32_t covered(const struct op_axis *a, int32_t o)
{
    int32_t n = 0;
    for (int32_t k = 0; k < a->kernel; k++) {
        int64_t i = (int64_t)o * a->stride + (int64_t)k * a->dilation - a->pad;
        n += i >= -(int64_t)a->low && i < (int64_t)a->in + a->high;
    }
    return n;
}

static void max_into(float *restrict y, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        y[i] = x[i] > y[i] ? x[i] : y[i];
    }
}

static void scale_by(float *y, float v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        y[i] *= v;
    }
}

/* One output cell; t: first and last tap per axis that reads a real cell. */
static void pool_cell(const struct pool_args *a, const float *in, const int32_t o[3], int32_t t[3][2], float *y)
{
    const struct op_axis *ax = a->grid.axis;
    int64_t channels = a->grid.in_channels, real = 1, all = 1;
    for (int32_t i = 0; i < 3; i++) {
        real *= t[i][1] - t[i][0];
        all *= covered(&ax[i], o[i]);
    }
    bool maximum = a->kind == IR_REDUCE_MAX;
    float start = maximum && real == all ? -INFINITY : 0; /* an explicit zero takes part */
    for (int64_t c = 0; c < channels; c++) {
        y[c] = start;
    }
    for (int32_t kz = t[0][0]; kz < t[0][1]; kz++) {
        for (int32_t ky = t[1][0]; ky < t[1][1]; ky++) {
            int64_t line = (int64_t)op_axis_at(&ax[0], o[0], kz) * ax[1].in + op_axis_at(&ax[1], o[1], ky);
            for (int32_t kx = t[2][0]; kx < t[2][1]; kx++) {
                const float *x = in + (line * ax[2].in + op_axis_at(&ax[2], o[2], kx)) * channels;
                if (maximum) {
                    max_into(y, x, channels);
                } else {
                    op_add(y, x, channels);
                }
            }
        }
    }
    if (!maximum && all > 1) {
        scale_by(y, 1.0f / (float)all, channels);
    }
}

static void tile_pool(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct pool_args *a = s->args;
    const struct op_axis *ax = a->grid.axis;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    int64_t channels = a->grid.in_channels, picture = (int64_t)ax[0].in * ax[1].in * ax[2].in * channels;
    struct op_range rows = op_tile_range(s, op_grid_rows(&a->grid), tile);
    for (int64_t row = rows.lo; row < rows.hi; row++) {
        struct op_row r = op_grid_row(&a->grid, row);
        int32_t o[3] = {r.o[0], r.o[1], 0}, t[3][2];
        op_axis_taps(&ax[0], o[0], &t[0][0], &t[0][1]);
        op_axis_taps(&ax[1], o[1], &t[1][0], &t[1][1]);
        for (; o[2] < ax[2].out; o[2]++) {
            op_axis_taps(&ax[2], o[2], &t[2][0], &t[2][1]);
            pool_cell(a, in + r.outer * picture, o, t, out + (row * ax[2].out + o[2]) * channels);
        }
    }
}

enum rc op_prepare_POOL(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    struct pool_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    op_grid_init(&a->grid, &n->u.pool.w, &s->in[0].shape, &s->out[0].shape);
    a->kind = n->u.pool.kind;
    s->args = a;
    double per = (double)a->grid.axis[2].out * a->grid.in_channels;
    for (int32_t i = 0; i < IR_SPATIAL_MAX; i++) {
        per *= a->grid.axis[i].kernel;
    }
    int64_t rows = op_grid_rows(&a->grid);
    s->flops = per * (double)rows;
    op_tiles(s, tile_pool, rows, per);
    return RC_OK;
}

enum { LANES = 64, RUN = 32 }; /* channels per tile; cells summed before the sum joins the total, against rounding */

struct global_args {
    int64_t outer, cells, blocks;
    int32_t channels, kind;
    int64_t mask_cells; /* of one outer element: cells, or 0 without a mask */
};

static void sum_cells(const float *x, const float *mask, int64_t cells, int64_t channels, int64_t n, float *y)
{
    for (int64_t at = 0; at < cells; at += RUN) {
        float part[LANES] = {0};
        int64_t end = at + RUN < cells ? at + RUN : cells;
        for (int64_t k = at; k < end; k++) {
            float weight = mask != NULL ? mask[k] : 1;
            for (int64_t c = 0; c < n; c++) {
                part[c] += x[k * channels + c] * weight;
            }
        }
        op_add(y, part, n);
    }
}

static void tile_global(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    (void)worker;
    const struct global_args *a = s->args;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    struct op_range r = op_tile_range(s, a->outer * a->blocks, tile);
    for (int64_t i = r.lo; i < r.hi; i++) {
        int64_t outer = i / a->blocks, at = i % a->blocks * LANES;
        int64_t n = a->channels - at < LANES ? a->channels - at : LANES;
        const float *x = in + outer * a->cells * a->channels + at;
        const float *mask = a->mask_cells ? nn_at(env, &s->in[1]) + outer * a->mask_cells : NULL;
        float *y = out + outer * a->channels + at;
        if (a->kind == IR_REDUCE_MAX) {
            memcpy(y, x, (size_t)n * sizeof *y);
            for (int64_t k = 1; k < a->cells; k++) {
                max_into(y, x + k * a->channels, n);
            }
            continue;
        }
        float count = mask != NULL ? 0 : (float)a->cells;
        for (int64_t k = 0; mask != NULL && k < a->cells; k++) {
            count += mask[k];
        }
        op_start(y, NULL, n);
        sum_cells(x, mask, a->cells, a->channels, n, y);
        for (int64_t c = 0; c < n; c++) {
            y[c] /= count;
        }
    }
}

enum rc op_prepare_GLOBAL_POOL(struct nn_prepare *p, const struct ir_node *n, struct nn_step *s, struct err *e)
{
    const struct ir_global_pool *pool = &n->u.global_pool;
    const struct ir_shape *x = &s->in[0].shape;
    int32_t first = x->rank - 1 - pool->spatial;
    struct global_args *a = nn_args(p, sizeof *a, e);
    if (a == NULL) {
        return RC_FAILED;
    }
    *a = (struct global_args){.outer = op_dims_n(x, 0, first),
                              .cells = op_dims_n(x, first, x->rank - 1),
                              .channels = x->dim[x->rank - 1],
                              .kind = pool->kind};
    a->blocks = (a->channels + LANES - 1) / LANES;
    a->mask_cells = pool->has_mask ? a->cells : 0;
    s->args = a;
    s->flops = (double)nn_shape_n(x);
    op_tiles(s, tile_global, a->outer * a->blocks, (double)a->cells * LANES);
    return RC_OK;
}
