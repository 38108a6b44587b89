/* The graph under construction. Failures stick: after the first one every call returns -1 and does nothing, so that
 * lowering code reads straight through and its caller looks once, at build.rc. A tensor number below 0 means "none". */
#ifndef CLINIC_NN_IMPORT_BUILD_H
#define CLINIC_NN_IMPORT_BUILD_H

#include "nn/import/h5_file.h"
#include "nn/ir.h"

enum { BUILD_IO_MAX = 64 };

/* Where the numbers of a weight come from: a dataset as it lies in the file, or computed values (owned). */
struct build_source {
    const struct h5_data *data;
    float *values;
};
struct build {
    struct ir_graph g;
    size_t tensor_cap, node_cap, weight_cap, layer_cap, index_cap, text_cap, input_cap, output_cap, input_name_cap,
        output_name_cap, source_cap;
    struct build_source *source; /* one per weight */
    int64_t values_bytes;        /* computed values held in memory */
    int32_t layer;               /* layer the next nodes belong to */
    struct buf unsupported;      /* "layer class 'Lambda' (layer 'x'), ..." */
    int32_t unsupported_n;
    enum rc rc;
    struct err *e;
};
void build_init(struct build *b, struct err *e);
void build_fini(struct build *b);
/* Records the failure and returns -1. */
int32_t build_fail(struct build *b, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Adds one line of what this program cannot do; the network is refused at the end with all of them. Returns -1. */
int32_t build_unsupported(struct build *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

int32_t build_text(struct build *b, const char *s);
int32_t build_layer(struct build *b, const char *name, const char *class_name);
int32_t build_input(struct build *b, const struct ir_shape *shape, const char *name);
void build_output(struct build *b, int32_t tensor, const char *name);
/* Shape of a tensor; rank 0 for none. */
const struct ir_shape *build_shape(const struct build *b, int32_t tensor);

/* Adds a node: operation and attributes are taken from proto. Infers the shapes of its outputs. */
void build_node(struct build *b, const struct ir_node *proto, const int32_t *in, int32_t in_n, const int32_t *w,
                int32_t w_n, int32_t *out, int32_t out_n);
/* One input, one output; weights w0 and w1 where >= 0. */
int32_t build_unary(struct build *b, const struct ir_node *proto, int32_t in, int32_t w0, int32_t w1);
int32_t build_many(struct build *b, const struct ir_node *proto, const int32_t *in, int32_t in_n);

/* A weight that is a dataset; shape NULL: the dataset's own. */
int32_t build_weight(struct build *b, const char *name, const struct h5_data *data, const struct ir_shape *shape);
/* A weight of computed values (ownership passes). */
int32_t build_values(struct build *b, const char *name, const struct ir_shape *shape, float *values);
bool build_data_shape(struct build *b, const struct h5_data *d, struct ir_shape *out);
int64_t build_elements(const struct ir_shape *s); /* 1 for rank 0; free dims count as 1 */

/* Writes the finished graph and all weights; refuses weights that are not finite. */
enum rc build_write(struct build *b, struct h5_file *file, int fd, uint64_t max_bytes, struct err *e) MUST_USE;

#endif
