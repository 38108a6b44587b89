/* Runs one network outside the station, for parity scripts and benchmarks.
 *
 *   run_net FILE.h5 [--isa I] [--threads N] [--plain] [--pattern pK] [--scale S] [--tokens INPUT:VOCABULARY]...
 *           [--shape INPUT:AxBxC]... [--print N]
 *       one line per output: shape, then the values
 *   run_net --bench FILE.h5 THREADS CALLS [--isa I] [--plain]     one line of JSON for peers.py
 *   run_net --layers FILE.h5 THREADS [--isa I] [--plain]          time, GFLOP/s and kernel of each step
 *
 * $NN_CACHE is a folder for packed networks; without it a network is packed in memory each time. Input patterns are
 * those of the Keras reference data. */
#include "base/file.h"
#include "base/text.h"
#include "nn.h"
#include "nn_import.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { INPUTS = 16, CALLS_MAX = 10000 };

struct options {
    const char *file, *pattern;
    char mode; /* 'r' run, 'b' bench, 'l' layers */
    int64_t threads, calls, print;
    double scale;
    int64_t vocabulary[INPUTS];
    struct nn_shape shape[INPUTS];
    int32_t shape_n;
    struct nn_build build;
};

static int fail(const struct err *e)
{
    fprintf(stderr, "E%d %s\n", (int)e->code, e->msg);
    return e->rc ? (int)e->rc : 1;
}

static uint32_t mix(uint32_t i, uint32_t seed)
{
    uint32_t u = i * 2654435761u + seed;
    u ^= u >> 15;
    u *= 2246822519u;
    return u ^ (u >> 13);
}

static float pattern_value(const struct options *o, int32_t k, uint32_t i)
{
    uint32_t input = (uint32_t)k;
    if (k < INPUTS && o->vocabulary[k])
        return (float)((i * 7 + 3 + input) % (uint32_t)(o->vocabulary[k] < 50 ? o->vocabulary[k] : 50));
    switch (o->pattern[1]) {
    case '0':
        return (float)((double)mix(i, 12345u + 1000003u * input) / 4294967296.0);
    case '1':
        return (float)((i * 7 + 13 * input) % 256) / 255.0f;
    case '2':
        return 2.0f * (float)((double)mix(i, 54321u + 1000003u * input) / 4294967296.0) - 1.0f;
    default:
        return 0.5f;
    }
}

static enum rc import_h5(const char *path, int *ir, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        return err_sys(e, ERR_MODEL_MISSING, errno, "Model file not found at %s", path);
    *ir = memfd_create("ir", MFD_CLOEXEC);
    struct nn_import_source from = {.fd = fd, .size_bytes = (uint64_t)st.st_size};
    struct nn_import_sink to = {.fd = *ir, .max_bytes = 4ULL << 30};
    enum rc rc = nn_import_warm_up(e);
    if (!rc)
        rc = nn_import(&from, &to, e);
    close(fd);
    return rc;
}

static enum rc net_open(const struct options *o, struct nn_net **net, struct err *e)
{
    const char *cache = getenv("NN_CACHE");
    char path[4096] = "";
    struct stat h5, nn;
    if (cache) {
        char name[256];
        nn_packed_name(name, sizeof(name), path_base(o->file), &o->build);
        snprintf(path, sizeof(path), "%s/%s", cache, name);
        struct err miss = {0};
        if (!stat(o->file, &h5) && !stat(path, &nn) && nn.st_mtime >= h5.st_mtime &&
            !nn_net_open(path, &o->build, net, &miss))
            return RC_OK;
    }
    int ir = -1;
    enum rc rc = import_h5(o->file, &ir, e);
    if (!rc && cache) {
        rc = nn_net_pack(ir, path, &o->build, e);
        if (!rc)
            rc = nn_net_open(path, &o->build, net, e);
    } else if (!rc) {
        rc = nn_net_load(ir, &o->build, net, e);
    }
    if (ir >= 0)
        close(ir);
    return rc;
}

