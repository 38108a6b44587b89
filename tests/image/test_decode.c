/* What comes from outside: damaged, cut, hostile, beyond the limits. */
#include "image/image_priv.h"
#include "records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum rc decode(const void *data, size_t n, struct placed *to, struct image *im, struct err *e)
{
    *e = (struct err){0};
    /* A block of exactly n bytes, so that the sanitizers see a read behind it. */
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, data, n);
    enum rc rc = image_decode(exact, n, (struct image_place){placed_place, to}, im, e);
    free(exact);
    return rc;
}

static void refused(const void *data, size_t n, enum err_code code, const char *words)
{
    struct placed to = {0};
    struct image im;
    struct err e;
    enum rc rc = decode(data, n, &to, &im, &e);
    if (rc == RC_OK || e.code != code || !strstr(e.msg, words)) {
        fail_msg("rc %d, E%d \"%s\"; expected E%d with \"%s\"", (int)rc, (int)e.code, e.msg, (int)code, words);
    }
    assert_null(im.u8);
    assert_null(im.owned);
    free(to.pixels);
}

static void be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t c = ~0U;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++) {
            c = c & 1 ? c >> 1 ^ 0xedb88320U : c >> 1;
        }
    }
    return ~c;
}

static void add_chunk(struct buf *b, const char *name, const void *data, size_t n)
{
    uint8_t word[4];
    struct buf body = {0};
    be32(word, (uint32_t)n);
    buf_add(b, word, 4);
    buf_add(&body, name, 4);
    buf_add(&body, data, n);
    buf_add(b, body.data, body.len);
    be32(word, crc32_of((const uint8_t *)body.data, body.len));
    buf_add(b, word, 4);
    buf_free(&body);
}

static void begin_png(struct buf *b, uint32_t w, uint32_t h, uint8_t depth, uint8_t colour)
{
    uint8_t head[13] = {[8] = depth, [9] = colour};
    be32(head, w);
    be32(head + 4, h);
    buf_add(b, "\x89PNG\r\n\x1a\n", 8);
    add_chunk(b, "IHDR", head, sizeof head);
}

static void test_unknown(void **state)
{
    (void)state;
    refused("", 0, ERR_FILE_TYPE, "Invalid file type. Please upload a PNG, JPG, or JPEG image.");
    refused("GIF89a", 6, ERR_FILE_TYPE, "Invalid file type");
    refused("\x89PNG\r\n", 6, ERR_FILE_TYPE, "Invalid file type");
    refused("\xff\xd8", 2, ERR_FILE_TYPE, "Invalid file type");
    assert_int_equal(image_sniff("\xff\xd8\xff\xe0", 4), IMAGE_JPEG);
    assert_int_equal(image_sniff("\x89PNG\r\n\x1a\n", 8), IMAGE_PNG);
    assert_string_equal(image_format_name(IMAGE_JPEG), "jpeg");
    assert_string_equal(image_format_name(IMAGE_PNG), "png");
}

/* Every file of the golden records, cut at every length (long ones at every 7th), is refused as damaged. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    FILE *f = golden_open("pillow.bin");
    struct record r;
    int files = 0;
    while (record_next(f, &r)) {
        for (uint32_t n = 8; r.kind == RECORD_DECODE && n<r.w; n += r.w> 700 ? 7 : 1) {
            refused(r.file, n, ERR_FILE_CORRUPT, "Invalid or corrupted image file: ");
        }
        files += r.kind == RECORD_DECODE;
        record_fini(&r);
    }
    fclose(f);
    assert_true(files > 40);
}

/* One bit of each byte turned: never a crash; in a PNG's critical chunks always noticed. */
static void test_turned_bits(void **state)
{
    (void)state;
    FILE *f = golden_open("pillow.bin");
    struct record r;
    while (record_next(f, &r)) {
        bool png = r.kind == RECORD_DECODE && image_sniff(r.file, r.w) == IMAGE_PNG;
        bool ancillary = png && (memmem(r.file, r.w, "tRNS", 4) || memmem(r.file, r.w, "tEXt", 4));
        for (uint32_t i = 0; r.kind == RECORD_DECODE && i < r.w; i++) {
            struct placed to = {0};
            struct image im;
            struct err e;
            r.file[i] ^= (uint8_t)(1 << i % 8);
            enum rc rc = decode(r.file, r.w, &to, &im, &e);
            r.file[i] ^= (uint8_t)(1 << i % 8);
            if (png && !ancillary) {
                assert_int_not_equal(rc, RC_OK);
            }
            if (rc == RC_OK) {
                assert_int_equal(to.bytes, image_bytes(&im));
            }
            free(to.pixels);
        }
        record_fini(&r);
    }
    fclose(f);
}

