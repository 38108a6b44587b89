/* Looks at every layer of a description before lowering begins, so that a refusal names all that is unsupported at
 * once. */
#include "nn/import/lower.h"

#include "base/text.h"

static void survey_activation(struct import *i, const char *layer, const json_t *value)
{
    if (json_is_object(value) && json_is_string(json_object_get(value, "config")))
        value = json_object_get(value, "config");
    if (json_is_string(value) && !activation_known(json_string_value(value)))
        build_unsupported(&i->b, "activation '%s' (layer '%s')", json_string_value(value), layer);
}

/* Weights in int8 or float8 need their scales: another arithmetic. */
static void survey_dtype(struct import *i, const char *layer, const json_t *dtype)
{
    const json_t *class_name = json_object_get(dtype, "class_name");
    if (json_is_string(class_name) && str_starts(json_string_value(class_name), "Quantized"))
        build_unsupported(&i->b, "quantised weights (layer '%s')", layer);
}

static void survey_layer(struct import *i, const struct layer *l);

static void survey_held(struct import *i, const struct layer *l, const json_t *held)
{
    struct layer inner;
    if (!json_is_object(held) || i->b.rc)
        return;
    struct err quiet = {0};
    if (layer_parse(held, &inner, &quiet) == RC_OK) {
        if (!*inner.name)
            inner.name = l->name;
        survey_layer(i, &inner);
        layer_fini(&inner);
    }
}

static void survey_layer(struct import *i, const struct layer *l)
{
    if (i->b.rc || str_eq(l->class_name, "InputLayer"))
        return;
    if (l->model) {
        lower_check_classes(i, l->model);
        return;
    }
    const struct layer_row *row = layer_row_find(l->class_name);
    if (row && row->lower == lower_function && !op_known(l))
        build_unsupported(&i->b, "function '%s' (layer '%s')", op_function(l), l->name);
    if (!row)
        build_unsupported(&i->b, "layer class '%s' (layer '%s')", l->class_name, l->name);
    static const char *const keys[] = {"activation", "recurrent_activation", "inner_activation"};
    for (size_t k = 0; k < ARRAY_N(keys); k++)
        survey_activation(i, l->name, json_object_get(l->config, keys[k]));
    survey_dtype(i, l->name, json_object_get(l->config, "dtype"));
    survey_held(i, l, json_object_get(l->config, "layer"));
    survey_held(i, l, json_object_get(l->config, "backward_layer"));
    survey_held(i, l, json_object_get(l->config, "cell"));
    size_t n;
    json_t *item;
    json_array_foreach(json_object_get(l->config, "cells"), n, item) survey_held(i, l, item);
}

void lower_check_classes(struct import *i, const struct model *m)
{
    for (int32_t k = 0; k < m->layer_n && !i->b.rc; k++)
        survey_layer(i, &m->layer[k]);
}
