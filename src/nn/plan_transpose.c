/* Transposed convolution as products of matrices. Outputs whose coordinates leave the same rest after division by the
 * strides collect the same taps: for each such phase it is a convolution of stride 1 with these taps only, written in
 * steps. */
#include "nn/plan_fast.h"

enum { PHASES_MAX = 64 };

struct transpose_args {
    const struct kern_isa *k;
    struct op_grid grid; /* in and out as in the layer; pad is what the convolution in the other direction pads */
    int32_t most_taps, most_m;
    int64_t zeros;
    int64_t packed; /* phases one after the other, each as panels: bias, then taps x Cin rows */
    int64_t phase_at[PHASES_MAX];
    bool bias;
};

static int32_t phases(const struct op_grid *g)
{
    return g->axis[0].stride * g->axis[1].stride * g->axis[2].stride;
}

static bool in_phase(const struct op_axis *a, int32_t k, int32_t phase)
{
    return (int64_t)k * a->dilation % a->stride == phase;
}

static int32_t taps_in(const struct op_axis *a, int32_t phase)
{
    int32_t n = 0;
    for (int32_t k = 0; k < a->kernel; k++)
        n += in_phase(a, k, phase);
    return n;
}

static void phase_split(const struct op_grid *g, int32_t phase, int32_t part[3])
{
    part[2] = phase % g->axis[2].stride;
    part[1] = phase / g->axis[2].stride % g->axis[1].stride;
    part[0] = phase / g->axis[2].stride / g->axis[1].stride;
}

static int32_t phase_taps(const struct op_grid *g, int32_t phase)
{
    int32_t part[3];
    phase_split(g, phase, part);
    return taps_in(&g->axis[0], part[0]) * taps_in(&g->axis[1], part[1]) * taps_in(&g->axis[2], part[2]);
}

/* Numbers of the taps of a phase, in order; returns how many. */
static int32_t list_taps(const struct op_grid *g, int32_t phase, int32_t *tap)
{
    int32_t part[3], n = 0;
    phase_split(g, phase, part);
    for (int32_t i = 0; i < g->axis[0].kernel * g->axis[1].kernel * g->axis[2].kernel; i++) {
        const int32_t kx = i % g->axis[2].kernel, rest = i / g->axis[2].kernel;
        const int32_t ky = rest % g->axis[1].kernel, kz = rest / g->axis[1].kernel;
        if (in_phase(&g->axis[0], kz, part[0]) && in_phase(&g->axis[1], ky, part[1]) &&
            in_phase(&g->axis[2], kx, part[2]))
            tap[n++] = i;
    }
    return n;
}

/* w [taps, Cout, Cin] as Keras stores it */
static void fill_transposed(float *to, const float *const *weight, const void *ctx)
{
    const struct transpose_args *a = ctx;
    const int32_t ci = a->grid.in_channels, co = a->grid.out_channels;
    for (int32_t phase = 0; phase < phases(&a->grid); phase++) {
        int32_t tap[KERN_TAPS_MAX];
        const int32_t taps = list_taps(&a->grid, phase, tap);
        for (int32_t i = 0; i < kern_panel_n(a->k, co); i++) {
            const int32_t from = kern_panel_start(a->k, co, i), width = kern_panel_width(a->k, co, i);
            for (int32_t c = 0; c < width; c++)
                *to++ = a->bias && from + c < co ? weight[1][from + c] : 0.0f;
            for (int64_t row = 0; row < (int64_t)taps * ci; row++) {
                const float *w = weight[0] + (int64_t)tap[row / ci] * co * ci + row % ci;
                for (int32_t c = 0; c < width; c++)
                    *to++ = from + c < co ? w[(int64_t)(from + c) * ci] : 0.0f;
            }
        }
    }
}

/* Input coordinate that output o takes through tap k of its phase, or -1. */
static int32_t source(const struct op_axis *a, int32_t o, int32_t k)
{
    const int64_t at = (int64_t)o + a->pad - (int64_t)k * a->dilation;
    return at < 0 || at / a->stride >= a->in ? -1 : (int32_t)(at / a->stride);
}

/* Pointers to the pixels that the outputs x0, x0 + stride, .. of one row take through each tap. */
static void tap_pointers(const struct transpose_args *a, const float *in, struct op_row r, const int32_t *tap,
                         int32_t taps, int32_t x0, int32_t m, const float *zeros, const float **row)
{
    const struct op_axis *ax = a->grid.axis;
    for (int32_t t = 0; t < taps; t++) {
        const int32_t kx = tap[t] % ax[2].kernel, rest = tap[t] / ax[2].kernel;
        const int32_t iz = source(&ax[0], r.o[0], rest / ax[1].kernel),
                      iy = source(&ax[1], r.o[1], rest % ax[1].kernel);
        const float *line = in + ((r.outer * ax[0].in + iz) * ax[1].in + iy) * ax[2].in * a->grid.in_channels;
        for (int32_t i = 0; i < m; i++) {
            const int32_t ix = iz < 0 || iy < 0 ? -1 : source(&ax[2], x0 + i * ax[2].stride, kx);
            *row++ = ix < 0 ? zeros : line + (int64_t)ix * a->grid.in_channels;
        }
    }
}

