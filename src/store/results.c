/* Results: adding, deciding about them, showing one whole. */
#include "store/results.h"

#include "base/text.h"

#include <string.h>

enum { NAME_CAP = 512 };

void query_add(struct query *q, const char *sql)
{
    buf_puts(&q->sql, sql);
}

void query_value(struct query *q, const char *sql, struct db_value v)
{
    buf_puts(&q->sql, sql);
    if (q->n < ARRAY_N(q->v))
        q->v[q->n++] = v;
    else
        q->full = true;
}

struct db_args query_args(const struct query *q)
{
    return (struct db_args){q->v, q->n};
}

enum rc query_check(const struct query *q, struct err *e)
{
    return q->full ? err_set(e, ERR_INTERNAL, "more than %zu values in a query", q->n) : buf_check(&q->sql, e);
}

void eyes_where(struct query *q, const struct store_eyes *eyes)
{
    switch (eyes->scope) {
    case STORE_ALL:
        return;
    case STORE_DEIDENTIFIED:
        query_add(q, " AND i.voided = 0");
        return;
    case STORE_OWN:
        break;
    }
    query_value(q,
                " AND i.patient_id IN (SELECT id FROM patients WHERE user_id = ?) AND i.released = 1 AND i.voided = 0",
                db_i(eyes->user_id));
}

#define ROW_FIELDS                                                                                                     \
    "i.id AS id, r.image_id AS xray_image, i.predicted_class AS predicted_class, i.confidence AS confidence,"          \
    " i.raw_score AS raw_score, r.threshold AS threshold, i.positive AS \"positive?\","                                \
    " i.created_at AS \"created_at@\", r.processing_time AS processing_time, r.model_id AS \"model.id\","              \
    " r.model_version AS \"model.version\", i.reviewed AS \"reviewed?\", i.released AS \"released?\","                 \
    " i.voided AS \"voided?\","
#define AGE_THEN                                                                                                       \
    "coalesce(CAST(strftime('%Y', i.created_at / 1000, 'unixepoch') AS INTEGER) - p.birth_year, r.patient_age)"

const char *eyes_row_fields(const struct store_eyes *eyes)
{
    /* Ages above 89 would point at single people: they are shown as 90. */
    static const char deidentified[] = ROW_FIELDS
        " NULL AS mail, coalesce(pseudonym('P', p.id), pseudonym('W', i.id)) AS \"patient.name\","
        " NULL AS \"patient.id\", coalesce(p.sex, '') AS \"patient.sex\", min(" AGE_THEN ", 90) AS \"patient.age\"";
    static const char named[] =
        ROW_FIELDS " i.mail AS mail, iif(p.id IS NULL AND r.patient_name = '' AND r.patient_age IS NULL, NULL,"
                   " coalesce(p.name, r.patient_name)) AS \"patient.name\", p.id AS \"patient.id\","
                   " coalesce(p.sex, '') AS \"patient.sex\", " AGE_THEN " AS \"patient.age\","
                   " p.birth_year AS \"patient.birth_year\", p.phone AS \"patient.phone\"";
    return eyes->scope == STORE_DEIDENTIFIED ? deidentified : named;
}

static enum rc event_add(struct db *db, int64_t id, const char *kind, struct db_value agree, const char *own_class,
                         int64_t patient, const char *note, int64_t by, int64_t now, struct err *e)
{
    return db_run(db,
                  "INSERT INTO result_events (result_id, kind, agree, own_class, patient_id, note, at, by)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                  DB_ARGS(db_i(id), db_t(kind), agree, db_t(own_class), db_i_or_null(patient, 0),
                          db_t(note ? note : ""), db_i(now), db_i(by)),
                  e);
}

static enum rc image_add(struct db *db, const struct store_image *im, int64_t by, int64_t now, int64_t *id,
                         struct err *e)
{
    enum rc rc =
        db_run(db,
               "INSERT INTO images (image, name, sha256, format, file_size, width, height, uploaded_at, uploaded_by)"
               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
               DB_ARGS(db_t(im->path), db_t(im->name), db_t(im->sha256), db_t(im->format), db_i(im->file_size),
                       db_i(im->width), db_i(im->height), db_i(now), db_i(by)),
               e);
    if (!rc)
        *id = db_last_id(db);
    return rc;
}

