/* Rows of depthwise convolutions and pooling: one vector of channels at a time, along the row. Columns whose window
 * lies inside go in blocks of several, each count with its own code; columns at the edges go alone with fewer taps. */
#include "nn/kernel/body_math.h"

struct row_block { /* channels c .. c + VL of one row */
    const struct kern_row *j;
    int32_t c;
    int64_t at; /* of channel c in the input */
    vmask mask; /* of the last, partial vector */
    const float *w;
    vec sum;
    vec spill[ROW_PIXELS]; /* of columns whose activation is a call */
};

struct row_span { /* columns that see no edge */
    int32_t from, to;
};

static struct row_span row_inside(const struct kern_row *j)
{
    const int32_t last_tap = (j->kw - 1) * j->dilation - j->before;
    struct row_span s = {(j->before + j->stride - 1) / j->stride, 0};
    s.to = j->in_w - 1 - last_tap < 0 ? 0 : (j->in_w - 1 - last_tap) / j->stride + 1;
    s.from = s.from < j->out_w ? s.from : j->out_w;
    s.to = s.to < j->out_w ? s.to : j->out_w;
    s.to = s.to > s.from ? s.to : s.from;
    return s;
}

/* Taps [k0, k1) of column x that lie inside. */
static void row_taps(const struct kern_row *j, int32_t x, int32_t *k0, int32_t *k1)
{
    const int32_t first = x * j->stride - j->before;
    *k0 = first < 0 ? (-first + j->dilation - 1) / j->dilation : 0;
    *k1 = j->in_w - first <= 0 ? 0 : (j->in_w - first + j->dilation - 1) / j->dilation;
    *k1 = *k1 < j->kw ? *k1 : j->kw;
}

#define ROW_LOAD(p) (PART ? v_load_some((p), b->mask) : v_load(p))
#define ROW_STORE(p, v)                                                                                                \
    do {                                                                                                               \
        if (PART)                                                                                                      \
            v_store_some((p), b->mask, (v));                                                                           \
        else                                                                                                           \
            v_store((p), (v));                                                                                         \
    } while (0)

/* Keeps the compiler from turning a walking pointer into one precomputed address per load. */
#define WALK(p) __asm__("" : "+r"(p))

INLINE void dw_finish(struct row_block *b, float *line, int32_t x, const int N, const int PART, vec acc[])
{
    const struct kern_row *j = b->j;
    if (j->act.fn == KERN_CLAMP) {
        const vec aa = v_set(j->act.a), bb = v_set(j->act.b);
        UNROLL for (int i = 0; i < N; i++) acc[i] = v_min(bb, v_max(aa, acc[i]));
    } else if (j->act.fn != KERN_NONE) {
        UNROLL for (int i = 0; i < N; i++) b->spill[i] = acc[i];
        activate(&j->act, b->spill, N);
        UNROLL for (int i = 0; i < N; i++) acc[i] = b->spill[i];
    }
    float *out = line + (int64_t)x * j->out_pitch + b->c;
    UNROLL for (int i = 0; i < N; i++)
    {
        ROW_STORE(out, acc[i]);
        out += j->out_pitch;
        WALK(out);
    }
    if (j->sum) {
        UNROLL for (int i = 0; i < N; i++) b->sum = v_add(b->sum, acc[i]);
    }
}

/* N columns from x, window KW wide and stride S known, dilation 1: each input column is read once for all outputs it
 * touches. EDGE: some of the columns may lie outside the picture. */
INLINE void dw_slide(struct row_block *b, int32_t x, const int N, const int KW, const int S, const int PART,
                     const int EDGE)
{
    const struct kern_row *j = b->j;
    const vec bias = v_load(b->w);
    vec acc[ROW_PIXELS];
    UNROLL for (int i = 0; i < N; i++) acc[i] = bias;
    const float *w = b->w + VL;
    const int32_t first = x * S - j->before;
    for (int32_t ky = 0; ky < j->kh; ky++, w += KW * VL) {
        if (!j->row[ky])
            continue;
        const float *p = j->row[ky] + first * j->pitch + b->at;
        vec wv[5];
        UNROLL for (int k = 0; k < KW; k++) wv[k] = v_load(w + k * VL);
        UNROLL for (int col = 0; col < (N - 1) * S + KW; col++)
        {
            if (!EDGE || (uint32_t)(first + col) < (uint32_t)j->in_w) {
                const vec v = ROW_LOAD(p);
                UNROLL for (int k = 0; k < KW; k++)
                {
                    if (col >= k && (col - k) % S == 0 && (col - k) / S < N)
                        acc[(col - k) / S] = v_fma(v, wv[k], acc[(col - k) / S]);
                }
            }
            p += j->pitch;
            WALK(p);
        }
    }
    dw_finish(b, b->j->out, x, N, PART, acc);
}

