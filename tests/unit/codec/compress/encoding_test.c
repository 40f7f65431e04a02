/* One suite over every row of the table: what is promised of all encodings is asked of each. */
#include "codec/base/rng.h"
#include "codec/compress/bits.h"
#include "codec/compress/encoding.h"
#include "codec/compress/lanes.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
    const char *name;
    encoding_setting_t setting;
} case_t;

/* Every row, and topk with each kind of values and with ratios at both ends. */
static const case_t s_cases[] = {
    {"none", {0, 0}},      {"fp16", {0, 0}},    {"bf16", {0, 0}},    {"int8", {0, 0}},
    {"topk", {0.01, 1}},   {"topk", {0.01, 3}}, {"topk", {0.3, 3}},  {"topk", {1, 1}},
    {"topk", {0.0001, 1}}, {"int4", {0, 0}},    {"topk", {0.01, 5}}, {"topk", {0.3, 5}},
};
#define CASES (sizeof s_cases / sizeof *s_cases)

static const size_t s_counts[] = {0,   1,   2,   3,   63,   64,   65,   127,  128,
                                  129, 255, 256, 257, 1023, 1024, 1025, 2049, 5003};
#define COUNTS (sizeof s_counts / sizeof *s_counts)
#define COUNT_MOST 5003

typedef enum { NORMAL, INTEGERS, ANY_BITS, ZEROS, EQUAL, MOSTLY_SMALL, KINDS } kind_t;

static float s_any_bits(rng_t *rng)
{
    uint32_t bits;
    do
        bits = (uint32_t)rng_u64(rng);
    while ((bits & BITS_INFINITY) == BITS_INFINITY);
    return bits_float(bits) / 4;
}

static float s_value(rng_t *rng, kind_t kind)
{
    switch (kind) {
    case NORMAL:
        return (float)rng_normal(rng) * 0.01f;
    case INTEGERS:
        return (float)rng_below(rng, 50) - 20;
    case ANY_BITS:
        return s_any_bits(rng);
    case EQUAL:
        return rng_below(rng, 2) ? 0.75f : -0.75f;
    case MOSTLY_SMALL:
        return (float)rng_normal(rng) * (rng_below(rng, 50) ? 1e-9f : 1);
    default:
        return 0;
    }
}

static void s_values(rng_t *rng, kind_t kind, float *ret, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = s_value(rng, kind);
}

/* The result of an encode: bytes in a block of exactly their size. */
typedef struct {
    uint8_t *bytes;
    size_t size;
    float residual[COUNT_MOST];
} made_t;

static made_t *s_encode(const case_t *c, const float *values, const float *residual, size_t count)
{
    const encoding_t *row = encoding_named(c->name);
    size_t most = encoding_size_most(row, &c->setting, count);
    made_t *made = calloc(1, sizeof *made);
    uint8_t *room = malloc(most + 1);
    made->size = SIZE_MAX;
    encoding_input_t input = {
        .count = count, .values = values, .residual = residual, .ret_residual = made->residual};
    cr_assert_eq(encoding_encode(row, &c->setting, &input, room + 1, &made->size, NULL), ERR_OK);
    cr_assert_leq(made->size, most);
    cr_assert(encoding_fits(row, &c->setting, count, made->size), "%s of %zu: %zu bytes", c->name, count,
              made->size);
    made->bytes = malloc(made->size ? made->size : 1);
    memcpy(made->bytes, room + 1, made->size);
    free(room);
    return made;
}

static void s_free(made_t **made_p)
{
    free((*made_p)->bytes);
    free(*made_p);
    *made_p = NULL;
}

/* The bytes stay the test's own. */
static void s_keep(void *data, void *hint)
{
    (void)data, (void)hint;
}

static err_code_t s_decode(const char *name, const void *bytes, size_t size, float *ret_values, size_t count)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    buf_t *buf = buf_wrap(exact, size, s_keep, NULL);
    slice_t slice = slice_of(buf, 0, size);
    err_t err = {0};
    err_code_t code = encoding_decode(encoding_named(name), &slice, 1, ret_values, count, &err);
    cr_assert_eq(code != ERR_OK, err.text[0] != 0, "an error says what is wrong");
    slice_fini(&slice);
    buf_destroy(&buf);
    free(exact);
    return code;
}

