/* Drawing with characters: places and shades, not each character. */
#include "image/ascii_priv.h"
#include "records.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CELLS_MAX = 200 * 100 };
static struct ascii_cell cells[CELLS_MAX];

static const struct ascii_view plain_view = {
    .columns = 78, .rows = 21, .cell_aspect = 2, .mode = ASCII_MONO, .zoom = 1, .pan_x = 0.5, .pan_y = 0.5};

/* Left to right from black to white. */
static struct image ramp(int32_t w, int32_t h, int32_t channels, int32_t bits)
{
    struct image im;
    struct err e = {0};
    assert_int_equal(image_init_blank(&im, w, h, channels, bits, &e), RC_OK);
    for (int32_t i = 0; i < w * h * channels; i++) {
        double share = (double)(i / channels % w) / (w - 1);
        if (bits == 8) {
            im.u8[i] = (uint8_t)lround(255 * share);
        } else {
            im.u16[i] = (uint16_t)lround(65535 * share);
        }
    }
    return im;
}

static void draw(const struct image *im, const struct ascii_view *v, int32_t *columns, int32_t *rows)
{
    struct err e = {0};
    if (ascii_draw(im, v, cells, columns, rows, &e) != RC_OK) {
        fail_msg("%s", e.msg);
    }
}

static double grey_of_256(int16_t colour)
{
    return colour >= 232 ? 8 + 10 * (colour - 232) : colour == 231 ? 255 : 0;
}

static double grey_of_16(int16_t colour)
{
    return colour == 15 ? 255 : colour == 7 ? 170 : colour == 8 ? 85 : 0;
}

/* How bright a cell looks, 0..255, by the ink of its character. */
static double brightness(struct ascii_cell c, enum ascii_mode m)
{
    static const char ramp_chars[] = " .:-=+*o%#@";
    double share = 0;
    if (m == ASCII_BRAILLE) {
        return 255.0 * __builtin_popcount(c.ch - 0x2800) / 8;
    }
    if (m == ASCII_HALF) {
        return (grey_of_256(c.fg) + grey_of_256(c.bg)) / 2;
    }
    const char *at = c.ch > 0 && c.ch < 0x7f ? strchr(ramp_chars, (int)c.ch) : NULL;
    assert_non_null(at);
    share = (double)(at - ramp_chars) / (sizeof ramp_chars - 2);
    if (m == ASCII_MONO) {
        return 255 * share;
    }
    double fg = m == ASCII_256 ? grey_of_256(c.fg) : grey_of_16(c.fg);
    double bg = m == ASCII_256 ? grey_of_256(c.bg) : grey_of_16(c.bg);
    return bg + (fg - bg) * share * 0.6;
}

/* Brightness rises along the ramp, from black to white, in every mode, for every kind of picture. */
static void test_ramp(void **state)
{
    (void)state;
    for (int32_t kind = 0; kind < 8; kind++) {
        struct image im = ramp(600, 300, 1 + kind / 2, kind % 2 ? 16 : 8);
        if (im.channels % 2 == 0) {
            image_fini(&im); /* the ramp in the alpha channel would do no harm, but is no picture either */
            continue;
        }
        for (int m = 0; m < ASCII_MODE_N; m++) {
            struct ascii_view v = plain_view;
            int32_t columns, rows;
            double before = -1;
            v.mode = (enum ascii_mode)m;
            if (m == ASCII_256 && im.channels == 3) {
                continue; /* one coloured blank a cell */
            }
            draw(&im, &v, &columns, &rows);
            assert_int_equal(columns, 78);
            assert_int_equal(rows, 20); /* 78 / 2 / 2 = 19.5 */
            for (int32_t x = 0; x < columns; x += 6) {
                double sum = 0;
                for (int32_t i = 0; i < 6 * rows; i++) {
                    sum += brightness(cells[i / 6 * 78 + x + i % 6], v.mode);
                }
                sum /= 6 * rows;
                if (sum < before - 6 || fabs(sum - 255 * (x + 3.0) / 78) > 45) {
                    fail_msg("%s, %d channels, %d bits: brightness %.1f at column %d after %.1f",
                             ascii_mode_name(v.mode), im.channels, im.bits, sum, x, before);
                }
                before = sum;
            }
        }
        image_fini(&im);
    }
}

