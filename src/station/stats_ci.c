/* Wilson intervals, AUC with DeLong's variance. */
#include "station/stats_ci.h"

#include <math.h>
#include <stdlib.h>

static const double z95 = 1.959963984540054;

struct interval wilson(int64_t k, int64_t n)
{
    if (n <= 0)
        return (struct interval){(double)NAN, (double)NAN, (double)NAN};
    double p = (double)k / (double)n, d = (double)n, z2 = z95 * z95;
    double centre = (p + z2 / (2 * d)) / (1 + z2 / d);
    double half = z95 / (1 + z2 / d) * sqrt(p * (1 - p) / d + z2 / (4 * d * d));
    return (struct interval){p, fmax(0, centre - half), fmin(1, centre + half)};
}

struct scored {
    double score, rank_all, rank_own;
    bool positive;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

/* Midranks (mean rank of ties, from 1) of the sorted items among all, and among their own kind. */
static void midranks(struct scored *s, size_t n)
{
    size_t before[2] = {0, 0};
    for (size_t i = 0, j; i < n; i = j) {
        size_t tied[2] = {0, 0};
        for (j = i; j < n && s[j].score == s[i].score; j++)
            tied[s[j].positive]++;
        for (size_t k = i; k < j; k++) {
            int own = s[k].positive;
            s[k].rank_all = (double)i + ((double)(j - i) + 1) / 2;
            s[k].rank_own = (double)before[own] + ((double)tied[own] + 1) / 2;
        }
        before[0] += tied[0];
        before[1] += tied[1];
    }
}

enum rc auc_delong(const double *score, const bool *positive, size_t n, struct interval *out, struct err *e)
{
    *out = (struct interval){(double)NAN, (double)NAN, (double)NAN};
    struct scored *s = mem_zalloc(n, sizeof(*s), e);
    if (!s)
        return RC_FAILED;
    double count[2] = {0, 0}, sum[2] = {0, 0}, square[2] = {0, 0};
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct scored){.score = score[i], .positive = positive[i]};
        count[positive[i]]++;
    }
    if (count[0] > 0 && count[1] > 0) {
        qsort(s, n, sizeof(*s), by_score);
        midranks(s, n);
        /* Structural components: of a positive, the share of negatives below it; of a negative, of positives above it.
         */
        for (size_t i = 0; i < n; i++) {
            int own = s[i].positive;
            double below = (s[i].rank_all - s[i].rank_own) / count[!own];
            double v = own ? below : 1 - below;
            sum[own] += v;
            square[own] += v * v;
        }
        double auc = sum[1] / count[1], variance = 0;
        for (int own = 0; own < 2; own++)
            if (count[own] > 1)
                variance += fmax(0, (square[own] - sum[own] * sum[own] / count[own]) / (count[own] - 1)) / count[own];
        double half = z95 * sqrt(variance);
        *out = (struct interval){auc, fmax(0, auc - half), fmin(1, auc + half)};
    }
    mem_free(s);
    return RC_OK;
}
