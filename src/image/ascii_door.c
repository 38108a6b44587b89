#include "ascii_priv.h"

#include "base/file.h"
#include "base/text.h"
#include <math.h>

static const struct {
    const char *name;
    int32_t cell_w, cell_h; /* picture samples a cell shows */
    bool colour;
    ascii_draw_fn *draw; /* NULL: in the module */
} modes[ASCII_MODE_N] = {
    [ASCII_MONO] = {"mono", 1, 1, false, NULL},
    [ASCII_GREY16] = {"grey16", 1, 1, false, NULL},
    [ASCII_256] = {"256", 1, 1, true, ascii_draw_256},
    [ASCII_BRAILLE] = {"braille", 2, 4, false, ascii_draw_braille},
    [ASCII_HALF] = {"half", 1, 2, true, ascii_draw_half},
};

const char *ascii_mode_name(enum ascii_mode m)
{
    return (unsigned)m < ASCII_MODE_N ? modes[m].name : "unknown";
}

bool ascii_mode_find(const char *name, enum ascii_mode *out)
{
    for (int i = 0; i < ASCII_MODE_N; i++) {
        if (str_eq(name, modes[i].name)) {
            *out = (enum ascii_mode)i;
            return true;
        }
    }
    return false;
}

/* Where the picture lands in the room there is, and which part of it shows. */
struct layout {
    int32_t columns, rows, left, top;
    struct image_box part; /* of the picture, in pixels */
};

/* A stretch of `visible` centred at `centre`, kept inside 0..1. */
static void stretch(double centre, double visible, int32_t n, float *from, float *to)
{
    double at = centre - visible / 2;
    at = at < 0 ? 0 : at > 1 - visible ? 1 - visible : at;
    *from = (float)(at * n);
    *to = (float)((at + visible) * n);
    if (*to > (float)n) {
        *to = (float)n;
    }
}

/* Zooming first fills the room, then shows less of the picture. */
static enum rc lay_out(const struct image *in, const struct ascii_view *v, struct layout *l, struct err *e)
{
    if (v->columns < 1 || v->rows < 1 || v->columns > 1000 || v->rows > 1000 || (unsigned)v->mode >= ASCII_MODE_N) {
        return err_set(e, ERR_VALUE, "Drawing %d x %d characters, allowed 1 to 1000 a side", v->columns, v->rows);
    }
    double aspect = v->cell_aspect, zoom = v->zoom;
    if (!(aspect >= 0.2 && aspect <= 5) || !(zoom >= 1 && zoom <= 64) || !(v->pan_x >= 0 && v->pan_x <= 1) ||
        !(v->pan_y >= 0 && v->pan_y <= 1) || !isfinite(v->window_centre) || !isfinite(v->window_width)) {
        return err_set(e, ERR_VALUE, "View with cell aspect %g, zoom %g, pan %g, %g", aspect, zoom, v->pan_x, v->pan_y);
    }
    double shape = in->width_px * aspect / in->height_px; /* columns per row of the undistorted picture */
    double columns = fmin(v->columns, v->rows * shape) * zoom, rows = columns / shape;
    l->columns = (int32_t)fmax(1, fmin(v->columns, round(columns)));
    l->rows = (int32_t)fmax(1, fmin(v->rows, round(rows)));
    l->left = (v->columns - l->columns) / 2;
    l->top = (v->rows - l->rows) / 2;
    stretch(v->pan_x, fmin(1, v->columns / columns), in->width_px, &l->part.x0, &l->part.x1);
    stretch(v->pan_y, fmin(1, v->rows / rows), in->height_px, &l->part.y0, &l->part.y1);
    return RC_OK;
}

/* Shrunk by averaging (every pixel counts, so a fine line does not vanish), magnified smoothly. */
static enum rc shrink(const struct image *in, const struct layout *l, enum ascii_mode mode, struct image *out,
                      struct err *e)
{
    int32_t w = l->columns * modes[mode].cell_w, h = l->rows * modes[mode].cell_h;
    bool larger = (float)w > l->part.x1 - l->part.x0 || (float)h > l->part.y1 - l->part.y0;
    return image_pil_resize(in, &l->part, w, h, larger ? IMAGE_PIL_BILINEAR : IMAGE_PIL_BOX, out, e);
}

/* 8-bit levels of one or three channels after the window. A window of 16-bit levels comes first, while they are all
 * there; one of 8-bit levels after shrinking, when there are few of them. */
static enum rc make_plate(const struct image *in, const struct ascii_view *v, const struct layout *l,
                          struct image *plate, struct err *e)
{
    struct image plain = {0}, small = {0}, level = {0};
    bool deep = in->bits == 16 && in->channels < 3;
    enum rc rc = RC_OK;
    if (deep) {
        rc = image_window(in, v->window_centre, v->window_width, v->invert, &plain, e);
    } else if (in->bits == 16) {
        rc = image_to_rgb8(in, &plain, e);
    } else {
        image_borrow(in, &plain);
    }
    if (rc == RC_OK) {
        rc = shrink(&plain, l, v->mode, &small, e);
    }
    if (rc != RC_OK) {
        goto done;
    }
    bool colour = modes[v->mode].colour && small.channels > 2;
    rc = colour ? image_to_rgb8(&small, &level, e) : image_to_grey8(&small, &level, e);
    if (rc != RC_OK) {
        goto done;
    }
    /* The window treats the channels of a colour picture alike: as one long row of grey. */
    level.width_px *= level.channels;
    int32_t channels = level.channels;
    level.channels = 1;
    rc = deep ? image_window(&level, 0, 0, false, plate, e)
              : image_window(&level, v->window_centre, v->window_width, v->invert, plate, e);
    if (rc == RC_OK) {
        plate->channels = channels;
        plate->width_px /= channels;
    }
done:
    image_fini(&level);
    image_fini(&small);
    image_fini(&plain);
    return rc;
}

enum rc ascii_draw(const struct image *in, const struct ascii_view *v, struct ascii_cell *cells, int32_t *used_columns,
                   int32_t *used_rows, struct err *e)
{
    union {
        void *object;
        ascii_draw_fn *call;
    } draw;
    struct layout l = {0};
    struct image plate = {0};
    enum rc rc = lay_out(in, v, &l, e);
    if (rc != RC_OK) {
        return rc;
    }
    draw.call = modes[v->mode].draw;
    if (!draw.call) {
        draw.object = module_symbol("ascii", "ascii_draw_impl", e);
    }
    if (!draw.object) {
        return RC_FAILED;
    }
    for (size_t i = 0; i < (size_t)v->columns * (size_t)v->rows; i++) {
        cells[i] = (struct ascii_cell){' ', -1, -1};
    }
    rc = make_plate(in, v, &l, &plate, e);
    if (rc == RC_OK) {
        size_t first = (size_t)l.top * (size_t)v->columns + (size_t)l.left;
        rc = draw.call(&plate, v->mode, cells + first, (size_t)v->columns, e);
    }
    image_fini(&plate);
    *used_columns = l.columns;
    *used_rows = l.rows;
    return rc;
}
