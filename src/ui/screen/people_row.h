/* Columns of what the administrator looks through: accounts, sessions, the audit trail. */
#ifndef CLINIC_UI_SCREEN_PEOPLE_ROW_H
#define CLINIC_UI_SCREEN_PEOPLE_ROW_H

#include "ui/list.h"

extern const struct list_column account_columns[], session_columns[], audit_columns[];
extern const int account_columns_n, session_columns_n, audit_columns_n;
/* "active", "disabled", "locked until 10:24" */
void account_state(json_t *user, char *dst, size_t cap);

#endif
