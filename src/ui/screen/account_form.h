/* Forms about accounts: the rules of names, addresses and passwords, told when a field is left; a form in a box. */
#ifndef CLINIC_UI_SCREEN_ACCOUNT_FORM_H
#define CLINIC_UI_SCREEN_ACCOUNT_FORM_H

#include "ui/app.h"

/* Adds the two fields "password" and "confirm". */
void account_form_passwords(struct form *f, const char *label);
/* As form_key; the field that is left (username, email, password, confirm) is held against the station's rules. */
enum form_event account_form_key(struct app *a, struct form *f, uint32_t key);
/* All fields; focuses the first wrong one. */
bool account_form_check(struct app *a, struct form *f);
/* What the station refused: the field it is about gets the focus and the words. */
void account_form_refused(struct form *f, const struct err *e);
/* The form in a box in the middle of the body. intro: a sentence above it, or NULL. */
void form_box_draw(const struct form *f, const struct pane *body, const char *title, const char *intro,
                   int label_width);

#endif
