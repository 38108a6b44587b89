#include "base/text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shortens s[0..n) so that it does not end inside a UTF-8 sequence. */
static size_t whole_characters(const char *s, size_t n)
{
    size_t start = n;
    while (start > 0 && n - start < 3 && ((unsigned char)s[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return n;
    unsigned char lead = (unsigned char)s[start - 1];
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return n - (start - 1) < length ? start - 1 : n;
}

bool str_copy(char *dst, size_t cap, const char *src)
{
    if (cap == 0)
        return false;
    size_t n = strnlen(src, cap);
    bool fits = n < cap;
    if (!fits)
        n = whole_characters(src, cap - 1);
    memmove(dst, src, n);
    dst[n] = '\0';
    return fits;
}

bool str_format(char *dst, size_t cap, const char *fmt, ...)
{
    if (cap == 0)
        return false;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(dst, cap, fmt, args);
    va_end(args);
    if (n < 0) {
        dst[0] = '\0';
        return false;
    }
    if ((size_t)n < cap)
        return true;
    dst[whole_characters(dst, cap - 1)] = '\0';
    return false;
}

bool str_eq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

bool str_eq_case(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    while (*a && ascii_lower(*a) == ascii_lower(*b))
        a++, b++;
    return ascii_lower(*a) == ascii_lower(*b);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
    const char *digits = s + (*s == '-' || *s == '+');
    if (*digits < '0' || *digits > '9')
        return false;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || *end || v < min || v > max)
        return false;
    *out = v;
    return true;
}

/* The shape of a decimal number, so that "inf", "nan", hexadecimal and blanks never reach strtod. */
static bool decimal(const char *s)
{
    size_t digits = 0;
    s += *s == '-' || *s == '+';
    for (; *s >= '0' && *s <= '9'; s++)
        digits++;
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++)
            digits++;
    if (digits == 0)
        return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (*s < '0' || *s > '9')
            return false;
        while (*s >= '0' && *s <= '9')
            s++;
    }
    return *s == '\0';
}

bool str_to_f64(const char *s, double min, double max, double *out)
{
    if (!decimal(s))
        return false;
    /* strtod takes the decimal point of the locale: give it that one. */
    const char *point = localeconv()->decimal_point, *dot = strchr(s, '.');
    char local[400];
    if (dot && !str_eq(point, ".")) {
        if (!str_format(local, sizeof(local), "%.*s%s%s", (int)(dot - s), s, point, dot + 1))
            return false;
        s = local;
    }
    char *end;
    double v = strtod(s, &end);
    if (*end || !isfinite(v) || v < min || v > max)
        return false;
    *out = v;
    return true;
}

size_t str_distance(const char *a, const char *b)
{
    enum { LONGEST = 255 };
    size_t a_n = strnlen(a, LONGEST), b_n = strnlen(b, LONGEST);
    unsigned row[LONGEST + 1];
    for (unsigned j = 0; j <= b_n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_n; j++) {
            unsigned change = diagonal + (ascii_lower(a[i - 1]) != ascii_lower(b[j - 1]));
            unsigned gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[b_n];
}
