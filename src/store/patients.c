/* Patients: the register and the search in it. */
#include "base/text.h"
#include "store/priv.h"

#include <string.h>

enum { NAME_CAP = 512, DIGITS_CAP = 40 };

static void digits_of(char *dst, size_t cap, const char *phone)
{
    size_t n = 0;
    for (; *phone && n + 1 < cap; phone++)
        if (*phone >= '0' && *phone <= '9')
            dst[n++] = *phone;
    dst[n] = '\0';
}

/* What the search looks through: folded name, number with leading zeros, phone as written and as digits, birth year. */
static enum rc index_words(struct db *db, int64_t id, struct err *e)
{
    enum rc rc = db_run(db, "DELETE FROM name_search WHERE rowid = 2 * ?", DB_ARGS(db_i(id)), e);
    if (!rc)
        rc = db_run(
            db,
            "INSERT INTO name_search (rowid, words) SELECT 2 * id, name_fold || ' ' || printf('%06d', id) || ' ' ||"
            " phone || ' ' || digits || ' ' || coalesce(birth_year, '') FROM patients WHERE id = ?",
            DB_ARGS(db_i(id)), e);
    return rc;
}

static enum rc refuse_account(struct db *db, int64_t user_id, int64_t except, struct err *e)
{
    int64_t n = 0;
    enum rc rc = db_int(db, "SELECT count(*) FROM patients WHERE user_id = ? AND id <> ?",
                        DB_ARGS(db_i(user_id), db_i(except)), &n, NULL, e);
    return rc || n == 0 ? rc : err_set(e, ERR_TAKEN, "this account belongs to another patient already");
}

enum rc store_patient_add(struct store_tx *tx, const struct store_patient *p, int64_t by, int64_t now, int64_t *id,
                          struct err *e)
{
    char fold[NAME_CAP], digits[DIGITS_CAP];
    text_fold(fold, sizeof(fold), p->name);
    digits_of(digits, sizeof(digits), p->phone ? p->phone : "");
    enum rc rc = p->user_id > 0 ? refuse_account(tx->db, p->user_id, 0, e) : RC_OK;
    if (!rc)
        rc = db_run(tx->db,
                    "INSERT INTO patients (name, name_fold, sex, birth_year, phone, digits, consent, notes, user_id,"
                    " created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    DB_ARGS(db_t(p->name), db_t(fold), db_t(p->sex ? p->sex : ""),
                            db_i_or_null(p->birth_year > 0 ? p->birth_year : 0, 0), db_t(p->phone ? p->phone : ""),
                            db_t(digits), db_i(p->consent == 1), db_t(p->notes ? p->notes : ""),
                            db_i_or_null(p->user_id > 0 ? p->user_id : 0, 0), db_i(now), db_i(by)),
                    e);
    if (!rc) {
        *id = db_last_id(tx->db);
        rc = index_words(tx->db, *id, e);
    }
    return rc;
}

static enum rc keep_former(struct db *db, int64_t id, int64_t by, int64_t now, struct err *e)
{
    enum rc rc = db_run(db,
                        "INSERT INTO patient_history (patient_id, former, changed_at, changed_by)"
                        " SELECT id, json_object('name', name, 'sex', sex, 'birth_year', birth_year, 'phone', phone,"
                        " 'consent', consent, 'notes', notes, 'user_id', user_id), ?, ? FROM patients WHERE id = ?",
                        DB_ARGS(db_i(now), db_i(by), db_i(id)), e);
    if (!rc && db_changes(db) == 0)
        rc = err_set(e, ERR_NOT_FOUND, "no patient %lld", (long long)id);
    return rc;
}

enum rc store_patient_set(struct store_tx *tx, const struct store_patient *p, int64_t by, int64_t now, struct err *e)
{
    char fold[NAME_CAP] = "", digits[DIGITS_CAP] = "";
    text_fold(fold, sizeof(fold), p->name ? p->name : "");
    digits_of(digits, sizeof(digits), p->phone ? p->phone : "");
    enum rc rc = keep_former(tx->db, p->id, by, now, e);
    if (!rc && p->user_id > 0)
        rc = refuse_account(tx->db, p->user_id, p->id, e);
    if (!rc)
        rc = db_run(tx->db,
                    "UPDATE patients SET name = coalesce(?1, name), name_fold = iif(?1 IS NULL, name_fold, ?2),"
                    " sex = coalesce(?3, sex), birth_year = iif(?4 < 0, birth_year, nullif(?4, 0)),"
                    " phone = coalesce(?5, phone), digits = iif(?5 IS NULL, digits, ?6),"
                    " consent = iif(?7 < 0, consent, ?7), notes = coalesce(?8, notes),"
                    " user_id = iif(?9 < 0, user_id, nullif(?9, 0)) WHERE id = ?10",
                    DB_ARGS(db_t(p->name), db_t(fold), db_t(p->sex), db_i(p->birth_year), db_t(p->phone), db_t(digits),
                            db_i(p->consent), db_t(p->notes), db_i(p->user_id), db_i(p->id)),
                    e);
    if (!rc && p->name)
        rc = db_run(tx->db, "UPDATE result_index SET name_fold = ? WHERE patient_id = ?",
                    DB_ARGS(db_t(fold), db_i(p->id)), e);
    return rc ? rc : index_words(tx->db, p->id, e);
}

