/* The audit trail, for administrators. */
#include "base/text.h"
#include "station/records.h"

enum rc op_audit_list(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_page p;
    json_t *list = NULL;
    enum rc rc = page_of(c, &p, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_audit_list(tx, arg_text(c, "user", NULL), arg_text(c, "op", NULL), &p, &list, e);
    return call_end(c, tx, rc, list, NULL, NULL, e);
}

enum rc op_audit_verify(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    json_t *verdict = NULL;
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_audit_verify(tx, arg_text(c, "head", NULL), &verdict, e);
    return call_end(c, tx, rc, verdict, NULL, NULL, e);
}
