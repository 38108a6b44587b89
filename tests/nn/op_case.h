/* One operation at a time: a graph of a single node, made, inferred and run in its generic form. */
#ifndef CLINIC_TESTS_NN_OP_CASE_H
#define CLINIC_TESTS_NN_OP_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nn/plan.h"

enum { CASE_IN_MAX = 4, CASE_OUT_MAX = 3, CASE_W_MAX = 3 };

/* Lists of shapes end with rank 0. */
struct op_case {
    const char *name;
    struct ir_node node; /* op and u; the rest is filled in */
    struct ir_shape in[CASE_IN_MAX + 1];
    struct ir_shape w[CASE_W_MAX + 1];
    int32_t out_n;              /* 0: 1 */
    char kind[CASE_IN_MAX + 1]; /* per input: 'm' a mask of 0 and 1, 't' whole numbers below 7, 'w' -4 to 4,
                                 * 'p' 0.1 to 1.1, else -1 to 1 */
};

#define SHAPE_RANK(...) (int32_t)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t))
#define S(...)                                                                                                         \
    {                                                                                                                  \
        .rank = SHAPE_RANK(__VA_ARGS__), .dim = { __VA_ARGS__ }                                                        \
    }

/* CASE("name", OP(CONV, .u.conv = {..}), IN(S(8, 8, 3)), W(S(3, 3, 3, 4))) */
#define CASE(title, ...)                                                                                               \
    {                                                                                                                  \
        .name = title, __VA_ARGS__                                                                                     \
    }
#define OP(id, ...) .node = {.op = IR_##id, __VA_ARGS__}
#define IN(...) .in = {__VA_ARGS__}
#define W(...) .w = {__VA_ARGS__}

/* What ir_infer_node says; in the text of e when it refuses. */
enum rc op_case_infer(const struct op_case *c, struct ir_shape out[CASE_OUT_MAX], struct err *e);
/* Values of all outputs, one after the other, from values in a row for the inputs and the weights (NULL: the patterns
 * of op_case_value). isa: the row of kernels, or CASE_GENERIC. n: room, then how many. `backwards` runs the tiles in
 * the other order on a second worker's scratch. */
enum { CASE_GENERIC = -1 };
enum rc op_case_run(const struct op_case *c, const float *in, const float *w, int32_t isa, bool backwards, float *out,
                    int64_t *n, struct err *e);
/* Element i of input k (weight: 1) of a kind; the same function is in op_cases.py. */
float op_case_value(int64_t i, int32_t k, bool weight, char kind);

#endif
