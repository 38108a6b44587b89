/* The folder picker, and the tables every screen hangs on. */
#include "ui/app.h"
#include "ui/picker.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[PATH_MAX];

static void put(const char *name)
{
    char path[PATH_MAX + 300];
    str_format(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    close(fd);
}

static int make(void **state)
{
    (void)state;
    char path[PATH_MAX + 300];
    const char *tmp = getenv("TMPDIR");
    str_format(folder, sizeof folder, "%s/picker-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    str_format(path, sizeof path, "%s/old", folder);
    mkdir(path, 0700);
    put("film10.jpg");
    put("film9.JPG");
    put("Ångström.png");
    put("notes.txt");
    put(".hidden.png");
    put("bad\033[2J.png");
    str_format(path, sizeof path, "%s/link.png", folder);
    return symlink("/etc/passwd", path);
}

static int drop(void **state)
{
    (void)state;
    static const char *const names[] = {"film10.jpg",  "film9.JPG",      "Ångström.png", "notes.txt",
                                        ".hidden.png", "bad\033[2J.png", "link.png"};
    char path[PATH_MAX + 300];
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        str_format(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    str_format(path, sizeof path, "%s/old", folder);
    return rmdir(path) | rmdir(folder);
}

static int place_of(const struct picker *p, const char *name)
{
    for (int i = 0; i < p->shown_n; i++)
        if (str_eq(p->entry[p->shown[i]].name, name))
            return i;
    return -1;
}

static void folders_first_numbers_in_order_pictures_open(void **state)
{
    (void)state;
    struct picker p = {0};
    struct err e = {0};
    assert_int_equal(picker_read(&p, folder, NULL, &e), RC_OK);
    picker_fit(&p, 5);
    assert_int_equal(place_of(&p, ".."), 0);
    assert_int_equal(place_of(&p, "old"), 1);
    assert_true(place_of(&p, "film9.JPG") < place_of(&p, "film10.jpg"));
    assert_int_equal(place_of(&p, ".hidden.png"), -1);
    assert_true(p.entry[p.shown[place_of(&p, "film9.JPG")]].openable);
    assert_false(p.entry[p.shown[place_of(&p, "notes.txt")]].openable);
    assert_false(p.entry[p.shown[place_of(&p, "link.png")]].openable); /* links are not followed */
    assert_true(picker_current(&p)->openable && !picker_current(&p)->folder);
    p.hidden = true;
    assert_int_equal(picker_read(&p, NULL, NULL, &e), RC_OK);
    assert_true(place_of(&p, ".hidden.png") > 0);
    picker_close(&p);
}

static void the_filter_folds_accents(void **state)
{
    (void)state;
    struct picker p = {0};
    struct err e = {0};
    assert_int_equal(picker_read(&p, folder, NULL, &e), RC_OK);
    picker_fit(&p, 5);
    picker_filter(&p, "ANGSTROM");
    assert_int_equal(p.shown_n, 2); /* .. stays */
    assert_string_equal(picker_current(&p)->name, "Ångström.png");
    picker_filter(&p, "");
    assert_int_equal(p.shown_n, p.n);
    picker_close(&p);
}

static void marks_are_for_pictures_only(void **state)
{
    (void)state;
    struct picker p = {0};
    struct err e = {0};
    assert_int_equal(picker_read(&p, folder, NULL, &e), RC_OK);
    for (int i = 0; i < p.n; i++)
        picker_mark(&p, &p.entry[i], true);
    assert_int_equal(p.marked_n, 4);
    picker_mark(&p, picker_current(&p), false);
    assert_int_equal(p.marked_n, 3);
    picker_close(&p);
}

static void a_missing_folder_changes_nothing(void **state)
{
    (void)state;
    struct picker p = {0};
    struct err e = {0};
    assert_int_equal(picker_read(&p, folder, NULL, &e), RC_OK);
    int before = p.n;
    assert_int_not_equal(picker_read(&p, "/nowhere/at/all", NULL, &e), RC_OK);
    assert_int_equal(p.n, before);
    assert_int_equal(e.code, ERR_FILE_OPEN);
    picker_close(&p);
}

static void names_are_drawn_safely(void **state)
{
    (void)state;
    struct picker p = {0};
    struct grid g = {0};
    struct err e = {0};
    assert_int_equal(picker_read(&p, folder, NULL, &e), RC_OK);
    assert_int_equal(grid_resize(&g, 12, 30, &e), RC_OK);
    picker_fit(&p, 12);
    struct pane all = pane_all(&g);
    picker_draw(&p, &all, true);
    for (int i = 0; i < g.rows * g.cols; i++)
        assert_false(g.cell[i].ch != 0 && g.cell[i].ch < 32);
    assert_int_equal(g.cursor_row, p.cursor - p.top);
    grid_fini(&g);
    picker_close(&p);
}

/* Every row of screens.def and actions.def is whole. */
static void screens_and_actions_are_whole(void **state)
{
    (void)state;
    assert_true(screens_n > 10);
    for (size_t i = 0; i < screens_n; i++) {
        const struct screen_row *row = screens[i];
        assert_true(row->id && row->title && row->help && row->draw);
        assert_true(strlen(row->help) > 20);
        assert_true(row->key || (row->can && row->act));
        assert_true(row->tab == 0 || row->roles != 0);
        assert_true(!row->restore || row->draft);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(screens[k]->id, row->id);
            assert_true(row->tab == 0 || screens[k]->tab != row->tab);
        }
    }
    for (enum action act = ACT_NONE + 1; act < ACT_N; act++) {
        char keys[64];
        assert_true(strlen(actions[act].help) >= 3 && strlen(actions[act].name) > 1);
        str_copy(keys, sizeof keys, actions[act].keys);
        for (char *at = keys, *end = keys; *end; at = end + 1) {
            char label[32];
            end = strchrnul(at, ' ');
            str_format(label, sizeof label, "%.*s", (int)(end - at), at);
            assert_int_not_equal(key_from_label(label), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_first_numbers_in_order_pictures_open),
        cmocka_unit_test(the_filter_folds_accents),
        cmocka_unit_test(marks_are_for_pictures_only),
        cmocka_unit_test(a_missing_folder_changes_nothing),
        cmocka_unit_test(names_are_drawn_safely),
        cmocka_unit_test(screens_and_actions_are_whole),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
