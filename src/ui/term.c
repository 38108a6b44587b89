#include "ui/term.h"
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

enum { ESC_DELAY_MS = 25, COLOURS_BASIC = 8, OUT_CAP = 1 << 18 };

struct terminal {
    int in_fd, out_fd; /* the terminal; out_fd is our own open file, non-blocking */
    int relay[2];      /* curses writes [1], we read [0] */
    FILE *out_stream, *in_stream;
    SCREEN *screen;
    struct keys keys;
    struct buf pending; /* made by curses, not yet taken by the line */
    bool utf8, colour, redraw, frame_due, esc_waiting;
    short next_pair;
    struct pair_slot {
        short fg, bg;
    } pair[256];
    uint64_t bytes;
    const char *clear_scrollback;
};

/* What a fatal signal needs to put the terminal right; async-signal-safe use only. */
static struct {
    volatile sig_atomic_t active;
    int fd;
    struct termios saved;
    char leave[256];
    size_t leave_n;
    int signal_pipe[2];
} rescue = {.signal_pipe = {-1, -1}};

static void on_event(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t ignored = write(rescue.signal_pipe[1], &byte, 1);
    (void)ignored;
    errno = saved;
}

static void on_fatal(int number)
{
    if (rescue.active) {
        ssize_t ignored = write(rescue.fd, rescue.leave, rescue.leave_n);
        (void)ignored;
        tcsetattr(rescue.fd, TCSANOW, &rescue.saved);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static const int event_signals[] = {SIGWINCH, SIGHUP, SIGTERM, SIGCONT};
static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};

static enum rc catch_signals(struct err *e)
{
    struct sigaction event = {.sa_handler = on_event, .sa_flags = SA_RESTART};
    struct sigaction fatal = {.sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND};
    if (pipe2(rescue.signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_sys(e, ERR_TERMINAL, errno, "cannot watch for signals");
    for (size_t i = 0; i < ARRAY_N(event_signals); i++)
        sigaction(event_signals[i], &event, NULL);
    for (size_t i = 0; i < ARRAY_N(fatal_signals); i++)
        sigaction(fatal_signals[i], &fatal, NULL);
    signal(SIGPIPE, SIG_IGN);
    return RC_OK;
}

static void release_signals(void)
{
    for (size_t i = 0; i < ARRAY_N(event_signals); i++)
        signal(event_signals[i], SIG_DFL);
    for (size_t i = 0; i < ARRAY_N(fatal_signals); i++)
        signal(fatal_signals[i], SIG_DFL);
    close(rescue.signal_pipe[0]);
    close(rescue.signal_pipe[1]);
    rescue.signal_pipe[0] = rescue.signal_pipe[1] = -1;
}

static const char *capability(const char *name)
{
    char *value = tigetstr((char *)(uintptr_t)name);
    return value == NULL || value == (char *)-1 ? "" : value;
}

/* Capabilities may carry padding ("$<5>"): dropped, nobody has needed it since the hardware terminals. */
static void append_capability(char *to, size_t cap, const char *from)
{
    size_t n = strlen(to);
    while (*from && n + 1 < cap) {
        if (from[0] == '$' && from[1] == '<') {
            const char *end = strchr(from, '>');
            if (end) {
                from = end + 1;
                continue;
            }
        }
        to[n++] = *from++;
    }
    to[n] = 0;
}

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";

static bool knows_paste(void)
{
    const char *name = getenv("TERM");
    return name && (strstr(name, "xterm") || strstr(name, "tmux") || strstr(name, "screen") || strstr(name, "rxvt") ||
                    strstr(name, "linux"));
}

static void learn_keys(struct terminal *t)
{
    static const struct {
        const char *capability;
        uint32_t key;
    } known[] = {
        {"kcuu1", K_UP},     {"kcud1", K_DOWN},  {"kcub1", K_LEFT},    {"kcuf1", K_RIGHT},  {"khome", K_HOME},
        {"kend", K_END},     {"kpp", K_PAGE_UP}, {"knp", K_PAGE_DOWN}, {"kdch1", K_DELETE}, {"kich1", K_INSERT},
        {"kcbt", K_BACKTAB}, {"kbs", 127},       {"kf1", K_F1},        {"kf2", K_F2},       {"kf3", K_F3},
        {"kf4", K_F4},       {"kf5", K_F5},      {"kf6", K_F6},        {"kf7", K_F7},       {"kf8", K_F8},
        {"kf9", K_F9},       {"kf10", K_F10},    {"kf11", K_F11},      {"kf12", K_F12},
    };
    for (size_t i = 0; i < ARRAY_N(known) && t->keys.extra_n < ARRAY_N(t->keys.extra); i++) {
        const char *sequence = capability(known[i].capability);
        struct key_name *to = &t->keys.extra[t->keys.extra_n];
        if (sequence[0] == 27 && str_copy(to->sequence, sizeof to->sequence, sequence)) {
            to->key = known[i].key;
            t->keys.extra_n++;
        }
    }
}

static void window_size(const struct terminal *t, int *rows, int *cols)
{
    struct winsize w;
    if (ioctl(t->out_fd, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0) {
        *rows = w.ws_row;
        *cols = w.ws_col;
    } else {
        *rows = 24;
        *cols = 80;
    }
}

static enum rc open_files(struct terminal *t, struct err *e)
{
    const char *name = ttyname(STDOUT_FILENO);
    t->in_fd = STDIN_FILENO;
    if (!isatty(STDIN_FILENO) || !name)
        return err_set(e, ERR_TERMINAL, "The station needs a terminal; input or output is not one");
    /* An open file of our own, so that non-blocking output does not leak into the shell that shares ours. */
    t->out_fd = open(name, O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (t->out_fd < 0)
        return err_sys(e, ERR_TERMINAL, errno, "cannot open the terminal %s", name);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t->relay) != 0)
        return err_sys(e, ERR_TERMINAL, errno, "no socket pair");
    int size = OUT_CAP;
    setsockopt(t->relay[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    fcntl(t->relay[0], F_SETFL, O_NONBLOCK);
    t->out_stream = fdopen(t->relay[1], "w");
    t->in_stream = fdopen(dup(STDIN_FILENO), "r");
    if (!t->out_stream || !t->in_stream)
        return err_sys(e, ERR_TERMINAL, errno, "no streams");
    return RC_OK;
}

static enum rc set_raw(struct terminal *t, struct err *e)
{
    struct termios raw;
    if (tcgetattr(t->out_fd, &rescue.saved) != 0)
        return err_sys(e, ERR_TERMINAL, errno, "cannot read the terminal's modes");
    raw = rescue.saved;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(t->out_fd, TCSADRAIN, &raw) != 0)
        return err_sys(e, ERR_TERMINAL, errno, "cannot set the terminal's modes");
    return RC_OK;
}

/* Curses is given a socket as its output: its terminal mode calls are no-ops there (modes are ours, above), and what it
 * writes can be counted, queued and sent without blocking. */
static enum rc start_curses(struct terminal *t, struct err *e)
{
    int status = 0, rows, cols;
    const char *name = getenv("TERM");
    if (!name || !*name || setupterm(name, t->relay[1], &status) != OK || status != 1)
        return err_set(e, ERR_TERMINAL, "Unknown terminal type '%s'", name ? name : "");
    if (!*capability("cup") || !*capability("clear"))
        return err_set(e, ERR_TERMINAL, "Terminal type '%s' cannot place the cursor", name);
    window_size(t, &rows, &cols);
    /* neither LINES and COLUMNS nor terminfo (linux names no size): any size will do, resizeterm gives the real one */
    use_env(FALSE);
    use_tioctl(TRUE);
    t->screen = newterm(name, t->out_stream, t->in_stream);
    if (!t->screen)
        return err_set(e, ERR_TERMINAL, "Terminal type '%s' cannot be used", name);
    set_term(t->screen);
    resizeterm(rows, cols);
    typeahead(-1);
    nonl();
    leaveok(stdscr, FALSE);
    idlok(stdscr, FALSE);
    t->colour = has_colors() && getenv("NO_COLOR") == NULL;
    if (t->colour) {
        start_color();
        use_default_colors();
    }
    t->next_pair = 1;
    t->clear_scrollback = capability("E3");
    learn_keys(t);
    return RC_OK;
}

static void prepare_rescue(const struct terminal *t)
{
    rescue.leave[0] = 0;
    if (knows_paste())
        append_capability(rescue.leave, sizeof rescue.leave, paste_off);
    append_capability(rescue.leave, sizeof rescue.leave, capability("sgr0"));
    append_capability(rescue.leave, sizeof rescue.leave, capability("cnorm"));
    append_capability(rescue.leave, sizeof rescue.leave, capability("clear"));
    append_capability(rescue.leave, sizeof rescue.leave, capability("rmkx"));
    append_capability(rescue.leave, sizeof rescue.leave, capability("rmcup"));
    append_capability(rescue.leave, sizeof rescue.leave, capability("E3"));
    rescue.leave_n = strlen(rescue.leave);
    rescue.fd = t->out_fd;
    rescue.active = 1;
}

enum rc term_open(struct terminal **out, struct err *e)
{
    struct terminal *t = mem_zalloc(1, sizeof *t, e);
    if (!t)
        return RC_FAILED;
    t->out_fd = t->relay[0] = t->relay[1] = -1;
    enum rc rc = open_files(t, e);
    if (rc != RC_OK)
        goto done;
    setlocale(LC_CTYPE, "");
    t->utf8 = str_eq_case(nl_langinfo(CODESET), "UTF-8");
    rc = start_curses(t, e);
    if (rc != RC_OK)
        goto done;
    rc = set_raw(t, e);
    if (rc != RC_OK)
        goto done;
    prepare_rescue(t);
    rc = catch_signals(e);
    if (rc != RC_OK)
        goto done;
    if (knows_paste())
        buf_puts(&t->pending, paste_on);
done:
    if (rc != RC_OK) {
        term_close(t);
        t = NULL;
    }
    *out = t;
    return rc;
}

/* Moves what curses made into the queue. */
static void drain_relay(struct terminal *t)
{
    char block[4096];
    ssize_t n;
    fflush(t->out_stream);
    while ((n = read(t->relay[0], block, sizeof block)) > 0)
        buf_add(&t->pending, block, (size_t)n);
}

/* Gives the line what it takes now. */
static void push(struct terminal *t)
{
    while (t->pending.len) {
        ssize_t n = write(t->out_fd, t->pending.data, t->pending.len);
        if (n <= 0)
            return;
        t->bytes += (uint64_t)n;
        memmove(t->pending.data, t->pending.data + n, t->pending.len - (size_t)n);
        t->pending.len -= (size_t)n;
    }
}

/* On the way out: wait a moment for a slow line, then give up; the modes are restored anyway. */
static void push_patiently(struct terminal *t)
{
    struct pollfd p = {.fd = t->out_fd, .events = POLLOUT};
    for (push(t); t->pending.len && poll(&p, 1, 500) > 0; push(t))
        if (p.revents & (POLLERR | POLLHUP))
            return;
}

void term_close(struct terminal *t)
{
    if (!t)
        return;
    if (rescue.active) {
        drain_relay(t);
        t->pending.len = 0;
        buf_add(&t->pending, rescue.leave, rescue.leave_n);
        push_patiently(t);
        tcsetattr(t->out_fd, TCSADRAIN, &rescue.saved);
        rescue.active = 0;
        release_signals();
    }
    if (t->screen) {
        /* endwin would write to the relay only; the terminal has been left above */
        endwin();
        delscreen(t->screen);
    }
    if (t->out_stream)
        fclose(t->out_stream);
    else if (t->relay[1] >= 0)
        close(t->relay[1]);
    if (t->in_stream)
        fclose(t->in_stream);
    if (t->relay[0] >= 0)
        close(t->relay[0]);
    if (t->out_fd >= 0)
        close(t->out_fd);
    keys_fini(&t->keys);
    buf_free(&t->pending);
    mem_free(t);
}

void term_size(const struct terminal *t, int *rows, int *cols)
{
    window_size(t, rows, cols);
}

bool term_utf8(const struct terminal *t)
{
    return t->utf8;
}

/* Number of the curses pair for two colours; the oldest pairs are recycled. 0 is the terminal's own. */
static short colour_pair(struct terminal *t, short fg, short bg)
{
    short limit = (short)(COLOR_PAIRS < (int)ARRAY_N(t->pair) ? COLOR_PAIRS : (int)ARRAY_N(t->pair));
    if (!t->colour || (fg < 0 && bg < 0))
        return 0;
    fg = (short)(fg >= COLORS ? fg % COLOURS_BASIC : fg);
    bg = (short)(bg >= COLORS ? bg % COLOURS_BASIC : bg);
    for (short i = 1; i < t->next_pair && i < limit; i++)
        if (t->pair[i].fg == fg && t->pair[i].bg == bg)
            return i;
    if (t->next_pair >= limit)
        return 0;
    short number = t->next_pair++;
    t->pair[number] = (struct pair_slot){fg, bg};
    init_pair(number, fg, bg);
    return number;
}

#define A_B A_BOLD
#define A_R A_REVERSE
#define A_U A_UNDERLINE
#define A_D A_DIM
static const struct {
    attr_t attributes;
    short colour;
} styles[STYLE_N] = {
#define STYLE(id, attributes, colour) {attributes, colour},
#include "ui/styles.def"
#undef STYLE
};

static void show_cell(struct terminal *t, int row, int col, const struct cell *c)
{
    wchar_t text[4] = {(wchar_t)c->ch, (wchar_t)c->mark[0], (wchar_t)c->mark[1], 0};
    cchar_t out;
    short fg = c->fg >= 0 ? c->fg : styles[c->style].colour;
    if (!t->utf8 && c->ch > 126)
        text[0] = '?', text[1] = 0;
    setcchar(&out, text, styles[c->style].attributes, colour_pair(t, fg, c->bg), NULL);
    mvadd_wch(row, col, &out);
}

void term_present(struct terminal *t, const struct grid *g)
{
    drain_relay(t);
    push(t);
    if (t->pending.len) {
        t->frame_due = true;
        return;
    }
    t->frame_due = false;
    if (t->next_pair >= (short)(ARRAY_N(t->pair) - 64)) {
        t->next_pair = 1; /* a new picture brought new colours: start over and repaint */
        t->redraw = true;
    }
    erase();
    for (int row = 0; row < g->rows && row < LINES; row++)
        for (int col = 0; col < g->cols && col < COLS; col++) {
            const struct cell *c = &g->cell[(size_t)row * (size_t)g->cols + (size_t)col];
            /* the last cell of the last line would scroll some terminals */
            if (c->ch && !(c->ch == ' ' && c->style == STYLE_TEXT && c->bg < 0) &&
                !(row == LINES - 1 && col == COLS - 1))
                show_cell(t, row, col, c);
        }
    if (t->redraw)
        clearok(curscr, TRUE);
    t->redraw = false;
    curs_set(1);
    move(g->cursor_row, g->cursor_col);
    refresh();
    drain_relay(t);
    push(t);
}

bool term_frame_due(const struct terminal *t)
{
    return t->frame_due;
}

void term_redraw(struct terminal *t)
{
    t->redraw = true;
}

void term_blank(struct terminal *t)
{
    char clear[128] = "";
    append_capability(clear, sizeof clear, capability("sgr0"));
    append_capability(clear, sizeof clear, capability("clear"));
    append_capability(clear, sizeof clear, t->clear_scrollback);
    drain_relay(t);
    t->pending.len = 0; /* whatever was under way must not appear any more */
    buf_puts(&t->pending, clear);
    push_patiently(t);
    t->redraw = true;
}

void term_bell(struct terminal *t)
{
    buf_putc(&t->pending, '\a');
    push(t);
}

static bool take_input(struct terminal *t)
{
    char block[1024];
    ssize_t n =
        read(t->in_fd, block,
             sizeof t->keys.data - t->keys.len < sizeof block ? sizeof t->keys.data - t->keys.len : sizeof block);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    keys_feed(&t->keys, block, (size_t)n);
    return true;
}

static enum term_event take_signals(struct terminal *t)
{
    unsigned char number;
    enum term_event event = TERM_TIMEOUT;
    while (read(rescue.signal_pipe[0], &number, 1) == 1) {
        if (number == SIGHUP || number == SIGTERM)
            return TERM_HANGUP;
        if (number == SIGCONT) {
            struct err ignored = {0};
            struct termios keep = rescue.saved;
            (void)!set_raw(t, &ignored);
            rescue.saved = keep;
        }
        event = TERM_RESIZE;
        t->redraw = true;
    }
    if (event == TERM_RESIZE) {
        int rows, cols;
        window_size(t, &rows, &cols);
        resizeterm(rows, cols);
    }
    return event;
}

enum term_event term_wait(struct terminal *t, int wake_fd, int timeout_ms, uint32_t *key)
{
    for (;;) {
        *key = keys_next(&t->keys, false);
        if (*key)
            return TERM_KEY;
        bool half = t->keys.len > 0 && !t->keys.pasting;
        struct pollfd p[] = {{t->in_fd, POLLIN, 0},
                             {rescue.signal_pipe[0], POLLIN, 0},
                             {wake_fd, POLLIN, 0},
                             {t->out_fd, (short)(t->pending.len ? POLLOUT : 0), 0}};
        int ready = poll(p, ARRAY_N(p), half ? ESC_DELAY_MS : timeout_ms);
        if (ready < 0 && errno != EINTR)
            return TERM_HANGUP;
        if (p[1].revents || ready < 0) {
            enum term_event event = take_signals(t);
            if (event != TERM_TIMEOUT)
                return event;
            continue;
        }
        if (p[3].revents & POLLOUT) {
            push(t);
            if (!t->pending.len && t->frame_due)
                return TERM_WAKE;
        }
        if (p[0].revents & POLLIN) {
            if (!take_input(t))
                return TERM_HANGUP;
            continue;
        }
        if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            return TERM_HANGUP;
        if (p[2].revents)
            return TERM_WAKE;
        if (ready == 0 && half) {
            *key = keys_next(&t->keys, true);
            if (*key)
                return TERM_KEY;
        } else if (ready == 0) {
            return TERM_TIMEOUT;
        }
    }
}

const char *term_paste(const struct terminal *t, bool *cut)
{
    if (cut)
        *cut = t->keys.paste_cut;
    return t->keys.paste.data && t->keys.paste.len ? t->keys.paste.data : "";
}

uint64_t term_bytes_written(const struct terminal *t)
{
    return t->bytes;
}
