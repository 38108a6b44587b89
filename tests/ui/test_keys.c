/* Bytes of terminals to keys. */
#include "base/text.h"
#include "ui/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *bytes;
    uint32_t key;
} sequences[] = {
    {"\033[A", K_UP},
    {"\033OA", K_UP},
    {"\033[5~", K_PAGE_UP},
    {"\033[Z", K_BACKTAB},
    {"\033OP", K_F1},
    {"\033[11~", K_F1},
    {"\033[[A", K_F1},
    {"\0331", K_F1},
    {"\0330", K_F10},
    {"\033[3~", K_DELETE},
    {"\033[1~", K_HOME},
    {"\033OF", K_END},
    {"a", 'a'},
    {"\r", 13},
    {"\x18", 24},
    {"\xc3\x85", 0xc5},
    {"\xe7\x8e\x8b", 0x738b},
    {"\xf0\x9f\xa9\xba", 0x1fa7a},
};

static void sequences_become_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(sequences); i++) {
        struct keys k = {0};
        size_t n = strlen(sequences[i].bytes);
        /* byte by byte, as a slow line delivers them */
        for (size_t b = 0; b + 1 < n; b++) {
            assert_int_equal(keys_feed(&k, sequences[i].bytes + b, 1), 1);
            assert_int_equal(keys_next(&k, false), 0);
        }
        keys_feed(&k, sequences[i].bytes + n - 1, 1);
        assert_int_equal(keys_next(&k, false), sequences[i].key);
        assert_int_equal(keys_next(&k, false), 0);
        keys_fini(&k);
    }
}

static void a_lone_escape_waits_then_is_a_key(void **state)
{
    (void)state;
    struct keys k = {0};
    keys_feed(&k, "\033", 1);
    assert_int_equal(keys_next(&k, false), 0);
    assert_int_equal(keys_next(&k, true), 27);
    assert_int_equal(keys_next(&k, true), 0);
    keys_feed(&k, "\033x", 2);
    assert_int_equal(keys_next(&k, false), 27);
    assert_int_equal(keys_next(&k, false), 'x');
    keys_fini(&k);
}

static void unknown_sequences_are_swallowed_whole(void **state)
{
    (void)state;
    struct keys k = {0};
    static const char bytes[] = "\033[<0;12;34Mq";
    keys_feed(&k, bytes, sizeof bytes - 1);
    assert_int_equal(keys_next(&k, false), K_UNKNOWN);
    assert_int_equal(keys_next(&k, false), 'q');
    keys_fini(&k);
}

static void paste_is_one_key(void **state)
{
    (void)state;
    struct keys k = {0};
    static const char bytes[] = "\033[200~q\033[A\nrest\033[201~x";
    keys_feed(&k, bytes, sizeof bytes - 1);
    assert_int_equal(keys_next(&k, false), K_PASTE);
    assert_string_equal(k.paste.data, "q\033[A\nrest");
    assert_false(k.paste_cut);
    assert_int_equal(keys_next(&k, false), 'x');
    keys_fini(&k);
}

static void a_huge_paste_is_cut(void **state)
{
    (void)state;
    struct keys k = {0};
    char block[1000];
    memset(block, 'A', sizeof block);
    keys_feed(&k, "\033[200~", 6);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(keys_feed(&k, block, sizeof block), sizeof block);
        assert_int_equal(keys_next(&k, false), 0);
    }
    keys_feed(&k, "\033[201~", 6);
    assert_int_equal(keys_next(&k, false), K_PASTE);
    assert_true(k.paste_cut);
    assert_int_equal(k.paste.len, KEYS_PASTE_MAX);
    keys_fini(&k);
}

static void every_byte_ends(void **state)
{
    (void)state;
    struct keys k = {0};
    for (int byte = 0; byte < 256; byte++) {
        unsigned char c = (unsigned char)byte;
        keys_feed(&k, &c, 1);
        for (int i = 0; i < 8 && k.len; i++)
            keys_next(&k, true);
        assert_int_equal(k.len, 0);
    }
    keys_fini(&k);
}

static void labels_and_back(void **state)
{
    (void)state;
    static const char *const names[] = {"Enter",     "Tab", "Esc", "Space", "Ctrl-X", "PgUp",
                                        "Shift-Tab", "F10", "a",   "?",     "|"};
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        char label[32];
        uint32_t key = key_from_label(names[i]);
        assert_int_not_equal(key, 0);
        assert_string_equal(key_label(key, label, sizeof label), names[i]);
    }
    assert_int_equal(key_from_label("Hyper-Q"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_become_keys),
        cmocka_unit_test(a_lone_escape_waits_then_is_a_key),
        cmocka_unit_test(unknown_sequences_are_swallowed_whole),
        cmocka_unit_test(paste_is_one_key),
        cmocka_unit_test(a_huge_paste_is_cut),
        cmocka_unit_test(every_byte_ends),
        cmocka_unit_test(labels_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
