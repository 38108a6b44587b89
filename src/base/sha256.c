/* SHA-256 of FIPS 180-4. Every picture and network is hashed on the way in, so the processor's own instructions are
 * used where it has them: about four times as fast as portable code. */
#include "base/sha256.h"
#include "base/secret.h"

#include <assert.h>
#include <cpuid.h>
#include <stdatomic.h>
#include <string.h>

enum { BLOCK = 64 };

struct state {
    uint32_t h[8];
    uint64_t total;
    unsigned char block[BLOCK]; /* total % 64 bytes that wait for the rest of their block */
};
static_assert(sizeof(struct state) <= sizeof(struct sha256), "struct sha256 is too small");

const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

void sha256_blocks_scalar(uint32_t h[8], const unsigned char *p, size_t n)
{
    for (; n > 0; n--, p += BLOCK) {
        uint32_t w[64], v[8];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        memcpy(v, h, sizeof(v));
        for (int i = 0; i < 64; i++) {
            uint32_t s1 = right(v[4], 6) ^ right(v[4], 11) ^ right(v[4], 25);
            uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha256_k[i] + w[i];
            uint32_t s0 = right(v[0], 2) ^ right(v[0], 13) ^ right(v[0], 22);
            uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof(*v));
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++)
            h[i] += v[i];
    }
}

/* CPUID traps in virtual machines, so it is asked once. */
static bool has_instructions(void)
{
    static atomic_int known; /* 0: not asked, 1: no, 2: yes */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        unsigned a, b = 0, c = 0, d;
        bool sse41 = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && (c & bit_SSSE3);
        bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
        answer = sse41 && sha ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}

static void blocks(uint32_t h[8], const unsigned char *p, size_t n)
{
    if (has_instructions())
        sha256_blocks_shani(h, p, n);
    else
        sha256_blocks_scalar(h, p, n);
}

/* The opaque bytes carry no alignment: the state is copied out and in, which costs nothing beside the hashing. */
void sha256_begin(struct sha256 *s)
{
    struct state state = {
        .h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    memcpy(s->opaque, &state, sizeof(state));
}

static void add(struct state *s, const unsigned char *p, size_t n)
{
    size_t waiting = (size_t)(s->total % BLOCK);
    s->total += n;
    if (waiting > 0) {
        size_t part = BLOCK - waiting < n ? BLOCK - waiting : n;
        memcpy(s->block + waiting, p, part);
        p += part;
        n -= part;
        if (waiting + part < BLOCK)
            return;
        blocks(s->h, s->block, 1);
    }
    blocks(s->h, p, n / BLOCK);
    if (n % BLOCK)
        memcpy(s->block, p + n / BLOCK * BLOCK, n % BLOCK);
}

void sha256_add(struct sha256 *s, const void *data, size_t n)
{
    struct state state;
    if (n == 0)
        return;
    memcpy(&state, s->opaque, sizeof(state));
    add(&state, data, n);
    memcpy(s->opaque, &state, sizeof(state));
}

void sha256_end_hex(struct sha256 *s, char hex[SHA256_HEX])
{
    static const unsigned char pad[BLOCK] = {0x80};
    struct state state;
    memcpy(&state, s->opaque, sizeof(state));
    uint64_t bits = state.total * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    add(&state, pad, 1 + (size_t)((2 * BLOCK - 1 - sizeof(length) - state.total % BLOCK) % BLOCK));
    add(&state, length, sizeof(length));
    for (int i = 0; i < SHA256_HEX - 1; i++)
        hex[i] = "0123456789abcdef"[state.h[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[SHA256_HEX - 1] = '\0';
    secret_wipe(&state, sizeof(state));
    secret_wipe(s, sizeof(*s));
}

void sha256_hex(const void *data, size_t n, char hex[SHA256_HEX])
{
    struct sha256 s;
    sha256_begin(&s);
    sha256_add(&s, data, n);
    sha256_end_hex(&s, hex);
}
