/* Rows of depthwise convolutions and pooling: for one vector of channels at a time, along the row. */

enum { ACROSS = ROW_PIXELS };

struct row_block { /* channels c .. c + VL of one row */
    const struct kern_row *j;
    int32_t c;
    bool part;
    vmask mask;
    const float *w;
};

static inline vec block_load(const struct row_block *b, const float *p)
{
    return b->part ? v_load_some(p, b->mask) : v_load(p);
}

static inline void block_store(const struct row_block *b, float *p, vec v)
{
    if (b->part)
        v_store_some(p, b->mask, v);
    else
        v_store(p, v);
}

#define ONE_FOR(statement) statement
static inline vec act_one(const struct kern_act *act, vec x)
{
    ACT_BLOCK(act, ONE_FOR);
    return x;
}

/* One output column with every tap checked against the picture's edge. */
static vec dw_edge(const struct row_block *b, int32_t x)
{
    const struct kern_row *j = b->j;
    vec acc = v_load(b->w);
    for (int32_t ky = 0; ky < j->kh; ky++) {
        if (!j->row[ky])
            continue;
        for (int32_t kx = 0; kx < j->kw; kx++) {
            int32_t at = x * j->stride + kx * j->dilation - j->before;
            if (at >= 0 && at < j->in_w)
                acc = v_fma(block_load(b, j->row[ky] + at * j->pitch + b->c), v_load(b->w + (1 + ky * j->kw + kx) * VL), acc);
        }
    }
    return acc;
}

/* ACROSS columns that see no edge at left or right. KW constant: unrolled. */
INLINE void dw_inner(const struct row_block *b, int32_t x, const int KW, const int part, vec acc[])
{
    const struct kern_row *j = b->j;
    const int32_t kw = KW ? KW : j->kw;
    const vec bias = v_load(b->w);
    UNROLL for (int i = 0; i < ACROSS; i++)
        acc[i] = bias;
    const int64_t step = j->stride * j->pitch, tap = j->dilation * j->pitch;
    for (int32_t ky = 0; ky < j->kh; ky++) {
        if (!j->row[ky])
            continue;
        const float *p = j->row[ky] + ((int64_t)x * j->stride - j->before) * j->pitch + b->c;
        const float *w = b->w + (1 + ky * kw) * VL;
        UNROLL for (int32_t kx = 0; kx < kw; kx++)
        {
            const vec wv = v_load(w + kx * VL);
            UNROLL for (int i = 0; i < ACROSS; i++)
            {
                const float *at = p + i * step;
                acc[i] = v_fma(part ? v_load_some(at, b->mask) : v_load(at), wv, acc[i]);
            }
            p += tap;
        }
    }
}

static vec dw_finish(const struct row_block *b, int32_t x, vec acc, vec sum)
{
    acc = act_one(&b->j->act, acc);
    block_store(b, b->j->out + (int64_t)x * b->j->out_pitch + b->c, acc);
    return v_add(sum, acc);
}

INLINE void dw_block(const struct row_block *b, const int KW, const int part)
{
    const struct kern_row *j = b->j;
    /* Columns whose taps all lie inside. */
    const int32_t last_tap = (j->kw - 1) * j->dilation - j->before;
    int32_t from = (j->before + j->stride - 1) / j->stride;
    int32_t to = j->in_w - 1 - last_tap < 0 ? 0 : (j->in_w - 1 - last_tap) / j->stride + 1;
    from = from < j->out_w ? from : j->out_w;
    to = to < j->out_w ? to : j->out_w;
    to = to > from ? to : from;
    vec sum = v_zero();
    int32_t x = 0;
    for (; x < from; x++)
        sum = dw_finish(b, x, dw_edge(b, x), sum);
    for (; x + ACROSS <= to; x += ACROSS) {
        vec acc[ACROSS];
        dw_inner(b, x, KW, part, acc);
#define ROW_FOR(statement)                   \
    UNROLL for (int i = 0; i < ACROSS; i++)  \
    {                                        \
        vec x_ = acc[i];                     \
        statement;                           \
        acc[i] = x_;                         \
    }
        if (j->act.fn == KERN_CLAMP) {
            const vec aa = v_set(j->act.a), bb = v_set(j->act.b);
            ROW_FOR(x_ = v_min(bb, v_max(aa, x_)));
        } else if (j->act.fn != KERN_NONE) {
            for (int i = 0; i < ACROSS; i++)
                acc[i] = act_one(&j->act, acc[i]);
        }
        float *out = j->out + (int64_t)x * j->out_pitch + b->c;
        UNROLL for (int i = 0; i < ACROSS; i++)
        {
            block_store(b, out + i * j->out_pitch, acc[i]);
            sum = v_add(sum, acc[i]);
        }
    }
    for (; x < j->out_w; x++)
        sum = dw_finish(b, x, dw_edge(b, x), sum);
    if (j->sum)
        block_store(b, j->sum + b->c, v_add(block_load(b, j->sum + b->c), sum));
}

static void depthwise(const struct kern_row *j)
{
    struct row_block b = {.j = j, .w = j->w};
    const int64_t w_step = (int64_t)(1 + j->kh * j->kw) * VL;
    for (; b.c + VL <= j->channels; b.c += VL, b.w += w_step) {
        if (j->kw == 3)
            dw_block(&b, 3, 0);
        else if (j->kw == 5)
            dw_block(&b, 5, 0);
        else
            dw_block(&b, 0, 0);
    }
    if (b.c < j->channels) {
        b.part = true;
        b.mask = v_mask(j->channels - b.c);
        if (j->kw == 3)
            dw_block(&b, 3, 1);
        else
            dw_block(&b, 0, 1);
    }
}

static void pool(const struct kern_row *j)
{
    struct row_block b = {.j = j};
    for (; b.c < j->channels; b.c += VL) {
        b.part = b.c + VL > j->channels;
        b.mask = b.part ? v_mask(j->channels - b.c) : v_mask(VL - 1);
        for (int32_t x = 0; x < j->out_w; x++) {
            vec acc = j->average ? v_zero() : v_set(-INFINITY);
            int32_t cells = 0;
            for (int32_t ky = 0; ky < j->kh; ky++) {
                for (int32_t kx = 0; j->row[ky] && kx < j->kw; kx++) {
                    int32_t at = x * j->stride + kx * j->dilation - j->before;
                    if (at < 0 || at >= j->in_w)
                        continue;
                    vec v = block_load(&b, j->row[ky] + at * j->pitch + b.c);
                    acc = j->average ? v_add(acc, v) : v_max(acc, v);
                    cells++;
                }
            }
            if (j->average)
                acc = v_div(acc, v_set((float)cells));
            block_store(&b, j->out + (int64_t)x * j->out_pitch + b.c, act_one(&j->act, acc));
        }
    }
}
