/* What the families that keep records share: the open store, whose eyes a call has, one call as one transaction with
 * its audit row. Private to the room. */
#ifndef CLINIC_STATION_RECORDS_H
#define CLINIC_STATION_RECORDS_H

#include "auth.h"
#include "station/core.h"
#include "store_mail.h"
#include "store_records.h"

#define NOTICE_VERSION "1"
#define NOTICE_TEXT "Research and education. Not a medical device. A qualified person decides; the computer advises."

struct mailbox;
struct records {
    struct store *store;
    struct mailbox *mailbox; /* NULL: no worker runs */
    char **retired;          /* former values of settings: somebody may still be reading them */
    size_t retired_n, retired_cap;
    bool demo;
};
/* The open store; opened by the first call that needs it. */
enum rc records_open(struct station *st, struct records **out, struct err *e) MUST_USE;
void records_close(struct station *st); /* before the station is made anew, or at the end */

/* What the caller's powers, as far as the row admits them, may see. */
struct store_eyes eyes_of(const struct op_call *c);
bool is_doctor(const struct op_call *c);

/* A transaction of the kind the row's effect asks for. */
enum rc call_begin(struct op_call *c, struct store_tx **tx, struct err *e) MUST_USE;
/* Ends it: with rc == RC_OK the audit row (unless the row only reads), commit and the answer `owned` (may be NULL);
 * else rollback. Takes tx and `owned` in any case; returns rc or what went wrong. */
enum rc call_end(struct op_call *c, struct store_tx *tx, enum rc rc, json_t *owned, const char *subject,
                 const char *detail, struct err *e) MUST_USE;
/* page, page_size, ordering, after as far as the row has them. */
enum rc page_of(const struct op_call *c, struct store_page *out, struct err *e) MUST_USE;

/* A text argument in one line (or with line ends), valid UTF-8, at most max bytes: ERR_VALUE. NULL when not given. */
enum rc line_arg(const struct op_call *c, const char *name, size_t max, const char **out, struct err *e) MUST_USE;
enum rc lines_arg(const struct op_call *c, const char *name, size_t max, const char **out, struct err *e) MUST_USE;
/* Midnight or moment of a date argument, 0 when not given. end: the day after, for "until and including". */
enum rc date_arg(const struct op_call *c, const char *name, bool end, int64_t *out, struct err *e) MUST_USE;
int64_t today_ms(void); /* local midnight */
/* "doctor", "administrator+doctor" -> bits. ERR_VALUE. */
enum rc roles_parse(const char *text, unsigned *out, struct err *e) MUST_USE;
enum role roles_first(unsigned roles); /* the one that names the person: doctor, administrator, researcher, patient */

/* The answer of results.show, with the disclaimer and the site's name: what reports are made of, too. */
enum rc result_record(struct op_call *c, struct store_tx *tx, int64_t id, json_t **out, struct err *e) MUST_USE;
/* Filter from the arguments of results.list and results.export. ids: room for the numbers, owned by the caller
 * (mem_free). */
enum rc filter_of(const struct op_call *c, struct store_filter *out, int64_t **ids, struct err *e) MUST_USE;
/* A sealed memfd of the bytes, for a->fd. */
enum rc answer_file(struct op_call *c, const char *name, const void *data, size_t n, struct err *e) MUST_USE;

/* An analysis as rows of the store: what was said, and whether the class is one of concern (the positive class, or what
 * the passport marks so). detail: the parts kept whole, owned by the caller; everything else is borrowed from a, name
 * and path. */
struct analysis;
struct analysis_rows {
    struct store_image image;
    struct store_result result;
    json_t *detail;
};
enum rc analysis_rows(struct station *st, const struct analysis *a, const char *name, const char *path,
                      struct analysis_rows *out, struct err *e) MUST_USE;
/* Puts the picture's bytes into the store. */
enum rc analysis_keep_picture(struct station *st, const struct analysis *a, int64_t at, char path[STORE_PATH_CAP],
                              struct err *e) MUST_USE;

/* The sender: takes what is due from the outbox, one message after another. Counts are added to. */
struct mailbox_counts {
    int64_t sent, retry, dead, unknown;
};
enum rc mailbox_flush(struct station *st, const volatile bool *cancel, struct mailbox_counts *out,
                      struct err *e) MUST_USE;
/* A thread that flushes whenever something is due. */
enum rc mailbox_start(struct station *st, struct err *e) MUST_USE;
void mailbox_stop(struct station *st);
void mailbox_wake(struct station *st); /* something was queued; fine without a worker */

/* Accounts, patients and analysed samples of a demo station; names what it made in `accounts`. */
enum rc demo_fill(struct op_call *c, json_t *accounts, struct err *e) MUST_USE;

#endif
