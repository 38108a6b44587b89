/* Half-filled forms: each person's own, kept over a lock or a dropped line. */
#include "base/file.h"
#include "base/text.h"
#include "station/records.h"

#include <stdlib.h>
#include <string.h>

enum { DRAFT_MAX_BYTES = 256 * 1024, FORM_MAX_BYTES = 80 };

enum rc op_drafts_save(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    const char *form = NULL;
    char *text = NULL;
    enum rc rc = line_arg(c, "form", FORM_MAX_BYTES, &form, e);
    if (!rc && !(text = json_dumps(json_object_get(c->args, "fields"), JSON_COMPACT)))
        rc = err_set(e, ERR_MEMORY, NULL);
    if (!rc && strlen(text) > DRAFT_MAX_BYTES)
        rc = err_set(e, ERR_VALUE, "the draft has %zu bytes, at most %d are kept", strlen(text), DRAFT_MAX_BYTES);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_draft_save(tx, c->user.id, form, text, clock_wall_ms(), e);
    rc = call_end(c, tx, rc, rc ? NULL : json_pack("{s:b}", "ok", 1), "draft", form, e);
    free(text); /* jansson's own allocation */
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