static void test_mono_is_ascii(void **state)
{
    (void)state;
    struct image im;
    struct err e = {0};
    int32_t columns, rows;
    assert_int_equal(image_init_blank(&im, 300, 300, 3, 8, &e), RC_OK);
    noise_fill(im.u8, image_bytes(&im));
    for (double zoom = 1; zoom < 64; zoom *= 1.7) {
        struct ascii_view v = plain_view;
        v.zoom = zoom;
        draw(&im, &v, &columns, &rows);
        for (int i = 0; i < 78 * 21; i++) {
            assert_true(cells[i].ch >= ' ' && cells[i].ch <= '~');
            assert_int_equal(cells[i].fg, -1);
            assert_int_equal(cells[i].bg, -1);
        }
    }
    image_fini(&im);
}

/* A square picture in a wide room: centred, blanks around it; tall cells make it twice as wide as high. */
static void test_places(void **state)
{
    (void)state;
    struct image im = ramp(200, 200, 1, 8);
    memset(im.u8, 255, image_bytes(&im));
    struct ascii_view v = plain_view;
    int32_t columns, rows;
    draw(&im, &v, &columns, &rows);
    assert_int_equal(columns, 42);
    assert_int_equal(rows, 21);
    for (int y = 0; y < 21; y++) {
        for (int x = 0; x < 78; x++) {
            assert_int_equal(cells[y * 78 + x].ch == ' ', x < 18 || x >= 60);
        }
    }
    v.zoom = 4; /* fills the room */
    draw(&im, &v, &columns, &rows);
    assert_int_equal(columns, 78);
    assert_int_equal(rows, 21);
    v.zoom = 1;
    v.cell_aspect = 1;
    draw(&im, &v, &columns, &rows);
    assert_int_equal(columns, 21);
    v.columns = 1;
    v.rows = 1;
    draw(&im, &v, &columns, &rows);
    assert_int_equal(columns, 1);
    assert_int_equal(rows, 1);
    image_fini(&im);
    im = ramp(8192, 1, 1, 8); /* a line */
    v = plain_view;
    draw(&im, &v, &columns, &rows);
    assert_int_equal(columns, 78);
    assert_int_equal(rows, 1);
    image_fini(&im);
}

static double mean(int32_t columns, int32_t rows, enum ascii_mode m)
{
    double sum = 0;
    for (int32_t i = 0; i < columns * rows; i++) {
        sum += brightness(cells[i], m);
    }
    return sum / (columns * rows);
}

static void test_view(void **state)
{
    (void)state;
    struct image im = ramp(400, 400, 1, 8);
    struct ascii_view v = plain_view;
    int32_t columns, rows;
    v.columns = 40;
    v.rows = 20;
    v.zoom = 4;
    v.pan_x = 0; /* the darkest quarter */
    draw(&im, &v, &columns, &rows);
    assert_true(mean(columns, rows, v.mode) < 45);
    v.pan_x = 1;
    draw(&im, &v, &columns, &rows);
    assert_true(mean(columns, rows, v.mode) > 205);
    v.invert = true;
    draw(&im, &v, &columns, &rows);
    assert_true(mean(columns, rows, v.mode) < 45);
    v = plain_view;
    v.columns = 40;
    v.rows = 20;
    v.window_centre = 20;
    v.window_width = 10; /* nearly all is brighter than the window */
    draw(&im, &v, &columns, &rows);
    assert_true(mean(columns, rows, v.mode) > 225);
    image_fini(&im);
}

