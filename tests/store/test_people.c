/* Accounts, sessions, the register of patients, pictures on the disk. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void names_and_addresses_are_unique(void **state)
{
    struct fixture *f = *state;
    struct store_user u = {.roles = 1}, found;
    struct store_tx *tx = begin_write(f->store);
    str_copy(u.username, sizeof(u.username), "DOCTOR");
    str_copy(u.email, sizeof(u.email), "new@example.org");
    FAILS(store_user_add(tx, &u, &bad), ERR_TAKEN);
    str_copy(u.username, sizeof(u.username), "new");
    str_copy(u.email, sizeof(u.email), "Doctor@Example.org");
    FAILS(store_user_add(tx, &u, &bad), ERR_TAKEN);
    OK(store_user_find(tx, "Doctor", &found, &bad));
    assert_int_equal(found.id, f->doctor);
    str_copy(found.email, sizeof(found.email), "patient@example.org");
    FAILS(store_user_set(tx, &found, &bad), ERR_TAKEN);
    store_rollback(tx);
}

static void sessions_end_once(void **state)
{
    struct fixture *f = *state;
    unsigned char hash[3][BLAKE2B_BYTES] = {{1}, {2}, {3}};
    struct store_session s = {.user_id = f->doctor, .started_at = 1, .last_seen_at = 1, .expires_at = 1000, .roles = 2},
                         got;
    int64_t id[3], ended = 0, open_n = 0;
    struct store_tx *tx = begin_write(f->store);
    for (int i = 0; i < 3; i++)
        OK(store_session_add(tx, &s, hash[i], "tty1", NULL, &id[i], &bad));
    OK(store_sessions_end(tx, f->doctor, id[1], 50, "password changed", &ended, &bad));
    assert_int_equal(ended, 2);
    OK(store_session_end(tx, id[0], 70, "sign-out", &bad));
    OK(store_session_find(tx, hash[0], &got, &bad));
    assert_int_equal(got.ended_at, 50);
    OK(store_session_find(tx, hash[1], &got, &bad));
    assert_int_equal(got.ended_at, 0);
    OK(store_sessions_open(tx, 60, &open_n, &bad));
    assert_int_equal(open_n, 1);
    hash[0][31] = 9;
    FAILS(store_session_find(tx, hash[0], &got, &bad), ERR_SESSION);
    commit(tx);
}

static int64_t found(struct fixture *f, const char *search)
{
    json_t *list = NULL;
    struct store_tx *tx = begin_read(f->store);
    OK(store_patients_list(tx, search, &(struct store_page){.page = 1, .size = 10}, 1772000000000, &list, &bad));
    store_rollback(tx);
    int64_t n = json_integer_value(json_object_get(list, "count"));
    json_decref(list);
    return n;
}

static void patients_are_found_by_any_part(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"García Peña, José", "ÅNGSTRÖM Zoë", "Иванова Мария",         "محمد علي حسن",
                                        "王 小明",           "अनिता शर्मा",   "O'Neill \"Bob\" 100%_x"};
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        int64_t id = 0;
        const struct store_patient p = {
            .name = names[i], .birth_year = 1950 + (int)i, .phone = "+256 (0)77-123", .user_id = 0};
        struct store_tx *tx = begin_write(f->store);
        OK(store_patient_add(tx, &p, f->doctor, 1000, &id, &bad));
        commit(tx);
    }
    static const struct {
        const char *search;
        int64_t n;
    } cases[] = {
        {"", 8},       {NULL, 8},   {"garcia", 1}, {"PEÑA jose", 1},    {"angstrom", 1},     {"ivan", 0},
        {"иванов", 1}, {"محمد", 1}, {"王", 1},     {"小明", 1},         {"शर्मा", 1},         {"zo", 1},
        {"000001", 1}, {"1", 8},    {"1952", 1},   {"25607712", 7},     {"o'neill", 1},      {"\"bob\"", 1},
        {"100%_x", 1}, {"%", 1},    {"_", 1},      {"grace okello", 1}, {"grace nobody", 0}, {"\" OR 1 --", 0},
    };
    for (size_t i = 0; i < ARRAY_N(cases); i++)
        if (found(f, cases[i].search) != cases[i].n)
            fail_msg("'%s' found %lld, expected %lld", cases[i].search, (long long)found(f, cases[i].search),
                     (long long)cases[i].n);
}

static void an_edit_keeps_the_former_row(void **state)
{
    struct fixture *f = *state;
    json_t *p = NULL;
    struct store_tx *tx = begin_write(f->store);
    const struct store_patient edit = {
        .id = f->patient, .name = "OKELLO Grace Mary", .birth_year = -1, .consent = 0, .user_id = -1};
    OK(store_patient_set(tx, &edit, f->doctor, 2000, &bad));
    FAILS(store_patient_set(tx, &(struct store_patient){.id = 99, .birth_year = -1, .consent = -1, .user_id = -1},
                            f->doctor, 1, &bad),
          ERR_NOT_FOUND);
    OK(store_patient_json(tx, f->patient, 1772000000000, &p, &bad));
    commit(tx);
    assert_string_equal(json_string_value(json_object_get(p, "name")), "OKELLO Grace Mary");
    assert_int_equal(json_integer_value(json_object_get(p, "birth_year")), 1992);
    assert_int_equal(json_integer_value(json_object_get(p, "age")), 34);
    assert_true(json_is_false(json_object_get(p, "consent")));
    assert_string_equal(json_string_value(json_object_get(p, "username")), "patient");
    json_decref(p);
    assert_int_equal(found(f, "mary"), 1);
}

static size_t alike(struct fixture *f, const char *name, int64_t year, const char *phone)
{
    json_t *list = NULL;
    struct store_tx *tx = begin_read(f->store);
    OK(store_patients_alike(tx, name, year, phone, 0, 1772000000000, &list, &bad));
    store_rollback(tx);
    size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

static void likely_duplicates_are_named(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(alike(f, "Grace Okello", 1992, NULL), 1);
    assert_int_equal(alike(f, "Okelo Grace", 0, NULL), 1);
    assert_int_equal(alike(f, "OKELLO Grace", 1950, NULL), 0);
    assert_int_equal(alike(f, "Somebody Else", 0, "0772-000-000"), 1);
    assert_int_equal(alike(f, "Somebody Else", 1992, "0772 000 009"), 0);
    assert_int_equal(alike(f, "\"*(", 0, NULL), 0);
}

static void pictures_lie_where_they_should(void **state)
{
    struct fixture *f = *state;
    char path[STORE_PATH_CAP], again[STORE_PATH_CAP], hash[SHA256_HEX], bytes[8];
    int fd = -1;
    sha256_hex("picture", 7, hash);
    OK(store_picture_put(f->store, "picture", 7, hash, "png", 1772446440000, path, &bad));
    assert_int_equal(strncmp(path, "2026/03/02/", 11), 0);
    OK(store_picture_put(f->store, "picture", 7, hash, "png", 1772446440000, again, &bad));
    assert_string_equal(path, again);
    OK(store_picture_open(f->store, path, &fd, &bad));
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 7);
    assert_memory_equal(bytes, "picture", 7);
    close(fd);
    FAILS(store_picture_open(f->store, "../clinic.db", &fd, &bad), ERR_STORE);
    FAILS(store_picture_open(f->store, "/etc/passwd", &fd, &bad), ERR_STORE);
    FAILS(store_picture_open(f->store, "2026/03/02/none.png", &fd, &bad), ERR_STORE);
    FAILS(store_picture_put(f->store, "x", 1, "../../x", "png", 0, path, &bad), ERR_INTERNAL);
}

/* A file may grow to 4 kB only: what a full disk does to the picture and to the database. */
static void a_full_disk_is_said_and_nothing_is_half_there(void **state)
{
    struct fixture *f = *state;
    static char big[64 * 1024];
    struct rlimit old, small;
    char path[STORE_PATH_CAP], hash[SHA256_HEX], full[600];
    struct stat st;
    int64_t before = 0, after = 0;
    getrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_IGN);
    sha256_hex(big, sizeof(big), hash);
    struct store_tx *tx = begin_read(f->store);
    OK(store_users_count(tx, 0, 0, &before, &bad));
    store_rollback(tx);
    small = old;
    small.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &small);
    enum rc picture = store_picture_put(f->store, big, sizeof(big), hash, "png", 1772446440000, path, &bad);
    enum err_code picture_code = bad.code;
    bad = (struct err){0};
    tx = NULL;
    enum rc row = store_begin(f->store, STORE_WRITE, &tx, &bad);
    for (int i = 0; !row && i < 200; i++) {
        struct store_user u = {.roles = 1};
        str_format(u.username, sizeof(u.username), "u%d", i);
        str_format(u.email, sizeof(u.email), "u%d@example.org", i);
        row = store_user_add(tx, &u, &bad);
    }
    if (!row)
        row = store_commit(tx, &bad);
    else
        store_rollback(tx);
    enum err_code row_code = bad.code;
    bad = (struct err){0};
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_not_equal(picture, RC_OK);
    assert_int_equal(picture_code, ERR_DISK);
    snprintf(full, sizeof(full), "%s/images/%s", f->home, path);
    assert_int_not_equal(stat(full, &st), 0);
    assert_int_not_equal(row, RC_OK);
    assert_int_equal(row_code, ERR_DISK);
    tx = begin_read(f->store);
    OK(store_users_count(tx, 0, 0, &after, &bad));
    store_rollback(tx);
    assert_int_equal(before, after);
    OK(store_check(f->store, &bad));
    add_result(f->store, f->doctor, f->patient, NULL, "NORMAL", 80, 1000);
}

