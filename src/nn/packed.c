/* The packed file: one header page, the graph (arrays as they are in memory), then page-aligned weights in the order
 * the kernels read them. Written and read on one machine: host byte order. The graph part carries a hash; the weights
 * are complete because the file gets its name only after fsync. */
#include "base/secret.h"
#include "base/text.h"
#include "nn/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, PARTS = 11, COUNT_MAX = 1 << 26 };
static const char magic[8] = "CLINICNN";

struct header {
    char magic[8];
    int32_t format, node_bytes, isa, plain;
    int32_t tensor_n, node_n, weight_n, layer_n, index_n, text_n, input_n, output_n;
    int32_t keras_version, producer;
    int64_t graph_bytes, weights_at, weights_n, file_bytes;
    unsigned char hash[BLAKE2B_BYTES]; /* of the graph part */
    unsigned char self[BLAKE2B_BYTES]; /* of this header with self zero */
};

struct part {
    void **data;
    size_t n, size;
};

/* Arrays of the graph as rows; declared: shapes of the inputs as in the .h5, with free dims. */
static void parts_of(struct ir_graph *g, struct nn_shape **declared, struct part part[PARTS])
{
    const struct part all[PARTS] = {
        {(void **)&g->tensor, (size_t)g->tensor_n, sizeof(*g->tensor)},
        {(void **)&g->node, (size_t)g->node_n, sizeof(*g->node)},
        {(void **)&g->weight, (size_t)g->weight_n, sizeof(*g->weight)},
        {(void **)&g->layer, (size_t)g->layer_n, sizeof(*g->layer)},
        {(void **)&g->index, (size_t)g->index_n, sizeof(*g->index)},
        {(void **)&g->text, (size_t)g->text_n, 1},
        {(void **)&g->input, (size_t)g->input_n, sizeof(*g->input)},
        {(void **)&g->output, (size_t)g->output_n, sizeof(*g->output)},
        {(void **)&g->input_name, (size_t)g->input_n, sizeof(*g->input_name)},
        {(void **)&g->output_name, (size_t)g->output_n, sizeof(*g->output_name)},
        {(void **)declared, (size_t)g->input_n, sizeof(**declared)},
    };
    memcpy(part, all, sizeof(all));
}

