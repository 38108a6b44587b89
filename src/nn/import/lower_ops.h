/* Inside lower_ops*.c: functions on tensors that are no layers. */
#ifndef CLINIC_NN_IMPORT_LOWER_OPS_H
#define CLINIC_NN_IMPORT_LOWER_OPS_H

#include "nn/import/lower.h"

struct op_row {
    const char *names;
    void (*fn)(struct lower *l, const struct op_row *row);
    int arg;
    double number;
};

/* Positional argument, or the first of the '|'-separated keyword arguments or configuration entries; NULL: absent. */
const json_t *op_arg(struct lower *l, size_t place, const char *names);
int64_t op_int(struct lower *l, size_t place, const char *names, int64_t missing);
double op_num(struct lower *l, size_t place, const char *names, double missing);
bool op_true(struct lower *l, size_t place, const char *names, bool missing);
int op_ints(struct lower *l, size_t place, const char *names, int cap, int32_t *out); /* -1: no list of whole numbers */

void op_reshape(struct lower *l, const struct op_row *row);
void op_transpose(struct lower *l, const struct op_row *row);
void op_expand_dims(struct lower *l, const struct op_row *row);
void op_squeeze(struct lower *l, const struct op_row *row);
void op_concat(struct lower *l, const struct op_row *row);
void op_stack(struct lower *l, const struct op_row *row);
void op_split(struct lower *l, const struct op_row *row);
void op_getitem(struct lower *l, const struct op_row *row);
void op_pad(struct lower *l, const struct op_row *row);
void op_tile(struct lower *l, const struct op_row *row);
void op_flip(struct lower *l, const struct op_row *row);
void op_resize(struct lower *l, const struct op_row *row);
void op_pool(struct lower *l, const struct op_row *row);
void op_depth_to_space(struct lower *l, const struct op_row *row);
void op_space_to_depth(struct lower *l, const struct op_row *row);

#endif
