/* The test program doubles as the child: started through a link whose name says what to do. */
#ifndef TESTS_INTAKE_CHILD_PROGRAM_H
#define TESTS_INTAKE_CHILD_PROGRAM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct role {
    const char *name;
    void (*play)(void);
};
/* Plays the role this program was started for, and ends; returns when it was started under its own name. */
void child_program_run(const char *argv0, const struct role *roles, size_t roles_n);
/* Path of a link to this program by that name, valid until the next call. */
const char *child_program_path(const char *role);
void child_program_clean(void);

/* Writes a file into a private folder; the path is valid until the next call. */
const char *test_file(const char *name, const void *data, size_t n);
/* Open descriptors of this process. */
size_t test_fds_n(void);
/* True when no child, dead or alive, is left. */
bool test_childless(void);

/* A true 1x1 PNG. */
extern const unsigned char tiny_png[];
extern const size_t tiny_png_n;

#endif
