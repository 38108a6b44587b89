/* Help, manual page and completion, all from the tables. */
#include "base/text.h"
#include "cli/command.h"

#include <string.h>

static const char *const kind_values[] = {"TEXT", "N", "X", NULL, "DATE", "FILE", NULL, "JSON"};

struct option_row {
    char name[64];
    const char *value; /* NULL: a switch */
    bool list;
};

/* Options of a command, one after the other; *step starts at 0 and walks operation, then extra options. */
struct option_walk {
    const struct command *cmd;
    const char *cursor;
    int part;
};

static bool is_positional(const struct command *cmd, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = cmd->positional; *s;) {
        s += strspn(s, " ");
        size_t word = strcspn(s, " ?.");
        if (word == n && memcmp(s, name, n) == 0)
            return true;
        s += strcspn(s, " ");
    }
    return false;
}

static bool option_next(struct option_walk *w, struct option_row *out)
{
    for (;;) {
        struct op_arg arg;
        if (!w->cursor) {
            const struct op_row *row = station_op_find(w->cmd->op);
            w->cursor = w->part == 0 && row ? row->args : w->part == 0 ? "" : w->cmd->extra;
        }
        if (!op_arg_next(&w->cursor, &arg)) {
            if (w->part++ == 1)
                return false;
            w->cursor = NULL;
            continue;
        }
        bool named_by_file = w->part == 0 && str_eq(arg.name, "name") && is_positional(w->cmd, "file");
        if (arg.kind == ARG_SECRET || arg.kind == ARG_FILE || is_positional(w->cmd, arg.name) || named_by_file)
            continue;
        option_name(w->cmd, arg.name, out->name, sizeof(out->name));
        out->value = kind_values[arg.kind];
        out->list = arg.list;
        return true;
    }
}

static void print_usage_line(FILE *f, const struct command *cmd)
{
    fprintf(f, "clinic %s", cmd->words);
    for (const char *s = cmd->positional; *s;) {
        s += strspn(s, " ");
        size_t n = strcspn(s, " "), name = strcspn(s, " ?.");
        bool optional = memchr(s, '?', n) != NULL, many = memchr(s, '.', n) != NULL;
        fprintf(f, " %s", optional ? "[" : "");
        for (size_t i = 0; i < name; i++)
            fputc(s[i] >= 'a' && s[i] <= 'z' ? s[i] - 32 : s[i], f);
        fprintf(f, "%s%s", many ? "..." : "", optional ? "]" : "");
        s += n;
    }
}

static void print_lines(FILE *f, const char *lines, const char *prefix, const char *between)
{
    for (const char *s = lines; *s;) {
        size_t n = strcspn(s, "\n");
        fprintf(f, "%s%.*s%s", prefix, (int)n, s, between);
        s += n + (s[n] == '\n');
    }
}

enum rc help_command(const struct command *cmd)
{
    print_lines(stdout, cmd->examples, "  clinic ", "\n");
    putchar('\n');
    print_usage_line(stdout, cmd);
    printf("\n  %s\n", command_help(cmd));
    struct option_walk walk = {.cmd = cmd};
    struct option_row o;
    bool any = false;
    while (option_next(&walk, &o)) {
        printf("%s  %s%s%s%s\n", any ? "" : "\nOptions\n", o.name, o.value ? " " : "", o.value ? o.value : "",
               o.list ? " (may be repeated)" : "");
        any = true;
    }
    const struct op_row *row = station_op_find(cmd->op);
    if (row && *row->fields)
        printf("\nAnswer (--json)\n  %s\n", row->fields);
    printf("\nEvery command also takes --json --token-file --password-fd --socket --read-only --quiet; see 'clinic "
           "help'.\n");
    return RC_OK;
}

static void overview(void)
{
    size_t n;
    const struct command *c = commands(&n);
    puts("Examples\n"
         "  clinic predict film.jpg                      class, confidence, advice\n"
         "  clinic predict folder/ --jobs 4 --json       a batch, one JSON object a line\n"
         "  clinic preview film.jpg --mode braille       the picture in characters\n"
         "  clinic                                       the station on this terminal\n\n"
         "Commands");
    for (size_t i = 0; i < n; i++)
        if (command_available(&c[i]))
            printf("  %-22s %s\n", c[i].words, command_help(&c[i]));
    puts("\nOptions of every command");
    const struct global_option *g = global_options(&n);
    for (size_t i = 0; i < n; i++) {
        char name[40];
        str_format(name, sizeof(name), "%s%s%s", g[i].name, g[i].value ? " " : "", g[i].value ? g[i].value : "");
        printf("  %-22s %s\n", name, g[i].help);
    }
    puts("\nExit codes  0 done, 2 bad input, 3 not signed in, 4 not found, 5 failed, 6 busy or offline, 7 refused\n"
         "Research and education. Not a medical device: a qualified person decides, the computer advises.");
}

/* Text for troff: backslashes and leading dots lose their meaning. */
static void roff(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            fputs("\\e", stdout);
        else if (*p == '-')
            fputs("\\-", stdout);
        else if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
            printf("\\&%c", *p);
        else
            putchar(*p);
    }
}

static void manual_command(const struct command *cmd)
{
    fputs(".TP\n.B ", stdout);
    print_usage_line(stdout, cmd);
    putchar('\n');
    roff(command_help(cmd));
    putchar('\n');
    struct option_walk walk = {.cmd = cmd};
    struct option_row o;
    bool any = false;
    while (option_next(&walk, &o)) {
        fputs(any ? ", " : ".br\nOptions: ", stdout);
        roff(o.name);
        if (o.value)
            printf(" \\fI%s\\fR", o.value);
        any = true;
    }
    if (any)
        putchar('\n');
    for (const char *s = cmd->examples; *s;) {
        char line[300];
        size_t n = strcspn(s, "\n");
        str_format(line, sizeof(line), "%.*s", (int)n, s);
        fputs(".br\nExample: \\fBclinic ", stdout);
        roff(line);
        fputs("\\fR\n", stdout);
        s += n + (s[n] == '\n');
    }
}

