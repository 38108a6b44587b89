/* The figures of an evaluation. */
#include "base/text.h"
#include "station/evaluate.h"
#include "station/stats_ci.h"

#include <math.h>

static json_t *number(double v)
{
    return isfinite(v) ? json_real(round(v * 1e6) / 1e6) : json_null();
}

static json_t *with_ci(struct interval i)
{
    return json_pack("{s:o s:[o, o]}", "value", number(i.value), "ci95", number(i.low), number(i.high));
}

static json_t *rate(int64_t k, int64_t n)
{
    json_t *o = with_ci(wilson(k, n));
    json_object_set_new(o, "k", json_integer(k));
    json_object_set_new(o, "n", json_integer(n));
    return o;
}

struct table {
    const struct passport *p;
    int32_t n;
    int64_t *cell; /* [truth * n + said] */
    int64_t total, right, unreadable;
};

static int64_t row_sum(const struct table *t, int32_t truth)
{
    int64_t s = 0;
    for (int32_t k = 0; k < t->n; k++)
        s += t->cell[truth * t->n + k];
    return s;
}

static int64_t column_sum(const struct table *t, int32_t said)
{
    int64_t s = 0;
    for (int32_t k = 0; k < t->n; k++)
        s += t->cell[k * t->n + said];
    return s;
}

static enum rc class_auc(const struct evaluation *ev, int32_t k, struct interval *out, struct err *e)
{
    double *score = mem_zalloc(ev->item_n, sizeof(*score), e);
    bool *positive = mem_zalloc(ev->item_n, sizeof(*positive), e);
    size_t n = 0;
    enum rc rc = score && positive ? RC_OK : RC_FAILED;
    for (size_t i = 0; !rc && i < ev->item_n; i++) {
        if (ev->item[i].said < 0)
            continue;
        score[n] = (double)ev->item[i].scores[k];
        positive[n++] = ev->item[i].truth == k;
    }
    if (!rc)
        rc = auc_delong(score, positive, n, out, e);
    mem_free(score);
    mem_free(positive);
    return rc;
}

static json_t *counts_json(const struct table *t)
{
    json_t *o = json_object();
    for (int32_t k = 0; k < t->n; k++)
        json_object_set_new(o, t->p->class[k].name,
                            json_pack("{s:I s:I s:I}", "n", (json_int_t)row_sum(t, k), "said",
                                      (json_int_t)column_sum(t, k), "right", (json_int_t)t->cell[k * t->n + k]));
    return o;
}

static json_t *confusion_json(const struct table *t)
{
    json_t *o = json_object();
    for (int32_t i = 0; i < t->n; i++) {
        json_t *row = json_object();
        for (int32_t k = 0; k < t->n; k++)
            json_object_set_new(row, t->p->class[k].name, json_integer((json_int_t)t->cell[i * t->n + k]));
        json_object_set_new(o, t->p->class[i].name, row);
    }
    return o;
}

static enum rc binary_figures(const struct evaluation *ev, const struct table *t, json_t *o, struct err *e)
{
    int32_t pos = t->p->positive, neg = 1 - pos;
    int64_t tp = t->cell[pos * 2 + pos], tn = t->cell[neg * 2 + neg];
    int64_t said = column_sum(t, pos), actual = row_sum(t, pos);
    struct interval auc;
    enum rc rc = class_auc(ev, pos, &auc, e);
    if (rc)
        return rc;
    json_object_set_new(o, "sensitivity", rate(tp, actual));
    json_object_set_new(o, "specificity", rate(tn, row_sum(t, neg)));
    json_object_set_new(o, "precision", rate(tp, said));
    json_object_set_new(o, "f1", number(said + actual ? 2.0 * (double)tp / (double)(said + actual) : (double)NAN));
    json_object_set_new(o, "auc", with_ci(auc));
    return RC_OK;
}

