#include "nn/ir.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The neutral file: this header, the arrays in the order below (each padded to 8 bytes), the text, then at weights_at
 * (64-byte aligned) the float32 data. Written and read on one machine: host byte order. */
static const char ir_magic[8] = "CLNIR\r\n\x1a";

struct ir_header {
    char magic[8];
    int32_t format, node_bytes;
    int32_t tensor_n, node_n, weight_n, layer_n, index_n, text_n, input_n, output_n;
    int32_t keras_version, producer;
    int64_t weights_at, weights_bytes;
};

static const char *const op_names[IR_OP_N] = {
#define IR_OP(id, name, attr, in_min, in_max, out_max, w_min, w_max) name,
#include "nn/ir_ops.def"
#undef IR_OP
};

const char *ir_op_name(enum ir_op op)
{
    return (unsigned)op < IR_OP_N ? op_names[op] : "?";
}

const char *ir_text(const struct ir_graph *g, int32_t offset)
{
    return offset >= 0 && offset < g->text_n ? g->text + offset : "";
}

void ir_fini(struct ir_graph *g)
{
    mem_free(g->tensor);
    mem_free(g->node);
    mem_free(g->weight);
    mem_free(g->layer);
    mem_free(g->index);
    mem_free(g->text);
    mem_free(g->input);
    mem_free(g->output);
    mem_free(g->input_name);
    mem_free(g->output_name);
    *g = (struct ir_graph){0};
}

/* The arrays of a graph as rows, so that writing and reading cannot disagree. */
struct part {
    void **data;
    size_t n, size;
};
enum { PARTS = 10 };

static void parts_of(struct ir_graph *g, struct part part[PARTS])
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
    };
    memcpy(part, all, sizeof(all));
}

