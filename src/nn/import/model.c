#include "nn/import/model.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

const char *class_base(const char *name)
{
    const char *cut = strrchr(name, '>');
    return cut ? cut + 1 : name;
}

bool model_class_nested(const char *class_name)
{
    return str_eq(class_name, "Sequential") || str_eq(class_name, "Functional") || str_eq(class_name, "Model");
}

struct parse {
    int32_t layers, depth;
    struct err *e;
};

static enum rc parse_model(struct parse *p, const json_t *object, struct model **out);

static enum rc parse_layer(struct parse *p, const json_t *object, struct layer *l)
{
    *l = (struct layer){.number = -1};
    const json_t *class_name = json_object_get(object, "class_name");
    l->config = json_object_get(object, "config");
    if (!json_is_string(class_name))
        return err_set(p->e, ERR_MODEL_CONFIG, "a layer of the description has no class_name");
    l->class_name = class_base(json_string_value(class_name));
    if (++p->layers > IR_NODE_MAX)
        return err_set(p->e, ERR_MODEL_LIMIT, "more than %d layers", IR_NODE_MAX);
    /* The name by which others refer to the layer stands outside; a Sequential has only the one inside. */
    const json_t *name = json_object_get(object, "name");
    if (!json_is_string(name))
        name = json_is_object(l->config) ? json_object_get(l->config, "name") : NULL;
    l->name = json_is_string(name) ? json_string_value(name) : "";
    l->inbound = json_object_get(object, "inbound_nodes");
    l->build_config = json_object_get(object, "build_config");
    l->node_n = json_is_array(l->inbound) ? (int32_t)json_array_size(l->inbound) : 0;
    if (!model_class_nested(l->class_name)) {
        if (!json_is_object(l->config))
            return err_set(p->e, ERR_MODEL_CONFIG, "layer '%s' has no config", l->name);
        return RC_OK;
    }
    return parse_model(p, object, &l->model);
}

static const json_t *layers_of(const json_t *config)
{
    if (json_is_array(config))
        return config; /* Sequential before 2.2.3: the config is the list */
    const json_t *list = json_object_get(config, "layers");
    return json_is_array(list) ? list : NULL;
}

struct named {
    const struct model *m;
    int32_t layer;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int c = strcmp(x->m->layer[x->layer].name, y->m->layer[y->layer].name);
    return c ? c : (x->layer > y->layer) - (x->layer < y->layer);
}

static enum rc sort_names(struct model *m, struct err *e)
{
    enum rc rc = RC_OK;
    struct named *list = mem_zalloc((size_t)m->layer_n, sizeof(*list), e);
    m->by_name = mem_zalloc((size_t)m->layer_n, sizeof(*m->by_name), e);
    if (!list || !m->by_name) {
        mem_free(list);
        return RC_FAILED;
    }
    for (int32_t i = 0; i < m->layer_n; i++)
        list[i] = (struct named){m, i};
    qsort(list, (size_t)m->layer_n, sizeof(*list), by_name);
    for (int32_t i = 0; i < m->layer_n; i++) {
        m->by_name[i] = list[i].layer;
        if (i && !m->sequential && str_eq(m->layer[list[i].layer].name, m->layer[list[i - 1].layer].name) && !rc)
            rc = err_set(e, ERR_MODEL_CONFIG, "two layers are called '%s'", m->layer[list[i].layer].name);
    }
    mem_free(list);
    return rc;
}

int32_t model_find(const struct model *m, const char *name)
{
    int32_t lo = 0, hi = m->layer_n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        int c = strcmp(m->layer[m->by_name[mid]].name, name);
        if (c == 0)
            return m->by_name[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

bool model_ref_read(const struct model *m, const json_t *value, struct model_ref *out)
{
    const json_t *triple = value;
    if (json_is_object(value)) {
        const json_t *class_name = json_object_get(value, "class_name");
        if (!json_is_string(class_name) || !str_eq(json_string_value(class_name), "__keras_tensor__"))
            return false;
        triple = json_object_get(json_object_get(value, "config"), "keras_history");
    }
    int64_t node, tensor;
    if (!json_is_array(triple) || json_array_size(triple) < 3 || !json_is_string(json_array_get(triple, 0)) ||
        !config_int(json_array_get(triple, 1), &node) || !config_int(json_array_get(triple, 2), &tensor) || node < 0 ||
        tensor < 0)
        return false;
    *out =
        (struct model_ref){model_find(m, json_string_value(json_array_get(triple, 0))), (int32_t)node, (int32_t)tensor};
    return out->layer >= 0;
}

/* Keras counts the calls of a nested network from 1 in some versions and from 0 in others: the smallest index anybody
 * uses is the first call. Keras 3 counts from 0 between layers and from 1 in output_layers. */
static void note_refs(struct model *m, const json_t *value, bool end, int depth)
{
    struct model_ref r;
    if (depth > CONFIG_DEPTH_MAX)
        return;
    if (model_ref_read(m, value, &r)) {
        struct layer *l = &m->layer[r.layer];
        int32_t *base = end ? &l->end_base : &l->node_base;
        if (*base < 0 || r.node < *base)
            *base = r.node;
    }
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(value))
        json_array_foreach(value, i, item) note_refs(m, item, end, depth + 1);
    else if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, key, item) note_refs(m, item, end, depth + 1);
}