/* The derived rows: what lists and the search look at. */
static enum rc index_add(struct db *db, const struct store_result *r, int64_t id, int64_t by, int64_t now,
                         struct err *e)
{
    char fold[NAME_CAP] = "";
    text_fold(fold, sizeof(fold), r->patient_name ? r->patient_name : "");
    enum rc rc =
        db_run(db,
               "INSERT INTO result_index (id, created_at, created_by, predicted_class, confidence, raw_score, positive,"
               " model_id, patient_id, name_fold, reviewed, released, voided, mail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
               " ?8, ?9, coalesce((SELECT name_fold FROM patients WHERE id = ?9), ?10), 0, ?11, 0, '')",
               DB_ARGS(db_i(id), db_i(now), db_i(by), db_t(r->predicted_class), db_r(r->confidence), db_r(r->raw_score),
                       db_i_or_null(r->positive, -1), db_t(r->model_id), db_i_or_null(r->patient_id, 0), db_t(fold),
                       db_i(r->released)),
               e);
    if (!rc && r->patient_id == 0 && fold[0])
        rc = db_run(db, "INSERT INTO name_search (rowid, words) VALUES (2 * ? + 1, ?)", DB_ARGS(db_i(id), db_t(fold)),
                    e);
    if (!rc && r->released)
        rc = event_add(db, id, "release", (struct db_value){0}, NULL, 0, "at once, by the site's setting", by, now, e);
    return rc;
}

static int add_text(const char *text, size_t n, void *ctx)
{
    struct buf *b = ctx;
    buf_add(b, text, n);
    return b->failed ? -1 : 0;
}

enum rc store_result_add(struct store_tx *tx, const struct store_image *im, const struct store_result *r, int64_t by,
                         int64_t now, int64_t *image_id, int64_t *result_id, struct err *e)
{
    struct buf detail = {0};
    if (json_dump_callback(r->detail, add_text, &detail, JSON_COMPACT | JSON_REAL_PRECISION(15))) {
        buf_free(&detail);
        return err_set(e, ERR_MEMORY, NULL);
    }
    bool threshold = r->threshold == r->threshold; /* NAN: none */
    enum rc rc = image_add(tx->db, im, by, now, image_id, e);
    if (!rc)
        rc = db_run(
            tx->db,
            "INSERT INTO results (image_id, patient_name, patient_age, notes, predicted_class, confidence, raw_score,"
            " threshold, positive, model_id, model_version, model_sha256, processing_time, detail, created_at,"
            " created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            DB_ARGS(db_i(*image_id), db_t(r->patient_name ? r->patient_name : ""), db_i_or_null(r->patient_age, -1),
                    db_t(r->notes ? r->notes : ""), db_t(r->predicted_class), db_r(r->confidence), db_r(r->raw_score),
                    threshold ? db_r(r->threshold) : (struct db_value){0}, db_i_or_null(r->positive, -1),
                    db_t(r->model_id), db_t(r->model_version), db_t(r->model_sha256), db_r(r->processing_time),
                    db_t(detail.data), db_i(now), db_i(by)),
            e);
    if (!rc) {
        *result_id = db_last_id(tx->db);
        rc = index_add(tx->db, r, *result_id, by, now, e);
    }
    buf_free(&detail);
    return rc;
}

/* Decisions are for results that exist and still stand. */
static enum rc require_valid(struct db *db, int64_t id, struct err *e)
{
    int64_t voided = 0;
    bool found = false;
    enum rc rc = db_int(db, "SELECT voided FROM result_index WHERE id = ?", DB_ARGS(db_i(id)), &voided, &found, e);
    if (!rc && !found)
        rc = err_set(e, ERR_NOT_FOUND, "no result %lld", (long long)id);
    else if (!rc && voided)
        rc = err_set(e, ERR_CONFLICT, "result %lld is void", (long long)id);
    return rc;
}

enum rc store_result_void(struct store_tx *tx, int64_t id, const char *reason, int64_t by, int64_t now, struct err *e)
{
    enum rc rc = require_valid(tx->db, id, e);
    if (!rc)
        rc = event_add(tx->db, id, "void", (struct db_value){0}, NULL, 0, reason, by, now, e);
    return rc ? rc : db_run(tx->db, "UPDATE result_index SET voided = 1 WHERE id = ?", DB_ARGS(db_i(id)), e);
}

