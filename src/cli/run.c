/* Commands that are one operation and its answer. */
#include "base/text.h"
#include "cli/command.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The typed word of irreversible operations: asked on a terminal; a script that names the command and its reason meant
 * it. */
static enum rc confirm(struct cli *c, struct err *e)
{
    struct op_arg arg;
    bool wanted = false;
    for (const char *cursor = c->row->args; op_arg_next(&cursor, &arg);)
        wanted = wanted || (str_eq(arg.name, "confirm") && arg.kind == ARG_TEXT && arg.required);
    if (!wanted || json_object_get(c->args, "confirm"))
        return RC_OK;
    char word[20] = "VOID";
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
        fputs("This cannot be undone. Type VOID to go on: ", stderr);
        if (!fgets(word, sizeof(word), stdin))
            word[0] = '\0';
        word[strcspn(word, "\r\n")] = '\0';
    }
    return json_object_set_new(c->args, "confirm", json_string(word)) ? err_set(e, ERR_MEMORY, NULL) : RC_OK;
}

/* Arguments that a command gives a meaning the operation leaves open. */
static enum rc fill_in(struct cli *c, struct err *e)
{
    if (str_eq(c->row->name, "results.release") && !json_object_get(c->args, "released"))
        json_object_set_new(c->args, "released", json_true());
    enum rc rc = confirm(c, e);
    return rc ? rc : cli_secrets(c, e);
}

static enum rc show(struct cli *c, struct station_answer *a, struct err *e)
{
    if (a->fd >= 0) {
        char *where;
        enum rc rc = output_store(c, a->fd, json_string_value(json_object_get(a->result, "name")), &where, e);
        if (rc || !where)
            return rc;
        json_object_set_new(a->result, "saved", json_string(where));
        mem_free(where);
    }
    if (c->json)
        print_json(stdout, a->result);
    else if (json_is_true(json_object_get(c->extra, "csv")))
        print_csv(c, a->result);
    else
        print_human(c, a->result);
    return RC_OK;
}

static enum rc call_with_file(struct cli *c, struct station_answer *a, struct err *e)
{
    const char *path = json_string_value(json_array_get(c->files, 0));
    char name[256];
    int fd;
    if (json_array_size(c->files) > 1)
        return err_set(e, ERR_USAGE, "clinic %s takes one file", c->cmd->words);
    enum rc rc = input_open(path, &fd, e);
    if (rc)
        return rc;
    const char *base = strrchr(path, '/');
    text_safe(name, sizeof(name), base ? base + 1 : path, false);
    json_object_set_new(c->args, "name", json_string(name));
    rc = cli_call(c, c->cmd->op, c->args, fd, NULL, a, e);
    close(fd);
    return rc;
}

static enum rc call(struct cli *c, struct station_answer *a, struct err *e)
{
    enum rc rc = fill_in(c, e);
    if (rc)
        return rc;
    return json_array_size(c->files) ? call_with_file(c, a, e) : cli_call(c, c->cmd->op, c->args, -1, NULL, a, e);
}

enum rc run_generic(struct cli *c, struct err *e)
{
    struct station_answer a = {.fd = -1};
    enum rc rc = call(c, &a, e);
    if (!rc)
        rc = show(c, &a, e);
    station_answer_fini(&a);
    return rc;
}

/* One operation whose answer has its own form for people. */
static enum rc run_with(struct cli *c, void (*print)(const json_t *), struct err *e)
{
    struct station_answer a = {.fd = -1};
    enum rc rc = call(c, &a, e);
    if (!rc && c->json)
        print_json(stdout, a.result);
    else if (!rc)
        print(a.result);
    station_answer_fini(&a);
    return rc;
}

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static double real(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void print_version(const json_t *o)
{
    printf("clinic %s\n", field(o, "version"));
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        if (str_eq(key, "version"))
            continue;
        if (json_is_integer(v))
            printf("%-12s %lld\n", key, (long long)json_integer_value(v));
        else
            printf("%-12s %s\n", key, json_string_value(v) ? json_string_value(v) : "");
    }
}

enum rc run_version(struct cli *c, struct err *e)
{
    return run_with(c, print_version, e);
}

