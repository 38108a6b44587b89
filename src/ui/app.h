/* The application behind the screens: stack of screens, tabs, keys to actions, messages, questions, lock, requests to
 * the station. */
#ifndef CLINIC_UI_APP_H
#define CLINIC_UI_APP_H

#include "ui.h"
#include "ui/form.h"
#include "ui/keys.h"
#include "ui/lane.h"
#include "ui/list.h"
#include "ui/term.h"

enum action {
    ACT_NONE,
#define ACTION(id, name, keys, group, help) ACT_##id,
#include "ui/actions.def"
#undef ACTION
    ACT_N
};
struct action_row {
    const char *name, *keys, *group, *help;
};
extern const struct action_row actions[ACT_N];

enum lane_id { LANE_QUERY, LANE_WORK, LANE_PREVIEW, LANE_N };

struct app;
/* What a draw function may look at besides its own state. */
struct view {
    int rows, cols; /* of the terminal: layouts at < 60, >= 100, >= 160 columns */
    bool ascii_only;
    int64_t now_ms;
    const char *site_name, *username, *role;
    enum role role_bit;
    const char *disclaimer;
    bool busy;         /* something runs in LANE_WORK */
    const char *stage; /* its stage, or "" */
    int64_t done, total;
};
/* One row of screens.def. state is zeroed memory of state_bytes. */
struct screen_row {
    const char *id, *title;
    int roles; /* mask: who sees it; 0: everybody, also before sign-in */
    int tab;   /* order among the tabs; 0: not a tab */
    size_t state_bytes;
    uint8_t bar[12];       /* enum action: first in the key bar, in this order */
    const char *keys_help; /* a form's key bar; NULL: the usual words */
    const char *help;      /* a sentence or two */
    enum rc (*open)(struct app *a, void *state, json_t *args, struct err *e); /* args borrowed, may be NULL */
    void (*refresh)(struct app *a, void *state); /* asks for its data: on open, on return, after changes */
    /* Answer of app_ask with this tag; result borrowed, NULL on failure (e says why; already shown); fd: bulk output or
     * -1, borrowed */
    void (*answer)(struct app *a, void *state, int tag, json_t *result, int fd, const struct err *e);
    void (*layout)(struct app *a, void *state, int rows,
                   int cols); /* size of the body, before draw: keeps cursors in sight; NULL fine */
    void (*draw)(const void *state, const struct view *v, const struct pane *body); /* pure: no calls, no changes */
    bool (*can)(const struct app *a, const void *state,
                enum action act); /* which actions make sense now: key bar, help, palette, dispatch */
    void (*act)(struct app *a, void *state, enum action act);
    bool (*key)(struct app *a, void *state, uint32_t key); /* first look at keys (forms); NULL: none. True: used */
    void (*timer)(struct app *a, void *state);             /* of app_timer */
    json_t *(*draft)(const void *state);                   /* new reference to keep over lock and hang-up, or NULL */
    void (*restore)(struct app *a, void *state, json_t *fields); /* what draft gave, when the screen opens again */
    void (*close)(struct app *a, void *state);
};
extern const struct screen_row *const screens[];
extern const size_t screens_n;

/* ---- what screens may call ---- */
const struct view *app_view(const struct app *a);
const struct conf *app_conf(const struct app *a);
enum role app_role(const struct app *a);
/* Opens a screen on top (same id on top already: it is reopened). args stolen, may be NULL. */
void app_go(struct app *a, const char *screen_id, json_t *args);
void app_back(struct app *a);                       /* closes the top screen; at the last one asks whether to quit */
void app_tab(struct app *a, const char *screen_id); /* clears the stack down to this tab */
void app_say(struct app *a, enum style s, const char *fmt, ...) PRINTF_LIKE(3, 4);
void app_fail(struct app *a, const struct err *e); /* what, why, what to do, code */
/* A request to the station; the answer comes to the screen that asked, if it still is there. args stolen (may be NULL).
 * path: file of the `file` argument, opened on the worker, or NULL. Newer requests with the same screen and tag make
 * older answers unwanted. */
void app_ask(struct app *a, enum lane_id lane, int tag, const char *op, json_t *args, const char *path);
/* Any work on a lane: as app_ask, but the work is the screen's own. result may be any JSON or NULL; data is handed to
 * free_data when unwanted. */
struct app_work {
    void *data; /* made by the screen, used by work on the worker thread, then by the answer */
    enum rc (*work)(void *data, const volatile bool *cancel, struct err *e);
    void (*done)(struct app *a, void *state, void *data, enum rc rc,
                 const struct err *e); /* only if the screen is still there */
    void (*free_data)(void *data);
};
void app_work(struct app *a, enum lane_id lane, int tag, const struct app_work *w);
const char *app_paste(const struct app *a);  /* text of K_PASTE */
void app_timer(struct app *a, int delay_ms); /* one per screen; a later call replaces it; < 0 stops it */
/* Questions in the message line. The callbacks get the screen's state. */
typedef void app_answer_fn(struct app *a, void *state, const char *text);
void app_prompt(struct app *a, const char *question, const char *initial, bool secret, app_answer_fn *then);
/* as typing goes on; NULL text: cancelled */
void app_prompt_live(struct app *a, const char *question, const char *initial, app_answer_fn *each,
                     app_answer_fn *then);
void app_confirm(struct app *a, const char *question, app_answer_fn *yes); /* [y/N] */
void app_type_word(struct app *a, const char *question, const char *word, app_answer_fn *then);
/* A small menu over the screen; then gets the chosen line. */
void app_choose(struct app *a, const char *title, const char *const *lines, int n, int current, app_answer_fn *then);
/* The moves of a list, the same in every screen: up, down, top, bottom, pages, next and previous hit. */
void app_list_act(struct list *l, enum action act);
/* The bound patient: banner on line 2. id 0: none. */
void app_bind_patient(struct app *a, int64_t id, json_t *patient);
int64_t app_bound_patient(const struct app *a);
void app_signed_in(struct app *a, json_t *answer); /* of session.sign_in */
void app_sign_out(struct app *a);
void app_lock(struct app *a);
void app_quit(struct app *a);
/* What was typed is used up, or given up: forgets the draft; or keeps it now (leaving a half-filled form). */
void app_draft_drop(struct app *a);
void app_draft_keep(struct app *a);
/* An e-mail was queued: u takes it back from any screen for wait_s seconds. */
void app_take_back(struct app *a, int64_t mail_id, int64_t wait_s);
/* Progress of a batch for the message line: done of total since begin_ns gives the rate and the time left; total 0 ends
 * it. */
void app_progress(struct app *a, int64_t done, int64_t total, int64_t begin_ns);
void app_stop_work(struct app *a); /* Ctrl-C */

#endif
