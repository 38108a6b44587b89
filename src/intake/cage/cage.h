/* Child side: lock the process, then serve files until the station hangs up. */
#ifndef CLINIC_INTAKE_CAGE_CAGE_H
#define CLINIC_INTAKE_CAGE_CAGE_H

#include "base/err.h"
#include "intake/cage/record.h"

/* Closes what was inherited, sets rlimits, drops capabilities, Landlock (deny everything), seccomp. Whatever a parser
 * initialises from files, locale or environment must have happened before. Returns only when the process is locked as
 * well as this kernel can; a kernel without seccomp filters ends it. Fills hello. */
void cage_enter(enum cage_kind kind, struct cage_hello *hello);

/* Parses CAGE_FD_IN into CAGE_FD_OUT and fills the fields of its kind; code and msg are filled from e by the caller. */
typedef enum rc cage_parse(const struct cage_request *q, struct cage_answer *a, struct err *e);

/* Greets, then answers requests until the other end is closed. A request that fails is the last: the process ends. */
_Noreturn void cage_serve(const struct cage_hello *hello, cage_parse *parse);

#endif