/* The nth allocation fails, for every n: an error or success, never a crash, and the store stays sound. */
static void every_allocation_may_fail(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_result(f->store, f->doctor, f->patient, NULL, "NORMAL", 80, 1000);
    struct store_eyes eyes = {.scope = STORE_ALL};
    struct store_filter filter = store_filter_none();
    filter.search = "okello";
    for (unsigned long n = 1;; n++) {
        struct store *s = NULL;
        struct store_tx *tx = NULL;
        json_t *list = NULL, *one = NULL;
        struct err why = {0};
        mem_fail_nth(n);
        enum rc rc = store_open(f->home, &s, &why);
        if (!rc)
            rc = store_begin(s, STORE_WRITE, &tx, &why);
        if (!rc)
            rc = store_results_list(tx, &eyes, &filter, &(struct store_page){.page = 1, .size = 5}, &list, &why);
        if (!rc)
            rc = store_result_json(tx, &eyes, id, 0, &one, &why);
        if (!rc)
            rc = store_audit_add(tx, 1, 1, "results.show", "", "", &why);
        bool fired = mem_fail_nth(0) >= n;
        json_decref(list);
        json_decref(one);
        if (rc)
            store_rollback(tx);
        else
            rc = store_commit(tx, &why);
        store_close(s);
        if (rc)
            assert_int_equal(why.code, ERR_MEMORY);
        if (!fired) {
            assert_int_equal(rc, RC_OK);
            break;
        }
    }
    OK(store_check(f->store, &bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_and_addresses_are_unique),
        TEST(sessions_end_once),
        TEST(patients_are_found_by_any_part),
        TEST(an_edit_keeps_the_former_row),
        TEST(likely_duplicates_are_named),
        TEST(pictures_lie_where_they_should),
        TEST(a_full_disk_is_said_and_nothing_is_half_there),
        TEST(every_allocation_may_fail),
    };
    return RUN(tests);
}
