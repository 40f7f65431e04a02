/* Encoded deltas from nowhere: whatever the bytes, each encoding refuses them with a reason or gives finite
 * values, the same from one piece of memory as from many. An input is: one byte for the row, two for how
 * many values, the bytes. */
#include "codec/compress/encoding.h"
#include "tests/fuzz/fuzz.h"

#define COUNT_MOST 4096u
#define PIECE 12u

static void s_keep(void *data, void *hint)
{
    (void)data, (void)hint;
}

/* The bytes in pieces of 12, each a block of memory of its own; returns how many. */
static size_t s_cut(const uint8_t *bytes, size_t size, slice_t **ret_slices)
{
    size_t count = (size + PIECE - 1) / PIECE;
    *ret_slices = malloc((count + 1) * sizeof **ret_slices);
    CHECK(*ret_slices);
    for (size_t i = 0; i < count; i++) {
        size_t left = size - i * PIECE, some = left < PIECE ? left : PIECE;
        buf_t *buf = buf_new_copy(bytes + i * PIECE, some);
        (*ret_slices)[i] = slice_of(buf, 0, some);
        buf_destroy(&buf);
    }
    return count;
}

static void s_assert_pieces_same(const encoding_t *row, const uint8_t *bytes, size_t size, err_code_t code,
                                 const float *values, size_t count)
{
    static float again[COUNT_MOST];
    slice_t *slices;
    size_t pieces = s_cut(bytes, size, &slices);
    CHECK(encoding_decode(row, slices, pieces, again, count, NULL) == code);
    CHECK(code || memcmp(again, values, count * sizeof *again) == 0);
    while (pieces)
        slice_fini(&slices[--pieces]);
    free(slices);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static float values[COUNT_MOST];
    if (size < 3)
        return 0;
    size_t rows = 0, count = (bytes[1] | (size_t)bytes[2] << 8) % (COUNT_MOST + 1);
    while (encoding_at(rows))
        rows++;
    const encoding_t *row = encoding_at(bytes[0] % rows);
    uint8_t *exact = malloc(size - 3 ? size - 3 : 1);
    CHECK(exact);
    memcpy(exact, bytes + 3, size - 3);
    buf_t *buf = buf_wrap(exact, size - 3, s_keep, NULL);
    slice_t slice = slice_of(buf, 0, size - 3);
    err_t err = {0};
    err_code_t code = encoding_decode(row, &slice, 1, values, count, &err);
    CHECK(!code || code == ERR_SHAPE || code == ERR_NUMBER || code == ERR_MALFORMED);
    if (fuzz_took(code, &err))
        CHECK(encoding_finite(values, NULL, count));
    s_assert_pieces_same(row, exact, size - 3, code, values, count);
    slice_fini(&slice);
    buf_destroy(&buf);
    free(exact);
    return 0;
}

/* Values of a random row, encoded, in the form of an input. */
static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    static float values[COUNT_MOST], residual[COUNT_MOST];
    uint8_t row;
    for (row = 0; encoding_at(row + 1u) && rng_below(rng, 3);)
        row++;
    encoding_setting_t setting = {.ratio = rng_unit(rng) + 1e-9, .values = 1 + rng_below(rng, 3)};
    size_t count = rng_below(rng, rng_below(rng, 8) ? 300 : COUNT_MOST), size;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_normal(rng);
    uint8_t *bytes = malloc(3 + encoding_size_most(encoding_at(row), &setting, count));
    CHECK(bytes);
    bytes[0] = row;
    bytes[1] = (uint8_t)count;
    bytes[2] = (uint8_t)(count >> 8);
    encoding_input_t input = {.count = count, .values = values, .ret_residual = residual};
    CHECK(encoding_encode(encoding_at(row), &setting, &input, bytes + 3, &size, NULL) == ERR_OK);
    *ret_size = 3 + size;
    return bytes;
}