enum rc store_result_review(struct store_tx *tx, int64_t id, bool agree, const char *own_class, const char *note,
                            int64_t by, int64_t now, struct err *e)
{
    enum rc rc = require_valid(tx->db, id, e);
    if (!rc)
        rc = event_add(tx->db, id, "review", db_i(agree), own_class && *own_class ? own_class : NULL, 0, note, by, now,
                       e);
    return rc ? rc : db_run(tx->db, "UPDATE result_index SET reviewed = 1 WHERE id = ?", DB_ARGS(db_i(id)), e);
}

enum rc store_result_release(struct store_tx *tx, int64_t id, bool released, int64_t by, int64_t now, struct err *e)
{
    enum rc rc = require_valid(tx->db, id, e);
    if (!rc)
        rc = event_add(tx->db, id, released ? "release" : "withdraw", (struct db_value){0}, NULL, 0, NULL, by, now, e);
    return rc ? rc
              : db_run(tx->db, "UPDATE result_index SET released = ? WHERE id = ?", DB_ARGS(db_i(released), db_i(id)),
                       e);
}

enum rc store_result_attach(struct store_tx *tx, int64_t id, int64_t patient, int64_t by, int64_t now, struct err *e)
{
    int64_t n = 0;
    enum rc rc = require_valid(tx->db, id, e);
    if (!rc)
        rc = db_int(tx->db, "SELECT count(*) FROM patients WHERE id = ?", DB_ARGS(db_i(patient)), &n, NULL, e);
    if (!rc && n == 0)
        rc = err_set(e, ERR_NOT_FOUND, "no patient %lld", (long long)patient);
    if (!rc)
        rc = event_add(tx->db, id, "attach", (struct db_value){0}, NULL, patient, NULL, by, now, e);
    if (!rc)
        rc =
            db_run(tx->db,
                   "UPDATE result_index SET patient_id = ?1, name_fold = (SELECT name_fold FROM patients WHERE id = ?1)"
                   " WHERE id = ?2",
                   DB_ARGS(db_i(patient), db_i(id)), e);
    /* Found by the patient's name from now on. */
    if (!rc)
        rc = db_run(tx->db, "DELETE FROM name_search WHERE rowid = 2 * ? + 1", DB_ARGS(db_i(id)), e);
    return rc;
}

/* The row `select` over this result within the eyes, or NOT_FOUND. */
static enum rc one(struct db *db, const struct store_eyes *eyes, int64_t id, const char *select, json_t **out,
                   struct err *e)
{
    struct query q = {0};
    *out = NULL;
    query_add(&q, "SELECT ");
    query_add(&q, select);
    query_value(&q, " FROM result_index i" RESULT_JOINS " WHERE i.id = ?", db_i(id));
    eyes_where(&q, eyes);
    enum rc rc = query_check(&q, e);
    if (!rc)
        rc = db_json_one(db, q.sql.data, query_args(&q), out, e);
    buf_free(&q.sql);
    return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "no result %lld", (long long)id);
}

enum rc store_result_row(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, json_t **out, struct err *e)
{
    return one(tx->db, eyes, id, eyes_row_fields(eyes), out, e);
}

#define IMAGE_FIELDS_NAMED                                                                                             \
    "m.id AS id, m.image AS image, m.name AS name, m.uploaded_at AS \"uploaded_at@\", m.file_size AS file_size,"       \
    " m.width AS width, m.height AS height, m.format AS format, m.sha256 AS sha256, i.id AS result"
/* File names may hold people's names. */
#define PLAIN_NAME "printf('image-%06d.%s', m.id, iif(m.format = 'jpeg', 'jpg', m.format))"
#define IMAGE_FIELDS_PLAIN                                                                                             \
    "m.id AS id, " PLAIN_NAME " AS image, " PLAIN_NAME " AS name, m.uploaded_at AS \"uploaded_at@\","                  \
    " m.file_size AS file_size, m.width AS width, m.height AS height, m.format AS format, m.sha256 AS sha256,"         \
    " i.id AS result"

