/* Remembered facts about a network file, so that a start does not hash it again: valid while device, inode, size, mtime
 * and ctime stay the same. Kept in the cache folder as <hash of the path>.stamp. */
#ifndef CLINIC_STATION_STAMP_H
#define CLINIC_STATION_STAMP_H

#include "base/file.h"
#include "base/secret.h"

#include <sys/stat.h>

enum { STAMP_FIELDS = 5, STAMP_TEXT_MAX = 64 * 1024 };

struct stamp {
    uint64_t field[STAMP_FIELDS]; /* device, inode, size, mtime ns, ctime ns */
    char sha256[SHA256_HEX];      /* "" unknown */
    char *verified;               /* lines "golden <what> <program version>\n", owned, may be NULL */
};
void stamp_of_stat(const struct stat *st, uint64_t field[STAMP_FIELDS]);
/* Reads the stamp of the file at `path` (absolute); everything unknown when absent, damaged or out of date. */
void stamp_load(const char *cache, const char *path, const struct stat *st, struct stamp *out);
/* Writes it; silently not when the file changed so recently that a second change could hide behind the same times. */
void stamp_save(const char *cache, const char *path, const struct stamp *s);
/* what: one word that names the packed form and the golden vectors it reproduced. */
bool stamp_verified(const struct stamp *s, const char *what);
enum rc stamp_add_verified(struct stamp *s, const char *what, struct err *e) MUST_USE;
void stamp_fini(struct stamp *s);

#endif
