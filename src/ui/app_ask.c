/* Requests to the station and other work off the main thread. */
#include "ui/app_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The stage of the running work, written by the worker, read when drawing. */
struct stage_box {
    pthread_mutex_t lock;
    char stage[40];
    int64_t done, total;
};

enum rc app_stage_open(struct app *a, struct err *e)
{
    a->stage_box = mem_zalloc(1, sizeof *a->stage_box, e);
    if (!a->stage_box)
        return RC_FAILED;
    pthread_mutex_init(&a->stage_box->lock, NULL);
    return RC_OK;
}

void app_stage_close(struct app *a)
{
    if (a->stage_box)
        pthread_mutex_destroy(&a->stage_box->lock);
    mem_free(a->stage_box);
    a->stage_box = NULL;
}

static void stage_write(struct app *a, const char *stage, int64_t done, int64_t total)
{
    pthread_mutex_lock(&a->stage_box->lock);
    str_copy(a->stage_box->stage, sizeof a->stage_box->stage, stage);
    a->stage_box->done = done;
    a->stage_box->total = total;
    pthread_mutex_unlock(&a->stage_box->lock);
    ssize_t ignored = write(a->wake[1], "", 1);
    (void)ignored;
}

void app_stage_read(struct app *a)
{
    pthread_mutex_lock(&a->stage_box->lock);
    str_copy(a->stage, sizeof a->stage, a->view.busy ? a->stage_box->stage : "");
    a->view.stage = a->stage;
    a->view.done = a->stage_box->done;
    a->view.total = a->stage_box->total;
    pthread_mutex_unlock(&a->stage_box->lock);
}

struct ask {
    struct lane_job job; /* first: the lane knows only this */
    struct app *app;
    uint32_t serial, number;
    int tag;
    const char *op;
    json_t *args;
    char *token, *path;
    app_own_fn *own;
    struct station_job progress;
    struct station_answer answer;
    struct err err;
    enum rc rc;
};

static void ask_stage(void *ctx, const char *stage, int64_t done, int64_t total)
{
    struct ask *k = ctx;
    stage_write(k->app, stage, done, total);
}

static void ask_work(struct lane_job *job)
{
    struct ask *k = (struct ask *)job;
    int fd = -1;
    if (k->path) {
        fd = open(k->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
            k->rc = err_sys(&k->err, ERR_FILE_OPEN, errno, "Cannot open %s", path_base(k->path));
            return;
        }
    }
    struct station_request q = {
        .op = k->op, .args = k->args, .token = k->token, .fd = fd, .job = &k->progress, .tty = ttyname(STDIN_FILENO)};
    k->rc = wire_call(k->app->wire, &q, &k->answer, &k->err);
    if (fd >= 0)
        close(fd);
}

static struct screen *screen_by_serial(struct app *a, uint32_t serial)
{
    for (int i = 0; i < a->depth; i++)
        if (a->stack[i].serial == serial)
            return &a->stack[i];
    return NULL;
}

static void deliver(struct ask *k)
{
    struct app *a = k->app;
    if (k->rc == RC_SIGN_IN && k->err.code == ERR_SESSION && a->token && !a->quit) {
        app_say(a, STYLE_WARN, "Your session has ended: sign in again. What you typed is kept.");
        app_sign_out(a);
        return;
    }
    if (k->own) {
        k->own(a, k->rc == RC_OK ? k->answer.result : NULL, &k->err);
        return;
    }
    struct screen *s = screen_by_serial(a, k->serial);
    if (!s || s->asked[k->tag] != k->number)
        return;
    if (k->tag == TAG_OWN_DRAFT) {
        json_t *fields = json_object_get(k->answer.result, "fields");
        if (k->rc == RC_OK && json_is_object(fields))
            s->row->restore(a, s->state, fields);
        return;
    }
    if (k->rc != RC_OK)
        app_fail(a, &k->err);
    if (s->row->answer)
        s->row->answer(a, s->state, k->tag, k->rc == RC_OK ? k->answer.result : NULL, k->answer.fd, &k->err);
}

