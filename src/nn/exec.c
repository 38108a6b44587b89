/* Running a plan. Tiles of a step are shared out in equal parts; who is done takes over tiles of the others. Whoever
 * finishes the last tile of a step does the bookkeeping and the steps that have a single tile, then opens the next step
 * for all. A worker that got no processor is not waited for: the others do its tiles. Which worker computes a tile does
 * not change its result. */
#include "base/file.h"
#include "nn/net.h"
#include "nn/pool.h"

#include <string.h>

/* Tiles of one worker that are not taken yet, in one word so that a late worker cannot take a tile of another step:
 * step << 40 | next << 20 | end. */
struct lane {
    _Alignas(NN_CACHE_LINE) _Atomic uint64_t word;
};
enum { LANE_BITS = 20, LANE_MASK = (1 << LANE_BITS) - 1 };

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
    int32_t step;                                 /* now open for all; step_n: finished */
    _Alignas(NN_CACHE_LINE) struct nn_gate gate;  /* step + 1; only grows during a forward */
    _Alignas(NN_CACHE_LINE) _Atomic int32_t left; /* tiles of the step that are not finished */
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

/* Goes on to the next step that is worth sharing, computing single tiles on the way, and opens it. */
static void advance(struct nn_run *run, int32_t worker)
{
    const struct nn_plan *plan = &run->net->plan;
    clock_step(run, run->step);
    for (run->step++; run->step < plan->step_n; run->step++) {
        const struct nn_step *s = &plan->step[run->step];
        if (run->cancel && *run->cancel) {
            run->cancelled = true;
            run->step = plan->step_n;
            break;
        }
        if (s->tile_n > 1 && s->tile_n < LANE_MASK && run->threads > 1)
            break;
        run_alone(run, s, worker);
        clock_step(run, run->step);
    }
    const int32_t open = run->step;
    if (open < plan->step_n) {
        const uint64_t n = (uint64_t)plan->step[open].tile_n, threads = (uint64_t)run->threads;
        atomic_store_explicit(&run->left, (int32_t)n, memory_order_relaxed);
        for (int32_t i = 0; i < run->threads; i++)
            run->carry[i].tile = -1;
        for (uint64_t i = 0; i < threads; i++) {
            const uint64_t word =
                (uint64_t)open << (2 * LANE_BITS) | (n * i / threads) << LANE_BITS | n * (i + 1) / threads;
            atomic_store_explicit(&run->lane[i].word, word, memory_order_release);
        }
    }
    /* From the first lane on the others may finish this step and open further ones before we come here. */
    nn_gate_raise(&run->gate, (uint32_t)open + 1);
}

/* Takes the next tile of a lane while it belongs to the step; -1: none left. */
static int32_t lane_take(struct lane *l, int32_t step)
{
    uint64_t word = atomic_load_explicit(&l->word, memory_order_acquire);
    for (;;) {
        const int32_t next = (int32_t)(word >> LANE_BITS & LANE_MASK), end = (int32_t)(word & LANE_MASK);
        if (word >> (2 * LANE_BITS) != (uint64_t)step || next >= end)
            return -1;
        if (atomic_compare_exchange_weak_explicit(&l->word, &word, word + (1u << LANE_BITS), memory_order_acq_rel,
                                                  memory_order_acquire))
            return next;
    }
}

static void share_step(struct nn_run *run, int32_t worker, int32_t step)
{
    const struct nn_step *s = &run->net->plan.step[step];
    for (int32_t k = 0; k < run->threads; k++) {
        struct lane *l = &run->lane[(worker + k) % run->threads];
        for (int32_t tile; (tile = lane_take(l, step)) >= 0;) {
            s->tile(s, &run->env, tile, worker);
            if (atomic_fetch_sub_explicit(&run->left, 1, memory_order_acq_rel) == 1) {
                advance(run, worker);
                return;
            }
        }
    }
}

static void forward_worker(void *ctx, int32_t worker)
{
    struct nn_run *run = ctx;
    const uint32_t finished = (uint32_t)run->net->plan.step_n + 1;
    uint32_t seen = 0;
    if (worker == 0)
        advance(run, worker);
    for (;;) {
        nn_gate_wait(&run->gate, seen);
        seen = atomic_load_explicit(&run->gate.word, memory_order_acquire);
        if (seen == finished)
            return;
        share_step(run, worker, (int32_t)seen - 1);
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
        atomic_store(&run->gate.word, 0);
        for (int32_t i = 0; i < run->threads; i++)
            atomic_store_explicit(&run->lane[i].word, 0, memory_order_relaxed);
        nn_pool_run(run->pool, forward_worker, run);
    }
    return run->cancelled ? err_set(e, ERR_CANCELLED, "Stopped") : RC_OK;
}
