/* What a character is and does: the only owner of libunistring. */
#include "base/text.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <uniwidth.h>

int utf8_columns(uint32_t c)
{
    if (c >= 0x20 && c < 0x7F)
        return 1;
    int n = uc_width(c, "UTF-8");
    return n < 0 ? 0 : n;
}

size_t text_columns(const char *s)
{
    size_t columns = 0;
    while (*s)
        columns += (size_t)utf8_columns(utf8_next(&s));
    return columns;
}

/* Code points that move the cursor, turn the reading direction, or are there without being seen. */
static bool dangerous(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } bad[] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x34F, 0x34F},     {0x61C, 0x61C},
        {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180E, 0x180E}, {0x200B, 0x200B},   {0x200E, 0x200F},
        {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
        {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
    };
    for (size_t i = 0; i < ARRAY_N(bad); i++)
        if (c >= bad[i].first && c <= bad[i].last)
            return true;
    return false;
}

/* Appends one code point if it fits together with the NUL. */
static bool put(char *dst, size_t cap, size_t *len, uint32_t c)
{
    char bytes[4];
    size_t n = utf8_put(bytes, c);
    if (*len + n >= cap)
        return false;
    memcpy(dst + *len, bytes, n);
    *len += n;
    return true;
}

char *text_safe(char *dst, size_t cap, const char *src, bool ascii_only)
{
    enum { JOINER_OFF = 0x200C, JOINER_ON = 0x200D, REPLACEMENT = 0xFFFD, MARKS_MAX = 6 };
    size_t len = 0;
    uint32_t before = 0;
    int marks = 0;
    if (cap == 0)
        return dst;
    while (*src) {
        uint32_t c = utf8_next(&src);
        bool joiner = c == JOINER_OFF || c == JOINER_ON;
        marks = c >= 0x300 && !joiner && utf8_columns(c) == 0 ? marks + 1 : 0;
        /* A joiner belongs between letters of a script that joins; a stack of marks paints over other lines. */
        if (dangerous(c) || (joiner && before < 0x600) || marks > MARKS_MAX || (ascii_only && c > 0x7E))
            c = '?';
        if (!put(dst, cap, &len, c))
            break;
        before = c;
    }
    dst[len] = '\0';
    return dst;
}

char *text_fit(char *dst, size_t cap, const char *src, size_t columns)
{
    if (cap == 0)
        return dst;
    if (text_columns(src) <= columns && strlen(src) < cap) {
        str_copy(dst, cap, src);
        return dst;
    }
    bool ascii = true;
    for (const char *s = src; *s; s++)
        ascii = ascii && (unsigned char)*s < 0x80;
    size_t dots = ascii ? 3 : 1, dots_bytes = 3;
    if (dots > columns)
        dots = dots_bytes = columns;
    if (dots_bytes >= cap)
        dots = dots_bytes = ascii ? cap - 1 : 0;
    size_t len = 0, used = 0;
    while (*src) {
        uint32_t c = utf8_next(&src);
        size_t wide = (size_t)utf8_columns(c);
        if (used + wide + dots > columns || !put(dst, cap - dots_bytes, &len, c))
            break;
        used += wide;
    }
    for (size_t i = 0; i < dots; i++)
        put(dst, cap, &len, ascii ? '.' : 0x2026);
    dst[len] = '\0';
    return dst;
}

/* Letters that Unicode does not take apart, as people type them on a keyboard without them. */
static const char *plain_letters(uint32_t c)
{
    static const struct {
        uint32_t c;
        const char *plain;
    } letters[] = {{0xDF, "ss"}, {0x1E9E, "ss"}, {0xE6, "ae"},  {0x153, "oe"},      {0xF8, "o"},
                   {0x142, "l"}, {0x111, "d"},   {0xF0, "d"},   {0xFE, "th"},       {0x131, "i"},
                   {0x127, "h"}, {0x14B, "ng"},  {0x2019, "'"}, {0x3C2, "\xCF\x83"}};
    for (size_t i = 0; i < ARRAY_N(letters); i++)
        if (letters[i].c == c)
            return letters[i].plain;
    return NULL;
}

struct folding {
    char *dst;
    size_t cap, len;
    bool blank, full;
};

static void fold_put(struct folding *f, uint32_t c)
{
    if (f->full)
        return;
    if (f->blank && f->len > 0)
        f->full = !put(f->dst, f->cap, &f->len, ' ');
    f->blank = false;
    f->full = f->full || !put(f->dst, f->cap, &f->len, c);
}

/* depth guards against a decomposition that would contain itself; Unicode's deepest is 4. */
static void fold_one(struct folding *f, uint32_t c, int depth)
{
    if (uc_is_property_white_space(c)) {
        f->blank = true;
        return;
    }
    if (c > 0x7F) {
        int tag, class = uc_combining_class(c);
        ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
        /* Accents (200 and above), Hebrew points and Arabic vowel signs (10 to 36); signs that spell stay. */
        if (class >= 200 || (class >= 10 && class <= 36) || uc_is_general_category(c, UC_FORMAT))
            return;
        bool syllable = c >= 0xAC00 && c <= 0xD7A3; /* Hangul: one character is the form people type */
        int n = depth < 8 && !syllable ? uc_decomposition(c, &tag, parts) : -1;
        if (n > 0) {
            for (int i = 0; i < n; i++)
                fold_one(f, parts[i], depth + 1);
            return;
        }
    }
    c = c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c) : uc_tolower(c);
    const char *plain = c > 0x7F ? plain_letters(c) : NULL;
    if (!plain)
        fold_put(f, c);
    else
        while (*plain)
            fold_put(f, utf8_next(&plain));
}

char *text_fold(char *dst, size_t cap, const char *src)
{
    if (cap == 0)
        return dst;
    struct folding f = {.dst = dst, .cap = cap};
    while (*src && !f.full)
        fold_one(&f, utf8_next(&src), 0);
    dst[f.len] = '\0';
    return dst;
}
