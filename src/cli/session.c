/* The line to the station, sessions and passwords. Passwords never come from arguments or the environment. */
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { SECRET_MAX = 1024 };

enum rc cli_wire(struct cli *c, struct err *e)
{
    if (c->wire)
        return RC_OK;
    struct wire_options o = {.socket = c->socket, .station = {.read_only = c->read_only, .start_ns = c->start_ns}};
    return wire_open(&o, &c->wire, e);
}

static const char *token_path(const struct cli *c)
{
    const char *env = getenv("CLINIC_TOKEN_FILE");
    return c->token_file ? c->token_file : env && *env ? env : NULL;
}

static enum rc token_read(struct cli *c, const char *path, struct err *e)
{
    struct stat st;
    char *text;
    size_t n;
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        return err_set(e, ERR_SESSION, "token file %.120s can be read by others; make it 0600", path);
    struct err why = {0};
    if (file_read(path, sizeof(c->token) - 1, &text, &n, &why))
        return err_set(e, ERR_SESSION, "Not signed in: %.180s", why.msg);
    text[strcspn(text, "\r\n")] = '\0';
    str_copy(c->token, sizeof(c->token), text);
    secret_wipe(text, n);
    mem_free(text);
    return RC_OK;
}

/* One line without echo; signals that end the program put the echo back first, because the terminal does it on close
 * of /dev/tty only when asked: so they are held until the line is in. */
static enum rc tty_secret(const char *prompt, char *dst, size_t cap, struct err *e)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios old, quiet;
    if (tty < 0 || tcgetattr(tty, &old)) {
        if (tty >= 0)
            close(tty);
        return err_set(e, ERR_SESSION, "no terminal to ask for a password: use --password-fd N");
    }
    sigset_t hold, before;
    sigemptyset(&hold);
    sigaddset(&hold, SIGINT);
    sigaddset(&hold, SIGTERM);
    sigaddset(&hold, SIGHUP);
    sigaddset(&hold, SIGTSTP);
    pthread_sigmask(SIG_BLOCK, &hold, &before);
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    quiet.c_lflag |= ECHONL | ICANON;
    tcsetattr(tty, TCSAFLUSH, &quiet);
    enum rc rc = fd_write_all(tty, prompt, strlen(prompt), e);
    ssize_t n = rc ? -1 : read(tty, dst, cap - 1);
    tcsetattr(tty, TCSAFLUSH, &old);
    close(tty);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (n <= 0)
        return rc ? rc : err_set(e, ERR_CANCELLED, NULL);
    dst[n] = '\0';
    if (strchr(dst, 3)) /* Ctrl-C arrives as a character while signals are off */
        return err_set(e, ERR_CANCELLED, NULL);
    dst[strcspn(dst, "\r\n")] = '\0';
    return RC_OK;
}

/* Next line of the password descriptor; false at its end. */
static bool fd_secret(int fd, char *dst, size_t cap)
{
    size_t n = 0;
    char ch;
    ssize_t got;
    while ((got = read(fd, &ch, 1)) == 1 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        if (ch == '\n')
            break;
        if (n + 1 < cap)
            dst[n++] = ch;
    }
    dst[n] = '\0';
    if (n && dst[n - 1] == '\r')
        dst[n - 1] = '\0';
    return n > 0 || got == 1;
}

static const char *prompt_for(const char *arg)
{
    return str_eq(arg, "old") ? "Present password: " : str_eq(arg, "confirm") ? "Password again: " : "Password: ";
}

/* A new password is typed twice, unless the operation itself asks for the repetition. */
static bool typed_twice(const struct op_row *row)
{
    return !str_starts(row->name, "session.") && !strstr(row->args, "confirm:secret");
}

static enum rc tty_repeat(const char *first, struct err *e)
{
    char again[SECRET_MAX];
    enum rc rc = tty_secret("Password again: ", again, sizeof(again), e);
    if (!rc && !str_eq(first, again))
        rc = err_set(e, ERR_PASSWORD_RULE, "The two passwords differ");
    secret_wipe(again, sizeof(again));
    return rc;
}

enum rc cli_secrets(struct cli *c, struct err *e)
{
    char text[SECRET_MAX], last[SECRET_MAX] = "";
    enum rc rc = RC_OK;
    struct op_arg arg;
    bool demo = json_is_true(json_object_get(c->args, "demo"));
    for (const char *cursor = c->row ? c->row->args : ""; !rc && op_arg_next(&cursor, &arg);) {
        if (arg.kind != ARG_SECRET)
            continue;
        bool ask = arg.required || (!demo && isatty(STDIN_FILENO));
        if (c->password_fd >= 0) {
            if (!fd_secret(c->password_fd, text, sizeof(text))) {
                if (!str_eq(arg.name, "confirm"))
                    continue;
                str_copy(text, sizeof(text), last);
            }
        } else if (ask) {
            rc = tty_secret(prompt_for(arg.name), text, sizeof(text), e);
            if (!rc && typed_twice(c->row))
                rc = tty_repeat(text, e);
        } else {
            continue;
        }
        if (!rc && !utf8_valid(text, strlen(text)))
            rc = err_set(e, ERR_PASSWORD_RULE, "the password is not valid UTF-8");
        if (!rc && json_object_set_new(c->args, arg.name, json_string(text)))
            rc = err_set(e, ERR_MEMORY, NULL);
        str_copy(last, sizeof(last), text);
    }
    secret_wipe(text, sizeof(text));
    secret_wipe(last, sizeof(last));
    return rc;
}

