/* Warm workers and their binding to a network. */
#include "station/worker.h"

#include <sched.h>
#include <unistd.h>

int32_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < 1024 ? (int32_t)n : 1;
}

int32_t worker_threads(const struct conf *c, int64_t asked)
{
    if (asked <= 0)
        asked = conf_int(c, CONF_ID_threads);
    if (asked <= 0)
        asked = processors() < 8 ? processors() : 8;
    return (int32_t)(asked > 64 ? 64 : asked);
}

void worker_unbind(struct worker *w)
{
    nn_run_free(w->run);
    w->run = NULL;
    for (int i = 0; i < NN_IO_MAX; i++) {
        mem_free(w->in[i]);
        mem_free(w->out[i]);
        w->in[i] = w->out[i] = NULL;
        w->in_n[i] = w->out_n[i] = 0;
    }
    w->network = NULL;
}

static void worker_free(struct worker *w)
{
    if (!w)
        return;
    worker_unbind(w);
    nn_pool_free(w->pool);
    intake_cage_close(w->cage);
    mem_free(w);
}

enum rc worker_take(struct station *st, bool with_cage, struct worker **out, struct err *e)
{
    *out = NULL;
    const struct conf *conf;
    enum rc rc = station_conf(st, &conf, e);
    if (rc)
        return rc;
    pthread_mutex_lock(&st->lock);
    struct worker *w = st->idle;
    if (w)
        st->idle = w->next;
    pthread_mutex_unlock(&st->lock);
    if (!w)
        w = mem_zalloc(1, sizeof(*w), e);
    if (!w)
        return RC_FAILED;
    w->next = NULL;
    if (with_cage && !w->cage)
        rc = intake_cage_open(conf, &w->cage, e);
    if (rc) {
        worker_free(w);
        return rc;
    }
    if (with_cage)
        intake_cage_warm(w->cage);
    *out = w;
    return RC_OK;
}

void worker_give(struct station *st, struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&st->lock);
    w->next = st->idle;
    st->idle = w;
    pthread_mutex_unlock(&st->lock);
}

void worker_close_all(struct station *st)
{
    while (st->idle) {
        struct worker *w = st->idle;
        st->idle = w->next;
        worker_free(w);
    }
}

static enum rc buffers(const struct nn_shape *shape, int32_t n, float **data, size_t *elements, struct err *e)
{
    for (int32_t i = 0; i < n; i++) {
        elements[i] = shape_elements(&shape[i]);
        data[i] = mem_aligned((elements[i] ? elements[i] : 1) * sizeof(float), e);
        if (!data[i])
            return RC_FAILED;
    }
    return RC_OK;
}

enum rc worker_bind(struct worker *w, const struct network *net, int32_t threads, struct err *e)
{
    if (w->network == net && w->threads == threads)
        return RC_OK;
    worker_unbind(w);
    enum rc rc = RC_OK;
    if (w->pool && w->threads != threads) {
        nn_pool_free(w->pool);
        w->pool = NULL;
    }
    if (!w->pool)
        rc = nn_pool_new(threads, &w->pool, e);
    w->threads = threads;
    return rc ? rc : worker_bind_pool(w, net, e);
}

enum rc worker_bind_pool(struct worker *w, const struct network *net, struct err *e)
{
    enum rc rc = nn_run_new(net->net, w->pool, &w->run, e);
    if (!rc)
        rc = buffers(net->info->input, net->info->input_n, w->in, w->in_n, e);
    if (!rc)
        rc = buffers(net->info->output, net->info->output_n, w->out, w->out_n, e);
    if (rc)
        worker_unbind(w);
    else
        w->network = net;
    return rc;
}

enum rc worker_forward(struct worker *w, const volatile bool *cancel, struct err *e)
{
    return nn_forward(w->run, (const float *const *)w->in, w->out, cancel, e);
}
