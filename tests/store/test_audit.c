/* The audit chain: every way of tampering is found, and nothing honest is. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 12, THREADS = 4, EACH = 25 };

static void add_rows(struct store *s, int n)
{
    for (int i = 0; i < n; i++) {
        char subject[32];
        str_format(subject, sizeof(subject), "result %d", i);
        struct store_tx *tx = begin_write(s);
        OK(store_audit_add(tx, 1000 + i, 1, "results.show", subject, "", &bad));
        commit(tx);
    }
}

static json_t *verify(struct store *s, const char *head)
{
    json_t *out = NULL;
    struct store_tx *tx = begin_read(s);
    OK(store_audit_verify(tx, head, &out, &bad));
    store_rollback(tx);
    return out;
}

static void expect(struct store *s, const char *head, bool good, int64_t at)
{
    json_t *v = verify(s, head);
    assert_int_equal(json_is_true(json_object_get(v, "ok")), good);
    if (!good && at)
        assert_int_equal(json_integer_value(json_object_get(v, "broken_at")), at);
    json_decref(v);
}

static void copy_head(struct store *s, char *dst, size_t cap)
{
    json_t *v = verify(s, NULL);
    str_copy(dst, cap, json_string_value(json_object_get(v, "head")));
    json_decref(v);
}

static void an_untouched_chain_is_whole(void **state)
{
    struct fixture *f = *state;
    char head[128];
    expect(f->store, NULL, true, 0);
    add_rows(f->store, ROWS);
    expect(f->store, NULL, true, 0);
    copy_head(f->store, head, sizeof(head));
    add_rows(f->store, 3);
    expect(f->store, head, true, 0); /* an old head stays on the chain */
}

/* An intruder who can write the database takes the triggers away first. */
#define DISARM "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;"

static void tampering_is_found(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sql;
        int64_t at;
    } cases[] = {
        {DISARM "UPDATE audit SET subject = 'result 9' WHERE id = 4", 4},
        {DISARM "UPDATE audit SET user_id = 2 WHERE id = 5", 5},
        {DISARM "UPDATE audit SET at = at + 1 WHERE id = 1", 1},
        {DISARM "UPDATE audit SET op = '', subject = 'results.showresult 6' WHERE id = 7", 7},
        {DISARM "DELETE FROM audit WHERE id = 6", 6},
        {DISARM "DELETE FROM audit WHERE id = 1", 1},
        {DISARM "DELETE FROM audit WHERE id > 9", 10},
        {DISARM "DELETE FROM audit", 1},
        {DISARM "DELETE FROM audit WHERE id = 6; UPDATE audit SET id = id - 1 WHERE id > 6", 6},
        {DISARM "UPDATE audit SET id = -1 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 4; UPDATE audit SET id = 4 "
                "WHERE id = -1",
         3},
        {DISARM "UPDATE audit SET hash = zeroblob(32) WHERE id = 8", 8},
        {"INSERT INTO audit (id, at, user_id, op, subject, detail, hash) SELECT 13, at, user_id, op, subject, detail, "
         "hash FROM"
         " audit WHERE id = 12",
         13},
    };
    add_rows(f->store, ROWS);
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        struct fixture *g = NULL;
        assert_int_equal(fixture_open((void **)&g), 0);
        add_rows(g->store, ROWS);
        behind_its_back(g->home, cases[i].sql);
        expect(g->store, NULL, false, cases[i].at);
        assert_int_equal(fixture_close((void **)&g), 0);
    }
}

/* Cutting the end off and the kept head with it is found by a head that was exported before. */
static void truncation_with_its_head_needs_the_exported_one(void **state)
{
    struct fixture *f = *state;
    char early[128], late[128], path[400];
    add_rows(f->store, 8);
    copy_head(f->store, early, sizeof(early));
    add_rows(f->store, 4);
    copy_head(f->store, late, sizeof(late));
    behind_its_back(f->home, DISARM "DELETE FROM audit WHERE id > 8");
    snprintf(path, sizeof(path), "%s/audit.head", f->home);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", early);
    fclose(file);
    expect(f->store, NULL, true, 0);
    expect(f->store, late, false, 9);
    unlink(path);
    expect(f->store, NULL, false, 8);
    json_t *out = NULL;
    struct store_tx *tx = begin_read(f->store);
    FAILS(store_audit_verify(tx, "nonsense", &out, &bad), ERR_VALUE);
    store_rollback(tx);
}

static void *writer_main(void *arg)
{
    add_rows(arg, EACH);
    return NULL;
}

static void many_writers_keep_one_chain(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, writer_main, f->store), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    json_t *v = verify(f->store, NULL);
    assert_true(json_is_true(json_object_get(v, "ok")));
    assert_int_equal(json_integer_value(json_object_get(v, "rows")), THREADS * EACH);
    json_decref(v);
}

static void a_rolled_back_row_was_never_there(void **state)
{
    struct fixture *f = *state;
    add_rows(f->store, 2);
    struct store_tx *tx = begin_write(f->store);
    OK(store_audit_add(tx, 5, 1, "results.show", "result 1", "", &bad));
    store_rollback(tx);
    add_rows(f->store, 2);
    expect(f->store, NULL, true, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_untouched_chain_is_whole),
        TEST(tampering_is_found),
        TEST(truncation_with_its_head_needs_the_exported_one),
        TEST(many_writers_keep_one_chain),
        TEST(a_rolled_back_row_was_never_there),
    };
    return RUN(tests);
}