static void print_checks(const json_t *o)
{
    size_t i;
    json_t *row;
    char text[500];
    json_array_foreach(json_object_get(o, "checks"), i, row)
    {
        bool ok = json_is_true(json_object_get(row, "ok"));
        printf("%-5s %-16s %s\n", ok ? "ok" : "FAIL", field(row, "name"),
               shown(text, sizeof(text), field(row, "detail")));
        if (!ok && *field(row, "advice"))
            printf("      %-16s -> %s\n", "", field(row, "advice"));
    }
    if (*field(o, "status"))
        printf("%s, version %s\n", field(o, "status"), field(o, "version"));
}

/* Something found wrong is an answer, and also an exit code. */
static enum rc run_checked(struct cli *c, void (*print)(const json_t *), struct err *e)
{
    struct station_answer a = {.fd = -1};
    enum rc rc = call(c, &a, e);
    if (!rc && c->json)
        print_json(stdout, a.result);
    else if (!rc)
        print(a.result);
    bool bad = json_is_false(json_object_get(a.result, "ok")) || json_is_false(json_object_get(a.result, "passed")) ||
               str_eq(field(a.result, "status"), "unhealthy");
    station_answer_fini(&a);
    return rc ? rc : bad ? RC_FAILED : RC_OK;
}

enum rc run_doctor(struct cli *c, struct err *e)
{
    return run_checked(c, print_checks, e);
}

/* A broken chain is shown whole, and is an error: a nightly job must notice. */
enum rc run_audit_verify(struct cli *c, struct err *e)
{
    struct station_answer a = {.fd = -1};
    enum rc rc = call(c, &a, e);
    if (!rc)
        rc = show(c, &a, e);
    if (!rc && !json_is_true(json_object_get(a.result, "ok")))
        rc = err_set(e, ERR_AUDIT, "row %lld: %s",
                     (long long)json_integer_value(json_object_get(a.result, "broken_at")), field(a.result, "reason"));
    station_answer_fini(&a);
    return rc;
}

static void print_selftest(const json_t *o)
{
    size_t i, failed = 0;
    json_t *row;
    char text[300];
    json_array_foreach(json_object_get(o, "cases"), i, row)
    {
        bool ok = json_is_true(json_object_get(row, "passed"));
        failed += !ok;
        printf("%-6s %-16s %-30s", ok ? "passed" : "FAILED", field(row, "network"), field(row, "case"));
        if (json_is_number(json_object_get(row, "max_difference")))
            printf(" largest difference %.1e", real(row, "max_difference"));
        printf(" %s\n", shown(text, sizeof(text), field(row, "detail")));
    }
    printf("%zu cases, %zu failed\n", json_array_size(json_object_get(o, "cases")), failed);
}

enum rc run_selftest(struct cli *c, struct err *e)
{
    return run_checked(c, print_selftest, e);
}

static void print_bench(const json_t *o)
{
    printf("%s: median %.3f ms, least %.3f ms, %s, %lld threads\n", field(o, "model"), real(o, "median_ms"),
           real(o, "min_ms"), field(o, "isa"), (long long)json_integer_value(json_object_get(o, "threads")));
    printf("start to first result %.1f ms%s, peak memory %.1f MB\n", real(o, "start_to_first_ms"),
           json_is_true(json_object_get(o, "cold")) ? " (with the first import)" : "", real(o, "peak_rss_mb"));
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(o, "steps"), i, step)
    {
        printf("%9.4f ms %8.1f GFLOP/s  %-28s %s\n", real(step, "ms"), real(step, "gflops"), field(step, "kernel"),
               field(step, "label"));
    }
}

enum rc run_bench(struct cli *c, struct err *e)
{
    return run_with(c, print_bench, e);
}

static void print_shapes(const char *title, const json_t *list)
{
    size_t i, k;
    json_t *io, *d;
    json_array_foreach((json_t *)(uintptr_t)list, i, io)
    {
        printf("%-16s", title);
        json_array_foreach(json_object_get(io, "shape"), k, d)
        {
            if (json_is_integer(d))
                printf("%s%lld", k ? " x " : "", (long long)json_integer_value(d));
            else
                printf("%s?", k ? " x " : "");
        }
        printf("  %s\n", field(io, "name"));
    }
}

