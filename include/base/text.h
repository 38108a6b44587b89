/* Text: bounded copies, strict number parsing, UTF-8 that is safe to show. UTF-8 everywhere inside the program. */
#ifndef CLINIC_BASE_TEXT_H
#define CLINIC_BASE_TEXT_H

#include "base/mem.h"

#define ARRAY_N(a) (sizeof(a) / sizeof((a)[0]))

/* Copies at most cap-1 bytes, never splitting a UTF-8 sequence; always terminates. False when it was cut. */
bool str_copy(char *dst, size_t cap, const char *src);
bool str_format(char *dst, size_t cap, const char *fmt, ...) PRINTF_LIKE(3, 4); /* false when it was cut */
bool str_eq(const char *a, const char *b);                                      /* NULL equals only NULL */
bool str_eq_case(const char *a, const char *b);                                 /* ASCII case ignored */
bool str_starts(const char *s, const char *prefix);
/* Whole string, no leading blanks, inside [min, max]. */
bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out);
bool str_to_f64(const char *s, double min, double max, double *out); /* '.' decimal point in every locale, finite */
size_t str_distance(const char *a, const char *b); /* edit distance, for "did you mean"; capped at 255 bytes each */

bool utf8_valid(const char *s, size_t n);
/* Decodes one code point at *s (advances it); U+FFFD for an invalid byte. */
uint32_t utf8_next(const char **s);
size_t utf8_put(char out[4], uint32_t code_point);
/* Columns of a code point: 0 combining, 1, or 2 wide; the same in every locale. */
int utf8_columns(uint32_t code_point);
size_t text_columns(const char *s);
/* Makes foreign text safe for a terminal: control characters (line ends and tabs too), bidi overrides, zero-width
 * characters (joiners that scripts need stay) and towers of accents become '?', invalid bytes U+FFFD. ascii_only, for
 * terminals without UTF-8: whatever is not ASCII becomes '?'. Never cut inside a character. Returns dst. */
char *text_safe(char *dst, size_t cap, const char *src, bool ascii_only);
/* At most columns wide; a cut is shown by "..." when src is ASCII, else by U+2026. Returns dst. */
char *text_fit(char *dst, size_t cap, const char *src, size_t columns);
/* Lower case, accents and width variants folded, blanks collapsed: the form names are searched by. */
char *text_fold(char *dst, size_t cap, const char *src);

#endif
