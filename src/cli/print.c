/* Answers as JSON, tables, lists of facts, CSV; errors. Data goes to standard output, talk to standard error. */
#include "base/text.h"
#include "cli/command.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { CELL_MAX = 200, COLUMNS_MAX = 16 };

const char *shown(char *dst, size_t cap, const char *text)
{
    return text_safe(dst, cap, text ? text : "", false);
}

void print_json(FILE *f, const json_t *o)
{
    /* A write that fails shows when the stream is flushed at the end. */
    if (json_dumpf(o, f, JSON_COMPACT | JSON_REAL_PRECISION(15)) == 0)
        fputc('\n', f);
}

void print_bar(FILE *f, double percent, int width)
{
    int full = (int)(percent / 100.0 * width + 0.5);
    full = full < 0 ? 0 : full > width ? width : full;
    fputc('[', f);
    for (int i = 0; i < width; i++)
        fputc(i < full ? '#' : '-', f);
    fprintf(f, "] %.1f %%", percent);
}

/* Scalars as people read them; objects by their most telling field. */
static void cell_text(const json_t *v, char *dst, size_t cap)
{
    static const char *const telling[] = {"name", "username", "id", "value", "detail"};
    if (json_is_string(v)) {
        shown(dst, cap, json_string_value(v));
    } else if (json_is_integer(v)) {
        str_format(dst, cap, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v)) {
        str_format(dst, cap, "%.6g", json_real_value(v));
    } else if (json_is_boolean(v)) {
        str_copy(dst, cap, json_is_true(v) ? "yes" : "no");
    } else if (json_is_object(v)) {
        dst[0] = '\0';
        for (size_t i = 0; i < ARRAY_N(telling) && !*dst; i++)
            if (json_object_get(v, telling[i]))
                cell_text(json_object_get(v, telling[i]), dst, cap);
    } else if (json_is_array(v)) {
        struct buf b = {0};
        size_t i;
        json_t *item;
        json_array_foreach((json_t *)(uintptr_t)v, i, item)
        {
            char one[CELL_MAX];
            cell_text(item, one, sizeof(one));
            buf_printf(&b, "%s%s", i ? ", " : "", one);
        }
        str_copy(dst, cap, b.data ? b.data : "");
        buf_free(&b);
    } else {
        str_copy(dst, cap, "-");
    }
}

static void print_padded(const char *text, size_t width)
{
    size_t n = text_columns(text);
    fputs(text, stdout);
    for (; n < width; n++)
        putchar(' ');
}

struct columns {
    char name[COLUMNS_MAX][40];
    size_t width[COLUMNS_MAX], n;
};

static void columns_of(const char *spec, const json_t *rows, struct columns *c)
{
    *c = (struct columns){0};
    if (!*spec && json_is_object(json_array_get(rows, 0))) {
        const char *key;
        json_t *v;
        json_object_foreach(json_array_get(rows, 0), key, v)
        {
            if (c->n < COLUMNS_MAX)
                str_copy(c->name[c->n++], sizeof(c->name[0]), key);
        }
    }
    for (const char *s = spec; *s && c->n < COLUMNS_MAX; c->n++) {
        size_t n = strcspn(s, " ");
        str_format(c->name[c->n], sizeof(c->name[0]), "%.*s", (int)n, s);
        s += n + strspn(s + n, " ");
    }
    for (size_t k = 0; k < c->n; k++) {
        c->width[k] = strlen(c->name[k]);
        size_t i;
        json_t *row;
        json_array_foreach((json_t *)(uintptr_t)rows, i, row)
        {
            char text[CELL_MAX];
            cell_text(json_object_get(row, c->name[k]), text, sizeof(text));
            size_t w = text_columns(text);
            c->width[k] = w > c->width[k] ? w : c->width[k];
        }
        c->width[k] = c->width[k] > 44 ? 44 : c->width[k];
    }
}

static void print_table(const char *spec, const json_t *rows)
{
    struct columns c;
    columns_of(spec, rows, &c);
    for (size_t k = 0; k < c.n; k++) {
        print_padded(c.name[k], k + 1 < c.n ? c.width[k] : 0);
        fputs(k + 1 < c.n ? "  " : "\n", stdout);
    }
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        for (size_t k = 0; k < c.n; k++) {
            char text[CELL_MAX], cut[CELL_MAX];
            cell_text(json_object_get(row, c.name[k]), text, sizeof(text));
            text_fit(cut, sizeof(cut), text, 44);
            print_padded(cut, k + 1 < c.n ? c.width[k] : 0);
            fputs(k + 1 < c.n ? "  " : "\n", stdout);
        }
    }
}

