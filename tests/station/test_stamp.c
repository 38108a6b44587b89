/* Stamps: a remembered hash is believed only for exactly the file it was made of. */
#include "base/text.h"
#include "station/stamp.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char file[] = "/a/net.h5";

struct folder {
    char path[64];
};

static int setup(void **state)
{
    static struct folder f;
    str_copy(f.path, sizeof(f.path), "/tmp/clinic-stamp-XXXXXX");
    *state = &f;
    return mkdtemp(f.path) ? 0 : -1;
}

static int teardown(void **state)
{
    /* Fails when a test left a stamp behind that it did not mean to write. */
    return rmdir(((struct folder *)*state)->path);
}

static struct stat some_stat(void)
{
    struct stat st = {.st_dev = 1, .st_ino = 2, .st_size = 3};
    st.st_mtim.tv_sec = 1000;
    st.st_ctim.tv_sec = 2000;
    st.st_ctim.tv_nsec = 5;
    return st;
}

/* Removes the one file of the folder. */
static void forget(const char *cache)
{
    char name[400];
    DIR *d = opendir(cache);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.' && str_format(name, sizeof(name), "%s/%s", cache, entry->d_name))
            assert_int_equal(unlink(name), 0);
    closedir(d);
}

static void remembers(void **state)
{
    const char *cache = ((struct folder *)*state)->path;
    struct stat st = some_stat();
    struct stamp s, back;
    struct err e = {0};
    stamp_load(cache, file, &st, &s);
    assert_string_equal(s.sha256, "");
    str_copy(s.sha256, sizeof(s.sha256), sha);
    assert_int_equal(stamp_add_verified(&s, "x.nn", &e), RC_OK);
    stamp_save(cache, file, &s);
    stamp_load(cache, file, &st, &back);
    assert_string_equal(back.sha256, sha);
    assert_true(stamp_verified(&back, "x.nn"));
    assert_false(stamp_verified(&back, "y.nn"));
    assert_false(stamp_verified(&back, "x.n"));
    stamp_fini(&back);
    /* Each of the five facts counts. */
    for (int k = 0; k < 5; k++) {
        struct stat other = some_stat();
        other.st_dev += k == 0;
        other.st_ino += k == 1;
        other.st_size += k == 2;
        other.st_mtim.tv_nsec += k == 3;
        other.st_ctim.tv_nsec += k == 4;
        stamp_load(cache, file, &other, &back);
        assert_string_equal(back.sha256, "");
        stamp_fini(&back);
    }
    stamp_load(cache, "/a/net.h6", &st, &back);
    assert_string_equal(back.sha256, "");
    stamp_fini(&back);
    stamp_fini(&s);
    forget(cache);
}

static void just_changed_files_are_not_remembered(void **state)
{
    const char *cache = ((struct folder *)*state)->path;
    struct stat st = some_stat();
    clock_gettime(CLOCK_REALTIME, &st.st_mtim);
    struct stamp s, back;
    stamp_load(cache, file, &st, &s);
    str_copy(s.sha256, sizeof(s.sha256), sha);
    stamp_save(cache, file, &s);
    stamp_load(cache, file, &st, &back);
    assert_string_equal(back.sha256, "");
    stamp_fini(&s);
    stamp_fini(&back);
}

static void no_folder_is_no_failure(void **state)
{
    (void)state;
    struct stat st = some_stat();
    struct stamp s;
    stamp_load("/nonexistent", file, &st, &s);
    assert_string_equal(s.sha256, "");
    str_copy(s.sha256, sizeof(s.sha256), sha);
    stamp_save("/nonexistent", file, &s);
    stamp_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers),
        cmocka_unit_test(just_changed_files_are_not_remembered),
        cmocka_unit_test(no_folder_is_no_failure),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
