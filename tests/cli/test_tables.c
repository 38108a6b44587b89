/* The command table against the operation table: what a row promises exists. */
#include "base/text.h"
#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool has_arg(const char *spec, const char *name, size_t n)
{
    struct op_arg arg;
    for (const char *cursor = spec; op_arg_next(&cursor, &arg);)
        if (strlen(arg.name) == n && memcmp(arg.name, name, n) == 0)
            return true;
    return false;
}

/* Calls fn with each blank-separated word. */
static void words_of(const char *text, void (*fn)(const struct command *, const char *, size_t),
                     const struct command *cmd)
{
    for (const char *s = text; *s;) {
        s += strspn(s, " ");
        size_t n = strcspn(s, " ");
        if (n)
            fn(cmd, s, n);
        s += n;
    }
}

static void positional_exists(const struct command *cmd, const char *word, size_t n)
{
    const struct op_row *row = station_op_find(cmd->op);
    size_t name = strcspn(word, " ?.");
    if (row && !has_arg(row->args, word, name))
        fail_msg("clinic %s: positional '%.*s' is no argument of %s", cmd->words, (int)n, word, row->name);
}

static void rename_exists(const struct command *cmd, const char *word, size_t n)
{
    const struct op_row *row = station_op_find(cmd->op);
    const char *eq = memchr(word, '=', n);
    assert_non_null(eq);
    if (row && !has_arg(row->args, eq + 1, n - (size_t)(eq + 1 - word)))
        fail_msg("clinic %s: rename '%.*s' has no such argument", cmd->words, (int)n, word);
    assert_false(row && has_arg(row->args, word, (size_t)(eq - word)));
}

static void rows(void **state)
{
    (void)state;
    size_t n;
    const struct command *c = commands(&n);
    for (size_t i = 0; i < n; i++) {
        words_of(c[i].positional, positional_exists, &c[i]);
        words_of(c[i].rename, rename_exists, &c[i]);
        assert_non_null(c[i].run);
        assert_true(strlen(c[i].examples) > 0);
        if (command_available(&c[i]))
            assert_true(strlen(command_help(&c[i])) > 3);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(c[k].words, c[i].words);
        for (const char *line = c[i].examples; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
            if (strncmp(line, c[i].words, strlen(c[i].words)) != 0)
                fail_msg("clinic %s: example '%s' is of another command", c[i].words, line);
    }
}

static const struct command *match(int *used, const char *a, const char *b, const char *d)
{
    char one[40], two[40], three[40], *argv[3] = {one, two, three};
    str_copy(one, sizeof(one), a);
    str_copy(two, sizeof(two), b ? b : "");
    str_copy(three, sizeof(three), d ? d : "");
    return command_match(1 + (b != NULL) + (d != NULL), argv, used);
}

static void longest_match_wins(void **state)
{
    (void)state;
    int used;
    assert_string_equal(match(&used, "model", "list", NULL)->words, "model list");
    assert_int_equal(used, 2);
    assert_string_equal(match(&used, "predict", "x.png", NULL)->words, "predict");
    assert_int_equal(used, 1);
    assert_null(match(&used, "model", NULL, NULL));
    assert_null(match(&used, "modellist", NULL, NULL));
    assert_null(match(&used, "", NULL, NULL));
    if (station_op_find("users.me")) {
        assert_string_equal(match(&used, "me", NULL, NULL)->words, "me");
        assert_string_equal(match(&used, "me", "set", NULL)->words, "me set");
    }
}

/* Parses the words of one command line behind the command's name. */
static enum rc parse(const char *name, char *const *argv, int argc, struct cli *c, struct err *e)
{
    size_t n;
    const struct command *all = commands(&n);
    *e = (struct err){0};
    *c = (struct cli){.password_fd = -1, .args = json_object(), .extra = json_object(), .files = json_array()};
    for (size_t i = 0; i < n; i++)
        if (str_eq(all[i].words, name))
            c->cmd = &all[i];
    assert_non_null(c->cmd);
    c->row = station_op_find(c->cmd->op);
    return options_parse(c, argc, argv, e);
}

static void drop(struct cli *c)
{
    json_decref(c->args);
    json_decref(c->extra);
    json_decref(c->files);
}

#define PARSE(name, c, e, ...)                                                                                         \
    parse(name, (char *[]){__VA_ARGS__}, (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), c, e)

static char file[] = "a.png", threshold[] = "--threshold=0.25", jobs[] = "--jobs", four[] = "4", json[] = "--json",
            dashes[] = "--", odd[] = "--odd", layers[] = "--layers", no_layers[] = "--no-layers", input[] = "--input",
            output[] = "-o", other[] = "b.png", id[] = "net";

static void kinds(void **state)
{
    (void)state;
    struct cli c;
    struct err e;
    assert_int_equal(PARSE("predict", &c, &e, file, threshold, jobs, four, json, dashes, odd), RC_OK);
    assert_true(json_number_value(json_object_get(c.args, "threshold")) == 0.25);
    assert_int_equal(json_integer_value(json_object_get(c.extra, "jobs")), 4);
    assert_true(c.json);
    assert_int_equal(json_array_size(c.files), 2);
    assert_string_equal(json_string_value(json_array_get(c.files, 1)), "--odd");
    drop(&c);
    assert_int_equal(PARSE("model show", &c, &e, id, layers), RC_OK);
    assert_true(json_is_true(json_object_get(c.args, "layers")));
    assert_string_equal(json_string_value(json_object_get(c.args, "model")), "net");
    drop(&c);
    assert_int_equal(PARSE("model show", &c, &e, id, no_layers), RC_OK);
    assert_true(json_is_false(json_object_get(c.args, "layers")));
    drop(&c);
    assert_int_equal(PARSE("model run", &c, &e, id, input, file, input, other, output, four), RC_OK);
    assert_int_equal(json_array_size(json_object_get(c.args, "input")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(c.args, "output"), 0)), "4");
    drop(&c);
}

static void refusals(void **state)
{
    (void)state;
    struct cli c;
    struct err e;
    assert_int_equal(PARSE("predict", &c, &e, file, jobs), RC_INPUT);
    drop(&c);
    assert_int_equal(PARSE("predict", &c, &e, file, jobs, json), RC_INPUT); /* an option is no value */
    drop(&c);
    assert_int_equal(PARSE("predict", &c, &e, file, odd), RC_INPUT);
    drop(&c);
    assert_int_equal(PARSE("model show", &c, &e, id, other), RC_INPUT);
    drop(&c);
    assert_int_equal(PARSE("model show", &c, &e, json), RC_INPUT);
    drop(&c);
}

/* Secrets are never options: "--password x" would stand in the process list. */
static void no_secret_is_an_option(void **state)
{
    (void)state;
    size_t n;
    const struct op_row *ops = station_ops(&n);
    const struct command *all = commands(&n);
    for (size_t i = 0; i < n; i++) {
        const struct op_row *row = station_op_find(all[i].op);
        struct op_arg arg;
        for (const char *cursor = row ? row->args : ""; op_arg_next(&cursor, &arg);) {
            if (arg.kind != ARG_SECRET)
                continue;
            char option[64], value[] = "x";
            option_name(&all[i], arg.name, option, sizeof(option));
            struct cli c;
            struct err e;
            assert_int_equal(PARSE(all[i].words, &c, &e, option, value), RC_INPUT);
            drop(&c);
        }
    }
    assert_non_null(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),     cmocka_unit_test(longest_match_wins),     cmocka_unit_test(kinds),
        cmocka_unit_test(refusals), cmocka_unit_test(no_secret_is_an_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
