#include "base/err.h"
#include "base/text.h"

#include "support.h"

#include <errno.h>

static void every_row_is_complete(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum err_code code;
        enum rc rc;
        const char *title, *advice;
    } rows[] = {
#define ERR(number, name, rc, title, advice) {number, ERR_##name, rc, title, advice},
#include "base/errors.def"
#undef ERR
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        assert_int_equal(rows[i].number, (int)rows[i].code);
        assert_int_equal(err_rc_of(rows[i].code), rows[i].rc);
        assert_int_equal(err_code_from_number(rows[i].number), rows[i].code);
        assert_string_equal(err_title(rows[i].code), rows[i].title);
        assert_string_equal(err_advice(rows[i].code), rows[i].advice);
        assert_true(rows[i].rc >= RC_INPUT && rows[i].rc <= RC_REFUSED);
        assert_true(strlen(rows[i].title) > 3 && strlen(rows[i].advice) > 3);
        assert_true(strlen(rows[i].title) < sizeof(((struct err *)0)->msg));
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(rows[k].number, rows[i].number);
    }
}

static void first_failure_wins(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_FILE_TYPE, "first %d", 1), RC_INPUT);
    assert_int_equal(err_set(&e, ERR_MEMORY, "second"), RC_FAILED);
    assert_int_equal(e.rc, RC_INPUT);
    assert_int_equal(e.code, ERR_FILE_TYPE);
    assert_string_equal(e.msg, "first 1");
    assert_string_equal(e.where, "first_failure_wins");
    err_clear(&e);
    assert_int_equal(e.rc, RC_OK);
    assert_string_equal(e.msg, "");
    assert_int_equal(err_set(&e, ERR_MEMORY, "third"), RC_FAILED);
    assert_string_equal(e.msg, "third");
}

static void nobody_needs_to_listen(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_POLICY, "x"), RC_REFUSED);
    assert_int_equal(err_sys(NULL, ERR_DISK, ENOSPC, "x"), RC_FAILED);
    err_clear(NULL);
}

static void empty_words_are_the_title(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, ERR_FILE_CORRUPT, "");
    assert_string_equal(e.msg, "Invalid or corrupted image file");
    err_clear(&e);
    err_sys(&e, ERR_DISK, ENOSPC, "");
    assert_string_equal(e.msg, "Cannot write to the disk: No space left on device");
}

static void system_reason_is_appended(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_sys(&e, ERR_FILE_OPEN, ENOENT, "cannot open %s", "a.png"), RC_NOT_FOUND);
    assert_string_equal(e.msg, "cannot open a.png: No such file or directory");
}

static void message_cannot_drive_a_terminal(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, ERR_FILE_OPEN, "file %s", "\x1b]0;x\x07\n\xff\xe2\x80\xae.png");
    assert_string_equal(e.msg, "file ?]0;x??\xef\xbf\xbd?.png");
}

static void long_message_is_cut_between_characters(void **state)
{
    (void)state;
    struct err e = {0};
    char words[1000];
    for (size_t i = 0; i < sizeof(words) - 1; i += 3)
        memcpy(words + i, "\xe2\x82\xac", 3);
    words[sizeof(words) - 1] = '\0';
    err_set(&e, ERR_VALUE, "%s", words);
    assert_true(strlen(e.msg) <= sizeof(e.msg) - 1 && strlen(e.msg) >= sizeof(e.msg) - 3);
    assert_true(utf8_valid(e.msg, strlen(e.msg)));
}

static void foreign_numbers(void **state)
{
    (void)state;
    static const int numbers[] = {-1, 1, 100, 999, 1 << 30};
    for (size_t i = 0; i < ARRAY_N(numbers); i++)
        assert_int_equal(err_code_from_number(numbers[i]), ERR_INTERNAL);
    assert_int_equal(err_code_from_number(0), ERR_NONE);
    assert_int_equal(err_rc_of(ERR_NONE), RC_OK);
    assert_string_equal(err_title((enum err_code)12345), "Internal error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(first_failure_wins),
        cmocka_unit_test(nobody_needs_to_listen),
        cmocka_unit_test(empty_words_are_the_title),
        cmocka_unit_test(system_reason_is_appended),
        cmocka_unit_test(message_cannot_drive_a_terminal),
        cmocka_unit_test(long_message_is_cut_between_characters),
        cmocka_unit_test(foreign_numbers),
    };
    return RUN(tests);
}
