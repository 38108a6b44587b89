/* The table of formats, and words for a passphrase. */
#include "base/secret.h"
#include "base/text.h"
#include "report.h"
#include <string.h>

static const struct {
    const char *name, *mime;
} formats[REPORT_FORMAT_N] = {
    [REPORT_TXT] = {"txt", "text/plain; charset=UTF-8"},
    [REPORT_JSON] = {"json", "application/json"},
    [REPORT_CSV] = {"csv", "text/csv; charset=UTF-8"},
    [REPORT_PDF] = {"pdf", "application/pdf"},
};

bool report_format_find(const char *name, enum report_format *out)
{
    for (int i = 0; i < REPORT_FORMAT_N; i++)
        if (str_eq_case(formats[i].name, name)) {
            *out = (enum report_format)i;
            return true;
        }
    return false;
}

const char *report_format_ext(enum report_format f)
{
    return formats[f].name;
}

const char *report_format_mime(enum report_format f)
{
    return formats[f].mime;
}

/* Syllables that sound apart over a bad line: no b/p/d/t/v/m/n pairs to confuse beside each other, no q, x, y. 16
 * consonants x 4 vowels: 6 bits a syllable. */
enum { GROUPS = 6, SYLLABLES = 2 };

enum rc report_passphrase(char *dst, size_t cap, struct err *e)
{
    static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aiou";
    unsigned char random[GROUPS * SYLLABLES];
    struct buf out = {0};
    secret_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        if (i > 0 && i % SYLLABLES == 0)
            buf_putc(&out, '-');
        buf_putc(&out, consonants[random[i] >> 4]);
        buf_putc(&out, vowels[random[i] >> 2 & 3]);
    }
    enum rc rc = buf_check(&out, e);
    if (rc == RC_OK && !str_copy(dst, cap, out.data))
        rc = err_set(e, ERR_INTERNAL, "no room for the passphrase");
    secret_wipe(random, sizeof random);
    if (out.data)
        secret_wipe(out.data, out.cap);
    buf_free(&out);
    return rc;
}
