/* Matrix product on packed panels. A register tile is MR rows by NV vectors of columns; every MR up to the table's
 * largest has its own code, so that a band of rows is cut into equal tiles and no row is computed in vain. */
#include "nn/kernel/body_math.h"

enum { SLICE = 40 * 1024 }; /* floats of a panel kept near */

struct panel_job {
    const struct kern_gemm *j;
    const float *b;       /* this panel: bias, then k rows */
    int32_t column, wide; /* first column, columns */
    vec *spill;           /* of tiles whose activation is a call */
    int64_t step;         /* floats between vectors of C */
    const float *ahead;   /* part of the next panel, fetched while this one is used */
};

INLINE void tile_epilogue(const int MR, const int NV, vec acc[], const struct panel_job *p, int32_t m0, float *c)
{
    const struct kern_gemm *j = p->j;
    const int64_t step = p->step;
    const int full = p->wide == NV * VL;
    const vmask mask = v_mask(p->wide - (NV - 1) * VL);
    if (!j->hold && j->residual) {
        const float *r = j->residual + m0 * j->ldr + p->column;
        UNROLL for (int m = 0; m < MR; m++)
        {
            UNROLL for (int v = 0; v < NV - 1; v++) acc[m * NV + v] =
                v_add(acc[m * NV + v], v_load(r + m * j->ldr + v * VL));
            const float *last = r + m * j->ldr + (NV - 1) * VL;
            acc[m * NV + NV - 1] = v_add(acc[m * NV + NV - 1], full ? v_load(last) : v_load_some(last, mask));
        }
    }
#define TILE_FOR(statement)                                                                                            \
    UNROLL for (int i = 0; i < MR * NV; i++)                                                                           \
    {                                                                                                                  \
        vec x = acc[i];                                                                                                \
        statement;                                                                                                     \
        acc[i] = x;                                                                                                    \
    }
    if (!j->hold && j->act.fn == KERN_CLAMP) {
        const vec aa = v_set(j->act.a), bb = v_set(j->act.b);
        TILE_FOR(x = v_min(bb, v_max(aa, x)));
    } else if (!j->hold && j->act.fn != KERN_NONE) {
        vec *spill = p->spill;
        UNROLL for (int i = 0; i < MR * NV; i++) spill[i] = acc[i];
        activate(&j->act, spill, MR * NV);
        UNROLL for (int i = 0; i < MR * NV; i++) acc[i] = spill[i];
    }
    UNROLL for (int m = 0; m < MR; m++)
    {
        UNROLL for (int v = 0; v < NV - 1; v++) v_store(c + m * j->ldc + v * step, acc[m * NV + v]);
        float *last = c + m * j->ldc + (NV - 1) * step;
        if (full)
            v_store(last, acc[m * NV + NV - 1]);
        else
            v_store_some(last, mask, acc[m * NV + NV - 1]);
    }
}

INLINE void tile_body(const int MR, const int NV, const struct panel_job *p, int32_t m0)
{
    const struct kern_gemm *j = p->j;
    const float *b = p->b;
    const int full = p->wide == NV * VL;
    const vmask mask = v_mask(p->wide - (NV - 1) * VL);
    const int64_t step = p->step;
    float *c = j->c + m0 * j->ldc + p->column / VL * step;
    vec acc[MR_MOST * NV_MOST];
    if (j->more) {
        UNROLL for (int m = 0; m < MR; m++)
        {
            UNROLL for (int v = 0; v < NV - 1; v++) acc[m * NV + v] = v_load(c + m * j->ldc + v * step);
            const float *last = c + m * j->ldc + (NV - 1) * step;
            acc[m * NV + NV - 1] = full ? v_load(last) : v_load_some(last, mask);
        }
    } else {
        UNROLL for (int m = 0; m < MR; m++)
        {
            UNROLL for (int v = 0; v < NV; v++) acc[m * NV + v] = v_load(b + v * VL);
        }
    }
    b += NV * VL;
    const int64_t k = j->k;
    const float *ahead = p->ahead;
    for (int32_t t = 0; t < j->taps; t++) {
        const float *a[MR_MOST];
        UNROLL for (int m = 0; m < MR; m++) a[m] =
            j->row ? j->row[(int64_t)t * j->row_n + m0 + m] : (j->tap ? j->tap[t] : j->a) + (m0 + m) * j->lda;
        for (int64_t i = 0; i < k; i++) {
            vec w[NV_MOST];
            UNROLL for (int v = 0; v < NV; v++) w[v] = v_load(b + v * VL);
            UNROLL for (int m = 0; m < MR; m++)
            {
                const vec x = v_set(a[m][i]);
                UNROLL for (int v = 0; v < NV; v++) acc[m * NV + v] = v_fma(x, w[v], acc[m * NV + v]);
            }
            b += NV * VL;
            __builtin_prefetch(ahead, 0, 2);
            ahead += 16;
        }
    }
    tile_epilogue(MR, NV, acc, p, m0, c);
}

