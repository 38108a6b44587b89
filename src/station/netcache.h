/* Networks of this process: id or path -> verified, packed, mapped. Entries live until the station closes, so that runs
 * may borrow them; a file or passport that changed on disk becomes a new entry. Thread-safe. */
#ifndef CLINIC_STATION_NETCACHE_H
#define CLINIC_STATION_NETCACHE_H

#include "station/core.h"
#include "station/passport.h"

struct network {
    char model[512]; /* as asked for */
    char id[128], *path;
    char sha256[SHA256_HEX];
    const struct passport *passport; /* NULL: no passport file and not one picture in, so only `model run` and bench */
    struct nn_net *net;
    const struct nn_info *info;
    struct passport *own_passport;
    struct network *next;
    char *architecture;      /* path of the Keras JSON that describes a file of weights; NULL: the file says itself */
    bool architecture_given; /* it was asked for, not found beside the file */
    enum nn_isa isa;
    uint64_t state[15]; /* of the network's file, its passport's and its architecture's, see stamp.h */
    uint64_t shape_hash;
    bool first_use; /* packed or verified by this process */
};
struct network_spec {
    const char *model;        /* id, or path of a .h5 or .keras file; NULL: the default network of the settings */
    const char *architecture; /* path of a Keras JSON for a file of weights; NULL: the .json beside it, if it is one */
    enum nn_isa isa;
    const struct nn_shape *input_shape; /* for free dimensions, as nn_build; NULL: the passport's or 10 */
    int32_t input_shape_n;
};
enum rc netcache_open(struct netcache **out, struct err *e) MUST_USE;
void netcache_close(struct netcache *cache);
/* The passport's sha256 is compared with the file's; its golden vectors are computed once per packed form and
 * remembered; changed vectors are computed again. ERR_MODEL_MISSING names near misses. */
enum rc netcache_get(struct station *st, const struct network_spec *spec, const struct network **out,
                     struct err *e) MUST_USE;
/* Path of the file an id or path means, existing or not; *is_id tells which. */
enum rc netcache_path(const char *model, char *dst, size_t cap, bool *is_id, struct err *e) MUST_USE;
enum rc model_missing(const char *model, const char *path, bool is_id, struct err *e) MUST_USE;
/* Text of an ISA argument; NULL gives the best. */
enum rc isa_of_text(const char *text, enum nn_isa *out, struct err *e) MUST_USE;
bool has_free_dims(const struct nn_info *info); /* an input leaves a size to whoever runs the network */
/* Names of models_dir()/<id>.h5, sorted; fn returning non-zero stops. */
enum rc models_each(enum rc (*fn)(void *ctx, const char *id, struct err *e), void *ctx, struct err *e) MUST_USE;
/* Computes the passport's golden vectors; *max_diff over all. ERR_MODEL_GOLDEN at the first that does not reproduce. */
enum rc golden_check(const struct passport *p, const struct nn_net *net, struct nn_pool *pool, int32_t *cases,
                     double *max_diff, struct err *e) MUST_USE;

#endif
