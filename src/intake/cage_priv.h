/* Shared between the files of intake, and the seam its tests put hostile children into. */
#ifndef CLINIC_INTAKE_CAGE_PRIV_H
#define CLINIC_INTAKE_CAGE_PRIV_H

#include "intake.h"

/* Full path of a cage program. */
enum rc intake_cage_binary(const char *name, char *out, size_t cap, struct err *e) MUST_USE;
/* As intake_cage_open and intake_import_network, with this program as the child and this deadline for one file. */
enum rc intake_cage_open_at(const char *binary, int deadline_ms, struct intake_cage **out, struct err *e) MUST_USE;
enum rc intake_import_at(const char *binary, int deadline_ms, uint64_t out_max_bytes, const struct intake_file *f,
                         const struct intake_file *json, int *ir_fd, struct err *e) MUST_USE;

#endif
