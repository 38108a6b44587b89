/* The main job: a picture goes in, a class with a confidence comes out. */
#include "station/predict.h"

#include "base/file.h"
#include "base/text.h"
#include "station/worker.h"

#include <math.h>
#include <string.h>

/* The network side, got ready by a second thread while the picture is read and decoded. */
struct loader {
    struct station *st;
    struct network_spec spec;
    int32_t threads;
    struct worker *worker;
    const struct network *network;
    pthread_t thread;
    bool started;
    enum rc rc;
    struct err err;
};

static void *loader_main(void *arg)
{
    struct loader *l = arg;
    l->rc = netcache_get(l->st, &l->spec, &l->network, &l->err);
    if (!l->rc)
        l->rc = worker_bind(l->worker, l->network, l->threads, &l->err);
    return NULL;
}

static void loader_start(struct loader *l)
{
    l->started = pthread_create(&l->thread, NULL, loader_main, l) == 0;
}

static enum rc loader_join(struct loader *l, struct err *e)
{
    if (l->started)
        pthread_join(l->thread, NULL);
    else
        loader_main(l);
    return l->rc ? err_set(e, l->err.code, "%s", l->err.msg) : RC_OK;
}

enum { SMALL_PX = 64 }; /* a side below it earns a note */

struct moments {
    double decode_ms, prepare_ms, compute_ms;
};

static const volatile bool *cancel_of(const struct station_job *job)
{
    return job ? &job->cancel : NULL;
}

static enum rc read_picture(const struct conf *conf, struct worker *w, const struct analysis_request *r,
                            struct analysis *a, struct image *im, struct err *e)
{
    job_stage(r->job, "reading", 0, 0);
    enum rc rc = intake_from_fd(r->fd, (uint64_t)conf_int(conf, CONF_ID_max_file_mb) << 20, &a->file, e);
    if (!rc)
        rc = intake_require_image(&a->file, e);
    job_stage(r->job, "checking", 0, 0);
    return rc ? rc : intake_decode(w->cage, &a->file, cancel_of(r->job), im, e);
}

static bool sums_to_one(const float *out, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)out[i];
    return fabs(sum - 1.0) < 1e-3;
}

static json_t *notes_of(const struct analysis_request *r, const struct analysis *a, const struct image *im,
                        const struct network *net, const float *out, size_t out_n)
{
    json_t *notes = json_array();
    const struct passport *p = net->passport;
    char text[200], ext[20];
    if (r->name && *path_ext(r->name) && !intake_extension_fits(r->name, a->file.format)) {
        str_format(text, sizeof(text), "The name ends in .%s, the content is %s",
                   text_safe(ext, sizeof(ext), path_ext(r->name), false), image_format_name(a->file.format));
        json_array_append_new(notes, json_string(text));
    }
    if (im->orientation != 1 && !p->recipe.apply_orientation)
        json_array_append_new(notes,
                              json_string("The picture carries an EXIF orientation; this network was trained without "
                                          "applying it"));
    if (im->width_px < SMALL_PX || im->height_px < SMALL_PX) {
        str_format(text, sizeof(text), "The picture is only %dx%d pixels: too small to be read reliably", im->width_px,
                   im->height_px);
        json_array_append_new(notes, json_string(text));
    }
    if (p->assumed) {
        str_format(text, sizeof(text),
                   "No passport: input taken as %dx%dx%d, levels times 1/255; classes are only numbered",
                   p->recipe.height_px, p->recipe.width_px, p->recipe.channels);
        json_array_append_new(notes, json_string(text));
        bool probability = out_n == 1 ? net->info->last_is_sigmoid : sums_to_one(out, out_n);
        if (!probability)
            json_array_append_new(notes, json_string("The outputs are not probabilities; the confidence means little"));
    }
    return notes;
}

static json_t *scores_of(const struct passport *p, const float *out, int32_t n)
{
    json_t *scores = json_object();
    for (int32_t i = 0; i < p->class_n; i++)
        json_object_set_new(scores, p->class[i].name, json_float(verdict_score(p, out, n, i)));
    return scores;
}

static double ms3(double v)
{
    return round(v * 1000.0) / 1000.0;
}

