/* Creating the database and bringing it up to the newest schema, one numbered file at a time. */
#include "base/file.h"
#include "base/text.h"
#include "store/priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIGRATIONS_MAX = 999, SQL_MAX = 1 << 20 };

struct migrations {
    int n;
    char name[64][64]; /* name[i] is number i + 1 */
};

static enum rc list(struct migrations *m, struct err *e)
{
    char dir[STORE_PATH_MAX];
    enum rc rc = schema_dir(dir, sizeof(dir), e);
    if (rc)
        return rc;
    *m = (struct migrations){0};
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(e, ERR_STORE, errno, "cannot read the schema folder %s", dir);
    for (struct dirent *entry; !rc && (entry = readdir(d));) {
        int64_t number;
        char digits[4] = "";
        size_t n = strlen(entry->d_name);
        if (n < 8 || strcmp(entry->d_name + n - 4, ".sql") != 0 || entry->d_name[3] != '_')
            continue;
        memcpy(digits, entry->d_name, 3);
        if (!str_to_i64(digits, 1, ARRAY_N(m->name), &number) || n >= sizeof(m->name[0]) || m->name[number - 1][0])
            rc = err_set(e, ERR_STORE, "schema file %.60s is not numbered well", entry->d_name);
        else
            str_copy(m->name[number - 1], sizeof(m->name[0]), entry->d_name);
    }
    closedir(d);
    while (m->n < (int)ARRAY_N(m->name) && m->name[m->n][0])
        m->n++;
    if (!rc && m->n == 0)
        rc = err_set(e, ERR_STORE, "no schema files in %s", dir);
    return rc;
}

enum rc migrate_newest(int *out, struct err *e)
{
    struct migrations m;
    enum rc rc = list(&m, e);
    *out = m.n;
    return rc;
}

static enum rc versions(struct db *db, int64_t *application, int64_t *version, struct err *e)
{
    enum rc rc = db_int(db, "PRAGMA application_id", DB_NONE, application, NULL, e);
    return rc ? rc : db_int(db, "PRAGMA user_version", DB_NONE, version, NULL, e);
}

enum rc migrate_check(struct db *db, int newest, struct err *e)
{
    int64_t application = 0, version = 0;
    enum rc rc = versions(db, &application, &version, e);
    if (rc)
        return rc;
    if (application == 0 && version == 0)
        return err_set(e, ERR_STORE_MISSING, "the record store is empty");
    if (application != DB_APPLICATION_ID)
        return err_set(e, ERR_STORE, "the database is not one of a station (application %lld)", (long long)application);
    if (version > newest)
        return err_set(e, ERR_STORE_NEWER, "the records have version %lld, this program knows %d", (long long)version,
                       newest);
    if (version < newest)
        return err_set(e, ERR_STORE_MISSING, "the records have version %lld, this program needs %d: run 'clinic init'",
                       (long long)version, newest);
    return RC_OK;
}

static enum rc apply(struct db *db, const struct migrations *m, int number, struct err *e)
{
    char dir[STORE_PATH_MAX], path[STORE_PATH_MAX], *sql = NULL, mark[96];
    size_t n = 0;
    enum rc rc = schema_dir(dir, sizeof(dir), e);
    if (!rc)
        rc = path_join(path, sizeof(path), dir, m->name[number - 1], e);
    if (!rc)
        rc = file_read(path, SQL_MAX, &sql, &n, e);
    if (!rc)
        rc = db_script(db, sql, e);
    /* A pragma takes no bound values; these are our own numbers. */
    str_format(mark, sizeof(mark), "PRAGMA user_version = %d; PRAGMA application_id = %d;", number, DB_APPLICATION_ID);
    if (!rc)
        rc = db_script(db, mark, e);
    mem_free(sql);
    return rc;
}

/* One migration, one transaction; another program may have been faster, so the version is read inside. */
static enum rc step(struct db *db, const struct migrations *m, int *applied, struct err *e)
{
    int64_t application = 0, version = 0;
    *applied = 0;
    enum rc rc = db_script(db, "BEGIN IMMEDIATE", e);
    if (rc)
        return rc;
    rc = versions(db, &application, &version, e);
    if (!rc && version > 0 && application != DB_APPLICATION_ID)
        rc = err_set(e, ERR_STORE, "the database is not one of a station (application %lld)", (long long)application);
    else if (!rc && version > m->n)
        rc = err_set(e, ERR_STORE_NEWER, "the records have version %lld, this program knows %d", (long long)version,
                     m->n);
    if (!rc && version < m->n) {
        *applied = (int)version + 1;
        rc = apply(db, m, *applied, e);
    }
    if (!rc)
        rc = db_script(db, "COMMIT", e);
    if (rc) {
        struct err ignored = {0};
        (void)!db_script(db, "ROLLBACK", &ignored);
    }
    return rc;
}

/* The file exists before SQLite opens it, closed to others; its companions take over the mode. */
static enum rc make_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(e, ERR_DISK, errno, "cannot make %s", path);
    close(fd);
    return RC_OK;
}

enum rc store_migrate(const char *home, void (*done)(void *ctx, const char *migration), void *ctx, struct err *e)
{
    char path[STORE_PATH_MAX], images[STORE_PATH_MAX];
    unsigned char key[KEY_N];
    struct migrations m;
    struct db *db = NULL;
    enum rc rc = list(&m, e);
    if (!rc)
        rc = path_make_dirs(home, 0700, e);
    if (!rc)
        rc = path_join(images, sizeof(images), home, "images", e);
    if (!rc)
        rc = path_make_dirs(images, 0700, e);
    if (!rc)
        rc = key_read(home, true, key, e);
    if (!rc)
        rc = path_join(path, sizeof(path), home, "clinic.db", e);
    if (!rc)
        rc = make_file(path, e);
    if (!rc)
        rc = db_open(path, true, NULL, &db, e);
    if (!rc)
        rc = db_script(db, "PRAGMA journal_mode = WAL", e);
    for (int applied = 1; !rc && applied;) {
        rc = step(db, &m, &applied, e);
        if (!rc && applied && done)
            done(ctx, m.name[applied - 1]);
    }
    db_close(db);
    secret_wipe(key, sizeof(key));
    return rc;
}
