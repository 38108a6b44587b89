/* The same primitives on one number at a time: the reference row, and what runs where AVX2 is missing. */
#include <math.h>
#define VL 1
typedef float vec;
typedef int vmask;
#define v_mask(n) (n)
#define v_load(p) (*(p))
#define v_store(p, v) (*(p) = (v))
static inline float v_load_some(const float *p, int m)
{
    return m ? *p : 0.0f;
}
static inline void v_store_some(float *p, int m, float v)
{
    if (m)
        *p = v;
}
#define v_set(x) (x)
#define v_zero() 0.0f
#define v_add(a, b) ((a) + (b))
#define v_sub(a, b) ((a) - (b))
#define v_mul(a, b) ((a) * (b))
#define v_div(a, b) ((a) / (b))
static inline float v_min(float a, float b)
{
    return a < b ? a : b;
}
static inline float v_max(float a, float b)
{
    return a > b ? a : b;
}
#define v_fma(a, b, c) ((a) * (b) + (c))
#define v_fnma(a, b, c) ((c) - (a) * (b))
#define v_recip(a) (1.0f / (a))
#define v_abs(a) fabsf(a)
#define v_sign(from, to) copysignf((to), (from))
#define v_less(a, b, x, y) ((a) < (b) ? (x) : (y))
#define v_total(a) (a)
#define v_highest(a) (a)
/* p * 2^n; z = n + 1.5 * 2^23 */
#define v_scale(p, z) ldexpf((p), (int)((z)-12582912.0f))
