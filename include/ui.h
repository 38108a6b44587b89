/* The screens. */
#ifndef CLINIC_UI_H
#define CLINIC_UI_H

#include "wire.h"

struct ui_options {
    const char *role; /* --as ROLE: that role's door, or NULL */
    bool read_only;
    bool plain; /* --plain: numbered prompts, one line each, no cursor addressing */
};
/* Runs until the user quits; owns the terminal meanwhile and restores it on every way out. */
enum rc ui_run(struct wire *w, const struct conf *c, const struct ui_options *o, struct err *e) MUST_USE;

#endif
