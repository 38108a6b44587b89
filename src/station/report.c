/* Results as files: one of them, or many by a filter. */
#include "base/secret.h"
#include "base/text.h"
#include "station/handout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_COLUMNS = 78, BATCH_ROWS = 200, EXPORT_ROWS_MAX = 100000 };

static enum rc format_arg(const struct op_call *c, enum report_format *out, struct err *e)
{
    const char *as = arg_text(c, "as", "");
    if (!report_format_find(as, out))
        return err_set(e, ERR_VALUE, "as '%.20s' is not one of txt, json, csv, pdf", as);
    if (arg_bool(c, "encrypt", false) && *out != REPORT_PDF)
        return err_set(e, ERR_VALUE, "only a PDF can be encrypted, not %s", report_format_ext(*out));
    return RC_OK;
}

/* The passphrase is made here, shown once in the answer and kept nowhere. */
static enum rc make_pdf(struct op_call *c, struct handout *h, char *passphrase, size_t cap, struct buf *out,
                        struct err *e)
{
    bool encrypt = arg_bool(c, "encrypt", false);
    enum rc rc = handout_pictures(c, h, REPORT_PICTURE_SIDE_PX, e);
    if (!rc && encrypt)
        rc = report_passphrase(passphrase, cap, e);
    return rc ? rc : handout_pdf(c, h, encrypt ? passphrase : NULL, out, e);
}

static enum rc make_one(struct op_call *c, struct handout *h, enum report_format format, char *passphrase, size_t cap,
                        struct buf *out, struct err *e)
{
    switch (format) {
    case REPORT_TXT:
        return report_text(h->record[0], TEXT_COLUMNS, out, e);
    case REPORT_JSON:
        return report_json(h->record, 1, out, e);
    case REPORT_CSV:
        return report_csv(h->record, 1, true, out, e);
    case REPORT_PDF:
    case REPORT_FORMAT_N:
        break;
    }
    return make_pdf(c, h, passphrase, cap, out, e);
}

enum rc op_results_save(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct handout h = {0};
    struct buf file = {0};
    enum report_format format = REPORT_TXT;
    int64_t id = arg_int(c, "id", 0);
    char subject[40], name[64], passphrase[80] = "";
    enum rc rc = format_arg(c, &format, e);
    if (rc)
        return rc;
    str_format(subject, sizeof(subject), "result %lld", (long long)id);
    rc = call_begin(c, &tx, e);
    if (!rc)
        rc = handout_read(c, tx, &id, 1, &h, e);
    rc = call_end(c, tx, rc, NULL, subject, report_format_ext(format), e);
    if (!rc && h.record)
        rc = make_one(c, &h, format, passphrase, sizeof(passphrase), &file, e);
    if (!rc) {
        handout_name(&h, report_format_ext(format), name, sizeof(name));
        rc = answer_file(c, name, file.data, file.len, e);
    }
    if (!rc)
        rc = answer_set(c,
                        json_pack("{s:s, s:s, s:I, s:s?}", "name", name, "format", report_format_ext(format), "bytes",
                                  (json_int_t)file.len, "passphrase", passphrase[0] ? passphrase : NULL),
                        e);
    secret_wipe(passphrase, sizeof(passphrase));
    buf_free(&file);
    handout_fini(&h);
    return rc;
}

/* --- many --- */

/* An export on its way: rows are read a batch at a time, each in a short transaction of its own, and go straight into
 * the file, so that memory and other writers do not feel how long it is. */
struct export
{
    struct op_call *c;
    enum report_format format;
    struct store_filter filter;
    const char *ordering;
    int64_t rows, total;
    int fd;
};

static enum rc export_page(struct export *x, struct store_tx *tx, const char *after, int64_t size, json_t **out,
                           struct err *e)
{
    struct store_eyes eyes = eyes_of(x->c);
    const struct store_page p = {.page = 1, .size = size, .ordering = x->ordering, .after = after};
    return store_results_list(tx, &eyes, &x->filter, &p, out, e);
}

static enum rc export_row(struct export *x, json_t *record, struct buf *out, struct err *e)
{
    if (x->format == REPORT_CSV)
        return report_csv(&record, 1, x->rows == 0, out, e);
    buf_puts(out, x->rows ? ",\n" : "[\n");
    return report_json(&record, 1, out, e);
}

/* One batch into the file; *after: where the next begins, NULL at the end; owned. */
static enum rc export_batch(struct export *x, char **after, struct err *e)
{
    struct store_tx *tx = NULL;
    struct buf text = {0};
    json_t *page = NULL, *row;
    size_t i;
    enum rc rc = store_begin(x->c->st->records->store, STORE_READ, &tx, e);
    if (!rc)
        rc = export_page(x, tx, *after, BATCH_ROWS, &page, e);
    if (!rc && !*after)
        x->total = json_integer_value(json_object_get(page, "count"));
    json_t *rows = json_object_get(page, "results");
    for (i = 0; !rc && i < json_array_size(rows); i++) {
        json_t *record = NULL;
        row = json_array_get(rows, i);
        rc = result_record(x->c, tx, json_integer_value(json_object_get(row, "id")), &record, e);
        if (!rc)
            rc = export_row(x, record, &text, e);
        json_decref(record);
        x->rows += !rc;
    }
    store_rollback(tx);
    if (!rc)
        rc = fd_write_all(x->fd, text.data, text.len, e);
    mem_free(*after);
    const char *next = json_string_value(json_object_get(page, "after"));
    *after = !rc && next ? mem_strdup(next, e) : NULL;
    if (!rc && next && !*after)
        rc = RC_FAILED;
    buf_free(&text);
    json_decref(page);
    return rc;
}

