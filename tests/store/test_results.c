/* Results: lists under every filter and order, whose eyes see what, decisions, totals. */
#include "support.h"

#include "store/db.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 300, DAY = 24 * 3600 * 1000 };

static const char *const class_names[] = {"NORMAL", "PNEUMONIA"};

static double confidence_of(int i)
{
    return 50 + (i * 37) % 500 / 10.0;
}

static void fill(struct fixture *f)
{
    for (int i = 0; i < N; i++)
        add_result(f->store, f->doctor, i % 10 == 0 ? f->patient : 0, i % 10 == 1 ? "Ünal Ayşe" : NULL,
                   class_names[i % 3 == 0], confidence_of(i), (int64_t)i * DAY);
}

static json_t *list(struct fixture *f, enum store_scope scope, struct store_filter filter, struct store_page p)
{
    struct store_eyes eyes = {.scope = scope, .user_id = f->patient_user};
    json_t *out = NULL;
    struct store_tx *tx = begin_read(f->store);
    OK(store_results_list(tx, &eyes, &filter, &p, &out, &bad));
    store_rollback(tx);
    return out;
}

static int64_t count_of(json_t *list)
{
    int64_t n = json_integer_value(json_object_get(list, "count"));
    json_decref(list);
    return n;
}

static int64_t counted(struct fixture *f, struct store_filter filter)
{
    return count_of(list(f, STORE_ALL, filter, (struct store_page){.page = 1, .size = 5}));
}

static void filters_count_what_they_should(void **state)
{
    struct fixture *f = *state;
    struct store_filter x = store_filter_none();
    int pneumonia = 0, sure = 0, both = 0, month = 0;
    fill(f);
    for (int i = 0; i < N; i++) {
        pneumonia += i % 3 == 0;
        sure += confidence_of(i) >= 80;
        both += i % 3 == 0 && confidence_of(i) >= 80 && confidence_of(i) <= 90;
        month += i >= 100 && i < 130;
    }
    assert_int_equal(counted(f, x), N);
    x.predicted_class = "PNEUMONIA";
    assert_int_equal(counted(f, x), pneumonia);
    x.predicted_class = NULL;
    x.confidence_min = 80;
    assert_int_equal(counted(f, x), sure);
    x.predicted_class = "PNEUMONIA";
    x.confidence_max = 90;
    assert_int_equal(counted(f, x), both);
    x = store_filter_none();
    x.from = 100LL * DAY;
    x.to = 130LL * DAY;
    assert_int_equal(counted(f, x), month);
    x = store_filter_none();
    x.patient = f->patient;
    assert_int_equal(counted(f, x), N / 10);
    x = store_filter_none();
    x.search = "okello";
    assert_int_equal(counted(f, x), N / 10);
    x.search = "UNAL ayse"; /* accents folded, words in any order */
    assert_int_equal(counted(f, x), N / 10);
    x.search = "000017";
    assert_int_equal(counted(f, x), 1);
    x.search = "nobody";
    assert_int_equal(counted(f, x), 0);
    x.search = "un"; /* too short for the index: the beginning of a name */
    assert_int_equal(counted(f, x), N / 10);
    const int64_t ids[] = {3, 5, 99999};
    x = store_filter_none();
    x.ids = ids;
    x.id_n = ARRAY_N(ids);
    assert_int_equal(counted(f, x), 2);
    x = store_filter_none();
    x.search = "%_\\\" OR 1";
    assert_int_equal(counted(f, x), 0);
}

