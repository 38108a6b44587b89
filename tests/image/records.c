#include "records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t *bytes_of(FILE *f, size_t n)
{
    uint8_t *b = malloc(n ? n : 1);
    assert_non_null(b);
    assert_int_equal(fread(b, 1, n, f), n);
    return b;
}

bool record_next(FILE *f, struct record *r)
{
    uint32_t head[8];
    size_t n = fread(head, sizeof head[0], 8, f);
    if (n == 0) {
        return false;
    }
    assert_int_equal(n, 8);
    *r = (struct record){head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7], NULL, NULL};
    r->file = r->kind == RECORD_DECODE ? bytes_of(f, r->w) : NULL;
    r->expected = bytes_of(f, r->expected_n);
    return true;
}

void record_fini(struct record *r)
{
    free(r->file);
    free(r->expected);
    *r = (struct record){0};
}

void golden_path(char *dst, size_t cap, const char *folder, const char *name)
{
    const char *tree = getenv("CLINIC_TEST_TREE");
    snprintf(dst, cap, "%s/%s/%s", tree ? tree : ".", folder, name);
}

FILE *golden_open(const char *name)
{
    char path[4096];
    golden_path(path, sizeof path, "tests/golden/image", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    return f;
}

void noise_fill(uint8_t *out, size_t n)
{
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525U + 1013904223U;
        out[i] = x >> 29 == 0 ? 0 : x >> 29 == 1 ? 255 : (uint8_t)(x >> 16);
    }
}

void *placed_place(void *ctx, size_t bytes)
{
    struct placed *p = ctx;
    p->calls++;
    p->bytes = bytes;
    if (!p->refuse) {
        free(p->pixels);
        p->pixels = malloc(bytes);
    }
    return p->refuse ? NULL : p->pixels;
}
