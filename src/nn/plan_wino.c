/* 3x3 convolutions by Winograd's F(4x4, 3x3): a quarter of the multiplications. A step's tile takes a block of 4x4
 * patches of the picture: transforms them into 36 planes, multiplies each plane by its matrix, transforms back, one
 * panel of output channels at a time, so that the planes of results stay near. */
#include "nn/plan_fast.h"

enum { PLANES = 36, SKEW = 16 }; /* floats between planes that keep them out of each other's cache sets */

struct wino_args {
    const struct kern_isa *k;
    struct op_grid grid;
    int32_t c, n, panels;
    int32_t patches_x, patches, block; /* patches per tile at most */
    int32_t m_tiles, n_tiles;
    int64_t u, bias;   /* offsets: per panel 36 matrices; n numbers */
    int64_t *panel_at; /* floats from u */
    bool residual;
    struct kern_act act;
};

struct wino_fill {
    const struct kern_isa *k;
    int32_t c, n;
    bool bias, affine;
    int32_t affine_at;
};

/* G g G' of one pair of channels. */
static void transform_kernel(const float *w, int64_t step, double scale, double u[PLANES])
{
    const double r = 1.41421356237309504880;
    const double g[6][3] = {{1, 0, 0},
                            {-2.0 / 3, -r / 3, -1.0 / 3},
                            {-2.0 / 3, r / 3, -1.0 / 3},
                            {1.0 / 6, r / 6, 1.0 / 3},
                            {1.0 / 6, -r / 6, 1.0 / 3},
                            {0, 0, 1}};
    double t[6][3];
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 3; k++)
            t[i][k] = g[i][0] * (double)w[k * step] + g[i][1] * (double)w[(3 + k) * step] +
                      g[i][2] * (double)w[(6 + k) * step];
    }
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 6; k++)
            u[i * 6 + k] = scale * (t[i][0] * g[k][0] + t[i][1] * g[k][1] + t[i][2] * g[k][2]);
    }
}

static void fill_u(float *to, const float *const *weight, const void *ctx)
{
    const struct wino_fill *f = ctx;
    double u[PLANES];
    for (int32_t i = 0; i < kern_panel_n(f->k, f->n); i++) {
        const int32_t from = kern_panel_start(f->k, f->n, i), width = kern_panel_width(f->k, f->n, i);
        const int64_t matrix = (int64_t)(f->c + 1) * width;
        for (int64_t p = 0; p < PLANES; p++) {
            for (int32_t x = 0; x < width; x++)
                to[p * matrix + x] = 0.0f; /* the bias comes after the transform */
        }
        for (int64_t c = 0; c < f->c; c++) {
            for (int32_t x = 0; x < width; x++) {
                const int32_t n = from + x;
                const bool real = n < f->n;
                if (real)
                    transform_kernel(weight[0] + c * f->n + n, (int64_t)f->c * f->n,
                                     f->affine ? (double)weight[f->affine_at][n] : 1.0, u);
                for (int64_t p = 0; p < PLANES; p++)
                    to[p * matrix + (1 + c) * width + x] = real ? (float)u[p] : 0.0f;
            }
        }
        to += PLANES * matrix;
    }
}

static void fill_bias(float *to, const float *const *weight, const void *ctx)
{
    const struct wino_fill *f = ctx;
    for (int32_t n = 0; n < f->n; n++) {
        double b = f->bias ? (double)weight[1][n] : 0;
        to[n] = (float)(f->affine ? b * (double)weight[f->affine_at][n] + (double)weight[f->affine_at + 1][n] : b);
    }
}

static void input_patch(const struct wino_args *a, const struct nn_step *s, const float *x, int32_t patch, float *v,
                        int64_t plane)
{
    const struct op_axis *y = &a->grid.axis[1], *w = &a->grid.axis[2];
    const int32_t y0 = patch / a->patches_x * 4 - y->pad, x0 = patch % a->patches_x * 4 - w->pad;
    struct kern_wino_in j = {.pitch = s->in[0].pitch, .channels = a->c, .v = v, .plane = plane};
    j.from = x0 < 0 ? -x0 : 0;
    j.to = w->in - x0 < 6 ? w->in - x0 : 6;
    for (int32_t i = 0; i < 6; i++) {
        const int32_t at = y0 + i;
        j.row[i] = at < 0 || at >= y->in ? NULL : x + ((int64_t)at * w->in + x0) * j.pitch;
    }
    a->k->wino_in(&j);
}

