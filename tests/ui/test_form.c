/* Editors and forms: typing, moving, checking, drafts. */
#include "base/file.h"
#include "ui/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int64_t now_ms(void)
{
    int64_t at;
    assert_true(clock_parse_iso("2026-03-02T10:14:00Z", &at));
    return at;
}

static void type(struct edit *ed, const char *text)
{
    while (*text)
        assert_true(edit_key(ed, utf8_next(&text), NULL));
}

static void editing_keeps_characters_whole(void **state)
{
    (void)state;
    struct edit ed = {0};
    type(&ed, "Å王x");
    assert_true(edit_key(&ed, K_LEFT, NULL));
    assert_true(edit_key(&ed, 127, NULL));
    assert_string_equal(ed.text, "Åx");
    assert_true(edit_key(&ed, K_HOME, NULL));
    assert_true(edit_key(&ed, K_DELETE, NULL));
    assert_string_equal(ed.text, "x");
    assert_true(edit_key(&ed, 127, NULL)); /* nothing before the cursor */
    assert_string_equal(ed.text, "x");
    assert_false(edit_key(&ed, K_F1, NULL));
    assert_false(edit_key(&ed, 13, NULL));
}

static void words_and_lines_are_cut(void **state)
{
    (void)state;
    struct edit ed = {0};
    type(&ed, "one two  three");
    edit_key(&ed, K_CTRL('W'), NULL);
    assert_string_equal(ed.text, "one two  ");
    edit_key(&ed, K_CTRL('A'), NULL);
    edit_key(&ed, K_RIGHT, NULL);
    edit_key(&ed, K_CTRL('K'), NULL);
    assert_string_equal(ed.text, "o");
    edit_key(&ed, K_CTRL('U'), NULL);
    assert_string_equal(ed.text, "");
}

static void pastes_become_one_line_and_stop_at_the_limit(void **state)
{
    (void)state;
    struct edit ed = {.max = 6};
    assert_true(edit_key(&ed, K_PASTE, "a\nb\tc\033dÅÅ"));
    assert_string_equal(ed.text, "a b cd");
    assert_int_equal(ed.len, 6);
    assert_true(utf8_valid(ed.text, ed.len));
}

static struct form small_form(void)
{
    static const char *const colours[] = {"red", "green", "blue", NULL};
    struct form f = {0};
    form_add(&f, FIELD_TEXT, "name", "Name", "")->required = true;
    form_add(&f, FIELD_DATE, "from", "From", "");
    struct field *age = form_add(&f, FIELD_NUMBER, "age", "Age", "");
    age->max = 130;
    form_add(&f, FIELD_CHOICE, "colour", "Colour", "")->choices = colours;
    form_add(&f, FIELD_CHECK, "consent", "Consent", "");
    form_add(&f, FIELD_SECRET, "secret", "Secret", "");
    form_add(&f, FIELD_BUTTON, "go", "Go", "");
    return f;
}

static enum form_event key(struct form *f, uint32_t k)
{
    return form_key(f, k, "", now_ms());
}

static void enter_goes_on_and_the_button_submits(void **state)
{
    (void)state;
    struct form f = small_form();
    for (int i = 0; i < f.n - 1; i++) {
        assert_int_equal(f.focus, i);
        assert_int_equal(key(&f, 13), FORM_USED);
    }
    assert_int_equal(key(&f, 13), FORM_BUTTON);
    assert_int_equal(key(&f, 27), FORM_CANCEL);
    assert_int_equal(key(&f, 9), FORM_USED);
    assert_int_equal(f.focus, 0);
    assert_int_equal(key(&f, K_BACKTAB), FORM_USED);
    assert_int_equal(f.focus, f.n - 1);
    assert_int_equal(key(&f, 'x'), FORM_UNUSED);
}

static void dates_are_echoed_with_the_weekday(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *shown;
    } dates[] = {{"T", "2026-03-02 Mon"},
                 {"T-7", "2026-02-23 Mon"},
                 {"12 mar", "2026-03-12 Thu"},
                 {"2026-02-28", "2026-02-28 Sat"}};
    for (size_t i = 0; i < ARRAY_N(dates); i++) {
        struct form f = small_form();
        f.focus = 1;
        type(&f.field[1].edit, dates[i].typed);
        key(&f, 9);
        assert_string_equal(f.field[1].edit.text, dates[i].shown);
        assert_string_equal(f.field[1].wrong, "");
        f.focus = 1; /* leaving it again changes nothing */
        key(&f, 9);
        assert_string_equal(f.field[1].edit.text, dates[i].shown);
    }
    struct form f = small_form();
    f.focus = 1;
    type(&f.field[1].edit, "soon");
    key(&f, 9);
    assert_non_null(strstr(f.field[1].wrong, "T-7"));
    assert_string_equal(f.field[1].edit.text, "soon");
}

