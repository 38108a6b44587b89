#include "base/log.h"
#include "base/text.h"

#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[256], log_file[400];
static struct conf conf;

static int setup(void **state)
{
    (void)state;
    folder_make(folder);
    setenv("CLINIC_HOME", folder, 1);
    setenv("CLINIC_CLOCK", "2026-03-02T10:14:00Z", 1);
    OK(path_join(log_file, sizeof(log_file), folder, "clinic.log", NULL));
    OK(conf_load(&conf, NULL));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_close();
    conf_free(&conf);
    folder_drop(folder);
    unsetenv("CLINIC_HOME");
    unsetenv("CLINIC_CLOCK");
    return 0;
}

/* Not inlined: gcc 12 then takes the text for the dead pointer to it (-Wdangling-pointer). */
__attribute__((noinline)) static char *text_of(const char *path)
{
    char *text = NULL;
    size_t n = 0;
    OK(file_read(path, 1 << 24, &text, &n, NULL));
    return text;
}

static void lines_in_the_file(void **state)
{
    (void)state;
    struct stat st;
    log_line(LOG_LEVEL_ERROR, "base", "before it is open: dropped");
    OK(log_open(&conf, NULL));
    log_line(LOG_LEVEL_WARN, "mail", "attempt %d of %d", 2, 8);
    log_line(LOG_LEVEL_DEBUG, "mail", "below the level: dropped");
    log_line(LOG_LEVEL_INFO, "nn", "two\nlines \x1b[31m");
    log_close();
    log_line(LOG_LEVEL_ERROR, "base", "after it is closed: dropped");
    char *text = text_of(log_file);
    assert_string_equal(text, "2026-03-02T10:14:00Z warn mail: attempt 2 of 8\n"
                              "2026-03-02T10:14:00Z info nn: two?lines ?[31m\n");
    mem_free(text);
    assert_int_equal(stat(log_file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    OK(log_open(&conf, NULL)); /* goes on, does not start again */
    log_line(LOG_LEVEL_ERROR, "base", "third");
    text = text_of(log_file);
    assert_non_null(strstr(text, "attempt 2 of 8"));
    assert_non_null(strstr(text, "third"));
    mem_free(text);
}

static void no_station_no_file(void **state)
{
    (void)state;
    char absent[400];
    OK(path_join(absent, sizeof(absent), folder, "absent", NULL));
    setenv("CLINIC_HOME", absent, 1);
    OK(log_open(&conf, NULL));
    log_line(LOG_LEVEL_ERROR, "base", "nowhere");
    assert_int_equal(folder_count(folder), 0);
}

static void a_log_that_cannot_be(void **state)
{
    (void)state;
    struct err e = {0};
    OK(path_make_dirs(log_file, 0700, NULL));
    assert_int_equal(log_open(&conf, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_DISK);
    err_clear(&e);
    rmdir(log_file);
    assert_int_equal(symlink("/dev/null", log_file), 0); /* never written through a link somebody laid */
    assert_int_equal(log_open(&conf, &e), RC_FAILED);
}

static void rotates_and_keeps(void **state)
{
    (void)state;
    OK(conf_set(&conf, CONF_ID_log_max_kb, "16", false, NULL));
    OK(conf_set(&conf, CONF_ID_log_keep, "2", false, NULL));
    OK(log_open(&conf, NULL));
    for (int i = 0; i < 3000; i++)
        log_line(LOG_LEVEL_INFO, "base", "line %04d of many", i);
    assert_int_equal(folder_count(folder), 3); /* clinic.log, .1, .2 */
    static const char *const names[] = {"clinic.log.2", "clinic.log.1", "clinic.log"};
    int last = -1;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        char path[400], *text;
        OK(path_join(path, sizeof(path), folder, names[i], NULL));
        text = text_of(path);
        assert_true(strlen(text) <= 16 * 1024 + 1200);
        for (char *line = strstr(text, "line "); line; line = strstr(line + 1, "line ")) {
            char digits[5] = {0};
            int64_t number;
            memcpy(digits, line + 5, 4);
            assert_true(str_to_i64(digits, 0, 9999, &number));
            assert_true(last < 0 || number == last + 1); /* none lost, none twice, oldest first */
            last = (int)number;
        }
        mem_free(text);
    }
    assert_int_equal(last, 2999);
}

static void *log_much(void *room)
{
    for (int i = 0; i < 500; i++)
        log_line(LOG_LEVEL_INFO, room, "line %d end", i);
    return NULL;
}

static void threads_and_processes_share(void **state)
{
    (void)state;
    static char a[] = "a", b[] = "b", c[] = "c";
    OK(conf_set(&conf, CONF_ID_log_max_kb, "16", false, NULL));
    OK(conf_set(&conf, CONF_ID_log_keep, "50", false, NULL));
    OK(log_open(&conf, NULL));
    pid_t child = fork();
    if (child == 0) {
        if (log_open(&conf, NULL))
            _exit(1);
        log_much(c);
        _exit(0);
    }
    pthread_t one, two;
    assert_int_equal(pthread_create(&one, NULL, log_much, a), 0);
    assert_int_equal(pthread_create(&two, NULL, log_much, b), 0);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    size_t lines = 0, whole = 0;
    for (int i = 0; i <= 50; i++) {
        char path[500];
        str_format(path, sizeof(path), i ? "%s.%d" : "%s", log_file, i);
        if (access(path, F_OK))
            continue;
        char *text = text_of(path);
        for (char *p = text; *p; p++)
            lines += *p == '\n';
        for (char *p = strstr(text, " end\n"); p; p = strstr(p + 1, " end\n"))
            whole++;
        mem_free(text);
    }
    assert_int_equal(lines, 1500);
    assert_int_equal(whole, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_in_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(no_station_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(rotates_and_keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_and_processes_share, setup, teardown),
    };
    return RUN(tests);
}
