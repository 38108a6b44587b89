/* Mail: address checks, MIME messages, one SMTP delivery. Level 1: knows nothing of the store or the outbox. */
#ifndef CLINIC_MAIL_H
#define CLINIC_MAIL_H

#include "base/conf.h"

/* One addr-spec, ASCII or UTF-8 local part refused: letters, digits and .!#$%&'*+/=?^_`{|}~- @ domain; at most 254
 * bytes; no blanks, no control characters, no CR/LF, no second address. ERR_MAIL_ADDRESS says what is wrong. */
enum rc mail_address_check(const char *address, struct err *e) MUST_USE;

struct mail_part {
    const char *name; /* file name, any UTF-8 (RFC 2231 when needed) */
    const char *type; /* "application/pdf" */
    const void *data;
    size_t n;
};
struct mail_message {
    const char *from, *to;
    const char *from_name;  /* site name, UTF-8; may be NULL */
    const char *subject;    /* UTF-8, one line (control characters refused) */
    const char *text;       /* UTF-8, LF line ends */
    int64_t date_ms;        /* Date: header */
    const char *message_id; /* "local@domain" without angle brackets; stable over retries */
    const struct mail_part *part;
    size_t part_n;
};
/* RFC 5322/2045: CRLF, lines <= 998 (78 where possible), RFC 2047 subject and names, text quoted-printable, parts
 * base64. No HTML. Header injection (control characters in any header value) is ERR_MAIL_ADDRESS or ERR_VALUE. */
enum rc mail_compose(const struct mail_message *m, struct buf *out, struct err *e) MUST_USE;

struct mail_server {
    const char *host;
    int64_t port, timeout_s;
    const char *user, *password_file; /* file must be 0600 and regular; read here, wiped after use */
    const char *ca_file;              /* "" : the system's */
};
/* A delivery ends within timeout_s * MAIL_STEPS and MAIL_MS_PER_KIB (a line of 64 kbit/s) for each KiB, however slowly
 * the server answers: who holds a message may be told apart from who died with it. */
enum { MAIL_STEPS = 8, MAIL_MS_PER_KIB = 128 };
void mail_server_from_conf(const struct conf *c, struct mail_server *out);
bool mail_host_is_loopback(const char *host);

enum mail_outcome {
    MAIL_SENT,    /* the final dot was answered 250 */
    MAIL_RETRY,   /* nothing was taken: offline, 4xx, TLS trouble */
    MAIL_DEAD,    /* refused for good: 5xx, bad sign-in */
    MAIL_UNKNOWN, /* lost after the final dot was sent and before its answer: never resent without a person */
};
/* One delivery. TLS (STARTTLS, or implicit on 465) with certificate and host checked unless the host is loopback, where
 * plain is allowed when no user is set and the server offers no TLS. reply: the server's last words, safe to show. e
 * says the cause for all but MAIL_SENT. cancel polled; before the final dot it means MAIL_RETRY. Lives in the module
 * "smtp". */
enum mail_outcome mail_send(const struct mail_server *s, const char *from, const char *to, const void *message,
                            size_t n, const volatile bool *cancel, char *reply, size_t reply_cap, struct err *e);

#endif