static void checking_finds_the_first_wrong_field(void **state)
{
    (void)state;
    struct form f = small_form();
    edit_set(&f.field[2].edit, "131");
    assert_false(form_check(&f, now_ms()));
    assert_int_equal(f.focus, 0);
    edit_set(&f.field[0].edit, "OKELLO Grace");
    assert_false(form_check(&f, now_ms()));
    assert_int_equal(f.focus, 2);
    assert_non_null(strstr(f.field[2].wrong, "130"));
    edit_set(&f.field[2].edit, "34");
    assert_true(form_check(&f, now_ms()));
}

static void choices_and_checks_turn(void **state)
{
    (void)state;
    struct form f = small_form();
    f.focus = 3;
    key(&f, K_LEFT);
    assert_string_equal(form_text(&f, "colour"), "blue");
    key(&f, ' ');
    assert_string_equal(form_text(&f, "colour"), "red");
    f.focus = 4;
    key(&f, ' ');
    assert_true(form_field(&f, "consent")->on);
    assert_true(f.changed);
}

static void drafts_come_back_without_secrets(void **state)
{
    (void)state;
    struct form f = small_form(), g = small_form();
    edit_set(&f.field[0].edit, "NAKATO Ämina");
    edit_set(&f.field[5].edit, "not to be kept");
    f.field[3].choice = 2;
    f.field[4].on = true;
    json_t *kept = form_to_json(&f);
    char *text = json_dumps(kept, 0);
    assert_null(strstr(text, "not to be kept"));
    mem_free(text);
    form_from_json(&g, kept);
    assert_string_equal(form_text(&g, "name"), "NAKATO Ämina");
    assert_string_equal(form_text(&g, "colour"), "blue");
    assert_true(g.field[4].on);
    assert_string_equal(form_text(&g, "secret"), "");
    json_object_set_new(kept, "colour", json_integer(99)); /* from another version */
    form_from_json(&g, kept);
    assert_string_equal(form_text(&g, "colour"), "blue");
    json_decref(kept);
    form_wipe(&f);
    assert_string_equal(form_text(&f, "secret"), "");
}

static void drawn_with_brackets_and_the_cursor_in_the_field(void **state)
{
    (void)state;
    struct grid g = {0};
    struct err e = {0};
    struct form f = small_form();
    assert_int_equal(grid_resize(&g, 12, 30, &e), RC_OK);
    edit_set(&f.field[0].edit, "Grace");
    edit_set(&f.field[5].edit, "abc");
    struct pane p = pane_all(&g);
    form_draw(&f, &p, 8);
    struct buf line = {0};
    grid_line(&g, 0, &line);
    assert_string_equal(line.data, "Name     [Grace             ]");
    assert_int_equal(g.cursor_row, 0);
    assert_int_equal(g.cursor_col, 15);
    line.len = 0;
    grid_line(&g, 5, &line);
    assert_string_equal(line.data, "Secret   [***               ]");
    buf_free(&line);
    grid_fini(&g);
}

static void a_low_pane_keeps_the_focused_field_in_sight(void **state)
{
    (void)state;
    struct grid g = {0};
    struct err e = {0};
    struct form f = small_form();
    assert_int_equal(grid_resize(&g, 4, 30, &e), RC_OK);
    struct pane p = pane_all(&g);
    for (f.focus = 0; f.focus < f.n; f.focus++) {
        grid_clear(&g);
        form_draw(&f, &p, 8);
        assert_in_range(g.cursor_row, 0, 1);
    }
    grid_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(editing_keeps_characters_whole),
        cmocka_unit_test(words_and_lines_are_cut),
        cmocka_unit_test(pastes_become_one_line_and_stop_at_the_limit),
        cmocka_unit_test(enter_goes_on_and_the_button_submits),
        cmocka_unit_test(dates_are_echoed_with_the_weekday),
        cmocka_unit_test(checking_finds_the_first_wrong_field),
        cmocka_unit_test(choices_and_checks_turn),
        cmocka_unit_test(drafts_come_back_without_secrets),
        cmocka_unit_test(drawn_with_brackets_and_the_cursor_in_the_field),
        cmocka_unit_test(a_low_pane_keeps_the_focused_field_in_sight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
