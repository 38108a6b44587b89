/* Entries of the module "picture"; write_door.c finds them by name. */
#ifndef CLINIC_IMAGE_WRITE_IMPL_H
#define CLINIC_IMAGE_WRITE_IMPL_H

#include "image.h"

enum rc image_write_png_impl(const struct image *in, struct buf *out, struct err *e) MUST_USE;
enum rc image_write_jpeg_impl(const struct image *in, int quality, struct buf *out, struct err *e) MUST_USE;

#endif
