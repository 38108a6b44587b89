#include "support.h"

#include "store/db.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct err bad;

void ok_at(enum rc rc, const struct err *e, const char *what, const char *file, int line)
{
    if (rc) {
        print_error("%s: rc %d, E%d %s\n", what, (int)rc, (int)e->code, e->msg);
        _fail(file, line);
    }
    bad = (struct err){0};
}

static int drop_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

void folder_drop(const char *path)
{
    nftw(path, drop_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct store_tx *begin_write(struct store *s)
{
    struct store_tx *tx = NULL;
    OK(store_begin(s, STORE_WRITE, &tx, &bad));
    return tx;
}

struct store_tx *begin_read(struct store *s)
{
    struct store_tx *tx = NULL;
    OK(store_begin(s, STORE_READ, &tx, &bad));
    return tx;
}

void commit(struct store_tx *tx)
{
    OK(store_commit(tx, &bad));
}

static int64_t add_user(struct store *s, const char *name, unsigned roles)
{
    struct store_user u = {.roles = roles, .date_joined = 1000};
    str_copy(u.username, sizeof(u.username), name);
    str_format(u.email, sizeof(u.email), "%s@example.org", name);
    str_copy(u.password_hash, sizeof(u.password_hash), "$2b$none");
    struct store_tx *tx = begin_write(s);
    OK(store_user_add(tx, &u, &bad));
    commit(tx);
    return u.id;
}

int fixture_open(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->home, sizeof(f->home), "%s/store-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->home));
    OK(store_migrate(f->home, NULL, NULL, &bad));
    OK(store_open(f->home, &f->store, &bad));
    f->doctor = add_user(f->store, "doctor", 2);
    f->patient_user = add_user(f->store, "patient", 1);
    const struct store_patient p = {.name = "OKELLO Grace",
                                    .sex = "F",
                                    .birth_year = 1992,
                                    .phone = "0772 000 000",
                                    .consent = 1,
                                    .user_id = f->patient_user};
    struct store_tx *tx = begin_write(f->store);
    OK(store_patient_add(tx, &p, f->doctor, 1000, &f->patient, &bad));
    commit(tx);
    *state = f;
    return 0;
}

int fixture_close(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    folder_drop(f->home);
    free(f);
    return 0;
}

int64_t add_result(struct store *s, int64_t by, int64_t patient, const char *name, const char *class, double confidence,
                   int64_t at)
{
    int64_t image = 0, result = 0;
    json_t *detail = json_pack("{s:{s:f}, s:[s]}", "scores", class, confidence / 100, "recommendations", "rest");
    const struct store_image im = {"2026/03/02/x.png", "grace-okello.png", "00ff", "png", 100, 10, 20};
    const struct store_result r = {.patient_id = patient,
                                   .patient_name = name,
                                   .patient_age = -1,
                                   .predicted_class = class,
                                   .model_id = "chest-pneumonia",
                                   .model_version = "1.0.0",
                                   .model_sha256 = "ab",
                                   .confidence = confidence,
                                   .raw_score = confidence / 100,
                                   .threshold = 0.5,
                                   .processing_time = 0.03,
                                   .positive = strcmp(class, "PNEUMONIA") == 0,
                                   .detail = detail};
    struct store_tx *tx = begin_write(s);
    OK(store_result_add(tx, &im, &r, by, at, &image, &result, &bad));
    commit(tx);
    json_decref(detail);
    return result;
}

void behind_its_back(const char *home, const char *sql)
{
    char path[512];
    struct db *db = NULL;
    OK(path_join(path, sizeof(path), home, "clinic.db", &bad));
    OK(db_open(path, false, NULL, &db, &bad));
    OK(db_script(db, sql, &bad));
    db_close(db);
}
