/* TensorFlow's resizing against TensorFlow's own values; what is refused; what preparing makes of all shapes. */
#include "image/image_priv.h"
#include "records.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct image noisy(int32_t w, int32_t h, int32_t channels, int32_t bits)
{
    struct image im;
    struct err e = {0};
    assert_int_equal(image_init_blank(&im, w, h, channels, bits, &e), RC_OK);
    noise_fill(im.u8, image_bytes(&im));
    return im;
}

static void test_tensorflow(void **state)
{
    (void)state;
    FILE *f = golden_open("tf.bin");
    static const enum image_filter filters[] = {IMAGE_TF_NEAREST, IMAGE_TF_BILINEAR, IMAGE_TF_AREA};
    uint32_t r[6];
    int records = 0;
    for (; fread(r, sizeof r, 1, f) == 1; records++) {
        size_t in_n = (size_t)r[0] * r[1] * r[2], out_n = (size_t)r[3] * r[4] * r[2];
        uint8_t *in = malloc(in_n);
        float *in_f = malloc(in_n * sizeof *in_f), *expected = malloc(out_n * sizeof *expected);
        float *from_f = malloc(out_n * sizeof *from_f), *from_u8 = malloc(out_n * sizeof *from_u8);
        struct err e = {0};
        assert_int_equal(fread(in, 1, in_n, f), in_n);
        assert_int_equal(fread(expected, sizeof *expected, out_n, f), out_n);
        for (size_t i = 0; i < in_n; i++) {
            in_f[i] = in[i];
        }
        int32_t w = (int32_t)r[0], h = (int32_t)r[1], c = (int32_t)r[2], w2 = (int32_t)r[3], h2 = (int32_t)r[4];
        assert_int_equal(image_resize_f32(in_f, w, h, c, w2, h2, filters[r[5]], from_f, &e), RC_OK);
        assert_int_equal(image_tf_resize_u8(in, w, h, c, w2, h2, filters[r[5]], from_u8, &e), RC_OK);
        for (size_t i = 0; i < out_n; i++) {
            if (!(fabsf(from_f[i] - expected[i]) <= 1e-4F) || from_u8[i] != from_f[i]) {
                fail_msg("%s %d x %d x %d -> %d x %d at %zu: %.6f, TensorFlow %.6f", image_filter_name(filters[r[5]]),
                         w, h, c, w2, h2, i, (double)from_f[i], (double)expected[i]);
            }
        }
        free(in);
        free(in_f);
        free(expected);
        free(from_f);
        free(from_u8);
    }
    fclose(f);
    assert_int_equal(records, 24);
}

static void test_refused(void **state)
{
    (void)state;
    struct image im = noisy(9, 7, 3, 8), deep = noisy(4, 4, 1, 16), out;
    float values[64];
    static const int32_t sizes[][2] = {{0, 5}, {5, 0}, {-1, 5}, {8193, 5}, {5, 8193}, {8000, 8000}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct err e = {0};
        assert_int_equal(image_resize_u8(&im, sizes[i][0], sizes[i][1], IMAGE_PIL_BILINEAR, &out, &e), RC_INPUT);
        assert_true(e.code == ERR_VALUE || e.code == ERR_IMAGE_LIMIT);
        assert_null(out.owned);
    }
    struct err e = {0};
    assert_int_equal(image_resize_u8(&deep, 2, 2, IMAGE_PIL_BOX, &out, &e), RC_INPUT);
    assert_int_equal(image_resize_u8(&im, 2, 2, IMAGE_TF_AREA, &out, &e), RC_INPUT);
    assert_int_equal(image_resize_f32(values, 4, 4, 1, 2, 2, IMAGE_PIL_BOX, values, &e), RC_INPUT);
    struct image_recipe r = {.width_px = 4, .height_px = 4, .channels = 2, .filter = IMAGE_PIL_BOX};
    assert_int_equal(image_prepare(&im, &r, values, &e), RC_INPUT);
    r.channels = 3;
    r.width_px = 0;
    assert_int_equal(image_prepare(&im, &r, values, &e), RC_INPUT);
    image_fini(&im);
    image_fini(&deep);
}

static void test_names(void **state)
{
    (void)state;
    enum image_filter f;
    for (int i = 0; i < IMAGE_FILTER_N; i++) {
        assert_true(image_filter_find(image_filter_name((enum image_filter)i), &f));
        assert_int_equal(f, i);
    }
    assert_string_equal(image_filter_name(IMAGE_PIL_BILINEAR), "pil-bilinear");
    assert_string_equal(image_filter_name(IMAGE_TF_AREA), "tf-area");
    assert_false(image_filter_find("bilinear", &f));
    assert_false(image_filter_find(NULL, &f));
}

