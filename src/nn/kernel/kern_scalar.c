/* Kernels of the row plain C. */
#include "nn/kernel/kernels.h"

#include <math.h>

#include "nn/kernel/vec_scalar.h"

enum { NV_MOST = 4, MR_MOST = 4, ROW_PIXELS = 4, PAIR_PIXELS = 2 };
static const struct kern_isa table;

/* clang-format off */
#define TILES(T) \
    T(1, 1) T(2, 1) T(3, 1) T(4, 1) \
    T(1, 2) T(2, 2) T(3, 2) T(4, 2) \
    T(1, 3) T(2, 3) T(3, 3) T(4, 3) \
    T(1, 4) T(2, 4) T(3, 4) T(4, 4)
#define PAIR_COUNTS(T) \
    T(1, 0) T(1, 1) T(2, 0) T(2, 1)
#define ROW_COUNTS(T) \
    T(1, 0) T(1, 1) T(2, 0) T(2, 1) T(3, 0) T(3, 1) T(4, 0) T(4, 1)
/* clang-format on */

#include "nn/kernel/body_flat.h"
#include "nn/kernel/body_gemm.h"
#include "nn/kernel/body_math.h"
#include "nn/kernel/body_rows.h"
#include "nn/kernel/body_wino.h"

static const struct kern_isa table = {
    .name = "scalar",
    .vector = VL,
    .panel_vectors_max = NV_MOST,
    .rows_max = {0, 4, 4, 4, 4},
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
const struct kern_isa *kern_scalar(void)
{
    return &table;
}
