/* Cells: clipping, wide characters, foreign text. */
#include "ui/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int make(void **state)
{
    struct err e = {0};
    struct grid *g = mem_zalloc(1, sizeof *g, &e);
    *state = g;
    return !g || grid_resize(g, 4, 20, &e) != RC_OK;
}

static int drop(void **state)
{
    grid_fini(*state);
    mem_free(*state);
    return 0;
}

static void line_is(const struct grid *g, int row, const char *wanted)
{
    struct buf line = {0};
    grid_line(g, row, &line);
    assert_string_equal(line.data ? line.data : "", wanted);
    buf_free(&line);
}

static void text_is_clipped_to_its_pane(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g), p = pane_sub(&all, 1, 15, 2, 10);
    assert_int_equal(p.cols, 5);
    assert_int_equal(pane_text(&p, 0, 0, STYLE_TEXT, "abcdefgh"), 5);
    pane_text(&p, 5, 0, STYLE_TEXT, "below");
    pane_text(&p, -1, 0, STYLE_TEXT, "above");
    line_is(g, 0, "");
    line_is(g, 1, "               abcde");
    line_is(g, 2, "");
}

static void wide_characters_stay_whole(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g);
    assert_int_equal(pane_text(&all, 0, 0, STYLE_TEXT, "王小明"), 6);
    assert_int_equal(g->cell[1].ch, 0);
    pane_text(&all, 0, 1, STYLE_TEXT, "x"); /* over the right half: the left half goes, too */
    line_is(g, 0, " x小明");
    struct pane narrow = pane_sub(&all, 1, 0, 1, 3);
    assert_int_equal(pane_text(&narrow, 0, 0, STYLE_TEXT, "王小"), 2);
    line_is(g, 1, "王");
}

static void combining_marks_join(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g);
    assert_int_equal(pane_text(&all, 0, 0, STYLE_TEXT, "e\xcc\x81x"), 2);
    assert_int_equal(g->cell[0].mark[0], 0x301);
    line_is(g, 0, "e\xcc\x81x");
}

static void foreign_text_cannot_drive_the_terminal(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g);
    pane_text(&all, 0, 0, STYLE_TEXT,
              "a\033[2Jb\xe2\x80\xae"
              "c\xff\r\n");
    for (int i = 0; i < g->cols; i++) {
        uint32_t ch = g->cell[i].ch;
        assert_false(ch < 32 || ch == 127 || ch == 0x202e || (ch >= 0x80 && ch < 0xa0));
    }
    g->ascii_only = true;
    pane_text(&all, 1, 0, STYLE_TEXT, "Å王");
    for (int i = 0; i < g->cols; i++)
        assert_in_range(g->cell[g->cols + i].ch, 32, 126);
}

static void fields_are_cut_and_padded(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g);
    pane_text(&all, 0, 0, STYLE_TEXT, "....................");
    pane_field(&all, 0, 2, 8, STYLE_SELECTED, "abcdefghijkl");
    line_is(g, 0, "..abcde.............");
    pane_field(&all, 0, 2, 8, STYLE_SELECTED, "ab");
    line_is(g, 0, "..ab      ..........");
    assert_int_equal(g->cell[9].style, STYLE_SELECTED);
    assert_int_equal(g->cell[10].style, STYLE_TEXT);
}

static void text_wraps_at_blanks(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g), p = pane_sub(&all, 0, 0, 4, 8);
    assert_int_equal(pane_wrap(&p, 0, STYLE_TEXT, "one two three verylongword"), 4);
    line_is(g, 0, "one two");
    line_is(g, 1, "three");
    line_is(g, 2, "verylong");
    line_is(g, 3, "word");
}

static void boxes_and_bars(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g), p = pane_sub(&all, 0, 0, 3, 12), in = pane_box(&p, "Hi", STYLE_TEXT);
    assert_int_equal(in.rows, 1);
    assert_int_equal(in.cols, 10);
    pane_bar(&in, 0, 0, 10, 0.5, STYLE_TEXT);
    line_is(g, 0, "+- Hi -----+");
    line_is(g, 1, "|[####----]|");
    line_is(g, 2, "+----------+");
}

static void a_grid_shows_a_part_of_another(void **state)
{
    struct grid *g = *state, tall = {0};
    struct err e = {0};
    assert_int_equal(grid_resize(&tall, 30, 10, &e), RC_OK);
    struct pane from = pane_all(&tall), to = pane_all(g);
    for (int i = 0; i < 30; i++)
        pane_printf(&from, i, 0, STYLE_TEXT, "line %d", i);
    pane_grid(&to, 0, 1, &tall, 28, 4);
    line_is(g, 0, " line 28");
    line_is(g, 1, " line 29");
    line_is(g, 2, "");
    grid_fini(&tall);
}

static void the_cursor_stays_inside(void **state)
{
    struct grid *g = *state;
    struct pane all = pane_all(g);
    pane_cursor(&all, 99, 99, true);
    assert_int_equal(g->cursor_row, 3);
    assert_int_equal(g->cursor_col, 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_is_clipped_to_its_pane, make, drop),
        cmocka_unit_test_setup_teardown(wide_characters_stay_whole, make, drop),
        cmocka_unit_test_setup_teardown(combining_marks_join, make, drop),
        cmocka_unit_test_setup_teardown(foreign_text_cannot_drive_the_terminal, make, drop),
        cmocka_unit_test_setup_teardown(fields_are_cut_and_padded, make, drop),
        cmocka_unit_test_setup_teardown(text_wraps_at_blanks, make, drop),
        cmocka_unit_test_setup_teardown(boxes_and_bars, make, drop),
        cmocka_unit_test_setup_teardown(a_grid_shows_a_part_of_another, make, drop),
        cmocka_unit_test_setup_teardown(the_cursor_stays_inside, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
