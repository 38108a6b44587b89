/* From words to arguments: options derived from the operation's argument specification. */
#include "base/text.h"
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>

static const struct global_option globals[] = {
    {"--json", NULL, "Answer as JSON on standard output, errors as JSON on standard error"},
    {"--token-file", "FILE", "Session of 'clinic login'; also CLINIC_TOKEN_FILE"},
    {"--password-fd", "N", "Read passwords from this descriptor, one per line"},
    {"--socket", "PATH", "Use the station of 'clinic serve'; also CLINIC_SOCKET"},
    {"--read-only", NULL, "Refuse every change"},
    {"--quiet", NULL, "No progress on standard error"},
    {"--help", NULL, "Help for this command"},
};

const struct global_option *global_options(size_t *n)
{
    *n = ARRAY_N(globals);
    return globals;
}

/* Looks `name` up among "option=argument" pairs; by option, or by argument when reverse. */
static bool renamed(const char *rename, const char *name, bool reverse, char *dst, size_t cap)
{
    for (const char *s = rename; *s;) {
        s += strspn(s, " ");
        size_t n = strcspn(s, " "), eq = strcspn(s, "=");
        const char *from = reverse ? s + eq + 1 : s, *to = reverse ? s : s + eq + 1;
        size_t from_n = reverse ? n - eq - 1 : eq, to_n = reverse ? eq : n - eq - 1;
        if (eq < n && strlen(name) == from_n && memcmp(name, from, from_n) == 0)
            return str_format(dst, cap, "%.*s", (int)to_n, to);
        s += n;
    }
    return false;
}

void option_name(const struct command *cmd, const char *arg, char *dst, size_t cap)
{
    char plain[40];
    if (!renamed(cmd->rename, arg, true, plain, sizeof(plain)))
        str_copy(plain, sizeof(plain), arg);
    for (char *p = plain; *p; p++)
        if (*p == '_')
            *p = '-';
    str_format(dst, cap, "--%s", plain);
}

static bool spec_find(const char *spec, const char *name, struct op_arg *out)
{
    for (const char *cursor = spec; op_arg_next(&cursor, out);)
        if (str_eq(out->name, name))
            return true;
    return false;
}

/* The argument an option word (without dashes) means, and whose it is. */
static bool option_find(const struct cli *c, const char *word, struct op_arg *out, json_t **into)
{
    char name[64];
    if (!str_copy(name, sizeof(name), word))
        return false;
    for (char *p = name; *p; p++)
        if (*p == '-')
            *p = '_';
    *into = c->extra;
    if (spec_find(c->cmd->extra, name, out))
        return true;
    char argument[64];
    if (!renamed(c->cmd->rename, word, false, argument, sizeof(argument)))
        str_copy(argument, sizeof(argument), name);
    *into = c->args;
    return c->row && spec_find(c->row->args, argument, out) && out->kind != ARG_SECRET && out->kind != ARG_FILE;
}

static enum rc value_parse(const struct op_arg *arg, const char *option, const char *text, json_t **out, struct err *e)
{
    int64_t i;
    double d;
    json_error_t where;
    *out = NULL;
    switch (arg->kind) {
    case ARG_INT:
        if (!str_to_i64(text, INT64_MIN, INT64_MAX, &i))
            return err_set(e, ERR_VALUE, "%s: '%.60s' is not a whole number", option, text);
        *out = json_integer(i);
        break;
    case ARG_NUMBER:
        if (!str_to_f64(text, -1e300, 1e300, &d))
            return err_set(e, ERR_VALUE, "%s: '%.60s' is not a number", option, text);
        *out = json_real(d);
        break;
    case ARG_BOOL:
        if (str_eq(text, "yes") || str_eq(text, "true") || str_eq(text, "1"))
            *out = json_true();
        else if (str_eq(text, "no") || str_eq(text, "false") || str_eq(text, "0"))
            *out = json_false();
        else
            return err_set(e, ERR_VALUE, "%s: '%.60s' is not yes or no", option, text);
        break;
    case ARG_OBJECT:
        *out = json_loads(text, JSON_REJECT_DUPLICATES, &where);
        if (!json_is_object(*out)) {
            json_decref(*out);
            return err_set(e, ERR_VALUE, "%s: not a JSON object", option);
        }
        break;
    case ARG_TEXT:
    case ARG_DATE:
    case ARG_FILE:
    case ARG_SECRET:
        *out = json_string(text);
        if (!*out)
            return err_set(e, ERR_VALUE, "%s: the text is not valid UTF-8", option);
        break;
    }
    return *out ? RC_OK : err_set(e, ERR_MEMORY, NULL);
}

