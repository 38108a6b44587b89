/* Intake: the only way foreign bytes come in. The parent opens and hashes; a caged child (own binary, empty
 * environment, rlimits, no new privileges, Landlock where there, seccomp) parses; a fixed, length-checked record comes
 * back and every field is checked again here. Works unprivileged. */
#ifndef CLINIC_INTAKE_H
#define CLINIC_INTAKE_H

#include "base/conf.h"
#include "base/secret.h"
#include "image.h"

/* A file taken in: sealed memfd (no write, no shrink, no grow), so that what was hashed is what is parsed. */
struct intake_file {
    int fd; /* owned */
    uint64_t size_bytes;
    char sha256[SHA256_HEX];
    const void *data;         /* read-only mapping of the sealed copy, owned */
    enum image_format format; /* by magic */
    bool extension_differs;   /* content is fine, the name says otherwise: worth a note */
};
/* Opens with O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC, regular file only (FILE_KIND), not empty (FILE_EMPTY), at most max_bytes
 * (FILE_SIZE: "File too large. Maximum size: 16MB"). Symbolic links in the last part are refused. */
enum rc intake_open(const char *path, uint64_t max_bytes, struct intake_file *out, struct err *e) MUST_USE;
/* The same from bytes that are already here (API, socket). */
enum rc intake_from_fd(int fd, uint64_t max_bytes, struct intake_file *out, struct err *e) MUST_USE;
void intake_close(struct intake_file *f);

/* The name's extension is a usual one of the format. */
bool intake_extension_fits(const char *name, enum image_format format);
/* Not an image by magic: ERR_FILE_TYPE "Invalid file type. Please upload a PNG, JPG, or JPEG image." */
enum rc intake_require_image(const struct intake_file *f, struct err *e) MUST_USE;

/* A cage: one warm child for a batch. A child that saw a bad file, missed a deadline or died is never used again: the
 * next call starts a fresh one. Not thread-safe: one per worker. */
struct intake_cage;
enum rc intake_cage_open(const struct conf *c, struct intake_cage **out, struct err *e) MUST_USE;
void intake_cage_close(struct intake_cage *cage); /* NULL fine */
/* Starts the child ahead of need (while the network is being mapped); failure shows at the next decode. */
void intake_cage_warm(struct intake_cage *cage);
/* Decodes; out borrows a mapping that image_fini releases (out->owned). cancel may be NULL; polled every 20 ms. */
enum rc intake_decode(struct intake_cage *cage, const struct intake_file *f, const volatile bool *cancel,
                      struct image *out, struct err *e) MUST_USE;

/* Network file (.h5, .keras) -> descriptor of the neutral form of nn/ir.h, sealed against growing and shrinking. One
 * fresh child per file. `json`, when not NULL, is the architecture of a weights-only file (sealed memfd as well). */
enum rc intake_import_network(const struct conf *c, const struct intake_file *f, const struct intake_file *json,
                              int *ir_fd, struct err *e) MUST_USE;
enum rc intake_open_network(const char *path, uint64_t max_bytes, struct intake_file *out, struct err *e) MUST_USE;

/* What the cage can do on this machine, for `clinic doctor`: "seccomp yes, landlock yes (ABI 6), rlimits yes". */
void intake_describe(char *out, size_t cap);

#endif
