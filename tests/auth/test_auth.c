/* Passwords, locks, sessions. The clock is frozen and moved by hand; hashing is cheap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth.h"
#include "base/file.h"
#include "base/text.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct err bad;

static void ok(enum rc rc)
{
    if (rc)
        fail_msg("rc %d, E%d %s", (int)rc, (int)bad.code, bad.msg);
}
#define FAILS(call, wanted)                                                                                            \
    do {                                                                                                               \
        bad = (struct err){0};                                                                                         \
        assert_int_not_equal((call), RC_OK);                                                                           \
        assert_int_equal(bad.code, (wanted));                                                                          \
        bad = (struct err){0};                                                                                         \
    } while (0)

struct fixture {
    char home[256];
    struct store *store;
    int64_t user;
};

static void set_clock(int minutes)
{
    char text[40];
    str_format(text, sizeof(text), "2026-03-02T%02d:%02d:00Z", 8 + minutes / 60, minutes % 60);
    setenv("CLINIC_CLOCK", text, 1);
}

static int drop_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static int open_fixture(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct fixture *f = calloc(1, sizeof(*f));
    struct store_user u = {.roles = 10, .date_joined = 1};
    struct store_tx *tx = NULL;
    char hash[AUTH_HASH_CAP];
    assert_non_null(f);
    set_clock(0);
    setenv("CLINIC_BCRYPT_COST", "4", 1);
    snprintf(f->home, sizeof(f->home), "%s/auth-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->home));
    ok(store_migrate(f->home, NULL, NULL, &bad));
    ok(store_open(f->home, &f->store, &bad));
    ok(auth_password_hash("right-password", hash, &bad));
    str_copy(u.username, sizeof(u.username), "Doctor");
    str_copy(u.email, sizeof(u.email), "d@example.org");
    str_copy(u.password_hash, sizeof(u.password_hash), hash);
    ok(store_begin(f->store, STORE_WRITE, &tx, &bad));
    ok(store_user_add(tx, &u, &bad));
    ok(store_commit(tx, &bad));
    f->user = u.id;
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    nftw(f->home, drop_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void the_rules_of_passwords(void **state)
{
    (void)state;
    char at_72[73], at_73[74];
    memset(at_72, 'a', 72);
    memset(at_73, 'a', 73);
    at_72[72] = at_73[73] = '\0';
    ok(auth_password_check("12345678", &bad));
    ok(auth_password_check("пароль12", &bad)); /* eight characters, fourteen bytes */
    ok(auth_password_check(at_72, &bad));
    FAILS(auth_password_check("1234567", &bad), ERR_PASSWORD_RULE);
    FAILS(auth_password_check("пароль1", &bad), ERR_PASSWORD_RULE);
    FAILS(auth_password_check(at_73, &bad), ERR_PASSWORD_RULE);
    FAILS(auth_password_check("1234567\n", &bad), ERR_PASSWORD_RULE);
    FAILS(auth_password_check("1234567\xff", &bad), ERR_PASSWORD_RULE);
}

