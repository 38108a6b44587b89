/* Files and pictures that the image tests share. */
#ifndef CLINIC_TEST_IMAGE_RECORDS_H
#define CLINIC_TEST_IMAGE_RECORDS_H

#include "image.h"

#include <stdio.h>

/* As pillow_cases.py writes them. kind DECODE: w is the size of the file in bytes, filter the view. */
enum record_kind { RECORD_RESIZE = 1, RECORD_DECODE, RECORD_FIT, RECORD_GREY };
enum record_view { VIEW_NATIVE, VIEW_RGB8, VIEW_GREY16 };
struct record {
    uint32_t kind, w, h, channels, filter, w2, h2, expected_n;
    uint8_t *file;     /* DECODE; owned */
    uint8_t *expected; /* owned */
};
/* The next record of f; false at its end. Anything cut short fails the test. */
bool record_next(FILE *f, struct record *r);
void record_fini(struct record *r);
FILE *golden_open(const char *name); /* tests/golden/image/<name> */
void golden_path(char *dst, size_t cap, const char *folder, const char *name);

/* The bytes of pillow_cases.py's noise(). */
void noise_fill(uint8_t *out, size_t n);

/* An image_place that counts calls and bytes; refuse: answers NULL. */
struct placed {
    void *pixels; /* owned */
    size_t bytes;
    int calls;
    bool refuse;
};
void *placed_place(void *ctx, size_t bytes);

#endif
