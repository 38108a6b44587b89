/* The modes that libcaca does not have: 256 colours, two pixels a cell, eight dots a cell. */
#include "ascii_priv.h"

#include <string.h>

/* --- the 256 colours of xterm: 16..231 a cube of 6 steps, 232..255 a grey ramp; 0..15 are the user's own, unused ---
 */

static const uint8_t cube_levels[6] = {0, 95, 135, 175, 215, 255};

struct palette_grey {
    uint8_t level;
    int16_t colour;
};

/* The greys of the ramp and of the cube's diagonal that lie between its steps, darkest first. */
static int32_t palette_greys(struct palette_grey greys[26])
{
    int32_t n = 0;
    greys[n++] = (struct palette_grey){0, 16};
    for (int i = 0; i < 24; i++) {
        greys[n++] = (struct palette_grey){(uint8_t)(8 + 10 * i), (int16_t)(232 + i)};
    }
    greys[n++] = (struct palette_grey){255, 231};
    return n;
}

static int nearest_step(int level)
{
    return level < 48 ? 0 : level < 115 ? 1 : (level - 35) / 40;
}

static int32_t clip(int32_t v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* Picks a colour for want[3] and says what it really is. Near-grey takes the finer ramp. */
static int16_t choose(const int32_t want[3], int32_t got[3])
{
    int32_t lo = want[0], hi = want[0], sum = 0;
    for (int c = 0; c < 3; c++) {
        lo = want[c] < lo ? want[c] : lo;
        hi = want[c] > hi ? want[c] : hi;
        sum += want[c];
    }
    if (hi - lo < 12) {
        int32_t grey = sum / 3;
        if (grey < 4 || grey > 246) {
            got[0] = got[1] = got[2] = grey < 4 ? 0 : 255;
            return grey < 4 ? 16 : 231;
        }
        int32_t step = grey > 238 ? 23 : grey < 8 ? 0 : (grey - 3) / 10;
        got[0] = got[1] = got[2] = 8 + 10 * step;
        return (int16_t)(232 + step);
    }
    int index = 16, weight = 36;
    for (int c = 0; c < 3; c++, weight /= 6) {
        int s = nearest_step(want[c]);
        got[c] = cube_levels[s];
        index += s * weight;
    }
    return (int16_t)index;
}

/* Floyd-Steinberg over the whole plate; the colour of each sample goes to colours[]. err: two rows of 3 * (w + 2). */
static void diffuse(const struct image *p, int32_t *row_error, int16_t *colours)
{
    size_t w = (size_t)p->width_px, row_n = 3 * (w + 2), step = (size_t)p->channels;
    int32_t *here = row_error, *below = row_error + row_n;
    for (int32_t y = 0; y < p->height_px; y++) {
        memset(below, 0, row_n * sizeof *below);
        for (size_t x = 0; x < w; x++) {
            const uint8_t *px = p->u8 + ((size_t)y * w + x) * step;
            int32_t want[3], got[3];
            for (size_t c = 0; c < 3; c++) {
                want[c] = clip(px[step == 3 ? c : 0] + here[3 * (x + 1) + c] / 16);
            }
            colours[(size_t)y * w + x] = choose(want, got);
            for (size_t c = 0; c < 3; c++) {
                int32_t rest = want[c] - got[c];
                here[3 * (x + 2) + c] += 7 * rest;
                below[3 * x + c] += 3 * rest;
                below[3 * (x + 1) + c] += 5 * rest;
                below[3 * (x + 2) + c] += rest;
            }
        }
        int32_t *swap = here;
        here = below;
        below = swap;
    }
}

/* Upper half block: the foreground is the upper sample, the background the lower one. */
enum rc ascii_draw_half(const struct image *plate, enum ascii_mode mode, struct ascii_cell *cells, size_t stride,
                        struct err *e)
{
    (void)mode;
    size_t w = (size_t)plate->width_px, h = (size_t)plate->height_px;
    int16_t *colours = mem_zalloc(w * h, sizeof *colours, e);
    int32_t *row_error = mem_zalloc(2 * 3 * (w + 2), sizeof *row_error, e);
    enum rc rc = colours && row_error ? RC_OK : RC_FAILED;
    if (rc == RC_OK) {
        diffuse(plate, row_error, colours);
        for (size_t i = 0; i < w * (h / 2); i++) {
            size_t x = i % w, y = i / w;
            cells[y * stride + x] = (struct ascii_cell){0x2580, colours[2 * y * w + x], colours[(2 * y + 1) * w + x]};
        }
    }
    mem_free(colours);
    mem_free(row_error);
    return rc;
}

/* --- 256: a character between two neighbouring greys, or one colour on its shade ---------------------------------- */

/* Share of a cell that common terminal fonts ink, in 1/32. */
static const struct {
    char ch;
    uint8_t ink;
} inks[] = {{' ', 0}, {'.', 2}, {':', 4}, {'-', 5}, {'=', 8}, {'+', 9}, {'*', 11}, {'%', 14}, {'#', 16}, {'@', 18}};

static char ink_char(int32_t part, int32_t whole)
{
    char best = ' ';
    int32_t least = INT32_MAX;
    for (size_t i = 0; i < sizeof inks / sizeof inks[0]; i++) {
        int32_t off = inks[i].ink * whole - part * 32;
        off = off < 0 ? -off : off;
        if (off < least) {
            least = off;
            best = inks[i].ch;
        }
    }
    return best;
}

static struct ascii_cell grey_cell(int32_t level, const struct palette_grey greys[26], int32_t n)
{
    int32_t i = 0;
    while (i + 2 < n && greys[i + 1].level <= level) {
        i++;
    }
    const struct palette_grey *dark = &greys[i], *light = &greys[i + 1];
    int32_t part = level - dark->level, whole = light->level - dark->level;
    if (2 * part > whole) {
        /* No character inks more than about half a cell: from there on, the dark one is drawn on the light one. */
        return (struct ascii_cell){(uint32_t)ink_char(whole - part, whole), dark->colour, light->colour};
    }
    return (struct ascii_cell){(uint32_t)ink_char(part, whole), light->colour, dark->colour};
}

enum rc ascii_draw_256(const struct image *plate, enum ascii_mode mode, struct ascii_cell *cells, size_t stride,
                       struct err *e)
{
    (void)mode;
    struct palette_grey greys[26];
    size_t w = (size_t)plate->width_px, h = (size_t)plate->height_px;
    int32_t n = palette_greys(greys);
    if (plate->channels == 1) {
        for (size_t i = 0; i < w * h; i++) {
            cells[i / w * stride + i % w] = grey_cell(plate->u8[i], greys, n);
        }
        return RC_OK;
    }
    int16_t *colours = mem_zalloc(w * h, sizeof *colours, e);
    int32_t *row_error = mem_zalloc(2 * 3 * (w + 2), sizeof *row_error, e);
    enum rc rc = colours && row_error ? RC_OK : RC_FAILED;
    if (rc == RC_OK) {
        diffuse(plate, row_error, colours);
        for (size_t i = 0; i < w * h; i++) {
            cells[i / w * stride + i % w] = (struct ascii_cell){' ', -1, colours[i]};
        }
    }
    mem_free(colours);
    mem_free(row_error);
    return rc;
}

/* --- braille: 2 x 4 dots -------------------------------------------------------------------------------------------
 */

/* Floyd-Steinberg to black and white, dot for dot; serpentine, or flat parts show diagonal worms. */
static void diffuse_dots(const struct image *p, int32_t *row_error, uint8_t *dots)
{
    size_t row_n = (size_t)p->width_px + 2;
    int32_t *here = row_error, *below = row_error + row_n, w = p->width_px;
    for (int32_t y = 0; y < p->height_px; y++) {
        memset(below, 0, row_n * sizeof *below);
        int32_t step = y % 2 ? -1 : 1, x = y % 2 ? w - 1 : 0;
        for (int32_t i = 0; i < w; i++, x += step) {
            size_t at = (size_t)y * (size_t)w + (size_t)x;
            int32_t want = p->u8[at] + here[x + 1] / 16;
            dots[at] = want >= 128;
            int32_t rest = want - (dots[at] ? 255 : 0);
            here[x + 1 + step] += 7 * rest;
            below[x + 1 - step] += 3 * rest;
            below[x + 1] += 5 * rest;
            below[x + 1 + step] += rest;
        }
        int32_t *swap = here;
        here = below;
        below = swap;
    }
}

enum rc ascii_draw_braille(const struct image *plate, enum ascii_mode mode, struct ascii_cell *cells, size_t stride,
                           struct err *e)
{
    static const uint8_t bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}; /* U+2800 + bits */
    (void)mode;
    size_t w = (size_t)plate->width_px, h = (size_t)plate->height_px;
    uint8_t *dots = mem_zalloc(w * h, 1, e);
    int32_t *row_error = mem_zalloc(2 * (w + 2), sizeof *row_error, e);
    enum rc rc = dots && row_error ? RC_OK : RC_FAILED;
    if (rc == RC_OK) {
        diffuse_dots(plate, row_error, dots);
        for (size_t i = 0; i < w * h; i++) {
            size_t x = i % w, y = i / w;
            struct ascii_cell *cell = &cells[y / 4 * stride + x / 2];
            cell->ch = (cell->ch < 0x2800 ? 0x2800 : cell->ch) | (dots[i] ? bit[y % 4][x % 2] : 0U);
        }
    }
    mem_free(dots);
    mem_free(row_error);
    return rc;
}
