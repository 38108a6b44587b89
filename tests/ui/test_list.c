/* Lists: windows over long results, cursors, marks, columns. */
#include "ui/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static json_t *page(int64_t total, int64_t offset, int64_t count)
{
    json_t *rows = json_array();
    for (int64_t i = offset; i < offset + count && i < total; i++)
        json_array_append_new(rows, json_pack("{s:I, s:s}", "id", (json_int_t)(i + 1), "name", "x"));
    return json_pack("{s:I, s:o}", "count", (json_int_t)total, "results", rows);
}

/* Answers like the station until the list wants no more; returns how many requests that took. */
static int serve(struct list *l, int64_t total)
{
    int64_t offset, count;
    int asked = 0;
    while (list_wants(l, &offset, &count)) {
        assert_int_equal(offset % count, 0); /* a page number says it */
        assert_in_range(count, 1, 500);
        json_t *answer = page(total, offset, count);
        list_take(l, answer, offset);
        json_decref(answer);
        assert_true(++asked < 3);
    }
    return asked;
}

static void start(struct list *l, int64_t total, int rows)
{
    *l = (struct list){0};
    list_fit(l, rows);
    json_t *first = page(total, 0, 60);
    list_take(l, first, 0);
    json_decref(first);
}

static void any_place_of_a_million_rows_takes_one_request(void **state)
{
    (void)state;
    struct list l;
    const int64_t total = 1000000;
    for (int rows = 2; rows < 90; rows += 7) {
        start(&l, total, rows);
        for (int64_t to = 0; to < total; to += 99991) {
            list_go(&l, to);
            serve(&l, total);
            assert_int_equal(json_integer_value(json_object_get(list_current(&l), "id")), to + 1);
            for (int64_t i = l.top; i < l.top + l.page_rows && i < total; i++)
                assert_non_null(list_at(&l, i));
        }
        list_go(&l, total + 5);
        serve(&l, total);
        assert_int_equal(l.cursor, total - 1);
        assert_non_null(list_current(&l));
        list_fini(&l);
    }
}

static void moving_on_asks_ahead_of_need(void **state)
{
    (void)state;
    struct list l;
    int asked = 0;
    start(&l, 5000, 20);
    for (int i = 0; i < 4000; i++) {
        list_move(&l, 1);
        assert_non_null(list_current(&l)); /* never an empty line under the cursor */
        asked += serve(&l, 5000);
    }
    assert_int_equal(l.cursor, 4000);
    assert_in_range(asked, 10, 200);
    list_fini(&l);
}

static void short_lists_ask_nothing(void **state)
{
    (void)state;
    struct list l;
    int64_t offset, count;
    start(&l, 7, 20);
    assert_false(list_wants(&l, &offset, &count));
    list_move(&l, 100);
    assert_int_equal(l.cursor, 6);
    assert_int_equal(l.top, 0);
    list_move(&l, -100);
    assert_int_equal(l.cursor, 0);
    list_fini(&l);
    start(&l, 0, 20);
    assert_false(list_wants(&l, &offset, &count));
    assert_null(list_current(&l));
    list_fini(&l);
}

static void marks_belong_to_numbers_not_places(void **state)
{
    (void)state;
    struct list l;
    start(&l, 100, 10);
    list_mark(&l, 3, true);
    list_mark(&l, 3, true);
    list_mark(&l, 50, true);
    assert_int_equal(l.marks_n, 2);
    assert_true(list_marked(&l, 50));
    list_mark(&l, 3, false);
    assert_false(list_marked(&l, 3));
    for (int64_t id = 1000; id < 1000 + LIST_MARKS_MAX + 10; id++)
        list_mark(&l, id, true);
    assert_int_equal(l.marks_n, LIST_MARKS_MAX);
    list_fini(&l);
}

static void id_text(json_t *row, char *dst, size_t cap)
{
    str_format(dst, cap, "%04lld", (long long)json_integer_value(json_object_get(row, "id")));
}

static void name_text(json_t *row, char *dst, size_t cap)
{
    str_copy(dst, cap, json_string_value(json_object_get(row, "name")));
}

static void columns_follow_the_width(void **state)
{
    (void)state;
    static const struct list_column columns[] = {
        {"No", 4, 4, id_text, NULL, 0}, {"Name", 0, 0, name_text, NULL, 0}, {"Again", 8, 6, id_text, NULL, -1}};
    struct grid g = {0};
    struct err e = {0};
    struct list l;
    struct buf line = {0};
    start(&l, 3, 4);
    list_mark(&l, 2, true);
    for (int cols = 40; cols <= 80; cols += 40) {
        assert_int_equal(grid_resize(&g, 4, cols, &e), RC_OK);
        struct pane p = pane_all(&g);
        list_draw(&l, &p, columns, ARRAY_N(columns), 0, true, true);
        line.len = 0;
        grid_line(&g, 0, &line);
        assert_int_equal(strstr(line.data, "Again") != NULL, cols == 80);
        assert_non_null(strstr(line.data, "No v"));
        line.len = 0;
        grid_line(&g, 2, &line);
        assert_int_equal(strncmp(line.data, " *0002 x", 8), 0);
        assert_int_equal(g.cursor_row, 1);
    }
    buf_free(&line);
    grid_fini(&g);
    list_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_place_of_a_million_rows_takes_one_request),
        cmocka_unit_test(moving_on_asks_ahead_of_need),
        cmocka_unit_test(short_lists_ask_nothing),
        cmocka_unit_test(marks_belong_to_numbers_not_places),
        cmocka_unit_test(columns_follow_the_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
