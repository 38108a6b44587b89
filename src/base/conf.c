#include "base/conf.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { CONF_FILE_MAX = 1 << 20, VALUE_CAP = 1100, PATH_CAP = 4096 };

static const struct conf_row rows[CONF_N] = {
#define CONF(name, kind, min, max, def, help) [CONF_ID_##name] = {#name, kind, min, max, def, help},
#include "base/conf.def"
#undef CONF
};

const struct conf_row *conf_row(enum conf_id id)
{
    return &rows[id];
}

bool conf_find(const char *name, enum conf_id *out)
{
    for (size_t i = 0; i < CONF_N; i++)
        if (str_eq(rows[i].name, name)) {
            *out = (enum conf_id)i;
            return true;
        }
    return false;
}

/* The default of a choice is its first word. */
static size_t default_len(const struct conf_row *row)
{
    return row->kind == CONF_CHOICE ? strcspn(row->def, "|") : strlen(row->def);
}

static bool is_choice(const struct conf_row *row, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = row->def; n > 0; p++) {
        size_t word = strcspn(p, "|");
        if (word == n && memcmp(p, value, n) == 0)
            return true;
        p += word;
        if (!*p)
            break;
    }
    return false;
}

static int parse_bool(const char *value)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < ARRAY_N(yes); i++) {
        if (str_eq_case(value, yes[i]))
            return 1;
        if (str_eq_case(value, no[i]))
            return 0;
    }
    return -1;
}

static enum rc check(const struct conf_row *row, const char *value, struct err *e)
{
    int64_t number;
    size_t n = strlen(value);
    switch (row->kind) {
    case CONF_INT:
        if (!str_to_i64(value, row->min, row->max, &number))
            return err_set(e, ERR_VALUE, "%s is '%s', expected a whole number from %lld to %lld", row->name, value,
                           (long long)row->min, (long long)row->max);
        break;
    case CONF_BOOL:
        if (parse_bool(value) < 0)
            return err_set(e, ERR_VALUE, "%s is '%s', expected yes or no", row->name, value);
        break;
    case CONF_CHOICE:
        if (!is_choice(row, value))
            return err_set(e, ERR_VALUE, "%s is '%s', expected one of %s", row->name, value, row->def);
        break;
    case CONF_TEXT:
        if ((int64_t)n < row->min || (int64_t)n > row->max)
            return err_set(e, ERR_VALUE, "%s has %zu bytes, expected %lld to %lld", row->name, n, (long long)row->min,
                           (long long)row->max);
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
                return err_set(e, ERR_VALUE, "%s holds a control character", row->name);
        if (!utf8_valid(value, n))
            return err_set(e, ERR_VALUE, "%s is not valid UTF-8", row->name);
        break;
    }
    return RC_OK;
}