/* The long way: turn upright, convert, resize, scale, each as its own picture. */
static void prepare_slowly(const struct image *in, const struct image_recipe *r, float *out)
{
    struct image upright, plain, small;
    struct err e = {0};
    assert_int_equal(image_orient(in, r->apply_orientation ? in->orientation : 1, &upright, &e), RC_OK);
    if (r->channels == 1) {
        assert_int_equal(image_to_grey8(&upright, &plain, &e), RC_OK);
    } else {
        assert_int_equal(image_to_rgb8(&upright, &plain, &e), RC_OK);
    }
    size_t n = (size_t)r->width_px * (size_t)r->height_px, c = (size_t)r->channels;
    float *levels = malloc(n * c * sizeof *levels);
    if (r->filter <= IMAGE_PIL_LANCZOS) {
        assert_int_equal(image_resize_u8(&plain, r->width_px, r->height_px, r->filter, &small, &e), RC_OK);
        for (size_t i = 0; i < n * c; i++) {
            levels[i] = small.u8[i];
        }
        image_fini(&small);
    } else {
        assert_int_equal(image_tf_resize_u8(plain.u8, plain.width_px, plain.height_px, plain.channels, r->width_px,
                                            r->height_px, r->filter, levels, &e),
                         RC_OK);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < c; k++) {
            out[i * c + k] = levels[i * c + (r->bgr && c == 3 ? 2 - k : k)] * r->scale[k] + r->offset[k];
        }
    }
    free(levels);
    image_fini(&plain);
    image_fini(&upright);
}

static void test_prepare(void **state)
{
    (void)state;
    static float fast[16 * 12 * 3], slow[16 * 12 * 3];
    static const int32_t sizes[][2] = {{37, 29}, {16, 12}, {12, 16}, {5, 3}, {1, 1}};
    for (int32_t channels = 1; channels <= 4; channels++) {
        for (int32_t bits = 8; bits <= 16; bits += 8) {
            for (int s = 0; s < 5; s++) {
                struct image im = noisy(sizes[s][0], sizes[s][1], channels, bits);
                im.orientation = 1 + (s + channels) % 8;
                for (int f = 0; f < IMAGE_FILTER_N; f++) {
                    for (int flags = 0; flags < 8; flags++) {
                        struct image_recipe r = {.width_px = 16,
                                                 .height_px = 12,
                                                 .channels = flags & 1 ? 1 : 3,
                                                 .filter = (enum image_filter)f,
                                                 .apply_orientation = flags & 2,
                                                 .bgr = flags & 4,
                                                 .scale = {1 / 255.F, 2, 0.5F},
                                                 .offset = {0, -1, 3}};
                        struct err e = {0};
                        assert_int_equal(image_prepare(&im, &r, fast, &e), RC_OK);
                        prepare_slowly(&im, &r, slow);
                        assert_memory_equal(fast, slow, sizeof(float) * 16 * 12 * (size_t)r.channels);
                    }
                }
                image_fini(&im);
            }
        }
    }
}

/* Keras' smart_resize keeps the middle of a wide picture: of 30 x 10, columns 10 to 19 for a square. */
static void test_tf_keeps_aspect(void **state)
{
    (void)state;
    struct image im = noisy(30, 10, 1, 8);
    struct image_recipe r = {.width_px = 10,
                             .height_px = 10,
                             .channels = 1,
                             .filter = IMAGE_TF_BILINEAR,
                             .keep_aspect = true,
                             .scale = {1, 1, 1}};
    float out[100];
    struct err e = {0};
    assert_int_equal(image_prepare(&im, &r, out, &e), RC_OK);
    for (int y = 0; y < 10; y++) {
        for (int x = 0; x < 10; x++) {
            assert_true(out[y * 10 + x] == (float)im.u8[y * 30 + 10 + x]);
        }
    }
    image_fini(&im);
}

/* Each allocation in turn fails: ERR_MEMORY, nothing leaks (the sanitizers count), nothing crashes. */
static void test_no_memory(void **state)
{
    (void)state;
    static float out[16 * 12 * 3];
    struct image im = noisy(37, 29, 4, 16);
    im.orientation = 6;
    for (int f = 0; f < IMAGE_FILTER_N; f++) {
        struct image_recipe r = {.width_px = 16,
                                 .height_px = 12,
                                 .channels = 3,
                                 .filter = (enum image_filter)f,
                                 .apply_orientation = true,
                                 .keep_aspect = true};
        unsigned long nth = 1;
        for (;; nth++) {
            struct err e = {0};
            mem_fail_nth(nth);
            enum rc rc = image_prepare(&im, &r, out, &e);
            mem_fail_nth(0);
            if (rc == RC_OK) {
                break;
            }
            assert_int_equal(e.code, ERR_MEMORY);
        }
        assert_true(nth > 4);
    }
    image_fini(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensorflow), cmocka_unit_test(test_refused),         cmocka_unit_test(test_names),
        cmocka_unit_test(test_prepare),    cmocka_unit_test(test_tf_keeps_aspect), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