/* ?1 is the present moment: an age is in whole years, by the year of birth alone. */
#define PATIENT_FIELDS                                                                                                 \
    "p.id AS id, p.name AS name, p.sex AS sex, p.birth_year AS birth_year,"                                            \
    " CAST(strftime('%Y', ?1 / 1000, 'unixepoch') AS INTEGER) - p.birth_year AS age, p.phone AS phone,"                \
    " p.consent AS \"consent?\""
#define PATIENT_RESULTS                                                                                                \
    " (SELECT count(*) FROM result_index i WHERE i.patient_id = p.id AND i.voided = 0) AS results,"                    \
    " (SELECT max(created_at) FROM result_index i WHERE i.patient_id = p.id AND i.voided = 0) AS \"last_result_at@\""

enum rc store_patient_json(struct store_tx *tx, int64_t id, int64_t now, json_t **out, struct err *e)
{
    enum rc rc = db_json_one(tx->db,
                             "SELECT " PATIENT_FIELDS ", p.notes AS notes, u.username AS username,"
                             " p.created_at AS \"created_at@\"," PATIENT_RESULTS
                             " FROM patients p LEFT JOIN users u ON u.id = p.user_id WHERE p.id = ?2",
                             DB_ARGS(db_i(now), db_i(id)), out, e);
    return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "no patient %lld", (long long)id);
}

enum rc store_patients_list(struct store_tx *tx, const char *search, const struct store_page *p, int64_t now,
                            json_t **out, struct err *e)
{
    static const char *const names[] = {"name", "id", "birth_year", "created_at", "last_result_at"};
    static const char *const columns[] = {"p.name_fold", "p.id", "p.birth_year", "p.created_at", "\"last_result_at@\""};
    struct search_words words;
    struct buf where = {0}, count = {0}, rows = {0};
    size_t which = 0;
    bool falling = false;
    enum rc rc = page_order(p, names, ARRAY_N(names), &which, &falling, e);
    search_parse(search, &words);
    struct db_value v[ARGS_MAX];
    size_t n = 0;
    v[n++] = db_i(now);
    buf_puts(&where, " FROM patients p WHERE ?1 IS NOT NULL");
    if (words.match[0]) {
        v[n++] = db_t(words.match);
        buf_printf(&where, " AND 2 * p.id IN (SELECT rowid FROM name_search WHERE name_search MATCH ?%zu)", n);
    }
    for (size_t i = 0; i < words.like_n; i++) {
        /* Too short for the index: a number of a patient, or read through. */
        v[n++] = db_t(words.like[i]);
        buf_printf(&where,
                   " AND (p.name_fold LIKE ?%zu ESCAPE '\\' OR printf('%%06d', p.id) LIKE ?%zu ESCAPE '\\'"
                   " OR p.digits LIKE ?%zu ESCAPE '\\')",
                   n, n, n);
    }
    buf_printf(&count, "SELECT count(*)%s", where.data ? where.data : "");
    buf_puts(&rows, "SELECT " PATIENT_FIELDS "," PATIENT_RESULTS);
    buf_printf(&rows, "%s ORDER BY %s %s, p.id LIMIT ? OFFSET ?", where.data ? where.data : "", columns[which],
               falling ? "DESC" : "ASC");
    if (!rc)
        rc = buf_check(&where, e);
    if (!rc)
        rc = buf_check(&count, e);
    if (!rc)
        rc = buf_check(&rows, e);
    if (!rc)
        rc = page_query(tx->db, &(struct db_list){count.data, rows.data, {v, n}}, p, out, e);
    buf_free(&where);
    buf_free(&count);
    buf_free(&rows);
    return rc;
}

/* Words of the folded names in common, counting near misses (one edit in five letters), over the longer name's words.
 */