static void test_limits_before_memory(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{26000, 26000}, {8193, 1}, {1, 8193}, {8192, 8192}, {0x7fffffff, 0x7fffffff}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buf b = {0};
        begin_png(&b, sizes[i][0], sizes[i][1], 8, 2);
        add_chunk(&b, "IDAT", "", 0);
        struct placed to = {0};
        struct image im;
        struct err e;
        assert_int_equal(decode(b.data, b.len, &to, &im, &e), RC_INPUT);
        assert_int_equal(e.code, ERR_IMAGE_LIMIT);
        assert_int_equal(to.calls, 0);
        buf_free(&b);
    }
    struct buf b = {0};
    begin_png(&b, 0, 10, 8, 2);
    add_chunk(&b, "IEND", "", 0);
    refused(b.data, b.len, ERR_FILE_CORRUPT, "0 x 10 pixels");
    buf_free(&b);
    /* The same in a JPEG: SOI, SOF0 of 26000 x 26000, one component. */
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0x65, 0x90, 0x65, 0x90, 1, 1,
                                   0x11, 0,    0xff, 0xda, 0, 8,  1, 1,    0,    0,    63,   0};
    refused(jpeg, sizeof jpeg, ERR_IMAGE_LIMIT, "26000 x 26000");
}

static void test_no_room(void **state)
{
    (void)state;
    FILE *f = golden_open("pillow.bin");
    struct record r;
    while (record_next(f, &r)) {
        if (r.kind == RECORD_DECODE) {
            struct placed to = {.refuse = true};
            struct image im;
            struct err e;
            assert_int_equal(decode(r.file, r.w, &to, &im, &e), RC_FAILED);
            assert_int_equal(e.code, ERR_MEMORY);
            assert_int_equal(to.calls, 1);
        }
        record_fini(&r);
    }
    fclose(f);
}

/* Chunks that no picture needs, by the thousand and by the megabyte. */
static void test_png_surplus(void **state)
{
    (void)state;
    FILE *f = golden_open("pillow.bin");
    struct record r;
    do {
        assert_true(record_next(f, &r));
    } while (r.kind != RECORD_DECODE);
    fclose(f);
    size_t head = 8 + 25;
    struct buf b = {0};
    buf_add(&b, r.file, head);
    for (int i = 0; i < 1000; i++) {
        add_chunk(&b, "tEXt", "Comment\0x", 9);
        add_chunk(&b, "zzZz", "unknown", 7);
    }
    buf_add(&b, r.file + head, r.w - head);
    struct placed to = {0};
    struct image im;
    struct err e;
    assert_int_equal(decode(b.data, b.len, &to, &im, &e), RC_OK);
    assert_memory_equal(to.pixels, r.expected, r.expected_n);
    buf_free(&b);
    char *large = calloc(1, 5 << 20);
    buf_add(&b, r.file, head);
    add_chunk(&b, "eXIf", large, 5 << 20);
    buf_add(&b, r.file + head, r.w - head);
    assert_int_equal(decode(b.data, b.len, &to, &im, &e), RC_OK); /* passed over, not kept */
    assert_int_equal(im.orientation, 1);
    assert_memory_equal(to.pixels, r.expected, r.expected_n);
    free(large);
    buf_free(&b);
    free(to.pixels);
    record_fini(&r);
}

/* The golden progressive picture with one of its scans repeated many times: the same pixels, at any price in time. */
static void test_many_scans(void **state)
{
    (void)state;
    FILE *f = golden_open("pillow.bin");
    struct record r;
    const uint8_t *last = NULL;
    while (!last && record_next(f, &r)) {
        if (r.kind == RECORD_DECODE && r.file[0] == 0xff && memmem(r.file, r.w, "\xff\xc2", 2)) {
            for (const uint8_t *at = r.file; (at = memmem(at, r.w - (size_t)(at - r.file), "\xff\xda", 2)); at++) {
                last = at;
            }
        } else {
            record_fini(&r);
        }
    }
    fclose(f);
    assert_non_null(last);
    size_t before = (size_t)(last - r.file), scan = r.w - before - 2;
    struct buf b = {0};
    buf_add(&b, r.file, before);
    for (int i = 0; i < 3000; i++) {
        /* A first pass over the last band with no bits set says the same each time. */
        buf_add(&b, last, scan);
    }
    buf_add(&b, "\xff\xd9", 2);
    struct placed to = {0};
    struct image im;
    struct err e;
    assert_int_equal(decode(b.data, b.len, &to, &im, &e), RC_INPUT);
    assert_true(e.code == ERR_IMAGE_LIMIT || e.code == ERR_FILE_CORRUPT);
    buf_free(&b);
    free(to.pixels);
    record_fini(&r);
}

