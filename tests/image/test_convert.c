/* Colour, depth, orientation, window, crop. */
#include "image/image_priv.h"
#include "records.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static struct image picture(int32_t w, int32_t h, int32_t channels, int32_t bits)
{
    struct image im;
    struct err e = {0};
    assert_int_equal(image_init_blank(&im, w, h, channels, bits, &e), RC_OK);
    noise_fill(im.u8, image_bytes(&im));
    return im;
}

static void test_same_is_borrowed(void **state)
{
    (void)state;
    struct image rgb = picture(5, 4, 3, 8), grey = picture(5, 4, 1, 8), out;
    struct err e = {0};
    assert_int_equal(image_to_rgb8(&rgb, &out, &e), RC_OK);
    assert_ptr_equal(out.u8, rgb.u8);
    image_fini(&out); /* releases nothing */
    assert_int_equal(image_to_grey8(&grey, &out, &e), RC_OK);
    assert_ptr_equal(out.u8, grey.u8);
    image_fini(&out);
    assert_int_equal(image_orient(&grey, 1, &out, &e), RC_OK);
    assert_ptr_equal(out.u8, grey.u8);
    image_fini(&rgb);
    image_fini(&grey);
    image_fini(&grey); /* twice is fine */
}

static void test_mapping_is_unmapped(void **state)
{
    (void)state;
    size_t bytes = 1 << 16;
    uint8_t *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(m, MAP_FAILED);
    struct image im = {
        .width_px = 1, .height_px = 1, .channels = 1, .bits = 8, .u8 = m + 128, .owned = m, .mapped_bytes = bytes};
    unsigned char there;
    assert_int_equal(mincore(m, bytes, (unsigned char[16]){0}), 0);
    image_fini(&im);
    assert_int_equal(mincore(m, 4096, &there), -1);
    assert_null(im.owned);
}

static void test_depth(void **state)
{
    (void)state;
    struct err e = {0};
    struct image out;
    for (int32_t channels = 1; channels <= 4; channels++) {
        struct image im = picture(6, 5, channels, 16);
        assert_int_equal(image_to_rgb8(&im, &out, &e), RC_OK);
        assert_int_equal(out.channels, 3);
        for (int i = 0; i < 30; i++) {
            for (int c = 0; c < 3; c++) {
                assert_int_equal(out.u8[i * 3 + c], im.u16[i * channels + (channels > 2 ? c : 0)] >> 8);
            }
        }
        image_fini(&out);
        assert_int_equal(image_to_grey8(&im, &out, &e), RC_OK);
        assert_int_equal(out.channels, 1);
        image_fini(&out);
        image_fini(&im);
    }
}

/* Where the upper left and upper right corner of the stored picture (a b / c d) are to be seen, EXIF 2.32, tag 274. */
static void test_orientations(void **state)
{
    (void)state;
    /* stored 3 x 2: 0 1 2 / 3 4 5 */
    static const struct {
        int32_t w;
        uint8_t px[6];
    } upright[9] = {
        [1] = {3, {0, 1, 2, 3, 4, 5}}, [2] = {3, {2, 1, 0, 5, 4, 3}}, [3] = {3, {5, 4, 3, 2, 1, 0}},
        [4] = {3, {3, 4, 5, 0, 1, 2}}, [5] = {2, {0, 3, 1, 4, 2, 5}}, [6] = {2, {3, 0, 4, 1, 5, 2}},
        [7] = {2, {5, 2, 4, 1, 3, 0}}, [8] = {2, {2, 5, 1, 4, 0, 3}},
    };
    for (int32_t channels = 1; channels <= 4; channels++) {
        for (int32_t bits = 8; bits <= 16; bits += 8) {
            struct image im = picture(3, 2, channels, bits), out;
            size_t px = (size_t)(channels * bits / 8);
            for (size_t i = 0; i < 6; i++) {
                memset(im.u8 + i * px, (int)i, px);
            }
            for (int o = 1; o <= 8; o++) {
                struct err e = {0};
                im.orientation = o;
                assert_int_equal(image_orient(&im, o, &out, &e), RC_OK);
                assert_int_equal(out.width_px, upright[o].w);
                assert_int_equal(out.height_px, 6 / upright[o].w);
                assert_int_equal(out.orientation, 1);
                for (size_t i = 0; i < 6 * px; i++) {
                    assert_int_equal(out.u8[i], upright[o].px[i / px]);
                }
                image_fini(&out);
            }
            struct err e = {0};
            assert_int_equal(image_orient(&im, 0, &out, &e), RC_INPUT);
            assert_int_equal(image_orient(&im, 9, &out, &e), RC_INPUT);
            image_fini(&im);
        }
    }
}