Test(encoding, the_table_is_consistent)
{
    size_t count = 0;
    for (const encoding_t *row; (row = encoding_at(count)); count++) {
        cr_assert_eq(encoding_find(row->number), row, "number %d is there twice", (int)row->number);
        cr_assert_eq(encoding_named(row->name), row, "name %s is there twice", row->name);
        bool tried = false;
        for (size_t c = 0; c < CASES; c++)
            tried |= strcmp(s_cases[c].name, row->name) == 0;
        cr_assert(tried, "%s has no case here", row->name);
    }
    cr_assert_eq(count, 6);
    cr_assert_eq(encoding_named("none")->number, 0);
    cr_assert_null(encoding_find(UINT64_MAX));
    cr_assert_null(encoding_named("no-such-encoding"));
}

/* decoded + residual = value + residual before: the whole point of a residual. */
static void s_check_law(const case_t *c, const float *values, const float *before, size_t count)
{
    static float decoded[COUNT_MOST];
    made_t *made = s_encode(c, values, before, count);
    cr_assert_eq(s_decode(c->name, made->bytes, made->size, decoded, count), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        float sum = before ? values[i] + before[i] : values[i];
        double have = (double)decoded[i] + (double)made->residual[i];
        cr_assert(isfinite(decoded[i]) && isfinite(made->residual[i]));
        bool clamped = fabsf(sum) > 65504;
        cr_assert(fabs(have - (double)sum) <= (clamped ? fabs((double)sum) * 0x1p-24 : 0),
                  "%s %zu/%zu: %a + %a is not %a", c->name, i, count, (double)decoded[i],
                  (double)made->residual[i], (double)sum);
    }
    s_free(&made);
}

Test(encoding, what_is_decoded_and_the_residual_are_what_went_in)
{
    static float values[COUNT_MOST], before[COUNT_MOST];
    rng_t rng;
    rng_init(&rng, test_seed());
    for (kind_t kind = 0; kind < KINDS; kind++)
        for (size_t n = 0; n < COUNTS; n++)
            for (size_t c = 0; c < CASES; c++) {
                s_values(&rng, kind, values, s_counts[n]);
                s_values(&rng, kind, before, s_counts[n]);
                s_check_law(&s_cases[c], values, NULL, s_counts[n]);
                s_check_law(&s_cases[c], values, before, s_counts[n]);
            }
}

/* Some rows must lose something, or the residual shows nothing. */
Test(encoding, every_row_but_none_leaves_a_residual)
{
    static float values[COUNT_MOST];
    rng_t rng;
    rng_init(&rng, test_seed());
    s_values(&rng, NORMAL, values, COUNT_MOST);
    for (size_t c = 0; c < CASES; c++) {
        made_t *made = s_encode(&s_cases[c], values, NULL, COUNT_MOST);
        double left = 0;
        for (size_t i = 0; i < COUNT_MOST; i++)
            left += fabs((double)made->residual[i]);
        cr_assert_eq(left > 0, strcmp(s_cases[c].name, "none") != 0, "%s", s_cases[c].name);
        s_free(&made);
    }
}

