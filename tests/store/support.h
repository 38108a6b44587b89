/* What the tests of the store share: a station of their own in a folder of their own. */
#ifndef CLINIC_TESTS_STORE_SUPPORT_H
#define CLINIC_TESTS_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "store_mail.h"
#include "store_records.h"

#define OK(call) ok_at((call), &bad, #call, __FILE__, __LINE__)
#define RUN(tests) cmocka_run_group_tests((tests), NULL, NULL)
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
/* The call fails with this code. */
#define FAILS(call, wanted)                                                                                            \
    do {                                                                                                               \
        assert_int_not_equal((call), RC_OK);                                                                           \
        assert_int_equal(bad.code, (wanted));                                                                          \
        bad = (struct err){0};                                                                                         \
    } while (0)

extern struct err bad; /* of the call in OK and FAILS */
void ok_at(enum rc rc, const struct err *e, const char *what, const char *file, int line);

struct fixture {
    char home[256];
    struct store *store;
    int64_t doctor, patient_user, patient; /* accounts and a patient record tied to patient_user */
};
int fixture_open(void **state);
int fixture_close(void **state);
void folder_drop(const char *path);

struct store_tx *begin_write(struct store *s);
struct store_tx *begin_read(struct store *s);
void commit(struct store_tx *tx);
/* A result of the doctor's at this moment; patient 0: a walk-in of this name. */
int64_t add_result(struct store *s, int64_t by, int64_t patient, const char *name, const char *class, double confidence,
                   int64_t at);
/* Runs SQL behind the store's back, as an intruder or a broken disk would. */
void behind_its_back(const char *home, const char *sql);

#endif