static enum rc value_store(const struct op_arg *arg, const char *option, const char *text, json_t *into, struct err *e)
{
    json_t *v;
    enum rc rc = value_parse(arg, option, text, &v, e);
    if (rc)
        return rc;
    json_t *list = json_object_get(into, arg->name);
    if (arg->list && json_is_array(list))
        return json_array_append_new(list, v) ? err_set(e, ERR_MEMORY, NULL) : RC_OK;
    if (arg->list)
        v = json_pack("[o]", v);
    return json_object_set_new(into, arg->name, v) ? err_set(e, ERR_MEMORY, NULL) : RC_OK;
}

static void nearest(const struct cli *c, const char *option, char *dst, size_t cap)
{
    size_t best = 4;
    const char *specs[] = {c->row ? c->row->args : "", c->cmd->extra};
    dst[0] = '\0';
    for (size_t s = 0; s < 2; s++) {
        struct op_arg arg;
        for (const char *cursor = specs[s]; op_arg_next(&cursor, &arg);) {
            char name[64];
            option_name(c->cmd, arg.name, name, sizeof(name));
            size_t d = str_distance(name, option);
            if (d < best) {
                best = d;
                str_copy(dst, cap, name);
            }
        }
    }
    for (size_t i = 0; i < ARRAY_N(globals); i++) {
        size_t d = str_distance(globals[i].name, option);
        if (d < best) {
            best = d;
            str_copy(dst, cap, globals[i].name);
        }
    }
}

/* Global option at argv[*i]; *taken tells whether it was one. */
static enum rc global_parse(struct cli *c, const char *name, const char *value, int argc, char *const *argv, int *i,
                            bool *taken, struct err *e)
{
    const struct global_option *g = NULL;
    for (size_t k = 0; k < ARRAY_N(globals); k++)
        if (str_eq(globals[k].name, name))
            g = &globals[k];
    *taken = g != NULL;
    if (!g)
        return RC_OK;
    if (g->value && !value) {
        if (*i + 1 >= argc || str_starts(argv[*i + 1], "--"))
            return err_set(e, ERR_USAGE, "%s needs a value", name);
        value = argv[++*i];
    }
    if (!g->value && value)
        return err_set(e, ERR_USAGE, "%s takes no value", name);
    int64_t fd;
    if (str_eq(name, "--json"))
        c->json = true;
    else if (str_eq(name, "--token-file"))
        c->token_file = value;
    else if (str_eq(name, "--socket"))
        c->socket = value;
    else if (str_eq(name, "--read-only"))
        c->read_only = true;
    else if (str_eq(name, "--quiet"))
        c->quiet = true;
    else if (str_eq(name, "--help"))
        c->help = true;
    else if (!str_to_i64(value, 0, 1 << 20, &fd))
        return err_set(e, ERR_VALUE, "--password-fd: '%.40s' is not a descriptor", value);
    else
        c->password_fd = (int)fd;
    return RC_OK;
}

