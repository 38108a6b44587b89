/* The terminal: the only file that knows curses. Output goes through curses' own difference engine into a private
 * buffer and from there to the terminal without ever blocking: while a slow line is behind, no new frame is made. */
#ifndef CLINIC_UI_TERM_H
#define CLINIC_UI_TERM_H

#include "ui/grid.h"
#include "ui/keys.h"

struct terminal;
enum term_event {
    TERM_TIMEOUT,
    TERM_KEY,    /* one key in *key; K_PASTE: text in term_paste */
    TERM_RESIZE, /* ask term_size */
    TERM_WAKE,   /* wake_fd is readable */
    TERM_HANGUP, /* the line is gone, or SIGTERM */
};
/* stdin/stdout must be a terminal. ERR_TERMINAL with the reason (unknown TERM, no cursor addressing, not a terminal).
 */
enum rc term_open(struct terminal **out, struct err *e) MUST_USE;
void term_close(
    struct terminal *t); /* restores modes and screen, clears the scroll-back where the terminal can; NULL fine */
void term_size(const struct terminal *t, int *rows, int *cols);
bool term_utf8(const struct terminal *t);
/* Shows the grid if the line has taken the last frame; else remembers that a frame is due and returns (term_wait shows
 * it: TERM_WAKE). */
void term_present(struct terminal *t, const struct grid *g);
bool term_frame_due(const struct terminal *t);
void term_redraw(struct terminal *t); /* the next frame repaints everything */
void term_blank(struct terminal *t);  /* at once: empty screen, scroll-back cleared */
void term_bell(struct terminal *t);
enum term_event term_wait(struct terminal *t, int wake_fd, int timeout_ms, uint32_t *key);
const char *term_paste(const struct terminal *t, bool *cut);
/* Leaves the screen for a moment (an external pager is never run; this is for SIGTSTP). */
uint64_t term_bytes_written(const struct terminal *t);

#endif
