#include "ui/preview.h"
#include "intake.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { ZOOM_MAX = 32 };

/* Only the preview lane's thread touches what is behind `decoded`. */
struct preview_source {
    atomic_int refs;
    const struct conf *conf;
    char *path; /* or NULL */
    int fd;     /* or -1 */
    bool decoded;
    enum rc rc;
    struct err err;
    struct image image;
};

static const struct {
    double centre, width; /* of the full range */
} windows[] = {{0.5, 1}, {0.5, 0.5}, {0.3, 0.6}, {0.7, 0.6}, {0.25, 0.3}, {0.75, 0.3}};

static void release(struct preview_source *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    image_fini(&s->image);
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s->path);
    mem_free(s);
}

static struct preview_source *source_new(const struct conf *c, const char *path, int fd, struct err *e)
{
    struct preview_source *s = mem_zalloc(1, sizeof *s, e);
    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    s->conf = c;
    s->fd = fd;
    if (path && !(s->path = mem_strdup(path, e))) {
        release(s);
        return NULL;
    }
    return s;
}

/* One drawing. */
struct drawing {
    struct preview_source *source;
    struct ascii_view view;
    struct ascii_cell *cells;
    int32_t used_rows, used_cols;
    size_t offset; /* of the preview in the screen's state, which alone is sure to live when the drawing is done */
};

static enum rc decode(struct preview_source *s, const volatile bool *cancel, struct err *e)
{
    struct intake_file file = {.fd = -1};
    struct intake_cage *cage = NULL;
    uint64_t max = (uint64_t)conf_int(s->conf, CONF_ID_max_file_mb) << 20;
    enum rc rc = s->path ? intake_open(s->path, max, &file, e) : intake_from_fd(s->fd, max, &file, e);
    if (rc != RC_OK)
        return rc;
    rc = intake_require_image(&file, e);
    if (rc == RC_OK)
        rc = intake_cage_open(s->conf, &cage, e);
    if (rc == RC_OK)
        rc = intake_decode(cage, &file, cancel, &s->image, e);
    intake_cage_close(cage);
    intake_close(&file);
    return rc;
}

static enum rc draw_work(void *data, const volatile bool *cancel, struct err *e)
{
    struct drawing *d = data;
    struct preview_source *s = d->source;
    if (!s->decoded) {
        s->rc = decode(s, cancel, &s->err);
        s->decoded = s->err.code != ERR_CANCELLED;
    }
    if (s->rc != RC_OK) {
        *e = s->err;
        return s->rc;
    }
    double top = s->image.bits == 16 ? 65535 : 255;
    d->view.window_centre *= top;
    d->view.window_width *= top;
    return ascii_draw(&s->image, &d->view, d->cells, &d->used_cols, &d->used_rows, e);
}

static void drawing_free(void *data)
{
    struct drawing *d = data;
    release(d->source);
    mem_free(d->cells);
    mem_free(d);
}

static void draw_done(struct app *a, void *state, void *data, enum rc rc, const struct err *e)
{
    struct drawing *d = data;
    struct preview *p = (struct preview *)((char *)state + d->offset);
    (void)a;
    p->loading = false;
    p->wrong[0] = 0;
    if (rc != RC_OK) {
        if (e->code != ERR_CANCELLED)
            str_format(p->wrong, sizeof p->wrong, "%s. %s. (E%d)", e->msg, err_advice(e->code), (int)e->code);
        p->used_rows = p->used_cols = 0;
        return;
    }
    mem_free(p->cells);
    p->cells = d->cells;
    d->cells = NULL;
    p->rows = d->view.rows;
    p->cols = d->view.columns;
    p->used_rows = d->used_rows;
    p->used_cols = d->used_cols;
    p->width_px = d->source->image.width_px;
    p->height_px = d->source->image.height_px;
    p->channels = d->source->image.channels;
    p->bits = d->source->image.bits;
}

static void draw_again(struct app *a, struct preview *p)
{
    struct err e = {0};
    if (!p->source || p->view.columns < 2 || p->view.rows < 2)
        return;
    struct drawing *d = mem_zalloc(1, sizeof *d, &e);
    if (d)
        d->cells = mem_zalloc((size_t)p->view.columns * (size_t)p->view.rows, sizeof *d->cells, &e);
    if (!d || !d->cells) {
        mem_free(d);
        app_fail(a, &e);
        return;
    }
    atomic_fetch_add(&p->source->refs, 1);
    d->source = p->source;
    d->view = p->view;
    d->offset = p->offset;
    d->view.window_centre = windows[p->window].centre;
    d->view.window_width = p->window == 0 ? 0 : windows[p->window].width;
    p->loading = true;
    struct app_work w = {.data = d, .work = draw_work, .done = draw_done, .free_data = drawing_free};
    app_work(a, LANE_PREVIEW, p->tag, &w);
}

void preview_init(struct preview *p, const void *state, int tag, const struct conf *c)
{
    enum ascii_mode mode = ASCII_MONO;
    *p = (struct preview){.tag = tag,
                          .offset = (size_t)((const char *)p - (const char *)state),
                          .view = {.cell_aspect = 2.0, .zoom = 1, .pan_x = 0.5, .pan_y = 0.5}};
    ascii_mode_find(conf_text(c, CONF_ID_preview_mode), &mode);
    p->view.mode = mode;
}

