/* The AVX2 kernels' twin for machines of before 2013: half registers, two rows at a time. */
#include "resize_pil.h"

#include <smmintrin.h>
#include <string.h>

enum { ROWS = 2 };

static inline __m128i join(__m128i lo, __m128i hi)
{
    return _mm_add_epi32(lo, _mm_slli_epi32(hi, PIL_LOW_BITS));
}

static inline __m128i load128(const void *p)
{
    return _mm_loadu_si128(p);
}

/* Four sums -> four bytes, rounded and clipped. */
static inline uint32_t finish(__m128i sums)
{
    sums = _mm_add_epi32(sums, _mm_set1_epi32(1 << (PIL_PRECISION_BITS - 1)));
    sums = _mm_srai_epi32(sums, PIL_PRECISION_BITS);
    sums = _mm_packs_epi32(sums, sums);
    return (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(sums, sums));
}

/* One channel: 8 taps a step. */
static void grey_rows(const uint8_t *const in[ROWS], uint8_t *const out[ROWS], int32_t rows_n, const struct pil_axis *a)
{
    for (int32_t x = 0; x < a->out_n; x++) {
        const int16_t *lo = a->lo + (size_t)x * (size_t)a->taps_n;
        const int16_t *hi = a->hi + (size_t)x * (size_t)a->taps_n;
        __m128i slo[ROWS], shi[ROWS];
        for (int r = 0; r < ROWS; r++) {
            slo[r] = shi[r] = _mm_setzero_si128();
        }
        for (int32_t i = 0; i < a->count[x]; i += 8) {
            __m128i klo = load128(lo + i), khi = load128(hi + i);
            for (int r = 0; r < ROWS; r++) {
                __m128i px = _mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)(in[r] + a->first[x] + i)));
                slo[r] = _mm_add_epi32(slo[r], _mm_madd_epi16(px, klo));
                shi[r] = _mm_add_epi32(shi[r], _mm_madd_epi16(px, khi));
            }
        }
        __m128i s = _mm_hadd_epi32(join(slo[0], shi[0]), join(slo[1], shi[1]));
        uint32_t bytes = finish(_mm_hadd_epi32(s, s));
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

/* Three or four channels: two pixels a step, samples of one channel side by side. */
static void colour_rows(const uint8_t *const in[ROWS], uint8_t *const out[ROWS], int32_t rows_n, int32_t channels,
                        const struct pil_axis *a)
{
    const __m128i rgb = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
    const __m128i rgba = _mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1);
    const __m128i order = channels == 3 ? rgb : rgba;
    for (int32_t x = 0; x < a->out_n; x++) {
        const int16_t *lo = a->lo + (size_t)x * (size_t)a->taps_n;
        const int16_t *hi = a->hi + (size_t)x * (size_t)a->taps_n;
        size_t from = (size_t)a->first[x] * (size_t)channels;
        __m128i slo[ROWS], shi[ROWS];
        for (int r = 0; r < ROWS; r++) {
            slo[r] = shi[r] = _mm_setzero_si128();
        }
        for (int32_t i = 0; i < a->count[x]; i += 2, from += 2 * (size_t)channels) {
            int32_t pair_lo, pair_hi;
            memcpy(&pair_lo, lo + i, sizeof pair_lo);
            memcpy(&pair_hi, hi + i, sizeof pair_hi);
            __m128i klo = _mm_set1_epi32(pair_lo), khi = _mm_set1_epi32(pair_hi);
            for (int r = 0; r < ROWS; r++) {
                __m128i px = _mm_shuffle_epi8(_mm_loadl_epi64((const void *)(in[r] + from)), order);
                slo[r] = _mm_add_epi32(slo[r], _mm_madd_epi16(px, klo));
                shi[r] = _mm_add_epi32(shi[r], _mm_madd_epi16(px, khi));
            }
        }
        for (int r = 0; r < rows_n; r++) {
            uint32_t bytes = finish(join(slo[r], shi[r]));
            put(out[r] + (size_t)x * (size_t)channels, bytes, channels);
        }
    }
}

void image_pil_rows_sse41(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride, int32_t rows_n,
                          int32_t channels, const struct pil_axis *a)
{
    if (channels == 2) {
        image_pil_rows_scalar(in, in_stride, out, out_stride, rows_n, channels, a);
        return;
    }
    for (int32_t y = 0; y < rows_n; y += ROWS) {
        int32_t n = rows_n - y < ROWS ? 1 : ROWS;
        const uint8_t *const from[ROWS] = {in + (size_t)y * in_stride, in + (size_t)(y + n - 1) * in_stride};
        uint8_t *const to[ROWS] = {out + (size_t)y * out_stride, out + (size_t)(y + n - 1) * out_stride};
        if (channels == 1) {
            grey_rows(from, to, n, a);
        } else {
            colour_rows(from, to, n, channels, a);
        }
    }
}

void image_pil_column_sse41(const uint8_t *in, size_t stride, uint8_t *out, size_t n, const struct pil_axis *a,
                            int32_t y)
{
    size_t k0 = (size_t)y * (size_t)a->taps_n, x = 0;
    const uint8_t *from = in + (size_t)a->first[y] * stride;
    const __m128i half = _mm_set1_epi32(1 << (PIL_PRECISION_BITS - 1));
    for (; x + 8 <= n; x += 8) {
        __m128i alo = half, ahi = _mm_setzero_si128(), blo = half, bhi = ahi;
        for (int32_t i = 0; i < a->count[y]; i += 2) {
            const uint8_t *row = from + (size_t)i * stride + x;
            __m128i p = _mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)row));
            __m128i q = p; /* an odd last row meets a zero coefficient */
            if (i + 1 < a->count[y]) {
                q = _mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)(row + stride)));
            }
            int32_t pair_lo, pair_hi;
            memcpy(&pair_lo, a->lo + k0 + (size_t)i, sizeof pair_lo);
            memcpy(&pair_hi, a->hi + k0 + (size_t)i, sizeof pair_hi);
            __m128i klo = _mm_set1_epi32(pair_lo), khi = _mm_set1_epi32(pair_hi);
            __m128i left = _mm_unpacklo_epi16(p, q), right = _mm_unpackhi_epi16(p, q);
            alo = _mm_add_epi32(alo, _mm_madd_epi16(left, klo));
            ahi = _mm_add_epi32(ahi, _mm_madd_epi16(left, khi));
            blo = _mm_add_epi32(blo, _mm_madd_epi16(right, klo));
            bhi = _mm_add_epi32(bhi, _mm_madd_epi16(right, khi));
        }
        __m128i left = _mm_srai_epi32(join(alo, ahi), PIL_PRECISION_BITS);
        __m128i right = _mm_srai_epi32(join(blo, bhi), PIL_PRECISION_BITS);
        __m128i words = _mm_packs_epi32(left, right);
        _mm_storel_epi64((void *)(out + x), _mm_packus_epi16(words, words));
    }
    if (x < n) {
        image_pil_column_scalar(in + x, stride, out + x, n - x, a, y);
    }
}
