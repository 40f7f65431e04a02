#include "codec/base/rng.h"
#include "codec/compress/patched.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define COUNT 3000

static const char *const s_names[] = {"none", "fp16", "bf16", "int8", "int4"};
#define NAMES (sizeof s_names / sizeof *s_names)

/* Rows of 16 of which one in `rare` has values. */
static void s_rows(rng_t *rng, uint64_t rare, float *ret_x)
{
    bool has = false;
    for (size_t i = 0; i < COUNT; i++) {
        if (i % 16 == 0)
            has = rng_below(rng, rare) == 0;
        ret_x[i] = has ? (float)rng_normal(rng) : 0;
    }
}

static buf_t *s_encode(const encoding_t *encoding, const float *values, const float *residual,
                       float *ret_residual)
{
    buf_t *bytes = NULL;
    encoding_input_t input = {
        .count = COUNT, .values = values, .residual = residual, .ret_residual = ret_residual};
    cr_assert_eq(patched_encode(encoding, NULL, &input, &bytes), ERR_OK);
    return bytes;
}

/* In pieces of `size` bytes. */
static err_code_t s_decode(const encoding_t *encoding, buf_t *bytes, size_t size, float *ret_x,
                           patch_t **ret_patch)
{
    size_t count = 0;
    slice_t *pieces = calloc(buf_size(bytes) / size + 1, sizeof *pieces);
    for (size_t at = 0; at < buf_size(bytes); at += size, count++)
        pieces[count] = slice_of(bytes, at, buf_size(bytes) - at < size ? buf_size(bytes) - at : size);
    err_code_t code = patched_decode(encoding, pieces, count, ret_x, COUNT, ret_patch);
    for (size_t i = 0; i < count; i++)
        slice_fini(&pieces[i]);
    free(pieces);
    return code;
}

/* Nothing is lost: what is decoded, and what stays, are what there was. */
static void s_check_way(rng_t *rng, const encoding_t *encoding, uint64_t rare)
{
    float values[COUNT], residual[COUNT], left[COUNT], x[COUNT];
    s_rows(rng, rare, values);
    s_rows(rng, rare, residual);
    for (size_t i = 0; i < 16; i++) /* what is taken back leaves nothing, neither here nor there */
        residual[i] = -(values[i] = 1);
    buf_t *bytes = s_encode(encoding, values, residual, left);
    cr_assert_not_null(bytes, "%s", encoding->name);
    cr_assert_lt(buf_size(bytes), encoding_size_most(encoding, NULL, COUNT));
    cr_assert(patched_fits(encoding, NULL, COUNT, buf_size(bytes)));
    static const size_t sizes[] = {1, 7, 12, 100000};
    for (size_t s = 0; s < 4; s++) {
        patch_t *patch = NULL;
        cr_assert_eq(s_decode(encoding, bytes, sizes[s], x, &patch), ERR_OK);
        for (size_t i = 0; i < COUNT; i++) {
            cr_assert_eq(x[i] + left[i], values[i] + residual[i], "%s, element %zu", encoding->name, i);
            cr_assert(ranges_has(&patch->runs, i) || x[i] == 0);
        }
        cr_assert_eq(left[3], 0);
        patch_destroy(&patch);
    }
    buf_destroy(&bytes);
}

Test(patched, with_what_stays_is_what_there_was)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t i = 0; i < NAMES; i++)
        for (uint64_t rare = 8; rare < 64; rare *= 2)
            s_check_way(&rng, encoding_named(s_names[i]), rare);
}

Test(patched, residual_in_place_is_the_same)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    float values[COUNT], residual[COUNT], left[COUNT];
    const encoding_t *encoding = encoding_named("int8");
    s_rows(&rng, 16, values);
    s_rows(&rng, 16, residual);
    buf_t *apart = s_encode(encoding, values, residual, left),
          *here = s_encode(encoding, values, residual, residual);
    cr_assert_eq(buf_checksum(apart), buf_checksum(here));
    cr_assert_arr_eq(left, residual, sizeof left);
    buf_destroy(&apart);
    buf_destroy(&here);
}

