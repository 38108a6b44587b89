/* Kernels of the row AVX2. */
#include "nn/kernel/kernels.h"

#include <math.h>

#include "nn/kernel/vec_avx2.h"

enum { NV_MOST = 3, MR_MOST = 8, ROW_PIXELS = 8, PAIR_PIXELS = 4 };
static const struct kern_isa table;

/* clang-format off */
#define TILES(T) \
    T(1, 1) T(2, 1) T(3, 1) T(4, 1) T(5, 1) T(6, 1) T(7, 1) T(8, 1) \
    T(1, 2) T(2, 2) T(3, 2) T(4, 2) T(5, 2) T(6, 2) \
    T(1, 3) T(2, 3) T(3, 3) T(4, 3)
#define PAIR_COUNTS(T) \
    T(1, 0) T(1, 1) T(2, 0) T(2, 1) T(3, 0) T(3, 1) T(4, 0) T(4, 1)
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
    .name = "avx2",
    .vector = VL,
    .panel_vectors_max = NV_MOST,
    .rows_max = {0, 8, 6, 4, 0},
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
const struct kern_isa *kern_avx2(void)
{
    return &table;
}
