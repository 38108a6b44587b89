/* Parent side of the cage: starting a child, asking it one thing at a time, burying it. Private to intake. */
#ifndef CLINIC_INTAKE_CHILD_H
#define CLINIC_INTAKE_CHILD_H

#include "base/err.h"
#include "intake/cage/record.h"

#include <stdbool.h>
#include <sys/types.h>

/* Zero-initialised is "no child". Not thread-safe. */
struct child {
    pid_t pid; /* 0: none */
    int talk;  /* owned */
    int pidfd; /* owned */
    bool greeted;
    struct cage_hello hello; /* valid when greeted */
};

/* What a child gets for one file: descriptors stay the caller's. */
struct child_task {
    enum cage_kind kind;
    int in_fd;
    uint64_t in_bytes;
    int extra_fd; /* < 0: none */
    uint64_t extra_bytes;
    int out_fd;
    uint64_t out_max_bytes;
    const volatile bool *cancel; /* may be NULL */
    int deadline_ms;             /* wall time for this file */
};

/* Starts `binary` with an empty environment, its own session, standard descriptors on /dev/null, the socket, and
 * nothing else. Returns when the new program runs, not when it is ready. ERR_CAGE. */
enum rc child_start(struct child *c, const char *binary, struct err *e) MUST_USE;
/* Waits for the greeting. ERR_CAGE when the child could not lock itself or does not speak our language. */
enum rc child_greet(struct child *c, enum cage_kind kind, int deadline_ms, struct err *e) MUST_USE;
/* One request, one answer. RC_OK: an answer of the right form came, whatever it says; its msg is a string and its
 * numbers are still unchecked. Otherwise the child is dead and buried: IMAGE_TIME / MODEL_TIME, IMAGE_LIMIT /
 * MODEL_LIMIT (its output grew beyond the cap), CANCELLED, CAGE. */
enum rc child_ask(struct child *c, const struct child_task *t, struct cage_answer *a, struct err *e) MUST_USE;
/* True when a file may be given to it: alive, idle and with CPU time left. */
bool child_usable(const struct child *c);
/* Kills and buries; fine without a child. */
void child_end(struct child *c);

/* Errors a caged parser may report for its kind; anything else is a child gone wrong (ERR_CAGE). Memory is its own
 * address-space limit, so it becomes the limit error of the kind. Always sets e. */
enum rc child_report(enum cage_kind kind, const struct cage_answer *a, struct err *e) MUST_USE;

/* New memfd that can be sealed, closed on exec. Negative with e set. */
int child_memfd(const char *name, struct err *e) MUST_USE;

#endif