static void hashes_are_bcrypt_and_salted(void **state)
{
    (void)state;
    char a[AUTH_HASH_CAP], b[AUTH_HASH_CAP];
    ok(auth_password_hash("right-password", a, &bad));
    ok(auth_password_hash("right-password", b, &bad));
    assert_true(str_starts(a, "$2b$04$"));
    assert_int_equal(strlen(a), 60);
    assert_string_not_equal(a, b);
    assert_true(auth_password_verify("right-password", a));
    assert_false(auth_password_verify("right-passworD", a));
    assert_false(auth_password_verify("right-password", NULL));
    assert_false(auth_password_verify("right-password", ""));
    assert_false(auth_password_verify("right-password", "$2b$04$short"));
    /* A known vector of the scheme: other programs' hashes are understood. */
    assert_true(auth_password_verify("U*U*U", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"));
}

static void the_cost_is_twelve_outside_tests(void **state)
{
    (void)state;
    char hash[AUTH_HASH_CAP];
    unsetenv("CLINIC_CLOCK");
    ok(auth_password_hash("right-password", hash, &bad));
    assert_true(str_starts(hash, "$2b$12$"));
}

static enum rc sign_in(struct fixture *f, const char *name, const char *password, unsigned role, struct auth_session *s)
{
    return auth_sign_in(f->store, name, password, role, 12, &(struct auth_where){"tty1", "host"}, s, &bad);
}

static void signing_in_and_out(void **state)
{
    struct fixture *f = *state;
    struct auth_session s, again;
    ok(sign_in(f, "doctor", "right-password", 0, &s));
    assert_int_equal(s.roles, 10);
    assert_int_equal(strlen(s.token), 64);
    ok(auth_resume(f->store, s.token, &again, &bad));
    assert_int_equal(again.id, s.id);
    assert_string_equal(again.user.username, "Doctor");
    ok(auth_sign_out(f->store, f->user, s.id, "sign-out", &bad));
    FAILS(auth_resume(f->store, s.token, &again, &bad), ERR_SESSION);
    FAILS(auth_resume(f->store, "", &again, &bad), ERR_SESSION);
    FAILS(auth_resume(f->store, NULL, &again, &bad), ERR_SESSION);
    ok(sign_in(f, "doctor", "right-password", 2, &s));
    assert_int_equal(s.roles, 2); /* the role asked for, no more */
    FAILS(sign_in(f, "doctor", "right-password", 4, &s), ERR_SIGN_IN);
}

static void sessions_expire(void **state)
{
    struct fixture *f = *state;
    struct auth_session s, again;
    ok(sign_in(f, "doctor", "right-password", 0, &s));
    set_clock(11 * 60 + 59);
    ok(auth_resume(f->store, s.token, &again, &bad));
    set_clock(12 * 60);
    FAILS(auth_resume(f->store, s.token, &again, &bad), ERR_SESSION);
    set_clock(0);
    FAILS(auth_resume(f->store, s.token, &again, &bad), ERR_SESSION); /* ended for good */
}

/* A known name and an unknown one answer alike at every step, and a new connection does not start anew. */
static void five_failures_lock_for_ten_minutes(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"doctor", "nobody"};
    struct auth_session s;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        set_clock(0);
        for (int n = 0; n < AUTH_FAILURES_MAX; n++) {
            FAILS(sign_in(f, names[i], "wrong-password", 0, &s), ERR_SIGN_IN);
            if (n == 2) {
                store_close(f->store);
                ok(store_open(f->home, &f->store, &bad));
            }
        }
        FAILS(sign_in(f, names[i], "right-password", 0, &s), ERR_LOCKED);
        set_clock(9);
        FAILS(sign_in(f, names[i], "right-password", 0, &s), ERR_LOCKED);
    }
    set_clock(11);
    FAILS(sign_in(f, "nobody", "right-password", 0, &s), ERR_SIGN_IN);
    ok(sign_in(f, "doctor", "right-password", 0, &s));
}

static void a_right_password_forgets_the_wrong_ones(void **state)
{
    struct fixture *f = *state;
    struct auth_session s;
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < 2; n++)
            FAILS(sign_in(f, "doctor", "wrong-password", 0, &s), ERR_SIGN_IN);
        ok(sign_in(f, "doctor", "right-password", 0, &s));
    }
    FAILS(auth_prove(f->store, f->user, "wrong-password", &bad), ERR_SIGN_IN);
    ok(auth_prove(f->store, f->user, "right-password", &bad));
}

struct guess {
    struct fixture *f;
    struct err why;
    enum rc rc;
    atomic_bool done;
};

static void *guess_right(void *arg)
{
    struct guess *g = arg;
    struct auth_session s;
    g->rc = auth_sign_in(g->f->store, "doctor", "right-password", 0, 12, NULL, &s, &g->why);
    g->done = true;
    return NULL;
}

/* Many guesses at once must not be more than five: what was looked up before the hashing is looked up again after it.
 * lock: the account is locked meanwhile, else its password is changed. */
static void meanwhile(struct fixture *f, bool lock, enum err_code wanted)
{
    char slow[AUTH_HASH_CAP], other[AUTH_HASH_CAP];
    setenv("CLINIC_BCRYPT_COST", "10", 1);
    ok(auth_password_hash("right-password", slow, &bad));
    ok(auth_password_hash("another-password", other, &bad));
    for (int i = 0; i < 20; i++) {
        struct guess g = {.f = f};
        struct store_user u;
        struct store_tx *tx = NULL;
        pthread_t thread;
        ok(store_begin(f->store, STORE_WRITE, &tx, &bad));
        ok(store_user_get(tx, f->user, &u, &bad));
        str_copy(u.password_hash, sizeof(u.password_hash), slow);
        u.locked_until = 0;
        ok(store_user_set(tx, &u, &bad));
        ok(store_commit(tx, &bad));
        assert_int_equal(pthread_create(&thread, NULL, guess_right, &g), 0);
        usleep(10000);
        ok(store_begin(f->store, STORE_WRITE, &tx, &bad));
        u.locked_until = lock ? clock_wall_ms() + AUTH_LOCK_MS : 0;
        str_copy(u.password_hash, sizeof(u.password_hash), lock ? slow : other);
        ok(store_user_set(tx, &u, &bad));
        ok(store_commit(tx, &bad));
        bool too_late = g.done;
        pthread_join(thread, NULL);
        if (too_late && g.rc == RC_OK)
            continue;
        assert_int_equal(g.why.code, wanted);
        return;
    }
    fail_msg("the store was never quicker than a hash");
}

