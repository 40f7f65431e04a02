/* The difference of a value and the binary16 nearest to it is a float32 without rounding, so a residual is
 * exact. */
#include "codec/compress/fp16.h"

#include "codec/compress/bits.h"
#include "codec/compress/lanes.h"

#if LANES_X86
#include <immintrin.h>
#endif

#define LARGEST 65504.0f
#define EXPONENT 0x7c00u
#define LEAST_BITS 0x33000001u /* above 2^-25: what is not rounded to zero */

uint16_t fp16_of(float x)
{
    uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000u, magnitude = bits & BITS_MAGNITUDE;
    if (magnitude <
        0x38800000u) /* a subnormal half: the last bit of a number around 0.5 is worth as much as its */
        return (uint16_t)(sign | (bits_of(bits_float(magnitude) + 0.5f) - 0x3f000000u));
    magnitude += 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (magnitude - 0x38000000u) >> 13);
}

float fp16_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    if (magnitude < 0x400u)
        return bits_float(sign | bits_of((float)magnitude * 0x1p-24f));
    return bits_float(sign | ((magnitude << 13) + 0x38000000u));
}

static float s_clamp(float x)
{
    return x > LARGEST ? LARGEST : x < -LARGEST ? -LARGEST : x;
}

/* Encodes [first, count), one by one. */
static void s_encode_rest(float *x, size_t first, size_t count, uint8_t *ret_bytes)
{
    for (size_t i = first; i < count; i++) {
        uint16_t half = fp16_of(s_clamp(x[i]));
        x[i] -= fp16_float(half);
        memcpy(ret_bytes + 2 * i, &half, 2);
    }
}

/* Decodes [first, count); not 0 when one of them is no number. */
static bool s_decode_rest(const uint8_t *bytes, size_t first, float *ret_x, size_t count)
{
    bool bad = false;
    for (size_t i = first; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, 2);
        bad |= (half & EXPONENT) == EXPONENT;
        ret_x[i] = fp16_float(half);
    }
    return !bad;
}

#if LANES_X86
LANES_TARGET_AVX2 static void s_encode_wide(float *x, size_t count, uint8_t *ret_bytes)
{
    const __m256 most = _mm256_set1_ps(LARGEST), least = _mm256_set1_ps(-LARGEST);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 have = _mm256_loadu_ps(x + i);
        __m128i half =
            _mm256_cvtps_ph(_mm256_max_ps(_mm256_min_ps(have, most), least), _MM_FROUND_TO_NEAREST_INT);
        _mm256_storeu_ps(x + i, _mm256_sub_ps(have, _mm256_cvtph_ps(half)));
        _mm_storeu_si128((__m128i *)(void *)(ret_bytes + 2 * i), half);
    }
    s_encode_rest(x, i, count, ret_bytes);
}

LANES_TARGET_AVX2 static bool s_decode_wide(const uint8_t *bytes, float *ret_x, size_t count)
{
    const __m128i exponent = _mm_set1_epi16((short)EXPONENT);
    __m128i bad = _mm_setzero_si128();
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 2 * i));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi16(_mm_and_si128(half, exponent), exponent));
        _mm256_storeu_ps(ret_x + i, _mm256_cvtph_ps(half));
    }
    return _mm_movemask_epi8(bad) == 0 && s_decode_rest(bytes, i, ret_x, count);
}
#endif

static size_t s_size_fp16(size_t count)
{
    return (count + count % 2) * 2;
}

static void s_encode_fp16(float *x, size_t count, uint8_t *ret_bytes)
{
    memset(ret_bytes + s_size_fp16(count) - 2, 0, 2);
#if LANES_X86
    if (lanes_used() != LANES_PLAIN) {
        s_encode_wide(x, count, ret_bytes);
        return;
    }
#endif
    s_encode_rest(x, 0, count, ret_bytes);
}

static err_code_t s_decode_fp16(const uint8_t *bytes, float *ret_x, size_t count)
{
    if (count % 2 && (bytes[2 * count] || bytes[2 * count + 1]))
        return ERR_MALFORMED;
#if LANES_X86
    if (lanes_used() != LANES_PLAIN)
        return s_decode_wide(bytes, ret_x, count) ? ERR_OK : ERR_NUMBER;
#endif
    return s_decode_rest(bytes, 0, ret_x, count) ? ERR_OK : ERR_NUMBER;
}

const encoding_blocks_t fp16_blocks = {
    .size = s_size_fp16, .least = LEAST_BITS, .encode = s_encode_fp16, .decode = s_decode_fp16};
