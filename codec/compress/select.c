#include "codec/compress/select.h"

#include "codec/compress/bits.h"
#include "codec/compress/lanes.h"

#include <stdbool.h>

#if LANES_X86
#include <immintrin.h>
#endif

#define BLOCK 1024u /* values looked through at a time */
#define FINE 1024u  /* classes of a class */

/* -- finding ----------------------------------------------------------------------------------------------
 */

/* From x[first] on. Written without a branch: a larger one comes when nobody expects it. */
static size_t s_find_rest(const float *x, size_t first, size_t count, uint32_t least, uint32_t end,
                          uint32_t *ret_indices)
{
    size_t found = 0;
    for (size_t i = first; i < count; i++) {
        uint32_t magnitude = bits_of(x[i]) & BITS_MAGNITUDE;
        ret_indices[found] = (uint32_t)i;
        found += magnitude >= least && magnitude < end;
    }
    return found;
}

#if LANES_X86
/* Magnitudes are below 2^31, so signed comparisons do. */
LANES_TARGET_AVX2 static size_t s_find_avx2(const float *x, size_t count, uint32_t least, uint32_t end,
                                            uint32_t *ret_indices)
{
    const __m256i mask = _mm256_set1_epi32(BITS_MAGNITUDE), below = _mm256_set1_epi32((int)least - 1),
                  above = _mm256_set1_epi32((int)end);
    size_t found = 0, i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256i have = _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x + i)), mask);
        __m256i inside = _mm256_and_si256(_mm256_cmpgt_epi32(have, below), _mm256_cmpgt_epi32(above, have));
        unsigned hits = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(inside));
        for (; hits; hits &= hits - 1)
            ret_indices[found++] = (uint32_t)i + (uint32_t)__builtin_ctz(hits);
    }
    return found + s_find_rest(x, i, count, least, end, ret_indices + found);
}

LANES_TARGET_AVX512 static size_t s_find_avx512(const float *x, size_t count, uint32_t least, uint32_t end,
                                                uint32_t *ret_indices)
{
    const __m512i mask = _mm512_set1_epi32(BITS_MAGNITUDE), from = _mm512_set1_epi32((int)least),
                  to = _mm512_set1_epi32((int)end);
    size_t found = 0, i = 0;
    for (; i + 16 <= count; i += 16) {
        __m512i have = _mm512_and_epi32(_mm512_loadu_si512(x + i), mask);
        unsigned hits = _mm512_cmpge_epi32_mask(have, from) & _mm512_cmplt_epi32_mask(have, to);
        for (; hits; hits &= hits - 1)
            ret_indices[found++] = (uint32_t)i + (uint32_t)__builtin_ctz(hits);
    }
    return found + s_find_rest(x, i, count, least, end, ret_indices + found);
}
#endif

size_t select_find(const float *x, size_t count, uint32_t least, uint32_t end, uint32_t *ret_indices)
{
#if LANES_X86
    if (lanes_used() == LANES_AVX512)
        return s_find_avx512(x, count, least, end, ret_indices);
    if (lanes_used() == LANES_AVX2)
        return s_find_avx2(x, count, least, end, ret_indices);
#endif
    return s_find_rest(x, 0, count, least, end, ret_indices);
}

static bool s_beyond(float x, float scale, float factor, uint32_t least)
{
    uint32_t magnitude = bits_of(x) & BITS_MAGNITUDE;
    return (magnitude >= least) &
           (bits_float(magnitude) > factor * bits_float(bits_of(scale) & BITS_MAGNITUDE));
}

static size_t s_find_beyond_rest(const float *x, const float *scale, size_t first, size_t count, float factor,
                                 uint32_t least, uint32_t *ret_indices)
{
    size_t found = 0;
    for (size_t i = first; i < count; i++) {
        ret_indices[found] = (uint32_t)i;
        found += s_beyond(x[i], scale[i], factor, least);
    }
    return found;
}

