/* Running a plan. All workers walk through the steps together: the last one to finish a step does the bookkeeping and
 * the steps that have a single tile, then opens the next step for all. Tiles are shared out in equal parts; who is done
 * takes over tiles of the others. Which worker computes a tile does not change its result. */
#include "base/file.h"
#include "nn/net.h"
#include "nn/pool.h"

#include <string.h>

struct lane { /* tiles of one worker */
    _Alignas(NN_CACHE_LINE) _Atomic int32_t next;
    int32_t end;
};

struct nn_run {
    const struct nn_net *net;
    struct nn_pool *pool;
    int32_t threads;
    struct nn_env env;
    float *arena;
    float **scratch;
    struct nn_carry *carry;
    struct lane *lane;
    int64_t *ns;
    int64_t since;
    const volatile bool *cancel;
    bool cancelled;
    int32_t step; /* now open for all; step_n: finished */
    _Alignas(NN_CACHE_LINE) struct nn_gate gate;
    _Alignas(NN_CACHE_LINE) _Atomic int32_t busy;
};

void nn_run_free(struct nn_run *run)
{
    if (!run)
        return;
    for (int32_t i = 0; run->scratch && i < run->threads; i++)
        mem_free(run->scratch[i]);
    mem_free(run->scratch);
    mem_free(run->carry);
    mem_free(run->lane);
    mem_free(run->arena);
    mem_free(run);
}

enum rc nn_run_new(const struct nn_net *net, struct nn_pool *pool, struct nn_run **out, struct err *e)
{
    *out = NULL;
    struct nn_run *run = mem_aligned(sizeof(*run), e);
    if (!run)
        return RC_FAILED;
    const struct nn_plan *plan = &net->plan;
    size_t threads = (size_t)nn_pool_threads(pool);
    *run = (struct nn_run){.net = net, .pool = pool, .threads = (int32_t)threads};
    run->arena = mem_aligned((size_t)plan->arena_n * sizeof(float) + 64, e);
    run->scratch = mem_zalloc(threads, sizeof(*run->scratch), e);
    run->carry = mem_aligned(threads * sizeof(*run->carry), e);
    run->lane = mem_aligned(threads * sizeof(*run->lane), e);
    bool good = run->arena && run->scratch && run->carry && run->lane;
    for (size_t i = 0; good && i < threads; i++) {
        run->scratch[i] = mem_aligned(plan->scratch_bytes, e);
        run->lane[i] = (struct lane){0};
        good = run->scratch[i] != NULL;
    }
    if (!good) {
        nn_run_free(run);
        return RC_FAILED;
    }
    run->env =
        (struct nn_env){.arena = run->arena, .packed = net->packed, .scratch = run->scratch, .carry = run->carry};
    *out = run;
    return RC_OK;
}

void nn_run_profile(struct nn_run *run, int64_t *ns)
{
    run->ns = ns;
}

static void clock_step(struct nn_run *run, int32_t step)
{
    if (!run->ns)
        return;
    int64_t now = clock_mono_ns();
    if (step >= 0)
        run->ns[step] += now - run->since;
    run->since = now;
}

static void run_alone(struct nn_run *run, const struct nn_step *s, int32_t worker)
{
    run->carry[worker].tile = -1;
    for (int32_t i = 0; i < s->tile_n; i++)
        s->tile(s, &run->env, i, worker);
}

/* Goes on to the next step that is worth sharing, computing single tiles on the way. */
static void advance(struct nn_run *run, int32_t worker)
{
    const struct nn_plan *plan = &run->net->plan;
    clock_step(run, run->step);
    for (run->step++; run->step < plan->step_n; run->step++) {
        const struct nn_step *s = &plan->step[run->step];
        if (run->cancel && *run->cancel) {
            run->cancelled = true;
            run->step = plan->step_n;
            return;
        }
        if (s->tile_n > 1 && run->threads > 1)
            break;
        run_alone(run, s, worker);
        clock_step(run, run->step);
    }
    if (run->step >= plan->step_n)
        return;
    int64_t n = plan->step[run->step].tile_n;
    for (int32_t i = 0; i < run->threads; i++) {
        run->carry[i].tile = -1;
        run->lane[i].end = (int32_t)(n * (i + 1) / run->threads);
        atomic_store_explicit(&run->lane[i].next, (int32_t)(n * i / run->threads), memory_order_relaxed);
    }
}

static void share_step(struct nn_run *run, int32_t worker)
{
    const struct nn_step *s = &run->net->plan.step[run->step];
    for (int32_t k = 0; k < run->threads; k++) {
        struct lane *l = &run->lane[(worker + k) % run->threads];
        while (atomic_load_explicit(&l->next, memory_order_relaxed) < l->end) {
            int32_t tile = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
            if (tile >= l->end)
                break;
            s->tile(s, &run->env, tile, worker);
        }
    }
}

static void forward_worker(void *ctx, int32_t worker)
{
    struct nn_run *run = ctx;
    uint32_t phase = atomic_load_explicit(&run->gate.word, memory_order_relaxed);
    for (;;) {
        /* busy counts down; the last one in opens the gate, so nobody can be a whole phase behind. */
        if (atomic_fetch_sub(&run->busy, 1) == 1) {
            advance(run, worker);
            atomic_store_explicit(&run->busy, run->threads, memory_order_relaxed);
            nn_gate_set(&run->gate, phase + 1);
        } else {
            nn_gate_wait(&run->gate, phase);
        }
        phase++;
        if (run->step >= run->net->plan.step_n)
            return;
        share_step(run, worker);
    }
}

enum rc nn_forward(struct nn_run *run, const float *const *in, float *const *out, const volatile bool *cancel,
                   struct err *e)
{
    run->env.input = in;
    run->env.output = out;
    run->cancel = cancel;
    run->cancelled = false;
    run->step = -1;
    run->since = run->ns ? clock_mono_ns() : 0;
    if (run->threads == 1) {
        advance(run, 0);
    } else {
        atomic_store(&run->busy, run->threads);
        nn_pool_run(run->pool, forward_worker, run);
    }
    return run->cancelled ? err_set(e, ERR_CANCELLED, "Stopped") : RC_OK;
}
