/* What the two picture targets have in common. */
#ifndef CLINIC_FUZZ_PICTURE_H
#define CLINIC_FUZZ_PICTURE_H

#include "image/image_priv.h"

#include <stdlib.h>

enum { FUZZ_PICTURE_MAX_BYTES = 1 << 22 }; /* larger ones only cost time */

struct fuzz_place {
    void *pixels;
    size_t bytes;
};

static inline void *fuzz_place_pixels(void *ctx, size_t bytes)
{
    struct fuzz_place *p = ctx;
    p->bytes = bytes;
    p->pixels = bytes <= FUZZ_PICTURE_MAX_BYTES ? malloc(bytes) : NULL;
    return p->pixels;
}

typedef enum rc fuzz_decoder(const uint8_t *, size_t, struct image_place, struct image *, struct err *);

static inline void fuzz_must(bool truth)
{
    if (!truth) {
        abort();
    }
}

static inline int fuzz_picture(fuzz_decoder *decoder, const uint8_t *data, size_t n)
{
    struct fuzz_place to = {0};
    struct image im, plain;
    struct err e = {0};
    enum rc rc = decoder(data, n, (struct image_place){fuzz_place_pixels, &to}, &im, &e);
    fuzz_must((rc == RC_OK) == (e.code == ERR_NONE));
    if (rc == RC_OK) {
        static float input[12 * 9 * 3];
        const struct image_recipe recipe = {.width_px = 12,
                                            .height_px = 9,
                                            .channels = 3,
                                            .filter = IMAGE_PIL_LANCZOS,
                                            .apply_orientation = true,
                                            .scale = {1, 1, 1}};
        fuzz_must(to.bytes == image_bytes(&im) && im.u8 == to.pixels);
        fuzz_must(im.orientation >= 1 && im.orientation <= 8);
        fuzz_must(image_to_grey8(&im, &plain, &e) == RC_OK);
        /* Every pixel is read: one that the decoder left unwritten is seen by memory checkers. */
        unsigned long sum = 0;
        for (size_t i = 0; i < image_bytes(&plain); i++) {
            sum += plain.u8[i];
        }
        fuzz_must(sum <= 255UL * image_bytes(&plain));
        image_fini(&plain);
        fuzz_must(image_prepare(&im, &recipe, input, &e) == RC_OK);
    }
    free(to.pixels);
    return 0;
}

#endif