static uint64_t padded(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

static enum rc write_at(int fd, const void *data, size_t n, int64_t at, struct err *e)
{
    const char *p = data;
    while (n) {
        ssize_t done = pwrite(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return err_sys(e, ERR_DISK, done < 0 ? errno : EIO, "neutral form");
        p += done;
        at += done;
        n -= (size_t)done;
    }
    return RC_OK;
}

enum rc ir_write_graph(const struct ir_graph *g, int fd, uint64_t max_bytes, int64_t *weights_at, struct err *e)
{
    struct part part[PARTS];
    struct ir_graph view = *g; /* parts_of takes writable pointers; nothing is written through them here */
    parts_of(&view, part);
    uint64_t end = padded(sizeof(struct ir_header), 8);
    for (size_t i = 0; i < PARTS; i++)
        end += padded(part[i].n * part[i].size, 8);
    end = padded(end, 64);
    if (g->weights_bytes < 0 || end > max_bytes || (uint64_t)g->weights_bytes > max_bytes - end)
        return err_set(e, ERR_MODEL_LIMIT, "the network needs %lld MiB, the limit is %llu MiB",
                       (long long)((end + (uint64_t)g->weights_bytes) >> 20), (unsigned long long)(max_bytes >> 20));
    struct ir_header h = {
        .format = IR_FORMAT,
        .node_bytes = (int32_t)sizeof(struct ir_node),
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
        .weights_at = (int64_t)end,
        .weights_bytes = g->weights_bytes,
    };
    memcpy(h.magic, ir_magic, sizeof(h.magic));
    if (ftruncate(fd, (off_t)(end + (uint64_t)g->weights_bytes)))
        return err_sys(e, ERR_DISK, errno, "neutral form");
    enum rc rc = write_at(fd, &h, sizeof(h), 0, e);
    uint64_t at = padded(sizeof(h), 8);
    for (size_t i = 0; i < PARTS && !rc; i++) {
        size_t bytes = part[i].n * part[i].size;
        if (bytes)
            rc = write_at(fd, *part[i].data, bytes, (int64_t)at, e);
        at += padded(bytes, 8);
    }
    *weights_at = (int64_t)end;
    return rc;
}

static enum rc header_check(const struct ir_header *h, uint64_t size, struct err *e)
{
    if (memcmp(h->magic, ir_magic, sizeof(ir_magic)) != 0 || h->format != IR_FORMAT ||
        h->node_bytes != (int32_t)sizeof(struct ir_node))
        return err_set(e, ERR_INTERNAL, "not a neutral network of format %d", IR_FORMAT);
    const struct {
        int32_t n, min, max;
    } count[] = {
        {h->tensor_n, 1, IR_TENSOR_MAX},
        {h->node_n, 0, IR_NODE_MAX},
        {h->weight_n, 0, IR_WEIGHT_MAX},
        {h->layer_n, 0, IR_NODE_MAX},
        {h->index_n, 0, 4 * IR_TENSOR_MAX},
        {h->text_n, 1, 1 << 24},
        {h->input_n, 1, 64},
        {h->output_n, 1, 64},
    };
    for (size_t i = 0; i < ARRAY_N(count); i++)
        if (count[i].n < count[i].min || count[i].n > count[i].max)
            return err_set(e, ERR_INTERNAL, "neutral network: count %zu is %d", i, count[i].n);
    if (h->weights_bytes < 0 || h->weights_at < (int64_t)sizeof(*h) || h->weights_at % 64 ||
        (uint64_t)h->weights_at > size || (uint64_t)h->weights_bytes > size - (uint64_t)h->weights_at)
        return err_set(e, ERR_INTERNAL, "neutral network: weights outside the file");
    return RC_OK;
}

enum rc ir_read(int fd, struct ir_graph *g, struct ir_map *map, struct err *e)
{
    *g = (struct ir_graph){0};
    *map = (struct ir_map){0};
    struct stat st;
    if (fstat(fd, &st))
        return err_sys(e, ERR_INTERNAL, errno, "neutral network");
    if (st.st_size < (off_t)sizeof(struct ir_header))
        return err_set(e, ERR_INTERNAL, "neutral network of %lld bytes", (long long)st.st_size);
    size_t size = (size_t)st.st_size;
    void *base = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (base == MAP_FAILED)
        return err_sys(e, ERR_MEMORY, errno, "neutral network of %zu bytes", size);
    *map = (struct ir_map){.base = base, .bytes = size};
    struct ir_header h;
    memcpy(&h, base, sizeof(h));
    enum rc rc = header_check(&h, size, e);
    if (rc)
        goto done;
    *g = (struct ir_graph){
        .tensor_n = h.tensor_n,
        .node_n = h.node_n,
        .weight_n = h.weight_n,
        .layer_n = h.layer_n,
        .index_n = h.index_n,
        .text_n = h.text_n,
        .input_n = h.input_n,
        .output_n = h.output_n,
        .keras_version = h.keras_version,
        .producer = h.producer,
        .weights_bytes = h.weights_bytes,
    };
    struct part part[PARTS];
    parts_of(g, part);
    uint64_t at = padded(sizeof(h), 8);
    for (size_t i = 0; i < PARTS; i++) {
        size_t bytes = part[i].n * part[i].size;
        if (at > (uint64_t)h.weights_at || bytes > (uint64_t)h.weights_at - at) {
            rc = err_set(e, ERR_INTERNAL, "neutral network: part %zu outside the file", i);
            goto done;
        }
        void *copy = mem_zalloc(part[i].n, part[i].size, e);
        if (!copy) {
            rc = RC_FAILED;
            goto done;
        }
        if (bytes)
            memcpy(copy, (const char *)base + at, bytes);
        *part[i].data = copy;
        at += padded(bytes, 8);
    }
    map->weights = (const float *)(const void *)((const char *)base + h.weights_at);
    rc = ir_check_graph(g, e);
done:
    if (rc) {
        ir_fini(g);
        ir_unmap(map);
    }
    return rc;
}

void ir_unmap(struct ir_map *map)
{
    if (map->base)
        munmap(map->base, map->bytes);
    *map = (struct ir_map){0};
}

enum rc ir_infer(struct ir_graph *g, const struct ir_shape *input_shape, struct err *e)
{
    for (int32_t i = 0; i < g->input_n && input_shape; i++)
        g->tensor[g->input[i]] = input_shape[i];
    enum { IN_SMALL = 16, OUT_MAX = 8 };
    struct ir_shape small[IN_SMALL], out[OUT_MAX];
    for (int32_t i = 0; i < g->node_n; i++) {
        const struct ir_node *n = &g->node[i];
        struct ir_shape *in = small, *heap = NULL;
        if (n->in_n > IN_SMALL) {
            in = heap = mem_zalloc((size_t)n->in_n, sizeof(*in), e);
            if (!in)
                return RC_FAILED;
        }
        for (int32_t k = 0; k < n->in_n; k++)
            in[k] = g->tensor[g->index[n->in + k]];
        memset(out, 0, sizeof(out));
        enum rc rc = ir_infer_node(g, n, in, out, e);
        mem_free(heap);
        if (rc)
            return rc;
        for (int32_t k = 0; k < n->out_n && k < OUT_MAX; k++)
            g->tensor[g->index[n->out + k]] = out[k];
    }
    return RC_OK;
}
