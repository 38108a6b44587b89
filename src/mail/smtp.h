/* Inside of the mail room: the module's entry, and reading the password. */
#ifndef CLINIC_MAIL_SMTP_H
#define CLINIC_MAIL_SMTP_H

#include "mail.h"

struct mail_delivery {
    const struct mail_server *server;
    const char *password; /* "" without a user */
    const char *from, *to;
    const void *message;
    size_t n;
    const volatile bool *cancel;
    char *reply;
    size_t reply_cap;
};
typedef enum mail_outcome mail_smtp_fn(const struct mail_delivery *d, struct err *e);
mail_smtp_fn mail_smtp_deliver; /* in the module */

#endif
