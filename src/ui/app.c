/* The loop, the stack of screens, messages. */
#include "base/secret.h"
#include "ui/app_priv.h"
#include "ui/plain.h"
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct screen *app_top(struct app *a)
{
    return a->depth ? &a->stack[a->depth - 1] : NULL;
}

const struct screen *app_top_const(const struct app *a)
{
    return a->depth ? &a->stack[a->depth - 1] : NULL;
}

void app_dirty(struct app *a)
{
    a->dirty = true;
}

const struct view *app_view(const struct app *a)
{
    return &a->view;
}

const struct conf *app_conf(const struct app *a)
{
    return a->conf;
}

enum role app_role(const struct app *a)
{
    return a->view.role_bit;
}

/* ---- messages ---- */
void app_say(struct app *a, enum style s, const char *fmt, ...)
{
    struct message *m = &a->message[a->message_n % APP_MESSAGES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->text, sizeof m->text, fmt, ap);
    va_end(ap);
    m->style = s;
    m->at_ms = clock_wall_ms();
    a->message_n++;
    a->message_shown = true;
    app_dirty(a);
}

static bool ends_sentence(const char *text)
{
    size_t n = strlen(text);
    return n && strchr(".?!", text[n - 1]);
}

void app_fail(struct app *a, const struct err *e)
{
    if (e->code == ERR_CANCELLED)
        app_say(a, STYLE_TEXT, "Stopped. What was done before stays.");
    else
        app_say(a, STYLE_ERROR, "%s%s %s. (E%d)", e->msg, ends_sentence(e->msg) ? "" : ".", err_advice(e->code),
                (int)e->code);
}

/* ---- screens ---- */
static const struct screen_row *screen_find(const char *id)
{
    for (size_t i = 0; i < screens_n; i++)
        if (str_eq(screens[i]->id, id))
            return screens[i];
    return NULL;
}

static void pop(struct app *a)
{
    struct screen *s = app_top(a);
    if (s->row->close)
        s->row->close(a, s->state);
    mem_free(s->state);
    *s = (struct screen){0};
    a->depth--;
    app_dirty(a);
}

static void push_screen(struct app *a, const struct screen_row *row, json_t *args)
{
    struct err e = {0};
    if (a->depth == APP_DEPTH) {
        app_say(a, STYLE_WARN, "Too many screens are open: go back first");
        return;
    }
    void *state = mem_zalloc(1, row->state_bytes ? row->state_bytes : 1, &e);
    if (!state) {
        app_fail(a, &e);
        return;
    }
    a->stack[a->depth++] = (struct screen){.row = row, .state = state, .serial = ++a->next_serial};
    if (row->open && row->open(a, state, args, &e) != RC_OK) {
        app_fail(a, &e);
        pop(a);
        return;
    }
    if (row->refresh)
        row->refresh(a, state);
    app_load_draft(a);
    app_dirty(a);
}

static bool may_see(const struct app *a, const struct screen_row *row)
{
    return row->roles == 0 || (row->roles & (int)a->view.role_bit);
}

void app_go(struct app *a, const char *screen_id, json_t *args)
{
    const struct screen_row *row = screen_find(screen_id);
    if (!row || !may_see(a, row))
        app_say(a, STYLE_WARN, "There is no such screen for your role");
    else {
        if (a->depth && app_top(a)->row == row)
            pop(a);
        push_screen(a, row, args);
    }
    json_decref(args);
}

void app_tab(struct app *a, const char *screen_id)
{
    const struct screen_row *row = screen_find(screen_id);
    if (!row || !may_see(a, row))
        return;
    for (int i = 0; i < a->depth; i++)
        if (a->stack[i].row == row) {
            while (a->depth > i + 1)
                pop(a);
            if (row->refresh)
                row->refresh(a, a->stack[i].state);
            app_dirty(a);
            return;
        }
    /* tabs live above the home screen only, so that Back from any of them leads home */
    while (a->depth > 1)
        pop(a);
    if (a->depth && app_top(a)->row->tab == 0)
        pop(a);
    push_screen(a, row, NULL);
}

static void quit_yes(struct app *a, void *state, const char *text)
{
    (void)state, (void)text;
    app_quit(a);
}

void app_back(struct app *a)
{
    if (a->depth <= 1) {
        app_confirm(a, "Leave the station? [y/N]", quit_yes);
        return;
    }
    pop(a);
    struct screen *s = app_top(a);
    if (s->row->refresh)
        s->row->refresh(a, s->state);
}

void app_timer(struct app *a, int delay_ms)
{
    struct screen *s = app_top(a);
    if (s)
        s->timer_ns = delay_ms < 0 ? 0 : clock_mono_ns() + (int64_t)delay_ms * 1000000;
}

void app_quit(struct app *a)
{
    a->quit = true;
}

