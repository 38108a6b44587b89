/* Convolutions and dense layers as products of matrices. Rows of the left matrix are pixels of the input itself: a
 * pointwise convolution reads them where they lie, a window through a table of pointers, so nothing is copied or
 * transposed. */
#include "nn/plan_fast.h"

#include <string.h>

/* ---- packing ---- */

struct matrix_fill {
    const struct kern_isa *k;
    int64_t kt;
    int32_t n;
    bool bias, affine;
    int32_t affine_at; /* weight number of the scale */
};

static void fill_matrix(float *to, const float *const *weight, const void *ctx)
{
    const struct matrix_fill *f = ctx;
    const float *scale = f->affine ? weight[f->affine_at] : NULL, *shift = f->affine ? weight[f->affine_at + 1] : NULL;
    const int32_t panels = kern_panel_n(f->k, f->n);
    for (int32_t i = 0; i < panels; i++) {
        const int32_t from = kern_panel_start(f->k, f->n, i), width = kern_panel_width(f->k, f->n, i);
        for (int32_t c = 0; c < width; c++) {
            int32_t n = from + c;
            double bias = n < f->n && f->bias ? (double)weight[1][n] : 0;
            if (n < f->n && f->affine)
                bias = bias * (double)scale[n] + (double)shift[n];
            to[c] = (float)bias;
        }
        to += width;
        for (int64_t k = 0; k < f->kt; k++, to += width) {
            const float *row = weight[0] + k * f->n;
            for (int32_t c = 0; c < width; c++) {
                int32_t n = from + c;
                to[c] = n >= f->n ? 0.0f : f->affine ? row[n] * scale[n] : row[n];
            }
        }
    }
}

enum rc plan_matrix_pack(struct nn_prepare *p, int32_t node, struct plan_matrix *m, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_node *n = &plan->g.node[node];
    const struct plan_fuse *fuse = &plan->fuse[node];
    const struct ir_shape *w = &plan_weight(&plan->g, n, 0)->shape;
    bool bias = n->op == IR_DENSE ? n->u.dense.has_bias : n->u.conv.has_bias;
    struct matrix_fill f = {.k = plan_kern(plan), .n = w->dim[w->rank - 1], .bias = bias, .affine = fuse->affine};
    f.kt = nn_shape_n(w) / f.n;
    f.affine_at = bias ? 2 : 1;
    *m = (struct plan_matrix){.kt = f.kt, .n = f.n, .pre_scale = -1, .pre_shift = -1};
    enum rc rc = nn_pack(p, n, (size_t)kern_panels_floats(f.k, f.n, f.kt), fill_matrix, &f, &m->offset, e);
    int32_t pre = f.affine_at + (fuse->affine ? 2 : 0);
    if (!rc && fuse->pre_affine)
        rc = nn_pack_raw(p, n, pre, &m->pre_scale, e);
    if (!rc && fuse->pre_affine)
        rc = nn_pack_raw(p, n, pre + 1, &m->pre_shift, e);
    return rc;
}

static void fill_zeros(float *to, const float *const *weight, const void *ctx)
{
    (void)weight;
    memset(to, 0, *(const size_t *)ctx * sizeof(float));
}

enum rc plan_zeros(struct nn_prepare *p, const struct ir_node *n, size_t count, int64_t *offset, struct err *e)
{
    return nn_pack(p, n, count, fill_zeros, &count, offset, e);
}

/* ---- running ---- */

static struct plan_span share(int64_t n, int64_t parts, int64_t i)
{
    return (struct plan_span){n * i / parts, n * (i + 1) / parts};
}

/* Rows scaled and shifted into scratch, for products that take them so. */
static const float *conv_pre(const struct plan_conv *a, const struct nn_env *env, const float *x, const float *gate,
                             int64_t m, float *scratch)
{
    const float *scale = a->gate ? gate : env->packed + a->b.pre_scale;
    const float *shift = a->gate ? NULL : env->packed + a->b.pre_shift;
    const struct kern_act act = {.fn = a->relu ? KERN_CLAMP : KERN_NONE, .a = 0, .b = __builtin_inff()};
    a->k->affine(x, a->lda, scratch, a->b.kt, m, (int32_t)a->b.kt, scale, shift, &act);
    return scratch;
}

/* A whole row of a narrow window that sticks out at left or right: copied with zeros around. */
static const float *edge_row(const struct plan_conv *a, const float *line, int32_t x, float *to)
{
    const struct op_axis *ax = &a->grid.axis[2];
    const int32_t c = a->grid.in_channels;
    for (int32_t k = 0; k < ax->kernel; k++) {
        int32_t at = op_axis_at(ax, x, k);
        for (int32_t i = 0; i < c; i++)
            to[k * c + i] = at < 0 ? 0.0f : line[(int64_t)at * c + i];
    }
    return to;
}

