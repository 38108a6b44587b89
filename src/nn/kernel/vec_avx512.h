/* Vector primitives: AVX-512. Included by one translation unit. */
#include <immintrin.h>
#define VL 16
typedef __m512 vec;
typedef __mmask16 vmask;
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, v) _mm512_storeu_ps((p), (v))
#define v_mask(n) ((__mmask16)((1u << (n)) - 1u)) /* the first n of fewer than VL lanes */
#define v_load_some(p, m) _mm512_maskz_loadu_ps((m), (p))
#define v_store_some(p, m, v) _mm512_mask_storeu_ps((p), (m), (v))
#define v_set(x) _mm512_set1_ps(x)
#define v_zero() _mm512_setzero_ps()
#define v_add(a, b) _mm512_add_ps((a), (b))
#define v_sub(a, b) _mm512_sub_ps((a), (b))
#define v_mul(a, b) _mm512_mul_ps((a), (b))
#define v_div(a, b) _mm512_div_ps((a), (b))
#define v_min(a, b) _mm512_min_ps((a), (b)) /* b when either is NaN */
#define v_max(a, b) _mm512_max_ps((a), (b))
#define v_fma(a, b, c) _mm512_fmadd_ps((a), (b), (c))   /* a*b + c */
#define v_fnma(a, b, c) _mm512_fnmadd_ps((a), (b), (c)) /* c - a*b */
/* 1 / a for ordinary a: 14 bits and one step of Newton, error below 2^-27 before rounding */
static inline __m512 v_recip(__m512 a)
{
    const __m512 r = _mm512_rcp14_ps(a);
    return _mm512_mul_ps(r, _mm512_fnmadd_ps(a, r, _mm512_set1_ps(2.0f)));
}
#define v_abs(a) _mm512_abs_ps(a)
#define v_sign(from, to)                                                                                               \
    _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(from), _mm512_castps_si512(to),                  \
                                                  _mm512_set1_epi32(INT32_MIN), 0xe4))
/* a < b ? x : y */
#define v_less(a, b, x, y) _mm512_mask_blend_ps(_mm512_cmp_ps_mask((a), (b), _CMP_LT_OQ), (y), (x))
#define v_total(a) _mm512_reduce_add_ps(a)
#define v_highest(a) _mm512_reduce_max_ps(a)
/* p * 2^n; z = n + 1.5 * 2^23, so that its low bits are n */
#define v_scale(p, z)                                                                                                  \
    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(z), 23)))
