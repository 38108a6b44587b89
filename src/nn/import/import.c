#include "nn_import.h"

#include "nn/import/lower.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum rc nn_import_warm_up(struct err *e)
{
    json_object_seed(0); /* reads the system's random source now, while that is allowed */
    return h5_warm_up(e);
}

/* "2.15.0" -> 2, 15; "2.1.6-tf" -> 2, 1. Files without a version are from Keras 1 before 1.1. */
static void version_read(struct import *i, const char *text)
{
    i->keras_major = 1;
    if (!text || !*text)
        return;
    char *end;
    long major = strtol(text, &end, 10);
    i->keras_major = major >= 1 && major <= 99 ? (int)major : 2;
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    i->keras_minor = minor >= 0 && minor <= 999 ? (int)minor : 0;
}

/* An attribute of the weights' group, or of the root. */
static enum rc attr_either(struct h5_file *h5, const char *root, const char *name, char **out, struct err *e)
{
    size_t n;
    enum rc rc = h5_attr_text(h5, root, name, 256, out, &n, e);
    if (!rc && !*out && *root)
        rc = h5_attr_text(h5, "", name, 256, out, &n, e);
    return rc;
}

/* Says what a file without architecture holds: its first tensors by name and shape, as many as a message takes. */
static enum rc weights_alone(struct h5_file *h5, const char *root, struct err *e)
{
    enum { SHOWN_MAX = 20, LIST_MAX = 110, ITEM_MAX = 44 };
    struct h5_strings layers;
    bool found;
    enum rc rc = h5_attr_strings(h5, root, "layer_names", &found, &layers, e);
    size_t layer_n = layers.n, shown = 0, skip = *root ? strlen(root) + 1 : 0;
    h5_strings_free(&layers);
    if (rc)
        return rc;
    const struct h5_data *d;
    size_t n = h5_data_below(h5, root, &d);
    if (!found)
        return err_set(e, ERR_MODEL_NOT_HDF5, "an HDF5 file, but not of Keras: no model_config and no layer_names");
    struct buf list = {0};
    for (; shown < n && shown < SHOWN_MAX && list.len < LIST_MAX - ITEM_MAX; shown++) {
        const char *name = d[shown].path + skip, *behind = strchr(name, '/');
        if (behind && strncmp(behind + 1, name, (size_t)(behind + 1 - name)) == 0)
            name = behind + 1; /* dense/dense/kernel */
        buf_printf(&list, "%s%.*s", shown ? ", " : "", ITEM_MAX, name);
        for (int32_t k = 0; k < d[shown].rank; k++)
            buf_printf(&list, k ? "x%lld" : " %lld", (long long)d[shown].dim[k]);
    }
    if (!list.failed)
        rc = err_set(e, ERR_MODEL_WEIGHTS, "weights of %zu layers alone: %.*s%s; add --architecture FILE.json", layer_n,
                     LIST_MAX, list.data ? list.data : "no tensor", shown < n ? " ..." : "");
    else
        rc = err_set(e, ERR_MEMORY, NULL);
    buf_free(&list);
    return rc;
}

static enum rc config_load(struct h5_file *h5, const struct nn_import_source *src, const char *root, json_t **out,
                           struct err *e)
{
    char *text = NULL;
    size_t n = 0;
    enum rc rc = h5_attr_text(h5, "", "model_config", CONFIG_BYTES_MAX, &text, &n, e);
    if (!rc && !text && src->json) {
        text = mem_zalloc(src->json_n + 1, 1, e);
        rc = text ? RC_OK : RC_FAILED;
        n = src->json_n;
        if (text)
            memcpy(text, src->json, n);
    }
    if (!rc && !text)
        rc = weights_alone(h5, root, e);
    if (!rc)
        rc = config_parse(text, n, out, e);
    mem_free(text);
    return rc;
}

/* The root class, or the one inside {"model_config": {...}} of some JSON files. */
static enum rc model_load(const json_t *json, struct model **out, struct err *e)
{
    const json_t *root = json_object_get(json, "model_config");
    root = json_is_object(root) ? root : json;
    const json_t *class_name = json_object_get(root, "class_name");
    if (!json_is_string(class_name))
        return err_set(e, ERR_MODEL_CONFIG, "the description has no class_name");
    if (!model_class_nested(class_base(json_string_value(class_name))))
        return err_set(e, ERR_MODEL_UNSUPPORTED, "a subclassed network ('%s') keeps its computation in Python code",
                       json_string_value(class_name));
    return model_parse(root, out, e);
}

static const char *json_version(const json_t *json)
{
    const json_t *v = json_object_get(json, "keras_version");
    return json_is_string(v) ? json_string_value(v) : NULL;
}

static enum rc unsupported_result(struct build *b, struct err *e)
{
    if (b->unsupported_n == 0)
        return b->rc;
    char list[200];
    str_copy(list, sizeof(list), b->unsupported.data);
    bool cut = b->unsupported.len >= sizeof(list);
    if (cut && strrchr(list, ','))
        *strrchr(list, ',') = '\0';
    int shown = 1;
    for (const char *p = list; (p = strstr(p, "), ")) != NULL; p++)
        shown++;
    err_clear(e);
    if (cut && b->unsupported_n > shown)
        return err_set(e, ERR_MODEL_UNSUPPORTED, "not supported: %s and %d more", list, b->unsupported_n - shown);
    return err_set(e, ERR_MODEL_UNSUPPORTED, "not supported: %s", list);
}

enum rc nn_import(const struct nn_import_source *src, const struct nn_import_sink *to, struct err *e)
{
    struct import i = {0};
    struct h5_file *h5 = NULL;
    json_t *json = NULL;
    struct model *m = NULL;
    char *version = NULL, *backend = NULL;
    build_init(&i.b, e);
    enum rc rc = i.b.rc ? i.b.rc : h5_file_open(src->fd, src->size_bytes, &h5, e);
    if (rc)
        goto done;
    const char *root = h5_has_group(h5, "model_weights") ? "model_weights" : "";
    if ((rc = config_load(h5, src, root, &json, e)) || (rc = attr_either(h5, root, "keras_version", &version, e)) ||
        (rc = attr_either(h5, root, "backend", &backend, e)))
        goto done;
    version_read(&i, version ? version : json_version(json));
    i.flip_kernels = backend && str_eq(backend, "theano");
    if ((rc = model_load(json, &m, e)) || (rc = weight_file_open(h5, root, i.keras_major == 1, &i.weights, e)))
        goto done;
    i.b.g.keras_version = build_text(&i.b, version ? version : "");
    i.b.g.producer = build_text(&i.b, backend ? backend : "");
    lower_check_classes(&i, m);
    trace_top(&i, m);
    rc = unsupported_result(&i.b, e);
    if (!rc)
        rc = build_write(&i.b, h5, to->fd, to->max_bytes, e);
done:
    weight_file_close(&i.weights);
    model_free(m);
    build_fini(&i.b);
    json_decref(json);
    h5_file_close(h5);
    mem_free(version);
    mem_free(backend);
    return rc;
}
