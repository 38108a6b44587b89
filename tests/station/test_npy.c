/* NumPy files: what is read and written, and what a hostile header can not do. */
#include "base/file.h"
#include "station/npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A version 1 file with this header text and n data bytes. */
static size_t build(unsigned char *out, size_t cap, const char *header, const void *data, size_t n)
{
    size_t len = strlen(header);
    assert_true(10 + len + n <= cap);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (unsigned char)(len & 0xff);
    out[9] = (unsigned char)(len >> 8);
    memcpy(out + 10, header, len);
    if (n)
        memcpy(out + 10 + len, data, n);
    return 10 + len + n;
}

static enum rc parse(const char *header, const void *data, size_t n, struct npy *out, struct err *e)
{
    static unsigned char bytes[4096];
    size_t total = build(bytes, sizeof(bytes), header, data, n);
    unsigned char *exact = malloc(total); /* so that a sanitizer sees every byte read beyond */
    assert_non_null(exact);
    memcpy(exact, bytes, total);
    enum rc rc = npy_parse(exact, total, out, e);
    free(exact);
    return rc;
}

static void reads_float32(void **state)
{
    (void)state;
    float data[6] = {1, 2, 3, 4, 5, (float)NAN};
    struct npy a;
    struct err e = {0};
    assert_int_equal(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", data, sizeof(data), &a, &e),
                     RC_OK);
    assert_int_equal(a.rank, 2);
    assert_int_equal(a.dim[0], 2);
    assert_int_equal(a.dim[1], 3);
    assert_memory_equal(a.data, data, sizeof(data));
    npy_fini(&a);
    assert_int_equal(parse("{\"shape\":(6,),\"fortran_order\":True,\"descr\":\"=f4\"}", data, sizeof(data), &a, &e),
                     RC_OK);
    assert_int_equal(a.rank, 1);
    npy_fini(&a);
    assert_int_equal(parse("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", data, 4, &a, &e), RC_OK);
    assert_int_equal(a.rank, 0);
    assert_int_equal(a.elements, 1);
    npy_fini(&a);
    assert_int_equal(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}", data, 0, &a, &e), RC_OK);
    assert_int_equal(a.elements, 0);
    npy_fini(&a);
}

static void converts_numbers(void **state)
{
    (void)state;
    static const double f8[2] = {0.5, -3};
    static const int16_t i2[2] = {-7, 300};
    static const uint8_t u1[2] = {0, 255};
    static const int64_t i8[2] = {-1, 1 << 20};
    struct npy a;
    struct err e = {0};
    assert_int_equal(parse("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", f8, sizeof(f8), &a, &e), RC_OK);
    assert_true(a.data[0] == 0.5f && a.data[1] == -3.0f);
    npy_fini(&a);
    assert_int_equal(parse("{'descr': '<i2', 'fortran_order': False, 'shape': (2,)}", i2, sizeof(i2), &a, &e), RC_OK);
    assert_true(a.data[0] == -7.0f && a.data[1] == 300.0f);
    npy_fini(&a);
    assert_int_equal(parse("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", u1, sizeof(u1), &a, &e), RC_OK);
    assert_true(a.data[0] == 0.0f && a.data[1] == 255.0f);
    npy_fini(&a);
    assert_int_equal(parse("{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}", i8, sizeof(i8), &a, &e), RC_OK);
    assert_true(a.data[0] == -1.0f && a.data[1] == 1048576.0f);
    npy_fini(&a);
}

static void hostile_headers(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        "{",
        "{}",
        "{'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U9', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4",
        "{'descr': '<f4444444', 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551617,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999999,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 18446744073709551615)}",
    };
    float one = 1;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct npy a;
        struct err e = {0};
        enum rc rc = parse(headers[i], &one, sizeof(one), &a, &e);
        if (rc != RC_INPUT || e.code != ERR_NPY)
            fail_msg("accepted or wrongly refused: %s (%d %s)", headers[i], (int)rc, e.msg);
        assert_null(a.data);
    }
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[256];
    float data[4] = {1, 2, 3, 4};
    size_t n =
        build(bytes, sizeof(bytes), "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", data, sizeof(data));
    for (size_t cut = 0; cut < n; cut++) {
        struct npy a;
        struct err e = {0};
        unsigned char *exact = malloc(cut ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        assert_int_equal(npy_parse(exact, cut, &a, &e), RC_INPUT);
        free(exact);
    }
    for (size_t at = 0; at < 10; at++) { /* magic, version and length damaged: an answer, never a crash */
        for (int bit = 0; bit < 8; bit++) {
            struct npy a;
            struct err e = {0};
            bytes[at] ^= (unsigned char)(1 << bit);
            enum rc rc = npy_parse(bytes, n, &a, &e);
            assert_true(rc == RC_OK || rc == RC_INPUT);
            npy_fini(&a);
            bytes[at] ^= (unsigned char)(1 << bit);
        }
    }
}

static void round_trip(void **state)
{
    (void)state;
    char path[] = "/tmp/clinic-npy-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    float data[24];
    for (int i = 0; i < 24; i++)
        data[i] = (float)i * 0.37f;
    struct npy out = {.rank = 3, .dim = {2, 3, 4}, .elements = 24, .data = data}, in;
    struct err e = {0};
    assert_int_equal(npy_write(path, &out, &e), RC_OK);
    assert_int_equal(npy_read(path, 1 << 20, &in, &e), RC_OK);
    assert_int_equal(in.rank, 3);
    assert_memory_equal(in.data, data, sizeof(data));
    npy_fini(&in);
    char *text;
    size_t n;
    assert_int_equal(file_read(path, 1 << 20, &text, &n, &e), RC_OK);
    assert_int_equal((n - sizeof(data)) % 64, 0); /* data aligned as numpy.save does */
    mem_free(text);
    struct npy vector = {.rank = 1, .dim = {24}, .elements = 24, .data = data};
    assert_int_equal(npy_write(path, &vector, &e), RC_OK);
    assert_int_equal(npy_read(path, 1 << 20, &in, &e), RC_OK);
    assert_int_equal(in.rank, 1);
    npy_fini(&in);
    assert_int_equal(npy_read(path, 50, &in, &e), RC_INPUT); /* larger than allowed */
    unlink(path);
}

static void memory_runs_out(void **state)
{
    (void)state;
    float data[2] = {1, 2};
    unsigned long fired;
    unsigned long nth = 1;
    do {
        struct npy a;
        struct err e = {0};
        mem_fail_nth(nth);
        enum rc rc = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", data, sizeof(data), &a, &e);
        fired = mem_fail_nth(0);
        assert_true(rc == RC_OK || (rc == RC_FAILED && e.code == ERR_MEMORY));
        npy_fini(&a);
        if (rc == RC_OK)
            break;
    } while (++nth < 20 && fired);
    assert_true(nth > 1 && nth < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_float32),        cmocka_unit_test(converts_numbers), cmocka_unit_test(hostile_headers),
        cmocka_unit_test(every_cut_is_refused), cmocka_unit_test(round_trip),       cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
