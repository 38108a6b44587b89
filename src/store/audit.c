/* The audit trail. hash(row) = BLAKE2b-256, keyed with the station's key, of hash(row before) and the row's fields,
 * each with its length before it. Whoever changes, removes or swaps a row without the key breaks the chain there;
 * whoever cuts the end off is found out by the head kept beside the database, or by any head exported before. */
#include "base/file.h"
#include "base/text.h"
#include "store/priv.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEX_N = 2 * BLAKE2B_BYTES + 1, HEAD_MAX = 128 };

static void hex_of(const unsigned char hash[BLAKE2B_BYTES], char hex[HEX_N])
{
    for (size_t i = 0; i < BLAKE2B_BYTES; i++)
        str_format(hex + 2 * i, 3, "%02x", hash[i]);
}

static void add_field(struct buf *b, const void *data, size_t n)
{
    unsigned char length[8];
    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)((uint64_t)n >> (8 * i));
    buf_add(b, length, sizeof(length));
    buf_add(b, data, n);
}

static void add_number(struct buf *b, int64_t v)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)((uint64_t)v >> (8 * i));
    add_field(b, bytes, sizeof(bytes));
}

struct audit_row {
    int64_t id, at, user_id;
    const char *op, *subject, *detail;
};

static enum rc hash_row(const struct store *s, const unsigned char before[BLAKE2B_BYTES], const struct audit_row *r,
                        struct buf *scratch, unsigned char out[BLAKE2B_BYTES], struct err *e)
{
    scratch->len = 0;
    add_field(scratch, before, BLAKE2B_BYTES);
    add_number(scratch, r->id);
    add_number(scratch, r->at);
    add_number(scratch, r->user_id);
    add_field(scratch, r->op, strlen(r->op));
    add_field(scratch, r->subject, strlen(r->subject));
    add_field(scratch, r->detail, strlen(r->detail));
    enum rc rc = buf_check(scratch, e);
    if (!rc)
        blake2b(out, scratch->data, scratch->len, s->key, sizeof(s->key));
    return rc;
}

/* The last row's number and hash; zeros before the first. */
static enum rc last_row(struct store_tx *tx, int64_t *id, unsigned char hash[BLAKE2B_BYTES], struct err *e)
{
    struct db_rows r;
    bool row = false;
    size_t n = 0;
    *id = 0;
    memset(hash, 0, BLAKE2B_BYTES);
    enum rc rc = db_query(tx->db, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", DB_NONE, &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row) {
        *id = db_col_int(&r, 0);
        const void *p = db_col_blob(&r, 1, &n);
        if (n == BLAKE2B_BYTES)
            memcpy(hash, p, n);
    }
    db_rows_end(&r);
    return rc;
}

enum rc store_audit_add(struct store_tx *tx, int64_t at, int64_t user_id, const char *op, const char *subject,
                        const char *detail, struct err *e)
{
    unsigned char before[BLAKE2B_BYTES], hash[BLAKE2B_BYTES];
    struct audit_row row = {
        .at = at, .user_id = user_id, .op = op, .subject = subject ? subject : "", .detail = detail ? detail : ""};
    struct buf scratch = {0};
    enum rc rc = last_row(tx, &row.id, before, e);
    row.id++;
    if (!rc)
        rc = hash_row(tx->store, before, &row, &scratch, hash, e);
    if (!rc)
        rc = db_run(tx->db,
                    "INSERT INTO audit (id, at, user_id, op, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    DB_ARGS(db_i(row.id), db_i(at), db_i(user_id), db_t(row.op), db_t(row.subject), db_t(row.detail),
                            db_b(hash, sizeof(hash))),
                    e);
    if (!rc) {
        tx->audit_rows = row.id;
        memcpy(tx->audit_hash, hash, sizeof(hash));
    }
    buf_free(&scratch);
    return rc;
}

/* One line of a fixed length, written in one call, so that another program reads the old or the new one. Not synced:
 * after a power cut it may know of fewer rows than there are, which is no alarm; it never knows of more. */
