/* Results: lists, one whole, and what doctors decide about them. */
#include "base/file.h"
#include "base/text.h"
#include "station/records.h"

#include <math.h>
#include <string.h>

enum { REASON_MAX_BYTES = 500, NOTE_MAX_BYTES = 4000, EXPORT_IDS_MAX = 10000 };

static int tri(const struct op_call *c, const char *name)
{
    return arg_given(c, name) ? (int)arg_bool(c, name, false) : -1;
}

static enum rc ids_of(const struct op_call *c, struct store_filter *f, int64_t **ids, struct err *e)
{
    json_t *list = json_object_get(c->args, "ids"), *id;
    size_t n = json_array_size(list), i;
    if (n == 0)
        return RC_OK;
    if (n > EXPORT_IDS_MAX)
        return err_set(e, ERR_VALUE, "%zu results named, at most %d at a time", n, EXPORT_IDS_MAX);
    *ids = mem_zalloc(n, sizeof(**ids), e);
    if (!*ids)
        return RC_FAILED;
    json_array_foreach(list, i, id)(*ids)[i] = json_integer_value(id);
    f->ids = *ids;
    f->id_n = n;
    return RC_OK;
}

enum rc filter_of(const struct op_call *c, struct store_filter *out, int64_t **ids, struct err *e)
{
    *ids = NULL;
    *out = store_filter_none();
    enum rc rc = line_arg(c, "search", 200, &out->search, e);
    out->predicted_class = arg_text(c, "predicted_class", NULL);
    out->model = arg_text(c, "model", NULL);
    if (out->predicted_class && !*out->predicted_class)
        out->predicted_class = NULL;
    if (out->model && !*out->model)
        out->model = NULL;
    out->confidence_min = arg_number(c, "confidence_min", (double)NAN);
    out->confidence_max = arg_number(c, "confidence_max", (double)NAN);
    out->patient = arg_int(c, "patient", 0);
    out->reviewed = tri(c, "reviewed");
    out->released = tri(c, "released");
    /* Who may not decide about results sees the valid ones only; the store's scope says so, too. */
    out->include_void = is_doctor(c) && arg_bool(c, "include_void", false);
    if (!rc)
        rc = date_arg(c, "date_from", false, &out->from, e);
    if (!rc)
        rc = date_arg(c, "date_to", true, &out->to, e);
    return rc ? rc : ids_of(c, out, ids, e);
}

enum rc op_results_list(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_page p;
    struct store_filter f;
    struct store_eyes eyes = eyes_of(c);
    int64_t *ids = NULL;
    json_t *list = NULL;
    enum rc rc = page_of(c, &p, e);
    if (!rc)
        rc = filter_of(c, &f, &ids, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_results_list(tx, &eyes, &f, &p, &list, e);
    mem_free(ids);
    return call_end(c, tx, rc, list, NULL, NULL, e);
}

enum rc result_record(struct op_call *c, struct store_tx *tx, int64_t id, json_t **out, struct err *e)
{
    const struct conf *conf = NULL;
    struct store_eyes eyes = eyes_of(c);
    char now[32];
    *out = NULL;
    enum rc rc = station_conf(c->st, &conf, e);
    if (!rc)
        rc = store_result_json(tx, &eyes, id, clock_wall_ms(), out, e);
    if (rc)
        return rc;
    clock_iso(now, sizeof(now), clock_wall_ms());
    if (json_object_set_new(*out, "disclaimer", json_string(NOTICE_TEXT)) ||
        json_object_set_new(*out, "site_name", json_string(conf_text(conf, CONF_ID_site_name))) ||
        json_object_set_new(*out, "made_at", json_string(now))) {
        json_decref(*out);
        *out = NULL;
        return err_set(e, ERR_MEMORY, NULL);
    }
    return RC_OK;
}

static void subject_of(char dst[40], int64_t id)
{
    str_format(dst, 40, "result %lld", (long long)id);
}

enum rc op_results_show(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0);
    json_t *record = NULL;
    char subject[40];
    subject_of(subject, id);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = result_record(c, tx, id, &record, e);
    return call_end(c, tx, rc, record, subject, NULL, e);
}

/* Answers {"result": row} after a decision. */
static enum rc end_with_result(struct op_call *c, struct store_tx *tx, enum rc rc, int64_t id, const char *detail,
                               struct err *e)
{
    struct store_eyes eyes = eyes_of(c);
    json_t *row = NULL, *answer = NULL;
    char subject[40];
    subject_of(subject, id);
    if (!rc)
        rc = store_result_row(tx, &eyes, id, &row, e);
    if (!rc) {
        answer = json_pack("{s:O}", "result", row);
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(row);
    return call_end(c, tx, rc, answer, subject, detail, e);
}

enum rc op_results_void(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0);
    const char *reason = NULL;
    enum rc rc = lines_arg(c, "reason", REASON_MAX_BYTES, &reason, e);
    if (!rc && reason[strspn(reason, " \n\t")] == '\0')
        rc = err_set(e, ERR_CONFIRM, "a void result needs a reason");
    if (!rc && !str_eq(arg_text(c, "confirm", ""), "VOID"))
        rc = err_set(e, ERR_CONFIRM, "type VOID to confirm");
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_result_void(tx, id, reason, c->user.id, clock_wall_ms(), e);
    return end_with_result(c, tx, rc, id, NULL, e);
}

enum rc op_results_review(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0);
    const char *own_class = NULL, *note = NULL;
    bool agree = arg_bool(c, "agree", false);
    enum rc rc = line_arg(c, "own_class", 64, &own_class, e);
    if (!rc)
        rc = lines_arg(c, "note", NOTE_MAX_BYTES, &note, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_result_review(tx, id, agree, own_class, note, c->user.id, clock_wall_ms(), e);
    return end_with_result(c, tx, rc, id, agree ? "agrees" : "disagrees", e);
}

enum rc op_results_release(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0);
    bool released = arg_bool(c, "released", true);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_result_release(tx, id, released, c->user.id, clock_wall_ms(), e);
    return end_with_result(c, tx, rc, id, released ? "released" : "withdrawn", e);
}

enum rc op_results_attach(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0), patient = arg_int(c, "patient", 0);
    char detail[40];
    str_format(detail, sizeof(detail), "patient %lld", (long long)patient);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_result_attach(tx, id, patient, c->user.id, clock_wall_ms(), e);
    return end_with_result(c, tx, rc, id, detail, e);
}
