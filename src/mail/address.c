#include "mail.h"
#include <ctype.h>
#include <string.h>

enum { ADDRESS_MAX = 254, LOCAL_MAX = 64, LABEL_MAX = 63 };

static bool local_part_fine(const char *s, size_t n)
{
    if (n == 0 || n > LOCAL_MAX || s[0] == '.' || s[n - 1] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) &&
            (!strchr(".!#$%&'*+/=?^_`{|}~-", s[i]) || (s[i] == '.' && s[i + 1] == '.')))
            return false;
    return true;
}

static bool domain_fine(const char *s)
{
    size_t label = 0;
    if (!*s)
        return false;
    for (const char *p = s;; p++) {
        if (*p == '.' || !*p) {
            if (label == 0 || label > LABEL_MAX || p[-1] == '-')
                return false;
            label = 0;
            if (!*p)
                return true;
        } else if (isalnum((unsigned char)*p) || (*p == '-' && label > 0)) {
            label++;
        } else {
            return false;
        }
    }
}

enum rc mail_address_check(const char *address, struct err *e)
{
    const char *at = address ? strchr(address, '@') : NULL;
    size_t n = address ? strlen(address) : 0;
    if (n == 0)
        return err_set(e, ERR_MAIL_ADDRESS, "The e-mail address is empty");
    if (n > ADDRESS_MAX)
        return err_set(e, ERR_MAIL_ADDRESS, "The e-mail address has %zu characters, at most %d are allowed", n,
                       ADDRESS_MAX);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)address[i] <= ' ' || (unsigned char)address[i] >= 127)
            return err_set(e, ERR_MAIL_ADDRESS,
                           "The e-mail address has a blank, a line break or a foreign character at place %zu", i + 1);
    if (!at)
        return err_set(e, ERR_MAIL_ADDRESS, "The e-mail address '%.80s' has no @", address);
    if (!local_part_fine(address, (size_t)(at - address)) || !domain_fine(at + 1))
        return err_set(e, ERR_MAIL_ADDRESS, "'%.80s' is not one e-mail address", address);
    return RC_OK;
}
