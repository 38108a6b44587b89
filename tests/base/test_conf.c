#include "base/conf.h"
#include "base/text.h"

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char folder[256], conf_file[400];

static int setup(void **state)
{
    (void)state;
    folder_make(folder);
    setenv("CLINIC_HOME", folder, 1);
    OK(path_join(conf_file, sizeof(conf_file), folder, "clinic.conf", NULL));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    folder_drop(folder);
    unsetenv("CLINIC_HOME");
    return 0;
}

static void write_conf(const char *text)
{
    OK(file_write_atomic(conf_file, text, strlen(text), 0600, NULL));
}

static void every_row_is_sound(void **state)
{
    (void)state;
    static const char *const names[] = {
#define CONF(name, kind, min, max, def, help) #name,
#include "base/conf.def"
#undef CONF
    };
    struct conf c;
    struct err e = {0};
    OK(conf_load(&c, &e));
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        enum conf_id id;
        assert_true(conf_find(names[i], &id));
        assert_int_equal(id, i);
        const struct conf_row *row = conf_row(id);
        assert_string_equal(row->name, names[i]);
        assert_true(strlen(row->help) > 10);
        assert_int_equal(c.origin[id], CONF_DEFAULT);
        /* The default is a value that may be set. */
        OK(conf_set(&c, id, c.value[id], false, &e));
        if (row->kind == CONF_INT) {
            char beyond[24];
            assert_true(row->min < row->max);
            str_format(beyond, sizeof(beyond), "%lld", (long long)row->max + 1);
            assert_int_equal(conf_set(&c, id, beyond, false, NULL), RC_INPUT);
            str_format(beyond, sizeof(beyond), "%lld", (long long)row->min - 1);
            assert_int_equal(conf_set(&c, id, beyond, false, NULL), RC_INPUT);
            assert_true(conf_int(&c, id) >= row->min && conf_int(&c, id) <= row->max);
        }
        if (row->kind == CONF_CHOICE)
            assert_null(strchr(conf_text(&c, id), '|'));
    }
    conf_free(&c);
}

static void defaults(void **state)
{
    (void)state;
    struct conf c;
    OK(conf_load(&c, NULL)); /* no file is fine */
    assert_string_equal(conf_text(&c, CONF_ID_default_model), "chest-pneumonia");
    assert_string_equal(conf_text(&c, CONF_ID_preview_mode), "mono");
    assert_int_equal(conf_int(&c, CONF_ID_max_file_mb), 16);
    assert_true(conf_bool(&c, CONF_ID_self_register));
    assert_false(conf_bool(&c, CONF_ID_immediate_release));
    conf_free(&c);
    conf_free(&c);
}

static void file_then_environment(void **state)
{
    (void)state;
    struct conf c;
    write_conf("# our clinic\n\n  site_name =  Kasese Health Centre IV \t\r\nthreads=2\njobs = 3\nself_register = off\n"
               "log_level = debug\nsmtp_host =\n");
    setenv("CLINIC_JOBS", "4", 1);
    OK(conf_load(&c, NULL));
    unsetenv("CLINIC_JOBS");
    assert_string_equal(conf_text(&c, CONF_ID_site_name), "Kasese Health Centre IV");
    assert_int_equal(conf_int(&c, CONF_ID_threads), 2);
    assert_int_equal(conf_int(&c, CONF_ID_jobs), 4);
    assert_false(conf_bool(&c, CONF_ID_self_register));
    assert_string_equal(conf_text(&c, CONF_ID_log_level), "debug");
    assert_string_equal(conf_text(&c, CONF_ID_smtp_host), "");
    assert_int_equal(c.origin[CONF_ID_site_name], CONF_FILE);
    assert_int_equal(c.origin[CONF_ID_jobs], CONF_ENV);
    assert_int_equal(c.origin[CONF_ID_page_size], CONF_DEFAULT);
    conf_free(&c);
}

static void wrong_lines_are_named(void **state)
{
    (void)state;
    static const char *const files[] = {
        "\n# x\nsmtp_hots = a\n",  "threads = two\n",         "threads = 65\n", "just words\n",
        "self_register = maybe\n", "log_level = warn|info\n", "site_name = \n", "site_name = a\x1b[0m\n",
        "site_name = \xff\n",      "log_level =\n",           "= 5\n",          "log_level = war\n",
    };
    static const char *const messages[] = {
        "clinic.conf line 3: unknown setting 'smtp_hots' (did you mean smtp_host?)",
        "clinic.conf line 1: threads is 'two', expected a whole number from 0 to 64",
        "clinic.conf line 1: threads is '65', expected a whole number from 0 to 64",
        "clinic.conf line 1: expected 'name = value'",
        "clinic.conf line 1: self_register is 'maybe', expected yes or no",
        "clinic.conf line 1: log_level is 'warn|info', expected one of info|error|warn|debug",
        "clinic.conf line 1: site_name has 0 bytes, expected 1 to 80",
        "clinic.conf line 1: site_name holds a control character",
        "clinic.conf line 1: site_name is not valid UTF-8",
        "clinic.conf line 1: log_level is '', expected one of info|error|warn|debug",
        "clinic.conf line 1: unknown setting ''",
        "clinic.conf line 1: log_level is 'war', expected one of info|error|warn|debug",
    };
    for (size_t i = 0; i < ARRAY_N(files); i++) {
        struct conf c;
        struct err e = {0};
        write_conf(files[i]);
        assert_int_equal(conf_load(&c, &e), RC_INPUT);
        assert_string_equal(e.msg, messages[i]);
        for (size_t k = 0; k < CONF_N; k++)
            assert_null(c.value[k]); /* nothing is left to free */
    }
}

