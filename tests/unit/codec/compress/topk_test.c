/* Which values topk takes, against a plain sort, and what their indices cost. */
#include "codec/compress/topk.h"
#include "codec/base/rng.h"
#include "codec/compress/bits.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define COUNT_MOST 100000
#define HEADER 16

static float s_x[COUNT_MOST], s_back[COUNT_MOST], s_residual[COUNT_MOST];

static size_t s_encode(double ratio, uint64_t values, size_t count, uint8_t **ret_bytes)
{
    encoding_setting_t setting = {ratio, values};
    const encoding_t *row = encoding_named("topk");
    size_t size;
    *ret_bytes = malloc(encoding_size_most(row, &setting, count));
    encoding_input_t input = {.count = count, .values = s_x, .ret_residual = s_residual};
    cr_assert_eq(encoding_encode(row, &setting, &input, *ret_bytes, &size, NULL), ERR_OK);
    return size;
}

/* The bytes stay the test's own. */
static void s_keep(void *data, void *hint)
{
    (void)data, (void)hint;
}

static void s_decode(uint8_t *bytes, size_t size, size_t count)
{
    buf_t *buf = buf_wrap(bytes, size, s_keep, NULL);
    slice_t slice = slice_of(buf, 0, size);
    cr_assert_eq(encoding_decode(encoding_named("topk"), &slice, 1, s_back, count, NULL), ERR_OK);
    slice_fini(&slice);
    buf_destroy(&buf);
}

/* Larger magnitudes first, then lower indices. */
static int s_order(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    float x = fabsf(s_x[i]), y = fabsf(s_x[k]);
    return x > y ? -1 : x < y ? 1 : i < k ? -1 : 1;
}

static void s_check(double ratio, uint64_t values, size_t count)
{
    static size_t order[COUNT_MOST];
    static bool taken[COUNT_MOST];
    size_t most = (size_t)((double)count * ratio), written = 0;
    most = most ? most : 1;
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort(order, count, sizeof *order, s_order);
    memset(taken, 0, sizeof taken);
    for (size_t i = 0; i < most; i++)
        taken[order[i]] = s_x[order[i]] != 0;
    uint8_t *bytes;
    size_t size = s_encode(ratio, values, count, &bytes);
    s_decode(bytes, size, count);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(s_residual[i] != s_x[i], taken[i], "%zu of %zu: %g", i, count, (double)s_x[i]);
        written += taken[i];
    }
    uint64_t said;
    memcpy(&said, bytes + 8, sizeof said);
    cr_assert_eq(said, written);
    free(bytes);
}

Test(topk, takes_the_largest_values)
{
    const size_t counts[] = {1, 2, 7, 100, 1023, 1025, 20000};
    const double ratios[] = {0.0001, 0.01, 0.1, 0.5, 0.999, 1};
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t n = 0; n < 7; n++)
        for (size_t r = 0; r < 6; r++)
            for (int kind = 0; kind < 4; kind++) {
                for (size_t i = 0; i < counts[n]; i++)
                    s_x[i] = kind == 0   ? (float)rng_normal(&rng)
                             : kind == 1 ? (float)rng_below(&rng, 7) - 3
                             : kind == 2
                                 ? 1 + (float)rng_below(&rng, 30) * 0x1p-23f /* the last bits decide */
                                 : (float)(rng_below(&rng, 20) == 0);
                s_check(ratios[r], 1, counts[n]);
                s_check(ratios[r], 0, counts[n]);
            }
}

Test(topk, does_not_send_what_its_values_cannot_say)
{
    uint8_t *bytes;
    for (size_t i = 0; i < 1000; i++)
        s_x[i] = 0x1p-25f;
    cr_assert_eq(s_encode(0.1, 1, 1000, &bytes), HEADER, "a half that small is zero");
    free(bytes);
    cr_assert_gt(s_encode(0.1, 3, 1000, &bytes), HEADER);
    free(bytes);
}

/* Entropy at one in a hundred: 8.08 bits for an index. */
Test(topk, writes_an_index_in_about_eight_bits_at_one_percent)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t i = 0; i < COUNT_MOST; i++)
        s_x[i] = (float)rng_normal(&rng);
    uint8_t *bytes;
    size_t size = s_encode(0.01, 1, COUNT_MOST, &bytes), count = COUNT_MOST / 100;
    double bits = (double)(size - HEADER - 2 * count) * 8 / (double)count;
    cr_assert(bits < 8.5, "%g bits", bits);
    cr_assert_lt((double)size, 0.0305 * COUNT_MOST);
    free(bytes);
}