static void output_patch(const struct wino_args *a, const struct nn_step *s, const struct nn_env *env, int32_t patch,
                         int32_t from, int32_t width, const float *m, int64_t plane)
{
    const struct op_axis *y = &a->grid.axis[1], *w = &a->grid.axis[2];
    const int32_t y0 = patch / a->patches_x * 4, x0 = patch % a->patches_x * 4;
    const int64_t at = (int64_t)y0 * w->out + x0;
    struct kern_wino_out j = {.m = m,
                              .plane = plane,
                              .bias = env->packed + a->bias + from,
                              .pitch = s->out[0].pitch,
                              .width = w->out,
                              .rows = y->out - y0 < 4 ? y->out - y0 : 4,
                              .cols = w->out - x0 < 4 ? w->out - x0 : 4,
                              .act = a->act};
    j.channels = a->n - from < width ? a->n - from : width;
    j.out = nn_at(env, &s->out[0]) + at * j.pitch + from;
    if (a->residual) {
        j.residual_pitch = s->in[1].pitch;
        j.residual = nn_at(env, &s->in[1]) + at * j.residual_pitch + from;
    }
    a->k->wino_out(&j);
}

static void wino_tile(const struct nn_step *s, const struct nn_env *env, int32_t tile, int32_t worker)
{
    const struct wino_args *a = s->args;
    const int32_t mt = tile % a->m_tiles, nt = tile / a->m_tiles;
    const int32_t from = (int32_t)((int64_t)a->patches * mt / a->m_tiles),
                  to = (int32_t)((int64_t)a->patches * (mt + 1) / a->m_tiles);
    const int32_t panel_from = a->panels * nt / a->n_tiles, panel_to = a->panels * (nt + 1) / a->n_tiles;
    const int64_t plane = (int64_t)a->block * a->c + SKEW,
                  result = (int64_t)a->block * a->k->vector * a->k->panel_vectors_max + SKEW;
    float *v = env->scratch[worker], *m = v + PLANES * plane;
    const float *x = nn_at(env, &s->in[0]);
    if (nt == 0 || env->carry[worker].tile != tile - a->m_tiles || a->m_tiles > 1) {
        for (int32_t i = from; i < to; i++)
            input_patch(a, s, x, i, v + (int64_t)(i - from) * a->c, plane);
    }
    env->carry[worker].tile = tile;
    for (int32_t i = panel_from; i < panel_to; i++) {
        const int32_t start = kern_panel_start(a->k, a->n, i), width = kern_panel_width(a->k, a->n, i);
        const int64_t matrix = (int64_t)(a->c + 1) * width;
        struct kern_gemm j = {.lda = a->c,
                              .m = to - from,
                              .taps = 1,
                              .k = a->c,
                              .n = a->n - start < width ? a->n - start : width,
                              .panel_end = 1,
                              .ldc = width};
        for (int32_t p = 0; p < PLANES; p++) {
            j.a = v + p * plane;
            j.b = env->packed + a->u + a->panel_at[i] + p * matrix;
            j.ahead = p + 1 < PLANES || i + 1 < a->panels ? j.b + matrix : NULL;
            j.c = m + p * result;
            a->k->gemm(&j);
        }
        for (int32_t q = from; q < to; q++)
            output_patch(a, s, env, q, start, width, m + (int64_t)(q - from) * width, result);
    }
}

