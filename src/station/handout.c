/* Records and pictures on their way out: reports, exports, e-mails. */
#include "station/handout.h"
#include "base/text.h"
#include "station/worker.h"

#include <string.h>
#include <unistd.h>

enum { PICTURE_FILE_MAX_BYTES = 256 << 20 };

enum rc handout_read(struct op_call *c, struct store_tx *tx, const int64_t *id, size_t n, struct handout *out,
                     struct err *e)
{
    struct store_eyes eyes = eyes_of(c);
    *out = (struct handout){.record = mem_zalloc(n, sizeof(json_t *), e), .n = n};
    if (!out->record)
        return RC_FAILED;
    out->stored = mem_zalloc(n, sizeof(*out->stored), e);
    enum rc rc = out->stored ? RC_OK : RC_FAILED;
    for (size_t i = 0; !rc && i < n; i++) {
        rc = result_record(c, tx, id[i], &out->record[i], e);
        if (!rc)
            rc = store_result_picture(tx, &eyes, id[i], &out->stored[i], e);
    }
    if (rc)
        handout_fini(out);
    return rc;
}

void handout_fini(struct handout *h)
{
    for (size_t i = 0; i < h->n; i++) {
        if (h->record)
            json_decref(h->record[i]);
        if (h->picture)
            image_fini(&h->picture[i]);
    }
    mem_free(h->record);
    mem_free(h->stored);
    mem_free(h->picture);
    *h = (struct handout){0};
}

int64_t handout_id(const struct handout *h, size_t i)
{
    return json_integer_value(json_object_get(json_object_get(h->record[i], "result"), "id"));
}

void handout_name(const struct handout *h, const char *ext, char *dst, size_t cap)
{
    if (h->n == 1)
        str_format(dst, cap, "result-%06lld.%s", (long long)handout_id(h, 0), ext);
    else
        str_format(dst, cap, "results-%zu.%s", h->n, ext);
}

static const volatile bool *cancel_of(const struct op_call *c)
{
    return c->q->job ? &c->q->job->cancel : NULL;
}

/* The stored picture, decoded in the cage. */
static enum rc picture_decode(struct op_call *c, struct worker *w, const struct store_picture *p, struct image *whole,
                              struct err *e)
{
    struct intake_file file = {.fd = -1};
    int fd = -1;
    enum rc rc = store_picture_open(c->st->records->store, p->path, &fd, e);
    if (rc)
        return rc;
    rc = intake_from_fd(fd, PICTURE_FILE_MAX_BYTES, &file, e);
    close(fd);
    if (!rc && !str_eq(file.sha256, p->sha256))
        rc = err_set(e, ERR_STORE, "the stored picture is not the one of its record any more");
    if (!rc)
        rc = intake_decode(w->cage, &file, cancel_of(c), whole, e);
    intake_close(&file);
    return rc;
}

static enum rc picture_read(struct op_call *c, struct worker *w, const struct store_picture *p, int32_t side_max_px,
                            struct image *out, struct err *e)
{
    struct image whole = {0};
    enum rc rc = picture_decode(c, w, p, &whole, e);
    if (!rc)
        rc = report_picture(&whole, side_max_px, out, e);
    image_fini(&whole);
    return rc;
}

enum rc handout_bare_picture(struct op_call *c, const struct store_picture *p, struct buf *png, struct err *e)
{
    struct worker *w = NULL;
    struct image whole = {0}, upright = {0};
    enum rc rc = worker_take(c->st, true, &w, e);
    if (!rc)
        rc = picture_decode(c, w, p, &whole, e);
    if (!rc)
        rc = image_orient(&whole, whole.orientation, &upright, e);
    if (!rc)
        rc = image_write_png(&upright, png, e);
    image_fini(&upright);
    image_fini(&whole);
    if (w)
        worker_give(c->st, w);
    return rc;
}

enum rc handout_pictures(struct op_call *c, struct handout *h, int32_t side_max_px, struct err *e)
{
    struct worker *w = NULL;
    h->picture = mem_zalloc(h->n, sizeof(*h->picture), e);
    enum rc rc = h->picture ? worker_take(c->st, true, &w, e) : RC_FAILED;
    for (size_t i = 0; !rc && i < h->n; i++) {
        const volatile bool *cancel = cancel_of(c);
        op_stage(c, "reading", (int64_t)i, (int64_t)h->n);
        rc = cancel && *cancel ? err_set(e, ERR_CANCELLED, NULL)
                               : picture_read(c, w, &h->stored[i], side_max_px, &h->picture[i], e);
    }
    if (w)
        worker_give(c->st, w);
    return rc;
}

enum rc handout_pdf(struct op_call *c, const struct handout *h, const char *passphrase, struct buf *out, struct err *e)
{
    const struct image **picture = mem_zalloc(h->n, sizeof(const struct image *), e);
    if (!picture)
        return RC_FAILED;
    for (size_t i = 0; h->picture && i < h->n; i++)
        picture[i] = &h->picture[i];
    op_stage(c, "writing", 0, 0);
    enum rc rc = report_pdf(h->record, picture, h->n, passphrase, out, e);
    mem_free(picture);
    return rc;
}