/* Where in a line of the input (NULL: outside) the pixels x .. x + n of an output row find one tap; zeros outside. */
static void tap_rows(const struct plan_conv *a, const float *zeros, const float *line, int32_t kx, int32_t x, int32_t n,
                     const float **row)
{
    const struct op_axis *ax = &a->grid.axis[2];
    int32_t lo, hi;
    op_axis_span(ax, kx, &lo, &hi);
    lo = !line ? n : lo < x ? 0 : lo - x < n ? lo - x : n;
    hi = !line || hi < x ? lo : hi - x < n ? hi - x : n;
    const int64_t step = ax->stride * a->pitch;
    const float *at =
        line ? line + ((int64_t)(x + lo) * ax->stride + (int64_t)kx * ax->dilation - ax->pad) * a->pitch : NULL;
    int32_t i = 0;
    for (; i < lo; i++)
        row[i] = zeros;
    for (; i < hi; i++, at += step)
        row[i] = at;
    for (; i < n; i++)
        row[i] = zeros;
}

/* The same for whole rows of a narrow window: inside they lie in the line as they are. Returns the place for further
 * edges. */
static float *window_rows(const struct plan_conv *a, const float *zeros, const float *line, int32_t x, int32_t n,
                          const float **row, float *edge)
{
    const struct op_axis *ax = &a->grid.axis[2];
    for (int32_t i = 0; i < n; i++) {
        const int32_t first = (x + i) * ax->stride - ax->pad;
        if (!line) {
            row[i] = zeros;
        } else if (first >= 0 && first + ax->kernel <= ax->in) {
            row[i] = line + first * a->pitch;
        } else {
            row[i] = edge_row(a, line, x + i, edge);
            edge += a->tap_k;
        }
    }
    return edge;
}

/* Pointers to the input of pixels m.from .. m.to for every tap. Edge rows of narrow windows go behind the table. */
static void conv_rows(const struct plan_conv *a, const struct nn_env *env, const float *x, struct plan_span m,
                      const float **row, float *edge)
{
    const struct op_axis *ax = a->grid.axis;
    const float *zeros = env->packed + a->zeros;
    const int64_t count = m.to - m.from;
    for (int64_t done = 0; done < count;) {
        const int64_t pixel = m.from + done;
        const struct op_row r = op_grid_row(&a->grid, pixel / ax[2].out);
        const int32_t ox = (int32_t)(pixel % ax[2].out);
        const int32_t n = count - done < ax[2].out - ox ? (int32_t)(count - done) : ax[2].out - ox;
        const float **to = row + done;
        for (int32_t kz = 0; kz < ax[0].kernel; kz++) {
            const int32_t iz = op_axis_at(&ax[0], r.o[0], kz);
            for (int32_t ky = 0; ky < ax[1].kernel; ky++) {
                const int32_t iy = op_axis_at(&ax[1], r.o[1], ky);
                const float *line =
                    iz < 0 || iy < 0 ? NULL : x + ((r.outer * ax[0].in + iz) * ax[1].in + iy) * ax[2].in * a->pitch;
                if (a->edges) {
                    edge = window_rows(a, zeros, line, ox, n, to, edge);
                    to += count;
                    continue;
                }
                for (int32_t kx = 0; kx < ax[2].kernel; kx++, to += count)
                    tap_rows(a, zeros, line, kx, ox, n, to);
            }
        }
        done += n;
    }
}

/* Narrow windows: inside a row of the picture the windows of neighbouring pixels lie a constant step apart, so one
 * pointer per line of the window is enough; what touches an edge goes through the table. */
