/* The command line inside: one command being run, its options, what it prints. Private to the room. */
#ifndef CLINIC_CLI_COMMAND_H
#define CLINIC_CLI_COMMAND_H

#include "wire.h"

#include <stdio.h>

struct cli;
struct command {
    const char *words, *op, *positional, *rename, *extra, *columns;
    enum rc (*run)(struct cli *c, struct err *e);
    const char *help, *examples;
};
const struct command *commands(size_t *n);
/* Is the command's operation built in? */
bool command_available(const struct command *cmd);
/* Help sentence of the row or of its operation. */
const char *command_help(const struct command *cmd);
/* Longest command whose words are a prefix of argv; *used counts them. */
const struct command *command_match(int argc, char *const *argv, int *used);

struct cli {
    const struct command *cmd;
    const struct op_row *row; /* NULL: command of the face alone */
    struct wire *wire;        /* opened by cli_wire on first use */
    int64_t start_ns;
    json_t *args, *extra; /* options as JSON; owned */
    json_t *files;        /* positional "file" arguments; owned */
    bool json, read_only, quiet, help;
    const char *token_file, *socket;
    int password_fd; /* -1: none */
    char token[256];
    bool signed_in_here; /* asked on the terminal: sign out at the end */
};

/* --- options.c --- */
enum rc options_parse(struct cli *c, int argc, char *const *argv, struct err *e) MUST_USE;
/* Options every command takes, for help and completion: "name\0help\0" pairs as rows. */
struct global_option {
    const char *name, *value, *help;
};
const struct global_option *global_options(size_t *n);
/* --predicted-class for predicted_class, or the name the command gives it. */
/* Help of one command to standard output. */
enum rc help_command(const struct command *cmd) MUST_USE;
void option_name(const struct command *cmd, const char *arg, char *dst, size_t cap);

/* --- session.c --- */
enum rc cli_wire(struct cli *c, struct err *e) MUST_USE;
/* One operation; args borrowed. Signs in on the terminal when the row needs it and there is no token. */
enum rc cli_call(struct cli *c, const char *op, json_t *args, int fd, struct station_job *job, struct station_answer *a,
                 struct err *e) MUST_USE;
/* Secret arguments of the row from --password-fd or the terminal. */
enum rc cli_secrets(struct cli *c, struct err *e) MUST_USE;
void cli_sign_out(struct cli *c);

/* --- files.c --- */
/* Opens a file that a person named, for reading, without following a last symbolic link and without waiting on FIFOs.
 */
enum rc input_open(const char *path, int *fd, struct err *e) MUST_USE;
/* Writes the bulk answer to -o F, else to standard output when that is no terminal, else to `name` here (never over an
 * existing file). *where: what to tell, owned by the caller; NULL after standard output. */
enum rc output_store(struct cli *c, int fd, const char *name, char **where, struct err *e) MUST_USE;

/* --- print.c --- */
void print_json(FILE *f, const json_t *o); /* one line */
void print_human(const struct cli *c, const json_t *o);
void print_csv(const struct cli *c, const json_t *o);
void tell_error(const struct cli *c, const char *file, const struct err *e);
/* Text for the terminal: safe, never NULL; dst is used. */
const char *shown(char *dst, size_t cap, const char *text);
/* "[#######---] 87.0 %" */
void print_bar(FILE *f, double percent, int width);

/* --- run functions --- */
#define CMD(words, op, positional, rename, extra, columns, run, help, examples)                                        \
    enum rc run(struct cli *c, struct err *e) MUST_USE;
#include "cli/commands.def"
#undef CMD
/* Person's form of one predict answer. */
void print_prediction(const json_t *o);
/* Draws to standard output. */
enum rc preview_print(const char *path, int columns, int rows, const char *mode, bool invert, double zoom,
                      struct err *e) MUST_USE;

#endif