/* Every order, both ways: pages and the walk with "after" show each row once, in order. */
static void pages_and_walks_agree(void **state)
{
    struct fixture *f = *state;
    static const char *const orders[] = {"created_at",      "-created_at",      "id",        "-id",
                                         "confidence",      "-confidence",      "raw_score", "-raw_score",
                                         "predicted_class", "-predicted_class", "model",     "-model",
                                         "patient",         "-patient"};
    fill(f);
    for (size_t k = 0; k < ARRAY_N(orders); k++) {
        struct store_page paged = {.page = 1, .size = 23, .ordering = orders[k]}, walked = paged;
        char after[700] = "";
        bool seen[N + 1] = {false};
        int rows = 0;
        for (; paged.page <= (N + 22) / 23; paged.page++) {
            json_t *a = list(f, STORE_ALL, store_filter_none(), paged),
                   *b = list(f, STORE_ALL, store_filter_none(), walked);
            assert_true(json_equal(json_object_get(a, "results"), json_object_get(b, "results")));
            size_t i;
            json_t *row;
            json_array_foreach(json_object_get(a, "results"), i, row)
            {
                int64_t id = json_integer_value(json_object_get(row, "id"));
                assert_false(seen[id]);
                seen[id] = true;
                rows++;
            }
            const char *next = json_string_value(json_object_get(b, "after"));
            str_copy(after, sizeof(after), next ? next : "");
            walked.after = next ? after : NULL;
            json_decref(a);
            json_decref(b);
        }
        assert_int_equal(rows, N);
    }
    struct store_eyes eyes = {.scope = STORE_ALL};
    struct store_filter none = store_filter_none();
    json_t *out = NULL;
    struct store_tx *tx = begin_read(f->store);
    FAILS(store_results_list(tx, &eyes, &none, &(struct store_page){.page = 1, .size = 5, .ordering = "notes"}, &out,
                             &bad),
          ERR_VALUE);
    FAILS(store_results_list(tx, &eyes, &none, &(struct store_page){.page = 1, .size = 5, .after = "x|y"}, &out, &bad),
          ERR_VALUE);
    store_rollback(tx);
}

static void holds_no(const json_t *o, const char *word)
{
    char *text = json_dumps(o, JSON_COMPACT);
    if (strstr(text, word))
        fail_msg("'%s' in %s", word, text);
    free(text);
}

static void eyes_see_what_they_may(void **state)
{
    struct fixture *f = *state;
    struct store_eyes own = {.scope = STORE_OWN, .user_id = f->patient_user}, plain = {.scope = STORE_DEIDENTIFIED};
    const struct store_page p = {.page = 1, .size = 50};
    struct store_picture picture;
    json_t *out = NULL;
    int64_t mine = add_result(f->store, f->doctor, f->patient, NULL, "NORMAL", 91, DAY);
    int64_t other = add_result(f->store, f->doctor, 0, "MUKASA John", "PNEUMONIA", 95, DAY);
    assert_int_equal(count_of(list(f, STORE_OWN, store_filter_none(), p)), 0);
    struct store_tx *tx = begin_write(f->store);
    FAILS(store_result_json(tx, &own, mine, 0, &out, &bad), ERR_NOT_FOUND);
    OK(store_result_review(tx, mine, false, "PNEUMONIA", "Grace has a shadow", f->doctor, 2 * DAY, &bad));
    OK(store_result_release(tx, mine, true, f->doctor, 2 * DAY, &bad));
    OK(store_result_release(tx, other, true, f->doctor, 2 * DAY, &bad));
    commit(tx);
    assert_int_equal(count_of(list(f, STORE_OWN, store_filter_none(), p)), 1);
    tx = begin_read(f->store);
    OK(store_result_json(tx, &own, mine, 0, &out, &bad));
    assert_string_equal(json_string_value(json_object_get(json_object_get(out, "patient"), "name")), "OKELLO Grace");
    json_decref(out);
    FAILS(store_result_json(tx, &own, other, 0, &out, &bad), ERR_NOT_FOUND);
    FAILS(store_result_row(tx, &own, other, &out, &bad), ERR_NOT_FOUND);
    FAILS(store_result_picture(tx, &own, other, &picture, &bad), ERR_NOT_FOUND);
    static const char *const names[] = {"OKELLO", "Grace", "grace", "MUKASA", "0772", "doctor", "shadow"};
    json_t *rows = NULL, *whole = NULL;
    OK(store_result_json(tx, &plain, mine, 0, &whole, &bad));
    OK(store_results_list(tx, &plain,
                          &(struct store_filter){.confidence_min = (double)NAN,
                                                 .confidence_max = (double)NAN,
                                                 .reviewed = -1,
                                                 .released = -1,
                                                 .positive = -1},
                          &p, &rows, &bad));
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        holds_no(whole, names[i]);
        holds_no(rows, names[i]);
    }
    /* The same person has the same pseudonym in every result, another one another. */
    json_t *first = json_array_get(json_object_get(rows, "results"), 0),
           *second = json_array_get(json_object_get(rows, "results"), 1);
    const char *a = json_string_value(json_object_get(json_object_get(first, "patient"), "name"));
    const char *b = json_string_value(json_object_get(json_object_get(second, "patient"), "name"));
    assert_string_not_equal(a, b);
    assert_string_equal(b, json_string_value(json_object_get(json_object_get(whole, "patient"), "name")));
    struct store_filter search = store_filter_none();
    search.search = "okello";
    json_decref(rows);
    OK(store_results_list(tx, &plain, &search, &p, &rows, &bad));
    assert_int_equal(count_of(rows), 0);
    OK(store_result_picture(tx, &plain, mine, &picture, &bad));
    assert_null(strstr(picture.name, "grace"));
    json_decref(whole);
    store_rollback(tx);
}

