#include "base/file.h"
#include "base/text.h"

#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static int setup(void **state)
{
    (void)state;
    folder_make(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    folder_drop(folder);
    return 0;
}

static char *in_folder(char path[400], const char *name)
{
    OK(path_join(path, 400, folder, name, NULL));
    return path;
}

static void joins(void **state)
{
    (void)state;
    static const char *const dirs[] = {"a", "a/", "a//", "/", "", "a", "/a/b"};
    static const char *const names[] = {"b", "b", "/b", "b", "b", "", "c/d"};
    static const char *const joined[] = {"a/b", "a/b", "a/b", "/b", "b", "a/", "/a/b/c/d"};
    char path[40];
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_N(dirs); i++) {
        OK(path_join(path, sizeof(path), dirs[i], names[i], &e));
        assert_string_equal(path, joined[i]);
    }
    OK(path_join(path, 4, "a", "b", &e));
    assert_int_equal(path_join(path, 3, "a", "b", &e), RC_INPUT);
    assert_int_equal(e.code, ERR_VALUE);
}

static void parts(void **state)
{
    (void)state;
    assert_string_equal(path_base("/a/b.png"), "b.png");
    assert_string_equal(path_base("b.png"), "b.png");
    assert_string_equal(path_base("/a/"), "");
    assert_string_equal(path_ext("/a.d/b.tar.gz"), "gz");
    assert_string_equal(path_ext("/a.d/b"), "");
    assert_string_equal(path_ext(".profile"), "");
    assert_string_equal(path_ext("b."), "");
}

