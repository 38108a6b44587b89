/* Inside of the application; only ui/app*.c and ui/lock.c look in here. */
#ifndef CLINIC_UI_APP_PRIV_H
#define CLINIC_UI_APP_PRIV_H

#include "ui/app.h"

enum {
    APP_DEPTH = 10,
    APP_MESSAGES = 100,
    APP_TAGS = 32,
    TAG_OWN_DRAFT = APP_TAGS - 1, /* drafts.load, asked by the application for the screen */
    MIN_ROWS = 10,
    MIN_COLS = 38,
    WORDS_MAX = 64,   /* rows of glossary.def, at most */
    COALESCE_MS = 12, /* a quick answer and the key that asked for it make one frame */
};

struct screen {
    const struct screen_row *row;
    void *state;
    uint32_t serial;          /* never used twice: answers find their screen by it */
    uint32_t asked[APP_TAGS]; /* number of the newest request per tag */
    int64_t timer_ns;         /* 0: none */
};

enum overlay_kind {
    OVERLAY_NONE,
    OVERLAY_PROMPT,
    OVERLAY_CONFIRM,
    OVERLAY_WORD,
    OVERLAY_CHOOSE,
    OVERLAY_PALETTE,
    OVERLAY_HELP,
    OVERLAY_WORDS,
    OVERLAY_MESSAGES
};
struct overlay {
    enum overlay_kind kind;
    char question[200], word[32];
    struct edit edit;
    bool secret;
    app_answer_fn *each, *then;
    char (*line)[100]; /* CHOOSE: owned */
    int n, cursor, top;
    enum action found[ACT_N]; /* PALETTE, HELP */
    int words_n;
    uint8_t words[WORDS_MAX]; /* WORDS: rows of the glossary */
};

struct message {
    char text[300];
    enum style style;
    int64_t at_ms;
};

struct app {
    struct wire *wire;
    const struct conf *conf;
    struct ui_options options;
    struct terminal *term;
    struct grid grid;
    struct view view;
    struct screen stack[APP_DEPTH];
    int depth;
    uint32_t next_serial, next_request;
    struct lane *lane[LANE_N];
    int wake[2];
    char *token;
    int64_t user_id;
    char username[80], role_text[32], site_name[100], disclaimer[400], disclaimer_version[32];
    bool disclaimer_due;
    int64_t patient_id;
    char patient_line[300];
    struct message message[APP_MESSAGES];
    int message_n; /* all that ever were; the ring holds the last */
    bool message_shown;
    struct overlay overlay;
    bool locked, dirty, quit, hung_up;
    struct edit lock_edit;
    char lock_wrong[120];
    int64_t last_key_ns;
    int idle_warned_s; /* seconds shown in the countdown, 0: none */
    char stage[40];    /* written by workers under stage_lock */
    int64_t stage_done, stage_total;
    struct stage_box *stage_box;
    int64_t batch_done, batch_total, batch_begin_ns;
    int64_t mail_id, mail_until_ns; /* what u takes back, and until when */
};

/* app.c */
struct screen *app_top(struct app *a);
const struct screen *app_top_const(const struct app *a);
void app_dirty(struct app *a);
void app_collect(struct app *a);
/* app_ask.c: requests of the application itself; then is called on the main thread. */
typedef void app_own_fn(struct app *a, json_t *result, const struct err *e);
void app_ask_own(struct app *a, const char *op, json_t *args, app_own_fn *then);
enum rc app_ask_now(struct app *a, const char *op, json_t *args, json_t **result,
                    struct err *e) MUST_USE; /* blocks: start and hang-up only */
enum rc app_stage_open(struct app *a, struct err *e) MUST_USE;
void app_stage_close(struct app *a);
void app_stage_read(struct app *a);
/* app_keys.c */
bool app_can(const struct app *a, enum action act);
void app_act(struct app *a, enum action act);
void app_key(struct app *a, uint32_t key);
/* What an action is called here: a tab by its screen's title. */
const char *app_action_help(const struct app *a, enum action act, char *dst, size_t cap);
size_t action_keys(enum action act, uint32_t *keys, size_t cap);
/* overlay.c */
bool overlay_key(struct app *a, uint32_t key);
void overlay_draw(struct app *a, const struct pane *body, const struct pane *message_line);
void overlay_close(struct app *a);
void overlay_help(struct app *a);
void overlay_palette(struct app *a);
void overlay_messages(struct app *a);
/* glossary.c: words explained that stand on the grid, those on the cursor's line first; returns how many. */
int glossary_find(const struct grid *g, uint8_t words[WORDS_MAX]);
const char *glossary_line(uint8_t word);
/* frame.c */
void app_draw(struct app *a);
/* lock.c */
void lock_key(struct app *a, uint32_t key);
void lock_draw(struct app *a, const struct pane *all);
/* draft.c */
void app_save_drafts(struct app *a, bool wait);
void app_load_draft(struct app *a);
bool app_can_take_back(const struct app *a);
void app_take_back_now(struct app *a);

#endif
