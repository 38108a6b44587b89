/* Winograd F(4x4, 3x3) with the points 0, +-1/sqrt2, +-sqrt2, infinity, which lose about a digit less than 0, +-1, +-2:
 * Y = A' [(G g G') * (B' d B)] A. Reference: Lavin and Gray 2015; the points as in Alam et al. 2022. */
#include "nn/kernel/body_math.h"

static const float HALF_ROOT = 0.70710678118654752f, ROOT = 1.41421356237309505f;

INLINE void wino_b(const vec d[6], vec r[6])
{
    const vec e = v_fnma(v_set(2.0f), d[2], d[4]), f = v_fnma(v_set(ROOT), d[1], v_mul(v_set(HALF_ROOT), d[3]));
    const vec g = v_fnma(v_set(0.5f), d[2], d[4]), h = v_fnma(v_set(HALF_ROOT), d[1], v_mul(v_set(ROOT), d[3]));
    r[0] = v_fnma(v_set(2.5f), d[2], v_add(d[0], d[4]));
    r[1] = v_add(e, f);
    r[2] = v_sub(e, f);
    r[3] = v_add(g, h);
    r[4] = v_sub(g, h);
    r[5] = v_fnma(v_set(2.5f), d[3], v_add(d[1], d[5]));
}

INLINE void wino_a(const vec m[6], vec y[4])
{
    const vec p = v_add(m[1], m[2]), q = v_sub(m[1], m[2]), r = v_add(m[3], m[4]), s = v_sub(m[3], m[4]);
    y[0] = v_add(m[0], v_add(p, r));
    y[1] = v_fma(v_set(ROOT), s, v_mul(v_set(HALF_ROOT), q));
    y[2] = v_fma(v_set(2.0f), r, v_mul(v_set(0.5f), p));
    y[3] = v_fma(v_set(2.0f * ROOT), s, v_fma(v_set(0.5f * HALF_ROOT), q, m[5]));
}

INLINE void wino_in_vector(const struct kern_wino_in *j, int32_t c, const int PART, vmask mask)
{
    vec t[6][6];
    UNROLL for (int i = 0; i < 6; i++)
    {
        vec d[6];
        const float *line = j->row[i];
        UNROLL for (int k = 0; k < 6; k++)
        {
            const bool in = line && k >= j->from && k < j->to;
            const float *p = in ? line + k * j->pitch + c : NULL;
            d[k] = !in ? v_zero() : PART ? v_load_some(p, mask) : v_load(p);
        }
        wino_b(d, t[i]);
    }
    UNROLL for (int k = 0; k < 6; k++)
    {
        vec d[6], r[6];
        UNROLL for (int i = 0; i < 6; i++) d[i] = t[i][k];
        wino_b(d, r);
        UNROLL for (int i = 0; i < 6; i++)
        {
            float *to = j->v + (i * 6 + k) * j->plane + c;
            if (PART)
                v_store_some(to, mask, r[i]);
            else
                v_store(to, r[i]);
        }
    }
}

static void wino_in(const struct kern_wino_in *j)
{
    int32_t c = 0;
    for (; c + VL <= j->channels; c += VL)
        wino_in_vector(j, c, 0, v_mask(VL - 1));
    if (c < j->channels)
        wino_in_vector(j, c, 1, v_mask(j->channels - c));
}

INLINE void wino_out_vector(const struct kern_wino_out *j, int32_t c, const int PART, vmask mask, vec *y)
{
    vec t[4][6];
    UNROLL for (int k = 0; k < 6; k++)
    {
        vec m[6], r[4];
        UNROLL for (int i = 0; i < 6; i++)
        {
            const float *p = j->m + (i * 6 + k) * j->plane + c;
            m[i] = PART ? v_load_some(p, mask) : v_load(p);
        }
        wino_a(m, r);
        UNROLL for (int i = 0; i < 4; i++) t[i][k] = r[i];
    }
    const vec bias = PART ? v_load_some(j->bias + c, mask) : v_load(j->bias + c);
    UNROLL for (int i = 0; i < 4; i++)
    {
        vec r[4];
        wino_a(t[i], r);
        UNROLL for (int k = 0; k < 4; k++) y[i * 4 + k] = v_add(r[k], bias);
    }
    for (int32_t i = 0; j->residual && i < j->rows; i++) {
        for (int32_t k = 0; k < j->cols; k++) {
            const float *p = j->residual + (i * j->width + k) * j->residual_pitch + c;
            y[i * 4 + k] = v_add(y[i * 4 + k], PART ? v_load_some(p, mask) : v_load(p));
        }
    }
    activate(&j->act, y, 16);
    for (int32_t i = 0; i < j->rows; i++) {
        for (int32_t k = 0; k < j->cols; k++) {
            float *to = j->out + (i * j->width + k) * j->pitch + c;
            if (PART)
                v_store_some(to, mask, y[i * 4 + k]);
            else
                v_store(to, y[i * 4 + k]);
        }
    }
}

static void wino_out(const struct kern_wino_out *j)
{
    vec y[16];
    int32_t c = 0;
    for (; c + VL <= j->channels; c += VL)
        wino_out_vector(j, c, 0, v_mask(VL - 1), y);
    if (c < j->channels)
        wino_out_vector(j, c, 1, v_mask(j->channels - c), y);
}
