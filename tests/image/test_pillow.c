/* Equal to Pillow, byte for byte: decoding, resizing, fitting, grey. The committed records are what a bare clone has;
 * where Pillow itself is installed, some hundreds more are made on the spot. */
#include "image/image_priv.h"
#include "image/resize_pil.h"
#include "records.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static struct image picture(const struct record *r)
{
    struct image im;
    struct err e = {0};
    assert_int_equal(image_init_blank(&im, (int32_t)r->w, (int32_t)r->h, (int32_t)r->channels, 8, &e), RC_OK);
    noise_fill(im.u8, image_bytes(&im));
    return im;
}

static void same_bytes(const struct record *r, const char *what, const uint8_t *ours, size_t n)
{
    const uint8_t *pillows = r->expected;
    if (n == r->expected_n && memcmp(ours, pillows, n) == 0) {
        return;
    }
    size_t at = 0;
    while (n == r->expected_n && ours[at] == pillows[at]) {
        at++;
    }
    fail_msg("kind %u %s: %u x %u x %u -> %u x %u, filter %u: %zu bytes, expected %u; first difference at %zu", r->kind,
             what, r->w, r->h, r->channels, r->w2, r->h2, r->filter, n, r->expected_n, at);
}

static void check_resize(const struct record *r)
{
    struct image im = picture(r), out;
    struct err e = {0};
    enum image_filter f = (enum image_filter)r->filter;
    assert_int_equal(image_resize_u8(&im, (int32_t)r->w2, (int32_t)r->h2, f, &out, &e), RC_OK);
    same_bytes(r, "resize", out.u8, image_bytes(&out));
    image_fini(&out);
    size_t n;
    const struct pil_kernel *k = image_pil_kernels(&n);
    for (size_t i = 0; i < n && (im.channels & 1); i++) {
        if (k[i].supported()) {
            assert_int_equal(image_pil_resize_with(&k[i], &im, NULL, (int32_t)r->w2, (int32_t)r->h2, f, &out, &e),
                             RC_OK);
            same_bytes(r, k[i].name, out.u8, image_bytes(&out));
            image_fini(&out);
        }
    }
    image_fini(&im);
}

static void check_decode(const struct record *r)
{
    struct image im, seen;
    struct err e = {0};
    struct placed to = {0};
    enum rc rc = image_decode(r->file, r->w, (struct image_place){placed_place, &to}, &im, &e);
    if (rc != RC_OK) {
        fail_msg("decoding a file of %u bytes: %s", r->w, e.msg);
    }
    assert_int_equal(im.width_px, r->w2);
    assert_int_equal(im.height_px, r->h2);
    if (r->filter == VIEW_RGB8) {
        assert_int_equal(image_to_rgb8(&im, &seen, &e), RC_OK);
    } else {
        assert_int_equal(im.channels, r->channels);
        assert_int_equal(im.bits, r->filter == VIEW_GREY16 ? 16 : 8);
        image_borrow(&im, &seen);
    }
    same_bytes(r, "decode", seen.u8, image_bytes(&seen));
    image_fini(&seen);
    free(to.pixels);
}

/* Through image_prepare with scale 1, so that the values are levels. */
static void check_fit(const struct record *r)
{
    struct image im = picture(r);
    struct err e = {0};
    struct image_recipe recipe = {.width_px = (int32_t)r->w2,
                                  .height_px = (int32_t)r->h2,
                                  .channels = 3,
                                  .filter = (enum image_filter)r->filter,
                                  .keep_aspect = true,
                                  .scale = {1, 1, 1}};
    float *levels = calloc(r->expected_n, sizeof *levels);
    uint8_t *bytes = malloc(r->expected_n);
    assert_int_equal(image_prepare(&im, &recipe, levels, &e), RC_OK);
    for (size_t i = 0; i < r->expected_n; i++) {
        bytes[i] = (uint8_t)levels[i];
    }
    same_bytes(r, "fit", bytes, r->expected_n);
    free(bytes);
    free(levels);
    image_fini(&im);
}

static void check_grey(const struct record *r)
{
    struct image im = picture(r), out;
    struct err e = {0};
    assert_int_equal(image_to_grey8(&im, &out, &e), RC_OK);
    same_bytes(r, "grey", out.u8, image_bytes(&out));
    image_fini(&out);
    image_fini(&im);
}

static int check_records(FILE *f)
{
    struct record r;
    int n = 0;
    for (; record_next(f, &r); n++) {
        switch ((enum record_kind)r.kind) {
        case RECORD_RESIZE:
            check_resize(&r);
            break;
        case RECORD_DECODE:
            check_decode(&r);
            break;
        case RECORD_FIT:
            check_fit(&r);
            break;
        case RECORD_GREY:
            check_grey(&r);
            break;
        default:
            fail_msg("record %d is of kind %u", n, r.kind);
        }
        record_fini(&r);
    }
    fclose(f);
    return n;
}

static void test_committed(void **state)
{
    (void)state;
    assert_true(check_records(golden_open("pillow.bin")) >= 120);
}

static int python(char *const argv[])
{
    pid_t pid;
    int status;
    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_live(void **state)
{
    (void)state;
    char script[4096], out[] = "/tmp/clinic-pillow-XXXXXX";
    char interpreter[] = "/usr/bin/python3", flag[] = "-c",
         import[] = "try: import PIL.Image\nexcept ImportError: exit(3)";
    if (python((char *[]){interpreter, flag, import, NULL}) != 0) {
        print_message("skipped: python3-pil is not installed\n");
        skip();
    }
    int fd = mkstemp(out);
    assert_true(fd >= 0);
    close(fd);
    char many[] = "--many", seed[] = "20260302";
    golden_path(script, sizeof script, "tests/image", "pillow_cases.py");
    assert_int_equal(python((char *[]){interpreter, script, out, many, seed, NULL}), 0);
    FILE *f = fopen(out, "rb");
    unlink(out);
    assert_non_null(f);
    int n = check_records(f);
    print_message("%d records equal to Pillow\n", n);
    assert_true(n >= 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_committed), cmocka_unit_test(test_live)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
