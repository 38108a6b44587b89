/* Opening the store, transactions, pages of lists. */
#include "store.h"

#include "base/file.h"
#include "base/text.h"
#include "store/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever makes the key links a finished file to the name: another program sees the whole key or none. */
static enum rc key_make(const char *path, struct err *e)
{
    char other[STORE_PATH_MAX], tail[40], hex[2 * KEY_N + 2];
    secret_random_hex(hex, 16);
    str_format(tail, sizeof(tail), ".%.16s.%d", hex, (int)getpid());
    if (!str_format(other, sizeof(other), "%s%s", path, tail))
        return err_set(e, ERR_VALUE, "path is longer than %zu bytes", sizeof(other));
    unsigned char key[KEY_N];
    secret_random(key, sizeof(key));
    for (size_t i = 0; i < KEY_N; i++)
        str_format(hex + 2 * i, 3, "%02x", key[i]);
    hex[2 * KEY_N] = '\n';
    enum rc rc = file_write_atomic(other, hex, 2 * KEY_N + 1, 0600, e);
    if (!rc && link(other, path) && errno != EEXIST)
        rc = err_sys(e, ERR_DISK, errno, "cannot make %s", path);
    unlink(other);
    secret_wipe(key, sizeof(key));
    secret_wipe(hex, sizeof(hex));
    return rc;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum rc key_read(const char *home, bool make, unsigned char key[KEY_N], struct err *e)
{
    char path[STORE_PATH_MAX], *text = NULL;
    size_t n = 0;
    enum rc rc = path_join(path, sizeof(path), home, "audit.key", e);
    bool missing = !rc && access(path, F_OK) != 0;
    if (missing)
        rc = make ? key_make(path, e)
                  : err_set(e, ERR_STORE, "%s is missing: put it back from a copy of the station", path);
    if (!rc)
        rc = file_read(path, 4096, &text, &n, e);
    bool ok = !rc && n >= 2 * (size_t)KEY_N;
    for (size_t i = 0; ok && i < KEY_N; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        key[i] = (unsigned char)(ok ? high << 4 | low : 0);
    }
    if (!rc && !ok)
        rc = err_set(e, ERR_STORE, "%s is damaged", path);
    if (text)
        secret_wipe(text, n);
    mem_free(text);
    return rc;
}

static enum rc connect_db(struct store *s, struct db **out, struct err *e)
{
    enum rc rc = db_open(s->path, false, s->pseudonym_key, out, e);
    return rc;
}

enum rc store_open(const char *home, struct store **out, struct err *e)
{
    int newest = 0;
    struct db *db = NULL;
    *out = NULL;
    struct store *s = mem_zalloc(1, sizeof(*s), e);
    if (!s)
        return RC_FAILED;
    pthread_mutex_init(&s->lock, NULL);
    str_copy(s->home, sizeof(s->home), home);
    enum rc rc = path_join(s->path, sizeof(s->path), home, "clinic.db", e);
    if (!rc && access(s->path, F_OK))
        rc = err_set(e, ERR_STORE_MISSING, "no station in %s", home);
    /* Even a look at a chart is recorded: without the right to write there is no station. */
    if (!rc && access(s->path, W_OK))
        rc = err_sys(e, ERR_DISK, errno, "the records in %s cannot be written", home);
    if (!rc)
        rc = migrate_newest(&newest, e);
    if (!rc)
        rc = key_read(home, false, s->key, e);
    if (!rc) {
        static const char label[] = "pseudonyms";
        blake2b(s->pseudonym_key, label, sizeof(label), s->key, sizeof(s->key));
        rc = connect_db(s, &db, e);
    }
    if (!rc)
        rc = migrate_check(db, newest, e);
    if (rc) {
        db_close(db);
        store_close(s);
        return rc;
    }
    s->idle[s->idle_n++] = db;
    *out = s;
    return RC_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->idle_n; i++)
        db_close(s->idle[i]);
    pthread_mutex_destroy(&s->lock);
    secret_wipe(s->key, sizeof(s->key));
    secret_wipe(s->pseudonym_key, sizeof(s->pseudonym_key));
    mem_free(s);
}

const char *store_home(const struct store *s)
{
    return s->home;
}

static void give(struct store *s, struct db *db)
{
    pthread_mutex_lock(&s->lock);
    if (s->idle_n < IDLE_N) {
        s->idle[s->idle_n++] = db;
        db = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    db_close(db);
}

static enum rc take(struct store *s, struct db **out, struct err *e)
{
    *out = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->idle_n > 0)
        *out = s->idle[--s->idle_n];
    pthread_mutex_unlock(&s->lock);
    return *out ? RC_OK : connect_db(s, out, e);
}

enum rc store_begin(struct store *s, enum store_mode mode, struct store_tx **out, struct err *e)
{
    *out = NULL;
    struct store_tx *tx = mem_zalloc(1, sizeof(*tx), e);
    if (!tx)
        return RC_FAILED;
    *tx = (struct store_tx){.store = s, .mode = mode};
    enum rc rc = take(s, &tx->db, e);
    if (!rc)
        rc = db_run(tx->db, mode == STORE_WRITE ? "BEGIN IMMEDIATE" : "BEGIN", DB_NONE, e);
    if (rc) {
        if (tx->db)
            give(s, tx->db);
        mem_free(tx);
        return rc;
    }
    *out = tx;
    return RC_OK;
}

enum rc store_commit(struct store_tx *tx, struct err *e)
{
    enum rc rc = db_run(tx->db, "COMMIT", DB_NONE, e);
    if (rc) {
        store_rollback(tx);
        return rc;
    }
    if (tx->audit_rows)
        audit_head_write(tx->store, tx->audit_rows, tx->audit_hash);
    give(tx->store, tx->db);
    mem_free(tx);
    return RC_OK;
}

