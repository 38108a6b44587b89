/* One connection with its prepared statements. Private to the store; db.c alone knows SQLite. Values are always bound,
 * never written into the SQL. */
#ifndef CLINIC_STORE_DB_H
#define CLINIC_STORE_DB_H

#include "base/mem.h"
#include "store.h"

struct db;
enum { DB_APPLICATION_ID = 0x434C4E43 }; /* "CLNC" */

/* create: the file may be made. pseudonym_key: 32 bytes behind the SQL function pseudonym(kind, id); NULL: none. */
enum rc db_open(const char *path, bool create, const unsigned char *pseudonym_key, struct db **out,
                struct err *e) MUST_USE;
void db_close(struct db *db);
/* Statements of a script, one after another; nothing bound. */
enum rc db_script(struct db *db, const char *sql, struct err *e) MUST_USE;

struct db_value {
    enum { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB } kind;
    int64_t i; /* the length of a blob */
    double r;
    const void *p;
};
static inline struct db_value db_i(int64_t v)
{
    return (struct db_value){.kind = DB_INT, .i = v};
}
static inline struct db_value db_i_or_null(int64_t v, int64_t null)
{
    return (struct db_value){.kind = v == null ? DB_NULL : DB_INT, .i = v};
}
static inline struct db_value db_r(double v)
{
    return (struct db_value){.kind = DB_REAL, .r = v};
}
static inline struct db_value db_t(const char *v)
{
    return (struct db_value){.kind = v ? DB_TEXT : DB_NULL, .p = v};
}
static inline struct db_value db_b(const void *v, size_t n)
{
    return (struct db_value){.kind = DB_BLOB, .p = v, .i = (int64_t)n};
}
struct db_args {
    const struct db_value *v;
    size_t n;
};
#define DB_ARGS(...)                                                                                                   \
    ((struct db_args){(const struct db_value[]){__VA_ARGS__},                                                          \
                      sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)})
#define DB_NONE ((struct db_args){0})

/* No rows wanted. */
enum rc db_run(struct db *db, const char *sql, struct db_args a, struct err *e) MUST_USE;
int64_t db_changes(const struct db *db); /* rows of the last db_run */
int64_t db_last_id(const struct db *db);
/* The first column of the first row; *out unchanged and *found false without a row. found may be NULL. */
enum rc db_int(struct db *db, const char *sql, struct db_args a, int64_t *out, bool *found, struct err *e) MUST_USE;

/* Row by row. Bound values must live until db_rows_end. */
struct db_rows {
    struct db *db;
    struct db_slot *slot;
};
enum rc db_query(struct db *db, const char *sql, struct db_args a, struct db_rows *r, struct err *e) MUST_USE;
enum rc db_next(struct db_rows *r, bool *row, struct err *e) MUST_USE;
void db_rows_end(struct db_rows *r); /* zeroed rows are fine */
int64_t db_col_int(const struct db_rows *r, int i);
double db_col_real(const struct db_rows *r, int i);
const char *db_col_text(const struct db_rows *r, int i);            /* "" for NULL; until the next row */
const void *db_col_blob(const struct db_rows *r, int i, size_t *n); /* until the next row */
bool db_col_null(const struct db_rows *r, int i);
/* A row as an object. The column's alias is the field's name: "a.b" nests, and an object whose first field is NULL
 * becomes null as a whole; "f?" is a boolean, "f@" a moment in ISO 8601, "f#" JSON text. Columns whose alias begins
 * with '_' are left out. */
enum rc db_row_json(const struct db_rows *r, json_t **out, struct err *e) MUST_USE;
/* All rows as an array; the first as an object, or NULL. */
enum rc db_json_all(struct db *db, const char *sql, struct db_args a, json_t **out, struct err *e) MUST_USE;
enum rc db_json_one(struct db *db, const char *sql, struct db_args a, json_t **out, struct err *e) MUST_USE;

#endif
