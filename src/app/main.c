/* Wiring only: which face answers. */
#include "cli.h"
#include "ui.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Descriptors 0, 1 and 2 are open, so that no file of the station ever takes the place of one that the caller closed.
 */
static bool standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && (errno != EBADF || open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd))
            return false;
    return true;
}

/* Without a verb, on a terminal, the screens answer: clinic [--as ROLE] [--read-only] [--plain]. */
static bool wants_screens(int argc, char **argv, struct ui_options *o)
{
    for (int i = 1; i < argc; i++) {
        if (str_eq(argv[i], "--as") && i + 1 < argc)
            o->role = argv[++i];
        else if (str_starts(argv[i], "--as="))
            o->role = argv[i] + strlen("--as=");
        else if (str_eq(argv[i], "--read-only"))
            o->read_only = true;
        else if (str_eq(argv[i], "--plain"))
            o->plain = true;
        else
            return false;
    }
    return o->plain || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
}

static enum rc screens(const struct ui_options *o, struct err *e)
{
    struct conf conf = {0};
    struct wire *wire = NULL;
    const struct wire_options options = {.station = {.read_only = o->read_only, .background = true}};
    enum rc rc = conf_load(&conf, e);
    if (rc)
        return rc;
    rc = log_open(&conf, e);
    if (!rc)
        rc = wire_open(&options, &wire, e);
    if (!rc)
        rc = ui_run(wire, &conf, o, e);
    wire_close(wire);
    log_close();
    conf_free(&conf);
    return rc;
}

int main(int argc, char **argv)
{
    struct ui_options options = {0};
    struct err e = {0};
    if (!standard_descriptors())
        return RC_FAILED;
    /* A reader that goes away is an error of write(), to be handled where it happens. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its largest is a full disk: said, not died of */
    setlocale(LC_CTYPE, "");
    if (!wants_screens(argc, argv, &options))
        return cli_main(argc, argv);
    enum rc rc = screens(&options, &e);
    if (rc)
        fprintf(stderr, "clinic: %s (E%d)\n%s\n", e.msg, (int)e.code, err_advice(e.code));
    return (int)rc;
}
