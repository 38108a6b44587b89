/* clinic-cage-image: decodes pictures for intake_decode. */
#include "image.h"
#include "intake/cage/cage.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

struct canvas {
    void *pixels; /* mapping of CAGE_FD_OUT, or NULL */
    size_t bytes;
    uint64_t max_bytes;
};

/* The picture's memory is the answer's memory: nothing is copied on the way back. */
static void *canvas_place(void *ctx, size_t bytes)
{
    struct canvas *c = ctx;
    if (c->pixels || bytes == 0 || bytes > c->max_bytes || ftruncate(CAGE_FD_OUT, (off_t)bytes) != 0) {
        return NULL;
    }
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, CAGE_FD_OUT, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    c->pixels = p;
    c->bytes = bytes;
    return p;
}

static enum rc parse_image(const struct cage_request *q, struct cage_answer *a, struct err *e)
{
    void *data = mmap(NULL, (size_t)q->in_bytes, PROT_READ, MAP_SHARED, CAGE_FD_IN, 0);
    if (data == MAP_FAILED) {
        return err_sys(e, ERR_MEMORY, errno, "picture file of %llu bytes", (unsigned long long)q->in_bytes);
    }
    struct canvas canvas = {.max_bytes = q->out_max_bytes};
    struct image im = {.width_px = 0};
    enum rc rc = image_decode(data, (size_t)q->in_bytes, (struct image_place){canvas_place, &canvas}, &im, e);
    if (rc == RC_OK) {
        a->width_px = im.width_px;
        a->height_px = im.height_px;
        a->channels = im.channels;
        a->bits = im.bits;
        a->source_bits = im.source_bits;
        a->format = (int32_t)im.format;
        a->orientation = im.orientation;
        a->out_bytes = canvas.bytes;
    }
    if (canvas.pixels) {
        munmap(canvas.pixels, canvas.bytes);
    }
    munmap(data, (size_t)q->in_bytes);
    return rc;
}

int main(void)
{
    struct cage_hello hello;
    cage_enter(CAGE_IMAGE, &hello);
    cage_serve(&hello, parse_image);
}