static void ask_done(struct lane_job *job)
{
    struct ask *k = (struct ask *)job;
    if (job->cancel && k->rc == RC_OK && !k->answer.result)
        k->rc = err_set(&k->err, ERR_CANCELLED, "Stopped");
    if (!k->app->quit)
        deliver(k);
    app_dirty(k->app);
    json_decref(k->args);
    station_answer_fini(&k->answer);
    mem_free(k->token);
    mem_free(k->path);
    mem_free(k);
}

static struct ask *ask_new(struct app *a, const char *op, json_t *args, const char *path, struct err *e)
{
    struct ask *k = mem_zalloc(1, sizeof *k, e);
    if (!k)
        goto failed;
    *k = (struct ask){
        .job = {.work = ask_work, .done = ask_done}, .app = a, .op = op, .args = args, .answer = {.fd = -1}};
    k->progress = (struct station_job){.stage = ask_stage, .ctx = k};
    k->job.cancel_also = &k->progress.cancel;
    if (a->token && !(k->token = mem_strdup(a->token, e)))
        goto failed;
    if (path && !(k->path = mem_strdup(path, e)))
        goto failed;
    return k;
failed:
    json_decref(args);
    if (k)
        mem_free(k->token);
    mem_free(k);
    return NULL;
}

void app_ask(struct app *a, enum lane_id lane, int tag, const char *op, json_t *args, const char *path)
{
    struct err e = {0};
    struct screen *s = app_top(a);
    struct ask *k = ask_new(a, op, args, path, &e);
    if (!k) {
        app_fail(a, &e);
        return;
    }
    k->serial = s->serial;
    k->tag = tag;
    k->number = s->asked[tag] = ++a->next_request;
    if (lane != LANE_WORK)
        k->progress.stage = NULL;
    lane_submit(a->lane[lane], &k->job);
}

void app_ask_own(struct app *a, const char *op, json_t *args, app_own_fn *then)
{
    struct err e = {0};
    struct ask *k = ask_new(a, op, args, NULL, &e);
    if (!k) {
        app_fail(a, &e);
        return;
    }
    k->own = then;
    k->progress.stage = NULL;
    lane_submit(a->lane[LANE_QUERY], &k->job);
}

enum rc app_ask_now(struct app *a, const char *op, json_t *args, json_t **result, struct err *e)
{
    struct station_request q = {.op = op, .args = args, .token = a->token, .fd = -1, .tty = ttyname(STDIN_FILENO)};
    struct station_answer answer = {.fd = -1};
    enum rc rc = wire_call(a->wire, &q, &answer, e);
    *result = rc == RC_OK ? json_incref(answer.result) : NULL;
    station_answer_fini(&answer);
    json_decref(args);
    return rc;
}

/* ---- a screen's own work ---- */
struct own_work {
    struct lane_job job;
    struct app *app;
    uint32_t serial, number;
    int tag;
    struct app_work w;
    struct err err;
    enum rc rc;
    bool worked;
};

static void own_run(struct lane_job *job)
{
    struct own_work *k = (struct own_work *)job;
    k->rc = k->w.work(k->w.data, &job->cancel, &k->err);
    k->worked = true;
}

static void own_done(struct lane_job *job)
{
    struct own_work *k = (struct own_work *)job;
    struct screen *s = k->app->quit ? NULL : screen_by_serial(k->app, k->serial);
    if (s && s->asked[k->tag] == k->number && k->worked)
        k->w.done(k->app, s->state, k->w.data, k->rc, &k->err);
    app_dirty(k->app);
    k->w.free_data(k->w.data);
    mem_free(k);
}

void app_work(struct app *a, enum lane_id lane, int tag, const struct app_work *w)
{
    struct err e = {0};
    struct screen *s = app_top(a);
    struct own_work *k = mem_zalloc(1, sizeof *k, &e);
    if (!k) {
        app_fail(a, &e);
        w->free_data(w->data);
        return;
    }
    *k = (struct own_work){
        .job = {.work = own_run, .done = own_done}, .app = a, .serial = s->serial, .tag = tag, .w = *w};
    k->number = s->asked[tag] = ++a->next_request;
    lane_submit(a->lane[lane], &k->job);
}