/* ---- people ---- */
void app_bind_patient(struct app *a, int64_t id, json_t *patient)
{
    a->patient_id = id;
    a->patient_line[0] = 0;
    if (id && patient) {
        const char *name = json_string_value(json_object_get(patient, "name"));
        const char *sex = json_string_value(json_object_get(patient, "sex"));
        const char *phone = json_string_value(json_object_get(patient, "phone"));
        json_t *age = json_object_get(patient, "age");
        char years[24] = "";
        if (json_is_integer(age))
            str_format(years, sizeof years, " %d y", (int)json_integer_value(age));
        str_format(a->patient_line, sizeof a->patient_line, "%s   %s%s   #%06lld   %s%s   consent: %s",
                   name ? name : "", sex ? sex : "", years, (long long)id, phone && *phone ? "phone " : "",
                   phone ? phone : "", json_is_true(json_object_get(patient, "consent")) ? "yes" : "no");
    }
    app_dirty(a);
}

int64_t app_bound_patient(const struct app *a)
{
    return a->patient_id;
}

static void forget_user(struct app *a)
{
    if (a->token)
        secret_wipe(a->token, strlen(a->token));
    mem_free(a->token);
    a->token = NULL;
    a->username[0] = a->role_text[0] = 0;
    a->view.role_bit = ROLE_NONE;
    a->mail_id = 0;
    app_bind_patient(a, 0, NULL);
}

void app_signed_in(struct app *a, json_t *answer)
{
    json_t *user = json_object_get(answer, "user");
    const char *token = json_string_value(json_object_get(answer, "token"));
    const char *role = json_string_value(json_object_get(user, "role"));
    enum role bit = ROLE_NONE;
    struct err e = {0};
    char *kept = mem_strdup(token ? token : "", &e);
    if (!token || !role || !role_find(role, &bit) || !kept) {
        mem_free(kept);
        app_say(a, STYLE_ERROR, "The station's answer to the sign-in cannot be used");
        return;
    }
    forget_user(a);
    a->token = kept;
    a->user_id = json_integer_value(json_object_get(user, "id"));
    str_copy(a->username, sizeof a->username, json_string_value(json_object_get(user, "username")));
    str_copy(a->role_text, sizeof a->role_text, role);
    a->view.role_bit = bit;
    a->disclaimer_due = json_is_true(json_object_get(answer, "disclaimer_needed"));
    while (a->depth)
        pop(a);
    a->message_shown = false;
    push_screen(a, screen_find("home"), NULL);
    if (a->disclaimer_due)
        app_go(a, "disclaimer", json_pack("{s:s, s:s}", "text", a->disclaimer, "version", a->disclaimer_version));
}

static void show_sign_in(struct app *a)
{
    while (a->depth)
        pop(a);
    forget_user(a);
    json_t *args = a->options.role ? json_pack("{s:s}", "role", a->options.role) : NULL;
    push_screen(a, screen_find("sign_in"), args);
    json_decref(args);
}

void app_sign_out(struct app *a)
{
    struct err ignored = {0};
    json_t *result = NULL;
    app_save_drafts(a, true);
    app_stop_work(a);
    if (a->token && app_ask_now(a, "session.sign_out", json_pack("{s:s}", "why", a->hung_up ? "hang-up" : "sign-out"),
                                &result, &ignored) == RC_OK)
        json_decref(result);
    if (a->term)
        term_blank(a->term);
    show_sign_in(a);
}

void app_progress(struct app *a, int64_t done, int64_t total, int64_t begin_ns)
{
    a->batch_done = done;
    a->batch_total = total;
    a->batch_begin_ns = begin_ns;
    app_dirty(a);
}

void app_stop_work(struct app *a)
{
    lane_cancel(a->lane[LANE_WORK]);
    overlay_close(a);
}

/* ---- loop ---- */
void app_collect(struct app *a)
{
    char bytes[64];
    while (read(a->wake[0], bytes, sizeof bytes) > 0)
        ;
    for (int i = 0; i < LANE_N; i++)
        lane_collect(a->lane[i]);
    app_dirty(a);
}

static void run_timers(struct app *a, int64_t now)
{
    struct screen *s = app_top(a);
    if (s && s->timer_ns && now >= s->timer_ns) {
        s->timer_ns = 0;
        if (s->row->timer)
            s->row->timer(a, s->state);
        app_dirty(a);
    }
    if (!a->token || a->locked)
        return;
    int64_t idle_s = (now - a->last_key_ns) / 1000000000, left_s = conf_int(a->conf, CONF_ID_idle_lock_s) - idle_s;
    if (left_s <= 0) {
        app_lock(a);
    } else if (left_s <= conf_int(a->conf, CONF_ID_idle_warn_s) && left_s != a->idle_warned_s) {
        a->idle_warned_s = (int)left_s;
        app_dirty(a);
    }
}

