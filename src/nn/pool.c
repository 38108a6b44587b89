#include "nn/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* About 50 microseconds on current processors: longer than the gap between two steps or two pictures of a batch, short
 * enough not to take a core from another session. */
enum { SPINS = 2500 };

struct worker {
    struct nn_pool *pool;
    int32_t number;
    pthread_t thread;
};

struct nn_pool {
    int32_t threads, started;
    void (*fn)(void *ctx, int32_t worker);
    void *ctx;
    bool quit; /* written before start changes */
    struct worker *worker;
    _Alignas(NN_CACHE_LINE) struct nn_gate start;
    _Alignas(NN_CACHE_LINE) struct nn_gate finish;
    _Alignas(NN_CACHE_LINE) _Atomic int32_t running;
};

void nn_gate_wait(struct nn_gate *g, uint32_t old)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&g->word, memory_order_acquire) != old)
            return;
        __builtin_ia32_pause();
    }
    /* The sleeper counts itself before it looks again and the setter looks at the count after it wrote the word, both
     * sequentially consistent: one of them always sees the other. */
    atomic_fetch_add(&g->sleepers, 1);
    while (atomic_load(&g->word) == old)
        syscall(SYS_futex, &g->word, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(&g->sleepers, 1);
}

void nn_gate_set(struct nn_gate *g, uint32_t value)
{
    atomic_store(&g->word, value);
    if (atomic_load(&g->sleepers))
        syscall(SYS_futex, &g->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void nn_gate_raise(struct nn_gate *g, uint32_t value)
{
    uint32_t now = atomic_load(&g->word);
    while (now < value && !atomic_compare_exchange_weak(&g->word, &now, value)) {}
    if (atomic_load(&g->sleepers))
        syscall(SYS_futex, &g->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct nn_pool *pool = w->pool;
    uint32_t seen = 0;
    for (;;) {
        nn_gate_wait(&pool->start, seen);
        seen++;
        if (pool->quit)
            return NULL;
        pool->fn(pool->ctx, w->number);
        if (atomic_fetch_sub(&pool->running, 1) == 1)
            nn_gate_set(&pool->finish, seen);
    }
}

int32_t nn_pool_threads(const struct nn_pool *pool)
{
    return pool ? pool->threads : 1;
}

void nn_pool_run(struct nn_pool *pool, void (*fn)(void *ctx, int32_t worker), void *ctx)
{
    if (nn_pool_threads(pool) == 1) {
        fn(ctx, 0);
        return;
    }
    uint32_t turn = atomic_load_explicit(&pool->start.word, memory_order_relaxed) + 1;
    pool->fn = fn;
    pool->ctx = ctx;
    atomic_store(&pool->running, pool->threads - 1);
    nn_gate_set(&pool->start, turn);
    fn(ctx, 0);
    nn_gate_wait(&pool->finish, turn - 1);
}

enum rc nn_pool_new(int32_t threads, struct nn_pool **out, struct err *e)
{
    *out = NULL;
    if (threads < 1 || threads > NN_THREADS_MAX)
        return err_set(e, ERR_VALUE, "threads is %d, allowed are 1 to %d", (int)threads, (int)NN_THREADS_MAX);
    struct nn_pool *pool = mem_aligned(sizeof(*pool), e);
    if (!pool)
        return RC_FAILED;
    *pool = (struct nn_pool){.threads = threads};
    pool->worker = mem_zalloc((size_t)threads, sizeof(*pool->worker), e);
    if (!pool->worker) {
        nn_pool_free(pool);
        return RC_FAILED;
    }
    for (int32_t i = 1; i < threads; i++) {
        pool->worker[i].pool = pool;
        pool->worker[i].number = i;
        int failed = pthread_create(&pool->worker[i].thread, NULL, worker_main, &pool->worker[i]);
        if (failed) {
            nn_pool_free(pool);
            return err_sys(e, ERR_MEMORY, failed, "cannot start thread %d of %d", (int)i + 1, (int)threads);
        }
        pool->started++;
    }
    *out = pool;
    return RC_OK;
}

void nn_pool_free(struct nn_pool *pool)
{
    if (!pool)
        return;
    pool->quit = true;
    nn_gate_set(&pool->start, atomic_load(&pool->start.word) + 1);
    for (int32_t i = 1; i <= pool->started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    mem_free(pool->worker);
    mem_free(pool);
}