static enum rc wire_request(struct cli *c, const char *op, json_t *args, int fd, struct station_job *job,
                            struct station_answer *a, struct err *e)
{
    char host[128] = "";
    if (gethostname(host, sizeof(host) - 1))
        host[0] = '\0';
    const char *tty = isatty(STDIN_FILENO) ? ttyname(STDIN_FILENO) : NULL;
    struct station_request q = {
        .op = op, .args = args, .token = *c->token ? c->token : NULL, .fd = fd, .job = job, .tty = tty, .host = host};
    return wire_call(c->wire, &q, a, e);
}

/* Name and password on the terminal, for one command. */
static enum rc sign_in_here(struct cli *c, struct err *e)
{
    char name[100] = "", password[SECRET_MAX];
    struct station_answer a = {.fd = -1};
    FILE *tty = fopen("/dev/tty", "r+e");
    if (!tty)
        return err_set(e, ERR_SESSION, NULL);
    fputs("User name: ", tty);
    fflush(tty);
    bool got = fgets(name, sizeof(name), tty) != NULL;
    fclose(tty);
    name[strcspn(name, "\r\n")] = '\0';
    if (!got || !*name)
        return err_set(e, ERR_SESSION, NULL);
    enum rc rc = tty_secret("Password: ", password, sizeof(password), e);
    json_t *args = rc ? NULL : json_pack("{s:s s:s}", "username", name, "password", password);
    if (!rc)
        rc = args ? wire_request(c, "session.sign_in", args, -1, NULL, &a, e) : err_set(e, ERR_SIGN_IN, NULL);
    if (!rc) {
        const char *token = json_string_value(json_object_get(a.result, "token"));
        str_copy(c->token, sizeof(c->token), token ? token : "");
        c->signed_in_here = true;
    }
    secret_wipe(password, sizeof(password));
    json_decref(args);
    station_answer_fini(&a);
    return rc;
}

enum rc cli_call(struct cli *c, const char *op, json_t *args, int fd, struct station_job *job, struct station_answer *a,
                 struct err *e)
{
    *a = (struct station_answer){.fd = -1};
    const struct op_row *row = station_op_find(op);
    enum rc rc = cli_wire(c, e);
    if (!rc && row && row->who != WHO_ANYONE && !*c->token) {
        const char *path = token_path(c);
        if (path)
            rc = token_read(c, path, e);
        else if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
            rc = sign_in_here(c, e);
    }
    return rc ? rc : wire_request(c, op, args, fd, job, a, e);
}

void cli_sign_out(struct cli *c)
{
    struct station_answer a;
    struct err ignored = {0};
    if (c->signed_in_here && !cli_call(c, "session.sign_out", NULL, -1, NULL, &a, &ignored))
        station_answer_fini(&a);
    c->signed_in_here = false;
    secret_wipe(c->token, sizeof(c->token));
}

enum rc run_login(struct cli *c, struct err *e)
{
    const char *path = token_path(c);
    struct station_answer a = {.fd = -1};
    if (!path)
        return err_set(e, ERR_USAGE, "where shall the session be kept? --token-file FILE, or set CLINIC_TOKEN_FILE");
    if (!json_object_get(c->args, "username"))
        return err_set(e, ERR_USAGE, "clinic login needs --username");
    enum rc rc = cli_secrets(c, e);
    if (!rc)
        rc = cli_call(c, c->cmd->op, c->args, -1, NULL, &a, e);
    const char *token = rc ? NULL : json_string_value(json_object_get(a.result, "token"));
    if (!rc && !token)
        rc = err_set(e, ERR_INTERNAL, "the answer holds no token");
    if (!rc)
        rc = file_write_atomic(path, token, strlen(token), 0600, e);
    if (!rc && c->json) {
        json_object_del(a.result, "token");
        print_json(stdout, a.result);
    } else if (!rc && !c->quiet) {
        char name[128];
        const json_t *user = json_object_get(a.result, "user");
        const char *who = json_string_value(json_object_get(user, "username"));
        printf("Signed in as %s\n", shown(name, sizeof(name), who ? who : ""));
    }
    station_answer_fini(&a);
    return rc;
}

enum rc run_logout(struct cli *c, struct err *e)
{
    struct station_answer a = {.fd = -1};
    enum rc rc = cli_call(c, c->cmd->op, c->args, -1, NULL, &a, e);
    const char *path = token_path(c);
    if (!rc && path && unlink(path) && errno != ENOENT)
        rc = err_sys(e, ERR_DISK, errno, "cannot remove %.120s", path);
    if (!rc && c->json)
        print_json(stdout, a.result);
    else if (!rc && !c->quiet)
        puts("Signed out");
    station_answer_fini(&a);
    return rc;
}
