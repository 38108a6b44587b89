/* Lists over a million results: milliseconds of one page, the least of several. */
#include "base/file.h"
#include "base/text.h"
#include "store/priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 7 };

static const char fill[] =
    "INSERT INTO users (username, username_fold, email, email_fold, first_name, last_name, roles, password_hash, "
    "date_joined)"
    " VALUES ('d', 'd', 'd', 'd', '', '', 2, '', 0);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    " INSERT INTO patients (id, name, name_fold, sex, birth_year, phone, digits, consent, notes, created_at, "
    "created_by)"
    " SELECT i, 'Patient ' || i, 'patient ' || char(97 + i %% 26) || char(97 + i / 26 %% 26) || ' ' || i, '', 1950 + i "
    "%% 70, '', '', 1,"
    " '', 0, 1 FROM n;"
    "INSERT INTO name_search (rowid, words) SELECT 2 * id, name_fold FROM patients;"
    "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i,"
    " (i * 7919) %% 1000003 AS r FROM n;"
    "INSERT INTO images (id, image, name, sha256, format, file_size, width, height, uploaded_at, uploaded_by)"
    " SELECT i, '', '', '', 'png', 1, 1, 1, i * 60000, 1 FROM n;"
    "INSERT INTO results (id, image_id, patient_name, notes, predicted_class, confidence, raw_score, threshold, "
    "positive,"
    " model_id, model_version, model_sha256, processing_time, detail, created_at, created_by)"
    " SELECT i, i, '', '', iif(r %% 3, 'PNEUMONIA', 'NORMAL'), 50 + r %% 5000 / 100.0, r %% 1000 / 1000.0, 0.5, r %% 3 "
    "<> 0,"
    " 'chest-pneumonia', '1', '', 0.03, '{}', i * 60000, 1 FROM n;"
    "INSERT INTO result_index (id, created_at, created_by, predicted_class, confidence, raw_score, positive, model_id, "
    "patient_id,"
    " name_fold, reviewed, released, voided, mail) SELECT r.id, created_at, created_by, predicted_class, confidence, "
    "raw_score,"
    " positive, model_id, 1 + r.id %% 20000, 'patient', r.id %% 5 = 0, r.id %% 7 = 0, r.id %% 100 = 0, '' FROM results "
    "r;";

static void must(enum rc rc, const struct err *e)
{
    if (rc) {
        fprintf(stderr, "%s\n", e->msg);
        exit(1);
    }
}

static void page(struct store *s, const char *what, struct store_filter f, struct store_page p)
{
    const struct store_eyes eyes = {.scope = STORE_ALL};
    struct err e = {0};
    double least = 1e9;
    long long count = 0;
    size_t rows = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct store_tx *tx;
        json_t *list = NULL;
        int64_t start = clock_mono_ns();
        must(store_begin(s, STORE_READ, &tx, &e), &e);
        must(store_results_list(tx, &eyes, &f, &p, &list, &e), &e);
        store_rollback(tx);
        double ms = clock_ms_since(start);
        least = ms < least ? ms : least;
        count = json_integer_value(json_object_get(list, "count"));
        rows = json_array_size(json_object_get(list, "results"));
        json_decref(list);
    }
    printf("  %-56s %8.2f ms   %zu of %lld\n", what, least, rows, count);
}

static void fill_store(const char *home, int n)
{
    char path[4096], *sql;
    struct db *db;
    struct err e = {0};
    must(path_join(path, sizeof(path), home, "clinic.db", &e), &e);
    must(db_open(path, false, NULL, &db, &e), &e);
    sql = mem_printf(&e, fill, n);
    must(db_script(db, "PRAGMA synchronous = OFF; BEGIN", &e), &e);
    must(db_script(db, sql, &e), &e);
    must(db_script(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", &e), &e);
    mem_free(sql);
    db_close(db);
}

int main(int argc, char **argv)
{
    char home[] = "/tmp/clinic-bench-XXXXXX";
    int64_t n = 1000000;
    struct store *s;
    struct err e = {0};
    if (argc > 1 && !str_to_i64(argv[1], 1000, 100000000, &n))
        return 2;
    if (!mkdtemp(home))
        return 1;
    must(store_migrate(home, NULL, NULL, &e), &e);
    int64_t start = clock_mono_ns();
    fill_store(home, (int)n);
    printf("results of %lld rows (filled in %.1f s)\n", (long long)n, clock_ms_since(start) / 1000);
    must(store_open(home, &s, &e), &e);
    struct store_filter f = store_filter_none();
    struct store_page p = {.page = 1, .size = 20};
    page(s, "first page", f, p);
    p.page = n / 40;
    page(s, "middle page", f, p);
    p.page = n / 20 - 1000;
    page(s, "far page", f, p);
    p.page = 1;
    p.ordering = "-confidence";
    page(s, "by confidence", f, p);
    f.predicted_class = "PNEUMONIA";
    page(s, "one class, by confidence", f, p);
    p.ordering = "patient";
    page(s, "one class, by patient", f, p);
    p.ordering = NULL;
    f.confidence_min = 80;
    page(s, "one class, confidence >= 80", f, p);
    f.from = (n - 30 * 1440) * 60000;
    page(s, "one class, confidence >= 80, last 30 days", f, p);
    f.confidence_min = 99.99;
    page(s, "one class, confidence >= 99.99, last 30 days", f, p);
    f.from = 0;
    page(s, "one class, confidence >= 99.99", f, p);
    f = store_filter_none();
    f.reviewed = 0;
    page(s, "not reviewed", f, p);
    f.released = 1;
    f.positive = 1;
    page(s, "not reviewed, released, positive", f, p);
    f = store_filter_none();
    f.confidence_min = 60;
    f.confidence_max = 90;
    f.reviewed = 1;
    page(s, "confidence 60..90, reviewed", f, p);
    p.page = 2000;
    page(s, "the same, page 2000", f, p);
    p.page = 1;
    f = store_filter_none();
    f.search = "patient zz";
    page(s, "search 'patient zz'", f, p);
    f.search = "zz 12";
    page(s, "search 'zz 12'", f, p);
    f = store_filter_none();
    f.patient = 77;
    page(s, "one patient", f, p);
    store_close(s);
    fflush(stdout);
    return execl("/bin/rm", "rm", "-rf", home, (char *)NULL);
}
