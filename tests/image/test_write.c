/* What the writers write, the decoders read: every shape, byte for byte where the format keeps bytes. */
#include "image/image_priv.h"
#include "records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct image picture(int32_t w, int32_t h, int32_t channels, int32_t bits)
{
    struct image im;
    struct err e = {0};
    assert_int_equal(image_init_blank(&im, w, h, channels, bits, &e), RC_OK);
    noise_fill(im.u8, image_bytes(&im));
    return im;
}

static void test_png(void **state)
{
    (void)state;
    for (int32_t channels = 1; channels <= 4; channels++) {
        for (int32_t bits = 8; bits <= 16; bits += 8) {
            struct image im = picture(33, 21, channels, bits), back;
            struct placed to = {0};
            struct buf file = {0};
            struct err e = {0};
            assert_int_equal(image_write_png(&im, &file, &e), RC_OK);
            assert_int_equal(image_decode(file.data, file.len, (struct image_place){placed_place, &to}, &back, &e),
                             RC_OK);
            assert_int_equal(back.width_px, 33);
            assert_int_equal(back.channels, channels);
            assert_int_equal(back.bits, bits);
            assert_memory_equal(back.u8, im.u8, image_bytes(&im));
            free(to.pixels);
            buf_free(&file);
            image_fini(&im);
        }
    }
}

static void test_jpeg(void **state)
{
    (void)state;
    for (int32_t channels = 1; channels <= 4; channels++) {
        struct image im = picture(64, 40, channels, channels == 2 ? 16 : 8), back, plain;
        struct placed to = {0};
        struct buf file = {0};
        struct err e = {0};
        memset(im.u8, 90, image_bytes(&im));
        assert_int_equal(image_write_jpeg(&im, 95, &file, &e), RC_OK);
        assert_int_equal(image_decode(file.data, file.len, (struct image_place){placed_place, &to}, &back, &e), RC_OK);
        assert_int_equal(back.channels, channels > 2 ? 3 : 1);
        assert_int_equal(image_to_rgb8(&back, &plain, &e), RC_OK);
        for (size_t i = 0; i < image_bytes(&plain); i++) {
            assert_in_range(plain.u8[i], 88, 92);
        }
        image_fini(&plain);
        free(to.pixels);
        buf_free(&file);
        image_fini(&im);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct image im = picture(3, 3, 1, 8);
    struct buf file = {0};
    struct err e = {0};
    assert_int_equal(image_write_jpeg(&im, 0, &file, &e), RC_INPUT);
    assert_int_equal(image_write_jpeg(&im, 101, &file, &e), RC_INPUT);
    im.channels = 5;
    assert_int_equal(image_write_png(&im, &file, &e), RC_INPUT);
    im.channels = 1;
    im.bits = 4;
    assert_int_equal(image_write_png(&im, &file, &e), RC_INPUT);
    assert_int_equal(file.len, 0);
    image_fini(&im);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct image im = picture(300, 200, 4, 16);
    for (int what = 0; what < 2; what++) {
        unsigned long nth = 1;
        for (;; nth++) {
            struct buf file = {0};
            struct err e = {0};
            mem_fail_nth(nth);
            enum rc rc = what ? image_write_png(&im, &file, &e) : image_write_jpeg(&im, 90, &file, &e);
            mem_fail_nth(0);
            buf_free(&file);
            if (rc == RC_OK) {
                break;
            }
            assert_int_equal(e.code, ERR_MEMORY);
        }
        assert_true(nth > 2);
    }
    image_fini(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
