/* The operation table and the checking of requests against it. */
#include "base/text.h"
#include "station/core.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct op_row row = {
    .name = "x.y",
    .args =
        "name:text! n:int score:number on:bool when:date file:file! pass:secret what:object ids:int[] many:text[]!"};

static void spec(void **state)
{
    (void)state;
    const char *cursor = row.args;
    struct op_arg a;
    static const struct op_arg want[] = {
        {"name", ARG_TEXT, true, false},    {"n", ARG_INT, false, false},       {"score", ARG_NUMBER, false, false},
        {"on", ARG_BOOL, false, false},     {"when", ARG_DATE, false, false},   {"file", ARG_FILE, true, false},
        {"pass", ARG_SECRET, false, false}, {"what", ARG_OBJECT, false, false}, {"ids", ARG_INT, false, true},
        {"many", ARG_TEXT, true, true},
    };
    for (size_t i = 0; i < ARRAY_N(want); i++) {
        assert_true(op_arg_next(&cursor, &a));
        assert_string_equal(a.name, want[i].name);
        assert_int_equal(a.kind, want[i].kind);
        assert_int_equal(a.required, want[i].required);
        assert_int_equal(a.list, want[i].list);
    }
    assert_false(op_arg_next(&cursor, &a));
    assert_false(op_arg_next(&cursor, &a));
    cursor = "";
    assert_false(op_arg_next(&cursor, &a));
}

/* Every row: well-formed arguments without doubles, a help sentence, a handler that station_op_find reaches. */
static void table(void **state)
{
    (void)state;
    size_t n;
    const struct op_row *rows = station_ops(&n);
    assert_true(n >= 11);
    for (size_t i = 0; i < n; i++) {
        const struct op_row *r = &rows[i];
        assert_ptr_equal(station_op_find(r->name), r);
        assert_true(strlen(r->help) > 3 && r->help[strlen(r->help) - 1] != '.');
        char seen[1000] = " ";
        size_t args = 0, blanks = 0;
        struct op_arg a;
        for (const char *cursor = r->args; op_arg_next(&cursor, &a); args++) {
            char word[40];
            str_format(word, sizeof(word), " %s ", a.name);
            if (strstr(seen, word))
                fail_msg("%s has '%s' twice", r->name, a.name);
            size_t at = strlen(seen);
            str_format(seen + at, sizeof(seen) - at, "%s ", a.name);
        }
        for (const char *p = r->args; *p; p++)
            blanks += *p == ' ';
        if (args != (*r->args ? blanks + 1 : 0))
            fail_msg("%s: arguments '%s' do not parse", r->name, r->args);
        if (r->effect != OP_READS && r->who == WHO_ANYONE)
            assert_true(str_starts(r->name, "session.") || str_eq(r->name, "station.init") ||
                        str_eq(r->name, "users.register"));
    }
    assert_null(station_op_find("nothing"));
}

static enum rc check(const char *json, int fd, json_t **out, struct err *e)
{
    *e = (struct err){0};
    json_t *given = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(given);
    enum rc rc = args_check(&row, given, fd, out, e);
    json_decref(given);
    return rc;
}

static void accepts(void **state)
{
    (void)state;
    json_t *args;
    struct err e;
    assert_int_equal(check("{\"name\":\"a\",\"many\":\"one\",\"score\":1,\"n\":null,\"when\":\"T-7\"}", 0, &args, &e),
                     RC_OK);
    assert_int_equal(json_array_size(json_object_get(args, "many")), 1); /* one value stands for a list of one */
    assert_null(json_object_get(args, "n"));                             /* null is absent */
    struct op_call c = {.args = args};
    int64_t i;
    assert_true(arg_number(&c, "score", 0) == 1.0);
    assert_int_equal(arg_int(&c, "n", 5), 5);
    assert_string_equal(arg_text(&c, "name", ""), "a");
    assert_true(arg_bool(&c, "on", true));
    assert_int_equal(arg_int_in(&c, "n", 1, 3, 9, &i, &e), RC_OK); /* the default need not be inside */
    assert_int_equal(i, 9);
    json_decref(args);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"[]", "object"},
        {"{\"many\":[\"a\"]}", "name"},
        {"{\"name\":\"a\"}", "many"},
        {"{\"name\":\"a\",\"many\":[]}", "many"},
        {"{\"name\":\"a\",\"many\":[1]}", "many"},
        {"{\"name\":3,\"many\":[\"a\"]}", "name"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"n\":1.5}", "n"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"n\":true}", "n"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"on\":1}", "on"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"when\":\"soon\"}", "when"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"what\":[]}", "what"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"ids\":[1,\"2\"]}", "ids"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"scor\":1}", "did you mean 'score'"},
        {"{\"name\":\"a\",\"many\":[\"a\"],\"zzzzzzzz\":1}", "zzzzzzzz"},
    };
    for (size_t i = 0; i < ARRAY_N(wrong); i++) {
        json_t *args;
        struct err e;
        if (check(wrong[i][0], 0, &args, &e) != RC_INPUT || !strstr(e.msg, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], e.msg);
        assert_null(args);
    }
    json_t *args;
    struct err e;
    assert_int_equal(check("{\"name\":\"a\",\"many\":[\"a\"]}", -1, &args, &e), RC_INPUT); /* no file handed over */
}

static void calls(void **state)
{
    (void)state;
    struct station *st;
    struct station_answer a;
    struct err e = {0};
    struct station_options options = {.read_only = true};
    assert_int_equal(station_open(&options, &st, &e), RC_OK);
    struct station_request q = {.op = "version", .fd = -1};
    assert_int_equal(station_call(st, &q, &a, &e), RC_OK);
    assert_string_equal(json_string_value(json_object_get(a.result, "version")), CLINIC_VERSION);
    station_answer_fini(&a);
    q.op = "versoin";
    assert_int_equal(station_call(st, &q, &a, &e), RC_NOT_FOUND);
    assert_non_null(strstr(e.msg, "'version'"));
    assert_null(a.result);
    size_t n;
    const struct op_row *rows = station_ops(&n);
    for (size_t i = 0; i < n; i++) {
        /* Without a session nothing but the open rows answers, whatever the arguments. */
        if (rows[i].who == WHO_ANYONE)
            continue;
        json_t *args = json_object();
        struct op_arg arg;
        for (const char *cursor = rows[i].args; op_arg_next(&cursor, &arg);) {
            json_t *v = arg.kind == ARG_INT      ? json_integer(1)
                        : arg.kind == ARG_NUMBER ? json_real(1)
                        : arg.kind == ARG_BOOL   ? json_true()
                        : arg.kind == ARG_OBJECT ? json_object()
                        : arg.kind == ARG_DATE   ? json_string("T")
                                                 : json_string("x");
            json_object_set_new(args, arg.name, arg.list ? json_pack("[o]", v) : v);
        }
        q.op = rows[i].name;
        q.args = args;
        q.fd = 0;
        err_clear(&e);
        enum rc rc = station_call(st, &q, &a, &e);
        if (rc == RC_OK || rc == RC_INPUT)
            fail_msg("%s answered %d without a session: %s", rows[i].name, (int)rc, e.msg);
        json_decref(args);
    }
    station_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec),    cmocka_unit_test(table), cmocka_unit_test(accepts),
        cmocka_unit_test(refuses), cmocka_unit_test(calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
