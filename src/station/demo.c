/* A demo station: four accounts, patients who do not exist, and results made by really analysing the sample pictures.
 */
#include "base/file.h"
#include "base/text.h"
#include "station/predict.h"
#include "station/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES_MAX = 64, DAY_MS = 24 * 3600 * 1000, REVIEW_MS = 10 * 60 * 1000 };

static const struct {
    const char *username, *first_name, *last_name;
    enum role role;
} people[] = {
    {"patient", "Grace", "Okello", ROLE_PATIENT},
    {"doctor", "Daniel", "Mugisha", ROLE_DOCTOR},
    {"researcher", "Rosa", "Lindqvist", ROLE_RESEARCHER},
    {"admin", "Ada", "Namara", ROLE_ADMIN},
};

static const struct {
    const char *name, *sex, *phone;
    int birth_year;
} patients[] = {
    {"OKELLO Grace", "F", "0772 000 000", 1992}, {"MUKASA John", "M", "0772 000 001", 1965},
    {"NAKATO Amina", "F", "0772 000 002", 2021}, {"García Peña, José", "M", "", 1958},
    {"ÅNGSTRÖM Zoë", "F", "0772 000 004", 1987}, {"Иванова Мария", "F", "0772 000 005", 1974},
    {"محمد علي حسن", "M", "0772 000 006", 2001}, {"王 小明", "M", "0772 000 007", 2019},
    {"अनिता शर्मा", "F", "0772 000 008", 1949},   {"ΠΑΠΑΔΟΠΟΥΛΟΣ Νίκος", "M", "", 1980},
    {"김 민준", "M", "0772 000 010", 2018},      {"TESFAYE Selam", "F", "0772 000 011", 2010},
};

static enum rc add_account(struct store *s, size_t i, json_t *accounts, struct err *e)
{
    char password[64], hash[AUTH_HASH_CAP];
    struct store_tx *tx = NULL;
    struct store_user u;
    struct err why = {0};
    enum rc rc = store_begin(s, STORE_READ, &tx, e);
    if (rc)
        return rc;
    rc = store_user_find(tx, people[i].username, &u, &why);
    store_rollback(tx);
    tx = NULL;
    if (rc != RC_NOT_FOUND)
        return rc ? err_set(e, why.code, "%s", why.msg) : RC_OK;
    u = (struct store_user){.roles = people[i].role, .date_joined = clock_wall_ms()};
    str_format(password, sizeof(password), "demo-%s", people[i].username);
    str_copy(u.username, sizeof(u.username), people[i].username);
    str_copy(u.first_name, sizeof(u.first_name), people[i].first_name);
    str_copy(u.last_name, sizeof(u.last_name), people[i].last_name);
    str_format(u.email, sizeof(u.email), "%s@clinic.example", people[i].username);
    rc = auth_password_hash(password, hash, e);
    if (!rc) {
        str_copy(u.password_hash, sizeof(u.password_hash), hash);
        rc = store_begin(s, STORE_WRITE, &tx, e);
    }
    if (!rc)
        rc = store_user_add(tx, &u, e);
    if (!rc)
        rc = store_audit_add(tx, clock_wall_ms(), 0, "station.init", u.username, "demo account", e);
    if (rc)
        store_rollback(tx);
    else
        rc = store_commit(tx, e);
    if (!rc && json_array_append_new(accounts, json_string(u.username)))
        rc = err_set(e, ERR_MEMORY, NULL);
    return rc;
}

