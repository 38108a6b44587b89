/* Installed networks: list, card, golden vectors, raw tensors. */
#include "base/file.h"
#include "base/text.h"
#include "station/npy.h"
#include "station/pattern.h"
#include "station/selftest.h"
#include "station/worker.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listing {
    json_t *results;
    const char *default_model;
    char dir[PATH_MAX];
};

static enum rc list_one(void *ctx, const char *id, struct err *e)
{
    struct listing *l = ctx;
    char path[PATH_MAX], name[128];
    struct passport *p = NULL;
    struct err problem = {0};
    str_format(name, sizeof(name), "%s.json", id);
    enum rc rc = path_join(path, sizeof(path), l->dir, name, e);
    if (rc)
        return rc;
    bool none = access(path, F_OK) != 0;
    json_t *row = NULL;
    if (!none && passport_load(path, &p, &problem) == RC_OK) {
        json_t *classes = json_array();
        for (int32_t i = 0; i < p->class_n; i++)
            json_array_append_new(classes, json_string(p->class[i].name));
        row = json_pack("{s:s s:s s:s s:s s:s s:o s:b s:b}", "id", id, "title", p->title, "version", p->version, "task",
                        p->task, "modality", p->modality, "classes", classes, "default", str_eq(id, l->default_model),
                        "installed", 1);
        passport_free(p);
    } else {
        row = json_pack("{s:s s:s s:s s:s s:s s:[] s:b s:b s:s}", "id", id, "title", "", "version", "-", "task", "",
                        "modality", "", "classes", "default", str_eq(id, l->default_model), "installed", 1, "problem",
                        none ? "no passport" : problem.msg);
    }
    return row && !json_array_append_new(l->results, row) ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

enum rc op_models_list(struct op_call *c, struct err *e)
{
    const struct conf *conf;
    struct listing l = {.results = json_array()};
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = models_dir(l.dir, sizeof(l.dir), e);
    if (!rc) {
        l.default_model = conf_text(conf, CONF_ID_default_model);
        rc = models_each(list_one, &l, e);
    }
    if (rc) {
        json_decref(l.results);
        return rc;
    }
    return answer_set(c, json_pack("{s:i s:o}", "count", (int)json_array_size(l.results), "results", l.results), e);
}

static json_t *shape_json(const struct nn_shape *s)
{
    json_t *a = json_array();
    for (int32_t i = 0; i < s->rank; i++)
        json_array_append_new(a, s->dim[i] < 0 ? json_null() : json_integer(s->dim[i]));
    return a;
}

static json_t *io_json(const struct nn_shape *shapes, const char *const *names, int32_t n)
{
    json_t *a = json_array();
    for (int32_t i = 0; i < n; i++)
        json_array_append_new(
            a, json_pack("{s:s s:o}", "name", names && names[i] ? names[i] : "", "shape", shape_json(&shapes[i])));
    return a;
}

static json_t *layers_json(const struct nn_info *info)
{
    json_t *a = json_array();
    for (int32_t i = 0; i < info->layer_n; i++) {
        const struct nn_layer_info *l = &info->layer[i];
        json_array_append_new(a, json_pack("{s:s s:s s:o s:I s:f}", "name", l->name, "class", l->class_name, "output",
                                           shape_json(&l->output), "params", (json_int_t)l->params, "macs", l->macs));
    }
    return a;
}

/* Least of a few timed forwards over pattern p0. */
static enum rc time_here(struct station *st, const struct network *net, double *ms, struct err *e)
{
    const struct conf *conf;
    struct worker *w;
    enum rc rc = station_conf(st, &conf, e);
    if (!rc)
        rc = worker_take(st, false, &w, e);
    if (rc)
        return rc;
    rc = worker_bind(w, net, worker_threads(conf, 0), e);
    for (int32_t k = 0; !rc && k < net->info->input_n; k++)
        pattern_fill("p0", k, w->in[k], w->in_n[k]);
    *ms = (double)INFINITY;
    for (int i = 0; !rc && i < 5; i++) {
        int64_t t = clock_mono_ns();
        rc = worker_forward(w, NULL, e);
        *ms = fmin(*ms, clock_ms_since(t));
    }
    worker_give(st, w);
    return rc;
}

enum rc op_models_show(struct op_call *c, struct err *e)
{
    const struct network *net;
    struct network_spec spec = {
        .model = arg_text(c, "model", NULL), .architecture = arg_text(c, "architecture", NULL), .isa = nn_isa_best()};
    enum rc rc = netcache_get(c->st, &spec, &net, e);
    double ms = (double)NAN;
    if (!rc && arg_bool(c, "timing", false))
        rc = time_here(c->st, net, &ms, e);
    if (rc)
        return rc;
    const struct nn_info *info = net->info;
    const struct passport *p = net->passport;
    json_t *o = json_pack("{s:s s:s s:s s:I s:f s:i s:o s:o s:s s:s s:o}", "id", net->id, "path", net->path, "sha256",
                          net->sha256, "parameters", (json_int_t)info->params, "macs", info->macs, "layer_count",
                          (int)info->layer_n, "inputs", io_json(info->input_declared, info->input_name, info->input_n),
                          "outputs", io_json(info->output, info->output_name, info->output_n), "keras_version",
                          info->keras_version ? info->keras_version : "", "isa", nn_isa_name(info->isa), "milliseconds",
                          isnan(ms) ? json_null() : json_real(round(ms * 1000) / 1000));
    if (o)
        json_object_set_new(o, "passport", p && !p->assumed ? json_incref(p->json) : json_null());
    if (o && arg_bool(c, "layers", false))
        json_object_set_new(o, "layers", layers_json(info));
    return answer_set(c, o, e);
}

enum rc models_test_one(struct station *st, const char *model, json_t **out, struct err *e)
{
    const struct network *net;
    struct nn_pool *pool;
    int32_t cases = 0;
    double diff = 0;
    struct network_spec spec = {.model = model, .isa = nn_isa_best()};
    *out = NULL;
    enum rc rc = netcache_get(st, &spec, &net, e);
    if (rc)
        return rc;
    if (!net->passport || net->passport->golden_n == 0)
        return err_set(e, ERR_MODEL_PASSPORT, "%.100s has no golden vectors", net->id);
    rc = nn_pool_new(processors() < 8 ? processors() : 8, &pool, e);
    if (rc)
        return rc;
    rc = golden_check(net->passport, net->net, pool, &cases, &diff, e);
    nn_pool_free(pool);
    if (rc)
        return rc;
    *out = json_pack("{s:s s:b s:i s:f}", "id", net->id, "passed", 1, "cases", (int)cases, "max_difference", diff);
    return *out ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

enum rc op_models_test(struct op_call *c, struct err *e)
{
    json_t *o;
    enum rc rc = models_test_one(c->st, arg_text(c, "model", NULL), &o, e);
    return rc ? rc : answer_set(c, o, e);
}

/* --- raw tensors --- */

struct tensors {
    int32_t in_n, out_n;
    struct npy in[NN_IO_MAX], out[NN_IO_MAX];
    struct nn_shape shape[NN_IO_MAX];
    int64_t batch;
};

static void tensors_fini(struct tensors *t)
{
    for (int i = 0; i < NN_IO_MAX; i++) {
        npy_fini(&t->in[i]);
        npy_fini(&t->out[i]);
    }
}

static enum rc read_inputs(const json_t *paths, struct tensors *t, struct err *e)
{
    const size_t max_bytes = (size_t)2 << 30;
    size_t n = json_array_size(paths);
    if (n > NN_IO_MAX)
        return err_set(e, ERR_VALUE, "input: more than %d files", NN_IO_MAX);
    for (size_t i = 0; i < n; i++) {
        struct npy *a = &t->in[i];
        const char *path = json_string_value(json_array_get(paths, i));
        enum rc rc = npy_read(path, max_bytes, a, e);
        if (rc)
            return rc;
        t->in_n++;
        if (a->rank < 1 || a->rank > NN_RANK_MAX + 1)
            return err_set(e, ERR_MODEL_INPUT, "input %zu has %d dimensions, expected the batch axis and 0 to %d more",
                           i, a->rank, NN_RANK_MAX);
        if (i && a->dim[0] != t->batch)
            return err_set(e, ERR_MODEL_INPUT, "input %zu has a batch of %lld, input 0 of %lld", i,
                           (long long)a->dim[0], (long long)t->batch);
        t->batch = a->dim[0];
        t->shape[i].rank = a->rank - 1;
        for (int32_t k = 1; k < a->rank; k++) {
            if (a->dim[k] < 1 || a->dim[k] > INT32_MAX)
                return err_set(e, ERR_MODEL_INPUT, "input %zu has a dimension of %lld", i, (long long)a->dim[k]);
            t->shape[i].dim[k - 1] = (int32_t)a->dim[k];
        }
    }
    return t->batch >= 1 ? RC_OK : err_set(e, ERR_MODEL_INPUT, "the batch is empty");
}

static void shape_text(const struct nn_shape *s, char *dst, size_t cap)
{
    struct buf b = {0};
    for (int32_t i = 0; i < s->rank; i++)
        buf_printf(&b, s->dim[i] < 0 ? "%s?" : "%s%d", i ? "x" : "", s->dim[i]);
    str_copy(dst, cap, b.data ? b.data : "scalar");
    buf_free(&b);
}

static enum rc check_inputs(const struct nn_info *info, const struct tensors *t, struct err *e)
{
    if (t->in_n != info->input_n)
        return err_set(e, ERR_MODEL_INPUT, "%d inputs given, the network takes %d", t->in_n, info->input_n);
    for (int32_t i = 0; i < t->in_n; i++) {
        const struct nn_shape *want = &info->input_declared[i], *got = &t->shape[i];
        bool same = want->rank == got->rank;
        for (int32_t k = 0; same && k < want->rank; k++)
            same = want->dim[k] < 0 || want->dim[k] == got->dim[k];
        char a[100], b[100];
        shape_text(got, a, sizeof(a));
        shape_text(want, b, sizeof(b));
        if (!same)
            return err_set(e, ERR_MODEL_INPUT, "input %d is %s behind the batch axis, the network takes %s", i, a, b);
    }
    return RC_OK;
}

static enum rc prepare_outputs(const struct nn_info *info, struct tensors *t, struct err *e)
{
    for (int32_t i = 0; i < info->output_n; i++) {
        struct npy *a = &t->out[i];
        const struct nn_shape *s = &info->output[i];
        a->rank = s->rank + 1;
        a->dim[0] = t->batch;
        for (int32_t k = 0; k < s->rank; k++)
            a->dim[k + 1] = s->dim[k];
        a->elements = shape_elements(s) * (size_t)t->batch;
        a->data = mem_aligned((a->elements ? a->elements : 1) * sizeof(float), e);
        if (!a->data)
            return RC_FAILED;
        t->out_n++;
    }
    return RC_OK;
}

static enum rc run_batch(struct op_call *c, struct worker *w, struct tensors *t, double *ms, struct err *e)
{
    enum rc rc = RC_OK;
    int64_t start = clock_mono_ns();
    for (int64_t s = 0; !rc && s < t->batch; s++) {
        for (int32_t i = 0; i < t->in_n; i++)
            memcpy(w->in[i], t->in[i].data + (size_t)s * w->in_n[i], w->in_n[i] * sizeof(float));
        rc = worker_forward(w, c->q->job ? &c->q->job->cancel : NULL, e);
        for (int32_t i = 0; !rc && i < t->out_n; i++)
            memcpy(t->out[i].data + (size_t)s * w->out_n[i], w->out[i], w->out_n[i] * sizeof(float));
        op_stage(c, "computing", s + 1, t->batch);
    }
    *ms = clock_ms_since(start);
    return rc;
}

static enum rc run_network(struct op_call *c, struct tensors *t, double *ms, struct err *e)
{
    const struct conf *conf;
    const struct network *net;
    struct worker *w = NULL;
    int64_t threads;
    struct network_spec spec = {.model = arg_text(c, "model", NULL), .architecture = arg_text(c, "architecture", NULL)};
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = arg_int_in(c, "threads", 1, 64, 0, &threads, e);
    if (!rc)
        rc = isa_of_text(arg_text(c, "isa", NULL), &spec.isa, e);
    if (!rc)
        rc = netcache_get(c->st, &spec, &net, e);
    if (!rc)
        rc = check_inputs(net->info, t, e);
    if (!rc && has_free_dims(net->info)) {
        spec.input_shape = t->shape;
        spec.input_shape_n = t->in_n;
        rc = netcache_get(c->st, &spec, &net, e);
    }
    if (!rc)
        rc = prepare_outputs(net->info, t, e);
    if (!rc)
        rc = worker_take(c->st, false, &w, e);
    if (!rc)
        rc = worker_bind(w, net, worker_threads(conf, threads), e);
    if (!rc)
        rc = run_batch(c, w, t, ms, e);
    worker_give(c->st, w);
    return rc;
}

static json_t *npy_shape(const struct npy *a)
{
    json_t *o = json_array();
    for (int32_t i = 0; i < a->rank; i++)
        json_array_append_new(o, json_integer((json_int_t)a->dim[i]));
    return o;
}

enum rc op_models_run(struct op_call *c, struct err *e)
{
    const json_t *outputs = json_object_get(c->args, "output");
    struct tensors *t = mem_zalloc(1, sizeof(*t), e);
    if (!t)
        return RC_FAILED;
    double ms = 0;
    json_t *list = NULL;
    enum rc rc = read_inputs(json_object_get(c->args, "input"), t, e);
    if (!rc)
        rc = run_network(c, t, &ms, e);
    if (!rc && json_array_size(outputs) > (size_t)t->out_n)
        rc = err_set(e, ERR_VALUE, "output: %zu files named, the network has %d outputs", json_array_size(outputs),
                     t->out_n);
    if (!rc)
        list = json_array();
    for (size_t i = 0; !rc && i < json_array_size(outputs); i++) {
        const char *path = json_string_value(json_array_get(outputs, i));
        rc = npy_write(path, &t->out[i], e);
        if (!rc)
            json_array_append_new(list, json_pack("{s:s s:o}", "file", path, "shape", npy_shape(&t->out[i])));
    }
    tensors_fini(t);
    mem_free(t);
    if (rc) {
        json_decref(list);
        return rc;
    }
    return answer_set(c, json_pack("{s:o s:f}", "outputs", list, "milliseconds", round(ms * 1000) / 1000), e);
}
