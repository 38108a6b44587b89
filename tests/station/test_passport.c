/* Passports: the shipped ones, each rule broken once, fitting a network, and those made up for bare files. */
#include "base/file.h"
#include "base/text.h"
#include "station/netcache.h"
#include "station/passport.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char good[] = "{\"id\":\"x\",\"version\":\"1\",\"title\":\"t\",\"task\":\"t\",\"modality\":\"m\","
                           "\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
                           "\"classes\":[{\"name\":\"no\"},{\"name\":\"yes\",\"label\":\"found\",\"advice\":{\"en\":["
                           "\"Look.\"],\"lg\":[\"Laba.\"]}}],"
                           "\"positive_class\":\"yes\",\"operating_points\":[{\"name\":\"d\",\"threshold\":0.4}],"
                           "\"preprocessing\":{\"colour\":\"rgb\",\"orientation\":\"ignored\",\"aspect\":\"stretch\","
                           "\"resize\":\"pil-bilinear\","
                           "\"width\":4,\"height\":3,\"scale\":[1,0.5,0.25],\"offset\":-1},"
                           "\"golden\":[{\"pattern\":\"p0\",\"output\":[0.5],\"tolerance\":1e-5}]}";

static enum rc parse(const char *text, struct passport **p, struct err *e)
{
    *e = (struct err){0};
    return passport_parse(text, strlen(text), p, e);
}

static void reads_all_fields(void **state)
{
    (void)state;
    struct passport *p;
    struct err e;
    assert_int_equal(parse(good, &p, &e), RC_OK);
    assert_int_equal(p->class_n, 2);
    assert_int_equal(p->positive, 1);
    assert_true(p->threshold == 0.4);
    assert_string_equal(p->class[0].label, "no");
    assert_string_equal(p->class[1].label, "found");
    assert_true(p->class[1].concern && !p->class[0].concern);
    assert_int_equal(p->recipe.width_px, 4);
    assert_int_equal(p->recipe.height_px, 3);
    assert_true(p->recipe.scale[1] == 0.5f && p->recipe.offset[2] == -1.0f);
    assert_int_equal(p->recipe.filter, IMAGE_PIL_BILINEAR);
    assert_int_equal(p->golden_n, 1);
    assert_int_equal(passport_class_find(p, "YES", true), 1);
    assert_int_equal(passport_class_find(p, "YES", false), -1);
    json_t *advice = passport_advice(p, 1, "lg");
    assert_string_equal(json_string_value(json_array_get(advice, 0)), "Laba.");
    json_decref(advice);
    advice = passport_advice(p, 1, "fr"); /* falls back to English */
    assert_string_equal(json_string_value(json_array_get(advice, 0)), "Look.");
    json_decref(advice);
    advice = passport_advice(p, 0, "en");
    assert_int_equal(json_array_size(advice), 0);
    json_decref(advice);
    passport_free(p);
}

static void each_rule(void **state)
{
    (void)state;
    /* A piece of the good text, what replaces it, and the field the message must name. */
    static const char *const broken[][3] = {
        {"\"id\":\"x\"", "\"id\":\"\"", "id"},
        {"\"id\":\"x\"", "\"id\":7", "id"},
        {"\"title\":\"t\"", "\"title\":\"a\\u001b[2J\"", "title"},
        {"\"0123456789abcdef0", "\"0123456789ABCDEF0", "sha256"},
        {"\"sha256\":\"01", "\"sha256\":\"1", "sha256"},
        {"\"name\":\"yes\"", "\"name\":\"NO\"", "classes"},
        {"[{\"name\":\"no\"},", "[", "classes"},
        {"{\"name\":\"no\"}", "{}", "name"},
        {"[\"Look.\"]", "\"Look.\"", "classes.advice"},
        {"[\"Look.\"]", "[3]", "classes.advice"},
        {"\"positive_class\":\"yes\"", "\"positive_class\":\"maybe\"", "positive_class"},
        {"\"threshold\":0.4", "\"threshold\":1.4", "operating_points"},
        {"\"threshold\":0.4", "\"threshold\":\"0.4\"", "operating_points"},
        {"\"rgb\"", "\"cmyk\"", "colour"},
        {"\"ignored\"", "\"maybe\"", "orientation"},
        {"\"stretch\"", "\"squash\"", "aspect"},
        {"\"pil-bilinear\"", "\"magic\"", "resize"},
        {"\"width\":4", "\"width\":0", "width"},
        {"\"height\":3", "\"height\":100000", "height"},
        {"[1,0.5,0.25]", "[1,0.5]", "scale"},
        {"\"offset\":-1", "\"offset\":\"x\"", "offset"},
        {"\"output\":[0.5]", "\"output\":[\"x\"]", "golden.output"},
        {"\"output\":[0.5]", "\"output\":[]", "golden.output"},
        {"\"tolerance\":1e-5", "\"tolerance\":1", "golden.tolerance"},
        {"\"tolerance\":1e-5", "\"tolerance\":0", "golden.tolerance"},
    };
    for (size_t i = 0; i < ARRAY_N(broken); i++) {
        char text[2000];
        const char *at = strstr(good, broken[i][0]);
        assert_non_null(at);
        str_format(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, broken[i][1], at + strlen(broken[i][0]));
        struct passport *p;
        struct err e;
        if (parse(text, &p, &e) != RC_INPUT || e.code != ERR_MODEL_PASSPORT || !strstr(e.msg, broken[i][2]))
            fail_msg("%s -> %s: %s", broken[i][0], broken[i][1], e.msg);
        assert_null(p);
    }
}

