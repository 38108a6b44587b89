/* AES-256 over a finished PDF, by libqpdf. Linked into the module "pdf" only. */
#include "base/secret.h"
#include "report/pdf.h"
#include <qpdf/qpdf-c.h>

static enum rc trouble(qpdf_data pdf, struct err *e)
{
    qpdf_error why = qpdf_get_error(pdf);
    return err_set(e, ERR_REPORT, "The PDF could not be encrypted: %.160s",
                   why ? qpdf_get_error_full_text(pdf, why) : "unknown reason");
}

static bool failed(QPDF_ERROR_CODE code)
{
    return (code & QPDF_ERRORS) != 0;
}

enum rc pdf_lock(const struct buf *plain, const char *passphrase, struct buf *out, struct err *e)
{
    char owner[65]; /* nobody keeps it: rights cannot be lifted without the passphrase */
    enum rc rc = RC_OK;
    qpdf_data pdf = qpdf_init();
    if (!pdf)
        return err_set(e, ERR_MEMORY, NULL);
    qpdf_silence_errors(pdf);
    qpdf_set_suppress_warnings(pdf, QPDF_TRUE);
    if (failed(qpdf_read_memory(pdf, "report", plain->data, plain->len, NULL)) || failed(qpdf_init_write_memory(pdf))) {
        rc = trouble(pdf, e);
        goto done;
    }
    secret_random_hex(owner, sizeof owner - 1);
    qpdf_set_r6_encryption_parameters2(pdf, passphrase, owner, QPDF_TRUE, QPDF_TRUE, QPDF_FALSE, QPDF_FALSE, QPDF_FALSE,
                                       QPDF_FALSE, qpdf_r3p_full, QPDF_TRUE);
    secret_wipe(owner, sizeof owner);
    if (failed(qpdf_write(pdf)))
        rc = trouble(pdf, e);
    else
        buf_add(out, (const char *)qpdf_get_buffer(pdf), qpdf_get_buffer_length(pdf));
done:
    qpdf_cleanup(&pdf);
    return rc ? rc : buf_check(out, e);
}
