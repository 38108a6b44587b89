/* The module "ascii": libcaca's canvas and dither. No display, no importer, no font of it is touched. */
#include "ascii_priv.h"

#include <string.h>

#include <caca.h>

enum { ATTR_DEFAULT = 0x10 };

/* libcaca's eleven shades end in letters and '?', of uneven ink; these rise evenly in the fonts of terminals. */
static uint32_t shade(uint32_t caca)
{
    static const char from[] = " .:;t%SX@8?", to[] = " .:-=+*o%#@";
    const char *at = caca > 0 && caca < 0x7f ? strchr(from, (int)caca) : NULL;
    return at ? (uint32_t)to[at - from] : ' ';
}

static int16_t colour_of(uint8_t ansi)
{
    return ansi < ATTR_DEFAULT ? (int16_t)ansi : (int16_t)-1;
}

/* No dithering between the shades: at 40 columns its grain hides the very outlines that a preview is for. */
static bool set_up(caca_dither_t *d, enum ascii_mode mode)
{
    uint32_t ramp[256], opaque[256];
    for (uint32_t i = 0; i < 256; i++) {
        ramp[i] = i * 4095 / 255; /* libcaca's palettes have 12 bits */
        opaque[i] = 4095;
    }
    return caca_set_dither_palette(d, ramp, ramp, ramp, opaque) == 0 &&
           caca_set_dither_color(d, mode == ASCII_MONO ? "mono" : "fullgray") == 0 &&
           caca_set_dither_charset(d, "ascii") == 0 && caca_set_dither_algorithm(d, "none") == 0;
}

enum rc ascii_draw_impl(const struct image *plate, enum ascii_mode mode, struct ascii_cell *cells, size_t stride,
                        struct err *e)
{
    int w = plate->width_px, h = plate->height_px;
    enum rc rc = RC_OK;
    caca_canvas_t *canvas = caca_create_canvas(w, h);
    caca_dither_t *dither = caca_create_dither(8, w, h, w, 0, 0, 0, 0);
    if (!canvas || !dither || !set_up(dither, mode)) {
        rc = err_set(e, ERR_MEMORY, "No memory to draw %d x %d characters", w, h);
        goto done;
    }
    caca_dither_bitmap(canvas, 0, 0, w, h, dither, plate->u8);
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            struct ascii_cell *cell = &cells[(size_t)y * stride + (size_t)x];
            uint32_t attr = caca_get_attr(canvas, x, y);
            cell->ch = shade(caca_get_char(canvas, x, y));
            cell->fg = mode == ASCII_MONO ? (int16_t)-1 : colour_of(caca_attr_to_ansi_fg(attr));
            cell->bg = mode == ASCII_MONO ? (int16_t)-1 : colour_of(caca_attr_to_ansi_bg(attr));
        }
    }
done:
    if (dither) {
        caca_free_dither(dither);
    }
    if (canvas) {
        caca_free_canvas(canvas);
    }
    return rc;
}