/* Sentences, one a line. */
static void print_sentences(const json_t *list, int indent)
{
    size_t i;
    json_t *line;
    char text[2000];
    json_array_foreach((json_t *)(uintptr_t)list, i, line)
    {
        printf("%*s- %s\n", indent, "", shown(text, sizeof(text), json_string_value(line)));
    }
}

static bool sentences(const json_t *v)
{
    const char *first = json_string_value(json_array_get(v, 0));
    return first && strlen(first) > 30;
}

static void print_facts(const json_t *o, int indent)
{
    const char *key;
    json_t *v;
    char text[2000], name[CELL_MAX];
    int width = 0;
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        width = (int)strlen(key) > width ? (int)strlen(key) : width;
    }
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        shown(name, sizeof(name), key);
        if (json_is_object(v) && json_object_size(v)) {
            printf("%*s%s\n", indent, "", name);
            print_facts(v, indent + 2);
        } else if (json_is_array(v) && json_is_object(json_array_get(v, 0))) {
            printf("%*s%s\n", indent, "", name);
            print_table("", v);
        } else if (sentences(v)) {
            printf("%*s%s\n", indent, "", name);
            print_sentences(v, indent + 2);
        } else {
            cell_text(v, text, sizeof(text));
            printf("%*s%-*s  %s\n", indent, "", width > 40 ? 40 : width, name, text);
        }
    }
}

static const json_t *rows_of(const json_t *o)
{
    const json_t *rows = json_object_get(o, "results");
    return rows ? rows : json_object_get(o, "cases");
}

void print_human(const struct cli *c, const json_t *o)
{
    const json_t *rows = rows_of(o), *count = json_object_get(o, "count");
    if (!json_is_array(rows) || !*c->cmd->columns) {
        print_facts(o, 0);
        return;
    }
    if (json_array_size(rows))
        print_table(c->cmd->columns, rows);
    if (!c->quiet && json_is_integer(count))
        fprintf(stderr, "%zu of %lld\n", json_array_size(rows), (long long)json_integer_value(count));
}

/* RFC 4180; a cell that a spreadsheet would take for a formula gets an apostrophe in front. */
static void csv_cell(const char *text, bool number)
{
    bool formula = !number && *text && strchr("=+-@\t\r", *text);
    bool quote = strpbrk(text, ",\"\r\n") != NULL;
    if (quote)
        putchar('"');
    if (formula)
        putchar('\'');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    if (quote)
        putchar('"');
}

void print_csv(const struct cli *c, const json_t *o)
{
    struct columns columns;
    const json_t *rows = rows_of(o);
    columns_of(c->cmd->columns, rows, &columns);
    for (size_t k = 0; k < columns.n; k++)
        printf("%s%s", columns.name[k], k + 1 < columns.n ? "," : "\r\n");
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        for (size_t k = 0; k < columns.n; k++) {
            const json_t *v = json_object_get(row, columns.name[k]);
            char text[2000];
            cell_text(v, text, sizeof(text));
            csv_cell(json_is_null(v) || !v ? "" : text, json_is_number(v));
            fputs(k + 1 < columns.n ? "," : "\r\n", stdout);
        }
    }
}

void tell_error(const struct cli *c, const char *file, const struct err *e)
{
    char name[300];
    if (file)
        shown(name, sizeof(name), file);
    if (c->json) {
        json_t *o = wire_error_json(e);
        if (o && file)
            json_object_set_new(o, "file", json_string(name));
        if (o)
            print_json(stderr, o);
        json_decref(o);
        return;
    }
    size_t n = strlen(e->msg);
    bool stop = n && strchr(".?!", e->msg[n - 1]);
    const char *advice = err_advice(e->code);
    fprintf(stderr, "clinic: %s%sE%d %s%s %s.\n", file ? name : "", file ? ": " : "", (int)e->code, e->msg,
            stop ? "" : ".", advice);
}
