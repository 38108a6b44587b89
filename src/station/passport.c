/* Passports: parsing, checking against the network, making one up for a bare file. */
#include "station/passport.h"

#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

static enum rc bad(struct err *e, const char *field, const char *why)
{
    return err_set(e, ERR_MODEL_PASSPORT, "passport field '%s' %s", field, why);
}

/* Required text of 1..max bytes without control characters. */
static enum rc text_field(const json_t *o, const char *key, size_t max, const char **out, struct err *e)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s)
        return bad(e, key, "is missing or not text");
    size_t n = strlen(s);
    if (n == 0 || n > max)
        return bad(e, key, "is empty or too long");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return bad(e, key, "holds a control character");
    *out = s;
    return RC_OK;
}

static bool hex64(const char *s)
{
    return strlen(s) == SHA256_HEX - 1 && strspn(s, "0123456789abcdef") == SHA256_HEX - 1;
}

static enum rc advice_check(const json_t *advice, struct err *e)
{
    if (!advice)
        return RC_OK;
    if (!json_is_object(advice))
        return bad(e, "classes.advice", "must be an object of languages");
    const char *language;
    json_t *sentences;
    json_object_foreach((json_t *)(uintptr_t)advice, language, sentences)
    {
        size_t i;
        json_t *sentence;
        if (!json_is_array(sentences))
            return bad(e, "classes.advice", "must hold a list of sentences per language");
        json_array_foreach(sentences, i, sentence)
        {
            if (!json_is_string(sentence))
                return bad(e, "classes.advice", "must hold sentences");
        }
    }
    return RC_OK;
}

static enum rc parse_classes(struct passport *p, struct err *e)
{
    const json_t *classes = json_object_get(p->json, "classes");
    size_t n = json_array_size(classes);
    if (n < 2 || n > PASSPORT_CLASSES_MAX)
        return bad(e, "classes", "must list 2 to 1000 classes");
    p->class = mem_zalloc(n, sizeof(*p->class), e);
    if (!p->class)
        return RC_FAILED;
    p->class_n = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(classes, i);
        struct passport_class *c = &p->class[i];
        enum rc rc = text_field(row, "name", 60, &c->name, e);
        c->label = c->name;
        if (!rc && json_object_get(row, "label"))
            rc = text_field(row, "label", 120, &c->label, e);
        c->advice = json_object_get(row, "advice");
        c->concern = json_is_true(json_object_get(row, "concern"));
        if (!rc)
            rc = advice_check(c->advice, e);
        if (rc)
            return rc;
        for (size_t k = 0; k < i; k++)
            if (str_eq_case(p->class[k].name, c->name))
                return bad(e, "classes", "names a class twice");
    }
    return RC_OK;
}

static enum rc parse_operating_point(struct passport *p, struct err *e)
{
    p->positive = -1;
    p->threshold = (double)NAN;
    const json_t *positive = json_object_get(p->json, "positive_class"),
                 *points = json_object_get(p->json, "operating_points");
    if (!positive || json_is_null(positive))
        return RC_OK;
    if (!json_is_string(positive) || (p->positive = passport_class_find(p, json_string_value(positive), false)) < 0)
        return bad(e, "positive_class", "is not one of the classes");
    if (p->class_n != 2)
        return bad(e, "positive_class", "is only for two classes");
    p->class[p->positive].concern = true;
    const json_t *t = json_object_get(json_array_get(points, 0), "threshold");
    p->threshold = json_number_value(t);
    if (!json_is_number(t) || !(p->threshold >= 0 && p->threshold <= 1))
        return bad(e, "operating_points[0].threshold", "must be a number from 0 to 1");
    return RC_OK;
}

static enum rc channel_values(const json_t *o, const char *key, float out[3], struct err *e)
{
    const json_t *v = json_object_get(o, key);
    for (size_t c = 0; c < 3; c++) {
        const json_t *one = json_is_array(v) ? json_array_get(v, c) : v;
        double d = json_number_value(one);
        if (!json_is_number(one) || !isfinite(d) || fabs(d) > 1e6)
            return bad(e, key, "must be a number or three numbers");
        out[c] = (float)d;
    }
    return RC_OK;
}

static enum rc side(const json_t *o, const char *key, int32_t min, int32_t max, int32_t *out, struct err *e)
{
    const json_t *v = json_object_get(o, key);
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < min || n > max)
        return bad(e, key, "is missing or out of range");
    *out = (int32_t)n;
    return RC_OK;
}

/* One word out of a few; *which is its place. */
static enum rc choice(const json_t *o, const char *key, const char *const *words, size_t n, size_t *which,
                      struct err *e)
{
    const char *s = json_string_value(json_object_get(o, key));
    for (*which = 0; *which < n; (*which)++)
        if (str_eq(s, words[*which]))
            return RC_OK;
    return bad(e, key, "has an unknown value");
}