/* *first: number of the first of them; 0 when the register was not empty. */
static enum rc add_patients(struct store *s, int64_t doctor, int64_t patient_user, int64_t *first, struct err *e)
{
    struct store_tx *tx = NULL;
    json_t *list = NULL;
    int64_t id = 0, now = clock_wall_ms();
    const struct store_page p = {.page = 1, .size = 1};
    *first = 0;
    enum rc rc = store_begin(s, STORE_WRITE, &tx, e);
    if (!rc)
        rc = store_patients_list(tx, NULL, &p, now, &list, e);
    bool empty = !rc && json_array_size(json_object_get(list, "results")) == 0;
    json_decref(list);
    for (size_t i = 0; !rc && empty && i < ARRAY_N(patients); i++) {
        const struct store_patient row = {.name = patients[i].name,
                                          .sex = patients[i].sex,
                                          .phone = patients[i].phone,
                                          .birth_year = patients[i].birth_year,
                                          .consent = 1,
                                          .user_id = i == 0 ? patient_user : 0};
        rc = store_patient_add(tx, &row, doctor, now, &id, e);
        if (!rc && i == 0)
            *first = id;
    }
    if (!rc)
        rc = store_audit_add(tx, now, 0, "station.init", "patients", "demo patients", e);
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sample pictures are named after what they show: chest-..., brain-..., kidney-..., skin-... */
static const char *network_of(const char *name)
{
    static const char *const nets[][2] = {{"chest-", "chest-pneumonia"},
                                          {"brain-", "brain-tumour"},
                                          {"kidney-", "kidney-stone"},
                                          {"skin-", "skin-lesion"}};
    for (size_t i = 0; i < ARRAY_N(nets); i++)
        if (str_starts(name, nets[i][0]) && (str_eq(path_ext(name), "jpg") || str_eq(path_ext(name), "png")))
            return nets[i][1];
    return NULL;
}

struct sample_list {
    char *name[SAMPLES_MAX];
    size_t n;
};

static enum rc list_samples(const char *dir, struct sample_list *l, struct err *e)
{
    enum rc rc = RC_OK;
    DIR *d = opendir(dir);
    /* A station without sample pictures is a demo all the same. */
    for (struct dirent *entry; d && !rc && l->n < SAMPLES_MAX && (entry = readdir(d));)
        if (network_of(entry->d_name)) {
            l->name[l->n] = mem_strdup(entry->d_name, e);
            rc = l->name[l->n] ? RC_OK : RC_FAILED;
            l->n += !rc;
        }
    if (d)
        closedir(d);
    if (l->n)
        qsort(l->name, l->n, sizeof(l->name[0]), by_name);
    return rc;
}

struct demo_case {
    int64_t patient, doctor, at;
    bool reviewed, released;
};

static enum rc keep_case(struct station *st, const struct analysis *a, const char *name, const struct demo_case *d,
                         struct err *e)
{
    char path[STORE_PATH_CAP], subject[40];
    int64_t image = 0, result = 0;
    struct store_tx *tx = NULL;
    struct analysis_rows rows = {0};
    enum rc rc = analysis_rows(st, a, name, path, &rows, e);
    rows.result.patient_id = d->patient;
    if (!rc)
        rc = analysis_keep_picture(st, a, d->at, path, e);
    if (!rc)
        rc = store_begin(st->records->store, STORE_WRITE, &tx, e);
    if (!rc)
        rc = store_result_add(tx, &rows.image, &rows.result, d->doctor, d->at, &image, &result, e);
    if (!rc && d->reviewed)
        rc = store_result_review(tx, result, true, NULL, "", d->doctor, d->at + REVIEW_MS, e);
    if (!rc && d->released)
        rc = store_result_release(tx, result, true, d->doctor, d->at + 2 * REVIEW_MS, e);
    str_format(subject, sizeof(subject), "result %lld", (long long)result);
    if (!rc)
        rc = store_audit_add(tx, clock_wall_ms(), 0, "station.init", subject, "demo result", e);
    json_decref(rows.detail);
    if (!rc)
        return store_commit(tx, e);
    store_rollback(tx);
    return rc;
}

static enum rc add_case(struct op_call *c, const char *dir, const char *name, const struct demo_case *d, struct err *e)
{
    char path[4096];
    struct analysis a = {0};
    enum rc rc = path_join(path, sizeof(path), dir, name, e);
    int fd = rc ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!rc && fd < 0)
        rc = err_sys(e, ERR_FILE_OPEN, errno, "cannot open %s", name);
    const struct analysis_request request = {
        .fd = fd, .name = name, .model = network_of(name), .threshold = (double)NAN, .job = c->q->job};
    if (!rc)
        rc = station_analyse(c->st, &request, &a, e);
    if (!rc) {
        rc = keep_case(c->st, &a, name, d, e);
        analysis_fini(&a);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

static enum rc user_id(struct store *s, const char *username, int64_t *id, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_user u = {0};
    enum rc rc = store_begin(s, STORE_READ, &tx, e);
    if (!rc)
        rc = store_user_find(tx, username, &u, e);
    store_rollback(tx);
    *id = u.id;
    return rc;
}

enum rc demo_fill(struct op_call *c, json_t *accounts, struct err *e)
{
    struct store *s = c->st->records->store;
    int64_t doctor = 0, patient = 0, first = 0, now = clock_wall_ms();
    char models[4096], dir[4096];
    struct sample_list samples = {0};
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < ARRAY_N(people); i++) {
        op_stage(c, "accounts", (int64_t)i, (int64_t)ARRAY_N(people));
        rc = add_account(s, i, accounts, e);
    }
    if (!rc)
        rc = user_id(s, "doctor", &doctor, e);
    if (!rc)
        rc = user_id(s, "patient", &patient, e);
    if (!rc)
        rc = add_patients(s, doctor, patient, &first, e);
    if (!rc)
        rc = models_dir(models, sizeof(models), e);
    if (!rc)
        rc = path_join(dir, sizeof(dir), models, "../samples", e);
    if (!rc && first)
        rc = list_samples(dir, &samples, e);
    for (size_t i = 0; !rc && i < samples.n; i++) {
        /* The oldest first; each picture to the next patient, the first one seen and released. */
        const struct demo_case d = {.patient = first + (int64_t)(i % ARRAY_N(patients)),
                                    .doctor = doctor,
                                    .at = now - (int64_t)(samples.n - i) * DAY_MS / 2,
                                    .reviewed = i % 3 == 0,
                                    .released = i % 3 == 0};
        op_stage(c, "analysing samples", (int64_t)i, (int64_t)samples.n);
        rc = add_case(c, dir, samples.name[i], &d, e);
    }
    for (size_t i = 0; i < samples.n; i++)
        mem_free(samples.name[i]);
    return rc;
}
