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
