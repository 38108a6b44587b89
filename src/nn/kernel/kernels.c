#include "nn/kernel/kernels.h"
#include "nn.h"
#include <math.h>

const struct kern_isa *kern_isa(int32_t isa)
{
    switch (isa) {
#define KERNELS(id, name)                                                                                              \
    case NN_ISA_##id:                                                                                                  \
        return kern_##name();
#include "nn/kernel/kernels.def"
#undef KERNELS
    default:
        return kern_scalar();
    }
}

bool kern_act_from(const struct ir_act *ir, struct kern_act *out)
{
    *out = (struct kern_act){0};
    switch (ir->fn) {
    case IR_FN_LINEAR:
        return true;
    case IR_FN_RELU:
        if (ir->c != 0.0f)
            return false;
        out->fn = ir->a == 0.0f ? KERN_CLAMP : KERN_LEAKY;
        out->a = ir->a;
        out->b = ir->b > 0.0f ? ir->b : INFINITY;
        return true;
    case IR_FN_CLIP:
        *out = (struct kern_act){KERN_CLAMP, ir->a, ir->b};
        return true;
    case IR_FN_SWISH:
        out->fn = KERN_SWISH;
        return true;
    case IR_FN_SIGMOID:
        out->fn = KERN_SIGMOID;
        return true;
    case IR_FN_TANH:
        out->fn = KERN_TANH;
        return true;
    case IR_FN_GELU:
        out->fn = KERN_GELU;
        return true;
    case IR_FN_EXP:
        out->fn = KERN_EXP;
        return true;
    case IR_FN_HARD_SWISH:
        out->fn = KERN_HARD_SWISH;
        return true;
    case IR_FN_HARD_SIGMOID:
        *out = (struct kern_act){KERN_HARD_SIGMOID, ir->a, ir->b};
        return true;
    case IR_FN_ELU:
        *out = (struct kern_act){KERN_ELU, ir->a, 0};
        return true;
    default:
        return false;
    }
}

int32_t kern_panel_n(const struct kern_isa *k, int32_t n)
{
    int32_t vectors = (n + k->vector - 1) / k->vector;
    return (vectors + k->panel_vectors_max - 1) / k->panel_vectors_max;
}

int32_t kern_panel_start(const struct kern_isa *k, int32_t n, int32_t panel)
{
    int64_t vectors = (n + k->vector - 1) / k->vector;
    return (int32_t)(vectors * panel / kern_panel_n(k, n)) * k->vector;
}

int32_t kern_panel_width(const struct kern_isa *k, int32_t n, int32_t panel)
{
    return kern_panel_start(k, n, panel + 1) - kern_panel_start(k, n, panel);
}

int64_t kern_panel_offset(const struct kern_isa *k, int32_t n, int64_t kt, int32_t panel)
{
    return (kt + 1) * kern_panel_start(k, n, panel);
}

int64_t kern_panels_floats(const struct kern_isa *k, int32_t n, int64_t kt)
{
    return kern_panel_offset(k, n, kt, kern_panel_n(k, n));
}
