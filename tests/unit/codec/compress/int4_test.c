/* int4 against a plain reference in double, where its values lie, and the ends of its range. */
#include "codec/base/rng.h"
#include "codec/compress/bits.h"
#include "codec/compress/encoding.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#define COUNT 640
#define SCALED 64
#define BYTES_MOST 1000
#define LEAST 0x1.002p-120f

static float s_x[COUNT], s_back[COUNT], s_residual[COUNT];
static uint8_t s_bytes[BYTES_MOST];

static size_t s_encode(size_t count)
{
    const encoding_setting_t setting = {0};
    encoding_input_t input = {.count = count, .values = s_x, .ret_residual = s_residual};
    size_t size = 0;
    cr_assert_leq(encoding_size_most(encoding_named("int4"), &setting, count), BYTES_MOST);
    cr_assert_eq(encoding_encode(encoding_named("int4"), &setting, &input, s_bytes, &size, NULL), ERR_OK);
    return size;
}

/* There and back; every sum is exact, every residual a number. */
static void s_send(size_t count)
{
    size_t size = s_encode(count);
    buf_t *buf = buf_new_copy(s_bytes, size);
    slice_t slice = slice_of(buf, 0, size);
    cr_assert_eq(encoding_decode(encoding_named("int4"), &slice, 1, s_back, count, NULL), ERR_OK);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq((double)s_back[i] + (double)s_residual[i], (double)s_x[i]);
    slice_fini(&slice);
    buf_destroy(&buf);
}

static void s_fill(float value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        s_x[i] = value;
}

Test(int4, is_half_a_byte_for_each_value_and_two_for_each_scale)
{
    static const struct {
        size_t count, size;
    } rows[] = {{0, 0},        {1, 4 + 4},        {4, 4 + 4},    {5, 4 + 8},       {31, 4 + 32},
                {32, 4 + 32},  {33, 4 + 32},      {64, 4 + 32},  {65, 4 + 32 + 4}, {97, 4 + 64},
                {128, 4 + 64}, {129, 68 + 4 + 4}, {1024, 8 * 68}};
    const encoding_setting_t setting = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_eq(encoding_size_most(encoding_named("int4"), &setting, rows[i].count), rows[i].size,
                     "%zu values", rows[i].count);
}

/* Bytes on the wire may never change. */
Test(int4, has_these_bytes)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } want[] = {{0, 0x80}, {1, 0x3f}, /* scale 1 */
                {2, 0x00}, {3, 0x3f}, /* scale 0.5 */
                {4, 0x07}, {5, 0x0f}, {6, 0x90}, {35, 0x31}, {36, 0x09}, {67, 0x70}};
    s_fill(0, 128);
    s_x[0] = 7, s_x[1] = -1, s_x[2 + 32] = -7, s_x[31] = 1, s_x[63] = 3;
    s_x[64] = -3.5f, s_x[127] = 3.5f;
    cr_assert_eq(s_encode(128), 68);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        cr_assert_eq(s_bytes[want[i].at], want[i].byte, "byte %zu is %02x", want[i].at, s_bytes[want[i].at]);
        s_bytes[want[i].at] = 0;
    }
    for (size_t i = 0; i < 68; i++)
        cr_assert_eq(s_bytes[i], 0, "byte %zu", i);
}

/* -- the scale --------------------------------------------------------------------------------------------
 */

/* Of 64 values: the largest / 7.5 with 8 bits, then a multiple of the largest power of two that divides
 * all of them. */
static double s_scale(const float *x)
{
    double largest = 0, common = 0x1p100;
    int exponent;
    for (size_t i = 0; i < SCALED; i++) {
        largest = fmax(largest, fabs((double)x[i]));
        while (fmod((double)x[i], common) != 0)
            common /= 2;
    }
    if (largest == 0)
        return 0;
    double mantissa = frexp((double)((float)largest / 7.5f), &exponent);
    double scale = ldexp(ceil(ldexp(mantissa, 8)), exponent - 8);
    return ceil(scale / common) * common;
}

/* Between two integers it is not asked which. */
static void s_check(const char *what)
{
    s_send(COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        double scale = s_scale(s_x + i / SCALED * SCALED), have = (double)s_back[i];
        if (scale == 0) {
            cr_assert_eq(have, 0);
            continue;
        }
        double units = (double)s_x[i] / scale, integer = have / scale;
        cr_assert_eq(integer, nearbyint(integer), "%s: %g is no multiple of %g", what, have, scale);
        cr_assert(fabs(integer) <= 7);
        cr_assert(fabs(units - integer) <= 0.505, "%s: %g became %g", what, units, integer);
    }
}

