#include "ui/lane.h"
#include <pthread.h>
#include <unistd.h>

struct job_list {
    struct lane_job *first, **end;
};

struct lane {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job_list queue, finished;
    struct lane_job *running;
    int wake_fd;
    bool closing;
};

static void list_init(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct job_list *list, struct lane_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct lane_job *list_take(struct job_list *list)
{
    struct lane_job *job = list->first;
    if (job) {
        list->first = job->next;
        if (!list->first)
            list->end = &list->first;
    }
    return job;
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (!l->queue.first && !l->closing)
            pthread_cond_wait(&l->more, &l->lock);
        struct lane_job *job = list_take(&l->queue);
        if (!job)
            break;
        l->running = job;
        pthread_mutex_unlock(&l->lock);
        if (!job->cancel)
            job->work(job);
        pthread_mutex_lock(&l->lock);
        l->running = NULL;
        list_add(&l->finished, job);
        ssize_t ignored = write(l->wake_fd, "", 1);
        (void)ignored;
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

enum rc lane_open(int wake_fd, struct lane **out, struct err *e)
{
    struct lane *l = mem_zalloc(1, sizeof *l, e);
    if (!l)
        return RC_FAILED;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->more, NULL);
    list_init(&l->queue);
    list_init(&l->finished);
    l->wake_fd = wake_fd;
    int failed = pthread_create(&l->thread, NULL, lane_main, l);
    if (failed) {
        mem_free(l);
        return err_sys(e, ERR_MEMORY, failed, "no thread");
    }
    *out = l;
    return RC_OK;
}

void lane_submit(struct lane *l, struct lane_job *job)
{
    pthread_mutex_lock(&l->lock);
    list_add(&l->queue, job);
    pthread_cond_signal(&l->more);
    pthread_mutex_unlock(&l->lock);
}

static void job_cancel(struct lane_job *job)
{
    job->cancel = true;
    if (job->cancel_also)
        *job->cancel_also = true;
}

void lane_cancel(struct lane *l)
{
    pthread_mutex_lock(&l->lock);
    if (l->running)
        job_cancel(l->running);
    for (struct lane_job *job = l->queue.first; job; job = job->next)
        job_cancel(job);
    pthread_mutex_unlock(&l->lock);
}

bool lane_busy(struct lane *l)
{
    pthread_mutex_lock(&l->lock);
    bool busy = l->running || l->queue.first;
    pthread_mutex_unlock(&l->lock);
    return busy;
}

void lane_collect(struct lane *l)
{
    for (;;) {
        pthread_mutex_lock(&l->lock);
        struct lane_job *job = list_take(&l->finished);
        pthread_mutex_unlock(&l->lock);
        if (!job)
            return;
        job->done(job);
    }
}

void lane_close(struct lane *l)
{
    if (!l)
        return;
    lane_cancel(l);
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_cond_signal(&l->more);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    lane_collect(l);
    pthread_cond_destroy(&l->more);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}