/* A picture of 8 x 8 pixels whose every scan is in order: only the count stops it. */
static void test_3000_scans(void **state)
{
    (void)state;
    /* 8 x 8 grey, progressive; DC first scan with one code (category 0), then AC scans of an end-of-band each. */
    static const uint8_t head[] = {0xff, 0xd8, 0xff, 0xdb, 0, 67, 0};
    static const uint8_t frame[] = {0xff, 0xc2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0};
    static const uint8_t tables[] = {0xff, 0xc4, 0, 20, 0x00, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                     0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t dc[] = {0xff, 0xda, 0, 8, 1, 1, 0x00, 0, 0, 0x00, 0x7f};
    struct buf b = {0};
    uint8_t ones[64];
    memset(ones, 1, sizeof ones);
    buf_add(&b, head, sizeof head);
    buf_add(&b, ones, sizeof ones);
    buf_add(&b, frame, sizeof frame);
    buf_add(&b, tables, sizeof tables);
    buf_add(&b, dc, sizeof dc);
    size_t sound = b.len;
    for (int scans = 1; scans < 3000; scans++) {
        /* Band k alone, sent first without its 12 low bits and then bit by bit: sound for the first 819 scans. */
        uint8_t k = (uint8_t)(1 + (scans - 1) % 63);
        int round = (scans - 1) / 63 % 13;
        uint8_t high = (uint8_t)(round == 0 ? 0x0c : (13 - round) << 4 | (12 - round));
        uint8_t ac[] = {0xff, 0xda, 0, 8, 1, 1, 0x00, k, k, high, 0x7f};
        buf_add(&b, ac, sizeof ac);
    }
    buf_add(&b, "\xff\xd9", 2);
    refused(b.data, b.len, ERR_IMAGE_LIMIT, "more than 64 scans");
    b.len = sound;
    buf_add(&b, "\xff\xd9", 2);
    struct placed to = {0};
    struct image im;
    struct err e;
    assert_int_equal(decode(b.data, b.len, &to, &im, &e), RC_OK);
    assert_int_equal(im.width_px, 8);
    assert_int_equal(*(uint8_t *)to.pixels, 128);
    free(to.pixels);
    buf_free(&b);
}

static void test_facts(void **state)
{
    (void)state;
    FILE *f = golden_open("pillow.bin");
    struct record r;
    bool saw[17] = {false}, turned = false;
    while (record_next(f, &r)) {
        if (r.kind == RECORD_DECODE) {
            struct placed to = {0};
            struct image im;
            struct err e;
            assert_int_equal(decode(r.file, r.w, &to, &im, &e), RC_OK);
            assert_int_equal(to.calls, 1);
            assert_int_equal(to.bytes, image_bytes(&im));
            assert_int_equal(im.format, image_sniff(r.file, r.w));
            assert_int_equal(im.source_bits, im.format == IMAGE_PNG ? r.file[24] : 8);
            saw[im.source_bits] = true;
            turned = turned || im.orientation == 6;
            free(to.pixels);
        }
        record_fini(&r);
    }
    fclose(f);
    assert_true(saw[1] && saw[2] && saw[4] && saw[8] && saw[16] && turned);
}

static void test_exif(void **state)
{
    (void)state;
    uint8_t little[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 8, 0, 0, 0};
    uint8_t big[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 3, 0, 0};
    assert_int_equal(image_exif_orientation(little, sizeof little), 8);
    assert_int_equal(image_exif_orientation(big, sizeof big), 3);
    for (size_t n = 0; n < sizeof little; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, little, n);
        assert_int_equal(image_exif_orientation(exact, n), 1);
        free(exact);
    }
    little[18] = 9;
    assert_int_equal(image_exif_orientation(little, sizeof little), 1);
    little[18] = 0;
    assert_int_equal(image_exif_orientation(little, sizeof little), 1);
    little[18] = 6;
    little[12] = 4; /* a LONG */
    assert_int_equal(image_exif_orientation(little, sizeof little), 1);
    memset(little + 4, 0xff, 4); /* the table far outside */
    assert_int_equal(image_exif_orientation(little, sizeof little), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown),     cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_turned_bits), cmocka_unit_test(test_limits_before_memory),
        cmocka_unit_test(test_no_room),     cmocka_unit_test(test_png_surplus),
        cmocka_unit_test(test_many_scans),  cmocka_unit_test(test_3000_scans),
        cmocka_unit_test(test_facts),       cmocka_unit_test(test_exif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
