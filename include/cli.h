/* The command line face: clinic VERB ... ; rows of cli/commands.def. Data on stdout, talk on stderr, exit code = enum
 * rc. */
#ifndef CLINIC_CLI_H
#define CLINIC_CLI_H

int cli_main(int argc, char **argv);

#endif