/* One input row of two output rows at once: FIRST adds to the upper one, SECOND to the lower one. */
INLINE void dw_pair_row(const struct row_block *b, const float *p, int32_t first, const float *w, const int N,
                        const int KW, const int PART, const int EDGE, const int FIRST, const int SECOND, vec upper[],
                        vec lower[])
{
    const struct kern_row *j = b->j;
    vec w0[5], w1[5];
    UNROLL for (int k = 0; k < KW; k++)
    {
        w0[k] = FIRST ? v_load(w + k * VL) : v_zero();
        w1[k] = SECOND ? v_load(w + (k - KW) * VL) : v_zero();
    }
    UNROLL for (int col = 0; col < N - 1 + KW; col++)
    {
        if (!EDGE || (uint32_t)(first + col) < (uint32_t)j->in_w) {
            const vec v = ROW_LOAD(p);
            UNROLL for (int k = 0; k < KW; k++)
            {
                if (FIRST && col >= k && col - k < N)
                    upper[col - k] = v_fma(v, w0[k], upper[col - k]);
                if (SECOND && col >= k && col - k < N)
                    lower[col - k] = v_fma(v, w1[k], lower[col - k]);
            }
        }
        p += j->pitch;
        WALK(p);
    }
}

/* Two output rows of a square window with stride and dilation 1: each input row is read once for both. */
INLINE void dw_pair(struct row_block *b, int32_t x, const int N, const int KW, const int PART, const int EDGE)
{
    const struct kern_row *j = b->j;
    const vec bias = v_load(b->w);
    vec upper[PAIR_PIXELS], lower[PAIR_PIXELS];
    UNROLL for (int i = 0; i < N; i++) upper[i] = lower[i] = bias;
    const float *w = b->w + VL;
    const int32_t first = x - j->before;
    const int64_t at = first * j->pitch + b->at;
    if (j->row[0])
        dw_pair_row(b, j->row[0] + at, first, w, N, KW, PART, EDGE, 1, 0, upper, lower);
    w += KW * VL;
    for (int32_t ky = 1; ky < KW; ky++, w += KW * VL) {
        if (j->row[ky])
            dw_pair_row(b, j->row[ky] + at, first, w, N, KW, PART, EDGE, 1, 1, upper, lower);
    }
    if (j->row[KW])
        dw_pair_row(b, j->row[KW] + at, first, w, N, KW, PART, EDGE, 0, 1, upper, lower);
    dw_finish(b, j->out, x, N, PART, upper);
    dw_finish(b, j->out + j->out_row, x, N, PART, lower);
}

/* N columns from x, any window. */
INLINE void dw_columns(struct row_block *b, int32_t x, const int N, const int PART, const int EDGE)
{
    const struct kern_row *j = b->j;
    const int64_t step = j->stride * j->pitch, tap = j->dilation * j->pitch;
    const vec bias = v_load(b->w);
    vec acc[ROW_PIXELS];
    UNROLL for (int i = 0; i < N; i++) acc[i] = bias;
    const int32_t first = x * j->stride - j->before;
    const float *w = b->w + VL;
    for (int32_t ky = 0; ky < j->kh; ky++, w += j->kw * VL) {
        if (!j->row[ky])
            continue;
        const float *line = j->row[ky] + first * j->pitch + b->at;
        for (int32_t kx = 0; kx < j->kw; kx++) {
            const vec wv = v_load(w + kx * VL);
            const float *p = line + kx * tap;
            UNROLL for (int i = 0; i < N; i++)
            {
                if (!EDGE || (uint32_t)(first + kx * j->dilation + i * j->stride) < (uint32_t)j->in_w)
                    acc[i] = v_fma(ROW_LOAD(p), wv, acc[i]);
                p += step;
                WALK(p);
            }
        }
    }
    dw_finish(b, b->j->out, x, N, PART, acc);
}

