/* The list of results: any filter, any order, a million rows, a few milliseconds.
 *
 * A page is read along the index of its order and stops when it is full; that is slow only when the filter leaves next
 * to nothing, and then the filter's own index is short: it is probed first. Counts come from result_totals where the
 * filter allows, else from a walk that stops after WALK_MAX rows ("count_more"). */
#include "base/text.h"
#include "store/results.h"

#include <math.h>
#include <string.h>

enum { FEW = 4000, NAMES_FEW = 500, WALK_MAX = 40000, WALK_FAR_MAX = 5000 };

static const char *const order_names[] = {"-created_at", "id",    "confidence", "predicted_class",
                                          "raw_score",   "model", "patient"};
static const char *const order_columns[] = {"i.created_at", "i.id",       "i.confidence", "i.predicted_class",
                                            "i.raw_score",  "i.model_id", "i.name_fold"};
enum { ORDER_TIME, ORDER_ID, ORDER_CONFIDENCE, ORDER_CLASS, ORDER_SCORE, ORDER_MODEL, ORDER_PATIENT };
static const char *const order_index[] = {" INDEXED BY result_by_time",       "",
                                          " INDEXED BY result_by_confidence", " INDEXED BY result_by_class_alone",
                                          " INDEXED BY result_by_score",      " INDEXED BY result_by_model_alone",
                                          " INDEXED BY result_by_name"};

struct list {
    struct db *db;
    const struct store_eyes *eyes;
    const struct store_filter *f;
    const struct store_page *p;
    struct search_words words;
    size_t order;
    bool falling;
    const char *index; /* " INDEXED BY ..." for the page, or "" */
    int64_t count;
    bool more;
};

struct store_filter store_filter_none(void)
{
    return (struct store_filter){
        .confidence_min = (double)NAN, .confidence_max = (double)NAN, .reviewed = -1, .released = -1, .positive = -1};
}

static void where_time(struct query *q, const struct store_filter *f)
{
    if (f->from)
        query_value(q, " AND i.created_at >= ?", db_i(f->from));
    if (f->to)
        query_value(q, " AND i.created_at < ?", db_i(f->to));
}

static void where_confidence(struct query *q, const struct store_filter *f)
{
    if (!isnan(f->confidence_min))
        query_value(q, " AND i.confidence >= ?", db_r(f->confidence_min));
    if (!isnan(f->confidence_max))
        query_value(q, " AND i.confidence <= ?", db_r(f->confidence_max));
}

/* The part result_totals knows of, too: t is "i." or "". */
static void where_totals(struct query *q, const struct store_filter *f, const char *t)
{
    static const char *const names[] = {"reviewed", "released", "positive"};
    const int wanted[] = {f->reviewed, f->released, f->positive};
    char sql[64];
    if (!f->include_void) {
        str_format(sql, sizeof(sql), " AND %svoided = 0", t);
        query_add(q, sql);
    }
    for (size_t k = 0; k < ARRAY_N(names); k++) {
        str_format(sql, sizeof(sql), " AND %s%s = ?", t, names[k]);
        if (wanted[k] >= 0)
            query_value(q, sql, db_i(wanted[k]));
    }
    str_format(sql, sizeof(sql), " AND %spredicted_class = ?", t);
    if (f->predicted_class)
        query_value(q, sql, db_t(f->predicted_class));
    str_format(sql, sizeof(sql), " AND %smodel_id = ?", t);
    if (f->model)
        query_value(q, sql, db_t(f->model));
}

