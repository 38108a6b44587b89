/* Lowering: one Keras layer call becomes operations of nn/ir.h. A lower function reads the configuration, takes its
 * weights by name and sets its outputs; what it cannot do it reports with lower_refuse. Failures stick in build.rc. */
#ifndef CLINIC_NN_IMPORT_LOWER_H
#define CLINIC_NN_IMPORT_LOWER_H

#include "nn/import/model.h"

struct value {
    int32_t t, mask; /* tensor numbers; mask -1: every step counts */
};
static const struct value no_value = {-1, -1};

/* What all layers of one file share. */
struct import {
    struct build b;
    struct weight_file weights;
    int keras_major; /* 1, 2, 3 */
    int keras_minor;
    bool flip_kernels;   /* saved with Theano, which flips convolution kernels */
    bool channels_first; /* default of layers that do not say */
};
struct frame; /* values of one evaluation of a model */
struct lower {
    struct import *i;
    struct build *b; /* &i->b */
    struct layer *layer;
    const json_t *config;
    int32_t outer;          /* axes in front that count as batch axes (TimeDistributed) */
    const struct value *in; /* tensors of the positional arguments, in order; none is < 0 */
    int32_t in_n;
    const struct frame *frame; /* where references in args and kwargs are looked up; NULL inside wrappers */
    const json_t *args, *kwargs;
    bool keras3_call; /* args is a list of arguments; before Keras 3 it is the node's tensors */
    bool backwards;   /* go_backwards is turned around: the second half of a Bidirectional */
    struct value out[BUILD_IO_MAX];
    int32_t out_n;
};
typedef void lower_fn(struct lower *l);
struct layer_row {
    const char *names; /* "Conv2D|Convolution2D" */
    lower_fn *lower;
    const char *weights, *options; /* for the README */
};
const struct layer_row *layer_row_find(const char *class_name);

/* ---- running ---- */
/* Functions on tensors (lower_ops.c): the name one stands for, and whether it is known. */
const char *op_function(const struct layer *l);
bool op_known(const struct layer *l);
void lower_run(struct lower *l);
/* A layer held by a wrapper under this key of its configuration (or in `object`); parsed once. slot < LAYER_INNER_MAX.
 * NULL with build.rc set. Its weights are those of the wrapper that mention it. */
struct layer *lower_inner(struct lower *l, int slot, const json_t *object);
/* Runs an inner layer on values; outputs replace `out`. */
void lower_call(struct lower *l, struct layer *inner, const struct value *in, int32_t in_n, int32_t outer,
                struct lower *out);
/* A part of a layer that Keras built as a layer of its own ("query"), to look its weights up by name. */
struct lower lower_part(struct lower *l, int slot, const char *name);
/* Tensors of a keyword argument, in order; 0 when absent. */
int32_t lower_kwarg(struct lower *l, const char *name, struct value *out, int32_t cap);
bool lower_kwarg_true(struct lower *l, const char *name);
/* A nested network on values (trace.c). */
void trace_model(struct import *i, struct layer *holder, struct model *m, const struct value *in, int32_t in_n,
                 int32_t outer, struct value *out, int32_t *out_n);
/* Whole file (trace.c): inputs, layers, outputs. */
void trace_top(struct import *i, struct model *m);
struct value frame_value(const struct frame *f, const json_t *ref, bool *is_ref);
int32_t frame_values(const struct frame *f, const json_t *value, struct value *out, int32_t cap, bool *missing);
const struct model *frame_model(const struct frame *f);
/* Reports every class below that has no row, and activations without a meaning. */
void lower_check_classes(struct import *i, const struct model *m);

/* ---- configuration; wrong types set MODEL_CONFIG ---- */
int64_t lower_int(struct lower *l, const char *keys, int64_t missing);
double lower_num(struct lower *l, const char *keys, double missing);
bool lower_bool(struct lower *l, const char *keys, bool missing);
const char *lower_text(struct lower *l, const char *keys, const char *missing);
/* n whole numbers, or one for all of them; false when absent or null (out is filled with `missing`). */
bool lower_ints(struct lower *l, const char *keys, int n, int32_t *out, int32_t missing);
/* A list of any length up to cap, or one number; how many. */
int lower_list(struct lower *l, const char *keys, int cap, int32_t *out);
bool lower_channels_first(struct lower *l);
/* Says that an option is beyond this program; returns -1. */
int32_t lower_refuse(struct lower *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- weights ---- */
/* NULL: not in the file. place: see weight_find. */
const struct h5_data *lower_find(struct lower *l, const char *leaves, int place);
/* The same, and it must be there. */
const struct h5_data *lower_need(struct lower *l, const char *leaves, int place);
/* As a weight of the graph; shape NULL: the dataset's own. Used twice, it is the same weight. */
int32_t lower_weight(struct lower *l, const char *leaves, int place, const struct ir_shape *shape);
/* Values of a dataset, owned by the caller; NULL with build.rc set. */
float *lower_load(struct lower *l, const struct h5_data *d);
/* Computed weights under a key that is a string constant. */
int32_t lower_cached(const struct lower *l, const char *key); /* -1: not yet */
int32_t lower_values(struct lower *l, const char *key, const struct ir_shape *shape, float *values);
float *lower_alloc(struct lower *l, int64_t n);

/* ---- tensors ---- */
const struct ir_shape *lower_shape(const struct lower *l, int32_t t);
/* Keras axis (batch is 0, negative from the end) to an axis of the tensor; -1 with a refusal when out of range. */
int32_t lower_axis(struct lower *l, int32_t t, int64_t keras_axis);
void lower_set(struct lower *l, int32_t t, int32_t mask);                            /* the one output */
int32_t lower_op(struct lower *l, const struct ir_node *proto, int32_t in);          /* no weights */
int32_t lower_reshape(struct lower *l, int32_t t, int32_t rank, const int32_t *dim); /* dims behind the outer axes */
int32_t lower_permute(struct lower *l, int32_t t, const int32_t *perm);
/* channels_first <-> channels_last of the trailing `spatial` + 1 axes. */
int32_t lower_to_last(struct lower *l, int32_t t, int32_t spatial);
int32_t lower_to_first(struct lower *l, int32_t t, int32_t spatial);
int32_t lower_binary(struct lower *l, int fn, int32_t a, int32_t b_);
int32_t lower_scalar(struct lower *l, int fn, int32_t t, double scalar, bool scalar_first);
int32_t lower_constant(struct lower *l, int fn, int32_t t, int32_t w, bool constant_first);
int32_t lower_act(struct lower *l, int fn, int32_t t, double a, double b, double c);
int32_t lower_softmax(struct lower *l, int32_t t, int32_t axes_mask, bool log_form, int32_t mask);
/* Activation named by the configuration's `keys`; absent or null: linear. */
int32_t lower_activation(struct lower *l, const char *keys, int32_t t);
int32_t lower_activation_value(struct lower *l, const json_t *value, int32_t t);
/* As a gate of a recurrent layer. False with a refusal. */
bool lower_gate(struct lower *l, const char *keys, const char *missing, struct ir_act *out);
/* Is this text a known activation? Softmax counts. */
bool activation_known(const char *name);

/* Lower functions: one per row of layers.def. */
#define LAYER(names, function, weights, options) lower_fn function;
#include "nn/import/layers.def"
#undef LAYER

#endif
