/* A picture pane: decoding and drawing happen on the preview lane, the screen shows the last finished drawing. */
#ifndef CLINIC_UI_PREVIEW_H
#define CLINIC_UI_PREVIEW_H

#include "ui/app.h"

struct preview_source; /* the decoded picture, shared with the worker */
struct preview {
    struct preview_source *source;
    struct ascii_view view;
    int window;               /* number of the window preset */
    struct ascii_cell *cells; /* rows*cols, owned */
    int rows, cols, used_rows, used_cols;
    int32_t width_px, height_px, channels, bits;
    char name[256], wrong[300];
    bool loading;
    int tag;       /* of app_work */
    size_t offset; /* inside the screen's state */
};
/* p lies inside the screen's state; tag: free for this preview among the screen's tags. */
void preview_init(struct preview *p, const void *state, int tag, const struct conf *c);
/* Another picture; the old drawing stays until the new one is there. NULL: none. */
void preview_path(struct app *a, struct preview *p, const char *path);
void preview_fd(struct app *a, struct preview *p, int fd, const char *name); /* the descriptor is duplicated */
/* The pane's size: draws anew when it changed. */
void preview_fit(struct app *a, struct preview *p, int rows, int cols);
bool preview_can(const struct preview *p, enum action act);
bool preview_act(struct app *a, struct preview *p, enum action act); /* true when it was one of the picture's actions */
void preview_draw(const struct preview *p, const struct pane *pane);
void preview_title(const struct preview *p, char *dst, size_t cap);  /* "cxr-0231.jpg 1024x978 grey" */
void preview_status(const struct preview *p, char *dst, size_t cap); /* "mono  1:1  win 128/255" */
void preview_close(struct preview *p);

#endif
