/* clinic-cage-network: turns one Keras file into the neutral form, for intake_import_network. */
#include "intake/cage/cage.h"
#include "nn_import.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EXIT_WARM_UP = 74 };

static enum rc parse_network(const struct cage_request *q, struct cage_answer *a, struct err *e)
{
    struct nn_import_source src = {.fd = CAGE_FD_IN, .size_bytes = q->in_bytes};
    struct nn_import_sink to = {.fd = CAGE_FD_OUT, .max_bytes = q->out_max_bytes};
    if (q->extra_bytes > 0) {
        void *json = mmap(NULL, (size_t)q->extra_bytes, PROT_READ, MAP_SHARED, CAGE_FD_EXTRA, 0);
        if (json == MAP_FAILED) {
            return err_sys(e, ERR_MEMORY, errno, "architecture of %llu bytes", (unsigned long long)q->extra_bytes);
        }
        src.json = json;
        src.json_n = (size_t)q->extra_bytes;
    }
    (void)a; /* the size of the neutral form is the descriptor's own: the parent asks the kernel, not us */
    return nn_import(&src, &to, e);
}

int main(void)
{
    struct cage_hello hello;
    struct err e = {.rc = RC_OK};
    if (nn_import_warm_up(&e) != RC_OK) {
        _exit(EXIT_WARM_UP);
    }
    cage_enter(CAGE_NETWORK, &hello);
    cage_serve(&hello, parse_network);
}