typedef void columns_fn(struct row_block *b, int32_t x);
enum { DW_ANY, DW_3_1, DW_3_2, DW_5_1, DW_5_2, DW_KINDS };
#define DW_FN(kind, N, P, E, body)                                                                                     \
    static void kind##_##N##_##P##_##E(struct row_block *b, int32_t x)                                                 \
    {                                                                                                                  \
        body;                                                                                                          \
    }
#define COLUMNS_E(N, P, E)                                                                                             \
    DW_FN(dw_any, N, P, E, dw_columns(b, x, N, P, E))                                                                  \
    DW_FN(dw_31, N, P, E, dw_slide(b, x, N, 3, 1, P, E))                                                               \
    DW_FN(dw_32, N, P, E, dw_slide(b, x, N, 3, 2, P, E))                                                               \
    DW_FN(dw_51, N, P, E, dw_slide(b, x, N, 5, 1, P, E))                                                               \
    DW_FN(dw_52, N, P, E, dw_slide(b, x, N, 5, 2, P, E))
#define COLUMNS(N, P) COLUMNS_E(N, P, 0) COLUMNS_E(N, P, 1)
ROW_COUNTS(COLUMNS)
#undef COLUMNS
#undef COLUMNS_E
#define COLUMNS_E(N, P, E)                                                                                             \
    [P][DW_ANY][E][N] = dw_any_##N##_##P##_##E, [P][DW_3_1][E][N] = dw_31_##N##_##P##_##E,                             \
    [P][DW_3_2][E][N] = dw_32_##N##_##P##_##E, [P][DW_5_1][E][N] = dw_51_##N##_##P##_##E,                              \
    [P][DW_5_2][E][N] = dw_52_##N##_##P##_##E,
#define COLUMNS(N, P) COLUMNS_E(N, P, 0) COLUMNS_E(N, P, 1)
static columns_fn *const dw_fns[2][DW_KINDS][2][ROW_PIXELS + 1] = {ROW_COUNTS(COLUMNS)};
#undef COLUMNS
#undef COLUMNS_E

#define PAIR(N, P)                                                                                                     \
    static void pair3_##N##_##P##_0(struct row_block *b, int32_t x)                                                    \
    {                                                                                                                  \
        dw_pair(b, x, N, 3, P, 0);                                                                                     \
    }                                                                                                                  \
    static void pair3_##N##_##P##_1(struct row_block *b, int32_t x)                                                    \
    {                                                                                                                  \
        dw_pair(b, x, N, 3, P, 1);                                                                                     \
    }                                                                                                                  \
    static void pair5_##N##_##P##_0(struct row_block *b, int32_t x)                                                    \
    {                                                                                                                  \
        dw_pair(b, x, N, 5, P, 0);                                                                                     \
    }                                                                                                                  \
    static void pair5_##N##_##P##_1(struct row_block *b, int32_t x)                                                    \
    {                                                                                                                  \
        dw_pair(b, x, N, 5, P, 1);                                                                                     \
    }
PAIR_COUNTS(PAIR)
#undef PAIR
#define PAIR(N, P)                                                                                                     \
    [P][0][0][N] = pair3_##N##_##P##_0, [P][0][1][N] = pair3_##N##_##P##_1, [P][1][0][N] = pair5_##N##_##P##_0,        \
    [P][1][1][N] = pair5_##N##_##P##_1,
static columns_fn *const pair_fns[2][2][2][PAIR_PIXELS + 1] = {PAIR_COUNTS(PAIR)};
#undef PAIR

static int dw_kind(const struct kern_row *j)
{
    if (j->dilation != 1 || j->stride > 2)
        return DW_ANY;
    if (j->kw == 3)
        return j->stride == 1 ? DW_3_1 : DW_3_2;
    return j->kw != 5 ? DW_ANY : j->stride == 1 ? DW_5_1 : DW_5_2;
}

static bool can_pair(const struct kern_row *j)
{
    return j->stride == 1 && j->dilation == 1 && j->kh == j->kw && (j->kw == 3 || j->kw == 5);
}

enum { CUTS = 64 };
struct row_cut {
    int32_t from, n;
    bool edge;
};