Test(encoding, gives_the_same_bytes_with_registers_of_any_width)
{
    static float values[COUNT_MOST], before[COUNT_MOST], decoded[2][COUNT_MOST];
    rng_t rng;
    rng_init(&rng, test_seed());
    printf("widest: %s\n", lanes_name(lanes_best()));
    for (kind_t kind = 0; kind < KINDS; kind++)
        for (size_t n = 0; n < COUNTS; n++)
            for (size_t c = 0; c < CASES; c++) {
                size_t count = s_counts[n];
                s_values(&rng, kind, values, count);
                s_values(&rng, kind, before, count);
                lanes_limit(LANES_PLAIN);
                made_t *plain = s_encode(&s_cases[c], values, before, count);
                cr_assert_eq(s_decode(s_cases[c].name, plain->bytes, plain->size, decoded[0], count), ERR_OK);
                for (lanes_t lanes = LANES_AVX2; lanes <= lanes_best() && lanes < LANES_COUNT; lanes++) {
                    lanes_limit(lanes);
                    cr_assert_eq(lanes_used(), lanes < lanes_best() ? lanes : lanes_best());
                    made_t *wide = s_encode(&s_cases[c], values, before, count);
                    cr_assert_eq(wide->size, plain->size);
                    cr_assert_eq(memcmp(wide->bytes, plain->bytes, plain->size), 0, "%s of %zu",
                                 s_cases[c].name, count);
                    cr_assert_eq(memcmp(wide->residual, plain->residual, count * sizeof(float)), 0);
                    cr_assert_eq(s_decode(s_cases[c].name, wide->bytes, wide->size, decoded[1], count),
                                 ERR_OK);
                    cr_assert_eq(memcmp(decoded[0], decoded[1], count * sizeof(float)), 0);
                    s_free(&wide);
                    lanes_limit(LANES_PLAIN);
                }
                s_free(&plain);
                lanes_limit(LANES_AVX512);
            }
}

/* -- what arrives in pieces --------------------------------------------------------------------------------
 */

#define PIECES 40

/* The same bytes in up to PIECES pieces, some of them empty, each in memory of its own. */
static size_t s_cut(rng_t *rng, const made_t *made, slice_t *ret_slices)
{
    size_t at = 0, count = 0;
    while (at < made->size || count == 0) {
        size_t left = made->size - at,
               size = count + 1 == PIECES ? left : rng_below(rng, left / 2 + 1 + left % 2);
        buf_t *buf = buf_new_copy(made->bytes + at, size);
        ret_slices[count++] = slice_of(buf, 0, size);
        buf_destroy(&buf);
        at += size;
    }
    return count;
}

Test(encoding, is_decoded_where_its_pieces_lie)
{
    static float values[COUNT_MOST], whole[COUNT_MOST], pieced[COUNT_MOST];
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t round = 0; round < 20; round++)
        for (size_t c = 0; c < CASES; c++) {
            slice_t slices[PIECES];
            size_t count = s_counts[rng_below(&rng, COUNTS)];
            s_values(&rng, NORMAL, values, count);
            made_t *made = s_encode(&s_cases[c], values, NULL, count);
            size_t pieces = s_cut(&rng, made, slices);
            cr_assert_eq(s_decode(s_cases[c].name, made->bytes, made->size, whole, count), ERR_OK);
            cr_assert_eq(
                encoding_decode(encoding_named(s_cases[c].name), slices, pieces, pieced, count, NULL),
                ERR_OK);
            cr_assert_eq(memcmp(whole, pieced, count * sizeof(float)), 0);
            while (pieces)
                slice_fini(&slices[--pieces]);
            s_free(&made);
        }
}

/* -- what must be refused ----------------------------------------------------------------------------------
 */

Test(encoding, of_what_is_not_finite_is_refused_and_leaves_the_residual)
{
    const float bad[][2] = {{NAN, 0}, {INFINITY, 0}, {-INFINITY, 0}, {3e38f, 3e38f}, {0, NAN}};
    for (size_t c = 0; c < CASES; c++)
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
            float values[2000], residual[2000], was[2000];
            uint8_t bytes[9000];
            size_t size = 7;
            for (size_t i = 0; i < 2000; i++) {
                values[i] = (float)i;
                residual[i] = was[i] = -(float)i / 7;
            }
            values[1999] = bad[b][0];
            residual[1999] = was[1999] = bad[b][1];
            encoding_input_t input = {
                .count = 2000, .values = values, .residual = residual, .ret_residual = residual};
            err_t err = {0};
            cr_assert_eq(encoding_encode(encoding_named(s_cases[c].name), &s_cases[c].setting, &input, bytes,
                                         &size, &err),
                         ERR_NUMBER);
            cr_assert(err.text[0] && size == 7);
            cr_assert_eq(memcmp(residual, was, sizeof was), 0);
        }
}

