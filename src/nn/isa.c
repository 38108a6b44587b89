#include "base/text.h"
#include "nn.h"
#include <cpuid.h>
#include <stdlib.h>

static const char *const names[NN_ISA_N] = {"scalar", "avx2", "avx512"};

const char *nn_isa_name(enum nn_isa isa)
{
    return (unsigned)isa < NN_ISA_N ? names[isa] : "?";
}

bool nn_isa_find(const char *name, enum nn_isa *out)
{
    for (int i = 0; i < NN_ISA_N; i++) {
        if (str_eq_case(name, names[i])) {
            *out = (enum nn_isa)i;
            return true;
        }
    }
    return false;
}

/* Register state the operating system saves (XCR0), or 0. */
static unsigned saved_state(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

bool nn_isa_usable(enum nn_isa isa)
{
    enum { YMM = 0x6, ZMM = 0xe6 };
    const unsigned want2 = bit_AVX2;
    const unsigned want512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    unsigned a, b, c, d, a7, b7, c7, d7;
    if (isa == NN_ISA_SCALAR)
        return true;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7))
        return false;
    unsigned state = saved_state();
    if ((state & YMM) != YMM || !(c & bit_FMA) || !(c & bit_F16C) || (b7 & want2) != want2)
        return false;
    return isa == NN_ISA_AVX2 || ((state & ZMM) == ZMM && (b7 & want512) == want512);
}

enum nn_isa nn_isa_best(void)
{
    enum nn_isa asked;
    const char *name = getenv("NN_ISA");
    if (name && nn_isa_find(name, &asked) && nn_isa_usable(asked))
        return asked;
    for (int i = NN_ISA_N - 1; i > 0; i--) {
        if (nn_isa_usable((enum nn_isa)i))
            return (enum nn_isa)i;
    }
    return NN_ISA_SCALAR;
}