static void print_passport(const json_t *p)
{
    size_t i;
    json_t *row;
    char text[400];
    printf("%-16s%s\n%-16s%s\n%-16s%s\n", "title", field(p, "title"), "task", field(p, "task"), "modality",
           field(p, "modality"));
    json_array_foreach(json_object_get(p, "classes"), i, row)
    {
        printf("%-16s%zu %s%s%s%s\n", i ? "" : "classes", i, field(row, "name"), *field(row, "label") ? ": " : "",
               shown(text, sizeof(text), field(row, "label")),
               str_eq(field(row, "name"), field(p, "positive_class")) ? " (positive)" : "");
    }
    json_array_foreach(json_object_get(p, "metrics"), i, row)
    {
        printf("%-16s%s\n", i ? "" : "measured", shown(text, sizeof(text), field(row, "summary")));
    }
    json_array_foreach(json_object_get(p, "limits"), i, row)
    {
        printf("%-16s%s\n", i ? "" : "limits", shown(text, sizeof(text), json_string_value(row)));
    }
    printf("%-16s%s\n", "licence", field(p, "licence"));
}

static void print_model(const json_t *o)
{
    printf("%-16s%s\n%-16s%s\n%-16s%s\n", "id", field(o, "id"), "file", field(o, "path"), "sha256", field(o, "sha256"));
    if (json_is_object(json_object_get(o, "passport")))
        print_passport(json_object_get(o, "passport"));
    else
        printf("%-16snone\n", "passport");
    printf("%-16s%lld\n%-16s%.1f million multiply-adds\n%-16s%lld\n", "parameters",
           (long long)json_integer_value(json_object_get(o, "parameters")), "work", real(o, "macs") / 1e6, "layers",
           (long long)json_integer_value(json_object_get(o, "layer_count")));
    print_shapes("input", json_object_get(o, "inputs"));
    print_shapes("output", json_object_get(o, "outputs"));
    if (json_is_number(json_object_get(o, "milliseconds")))
        printf("%-16s%.2f ms (%s)\n", "here", real(o, "milliseconds"), field(o, "isa"));
    size_t i;
    json_t *layer;
    json_array_foreach(json_object_get(o, "layers"), i, layer)
    {
        printf("%4zu %-32s %-24s %12lld parameters %10.2f M\n", i, field(layer, "name"), field(layer, "class"),
               (long long)json_integer_value(json_object_get(layer, "params")), real(layer, "macs") / 1e6);
    }
}

enum rc run_model_show(struct cli *c, struct err *e)
{
    if (!json_object_get(c->args, "timing"))
        json_object_set_new(c->args, "timing", json_true());
    return run_with(c, print_model, e);
}

static void print_rate(const char *title, const json_t *r)
{
    const json_t *ci = json_object_get(r, "ci95");
    if (!json_is_number(json_object_get(r, "value")))
        return;
    printf("%-18s %.3f [%.3f, %.3f]", title, real(r, "value"), json_number_value(json_array_get(ci, 0)),
           json_number_value(json_array_get(ci, 1)));
    if (json_object_get(r, "n"))
        printf("  %lld/%lld", (long long)json_integer_value(json_object_get(r, "k")),
               (long long)json_integer_value(json_object_get(r, "n")));
    putchar('\n');
}

static void print_confusion(const json_t *confusion)
{
    const char *truth, *said;
    json_t *row, *n;
    int width = 8;
    json_object_foreach((json_t *)(uintptr_t)confusion, truth, row)
    {
        width = (int)strlen(truth) > width ? (int)strlen(truth) : width;
    }
    printf("%-*s", width + 2, "");
    json_object_foreach((json_t *)(uintptr_t)confusion, truth, row)
    {
        printf(" %*s", width, truth);
    }
    puts("   <- said");
    json_object_foreach((json_t *)(uintptr_t)confusion, truth, row)
    {
        printf("%-*s", width + 2, truth);
        json_object_foreach(row, said, n)
        {
            printf(" %*lld", width, (long long)json_integer_value(n));
        }
        putchar('\n');
    }
}