static void decisions_are_rows_and_void_is_final(void **state)
{
    struct fixture *f = *state;
    struct store_eyes all = {.scope = STORE_ALL};
    json_t *out = NULL;
    int64_t id = add_result(f->store, f->doctor, 0, "Walk In", "PNEUMONIA", 95, DAY);
    struct store_tx *tx = begin_write(f->store);
    OK(store_result_review(tx, id, true, NULL, "first", f->doctor, 2, &bad));
    OK(store_result_review(tx, id, false, "NORMAL", "second", f->doctor, 3, &bad));
    OK(store_result_attach(tx, id, f->patient, f->doctor, 4, &bad));
    FAILS(store_result_attach(tx, id, 777, f->doctor, 4, &bad), ERR_NOT_FOUND);
    OK(store_result_void(tx, id, "wrong picture", f->doctor, 5, &bad));
    FAILS(store_result_void(tx, id, "again", f->doctor, 6, &bad), ERR_CONFLICT);
    FAILS(store_result_release(tx, id, true, f->doctor, 6, &bad), ERR_CONFLICT);
    FAILS(store_result_review(tx, 4711, true, NULL, "", f->doctor, 6, &bad), ERR_NOT_FOUND);
    OK(store_result_json(tx, &all, id, 0, &out, &bad));
    commit(tx);
    assert_int_equal(json_array_size(json_object_get(out, "reviews")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(out, "review"), "note")), "second");
    assert_string_equal(json_string_value(json_object_get(json_object_get(out, "void"), "reason")), "wrong picture");
    assert_string_equal(json_string_value(json_object_get(json_object_get(out, "patient"), "name")), "OKELLO Grace");
    json_decref(out);
    struct store_filter x = store_filter_none();
    assert_int_equal(counted(f, x), 0);
    x.include_void = true;
    assert_int_equal(counted(f, x), 1);
    x.search = "walk in"; /* found by the patient's name now */
    assert_int_equal(counted(f, x), 0);
    x.search = "okello";
    assert_int_equal(counted(f, x), 1);
}

/* The derived tables say what counting would say. */
static void totals_are_true(void **state)
{
    struct fixture *f = *state;
    static const char differ[] = "SELECT (SELECT count(*) FROM (SELECT created_by, predicted_class, coalesce(positive, "
                                 "-1), model_id, reviewed, released,"
                                 " voided, count(*) AS n FROM result_index GROUP BY 1, 2, 3, 4, 5, 6, 7 EXCEPT SELECT "
                                 "* FROM result_totals WHERE n > 0))"
                                 " + (SELECT abs(sum(n) - (SELECT count(*) FROM result_index)) FROM result_totals)";
    char path[400];
    struct db *db = NULL;
    int64_t wrong = -1;
    fill(f);
    struct store_tx *tx = begin_write(f->store);
    for (int64_t id = 1; id < N; id += 7) {
        OK(store_result_review(tx, id, true, NULL, NULL, f->doctor, 2, &bad));
        if (id % 2)
            OK(store_result_release(tx, id, true, f->doctor, 2, &bad));
        if (id % 3 == 0)
            OK(store_result_void(tx, id, "x", f->doctor, 2, &bad));
    }
    commit(tx);
    OK(path_join(path, sizeof(path), f->home, "clinic.db", &bad));
    OK(db_open(path, false, NULL, &db, &bad));
    OK(db_int(db, differ, DB_NONE, &wrong, NULL, &bad));
    db_close(db);
    assert_int_equal(wrong, 0);
    OK(store_check(f->store, &bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(filters_count_what_they_should),       TEST(pages_and_walks_agree), TEST(eyes_see_what_they_may),
        TEST(decisions_are_rows_and_void_is_final), TEST(totals_are_true),
    };
    return RUN(tests);
}