#if LANES_X86
LANES_TARGET_AVX2 static size_t s_find_beyond_avx2(const float *x, const float *scale, size_t count,
                                                   float factor, uint32_t least, uint32_t *ret_indices)
{
    const __m256i mask = _mm256_set1_epi32(BITS_MAGNITUDE), below = _mm256_set1_epi32((int)least - 1);
    const __m256 factors = _mm256_set1_ps(factor);
    size_t found = 0, i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256i have = _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x + i)), mask);
        __m256i against = _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(scale + i)), mask);
        __m256 limit = _mm256_mul_ps(factors, _mm256_castsi256_ps(against));
        __m256 beyond = _mm256_cmp_ps(_mm256_castsi256_ps(have), limit, _CMP_GT_OQ);
        __m256i good = _mm256_and_si256(_mm256_cmpgt_epi32(have, below), _mm256_castps_si256(beyond));
        unsigned hits = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(good));
        for (; hits; hits &= hits - 1)
            ret_indices[found++] = (uint32_t)i + (uint32_t)__builtin_ctz(hits);
    }
    return found + s_find_beyond_rest(x, scale, i, count, factor, least, ret_indices + found);
}
#endif

size_t select_find_beyond(const float *x, const float *scale, size_t count, float factor, uint32_t least,
                          uint32_t *ret_indices)
{
#if LANES_X86
    if (lanes_used() == LANES_AVX2 || lanes_used() == LANES_AVX512)
        return s_find_beyond_avx2(x, scale, count, factor, least, ret_indices);
#endif
    return s_find_beyond_rest(x, scale, 0, count, factor, least, ret_indices);
}

/* -- counting ---------------------------------------------------------------------------------------------
 */

void select_add(select_t *self, const float *x, size_t count)
{
    size_t i = 0;
    for (; i + SELECT_TABLES <= count; i += SELECT_TABLES)
        for (size_t t = 0; t < SELECT_TABLES; t++)
            self->counts[t][(bits_of(x[i + t]) & BITS_MAGNITUDE) >> 20]++;
    for (; i < count; i++)
        self->counts[0][(bits_of(x[i]) & BITS_MAGNITUDE) >> 20]++;
}

/* The class in which the k-th largest lies; *ret_above grows by how many are in the classes above it. */
static uint32_t s_class(const uint64_t *counts, uint32_t classes, size_t k, size_t *ret_above)
{
    uint32_t class = classes - 1;
    while (class > 0 && *ret_above + counts[class] < k)
        *ret_above += counts[class --];
    return class;
}

/* Looks at the members of a class alone: those whose bits are in [least, least + FINE << shift). */
static uint32_t s_refine(const float *x, size_t count, uint32_t least, unsigned shift, size_t k,
                         size_t *ret_above)
{
    uint64_t counts[FINE] = {0};
    uint32_t indices[BLOCK];
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t n = count - first < BLOCK ? count - first : BLOCK;
        size_t found = select_find(x + first, n, least, least + (FINE << shift), indices);
        for (size_t i = 0; i < found; i++)
            counts[((bits_of(x[first + indices[i]]) & BITS_MAGNITUDE) - least) >> shift]++;
    }
    return least + (s_class(counts, FINE, k, ret_above) << shift);
}

uint32_t select_threshold(const select_t *self, const float *x, size_t count, size_t k, size_t *ret_above)
{
    uint64_t counts[SELECT_CLASSES] = {0};
    for (size_t t = 0; t < SELECT_TABLES; t++)
        for (size_t c = 0; c < SELECT_CLASSES; c++)
            counts[c] += self->counts[t][c];
    *ret_above = 0;
    uint32_t least = s_class(counts, SELECT_CLASSES, k, ret_above) << 20;
    least = s_refine(x, count, least, 10, k, ret_above);
    return s_refine(x, count, least, 0, k, ret_above);
}