static void makes_folders(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    char path[400], file[400];
    umask(0);
    OK(path_make_dirs(in_folder(path, "a/b//c"), 0700, &e));
    OK(path_make_dirs(path, 0700, &e));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    umask(022);
    OK(file_write_atomic(in_folder(file, "file"), "x", 1, 0600, &e));
    assert_int_equal(path_make_dirs(file, 0700, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_DISK);
    err_clear(&e);
    assert_int_equal(path_make_dirs(in_folder(path, "file/below"), 0700, &e), RC_FAILED);
    err_clear(&e);
    assert_int_equal(path_make_dirs("", 0700, &e), RC_INPUT);
    OK(path_make_dirs("/", 0700, NULL));
}

static void writes_and_reads(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    char path[400], *data = NULL;
    size_t n = 0;
    in_folder(path, "data.bin");
    OK(file_write_atomic(path, "old\0bytes", 9, 0640, &e));
    OK(file_write_atomic(path, "new", 3, 0600, &e));
    OK(file_read(path, 3, &data, &n, &e));
    assert_int_equal(n, 3);
    assert_string_equal(data, "new");
    mem_free(data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(folder_count(folder), 1); /* nothing temporary is left */
    OK(file_write_atomic(path, NULL, 0, 0600, &e));
    OK(file_read(path, 0, &data, &n, &e));
    assert_int_equal(n, 0);
    assert_string_equal(data, "");
    mem_free(data);
}

static void failed_write_keeps_the_old(void **state)
{
    (void)state;
    struct err e = {0};
    char path[400], *data = NULL;
    size_t n = 0;
    /* A folder of that name cannot be replaced by a file: the rename fails after all was written. */
    OK(path_make_dirs(in_folder(path, "taken"), 0700, &e));
    assert_int_equal(file_write_atomic(path, "x", 1, 0600, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_DISK);
    assert_int_equal(folder_count(folder), 1);
    err_clear(&e);
    assert_int_equal(file_write_atomic(in_folder(path, "absent/file"), "x", 1, 0600, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_DISK);
    err_clear(&e);
    /* A pipe stays a pipe; so would /dev/null. */
    struct stat st;
    assert_int_equal(mkfifo(in_folder(path, "pipe"), 0600), 0);
    assert_int_equal(file_write_atomic(path, "x", 1, 0600, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_KIND);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    err_clear(&e);
    assert_int_equal(file_write_atomic("/dev/null", "x", 1, 0600, &e), RC_INPUT);
    err_clear(&e);
    assert_int_equal(file_write_atomic(in_folder(path, ""), "x", 1, 0600, &e), RC_INPUT);
    OK(file_write_atomic(in_folder(path, "kept"), "kept", 4, 0600, NULL));
    OK(file_read(path, 10, &data, &n, NULL));
    assert_string_equal(data, "kept");
    mem_free(data);
}

static void reads_only_regular_files(void **state)
{
    (void)state;
    struct err e = {0};
    char path[400], *data = NULL;
    size_t n = 0;
    assert_int_equal(file_read(in_folder(path, "absent"), 10, &data, &n, &e), RC_NOT_FOUND);
    assert_int_equal(e.code, ERR_FILE_OPEN);
    err_clear(&e);
    assert_int_equal(file_read(folder, 10, &data, &n, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_KIND);
    err_clear(&e);
    assert_int_equal(mkfifo(in_folder(path, "fifo"), 0600), 0);
    assert_int_equal(file_read(path, 10, &data, &n, &e), RC_INPUT); /* at once, without a writer */
    assert_int_equal(e.code, ERR_FILE_KIND);
    err_clear(&e);
    assert_int_equal(file_read("/dev/zero", 10, &data, &n, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_KIND);
    assert_null(data);
}

static void reads_up_to_the_limit(void **state)
{
    (void)state;
    struct err e = {0};
    char path[400], *data = NULL;
    size_t n = 0, size = 3 << 20;
    char *big = mem_zalloc(size, 1, &e);
    OK(file_write_atomic(in_folder(path, "big"), big, size, 0600, &e));
    mem_free(big);
    assert_int_equal(file_read(path, 2 << 20, &data, &n, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_SIZE);
    assert_string_equal(e.msg, "File too large. Maximum size: 2MB");
    err_clear(&e);
    assert_int_equal(file_read(path, size - 1, &data, &n, &e), RC_INPUT);
    assert_string_equal(e.msg, "File too large. Maximum size: 3145727 bytes");
    err_clear(&e);
    OK(file_read(path, size, &data, &n, &e));
    assert_int_equal(n, size);
    mem_free(data);
    data = NULL;
    /* A file that says it is empty. */
    OK(file_read("/proc/self/status", 1 << 20, &data, &n, &e));
    assert_true(n > 100 && strlen(data) == n);
    mem_free(data);
    data = NULL;
    assert_int_equal(file_read("/proc/self/status", 100, &data, &n, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_SIZE);
    assert_null(data);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct err e = {0};
    char path[400], *data = NULL;
    size_t n = 0;
    OK(file_write_atomic(in_folder(path, "f"), "abc", 3, 0600, &e));
    mem_fail_nth(1);
    assert_int_equal(file_read(path, 10, &data, &n, &e), RC_FAILED);
    mem_fail_nth(0);
    assert_int_equal(e.code, ERR_MEMORY);
    assert_null(data);
}

static void descriptors(void **state)
{
    (void)state;
    struct err e = {0};
    int ends[2];
    char b[8];
    assert_int_equal(pipe(ends), 0);
    OK(fd_write_all(ends[1], "abcdefgh", 8, &e));
    OK(fd_read_all(ends[0], b, 5, &e));
    assert_memory_equal(b, "abcde", 5);
    close(ends[1]);
    assert_int_equal(fd_read_all(ends[0], b, 5, &e), RC_FAILED);
    assert_string_equal(e.msg, "the data ended after 3 of 5 bytes");
    close(ends[0]);
    err_clear(&e);
    assert_int_equal(fd_read_all(-1, b, 1, &e), RC_FAILED);
    err_clear(&e);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(fd_write_all(full, "x", 1, &e), RC_FAILED);
    assert_int_equal(e.code, ERR_DISK);
    close(full);
}

static void own_folders(void **state)
{
    (void)state;
    struct err e = {0};
    char dir[4096], small[8];
    setenv("CLINIC_HOME", "/somewhere/station", 1);
    OK(home_dir(dir, sizeof(dir), &e));
    assert_string_equal(dir, "/somewhere/station");
    assert_int_equal(home_dir(small, sizeof(small), &e), RC_INPUT);
    unsetenv("CLINIC_HOME");
    setenv("XDG_DATA_HOME", "/data", 1);
    OK(home_dir(dir, sizeof(dir), NULL));
    assert_string_equal(dir, "/data/clinic");
    setenv("XDG_DATA_HOME", "relative", 1); /* the standard says: ignore it */
    setenv("HOME", "/home-of-me", 1);
    OK(home_dir(dir, sizeof(dir), NULL));
    assert_string_equal(dir, "/home-of-me/.local/share/clinic");
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    OK(home_dir(dir, sizeof(dir), NULL)); /* from the password file */
    setenv("HOME", folder, 1);
}

static void cache_where_it_can_be(void **state)
{
    (void)state;
    struct err e = {0};
    char dir[4096], wanted[400];
    setenv("CLINIC_HOME", folder, 1);
    OK(cache_dir(dir, sizeof(dir), &e));
    assert_string_equal(dir, in_folder(wanted, "cache"));
    assert_int_equal(access(dir, W_OK), 0);
    setenv("CLINIC_HOME", "/proc/none", 1); /* nobody can write there, not even root */
    setenv("XDG_CACHE_HOME", folder, 1);
    OK(cache_dir(dir, sizeof(dir), &e));
    assert_string_equal(dir, in_folder(wanted, "clinic"));
    setenv("XDG_CACHE_HOME", "/proc/none", 1);
    OK(cache_dir(dir, sizeof(dir), &e));
    assert_true(str_starts(dir, "/tmp/clinic-"));
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("CLINIC_HOME");
}

static void folders_of_the_program(void **state)
{
    (void)state;
    struct err e = {0};
    char dir[4096], file[4200];
    unsetenv("CLINIC_MODELS");
    OK(schema_dir(dir, sizeof(dir), &e));
    assert_string_equal(path_base(dir), "schema");
    OK(lib_dir(dir, sizeof(dir), &e));
    assert_string_equal(path_base(dir), "lib");
    OK(models_dir(dir, sizeof(dir), &e));
    assert_string_equal(path_base(dir), "models");
    dir[strlen(dir) - strlen("/models")] = '\0'; /* it is this tree */
    OK(path_join(file, sizeof(file), dir, "mk/rooms.mk", &e));
    assert_int_equal(access(file, R_OK), 0);
    setenv("CLINIC_MODELS", "/my/models", 1);
    OK(models_dir(dir, sizeof(dir), &e));
    assert_string_equal(dir, "/my/models");
    unsetenv("CLINIC_MODELS");
}

static void modules(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(module_symbol("no-such-module", "entry", &e));
    assert_int_equal(e.code, ERR_INTERNAL);
    assert_non_null(strstr(e.msg, "no-such-module"));
    err_clear(&e);
    assert_null(module_symbol("../lib/evil", "entry", &e));
    assert_string_equal(e.msg, "not a module: ../lib/evil");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),
        cmocka_unit_test(parts),
        cmocka_unit_test_setup_teardown(makes_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_and_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_write_keeps_the_old, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_only_regular_files, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_up_to_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
        cmocka_unit_test(descriptors),
        cmocka_unit_test_setup_teardown(own_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(cache_where_it_can_be, setup, teardown),
        cmocka_unit_test(folders_of_the_program),
        cmocka_unit_test(modules),
    };
    return RUN(tests);
}
