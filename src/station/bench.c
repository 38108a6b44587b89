/* How long one analysis takes on this machine. */
#include "base/file.h"
#include "base/text.h"
#include "station/pattern.h"
#include "station/worker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 100000 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Peak resident memory of this process, MB; children are not in it. */
static double peak_rss_mb(void)
{
    char *text;
    size_t n;
    double mb = 0;
    if (file_read("/proc/self/status", 1 << 16, &text, &n, NULL) == RC_OK) {
        const char *at = strstr(text, "VmHWM:");
        if (at)
            mb = (double)strtoll(at + 6, NULL, 10) / 1024.0;
        mem_free(text);
    }
    return round(mb * 10) / 10;
}

static json_t *first_values(const struct worker *w)
{
    json_t *a = json_array();
    for (size_t i = 0; i < w->out_n[0] && i < 8; i++)
        json_array_append_new(a, json_float(w->out[0][i]));
    return a;
}

static json_t *steps_json(const struct nn_info *info, const int64_t *ns, int64_t runs)
{
    json_t *a = json_array();
    for (int32_t i = 0; i < info->step_n; i++) {
        double ms = (double)ns[i] / 1e6 / (double)(runs ? runs : 1),
               gflops = ms > 0 ? info->step[i].flops / ms / 1e6 : 0;
        json_array_append_new(a, json_pack("{s:s s:s s:f s:f}", "label", info->step[i].label, "kernel",
                                           info->step[i].kernel, "ms", round(ms * 1e4) / 1e4, "gflops",
                                           round(gflops * 10) / 10));
    }
    return a;
}

struct timing {
    double *ms;
    int64_t runs;
    double start_to_first_ms;
    int64_t *step_ns;
};

static enum rc measure(struct op_call *c, struct worker *w, struct timing *t, struct err *e)
{
    enum { WARM_UP = 2 };
    const volatile bool *cancel = c->q->job ? &c->q->job->cancel : NULL;
    int64_t first = clock_mono_ns();
    enum rc rc = worker_forward(w, cancel, e);
    t->start_to_first_ms = (double)(clock_mono_ns() - c->st->opt.start_ns) / 1e6;
    if (rc || t->runs == 0) {
        t->ms[0] = clock_ms_since(first);
        return rc;
    }
    for (int i = 1; !rc && i < WARM_UP; i++)
        rc = worker_forward(w, cancel, e);
    if (t->step_ns)
        nn_run_profile(w->run, t->step_ns);
    for (int64_t i = 0; !rc && i < t->runs; i++) {
        int64_t at = clock_mono_ns();
        rc = worker_forward(w, cancel, e);
        t->ms[i] = clock_ms_since(at);
        op_stage(c, "computing", i + 1, t->runs);
    }
    nn_run_profile(w->run, NULL);
    return rc;
}

static json_t *answer(const struct op_call *c, const struct worker *w, struct timing *t)
{
    size_t n = (size_t)(t->runs ? t->runs : 1);
    qsort(t->ms, n, sizeof(*t->ms), by_value);
    double median = n % 2 ? t->ms[n / 2] : 0.5 * (t->ms[n / 2 - 1] + t->ms[n / 2]);
    const struct nn_info *info = w->network->info;
    json_t *o = json_pack("{s:s s:f s:f s:o s:f s:s s:i s:i s:b s:o}", "model", w->network->id, "median_ms",
                          round(median * 1e4) / 1e4, "min_ms", round(t->ms[0] * 1e4) / 1e4, "start_to_first_ms",
                          c->st->opt.start_ns ? json_real(round(t->start_to_first_ms * 100) / 100) : json_null(),
                          "peak_rss_mb", peak_rss_mb(), "isa", nn_isa_name(info->isa), "threads", (int)w->threads,
                          "runs", (int)t->runs, "cold", w->network->first_use, "output", first_values(w));
    if (o && t->step_ns)
        json_object_set_new(o, "steps", steps_json(info, t->step_ns, t->runs));
    return o;
}

enum rc op_bench(struct op_call *c, struct err *e)
{
    const struct conf *conf;
    const struct network *net;
    struct worker *w = NULL;
    struct timing t = {0};
    int64_t threads = 0;
    struct network_spec spec = {.model = arg_text(c, "model", NULL)};
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = arg_int_in(c, "threads", 1, 64, 0, &threads, e);
    if (!rc)
        rc = arg_int_in(c, "runs", 0, RUNS_MAX, 20, &t.runs, e);
    if (!rc)
        rc = isa_of_text(arg_text(c, "isa", NULL), &spec.isa, e);
    if (!rc)
        rc = netcache_get(c->st, &spec, &net, e);
    if (!rc)
        rc = worker_take(c->st, false, &w, e);
    if (!rc)
        rc = worker_bind(w, net, worker_threads(conf, threads), e);
    for (int32_t k = 0; !rc && k < net->info->input_n; k++)
        pattern_fill("p0", k, w->in[k], w->in_n[k]);
    if (!rc && !(t.ms = mem_zalloc((size_t)(t.runs ? t.runs : 1), sizeof(*t.ms), e)))
        rc = RC_FAILED;
    if (!rc && arg_bool(c, "layers", false) &&
        !(t.step_ns = mem_zalloc((size_t)net->info->step_n + 1, sizeof(*t.step_ns), e)))
        rc = RC_FAILED;
    if (!rc)
        rc = measure(c, w, &t, e);
    if (!rc)
        rc = answer_set(c, answer(c, w, &t), e);
    worker_give(c->st, w);
    mem_free(t.ms);
    mem_free(t.step_ns);
    return rc;
}