/* A name is found by three letters anywhere in it, a shorter one by its beginning; a number is the result's own. */
static void where_search(struct query *q, const struct list *l)
{
    int64_t number = -1;
    const char *digits = l->f->search + strspn(l->f->search, "#0 ");
    if (!str_to_i64(digits, 1, INT64_MAX, &number))
        number = -1;
    query_value(q, " AND (i.id = ?", db_i(number));
    if (l->eyes->scope != STORE_DEIDENTIFIED) {
        if (l->words.match[0]) {
            query_value(
                q,
                " OR i.patient_id IN (SELECT rowid / 2 FROM name_search WHERE name_search MATCH ? AND rowid % 2 = 0)",
                db_t(l->words.match));
            query_value(q,
                        " OR i.id IN (SELECT rowid / 2 FROM name_search WHERE name_search MATCH ? AND rowid % 2 = 1)",
                        db_t(l->words.match));
        } else if (l->words.like_n > 0) {
            /* From the pattern %ab% the bare beginning; U+10FFFF ends the range. */
            query_value(q, " OR (i.name_fold >= trim(?, '%')", db_t(l->words.like[0]));
            query_value(q, " AND i.name_fold < trim(?, '%') || char(1114111))", db_t(l->words.like[0]));
        }
    }
    query_add(q, ")");
}

static void where_ids(struct query *q, const struct store_filter *f)
{
    for (size_t k = 0; k < f->id_n; k++)
        buf_printf(&q->sql, "%s%lld", k ? ", " : " AND i.id IN (", (long long)f->ids[k]);
    if (f->id_n)
        query_add(q, ")");
}

static void where(struct query *q, const struct list *l)
{
    eyes_where(q, l->eyes);
    where_totals(q, l->f, "i.");
    where_time(q, l->f);
    where_confidence(q, l->f);
    if (l->f->patient)
        query_value(q, " AND i.patient_id = ?", db_i(l->f->patient));
    if (l->words.any)
        where_search(q, l);
    where_ids(q, l->f);
}

static bool has_time(const struct store_filter *f)
{
    return f->from || f->to;
}

static bool has_confidence(const struct store_filter *f)
{
    return !isnan(f->confidence_min) || !isnan(f->confidence_max);
}

static enum rc count_query(struct list *l, struct query *q, struct err *e)
{
    enum rc rc = query_check(q, e);
    if (!rc)
        rc = db_int(l->db, q->sql.data, query_args(q), &l->count, NULL, e);
    buf_free(&q->sql);
    return rc;
}

/* Everything the filter asks is in the totals: exact and instant. */
static enum rc count_totals(struct list *l, struct err *e)
{
    struct query q = {0};
    query_add(&q, "SELECT coalesce(sum(n), 0) FROM result_totals WHERE 1");
    if (l->eyes->scope == STORE_DEIDENTIFIED)
        query_add(&q, " AND voided = 0");
    where_totals(&q, l->f, "");
    return count_query(l, &q, e);
}

/* Few candidates by nature (a patient, a name, given numbers): the planner finds their index. */
static enum rc count_all(struct list *l, struct err *e)
{
    struct query q = {0};
    query_add(&q, "SELECT count(*) FROM result_index i WHERE 1");
    where(&q, l);
    return count_query(l, &q, e);
}

/* One index with the range on its leading (or, within a class, second) column. */
struct walk {
    const char *index, *column;
    void (*range)(struct query *, const struct store_filter *);
    bool by_class;
};
static const struct walk walk_time = {" INDEXED BY result_by_time", "i.created_at", where_time, false};
static const struct walk walk_class_time = {" INDEXED BY result_by_class", "i.created_at", where_time, true};
static const struct walk walk_confidence = {" INDEXED BY result_by_confidence", "i.confidence", where_confidence,
                                            false};
static const struct walk walk_class_confidence = {" INDEXED BY result_by_class_confidence", "i.confidence",
                                                  where_confidence, true};

static void walk_where(struct query *q, const struct list *l, const struct walk *w)
{
    buf_printf(&q->sql, " FROM result_index i%s WHERE 1", w->index);
    if (w->by_class)
        query_value(q, " AND i.predicted_class = ?", db_t(l->f->predicted_class));
    w->range(q, l->f);
}

/* How many rows of the range alone, at most FEW + 1. */
static enum rc probe(const struct list *l, const struct walk *w, int64_t *n, struct err *e)
{
    struct query q = {0};
    struct list counted = *l;
    query_add(&q, "SELECT count(*) FROM (SELECT 1");
    walk_where(&q, l, w);
    query_value(&q, " LIMIT ?)", db_i(FEW + 1));
    enum rc rc = count_query(&counted, &q, e);
    *n = counted.count;
    return rc;
}