typedef void tile_fn(const struct panel_job *p, int32_t m0);
#define TILE(MR, NV)                                                                                                   \
    static void tile_##MR##_##NV(const struct panel_job *p, int32_t m0)                                                \
    {                                                                                                                  \
        tile_body(MR, NV, p, m0);                                                                                      \
    }
TILES(TILE)
#undef TILE
#define TILE(MR, NV) [NV][MR] = tile_##MR##_##NV,
static tile_fn *const tiles[NV_MOST + 1][MR_MOST + 1] = {TILES(TILE)};
#undef TILE

/* All rows against one panel. */
static void gemm_panel(struct panel_job *p, int32_t nv, const float *next, int64_t next_floats)
{
    const int32_t m = p->j->m, most = table.rows_max[nv], count = (m + most - 1) / most;
    for (int32_t t = 0; t < count; t++) {
        p->ahead = next ? next + next_floats / count * t : p->b;
        const int32_t from = (int32_t)((int64_t)m * t / count), to = (int32_t)((int64_t)m * (t + 1) / count);
        tiles[nv][to - from](p, from);
    }
}

/* A panel that does not fit the second-level cache beside its rows goes in slices of k: each slice is used for all rows
 * before the next one is read, and C holds the sums in between. */
static void gemm_slices(const struct panel_job *of, int32_t nv, const float *next)
{
    const struct kern_gemm *whole = of->j;
    const int32_t width = nv * VL, slice = SLICE / width;
    struct kern_gemm j = *whole;
    struct panel_job p = *of;
    p.j = &j;
    for (int32_t tap = 0; tap < whole->taps;) {
        j.taps = whole->taps > 1 ? (slice / whole->k > 1 ? slice / whole->k : 1) : 1;
        j.taps = j.taps < whole->taps - tap ? j.taps : whole->taps - tap;
        const int32_t parts = whole->taps > 1 ? 1 : (whole->k + slice - 1) / slice;
        for (int32_t i = 0; i < parts; i++) {
            const int32_t from = (int32_t)((int64_t)whole->k * i / parts),
                          to = (int32_t)((int64_t)whole->k * (i + 1) / parts);
            const bool last = tap + j.taps == whole->taps && i == parts - 1;
            j.k = to - from;
            j.a = whole->a ? whole->a + from : NULL;
            j.row = whole->row ? whole->row + (int64_t)tap * whole->row_n : NULL;
            j.tap = whole->tap ? whole->tap + tap : NULL;
            j.more = whole->more || tap || i;
            j.hold = whole->hold || !last;
            p.b = of->b + ((int64_t)tap * whole->k + from) * width;
            const int64_t floats = (int64_t)j.taps * j.k * width;
            gemm_panel(&p, nv, last ? next : p.b + floats, floats);
        }
        tap += j.taps;
    }
}

static void gemm(const struct kern_gemm *j)
{
    const struct kern_isa *self = &table;
    const int64_t kt = (int64_t)j->taps * j->k;
    vec spill[MR_MOST * NV_MOST];
    for (int32_t i = j->panel; i < j->panel_end; i++) {
        const int32_t width = kern_panel_width(self, j->n, i), nv = width / VL;
        struct panel_job p = {
            .j = j, .spill = spill, .step = j->c_step ? j->c_step : VL, .column = kern_panel_start(self, j->n, i)};
        p.wide = j->n - p.column < width ? j->n - p.column : width;
        p.b = j->b + kern_panel_offset(self, j->n, kt, i);
        const float *next = i + 1 < j->panel_end ? p.b + (kt + 1) * width : j->ahead;
        /* One tap of rows by pointer cannot be cut inside. */
        const bool cut =
            kt * width > 2 * SLICE && j->m > 2 * self->rows_max[nv] && (j->taps > 1 || !(j->row || j->tap));
        if (cut)
            gemm_slices(&p, nv, next);
        else
            gemm_panel(&p, nv, next, (kt + 1) * width);
    }
}