void store_rollback(struct store_tx *tx)
{
    if (!tx)
        return;
    /* Some failures (a full disk) have rolled back already; a connection that cannot be cleaned is not used again. */
    struct err ignored = {0};
    if (db_run(tx->db, "ROLLBACK", DB_NONE, &ignored) && ignored.code != ERR_STORE)
        db_close(tx->db);
    else
        give(tx->store, tx->db);
    mem_free(tx);
}

enum rc store_check(struct store *s, struct err *e)
{
    struct store_tx *tx = NULL;
    struct db_rows r = {0};
    bool row = false;
    enum rc rc = store_begin(s, STORE_READ, &tx, e);
    if (rc)
        return rc;
    rc = db_query(tx->db, "PRAGMA integrity_check(1)", DB_NONE, &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row && !str_eq(db_col_text(&r, 0), "ok"))
        rc = err_set(e, ERR_STORE, "integrity check: %.150s", db_col_text(&r, 0));
    db_rows_end(&r);
    if (!rc)
        rc = db_query(tx->db, "PRAGMA foreign_key_check", DB_NONE, &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row)
        rc = err_set(e, ERR_STORE, "table %.60s refers to a row that is not there", db_col_text(&r, 0));
    db_rows_end(&r);
    store_rollback(tx);
    return rc;
}

enum rc page_answer(const struct store_page *p, int64_t count, bool more, json_t *results, const char *after,
                    json_t **out, struct err *e)
{
    int64_t here = (int64_t)json_array_size(results);
    bool next = p->after ? here == p->size : p->page * p->size < count || (more && here == p->size);
    *out = json_pack("{s:I, s:o, s:o, s:o}", "count", (json_int_t)count, "next",
                     next && !p->after ? json_integer(p->page + 1) : json_null(), "previous",
                     p->page > 1 && !p->after ? json_integer(p->page - 1) : json_null(), "results", results);
    if (!*out)
        return err_set(e, ERR_MEMORY, NULL);
    if ((more && json_object_set_new(*out, "count_more", json_true())) ||
        (after && next && json_object_set_new(*out, "after", json_string(after)))) {
        json_decref(*out);
        *out = NULL;
        return err_set(e, ERR_MEMORY, NULL);
    }
    return RC_OK;
}

enum rc page_query(struct db *db, const struct db_list *l, const struct store_page *p, json_t **out, struct err *e)
{
    struct db_value v[ARGS_MAX + 2];
    int64_t count = 0;
    json_t *rows = NULL;
    *out = NULL;
    if (l->args.n > ARGS_MAX)
        return err_set(e, ERR_INTERNAL, "%zu values in a list", l->args.n);
    if (l->args.n)
        memcpy(v, l->args.v, l->args.n * sizeof(v[0]));
    v[l->args.n] = db_i(p->size);
    v[l->args.n + 1] = db_i((p->page - 1) * p->size);
    enum rc rc = db_int(db, l->count, l->args, &count, NULL, e);
    if (!rc)
        rc = db_json_all(db, l->rows, (struct db_args){v, l->args.n + 2}, &rows, e);
    return rc ? rc : page_answer(p, count, false, rows, NULL, out, e);
}

enum rc page_order(const struct store_page *p, const char *const *names, size_t n, size_t *which, bool *falling,
                   struct err *e)
{
    const char *name = p->ordering && *p->ordering ? p->ordering : names[0];
    *falling = *name == '-';
    const char *bare = name + *falling;
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i] + (names[i][0] == '-'), bare)) {
            *which = i;
            return RC_OK;
        }
    struct buf all = {0};
    for (size_t i = 0; i < n; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", names[i] + (names[i][0] == '-'));
    enum rc rc = err_set(e, ERR_VALUE, "ordering '%.40s' is not one of: %s", name, all.data ? all.data : "");
    buf_free(&all);
    return rc;
}

/* "word" as an FTS5 string, after AND when it is not the first; false when it has no room. */
static bool add_match(char *dst, size_t cap, const char *word, size_t n)
{
    size_t at = strlen(dst);
    if (at + 2 * n + 8 > cap)
        return false;
    if (at > 0) {
        memcpy(dst + at, " AND ", 5);
        at += 5;
    }
    dst[at++] = '"';
    for (size_t i = 0; i < n; i++) {
        if (word[i] == '"')
            dst[at++] = '"';
        dst[at++] = word[i];
    }
    dst[at++] = '"';
    dst[at] = '\0';
    return true;
}

static void add_like(char *dst, size_t cap, const char *word, size_t n)
{
    size_t at = 0;
    dst[at++] = '%';
    for (size_t i = 0; i < n && at + 4 < cap; i++) {
        if (strchr("%_\\", word[i]))
            dst[at++] = '\\';
        dst[at++] = word[i];
    }
    dst[at++] = '%';
    dst[at] = '\0';
}

void search_parse(const char *search, struct search_words *out)
{
    char folded[200];
    *out = (struct search_words){0};
    text_fold(folded, sizeof(folded), search ? search : "");
    for (const char *s = folded; *s;) {
        size_t n = strcspn(s, " "), points = 0;
        for (size_t i = 0; i < n; i++)
            points += ((unsigned char)s[i] & 0xC0) != 0x80;
        if (points >= 3)
            add_match(out->match, sizeof(out->match), s, n);
        else if (points > 0 && out->like_n < ARRAY_N(out->like))
            add_like(out->like[out->like_n++], sizeof(out->like[0]), s, n);
        s += n + strspn(s + n, " ");
    }
    out->any = out->match[0] || out->like_n > 0;
}