static enum rc many_figures(const struct evaluation *ev, const struct table *t, json_t *o, struct err *e)
{
    json_t *recall = json_object(), *precision = json_object(), *aucs = json_object();
    double recall_sum = 0, auc_sum = 0, f1_sum = 0;
    int32_t present = 0, with_auc = 0;
    enum rc rc = RC_OK;
    for (int32_t k = 0; !rc && k < t->n; k++) {
        const char *name = t->p->class[k].name;
        int64_t hit = t->cell[k * t->n + k], actual = row_sum(t, k), said = column_sum(t, k);
        struct interval auc;
        rc = class_auc(ev, k, &auc, e);
        if (rc)
            break;
        json_object_set_new(recall, name, rate(hit, actual));
        json_object_set_new(precision, name, rate(hit, said));
        json_object_set_new(aucs, name, with_ci(auc));
        present += actual > 0;
        recall_sum += actual ? (double)hit / (double)actual : 0;
        f1_sum += actual ? 2.0 * (double)hit / (double)(said + actual) : 0;
        with_auc += isfinite(auc.value) != 0;
        auc_sum += isfinite(auc.value) ? auc.value : 0;
    }
    json_object_set_new(o, "balanced_accuracy", number(recall_sum / present));
    json_object_set_new(o, "macro_f1", number(f1_sum / present));
    json_object_set_new(o, "macro_auc", number(auc_sum / with_auc));
    json_object_set_new(o, "sensitivity", recall);
    json_object_set_new(o, "precision", precision);
    json_object_set_new(o, "auc", aucs);
    return rc;
}

static json_t *wrong_json(const struct evaluation *ev, const struct passport *p)
{
    json_t *a = json_array();
    char path[1024];
    for (size_t i = 0; i < ev->item_n; i++) {
        const struct eval_item *it = &ev->item[i];
        if (it->said >= 0 && it->said != it->truth)
            json_array_append_new(a,
                                  json_pack("{s:s s:s s:s s:f}", "file", text_safe(path, sizeof(path), it->path, false),
                                            "class", p->class[it->truth].name, "prediction", p->class[it->said].name,
                                            "confidence", it->confidence));
    }
    return a;
}

static json_t *unreadable_json(const struct evaluation *ev)
{
    json_t *a = json_array();
    char path[1024];
    for (size_t i = 0; i < ev->item_n; i++)
        if (ev->item[i].said < 0)
            json_array_append_new(a,
                                  json_pack("{s:s s:s}", "file", text_safe(path, sizeof(path), ev->item[i].path, false),
                                            "error", ev->item[i].error));
    return a;
}

enum rc evaluation_report(const struct evaluation *ev, const struct network *net, double threshold, bool list,
                          json_t **out, struct err *e)
{
    struct table t = {.p = net->passport, .n = ev->class_n};
    t.cell = mem_zalloc((size_t)t.n * (size_t)t.n, sizeof(*t.cell), e);
    if (!t.cell)
        return RC_FAILED;
    for (size_t i = 0; i < ev->item_n; i++) {
        const struct eval_item *it = &ev->item[i];
        if (it->said < 0) {
            t.unreadable++;
            continue;
        }
        t.cell[it->truth * t.n + it->said]++;
        t.total++;
        t.right += it->truth == it->said;
    }
    bool binary = t.p->positive >= 0;
    double used = isnan(threshold) ? t.p->threshold : threshold;
    json_t *o = json_pack("{s:{s:s s:s s:s} s:o s:I s:I s:o s:o s:o}", "model", "id", t.p->id, "version", t.p->version,
                          "sha256", net->sha256, "threshold", binary ? json_real(used) : json_null(), "n",
                          (json_int_t)t.total, "right", (json_int_t)t.right, "accuracy", rate(t.right, t.total),
                          "counts", counts_json(&t), "confusion", confusion_json(&t));
    enum rc rc = o ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    if (!rc)
        rc = binary ? binary_figures(ev, &t, o, e) : many_figures(ev, &t, o, e);
    if (!rc) {
        json_object_set_new(o, "images_per_second",
                            number(ev->seconds > 0 ? (double)ev->item_n / ev->seconds : (double)NAN));
        json_object_set_new(o, "seconds", number(ev->seconds));
        json_object_set(o, "skipped_folders", ev->skipped);
        json_object_set_new(o, "unreadable", unreadable_json(ev));
        if (list)
            json_object_set_new(o, "wrong", wrong_json(ev, t.p));
        *out = o;
    } else {
        json_decref(o);
    }
    mem_free(t.cell);
    return rc;
}
