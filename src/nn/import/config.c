#include "nn/import/config.h"

#include <math.h>
#include <string.h>

struct scan {
    const char *text;
    size_t n, at;
};

static void skip_string(struct scan *s)
{
    for (s->at++; s->at < s->n && s->text[s->at] != '"'; s->at++)
        if (s->text[s->at] == '\\')
            s->at++;
}

/* Python writes Infinity, which is no JSON; a number too large for float32 says the same. */
static void replace_infinity(char *text, size_t n, size_t at)
{
    static const char from[] = "Infinity", to[] = "1.0e+300";
    if (n - at >= sizeof(from) - 1 && memcmp(text + at, from, sizeof(from) - 1) == 0)
        memcpy(text + at, to, sizeof(to) - 1);
}

/* Depth and number of values, before a recursive parser sees the text. */
static enum rc limits_check(char *text, size_t n, struct err *e)
{
    if (n > CONFIG_BYTES_MAX)
        return err_set(e, ERR_MODEL_LIMIT, "the description has %zu MiB, the limit is %d", n >> 20,
                       CONFIG_BYTES_MAX >> 20);
    struct scan s = {.text = text, .n = n};
    int depth = 0;
    size_t values = 0;
    for (; s.at < n; s.at++) {
        switch (text[s.at]) {
        case '"':
            skip_string(&s);
            break;
        case '[':
        case '{':
            if (++depth > CONFIG_DEPTH_MAX)
                return err_set(e, ERR_MODEL_LIMIT, "the description is nested more than %d deep", CONFIG_DEPTH_MAX);
            break;
        case ']':
        case '}':
            depth--;
            break;
        case ':':
        case ',':
            values++;
            break;
        case 'I':
            replace_infinity(text, n, s.at);
            break;
        default:
            break;
        }
    }
    if (values > CONFIG_VALUES_MAX)
        return err_set(e, ERR_MODEL_LIMIT, "the description has more than %d values", CONFIG_VALUES_MAX);
    return RC_OK;
}

enum rc config_parse(char *text, size_t n, json_t **out, struct err *e)
{
    *out = NULL;
    enum rc rc = limits_check(text, n, e);
    if (rc)
        return rc;
    json_error_t why;
    *out = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &why);
    if (!*out)
        return err_set(e, ERR_MODEL_CONFIG, "the description is no JSON: %s (byte %d)", why.text, why.position);
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return err_set(e, ERR_MODEL_CONFIG, "the description is not a JSON object");
    }
    return RC_OK;
}

const json_t *config_get(const json_t *object, const char *keys)
{
    char key[64];
    while (*keys) {
        size_t n = strcspn(keys, "|");
        if (n < sizeof(key)) {
            memcpy(key, keys, n);
            key[n] = '\0';
            const json_t *v = json_object_get(object, key);
            if (v)
                return v;
        }
        keys += n + (keys[n] == '|');
    }
    return NULL;
}

bool config_is_null(const json_t *value)
{
    return !value || json_is_null(value);
}

bool config_int(const json_t *value, int64_t *out)
{
    if (json_is_true(value) || json_is_false(value)) {
        *out = json_is_true(value);
        return true;
    }
    if (!json_is_number(value))
        return false;
    double d = json_number_value(value);
    if (!(d >= -2147483648.0 && d <= 2147483647.0) || d != floor(d))
        return false;
    *out = (int64_t)d;
    return true;
}
