/* Taking files in: what is refused and in which words, and that the copy can no longer change. */
#include "child_program.h"

#include "base/text.h"
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX = 16 << 20 };

static struct err open_fails(const char *path)
{
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    size_t fds_n = test_fds_n();
    int64_t t = clock_mono_ns();
    enum rc rc = intake_open(path, MAX, &f, &e);
    assert_true(clock_ms_since(t) < 500);
    if (rc == RC_OK || rc != e.rc || e.code == ERR_NONE || e.msg[0] == '\0') {
        fail_msg("%s: rc %d, E%d '%s'", path, rc, (int)e.code, e.msg);
    }
    intake_close(&f); /* fine after a failure */
    assert_int_equal(test_fds_n(), fds_n);
    return e;
}

static void test_things_that_are_no_files(void **state)
{
    (void)state;
    char path[PATH_MAX], other[PATH_MAX];
    (void)str_copy(path, sizeof path, test_file("fifo", "", 0));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(open_fails(path).code, ERR_FILE_KIND); /* and does not wait for a writer */
    unlink(path);

    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    assert_true(str_copy(name.sun_path, sizeof name.sun_path, path));
    assert_int_equal(bind(s, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(open_fails(path).code, ERR_FILE_KIND);
    close(s);
    unlink(path);

    assert_int_equal(symlink("fifo", path), 0); /* a loop */
    assert_int_equal(open_fails(path).code, ERR_FILE_KIND);
    (void)str_format(other, sizeof other, "%s/x.png", path);
    assert_int_equal(open_fails(other).code, ERR_FILE_KIND);
    unlink(path);
    (void)str_copy(other, sizeof other, test_file("tiny.png", tiny_png, tiny_png_n));
    assert_int_equal(symlink(other, path), 0); /* a link to a good picture */
    struct err e = open_fails(path);
    assert_int_equal(e.code, ERR_FILE_KIND);
    assert_string_equal(e.msg, "Not a regular file: fifo is a symbolic link");
    unlink(path);

    assert_int_equal(open_fails("/dev/zero").code, ERR_FILE_KIND);
    assert_int_equal(open_fails("/dev/null").code, ERR_FILE_KIND);
    assert_int_equal(open_fails("/").code, ERR_FILE_KIND);
    assert_int_equal(open_fails("").code, ERR_FILE_OPEN);
    e = open_fails("/nowhere/at/all.png");
    assert_int_equal(e.code, ERR_FILE_OPEN);
    assert_int_equal(e.rc, RC_NOT_FOUND);
    (void)str_format(path, sizeof path, "%s/below.png", other);
    assert_int_equal(open_fails(path).code, ERR_FILE_OPEN);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(open_fails(path).code, ERR_FILE_OPEN);
}

static void test_empty_and_too_large(void **state)
{
    (void)state;
    assert_int_equal(open_fails(test_file("empty.png", "", 0)).code, ERR_FILE_EMPTY);
    const char *path = test_file("large.png", tiny_png, tiny_png_n);
    assert_int_equal(truncate(path, MAX), 0);
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    assert_int_equal(intake_open(path, MAX, &f, &e), RC_OK); /* the limit itself is allowed */
    assert_int_equal(f.size_bytes, MAX);
    intake_close(&f);
    assert_int_equal(truncate(path, MAX + 1), 0);
    e = open_fails(path);
    assert_int_equal(e.code, ERR_FILE_SIZE);
    assert_string_equal(e.msg, "File too large. Maximum size: 16MB");
    assert_int_equal(truncate(path, 1LL << 40), 0); /* a sparse terabyte */
    assert_int_equal(open_fails(path).code, ERR_FILE_SIZE);
    unlink(path);
}

static void test_names_are_shown_safely(void **state)
{
    (void)state;
    static const char *const names[] = {"/nowhere/\033[31mred\033]0;x\007.png", "/nowhere/\xff\xfe\xc3.png",
                                        "/nowhere/a\nb\r.png", "/nowhere/\xe2\x80\xaetxt.png"};
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        struct err e = open_fails(names[i]);
        assert_true(utf8_valid(e.msg, strlen(e.msg)));
        for (const char *p = e.msg; *p; p++) {
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
        }
        assert_null(strstr(e.msg, "\xe2\x80\xae"));
    }
}

static void test_magic_and_extension(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool differs;
    } rows[] = {{"a.png", false}, {"a.PNG", false}, {"a.jpg", true}, {"a.txt", true}, {"a", true}, {".png", true}};
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        assert_int_equal(intake_open(test_file(rows[i].name, tiny_png, tiny_png_n), MAX, &f, &e), RC_OK);
        assert_int_equal(f.format, IMAGE_PNG);
        assert_int_equal(f.extension_differs, rows[i].differs);
        assert_int_equal(intake_require_image(&f, &e), RC_OK);
        intake_close(&f);
    }
    static const char *const jpegs[] = {"b.jpg", "b.JPEG", "b.jpe", "b.jfif"};
    for (size_t i = 0; i < ARRAY_N(jpegs); i++) {
        assert_int_equal(intake_open(test_file(jpegs[i], "\xff\xd8\xff\xe0", 4), MAX, &f, &e), RC_OK);
        assert_int_equal(f.format, IMAGE_JPEG);
        assert_false(f.extension_differs);
        intake_close(&f);
    }
    assert_int_equal(intake_open(test_file("c.png", "GIF89a", 6), MAX, &f, &e), RC_OK);
    assert_int_equal(intake_require_image(&f, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_TYPE);
    assert_string_equal(e.msg, "Invalid file type. Please upload a PNG, JPG, or JPEG image.");
    intake_close(&f);
}

