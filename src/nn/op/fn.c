/* Element-wise functions. One scalar definition each; the loops over arrays are generated from the same rows. */
#include "nn/op/op.h"

#include <math.h>

#define FN(id) static inline float fn_##id(const struct ir_act *p, float x)
#define UNUSED (void)p

static inline float softplus(float x)
{
    return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
}

static inline float logistic(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static inline float clip(float x, float lo, float hi)
{
    x = x < lo ? lo : x; /* a NaN passes through both */
    return x > hi ? hi : x;
}

/* Rational approximation as in Eigen (and so TensorFlow), within 5e-7; unlike erff it vectorises. */
static inline float error_function(float x)
{
    x = clip(x, -4, 4);
    float z = x * x, p = -2.72614225801306e-10f, q = -1.45660718464996e-05f;
    p = p * z + 2.77068142495902e-08f;
    p = p * z - 2.10102402082508e-06f;
    p = p * z - 5.69250639462346e-05f;
    p = p * z - 7.34990630326855e-04f;
    p = p * z - 2.95459980854025e-03f;
    p = p * z - 1.60960333262415e-02f;
    q = q * z - 2.13374055278905e-04f;
    q = q * z - 1.68282697438203e-03f;
    q = q * z - 7.37332916720468e-03f;
    q = q * z - 1.42647390514189e-02f;
    return x * p / q;
}

FN(LINEAR)
{
    UNUSED;
    return x;
}
FN(RELU)
{
    float y = x >= p->c ? x : p->a * (x - p->c);
    return p->b > 0 && y > p->b ? p->b : y;
}
FN(SIGMOID)
{
    UNUSED;
    return logistic(x);
}
FN(TANH)
{
    UNUSED;
    return tanhf(x);
}
FN(ELU)
{
    return x > 0 ? x : p->a * expm1f(x);
}
FN(SELU)
{
    UNUSED;
    return 1.05070098735548049342f * (x > 0 ? x : 1.67326324235437728482f * expm1f(x));
}
FN(SOFTPLUS)
{
    UNUSED;
    return softplus(x);
}
FN(SOFTSIGN)
{
    UNUSED;
    return x / (1.0f + fabsf(x));
}
FN(EXP)
{
    UNUSED;
    return expf(x);
}
FN(SWISH)
{
    UNUSED;
    return x * logistic(x);
}
FN(GELU)
{
    UNUSED;
    return 0.5f * x * (1.0f + error_function(x * 0.70710678118654752440f));
}
FN(GELU_TANH)
{
    UNUSED;
    return 0.5f * x * (1.0f + tanhf(0.79788456080286535588f * (x + 0.044715f * x * x * x)));
}
FN(MISH)
{
    UNUSED;
    return x * tanhf(softplus(x));
}
FN(HARD_SIGMOID)
{
    return clip(p->a * x + p->b, 0, 1);
}
FN(HARD_SWISH)
{
    UNUSED;
    return x * (clip(x + 3.0f, 0, 6) * (1.0f / 6.0f));
}
FN(CELU)
{
    return x > 0 ? x : p->a * expm1f(x / p->a);
}
FN(GLU)
{
    UNUSED;
    return logistic(x);
} /* the gate; ACT multiplies the halves */
FN(HARD_TANH)
{
    UNUSED;
    return clip(x, -1, 1);
}
FN(HARD_SHRINK)
{
    return fabsf(x) > p->a ? x : 0;
}
FN(SOFT_SHRINK)
{
    return x > p->a ? x - p->a : x < -p->a ? x + p->a : 0;
}
FN(TANH_SHRINK)
{
    UNUSED;
    return x - tanhf(x);
}
FN(LOG_SIGMOID)
{
    UNUSED;
    return -softplus(-x);
}
FN(SPARSE_PLUS)
{
    UNUSED;
    return x <= -1 ? 0 : x < 1 ? 0.25f * (x + 1) * (x + 1) : x;
}
FN(SPARSE_SIGMOID)
{
    UNUSED;
    return clip(0.5f * (x + 1), 0, 1);
}
FN(SQUAREPLUS)
{
    return 0.5f * (x + sqrtf(x * x + p->a));
}
FN(THRESHOLD)
{
    return x > p->a ? x : p->b;
}
FN(CLIP)
{
    return clip(x, p->a, p->b);
}
FN(SQUARE)
{
    UNUSED;
    return x * x;
}
FN(SQRT)
{
    UNUSED;
    return sqrtf(x);
}
FN(RSQRT)
{
    UNUSED;
    return 1.0f / sqrtf(x);
}
FN(ABS)
{
    UNUSED;
    return fabsf(x);
}
FN(LOG)
{
    UNUSED;
    return logf(x);
}
FN(NEG)
{
    UNUSED;
    return -x;
}
FN(SIN)
{
    UNUSED;
    return sinf(x);
}
FN(COS)
{
    UNUSED;
    return cosf(x);
}
FN(FLOOR)
{
    UNUSED;
    return floorf(x);
}
FN(RECIPROCAL)
{
    UNUSED;
    return 1.0f / x;
}

#define IR_FN(id, name)                                                                                                \
    static float one_##id(const struct ir_act *p, float x)                                                             \
    {                                                                                                                  \
        return fn_##id(p, x);                                                                                          \
    }                                                                                                                  \
    static void all_##id(const struct ir_act *p, const float *x, float *y, int64_t n)                                  \
    {                                                                                                                  \
        const struct ir_act a = *p;                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            y[i] = fn_##id(&a, x[i]);                                                                                  \
        }                                                                                                              \
    }
#include "nn/ir_fns.def"
#undef IR_FN

static const struct {
    float (*one)(const struct ir_act *p, float x);
    void (*all)(const struct ir_act *p, const float *x, float *y, int64_t n);
} fns[IR_FN_N] = {
#define IR_FN(id, name) [IR_FN_##id] = {one_##id, all_##id},
#include "nn/ir_fns.def"
#undef IR_FN
};

float nn_fn_apply(const struct ir_act *a, float x)
{
    return fns[a->fn].one(a, x);
}

void nn_fn_apply_n(const struct ir_act *a, const float *x, float *y, int64_t n)
{
    if (a->fn != IR_FN_LINEAR || x != y) {
        fns[a->fn].all(a, x, y, n);
    }
}