Test(encoding, of_any_other_length_is_refused)
{
    static float values[COUNT_MOST], back[COUNT_MOST + 64];
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t c = 0; c < CASES; c++)
        for (size_t n = 1; n < COUNTS; n++) {
            size_t count = s_counts[n];
            s_values(&rng, NORMAL, values, count);
            made_t *made = s_encode(&s_cases[c], values, NULL, count);
            uint8_t *longer = calloc(1, made->size + 4);
            memcpy(longer, made->bytes, made->size);
            size_t step = made->size / 97 + 1;
            for (size_t size = 0; size < made->size; size += step)
                cr_assert_neq(s_decode(s_cases[c].name, longer, size, back, count), ERR_OK, "%zu of %zu",
                              size, made->size);
            cr_assert_eq(s_decode(s_cases[c].name, longer, made->size - 1, back, count), ERR_SHAPE);
            cr_assert_eq(s_decode(s_cases[c].name, longer, made->size + 4, back, count), ERR_SHAPE);
            cr_assert_not(
                encoding_fits(encoding_named(s_cases[c].name), &s_cases[c].setting, count, UINT64_MAX - 3));
            cr_assert_not(
                encoding_fits(encoding_named(s_cases[c].name), &s_cases[c].setting, count, made->size + 1));
            free(longer);
            s_free(&made);
        }
    cr_assert_eq(s_decode("topk", "", 0, back, 0), ERR_OK);
    cr_assert_eq(s_decode("topk", "1234", 4, back, 0), ERR_SHAPE);
}