static enum rc add_events(struct db *db, const struct store_eyes *eyes, int64_t id, json_t *out, struct err *e)
{
    bool plain = eyes->scope == STORE_DEIDENTIFIED;
    json_t *reviews = NULL, *ended = NULL, *mails = NULL;
    enum rc rc =
        db_json_all(db,
                    "SELECT e.id AS id, e.agree AS \"agree?\", e.own_class AS own_class, iif(?2, NULL, e.note) AS note,"
                    " e.at AS \"at@\", iif(?2, NULL, u.username) AS by FROM result_events e JOIN users u ON u.id = e.by"
                    " WHERE e.result_id = ?1 AND e.kind = 'review' ORDER BY e.id DESC",
                    DB_ARGS(db_i(id), db_i(plain)), &reviews, e);
    if (!rc)
        rc = db_json_one(
            db,
            "SELECT e.note AS reason, e.at AS \"at@\", u.username AS by FROM result_events e JOIN users u ON u.id ="
            " e.by WHERE e.result_id = ? AND e.kind = 'void' ORDER BY e.id DESC LIMIT 1",
            DB_ARGS(db_i(id)), &ended, e);
    if (!rc)
        rc = db_json_all(
            db,
            "SELECT o.id AS id, iif(?2 = 1, o.recipient, NULL) AS \"to\", o.state AS state FROM outbox_results x"
            " JOIN outbox o ON o.id = x.mail_id WHERE x.result_id = ?1 AND (?2 = 1 OR (?2 = 0 AND o.created_by = ?3))"
            " ORDER BY o.id DESC LIMIT 20",
            DB_ARGS(db_i(id),
                    db_i(eyes->scope == STORE_ALL ? 1
                         : plain                  ? 2
                                                  : 0),
                    db_i(eyes->user_id)),
            &mails, e);
    json_t *review = json_array_get(reviews, 0);
    if (!rc && (json_object_set_new(out, "review", review ? json_incref(review) : json_null()) ||
                json_object_set(out, "reviews", reviews) || json_object_set(out, "mail", mails) ||
                json_object_set_new(out, "void", ended ? json_incref(ended) : json_null())))
        rc = err_set(e, ERR_MEMORY, NULL);
    json_decref(reviews);
    json_decref(ended);
    json_decref(mails);
    return rc;
}

/* Moves the parts of `detail` (what the analysis said) beside the row. */
static enum rc add_detail(json_t *row, json_t *out, struct err *e)
{
    static const char *const parts[] = {"scores",      "recommendations", "passport_line", "timings_ms",
                                        "image_notes", "modality",        "class_label"};
    json_t *detail = json_object_get(row, "detail"), *sha = json_object_get(row, "model_sha256");
    int failed = 0;
    for (size_t i = 0; i < ARRAY_N(parts); i++) {
        json_t *part = json_object_get(detail, parts[i]);
        failed |= json_object_set_new(out, parts[i], part ? json_incref(part) : json_null());
    }
    json_t *model = json_deep_copy(json_object_get(row, "model"));
    failed |= !model || json_object_set(model, "sha256", sha) || json_object_set(out, "model", model);
    json_decref(model);
    failed |= json_object_set_new(out, "patient", json_incref(json_object_get(row, "patient")));
    json_object_del(row, "detail");
    json_object_del(row, "model_sha256");
    return failed ? err_set(e, ERR_MEMORY, NULL) : RC_OK;
}

enum rc store_result_json(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, int64_t now, json_t **out,
                          struct err *e)
{
    (void)now;
    bool plain = eyes->scope == STORE_DEIDENTIFIED;
    json_t *row = NULL, *image = NULL;
    struct query fields = {0};
    *out = NULL;
    query_add(&fields, eyes_row_fields(eyes));
    query_add(&fields, plain ? ", NULL AS notes, NULL AS created_by"
                             : ", r.notes AS notes, (SELECT username FROM users"
                               " WHERE id = r.created_by) AS created_by");
    query_add(&fields, ", r.detail AS \"detail#\", r.model_sha256 AS model_sha256");
    enum rc rc = query_check(&fields, e);
    if (!rc)
        rc = one(tx->db, eyes, id, fields.sql.data, &row, e);
    if (!rc)
        rc = one(tx->db, eyes, id, plain ? IMAGE_FIELDS_PLAIN : IMAGE_FIELDS_NAMED, &image, e);
    json_t *whole = rc ? NULL : json_object();
    if (!rc && (!whole || json_object_set(whole, "result", row) || json_object_set(whole, "image", image)))
        rc = err_set(e, ERR_MEMORY, NULL);
    if (!rc)
        rc = add_detail(row, whole, e);
    if (!rc)
        rc = add_events(tx->db, eyes, id, whole, e);
    buf_free(&fields.sql);
    json_decref(row);
    json_decref(image);
    if (rc)
        json_decref(whole);
    else
        *out = whole;
    return rc;
}