static void wino_blocking(struct wino_args *a)
{
    enum { TILES = 8, NEAR = 24, FAR = 50, L2 = 256 * 1024 }; /* tiles; patches per tile; floats */
    const int64_t weights = (int64_t)PLANES * a->c * a->n;
    const int32_t most = weights > L2 ? FAR : NEAR;
    a->m_tiles = (a->patches + most - 1) / most;
    a->n_tiles = 1;
    if (a->m_tiles < TILES / 2 && a->panels > 1)
        a->n_tiles = a->panels < TILES / a->m_tiles ? a->panels : TILES / a->m_tiles;
    a->block = (a->patches + a->m_tiles - 1) / a->m_tiles;
}

static enum rc wino_prepare(struct nn_prepare *p, const struct plan_unit *u, struct nn_step *s, struct err *e)
{
    const struct nn_plan *plan = nn_prepare_plan(p);
    const struct ir_node *n = plan_unit_node(plan, u, 0);
    struct wino_args *a = nn_args(p, sizeof(*a), e);
    if (!a)
        return RC_FAILED;
    a->k = plan_kern(plan);
    op_grid_init(&a->grid, &n->u.conv.w, &s->in[0].shape, &s->out[0].shape);
    a->c = a->grid.in_channels;
    a->n = a->grid.out_channels;
    a->panels = kern_panel_n(a->k, a->n);
    a->patches_x = (a->grid.axis[2].out + 3) / 4;
    a->patches = a->patches_x * ((a->grid.axis[1].out + 3) / 4);
    a->residual = plan->fuse[u->node[0]].residual;
    (void)kern_act_from(&n->u.conv.act, &a->act);
    struct wino_fill f = {
        .k = a->k, .c = a->c, .n = a->n, .bias = n->u.conv.has_bias, .affine = plan->fuse[u->node[0]].affine};
    f.affine_at = f.bias ? 2 : 1;
    a->panel_at = nn_args(p, (size_t)(a->panels + 1) * sizeof(*a->panel_at), e);
    if (!a->panel_at)
        return RC_FAILED;
    for (int32_t i = 0; i < a->panels; i++)
        a->panel_at[i + 1] = a->panel_at[i] + (int64_t)PLANES * (a->c + 1) * kern_panel_width(a->k, a->n, i);
    if (nn_pack(p, n, (size_t)a->panel_at[a->panels], fill_u, &f, &a->u, e) ||
        nn_pack(p, n, (size_t)a->n, fill_bias, &f, &a->bias, e))
        return e->rc;
    wino_blocking(a);
    s->tile = wino_tile;
    s->tile_n = a->m_tiles * a->n_tiles;
    s->args = a;
    s->flops = 2 * plan_node_macs(&plan->g, n);
    const size_t planes = (size_t)a->block * (size_t)(a->c + a->k->vector * a->k->panel_vectors_max) + 2 * SKEW;
    return nn_want_scratch(p, PLANES * planes * sizeof(float), e);
}
const struct plan_row plan_row_winograd = {
    .name = "winograd", .pitched_in = true, .pitched_out = true, .prepare = wino_prepare};

/* The matrices are four times as large: with few patches reading them costs more than the multiplications they save. */
bool plan_is_winograd(const struct nn_plan *plan, int32_t node)
{
    enum { PATCHES = 12, CHANNELS = 24 };
    const struct ir_node *n = &plan->g.node[node];
    const struct plan_fuse *f = &plan->fuse[node];
    if (n->op != IR_CONV || !plan_takes(plan, node) || f->pre_affine || f->gate || n->u.conv.w.spatial != 2)
        return false;
    const struct ir_window *w = &n->u.conv.w;
    const struct ir_shape *in = &plan->g.tensor[plan_in(&plan->g, n, 0)],
                          *out = &plan->g.tensor[plan_out(&plan->g, n, 0)];
    for (int32_t i = 0; i < 2; i++) {
        if (w->kernel[i] != 3 || w->stride[i] != 1 || w->dilation[i] != 1)
            return false;
    }
    return in->rank == 3 && in->dim[2] >= CHANNELS && out->dim[2] >= CHANNELS &&
           ((out->dim[0] + 3) / 4) * ((out->dim[1] + 3) / 4) >= PATCHES;
}
