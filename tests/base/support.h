/* What the tests of base share: cmocka with its headers, and a folder of their own. */
#ifndef CLINIC_TESTS_BASE_SUPPORT_H
#define CLINIC_TESTS_BASE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RUN(tests) cmocka_run_group_tests((tests), NULL, NULL)
#define OK(call) assert_int_equal((call), RC_OK)

/* A new empty folder, named by the returned buffer; removed with all that is in it by folder_drop. */
char *folder_make(char path[256]);
void folder_drop(const char *path);
/* Files in the folder, "." and ".." not counted. */
int folder_count(const char *path);

#endif
