/* Who may what: every operation of the table as every role and as nobody, and every operation that names a row with a
 * row of one's own and of another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "station.h"
#include "station/records.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum role role;
} roles[] = {
    {"patient", ROLE_PATIENT}, {"doctor", ROLE_DOCTOR}, {"researcher", ROLE_RESEARCHER},
    {"admin", ROLE_ADMIN},     {NULL, ROLE_NONE},
};
enum { ROLE_COUNT = ARRAY_N(roles) };

struct fixture {
    char home[256];
    struct station *st;
    char token[ROLE_COUNT][AUTH_TOKEN_CAP];
    int64_t own_result, hidden_result, other_result, patient, other_patient;
};

static struct err last;

static enum rc call(struct fixture *f, const char *token, const char *op, json_t *owned_args, int fd, json_t **out)
{
    struct station_answer a;
    const struct station_request q = {.op = op, .args = owned_args, .token = token, .fd = fd};
    last = (struct err){0};
    enum rc rc = station_call(f->st, &q, &a, &last);
    if (out)
        *out = rc ? NULL : json_incref(a.result);
    if (!rc)
        station_answer_fini(&a);
    json_decref(owned_args);
    return rc;
}

static void must(struct fixture *f, const char *token, const char *op, json_t *args, json_t **out)
{
    enum rc rc = call(f, token, op, args, -1, out);
    if (rc)
        fail_msg("%s: rc %d, E%d %s", op, (int)rc, (int)last.code, last.msg);
}

static void sign_in(struct fixture *f, size_t i)
{
    char password[40];
    json_t *answer = NULL;
    str_format(password, sizeof(password), "secret-%s", roles[i].name);
    must(f, NULL, "session.sign_in", json_pack("{s:s, s:s}", "username", roles[i].name, "password", password), &answer);
    str_copy(f->token[i], sizeof(f->token[i]), json_string_value(json_object_get(answer, "token")));
    json_decref(answer);
}

static int drop_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

/* Two by two grey pixels. */
static const unsigned char picture[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00,
    0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x08, 0x00, 0x00, 0x00, 0x00, 0x57, 0xdd, 0x52, 0xf8, 0x00, 0x00, 0x00,
    0x0e, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf4, 0x65, 0x60, 0x62, 0x60, 0x00, 0x00, 0x01, 0x93, 0x00,
    0x51, 0x97, 0x4f, 0x9b, 0x8f, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

/* Straight into the store: no network is needed to ask who may see a result. */
static int64_t add_result(struct fixture *f, int64_t patient, bool released)
{
    int64_t image = 0, result = 0;
    json_t *detail = json_object();
    struct store_tx *tx = NULL;
    char path[STORE_PATH_CAP], sha256[SHA256_HEX];
    struct store *s = f->st->records->store;
    sha256_hex(picture, sizeof(picture), sha256);
    assert_int_equal(store_picture_put(s, picture, sizeof(picture), sha256, "png", 1772446440000, path, &last), RC_OK);
    const struct store_image im = {path, "okello.png", sha256, "png", sizeof(picture), 2, 2};
    const struct store_result r = {.patient_id = patient,
                                   .patient_age = -1,
                                   .predicted_class = "NORMAL",
                                   .model_id = "m",
                                   .model_version = "1",
                                   .model_sha256 = "",
                                   .confidence = 80,
                                   .raw_score = 0.2,
                                   .threshold = 0.5,
                                   .positive = 0,
                                   .detail = detail,
                                   .released = released};
    assert_int_equal(store_begin(s, STORE_WRITE, &tx, &last), RC_OK);
    assert_int_equal(store_result_add(tx, &im, &r, 1, 1772446440000, &image, &result, &last), RC_OK);
    assert_int_equal(store_commit(tx, &last), RC_OK);
    json_decref(detail);
    return result;
}

static int64_t add_patient(struct fixture *f, const char *name, const char *username)
{
    json_t *answer = NULL;
    must(f, f->token[1], "patients.add", json_pack("{s:s, s:s*}", "name", name, "username", username), &answer);
    int64_t id = json_integer_value(json_object_get(json_object_get(answer, "patient"), "id"));
    json_decref(answer);
    return id;
}

static int open_fixture(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->home, sizeof(f->home), "%s/policy-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->home));
    setenv("CLINIC_HOME", f->home, 1);
    setenv("CLINIC_CLOCK", "2026-03-02T10:14:00Z", 1);
    setenv("CLINIC_BCRYPT_COST", "4", 1);
    assert_int_equal(station_open(&(struct station_options){0}, &f->st, &last), RC_OK);
    must(f, NULL, "station.init", json_pack("{s:b, s:s, s:s}", "site", 1, "admin", "admin", "password", "secret-admin"),
         NULL);
    sign_in(f, 3);
    for (size_t i = 0; i < 3; i++) {
        char email[40], password[40];
        str_format(email, sizeof(email), "%s@example.org", roles[i].name);
        str_format(password, sizeof(password), "secret-%s", roles[i].name);
        must(f, f->token[3], "users.add",
             json_pack("{s:s, s:s, s:s, s:s}", "username", roles[i].name, "email", email, "role", roles[i].name,
                       "password", password),
             NULL);
        sign_in(f, i);
    }
    f->patient = add_patient(f, "OKELLO Grace", "patient");
    f->other_patient = add_patient(f, "MUKASA John", NULL);
    f->own_result = add_result(f, f->patient, true);
    f->hidden_result = add_result(f, f->patient, false);
    f->other_result = add_result(f, f->other_patient, true);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    station_close(f->st);
    nftw(f->home, drop_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* Arguments that pass the check of their kinds and name nothing that exists. */
static json_t *plausible(const struct op_row *row)
{
    json_t *args = json_object();
    const char *cursor = row->args;
    for (struct op_arg arg; op_arg_next(&cursor, &arg);) {
        json_t *v = NULL;
        if (!arg.required)
            continue;
        switch (arg.kind) {
        case ARG_INT:
            v = json_integer(999999);
            break;
        case ARG_NUMBER:
            v = json_real(1);
            break;
        case ARG_BOOL:
            v = json_true();
            break;
        case ARG_DATE:
            v = json_string("2026-01-01");
            break;
        case ARG_OBJECT:
            v = json_object();
            break;
        default:
            v = json_string("nothing-such");
        }
        json_object_set_new(args, arg.name, arg.list ? json_pack("[o]", v) : v);
    }
    return args;
}

static void every_operation_as_every_role(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;
    const struct op_row *ops = station_ops(&n);
    int fd = open("/dev/null", O_RDONLY);
    assert_true(n > 40);
    for (size_t i = 0; i < n; i++) {
        if (ops[i].who == WHO_ANYONE)
            continue;
        for (size_t r = 0; r < ROLE_COUNT; r++) {
            bool may = ((unsigned)ops[i].who & (unsigned)roles[r].role) != 0;
            enum rc rc = call(f, roles[r].name ? f->token[r] : NULL, ops[i].name, plausible(&ops[i]), fd, NULL);
            if (!roles[r].name) {
                if (rc != RC_SIGN_IN || last.code != ERR_SESSION)
                    fail_msg("%s: nobody got rc %d, E%d", ops[i].name, (int)rc, (int)last.code);
            } else if (may ? last.code == ERR_POLICY || last.code == ERR_SESSION : last.code != ERR_POLICY) {
                fail_msg("%s as %s: rc %d, E%d %s", ops[i].name, roles[r].name, (int)rc, (int)last.code, last.msg);
            }
            if (may && str_eq(ops[i].name, "session.sign_out"))
                sign_in(f, r);
        }
    }
    close(fd);
}

/* The answer to a row that is not one's own is that of a row that is not there. */
static void own_and_other_rows(void **state)
{
    struct fixture *f = *state;
    static const char *const by_id[] = {"results.show", "images.fetch", "images.show"};
    const int64_t ids[] = {f->own_result, f->hidden_result, f->other_result, 999999};
    /* What each role gets for each of the four; images.show is of the sender, whom nobody here is but the doctor's
     * eyes. */
    static const struct {
        size_t role, op;
        enum rc rc[4];
    } want[] = {
        {0, 0, {RC_OK, RC_NOT_FOUND, RC_NOT_FOUND, RC_NOT_FOUND}},
        {0, 1, {RC_OK, RC_NOT_FOUND, RC_NOT_FOUND, RC_NOT_FOUND}},
        {0, 2, {RC_NOT_FOUND, RC_NOT_FOUND, RC_NOT_FOUND, RC_NOT_FOUND}},
        {1, 0, {RC_OK, RC_OK, RC_OK, RC_NOT_FOUND}},
        {1, 1, {RC_OK, RC_OK, RC_OK, RC_NOT_FOUND}},
        {1, 2, {RC_OK, RC_OK, RC_OK, RC_NOT_FOUND}},
        {2, 0, {RC_OK, RC_OK, RC_OK, RC_NOT_FOUND}},
        {2, 1, {RC_OK, RC_OK, RC_OK, RC_NOT_FOUND}},
        {2, 2, {RC_REFUSED, RC_REFUSED, RC_REFUSED, RC_REFUSED}},
        {3, 0, {RC_REFUSED, RC_REFUSED, RC_REFUSED, RC_REFUSED}},
        {3, 1, {RC_REFUSED, RC_REFUSED, RC_REFUSED, RC_REFUSED}},
        {3, 2, {RC_REFUSED, RC_REFUSED, RC_REFUSED, RC_REFUSED}},
    };
    for (size_t i = 0; i < ARRAY_N(want); i++) {
        struct err first = {0};
        for (size_t k = 0; k < ARRAY_N(ids); k++) {
            const char *op = by_id[want[i].op], *key = want[i].op == 1 ? "result" : "id";
            enum rc rc = call(f, f->token[want[i].role], op, json_pack("{s:I}", key, (json_int_t)ids[k]), -1, NULL);
            if (rc != want[i].rc[k])
                fail_msg("%s %lld as %s: rc %d, expected %d (%s)", op, (long long)ids[k], roles[want[i].role].name,
                         (int)rc, (int)want[i].rc[k], last.msg);
            if (rc == RC_NOT_FOUND && first.rc)
                assert_int_equal(first.code, last.code);
            first = rc ? last : first;
        }
    }
}

static int64_t count_as(struct fixture *f, size_t role, const char *op, json_t *args)
{
    json_t *answer = NULL;
    must(f, f->token[role], op, args, &answer);
    int64_t n = json_integer_value(json_object_get(answer, "count"));
    json_decref(answer);
    return n;
}

static void lists_hold_what_the_role_may_see(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(count_as(f, 0, "results.list", NULL), 1);
    assert_int_equal(count_as(f, 1, "results.list", NULL), 3);
    assert_int_equal(count_as(f, 2, "results.list", NULL), 3);
    assert_int_equal(count_as(f, 0, "results.list", json_pack("{s:I}", "patient", (json_int_t)f->other_patient)), 0);
    assert_int_equal(count_as(f, 0, "results.list", json_pack("{s:s}", "search", "mukasa")), 0);
    assert_int_equal(count_as(f, 0, "results.list", json_pack("{s:b}", "released", 0)), 0);
    assert_int_equal(count_as(f, 2, "results.list", json_pack("{s:s}", "search", "okello")), 0);
    must(f, f->token[1], "results.void",
         json_pack("{s:I, s:s, s:s}", "id", (json_int_t)f->own_result, "reason", "mix-up", "confirm", "VOID"), NULL);
    assert_int_equal(count_as(f, 0, "results.list", json_pack("{s:b}", "include_void", 1)), 0);
    assert_int_equal(count_as(f, 2, "results.list", json_pack("{s:b}", "include_void", 1)), 2);
    assert_int_equal(count_as(f, 1, "results.list", json_pack("{s:b}", "include_void", 1)), 3);
}

static void researchers_meet_no_names(void **state)
{
    struct fixture *f = *state;
    static const char *const words[] = {"OKELLO", "okello", "Grace", "MUKASA", "doctor"};
    static const char *const ops[] = {"results.list", "results.show", "images.fetch", "stats.home"};
    for (size_t i = 0; i < ARRAY_N(ops); i++) {
        json_t *answer = NULL, *args = NULL;
        if (i == 1 || i == 2)
            args = json_pack("{s:I}", i == 1 ? "id" : "result", (json_int_t)f->own_result);
        must(f, f->token[2], ops[i], args, &answer);
        char *text = json_dumps(answer, JSON_COMPACT);
        for (size_t k = 0; k < ARRAY_N(words); k++)
            if (strstr(text, words[k]))
                fail_msg("%s shows a researcher '%s': %s", ops[i], words[k], text);
        free(text);
        json_decref(answer);
    }
}

static int64_t audit_rows(struct fixture *f, const char *op)
{
    return count_as(f, 3, "audit.list", json_pack("{s:s}", "op", op));
}

static void views_changes_and_refusals_are_audited(void **state)
{
    struct fixture *f = *state;
    json_t *verdict = NULL;
    int64_t shows = audit_rows(f, "results.show"), lists = audit_rows(f, "users.list");
    must(f, f->token[0], "results.show", json_pack("{s:I}", "id", (json_int_t)f->own_result), NULL);
    assert_int_equal(
        call(f, f->token[0], "results.show", json_pack("{s:I}", "id", (json_int_t)f->other_result), -1, NULL),
        RC_NOT_FOUND);
    assert_int_equal(call(f, f->token[0], "users.list", NULL, -1, NULL), RC_REFUSED);
    must(f, f->token[0], "results.list", NULL, NULL);
    assert_int_equal(audit_rows(f, "results.show"), shows + 1);
    assert_int_equal(audit_rows(f, "users.list"), lists + 1);
    assert_int_equal(audit_rows(f, "results.list"), 0);
    must(f, f->token[3], "audit.verify", NULL, &verdict);
    assert_true(json_is_true(json_object_get(verdict, "ok")));
    json_decref(verdict);
}

static void accounts_are_guarded(void **state)
{
    struct fixture *f = *state;
    json_t *answer = NULL;
    const char *admin = f->token[3];
    /* The last administrator stays one. */
    assert_int_equal(call(f, admin, "users.disable", json_pack("{s:s}", "username", "admin"), -1, NULL), RC_INPUT);
    assert_int_equal(
        call(f, admin, "users.role", json_pack("{s:s, s:s}", "username", "admin", "role", "doctor"), -1, NULL),
        RC_INPUT);
    must(f, admin, "users.disable", json_pack("{s:s}", "username", "doctor"), NULL);
    assert_int_equal(call(f, f->token[1], "users.me", NULL, -1, NULL), RC_SIGN_IN);
    assert_int_equal(call(f, NULL, "session.sign_in",
                          json_pack("{s:s, s:s}", "username", "doctor", "password", "secret-doctor"), -1, NULL),
                     RC_SIGN_IN);
    must(f, admin, "users.enable", json_pack("{s:s}", "username", "doctor"), NULL);
    must(f, admin, "users.reset", json_pack("{s:s, s:s}", "username", "doctor", "password", "fresh-secret"), NULL);
    must(f, NULL, "session.sign_in", json_pack("{s:s, s:s}", "username", "doctor", "password", "fresh-secret"), NULL);
    /* An administrator who is also a doctor sees charts; one who asks for the door of one role has that role alone. */
    must(f, admin, "users.role", json_pack("{s:s, s:s}", "username", "admin", "role", "administrator+doctor"), NULL);
    sign_in(f, 3);
    must(f, f->token[3], "results.list", NULL, NULL);
    must(f, NULL, "session.sign_in",
         json_pack("{s:s, s:s, s:s}", "username", "admin", "password", "secret-admin", "role", "administrator"),
         &answer);
    assert_int_equal(call(f, json_string_value(json_object_get(answer, "token")), "results.list", NULL, -1, NULL),
                     RC_REFUSED);
    json_decref(answer);
    /* Registering: open, then closed by a setting. */
    static const char form[] = "{s:s, s:s, s:s, s:s}";
    assert_int_equal(call(f, NULL, "users.register",
                          json_pack(form, "username", "Doctor", "email", "n@example.org", "password", "long-enough",
                                    "confirm", "long-enough"),
                          -1, NULL),
                     RC_INPUT);
    assert_int_equal(last.code, ERR_TAKEN);
    must(f, NULL, "users.register",
         json_pack(form, "username", "newbie", "email", "n@example.org", "password", "long-enough", "confirm",
                   "long-enough"),
         NULL);
    must(f, f->token[3], "settings.set", json_pack("{s:s, s:s}", "name", "self_register", "value", "no"), NULL);
    assert_int_equal(call(f, NULL, "users.register",
                          json_pack(form, "username", "later", "email", "l@example.org", "password", "long-enough",
                                    "confirm", "long-enough"),
                          -1, NULL),
                     RC_REFUSED);
    /* A site never becomes a demo. */
    assert_int_equal(call(f, NULL, "station.init", json_pack("{s:b}", "demo", 1), -1, NULL), RC_INPUT);
    assert_int_equal(call(f, NULL, "station.init",
                          json_pack("{s:b, s:s, s:s}", "site", 1, "admin", "second", "password", "long-enough"), -1,
                          NULL),
                     RC_INPUT);
}

static void a_read_only_station_changes_nothing(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;
    const struct op_row *ops = station_ops(&n);
    station_close(f->st);
    assert_int_equal(station_open(&(struct station_options){.read_only = true}, &f->st, &last), RC_OK);
    for (size_t r = 0; r < 4; r++)
        sign_in(f, r);
    for (size_t i = 0; i < n; i++)
        if (ops[i].effect == OP_CHANGES && ops[i].reach == REACH_ALL && !str_starts(ops[i].name, "session.") &&
            !str_starts(ops[i].name, "disclaimer.")) {
            call(f, f->token[1], ops[i].name, plausible(&ops[i]), 0, NULL);
            assert_int_equal(last.code, ERR_READ_ONLY);
        }
    must(f, f->token[1], "results.show", json_pack("{s:I}", "id", (json_int_t)f->own_result), NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_operation_as_every_role),          TEST(own_and_other_rows),
        TEST(lists_hold_what_the_role_may_see),       TEST(researchers_meet_no_names),
        TEST(views_changes_and_refusals_are_audited), TEST(accounts_are_guarded),
        TEST(a_read_only_station_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