/* The key at which a walk from the high end has seen walk_max rows; *found false when the range is shorter. */
static enum rc walk_end(const struct list *l, const struct walk *w, int64_t walk_max, double *key, bool *found,
                        struct err *e)
{
    struct query q = {0};
    struct db_rows r = {0};
    buf_printf(&q.sql, "SELECT %s", w->column);
    walk_where(&q, l, w);
    buf_printf(&q.sql, " ORDER BY %s DESC", w->column);
    query_value(&q, " LIMIT 1 OFFSET ?", db_i(walk_max));
    enum rc rc = query_check(&q, e);
    if (!rc)
        rc = db_query(l->db, q.sql.data, query_args(&q), &r, e);
    if (!rc)
        rc = db_next(&r, found, e);
    if (!rc && *found)
        *key = db_col_real(&r, 0);
    db_rows_end(&r);
    buf_free(&q.sql);
    return rc;
}

/* The rows of one index within its range that the whole filter lets through; of a long range the high end alone.
 * Moments in ms are exact as doubles. */
static enum rc count_walk(struct list *l, const struct walk *w, struct err *e)
{
    struct query q = {0};
    double key = 0;
    char sql[48];
    /* A name or a network is not in these indexes: each row is looked at. */
    enum rc rc = walk_end(l, w, l->f->model || l->words.any ? WALK_FAR_MAX : WALK_MAX, &key, &l->more, e);
    if (rc)
        return rc;
    buf_printf(&q.sql, "SELECT count(*) FROM result_index i%s WHERE 1", w->index);
    where(&q, l);
    str_format(sql, sizeof(sql), " AND %s > ?", w->column);
    if (l->more)
        query_value(&q, sql, db_r(key));
    return count_query(l, &q, e);
}

/* A range of moments or confidences: walks the shorter of the two indexes. */
static enum rc count_range(struct list *l, struct err *e)
{
    bool by_class = l->f->predicted_class != NULL;
    const struct walk *time = by_class ? &walk_class_time : &walk_time;
    const struct walk *confidence = by_class ? &walk_class_confidence : &walk_confidence;
    int64_t time_n = FEW + 2, confidence_n = FEW + 2;
    enum rc rc = RC_OK;
    if (has_time(l->f))
        rc = probe(l, time, &time_n, e);
    if (!rc && has_confidence(l->f))
        rc = probe(l, confidence, &confidence_n, e);
    if (rc)
        return rc;
    const struct walk *w = has_time(l->f) && (!has_confidence(l->f) || time_n <= confidence_n) ? time : confidence;
    if ((w == time ? time_n : confidence_n) <= FEW)
        l->index = w->index;
    return count_walk(l, w, e);
}

/* Do more than a few patients and walk-ins have such a name? */
static enum rc names_are_common(struct list *l, bool *out, struct err *e)
{
    int64_t n = 0;
    *out = false;
    if (l->eyes->scope == STORE_DEIDENTIFIED || !l->words.match[0])
        return RC_OK;
    enum rc rc = db_int(l->db, "SELECT count(*) FROM (SELECT 1 FROM name_search WHERE name_search MATCH ? LIMIT ?)",
                        DB_ARGS(db_t(l->words.match), db_i(NAMES_FEW + 1)), &n, NULL, e);
    *out = n > NAMES_FEW;
    return rc;
}

/* The index whose order is the wanted one, within a class, a model or a state where the filter names one. */
static const char *ordered_index(const struct list *l)
{
    const struct store_filter *f = l->f;
    if (f->predicted_class && l->order == ORDER_TIME)
        return " INDEXED BY result_by_class";
    if (f->predicted_class && l->order == ORDER_CONFIDENCE)
        return " INDEXED BY result_by_class_confidence";
    if (f->model && l->order == ORDER_TIME)
        return " INDEXED BY result_by_model";
    if (f->reviewed >= 0 && l->order == ORDER_TIME)
        return " INDEXED BY result_by_review";
    if (f->released >= 0 && l->order == ORDER_TIME)
        return " INDEXED BY result_by_release";
    return order_index[l->order];
}

