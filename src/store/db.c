#include "store/db.h"

#include "base/file.h"
#include "base/text.h"

#include <sqlite3.h>
#include <string.h>

enum { SLOT_N = 48, BUSY_MS = 5000 };

struct db_slot {
    sqlite3_stmt *stmt;
    bool busy, kept;
    uint64_t used;
};

struct db {
    sqlite3 *sqlite;
    struct db_slot slot[SLOT_N];
    uint64_t tick;
    unsigned char pseudonym_key[BLAKE2B_BYTES];
};

static enum rc fail(const struct db *db, int code, const char *doing, struct err *e)
{
    const char *why = db && db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code);
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_STORE_BUSY, "%s: another program is writing", doing);
    case SQLITE_FULL:
        return err_set(e, ERR_DISK, "%s: the disk is full", doing);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return err_set(e, ERR_DISK, "%s: %s", doing, why);
    case SQLITE_IOERR:
        return err_set(e, ERR_DISK, "%s: the disk is full or failing (%s, %d)", doing, why, code);
    case SQLITE_NOMEM:
        return err_set(e, ERR_MEMORY, NULL);
    default:
        return err_set(e, ERR_STORE, "%s: %s (%d)", doing, why, code);
    }
}

/* pseudonym('P', 123) -> 'P-5f0c31a2': the same person is always the same, and the number cannot be found from it
 * without the station's key. */
static void pseudonym(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const struct db *db = sqlite3_user_data(context);
    const unsigned char *kind = argc == 2 ? sqlite3_value_text(argv[0]) : NULL;
    if (!kind || sqlite3_value_type(argv[1]) == SQLITE_NULL) {
        sqlite3_result_null(context);
        return;
    }
    char text[64], out[24];
    unsigned char hash[BLAKE2B_BYTES];
    str_format(text, sizeof(text), "%s %lld", (const char *)kind, (long long)sqlite3_value_int64(argv[1]));
    blake2b(hash, text, strlen(text), db->pseudonym_key, sizeof(db->pseudonym_key));
    str_format(out, sizeof(out), "%s-%02x%02x%02x%02x%02x", (const char *)kind, hash[0], hash[1], hash[2], hash[3],
               hash[4]);
    sqlite3_result_text(context, out, -1, SQLITE_TRANSIENT);
}

static enum rc configure(struct db *db, struct err *e)
{
    /* Extended codes tell a full disk from a broken one; defensive and untrusted schema: a prepared database file can
     * at worst be refused. */
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_timeout(db->sqlite, BUSY_MS);
    int code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_function_v2(db->sqlite, "pseudonym", 2,
                                          SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, db, pseudonym, NULL,
                                          NULL, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, "preparing the record store", e);
    return db_script(db,
                     "PRAGMA synchronous = EXTRA; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                     "PRAGMA cache_size = -8000; PRAGMA mmap_size = 1073741824;",
                     e);
}

enum rc db_open(const char *path, bool create, const unsigned char *pseudonym_key, struct db **out, struct err *e)
{
    *out = NULL;
    struct db *db = mem_zalloc(1, sizeof(*db), e);
    if (!db)
        return RC_FAILED;
    if (pseudonym_key)
        memcpy(db->pseudonym_key, pseudonym_key, sizeof(db->pseudonym_key));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | (create ? SQLITE_OPEN_CREATE : 0);
    int code = sqlite3_open_v2(path, &db->sqlite, flags, NULL);
    enum rc rc = code == SQLITE_OK ? configure(db, e) : fail(db, code, "opening the record store", e);
    if (rc)
        db_close(db);
    else
        *out = db;
    return rc;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < SLOT_N; i++)
        sqlite3_finalize(db->slot[i].stmt);
    sqlite3_close(db->sqlite);
    secret_wipe(db->pseudonym_key, sizeof(db->pseudonym_key));
    mem_free(db);
}

enum rc db_script(struct db *db, const char *sql, struct err *e)
{
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? RC_OK : fail(db, code, "the record store", e);
}

