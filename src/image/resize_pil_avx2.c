/* Four rows at a time, so that a coefficient is loaded once for all of them. A sum is kept in two halves (see pil_axis)
 * that are joined at the end. */
#include "resize_pil.h"

#include <immintrin.h>
#include <string.h>

enum { ROWS = 4 };

static inline __m256i join(__m256i lo, __m256i hi)
{
    return _mm256_add_epi32(lo, _mm256_slli_epi32(hi, PIL_LOW_BITS));
}

static inline __m256i load256(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* Four sums -> four bytes, rounded and clipped. */
static inline uint32_t finish(__m128i sums)
{
    sums = _mm_add_epi32(sums, _mm_set1_epi32(1 << (PIL_PRECISION_BITS - 1)));
    sums = _mm_srai_epi32(sums, PIL_PRECISION_BITS);
    sums = _mm_packs_epi32(sums, sums);
    return (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sums, sums));
}

/* One channel: 16 taps a step. */
static void grey_rows(const uint8_t *const in[ROWS], uint8_t *const out[ROWS], int32_t rows_n, const struct pil_axis *a)
{
    for (int32_t x = 0; x < a->out_n; x++) {
        const int16_t *lo = a->lo + (size_t)x * (size_t)a->taps_n;
        const int16_t *hi = a->hi + (size_t)x * (size_t)a->taps_n;
        __m256i slo[ROWS], shi[ROWS];
        for (int r = 0; r < ROWS; r++) {
            slo[r] = shi[r] = _mm256_setzero_si256();
        }
        for (int32_t i = 0; i < a->count[x]; i += 16) {
            __m256i klo = load256(lo + i), khi = load256(hi + i);
            for (int r = 0; r < ROWS; r++) {
                __m256i px = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)(in[r] + a->first[x] + i)));
                slo[r] = _mm256_add_epi32(slo[r], _mm256_madd_epi16(px, klo));
                shi[r] = _mm256_add_epi32(shi[r], _mm256_madd_epi16(px, khi));
            }
        }
        __m256i s01 = _mm256_hadd_epi32(join(slo[0], shi[0]), join(slo[1], shi[1]));
        __m256i s23 = _mm256_hadd_epi32(join(slo[2], shi[2]), join(slo[3], shi[3]));
        __m256i s = _mm256_hadd_epi32(s01, s23);
        uint32_t bytes = finish(_mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1)));
        for (int r = 0; r < rows_n; r++) {
            out[r][x] = (uint8_t)(bytes >> (8 * r));
        }
    }
}

/* A call of memcpy for a length that is not known here would cost as much as the sums. */
static inline void put(uint8_t *to, uint32_t bytes, int32_t channels)
{
    if (channels == 4) {
        memcpy(to, &bytes, 4);
        return;
    }
    memcpy(to, &bytes, 2);
    to[2] = (uint8_t)(bytes >> 16);
}

/* Three or four channels: four pixels a step, two per half register, samples of one channel side by side. */
static void colour_rows(const uint8_t *const in[ROWS], uint8_t *const out[ROWS], int32_t rows_n, int32_t channels,
                        const struct pil_axis *a)
{
    const __m256i rgb = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7, -1,
                                         10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m256i rgba = _mm256_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1, 8, -1, 12, -1, 9, -1,
                                          13, -1, 10, -1, 14, -1, 11, -1, 15, -1);
    const __m256i order = channels == 3 ? rgb : rgba;
    const __m256i spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    for (int32_t x = 0; x < a->out_n; x++) {
        const int16_t *lo = a->lo + (size_t)x * (size_t)a->taps_n;
        const int16_t *hi = a->hi + (size_t)x * (size_t)a->taps_n;
        size_t from = (size_t)a->first[x] * (size_t)channels;
        __m256i slo[ROWS], shi[ROWS];
        for (int r = 0; r < ROWS; r++) {
            slo[r] = shi[r] = _mm256_setzero_si256();
        }
        for (int32_t i = 0; i < a->count[x]; i += 4, from += 4 * (size_t)channels) {
            __m256i klo = _mm256_castsi128_si256(_mm_loadl_epi64((const void *)(lo + i)));
            __m256i khi = _mm256_castsi128_si256(_mm_loadl_epi64((const void *)(hi + i)));
            klo = _mm256_permutevar8x32_epi32(klo, spread);
            khi = _mm256_permutevar8x32_epi32(khi, spread);
            for (int r = 0; r < ROWS; r++) {
                __m256i px = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)(in[r] + from)));
                px = _mm256_shuffle_epi8(px, order);
                slo[r] = _mm256_add_epi32(slo[r], _mm256_madd_epi16(px, klo));
                shi[r] = _mm256_add_epi32(shi[r], _mm256_madd_epi16(px, khi));
            }
        }
        for (int r = 0; r < rows_n; r++) {
            __m256i s = join(slo[r], shi[r]);
            uint32_t bytes = finish(_mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1)));
            put(out[r] + (size_t)x * (size_t)channels, bytes, channels);
        }
    }
}