static enum rc count(struct list *l, struct err *e)
{
    const struct store_filter *f = l->f;
    l->index = ordered_index(l);
    bool common = false;
    enum rc rc = names_are_common(l, &common, e);
    if (rc)
        return rc;
    if (f->id_n || f->patient || (l->words.any && !common) || l->eyes->scope == STORE_OWN) {
        l->index = "";
        return count_all(l, e);
    }
    if (common)
        return count_walk(l, &walk_time, e);
    if (has_time(f) || has_confidence(f))
        return count_range(l, e);
    rc = count_totals(l, e);
    if (!rc && l->count <= FEW)
        l->index = "";
    return rc;
}

/* "after" names the last row of the page before: its key and its number. */
static enum rc where_after(struct query *q, const struct list *l, char key[600], struct err *e)
{
    const char *at = strrchr(l->p->after, '|');
    int64_t id, whole;
    double number;
    if (!at || !str_to_i64(at + 1, 0, INT64_MAX, &id) ||
        !str_format(key, 600, "%.*s", (int)(at - l->p->after), l->p->after))
        return err_set(e, ERR_VALUE, "'after' is not from an earlier answer");
    char sql[96];
    str_format(sql, sizeof(sql), " AND (%s, i.id) %s (?, ", order_columns[l->order], l->falling ? "<" : ">");
    if (l->order == ORDER_TIME || l->order == ORDER_ID) {
        if (!str_to_i64(key, INT64_MIN, INT64_MAX, &whole))
            return err_set(e, ERR_VALUE, "'after' is not of this order");
        query_value(q, sql, db_i(whole));
    } else if (l->order == ORDER_CONFIDENCE || l->order == ORDER_SCORE) {
        if (!str_to_f64(key, -1e300, 1e300, &number))
            return err_set(e, ERR_VALUE, "'after' is not of this order");
        query_value(q, sql, db_r(number));
    } else {
        query_value(q, sql, db_t(key));
    }
    query_value(q, "?)", db_i(id));
    return RC_OK;
}

/* Far pages of an exact count are walked from the nearer end. */
static void page_window(const struct list *l, int64_t *size, int64_t *offset, bool *backwards)
{
    *size = l->p->size;
    *offset = l->p->after ? 0 : (l->p->page - 1) * l->p->size;
    *backwards = !l->more && !l->p->after && *offset > l->count / 2 && *offset < l->count;
    if (*backwards) {
        int64_t here = l->count - *offset < *size ? l->count - *offset : *size;
        *offset = l->count - *offset - here;
        *size = here;
    }
}

static enum rc read_rows(const struct list *l, const struct query *q, json_t *rows, char after[640], struct err *e)
{
    struct db_rows r = {0};
    bool row = true;
    enum rc rc = db_query(l->db, q->sql.data, query_args(q), &r, e);
    while (!rc && row) {
        json_t *object = NULL;
        rc = db_next(&r, &row, e);
        if (!rc && row)
            rc = db_row_json(&r, &object, e);
        if (!rc && row && json_array_append_new(rows, object))
            rc = err_set(e, ERR_MEMORY, NULL);
        if (!rc && row)
            str_format(after, 640, "%s|%lld", db_col_text(&r, 0), (long long)db_col_int(&r, 1));
    }
    db_rows_end(&r);
    return rc;
}

