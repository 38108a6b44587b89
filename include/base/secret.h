/* Hashes, random bytes, wiping. The only users of libsodium outside auth are behind this door. */
#ifndef CLINIC_BASE_SECRET_H
#define CLINIC_BASE_SECRET_H

#include "base/mem.h"

enum { SHA256_HEX = 65, BLAKE2B_BYTES = 32 };

struct sha256 {
    unsigned char opaque[128];
};
void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
void sha256_end_hex(struct sha256 *s, char hex[SHA256_HEX]);
void sha256_hex(const void *data, size_t n, char hex[SHA256_HEX]);
void blake2b(unsigned char out[BLAKE2B_BYTES], const void *data, size_t n, const void *key, size_t key_n);
void secret_random(void *out, size_t n); /* seeded from $CLINIC_SEED when that is set and the clock is frozen (tests) */
void secret_random_hex(char *out, size_t hex_n); /* hex_n digits and a NUL */
void secret_wipe(void *p, size_t n);
bool secret_equal(const void *a, const void *b, size_t n); /* constant time */
/* Base64 (RFC 4648, no line breaks). */
void base64_add(struct buf *b, const void *data, size_t n);

#endif
