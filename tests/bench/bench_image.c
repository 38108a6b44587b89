/* Decoding against preparing: a 3000 x 2500 JPEG to a network's input and to a first preview, the best of several runs.
 */
#include "base/file.h"
#include "base/text.h"
#include "image.h"
#include "image/resize_pil.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH_PX = 3000, HEIGHT_PX = 2500, RUNS = 15 };

static void *place(void *ctx, size_t bytes)
{
    void **pixels = ctx;
    if (!*pixels) {
        *pixels = malloc(bytes);
    }
    return *pixels;
}

static void die_of(const struct err *e)
{
    fprintf(stderr, "bench_image: %s\n", e->msg);
    exit(1);
}

/* Something like an X-ray: soft shapes with grain. */
static void paint(struct image *im)
{
    uint32_t x = 1;
    uint8_t *to = im->u8;
    for (int32_t v = 0; v < im->height_px; v++) {
        for (int32_t u = 0; u < im->width_px; u++) {
            double tone = 120 + 70 * sin(u / 210.0) * cos(v / 170.0);
            for (int32_t c = 0; c < im->channels; c++) {
                x = x * 1664525U + 1013904223U;
                *to++ = (uint8_t)(tone + 10 * c + (x >> 28));
            }
        }
    }
}

static double best_ms(double best, int64_t since_ns)
{
    double ms = clock_ms_since(since_ns);
    return best == 0 || ms < best ? ms : best;
}

static double resize_ms(const struct image *im, const struct pil_kernel *k)
{
    struct err e = {0};
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        struct image small;
        int64_t t = clock_mono_ns();
        if (image_pil_resize_with(k, im, NULL, 224, 224, IMAGE_PIL_BILINEAR, &small, &e) != RC_OK) {
            die_of(&e);
        }
        best = best_ms(best, t);
        image_fini(&small);
    }
    return best;
}

static void bench(int32_t channels)
{
    struct err e = {0};
    struct image source, im;
    struct buf jpeg = {0};
    if (image_init_blank(&source, WIDTH_PX, HEIGHT_PX, channels, 8, &e) != RC_OK) {
        die_of(&e);
    }
    paint(&source);
    if (image_write_jpeg(&source, 90, &jpeg, &e) != RC_OK) {
        die_of(&e);
    }
    void *pixels = NULL;
    double decode = 0, prepare = 0, draw = 0;
    float *input = malloc(sizeof *input * 224 * 224 * 3);
    static struct ascii_cell cells[78 * 21];
    struct image_recipe recipe = {.width_px = 224, .height_px = 224, .channels = 3, .filter = IMAGE_PIL_BILINEAR};
    for (int c = 0; c < 3; c++) {
        recipe.scale[c] = 1.0F / 255;
    }
    struct ascii_view view = {
        .columns = 78, .rows = 21, .cell_aspect = 2, .mode = ASCII_MONO, .zoom = 1, .pan_x = 0.5, .pan_y = 0.5};
    for (int i = 0; i < RUNS; i++) {
        int64_t t = clock_mono_ns();
        if (image_decode(jpeg.data, jpeg.len, (struct image_place){place, &pixels}, &im, &e) != RC_OK) {
            die_of(&e);
        }
        decode = best_ms(decode, t);
        t = clock_mono_ns();
        if (image_prepare(&im, &recipe, input, &e) != RC_OK) {
            die_of(&e);
        }
        prepare = best_ms(prepare, t);
        int32_t columns, rows;
        t = clock_mono_ns();
        if (ascii_draw(&im, &view, cells, &columns, &rows, &e) != RC_OK) {
            die_of(&e);
        }
        draw = best_ms(draw, t);
    }
    printf("%s %d x %d, %zu KiB: decode %.2f ms, prepare 224 x 224 %.2f ms (%.1f %% of it), preview %.2f ms\n",
           channels == 1 ? "grey" : "RGB ", WIDTH_PX, HEIGHT_PX, jpeg.len >> 10, decode, prepare,
           100 * prepare / decode, draw);
    size_t n;
    const struct pil_kernel *k = image_pil_kernels(&n);
    for (size_t i = 0; i < n; i++) {
        if (k[i].supported()) {
            printf("    resize %-6s %6.2f ms\n", k[i].name, resize_ms(&im, &k[i]));
        }
    }
    free(pixels);
    free(input);
    buf_free(&jpeg);
    image_fini(&source);
}

int main(void)
{
    bench(1);
    bench(3);
    return 0;
}
