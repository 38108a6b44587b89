/* One call as one transaction: whose eyes, which page, the audit row, the answer. Together with the column `who` of
 * ops.def and the scopes of the store this is the whole policy. */
#include "base/file.h"
#include "base/text.h"
#include "station/records.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static unsigned powers(const struct op_call *c)
{
    return (unsigned)c->user.role & (unsigned)c->row->who;
}

bool is_doctor(const struct op_call *c)
{
    return (powers(c) & ROLE_DOCTOR) != 0;
}

struct store_eyes eyes_of(const struct op_call *c)
{
    struct store_eyes eyes = {.scope = STORE_OWN, .user_id = c->user.id};
    if (powers(c) & ROLE_DOCTOR)
        eyes.scope = STORE_ALL;
    else if (powers(c) & ROLE_RESEARCHER)
        eyes.scope = STORE_DEIDENTIFIED;
    return eyes;
}

enum rc call_begin(struct op_call *c, struct store_tx **tx, struct err *e)
{
    struct records *r = NULL;
    *tx = NULL;
    enum rc rc = records_open(c->st, &r, e);
    return rc ? rc : store_begin(r->store, c->row->effect == OP_READS ? STORE_READ : STORE_WRITE, tx, e);
}

enum rc call_end(struct op_call *c, struct store_tx *tx, enum rc rc, json_t *owned, const char *subject,
                 const char *detail, struct err *e)
{
    if (!rc && c->row->effect != OP_READS)
        rc = store_audit_add(tx, clock_wall_ms(), c->user.id, c->row->name, subject, detail, e);
    if (rc)
        store_rollback(tx);
    else
        rc = store_commit(tx, e);
    if (rc || !owned) {
        json_decref(owned);
        return rc;
    }
    return answer_set(c, owned, e);
}

enum rc page_of(const struct op_call *c, struct store_page *out, struct err *e)
{
    const struct conf *conf = NULL;
    enum { PAGE_MAX = 1000000000, SIZE_MAX_ROWS = 500 };
    enum rc rc = station_conf(c->st, &conf, e);
    if (rc)
        return rc;
    *out = (struct store_page){.ordering = arg_text(c, "ordering", NULL), .after = arg_text(c, "after", NULL)};
    if (out->after && !*out->after)
        out->after = NULL;
    rc = arg_int_in(c, "page", 1, PAGE_MAX, 1, &out->page, e);
    return rc ? rc : arg_int_in(c, "page_size", 1, SIZE_MAX_ROWS, conf_int(conf, CONF_ID_page_size), &out->size, e);
}

static enum rc text_arg(const struct op_call *c, const char *name, size_t max, bool lines, const char **out,
                        struct err *e)
{
    *out = arg_text(c, name, NULL);
    if (!*out)
        return RC_OK;
    size_t n = strlen(*out);
    if (n > max)
        return err_set(e, ERR_VALUE, "%s has %zu bytes, expected at most %zu", name, n, max);
    if (!utf8_valid(*out, n))
        return err_set(e, ERR_VALUE, "%s is not valid UTF-8", name);
    for (const char *s = *out; *s; s++)
        if (((unsigned char)*s < 0x20 || *s == 0x7F) && !(lines && (*s == '\n' || *s == '\t')))
            return err_set(e, ERR_VALUE, "%s holds a control character", name);
    return RC_OK;
}

enum rc line_arg(const struct op_call *c, const char *name, size_t max, const char **out, struct err *e)
{
    return text_arg(c, name, max, false, out, e);
}

enum rc lines_arg(const struct op_call *c, const char *name, size_t max, const char **out, struct err *e)
{
    return text_arg(c, name, max, true, out, e);
}

int64_t today_ms(void)
{
    int64_t now = clock_wall_ms(), midnight = now;
    return clock_parse_human("T", now, &midnight) ? midnight : now;
}

enum rc date_arg(const struct op_call *c, const char *name, bool end, int64_t *out, struct err *e)
{
    const char *text = arg_text(c, name, NULL);
    *out = 0;
    if (!text || !*text)
        return RC_OK;
    bool moment = strchr(text, ':') != NULL;
    if (!(moment ? clock_parse_iso(text, out) : clock_parse_human(text, clock_wall_ms(), out)))
        return err_set(e, ERR_VALUE, "%s: '%.60s' is not a date", name, text);
    if (end)
        *out += moment ? 1 : 24 * 3600 * 1000;
    return RC_OK;
}

enum role roles_first(unsigned roles)
{
    static const enum role order[] = {ROLE_DOCTOR, ROLE_ADMIN, ROLE_RESEARCHER, ROLE_PATIENT};
    for (size_t i = 0; i < ARRAY_N(order); i++)
        if (roles & order[i])
            return order[i];
    return ROLE_NONE;
}

enum rc roles_parse(const char *text, unsigned *out, struct err *e)
{
    char word[24];
    *out = 0;
    for (const char *s = text; *s; s += strspn(s, "+, ")) {
        size_t n = strcspn(s, "+, ");
        enum role role = ROLE_NONE;
        str_format(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), s);
        if (!role_find(word, &role))
            return err_set(e, ERR_VALUE, "role '%.20s' is not one of patient, doctor, researcher, administrator", word);
        *out |= role;
        s += n;
    }
    return *out ? RC_OK : err_set(e, ERR_VALUE, "no role given");
}

enum rc answer_file(struct op_call *c, const char *name, const void *data, size_t n, struct err *e)
{
    int fd = memfd_create(path_base(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_sys(e, ERR_MEMORY, errno, "no memory for a file of %zu bytes", n);
    enum rc rc = fd_write_all(fd, data, n, e);
    if (!rc && (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) ||
                lseek(fd, 0, SEEK_SET) < 0))
        rc = err_sys(e, ERR_INTERNAL, errno, "a file could not be sealed");
    if (rc) {
        close(fd);
        return rc;
    }
    if (c->a->fd >= 0)
        close(c->a->fd);
    c->a->fd = fd;
    return RC_OK;
}