static enum rc parse_recipe(struct passport *p, struct err *e)
{
    static const char *const colours[] = {"grey", "rgb", "bgr"};
    static const char *const orientations[] = {"ignored", "applied"};
    static const char *const aspects[] = {"stretch", "centre-crop"};
    const json_t *pre = json_object_get(p->json, "preprocessing");
    if (!json_is_object(pre))
        return bad(e, "preprocessing", "is missing");
    struct image_recipe *r = &p->recipe;
    size_t colour = 0, orientation = 0, aspect = 0;
    enum rc rc = choice(pre, "colour", colours, ARRAY_N(colours), &colour, e);
    if (!rc)
        rc = choice(pre, "orientation", orientations, ARRAY_N(orientations), &orientation, e);
    if (!rc)
        rc = choice(pre, "aspect", aspects, ARRAY_N(aspects), &aspect, e);
    if (!rc)
        rc = side(pre, "width", 1, 4096, &r->width_px, e);
    if (!rc)
        rc = side(pre, "height", 1, 4096, &r->height_px, e);
    if (!rc)
        rc = channel_values(pre, "scale", r->scale, e);
    if (!rc)
        rc = channel_values(pre, "offset", r->offset, e);
    const char *filter = json_string_value(json_object_get(pre, "resize"));
    if (!rc && (!filter || !image_filter_find(filter, &r->filter)))
        rc = bad(e, "resize", "is not a known method");
    r->channels = colour == 0 ? 1 : 3;
    r->bgr = colour == 2;
    r->apply_orientation = orientation == 1;
    r->keep_aspect = aspect == 1;
    return rc;
}

static enum rc parse_golden(struct passport *p, struct err *e)
{
    const json_t *list = json_object_get(p->json, "golden");
    size_t n = json_array_size(list);
    if (list && (!json_is_array(list) || n > PASSPORT_GOLDEN_MAX))
        return bad(e, "golden", "must be a list of at most 64 vectors");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(list, i), *tolerance = json_object_get(row, "tolerance");
        struct passport_golden *g = &p->golden[i];
        enum rc rc = text_field(row, "pattern", 8, &g->pattern, e);
        if (rc)
            return rc;
        g->output = json_object_get(row, "output");
        size_t k;
        json_t *v;
        if (json_array_size(g->output) == 0)
            return bad(e, "golden.output", "is missing");
        json_array_foreach((json_t *)(uintptr_t)g->output, k, v)
        {
            if (!json_is_number(v))
                return bad(e, "golden.output", "must hold numbers");
        }
        g->tolerance = json_number_value(tolerance);
        if (!json_is_number(tolerance) || !(g->tolerance > 0 && g->tolerance <= 1e-2))
            return bad(e, "golden.tolerance", "must be above 0 and at most 0.01");
    }
    p->golden_n = (int32_t)n;
    return RC_OK;
}

/* Takes the object over, also when it fails. */
static enum rc from_json(json_t *owned, struct passport **out, struct err *e)
{
    struct passport *p = mem_zalloc(1, sizeof(*p), e);
    if (!p) {
        json_decref(owned);
        return RC_FAILED;
    }
    const char *sha256 = "";
    p->json = owned;
    enum rc rc = text_field(p->json, "id", 100, &p->id, e);
    if (!rc)
        rc = text_field(p->json, "version", 24, &p->version, e);
    if (!rc)
        rc = text_field(p->json, "title", 160, &p->title, e);
    if (!rc)
        rc = text_field(p->json, "task", 160, &p->task, e);
    if (!rc)
        rc = text_field(p->json, "modality", 160, &p->modality, e);
    if (!rc)
        rc = text_field(p->json, "sha256", 64, &sha256, e);
    if (!rc && !hex64(sha256))
        rc = bad(e, "sha256", "is not 64 hexadecimal digits");
    if (!rc)
        rc = parse_classes(p, e);
    if (!rc)
        rc = parse_operating_point(p, e);
    if (!rc)
        rc = parse_recipe(p, e);
    if (!rc)
        rc = parse_golden(p, e);
    if (rc) {
        passport_free(p);
        return rc;
    }
    str_copy(p->sha256, sizeof(p->sha256), sha256);
    *out = p;
    return RC_OK;
}

enum rc passport_parse(const char *text, size_t n, struct passport **out, struct err *e)
{
    *out = NULL;
    json_error_t where = {.text = "empty"};
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
    if (json_is_object(o))
        return from_json(o, out, e);
    json_decref(o);
    return err_set(e, ERR_MODEL_PASSPORT, "passport is not a JSON object (line %d: %s)", where.line, where.text);
}

enum rc passport_load(const char *path, struct passport **out, struct err *e)
{
    *out = NULL;
    char *text;
    size_t n;
    enum rc rc = file_read(path, PASSPORT_FILE_MAX_BYTES, &text, &n, e);
    if (rc)
        return rc;
    rc = passport_parse(text, n, out, e);
    mem_free(text);
    return rc;
}

