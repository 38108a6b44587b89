/* From a network's output to a class with a confidence. */
#include "base/text.h"
#include "station/predict.h"

#include <math.h>

static double two_decimals(double v)
{
    return round(v * 100.0) / 100.0;
}

/* score in [0, 1] moved piecewise linearly so that the threshold comes to 0.5; the identity at 0.5. */
static double rescale(double score, double threshold)
{
    if (score < threshold)
        return 0.5 * score / threshold;
    return threshold < 1.0 ? 0.5 + 0.5 * (score - threshold) / (1.0 - threshold) : 1.0;
}

static enum rc verdict_binary(const struct passport *p, float score, double threshold, struct verdict *v)
{
    v->has_threshold = true;
    v->threshold = isnan(threshold) ? p->threshold : threshold;
    v->score = score;
    /* Compared as float32: a score of 0.35f reaches an operating point written as 0.35. */
    v->positive = score >= (float)v->threshold;
    v->class_index = v->positive ? p->positive : 1 - p->positive;
    double inside = fmin(fmax((double)score, 0.0), 1.0);
    double r = rescale(inside, v->positive ? fmin(v->threshold, inside) : v->threshold);
    v->confidence = two_decimals(100.0 * (v->positive ? r : 1.0 - r));
    return RC_OK;
}

enum rc verdict_of(const struct passport *p, const float *out, int32_t n, double threshold, struct verdict *v,
                   struct err *e)
{
    *v = (struct verdict){0};
    for (int32_t i = 0; i < n; i++)
        if (!isfinite(out[i]))
            return err_set(e, ERR_MODEL_GOLDEN, "output %d of %.100s is not a finite number", i, p->id);
    if (!isnan(threshold) && !(threshold >= 0.0 && threshold <= 1.0))
        return err_set(e, ERR_VALUE, "threshold: %g is not in 0..1", threshold);
    if (p->positive >= 0)
        return verdict_binary(p, n == 1 ? out[0] : out[p->positive], threshold, v);
    if (!isnan(threshold))
        return err_set(e, ERR_VALUE, "%.100s has %d classes and no operating point: leave the threshold out", p->id,
                       p->class_n);
    for (int32_t i = 1; i < n; i++)
        if (out[i] > out[v->class_index])
            v->class_index = i;
    v->score = out[v->class_index];
    v->positive = p->class[v->class_index].concern;
    v->confidence = two_decimals(100.0 * (double)v->score);
    return RC_OK;
}

float verdict_score(const struct passport *p, const float *out, int32_t n, int32_t class_index)
{
    if (n > 1)
        return out[class_index];
    return class_index == p->positive ? out[0] : 1.0f - out[0];
}
