/* Networks through the cage: one fresh child per file, the neutral form comes back in a sealed memfd. */
#include "intake.h"
#include "intake/cage_priv.h"
#include "intake/child.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum rc intake_import_at(const char *binary, int deadline_ms, uint64_t out_max_bytes, const struct intake_file *f,
                         const struct intake_file *json, int *ir_fd, struct err *e)
{
    *ir_fd = -1;
    int out_fd = child_memfd("clinic-network", e);
    if (out_fd < 0) {
        return RC_FAILED;
    }
    struct child child = {.pid = 0};
    struct child_task task = {.kind = CAGE_NETWORK,
                              .in_fd = f->fd,
                              .in_bytes = f->size_bytes,
                              .extra_fd = json ? json->fd : -1,
                              .extra_bytes = json ? json->size_bytes : 0,
                              .out_fd = out_fd,
                              .out_max_bytes = out_max_bytes < CAGE_OUT_MAX_BYTES ? out_max_bytes : CAGE_OUT_MAX_BYTES,
                              .deadline_ms = deadline_ms};
    struct cage_answer a;
    struct stat st;
    enum rc rc = child_start(&child, binary, e);
    if (rc == RC_OK) {
        rc = child_ask(&child, &task, &a, e);
    }
    if (rc == RC_OK && a.code != 0) {
        rc = child_report(CAGE_NETWORK, &a, e);
    }
    child_end(&child); /* before sealing: nobody is left to write */
    if (rc == RC_OK && (fcntl(out_fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0 ||
                        fstat(out_fd, &st) != 0 || st.st_size <= 0 || (uint64_t)st.st_size > task.out_max_bytes)) {
        rc = err_set(e, ERR_CAGE, "The reading process gave an answer that contradicts itself");
    }
    if (rc == RC_OK) {
        *ir_fd = out_fd;
    } else {
        close(out_fd);
    }
    return rc;
}

enum rc intake_import_network(const struct conf *c, const struct intake_file *f, const struct intake_file *json,
                              int *ir_fd, struct err *e)
{
    char binary[PATH_MAX];
    *ir_fd = -1;
    enum rc rc = intake_cage_binary("clinic-cage-network", binary, sizeof binary, e);
    if (rc != RC_OK) {
        return rc;
    }
    /* Unpacked, a network obeys the limit its file obeys: a compressed bomb ends there. */
    uint64_t out_max_bytes = (uint64_t)conf_int(c, CONF_ID_max_model_mb) << 20;
    int deadline_ms = CAGE_WALL_MS + (int)(f->size_bytes >> 20) * CAGE_NETWORK_MS_PER_MB;
    return intake_import_at(binary, deadline_ms, out_max_bytes, f, json, ir_fd, e);
}