static void test_the_copy_is_sealed(void **state)
{
    (void)state;
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    const char *path = test_file("tiny.png", tiny_png, tiny_png_n);
    assert_int_equal(intake_open(path, MAX, &f, &e), RC_OK);
    char hex[SHA256_HEX];
    sha256_hex(tiny_png, tiny_png_n, hex);
    assert_string_equal(f.sha256, hex);
    int original = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(original, "changed", 7, 0), 7);
    close(original);
    assert_int_equal(f.size_bytes, tiny_png_n);
    assert_memory_equal(f.data, tiny_png, tiny_png_n);
    assert_int_equal(pwrite(f.fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(f.fd, 0), -1);
    assert_int_equal(ftruncate(f.fd, 1 << 20), -1);
    assert_ptr_equal(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0), MAP_FAILED);
    intake_close(&f);
    intake_close(&f);
}

static void test_from_descriptor(void **state)
{
    (void)state;
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    int fd = open(test_file("tiny.png", tiny_png, tiny_png_n), O_RDONLY | O_CLOEXEC);
    assert_int_equal(lseek(fd, 5, SEEK_SET), 5); /* the sender's position does not matter */
    assert_int_equal(intake_from_fd(fd, MAX, &f, &e), RC_OK);
    assert_memory_equal(f.data, tiny_png, tiny_png_n);
    assert_false(f.extension_differs);
    intake_close(&f);
    assert_int_equal(intake_from_fd(fd, tiny_png_n - 1, &f, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_SIZE);
    close(fd);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    e = (struct err){.rc = RC_OK};
    assert_int_equal(intake_from_fd(ends[0], MAX, &f, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_KIND);
    close(ends[0]);
    close(ends[1]);
    e = (struct err){.rc = RC_OK};
    assert_int_not_equal(intake_from_fd(-1, MAX, &f, &e), RC_OK);
}

static void test_network_names(void **state)
{
    (void)state;
    struct err e = {.rc = RC_OK};
    struct intake_file f;
    assert_int_equal(intake_open_network("/nowhere/net.h5", MAX, &f, &e), RC_NOT_FOUND);
    assert_int_equal(e.code, ERR_MODEL_MISSING);
    assert_string_equal(e.msg, "Model file not found at /nowhere/net.h5");
    e = (struct err){.rc = RC_OK};
    assert_int_equal(intake_open_network("/dev/zero", MAX, &f, &e), RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_KIND);
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    const char *path = test_file("tiny.png", tiny_png, tiny_png_n);
    size_t fds_n = test_fds_n();
    for (unsigned long nth = 1; nth < 100; nth++) {
        struct err e = {.rc = RC_OK};
        struct intake_file f;
        (void)mem_fail_nth(nth);
        enum rc rc = intake_open(path, MAX, &f, &e);
        (void)mem_fail_nth(0);
        intake_close(&f);
        assert_int_equal(test_fds_n(), fds_n);
        if (rc == RC_OK) {
            assert_true(nth > 1);
            return;
        }
        assert_int_equal(e.code, ERR_MEMORY);
    }
    fail_msg("never got past the failing allocations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_things_that_are_no_files),
        cmocka_unit_test(test_empty_and_too_large),
        cmocka_unit_test(test_names_are_shown_safely),
        cmocka_unit_test(test_magic_and_extension),
        cmocka_unit_test(test_the_copy_is_sealed),
        cmocka_unit_test(test_from_descriptor),
        cmocka_unit_test(test_network_names),
        cmocka_unit_test(test_every_failing_allocation),
    };
    int failed = cmocka_run_group_tests_name("files", tests, NULL, NULL);
    child_program_clean();
    return failed;
}