static enum rc export_rows(struct export *x, struct err *e)
{
    char *after = NULL;
    enum rc rc;
    do {
        rc = export_batch(x, &after, e);
        op_stage(x->c, "exporting", x->rows, x->total);
        if (!rc && x->c->q->job && x->c->q->job->cancel)
            rc = err_set(e, ERR_CANCELLED, NULL);
        if (!rc && x->rows > EXPORT_ROWS_MAX)
            rc = err_set(e, ERR_VALUE, "more than %d results; narrow the filter", EXPORT_ROWS_MAX);
    } while (!rc && after);
    mem_free(after);
    if (!rc && x->format == REPORT_JSON) {
        const char *end = x->rows ? "]\n" : "[]\n";
        rc = fd_write_all(x->fd, end, strlen(end), e);
    }
    if (!rc && x->format == REPORT_CSV && x->rows == 0) { /* the header alone */
        struct buf head = {0};
        rc = report_csv(NULL, 0, true, &head, e);
        if (!rc)
            rc = fd_write_all(x->fd, head.data, head.len, e);
        buf_free(&head);
    }
    return rc;
}

static enum rc export_pdf(struct export *x, char *passphrase, size_t cap, struct err *e)
{
    struct store_tx *tx = NULL;
    struct handout h = {0};
    struct buf file = {0};
    int64_t id[HANDOUT_PDF_MAX];
    json_t *page = NULL;
    enum rc rc = store_begin(x->c->st->records->store, STORE_READ, &tx, e);
    if (!rc)
        rc = export_page(x, tx, NULL, HANDOUT_PDF_MAX, &page, e);
    json_t *rows = json_object_get(page, "results");
    x->total = json_integer_value(json_object_get(page, "count"));
    x->rows = (int64_t)json_array_size(rows);
    if (!rc && x->total > HANDOUT_PDF_MAX)
        rc = err_set(e, ERR_VALUE, "%lld results, a PDF holds at most %d; narrow the filter or export as csv",
                     (long long)x->total, HANDOUT_PDF_MAX);
    if (!rc && x->rows == 0)
        rc = err_set(e, ERR_NOT_FOUND, "no result fits the filter");
    for (size_t i = 0; !rc && i < json_array_size(rows); i++)
        id[i] = json_integer_value(json_object_get(json_array_get(rows, i), "id"));
    if (!rc)
        rc = handout_read(x->c, tx, id, (size_t)x->rows, &h, e);
    store_rollback(tx);
    if (!rc)
        rc = make_pdf(x->c, &h, passphrase, cap, &file, e);
    if (!rc)
        rc = fd_write_all(x->fd, file.data, file.len, e);
    buf_free(&file);
    handout_fini(&h);
    json_decref(page);
    return rc;
}

/* Sealed, from its beginning, the caller's from now on. */
static enum rc export_hand_over(struct export *x, int64_t *bytes, struct err *e)
{
    *bytes = lseek(x->fd, 0, SEEK_END);
    if (fcntl(x->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) ||
        lseek(x->fd, 0, SEEK_SET) < 0)
        return err_sys(e, ERR_INTERNAL, errno, "a file could not be sealed");
    x->c->a->fd = x->fd;
    x->fd = -1;
    return RC_OK;
}

/* Who took what out is on record before it is out. */
static enum rc export_audit(struct export *x, struct err *e)
{
    struct store_tx *tx = NULL;
    char detail[80];
    str_format(detail, sizeof(detail), "%lld as %s", (long long)x->rows, report_format_ext(x->format));
    enum rc rc = call_begin(x->c, &tx, e);
    return call_end(x->c, tx, rc, NULL, "results", detail, e);
}

enum rc op_results_export(struct op_call *c, struct err *e)
{
    struct export x = {.c = c, .fd = -1, .ordering = arg_text(c, "ordering", NULL)};
    struct records *r = NULL;
    int64_t *ids = NULL, bytes = 0;
    char name[64], passphrase[80] = "";
    enum rc rc = format_arg(c, &x.format, e);
    if (!rc && x.format == REPORT_TXT)
        rc = err_set(e, ERR_VALUE, "many results are exported as csv, json or pdf");
    if (!rc)
        rc = records_open(c->st, &r, e);
    if (!rc)
        rc = filter_of(c, &x.filter, &ids, e);
    if (rc)
        goto done;
    x.filter.include_void = x.filter.include_void || (x.filter.id_n > 0 && is_doctor(c));
    str_format(name, sizeof(name), "results.%s", report_format_ext(x.format));
    x.fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (x.fd < 0)
        rc = err_sys(e, ERR_MEMORY, errno, "no memory for a file");
    if (!rc)
        rc = x.format == REPORT_PDF ? export_pdf(&x, passphrase, sizeof(passphrase), e) : export_rows(&x, e);
    if (!rc && x.filter.id_n > (size_t)x.rows)
        rc = err_set(e, ERR_NOT_FOUND, "%zu results named, %lld found", x.filter.id_n, (long long)x.rows);
    if (!rc)
        rc = export_audit(&x, e);
    if (!rc)
        rc = export_hand_over(&x, &bytes, e);
    if (!rc)
        rc = answer_set(c,
                        json_pack("{s:s, s:s, s:I, s:I, s:s?}", "name", name, "format", report_format_ext(x.format),
                                  "rows", (json_int_t)x.rows, "bytes", (json_int_t)bytes, "passphrase",
                                  passphrase[0] ? passphrase : NULL),
                        e);
done:
    secret_wipe(passphrase, sizeof(passphrase));
    if (x.fd >= 0)
        close(x.fd);
    mem_free(ids);
    return rc;
}
