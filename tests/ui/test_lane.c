/* Work off the main thread: order, stopping what runs and what waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ui/lane.h"

#include <stdatomic.h>
#include <unistd.h>

static struct err bad;

struct work {
    struct lane_job job;
    volatile bool told; /* what the work itself looks at */
    atomic_bool started;
    bool worked, done;
};

static void until_told(struct lane_job *job)
{
    struct work *w = (struct work *)job;
    w->started = true;
    w->worked = true;
    for (int i = 0; !w->told && i < 1000; i++)
        usleep(5000);
}

static void note_done(struct lane_job *job)
{
    ((struct work *)job)->done = true;
}

static void stopping_reaches_what_runs_and_what_waits(void **state)
{
    (void)state;
    struct lane *l = NULL;
    int wake[2];
    char byte;
    assert_int_equal(pipe(wake), 0);
    assert_int_equal(lane_open(wake[1], &l, &bad), RC_OK);
    struct work running = {.job = {.work = until_told, .done = note_done}}, waiting = running;
    running.job.cancel_also = &running.told;
    waiting.job.cancel_also = &waiting.told;
    lane_submit(l, &running.job);
    lane_submit(l, &waiting.job);
    while (!running.started)
        usleep(1000);
    assert_true(lane_busy(l));
    lane_cancel(l);
    for (int i = 0; i < 2; i++)
        assert_int_equal(read(wake[0], &byte, 1), 1);
    lane_collect(l);
    assert_true(running.told && running.worked && running.done);
    assert_true(waiting.told && waiting.done);
    assert_false(waiting.worked);
    assert_false(lane_busy(l));
    lane_close(l);
    close(wake[0]);
    close(wake[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stopping_reaches_what_runs_and_what_waits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
