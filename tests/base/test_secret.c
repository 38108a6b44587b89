#include "base/secret.h"
#include "base/sha256.h"
#include "base/text.h"

#include "support.h"

#include <cpuid.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* FIPS 180-2, appendix B, and the empty message. */
static void sha256_of_the_standard(void **state)
{
    (void)state;
    static const char *const messages[] = {"", "abc", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"};
    static const char *const digests[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                                          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"};
    char hex[SHA256_HEX];
    for (size_t i = 0; i < ARRAY_N(messages); i++) {
        sha256_hex(messages[i], strlen(messages[i]), hex);
        assert_string_equal(hex, digests[i]);
    }
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    sha256_hex(million, 1000000, hex);
    free(million);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The two inner loops, and libsodium's, agree on every tail. */
static void sha256_rows_agree(void **state)
{
    (void)state;
    unsigned char data[64 * 40 + 3];
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
    for (size_t n = 0; n < 400; n++) {
        unsigned char digest[crypto_hash_sha256_BYTES];
        char hex[SHA256_HEX], ours[SHA256_HEX];
        crypto_hash_sha256(digest, data, n);
        sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
        sha256_hex(data, n, ours);
        assert_string_equal(ours, hex);
    }
    unsigned a, b = 0, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & (1u << 29))) {
        print_message("skipped: this processor has no SHA instructions\n");
        skip();
    }
    for (size_t blocks_n = 0; blocks_n <= 40; blocks_n++) {
        uint32_t scalar[8] = {1, 2, 3, 4, 5, 6, 7, 0xFFFFFFFF}, vector[8];
        memcpy(vector, scalar, sizeof(vector));
        sha256_blocks_scalar(scalar, data + 3, blocks_n);
        sha256_blocks_shani(vector, data + 3, blocks_n);
        assert_memory_equal(scalar, vector, sizeof(scalar));
    }
}

static void sha256_in_pieces(void **state)
{
    (void)state;
    unsigned char data[300];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7);
    for (size_t n = 0; n <= sizeof(data); n++) {
        char whole[SHA256_HEX], pieces[SHA256_HEX];
        sha256_hex(data, n, whole);
        for (size_t step = 1; step < 200; step += 31) {
            struct sha256 s;
            sha256_begin(&s);
            for (size_t at = 0; at < n; at += step)
                sha256_add(&s, data + at, n - at < step ? n - at : step);
            sha256_end_hex(&s, pieces);
            assert_string_equal(pieces, whole);
        }
    }
}

/* RFC 7693 gives BLAKE2b-512; these are BLAKE2b-256 of "abc", and keyed, as Python's hashlib.blake2b writes them. */
static void blake2b_of_the_reference(void **state)
{
    (void)state;
    unsigned char out[BLAKE2B_BYTES];
    char hex[2 * BLAKE2B_BYTES + 1];
    blake2b(out, "abc", 3, NULL, 0);
    for (size_t i = 0; i < sizeof(out); i++)
        snprintf(hex + 2 * i, 3, "%02x", out[i]);
    assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    blake2b(out, "abc", 3, "key of the chain", 16);
    for (size_t i = 0; i < sizeof(out); i++)
        snprintf(hex + 2 * i, 3, "%02x", out[i]);
    assert_string_equal(hex, "7c50bb32cc107d7e6b163ea437bcb7d67395ea25c1119bee916d5ef7c8e8a5aa");
}

static void random_differs(void **state)
{
    (void)state;
    unsigned char a[32] = {0}, b[32] = {0}, none[32] = {0};
    secret_random(a, sizeof(a));
    secret_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, none, sizeof(a));
    char hex[100];
    for (size_t n = 0; n < 99; n++) {
        memset(hex, 'Z', sizeof(hex));
        secret_random_hex(hex, n);
        assert_int_equal(strspn(hex, "0123456789abcdef"), n);
        assert_int_equal(hex[n], '\0');
    }
}

static void seed_needs_a_frozen_clock(void **state)
{
    (void)state;
    unsigned char a[16], b[16];
    setenv("CLINIC_SEED", "7", 1);
    secret_random(a, sizeof(a));
    secret_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    setenv("CLINIC_CLOCK", "2026-03-02T10:14:00Z", 1);
    secret_random(a, sizeof(a));
    secret_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a)); /* a sequence, not one number */
    unsetenv("CLINIC_CLOCK");
    unsetenv("CLINIC_SEED");
}

/* What another process draws with this seed. */
static void draw_elsewhere(const char *seed, char line[80])
{
    char self[4096] = "", command[4200];
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    str_format(command, sizeof(command), "'%s' draw", self);
    setenv("CLINIC_SEED", seed, 1);
    setenv("CLINIC_CLOCK", "2026-03-02T10:14:00Z", 1);
    FILE *child = popen(command, "r");
    assert_non_null(child);
    assert_non_null(fgets(line, 80, child));
    pclose(child);
    unsetenv("CLINIC_CLOCK");
    unsetenv("CLINIC_SEED");
}

static void seeded_processes_agree(void **state)
{
    (void)state;
    char one[80], again[80], other[80];
    draw_elsewhere("7", one);
    draw_elsewhere("7", again);
    draw_elsewhere("8", other);
    assert_int_equal(strlen(one), 33);
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
}

static void wiped_and_compared(void **state)
{
    (void)state;
    char secret[] = "hunter2";
    assert_true(secret_equal(secret, "hunter2", 7));
    assert_false(secret_equal(secret, "hunter3", 7));
    assert_true(secret_equal(secret, "x", 0));
    secret_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++)
        assert_int_equal(secret[i], 0);
}

/* RFC 4648, section 10. */
static void base64_of_the_standard(void **state)
{
    (void)state;
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xfb\xff\xfe"};
    static const char *const coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy", "+//+"};
    for (size_t i = 0; i < ARRAY_N(plain); i++) {
        struct buf b = {0};
        buf_puts(&b, ">");
        base64_add(&b, plain[i], strlen(plain[i]));
        OK(buf_check(&b, NULL));
        assert_string_equal(b.data + 1, coded[i]);
        buf_free(&b);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && str_eq(argv[1], "draw")) {
        char hex[33];
        secret_random_hex(hex, 32);
        puts(hex);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_the_standard), cmocka_unit_test(sha256_in_pieces),
        cmocka_unit_test(sha256_rows_agree),      cmocka_unit_test(blake2b_of_the_reference),
        cmocka_unit_test(random_differs),         cmocka_unit_test(seed_needs_a_frozen_clock),
        cmocka_unit_test(seeded_processes_agree), cmocka_unit_test(wiped_and_compared),
        cmocka_unit_test(base64_of_the_standard),
    };
    return RUN(tests);
}
