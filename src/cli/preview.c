/* Pictures drawn with characters. */
#include "base/conf.h"
#include "base/text.h"
#include "cli/command.h"
#include "intake.h"

#include <math.h>
#include <unistd.h>

/* Select-graphic-rendition for one cell's colours; nothing for -1, -1. */
static void colours(enum ascii_mode mode, int fg, int bg)
{
    if (mode == ASCII_GREY16) {
        if (fg >= 0)
            printf("\033[%dm", fg < 8 ? 30 + fg : 82 + fg);
        if (bg >= 0)
            printf("\033[%dm", bg < 8 ? 40 + bg : 92 + bg);
        return;
    }
    if (fg >= 0)
        printf("\033[38;5;%dm", fg);
    if (bg >= 0)
        printf("\033[48;5;%dm", bg);
}

static bool blank(const struct ascii_cell *c)
{
    return (c->ch == ' ' || c->ch == 0) && c->bg < 0;
}

static void print_row(const struct ascii_cell *cells, int32_t n, enum ascii_mode mode)
{
    int fg = -1, bg = -1;
    while (n > 0 && blank(&cells[n - 1]))
        n--;
    for (int32_t i = 0; i < n; i++) {
        const struct ascii_cell *c = &cells[i];
        if (mode != ASCII_MONO && (c->fg != fg || c->bg != bg)) {
            if (fg >= 0 || bg >= 0)
                fputs("\033[0m", stdout);
            colours(mode, c->fg, c->bg);
            fg = c->fg;
            bg = c->bg;
        }
        char utf8[4];
        uint32_t ch = c->ch ? c->ch : ' ';
        fwrite(utf8, 1, utf8_put(utf8, mode == ASCII_MONO && ch > 126 ? '#' : ch), stdout);
    }
    if (fg >= 0 || bg >= 0)
        fputs("\033[0m", stdout);
    putchar('\n');
}

static enum rc draw(const struct image *im, const struct ascii_view *v, struct err *e)
{
    int32_t columns, rows;
    struct ascii_cell *cells = mem_zalloc((size_t)v->columns * (size_t)v->rows, sizeof(*cells), e);
    if (!cells)
        return RC_FAILED;
    enum rc rc = ascii_draw(im, v, cells, &columns, &rows, e);
    /* The picture stands centred in its room; the empty rows above and below are of no use in a stream of lines. */
    int32_t top = rc ? 0 : (v->rows - rows) / 2;
    for (int32_t y = 0; !rc && y < rows; y++)
        print_row(cells + (size_t)(top + y) * (size_t)v->columns, v->columns, v->mode);
    mem_free(cells);
    return rc;
}

enum rc preview_print(const char *path, int columns, int rows, const char *mode, bool invert, double zoom,
                      struct err *e)
{
    struct conf conf = {0};
    struct intake_file file = {.fd = -1};
    struct intake_cage *cage = NULL;
    struct image im = {0};
    struct ascii_view v = {.columns = columns,
                           .rows = rows,
                           .cell_aspect = 2.0,
                           .zoom = zoom,
                           .pan_x = 0.5,
                           .pan_y = 0.5,
                           .invert = invert};
    enum rc rc = conf_load(&conf, e);
    if (rc)
        return rc;
    if (!ascii_mode_find(mode ? mode : conf_text(&conf, CONF_ID_preview_mode), &v.mode))
        rc = err_set(e, ERR_VALUE, "--mode: '%.40s' is not mono, grey16, 256, braille or half", mode);
    if (!rc && (columns < 2 || columns > 500 || rows < 1 || rows > 500))
        rc = err_set(e, ERR_VALUE, "--width and --height: %dx%d is not within 2..500 columns and 1..500 rows", columns,
                     rows);
    if (!rc && !(zoom >= 1 && zoom <= 64))
        rc = err_set(e, ERR_VALUE, "--zoom: %g is not in 1..64", zoom);
    if (!rc)
        rc = intake_cage_open(&conf, &cage, e);
    if (!rc) {
        intake_cage_warm(cage);
        rc = intake_open(path, (uint64_t)conf_int(&conf, CONF_ID_max_file_mb) << 20, &file, e);
    }
    if (!rc)
        rc = intake_require_image(&file, e);
    if (!rc)
        rc = intake_decode(cage, &file, NULL, &im, e);
    if (!rc)
        rc = draw(&im, &v, e);
    image_fini(&im);
    if (file.fd >= 0)
        intake_close(&file);
    intake_cage_close(cage);
    conf_free(&conf);
    return rc;
}

static int extra_int(const struct cli *c, const char *name, int def)
{
    const json_t *v = json_object_get(c->extra, name);
    json_int_t n = json_integer_value(v);
    return !v ? def : n < 0 || n > 100000 ? -1 : (int)n;
}

enum rc run_preview(struct cli *c, struct err *e)
{
    const json_t *zoom = json_object_get(c->extra, "zoom");
    if (json_array_size(c->files) > 1)
        return err_set(e, ERR_USAGE, "clinic preview takes one file");
    return preview_print(json_string_value(json_array_get(c->files, 0)), extra_int(c, "width", 78),
                         extra_int(c, "height", 21), json_string_value(json_object_get(c->extra, "mode")),
                         json_is_true(json_object_get(c->extra, "invert")), zoom ? json_number_value(zoom) : 1.0, e);
}