static enum rc store(struct conf *c, enum conf_id id, const char *value, enum conf_origin origin, struct err *e)
{
    enum rc rc = check(&rows[id], value, e);
    if (rc)
        return rc;
    char *copy = mem_strdup(value, e);
    if (!copy)
        return RC_FAILED;
    mem_free(c->value[id]);
    c->value[id] = copy;
    c->origin[id] = origin;
    return RC_OK;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Splits a line "name = value" into its trimmed halves. False for blank lines and comments; *value is empty and
 * *has_value false when there is no '='. */
static bool split_line(const char *line, size_t n, char name[64], char value[VALUE_CAP], bool *fits)
{
    while (n > 0 && blank(line[n - 1]))
        n--;
    while (n > 0 && blank(*line))
        line++, n--;
    *fits = true;
    if (n == 0 || *line == '#')
        return false;
    const char *equals = memchr(line, '=', n);
    size_t name_n = equals ? (size_t)(equals - line) : n;
    const char *v = equals ? equals + 1 : line + n;
    size_t value_n = (size_t)(line + n - v);
    while (name_n > 0 && blank(line[name_n - 1]))
        name_n--;
    while (value_n > 0 && blank(*v))
        v++, value_n--;
    *fits = equals && name_n < 64 && value_n < VALUE_CAP;
    if (*fits) {
        memcpy(name, line, name_n);
        name[name_n] = '\0';
        memcpy(value, v, value_n);
        value[value_n] = '\0';
    }
    return true;
}

static const char *nearest(const char *name)
{
    size_t best = 4;
    const char *found = NULL;
    for (size_t i = 0; i < CONF_N; i++) {
        size_t d = str_distance(name, rows[i].name);
        if (d < best)
            best = d, found = rows[i].name;
    }
    return found;
}

static enum rc take_line(struct conf *c, const char *path, size_t line_no, const char *line, size_t n, struct err *e)
{
    char name[64], value[VALUE_CAP];
    bool fits;
    enum conf_id id;
    if (!split_line(line, n, name, value, &fits))
        return RC_OK;
    if (!fits)
        return err_set(e, ERR_VALUE, "%s line %zu: expected 'name = value'", path_base(path), line_no);
    if (!conf_find(name, &id)) {
        const char *near = nearest(name);
        return err_set(e, ERR_SETTING, "%s line %zu: unknown setting '%s'%s%s%s", path_base(path), line_no, name,
                       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
    }
    struct err why = {0};
    if (store(c, id, value, CONF_FILE, &why))
        return err_set(e, why.code, "%s line %zu: %s", path_base(path), line_no, why.msg);
    return RC_OK;
}

static enum rc conf_path(char path[PATH_CAP], struct err *e)
{
    char home[PATH_CAP];
    enum rc rc = home_dir(home, sizeof(home), e);
    return rc ? rc : path_join(path, PATH_CAP, home, "clinic.conf", e);
}

/* The whole file; an absent one is empty. */
static enum rc read_file(const char *path, char **text, size_t *n, struct err *e)
{
    struct err why = {0};
    *text = NULL;
    *n = 0;
    enum rc rc = file_read(path, CONF_FILE_MAX, text, n, &why);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    return rc ? err_set(e, why.code, "%s: %s", path_base(path), why.msg) : RC_OK;
}

static enum rc load_file(struct conf *c, struct err *e)
{
    char path[PATH_CAP], *text = NULL;
    size_t n = 0, line_no = 0;
    enum rc rc = conf_path(path, e);
    if (!rc)
        rc = read_file(path, &text, &n, e);
    if (!rc && memchr(text ? text : "", '\0', n))
        rc = err_set(e, ERR_VALUE, "%s holds a zero byte", path_base(path));
    for (size_t at = 0; !rc && text && at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t line_n = end ? (size_t)(end - text) - at : n - at;
        rc = take_line(c, path, ++line_no, text + at, line_n, e);
        at += line_n + 1;
    }
    mem_free(text);
    return rc;
}

static enum rc load_environment(struct conf *c, struct err *e)
{
    for (size_t i = 0; i < CONF_N; i++) {
        char name[80];
        str_format(name, sizeof(name), "CLINIC_%s", rows[i].name);
        for (char *p = name; *p; p++)
            if (*p >= 'a' && *p <= 'z')
                *p = (char)(*p - 'a' + 'A');
        const char *value = secure_getenv(name);
        struct err why = {0};
        if (value && store(c, (enum conf_id)i, value, CONF_ENV, &why))
            return err_set(e, why.code, "environment %s: %s", name, why.msg);
    }
    return RC_OK;
}

enum rc conf_load(struct conf *c, struct err *e)
{
    enum rc rc = RC_OK;
    *c = (struct conf){0};
    for (size_t i = 0; i < CONF_N && !rc; i++) {
        c->value[i] = mem_printf(e, "%.*s", (int)default_len(&rows[i]), rows[i].def);
        if (!c->value[i])
            rc = RC_FAILED;
    }
    if (!rc)
        rc = load_file(c, e);
    if (!rc)
        rc = load_environment(c, e);
    if (rc)
        conf_free(c);
    return rc;
}

void conf_free(struct conf *c)
{
    for (size_t i = 0; i < CONF_N; i++)
        mem_free(c->value[i]);
    *c = (struct conf){0};
}

int64_t conf_int(const struct conf *c, enum conf_id id)
{
    int64_t v = rows[id].min;
    str_to_i64(c->value[id], rows[id].min, rows[id].max, &v);
    return v;
}

bool conf_bool(const struct conf *c, enum conf_id id)
{
    return parse_bool(c->value[id]) == 1;
}

const char *conf_text(const struct conf *c, enum conf_id id)
{
    return c->value[id];
}

/* clinic.conf with the row's line replaced, or a line added; everything else stays as people wrote it. */
static enum rc save(enum conf_id id, const char *value, struct err *e)
{
    char path[PATH_CAP], home[PATH_CAP], *text = NULL;
    size_t n = 0;
    bool written = false;
    struct buf out = {0};
    enum rc rc = conf_path(path, e);
    if (!rc)
        rc = read_file(path, &text, &n, e);
    for (size_t at = 0; !rc && text && at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t line_n = end ? (size_t)(end - text) - at : n - at;
        char name[64], old[VALUE_CAP];
        bool fits, line = split_line(text + at, line_n, name, old, &fits);
        if (!line || !fits || !str_eq(name, rows[id].name)) {
            buf_add(&out, text + at, line_n);
            buf_putc(&out, '\n');
        } else if (!written) {
            buf_printf(&out, "%s = %s\n", rows[id].name, value);
            written = true;
        }
        at += line_n + 1;
    }
    if (!written)
        buf_printf(&out, "%s = %s\n", rows[id].name, value);
    if (!rc)
        rc = buf_check(&out, e);
    if (!rc)
        rc = home_dir(home, sizeof(home), e);
    if (!rc)
        rc = path_make_dirs(home, 0700, e);
    if (!rc)
        rc = file_write_atomic(path, out.data, out.len, 0600, e);
    buf_free(&out);
    mem_free(text);
    return rc;
}

enum rc conf_set(struct conf *c, enum conf_id id, const char *value, bool file, struct err *e)
{
    /* The file first: a value that could not be kept must not be in force. */
    enum rc rc = check(&rows[id], value, e);
    if (!rc && file && value[strspn(value, " \t")] == '\0' && *value)
        rc = err_set(e, ERR_VALUE, "%s is only blanks", rows[id].name);
    char *copy = rc ? NULL : mem_strdup(value, e);
    if (!rc && !copy)
        rc = RC_FAILED;
    if (!rc && file)
        rc = save(id, value, e);
    if (!rc) {
        mem_free(c->value[id]);
        c->value[id] = copy;
        c->origin[id] = file ? CONF_FILE : c->origin[id];
        copy = NULL;
    }
    mem_free(copy);
    return rc;
}
