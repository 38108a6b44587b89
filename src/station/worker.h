/* Workers: what one analysis at a time needs: a caged reader, threads, a run of one network, buffers. Kept warm between
 * calls. */
#ifndef CLINIC_STATION_WORKER_H
#define CLINIC_STATION_WORKER_H

#include "intake.h"
#include "station/netcache.h"

struct worker {
    struct intake_cage *cage;
    struct nn_pool *pool;
    int32_t threads;
    const struct network *network; /* bound, or NULL */
    struct nn_run *run;
    float *in[NN_IO_MAX], *out[NN_IO_MAX];
    size_t in_n[NN_IO_MAX], out_n[NN_IO_MAX]; /* floats */
    struct worker *next;
};
/* A warm worker or a new one; its cage child is started ahead of need when with_cage. */
enum rc worker_take(struct station *st, bool with_cage, struct worker **out, struct err *e) MUST_USE;
void worker_give(struct station *st, struct worker *w); /* NULL fine */
void worker_close_all(struct station *st);
/* Threads, run and buffers for this network; cheap when nothing changed. */
enum rc worker_bind(struct worker *w, const struct network *net, int32_t threads, struct err *e) MUST_USE;
/* The same on the worker's own pool; and the end of it. */
enum rc worker_bind_pool(struct worker *w, const struct network *net, struct err *e) MUST_USE;
void worker_unbind(struct worker *w);
/* One forward over w->in into w->out. */
enum rc worker_forward(struct worker *w, const volatile bool *cancel, struct err *e) MUST_USE;
/* 0: setting `threads`, and 0 there: the processors this process may use, at most 8. */
int32_t worker_threads(const struct conf *c, int64_t asked);
int32_t processors(void);

#endif
