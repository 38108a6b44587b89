/* Pictures: taking one in, analysing it, keeping both; the stored ones. */
#include "base/file.h"
#include "base/text.h"
#include "station/handout.h"
#include "station/netcache.h"
#include "station/predict.h"
#include "station/records.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 255, NOTES_MAX_BYTES = 4000, AGE_MAX = 130 };

/* What the result is about: a patient, a walk-in's few words, or nobody. */
struct about {
    const char *patient_name, *notes;
    int64_t patient_id, patient_age;
};

/* Everybody's own record: made at the first picture a person sends in, when no doctor has made one. */
static enum rc own_patient(struct op_call *c, struct store_tx *tx, int64_t *id, struct err *e)
{
    struct store_user u;
    char name[300];
    enum rc rc = store_patient_of_user(tx, c->user.id, id, e);
    if (rc || *id)
        return rc;
    rc = store_user_get(tx, c->user.id, &u, e);
    if (rc)
        return rc;
    str_format(name, sizeof(name), "%s%s%s", u.last_name, u.last_name[0] && u.first_name[0] ? " " : "", u.first_name);
    const struct store_patient p = {
        .name = name[0] ? name : u.username, .birth_year = 0, .consent = 1, .user_id = c->user.id};
    return store_patient_add(tx, &p, c->user.id, clock_wall_ms(), id, e);
}

static enum rc about_args(struct op_call *c, struct about *a, struct err *e)
{
    *a = (struct about){.patient_age = -1};
    enum rc rc = line_arg(c, "patient_name", 200, &a->patient_name, e);
    if (!rc)
        rc = lines_arg(c, "notes", NOTES_MAX_BYTES, &a->notes, e);
    if (!rc)
        rc = arg_int_in(c, "patient_age", 0, AGE_MAX, -1, &a->patient_age, e);
    a->patient_id = arg_int(c, "patient", 0);
    if (!rc && !is_doctor(c) &&
        (arg_given(c, "patient") || arg_given(c, "patient_name") || arg_given(c, "patient_age")))
        rc = err_set(e, ERR_VALUE, "you can add pictures for yourself only");
    if (!rc && a->patient_id && (arg_given(c, "patient_name") || arg_given(c, "patient_age")))
        rc = err_set(e, ERR_VALUE, "give a registered patient or a walk-in's name, not both");
    return rc;
}

/* A wrong number is said before the work, not after it. */
static enum rc require_patient(struct op_call *c, int64_t id, struct err *e)
{
    struct store_tx *tx = NULL;
    json_t *patient = NULL;
    if (id == 0)
        return RC_OK;
    enum rc rc = store_begin(c->st->records->store, STORE_READ, &tx, e);
    if (!rc)
        rc = store_patient_json(tx, id, clock_wall_ms(), &patient, e);
    store_rollback(tx);
    json_decref(patient);
    return rc;
}

/* What the network was measured on, in the passport's words; without figures, what it is for. */
static json_t *passport_line(const struct passport *p)
{
    char line[400], safe[400];
    json_t *measured = json_array_get(json_object_get(p->json, "metrics"), 0);
    const char *summary = json_string_value(json_object_get(measured, "summary"));
    const char *dataset = json_string_value(json_object_get(measured, "dataset"));
    if (summary)
        str_format(line, sizeof(line), "%s%s%s.", summary, dataset ? " on " : "", dataset ? dataset : "");
    else
        str_format(line, sizeof(line), "%s; no measured figures.",
                   p->assumed ? "A network without passport" : p->title);
    return json_string(text_safe(safe, sizeof(safe), line, false));
}

/* 1 or 0 where the passport says which classes are of concern, else -1: unknown. */
static int of_concern(const struct passport *p, const struct verdict *v)
{
    bool any = false;
    for (int32_t i = 0; i < p->class_n; i++)
        any = any || p->class[i].concern;
    if (p->positive >= 0)
        return v->positive;
    return any ? p->class[v->class_index].concern : -1;
}

