/* Reports of results: text, CSV, JSON, PDF. Takes plain records, knows nothing of the store. The disclaimer and what
 * the figures were measured on stand in every form. */
#ifndef CLINIC_REPORT_H
#define CLINIC_REPORT_H

#include "image.h"
#include <jansson.h>

/* The record is the answer object of results.show (include/station.h, ops.def): result, image, patient (or null),
 * scores, recommendations, model (id, version, sha256), passport_line, review (or null), disclaimer; plus site_name,
 * made_at. */
enum report_format { REPORT_TXT, REPORT_JSON, REPORT_CSV, REPORT_PDF, REPORT_FORMAT_N };
bool report_format_find(const char *name, enum report_format *out);
const char *report_format_ext(enum report_format f);
const char *report_format_mime(enum report_format f);

enum rc report_text(json_t *record, int columns, struct buf *out, struct err *e) MUST_USE; /* 78 columns usual */
/* Header line when header; fields quoted by RFC 4180, and a leading = + - @ tab CR is defused with an apostrophe. */
enum rc report_csv(json_t *const *record, size_t n, bool header, struct buf *out, struct err *e) MUST_USE;
enum rc report_json(json_t *const *record, size_t n, struct buf *out, struct err *e) MUST_USE;
/* A picture as reports and e-mails hold it: upright, 8 bits, grey or RGB, at most side_max_px a side; 16-bit grey is
 * stretched over the levels that are there. Owns its pixels. */
enum { REPORT_PICTURE_SIDE_PX = 760 };
enum rc report_picture(const struct image *in, int32_t side_max_px, struct image *out, struct err *e) MUST_USE;
/* A4, one result per page (more when notes need it): header with site, patient, study; picture; class with confidence
 * bar; all scores; operating point; network name and version; what the figures were measured on; reader and signature
 * lines; disclaimer; page numbers. pango for any script; at most 150 kB for one result. picture or picture[i] may be
 * NULL; n at most 200. passphrase: AES-256 (libqpdf) or NULL. Module "pdf". */
enum rc report_pdf(json_t *const *record, const struct image *const *picture, size_t n, const char *passphrase,
                   struct buf *out, struct err *e) MUST_USE;
/* Six random words or groups a person can read out over the phone; at least 60 bits. */
enum rc report_passphrase(char *dst, size_t cap, struct err *e) MUST_USE;

#endif
