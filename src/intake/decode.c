/* Pictures through the cage: one warm child, whose every answer is checked as if it came from the file's author. */
#include "base/text.h"
#include "intake.h"
#include "intake/cage_priv.h"
#include "intake/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct intake_cage {
    char binary[PATH_MAX];
    int deadline_ms;
    struct child child;
};

enum rc intake_cage_open_at(const char *binary, int deadline_ms, struct intake_cage **out, struct err *e)
{
    struct intake_cage *cage = mem_zalloc(1, sizeof *cage, e);
    *out = cage;
    if (!cage) {
        return RC_FAILED;
    }
    cage->deadline_ms = deadline_ms;
    if (!str_copy(cage->binary, sizeof cage->binary, binary)) {
        mem_free(cage);
        *out = NULL;
        return err_set(e, ERR_VALUE, "Path of the reading process is too long");
    }
    return RC_OK;
}

enum rc intake_cage_open(const struct conf *c, struct intake_cage **out, struct err *e)
{
    (void)c; /* its file limit was applied when the file was taken in */
    char binary[PATH_MAX];
    *out = NULL;
    enum rc rc = intake_cage_binary("clinic-cage-image", binary, sizeof binary, e);
    return rc == RC_OK ? intake_cage_open_at(binary, CAGE_WALL_MS, out, e) : rc;
}

enum rc intake_cage_binary(const char *name, char *out, size_t cap, struct err *e)
{
    char dir[PATH_MAX];
    enum rc rc = lib_dir(dir, sizeof dir, e);
    return rc == RC_OK ? path_join(out, cap, dir, name, e) : rc;
}

void intake_cage_close(struct intake_cage *cage)
{
    if (cage) {
        child_end(&cage->child);
        mem_free(cage);
    }
}

static enum rc make_ready(struct intake_cage *cage, struct err *e)
{
    if (child_usable(&cage->child)) {
        return RC_OK;
    }
    child_end(&cage->child);
    return child_start(&cage->child, cage->binary, e);
}

void intake_cage_warm(struct intake_cage *cage)
{
    struct err e = {.rc = RC_OK};
    (void)!make_ready(cage, &e); /* tried again, and reported, by the next decode */
}

static bool within(int32_t v, int32_t least, int32_t most)
{
    return v >= least && v <= most;
}

/* Every number of the answer against the limits, the file's own magic and the others. */
static bool sound(const struct cage_answer *a, enum image_format format, uint64_t out_size)
{
    if (!within(a->width_px, 1, IMAGE_SIDE_MAX_PX) || !within(a->height_px, 1, IMAGE_SIDE_MAX_PX) ||
        (int64_t)a->width_px * a->height_px > IMAGE_AREA_MAX_PX || !within(a->channels, 1, 4) ||
        !within(a->orientation, 1, 8) || a->format != (int32_t)format) {
        return false;
    }
    bool bits_ok = a->bits == 16 ? a->source_bits == 16
                                 : a->bits == 8 && (a->source_bits == 1 || a->source_bits == 2 || a->source_bits == 4 ||
                                                    a->source_bits == 8);
    bool jpeg_ok = format != IMAGE_JPEG || (a->bits == 8 && a->source_bits == 8 && (a->channels & 1));
    uint64_t bytes = (uint64_t)a->width_px * (uint64_t)a->height_px * (uint64_t)a->channels * (uint64_t)(a->bits / 8);
    return bits_ok && jpeg_ok && a->out_bytes == bytes && out_size == bytes;
}

/* Maps the answer's pixels. The seal on writing succeeds only when the child has let go of them. */
static enum rc take_pixels(const struct cage_answer *a, const struct intake_file *f, int out_fd, struct image *out,
                           struct err *e)
{
    struct stat st;
    if (fcntl(out_fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0 ||
        fstat(out_fd, &st) != 0 || st.st_size < 0 || !sound(a, f->format, (uint64_t)st.st_size)) {
        return err_set(e, ERR_CAGE, "The reading process gave an answer that contradicts itself");
    }
    size_t bytes = (size_t)st.st_size;
    void *pixels = mmap(NULL, bytes, PROT_READ, MAP_SHARED, out_fd, 0);
    if (pixels == MAP_FAILED) {
        return err_sys(e, ERR_MEMORY, errno, "picture of %zu bytes", bytes);
    }
    *out = (struct image){.width_px = a->width_px,
                          .height_px = a->height_px,
                          .channels = a->channels,
                          .bits = a->bits,
                          .source_bits = a->source_bits,
                          .format = f->format,
                          .orientation = a->orientation,
                          .u8 = pixels,
                          .owned = pixels,
                          .mapped_bytes = bytes};
    return RC_OK;
}

enum rc intake_decode(struct intake_cage *cage, const struct intake_file *f, const volatile bool *cancel,
                      struct image *out, struct err *e)
{
    *out = (struct image){.width_px = 0};
    enum rc rc = intake_require_image(f, e);
    if (rc != RC_OK) {
        return rc;
    }
    int out_fd = child_memfd("clinic-picture", e);
    if (out_fd < 0) {
        return RC_FAILED;
    }
    struct child_task task = {.kind = CAGE_IMAGE,
                              .in_fd = f->fd,
                              .in_bytes = f->size_bytes,
                              .extra_fd = -1,
                              .out_fd = out_fd,
                              .out_max_bytes = (uint64_t)IMAGE_AREA_MAX_PX * 4 * 2,
                              .cancel = cancel,
                              .deadline_ms = cage->deadline_ms};
    struct cage_answer a;
    rc = make_ready(cage, e);
    if (rc == RC_OK) {
        rc = child_ask(&cage->child, &task, &a, e);
    }
    if (rc == RC_OK) {
        rc = a.code != 0 ? child_report(CAGE_IMAGE, &a, e) : take_pixels(&a, f, out_fd, out, e);
    }
    if (rc != RC_OK) {
        child_end(&cage->child); /* it has seen a bad file, or is one */
    }
    close(out_fd);
    return rc;
}