static void test_window(void **state)
{
    (void)state;
    struct image im, out;
    struct err e = {0};
    assert_int_equal(image_init_blank(&im, 256, 1, 1, 8, &e), RC_OK);
    for (int i = 0; i < 256; i++) {
        im.u8[i] = (uint8_t)i;
    }
    assert_int_equal(image_window(&im, 128, 256, false, &out, &e), RC_OK);
    assert_memory_equal(out.u8, im.u8, 256);
    image_fini(&out);
    assert_int_equal(image_window(&im, 0, 0, true, &out, &e), RC_OK);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(out.u8[i], 255 - i);
    }
    image_fini(&out);
    assert_int_equal(image_window(&im, 100, 51, false, &out, &e), RC_OK);
    assert_int_equal(out.u8[74], 0);
    assert_int_equal(out.u8[75], 3); /* (75 - 99.5) / 50 + .5 = .01 */
    assert_int_equal(out.u8[125], 255);
    assert_int_equal(out.u8[100], 130);
    image_fini(&out);
    image_fini(&im);
    im = picture(300, 20, 2, 16);
    assert_int_equal(image_window(&im, 0, -1, false, &out, &e), RC_OK);
    assert_int_equal(out.channels, 1);
    for (int i = 0; i < 6000; i++) {
        assert_int_equal(out.u8[i], lround(im.u16[2 * i] / 257.0));
    }
    image_fini(&out);
    image_fini(&im);
    im = picture(3, 2, 3, 8);
    assert_int_equal(image_window(&im, 0, 0, false, &out, &e), RC_INPUT);
    e = (struct err){0};
    im.channels = 1;
    assert_int_equal(image_window(&im, NAN, 1, false, &out, &e), RC_INPUT);
    image_fini(&im);
}

static void test_crop(void **state)
{
    (void)state;
    static const int32_t outside[][4] = {{-1, 0, 2, 2}, {0, -1, 2, 2}, {6, 0, 2, 2}, {0, 4, 2, 2},
                                         {0, 0, 0, 1},  {0, 0, 1, 0},  {0, 0, 8, 1}, {INT32_MAX, 0, 2, 2}};
    struct image im = picture(7, 5, 3, 16), out;
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        struct err e = {0};
        const int32_t *p = outside[i];
        assert_int_equal(image_crop(&im, p[0], p[1], p[2], p[3], &out, &e), RC_INPUT);
        assert_int_equal(e.code, ERR_VALUE);
    }
    struct err e = {0};
    assert_int_equal(image_crop(&im, 2, 1, 5, 3, &out, &e), RC_OK);
    for (size_t y = 0; y < 3; y++) {
        assert_memory_equal(out.u16 + y * 15, im.u16 + (y + 1) * 21 + 6, 30);
    }
    image_fini(&out);
    image_fini(&im);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct image im = picture(7, 5, 1, 16), rgba = picture(7, 5, 4, 8), out;
    for (int what = 0; what < 6; what++) {
        unsigned long nth = 1;
        for (;; nth++) {
            struct err e = {0};
            mem_fail_nth(nth);
            enum rc rc = what == 0   ? image_to_rgb8(&im, &out, &e)
                         : what == 1 ? image_to_grey8(&im, &out, &e)
                         : what == 2 ? image_orient(&im, 6, &out, &e)
                         : what == 3 ? image_window(&im, 100, 50, false, &out, &e)
                         : what == 4 ? image_crop(&im, 1, 1, 2, 2, &out, &e)
                                     : image_resize_u8(&rgba, 3, 3, IMAGE_PIL_LANCZOS, &out, &e);
            mem_fail_nth(0);
            if (rc == RC_OK) {
                break;
            }
            assert_int_equal(e.code, ERR_MEMORY);
            assert_null(out.owned);
        }
        assert_true(nth > 1);
        image_fini(&out);
    }
    image_fini(&im);
    image_fini(&rgba);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_is_borrowed),
        cmocka_unit_test(test_mapping_is_unmapped),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