/* Bytes that no encoder writes, for 5 values: what they are, and with which code they are refused. */
Test(encoding, of_bytes_that_no_encoder_writes_is_refused)
{
    static const struct {
        const char *name, *what;
        err_code_t code;
        uint8_t bytes[40];
        size_t size;
    } rows[] = {
        {"none", "infinity", ERR_NUMBER, {[18] = 0x80, 0x7f}, 20},
        {"none", "NaN", ERR_NUMBER, {[2] = 0xc0, 0xff}, 20},
        {"fp16", "infinity", ERR_NUMBER, {[1] = 0x7c}, 12},
        {"fp16", "NaN at the end", ERR_NUMBER, {[8] = 1, 0xfc}, 12},
        {"fp16", "padding", ERR_MALFORMED, {[11] = 1}, 12},
        {"bf16", "infinity", ERR_NUMBER, {[0] = 0x80, 0xff}, 12},
        {"bf16", "NaN at the end", ERR_NUMBER, {[8] = 0xc0, 0x7f}, 12},
        {"bf16", "padding", ERR_MALFORMED, {[10] = 1}, 12},
        {"int8", "the largest scale", ERR_OK, {248, 0, 0, 0, 127, 0x81}, 12},
        {"int8", "a scale too large", ERR_NUMBER, {249}, 12},
        {"int8", "a scale that is infinite", ERR_NUMBER, {255, 0, 0, 0, 1}, 12},
        {"int8", "a scale of zero", ERR_MALFORMED, {0, 0, 0, 0, 1}, 12},
        {"int8", "-128", ERR_MALFORMED, {120, 0, 0, 0, 0x80}, 12},
        {"int8", "a scale of nothing", ERR_MALFORMED, {120, 1, 0, 0, 1}, 12},
        {"int8", "padding", ERR_MALFORMED, {120, 0, 0, 0, 1, 1, 1, 1, 1, 1}, 12},
        {"int4", "the largest scale", ERR_OK, {0x09, 0x7e, 0, 0, 7, 9}, 12},
        {"int4", "a scale too large", ERR_NUMBER, {0x0a, 0x7e, 0, 0, 1}, 12},
        {"int4", "a scale too large and without values", ERR_NUMBER, {0x80, 0x7f}, 12},
        {"int4", "a scale below zero", ERR_NUMBER, {0x80, 0xbf, 0, 0, 1}, 12},
        {"int4", "the smallest scale", ERR_OK, {0, 4, 0, 0, 1}, 12},
        {"int4", "a scale too small", ERR_MALFORMED, {0xff, 3, 0, 0, 1}, 12},
        {"int4", "a scale of zero", ERR_MALFORMED, {0, 0, 0, 0, 1}, 12},
        {"int4", "a scale without values", ERR_MALFORMED, {0x80, 0x3f}, 12},
        {"int4", "-8", ERR_MALFORMED, {0x80, 0x3f, 0, 0, 8}, 12},
        {"int4", "-8 in an upper half", ERR_MALFORMED, {0x80, 0x3f, 0, 0, 1, 0x80}, 12},
        {"int4", "a scale of nothing", ERR_MALFORMED, {0x80, 0x3f, 0x80, 0x3f, 1}, 12},
        {"int4", "padding", ERR_MALFORMED, {0x80, 0x3f, 0, 0, 1, 1, 1, 1, 1, 1}, 12},
        {"int4", "an upper half behind the last", ERR_MALFORMED, {0x80, 0x3f, 0, 0, 0x11}, 12},
        {"int4", "nothing", ERR_OK, {0}, 12},
        /* width 0, so that an index is its distance in zeros and a one: 0b11010 are 1, 2, ... */
        {"topk", "good", ERR_OK, {1, 0, 0, 0, 1, 0, 0, 0, 2, [16] = 0x06, [20] = 0, 0x3c, 0, 0x3c}, 24},
        {"topk", "nothing", ERR_OK, {1}, 16},
        {"topk", "unknown values", ERR_MALFORMED, {9}, 16},
        {"topk", "values that are topk themselves", ERR_MALFORMED, {4}, 16},
        {"topk", "width 32", ERR_MALFORMED, {1, 32}, 16},
        {"topk", "width 255", ERR_MALFORMED, {1, 255, 0, 0, 1, 0, 0, 0, 2, [16] = 0xff}, 24},
        {"topk", "reserved bits", ERR_MALFORMED, {1, 0, 1}, 16},
        {"topk", "more values than elements", ERR_MALFORMED, {1, 0, 0, 0, 1, 0, 0, 0, 6, [16] = 0x3f}, 32},
        {"topk", "2^64 - 1 values", ERR_MALFORMED, {1, [8] = 255, 255, 255, 255, 255, 255, 255, 255}, 16},
        {"topk", "2^32 - 1 words", ERR_SHAPE, {1, 0, 0, 0, 255, 255, 255, 255}, 16},
        {"topk", "fewer values than it says", ERR_SHAPE, {1, 0, 0, 0, 1, 0, 0, 0, 3, [16] = 0x0e}, 24},
        {"topk", "more values than it says", ERR_SHAPE, {1, 0, 0, 0, 1, 0, 0, 0, 2, [16] = 0x06}, 28},
        {"topk", "no indices", ERR_MALFORMED, {1, 0, 0, 0, 0, 0, 0, 0, 2}, 20},
        {"topk", "indices of nothing but zeros", ERR_MALFORMED, {1, 0, 0, 0, 1, 0, 0, 0, 2}, 24},
        {"topk", "an index out of range", ERR_MALFORMED, {1, 0, 0, 0, 1, 0, 0, 0, 2, [16] = 0x81}, 24},
        {"topk",
         "an index far out of range",
         ERR_MALFORMED,
         {1, 31, 0, 0, 2, 0, 0, 0, 2, [16] = 0xff, 255, 255, 255, 255, 255, 255, 255},
         28},
        {"topk", "bits behind the last index", ERR_MALFORMED, {1, 0, 0, 0, 1, 0, 0, 0, 2, [16] = 0x0e}, 24},
        {"topk", "a word behind the last index", ERR_MALFORMED, {1, 0, 0, 0, 2, 0, 0, 0, 2, [16] = 0x06}, 28},
        {"topk",
         "a value that is infinite",
         ERR_NUMBER,
         {1, 0, 0, 0, 1, 0, 0, 0, 2, [16] = 0x06, [21] = 0x7c},
         24},
    };
    for (lanes_t lanes = LANES_PLAIN; lanes <= lanes_best(); lanes++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            float back[5];
            lanes_limit(lanes);
            err_code_t code = s_decode(rows[i].name, rows[i].bytes, rows[i].size, back, 5);
            cr_assert_eq(code, rows[i].code, "%s, %s: %s", rows[i].name, rows[i].what, err_name(code));
        }
    lanes_limit(LANES_AVX512);
}

