/* The outbox: each state leads only where it may, nobody sends twice, nothing is lost. */
#include "support.h"

#include <pthread.h>
#include <stdio.h>

enum { LEASE = 60000, LEASE_PER_KIB = 100, LETTERS = 40, SENDERS = 4 };

static int64_t queue(struct fixture *f, int i, int64_t not_before)
{
    char id_text[40];
    int64_t id = 0;
    str_format(id_text, sizeof(id_text), "%d@clinic.example", i);
    const struct store_mail_new m = {.from = "clinic@example.org",
                                     .to = "dr@example.org",
                                     .subject = "Result",
                                     .note = "",
                                     .message_id = id_text,
                                     .message = "From: x\r\n\r\n\0y",
                                     .message_n = 13,
                                     .not_before = not_before};
    struct store_tx *tx = begin_write(f->store);
    OK(store_mail_add(tx, &m, f->doctor, 1000, &id, &bad));
    commit(tx);
    return id;
}

static struct store_mail claim(struct store *s, int64_t now)
{
    struct store_mail m;
    struct store_tx *tx = begin_write(s);
    OK(store_mail_claim(tx, now, LEASE, LEASE_PER_KIB, &m, &bad));
    commit(tx);
    return m;
}

static void settle(struct fixture *f, struct store_mail *m, enum store_mail_state state, int64_t next_at)
{
    struct store_tx *tx = begin_write(f->store);
    OK(store_mail_settle(tx, m, state, "250 ok", next_at, 5000, &bad));
    commit(tx);
    store_mail_fini(m);
}

static void expect_state(struct fixture *f, int64_t id, const char *state)
{
    json_t *o = NULL;
    struct store_tx *tx = begin_read(f->store);
    OK(store_mail_json(tx, id, 0, &o, &bad));
    store_rollback(tx);
    assert_string_equal(json_string_value(json_object_get(o, "state")), state);
    json_decref(o);
}

static void the_take_back_is_kept(void **state)
{
    struct fixture *f = *state;
    int64_t id = queue(f, 1, 11000), at = 0;
    struct store_mail m = claim(f->store, 10999);
    assert_int_equal(m.id, 0);
    struct store_tx *tx = begin_read(f->store);
    OK(store_mail_next(tx, &at, &bad));
    store_rollback(tx);
    assert_int_equal(at, 11000);
    tx = begin_write(f->store);
    OK(store_mail_drop(tx, id, f->doctor, "taken back", 5000, &bad));
    commit(tx);
    m = claim(f->store, 20000);
    assert_int_equal(m.id, 0);
    expect_state(f, id, "dead");
}

static void bytes_survive_and_retry_waits(void **state)
{
    struct fixture *f = *state;
    int64_t id = queue(f, 1, 0);
    struct store_mail m = claim(f->store, 2000);
    assert_int_equal(m.id, id);
    assert_int_equal(m.message_n, 13);
    assert_memory_equal(m.message, "From: x\r\n\r\n\0y", 13);
    expect_state(f, id, "in_flight");
    settle(f, &m, STORE_MAIL_RETRY, 2000 + store_mail_backoff_ms(1));
    m = claim(f->store, 31999);
    assert_int_equal(m.id, 0);
    m = claim(f->store, 32000);
    assert_int_equal(m.id, id);
    assert_int_equal(m.attempts, 2);
    settle(f, &m, STORE_MAIL_SENT, 0);
    expect_state(f, id, "sent");
    struct store_tx *tx = begin_write(f->store);
    FAILS(store_mail_retry(tx, id, 0, 1, &bad), ERR_CONFLICT);
    FAILS(store_mail_drop(tx, id, 0, "x", 1, &bad), ERR_CONFLICT);
    FAILS(store_mail_drop(tx, id, f->patient_user, "x", 1, &bad), ERR_NOT_FOUND);
    store_rollback(tx);
    assert_true(store_mail_backoff_ms(50) == 6 * 3600 * 1000);
}

