/* Settings: conf.def rows; value = environment CLINIC_<NAME>, else <home>/clinic.conf ("name = value" lines), else the
 * default. A struct conf is read-only after conf_load and may be shared by threads. */
#ifndef CLINIC_BASE_CONF_H
#define CLINIC_BASE_CONF_H

#include "base/file.h"

enum conf_kind { CONF_INT, CONF_BOOL, CONF_TEXT, CONF_CHOICE };

enum conf_id {
#define CONF(name, kind, min, max, def, help) CONF_ID_##name,
#include "base/conf.def"
#undef CONF
    CONF_N
};

struct conf_row {
    const char *name;
    enum conf_kind kind;
    int64_t min, max; /* CONF_INT: range; CONF_TEXT: bytes */
    const char *def;  /* CONF_CHOICE: "default|other|..." */
    const char *help;
};
const struct conf_row *conf_row(enum conf_id id);
bool conf_find(const char *name, enum conf_id *out);

enum conf_origin { CONF_DEFAULT, CONF_FILE, CONF_ENV };

struct conf {
    char *value[CONF_N]; /* owned; never NULL after conf_load */
    enum conf_origin origin[CONF_N];
};
/* Unknown names and bad values in the file are errors that name the line. A missing file is fine. */
enum rc conf_load(struct conf *c, struct err *e) MUST_USE;
void conf_free(struct conf *c);
int64_t conf_int(const struct conf *c, enum conf_id id);
bool conf_bool(const struct conf *c, enum conf_id id);
const char *conf_text(const struct conf *c, enum conf_id id);
/* Checks and stores one value in memory (file = false) or in clinic.conf too (atomic; other lines and comments kept).
 */
enum rc conf_set(struct conf *c, enum conf_id id, const char *value, bool file, struct err *e) MUST_USE;

#endif