static int next_timeout_ms(const struct app *a, int64_t now)
{
    int64_t at = INT64_MAX;
    const struct screen *s = app_top_const(a);
    if (s && s->timer_ns)
        at = s->timer_ns;
    if (a->token && !a->locked) {
        int64_t lock = a->last_key_ns + conf_int(a->conf, CONF_ID_idle_lock_s) * 1000000000;
        int64_t warn = a->idle_warned_s ? lock - (int64_t)(a->idle_warned_s - 1) * 1000000000
                                        : lock - conf_int(a->conf, CONF_ID_idle_warn_s) * 1000000000;
        at = warn < at ? warn : at;
    }
    if (at == INT64_MAX)
        return -1;
    int64_t left = (at - now) / 1000000 + 1;
    return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

static enum rc resize(struct app *a, struct err *e)
{
    int rows, cols;
    term_size(a->term, &rows, &cols);
    a->view.rows = rows;
    a->view.cols = cols;
    app_dirty(a);
    return grid_resize(&a->grid, rows, cols, e);
}

static void show(struct app *a)
{
    a->dirty = false;
    a->view.now_ms = clock_wall_ms();
    a->view.username = a->username;
    a->view.role = a->role_text;
    a->view.site_name = a->site_name;
    a->view.disclaimer = a->disclaimer;
    a->view.busy = lane_busy(a->lane[LANE_WORK]);
    app_stage_read(a);
    app_draw(a);
    term_present(a->term, &a->grid);
}

static enum rc loop(struct app *a, struct err *e)
{
    while (!a->quit) {
        uint32_t key;
        int64_t now = clock_mono_ns();
        run_timers(a, now);
        int timeout = a->dirty ? (lane_busy(a->lane[LANE_QUERY]) ? COALESCE_MS : 0) : next_timeout_ms(a, now);
        switch (term_wait(a->term, a->wake[0], timeout, &key)) {
        case TERM_KEY:
            a->last_key_ns = clock_mono_ns();
            a->idle_warned_s = 0;
            app_key(a, key);
            break;
        case TERM_WAKE:
            app_collect(a);
            break;
        case TERM_RESIZE:
            if (resize(a, e) != RC_OK)
                return e->rc;
            break;
        case TERM_HANGUP:
            a->hung_up = true;
            app_save_drafts(a, true);
            a->quit = true;
            break;
        case TERM_TIMEOUT:
            if (a->dirty)
                show(a);
            break;
        }
    }
    return RC_OK;
}

static enum rc start(struct app *a, struct err *e)
{
    enum rc rc = pipe2(a->wake, O_CLOEXEC | O_NONBLOCK) == 0 ? RC_OK : err_set(e, ERR_TERMINAL, "no pipe");
    if (rc == RC_OK)
        rc = app_stage_open(a, e);
    for (int i = 0; rc == RC_OK && i < LANE_N; i++)
        rc = lane_open(a->wake[1], &a->lane[i], e);
    json_t *info = NULL;
    if (rc == RC_OK)
        rc = app_ask_now(a, "station.info", NULL, &info, e);
    if (rc == RC_OK) {
        str_copy(a->site_name, sizeof a->site_name, json_string_value(json_object_get(info, "site_name")));
        const char *text = json_string_value(json_object_get(info, "disclaimer"));
        const char *version = json_string_value(json_object_get(info, "disclaimer_version"));
        str_copy(a->disclaimer, sizeof a->disclaimer, text ? text : "");
        str_copy(a->disclaimer_version, sizeof a->disclaimer_version, version ? version : "");
    }
    json_decref(info);
    if (rc == RC_OK)
        rc = term_open(&a->term, e);
    if (rc == RC_OK) {
        a->grid.ascii_only = a->view.ascii_only = !term_utf8(a->term);
        a->last_key_ns = clock_mono_ns();
        rc = resize(a, e);
    }
    return rc;
}

enum rc ui_run(struct wire *w, const struct conf *c, const struct ui_options *o, struct err *e)
{
    if (o->plain)
        return plain_run(w, c, o, e);
    struct app *a = mem_zalloc(1, sizeof *a, e);
    if (!a)
        return RC_FAILED;
    a->wire = w;
    a->conf = c;
    a->options = *o;
    a->wake[0] = a->wake[1] = -1;
    enum rc rc = start(a, e);
    if (rc == RC_OK) {
        show_sign_in(a);
        rc = loop(a, e);
        if (a->token)
            app_sign_out(a);
        while (a->depth)
            pop(a);
    }
    for (int i = 0; i < LANE_N; i++)
        lane_close(a->lane[i]);
    term_close(a->term);
    forget_user(a);
    overlay_close(a);
    app_stage_close(a);
    grid_fini(&a->grid);
    if (a->wake[0] >= 0) {
        close(a->wake[0]);
        close(a->wake[1]);
    }
    mem_free(a);
    return rc;
}
