/* UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#include "base/text.h"

/* Bytes of the valid sequence at s (at most n), 0 when there is none. A NUL byte ends no sequence early: it is invalid
 * as continuation, so this never reads past the end of a string. */
static size_t decode(const char *s, size_t n, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *u = (const unsigned char *)s;
    if (n == 0)
        return 0;
    if (u[0] < 0x80) {
        *code_point = u[0];
        return 1;
    }
    size_t length = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : 2;
    if (u[0] < 0xC2 || u[0] > 0xF4 || n < length)
        return 0;
    uint32_t v = u[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return 0;
        v = v << 6 | (u[i] & 0x3F);
    }
    if (v < least[length] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return 0;
    *code_point = v;
    return length;
}

bool utf8_valid(const char *s, size_t n)
{
    uint32_t ignored;
    for (size_t i = 0; i < n;) {
        size_t length = decode(s + i, n - i, &ignored);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

uint32_t utf8_next(const char **s)
{
    uint32_t code_point = 0xFFFD;
    size_t length = decode(*s, 4, &code_point);
    *s += length ? length : 1;
    return code_point;
}

size_t utf8_put(char out[4], uint32_t c)
{
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = 0xFFFD;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00u >> length & 0xFF) | c);
    return length;
}
