/* Does this program still compute what it should: golden vectors of every installed network, and the sample pictures
 * whose outputs the passports hold. */
#include "station/selftest.h"
#include "base/file.h"
#include "base/text.h"
#include "station/netcache.h"
#include "station/predict.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <unistd.h>

struct selftest {
    struct op_call *c;
    json_t *cases;
    bool passed;
    char samples[PATH_MAX];
};

static void add_case(struct selftest *t, const char *id, const char *what, bool ok, double diff, const char *detail)
{
    t->passed = t->passed && ok;
    json_array_append_new(t->cases, json_pack("{s:s s:s s:b s:o s:s}", "network", id, "case", what, "passed", ok,
                                              "max_difference", isfinite(diff) ? json_real(diff) : json_null(),
                                              "detail", detail));
}

/* {"picture", "scores": {class: p}, "tolerance"} of the passport against this program's answer. */
static void picture_case(struct selftest *t, const char *id, const json_t *row)
{
    char path[PATH_MAX], what[200];
    const char *name = json_string_value(json_object_get(row, "picture"));
    double tolerance = json_number_value(json_object_get(row, "tolerance")), worst = 0;
    struct err e = {0};
    struct analysis a;
    if (!name || path_join(path, sizeof(path), t->samples, path_base(name), &e))
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    str_format(what, sizeof(what), "picture %s", path_base(name));
    struct analysis_request r = {.fd = fd, .name = name, .model = id, .threshold = (double)NAN};
    enum rc rc = station_analyse(t->c->st, &r, &a, &e);
    close(fd);
    if (rc) {
        add_case(t, id, what, false, (double)NAN, e.msg);
        return;
    }
    const char *class;
    json_t *want;
    json_object_foreach(json_object_get(row, "scores"), class, want)
    {
        double got = json_number_value(json_object_get(json_object_get(a.json, "scores"), class));
        worst = fmax(worst, fabs(got - json_number_value(want)));
    }
    add_case(t, id, what, worst <= tolerance, worst, "");
    analysis_fini(&a);
}

static enum rc test_one(void *ctx, const char *id, struct err *e)
{
    struct selftest *t = ctx;
    struct err failed = {0};
    const struct network *net;
    json_t *answer;
    struct network_spec spec = {.model = id, .isa = nn_isa_best()};
    if (t->c->q->job && t->c->q->job->cancel)
        return err_set(e, ERR_CANCELLED, NULL);
    op_stage(t->c, id, (int64_t)json_array_size(t->cases), 0);
    if (models_test_one(t->c->st, id, &answer, &failed) || netcache_get(t->c->st, &spec, &net, &failed)) {
        add_case(t, id, "golden vectors", false, (double)NAN, failed.msg);
        return RC_OK;
    }
    add_case(t, id, "golden vectors", true, json_number_value(json_object_get(answer, "max_difference")), "");
    json_decref(answer);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(net->passport->json, "samples"), i, row)
    {
        picture_case(t, id, row);
    }
    return RC_OK;
}

enum rc op_selftest(struct op_call *c, struct err *e)
{
    struct selftest t = {.c = c, .cases = json_array(), .passed = true};
    enum rc rc = t.cases ? samples_dir(t.samples, sizeof(t.samples), e) : err_set(e, ERR_MEMORY, NULL);
    if (!rc)
        rc = models_each(test_one, &t, e);
    if (!rc && json_array_size(t.cases) == 0)
        rc = err_set(e, ERR_MODEL_MISSING, "no networks are installed");
    if (rc) {
        json_decref(t.cases);
        return rc;
    }
    return answer_set(c, json_pack("{s:b s:o}", "passed", t.passed, "cases", t.cases), e);
}

enum rc samples_dir(char *dst, size_t cap, struct err *e)
{
    char models[PATH_MAX];
    enum rc rc = models_dir(models, sizeof(models), e);
    return rc ? rc : path_join(dst, cap, models, "../samples", e);
}
