/* A network measured on labelled folders of pictures: DIR/<class>/<picture>. Workers analyse side by side, each with
 * its own caged reader and run; the network is shared. The answer does not depend on their number. */
#include "station/evaluate.h"
#include "base/file.h"
#include "base/text.h"
#include "station/predict.h"
#include "station/stats_ci.h"
#include "station/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct crew {
    struct station *st;
    const struct conf *conf;
    const struct network *network;
    const struct station_job *job;
    double threshold;
    struct evaluation *ev;
    pthread_mutex_t lock;
    size_t next, done;
    enum rc rc; /* of the first failure that is not a bad picture */
    struct err err;
};

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct eval_item *)a)->path, ((const struct eval_item *)b)->path);
}

static enum rc add_item(struct evaluation *ev, const char *dir, const char *name, int32_t truth, struct err *e)
{
    char path[PATH_MAX];
    enum rc rc = path_join(path, sizeof(path), dir, name, e);
    if (!rc)
        rc = mem_grow(&ev->item, &ev->item_cap, ev->item_n + 1, sizeof(*ev->item), e);
    if (rc)
        return rc;
    struct eval_item *it = &ev->item[ev->item_n];
    *it = (struct eval_item){.truth = truth, .said = -1};
    it->path = mem_strdup(path, e);
    it->scores = mem_zalloc((size_t)ev->class_n, sizeof(float), e);
    ev->item_n++;
    return it->path && it->scores ? RC_OK : RC_FAILED;
}

