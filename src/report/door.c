/* cairo, pango and qpdf are opened with the first PDF. */
#include "base/file.h"
#include "report/pdf.h"
#include <string.h>

enum { RECORDS_MAX = 200 };

enum rc report_pdf(json_t *const *record, const struct image *const *picture, size_t n, const char *passphrase,
                   struct buf *out, struct err *e)
{
    report_pdf_fn *make = NULL;
    if (n == 0 || n > RECORDS_MAX)
        return err_set(e, ERR_VALUE, "A PDF holds 1 to %d results, not %zu", RECORDS_MAX, n);
    if (passphrase && !*passphrase)
        return err_set(e, ERR_VALUE, "An encrypted PDF needs a passphrase");
    void *symbol = module_symbol("pdf", "report_pdf_impl", e);
    if (!symbol)
        return RC_FAILED;
    memcpy(&make, &symbol, sizeof make); /* ISO C has no conversion from void * to a function */
    return make(record, picture, n, passphrase, out, e);
}