static void print_evaluation(const json_t *o)
{
    static const char *const rates[] = {"accuracy", "sensitivity", "specificity", "precision", "auc"};
    static const char *const plain[] = {"f1", "balanced_accuracy", "macro_f1", "macro_auc"};
    printf("%s %s on %lld pictures\n", field(json_object_get(o, "model"), "id"),
           field(json_object_get(o, "model"), "version"), (long long)json_integer_value(json_object_get(o, "n")));
    for (size_t i = 0; i < ARRAY_N(rates); i++)
        print_rate(rates[i], json_object_get(o, rates[i]));
    for (size_t i = 0; i < ARRAY_N(plain); i++)
        if (json_is_number(json_object_get(o, plain[i])))
            printf("%-18s %.3f\n", plain[i], real(o, plain[i]));
    print_confusion(json_object_get(o, "confusion"));
    printf("%.1f pictures a second\n", real(o, "images_per_second"));
    size_t i;
    json_t *row;
    char text[400];
    json_array_foreach(json_object_get(o, "skipped_folders"), i, row)
    {
        printf("skipped, no class of the network: %s\n", shown(text, sizeof(text), json_string_value(row)));
    }
    json_array_foreach(json_object_get(o, "unreadable"), i, row)
    {
        printf("not readable: %s: %s\n", shown(text, sizeof(text), field(row, "file")), field(row, "error"));
    }
    json_array_foreach(json_object_get(o, "wrong"), i, row)
    {
        printf("wrong: %s said %s %.1f %% of %s\n", shown(text, sizeof(text), field(row, "file")),
               field(row, "prediction"), real(row, "confidence"), field(row, "class"));
    }
}

static void evaluate_progress(void *ctx, const char *stage, int64_t done, int64_t total)
{
    (void)ctx;
    (void)stage;
    if (total > 0 && (done % 8 == 0 || done == total))
        fprintf(stderr, "\r%lld of %lld%s", (long long)done, (long long)total, done == total ? "\n" : "");
}

enum rc run_evaluate(struct cli *c, struct err *e)
{
    struct station_answer a = {.fd = -1};
    struct station_job job = {.stage = evaluate_progress};
    bool talk = isatty(STDERR_FILENO) && !c->quiet;
    enum rc rc = cli_call(c, c->cmd->op, c->args, -1, talk ? &job : NULL, &a, e);
    if (!rc && c->json)
        print_json(stdout, a.result);
    else if (!rc)
        print_evaluation(a.result);
    station_answer_fini(&a);
    return rc;
}

static void print_init(const json_t *o)
{
    size_t i;
    json_t *name;
    char text[300];
    json_array_foreach(json_object_get(o, "migrations"), i, name)
    {
        printf("%s ... OK\n", shown(text, sizeof(text), json_string_value(name)));
    }
    if (i == 0)
        puts("The station is up to date");
    json_array_foreach(json_object_get(o, "accounts"), i, name)
    {
        const char *username = json_string_value(name) ? json_string_value(name) : field(name, "username");
        printf("account %s\n", shown(text, sizeof(text), username));
    }
    if (json_is_true(json_object_get(o, "needs_admin")))
        puts("No administrator yet: clinic init --admin NAME");
    if (*field(o, "home"))
        printf("station in %s\n", shown(text, sizeof(text), field(o, "home")));
}

enum rc run_init(struct cli *c, struct err *e)
{
    return run_with(c, print_init, e);
}

enum rc run_api(struct cli *c, struct err *e)
{
    enum rc rc = cli_wire(c, e);
    return rc ? rc : wire_api(c->wire, STDIN_FILENO, STDOUT_FILENO, e);
}

/* Waits for a signal to end, in a thread of its own, so that nothing needs a handler. */
struct ending {
    sigset_t set;
    volatile bool stop;
};

static void *ending_main(void *arg)
{
    struct ending *end = arg;
    int got;
    while (sigwait(&end->set, &got))
        continue;
    end->stop = true;
    return NULL;
}

enum rc run_serve(struct cli *c, struct err *e)
{
    struct ending end = {0};
    pthread_t thread;
    const json_t *sessions = json_object_get(c->extra, "max_sessions");
    struct serve_options o = {.socket = c->socket ? c->socket : getenv("CLINIC_SOCKET"),
                              .max_sessions = sessions ? (int)json_integer_value(sessions) : 64,
                              .station = {.read_only = c->read_only, .background = true}};
    if (o.max_sessions < 1 || o.max_sessions > 4096)
        return err_set(e, ERR_VALUE, "--max-sessions: %d is not in 1..4096", o.max_sessions);
    sigemptyset(&end.set);
    sigaddset(&end.set, SIGINT);
    sigaddset(&end.set, SIGTERM);
    sigaddset(&end.set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &end.set, NULL);
    if (pthread_create(&thread, NULL, ending_main, &end))
        return err_set(e, ERR_MEMORY, "no thread for signals");
    enum rc rc = wire_serve(&o, &end.stop, e);
    pthread_kill(thread, SIGTERM);
    pthread_join(thread, NULL);
    return rc;
}
