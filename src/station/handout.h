/* What leaves the station about results: their records and pictures, read within the caller's eyes, made into files.
 * Private to the room. */
#ifndef CLINIC_STATION_HANDOUT_H
#define CLINIC_STATION_HANDOUT_H

#include "report.h"
#include "station/records.h"

enum { HANDOUT_PDF_MAX = 50 };

struct handout {
    json_t **record;              /* answers of results.show, owned */
    struct store_picture *stored; /* where the pictures lie */
    struct image *picture;        /* as reports hold them; NULL until handout_pictures */
    size_t n;
};
/* Inside a transaction: ERR_NOT_FOUND for what these eyes may not see. */
enum rc handout_read(struct op_call *c, struct store_tx *tx, const int64_t *id, size_t n, struct handout *out,
                     struct err *e) MUST_USE;
/* Outside of any transaction: decodes in the cage, shrinks to side_max_px. ERR_STORE when a stored picture is not the
 * one of its record any more, ERR_CANCELLED. */
enum rc handout_pictures(struct op_call *c, struct handout *h, int32_t side_max_px, struct err *e) MUST_USE;
/* The pixels alone, upright, as a PNG: a camera or an archive writes names, numbers and dates into a file's comments.
 * Outside of any transaction. */
enum rc handout_bare_picture(struct op_call *c, const struct store_picture *p, struct buf *png, struct err *e) MUST_USE;
/* out: a PDF of them all, with the pictures when they were read. passphrase: NULL for a plain one. */
enum rc handout_pdf(struct op_call *c, const struct handout *h, const char *passphrase, struct buf *out,
                    struct err *e) MUST_USE;
void handout_fini(struct handout *h);
int64_t handout_id(const struct handout *h, size_t i);
/* "result-000871.pdf", or "results-3.pdf" for three. */
void handout_name(const struct handout *h, const char *ext, char *dst, size_t cap);

#endif