/* Cuts the columns from `done` on into nearly equal blocks of at most `most`; how many. */
static int32_t row_cuts(const struct kern_row *j, int32_t done, int32_t most, struct row_cut cut[CUTS])
{
    const struct row_span in = row_inside(j);
    const int32_t blocks = (j->out_w - done + most - 1) / most, n = blocks < CUTS ? blocks : CUTS;
    for (int32_t i = 0, at = done; i < n; i++) {
        cut[i].from = at;
        cut[i].n = (j->out_w - at + blocks - i - 1) / (blocks - i);
        cut[i].edge = at < in.from || at + cut[i].n > in.to;
        at += cut[i].n;
    }
    return n;
}

static void depthwise(const struct kern_row *j)
{
    const int64_t w_step = (int64_t)(1 + j->kh * j->kw) * VL;
    const int kind = dw_kind(j), wide = j->kw == 5;
    struct row_block b = {.j = j};
    struct row_cut cut[CUTS];
    for (int32_t done = 0; done < j->out_w;) { /* very wide pictures in several passes */
        const int32_t n = row_cuts(j, done, j->two ? PAIR_PIXELS : ROW_PIXELS, cut);
        b.w = j->w;
        for (b.c = 0; b.c < j->channels; b.c += VL, b.w += w_step) {
            const bool part = b.c + VL > j->channels;
            b.mask = v_mask(part ? j->channels - b.c : VL - 1);
            b.at = j->block ? b.c / VL * j->block : b.c;
            b.sum = v_zero();
            for (int32_t i = 0; i < n; i++) {
                columns_fn *const *fn = j->two ? pair_fns[part][wide][cut[i].edge] : dw_fns[part][kind][cut[i].edge];
                fn[cut[i].n](&b, cut[i].from);
            }
            if (j->sum && part)
                v_store_some(j->sum + b.c, b.mask, v_add(v_load_some(j->sum + b.c, b.mask), b.sum));
            else if (j->sum)
                v_store(j->sum + b.c, v_add(v_load(j->sum + b.c), b.sum));
        }
        done = cut[n - 1].from + cut[n - 1].n;
    }
}

/* ---- pooling ---- */

INLINE void pool_columns(struct row_block *b, int32_t x, const int N, const int PART, const int AVERAGE, int32_t k0,
                         int32_t k1)
{
    const struct kern_row *j = b->j;
    const int64_t step = j->stride * j->pitch, tap = j->dilation * j->pitch;
    int32_t cells = 0;
    vec acc[4];
    UNROLL for (int i = 0; i < N; i++) acc[i] = AVERAGE ? v_zero() : v_set(-INFINITY);
    for (int32_t ky = 0; ky < j->kh; ky++) {
        if (!j->row[ky])
            continue;
        cells += k1 - k0;
        const float *p = j->row[ky] + ((int64_t)x * j->stride - j->before) * j->pitch + b->c;
        for (int32_t kx = k0; kx < k1; kx++) {
            UNROLL for (int i = 0; i < N; i++)
            {
                const vec v = ROW_LOAD(p + kx * tap + i * step);
                acc[i] = AVERAGE ? v_add(acc[i], v) : v_max(acc[i], v);
            }
        }
    }
    const vec by = v_set(cells ? (float)cells : 1.0f);
    float *out = j->out + (int64_t)x * j->out_pitch + b->c;
    UNROLL for (int i = 0; i < N; i++) ROW_STORE(out + i * j->out_pitch, AVERAGE ? v_div(acc[i], by) : acc[i]);
}

INLINE void pool_block(struct row_block *b, struct row_span in, const int PART, const int AVERAGE)
{
    const struct kern_row *j = b->j;
    int32_t k0, k1, x = 0;
    while (x < j->out_w) {
        if (x >= in.from && x + 4 <= in.to) {
            pool_columns(b, x, 4, PART, AVERAGE, 0, j->kw);
            x += 4;
            continue;
        }
        row_taps(j, x, &k0, &k1);
        pool_columns(b, x++, 1, PART, AVERAGE, k0, k1);
    }
}

static void pool(const struct kern_row *j)
{
    const struct row_span in = row_inside(j);
    struct row_block b = {.j = j};
    for (; b.c < j->channels; b.c += VL) {
        const bool part = b.c + VL > j->channels;
        b.mask = v_mask(part ? j->channels - b.c : VL - 1);
        if (part && j->average)
            pool_block(&b, in, 1, 1);
        else if (part)
            pool_block(&b, in, 1, 0);
        else if (j->average)
            pool_block(&b, in, 0, 1);
        else
            pool_block(&b, in, 0, 0);
    }
}