/* A 12-bit picture in 16 bits is near black by its high bytes; its window brings it out. */
static void test_deep_window(void **state)
{
    (void)state;
    struct image im = ramp(400, 200, 1, 16);
    for (size_t i = 0; i < 400 * 200; i++) {
        im.u16[i] >>= 4;
    }
    struct ascii_view v = plain_view;
    int32_t columns, rows;
    v.columns = 40;
    v.rows = 10;
    draw(&im, &v, &columns, &rows);
    assert_true(mean(columns, rows, v.mode) < 10);
    v.window_centre = 2048;
    v.window_width = 4096;
    draw(&im, &v, &columns, &rows);
    double m = mean(columns, rows, v.mode);
    assert_true(m > 110 && m < 145);
    image_fini(&im);
}

/* Red, green and blue come out as such in the colour modes. */
static void test_colours(void **state)
{
    (void)state;
    static const uint8_t rgb[3][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
    static const int16_t expected[3] = {196, 46, 21};
    struct image im;
    struct err e = {0};
    int32_t columns, rows;
    assert_int_equal(image_init_blank(&im, 40, 40, 3, 8, &e), RC_OK);
    for (int c = 0; c < 3; c++) {
        for (size_t i = 0; i < 1600; i++) {
            memcpy(im.u8 + 3 * i, rgb[c], 3);
        }
        struct ascii_view v = plain_view;
        v.mode = ASCII_HALF;
        draw(&im, &v, &columns, &rows);
        assert_int_equal(cells[10 * 78 + 39].ch, 0x2580);
        assert_int_equal(cells[10 * 78 + 39].fg, expected[c]);
        assert_int_equal(cells[10 * 78 + 39].bg, expected[c]);
        v.mode = ASCII_256;
        draw(&im, &v, &columns, &rows);
        assert_int_equal(cells[10 * 78 + 39].bg, expected[c]);
    }
    image_fini(&im);
}

static void test_refused(void **state)
{
    (void)state;
    struct image im = ramp(10, 10, 1, 8);
    int32_t columns, rows;
    for (int i = 0; i < 12; i++) {
        struct ascii_view v = plain_view;
        struct err e = {0};
        v.columns = i == 0 ? 0 : i == 1 ? 1001 : 78;
        v.rows = i == 2 ? -1 : 21;
        v.cell_aspect = i == 3 ? 0 : i == 4 ? NAN : 2;
        v.zoom = i == 5 ? 0.5 : i == 6 ? NAN : 1;
        v.pan_x = i == 7 ? -0.1 : 0.5;
        v.pan_y = i == 8 ? 1.1 : 0.5;
        v.window_width = i == 9 ? INFINITY : 0;
        v.window_centre = i == 10 ? NAN : 0;
        v.mode = i == 11 ? ASCII_MODE_N : ASCII_MONO;
        assert_int_equal(ascii_draw(&im, &v, cells, &columns, &rows, &e), RC_INPUT);
        assert_int_equal(e.code, ERR_VALUE);
    }
    image_fini(&im);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[ASCII_MODE_N] = {"mono", "grey16", "256", "braille", "half"};
    enum ascii_mode m;
    for (int i = 0; i < ASCII_MODE_N; i++) {
        assert_string_equal(ascii_mode_name((enum ascii_mode)i), names[i]);
        assert_true(ascii_mode_find(names[i], &m));
        assert_int_equal(m, i);
    }
    assert_false(ascii_mode_find("colour", &m));
}

static void test_no_memory(void **state)
{
    (void)state;
    struct image im = ramp(50, 40, 3, 16);
    for (int m = 0; m < ASCII_MODE_N; m++) {
        struct ascii_view v = plain_view;
        unsigned long nth = 1;
        v.mode = (enum ascii_mode)m;
        for (;; nth++) {
            struct err e = {0};
            int32_t columns, rows;
            mem_fail_nth(nth);
            enum rc rc = ascii_draw(&im, &v, cells, &columns, &rows, &e);
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
        cmocka_unit_test(test_ramp),    cmocka_unit_test(test_mono_is_ascii), cmocka_unit_test(test_places),
        cmocka_unit_test(test_view),    cmocka_unit_test(test_deep_window),   cmocka_unit_test(test_colours),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_names),         cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
