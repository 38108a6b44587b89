/* Paths, files, child processes' descriptors, clock. */
#ifndef CLINIC_BASE_FILE_H
#define CLINIC_BASE_FILE_H

#include "base/mem.h"

/* Joins with one '/'; ERR_VALUE when it would be cut. */
enum rc path_join(char *dst, size_t cap, const char *dir, const char *name, struct err *e) MUST_USE;
const char *path_base(const char *path); /* after the last '/' */
const char *path_ext(const char *path);  /* after the last '.' of the base name, or "" */
/* mkdir -p with mode for the last part. */
enum rc path_make_dirs(const char *path, unsigned mode, struct err *e) MUST_USE;

/* The station's folder: $CLINIC_HOME, else $XDG_DATA_HOME/clinic, else ~/.local/share/clinic. Not created here. */
enum rc home_dir(char *dst, size_t cap, struct err *e) MUST_USE;
/* Packed networks: <home>/cache, else (read-only home) $XDG_CACHE_HOME/clinic, ~/.cache/clinic, /tmp/clinic-<uid>
 * (0700). */
enum rc cache_dir(char *dst, size_t cap, struct err *e) MUST_USE;
/* Networks: $CLINIC_MODELS, else <dir of the binary>/../models while it runs from the build tree, else
 * PREFIX/share/clinic/models. */
enum rc models_dir(char *dst, size_t cap, struct err *e) MUST_USE;
/* Helper binaries and modules (cage, pdf): beside the binary in the build tree, else PREFIX/lib/clinic. */
enum rc lib_dir(char *dst, size_t cap, struct err *e) MUST_USE;
/* Schema files: <tree>/schema, else PREFIX/share/clinic/schema. */
enum rc schema_dir(char *dst, size_t cap, struct err *e) MUST_USE;

/* Whole regular file into *out (NUL-terminated behind n), at most max bytes (ERR_FILE_SIZE). Caller frees. */
enum rc file_read(const char *path, size_t max, char **out, size_t *n, struct err *e) MUST_USE;
/* Temporary beside it, fsync, rename, fsync of the folder: afterwards either the old or the new content, whole.
 * ERR_FILE_KIND where a device, a pipe or a socket stands. */
enum rc file_write_atomic(const char *path, const void *data, size_t n, unsigned mode, struct err *e) MUST_USE;
enum rc fd_read_all(int fd, void *data, size_t n, struct err *e) MUST_USE;
enum rc fd_write_all(int fd, const void *data, size_t n, struct err *e) MUST_USE;

/* Opens <lib_dir>/<name>.so once and returns the entry `symbol`: heavy libraries (curl, cairo) live in such modules so
 * that commands which do not need them start fast. Never unloaded. NULL with ERR_INTERNAL. */
void *module_symbol(const char *name, const char *symbol, struct err *e) MUST_USE;

/* Clock. $CLINIC_CLOCK=<ISO 8601 UTC> freezes the wall clock (tests, demos); monotonic time always runs. */
int64_t clock_wall_ms(void); /* since 1970, UTC */
int64_t clock_mono_ns(void);
double clock_ms_since(int64_t mono_ns);
/* "2026-03-02T10:14:00Z"; buffer of at least 25. */
char *clock_iso(char *dst, size_t cap, int64_t wall_ms);
bool clock_parse_iso(const char *s, int64_t *wall_ms); /* date, or date and time with Z */
/* What people type: T, T-7, T+3W, T-2M, 2026-03-02, 12 mar, 12/3/2026 -> midnight local. */
bool clock_parse_human(const char *s, int64_t now_ms, int64_t *wall_ms);

#endif
