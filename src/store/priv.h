/* What the store's files share. Private to the room. */
#ifndef CLINIC_STORE_PRIV_H
#define CLINIC_STORE_PRIV_H

#include "store/db.h"
#include "store_mail.h"
#include "store_records.h"

#include <pthread.h>

enum { STORE_PATH_MAX = 4096, IDLE_N = 8, KEY_N = 32 };

struct store {
    char home[STORE_PATH_MAX], path[STORE_PATH_MAX];
    unsigned char key[KEY_N], pseudonym_key[BLAKE2B_BYTES]; /* of the audit chain; of pseudonyms, made from it */
    pthread_mutex_t lock;                                   /* idle, head_rows */
    struct db *idle[IDLE_N];                                /* open connections nobody uses */
    size_t idle_n;
    int64_t head_rows; /* of the audit.head this process wrote last */
};

struct store_tx {
    struct store *store;
    struct db *db;
    enum store_mode mode;
    int64_t audit_rows; /* after this transaction's audit rows; 0: none were added */
    unsigned char audit_hash[BLAKE2B_BYTES];
};

/* Number of the newest file of schema_dir(). */
enum rc migrate_newest(int *out, struct err *e) MUST_USE;
/* ERR_STORE_NEWER, ERR_STORE_MISSING (older), ERR_STORE (not ours). */
enum rc migrate_check(struct db *db, int newest, struct err *e) MUST_USE;
/* The station's key; made when absent and `make`. */
enum rc key_read(const char *home, bool make, unsigned char key[KEY_N], struct err *e) MUST_USE;
/* Writes <home>/audit.head after a commit. */
void audit_head_write(struct store *s, int64_t rows, const unsigned char hash[BLAKE2B_BYTES]);

/* {count, next, previous, results}; owns results. more: count is only a lower bound. after may be NULL. */
enum rc page_answer(const struct store_page *p, int64_t count, bool more, json_t *results, const char *after,
                    json_t **out, struct err *e) MUST_USE;
/* The page's rows of "SELECT ... LIMIT ? OFFSET ?": the two are appended to a. */
enum { ARGS_MAX = 24 };
struct db_list {
    const char *count, *rows; /* SQL; count takes the same arguments without limit and offset */
    struct db_args args;
};
enum rc page_query(struct db *db, const struct db_list *l, const struct store_page *p, json_t **out,
                   struct err *e) MUST_USE;
/* "name", "-name" -> the row of names, and whether it falls; the first is the default. ERR_VALUE names the possible
 * ones. */
enum rc page_order(const struct store_page *p, const char *const *names, size_t n, size_t *which, bool *falling,
                   struct err *e) MUST_USE;

/* MATCH expression: every word of three letters and more, anywhere. rest: the shorter ones, as a LIKE pattern each (at
 * most 4), escaped with '\'. */
struct search_words {
    char match[512], like[4][32];
    size_t like_n;
    bool any;
};
void search_parse(const char *search, struct search_words *out);

#endif