Test(topk, finds_room_for_indices_as_far_apart_as_can_be)
{
    for (size_t where = 0; where < 3; where++) {
        memset(s_x, 0, sizeof s_x);
        for (size_t i = 0; i < 10; i++)
            s_x[where == 0 ? i : where == 1 ? COUNT_MOST - 1 - i : i * (COUNT_MOST / 10) + 1] = 1;
        s_check(0.0001, 1, COUNT_MOST);
    }
}

/* -- beyond a threshold -------------------------------------------------------------------------------------
 */

static float s_scale[COUNT_MOST], s_before[COUNT_MOST], s_rest[COUNT_MOST];

static size_t s_encode_beyond(float threshold, uint64_t values, size_t count, uint8_t **ret_bytes)
{
    encoding_setting_t setting = {1, values};
    const encoding_t *row = encoding_named("topk");
    size_t size, most = encoding_size_most(row, &setting, count);
    *ret_bytes = malloc(most);
    encoding_input_t input = {.count = count,
                              .values = s_x,
                              .residual = s_before,
                              .ret_residual = s_rest,
                              .scale = s_scale,
                              .threshold = threshold};
    cr_assert_eq(encoding_encode(row, &setting, &input, *ret_bytes, &size, NULL), ERR_OK);
    cr_assert(size <= most && (size == 0 || encoding_fits(row, &setting, count, size)));
    return size;
}

/* Returns how many values were carried; they come back as they are, or as their encoding makes them. */
static size_t s_check_beyond(float threshold, uint64_t values, size_t count)
{
    uint8_t *bytes;
    size_t size = s_encode_beyond(threshold, values, count, &bytes), carried = 0;
    memset(s_back, 0, sizeof s_back);
    if (size)
        s_decode(bytes, size, count);
    for (size_t i = 0; i < count; i++) {
        float sum = s_x[i] + s_before[i];
        bool beyond = sum != 0 && fabsf(sum) > threshold * fabsf(s_scale[i]);
        carried += beyond;
        cr_assert_eq(s_back[i] + s_rest[i], sum, "%zu of %zu: %g", i, count, (double)sum);
        cr_assert(beyond || s_back[i] == 0);
        cr_assert(values || s_back[i] == (beyond ? sum : 0));
    }
    cr_assert_eq(size == 0, carried == 0);
    free(bytes);
    return carried;
}

Test(topk, takes_what_is_beyond_its_threshold)
{
    const size_t counts[] = {1, 7, 100, 1023, 1025, 20000};
    const float thresholds[] = {0, 0.01f, 0.1f, 1, 10, 1e9f};
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t i = 0; i < COUNT_MOST; i++) {
        s_x[i] = (float)rng_below(&rng, 201) - 100;
        s_before[i] = (float)rng_below(&rng, 7) - 3;
        s_scale[i] = rng_below(&rng, 10) ? (float)rng_normal(&rng) * 300 : rng_below(&rng, 2) ? 0.0f : -0.0f;
    }
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        size_t last = SIZE_MAX;
        for (size_t t = 0; t < sizeof thresholds / sizeof *thresholds; t++) {
            size_t carried = s_check_beyond(thresholds[t], 0, counts[n]);
            s_check_beyond(thresholds[t], 1, counts[n]);
            s_check_beyond(thresholds[t], 3, counts[n]);
            cr_assert_leq(carried, last);
            cr_assert(counts[n] < 1000 || t < 2 || carried < last, "every threshold leaves others out");
            last = carried;
        }
    }
}

Test(topk, is_no_bytes_when_nothing_is_beyond_its_threshold)
{
    uint8_t *bytes;
    for (size_t i = 0; i < 1000; i++) {
        s_x[i] = 1;
        s_before[i] = 0;
        s_scale[i] = 100;
    }
    cr_assert_eq(s_encode_beyond(0.01f, 1, 1000, &bytes), 0, "as much is not more");
    cr_assert_arr_eq(s_rest, s_x, 1000 * sizeof *s_x);
    free(bytes);
    s_x[999] = 0x1p-25f;
    s_scale[999] = 0;
    cr_assert_eq(s_encode_beyond(0.01f, 1, 1000, &bytes), 0, "a half that small is zero");
    free(bytes);
    cr_assert_gt(s_encode_beyond(0.01f, 0, 1000, &bytes), HEADER);
    free(bytes);
}