static enum rc answer_build(const struct conf *conf, const struct analysis_request *r, struct analysis *a,
                            const struct image *im, const struct worker *w, const struct moments *t, struct err *e)
{
    const struct network *net = w->network;
    const struct passport *p = net->passport;
    const struct verdict *v = &a->verdict;
    const float *out = w->out[0];
    int32_t n = (int32_t)w->out_n[0];
    char name[1024];
    str_copy(a->predicted_class, sizeof(a->predicted_class), p->class[v->class_index].name);
    str_copy(a->model_id, sizeof(a->model_id), p->id);
    str_copy(a->model_version, sizeof(a->model_version), p->version);
    str_copy(a->model_sha256, sizeof(a->model_sha256), net->sha256);
    a->width_px = im->width_px;
    a->height_px = im->height_px;
    a->json =
        json_pack("{s:s s:s s:f s:o s:o s:o s:o s:{s:s s:s s:s} s:{s:i s:i s:s s:s} s:f s:{s:f s:f s:f s:f} s:o}",
                  "file", text_safe(name, sizeof(name), r->name ? r->name : "picture", false), "prediction",
                  a->predicted_class, "confidence", v->confidence, "recommendations",
                  passport_advice(p, v->class_index, conf_text(conf, CONF_ID_site_language)), "raw_score",
                  json_float(v->score), "threshold", v->has_threshold ? json_real(v->threshold) : json_null(), "scores",
                  scores_of(p, out, n), "model", "id", p->id, "version", p->version, "sha256", net->sha256, "image",
                  "width", (int)im->width_px, "height", (int)im->height_px, "format", image_format_name(im->format),
                  "sha256", a->file.sha256, "processing_time", round(a->seconds * 1e6) / 1e6, "timings_ms", "decode",
                  ms3(t->decode_ms), "prepare", ms3(t->prepare_ms), "compute", ms3(t->compute_ms), "total",
                  ms3(a->seconds * 1e3), "notes", notes_of(r, a, im, net, out, (size_t)n));
    return a->json ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

static enum rc compute(struct worker *w, const struct analysis_request *r, struct analysis *a, const struct image *im,
                       struct moments *t, struct err *e)
{
    const struct passport *p = w->network->passport;
    if (!p)
        return err_set(e, ERR_MODEL_INPUT, "%.100s does not take one picture; feed it with 'clinic model run'",
                       w->network->id);
    int64_t start = clock_mono_ns();
    job_stage(r->job, "preparing", 0, 0);
    enum rc rc = image_prepare(im, &p->recipe, w->in[0], e);
    t->prepare_ms = clock_ms_since(start);
    if (rc)
        return rc;
    start = clock_mono_ns();
    job_stage(r->job, "computing", 0, 0);
    rc = worker_forward(w, cancel_of(r->job), e);
    t->compute_ms = clock_ms_since(start);
    return rc ? rc : verdict_of(p, w->out[0], (int32_t)w->out_n[0], r->threshold, &a->verdict, e);
}

enum rc station_analyse(struct station *st, const struct analysis_request *r, struct analysis *out, struct err *e)
{
    int64_t start = clock_mono_ns();
    *out = (struct analysis){.file.fd = -1};
    const struct conf *conf;
    struct worker *w = NULL;
    struct image im = {0};
    struct moments t = {0};
    struct loader loader = {.st = st, .spec.model = r->model};
    enum rc rc = station_conf(st, &conf, e);
    if (!rc)
        rc = isa_of_text(r->isa, &loader.spec.isa, e);
    if (!rc && !isnan(r->threshold) && !(r->threshold >= 0 && r->threshold <= 1))
        rc = err_set(e, ERR_VALUE, "threshold: %g is not in 0..1", r->threshold);
    if (!rc)
        rc = worker_take(st, true, &w, e);
    if (rc)
        return rc;
    loader.worker = w;
    loader.threads = worker_threads(conf, r->threads);
    loader_start(&loader);
    int64_t decode = clock_mono_ns();
    rc = read_picture(conf, w, r, out, &im, e);
    t.decode_ms = clock_ms_since(decode);
    enum rc loaded = loader_join(&loader, e);
    rc = rc ? rc : loaded;
    if (!rc)
        rc = compute(w, r, out, &im, &t, e);
    if (!rc) {
        out->seconds = clock_ms_since(start) / 1e3;
        rc = answer_build(conf, r, out, &im, w, &t, e);
    }
    image_fini(&im);
    worker_give(st, w);
    if (rc)
        analysis_fini(out);
    return rc;
}

void analysis_fini(struct analysis *a)
{
    json_decref(a->json);
    a->json = NULL;
    if (a->file.fd >= 0)
        intake_close(&a->file);
    a->file = (struct intake_file){.fd = -1};
}

enum rc op_predict(struct op_call *c, struct err *e)
{
    int64_t threads;
    enum rc rc = arg_int_in(c, "threads", 1, 64, 0, &threads, e);
    if (rc)
        return rc;
    struct analysis_request r = {
        .fd = c->q->fd,
        .name = arg_text(c, "name", "picture"),
        .model = arg_text(c, "model", NULL),
        .threshold = arg_number(c, "threshold", (double)NAN),
        .threads = (int32_t)threads,
        .isa = arg_text(c, "isa", NULL),
        .job = c->q->job,
    };
    struct analysis a;
    rc = station_analyse(c->st, &r, &a, e);
    if (rc)
        return rc;
    rc = answer_set(c, json_incref(a.json), e);
    analysis_fini(&a);
    return rc;
}
