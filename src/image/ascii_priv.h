/* Between ascii_draw and its five ways of drawing. A plate is the visible part of the picture at the resolution of the
 * cells: cell_w * columns by cell_h * rows levels, windowed, 1 channel or (colour modes, colour pictures) 3. */
#ifndef CLINIC_IMAGE_ASCII_PRIV_H
#define CLINIC_IMAGE_ASCII_PRIV_H

#include "image_priv.h"

/* Fills columns x rows cells, rows being `stride` cells apart. */
typedef enum rc ascii_draw_fn(const struct image *plate, enum ascii_mode mode, struct ascii_cell *cells, size_t stride,
                              struct err *e);
ascii_draw_fn ascii_draw_impl; /* mono, grey16: libcaca, in the module "ascii" */
ascii_draw_fn ascii_draw_256;
ascii_draw_fn ascii_draw_half;
ascii_draw_fn ascii_draw_braille;

#endif
