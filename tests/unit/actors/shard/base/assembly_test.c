#include "actors/shard/base/assembly.h"

#include <criterion/criterion.h>
#include <string.h>

static const float s_values[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static slice_t s_slice(size_t first, size_t count, size_t shift)
{
    buf_t *buf = buf_new_zero(count * 4 + shift);
    memcpy((char *)buf_data(buf) + shift, s_values + first, count * 4);
    slice_t slice = slice_of(buf, shift, count * 4);
    buf_destroy(&buf);
    return slice;
}

static err_code_t s_add(assembly_t *a, uint64_t chunk, size_t first, size_t count, size_t shift)
{
    slice_t slice = s_slice(first, count, shift);
    err_code_t code = assembly_add(a, chunk, first * 4, &slice);
    slice_fini(&slice);
    return code;
}

Test(assembly, reads_across_chunks_and_alignments)
{
    assembly_t a = {0};
    float scratch[10];
    cr_assert_not(assembly_begun(&a));
    cr_assert_eq(assembly_begin(&a, 3, 40, 16), ERR_OK);
    cr_assert_eq(s_add(&a, 2, 7, 3, 0), ERR_OK);
    cr_assert_eq(s_add(&a, 0, 0, 4, 1), ERR_OK);
    cr_assert_eq(s_add(&a, 0, 0, 4, 0), ERR_OK);
    cr_assert_not(assembly_complete(&a));
    cr_assert_eq(s_add(&a, 1, 4, 3, 0), ERR_OK);
    cr_assert(assembly_complete(&a) && assembly_seamless(&a));
    for (size_t first = 0; first < 10; first++) {
        for (size_t count = 1; first + count <= 10; count++) {
            const float *x = assembly_read(&a, first, count, scratch);
            cr_assert_arr_eq(x, s_values + first, count * 4);
        }
    }
    cr_assert_neq(assembly_read(&a, 8, 2, scratch), scratch, "in place where it lies in one chunk");
    assembly_fini(&a);
}

Test(assembly, refuses_what_lies_outside)
{
    assembly_t a = {0};
    cr_assert_eq(assembly_begin(&a, 0, 40, 16), ERR_SHAPE);
    cr_assert_eq(assembly_begin(&a, UINT64_MAX, 40, 16), ERR_SHAPE);
    cr_assert_eq(assembly_begin(&a, 12, 40, 16), ERR_SHAPE);
    cr_assert_eq(assembly_begin(&a, 2, 40, 16), ERR_OK);
    cr_assert_eq(s_add(&a, 2, 0, 4, 0), ERR_SHAPE);
    slice_t slice = s_slice(0, 4, 0);
    cr_assert_eq(assembly_add(&a, 0, UINT64_MAX - 3, &slice), ERR_SHAPE);
    cr_assert_eq(assembly_add(&a, 0, 28, &slice), ERR_SHAPE);
    cr_assert_eq(assembly_add(&a, 0, 2, &slice), ERR_SHAPE);
    slice.size_bytes = 6;
    cr_assert_eq(assembly_add(&a, 0, 0, &slice), ERR_SHAPE);
    slice_fini(&slice);
    cr_assert_eq(assembly_add(&a, 0, 0, &slice), ERR_SHAPE);
    assembly_fini(&a);
}

Test(assembly, sees_gaps_and_overlaps)
{
    for (size_t begin = 3; begin < 6; begin++) {
        assembly_t a = {0};
        cr_assert_eq(assembly_begin(&a, 2, 40, 16), ERR_OK);
        cr_assert_eq(s_add(&a, 0, 0, 4, 0), ERR_OK);
        cr_assert_eq(s_add(&a, 1, begin, 10 - begin, 0), ERR_OK);
        cr_assert(assembly_complete(&a));
        cr_assert_eq(assembly_seamless(&a), begin == 4);
        assembly_fini(&a);
    }
}

Test(assembly, sees_an_end_that_is_not_reached)
{
    assembly_t a = {0};
    cr_assert_eq(assembly_begin(&a, 2, 40, 16), ERR_OK);
    cr_assert_eq(s_add(&a, 0, 0, 4, 0), ERR_OK);
    cr_assert_eq(s_add(&a, 1, 4, 4, 0), ERR_OK);
    cr_assert(assembly_complete(&a));
    cr_assert_not(assembly_seamless(&a), "eight values of ten");
    assembly_fini(&a);
}

Test(assembly, of_nothing_is_one_empty_chunk)
{
    assembly_t a = {0};
    slice_t none = {0};
    cr_assert_eq(assembly_begin(&a, 2, 0, 16), ERR_SHAPE);
    cr_assert_eq(assembly_begin(&a, 1, 0, 16), ERR_OK);
    cr_assert_eq(assembly_add(&a, 0, 0, &none), ERR_OK);
    cr_assert(assembly_complete(&a) && assembly_seamless(&a));
    assembly_fini(&a);
}
