/* One SMTP delivery with libcurl. Linked into the module "smtp" only. */
#include "mail/smtp.h"
#include "base/text.h"
#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

struct transfer {
    const struct mail_delivery *d;
    size_t sent;
    bool handed_over; /* the last byte was given to libcurl: the final dot may be on its way */
    bool leaving;     /* QUIT was said: what the server answers to it tells nothing */
    char last[160];   /* the server's last line before that */
};

static size_t give(char *to, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t left = t->d->n - t->sent, take = size * n < left ? size * n : left;
    memcpy(to, (const char *)t->d->message + t->sent, take);
    t->sent += take;
    t->handed_over = t->sent == t->d->n; /* libcurl knows the size: it may send the dot without asking again */
    return take;
}

static int hear(CURL *curl, curl_infotype type, char *data, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    char line[sizeof t->last];
    (void)curl;
    if (type == CURLINFO_HEADER_OUT && n >= 4 && memcmp(data, "QUIT", 4) == 0)
        t->leaving = true;
    if (type == CURLINFO_HEADER_IN && n > 3 && !t->leaving) {
        size_t take = n < sizeof line - 1 ? n : sizeof line - 1;
        memcpy(line, data, take);
        line[take] = 0;
        line[strcspn(line, "\r\n")] = 0;
        text_safe(t->last, sizeof t->last, line, false);
    }
    return 0;
}

static int watch(void *ctx, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
    struct transfer *t = ctx;
    (void)dt, (void)dn, (void)ut, (void)un;
    return t->d->cancel && *t->d->cancel && !t->handed_over;
}

/* What the server is told we are: the host's name when it is a plain one. */
static void own_name(char *dst, size_t cap)
{
    if (gethostname(dst, cap) != 0 || !*dst ||
        strspn(dst, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != strlen(dst))
        str_copy(dst, cap, "localhost");
}

static bool set_options(CURL *curl, struct transfer *t, struct curl_slist *to, char *error)
{
    const struct mail_server *s = t->d->server;
    char url[400], name[128] = "", from[300];
    bool implicit = s->port == 465, loopback = mail_host_is_loopback(s->host);
    /* On this machine a server without TLS may be used, but never with a password. */
    long tls = loopback && !*s->user ? CURLUSESSL_TRY : CURLUSESSL_ALL;
    own_name(name, sizeof name - 1);
    bool six = strchr(s->host, ':') && s->host[0] != '[';
    str_format(url, sizeof url, "%s://%s%s%s:%d/%s", implicit ? "smtps" : "smtp", six ? "[" : "", s->host,
               six ? "]" : "", (int)s->port, name);
    str_format(from, sizeof from, "<%s>", t->d->from);
    bool fine = true;
#define SET(option, value) fine = fine && curl_easy_setopt(curl, option, value) == CURLE_OK
    SET(CURLOPT_ERRORBUFFER, error);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_USE_SSL, tls);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (*s->ca_file) {
        SET(CURLOPT_CAINFO, s->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (*s->user) {
        SET(CURLOPT_USERNAME, s->user);
        SET(CURLOPT_PASSWORD, t->d->password);
    }
    SET(CURLOPT_MAIL_FROM, from);
    SET(CURLOPT_MAIL_RCPT, to);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->d->n);
    SET(CURLOPT_READFUNCTION, give);
    SET(CURLOPT_READDATA, t);
    SET(CURLOPT_CONNECTTIMEOUT, (long)s->timeout_s);
    SET(CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)s->timeout_s);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)s->timeout_s);
    SET(CURLOPT_TIMEOUT_MS, (long)(s->timeout_s * 1000 * MAIL_STEPS + (int64_t)(t->d->n / 1024) * MAIL_MS_PER_KIB));
    SET(CURLOPT_VERBOSE, 1L);
    SET(CURLOPT_DEBUGFUNCTION, hear);
    SET(CURLOPT_DEBUGDATA, t);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, watch);
    SET(CURLOPT_XFERINFODATA, t);
#undef SET
    return fine;
}

static bool tls_failed(CURLcode code)
{
    return code == CURLE_USE_SSL_FAILED || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CIPHER ||
           code == CURLE_SSL_ISSUER_ERROR;
}

/* After the last byte was handed over only a definite answer of the server is an answer: 354 (the answer to DATA) or
 * silence means that nobody knows whether the message was taken. */
static enum mail_outcome judge(const struct transfer *t, CURLcode code, long answer, const char *error, struct err *e)
{
    const char *server = t->last[0] ? t->last : error;
    if (code == CURLE_OK)
        return MAIL_SENT;
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        (void)!err_set(e, ERR_CANCELLED, "Sending was stopped before the message was handed over");
        return MAIL_RETRY;
    }
    if (t->handed_over && answer < 400) {
        (void)!err_set(e, ERR_MAIL_UNKNOWN, "The line broke after the message was handed over: %.120s", error);
        return MAIL_UNKNOWN;
    }
    if (tls_failed(code)) {
        (void)!err_set(e, ERR_MAIL_TLS, "No trusted connection to the mail server: %.140s", error);
        return MAIL_RETRY;
    }
    if (code == CURLE_LOGIN_DENIED) {
        (void)!err_set(e, ERR_MAIL_LOGIN, "The mail server refused the sign-in: %.140s", server);
        return answer / 100 == 4 ? MAIL_RETRY : MAIL_DEAD;
    }
    if (answer >= 500) {
        (void)!err_set(e, ERR_MAIL_REFUSED, "The mail server refused the message: %.140s", server);
        return MAIL_DEAD;
    }
    if (answer >= 400)
        (void)!err_set(e, ERR_MAIL_OFFLINE, "The mail server asks to try later: %.140s", server);
    else
        (void)!err_set(e, ERR_MAIL_OFFLINE, "The mail server was not reached: %.140s", error);
    return MAIL_RETRY;
}

enum mail_outcome mail_smtp_deliver(const struct mail_delivery *d, struct err *e)
{
    struct transfer t = {.d = d};
    char error[CURL_ERROR_SIZE] = "", to_address[300];
    enum mail_outcome outcome = MAIL_RETRY;
    str_format(to_address, sizeof to_address, "<%s>", d->to);
    CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    struct curl_slist *to = curl_slist_append(NULL, to_address);
    if (!curl || !to || !set_options(curl, &t, to, error)) {
        (void)!err_set(e, ERR_MAIL_SETUP, "libcurl does not take the settings: %.140s", error);
    } else {
        long answer = 0;
        CURLcode code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
        outcome = judge(&t, code, answer, error[0] ? error : curl_easy_strerror(code), e);
        str_copy(d->reply, d->reply_cap, t.last);
    }
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return outcome;
}
