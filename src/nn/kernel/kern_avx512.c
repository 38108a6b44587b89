/* Kernels of the row AVX-512. */
#include "nn/kernel/kernels.h"

#include <math.h>

#include "nn/kernel/vec_avx512.h"

enum { NV_MOST = 4, MR_MOST = 12, ROW_PIXELS = 8, PAIR_PIXELS = 8 };
static const struct kern_isa table;

/* clang-format off */
#define TILES(T) \
    T(1, 1) T(2, 1) T(3, 1) T(4, 1) T(5, 1) T(6, 1) T(7, 1) T(8, 1) T(9, 1) T(10, 1) T(11, 1) T(12, 1) \
    T(1, 2) T(2, 2) T(3, 2) T(4, 2) T(5, 2) T(6, 2) T(7, 2) T(8, 2) T(9, 2) T(10, 2) T(11, 2) T(12, 2) \
    T(1, 3) T(2, 3) T(3, 3) T(4, 3) T(5, 3) T(6, 3) T(7, 3) T(8, 3) \
    T(1, 4) T(2, 4) T(3, 4) T(4, 4) T(5, 4) T(6, 4)
#define PAIR_COUNTS(T) \
    T(1, 0) T(1, 1) T(2, 0) T(2, 1) T(3, 0) T(3, 1) T(4, 0) T(4, 1) \
    T(5, 0) T(5, 1) T(6, 0) T(6, 1) T(7, 0) T(7, 1) T(8, 0) T(8, 1)
#define ROW_COUNTS(T) \
    T(1, 0) T(1, 1) T(2, 0) T(2, 1) T(3, 0) T(3, 1) T(4, 0) T(4, 1) \
    T(5, 0) T(5, 1) T(6, 0) T(6, 1) T(7, 0) T(7, 1) T(8, 0) T(8, 1)
/* clang-format on */

#include "nn/kernel/body_flat.h"
#include "nn/kernel/body_gemm.h"
#include "nn/kernel/body_math.h"
#include "nn/kernel/body_rows.h"
#include "nn/kernel/body_wino.h"

static const struct kern_isa table = {
    .name = "avx512",
    .vector = VL,
    .panel_vectors_max = NV_MOST,
    .rows_max = {0, 12, 12, 8, 6},
    .gemm = gemm,
    .depthwise = depthwise,
    .pairs = can_pair,
    .pool = pool,
    .map = map,
    .affine = affine,
    .binary = binary,
    .reduce = reduce,
    .exp_sum = exp_sum,
    .maximum = maximum,
    .wino_in = wino_in,
    .wino_out = wino_out,
};
const struct kern_isa *kern_avx512(void)
{
    return &table;
}
