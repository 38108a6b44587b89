/* Element-wise and per-channel work. */
#include "nn/kernel/body_math.h"

static void map(const struct kern_act *act, const float *from, float *to, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL) {
        vec four[4];
        UNROLL for (int q = 0; q < 4; q++) four[q] = v_load(from + i + q * VL);
#define FOUR_FOR(statement)                                                                                            \
    UNROLL for (int q = 0; q < 4; q++)                                                                                 \
    {                                                                                                                  \
        vec x = four[q];                                                                                               \
        statement;                                                                                                     \
        four[q] = x;                                                                                                   \
    }
        ACT_BLOCK(act, FOUR_FOR);
        UNROLL for (int q = 0; q < 4; q++) v_store(to + i + q * VL, four[q]);
    }
    for (; i + VL <= n; i += VL)
        v_store(to + i, act_one(act, v_load(from + i)));
    if (i < n)
        v_store_some(to + i, v_mask((int)(n - i)), act_one(act, v_load_some(from + i, v_mask((int)(n - i)))));
}

static void affine(const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows, int32_t channels,
                   const float *scale, const float *shift, const struct kern_act *act)
{
    for (int32_t c = 0; c < channels; c += VL) {
        const bool part = c + VL > channels;
        const vmask mask = v_mask(part ? channels - c : VL - 1);
        const vec one = v_set(1.0f), zero = v_zero();
        const vec s = !scale ? one : part ? v_load_some(scale + c, mask) : v_load(scale + c);
        const vec t = !shift ? zero : part ? v_load_some(shift + c, mask) : v_load(shift + c);
        if (part) {
            for (int64_t i = 0; i < rows; i++)
                v_store_some(y + i * ldy + c, mask, act_one(act, v_fma(v_load_some(x + i * ldx + c, mask), s, t)));
        } else if (act->fn == KERN_CLAMP) {
            const vec lo = v_set(act->a), hi = v_set(act->b);
            for (int64_t i = 0; i < rows; i++)
                v_store(y + i * ldy + c, v_min(hi, v_max(lo, v_fma(v_load(x + i * ldx + c), s, t))));
        } else {
            for (int64_t i = 0; i < rows; i++)
                v_store(y + i * ldy + c, act_one(act, v_fma(v_load(x + i * ldx + c), s, t)));
        }
    }
}

static inline vec combine(int32_t fn, vec a, vec b)
{
    switch (fn) {
    case IR_ADD:
        return v_add(a, b);
    case IR_SUB:
        return v_sub(a, b);
    case IR_MUL:
        return v_mul(a, b);
    case IR_MAX:
        return v_max(a, b);
    default:
        return v_min(a, b);
    }
}

static void binary(int32_t fn, const float *a, const float *b, float *y, int64_t n, const struct kern_act *act)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        v_store(y + i, act_one(act, combine(fn, v_load(a + i), v_load(b + i))));
    if (i < n) {
        const vmask mask = v_mask((int)(n - i));
        v_store_some(y + i, mask, act_one(act, combine(fn, v_load_some(a + i, mask), v_load_some(b + i, mask))));
    }
}

static void reduce(const float *x, int64_t ldx, int64_t rows, int32_t channels, float *sum, bool maximum)
{
    for (int32_t c = 0; c < channels; c += VL) {
        const bool part = c + VL > channels;
        const vmask mask = v_mask(part ? channels - c : VL - 1);
        vec s = part ? v_load_some(sum + c, mask) : v_load(sum + c);
        for (int64_t i = 0; i < rows; i++) {
            vec v = part ? v_load_some(x + i * ldx + c, mask) : v_load(x + i * ldx + c);
            s = maximum ? v_max(s, v) : v_add(s, v);
        }
        if (part)
            v_store_some(sum + c, mask, s);
        else
            v_store(sum + c, s);
    }
}

static double exp_sum(const float *x, float *y, int64_t n, float max)
{
    const vec m = v_set(max);
    double total = 0;
    int64_t i = 0;
    while (i + VL <= n) {
        vec s = v_zero();
        for (int64_t end = i + 64 * VL; i + VL <= n && i < end; i += VL) {
            vec v = v_exp(v_sub(v_load(x + i), m));
            v_store(y + i, v);
            s = v_add(s, v);
        }
        total += (double)v_total(s);
    }
    for (; i < n; i++) {
        float one[1];
        const vmask mask = v_mask(1);
        v_store_some(one, mask, v_exp(v_sub(v_load_some(x + i, mask), m)));
        y[i] = one[0];
        total += (double)one[0];
    }
    return total;
}

static float maximum(const float *x, int64_t n)
{
    int64_t i = 0;
    float best = -INFINITY;
    vec m = v_set(-INFINITY);
    for (; i + VL <= n; i += VL)
        m = v_max(m, v_load(x + i));
    best = v_highest(m);
    for (; i < n; i++)
        best = x[i] > best ? x[i] : best;
    return best;
}
