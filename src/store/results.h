/* What writing, showing and listing results share. Private to the store. */
#ifndef CLINIC_STORE_RESULTS_H
#define CLINIC_STORE_RESULTS_H

#include "store/priv.h"

/* A query under construction: text with '?', values in the same order. */
struct query {
    struct buf sql;
    struct db_value v[64];
    size_t n;
    bool full;
};
void query_add(struct query *q, const char *sql);
void query_value(struct query *q, const char *sql, struct db_value v); /* sql holds one '?' */
struct db_args query_args(const struct query *q);
enum rc query_check(const struct query *q, struct err *e) MUST_USE;

/* " AND ..." over result_index i: what these eyes may see at all. */
void eyes_where(struct query *q, const struct store_eyes *eyes);
/* Select list of a row of the list, over i (result_index), r (results), p (patients, may be missing). */
const char *eyes_row_fields(const struct store_eyes *eyes);
#define RESULT_JOINS                                                                                                   \
    " JOIN results r ON r.id = i.id JOIN images m ON m.id = r.image_id LEFT JOIN patients p ON p.id = i.patient_id"

#endif
