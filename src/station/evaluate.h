/* Evaluation: the pictures of labelled folders, what the network said of each, and the figures over all. */
#ifndef CLINIC_STATION_EVALUATE_H
#define CLINIC_STATION_EVALUATE_H

#include "station/netcache.h"

struct eval_item {
    char *path;          /* owned */
    int32_t truth, said; /* class indices; said -1: not readable, see error */
    float *scores;       /* per class, owned */
    double confidence;
    char error[200];
};
struct evaluation {
    int32_t class_n;
    struct eval_item *item; /* owned; sorted by path */
    size_t item_n, item_cap;
    json_t *skipped; /* folders that are no class; owned */
    double seconds;
};
enum rc evaluation_init(struct evaluation *ev, const struct passport *p, struct err *e) MUST_USE;
void evaluation_fini(struct evaluation *ev);
enum rc evaluation_collect(struct evaluation *ev, const char *dir, const struct passport *p, struct err *e) MUST_USE;
enum rc evaluation_run(struct station *st, struct evaluation *ev, const struct network *net, double threshold,
                       int32_t jobs, const struct station_job *job, struct err *e) MUST_USE;
/* n, accuracy, counts per class, confusion, and for two classes with a positive one sensitivity, specificity,
 * precision, F1 and AUC; otherwise per-class recall, balanced accuracy and macro AUC. Rates with Wilson's, AUC with
 * DeLong's interval. */
enum rc evaluation_report(const struct evaluation *ev, const struct network *net, double threshold, bool list,
                          json_t **out, struct err *e) MUST_USE;

#endif