static enum rc read_class_folder(struct evaluation *ev, const char *dir, int32_t truth, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(e, ERR_FILE_OPEN, errno, "cannot read folder %.150s", dir);
    enum rc rc = RC_OK;
    for (struct dirent *entry; !rc && (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            rc = add_item(ev, dir, entry->d_name, truth, e);
    closedir(d);
    return rc;
}

enum rc evaluation_collect(struct evaluation *ev, const char *dir, const struct passport *p, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(e, ERR_FILE_OPEN, errno, "cannot read folder %.150s", dir);
    enum rc rc = RC_OK;
    for (struct dirent *entry; !rc && (entry = readdir(d));) {
        char path[PATH_MAX], shown[256];
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        rc = path_join(path, sizeof(path), dir, entry->d_name, e);
        if (rc || stat(path, &st) || !S_ISDIR(st.st_mode))
            continue;
        int32_t truth = passport_class_find(p, entry->d_name, true);
        if (truth < 0)
            json_array_append_new(ev->skipped, json_string(text_safe(shown, sizeof(shown), entry->d_name, false)));
        else
            rc = read_class_folder(ev, path, truth, e);
    }
    closedir(d);
    if (!rc && ev->item_n == 0)
        rc = err_set(e, ERR_VALUE, "%.100s has no folder named like a class of %.60s (%.40s ...)", dir, p->id,
                     p->class[0].name);
    if (!rc)
        qsort(ev->item, ev->item_n, sizeof(*ev->item), by_path);
    return rc;
}

/* One picture; a picture that cannot be read is noted at the item and is no failure of the whole. */
static enum rc analyse_item(struct crew *c, struct worker *w, struct eval_item *it, struct err *e)
{
    const struct passport *p = c->network->passport;
    struct intake_file file = {.fd = -1};
    struct image im = {0};
    struct verdict v;
    struct err bad = {0};
    enum rc rc = intake_open(it->path, (uint64_t)conf_int(c->conf, CONF_ID_max_file_mb) << 20, &file, &bad);
    if (!rc)
        rc = intake_require_image(&file, &bad);
    if (!rc)
        rc = intake_decode(w->cage, &file, c->job ? &c->job->cancel : NULL, &im, &bad);
    if (!rc)
        rc = image_prepare(&im, &p->recipe, w->in[0], &bad);
    image_fini(&im);
    if (file.fd >= 0)
        intake_close(&file);
    if (rc) {
        str_copy(it->error, sizeof(it->error), bad.msg);
        return rc == RC_INPUT || bad.code == ERR_FILE_OPEN ? RC_OK : err_set(e, bad.code, "%s", bad.msg);
    }
    int32_t n = (int32_t)w->out_n[0];
    rc = worker_forward(w, c->job ? &c->job->cancel : NULL, e);
    if (!rc)
        rc = verdict_of(p, w->out[0], n, c->threshold, &v, e);
    if (rc)
        return rc;
    it->said = v.class_index;
    it->confidence = v.confidence;
    for (int32_t k = 0; k < p->class_n; k++)
        it->scores[k] = verdict_score(p, w->out[0], n, k);
    return RC_OK;
}

static void *crew_main(void *arg)
{
    struct crew *c = arg;
    struct worker *w = NULL;
    struct err err = {0};
    enum rc rc = worker_take(c->st, true, &w, &err);
    if (!rc)
        rc = worker_bind(w, c->network, 1, &err);
    for (;;) {
        pthread_mutex_lock(&c->lock);
        if (rc && !c->rc) {
            c->rc = rc;
            c->err = err;
        }
        if (!c->rc && c->job && c->job->cancel)
            c->rc = err_set(&c->err, ERR_CANCELLED, NULL);
        bool more = !c->rc && c->next < c->ev->item_n;
        struct eval_item *it = more ? &c->ev->item[c->next++] : NULL;
        pthread_mutex_unlock(&c->lock);
        if (!it)
            break;
        rc = analyse_item(c, w, it, &err);
        pthread_mutex_lock(&c->lock);
        c->done++;
        job_stage(c->job, "computing", (int64_t)c->done, (int64_t)c->ev->item_n);
        pthread_mutex_unlock(&c->lock);
    }
    worker_give(c->st, w);
    return NULL;
}

enum rc evaluation_run(struct station *st, struct evaluation *ev, const struct network *net, double threshold,
                       int32_t jobs, const struct station_job *job, struct err *e)
{
    enum { JOBS_MAX = 64 };
    pthread_t thread[JOBS_MAX];
    int32_t started = 0;
    struct crew c = {.st = st, .network = net, .job = job, .threshold = threshold, .ev = ev};
    enum rc rc = station_conf(st, &c.conf, e);
    if (rc)
        return rc;
    if (pthread_mutex_init(&c.lock, NULL))
        return err_set(e, ERR_MEMORY, NULL);
    if (jobs > JOBS_MAX)
        jobs = JOBS_MAX;
    for (int32_t i = 1; i < jobs; i++)
        if (pthread_create(&thread[started], NULL, crew_main, &c) == 0)
            started++;
    crew_main(&c);
    for (int32_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    pthread_mutex_destroy(&c.lock);
    return c.rc ? err_set(e, c.err.code, "%s", c.err.msg) : RC_OK;
}

enum rc evaluation_init(struct evaluation *ev, const struct passport *p, struct err *e)
{
    *ev = (struct evaluation){.class_n = p->class_n, .skipped = json_array()};
    return ev->skipped ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

void evaluation_fini(struct evaluation *ev)
{
    for (size_t i = 0; i < ev->item_n; i++) {
        mem_free(ev->item[i].path);
        mem_free(ev->item[i].scores);
    }
    mem_free(ev->item);
    json_decref(ev->skipped);
}

enum rc op_evaluate(struct op_call *c, struct err *e)
{
    const struct conf *conf;
    const struct network *net;
    struct evaluation ev = {0};
    int64_t jobs = 0;
    struct network_spec spec = {.model = arg_text(c, "model", NULL), .isa = nn_isa_best()};
    double threshold = arg_number(c, "threshold", (double)NAN);
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = arg_int_in(c, "jobs", 1, 64, conf_int(conf, CONF_ID_jobs), &jobs, e);
    if (!rc)
        rc = netcache_get(c->st, &spec, &net, e);
    if (!rc && !net->passport)
        rc = err_set(e, ERR_MODEL_INPUT, "%.100s does not take one picture", net->id);
    if (!rc)
        rc = evaluation_init(&ev, net->passport, e);
    if (!rc)
        rc = evaluation_collect(&ev, arg_text(c, "dir", NULL), net->passport, e);
    int64_t start = clock_mono_ns();
    if (!rc)
        rc = evaluation_run(c->st, &ev, net, threshold, jobs > 0 ? (int32_t)jobs : processors(), c->q->job, e);
    ev.seconds = clock_ms_since(start) / 1e3;
    json_t *report = NULL;
    if (!rc)
        rc = evaluation_report(&ev, net, threshold, arg_bool(c, "list", false), &report, e);
    if (!rc)
        rc = answer_set(c, report, e);
    evaluation_fini(&ev);
    return rc;
}
