/* A worker thread with a queue: what may take time is done there, so that no key ever waits. */
#ifndef CLINIC_UI_LANE_H
#define CLINIC_UI_LANE_H

#include "base/mem.h"

struct lane;
struct lane_job {
    void (*work)(struct lane_job *job); /* on the worker */
    void (*done)(struct lane_job *job); /* on the main thread, always called once; frees the job */
    struct lane_job *next;
    volatile bool cancel;       /* set by lane_cancel; work polls it */
    volatile bool *cancel_also; /* set with it; NULL: nothing. Lives as long as the job */
};
/* wake_fd: one byte is written there whenever a job is done. */
enum rc lane_open(int wake_fd, struct lane **out, struct err *e) MUST_USE;
void lane_submit(struct lane *l, struct lane_job *job);
void lane_cancel(struct lane *l); /* the running job and everything queued (which is then done without work) */
bool lane_busy(struct lane *l);
void lane_collect(struct lane *l); /* main thread: calls done of finished jobs */
void lane_close(struct lane *l);   /* cancels, waits, collects; NULL fine */

#endif