/* A sender that died: nobody knows, so it is never sent again by itself, and the late sender cannot change that. */
static void a_lost_lease_is_unknown(void **state)
{
    struct fixture *f = *state;
    int64_t id = queue(f, 1, 0);
    struct store_mail late = claim(f->store, 1000);
    struct store_mail m = claim(f->store, 1000 + LEASE);
    assert_int_equal(m.id, 0);
    expect_state(f, id, "unknown");
    struct store_tx *tx = begin_write(f->store);
    FAILS(store_mail_settle(tx, &late, STORE_MAIL_SENT, "", 0, 0, &bad), ERR_CONFLICT);
    store_rollback(tx);
    store_mail_fini(&late);
    m = claim(f->store, INT32_MAX);
    assert_int_equal(m.id, 0);
    tx = begin_write(f->store);
    OK(store_mail_retry(tx, id, f->doctor, 9000, &bad));
    commit(tx);
    m = claim(f->store, 9000);
    assert_int_equal(m.id, id);
    store_mail_fini(&m);
}

/* A large message on a slow line is not taken for lost while it is still being sent. */
static void a_large_message_has_longer(void **state)
{
    struct fixture *f = *state;
    static char large[3 * 1024 + 5];
    const struct store_mail_new new = {.from = "station@example.org",
                                       .to = "dr@example.org",
                                       .subject = "Result",
                                       .note = "",
                                       .message_id = "large@example.org",
                                       .message = large,
                                       .message_n = sizeof(large)};
    int64_t id = 0;
    struct store_tx *tx = begin_write(f->store);
    OK(store_mail_add(tx, &new, f->doctor, 1000, &id, &bad));
    commit(tx);
    struct store_mail m = claim(f->store, 1000);
    assert_int_equal(m.id, id);
    assert_int_equal(m.message_n, sizeof(large));
    store_mail_fini(&m);
    m = claim(f->store, 1000 + LEASE + 3 * LEASE_PER_KIB - 1);
    expect_state(f, id, "in_flight");
    m = claim(f->store, 1000 + LEASE + 3 * LEASE_PER_KIB);
    expect_state(f, id, "unknown");
    assert_int_equal(m.id, 0);
}

struct sender {
    struct store *store;
    int seen[LETTERS + 1];
};

static void *sender_main(void *arg)
{
    struct sender *s = arg;
    for (;;) {
        struct store_mail m = claim(s->store, 1000);
        if (m.id == 0)
            return NULL;
        s->seen[m.id]++;
        store_mail_fini(&m);
    }
}

static void no_two_senders_hold_one_letter(void **state)
{
    struct fixture *f = *state;
    struct sender sender[SENDERS] = {0};
    pthread_t thread[SENDERS];
    for (int i = 0; i < LETTERS; i++)
        queue(f, i, 0);
    for (int i = 0; i < SENDERS; i++) {
        sender[i].store = f->store;
        assert_int_equal(pthread_create(&thread[i], NULL, sender_main, &sender[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(thread[i], NULL);
    for (int id = 1; id <= LETTERS; id++) {
        int times = 0;
        for (int i = 0; i < SENDERS; i++)
            times += sender[i].seen[id];
        assert_int_equal(times, 1);
    }
}

static void lists_show_the_youngest_state(void **state)
{
    struct fixture *f = *state;
    struct store_eyes all = {.scope = STORE_ALL};
    int64_t result = add_result(f->store, f->doctor, f->patient, NULL, "NORMAL", 80, 1000), id = 0;
    json_t *row = NULL, *list = NULL;
    const struct store_mail_new m = {.from = "a@b.example",
                                     .to = "c@d.example",
                                     .subject = "s",
                                     .message_id = "1@x",
                                     .message = "m",
                                     .message_n = 1,
                                     .result = &result,
                                     .result_n = 1};
    struct store_tx *tx = begin_write(f->store);
    OK(store_mail_add(tx, &m, f->doctor, 1000, &id, &bad));
    OK(store_result_row(tx, &all, result, &row, &bad));
    OK(store_mail_list(tx, f->patient_user, NULL, &(struct store_page){.page = 1, .size = 5}, &list, &bad));
    commit(tx);
    assert_string_equal(json_string_value(json_object_get(row, "mail")), "queued");
    assert_int_equal(json_integer_value(json_object_get(list, "count")), 0); /* the doctor's, not the patient's */
    json_decref(row);
    json_decref(list);
    tx = begin_read(f->store);
    FAILS(store_mail_list(tx, 0, "lost", &(struct store_page){.page = 1, .size = 5}, &list, &bad), ERR_VALUE);
    store_rollback(tx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_take_back_is_kept),      TEST(bytes_survive_and_retry_waits),  TEST(a_lost_lease_is_unknown),
        TEST(a_large_message_has_longer), TEST(no_two_senders_hold_one_letter), TEST(lists_show_the_youngest_state),
    };
    return RUN(tests);
}