static void damaged_files(void **state)
{
    (void)state;
    struct conf c;
    struct err e = {0};
    OK(file_write_atomic(conf_file, "threads = 2\0\n", 13, 0600, NULL));
    assert_int_equal(conf_load(&c, &e), RC_INPUT);
    assert_string_equal(e.msg, "clinic.conf holds a zero byte");
    err_clear(&e);
    char line[3000];
    memset(line, 'x', sizeof(line));
    memcpy(line, "site_name = ", 12);
    OK(file_write_atomic(conf_file, line, sizeof(line), 0600, NULL));
    assert_int_equal(conf_load(&c, &e), RC_INPUT);
    err_clear(&e);
    remove(conf_file);
    OK(path_make_dirs(conf_file, 0700, NULL));
    assert_int_equal(conf_load(&c, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_KIND);
}

static void wrong_environment_is_named(void **state)
{
    (void)state;
    struct conf c;
    struct err e = {0};
    setenv("CLINIC_MAX_FILE_MB", "many", 1);
    assert_int_equal(conf_load(&c, &e), RC_INPUT);
    unsetenv("CLINIC_MAX_FILE_MB");
    assert_string_equal(e.msg,
                        "environment CLINIC_MAX_FILE_MB: max_file_mb is 'many', expected a whole number from 1 to 256");
}

static void set_keeps_the_rest_of_the_file(void **state)
{
    (void)state;
    struct conf c;
    struct err e = {0};
    char *text = NULL;
    size_t n = 0;
    write_conf("# first\nthreads = 2\n\n# mail\nsmtp_host = a.example\nthreads = 3");
    OK(conf_load(&c, &e));
    assert_int_equal(conf_int(&c, CONF_ID_threads), 3); /* the last one counts */
    OK(conf_set(&c, CONF_ID_threads, "5", true, &e));
    OK(conf_set(&c, CONF_ID_jobs, "1", true, &e));
    OK(conf_set(&c, CONF_ID_page_size, "50", false, &e));
    assert_int_equal(c.origin[CONF_ID_threads], CONF_FILE);
    assert_int_equal(conf_int(&c, CONF_ID_page_size), 50);
    OK(file_read(conf_file, 10000, &text, &n, &e));
    assert_string_equal(text, "# first\nthreads = 5\n\n# mail\nsmtp_host = a.example\njobs = 1\n");
    mem_free(text);
    conf_free(&c);
    OK(conf_load(&c, &e));
    assert_int_equal(conf_int(&c, CONF_ID_threads), 5);
    assert_int_equal(conf_int(&c, CONF_ID_page_size), 20);
    conf_free(&c);
}

static void set_refuses_and_changes_nothing(void **state)
{
    (void)state;
    struct conf c;
    struct err e = {0};
    write_conf("threads = 2\n");
    OK(conf_load(&c, &e));
    assert_int_equal(conf_set(&c, CONF_ID_threads, "-1", true, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_VALUE);
    assert_int_equal(conf_set(&c, CONF_ID_site_name, "two\nlines = evil", true, NULL), RC_INPUT);
    assert_int_equal(conf_set(&c, CONF_ID_site_name, "   ", true, NULL), RC_INPUT);
    assert_int_equal(conf_int(&c, CONF_ID_threads), 2);
    char *text = NULL;
    size_t n = 0;
    OK(file_read(conf_file, 10000, &text, &n, NULL));
    assert_string_equal(text, "threads = 2\n");
    mem_free(text);
    conf_free(&c);
}

static void set_makes_the_file(void **state)
{
    (void)state;
    struct conf c;
    struct stat st;
    char deeper[400];
    OK(path_join(deeper, sizeof(deeper), folder, "new/station", NULL));
    setenv("CLINIC_HOME", deeper, 1);
    OK(conf_load(&c, NULL));
    OK(conf_set(&c, CONF_ID_smtp_host, "mail.example", true, NULL));
    OK(path_join(conf_file, sizeof(conf_file), deeper, "clinic.conf", NULL));
    assert_int_equal(stat(conf_file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    conf_free(&c);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct conf c;
    write_conf("threads = 2\nsite_name = x\n");
    for (unsigned long nth = 1;; nth++) {
        struct err e = {0};
        mem_fail_nth(nth);
        enum rc rc = conf_load(&c, &e);
        if (!rc)
            rc = conf_set(&c, CONF_ID_jobs, "2", true, &e);
        unsigned long counted = mem_fail_nth(0);
        conf_free(&c);
        if (counted < nth) {
            OK(rc);
            assert_true(nth > CONF_N);
            break;
        }
        assert_int_equal(rc, RC_FAILED);
        assert_int_equal(e.code, ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_is_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(file_then_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_lines_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_files, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_environment_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(set_keeps_the_rest_of_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(set_refuses_and_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(set_makes_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return RUN(tests);
}
