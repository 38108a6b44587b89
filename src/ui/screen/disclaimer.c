/* The notice, acknowledged once per user and version. */
#include "ui/app.h"

enum { TAG_ACCEPT };

struct state {
    char text[1200], version[32];
};

static enum rc open_screen(struct app *a, void *state, json_t *args, struct err *e)
{
    struct state *s = state;
    const char *text = json_string_value(json_object_get(args, "text")),
               *version = json_string_value(json_object_get(args, "version"));
    (void)a, (void)e;
    str_copy(s->text, sizeof s->text, text ? text : "");
    str_copy(s->version, sizeof s->version, version ? version : "");
    return RC_OK;
}

static void draw(const void *state, const struct view *v, const struct pane *body)
{
    const struct state *s = state;
    int cols = body->cols < 66 ? body->cols : 66, lines = (int)text_columns(s->text) / (cols - 12) + 1;
    int rows = lines + 6 < body->rows ? lines + 6 : body->rows;
    (void)v;
    struct pane outer = pane_sub(body, (body->rows - rows) / 2, (body->cols - cols) / 2, rows, cols);
    struct pane box = pane_box(&outer, "Before you start", STYLE_TEXT);
    int top = body->rows >= 12 ? 1 : 0;
    struct pane text =
        pane_sub(&box, top, box.cols > 50 ? 2 : 1, box.rows - 1 - top, box.cols - (box.cols > 50 ? 4 : 2));
    pane_wrap(&text, 0, STYLE_TEXT, s->text);
    pane_text(&box, box.rows - 1, text.col - box.col, STYLE_KEY,
              box.cols > 50 ? "y  I have read and understood this      q  leave" : "y  read, understood    q  leave");
    pane_cursor(&box, box.rows - 1, text.col - box.col, false);
}

static bool key(struct app *a, void *state, uint32_t key)
{
    struct state *s = state;
    if (key == 'y' || key == 'Y')
        app_ask(a, LANE_QUERY, TAG_ACCEPT, "disclaimer.accept", json_pack("{s:s}", "version", s->version), NULL);
    else if (key == 'q' || key == 27)
        app_sign_out(a);
    else
        return key != K_CTRL('L');
    return true;
}

static void answer(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e)
{
    (void)state, (void)tag, (void)fd, (void)e;
    if (result)
        app_back(a);
}

const struct screen_row screen_disclaimer = {
    .id = "disclaimer",
    .title = "Notice",
    .roles = WHO_SIGNED_IN,
    .state_bytes = sizeof(struct state),
    .keys_help = "y accept   q leave",
    .help = "The program advises, a qualified person decides.",
    .open = open_screen,
    .draw = draw,
    .key = key,
    .answer = answer,
};
