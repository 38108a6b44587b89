/* Whatever the bytes are, what comes out of base/text.h is valid UTF-8, fits, and cannot drive a terminal. */
#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void harmless(const char *s, bool ascii_only)
{
    demand(utf8_valid(s, strlen(s)));
    while (*s) {
        uint32_t c = utf8_next(&s);
        demand(c >= 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA0) && !(c >= 0x202A && c <= 0x202E));
        demand(!ascii_only || c < 0x7F);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char src[512], safe[512], out[512], again[512];
    if (n < 2)
        return 0;
    size_t cap = 1 + data[0] % 200, columns = data[1] % 100, len = n - 2 < sizeof(src) - 1 ? n - 2 : sizeof(src) - 1;
    memcpy(src, data + 2, len);
    src[len] = '\0';

    text_safe(out, cap, src, false);
    demand(strlen(out) < cap);
    harmless(out, false);
    text_safe(out, cap, src, true);
    harmless(out, true);

    text_safe(safe, sizeof(safe), src, false);
    text_safe(again, sizeof(again), safe, false);
    demand(strcmp(safe, again) == 0);
    text_fit(out, sizeof(out), safe, columns);
    demand(text_columns(out) <= columns);
    harmless(out, false);
    text_fit(out, cap, safe, columns);
    demand(strlen(out) < cap);

    text_fold(out, sizeof(out), src);
    text_fold(again, sizeof(again), out);
    demand(utf8_valid(out, strlen(out)));
    demand(strlen(out) + 8 >= sizeof(out) || strcmp(out, again) == 0);

    int64_t ms, i64;
    double f64;
    char iso[32];
    if (clock_parse_iso(src, &ms)) {
        clock_iso(iso, sizeof(iso), ms);
        demand(clock_parse_iso(iso, &i64) && i64 == ms - (ms % 1000 + 1000) % 1000);
    }
    if (clock_parse_human(src, 1772446440000, &ms))
        demand(ms % 1000 == 0);
    if (str_to_i64(src, -1000, 1000, &i64))
        demand(i64 >= -1000 && i64 <= 1000);
    if (str_to_f64(src, -1, 1, &f64))
        demand(f64 >= -1 && f64 <= 1);
    str_copy(out, cap, src);
    demand(strlen(out) < cap && str_distance(src, src) == 0);
    return 0;
}
