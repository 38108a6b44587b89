/* The whole import of a network file as the cage does it: container, description, lowering, writing. What comes out is
 * read back as the parent reads it. Crashes inside libhdf5 itself (H5HG_read on a damaged global heap) end the cage's
 * process, not ours: run with -fork=1 -ignore_crashes=1 and read the stacks. */
#include "nn/ir.h"
#include "nn_import.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__lsan_default_suppressions(void);

/* libhdf5 1.10 leaks a few bytes on some damaged files; the cage ends with the import. */
const char *__lsan_default_suppressions(void)
{
    return "leak:H5";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = {0};
    int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
    if (in < 0 || out < 0 || n > 1 << 20 || write(in, data, n) != (ssize_t)n) {
        close(in);
        close(out);
        return 0;
    }
    const struct nn_import_source source = {.fd = in, .size_bytes = n};
    const struct nn_import_sink sink = {.fd = out, .max_bytes = 64u << 20};
    if (nn_import(&source, &sink, &e) == RC_OK) {
        struct ir_graph g;
        struct ir_map map;
        if (ir_read(out, &g, &map, &e) != RC_OK)
            abort(); /* what the importer writes, the reader takes */
        ir_fini(&g);
        ir_unmap(&map);
    }
    close(in);
    close(out);
    return 0;
}
