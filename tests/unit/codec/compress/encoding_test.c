#include "codec/compress/encoding.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

Test(encoding, the_table_is_consistent)
{
    size_t count = 0;
    for (const encoding_t *row; (row = encoding_at(count)); count++) {
        cr_assert_eq(encoding_find(row->number), row, "number %d is there twice", (int)row->number);
        cr_assert_eq(encoding_named(row->name), row, "name %s is there twice", row->name);
        cr_assert_eq(row->encoded_size(0), 0);
    }
    cr_assert(count >= 1);
    cr_assert_null(encoding_find(UINT64_MAX));
    cr_assert_null(encoding_named("no-such-encoding"));
}

Test(encoding, none_keeps_every_bit)
{
    const float values[] = {0, -0.0f, 1.5f, NAN, INFINITY, 1e-45f};
    float back[6];
    uint8_t bytes[25];
    const encoding_t *none = encoding_named("none");
    cr_assert_eq(none->number, 0);
    cr_assert_eq(none->encoded_size(6), 24);
    none->encode(values, 6, bytes + 1);
    cr_assert_eq(none->decode(bytes + 1, 24, back, 6, NULL), ERR_OK);
    cr_assert_eq(memcmp(values, back, sizeof values), 0);
    none->encode(values, 0, NULL);
    cr_assert_eq(none->decode(NULL, 0, NULL, 0, NULL), ERR_OK);
}

Test(encoding, wrong_sizes_are_refused)
{
    float back[2] = {7, 7};
    err_t err = {0};
    const encoding_t *none = encoding_find(0);
    cr_assert_eq(none->decode("1234567", 7, back, 2, &err), ERR_SHAPE);
    cr_assert_eq(none->decode("123456789", 9, back, 2, &err), ERR_SHAPE);
    cr_assert(back[0] == 7 && err.text[0]);
}
