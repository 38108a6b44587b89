/* The command line face: finds the command, parses, runs, tells the error. */
#include "base/file.h"
#include "base/text.h"
#include "cli.h"
#include "cli/command.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct command table[] = {
#define CMD(words, op, positional, rename, extra, columns, run, help, examples)                                        \
    {words, op, positional, rename, extra, columns, run, help, examples},
#include "cli/commands.def"
#undef CMD
};

const struct command *commands(size_t *n)
{
    *n = ARRAY_N(table);
    return table;
}

bool command_available(const struct command *cmd)
{
    return !*cmd->op || station_op_find(cmd->op);
}

const char *command_help(const struct command *cmd)
{
    const struct op_row *row = station_op_find(cmd->op);
    return *cmd->help || !row ? cmd->help : row->help;
}

/* How many of the command's words stand in argv; 0 unless all. */
static int words_match(const char *words, int argc, char *const *argv)
{
    int used = 0;
    for (const char *s = words; *s; used++) {
        size_t n = strcspn(s, " ");
        if (used >= argc || strlen(argv[used]) != n || memcmp(argv[used], s, n) != 0)
            return 0;
        s += n + strspn(s + n, " ");
    }
    return used;
}

const struct command *command_match(int argc, char *const *argv, int *used)
{
    const struct command *best = NULL;
    *used = 0;
    for (size_t i = 0; i < ARRAY_N(table); i++) {
        int n = words_match(table[i].words, argc, argv);
        if (n > *used && command_available(&table[i])) {
            *used = n;
            best = &table[i];
        }
    }
    return best;
}

/* Commands whose first word is `word`; their other words, as a sentence. */
static void family_of(const char *word, struct buf *out)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < ARRAY_N(table); i++)
        if (command_available(&table[i]) && str_starts(table[i].words, word) && table[i].words[n] == ' ')
            buf_printf(out, "%s%s", out->len ? ", " : "", table[i].words + n + 1);
}

static enum rc unknown_command(int argc, char *const *argv, struct err *e)
{
    const struct command *near = NULL;
    struct buf family = {0};
    char typed[120];
    bool two = argc > 1 && argv[1][0] != '-';
    str_format(typed, sizeof(typed), "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
    family_of(argv[0], &family);
    size_t best = 4;
    for (size_t i = 0; i < ARRAY_N(table); i++) {
        /* Of a known family the second word is wrong or missing; else any word may be. */
        size_t d = str_distance(table[i].words, typed), first = str_distance(table[i].words, argv[0]);
        d = !family.len && first < d ? first : d;
        if (command_available(&table[i]) && (two || !family.len) && d < best) {
            best = d;
            near = &table[i];
        }
    }
    enum rc rc = near ? err_set(e, ERR_USAGE, "No command '%.60s'; did you mean 'clinic %s'?", typed, near->words)
                 : family.len ? err_set(e, ERR_USAGE, "clinic %.40s goes on with one of: %s", argv[0], family.data)
                              : err_set(e, ERR_USAGE, "No command '%.60s'", typed);
    buf_free(&family);
    return rc;
}

static int64_t process_start_ns(void)
{
    /* Before main() the process did nothing but load itself: its processor time until now is the time since exec. */
    struct timespec cpu;
    int64_t now = clock_mono_ns();
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) ? now : now - (int64_t)cpu.tv_sec * 1000000000 - cpu.tv_nsec;
}

/* Global options may stand before the command: they are moved behind it. */
static void options_last(int argc, char **argv)
{
    int front = 0;
    while (front < argc && argv[front][0] == '-') {
        size_t n;
        const struct global_option *g = global_options(&n);
        bool value = false;
        for (size_t i = 0; i < n; i++)
            value = value || (str_eq(g[i].name, argv[front]) && g[i].value);
        front += value ? 2 : 1;
    }
    /* Rotates the options of the front to the end, keeping both orders. */
    for (int k = 0; front < argc && k < front; k++) {
        char *first = argv[0];
        memmove(argv, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
        argv[argc - 1] = first;
    }
}

static enum rc run(struct cli *c, int argc, char **argv, struct err *e)
{
    int used = 0;
    for (int i = 0; i < argc; i++)
        c->json = c->json || str_eq(argv[i], "--json"); /* also for errors found before the options are read */
    options_last(argc, argv);
    bool only_options = argc == 0 || argv[0][0] == '-';
    char help_word[] = "help", version_word[] = "version";
    char *words[] = {argc && str_eq(argv[0], "--version") ? version_word : help_word};
    c->cmd = only_options ? command_match(1, words, &used) : command_match(argc, argv, &used);
    if (!c->cmd)
        return unknown_command(argc, argv, e);
    c->row = *c->cmd->op ? station_op_find(c->cmd->op) : NULL;
    int skip = only_options ? (argc && str_eq(argv[0], "--version") ? 1 : 0) : used;
    enum rc rc = options_parse(c, argc - skip, argv + skip, e);
    if (rc)
        return rc;
    return c->help && c->cmd->run != run_help ? help_command(c->cmd) : c->cmd->run(c, e);
}

int cli_main(int argc, char **argv)
{
    struct cli c = {.start_ns = process_start_ns(), .password_fd = -1};
    struct err e = {0};
    enum rc rc = RC_OK;
    c.args = json_object();
    c.extra = json_object();
    c.files = json_array();
    if (!c.args || !c.extra || !c.files)
        rc = err_set(&e, ERR_MEMORY, NULL);
    if (!rc)
        rc = run(&c, argc - 1, argv + 1, &e);
    cli_sign_out(&c);
    if (fflush(stdout) && !rc)
        rc = err_set(&e, ERR_DISK, "cannot write to standard output");
    if (rc && e.code != ERR_NONE)
        tell_error(&c, NULL, &e);
    wire_close(c.wire);
    json_decref(c.args);
    json_decref(c.extra);
    json_decref(c.files);
    return (int)rc;
}