static double likeness(const char *a, const char *b)
{
    size_t words_a = 0, words_b = 0, same = 0;
    for (const char *s = b; *s; s += strspn(s, " ")) {
        words_b++;
        s += strcspn(s, " ");
    }
    for (const char *s = a; *s; s += strspn(s, " ")) {
        char word_a[128], word_b[128];
        size_t n = strcspn(s, " ");
        str_format(word_a, sizeof(word_a), "%.*s", (int)n, s);
        words_a++;
        s += n;
        for (const char *t = b; *t; t += strspn(t, " ")) {
            size_t m = strcspn(t, " ");
            str_format(word_b, sizeof(word_b), "%.*s", (int)m, t);
            t += m;
            if (str_distance(word_a, word_b) <= (n < 4 ? 0 : 1 + n / 8)) {
                same++;
                break;
            }
        }
    }
    size_t most = words_a > words_b ? words_a : words_b;
    return most ? (double)same / (double)most : 0;
}

static enum rc alike_row(const struct db_rows *r, const char *fold, int64_t birth_year, const char *digits, json_t *out,
                         struct err *e)
{
    int64_t year = db_col_int(r, 8);
    bool phone = *digits && str_eq(digits, db_col_text(r, 9));
    double like = likeness(fold, db_col_text(r, 10));
    bool year_fits = birth_year <= 0 || year == 0 || (year - birth_year <= 1 && birth_year - year <= 1);
    if (!phone && !(like >= 0.66 && year_fits))
        return RC_OK;
    const char *why = phone && like >= 0.66                  ? "same phone and a similar name"
                      : phone                                ? "same phone"
                      : birth_year > 0 && year == birth_year ? "similar name, same birth year"
                                                             : "similar name";
    json_t *row = NULL;
    enum rc rc = db_row_json(r, &row, e);
    if (!rc && (json_object_set_new(row, "why", json_string(why)) ||
                (like >= 0.99 ? json_array_insert_new(out, 0, row) : json_array_append_new(out, row))))
        rc = err_set(e, ERR_MEMORY, NULL);
    return rc;
}

enum rc store_patients_alike(struct store_tx *tx, const char *name, int64_t birth_year, const char *phone,
                             int64_t except, int64_t now, json_t **out, struct err *e)
{
    /* Candidates: the same digits, or a name that shares the beginning of one of its words. */
    char fold[NAME_CAP], digits[DIGITS_CAP] = "", match[600] = "";
    struct db_rows r = {0};
    bool row = true;
    text_fold(fold, sizeof(fold), name);
    digits_of(digits, sizeof(digits), phone ? phone : "");
    size_t at = 0;
    for (const char *s = fold; *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, " "), cut = 0, points = 0;
        for (; cut < n; cut++)
            if (((unsigned char)s[cut] & 0xC0) != 0x80 && ++points > 3)
                break;
        if (points >= 3 && at + cut + 10 < sizeof(match) && !memchr(s, '"', cut)) {
            str_format(match + at, sizeof(match) - at, "%s\"%.*s\"", at ? " OR " : "", (int)cut, s);
            at = strlen(match);
        }
        s += n;
    }
    *out = json_array();
    if (!*out)
        return err_set(e, ERR_MEMORY, NULL);
    enum rc rc =
        db_query(tx->db,
                 "SELECT " PATIENT_FIELDS ", p.birth_year AS _year, coalesce(p.birth_year, 0) AS _y, p.digits AS _d,"
                 " p.name_fold AS _f FROM patients p WHERE p.id <> ?2 AND p.id IN ("
                 "SELECT id FROM patients WHERE digits = ?3 AND ?3 <> '' UNION SELECT * FROM (SELECT rowid / 2"
                 " FROM name_search WHERE ?4 <> '' AND name_search MATCH coalesce(nullif(?4, ''), '\"\"')"
                 " AND rowid % 2 = 0 LIMIT 500) UNION SELECT id FROM patients WHERE name_fold = ?5)",
                 DB_ARGS(db_i(now), db_i(except), db_t(digits), db_t(match), db_t(fold)), &r, e);
    while (!rc && row) {
        rc = db_next(&r, &row, e);
        if (!rc && row && json_array_size(*out) < 10)
            rc = alike_row(&r, fold, birth_year, digits, *out, e);
    }
    db_rows_end(&r);
    if (rc) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

enum rc store_patient_of_user(struct store_tx *tx, int64_t user_id, int64_t *id, struct err *e)
{
    *id = 0;
    return db_int(tx->db, "SELECT id FROM patients WHERE user_id = ?", DB_ARGS(db_i(user_id)), id, NULL, e);
}
