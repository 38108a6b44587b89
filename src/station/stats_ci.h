/* Rates and areas with their uncertainty. */
#ifndef CLINIC_STATION_STATS_CI_H
#define CLINIC_STATION_STATS_CI_H

#include "base/mem.h"

struct interval {
    double value, low, high; /* NAN where undefined */
};
/* Rate k/n with the 95 % score interval of Wilson (1927), without continuity correction. n 0: NAN. */
struct interval wilson(int64_t k, int64_t n);
/* Area under the ROC curve of scores (ties count half) with the 95 % interval of DeLong et al. (1988) by the O(n log n)
 * way of Sun and Xu (2014); clipped to [0, 1]. Undefined (NAN) without both kinds. */
enum rc auc_delong(const double *score, const bool *positive, size_t n, struct interval *out, struct err *e) MUST_USE;

#endif