/* "--name", "--name=value", "--no-name" or "-o" at argv[*i]. */
static enum rc option_parse(struct cli *c, int argc, char *const *argv, int *i, struct err *e)
{
    char option[80];
    const char *word = argv[*i], *value = strchr(word, '=');
    str_format(option, sizeof(option), "%.*s", (int)(value ? (size_t)(value - word) : strlen(word)), word);
    if (value)
        value++;
    if (str_eq(option, "-o"))
        str_copy(option, sizeof(option), "--output");
    if (str_eq(option, "-h"))
        str_copy(option, sizeof(option), "--help");
    bool taken;
    enum rc rc = global_parse(c, option, value, argc, argv, i, &taken, e);
    if (rc || taken)
        return rc;
    struct op_arg arg;
    json_t *into;
    const char *name = option + (str_starts(option, "--") ? 2 : 1);
    if (option_find(c, name, &arg, &into)) {
        if (!value && arg.kind == ARG_BOOL)
            value = "yes";
        else if (!value && *i + 1 < argc && !str_starts(argv[*i + 1], "--"))
            value = argv[++*i];
        if (!value)
            return err_set(e, ERR_USAGE, "%s needs a value", option);
        return value_store(&arg, option, value, into, e);
    }
    if (str_starts(name, "no-") && !value && option_find(c, name + 3, &arg, &into) && arg.kind == ARG_BOOL)
        return value_store(&arg, option, "no", into, e);
    char near[64];
    nearest(c, option, near, sizeof(near));
    return err_set(e, ERR_USAGE, "clinic %s has no option '%.60s'%s%s%s", c->cmd->words, option,
                   *near ? "; did you mean " : "", near, *near ? "?" : "");
}

static bool is_file_arg(const struct cli *c, const char *name)
{
    struct op_arg arg;
    return str_eq(name, "file") && (!c->row || (spec_find(c->row->args, name, &arg) && arg.kind == ARG_FILE));
}

/* Hands one positional word over; *slot walks through cmd->positional. */
static enum rc positional_store(struct cli *c, const char **slot, const char *word, struct err *e)
{
    const char *s = *slot + strspn(*slot, " ");
    size_t n = strcspn(s, " "), name_n = strcspn(s, " ?.");
    if (n == 0)
        return err_set(e, ERR_USAGE, "clinic %s: '%.80s' is one word too many", c->cmd->words, word);
    bool many = n > name_n && memchr(s, '.', n) != NULL;
    if (!many)
        *slot = s + n;
    struct op_arg arg = {.kind = ARG_TEXT};
    char name[sizeof(arg.name)]; /* not in arg: spec_find writes there while it looks */
    str_format(name, sizeof(name), "%.*s", (int)name_n, s);
    if (is_file_arg(c, name)) {
        /* A name may hold any bytes; JSON text may not. Kept as bytes of Latin-1 code points would lie: refused later.
         */
        json_t *v = json_stringn_nocheck(word, strlen(word));
        return !v || json_array_append_new(c->files, v) ? err_set(e, ERR_MEMORY, NULL) : RC_OK;
    }
    bool own = !c->row || !spec_find(c->row->args, name, &arg);
    if (own) {
        arg = (struct op_arg){.kind = ARG_TEXT, .list = many};
        str_copy(arg.name, sizeof(arg.name), name);
    }
    return value_store(&arg, name, word, own ? c->extra : c->args, e);
}

static enum rc positional_missing(const struct cli *c, const char *slot, struct err *e)
{
    slot += strspn(slot, " ");
    size_t n = strcspn(slot, " "), name_n = strcspn(slot, " ?.");
    bool optional = memchr(slot, '?', n) != NULL;
    bool have = is_file_arg(c, "file") && json_array_size(c->files) > 0;
    if (n == 0 || optional || have)
        return RC_OK;
    return err_set(e, ERR_USAGE, "clinic %s needs %.*s", c->cmd->words, (int)name_n, slot);
}

enum rc options_parse(struct cli *c, int argc, char *const *argv, struct err *e)
{
    const char *slot = c->cmd->positional;
    bool plain = false;
    enum rc rc = RC_OK;
    for (int i = 0; !rc && i < argc; i++) {
        if (!plain && str_eq(argv[i], "--"))
            plain = true;
        else if (!plain && argv[i][0] == '-' && argv[i][1] != '\0')
            rc = option_parse(c, argc, argv, &i, e);
        else
            rc = positional_store(c, &slot, argv[i], e);
    }
    if (!rc && !c->help)
        rc = positional_missing(c, slot, e);
    return rc;
}
