/* Element functions on vectors. Relative error of v_exp below 2e-7 (checked in tests against double precision). */
#ifndef CLINIC_NN_BODY_MATH_H
#define CLINIC_NN_BODY_MATH_H

#define UNROLL _Pragma("GCC unroll 32")
#define INLINE static inline __attribute__((always_inline))

/* Adding it leaves the nearest whole number in the low bits of the sum. */
static const float ROUNDER = 12582912.0f;

/* Cephes' expf: x = n ln2 + r, 2^n by exponent bits, polynomial of degree 5 in r. Arguments beyond the ends count as
 * the ends. */
static inline vec v_exp_bounded(vec x)
{
    x = v_min(v_set(88.0f), v_max(v_set(-87.0f), x));
    const vec z = v_fma(x, v_set(1.44269504088896341f), v_set(ROUNDER)), n = v_sub(z, v_set(ROUNDER));
    vec r = v_fnma(n, v_set(0.693359375f), x);
    r = v_fnma(n, v_set(-2.12194440e-4f), r);
    vec p = v_set(1.9875691500e-4f);
    p = v_fma(p, r, v_set(1.3981999507e-3f));
    p = v_fma(p, r, v_set(8.3334519073e-3f));
    p = v_fma(p, r, v_set(4.1665795894e-2f));
    p = v_fma(p, r, v_set(1.6666665459e-1f));
    p = v_fma(p, r, v_set(5.0000001201e-1f));
    p = v_add(v_fma(p, v_mul(r, r), r), v_set(1.0f));
    return v_scale(p, z);
}

static inline vec v_exp(vec x)
{
    return v_less(x, v_set(-87.0f), v_zero(), v_exp_bounded(x));
}

/* 1 / (1 + 2^t), t = -x log2(e): the polynomial is 2^r on [-1/2, 1/2] to 1e-7. The product is rounded once, so that the
 * relative error grows to 1e-6 where the result is below 1e-5. */
static inline vec v_sigmoid(vec x)
{
    const vec t = v_min(v_set(126.0f), v_max(v_set(-126.0f), v_mul(x, v_set(-1.44269504088896341f))));
    const vec z = v_add(t, v_set(ROUNDER)), r = v_sub(t, v_sub(z, v_set(ROUNDER)));
    vec p = v_set(1.3264728e-3f);
    p = v_fma(p, r, v_set(9.6715127e-3f));
    p = v_fma(p, r, v_set(5.5507337e-2f));
    p = v_fma(p, r, v_set(2.4022242e-1f));
    p = v_fma(p, r, v_set(6.9314698e-1f));
    p = v_fma(p, r, v_set(1.0f));
    return v_recip(v_add(v_set(1.0f), v_scale(p, z)));
}

/* 1 - 2 / (exp(2|x|) + 1) with the sign of x; small arguments by the odd polynomial of Cephes' tanhf. */
static inline vec v_tanh(vec x)
{
    vec a = v_abs(x), z = v_mul(x, x);
    vec large = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(v_exp(v_add(a, a)), v_set(1.0f))));
    vec p = v_set(-5.70498872745e-3f);
    p = v_fma(p, z, v_set(2.06390887954e-2f));
    p = v_fma(p, z, v_set(-5.37397155531e-2f));
    p = v_fma(p, z, v_set(1.33314422036e-1f));
    p = v_fma(p, z, v_set(-3.33332819422e-1f));
    p = v_fma(v_mul(p, z), x, x);
    return v_less(a, v_set(0.625f), p, v_sign(x, large));
}

/* x/2 (1 + erf(x / sqrt 2)); erf by the rational approximation of Eigen, see nn/op/fn.c. */
static inline vec v_gelu(vec x)
{
    vec a = v_min(v_set(4.0f), v_max(v_set(-4.0f), v_mul(x, v_set(0.70710678118654752f)))), z = v_mul(a, a);
    vec p = v_set(-2.72614225801306e-10f), q = v_set(-1.45660718464996e-05f);
    p = v_fma(p, z, v_set(2.77068142495902e-08f));
    p = v_fma(p, z, v_set(-2.10102402082508e-06f));
    p = v_fma(p, z, v_set(-5.69250639462346e-05f));
    p = v_fma(p, z, v_set(-7.34990630326855e-04f));
    p = v_fma(p, z, v_set(-2.95459980854025e-03f));
    p = v_fma(p, z, v_set(-1.60960333262415e-02f));
    q = v_fma(q, z, v_set(-2.13374055278905e-04f));
    q = v_fma(q, z, v_set(-1.68282697438203e-03f));
    q = v_fma(q, z, v_set(-7.37332916720468e-03f));
    q = v_fma(q, z, v_set(-1.42647390514189e-02f));
    vec half = v_mul(x, v_set(0.5f));
    return v_fma(half, v_div(v_mul(a, p), q), half);
}

/* One case of the switch for a whole block of vectors: FOR(statement) runs it with x naming each of them. */
#define ACT_BLOCK(act, FOR)                                                                                            \
    do {                                                                                                               \
        const vec aa = v_set((act)->a), bb = v_set((act)->b);                                                          \
        switch ((act)->fn) {                                                                                           \
        case KERN_NONE:                                                                                                \
            break;                                                                                                     \
        case KERN_CLAMP:                                                                                               \
            FOR(x = v_min(bb, v_max(aa, x)));                                                                          \
            break;                                                                                                     \
        case KERN_LEAKY:                                                                                               \
            FOR(x = v_min(bb, v_less(x, v_zero(), v_mul(aa, x), x)));                                                  \
            break;                                                                                                     \
        case KERN_SWISH:                                                                                               \
            FOR(x = v_mul(x, v_sigmoid(x)));                                                                           \
            break;                                                                                                     \
        case KERN_SIGMOID:                                                                                             \
            FOR(x = v_sigmoid(x));                                                                                     \
            break;                                                                                                     \
        case KERN_TANH:                                                                                                \
            FOR(x = v_tanh(x));                                                                                        \
            break;                                                                                                     \
        case KERN_GELU:                                                                                                \
            FOR(x = v_gelu(x));                                                                                        \
            break;                                                                                                     \
        case KERN_HARD_SWISH:                                                                                          \
            FOR(x = v_mul(x, v_min(v_set(1.0f), v_max(v_zero(), v_fma(x, v_set(1.0f / 6.0f), v_set(0.5f))))));         \
            break;                                                                                                     \
        case KERN_HARD_SIGMOID:                                                                                        \
            FOR(x = v_min(v_set(1.0f), v_max(v_zero(), v_fma(x, aa, bb))));                                            \
            break;                                                                                                     \
        case KERN_ELU:                                                                                                 \
            FOR(x = v_less(v_zero(), x, x, v_mul(aa, v_sub(v_exp(x), v_set(1.0f)))));                                  \
            break;                                                                                                     \
        default:                                                                                                       \
            FOR(x = v_exp(x));                                                                                         \
            break;                                                                                                     \
        }                                                                                                              \
    } while (0)

static void activate(const struct kern_act *act, vec *v, int n)
{
#define EACH_FOR(statement)                                                                                            \
    for (int i = 0; i < n; i++) {                                                                                      \
        vec x = v[i];                                                                                                  \
        statement;                                                                                                     \
        v[i] = x;                                                                                                      \
    }
    ACT_BLOCK(act, EACH_FOR);
}

#define ONE_FOR(statement) statement
static inline vec act_one(const struct kern_act *act, vec x)
{
    ACT_BLOCK(act, ONE_FOR);
    return x;
}

#endif
