/* Half-filled forms: each person's own, kept over a lock or a dropped line. */
#include "base/file.h"
#include "base/text.h"
#include "station/records.h"

enum { DRAFT_MAX_BYTES = 256 * 1024, FORM_MAX_BYTES = 80 };

static int add_text(const char *text, size_t n, void *ctx)
{
    struct buf *b = ctx;
    buf_add(b, text, n);
    return b->failed ? -1 : 0;
}

enum rc op_drafts_save(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    const char *form = NULL;
    struct buf text = {0};
    enum rc rc = line_arg(c, "form", FORM_MAX_BYTES, &form, e);
    if (!rc && json_dump_callback(json_object_get(c->args, "fields"), add_text, &text, JSON_COMPACT))
        rc = err_set(e, ERR_MEMORY, NULL);
    if (!rc && text.len > DRAFT_MAX_BYTES)
        rc = err_set(e, ERR_VALUE, "the draft has %zu bytes, at most %d are kept", text.len, DRAFT_MAX_BYTES);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_draft_save(tx, c->user.id, form, text.data, clock_wall_ms(), e);
    rc = call_end(c, tx, rc, rc ? NULL : json_pack("{s:b}", "ok", 1), "draft", form, e);
    buf_free(&text);
    return rc;
}

enum rc op_drafts_load(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    json_t *draft = NULL;
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_draft_load(tx, c->user.id, arg_text(c, "form", ""), &draft, e);
    return call_end(c, tx, rc, draft, NULL, NULL, e);
}

enum rc op_drafts_drop(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    const char *form = NULL;
    enum rc rc = line_arg(c, "form", FORM_MAX_BYTES, &form, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_draft_drop(tx, c->user.id, form, e);
    return call_end(c, tx, rc, rc ? NULL : json_pack("{s:b}", "ok", 1), "draft", form, e);
}
