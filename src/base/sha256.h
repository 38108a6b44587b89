/* The inner loop of SHA-256 (FIPS 180-4, section 6.2.2): n blocks of 64 bytes into the hash value h. */
#ifndef CLINIC_BASE_SHA256_H
#define CLINIC_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

extern const uint32_t sha256_k[64];
void sha256_blocks_scalar(uint32_t h[8], const unsigned char *p, size_t n);
/* Needs the SHA and SSE4.1 instructions. */
void sha256_blocks_shani(uint32_t h[8], const unsigned char *p, size_t n);

#endif
