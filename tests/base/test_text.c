#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
static void copies(void **state)
{
    (void)state;
    char b[4];
    assert_true(str_copy(b, 4, "abc"));
    assert_false(str_copy(b, 4, "ab\xc3\xa9"));
    assert_string_equal(b, "ab");
}
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(copies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