Test(encoding, of_any_bytes_gives_finite_values_or_an_error)
{
    static float values[COUNT_MOST], back[COUNT_MOST];
    size_t accepted = 0, refused = 0;
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t round = 0; round < 300; round++)
        for (size_t c = 0; c < CASES; c++) {
            size_t count = s_counts[1 + rng_below(&rng, COUNTS - 1)];
            s_values(&rng, rng_below(&rng, KINDS), values, count);
            made_t *made = s_encode(&s_cases[c], values, NULL, count);
            for (uint64_t changes = rng_below(&rng, 4); changes; changes--)
                made->bytes[rng_below(&rng, made->size)] ^= (uint8_t)(1u << rng_below(&rng, 8));
            bool good = s_decode(s_cases[c].name, made->bytes, made->size, back, count) == ERR_OK;
            for (size_t i = 0; good && i < count; i++)
                cr_assert(isfinite(back[i]));
            accepted += good;
            refused += !good;
            s_free(&made);
        }
    cr_assert(accepted > 100 && refused > 100, "%zu, %zu", accepted, refused);
}

/* -- the long run ------------------------------------------------------------------------------------------
 */

#define ROUNDS 200
#define LONG 777

static void s_run(const case_t *c, kind_t kind, rng_t *rng)
{
    static double in[LONG], out[LONG], most[LONG];
    static float values[LONG], residual[LONG], decoded[LONG];
    memset(in, 0, sizeof in);
    memset(out, 0, sizeof out);
    memset(most, 0, sizeof most);
    memset(residual, 0, sizeof residual);
    for (size_t round = 0; round < ROUNDS; round++) {
        s_values(rng, kind, values, LONG);
        made_t *made = s_encode(c, values, residual, LONG);
        cr_assert_eq(s_decode(c->name, made->bytes, made->size, decoded, LONG), ERR_OK);
        memcpy(residual, made->residual, sizeof residual);
        for (size_t i = 0; i < LONG; i++) {
            in[i] += (double)values[i];
            out[i] += (double)decoded[i];
            most[i] = fmax(most[i], fabs((double)values[i]) + fabs((double)residual[i]));
        }
        s_free(&made);
    }
    for (size_t i = 0; i < LONG; i++) {
        double error = fabs(out[i] + (double)residual[i] - in[i]);
        double allowed = kind == INTEGERS ? 0 : ROUNDS * (most[i] * 0x1p-24 + 1e-300);
        cr_assert(error <= allowed, "%s: %g is off by %g", c->name, in[i], error);
    }
}

Test(encoding, sends_all_of_it_in_the_long_run)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t c = 0; c < CASES; c++) {
        s_run(&s_cases[c], NORMAL, &rng);
        s_run(&s_cases[c], INTEGERS, &rng);
        s_run(&s_cases[c], MOSTLY_SMALL, &rng);
    }
}

/* Nothing new comes: what is left must drain, down to what a row cannot say. */
Test(encoding, drains_a_residual_when_nothing_new_comes)
{
    static float zeros[LONG], residual[LONG];
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t c = 0; c < CASES; c++) {
        const encoding_t *row = encoding_named(s_cases[c].name);
        s_values(&rng, INTEGERS, residual, LONG);
        for (size_t round = 0; round < LONG + 10; round++) {
            made_t *made = s_encode(&s_cases[c], zeros, residual, LONG);
            memcpy(residual, made->residual, sizeof residual);
            s_free(&made);
        }
        for (size_t i = 0; i < LONG; i++)
            cr_assert_eq(residual[i], 0, "%s: %g is left", row->name, (double)residual[i]);
    }
}
