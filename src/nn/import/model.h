/* The layers of a Keras description as a tree, before any of them is understood. Strings and values are borrowed from
 * the JSON, which must outlive it. */
#ifndef CLINIC_NN_IMPORT_MODEL_H
#define CLINIC_NN_IMPORT_MODEL_H

#include "nn/import/build.h"
#include "nn/import/config.h"
#include "nn/import/weights.h"

enum { MODEL_DEPTH_MAX = 24, LAYER_INNER_MAX = 24, LAYER_CACHE_MAX = 64 };

struct layer_row;
struct model;
struct layer {
    const char *name, *class_name; /* class name without a "Package>" prefix */
    const json_t *config;
    const json_t *inbound; /* inbound_nodes; NULL in a Sequential */
    const json_t *build_config;
    struct model *model;         /* a nested network, owned */
    int32_t node_n;              /* calls in the file */
    int32_t node_base, end_base; /* the smallest index other layers, and output_layers, use for them */
    const struct layer_row *row;
    /* filled while lowering, so that a layer used twice has its weights once */
    struct weight_set set;
    bool set_ready;
    int32_t number;                       /* ir_layer, -1 before */
    struct layer *inner[LAYER_INNER_MAX]; /* layers a wrapper holds, owned */
    struct {
        const char *key;
        int32_t weight;
    } cache[LAYER_CACHE_MAX];
    int32_t cache_n;
};
struct model {
    const char *name;
    bool sequential;
    const json_t *config;
    struct layer *layer;
    int32_t layer_n;
    int32_t *by_name; /* layer numbers sorted by name */
};
/* Where a tensor comes from. */
struct model_ref {
    int32_t layer, node, tensor;
};

/* object: {"class_name", "config"} of a Sequential, Functional or Model. Counts layers against IR_NODE_MAX. */
enum rc model_parse(const json_t *object, struct model **out, struct err *e) MUST_USE;
void model_free(struct model *m);
/* A layer held by a wrapper: {"class_name", "config"}. */
enum rc layer_parse(const json_t *object, struct layer *out, struct err *e) MUST_USE;
void layer_fini(struct layer *l);
int32_t model_find(const struct model *m, const char *name); /* -1: none */
/* Is this JSON a reference to a tensor: ["name", 0, 0, ...] or a __keras_tensor__? */
bool model_ref_read(const struct model *m, const json_t *value, struct model_ref *out);
bool model_class_nested(const char *class_name);
/* "Custom>LayerScale" -> "LayerScale" */
const char *class_base(const char *name);

#endif
