/* The PNG decoder as the cage calls it; what it lets through also passes conversion and resizing. Each input is tried
 * as it is and with its checksums put right, or the fuzzer would never get past them. */
#include "fuzz_picture.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint32_t crc_of(const uint8_t *p, size_t n)
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

static void put_right(uint8_t *p, size_t n)
{
    for (size_t at = 8; n - at >= 12;) {
        size_t length = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (length > n - at - 12) {
            return;
        }
        uint32_t crc = crc_of(p + at + 4, length + 4);
        for (size_t i = 0; i < 4; i++) {
            p[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        }
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_picture(image_png_decode, data, n);
    uint8_t *copy = malloc(n ? n : 1);
    if (copy && n > 8) {
        memcpy(copy, data, n);
        put_right(copy, n);
        fuzz_picture(image_png_decode, copy, n);
    }
    free(copy);
    return 0;
}
