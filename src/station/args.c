/* Arguments of operations: the specification strings of ops.def, checking a request against them, reading them. */
#include "base/file.h"
#include "base/text.h"
#include "station/core.h"

#include <string.h>

static const char *const kind_names[] = {"text", "int", "number", "bool", "date", "file", "secret", "object"};
static const char *const kind_words[] = {
    "text", "a whole number", "a number", "true or false", "a date", "a file", "text", "an object",
};

bool op_arg_next(const char **cursor, struct op_arg *out)
{
    const char *s = *cursor + strspn(*cursor, " ");
    size_t n = strcspn(s, " "), name_n = strcspn(s, ": ");
    *cursor = s + n;
    if (n == 0 || name_n == n || name_n >= sizeof(out->name))
        return false;
    *out = (struct op_arg){.kind = ARG_TEXT};
    memcpy(out->name, s, name_n);
    const char *kind = s + name_n + 1;
    size_t kind_n = strcspn(kind, "[! ");
    for (size_t k = 0; k < ARRAY_N(kind_names); k++)
        if (strlen(kind_names[k]) == kind_n && memcmp(kind_names[k], kind, kind_n) == 0)
            out->kind = (enum arg_kind)k;
    for (const char *p = kind + kind_n; p < s + n; p++) {
        out->list = out->list || *p == '[';
        out->required = out->required || *p == '!';
    }
    return true;
}

static bool kind_ok(enum arg_kind kind, const json_t *v)
{
    switch (kind) {
    case ARG_INT:
        return json_is_integer(v);
    case ARG_NUMBER:
        return json_is_number(v);
    case ARG_BOOL:
        return json_is_boolean(v);
    case ARG_OBJECT:
        return json_is_object(v);
    case ARG_TEXT:
    case ARG_DATE:
    case ARG_FILE:
    case ARG_SECRET:
        return json_is_string(v);
    }
    return false;
}

static enum rc value_check(const struct op_arg *arg, const json_t *v, struct err *e)
{
    if (!kind_ok(arg->kind, v))
        return err_set(e, ERR_VALUE, "argument '%s' must be %s%s", arg->name, arg->list ? "a list: each " : "",
                       kind_words[arg->kind]);
    int64_t ms;
    if (arg->kind == ARG_DATE && !clock_parse_human(json_string_value(v), clock_wall_ms(), &ms) &&
        !clock_parse_iso(json_string_value(v), &ms))
        return err_set(e, ERR_VALUE, "%s: '%.60s' is not a date; write 2026-03-02, T, T-7 or 12 mar", arg->name,
                       json_string_value(v));
    return RC_OK;
}

/* One argument; a single value where a list is asked becomes a list of one in `args`. */
static enum rc arg_check(const struct op_row *row, const struct op_arg *arg, int fd, json_t *args, struct err *e)
{
    json_t *v = json_object_get(args, arg->name);
    if (json_is_null(v)) {
        json_object_del(args, arg->name);
        v = NULL;
    }
    if (!v) {
        bool missing = arg->required && !(arg->kind == ARG_FILE && fd >= 0);
        return missing ? err_set(e, ERR_VALUE, "%s needs the argument '%s'", row->name, arg->name) : RC_OK;
    }
    if (arg->kind == ARG_FILE && fd < 0)
        return err_set(e, ERR_VALUE, "%s: the file '%s' was not handed over", row->name, arg->name);
    if (!arg->list)
        return value_check(arg, v, e);
    if (!json_is_array(v)) {
        enum rc rc = value_check(arg, v, e);
        if (rc)
            return rc;
        json_t *list = json_pack("[O]", v);
        if (!list || json_object_set_new(args, arg->name, list))
            return err_set(e, ERR_MEMORY, NULL);
        return RC_OK;
    }
    size_t i;
    json_t *item;
    json_array_foreach(v, i, item)
    {
        enum rc rc = value_check(arg, item, e);
        if (rc)
            return rc;
    }
    if (arg->required && json_array_size(v) == 0)
        return err_set(e, ERR_VALUE, "%s: the list '%s' is empty", row->name, arg->name);
    return RC_OK;
}

static enum rc unknown_check(const struct op_row *row, json_t *args, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach(args, key, value)
    {
        bool known = false;
        const char *cursor = row->args;
        char near[32] = "";
        size_t best = 4;
        for (struct op_arg arg; !known && op_arg_next(&cursor, &arg);) {
            known = str_eq(arg.name, key);
            size_t d = str_distance(arg.name, key);
            if (d < best) {
                best = d;
                str_copy(near, sizeof(near), arg.name);
            }
        }
        if (!known)
            return err_set(e, ERR_VALUE, "%s has no argument '%.60s'%s%s%s", row->name, key,
                           *near ? "; did you mean '" : "", near, *near ? "'?" : "");
    }
    return RC_OK;
}

enum rc args_check(const struct op_row *row, const json_t *given, int fd, json_t **out, struct err *e)
{
    *out = NULL;
    if (given && !json_is_object(given))
        return err_set(e, ERR_JSON, "args must be an object");
    json_t *args = given ? json_copy((json_t *)(uintptr_t)given) : json_object();
    if (!args)
        return err_set(e, ERR_MEMORY, NULL);
    enum rc rc = unknown_check(row, args, e);
    const char *cursor = row->args;
    for (struct op_arg arg; !rc && op_arg_next(&cursor, &arg);)
        rc = arg_check(row, &arg, fd, args, e);
    if (rc)
        json_decref(args);
    else
        *out = args;
    return rc;
}

const char *arg_text(const struct op_call *c, const char *name, const char *def)
{
    const char *s = json_string_value(json_object_get(c->args, name));
    return s ? s : def;
}

int64_t arg_int(const struct op_call *c, const char *name, int64_t def)
{
    const json_t *v = json_object_get(c->args, name);
    return json_is_integer(v) ? json_integer_value(v) : def;
}

double arg_number(const struct op_call *c, const char *name, double def)
{
    const json_t *v = json_object_get(c->args, name);
    return json_is_number(v) ? json_number_value(v) : def;
}

bool arg_bool(const struct op_call *c, const char *name, bool def)
{
    const json_t *v = json_object_get(c->args, name);
    return json_is_boolean(v) ? json_is_true(v) : def;
}

bool arg_given(const struct op_call *c, const char *name)
{
    return json_object_get(c->args, name) != NULL;
}

enum rc arg_int_in(const struct op_call *c, const char *name, int64_t min, int64_t max, int64_t def, int64_t *out,
                   struct err *e)
{
    *out = arg_int(c, name, def);
    if (arg_given(c, name) && (*out < min || *out > max))
        return err_set(e, ERR_VALUE, "%s: %lld is not in %lld..%lld", name, (long long)*out, (long long)min,
                       (long long)max);
    return RC_OK;
}