void audit_head_write(struct store *s, int64_t rows, const unsigned char hash[BLAKE2B_BYTES])
{
    char path[STORE_PATH_MAX], hex[HEX_N], line[HEAD_MAX];
    if (path_join(path, sizeof(path), s->home, "audit.head", NULL))
        return;
    hex_of(hash, hex);
    str_format(line, sizeof(line), "%020lld:%s\n", (long long)rows, hex);
    pthread_mutex_lock(&s->lock);
    if (rows > s->head_rows) {
        s->head_rows = rows;
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
            (void)!pwrite(fd, line, strlen(line), 0);
            close(fd);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

struct head {
    int64_t rows;
    char hex[HEX_N];
};

static bool head_parse(const char *text, struct head *out)
{
    char number[24];
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof(number))
        return false;
    str_format(number, sizeof(number), "%.*s", (int)(colon - text), text);
    size_t n = strspn(colon + 1, "0123456789abcdef");
    str_format(out->hex, sizeof(out->hex), "%.64s", colon + 1);
    const char *digits = number + strspn(number, "0");
    return n == HEX_N - 1 && str_to_i64(*digits ? digits : "0", 0, INT64_MAX, &out->rows);
}

static bool head_file(const struct store *s, struct head *out)
{
    char path[STORE_PATH_MAX], *text = NULL;
    size_t n = 0;
    if (path_join(path, sizeof(path), s->home, "audit.head", NULL) || file_read(path, 4096, &text, &n, NULL))
        return false;
    bool ok = head_parse(text, out);
    mem_free(text);
    return ok;
}

struct verdict {
    int64_t rows, broken_at;
    char reason[160];
    unsigned char hash[BLAKE2B_BYTES];
};

static void broken(struct verdict *v, int64_t at, const char *reason)
{
    if (v->broken_at)
        return;
    v->broken_at = at;
    str_copy(v->reason, sizeof(v->reason), reason);
}

/* Does the chain pass through this head? */
static void compare_head(struct verdict *v, const struct head *h, int64_t at, const unsigned char hash[BLAKE2B_BYTES])
{
    char hex[HEX_N];
    if (h->rows != at)
        return;
    hex_of(hash, hex);
    if (!secret_equal(hex, h->hex, HEX_N - 1))
        broken(v, at, "the row is not the one of the kept head");
}

static enum rc walk(struct store_tx *tx, const struct head *head, size_t head_n, struct verdict *v, struct err *e)
{
    struct db_rows r;
    struct buf scratch = {0};
    bool row = true;
    enum rc rc =
        db_query(tx->db, "SELECT id, at, user_id, op, subject, detail, hash FROM audit ORDER BY id", DB_NONE, &r, e);
    while (!rc && !v->broken_at) {
        unsigned char want[BLAKE2B_BYTES];
        size_t n = 0;
        rc = db_next(&r, &row, e);
        if (rc || !row)
            break;
        struct audit_row a = {db_col_int(&r, 0),  db_col_int(&r, 1),  db_col_int(&r, 2),
                              db_col_text(&r, 3), db_col_text(&r, 4), db_col_text(&r, 5)};
        if (a.id != v->rows + 1)
            broken(v, v->rows + 1, "a row is missing");
        rc = hash_row(tx->store, v->hash, &a, &scratch, want, e);
        const void *have = db_col_blob(&r, 6, &n);
        if (!rc && (n != BLAKE2B_BYTES || !secret_equal(have, want, BLAKE2B_BYTES)))
            broken(v, a.id, "the row was changed, or the row before it");
        memcpy(v->hash, want, sizeof(want));
        v->rows = a.id;
        for (size_t i = 0; i < head_n; i++)
            compare_head(v, &head[i], a.id, want);
    }
    db_rows_end(&r);
    buf_free(&scratch);
    return rc;
}

enum rc store_audit_verify(struct store_tx *tx, const char *given, json_t **out, struct err *e)
{
    struct verdict v = {0};
    struct head head[2];
    size_t head_n = 0;
    char hex[HEX_N], line[HEAD_MAX];
    *out = NULL;
    if (given && *given && !head_parse(given, &head[head_n++]))
        return err_set(e, ERR_VALUE, "a head reads ROWS:HASH, as 'audit verify' prints it");
    /* Before the first read of this transaction: rows others add meanwhile must not look cut off. */
    bool has_file = head_file(tx->store, &head[head_n]);
    if (has_file)
        head_n++;
    enum rc rc = walk(tx, head, head_n, &v, e);
    if (rc)
        return rc;
    if (!v.broken_at && v.rows > 0 && !has_file)
        broken(&v, v.rows, "the head beside the database is missing or damaged");
    for (size_t i = 0; i < head_n; i++)
        if (head[i].rows > v.rows)
            broken(&v, v.rows + 1, "rows at the end are missing: a kept head knows of more");
    hex_of(v.hash, hex);
    str_format(line, sizeof(line), "%lld:%s", (long long)v.rows, hex);
    *out = json_pack("{s:b, s:I, s:s, s:o, s:o}", "ok", !v.broken_at, "rows", (json_int_t)v.rows, "head", line,
                     "broken_at", v.broken_at ? json_integer(v.broken_at) : json_null(), "reason",
                     v.broken_at ? json_string(v.reason) : json_null());
    return *out ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

enum rc store_audit_list(struct store_tx *tx, const char *user, const char *op, const struct store_page *p,
                         json_t **out, struct err *e)
{
    char fold[128] = "";
    if (user)
        text_fold(fold, sizeof(fold), user);
    struct db_list l = {
        .count =
            "SELECT count(*) FROM audit WHERE (?1 IS NULL OR user_id = (SELECT id FROM users WHERE username_fold = ?1))"
            " AND (?2 IS NULL OR op = ?2 OR op LIKE ?2 || '.%')",
        .rows = "SELECT a.id AS id, a.at AS \"at@\", coalesce(u.username, '') AS user, op, subject, detail"
                " FROM audit a LEFT JOIN users u ON u.id = a.user_id"
                " WHERE (?1 IS NULL OR a.user_id = (SELECT id FROM users WHERE username_fold = ?1))"
                " AND (?2 IS NULL OR op = ?2 OR op LIKE ?2 || '.%') ORDER BY a.id DESC LIMIT ? OFFSET ?",
        .args = DB_ARGS(db_t(user ? fold : NULL), db_t(op)),
    };
    return page_query(tx->db, &l, p, out, e);
}