static void what_changes_during_the_hashing_counts(void **state)
{
    meanwhile(*state, true, ERR_LOCKED);
    meanwhile(*state, false, ERR_SIGN_IN);
}

static void a_session_has_no_power_its_person_lacks(void **state)
{
    struct fixture *f = *state;
    struct auth_session s;
    ok(sign_in(f, "doctor", "right-password", 2 | 4, &s)); /* doctor and researcher asked; a doctor and administrator */
    assert_int_equal(s.roles, 2);
    FAILS(sign_in(f, "doctor", "right-password", 4, &s), ERR_SIGN_IN);
}

static void unknown_and_wrong_take_the_same_time(void **state)
{
    struct fixture *f = *state;
    struct auth_session s;
    double least[2] = {1e9, 1e9};
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "someone-else" : "doctor";
        int64_t start = clock_mono_ns();
        FAILS(sign_in(f, name, "wrong-password", 0, &s), ERR_SIGN_IN);
        least[i] = clock_ms_since(start);
    }
    /* Both wait the quarter of a second of a first failure; the rest is a few ms of hashing and of the store. */
    assert_true(least[0] > 240 && least[1] > 240);
    assert_true(least[0] < 3 * least[1] && least[1] < 3 * least[0]);
}

static void a_new_password_ends_the_other_sessions(void **state)
{
    struct fixture *f = *state;
    struct auth_session here, there, s;
    int64_t ended = 0;
    ok(sign_in(f, "doctor", "right-password", 0, &here));
    ok(sign_in(f, "doctor", "right-password", 0, &there));
    FAILS(auth_password_change(f->store, f->user, here.id, "wrong-password", "another-password", &ended, &bad),
          ERR_SIGN_IN);
    FAILS(auth_password_change(f->store, f->user, here.id, "right-password", "short", &ended, &bad), ERR_PASSWORD_RULE);
    FAILS(auth_password_change(f->store, f->user, here.id, "right-password", "right-password", &ended, &bad),
          ERR_PASSWORD_RULE);
    ok(auth_password_change(f->store, f->user, here.id, "right-password", "another-password", &ended, &bad));
    assert_int_equal(ended, 1);
    ok(auth_resume(f->store, here.token, &s, &bad));
    FAILS(auth_resume(f->store, there.token, &s, &bad), ERR_SESSION);
    FAILS(sign_in(f, "doctor", "right-password", 0, &s), ERR_SIGN_IN);
    ok(sign_in(f, "doctor", "another-password", 0, &s));
}

static void user_names(void **state)
{
    (void)state;
    ok(auth_username_check("a.b-c_d@e+1", &bad));
    FAILS(auth_username_check("a", &bad), ERR_VALUE);
    FAILS(auth_username_check("", &bad), ERR_VALUE);
    FAILS(auth_username_check("-x", &bad), ERR_VALUE);
    FAILS(auth_username_check("a b", &bad), ERR_VALUE);
    FAILS(auth_username_check("a\nb", &bad), ERR_VALUE);
    FAILS(auth_username_check("ab\xC3\xA9", &bad), ERR_VALUE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rules_of_passwords),
        TEST(hashes_are_bcrypt_and_salted),
        TEST(the_cost_is_twelve_outside_tests),
        TEST(signing_in_and_out),
        TEST(sessions_expire),
        TEST(five_failures_lock_for_ten_minutes),
        TEST(a_right_password_forgets_the_wrong_ones),
        TEST(what_changes_during_the_hashing_counts),
        TEST(a_session_has_no_power_its_person_lacks),
        TEST(unknown_and_wrong_take_the_same_time),
        TEST(a_new_password_ends_the_other_sessions),
        TEST(user_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