enum rc store_results_list(struct store_tx *tx, const struct store_eyes *eyes, const struct store_filter *f,
                           const struct store_page *p, json_t **out, struct err *e)
{
    struct list l = {.db = tx->db, .eyes = eyes, .f = f, .p = p};
    struct query q = {0};
    char key[600], after[640] = "";
    *out = NULL;
    if (eyes->scope == STORE_DEIDENTIFIED && (f->patient || (p->ordering && strstr(p->ordering, "patient"))))
        return err_set(e, ERR_VALUE, "de-identified results cannot be chosen or ordered by patient");
    search_parse(f->search, &l.words);
    enum rc rc = page_order(p, order_names, ARRAY_N(order_names), &l.order, &l.falling, e);
    if (!rc)
        rc = count(&l, e);
    if (rc)
        return rc;
    int64_t size, offset;
    bool backwards;
    page_window(&l, &size, &offset, &backwards);
    const char *walk = l.falling != backwards ? "DESC" : "ASC", *show = l.falling ? "DESC" : "ASC";
    const char *column = order_columns[l.order];
    bool real = l.order == ORDER_CONFIDENCE || l.order == ORDER_SCORE;
    buf_printf(&q.sql, "SELECT %s AS _key, i.id AS _id, ", real ? "printf('%!.17g', page_key)" : "page_key");
    query_add(&q, eyes_row_fields(eyes));
    buf_printf(&q.sql, " FROM (SELECT i.id AS page_id, %s AS page_key FROM result_index i%s WHERE 1", column, l.index);
    where(&q, &l);
    if (p->after)
        rc = where_after(&q, &l, key, e);
    buf_printf(&q.sql, " ORDER BY %s %s%s%s", column, walk, l.order == ORDER_ID ? "" : ", i.id ",
               l.order == ORDER_ID ? "" : walk);
    query_value(&q, " LIMIT ?", db_i(size));
    query_value(&q, " OFFSET ?) JOIN result_index i ON i.id = page_id" RESULT_JOINS, db_i(offset));
    buf_printf(&q.sql, " ORDER BY page_key %s, page_id %s", show, show);
    json_t *rows = json_array();
    if (!rc)
        rc = rows ? query_check(&q, e) : err_set(e, ERR_MEMORY, NULL);
    if (!rc)
        rc = read_rows(&l, &q, rows, after, e);
    buf_free(&q.sql);
    if (rc) {
        json_decref(rows);
        return rc;
    }
    return page_answer(p, l.count, l.more, rows, after, out, e);
}

enum rc store_stats(struct store_tx *tx, const struct store_eyes *eyes, int64_t day, json_t **out, struct err *e)
{
    /* Everybody's figures come from the totals; a patient's own are few and counted. */
    static const char all[] =
        "SELECT coalesce(sum(n), 0) AS total, coalesce(sum(n) FILTER (WHERE positive = 0), 0) AS normal,"
        " coalesce(sum(n) FILTER (WHERE positive = 1), 0) AS positive,"
        " (SELECT count(*) FROM result_index WHERE created_at >= ?1 AND voided = 0) AS today,"
        " coalesce(sum(n) FILTER (WHERE reviewed = 0), 0) AS unreviewed,"
        " coalesce(sum(n) FILTER (WHERE released = 0), 0) AS unreleased,"
        " (SELECT coalesce(json_group_object(predicted_class, n), '{}') FROM (SELECT predicted_class, sum(n) AS n FROM"
        "  result_totals WHERE voided = 0 GROUP BY predicted_class)) AS \"classes#\""
        " FROM result_totals WHERE voided = 0";
    static const char own[] =
        "SELECT count(*) AS total, count(*) FILTER (WHERE positive = 0) AS normal,"
        " count(*) FILTER (WHERE positive = 1) AS positive, count(*) FILTER (WHERE created_at >= ?1) AS today,"
        " count(*) FILTER (WHERE reviewed = 0) AS unreviewed, 0 AS unreleased, '{}' AS \"classes#\" FROM result_index"
        " WHERE patient_id IN (SELECT id FROM patients WHERE user_id = ?2) AND released = 1 AND voided = 0";
    if (eyes->scope == STORE_OWN)
        return db_json_one(tx->db, own, DB_ARGS(db_i(day), db_i(eyes->user_id)), out, e);
    return db_json_one(tx->db, all, DB_ARGS(db_i(day)), out, e);
}