static size_t whole(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

void nn_packed_name(char *dst, size_t cap, const char *sha256, const struct nn_build *b)
{
    char shape[2 * 4 + 2] = "";
    if (b->input_shape_n) {
        unsigned char h[BLAKE2B_BYTES];
        blake2b(h, b->input_shape, (size_t)b->input_shape_n * sizeof(*b->input_shape), NULL, 0);
        snprintf(shape, sizeof(shape), "-%02x%02x%02x%02x", h[0], h[1], h[2], h[3]);
    }
    str_format(dst, cap, "%s-%s%s-%d.%s%s.nn", sha256, nn_isa_name(b->isa), b->plain ? "-plain" : "",
               (int)NN_PACK_FORMAT, NN_SOURCES, shape);
}

/* ---- writing ---- */

static enum rc graph_bytes(struct ir_graph *g, struct nn_shape *declared, unsigned char **out, size_t *n, struct err *e)
{
    struct part part[PARTS];
    parts_of(g, &declared, part);
    size_t at = 0;
    for (size_t i = 0; i < PARTS; i++)
        at += whole(part[i].n * part[i].size, 8);
    unsigned char *p = mem_zalloc(at, 1, e);
    if (!p)
        return RC_FAILED;
    *out = p;
    *n = at;
    for (size_t i = 0; i < PARTS; i++) {
        if (part[i].n)
            memcpy(p, *part[i].data, part[i].n * part[i].size);
        p += whole(part[i].n * part[i].size, 8);
    }
    return RC_OK;
}

static struct header header_of(const struct ir_graph *g, const struct nn_build *b, size_t graph_n, int64_t weights_n)
{
    struct header h = {
        .format = NN_PACK_FORMAT,
        .node_bytes = (int32_t)sizeof(struct ir_node),
        .isa = (int32_t)b->isa,
        .plain = b->plain,
        .tensor_n = g->tensor_n,
        .node_n = g->node_n,
        .weight_n = g->weight_n,
        .layer_n = g->layer_n,
        .index_n = g->index_n,
        .text_n = g->text_n,
        .input_n = g->input_n,
        .output_n = g->output_n,
        .keras_version = g->keras_version,
        .producer = g->producer,
        .graph_bytes = (int64_t)graph_n,
        .weights_n = weights_n,
    };
    memcpy(h.magic, magic, sizeof(h.magic));
    h.weights_at = (int64_t)whole(PAGE + graph_n, PAGE);
    h.file_bytes = h.weights_at + (int64_t)whole((size_t)weights_n * sizeof(float) + 64, PAGE);
    return h;
}

/* Reserves the whole file first, so that a full disk is an error here and not a signal while weights are stored. */
static enum rc packed_write(int fd, struct nn_net *net, const struct ir_map *raw, const unsigned char *graph,
                            struct header *h, struct err *e)
{
    int failed = posix_fallocate(fd, 0, (off_t)h->file_bytes);
    if (failed)
        return err_sys(e, ERR_DISK, failed, "packed network of %lld MiB", (long long)(h->file_bytes >> 20));
    unsigned char *map = mmap(NULL, (size_t)h->file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_sys(e, ERR_MEMORY, errno, "packed network");
    blake2b(h->hash, graph, (size_t)h->graph_bytes, NULL, 0);
    blake2b(h->self, h, sizeof(*h), NULL, 0);
    memcpy(map, h, sizeof(*h));
    memcpy(map + PAGE, graph, (size_t)h->graph_bytes);
    enum rc rc = nn_plan_fill(&net->plan, raw->weights, (float *)(void *)(map + h->weights_at), e);
    if (munmap(map, (size_t)h->file_bytes) && !rc)
        rc = err_sys(e, ERR_DISK, errno, "packed network");
    if (!rc && fsync(fd))
        rc = err_sys(e, ERR_DISK, errno, "packed network");
    return rc;
}

static enum rc packed_file(const char *path, struct nn_net *net, const struct ir_map *raw, const unsigned char *graph,
                           struct header *h, struct err *e)
{
    char unique[17];
    secret_random_hex(unique, 16);
    char *temporary = mem_printf(e, "%s.%s", path, unique);
    if (!temporary)
        return RC_FAILED;
    int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum rc rc = fd < 0 ? err_sys(e, ERR_DISK, errno, "cannot write packed networks here") : RC_OK;
    if (!rc)
        rc = packed_write(fd, net, raw, graph, h, e);
    if (fd >= 0 && close(fd) && !rc)
        rc = err_sys(e, ERR_DISK, errno, "packed network");
    if (!rc && rename(temporary, path))
        rc = err_sys(e, ERR_DISK, errno, "packed network");
    if (rc && fd >= 0)
        unlink(temporary);
    mem_free(temporary);
    return rc;
}

static struct nn_shape *declared_shapes(const struct ir_graph *g, struct err *e)
{
    struct nn_shape *d = mem_zalloc((size_t)g->input_n, sizeof(*d), e);
    for (int32_t i = 0; d && i < g->input_n; i++) {
        const struct ir_shape *s = &g->tensor[g->input[i]];
        d[i].rank = s->rank;
        memcpy(d[i].dim, s->dim, sizeof(d[i].dim));
    }
    return d;
}

enum rc nn_net_pack(int ir_fd, const char *path, const struct nn_build *b, struct err *e)
{
    struct ir_graph g = {0};
    struct ir_map raw = {0};
    struct nn_net net = {0};
    struct nn_shape *declared = NULL;
    unsigned char *graph = NULL;
    size_t graph_n = 0;
    struct err local = {0};
    enum rc rc = ir_read(ir_fd, &g, &raw, &local);
    if (!rc && !(declared = declared_shapes(&g, &local)))
        rc = local.rc;
    if (!rc)
        rc = nn_net_make(&net, &g, b, &local);
    if (!rc)
        rc = graph_bytes(&net.g, declared, &graph, &graph_n, &local);
    if (!rc) {
        struct header h = header_of(&net.g, b, graph_n, net.plan.packed_n);
        rc = packed_file(path, &net, &raw, graph, &h, &local);
    }
    mem_free(graph);
    mem_free(declared);
    nn_net_fini(&net);
    ir_fini(&g);
    ir_unmap(&raw);
    return rc ? err_set(e, local.code, "%s", local.msg) : RC_OK;
}

enum rc nn_net_load(int ir_fd, const struct nn_build *b, struct nn_net **out, struct err *e)
{
    struct ir_graph g = {0};
    struct ir_map raw = {0};
    struct nn_shape *declared = NULL;
    struct err local = {0};
    *out = NULL;
    struct nn_net *net = mem_zalloc(1, sizeof(*net), e);
    if (!net)
        return RC_FAILED;
    enum rc rc = ir_read(ir_fd, &g, &raw, &local);
    if (!rc && !(declared = declared_shapes(&g, &local)))
        rc = local.rc;
    if (!rc)
        rc = nn_net_make(net, &g, b, &local);
    if (!rc && !(net->owned = mem_aligned((size_t)net->plan.packed_n * sizeof(float) + 64, &local)))
        rc = local.rc;
    if (!rc)
        rc = nn_plan_fill(&net->plan, raw.weights, net->owned, &local);
    if (!rc) {
        net->packed = net->owned;
        rc = nn_net_describe(net, declared, &local);
    }
    mem_free(declared);
    ir_fini(&g);
    ir_unmap(&raw);
    if (rc) {
        nn_net_close(net);
        return err_set(e, local.code, "%s", local.msg);
    }
    *out = net;
    return RC_OK;
}

/* ---- reading ---- */

static bool header_good(const struct header *h, const struct nn_build *b, size_t file_n)
{
    if (file_n < 2 * PAGE || memcmp(h->magic, magic, sizeof(magic)) || h->format != NN_PACK_FORMAT)
        return false;
    struct header copy = *h;
    unsigned char self[BLAKE2B_BYTES];
    memset(copy.self, 0, sizeof(copy.self));
    blake2b(self, &copy, sizeof(copy), NULL, 0);
    return !memcmp(self, h->self, sizeof(self)) && h->node_bytes == (int32_t)sizeof(struct ir_node) &&
           h->isa == (int32_t)b->isa && h->plain == (int32_t)b->plain && h->file_bytes == (int64_t)file_n &&
           h->graph_bytes >= 0 && h->weights_n >= 0 && h->weights_at >= PAGE + h->graph_bytes &&
           h->weights_at % PAGE == 0 && h->weights_at + h->weights_n * (int64_t)sizeof(float) <= h->file_bytes;
}

/* Copies the arrays out of the map. The header's own hash vouches for the counts, the graph's hash for the content. */
static enum rc graph_load(const unsigned char *map, struct ir_graph *g, struct nn_shape **declared, struct err *e)
{
    struct header h;
    memcpy(&h, map, sizeof(h));
    unsigned char hash[BLAKE2B_BYTES];
    blake2b(hash, map + PAGE, (size_t)h.graph_bytes, NULL, 0);
    if (memcmp(hash, h.hash, sizeof(hash)))
        return err_set(e, ERR_NOT_FOUND, "packed network is damaged");
    *g = (struct ir_graph){.tensor_n = h.tensor_n,
                           .node_n = h.node_n,
                           .weight_n = h.weight_n,
                           .layer_n = h.layer_n,
                           .index_n = h.index_n,
                           .text_n = h.text_n,
                           .input_n = h.input_n,
                           .output_n = h.output_n,
                           .keras_version = h.keras_version,
                           .producer = h.producer};
    struct part part[PARTS];
    parts_of(g, declared, part);
    size_t at = 0;
    for (size_t i = 0; i < PARTS; i++) {
        size_t n = part[i].n * part[i].size;
        if (part[i].n > COUNT_MAX || at + n > (size_t)h.graph_bytes)
            return err_set(e, ERR_NOT_FOUND, "packed network is damaged");
        *part[i].data = mem_zalloc(part[i].n, part[i].size, e);
        if (!*part[i].data)
            return RC_FAILED;
        memcpy(*part[i].data, map + PAGE + at, n);
        at += whole(n, 8);
    }
    return RC_OK;
}

static enum rc packed_map(struct nn_net *net, const char *path, const struct nn_build *b, struct err *e)
{
    struct stat st;
    struct header h;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_sys(e, ERR_NOT_FOUND, errno, "packed network");
    enum rc rc = RC_OK;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) ||
        !header_good(&h, b, (size_t)st.st_size)) {
        rc = err_set(e, ERR_NOT_FOUND, "packed network is stale or damaged");
        goto done;
    }
    net->map_bytes = (size_t)st.st_size;
    net->map = mmap(NULL, net->map_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (net->map == MAP_FAILED) {
        net->map = NULL;
        rc = err_sys(e, ERR_MEMORY, errno, "packed network");
        goto done;
    }
    net->packed = (const float *)(const void *)((const unsigned char *)net->map + h.weights_at);
done:
    close(fd);
    return rc;
}

/* A build that names input shapes must find exactly those planned. */
static bool shapes_match(const struct ir_graph *g, const struct nn_build *b)
{
    for (int32_t i = 0; i < b->input_shape_n; i++) {
        const struct ir_shape *s = &g->tensor[g->input[i < g->input_n ? i : 0]];
        if (i >= g->input_n || b->input_shape[i].rank != s->rank)
            return false;
        for (int32_t k = 0; k < s->rank; k++) {
            if (b->input_shape[i].dim[k] != s->dim[k])
                return false;
        }
    }
    return true;
}

enum rc nn_net_open(const char *path, const struct nn_build *b, struct nn_net **out, struct err *e)
{
    struct ir_graph g = {0};
    struct nn_shape *declared = NULL;
    struct header h;
    struct err local = {0};
    *out = NULL;
    struct nn_net *net = mem_zalloc(1, sizeof(*net), e);
    if (!net)
        return RC_FAILED;
    enum rc rc = packed_map(net, path, b, &local);
    if (!rc)
        rc = graph_load(net->map, &g, &declared, &local);
    if (!rc && !shapes_match(&g, b))
        rc = err_set(&local, ERR_NOT_FOUND, "packed network was made for other input shapes");
    if (!rc)
        rc = nn_net_make(net, &g, b, &local);
    if (!rc) {
        memcpy(&h, net->map, sizeof(h));
        rc = h.weights_n == net->plan.packed_n ? RC_OK : err_set(&local, ERR_NOT_FOUND, "packed network is stale");
    }
    if (!rc)
        rc = nn_net_describe(net, declared, &local);
    mem_free(declared);
    ir_fini(&g);
    if (rc) {
        nn_net_close(net);
        return err_set(e, local.code, "%s", local.msg);
    }
    *out = net;
    return RC_OK;
}