Test(int4, is_as_a_plain_reference_of_it)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t round = 0; round < 100; round++) {
        uint64_t most = UINT64_C(1) << (1 + rng_below(&rng, 24));
        float unit = ldexpf(1, (int)rng_below(&rng, 40) - 20);
        for (size_t i = 0; i < COUNT; i++)
            s_x[i] = (float)rng_normal(&rng) * unit;
        s_check("normal");
        for (size_t i = 0; i < COUNT; i++)
            s_x[i] = ((float)rng_below(&rng, most) - (float)(most / 2)) * unit;
        s_check("integers");
        for (size_t i = 0; i < COUNT; i++)
            s_x[i] = rng_below(&rng, 10) ? 0 : unit * (float)(1 + rng_below(&rng, most));
        s_check("mostly zeros");
    }
}

Test(int4, keeps_small_integers_whole_and_what_is_left_of_large_ones_an_integer)
{
    for (int largest = 1; largest <= 7; largest++) {
        for (size_t i = 0; i < COUNT; i++)
            s_x[i] = (float)((int)i % (2 * largest + 1) - largest) * 0x1p-9f;
        s_send(COUNT);
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_eq(s_residual[i], 0, "%d: %g is left of %g", largest, (double)s_residual[i],
                         (double)s_x[i]);
    }
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t round = 0; round < 200; round++) {
        uint64_t most = UINT64_C(1) << (1 + rng_below(&rng, 24));
        for (size_t i = 0; i < COUNT; i++)
            s_x[i] = (float)rng_below(&rng, most);
        s_send(COUNT);
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_eq(s_residual[i], truncf(s_residual[i]), "%a is left of %a", (double)s_residual[i],
                         (double)s_x[i]);
    }
}

/* A coarser rule for the scale would not show elsewhere: residuals hide it. */
Test(int4, loses_as_little_as_was_measured)
{
    rng_t rng;
    double lost = 0, all = 0;
    rng_init(&rng, test_seed());
    for (size_t round = 0; round < 100; round++) {
        for (size_t i = 0; i < COUNT; i++)
            s_x[i] = (float)rng_normal(&rng);
        s_send(COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            lost += (double)s_residual[i] * (double)s_residual[i];
            all += (double)s_x[i] * (double)s_x[i];
        }
    }
    cr_assert(lost / all > 0.010 && lost / all < 0.0112, "%g of the square is lost", lost / all);
}

/* -- the ends of its range --------------------------------------------------------------------------------
 */

Test(int4, leaves_what_is_too_small_for_later)
{
    s_fill(0x1p-120f, SCALED);
    s_x[1] = 0x1p-149f;
    s_send(SCALED);
    for (size_t i = 0; i < SCALED; i++)
        cr_assert_eq(s_residual[i], s_x[i]);
    for (size_t i = 0; i < 36; i++)
        cr_assert_eq(s_bytes[i], 0, "a scale for nothing");
    s_x[63] = LEAST;
    s_send(SCALED);
    cr_assert_eq(s_back[63], 0x1p-119f);
    cr_assert_eq(s_back[0], 0);
    cr_assert_eq(bits_of(LEAST), 0x03801000u);
}

Test(int4, carries_the_largest_numbers)
{
    static const float large[] = {FLT_MAX, -FLT_MAX, 0x1p127f, 0x1.8p127f, 0x1p126f, 0x1.fep127f};
    for (size_t k = 0; k < sizeof large / sizeof *large; k++) {
        s_fill(0, SCALED);
        s_x[5] = large[k];
        s_x[6] = 1;
        s_send(SCALED);
        cr_assert(isfinite(s_back[5]) && fabsf(s_residual[5]) <= fabsf(large[k]) / 13);
        cr_assert_eq(s_back[6], 0);
        s_x[6] = 0;
        s_send(SCALED);
        cr_assert(isfinite(s_back[5]) && fabsf(s_residual[5]) <= fabsf(large[k]) / 13);
    }
}

/* Each power of two and its neighbours, alone and beside others: here roundings meet. */
Test(int4, is_exact_around_every_power_of_two)
{
    for (int exponent = -149; exponent < 128; exponent++) {
        float power = ldexpf(1, exponent);
        const float near[] = {power, nextafterf(power, 0),
                              nextafterf(power, power < FLT_MAX / 2 ? FLT_MAX : 0)};
        for (size_t k = 0; k < 3; k++)
            for (int beside = 0; beside < 14; beside++) {
                for (size_t i = 0; i < SCALED; i++)
                    s_x[i] = near[(i + k) % 3] * (i % 2 ? -1.0f : 1.0f) * (i < 40 ? 0.5f : 0.25f);
                s_x[63] = near[k] / 14 * (float)beside;
                s_send(SCALED);
            }
    }
}
