/* The station without cursor addressing: numbered prompts, one line each. For screen readers, printing terminals and
 * TERM=dumb; the same operations, the same rights. */
#ifndef CLINIC_UI_PLAIN_H
#define CLINIC_UI_PLAIN_H

#include "ui.h"
#include "ui/grid.h"

enum { PLAIN_LINE = 1024, PLAIN_TOKEN = 128, PLAIN_ROWS = 10 };

struct plain {
    struct wire *wire;
    const struct conf *conf;
    const struct ui_options *options;
    char input[4096]; /* read, not used yet */
    size_t input_n;
    bool over;       /* end of input, or leave */
    bool ascii_only; /* the locale's characters */
    char token[PLAIN_TOKEN], username[64];
    enum role role;
    int64_t patient; /* bound to the next analysis; 0: none */
    char patient_name[200];
};
/* plain.c: lines out, lines in, requests. */
void plain_say(struct plain *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void plain_fail(struct plain *p, const struct err *e);
/* False at the end of the input, and after too long without a line (the person is signed out then). */
bool plain_ask(struct plain *p, const char *question, bool secret, char *dst, size_t cap);
bool plain_yes(struct plain *p, const char *question); /* only y is yes */
/* args stolen. NULL on failure, which has been told. path: file of the `file` argument; fd: bulk output or NULL. */
json_t *plain_call(struct plain *p, const char *op, json_t *args, const char *path, int *fd);
bool plain_may(const struct plain *p, const char *op);    /* this role, by the table of operations */
const char *plain_text(json_t *object, const char *name); /* "" when absent */
/* plain_work.c: what can be chosen. */
void plain_analyse(struct plain *p);
void plain_results(struct plain *p);
void plain_result_by_number(struct plain *p);
void plain_patients(struct plain *p);
void plain_outbox(struct plain *p);
void plain_figures(struct plain *p);
/* plain.c's door */
enum rc plain_run(struct wire *w, const struct conf *c, const struct ui_options *o, struct err *e) MUST_USE;

#endif
