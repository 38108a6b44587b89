/* The one EXIF field the station needs. The block is untrusted: every read is bounded by what is there. */
#include "image_priv.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

static uint32_t read_uint(const uint8_t *p, int bytes, bool big)
{
    uint32_t v = 0;
    for (int i = 0; i < bytes; i++) {
        v = v << 8 | p[big ? i : bytes - 1 - i];
    }
    return v;
}

int32_t image_exif_orientation(const uint8_t *data, size_t n)
{
    if (n < 8) {
        return 1;
    }
    bool big = memcmp(data, "MM", 2) == 0;
    if ((!big && memcmp(data, "II", 2) != 0) || read_uint(data + 2, 2, big) != 42) {
        return 1;
    }
    size_t at = read_uint(data + 4, 4, big);
    if (at > n - 2) {
        return 1;
    }
    size_t entries_n = read_uint(data + at, 2, big);
    at += 2;
    for (size_t i = 0; i < entries_n && n - at >= ENTRY_BYTES; i++, at += ENTRY_BYTES) {
        const uint8_t *entry = data + at;
        if (read_uint(entry, 2, big) != TAG_ORIENTATION) {
            continue;
        }
        uint32_t value = read_uint(entry + 8, 2, big);
        bool sound = read_uint(entry + 2, 2, big) == TYPE_SHORT && read_uint(entry + 4, 4, big) == 1;
        return sound && value >= 1 && value <= 8 ? (int32_t)value : 1;
    }
    return 1;
}
