/* Reproducible inputs for golden vectors and benchmarks; the formulas are those of the reference data of the networks.
 */
#ifndef CLINIC_STATION_PATTERN_H
#define CLINIC_STATION_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills input number k with pattern "p0" (noise in [0, 1)), "p1" (ramp), "p2" (noise in [-1, 1)) or "p3" (0.5).
 * False for an unknown name. */
bool pattern_fill(const char *name, int32_t k, float *out, size_t n);

#endif
