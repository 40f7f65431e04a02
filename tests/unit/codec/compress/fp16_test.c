/* Conversions of halves against their definition, for every half there is. */
#include "codec/compress/fp16.h"
#include "codec/base/rng.h"
#include "codec/compress/bits.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <math.h>

/* IEEE 754: (-1)^s 2^(e-15) (1 + m/1024), and for e = 0 (-1)^s 2^-14 m/1024. */
static double s_definition(unsigned half)
{
    int exponent = (int)(half >> 10 & 31);
    double mantissa = (half & 1023) / 1024.0, sign = half & 0x8000 ? -1 : 1;
    return sign * (exponent ? ldexp(1 + mantissa, exponent - 15) : ldexp(mantissa, -14));
}

Test(fp16, every_half_is_its_value_and_comes_back)
{
    for (unsigned half = 0; half < 0x10000; half++) {
        if ((half & 0x7c00) == 0x7c00)
            continue;
        cr_assert_eq((double)fp16_float((uint16_t)half), s_definition(half), "%x", half);
        cr_assert_eq(fp16_of(fp16_float((uint16_t)half)), half, "%x", half);
    }
}

/* Between two neighbours the nearer one is taken, and half-way the even one. */
Test(fp16, rounds_to_the_nearest_and_ties_to_even)
{
    for (unsigned half = 0; half < 0x7bff; half++) {
        double low = s_definition(half), high = s_definition(half + 1), middle = (low + high) / 2;
        float tie = (float)middle;
        cr_assert_eq((double)tie, middle);
        cr_assert_eq(fp16_of(tie), half + half % 2, "%x", half);
        cr_assert_eq(fp16_of(-nextafterf(tie, 0)), 0x8000 + half, "%x", half);
        cr_assert_eq(fp16_of(nextafterf(tie, 1e9f)), half + 1, "%x", half);
    }
}

Test(fp16, what_is_too_large_becomes_the_largest)
{
    float x[] = {1e30f, -70000, 65520, 65519, 3}, back[5];
    uint8_t bytes[12];
    fp16_blocks.encode(x, 5, bytes);
    cr_assert_eq(fp16_blocks.decode(bytes, back, 5), ERR_OK);
    const float expected[] = {65504, -65504, 65504, 65504, 3}, left[] = {1e30f, -4496, 16, 15, 0};
    for (size_t i = 0; i < 5; i++)
        cr_assert(back[i] == expected[i] && x[i] == left[i], "%g, %g", (double)back[i], (double)x[i]);
}