enum rc passport_load_beside(const char *path, struct passport **out, struct err *e)
{
    static const char *const marks[] = {"sha256", "classes", "preprocessing"};
    struct stat st;
    *out = NULL;
    if (stat(path, &st) || !S_ISREG(st.st_mode) || st.st_size > PASSPORT_FILE_MAX_BYTES)
        return RC_OK;
    json_t *o = json_load_file(path, 0, NULL);
    bool like = !json_is_object(o);
    for (size_t i = 0; i < ARRAY_N(marks); i++)
        like = like || json_object_get(o, marks[i]);
    json_decref(o);
    return like ? passport_load(path, out, e) : RC_OK;
}

/* The classes and numbers of a made-up passport as the JSON that a real one would hold. */
static json_t *assumed_json(const struct nn_info *info, const char *id, const char *sha256, int32_t class_n)
{
    const struct nn_shape *in = &info->input[0];
    json_t *classes = json_array();
    for (int32_t i = 0; i < class_n; i++) {
        char name[24];
        str_format(name, sizeof(name), "class_%d", i);
        json_array_append_new(classes, json_pack("{s:s}", "name", name));
    }
    json_t *o =
        json_pack("{s:s s:s s:s s:s s:s s:s s:o s:{s:s s:s s:s s:s s:i s:i s:f s:f}}", "id", id, "version", "-",
                  "title", "Network without passport", "task", "classification", "modality", "unknown", "sha256",
                  sha256, "classes", classes, "preprocessing", "colour", in->dim[2] == 1 ? "grey" : "rgb",
                  "orientation", "ignored", "aspect", "stretch", "resize", "pil-bilinear", "width", (int)in->dim[1],
                  "height", (int)in->dim[0], "scale", 1.0 / 255.0, "offset", 0.0);
    if (o && class_n == 2 && shape_elements(&info->output[0]) == 1) {
        json_object_set_new(o, "positive_class", json_string("class_1"));
        json_object_set_new(o, "operating_points", json_pack("[{s:s s:f}]", "name", "assumed", "threshold", 0.5));
    }
    return o;
}

size_t shape_elements(const struct nn_shape *s)
{
    size_t n = 1;
    for (int32_t i = 0; i < s->rank; i++)
        n *= (size_t)s->dim[i];
    return n;
}

enum rc passport_assume(const struct nn_info *info, const char *id, const char *sha256, struct passport **out,
                        struct err *e)
{
    *out = NULL;
    const struct nn_shape *in = &info->input[0];
    size_t out_n = shape_elements(&info->output[0]);
    if (info->input_n != 1 || in->rank != 3 || (in->dim[2] != 1 && in->dim[2] != 3) || in->dim[0] > 4096 ||
        in->dim[1] > 4096)
        return err_set(e, ERR_MODEL_INPUT, "%.100s does not take one picture (height x width x 1 or 3) as its input",
                       id);
    if (out_n < 1 || out_n > PASSPORT_CLASSES_MAX)
        return err_set(e, ERR_MODEL_INPUT, "%.100s answers %zu values, not classes", id, out_n);
    json_t *o = assumed_json(info, id, sha256, out_n == 1 ? 2 : (int32_t)out_n);
    if (!o)
        return err_set(e, ERR_MEMORY, NULL);
    enum rc rc = from_json(o, out, e);
    if (!rc)
        (*out)->assumed = true;
    return rc;
}

enum rc passport_fits(const struct passport *p, const struct nn_info *info, struct err *e)
{
    const struct nn_shape *in = &info->input[0];
    const struct image_recipe *r = &p->recipe;
    if (info->input_n != 1 || in->rank != 3 || in->dim[0] != r->height_px || in->dim[1] != r->width_px ||
        in->dim[2] != r->channels)
        return err_set(e, ERR_MODEL_PASSPORT, "passport of %.60s prepares %dx%dx%d, the network takes another input",
                       p->id, r->height_px, r->width_px, r->channels);
    size_t n = shape_elements(&info->output[0]);
    bool one = n == 1 && p->class_n == 2 && p->positive >= 0;
    if (!one && n != (size_t)p->class_n)
        return err_set(e, ERR_MODEL_PASSPORT, "passport of %.60s names %d classes, the network answers %zu values",
                       p->id, p->class_n, n);
    for (int32_t i = 0; i < p->golden_n; i++)
        if (json_array_size(p->golden[i].output) != n)
            return err_set(e, ERR_MODEL_PASSPORT, "golden vector %d of %.60s has %zu values, the network answers %zu",
                           i, p->id, json_array_size(p->golden[i].output), n);
    return RC_OK;
}

void passport_free(struct passport *p)
{
    if (!p)
        return;
    json_decref(p->json);
    mem_free(p->class);
    mem_free(p);
}

int32_t passport_class_find(const struct passport *p, const char *name, bool ignore_case)
{
    for (int32_t i = 0; i < p->class_n; i++)
        if (ignore_case ? str_eq_case(p->class[i].name, name) : str_eq(p->class[i].name, name))
            return i;
    return -1;
}

json_t *passport_advice(const struct passport *p, int32_t class_index, const char *language)
{
    const json_t *advice = p->class[class_index].advice;
    json_t *sentences = json_object_get(advice, language);
    if (!sentences)
        sentences = json_object_get(advice, "en");
    return sentences ? json_incref(sentences) : json_array();
}
