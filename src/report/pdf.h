/* Inside of the module "pdf": its entry, and the encryption. door.c finds the entry by name. */
#ifndef CLINIC_REPORT_PDF_H
#define CLINIC_REPORT_PDF_H

#include "report.h"

typedef enum rc report_pdf_fn(json_t *const *record, const struct image *const *picture, size_t n,
                              const char *passphrase, struct buf *out, struct err *e);
report_pdf_fn report_pdf_impl;

/* plain: a whole PDF. out: the same, AES-256 (PDF 2.0, revision 6), opening only with the passphrase. */
enum rc pdf_lock(const struct buf *plain, const char *passphrase, struct buf *out, struct err *e) MUST_USE;

#endif
