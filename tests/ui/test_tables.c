/* The tables behind keys, styles, words and screens: every row can be reached, read and understood. */
#include "base/text.h"
#include "ui/app_priv.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_action_has_keys_and_a_sentence(void **state)
{
    (void)state;
    static const char *const groups[] = {"move", "view", "work", "send", "station"};
    static const enum action rows[] = {
#define ACTION(id, name, keys, group, help) ACT_##id,
#include "ui/actions.def"
#undef ACTION
    };
    assert_int_equal(ARRAY_N(rows), ACT_N - 1);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        const struct action_row *row = &actions[rows[i]];
        uint32_t keys[8];
        size_t n = action_keys(rows[i], keys, ARRAY_N(keys)), known = 0;
        assert_in_range(n, 1, 7);
        for (size_t k = 0; k < n; k++)
            assert_int_not_equal(keys[k], 0);
        for (size_t g = 0; g < ARRAY_N(groups); g++)
            known += str_eq(row->group, groups[g]);
        assert_int_equal(known, 1);
        assert_true(strlen(row->name) >= 2 && strlen(row->help) >= 3);
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(row->name, actions[rows[other]].name);
    }
}

/* What the application does itself must not fight over a key. */
static void own_keys_are_apart(void **state)
{
    (void)state;
    static const enum action own[] = {ACT_HELP, ACT_PALETTE,  ACT_LOCK,     ACT_REDRAW, ACT_STOP,
                                      ACT_QUIT, ACT_MESSAGES, ACT_SIGN_OUT, ACT_BACK};
    for (size_t i = 0; i < ARRAY_N(own); i++)
        for (size_t k = 0; k < i; k++) {
            uint32_t a[8], b[8];
            size_t a_n = action_keys(own[i], a, ARRAY_N(a)), b_n = action_keys(own[k], b, ARRAY_N(b));
            for (size_t x = 0; x < a_n; x++)
                for (size_t y = 0; y < b_n; y++)
                    assert_int_not_equal(a[x], b[y]);
        }
}

static void every_screen_can_be_drawn_and_explained(void **state)
{
    (void)state;
    static const char *const ids[] = {
#define SCREEN(id) #id,
#include "ui/screens.def"
#undef SCREEN
    };
    assert_int_equal(ARRAY_N(ids), screens_n);
    for (size_t i = 0; i < screens_n; i++) {
        assert_string_equal(screens[i]->id, ids[i]);
        assert_non_null(screens[i]->draw);
        assert_non_null(screens[i]->help);
        assert_true(strlen(screens[i]->title) >= 2 && strlen(screens[i]->help) > 20);
        assert_true(screens[i]->tab == 0 || screens[i]->roles != 0);
        for (size_t k = 0; k < i; k++)
            assert_true(screens[i]->tab == 0 || screens[i]->tab != screens[k]->tab ||
                        !(screens[i]->roles & screens[k]->roles));
    }
}

/* Without colour every style that carries meaning is still told apart from plain text. */
static void styles_work_in_monochrome(void **state)
{
    (void)state;
    enum { A_B = 1, A_R = 2, A_U = 4, A_D = 8 };
    static const struct {
        const char *name;
        int attributes, colour;
    } rows[] = {
#define STYLE(id, attributes, colour) {#id, attributes, colour},
#include "ui/styles.def"
#undef STYLE
    };
    assert_int_equal(ARRAY_N(rows), STYLE_N);
    static const char *const meaningful[] = {"SELECTED", "TAB_ON", "BANNER", "POSITIVE", "WARN", "ERROR"};
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        assert_in_range(rows[i].colour + 1, 0, 8);
        for (size_t k = 0; k < ARRAY_N(meaningful); k++)
            if (str_eq(rows[i].name, meaningful[k]))
                assert_int_not_equal(rows[i].attributes, 0);
    }
}

static void words_are_explained_once(void **state)
{
    (void)state;
    static const char *const words[][2] = {
#define WORD(word, meaning) {word, meaning},
#include "ui/glossary.def"
#undef WORD
    };
    for (size_t i = 0; i < ARRAY_N(words); i++) {
        char folded[64];
        assert_string_equal(text_fold(folded, sizeof folded, words[i][0]), words[i][0]);
        assert_true(strlen(words[i][1]) > 15);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(words[i][0], words[k][0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_has_keys_and_a_sentence),
        cmocka_unit_test(own_keys_are_apart),
        cmocka_unit_test(every_screen_can_be_drawn_and_explained),
        cmocka_unit_test(styles_work_in_monochrome),
        cmocka_unit_test(words_are_explained_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