static size_t elements(const struct nn_shape *s)
{
    size_t n = 1;
    for (int32_t i = 0; i < s->rank; i++)
        n *= (size_t)s->dim[i];
    return n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Time this process has had a processor: what a call costs on a machine that others use as well. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void bench(const struct options *o, struct nn_run *run, const float *const *in, float *const *out, size_t out_n,
                  int64_t t0)
{
    static double ms[CALLS_MAX], cpu[CALLS_MAX];
    struct err e = {0};
    int64_t opened = clock_mono_ns();
    bool good = !nn_forward(run, in, out, NULL, &e);
    int64_t first = clock_mono_ns();
    int64_t n = o->calls ? o->calls : 1;
    for (int64_t i = 0; good && o->calls && i < 3; i++)
        good = !nn_forward(run, in, out, NULL, &e);
    for (int64_t i = 0; good && i < n; i++) {
        int64_t a = clock_mono_ns(), used = cpu_ns();
        if (o->calls)
            good = !nn_forward(run, in, out, NULL, &e);
        cpu[i] = (double)(cpu_ns() - used) / 1e6;
        ms[i] = o->calls ? clock_ms_since(a) : (double)(first - opened) / 1e6;
    }
    qsort(ms, (size_t)n, sizeof(*ms), by_value);
    qsort(cpu, (size_t)n, sizeof(*cpu), by_value);
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    printf("{\"median_ms\": %.4f, \"min_ms\": %.4f, \"cpu_median_ms\": %.4f, \"cpu_min_ms\": %.4f, \"load_ms\": %.3f, "
           "\"first_ms\": %.3f, \"rss_mb\": %.1f, \"output\": [",
           ms[n / 2], ms[0], cpu[n / 2], cpu[0], (double)(opened - t0) / 1e6, (double)(first - opened) / 1e6,
           (double)ru.ru_maxrss / 1024);
    for (size_t i = 0; i < 8 && i < out_n; i++)
        printf("%s%.9g", i ? ", " : "", (double)out[0][i]);
    printf("]}\n");
}

static void layers(const struct nn_net *net, struct nn_run *run, const float *const *in, float *const *out)
{
    enum { RUNS = 30 };
    const struct nn_info *info = nn_net_info(net);
    struct err e = {0};
    int64_t *best = mem_zalloc((size_t)info->step_n, sizeof(*best), &e),
            *now = mem_zalloc((size_t)info->step_n, sizeof(*now), &e);
    int64_t total = 0;
    for (int r = 0; best && now && r < RUNS; r++) {
        memset(now, 0, (size_t)info->step_n * sizeof(*now));
        nn_run_profile(run, now);
        if (nn_forward(run, in, out, NULL, &e))
            break;
        for (int32_t i = 0; i < info->step_n; i++)
            best[i] = r && best[i] < now[i] ? best[i] : now[i];
    }
    for (int32_t i = 0; best && i < info->step_n; i++)
        total += best[i];
    printf("arena %.2f MB, packed %.2f MB, %.1f M multiply-adds\n", (double)info->arena_bytes / 1e6,
           (double)info->packed_bytes / 1e6, info->macs / 1e6);
    for (int32_t i = 0; best && i < info->step_n; i++)
        printf("%8.1f us %5.1f %% %7.1f GFLOP/s  %-18s %s\n", (double)best[i] / 1e3,
               100.0 * (double)best[i] / (double)total, info->step[i].flops / (double)(best[i] ? best[i] : 1),
               info->step[i].kernel, info->step[i].label);
    printf("%8.1f us sum of the best of %d\n", (double)total / 1e3, RUNS);
    mem_free(now);
    mem_free(best);
}

static void print_outputs(const struct options *o, const struct nn_info *info, float *const *out)
{
    for (int32_t k = 0; k < info->output_n; k++) {
        size_t n = elements(&info->output[k]);
        for (int32_t i = 0; i < info->output[k].rank; i++)
            printf("%s%d", i ? "x" : "", (int)info->output[k].dim[i]);
        printf("%s:", info->output[k].rank ? "" : "1");
        for (size_t i = 0; i < n && (!o->print || i < (size_t)o->print); i++)
            printf(" %.9g", (double)out[k][i]);
        printf("\n");
    }
}

static int work(const struct options *o)
{
    struct err e = {0};
    struct nn_net *net = NULL;
    struct nn_pool *pool = NULL;
    struct nn_run *run = NULL;
    float *in[INPUTS] = {NULL}, *out[NN_IO_MAX] = {NULL};
    const float *from[INPUTS];
    int64_t t0 = clock_mono_ns();
    enum rc rc = net_open(o, &net, &e);
    if (!rc)
        rc = nn_pool_new((int32_t)o->threads, &pool, &e);
    if (!rc)
        rc = nn_run_new(net, pool, &run, &e);
    const struct nn_info *info = rc ? NULL : nn_net_info(net);
    for (int32_t k = 0; info && k < info->input_n && k < INPUTS; k++) {
        size_t n = elements(&info->input[k]);
        from[k] = in[k] = mem_aligned(n * sizeof(float), &e);
        for (size_t i = 0; in[k] && i < n; i++)
            in[k][i] = (float)o->scale * pattern_value(o, k, (uint32_t)i);
    }
    for (int32_t k = 0; info && k < info->output_n && k < NN_IO_MAX; k++)
        out[k] = mem_aligned(elements(&info->output[k]) * sizeof(float), &e);
    if (info && !e.code) {
        if (o->mode == 'b')
            bench(o, run, from, out, elements(&info->output[0]), t0);
        else if (o->mode == 'l')
            layers(net, run, from, out);
        else if (!(rc = nn_forward(run, from, out, NULL, &e)))
            print_outputs(o, info, out);
    }
    for (int32_t k = 0; k < INPUTS; k++)
        mem_free(in[k]);
    for (int32_t k = 0; k < NN_IO_MAX; k++)
        mem_free(out[k]);
    nn_run_free(run);
    nn_pool_free(pool);
    nn_net_close(net);
    return e.code ? fail(&e) : 0;
}

static bool indexed(const char *arg, int64_t *input, const char **rest)
{
    char *end;
    *input = strtoll(arg, &end, 10);
    *rest = *end == ':' ? end + 1 : end;
    return *input >= 0 && *input < INPUTS && *end == ':';
}

static bool shape_option(struct options *o, const char *arg)
{
    int64_t input;
    const char *at;
    char *end;
    if (!indexed(arg, &input, &at))
        return false;
    struct nn_shape *s = &o->shape[input];
    *s = (struct nn_shape){0};
    for (; *at && s->rank < NN_RANK_MAX; at = *end ? end + 1 : end)
        s->dim[s->rank++] = (int32_t)strtol(at, &end, 10);
    if (o->shape_n <= input)
        o->shape_n = (int32_t)input + 1;
    return true;
}

static bool option(struct options *o, const char *name, const char *value)
{
    int64_t input;
    const char *rest;
    if (str_eq(name, "--isa"))
        return nn_isa_find(value, &o->build.isa);
    if (str_eq(name, "--threads"))
        return str_to_i64(value, 1, 64, &o->threads);
    if (str_eq(name, "--print"))
        return str_to_i64(value, 0, 1 << 30, &o->print);
    if (str_eq(name, "--scale"))
        return str_to_f64(value, -1e9, 1e9, &o->scale);
    if (str_eq(name, "--pattern"))
        return (o->pattern = value)[0] == 'p';
    if (str_eq(name, "--tokens"))
        return indexed(value, &input, &rest) && str_to_i64(rest, 1, 1 << 30, &o->vocabulary[input]);
    return str_eq(name, "--shape") && shape_option(o, value);
}

int main(int argc, char **argv)
{
    struct options o = {.mode = 'r', .threads = 1, .pattern = "p0", .scale = 1, .build = {.isa = nn_isa_best()}};
    int i = 1;
    bool good = argc > 1;
    if (good && str_eq(argv[1], "--bench") && argc > 4) {
        o.mode = 'b';
        good = str_to_i64(argv[3], 1, 64, &o.threads) && str_to_i64(argv[4], 0, CALLS_MAX, &o.calls);
        o.file = argv[2];
        i = 5;
    } else if (good && str_eq(argv[1], "--layers") && argc > 3) {
        o.mode = 'l';
        good = str_to_i64(argv[3], 1, 64, &o.threads);
        o.file = argv[2];
        i = 4;
    }
    for (; good && i < argc; i++) {
        if (str_eq(argv[i], "--plain"))
            o.build.plain = true;
        else if (argv[i][0] != '-')
            o.file = argv[i];
        else if (i + 1 >= argc || !option(&o, argv[i], argv[i + 1]))
            good = false;
        else
            i++;
    }
    if (!good || !o.file) {
        fprintf(stderr, "usage: run_net FILE.h5 [options]; see the head of run_net.c\n");
        return argc > 1 ? 2 : 0; /* `make bench` starts every program of this folder */
    }
    o.build.input_shape = o.shape_n ? o.shape : NULL;
    o.build.input_shape_n = o.shape_n;
    return work(&o);
}