/* A statement of this text that nobody steps through at the moment: a kept one, else a new one in the oldest place. */
static enum rc slot_take(struct db *db, const char *sql, struct db_slot **out, struct err *e)
{
    struct db_slot *free_slot = NULL;
    db->tick++;
    for (size_t i = 0; i < SLOT_N; i++) {
        struct db_slot *s = &db->slot[i];
        if (s->busy)
            continue;
        if (s->stmt && strcmp(sqlite3_sql(s->stmt), sql) == 0) {
            s->busy = true;
            s->used = db->tick;
            *out = s;
            return RC_OK;
        }
        if (!free_slot || s->used < free_slot->used)
            free_slot = s;
    }
    if (!free_slot)
        return err_set(e, ERR_INTERNAL, "more than %d statements at once", SLOT_N);
    sqlite3_finalize(free_slot->stmt);
    *free_slot = (struct db_slot){0};
    int code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &free_slot->stmt, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, "the record store", e);
    free_slot->busy = true;
    free_slot->used = db->tick;
    *out = free_slot;
    return RC_OK;
}

static void slot_give(struct db_slot *s)
{
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt);
    s->busy = false;
}

static int bind(sqlite3_stmt *stmt, int at, const struct db_value *v)
{
    switch (v->kind) {
    case DB_INT:
        return sqlite3_bind_int64(stmt, at, v->i);
    case DB_REAL:
        return sqlite3_bind_double(stmt, at, v->r);
    case DB_TEXT:
        return sqlite3_bind_text(stmt, at, v->p, -1, SQLITE_STATIC);
    case DB_BLOB:
        return sqlite3_bind_blob64(stmt, at, v->p, (sqlite3_uint64)v->i, SQLITE_STATIC);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, at);
}

enum rc db_query(struct db *db, const char *sql, struct db_args a, struct db_rows *r, struct err *e)
{
    *r = (struct db_rows){.db = db};
    enum rc rc = slot_take(db, sql, &r->slot, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < a.n; i++) {
        int code = bind(r->slot->stmt, (int)i + 1, &a.v[i]);
        if (code != SQLITE_OK) {
            rc = fail(db, code, "the record store", e);
            db_rows_end(r);
            return rc;
        }
    }
    return RC_OK;
}

enum rc db_next(struct db_rows *r, bool *row, struct err *e)
{
    int code = sqlite3_step(r->slot->stmt);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? RC_OK : fail(r->db, code, "the record store", e);
}

void db_rows_end(struct db_rows *r)
{
    if (r->slot)
        slot_give(r->slot);
    r->slot = NULL;
}

enum rc db_run(struct db *db, const char *sql, struct db_args a, struct err *e)
{
    struct db_rows r;
    bool row = true;
    enum rc rc = db_query(db, sql, a, &r, e);
    while (!rc && row)
        rc = db_next(&r, &row, e);
    db_rows_end(&r);
    return rc;
}

int64_t db_changes(const struct db *db)
{
    return sqlite3_changes64(db->sqlite);
}

int64_t db_last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->sqlite);
}

enum rc db_int(struct db *db, const char *sql, struct db_args a, int64_t *out, bool *found, struct err *e)
{
    struct db_rows r;
    bool row = false;
    enum rc rc = db_query(db, sql, a, &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row)
        *out = db_col_int(&r, 0);
    if (found)
        *found = row;
    db_rows_end(&r);
    return rc;
}

int64_t db_col_int(const struct db_rows *r, int i)
{
    return sqlite3_column_int64(r->slot->stmt, i);
}

double db_col_real(const struct db_rows *r, int i)
{
    return sqlite3_column_double(r->slot->stmt, i);
}

const char *db_col_text(const struct db_rows *r, int i)
{
    const char *s = (const char *)sqlite3_column_text(r->slot->stmt, i);
    return s ? s : "";
}

const void *db_col_blob(const struct db_rows *r, int i, size_t *n)
{
    const void *p = sqlite3_column_blob(r->slot->stmt, i);
    *n = (size_t)sqlite3_column_bytes(r->slot->stmt, i);
    return p;
}