Test(patched, is_not_made_where_it_is_not_shorter)
{
    float values[COUNT], left[COUNT] = {7};
    for (size_t i = 0; i < COUNT; i++)
        values[i] = i % 8 == 0 || i == COUNT - 1; /* runs of one, so close that they are one */
    for (size_t i = 0; i < NAMES; i++)
        cr_assert_null(s_encode(encoding_named(s_names[i]), values, NULL, left));
    cr_assert_null(s_encode(encoding_named("topk"), values, NULL, left), "has an index of its own");
    cr_assert_eq(left[0], 7);
}

Test(patched, of_nothing_is_a_word)
{
    float values[COUNT] = {0}, x[COUNT] = {1, 2};
    patch_t *patch = NULL;
    buf_t *bytes = s_encode(encoding_find(0), values, NULL, NULL);
    cr_assert_eq(buf_size(bytes), 4);
    cr_assert_eq(s_decode(encoding_find(0), bytes, 4, x, &patch), ERR_OK);
    cr_assert_arr_eq(x, values, sizeof x);
    cr_assert_eq(patch->count, 0);
    patch_destroy(&patch);
    buf_destroy(&bytes);
}

Test(patched, refuses_what_is_not_finite_and_changes_nothing)
{
    float values[COUNT] = {0}, residual[COUNT] = {0};
    buf_t *bytes = NULL;
    encoding_input_t input = {
        .count = COUNT, .values = values, .residual = residual, .ret_residual = residual};
    values[1000] = NAN;
    residual[1001] = 3;
    cr_assert_eq(patched_encode(encoding_named("int8"), NULL, &input, &bytes), ERR_NUMBER);
    cr_assert(!bytes && residual[1001] == 3);
}

typedef struct {
    uint32_t words[6];
    size_t count;
    err_code_t code;
} wrong_t;

static const wrong_t s_wrong[] = {
    {{0}, 0, ERR_SHAPE},                         /* nothing at all */
    {{1}, 1, ERR_MALFORMED},                     /* no index */
    {{1, 4}, 2, ERR_MALFORMED},                  /* half of it */
    {{UINT32_MAX, 0, 1}, 3, ERR_MALFORMED},      /* more runs than there is room for */
    {{1, 0, 2, 0}, 4, ERR_SHAPE},                /* a value short */
    {{1, 0, 1, 0, 0}, 5, ERR_SHAPE},             /* one too many */
    {{1, COUNT - 1, 2, 0, 0}, 5, ERR_MALFORMED}, /* beyond the elements */
    {{1, UINT32_MAX, 1, 0}, 4, ERR_MALFORMED},   /* far beyond */
    {{2, 4, 1, 3, 1, 0}, 6, ERR_MALFORMED},      /* not ascending */
    {{1, 0, 1, 0x7f800000}, 4, ERR_NUMBER},      /* infinite */
};

Test(patched, believes_no_bytes)
{
    float x[COUNT];
    for (size_t i = 0; i < sizeof s_wrong / sizeof *s_wrong; i++) {
        buf_t *bytes = buf_new_copy(s_wrong[i].words, s_wrong[i].count * 4);
        patch_t *patch = NULL;
        cr_assert_eq(s_decode(encoding_find(0), bytes, 8, x, &patch), s_wrong[i].code, "row %zu", i);
        cr_assert_null(patch);
        buf_destroy(&bytes);
    }
}

/* Whatever the bytes are, what is decoded is finite. */
Test(patched, any_bytes_at_all)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    size_t good = 0;
    for (int round = 0; round < 20000; round++) {
        float x[COUNT];
        uint32_t words[64];
        for (size_t i = 0; i < 64; i++)
            words[i] = rng_below(&rng, 8) ? (uint32_t)rng_below(&rng, 6) : (uint32_t)rng_u64(&rng);
        if (rng_below(&rng, 2)) {
            words[0] = 1;
            words[1] = (uint32_t)rng_below(&rng, COUNT);
        }
        const encoding_t *encoding = encoding_named(s_names[rng_below(&rng, NAMES)]);
        buf_t *bytes = buf_new_copy(words, 4 * rng_below(&rng, 24));
        patch_t *patch = NULL;
        if (!s_decode(encoding, bytes, 12, x, &patch)) {
            good++;
            for (size_t i = 0; i < COUNT; i++)
                cr_assert(isfinite(x[i]));
        }
        patch_destroy(&patch);
        buf_destroy(&bytes);
    }
    cr_assert_gt(good, 100);
}
