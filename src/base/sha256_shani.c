/* SHA-256 with the SHA instructions ("Intel SHA Extensions", S. Gulley et al., 2013). They keep the hash value as the
 * two vectors ABEF and CDGH, and do two rounds at a time. */
#include "base/sha256.h"

#include <immintrin.h>

/* Rounds 4i to 4i+3 with the message words m0, which are handed on. */
static inline __m128i four_rounds(__m128i *abef, __m128i *cdgh, __m128i m0, int i)
{
    __m128i wk = _mm_add_epi32(m0, _mm_loadu_si128((const __m128i *)(const void *)(sha256_k + 4 * i)));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, wk);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(wk, 0x0E));
    return m0;
}

/* w[t..t+3] from the sixteen words before them. */
static inline __m128i next_words(__m128i m0, __m128i m1, __m128i m2, __m128i m3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(m0, m1), _mm_alignr_epi8(m3, m2, 4));
    return _mm_sha256msg2_epu32(sum, m3);
}

void sha256_blocks_shani(uint32_t h[8], const unsigned char *p, size_t n)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(h + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
    for (; n > 0; n--, p += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i m[4];
        for (int i = 0; i < 4; i++) {
            m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), big_endian);
            four_rounds(&abef, &cdgh, m[i], i);
        }
        for (int i = 4; i < 16; i += 4) {
            m[0] = four_rounds(&abef, &cdgh, next_words(m[0], m[1], m[2], m[3]), i);
            m[1] = four_rounds(&abef, &cdgh, next_words(m[1], m[2], m[3], m[0]), i + 1);
            m[2] = four_rounds(&abef, &cdgh, next_words(m[2], m[3], m[0], m[1]), i + 2);
            m[3] = four_rounds(&abef, &cdgh, next_words(m[3], m[0], m[1], m[2]), i + 3);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}