static void conv_narrow(const struct plan_conv *a, const struct nn_env *env, const struct plan_conv_job *job,
                        struct kern_gemm *j)
{
    const struct op_axis *ax = a->grid.axis;
    const float *tap[KERN_TAPS_MAX], **row = job->scratch;
    const int32_t in_from = (ax[2].pad + ax[2].stride - 1) / ax[2].stride, reach = ax[2].in + ax[2].pad - ax[2].kernel;
    const int32_t in_to = reach < 0 ? 0 : reach / ax[2].stride + 1;
    for (int64_t at = job->m.from, to; at < job->m.to; at = to) {
        const struct op_row r = op_grid_row(&a->grid, at / ax[2].out);
        const int32_t x = (int32_t)(at % ax[2].out);
        const int64_t line_end = at - x + ax[2].out;
        bool inside = x >= in_from && x < in_to && a->taps <= KERN_TAPS_MAX;
        for (int32_t t = 0; inside && t < a->taps; t++) {
            const int32_t iz = op_axis_at(&ax[0], r.o[0], t / ax[1].kernel),
                          iy = op_axis_at(&ax[1], r.o[1], t % ax[1].kernel);
            inside = iz >= 0 && iy >= 0;
            if (inside)
                tap[t] =
                    job->x +
                    (((r.outer * ax[0].in + iz) * ax[1].in + iy) * ax[2].in + x * ax[2].stride - ax[2].pad) * a->pitch;
        }
        to = inside ? at - x + in_to : x < in_from ? at - x + in_from : line_end;
        to = to < line_end ? to : line_end;
        to = to < job->m.to ? to : job->m.to;
        j->m = j->row_n = (int32_t)(to - at);
        j->row = inside ? NULL : row;
        j->tap = inside ? tap : NULL;
        j->lda = ax[2].stride * a->pitch;
        j->c = job->c + (at - job->m.from) * job->ldc;
        j->residual = job->residual ? job->residual + (at - job->m.from) * job->ldr : NULL;
        if (!inside)
            conv_rows(a, env, job->x, (struct plan_span){at, to}, row,
                      (float *)(void *)(row + (int64_t)a->taps * j->m));
        a->k->gemm(j);
    }
}

void plan_conv_run(const struct plan_conv *a, const struct nn_env *env, const struct plan_conv_job *job)
{
    const int32_t m = (int32_t)(job->m.to - job->m.from);
    struct kern_gemm j = {
        .lda = a->lda,
        .m = m,
        .row_n = m,
        .taps = a->taps,
        .k = a->tap_k,
        .n = a->b.n,
        .panel = (int32_t)job->panels.from,
        .panel_end = (int32_t)job->panels.to,
        .b = env->packed + a->b.offset,
        .c = job->c,
        .ldc = job->ldc,
        .c_step = job->c_step,
        .residual = job->residual,
        .ldr = job->ldr,
        .act = a->act,
    };
    if (a->edges) {
        conv_narrow(a, env, job, &j);
        return;
    }
    if (a->pre || a->gate) {
        j.a = conv_pre(a, env, job->x + job->m.from * a->lda, job->gate, m, job->scratch);
        j.lda = a->b.kt;
    } else if (a->lda) {
        j.a = job->x + job->m.from * a->lda;
    } else {
        const float **row = job->scratch;
        j.row = row;
        conv_rows(a, env, job->x, job->m, row, NULL);
    }
    a->k->gemm(&j);
}

static void conv_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct plan_conv *a = s->args;
    struct plan_conv_job job = {
        .x = nn_at(env, &s->in[0]),
        .m = share(a->m, a->m_tiles, tile % a->m_tiles),
        .panels = share(a->panels, a->n_tiles, tile / a->m_tiles),
        .ldc = s->out[0].pitch,
        .scratch = env->scratch[worker],
    };
    job.c = nn_at(env, &s->out[0]) + job.m.from * job.ldc;
    if (a->gate)
        job.gate = nn_at(env, &s->in[s->in_n - 1]);
    if (a->residual) {
        const struct nn_operand *r = &s->in[1];
        job.residual = nn_at(env, r) + job.m.from * r->pitch;
        job.ldr = r->pitch;
    }
    plan_conv_run(a, env, &job);
}

/* ---- preparing ---- */

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Tiles: pixels x panels. The block of pixels and the panels of a tile should stay in the nearest caches while they are
 * used against each other, and there should be enough tiles for the workers of any machine. */
static void conv_blocking(struct plan_conv *a)
{
    enum {
        L1 = 6144,
        L2 = 65536,
        TILES = 16,
        ROWS = 24,
        TINY = 128 * 1024
    }; /* floats, tiles, fewest rows worth a tile, multiply-adds */
    const int64_t kt = a->b.kt, weights = kt * a->b.n;
    int64_t block = weights <= 2 * L2 ? at_least(L1 / kt, 2 * ROWS) : at_least(L2 / kt, 4 * ROWS);
    /* Many weights and few pixels: tiles along the panels. */
    a->n_tiles = (int32_t)at_most(a->panels, at_least(1, weights / L2));
    if (a->pre || a->gate)
        a->n_tiles = 1;
    int64_t m_tiles = (a->m + block - 1) / block;
    if (m_tiles * a->n_tiles < TILES)
        m_tiles = at_least(m_tiles, at_most((TILES + a->n_tiles - 1) / a->n_tiles, a->m / ROWS));
    a->m_tiles = (int32_t)at_least(1, m_tiles);
    if ((int64_t)a->m_tiles * a->n_tiles < TILES / 2 && !(a->pre || a->gate))
        a->n_tiles = (int32_t)at_most(a->panels, TILES / 2 / a->m_tiles);
    if (a->m * weights < TINY) /* less than a hand-over to other workers costs */
        a->m_tiles = a->n_tiles = 1;
    a->block = (int32_t)((a->m + a->m_tiles - 1) / a->m_tiles);
}

