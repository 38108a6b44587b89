/* The door of a delivery: what can be refused before any library is loaded is refused here. */
#include "base/secret.h"
#include "base/text.h"
#include "mail/smtp.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_CAP = 1024 };

void mail_server_from_conf(const struct conf *c, struct mail_server *out)
{
    *out = (struct mail_server){
        .host = conf_text(c, CONF_ID_smtp_host),
        .port = conf_int(c, CONF_ID_smtp_port),
        .timeout_s = conf_int(c, CONF_ID_smtp_timeout_s),
        .user = conf_text(c, CONF_ID_smtp_user),
        .password_file = conf_text(c, CONF_ID_smtp_password_file),
        .ca_file = conf_text(c, CONF_ID_smtp_ca_file),
    };
}

/* Names and literal addresses of this machine only; nothing is looked up, so DNS cannot argue. */
bool mail_host_is_loopback(const char *host)
{
    return str_eq_case(host, "localhost") || str_eq(host, "::1") || str_eq(host, "[::1]") ||
           (str_starts(host, "127.") && strspn(host, "0123456789.") == strlen(host));
}

static bool host_fine(const char *host)
{
    return *host && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == strlen(host);
}

static enum rc read_password(const char *path, char *dst, size_t cap, struct err *e)
{
    struct stat st;
    enum rc rc = RC_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_sys(e, ERR_MAIL_SETUP, errno, "Cannot open the mail password file %s", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077)) {
        rc = err_set(e, ERR_MAIL_SETUP, "The mail password file %s must be a file of mode 0600", path);
    } else {
        ssize_t n = read(fd, dst, cap - 1);
        dst[n > 0 ? n : 0] = 0;
        dst[strcspn(dst, "\r\n")] = 0;
    }
    close(fd);
    return rc;
}

enum mail_outcome mail_send(const struct mail_server *s, const char *from, const char *to, const void *message,
                            size_t n, const volatile bool *cancel, char *reply, size_t reply_cap, struct err *e)
{
    char password[PASSWORD_CAP] = "";
    enum mail_outcome outcome = MAIL_RETRY;
    str_copy(reply, reply_cap, "");
    if (!host_fine(s->host)) {
        (void)!err_set(e, ERR_MAIL_SETUP, "'%s' is not the name of a mail server", s->host);
        goto done;
    }
    if (mail_address_check(from, e) != RC_OK || mail_address_check(to, e) != RC_OK) {
        outcome = MAIL_DEAD;
        goto done;
    }
    if (*s->user && read_password(s->password_file, password, sizeof password, e) != RC_OK)
        goto done;
    mail_smtp_fn *deliver = (mail_smtp_fn *)(uintptr_t)module_symbol("smtp", "mail_smtp_deliver", e);
    if (deliver) {
        struct mail_delivery d = {s, password, from, to, message, n, cancel, reply, reply_cap};
        outcome = deliver(&d, e);
    }
done:
    secret_wipe(password, sizeof password);
    return outcome;
}
