/* One picture through one network: what predict, images.add, evaluate and the demo share. */
#ifndef CLINIC_STATION_PREDICT_H
#define CLINIC_STATION_PREDICT_H

#include "intake.h"
#include "station/core.h"
#include "station/passport.h"

/* The verdict over a network's output. */
struct verdict {
    int32_t class_index;
    bool positive; /* meaningful when the passport has a positive class */
    bool has_threshold;
    float score; /* positive class' score, or the top probability */
    double threshold;
    double confidence; /* percent, rounded to two decimals */
};
/* out: n outputs of the network as it is. One sigmoid unit, or two classes with a positive one: score >= threshold is
 * positive; at 0.5 confidence is score or 1 - score in percent, elsewhere score is rescaled piecewise so that the
 * threshold sits at 50 %. Otherwise: top class and its probability. threshold: NAN for the passport's own. */
enum rc verdict_of(const struct passport *p, const float *out, int32_t n, double threshold, struct verdict *v,
                   struct err *e) MUST_USE;
/* Probability of class i: sigmoid outputs are completed to two classes. */
float verdict_score(const struct passport *p, const float *out, int32_t n, int32_t class_index);

struct analysis_request {
    int fd;            /* picture; borrowed. Read from its beginning */
    const char *name;  /* as the user calls it; NULL: "picture" */
    const char *model; /* id or path; NULL: the default network */
    double threshold;  /* NAN: the passport's */
    int32_t threads;   /* 0: the setting */
    const char *isa;   /* NULL: best */
    struct station_job *job;
};
struct analysis {
    json_t *json;            /* the whole answer of predict, owned */
    struct intake_file file; /* sealed picture, owned: images.add stores these very bytes */
    struct verdict verdict;
    char predicted_class[64], model_id[128], model_version[32], model_sha256[SHA256_HEX];
    int32_t width_px, height_px;
    double seconds;
};
enum rc station_analyse(struct station *st, const struct analysis_request *r, struct analysis *out,
                        struct err *e) MUST_USE;
void analysis_fini(struct analysis *a);

#endif
