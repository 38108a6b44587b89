/* Making, opening, refusing: versions, foreign databases, two at once, no right to write, transactions. */
#include "support.h"

#include "store/db.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void count_one(void *ctx, const char *migration)
{
    assert_non_null(strstr(migration, ".sql"));
    ++*(int *)ctx;
}

static void migrating_is_idempotent(void **state)
{
    struct fixture *f = *state;
    int applied = 0;
    char fresh[300];
    OK(store_migrate(f->home, count_one, &applied, &bad));
    assert_int_equal(applied, 0);
    snprintf(fresh, sizeof(fresh), "%s/deeper/down", f->home);
    OK(store_migrate(fresh, count_one, &applied, &bad));
    assert_true(applied >= 3);
}

static void files_are_private(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"clinic.db", "clinic.db-wal", "audit.key"};
    add_result(f->store, f->doctor, f->patient, NULL, "NORMAL", 80, 1000);
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        char path[400];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", f->home, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
}

static void a_missing_station_is_said(void **state)
{
    (void)state;
    struct store *s = NULL;
    FAILS(store_open("/nonexistent/home", &s, &bad), ERR_STORE_MISSING);
}

static void a_newer_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s = NULL;
    behind_its_back(f->home, "PRAGMA user_version = 900");
    FAILS(store_open(f->home, &s, &bad), ERR_STORE_NEWER);
    FAILS(store_migrate(f->home, NULL, NULL, &bad), ERR_STORE_NEWER);
}

static void a_foreign_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s = NULL;
    behind_its_back(f->home, "PRAGMA application_id = 7");
    FAILS(store_open(f->home, &s, &bad), ERR_STORE);
    FAILS(store_migrate(f->home, NULL, NULL, &bad), ERR_STORE);
}

static void a_damaged_file_is_an_error_not_a_crash(void **state)
{
    struct fixture *f = *state;
    struct store *s = NULL;
    char path[400];
    store_close(f->store);
    f->store = NULL;
    snprintf(path, sizeof(path), "%s/clinic.db", f->home);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++)
        fputc(i * 7 & 255, file);
    fclose(file);
    FAILS(store_open(f->home, &s, &bad), ERR_STORE);
}

static void a_half_finished_transaction_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_user u = {.roles = 1};
    str_copy(u.username, sizeof(u.username), "gone");
    str_copy(u.email, sizeof(u.email), "gone@example.org");
    struct store_tx *tx = begin_write(f->store);
    OK(store_user_add(tx, &u, &bad));
    store_rollback(tx);
    tx = begin_read(f->store);
    FAILS(store_user_find(tx, "gone", &u, &bad), ERR_NOT_FOUND);
    store_rollback(tx);
}

/* A reader sees the moment it began at, however much is written meanwhile; it never waits for the writer. */
static void readers_and_a_writer_side_by_side(void **state)
{
    struct fixture *f = *state;
    int64_t before = 0, during = 0;
    struct store_tx *reader = begin_read(f->store);
    OK(store_users_count(reader, 0, 0, &before, &bad));
    struct store_tx *writer = begin_write(f->store);
    struct store_user u = {.roles = 1};
    str_copy(u.username, sizeof(u.username), "new");
    str_copy(u.email, sizeof(u.email), "new@example.org");
    OK(store_user_add(writer, &u, &bad));
    OK(store_commit(writer, &bad));
    OK(store_users_count(reader, 0, 0, &during, &bad));
    assert_int_equal(before, during);
    store_rollback(reader);
}

/* Not even the program's own statements can change what was measured or decided. */
static void the_append_only_tables_refuse(void **state)
{
    struct fixture *f = *state;
    static const char *const tries[] = {"UPDATE results SET confidence = 1", "DELETE FROM results",
                                        "DELETE FROM result_events", "UPDATE audit SET detail = ''",
                                        "DELETE FROM audit"};
    int64_t id = add_result(f->store, f->doctor, f->patient, NULL, "NORMAL", 80, 1000);
    struct store_tx *tx = begin_write(f->store);
    OK(store_result_release(tx, id, true, f->doctor, 2000, &bad));
    OK(store_audit_add(tx, 2000, f->doctor, "results.release", "result 1", "", &bad));
    commit(tx);
    for (size_t i = 0; i < ARRAY_N(tries); i++) {
        char path[400];
        struct db *db = NULL;
        struct err why = {0};
        OK(path_join(path, sizeof(path), f->home, "clinic.db", &bad));
        OK(db_open(path, false, NULL, &db, &bad));
        assert_int_not_equal(db_script(db, tries[i], &why), RC_OK);
        assert_non_null(strstr(why.msg, "append-only"));
        db_close(db);
    }
    OK(store_check(f->store, &bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(migrating_is_idempotent),
        TEST(files_are_private),
        TEST(a_missing_station_is_said),
        TEST(a_newer_database_is_refused),
        TEST(a_foreign_database_is_refused),
        TEST(a_damaged_file_is_an_error_not_a_crash),
        TEST(a_half_finished_transaction_leaves_nothing),
        TEST(readers_and_a_writer_side_by_side),
        TEST(the_append_only_tables_refuse),
    };
    return RUN(tests);
}