static void join_bases(struct layer *l)
{
    if (l->model && !l->model->sequential && json_is_object(json_array_get(l->inbound, 0))) {
        l->end_base = l->end_base > 0 ? 1 : 0;
        l->node_base = l->node_base > 0 ? l->node_base : 0;
        return;
    }
    int32_t a = l->node_base, b = l->end_base;
    l->node_base = l->end_base = a < 0 ? (b < 0 ? 0 : b) : b < 0 || a < b ? a : b;
}

static enum rc parse_model(struct parse *p, const json_t *object, struct model **out)
{
    if (++p->depth > MODEL_DEPTH_MAX)
        return err_set(p->e, ERR_MODEL_LIMIT, "networks nested more than %d deep", MODEL_DEPTH_MAX);
    struct model *m = mem_zalloc(1, sizeof(*m), p->e);
    if (!m)
        return RC_FAILED;
    enum rc rc = RC_OK;
    m->config = json_object_get(object, "config");
    m->sequential = str_eq(class_base(json_string_value(json_object_get(object, "class_name"))), "Sequential");
    const json_t *name = json_is_object(m->config) ? json_object_get(m->config, "name") : NULL;
    m->name = json_is_string(name) ? json_string_value(name) : "";
    const json_t *list = layers_of(m->config);
    size_t n = json_array_size(list);
    if (!list)
        rc = err_set(p->e, ERR_MODEL_CONFIG, "network '%s' has no list of layers", m->name);
    else if (n > IR_NODE_MAX)
        rc = err_set(p->e, ERR_MODEL_LIMIT, "%zu layers, the limit is %d", n, IR_NODE_MAX);
    else if (!(m->layer = mem_zalloc(n, sizeof(*m->layer), p->e)))
        rc = RC_FAILED;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = parse_layer(p, json_array_get(list, i), &m->layer[i]);
        m->layer_n = (int32_t)i + 1;
    }
    if (!rc)
        rc = sort_names(m, p->e);
    if (!rc && !m->sequential) {
        for (int32_t i = 0; i < m->layer_n; i++)
            m->layer[i].node_base = m->layer[i].end_base = -1;
        for (int32_t i = 0; i < m->layer_n; i++)
            note_refs(m, m->layer[i].inbound, false, 0);
        note_refs(m, json_object_get(m->config, "output_layers"), true, 0);
        for (int32_t i = 0; i < m->layer_n; i++)
            join_bases(&m->layer[i]);
    }
    p->depth--;
    if (rc)
        model_free(m);
    else
        *out = m;
    return rc;
}

enum rc model_parse(const json_t *object, struct model **out, struct err *e)
{
    struct parse p = {.e = e};
    *out = NULL;
    return parse_model(&p, object, out);
}

enum rc layer_parse(const json_t *object, struct layer *out, struct err *e)
{
    struct parse p = {.e = e};
    enum rc rc = parse_layer(&p, object, out);
    if (rc)
        layer_fini(out);
    return rc;
}

void layer_fini(struct layer *l)
{
    model_free(l->model);
    weight_set_free(&l->set);
    for (int i = 0; i < LAYER_INNER_MAX; i++) {
        if (!l->inner[i])
            continue;
        layer_fini(l->inner[i]);
        mem_free(l->inner[i]);
    }
    *l = (struct layer){0};
}

void model_free(struct model *m)
{
    if (!m)
        return;
    for (int32_t i = 0; i < m->layer_n; i++)
        layer_fini(&m->layer[i]);
    mem_free(m->layer);
    mem_free(m->by_name);
    mem_free(m);
}
