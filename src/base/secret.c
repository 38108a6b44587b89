#include "base/secret.h"

#include "base/text.h"

#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void ready(void)
{
    /* Cheap after the first call and safe from any thread; without random numbers nothing here may go on. */
    if (sodium_init() < 0)
        abort();
}

void blake2b(unsigned char out[BLAKE2B_BYTES], const void *data, size_t n, const void *key, size_t key_n)
{
    assert(key_n <= crypto_generichash_KEYBYTES_MAX);
    ready();
    crypto_generichash(out, BLAKE2B_BYTES, data, n, key, key_n);
}

/* Tests repeat themselves: with a frozen clock and $CLINIC_SEED the nth request of a process is always the same. */
static bool seeded(void *out, size_t n)
{
    static atomic_ullong requests;
    const char *seed = secure_getenv("CLINIC_SEED"), *clock = secure_getenv("CLINIC_CLOCK");
    if (!seed || !*seed || !clock || !*clock)
        return false;
    unsigned char key[randombytes_SEEDBYTES];
    unsigned long long request = atomic_fetch_add(&requests, 1);
    static_assert(sizeof(key) == BLAKE2B_BYTES, "one hash makes one seed");
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof(key));
    crypto_generichash_update(&state, (const unsigned char *)seed, strlen(seed));
    crypto_generichash_update(&state, (const unsigned char *)&request, sizeof(request));
    crypto_generichash_final(&state, key, sizeof(key));
    randombytes_buf_deterministic(out, n, key);
    return true;
}

void secret_random(void *out, size_t n)
{
    ready();
    if (!seeded(out, n))
        randombytes_buf(out, n);
}

void secret_random_hex(char *out, size_t hex_n)
{
    unsigned char bytes[32];
    size_t done = 0;
    while (done < hex_n) {
        size_t part = hex_n - done < 2 * sizeof(bytes) ? hex_n - done : 2 * sizeof(bytes);
        secret_random(bytes, (part + 1) / 2);
        for (size_t i = 0; i < part; i++)
            out[done + i] = "0123456789abcdef"[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
        done += part;
    }
    out[hex_n] = '\0';
    sodium_memzero(bytes, sizeof(bytes));
}

void secret_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void base64_add(struct buf *b, const void *data, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    while (n > 0) {
        size_t part = n < 3 ? n : 3;
        unsigned v = (unsigned)p[0] << 16 | (part > 1 ? (unsigned)p[1] << 8 : 0) | (part > 2 ? p[2] : 0u);
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], part > 1 ? alphabet[v >> 6 & 63] : '=',
                        part > 2 ? alphabet[v & 63] : '='};
        buf_add(b, four, 4);
        p += part;
        n -= part;
    }
}