static void transpose_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct transpose_args *a = s->args;
    const struct op_axis *ax = a->grid.axis;
    const float *in = nn_at(env, &s->in[0]);
    float *out = nn_at(env, &s->out[0]);
    const int32_t made = a->grid.out_channels, step = ax[2].stride;
    const float **row = (const float **)(void *)env->scratch[worker];
    const struct op_range rows = op_tile_range(s, op_grid_rows(&a->grid), tile);
    for (int64_t i = rows.lo; i < rows.hi; i++) {
        const struct op_row r = op_grid_row(&a->grid, i);
        const int32_t pz = (r.o[0] + ax[0].pad) % ax[0].stride, py = (r.o[1] + ax[1].pad) % ax[1].stride;
        for (int32_t x0 = 0; x0 < step && x0 < ax[2].out; x0++) {
            const int32_t phase = (pz * ax[1].stride + py) * step + (x0 + ax[2].pad) % step;
            const int32_t m = (ax[2].out - x0 + step - 1) / step;
            int32_t tap[KERN_TAPS_MAX];
            const int32_t taps = list_taps(&a->grid, phase, tap);
            tap_pointers(a, in, r, tap, taps, x0, m, env->packed + a->zeros, row);
            const struct kern_gemm j = {
                .row = row,
                .row_n = m,
                .m = m,
                .taps = taps,
                .k = a->grid.in_channels,
                .n = made,
                .panel_end = kern_panel_n(a->k, made),
                .b = env->packed + a->packed + a->phase_at[phase],
                .c = out + (i * ax[2].out + x0) * made,
                .ldc = (int64_t)step * made,
            };
            a->k->gemm(&j);
        }
    }
}

bool plan_transpose_takes(const struct ir_window *w)
{
    int64_t strides = 1, taps = 1;
    for (int32_t i = 0; i < w->spatial; i++) {
        strides *= w->stride[i];
        taps *= w->kernel[i];
        if (strides > PHASES_MAX || taps > KERN_TAPS_MAX)
            return false;
    }
    return true;
}

static enum rc transpose_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_node *n = plan_unit_node(plan, u, 0);
    const struct ir_conv_transpose *c = &n->u.conv_transpose;
    struct transpose_args *a = nn_args(p, sizeof(*a), e);
    if (!a)
        return RC_FAILED;
    struct op_grid back; /* the padding of the convolution from out to in */
    op_grid_init(&back, &c->w, &s->out[0].shape, &s->in[0].shape);
    op_grid_init(&a->grid, &c->w, &s->in[0].shape, &s->out[0].shape);
    a->k = plan_kern(plan);
    a->bias = c->has_bias;
    double taps = 1, pixels = (double)a->grid.outer;
    for (int32_t i = 0; i < IR_SPATIAL_MAX; i++) {
        a->grid.axis[i].pad = back.axis[i].pad;
        taps *= a->grid.axis[i].kernel;
        pixels *= a->grid.axis[i].in;
    }
    int64_t total = 0;
    for (int32_t i = 0; i < phases(&a->grid); i++) {
        const int32_t own = phase_taps(&a->grid, i);
        a->phase_at[i] = total;
        a->most_taps = own > a->most_taps ? own : a->most_taps;
        total += kern_panels_floats(a->k, a->grid.out_channels, (int64_t)own * a->grid.in_channels);
    }
    a->most_m = (a->grid.axis[2].out + a->grid.axis[2].stride - 1) / a->grid.axis[2].stride;
    s->args = a;
    s->flops = 2 * taps * pixels * a->grid.in_channels * a->grid.out_channels;
    const int64_t rows = op_grid_rows(&a->grid);
    op_tiles(s, transpose_tile, rows, s->flops / (double)rows);
    enum rc rc = nn_pack(p, n, (size_t)total, fill_transposed, a, &a->packed, e);
    if (!rc)
        rc = plan_zeros(p, n, (size_t)a->grid.in_channels, &a->zeros, e);
    return rc ? rc : nn_want_scratch(p, ((size_t)a->most_taps * (size_t)a->most_m + 1) * sizeof(float *), e);
}
const struct plan_row plan_row_transpose = {.name = "gemm_transposed", .prepare = transpose_prepare};
