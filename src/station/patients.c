/* The register of patients. */
#include "base/file.h"
#include "base/text.h"
#include "station/records.h"

#include <string.h>

enum { NAME_MAX_BYTES = 200, PHONE_MAX_BYTES = 40, NOTES_MAX_BYTES = 4000, BIRTH_YEAR_MIN = 1880, CHART_ROWS = 50 };

static enum rc check_sex(const char *sex, struct err *e)
{
    if (!sex || !*sex || str_eq(sex, "F") || str_eq(sex, "M") || str_eq(sex, "X"))
        return RC_OK;
    return err_set(e, ERR_VALUE, "sex is '%.20s', expected F, M, X or nothing", sex);
}

static int64_t this_year(void)
{
    char now[32];
    int64_t year = 0;
    clock_iso(now, sizeof(now), clock_wall_ms());
    now[4] = '\0';
    return str_to_i64(now, 1, 9999, &year) ? year : 9999;
}

/* Everything but the account: that needs the store. */
static enum rc patient_args(const struct op_call *c, struct store_patient *p, struct err *e)
{
    *p = (struct store_patient){.birth_year = -1, .consent = -1, .user_id = -1};
    enum rc rc = line_arg(c, "name", NAME_MAX_BYTES, &p->name, e);
    if (!rc && p->name && p->name[strspn(p->name, " ")] == '\0')
        rc = err_set(e, ERR_VALUE, "the name is empty");
    if (!rc)
        rc = line_arg(c, "sex", 8, &p->sex, e);
    if (!rc)
        rc = check_sex(p->sex, e);
    if (!rc)
        rc = line_arg(c, "phone", PHONE_MAX_BYTES, &p->phone, e);
    if (!rc)
        rc = lines_arg(c, "notes", NOTES_MAX_BYTES, &p->notes, e);
    if (!rc && arg_int(c, "birth_year", 0) != 0)
        rc = arg_int_in(c, "birth_year", BIRTH_YEAR_MIN, this_year(), 0, &p->birth_year, e);
    else if (!rc && arg_given(c, "birth_year"))
        p->birth_year = 0;
    if (!rc && arg_given(c, "consent"))
        p->consent = arg_bool(c, "consent", false);
    return rc;
}

/* username: the account that sees this patient's released results; "" unties it. */
static enum rc patient_account(const struct op_call *c, struct store_tx *tx, struct store_patient *p, struct err *e)
{
    struct store_user u;
    const char *username = arg_text(c, "username", NULL);
    if (!username)
        return RC_OK;
    p->user_id = 0;
    if (!*username)
        return RC_OK;
    enum rc rc = store_user_find(tx, username, &u, e);
    if (!rc && !(u.roles & ROLE_PATIENT))
        rc = err_set(e, ERR_VALUE, "the account '%.60s' is not one of a patient", username);
    if (!rc)
        p->user_id = u.id;
    return rc;
}

static void subject_of(char dst[40], int64_t id)
{
    str_format(dst, 40, "patient %lld", (long long)id);
}

enum rc op_patients_add(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_patient p;
    int64_t id = 0, now = clock_wall_ms();
    json_t *patient = NULL, *alike = NULL, *answer = NULL;
    char subject[40];
    enum rc rc = patient_args(c, &p, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = patient_account(c, tx, &p, e);
    if (!rc)
        rc = store_patient_add(tx, &p, c->user.id, now, &id, e);
    if (!rc)
        rc = store_patients_alike(tx, p.name, p.birth_year, p.phone, id, now, &alike, e);
    if (!rc)
        rc = store_patient_json(tx, id, now, &patient, e);
    if (!rc) {
        answer = json_pack("{s:O, s:O}", "patient", patient, "duplicates", alike);
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(patient);
    json_decref(alike);
    subject_of(subject, id);
    return call_end(c, tx, rc, answer, subject, NULL, e);
}

enum rc op_patients_list(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_page p;
    const char *search = NULL;
    json_t *list = NULL;
    enum rc rc = page_of(c, &p, e);
    if (!rc)
        rc = line_arg(c, "search", 200, &search, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_patients_list(tx, search, &p, clock_wall_ms(), &list, e);
    return call_end(c, tx, rc, list, NULL, NULL, e);
}

enum rc op_patients_duplicates(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    const char *name = NULL, *phone = NULL;
    json_t *alike = NULL, *answer = NULL;
    enum rc rc = line_arg(c, "name", NAME_MAX_BYTES, &name, e);
    if (!rc)
        rc = line_arg(c, "phone", PHONE_MAX_BYTES, &phone, e);
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = store_patients_alike(tx, name, arg_int(c, "birth_year", 0), phone, 0, clock_wall_ms(), &alike, e);
    if (!rc) {
        answer = json_pack("{s:O}", "results", alike);
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(alike);
    return call_end(c, tx, rc, answer, NULL, NULL, e);
}

/* The patient and the latest results: the list's own answer, so that a long chart can be paged with results.list. */
static enum rc chart(struct op_call *c, struct store_tx *tx, int64_t id, json_t **out, struct err *e)
{
    struct store_filter f = store_filter_none();
    f.patient = id;
    f.include_void = true;
    const struct store_page p = {.page = 1, .size = CHART_ROWS};
    struct store_eyes eyes = eyes_of(c);
    json_t *patient = NULL, *list = NULL;
    *out = NULL;
    enum rc rc = store_patient_json(tx, id, clock_wall_ms(), &patient, e);
    if (!rc)
        rc = store_results_list(tx, &eyes, &f, &p, &list, e);
    if (!rc) {
        *out = json_pack("{s:O, s:O, s:O}", "patient", patient, "results", json_object_get(list, "results"), "count",
                         json_object_get(list, "count"));
        rc = *out ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(patient);
    json_decref(list);
    return rc;
}

enum rc op_patients_show(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    int64_t id = arg_int(c, "id", 0);
    json_t *answer = NULL;
    char subject[40];
    subject_of(subject, id);
    enum rc rc = call_begin(c, &tx, e);
    if (!rc)
        rc = chart(c, tx, id, &answer, e);
    return call_end(c, tx, rc, answer, subject, NULL, e);
}

/* Which fields were changed, for the audit row: the names of the arguments, not what they hold. */
static void changed_fields(const struct op_call *c, char *dst, size_t cap)
{
    const char *key;
    json_t *value;
    size_t at = 0;
    dst[0] = '\0';
    json_object_foreach(c->args, key, value)
    {
        if (str_eq(key, "id"))
            continue;
        str_format(dst + at, cap - at, "%s%s", at ? " " : "", key);
        at += strlen(dst + at);
    }
}

enum rc op_patients_set(struct op_call *c, struct err *e)
{
    struct store_tx *tx = NULL;
    struct store_patient p;
    int64_t now = clock_wall_ms();
    json_t *patient = NULL, *answer = NULL;
    char subject[40], detail[120];
    enum rc rc = patient_args(c, &p, e);
    p.id = arg_int(c, "id", 0);
    subject_of(subject, p.id);
    changed_fields(c, detail, sizeof(detail));
    if (!rc)
        rc = call_begin(c, &tx, e);
    if (!rc)
        rc = patient_account(c, tx, &p, e);
    if (!rc)
        rc = store_patient_set(tx, &p, c->user.id, now, e);
    if (!rc)
        rc = store_patient_json(tx, p.id, now, &patient, e);
    if (!rc) {
        answer = json_pack("{s:O}", "patient", patient);
        rc = answer ? RC_OK : err_set(e, ERR_MEMORY, NULL);
    }
    json_decref(patient);
    return call_end(c, tx, rc, answer, subject, detail, e);
}
