/* Compute kernels: one table of functions per instruction set, made from the same sources (body_*.h) over a few vector
 * primitives (vec_<isa>.h). Kernels read and write exactly the elements named by their arguments; pointers need no
 * alignment. They call nothing outside and cannot fail. */
#ifndef CLINIC_NN_KERNELS_H
#define CLINIC_NN_KERNELS_H

#include "nn/ir.h"

enum { KERN_TAPS_MAX = 64 };

/* Fused activation: the functions vector kernels know. */
enum kern_fn {
    KERN_NONE,
    KERN_CLAMP,
    KERN_LEAKY,
    KERN_SWISH,
    KERN_SIGMOID,
    KERN_TANH,
    KERN_HARD_SWISH,
    KERN_HARD_SIGMOID,
    KERN_ELU,
    KERN_EXP,
    KERN_GELU
};
struct kern_act {
    int32_t fn;
    float a, b; /* CLAMP: lower, upper bound. LEAKY: slope, upper bound. HARD_SIGMOID: clip(a x + b, 0, 1). ELU: a
                   (exp(x) - 1) */
};
bool kern_act_from(const struct ir_act *ir, struct kern_act *out); /* false: not among them */

/* C[m][n] = act(sum over taps and k of A[tap][m][k] * B[tap*k][n] + bias[n] + R[m][n]).
 * B lies in panels of kern_panel_width() columns: bias, then one row per (tap, k). A pixel's row of A is a + m*lda (one
 * tap), row[tap*row_n + m], or tap[tap] + m*lda. */
struct kern_gemm {
    const float *a;
    int64_t lda;
    const float *const *row;
    const float *const *tap; /* or tap[t] + m*lda */
    int32_t row_n;
    int32_t m, taps, k;
    int32_t n, panel, panel_end; /* columns of the whole matrix; panels to compute */
    const float *b;              /* panel 0 */
    float *c;                    /* column 0 */
    int64_t ldc;
    int64_t c_step;        /* floats between vectors of columns; 0: they lie together */
    const float *residual; /* NULL: none */
    int64_t ldr;
    bool more;          /* adds to what is in C instead of starting with the bias (k in several calls) */
    const float *ahead; /* what the next call reads, fetched early; NULL: nothing known */
    bool hold;          /* no residual and no activation yet: another call follows */
    struct kern_act act;
};

/* One row of a depthwise convolution or of pooling. Input column of output x and tap kx: x*stride + kx*dilation -
 * before. */
struct kern_row {
    const float *const *row; /* kernel_h rows of input, NULL: outside the picture */
    int64_t pitch;           /* floats between input columns */
    int64_t block;           /* floats between vectors of input channels; 0: they lie together */
    int32_t in_w, out_w, channels;
    int32_t kh, kw, stride, dilation, before;
    const float *w; /* depthwise: per vector of channels: bias, then kh*kw taps */
    float *out;
    int64_t out_pitch;
    bool two; /* depthwise: two output rows, out and out + out_row, from kernel_h + 1 input rows (see pairs) */
    int64_t out_row;
    struct kern_act act;
    float *sum;   /* depthwise: adds each result to sum[channel] as well; NULL: no */
    bool average; /* pooling: mean of the real cells, else maximum */
};

/* Winograd F(4x4, 3x3): one tile of 6x6 input cells to 36 planes of channels, and 36 planes to 4x4 results. */
struct kern_wino_in {
    const float *row[6]; /* cell 0 of each input row; NULL: outside */
    int32_t from, to;    /* cells inside */
    int64_t pitch;
    int32_t channels;
    float *v;      /* plane 0, this tile */
    int64_t plane; /* floats between planes */
};
struct kern_wino_out {
    const float *m;
    int64_t plane;
    const float *bias, *residual; /* residual NULL: none */
    float *out;
    int64_t pitch, residual_pitch, width; /* width: pixels of a row of the whole picture */
    int32_t rows, cols, channels;         /* results that lie inside */
    struct kern_act act;
};

struct kern_isa {
    const char *name;
    int32_t vector;            /* floats */
    int32_t panel_vectors_max; /* widest GEMM panel */
    int32_t rows_max[5];       /* per panel width in vectors: rows of a register tile */
    void (*gemm)(const struct kern_gemm *j);
    void (*depthwise)(const struct kern_row *j);
    bool (*pairs)(const struct kern_row *j); /* depthwise can make two rows at once */
    void (*pool)(const struct kern_row *j);
    void (*map)(const struct kern_act *act, const float *x, float *y, int64_t n);
    /* y = relu?(x*scale + shift) per channel; scale or shift NULL: 1, 0 */
    void (*affine)(const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows, int32_t channels,
                   const float *scale, const float *shift, const struct kern_act *act);
    /* y = act(a fn b), same shapes; fn of enum ir_binary_fn: ADD, SUB, MUL, MAX, MIN */
    void (*binary)(int32_t fn, const float *a, const float *b, float *y, int64_t n, const struct kern_act *act);
    /* sum[c] += over rows, or maximum */
    void (*reduce)(const float *x, int64_t ldx, int64_t rows, int32_t channels, float *sum, bool maximum);
    double (*exp_sum)(const float *x, float *y, int64_t n, float max); /* y = exp(x - max); their sum */
    float (*maximum)(const float *x, int64_t n);
    void (*wino_in)(const struct kern_wino_in *j);
    void (*wino_out)(const struct kern_wino_out *j);
};
/* Table of the instruction set (enum nn_isa); never NULL. */
const struct kern_isa *kern_isa(int32_t isa);
#define KERNELS(id, name) const struct kern_isa *kern_##name(void);
#include "nn/kernel/kernels.def"
#undef KERNELS

/* Panels: the columns in whole vectors, shared out as evenly as the widest panel allows. */
int32_t kern_panel_n(const struct kern_isa *k, int32_t n);
int32_t kern_panel_width(const struct kern_isa *k, int32_t n, int32_t panel); /* columns, a multiple of the vector */
int32_t kern_panel_start(const struct kern_isa *k, int32_t n, int32_t panel); /* first column */
int64_t kern_panel_offset(const struct kern_isa *k, int32_t n, int64_t kt, int32_t panel); /* floats; kt = taps * k */
int64_t kern_panels_floats(const struct kern_isa *k, int32_t n, int64_t kt);

#endif
