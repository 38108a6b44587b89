/* Messages as RFC 5322 and RFC 2045 to 2049 want them. */
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "mail.h"
#include <string.h>
#include <time.h>

enum {
    WORD_BYTES = 39, /* 52 base64 characters: with "Subject: " and its frame below the 76 of RFC 2047 */
    LINE_BYTES = 57, /* 76 base64 characters */
    QP_COLUMNS = 73, /* leaves room for one more "=XX" and the soft break */
};

/* A header value is one line of valid UTF-8 without control characters: nothing can start another header. */
static enum rc check_value(const char *name, const char *value, struct err *e)
{
    size_t n = strlen(value);
    if (!utf8_valid(value, n))
        return err_set(e, ERR_VALUE, "The %s of the e-mail is not valid UTF-8", name);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < ' ' || value[i] == 127)
            return err_set(e, ERR_VALUE, "The %s of the e-mail has a line break or control character", name);
    return RC_OK;
}

static bool plain_ascii(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 127 || (s[0] == '=' && s[1] == '?'))
            return false;
    return true;
}

/* As it is when ASCII and short, else encoded words (B), folded between them, never inside a character. */
static void add_words(struct buf *out, const char *text)
{
    size_t n = strlen(text);
    if (plain_ascii(text) && n <= 66) {
        buf_puts(out, text);
        return;
    }
    for (bool first = true; n > 0; first = false) {
        size_t take = n < WORD_BYTES ? n : WORD_BYTES;
        while (take < n && take > 1 && ((unsigned char)text[take] & 0xc0) == 0x80)
            take--;
        buf_puts(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        base64_add(out, text, take);
        buf_puts(out, "?=");
        text += take;
        n -= take;
    }
}

static void add_date(struct buf *out, int64_t wall_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    /* names spelled out here: strftime would use the locale's */
    buf_printf(out, "Date: %.3s, %d %.3s %04d %02d:%02d:%02d +0000\r\n", days + t.tm_wday * 3, t.tm_mday,
               months + t.tm_mon * 3, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void add_header(struct buf *out, const struct mail_message *m)
{
    add_date(out, m->date_ms);
    buf_puts(out, "From: ");
    if (m->from_name && *m->from_name) {
        if (plain_ascii(m->from_name) && strlen(m->from_name) <= 60) {
            buf_putc(out, '"');
            for (const char *p = m->from_name; *p; p++) {
                if (*p == '"' || *p == '\\')
                    buf_putc(out, '\\');
                buf_putc(out, *p);
            }
            buf_putc(out, '"');
        } else {
            add_words(out, m->from_name);
        }
        buf_printf(out, "\r\n <%s>\r\n", m->from);
    } else {
        buf_printf(out, "%s\r\n", m->from);
    }
    buf_printf(out, "To: %s\r\nSubject: ", m->to);
    add_words(out, m->subject);
    buf_printf(out, "\r\nMessage-ID: <%s>\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n", m->message_id);
}

static void add_quoted(struct buf *out, unsigned char c, size_t *column)
{
    if (*column >= QP_COLUMNS) {
        buf_puts(out, "=\r\n");
        *column = 0;
    }
    size_t before = out->len;
    if (c == '=' || c < ' ' || c >= 127)
        buf_printf(out, "=%02X", c);
    else
        buf_putc(out, (char)c);
    *column += out->len - before;
}

static void add_text(struct buf *out, const char *text)
{
    size_t column = 0;
    buf_puts(out, "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    for (const char *p = text; *p; p++) {
        bool line_end = p[0] == '\n' || (p[0] == '\r' && p[1] == '\n');
        if (line_end) {
            p += *p == '\r';
            buf_puts(out, "\r\n");
            column = 0;
        } else if (*p == ' ' && (p[1] == '\n' || p[1] == '\r' || !p[1])) {
            buf_puts(out, "=20"); /* blanks at the end of a line do not survive every server */
        } else {
            add_quoted(out, (unsigned char)*p, &column);
        }
    }
    buf_puts(out, "\r\n");
}

/* RFC 2231 for names beyond ASCII. */
static void add_file_name(struct buf *out, const char *name)
{
    if (plain_ascii(name) && !strpbrk(name, "\"\\")) {
        buf_printf(out, "filename=\"%s\"", name);
        return;
    }
    buf_puts(out, "filename*=UTF-8''");
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._", *p))
            buf_putc(out, (char)*p);
        else
            buf_printf(out, "%%%02X", *p);
}

static void add_part(struct buf *out, const struct mail_part *part)
{
    const char *bytes = part->data;
    buf_printf(out, "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n ",
               part->type);
    add_file_name(out, part->name);
    buf_puts(out, "\r\n\r\n");
    for (size_t at = 0; at < part->n; at += LINE_BYTES) {
        base64_add(out, bytes + at, part->n - at < LINE_BYTES ? part->n - at : LINE_BYTES);
        buf_puts(out, "\r\n");
    }
}

static enum rc check(const struct mail_message *m, struct err *e)
{
    enum rc rc = mail_address_check(m->from, e);
    if (rc == RC_OK)
        rc = mail_address_check(m->to, e);
    if (rc == RC_OK)
        rc = mail_address_check(m->message_id, e);
    if (rc == RC_OK)
        rc = check_value("subject", m->subject, e);
    if (rc == RC_OK && m->from_name)
        rc = check_value("sender's name", m->from_name, e);
    if (rc == RC_OK && !utf8_valid(m->text, strlen(m->text)))
        rc = err_set(e, ERR_VALUE, "The text of the e-mail is not valid UTF-8");
    for (size_t i = 0; rc == RC_OK && i < m->part_n; i++) {
        rc = check_value("attachment's name", m->part[i].name, e);
        if (rc == RC_OK)
            rc = check_value("attachment's type", m->part[i].type, e);
    }
    return rc;
}

enum rc mail_compose(const struct mail_message *m, struct buf *out, struct err *e)
{
    char boundary[SHA256_HEX];
    enum rc rc = check(m, e);
    if (rc != RC_OK)
        return rc;
    add_header(out, m);
    if (m->part_n == 0) {
        add_text(out, m->text);
        return buf_check(out, e);
    }
    /* From the message id, so that a retry sends the very same bytes; "=_" cannot occur in quoted-printable or base64.
     */
    sha256_hex(m->message_id, strlen(m->message_id), boundary);
    boundary[32] = 0;
    buf_printf(out, "Content-Type: multipart/mixed;\r\n boundary=\"=_%s\"\r\n\r\n--=_%s\r\n", boundary, boundary);
    add_text(out, m->text);
    for (size_t i = 0; i < m->part_n; i++) {
        buf_printf(out, "--=_%s\r\n", boundary);
        add_part(out, &m->part[i]);
    }
    buf_printf(out, "--=_%s--\r\n", boundary);
    return buf_check(out, e);
}
