/* Networks: opening a packed form, running it, measuring it. A network is read-only after opening and may be shared by
 * threads; a run is one worker group's scratch. Nothing is allocated and nothing can fail inside the forward pass but
 * cancelling. */
#ifndef CLINIC_NN_H
#define CLINIC_NN_H

#include "base/mem.h"

enum { NN_RANK_MAX = 6, NN_IO_MAX = 64 };
enum nn_isa { NN_ISA_SCALAR, NN_ISA_AVX2, NN_ISA_AVX512, NN_ISA_N };
const char *nn_isa_name(enum nn_isa isa); /* "scalar", "avx2", "avx512" */
bool nn_isa_find(const char *name, enum nn_isa *out);
/* Best of this processor, or what $NN_ISA asks for when the processor has it. */
enum nn_isa nn_isa_best(void);
bool nn_isa_usable(enum nn_isa isa);

struct nn_shape {
    int32_t rank, dim[NN_RANK_MAX]; /* without the batch axis; -1 free */
};
struct nn_net;

/* How a network is specialised. Part of the packed file's name: see nn_packed_name. */
struct nn_build {
    enum nn_isa isa;
    const struct nn_shape *input_shape; /* per input, replaces free dims; NULL: free dims become 10 */
    int32_t input_shape_n;
    bool plain; /* no graph passes, no fast kernels: the reference that tests compare with */
};
/* "<sha256>-<isa>-<format>[-<shape hash>].nn"; the caller puts it into the cache folder. */
void nn_packed_name(char *dst, size_t cap, const char *sha256, const struct nn_build *b);
/* Neutral form (from intake_import_network) -> packed file at path (temporary + rename; a concurrent builder is
 * harmless). */
enum rc nn_net_pack(int ir_fd, const char *path, const struct nn_build *b, struct err *e) MUST_USE;
/* Maps a packed file. ERR_NOT_FOUND when absent, stale or damaged (header, sizes, checksum of the plan part): pack
 * again. */
enum rc nn_net_open(const char *path, const struct nn_build *b, struct nn_net **out, struct err *e) MUST_USE;
/* Without a file: packed in memory (weights copied). */
enum rc nn_net_load(int ir_fd, const struct nn_build *b, struct nn_net **out, struct err *e) MUST_USE;
void nn_net_close(struct nn_net *net); /* NULL fine; after its last run */

struct nn_layer_info {
    const char *name, *class_name; /* Keras */
    struct nn_shape output;
    int64_t params;
    double macs;
};
struct nn_step_info {
    const char *label, *kernel; /* "block_1_expand + BN + ReLU6", "gemm_14x32_avx512" */
    double flops;
};
struct nn_info {
    int32_t input_n, output_n, layer_n, step_n;
    const struct nn_shape *input, *output; /* as planned */
    const struct nn_shape *input_declared; /* with free dims */
    const char *const *input_name, *const *output_name;
    const struct nn_layer_info *layer;
    const struct nn_step_info *step;
    int64_t params;
    double macs;
    const char *keras_version;
    enum nn_isa isa;
    size_t arena_bytes, packed_bytes;
    bool last_is_sigmoid, last_is_softmax; /* of output 0 */
};
const struct nn_info *nn_net_info(const struct nn_net *net);

/* Worker threads, shared by runs of one process: spinning briefly, then sleeping. threads includes the caller; 1: none
 * started. */
struct nn_pool;
enum rc nn_pool_new(int32_t threads, struct nn_pool **out, struct err *e) MUST_USE;
void nn_pool_free(struct nn_pool *pool);

struct nn_run;
enum rc nn_run_new(const struct nn_net *net, struct nn_pool *pool, struct nn_run **out, struct err *e) MUST_USE;
void nn_run_free(struct nn_run *run);
/* in[i]: elements of input i, out[i]: elements of output i, one sample (batch 1). cancel: polled between steps, NULL
 * fine; ERR_CANCELLED then. One caller at a time per run; a pool serves one forward at a time. */
enum rc nn_forward(struct nn_run *run, const float *const *in, float *const *out, const volatile bool *cancel,
                   struct err *e) MUST_USE;
/* Times each step of the next forwards (adds a clock read per step). ns[i] accumulates per nn_info.step. */
void nn_run_profile(struct nn_run *run, int64_t *ns);

#endif