static void manual(void)
{
    size_t n;
    const struct command *c = commands(&n);
    printf(".TH CLINIC 1 \"\" \"clinic %s\" \"User Commands\"\n.SH NAME\nclinic \\- AI\\-assisted imaging station for "
           "the terminal\n"
           ".SH SYNOPSIS\n.B clinic\n[\\-\\-as ROLE] [\\-\\-read\\-only] [\\-\\-plain]\n.br\n.B clinic\n.I "
           "command\n[options]\n"
           ".SH DESCRIPTION\nWithout a command, on a terminal, the station's screens open. With a command, its data "
           "goes to "
           "standard output and everything else to standard error.\n"
           "Research and education. Not a medical device: a qualified person decides, the computer advises.\n.SH "
           "COMMANDS\n",
           CLINIC_VERSION);
    for (size_t i = 0; i < n; i++)
        if (command_available(&c[i]))
            manual_command(&c[i]);
    puts(".SH OPTIONS OF EVERY COMMAND");
    const struct global_option *g = global_options(&n);
    for (size_t i = 0; i < n; i++) {
        fputs(".TP\n.B ", stdout);
        roff(g[i].name);
        printf("%s%s\n", g[i].value ? " " : "", g[i].value ? g[i].value : "");
        roff(g[i].help);
        putchar('\n');
    }
    puts(".SH ENVIRONMENT\n.TP\n.B CLINIC_HOME\nThe station's folder (default $XDG_DATA_HOME/clinic).\n.TP\n.B "
         "CLINIC_MODELS\nThe "
         "folder of the networks.\n.TP\n.B CLINIC_TOKEN_FILE\nAs \\-\\-token\\-file.\n.TP\n.B CLINIC_SOCKET\nAs "
         "\\-\\-socket.\n.TP\n.B "
         "CLINIC_<SETTING>\nOverrides a setting.\n.SH EXIT STATUS\n0 done, 2 bad input, 3 not signed in, 4 not found, "
         "5 failed, 6 busy "
         "or offline, 7 refused by policy.");
}

/* One case branch: the options of a command. */
static void completion_options(const struct command *cmd)
{
    printf("        '%s') words=\"", cmd->words);
    struct option_walk walk = {.cmd = cmd};
    struct option_row o;
    while (option_next(&walk, &o))
        printf("%s ", o.name);
    puts("$global\" ;;");
}

static void completion(void)
{
    size_t n, g_n;
    const struct command *c = commands(&n);
    const struct global_option *g = global_options(&g_n);
    puts("# bash completion for clinic\n_clinic()\n{\n    local cur=${COMP_WORDS[COMP_CWORD]} line words command\n    "
         "COMPREPLY=()");
    fputs("    local global=\"", stdout);
    for (size_t i = 0; i < g_n; i++)
        printf("%s%s", i ? " " : "", g[i].name);
    puts("\"\n    line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n    if [[ $cur != -* ]]; then\n        words=$(printf "
         "'%s\\n' \\");
    for (size_t i = 0; i < n; i++)
        if (command_available(&c[i]))
            printf("            '%s' \\\n", c[i].words);
    puts("            | sed -n \"s/^${line:+$line }//p\" | cut -d' ' -f1 | sort -u)\n"
         "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "        [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- \"$cur\"))\n        return\n    fi\n"
         "    command=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\"\n    for line in \"$command\" \"${COMP_WORDS[1]}\"; do\n   "
         "     words=\n"
         "        case $line in");
    for (size_t i = 0; i < n; i++)
        if (command_available(&c[i]))
            completion_options(&c[i]);
    puts("        esac\n        [[ -n $words ]] && break\n    done\n"
         "    COMPREPLY=($(compgen -W \"${words:-$global}\" -- \"$cur\"))\n}\ncomplete -o filenames -F _clinic clinic");
}

enum rc run_help(struct cli *c, struct err *e)
{
    if (json_is_true(json_object_get(c->extra, "man"))) {
        manual();
        return RC_OK;
    }
    if (json_is_true(json_object_get(c->extra, "completion"))) {
        completion();
        return RC_OK;
    }
    const json_t *words = json_object_get(c->extra, "words");
    enum { WORDS_MAX = 4 };
    char *argv[WORDS_MAX];
    int argc = 0, used;
    size_t i;
    json_t *word;
    json_array_foreach((json_t *)(uintptr_t)words, i, word)
    {
        if (argc < WORDS_MAX)
            argv[argc++] = (char *)(uintptr_t)json_string_value(word);
    }
    if (argc == 0) {
        overview();
        return RC_OK;
    }
    /* "help results" names a family, not a command: its commands are listed. */
    const struct command *cmd = command_match(argc, argv, &used);
    if (cmd)
        return help_command(cmd);
    /* A family, "clinic help results": its commands. */
    size_t n;
    const struct command *all = commands(&n);
    bool any = false;
    for (i = 0; i < n; i++) {
        size_t len = strlen(argv[0]);
        if (!command_available(&all[i]) || !str_starts(all[i].words, argv[0]) || all[i].words[len] != ' ')
            continue;
        printf("  clinic %-22s %s\n", all[i].words, command_help(&all[i]));
        any = true;
    }
    return any ? RC_OK : err_set(e, ERR_USAGE, "No command '%.60s'", argv[0]);
}