enum rc store_result_picture(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, struct store_picture *out,
                             struct err *e)
{
    struct query q = {0};
    struct db_rows r = {0};
    bool row = false;
    query_add(&q, "SELECT m.image, ");
    query_add(&q, eyes->scope == STORE_DEIDENTIFIED ? PLAIN_NAME : "m.name");
    query_value(&q, ", m.sha256, m.format, m.file_size FROM result_index i" RESULT_JOINS " WHERE i.id = ?", db_i(id));
    eyes_where(&q, eyes);
    enum rc rc = query_check(&q, e);
    if (!rc)
        rc = db_query(tx->db, q.sql.data, query_args(&q), &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && !row)
        rc = err_set(e, ERR_NOT_FOUND, "no result %lld", (long long)id);
    if (!rc) {
        str_copy(out->path, sizeof(out->path), db_col_text(&r, 0));
        str_copy(out->name, sizeof(out->name), db_col_text(&r, 1));
        str_copy(out->sha256, sizeof(out->sha256), db_col_text(&r, 2));
        str_copy(out->format, sizeof(out->format), db_col_text(&r, 3));
        out->file_size = db_col_int(&r, 4);
    }
    db_rows_end(&r);
    buf_free(&q.sql);
    return rc;
}

/* Over m: a picture may have no visible result; "result" is then null. */
static void image_query(struct query *q, const struct store_eyes *eyes, const char *select)
{
    query_add(q, select);
    query_add(q, " FROM images m JOIN results r ON r.image_id = m.id LEFT JOIN result_index i ON i.id = r.id");
    if (eyes->scope == STORE_OWN)
        query_add(q, " AND i.released = 1 AND i.voided = 0"
                     " AND i.patient_id IN (SELECT id FROM patients WHERE user_id = m.uploaded_by)");
    query_add(q, " WHERE 1");
    if (eyes->scope == STORE_OWN)
        query_value(q, " AND m.uploaded_by = ?", db_i(eyes->user_id));
}

#define IMAGE_ROW                                                                                                      \
    "SELECT m.id AS id, m.image AS image, m.name AS name, m.uploaded_at AS \"uploaded_at@\","                          \
    " m.file_size AS file_size, m.width AS width, m.height AS height, m.format AS format, m.sha256 AS sha256,"         \
    " i.id AS \"result.id\", i.predicted_class AS \"result.predicted_class\", i.confidence AS \"result.confidence\","  \
    " i.raw_score AS \"result.raw_score\", i.created_at AS \"result.created_at@\","                                    \
    " r.processing_time AS \"result.processing_time\", i.voided AS \"result.voided?\""

enum rc store_images_list(struct store_tx *tx, const struct store_eyes *eyes, const struct store_page *p, json_t **out,
                          struct err *e)
{
    static const char *const names[] = {"-uploaded_at", "file_size", "id"};
    static const char *const columns[] = {"m.uploaded_at", "m.file_size", "m.id"};
    struct query count = {0}, rows = {0};
    size_t which = 0;
    bool falling = false;
    enum rc rc = page_order(p, names, ARRAY_N(names), &which, &falling, e);
    image_query(&rows, eyes, IMAGE_ROW);
    buf_printf(&rows.sql, " ORDER BY %s %s, m.id %s LIMIT ? OFFSET ?", columns[which], falling ? "DESC" : "ASC",
               falling ? "DESC" : "ASC");
    query_add(&count, "SELECT count(*) FROM images m WHERE 1");
    if (eyes->scope == STORE_OWN)
        query_value(&count, " AND m.uploaded_by = ?", db_i(eyes->user_id));
    if (!rc)
        rc = query_check(&rows, e);
    if (!rc)
        rc = query_check(&count, e);
    if (!rc)
        rc = page_query(tx->db, &(struct db_list){count.sql.data, rows.sql.data, query_args(&rows)}, p, out, e);
    buf_free(&rows.sql);
    buf_free(&count.sql);
    return rc;
}

enum rc store_image_json(struct store_tx *tx, const struct store_eyes *eyes, int64_t id, json_t **out, struct err *e)
{
    struct query q = {0};
    *out = NULL;
    image_query(&q, eyes, IMAGE_ROW);
    query_value(&q, " AND m.id = ?", db_i(id));
    enum rc rc = query_check(&q, e);
    if (!rc)
        rc = db_json_one(tx->db, q.sql.data, query_args(&q), out, e);
    buf_free(&q.sql);
    return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "no picture %lld", (long long)id);
}