void image_pil_rows_avx2(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride, int32_t rows_n,
                         int32_t channels, const struct pil_axis *a)
{
    if (channels == 2) {
        image_pil_rows_scalar(in, in_stride, out, out_stride, rows_n, channels, a);
        return;
    }
    for (int32_t y = 0; y < rows_n; y += ROWS) {
        int32_t n = rows_n - y < ROWS ? rows_n - y : ROWS;
        const uint8_t *from[ROWS];
        uint8_t *to[ROWS];
        for (int r = 0; r < ROWS; r++) {
            int32_t row = y + (r < n ? r : n - 1); /* missing rows repeat the last one, unused */
            from[r] = in + (size_t)row * in_stride;
            to[r] = out + (size_t)row * out_stride;
        }
        if (channels == 1) {
            grey_rows(from, to, n, a);
        } else {
            colour_rows(from, to, n, channels, a);
        }
    }
}

void image_pil_column_avx2(const uint8_t *in, size_t stride, uint8_t *out, size_t n, const struct pil_axis *a,
                           int32_t y)
{
    size_t k0 = (size_t)y * (size_t)a->taps_n, x = 0;
    const uint8_t *from = in + (size_t)a->first[y] * stride;
    const __m256i half = _mm256_set1_epi32(1 << (PIL_PRECISION_BITS - 1));
    for (; x + 16 <= n; x += 16) {
        __m256i alo = half, ahi = _mm256_setzero_si256(), blo = half, bhi = ahi;
        for (int32_t i = 0; i < a->count[y]; i += 2) {
            const uint8_t *row = from + (size_t)i * stride + x;
            __m256i p = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)row));
            __m256i q = p; /* an odd last row meets a zero coefficient */
            if (i + 1 < a->count[y]) {
                q = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)(row + stride)));
            }
            int32_t pair_lo, pair_hi;
            memcpy(&pair_lo, a->lo + k0 + (size_t)i, sizeof pair_lo);
            memcpy(&pair_hi, a->hi + k0 + (size_t)i, sizeof pair_hi);
            __m256i klo = _mm256_set1_epi32(pair_lo), khi = _mm256_set1_epi32(pair_hi);
            __m256i left = _mm256_unpacklo_epi16(p, q), right = _mm256_unpackhi_epi16(p, q);
            alo = _mm256_add_epi32(alo, _mm256_madd_epi16(left, klo));
            ahi = _mm256_add_epi32(ahi, _mm256_madd_epi16(left, khi));
            blo = _mm256_add_epi32(blo, _mm256_madd_epi16(right, klo));
            bhi = _mm256_add_epi32(bhi, _mm256_madd_epi16(right, khi));
        }
        __m256i left = _mm256_srai_epi32(join(alo, ahi), PIL_PRECISION_BITS);
        __m256i right = _mm256_srai_epi32(join(blo, bhi), PIL_PRECISION_BITS);
        __m256i words = _mm256_packs_epi32(left, right);
        __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0xd8);
        _mm_storeu_si128((void *)(out + x), _mm256_castsi256_si128(bytes));
    }
    if (x < n) {
        image_pil_column_scalar(in + x, stride, out + x, n - x, a, y);
    }
}