static void take_source(struct app *a, struct preview *p, struct preview_source *s, const char *name)
{
    release(p->source);
    p->source = s;
    p->view.zoom = 1;
    p->view.pan_x = p->view.pan_y = 0.5;
    p->window = 0;
    p->wrong[0] = 0;
    if (!s)
        p->used_rows = p->used_cols = 0;
    str_copy(p->name, sizeof p->name, name);
    draw_again(a, p);
}

void preview_path(struct app *a, struct preview *p, const char *path)
{
    struct err e = {0};
    struct preview_source *s = path ? source_new(app_conf(a), path, -1, &e) : NULL;
    if (path && !s)
        app_fail(a, &e);
    take_source(a, p, s, path ? path_base(path) : "");
}

void preview_fd(struct app *a, struct preview *p, int fd, const char *name)
{
    struct err e = {0};
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    struct preview_source *s = NULL;
    if (own < 0)
        (void)!err_sys(&e, ERR_FILE_OPEN, errno, "Cannot keep the picture open");
    else
        s = source_new(app_conf(a), NULL, own, &e);
    if (!s) {
        app_fail(a, &e);
        if (own >= 0)
            close(own);
    }
    take_source(a, p, s, name);
}

void preview_fit(struct app *a, struct preview *p, int rows, int cols)
{
    if (p->view.rows == rows && p->view.columns == cols)
        return;
    p->view.rows = rows;
    p->view.columns = cols;
    draw_again(a, p);
}

bool preview_can(const struct preview *p, enum action act)
{
    if (!p->source || p->wrong[0])
        return false;
    switch (act) {
    case ACT_ZOOM_IN:
    case ACT_ZOOM_OUT:
    case ACT_INVERT:
    case ACT_WINDOW:
    case ACT_VIEW_MODE:
        return true;
    case ACT_PAN_LEFT:
    case ACT_PAN_RIGHT:
    case ACT_PAN_UP:
    case ACT_PAN_DOWN:
        return p->view.zoom > 1;
    default:
        return false;
    }
}

static double clamp_pan(double at, double zoom)
{
    double half = 0.5 / zoom;
    return at < half ? half : at > 1 - half ? 1 - half : at;
}

bool preview_act(struct app *a, struct preview *p, enum action act)
{
    struct ascii_view *v = &p->view;
    double step = 0.25 / v->zoom;
    if (!preview_can(p, act))
        return false;
    switch (act) {
    case ACT_ZOOM_IN:
        v->zoom = v->zoom * 1.5 > ZOOM_MAX ? ZOOM_MAX : v->zoom * 1.5;
        break;
    case ACT_ZOOM_OUT:
        v->zoom = v->zoom / 1.5 < 1.01 ? 1 : v->zoom / 1.5;
        break;
    case ACT_PAN_LEFT:
        v->pan_x -= step;
        break;
    case ACT_PAN_RIGHT:
        v->pan_x += step;
        break;
    case ACT_PAN_UP:
        v->pan_y -= step;
        break;
    case ACT_PAN_DOWN:
        v->pan_y += step;
        break;
    case ACT_INVERT:
        v->invert = !v->invert;
        break;
    case ACT_WINDOW:
        p->window = (p->window + 1) % (int)ARRAY_N(windows);
        break;
    case ACT_VIEW_MODE:
        v->mode = (v->mode + 1) % ASCII_MODE_N;
        if (app_view(a)->ascii_only && (v->mode == ASCII_BRAILLE || v->mode == ASCII_HALF))
            v->mode = ASCII_MONO;
        break;
    default:
        break;
    }
    v->pan_x = clamp_pan(v->pan_x, v->zoom);
    v->pan_y = clamp_pan(v->pan_y, v->zoom);
    draw_again(a, p);
    return true;
}

void preview_draw(const struct preview *p, const struct pane *pane)
{
    if (p->wrong[0])
        pane_wrap(pane, 0, STYLE_WARN, p->wrong);
    else if (p->used_rows && p->cells)
        pane_picture(pane, (pane->rows - p->rows) / 2 > 0 ? (pane->rows - p->rows) / 2 : 0, 0, p->cells, p->rows,
                     p->cols);
    else if (p->loading)
        pane_text(pane, 0, 0, STYLE_DIM, "Reading ...");
}

void preview_title(const struct preview *p, char *dst, size_t cap)
{
    static const char *const kinds[] = {"", "grey", "grey+alpha", "RGB", "RGBA"};
    if (!p->used_rows || p->channels < 1 || p->channels > 4)
        str_copy(dst, cap, p->name);
    else
        str_format(dst, cap, "%s %dx%d %s%s", p->name, p->width_px, p->height_px, kinds[p->channels],
                   p->bits == 16 ? " 16 bit" : "");
}

void preview_status(const struct preview *p, char *dst, size_t cap)
{
    double top = p->bits == 16 ? 65535 : 255;
    str_format(dst, cap, "%s  %.1f:1  win %.0f/%.0f%s", ascii_mode_name(p->view.mode), p->view.zoom,
               windows[p->window].centre * top, windows[p->window].width * top, p->view.invert ? "  inverted" : "");
}

void preview_close(struct preview *p)
{
    release(p->source);
    mem_free(p->cells);
    *p = (struct preview){0};
}