static void not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "[]", "{", "null", "{\"id\":\"a\",\"id\":\"b\"}", "\xff\xfe"};
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        struct passport *p;
        struct err e;
        assert_int_equal(parse(texts[i], &p, &e), RC_INPUT);
        assert_int_equal(e.code, ERR_MODEL_PASSPORT);
    }
    for (size_t cut = 0; cut < sizeof(good) - 1; cut++) {
        struct passport *p;
        struct err e = {0};
        assert_int_equal(passport_parse(good, cut, &p, &e), RC_INPUT);
    }
}

static struct nn_info info_of(const struct nn_shape *in, const struct nn_shape *out)
{
    return (struct nn_info){.input_n = 1, .output_n = 1, .input = in, .input_declared = in, .output = out};
}

static void fits(void **state)
{
    (void)state;
    struct passport *p;
    struct err e;
    assert_int_equal(parse(good, &p, &e), RC_OK);
    struct nn_shape in = {3, {3, 4, 3}}, out = {1, {1}};
    struct nn_info info = info_of(&in, &out);
    assert_int_equal(passport_fits(p, &info, &e), RC_OK);
    in.dim[0] = 5;
    assert_int_equal(passport_fits(p, &info, &e), RC_INPUT);
    in.dim[0] = 3;
    out.dim[0] = 2; /* as many values as classes, but the golden vector has one */
    err_clear(&e);
    assert_int_equal(passport_fits(p, &info, &e), RC_INPUT);
    out.dim[0] = 7;
    err_clear(&e);
    assert_int_equal(passport_fits(p, &info, &e), RC_INPUT);
    passport_free(p);
}

static void assumed(void **state)
{
    (void)state;
    static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct passport *p;
    struct err e = {0};
    struct nn_shape in = {3, {64, 48, 1}}, one = {1, {1}}, five = {1, {5}};
    struct nn_info info = info_of(&in, &one);
    assert_int_equal(passport_assume(&info, "net", sha, &p, &e), RC_OK);
    assert_true(p->assumed);
    assert_int_equal(p->class_n, 2);
    assert_string_equal(p->class[p->positive].name, "class_1");
    assert_true(p->threshold == 0.5);
    assert_int_equal(p->recipe.width_px, 48);
    assert_int_equal(p->recipe.channels, 1);
    assert_true(p->recipe.scale[0] == 1.0f / 255.0f);
    assert_int_equal(passport_fits(p, &info, &e), RC_OK);
    passport_free(p);
    info = info_of(&in, &five);
    assert_int_equal(passport_assume(&info, "net", sha, &p, &e), RC_OK);
    assert_int_equal(p->class_n, 5);
    assert_int_equal(p->positive, -1);
    passport_free(p);
    static const struct nn_shape wrong[] = {{3, {64, 48, 4}}, {2, {64, 48}}, {1, {9}}, {3, {9000, 48, 3}}};
    for (size_t i = 0; i < ARRAY_N(wrong); i++) {
        info = info_of(&wrong[i], &one);
        err_clear(&e);
        assert_int_equal(passport_assume(&info, "net", sha, &p, &e), RC_INPUT);
        assert_int_equal(e.code, ERR_MODEL_INPUT);
    }
}

static enum rc shipped_one(void *ctx, const char *id, struct err *e)
{
    char dir[PATH_MAX], path[PATH_MAX], name[200];
    struct passport *p;
    ++*(int *)ctx;
    str_format(name, sizeof(name), "%s.json", id);
    assert_int_equal(models_dir(dir, sizeof(dir), e), RC_OK);
    assert_int_equal(path_join(path, sizeof(path), dir, name, e), RC_OK);
    if (passport_load(path, &p, e))
        fail_msg("%s: %s", id, e->msg);
    assert_string_equal(p->id, id);
    assert_true(p->golden_n >= 2);
    static const char *const told[] = {"training", "metrics", "limits", "licence", "notice", "samples"};
    for (size_t i = 0; i < ARRAY_N(told); i++)
        if (!json_object_get(p->json, told[i]))
            fail_msg("%s does not tell %s", id, told[i]);
    const json_t *metric = json_array_get(json_object_get(p->json, "metrics"), 0);
    static const char *const measured[] = {"n", "date", "command", "accuracy", "dataset"};
    for (size_t i = 0; i < ARRAY_N(measured); i++)
        if (!json_object_get(metric, measured[i]))
            fail_msg("%s: metrics do not tell %s", id, measured[i]);
    for (int32_t k = 0; k < p->class_n; k++) {
        json_t *advice = passport_advice(p, k, "en");
        assert_true(json_array_size(advice) > 0);
        json_decref(advice);
    }
    passport_free(p);
    return RC_OK;
}

static void shipped(void **state)
{
    (void)state;
    int n = 0;
    struct err e = {0};
    assert_int_equal(models_each(shipped_one, &n, &e), RC_OK);
    assert_int_equal(n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_fields), cmocka_unit_test(each_rule),
        cmocka_unit_test(not_json),         cmocka_unit_test(fits),
        cmocka_unit_test(assumed),          cmocka_unit_test(shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
