/* JSON objects, one a line, over a pair of descriptors; over a Unix socket descriptors travel with them. Private to the
 * room. */
#ifndef CLINIC_WIRE_LINE_H
#define CLINIC_WIRE_LINE_H

#include "wire.h"

enum {
    LINE_MAX_BYTES = 32 << 20, /* a picture of 16 MiB in base64, and room */
    LINE_FDS_MAX = 4,
};

struct line_io {
    int in, out;
    bool socket;          /* descriptors may travel */
    struct buf data;      /* what was read and not yet taken */
    size_t scanned;       /* no line end before this */
    int fd[LINE_FDS_MAX]; /* descriptors that arrived, oldest first */
    size_t fd_n;
    bool ended;
};
void line_open(struct line_io *io, int in, int out, bool socket);
void line_close(
    struct line_io *io); /* not the two descriptors; wipes what is buffered, closes descriptors nobody took */
/* The next object; *out NULL at the end. timeout_ms < 0: waits; else *out NULL and not ended when nothing came.
 * ERR_JSON for a line that is no object or too long: reading goes on behind it. ERR_OFFLINE when the line broke. */
enum rc line_read(struct line_io *io, int timeout_ms, json_t **out, struct err *e) MUST_USE;
enum rc line_write(struct line_io *io, const json_t *o, int fd, struct err *e) MUST_USE; /* fd: -1 or sent along */
int line_take_fd(struct line_io *io);                                                    /* the oldest arrived, or -1 */

/* {"id","ok":true,"result"} or {"id","ok":false,"error"}; id borrowed, may be NULL. */
json_t *line_answer(json_t *id, json_t *result);
json_t *line_error(json_t *id, const struct err *why);
/* From the error object of an answer. */
void line_err(const json_t *error, struct err *e);

#endif
