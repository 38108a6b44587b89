/* Which dataset is meant by "the kernel of this layer": names in Keras files carry prefixes, suffixes and nesting that
 * changed from version to version. */
#ifndef CLINIC_NN_IMPORT_WEIGHTS_H
#define CLINIC_NN_IMPORT_WEIGHTS_H

#include "nn/import/h5_file.h"

struct weight_item {
    char *name; /* as in weight_names, without ":0"; owned by the group list */
    const struct h5_data *data;
    bool used;
};
struct weight_group { /* one top-level layer */
    char *name;
    struct weight_item *item;
    size_t n, cap;
};
struct weight_file {
    struct h5_file *h5;
    struct weight_group *group; /* sorted by name */
    size_t n, cap;
    bool keras1; /* flat names: dense_1_W */
};
/* A selection of one group's items. */
struct weight_set {
    struct weight_group *group;
    int32_t *pick;
    size_t n;
};
/* Reads layer_names and weight_names below root ("model_weights" or ""). */
enum rc weight_file_open(struct h5_file *h5, const char *root, bool keras1, struct weight_file *out,
                         struct err *e) MUST_USE;
void weight_file_close(struct weight_file *f);

/* All weights of a top-level layer; an unknown name gives the empty set. */
enum rc weight_set_top(const struct weight_file *f, const char *layer, struct weight_set *out, struct err *e) MUST_USE;
/* Those of a layer inside a nested model or wrapper, by name. strict false: when no name matches, all of `from`. */
enum rc weight_set_inner(const struct weight_file *f, const struct weight_set *from, const char *layer, bool strict,
                         struct weight_set *out, struct err *e) MUST_USE;
/* Those with a path component that begins with `prefix` ("forward_"); may be empty. */
enum rc weight_set_prefix(const struct weight_set *from, const char *prefix, struct weight_set *out,
                          struct err *e) MUST_USE;
/* Items [lo, hi) of a set. */
enum rc weight_set_part(const struct weight_set *from, size_t lo, size_t hi, struct weight_set *out,
                        struct err *e) MUST_USE;
void weight_set_free(struct weight_set *s);

/* "kernel|W": the first alternative that is there. layer: preferred directly before the leaf name. place: position
 * among the layer's weights, used when the file numbers them (param_0, param_1) and when nothing else fits. NULL: none.
 */
const struct h5_data *weight_find(const struct weight_file *f, struct weight_set *s, const char *layer,
                                  const char *leaves, int place);

#endif