enum rc analysis_rows(struct station *st, const struct analysis *a, const char *name, const char *path,
                      struct analysis_rows *out, struct err *e)
{
    const struct network_spec spec = {.model = a->model_id, .isa = nn_isa_best()};
    const struct network *net = NULL;
    const struct verdict *v = &a->verdict;
    struct err why = {0};
    /* A network given by its path has no entry under its id; its passport, if any, is not asked then. */
    const struct passport *p = netcache_get(st, &spec, &net, &why) ? NULL : net->passport;
    *out = (struct analysis_rows){
        .image = {path, name, a->file.sha256, image_format_name(a->file.format), (int64_t)a->file.size_bytes,
                  a->width_px, a->height_px},
        .result = {.patient_age = -1,
                   .predicted_class = a->predicted_class,
                   .model_id = a->model_id,
                   .model_version = a->model_version,
                   .model_sha256 = a->model_sha256,
                   .confidence = v->confidence,
                   .raw_score = float_decimal(v->score),
                   .threshold = v->has_threshold ? v->threshold : (double)NAN,
                   .processing_time = a->seconds,
                   .positive = p                  ? of_concern(p, v)
                               : v->has_threshold ? v->positive
                                                  : -1},
        .detail = json_pack("{s:O?, s:O?, s:O?, s:O?, s:o, s:s*, s:s*}", "scores", json_object_get(a->json, "scores"),
                            "recommendations", json_object_get(a->json, "recommendations"), "timings_ms",
                            json_object_get(a->json, "timings_ms"), "image_notes", json_object_get(a->json, "notes"),
                            "passport_line", p ? passport_line(p) : json_null(), "modality", p ? p->modality : NULL,
                            "class_label", p ? p->class[v->class_index].label : NULL),
    };
    out->result.detail = out->detail;
    return out->detail ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

enum rc analysis_keep_picture(struct station *st, const struct analysis *a, int64_t at, char path[STORE_PATH_CAP],
                              struct err *e)
{
    const char *ext = a->file.format == IMAGE_JPEG ? "jpg" : image_format_name(a->file.format);
    return store_picture_put(st->records->store, a->file.data, (size_t)a->file.size_bytes, a->file.sha256, ext, at,
                             path, e);
}

/* The stored result as its sender may see it: NULL while it waits for a doctor's release. */
static enum rc visible_result(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, json_t *detail,
                              json_t **out, struct err *e)
{
    struct err hidden = {0};
    enum rc rc = store_result_row(tx, eyes, id, out, &hidden);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc)
        return err_set(e, hidden.code, "%s", hidden.msg);
    if (json_object_update_missing(*out, detail) || json_object_set_new(*out, "disclaimer", json_string(NOTICE_TEXT)))
        return err_set(e, ERR_MEMORY, NULL);
    return RC_OK;
}

