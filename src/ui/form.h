/* One-line editors and forms. Nothing typed is lost: a form's fields go to and come from JSON (drafts). */
#ifndef CLINIC_UI_FORM_H
#define CLINIC_UI_FORM_H

#include "ui/grid.h"
#include "ui/keys.h"
#include <jansson.h>

enum { EDIT_CAP = 1024, FORM_FIELDS = 24 };

/* UTF-8 text with a cursor on a character border. */
struct edit {
    char text[EDIT_CAP];
    size_t len, cursor; /* bytes */
    size_t max;         /* bytes; 0: EDIT_CAP - 1 */
    size_t first;       /* first byte shown, kept by edit_draw's arithmetic in edit_key */
};
void edit_set(struct edit *ed, const char *text);
void edit_wipe(struct edit *ed); /* for passwords */
/* True when the key was used: characters, Backspace, Del, arrows, Home/End (Ctrl-A/E), Ctrl-U, Ctrl-W, Ctrl-K, K_PASTE.
 * Line breaks of a paste become blanks. */
bool edit_key(struct edit *ed, uint32_t key, const char *paste);
/* Draws into width columns; secret shows '*'. Sets the cursor when focused. */
void edit_draw(const struct edit *ed, const struct pane *p, int row, int col, int width, bool focused, bool secret);

enum field_kind {
    FIELD_TEXT,
    FIELD_SECRET,
    FIELD_CHECK,
    FIELD_CHOICE,
    FIELD_DATE,
    FIELD_NUMBER,
    FIELD_BUTTON,
    FIELD_NOTE
};
struct field {
    const char *id, *label;
    enum field_kind kind;
    const char *help;           /* shown while focused */
    const char *const *choices; /* FIELD_CHOICE, NULL-terminated; borrowed */
    struct edit edit;
    bool on; /* FIELD_CHECK */
    int choice;
    bool required;
    int64_t min, max; /* FIELD_NUMBER */
    char wrong[120];  /* why the value is not right; "" fine */
};
struct form {
    struct field field[FORM_FIELDS];
    int n, focus;
    bool changed;
};
enum form_event { FORM_UNUSED, FORM_USED, FORM_SUBMIT, FORM_CANCEL, FORM_BUTTON /* focus is the button */ };
struct field *form_add(struct form *f, enum field_kind kind, const char *id, const char *label, const char *help);
struct field *form_field(struct form *f, const char *id);
const char *form_text(struct form *f, const char *id);
/* Enter goes to the next field and submits on the last or on a button; Tab, Shift-Tab, arrows move; Space toggles;
 * Left/Right change a choice. Leaving a field checks it; dates are echoed in ISO with the weekday. */
enum form_event form_key(struct form *f, uint32_t key, const char *paste, int64_t now_ms);
/* Checks all; focuses the first wrong one. */
bool form_check(struct form *f, int64_t now_ms);
/* Rows used. label_width columns for labels; fields may scroll when the pane is low (the focused one is always
 * visible). */
int form_draw(const struct form *f, const struct pane *p, int label_width);
bool form_takes_text(const struct form *f); /* the focused field takes characters */
json_t *form_to_json(const struct form *f); /* secrets left out */
void form_from_json(struct form *f, json_t *fields);
void form_wipe(struct form *f);

#endif