size_t plan_conv_scratch(const struct plan_conv *a, int64_t pixels)
{
    const size_t m = (size_t)pixels;
    if (a->pre || a->gate)
        return m * (size_t)a->b.kt * sizeof(float);
    return a->lda ? 0 : m * (size_t)a->taps * (sizeof(float *) + (a->edges ? (size_t)a->tap_k * sizeof(float) : 0));
}

enum rc plan_conv_init(struct nn_prepare *p, int32_t node, const struct ir_shape *in, int32_t pitch,
                       const struct ir_shape *out, struct plan_conv *a, struct err *e)
{
    enum { NARROW = 64 };
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_node *n = &plan->g.node[node];
    const struct plan_fuse *fuse = &plan->fuse[node];
    if (plan_matrix_pack(p, node, &a->b, e))
        return e->rc;
    a->k = plan_kern(plan);
    a->panels = kern_panel_n(a->k, a->b.n);
    a->pitch = pitch;
    op_grid_init(&a->grid, &n->u.conv.w, in, out);
    const struct op_axis *ax = a->grid.axis;
    a->m = op_grid_rows(&a->grid) * ax[2].out;
    bool window = false;
    for (int32_t i = 0; i < 3; i++)
        window = window || ax[i].kernel > 1 || ax[i].stride > 1 || ax[i].pad || ax[i].in != ax[i].out;
    a->lda = window ? 0 : pitch;
    a->taps = (int32_t)(a->b.kt / a->grid.in_channels);
    a->tap_k = a->grid.in_channels;
    if (ax[2].kernel > 1 && ax[2].dilation == 1 && pitch == a->grid.in_channels &&
        ax[2].kernel * a->grid.in_channels <= NARROW) {
        a->edges = true;
        a->taps /= ax[2].kernel;
        a->tap_k *= ax[2].kernel;
    }
    a->pre = fuse->pre_affine;
    a->relu = fuse->pre_relu;
    a->gate = fuse->gate;
    a->residual = fuse->residual;
    (void)kern_act_from(&n->u.conv.act, &a->act);
    return window ? plan_zeros(p, n, (size_t)a->tap_k, &a->zeros, e) : RC_OK;
}

static enum rc conv_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    struct plan_conv *a = nn_args(p, sizeof(*a), e);
    if (!a || plan_conv_init(p, u->node[0], &s->in[0].shape, s->in[0].pitch, &s->out[0].shape, a, e))
        return e->rc;
    conv_blocking(a);
    s->tile = conv_tile;
    s->tile_n = a->m_tiles * a->n_tiles;
    s->args = a;
    s->flops = 2 * plan_node_macs(nn_prepare_graph(p), plan_unit_node(nn_prepare_plan(p), u, 0));
    return nn_want_scratch(p, plan_conv_scratch(a, a->block), e);
}
const struct plan_row plan_row_conv = {
    .name = "gemm", .pitched_in = true, .pitched_out = true, .prepare = conv_prepare};

static enum rc dense_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_node *n = plan_unit_node(plan, u, 0);
    struct plan_conv *a = nn_args(p, sizeof(*a), e);
    if (!a || plan_matrix_pack(p, u->node[0], &a->b, e))
        return e->rc;
    a->k = plan_kern(plan);
    a->m = nn_shape_n(&s->in[0].shape) / a->b.kt;
    a->lda = a->b.kt;
    a->taps = 1;
    a->tap_k = (int32_t)a->b.kt;
    a->residual = plan->fuse[u->node[0]].residual;
    a->panels = kern_panel_n(a->k, a->b.n);
    (void)kern_act_from(&n->u.dense.act, &a->act);
    conv_blocking(a);
    s->tile = conv_tile;
    s->tile_n = a->m_tiles * a->n_tiles;
    s->args = a;
    s->flops = 2 * plan_node_macs(&plan->g, n);
    return RC_OK;
}
const struct plan_row plan_row_dense = {.name = "gemm", .prepare = dense_prepare};