static enum rc keep(struct op_call *c, struct analysis_rows *rows, int64_t now, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_eyes eyes = eyes_of(c);
    int64_t image_id = 0, result_id = 0;
    json_t *image = NULL, *result = NULL, *answer = NULL;
    char subject[40];
    enum rc rc = call_begin(c, &tx, e);
    if (!rc && !is_doctor(c))
        rc = own_patient(c, tx, &rows->result.patient_id, e);
    if (!rc)
        rc = store_result_add(tx, &rows->image, &rows->result, c->user.id, now, &image_id, &result_id, e);
    if (!rc)
        rc = store_image_json(tx, &eyes, image_id, &image, e);
    if (!rc)
        rc = visible_result(tx, &eyes, result_id, rows->detail, &result, e);
    if (!rc) {
        answer = json_pack("{s:O, s:o, s:b}", "image", image, "result", result ? json_incref(result) : json_null(),
                           "released", (int)rows->result.released);
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(image);
    json_decref(result);
    str_format(subject, sizeof(subject), "result %lld", (long long)result_id);
    return call_end(c, tx, rc, answer, subject, rows->result.model_id, e);
}

enum rc op_images_add(struct op_call *c, struct err *e)
{
    const struct conf *conf = NULL;
    struct about about;
    struct analysis a = {0};
    struct analysis_rows rows = {0};
    const char *name = NULL;
    char shown[NAME_MAX_BYTES + 1], path[STORE_PATH_CAP];
    int64_t now = clock_wall_ms();
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = line_arg(c, "name", 4096, &name, e);
    if (!rc)
        rc = about_args(c, &about, e);
    if (!rc)
        rc = require_patient(c, about.patient_id, e);
    if (rc)
        return rc;
    str_copy(shown, sizeof(shown), path_base(name));
    const struct analysis_request request = {
        .fd = c->q->fd,
        .name = shown[0] ? shown : "picture",
        .model = arg_text(c, "model", NULL),
        .threshold = arg_number(c, "threshold", (double)NAN),
        .job = c->q->job,
    };
    rc = station_analyse(c->st, &request, &a, e);
    if (rc)
        return rc;
    rc = analysis_rows(c->st, &a, request.name, path, &rows, e);
    rows.result.patient_id = about.patient_id;
    rows.result.patient_name = about.patient_name;
    rows.result.patient_age = about.patient_age;
    rows.result.notes = about.notes;
    rows.result.released = conf_bool(conf, CONF_ID_immediate_release);
    if (!rc && c->q->job && c->q->job->cancel)
        rc = err_set(e, ERR_CANCELLED, NULL);
    op_stage(c, "saving", 0, 0);
    if (!rc)
        rc = analysis_keep_picture(c->st, &a, now, path, e);
    if (!rc)
        rc = keep(c, &rows, now, e);
    json_decref(rows.detail);
    analysis_fini(&a);
    return rc;
}

enum rc op_images_list(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_page p;
    struct store_eyes eyes = eyes_of(c);
    json_t *list = NULL;
    enum rc rc = page_of(c, &p, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_images_list(tx, &eyes, &p, &list, e);
    return call_end(c, tx, rc, list, NULL, NULL, e);
}

enum rc op_images_show(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_eyes eyes = eyes_of(c);
    int64_t id = arg_int(c, "id", 0);
    json_t *image = NULL, *answer = NULL;
    char subject[40];
    str_format(subject, sizeof(subject), "image %lld", (long long)id);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_image_json(tx, &eyes, id, &image, e);
    if (!rc) {
        answer = json_pack("{s:O, s:O}", "image", image, "result", json_object_get(image, "result"));
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(image);
    return call_end(c, tx, rc, answer, subject, NULL, e);
}

/* The stored file as it is, in memory that the caller cannot change: the path in the store stays the store's. */
static enum rc hand_over(struct op_call *c, const struct store_picture *p, struct err *e)
{
    struct stat st;
    char sha256[SHA256_HEX];
    int fd = -1;
    enum rc rc = store_picture_open(c->st->records->store, p->path, &fd, e);
    if (!rc && (fstat(fd, &st) || st.st_size != p->file_size))
        rc = err_set(e, ERR_STORE, "the stored picture has another size than its record");
    char *data = rc ? NULL : mem_zalloc((size_t)p->file_size, 1, e);
    if (!rc && !data)
        rc = RC_FAILED;
    if (!rc)
        rc = fd_read_all(fd, data, (size_t)p->file_size, e);
    if (!rc)
        sha256_hex(data, (size_t)p->file_size, sha256);
    if (!rc && !str_eq(sha256, p->sha256))
        rc = err_set(e, ERR_STORE, "the stored picture is not the one of its record any more");
    if (!rc)
        rc = answer_file(c, p->name, data, (size_t)p->file_size, e);
    mem_free(data);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* For de-identified eyes: *p becomes the record of what is handed over. */
static enum rc hand_over_bare(struct op_call *c, struct store_picture *p, struct err *e)
{
    struct buf png = {0};
    char *dot = strrchr(p->name, '.');
    size_t stem_n = dot ? (size_t)(dot - p->name) : strlen(p->name);
    enum rc rc = handout_bare_picture(c, p, &png, e);
    if (!rc) {
        str_format(p->name + stem_n, sizeof(p->name) - stem_n, ".png");
        str_copy(p->format, sizeof(p->format), image_format_name(IMAGE_PNG));
        sha256_hex(png.data, png.len, p->sha256);
        p->file_size = (int64_t)png.len;
        rc = answer_file(c, p->name, png.data, png.len, e);
    }
    buf_free(&png);
    return rc;
}

enum rc op_images_fetch(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_eyes eyes = eyes_of(c);
    struct store_picture p = {0};
    int64_t id = arg_int(c, "result", 0);
    char subject[40];
    str_format(subject, sizeof(subject), "result %lld", (long long)id);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_result_picture(tx, &eyes, id, &p, e);
    rc = call_end(c, tx, rc, NULL, subject, "picture", e);
    if (!rc)
        rc = eyes.scope == STORE_DEIDENTIFIED ? hand_over_bare(c, &p, e) : hand_over(c, &p, e);
    return rc ? rc
              : answer_set(c,
                           json_pack("{s:s, s:I, s:s, s:s}", "name", p.name, "file_size", (json_int_t)p.file_size,
                                     "format", p.format, "sha256", p.sha256),
                           e);
}
