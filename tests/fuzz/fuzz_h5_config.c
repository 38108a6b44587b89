/* The description of a network alone: JSON, graph, lowering. A file with weights but no architecture stays the same;
 * the input is the JSON beside it. */
#include "base/text.h"
#include "nn/ir.h"
#include "nn_import.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__lsan_default_suppressions(void);

/* libhdf5 1.10 leaks a few bytes on some damaged files; the cage ends with the import. */
const char *__lsan_default_suppressions(void)
{
    return "leak:H5";
}

static int weights_file(void)
{
    const char *folders[] = {"tests/fuzz/corpus/h5_weights/weights.h5", "../tests/fuzz/corpus/h5_weights/weights.h5"};
    for (size_t i = 0; i < ARRAY_N(folders); i++) {
        int fd = open(folders[i], O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = {0};
    struct stat st;
    int in = weights_file(), out = memfd_create("out", MFD_CLOEXEC);
    if (in < 0 || out < 0 || fstat(in, &st) || n == 0 || n > 1 << 20)
        goto done;
    const struct nn_import_source source = {
        .fd = in, .size_bytes = (uint64_t)st.st_size, .json = (const char *)data, .json_n = n};
    const struct nn_import_sink sink = {.fd = out, .max_bytes = 64u << 20};
    if (nn_import(&source, &sink, &e) == RC_OK) {
        struct ir_graph g;
        struct ir_map map;
        if (ir_read(out, &g, &map, &e) != RC_OK)
            abort();
        ir_fini(&g);
        ir_unmap(&map);
    }
done:
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return 0;
}