bool db_col_null(const struct db_rows *r, int i)
{
    return sqlite3_column_type(r->slot->stmt, i) == SQLITE_NULL;
}

/* mark: the alias' last character when it is one of ? @ # */
static json_t *column_json(sqlite3_stmt *stmt, int i, char mark)
{
    char when[32];
    int type = sqlite3_column_type(stmt, i);
    if (type == SQLITE_NULL)
        return json_null();
    if (mark == '?')
        return json_boolean(sqlite3_column_int64(stmt, i) != 0);
    if (mark == '@')
        return json_string(clock_iso(when, sizeof(when), sqlite3_column_int64(stmt, i)));
    if (type == SQLITE_INTEGER)
        return json_integer(sqlite3_column_int64(stmt, i));
    if (type == SQLITE_FLOAT)
        return json_real(sqlite3_column_double(stmt, i));
    const char *text = (const char *)sqlite3_column_text(stmt, i);
    size_t n = (size_t)sqlite3_column_bytes(stmt, i);
    if (mark == '#')
        return json_loadb(text ? text : "", n, JSON_DECODE_ANY, NULL);
    return json_stringn(text ? text : "", n);
}

/* Puts the field where its alias says; a nested object comes into being with its first field. */
static bool field_set(json_t *row, const char *alias, json_t *owned)
{
    char key[64];
    const char *dot = strchr(alias, '.');
    size_t n = strcspn(alias, "?@#");
    if (!dot) {
        str_format(key, sizeof(key), "%.*s", (int)n, alias);
        return json_object_set_new(row, key, owned) == 0;
    }
    str_format(key, sizeof(key), "%.*s", (int)(dot - alias), alias);
    json_t *inner = json_object_get(row, key);
    if (!inner && json_object_set_new(row, key, json_is_null(owned) ? json_null() : json_object())) {
        json_decref(owned);
        return false;
    }
    inner = json_object_get(row, key);
    if (!json_is_object(inner)) {
        json_decref(owned);
        return true;
    }
    return field_set(inner, dot + 1, owned);
}

enum rc db_row_json(const struct db_rows *r, json_t **out, struct err *e)
{
    sqlite3_stmt *stmt = r->slot->stmt;
    json_t *row = json_object();
    bool ok = row != NULL;
    for (int i = 0; ok && i < sqlite3_column_count(stmt); i++) {
        const char *alias = sqlite3_column_name(stmt, i);
        if (!alias || alias[0] == '_')
            continue;
        json_t *value = column_json(stmt, i, alias[strcspn(alias, "?@#")]);
        ok = value && field_set(row, alias, value);
    }
    if (!ok) {
        json_decref(row);
        return err_set(e, ERR_MEMORY, "a record could not be put together");
    }
    *out = row;
    return RC_OK;
}

enum rc db_json_all(struct db *db, const char *sql, struct db_args a, json_t **out, struct err *e)
{
    struct db_rows r;
    bool row = true;
    *out = json_array();
    enum rc rc = *out ? db_query(db, sql, a, &r, e) : err_set(e, ERR_MEMORY, NULL);
    if (rc) {
        json_decref(*out);
        *out = NULL;
        return rc;
    }
    while (!rc && row) {
        json_t *object = NULL;
        rc = db_next(&r, &row, e);
        if (!rc && row)
            rc = db_row_json(&r, &object, e);
        if (!rc && row && json_array_append_new(*out, object))
            rc = err_set(e, ERR_MEMORY, NULL);
    }
    db_rows_end(&r);
    if (rc) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

enum rc db_json_one(struct db *db, const char *sql, struct db_args a, json_t **out, struct err *e)
{
    struct db_rows r;
    bool row = false;
    *out = NULL;
    enum rc rc = db_query(db, sql, a, &r, e);
    if (!rc)
        rc = db_next(&r, &row, e);
    if (!rc && row)
        rc = db_row_json(&r, out, e);
    db_rows_end(&r);
    return rc;
}
