#include "codec/tensor/patch.h"

#include <criterion/criterion.h>
#include <string.h>

#define ELEMENTS 20

static patch_t *s_patch(uint64_t first, uint64_t end)
{
    ranges_t runs = {0};
    cr_assert(!ranges_add(&runs, 1, 3) && !ranges_add(&runs, 5, 6) && !ranges_add(&runs, 10, 16));
    patch_t *patch = NULL;
    cr_assert_eq(patch_new(&runs, first, end, &patch), ERR_OK);
    ranges_fini(&runs);
    return patch;
}

static void s_expect_run(const patch_t *patch, size_t i, uint64_t first, uint64_t end, uint64_t at)
{
    cr_assert_eq(patch->runs.items[i].first, first);
    cr_assert_eq(patch->runs.items[i].end, end);
    cr_assert_eq(patch->at[i], at);
}

Test(patch, is_the_part_of_a_range_counted_from_there)
{
    patch_t *patch = s_patch(2, 12);
    cr_assert_eq(patch->runs.count, 3);
    s_expect_run(patch, 0, 0, 1, 0);
    s_expect_run(patch, 1, 3, 4, 1);
    s_expect_run(patch, 2, 8, 10, 2);
    cr_assert_eq(patch->count, 4);
    cr_assert_eq(patch_words(patch), 10);
    patch_destroy(&patch);
    patch = s_patch(6, 10);
    cr_assert_eq(patch->runs.count, 0);
    cr_assert_eq(patch_words(patch), 0);
    patch_destroy(&patch);
}

Test(patch, is_the_same_after_the_way_of_its_index)
{
    uint32_t index[6];
    patch_t *patch = s_patch(0, ELEMENTS), *again = NULL;
    patch_index(patch, index);
    cr_assert_arr_eq(index, ((uint32_t[]){1, 2, 5, 1, 10, 6}), sizeof index);
    cr_assert_eq(patch_load(index, 3, ELEMENTS, &again, NULL), ERR_OK);
    cr_assert(ranges_equal(&patch->runs, &again->runs));
    cr_assert_eq(again->count, 9);
    patch_destroy(&again);
    patch_destroy(&patch);
}

Test(patch, values_go_to_where_they_came_from_in_pieces_of_any_size)
{
    float from[ELEMENTS], values[9];
    patch_t *patch = s_patch(0, ELEMENTS);
    for (size_t i = 0; i < ELEMENTS; i++)
        from[i] = 1 + (float)i;
    patch_gather(patch, from, values);
    for (size_t size = 1; size <= 9; size++) {
        float to[ELEMENTS] = {0};
        for (size_t i = 0; i < 9; i += size)
            patch_scatter(patch, i, 9 - i < size ? 9 - i : size, values + i, to);
        for (size_t i = 0; i < ELEMENTS; i++)
            cr_assert_eq(to[i], ranges_has(&patch->runs, i) ? from[i] : 0, "element %zu", i);
    }
    patch_scatter(patch, 9, 0, values, from); /* nothing, behind the last */
    patch_destroy(&patch);
}

Test(patch, run_of_an_element_is_found)
{
    patch_t *patch = s_patch(0, ELEMENTS);
    static const size_t expected[ELEMENTS] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3};
    for (uint64_t i = 0; i < ELEMENTS; i++)
        cr_assert_eq(patch_find(patch, i), expected[i], "element %zu", (size_t)i);
    patch_destroy(&patch);
}

static err_code_t s_load(const uint32_t *index, size_t runs)
{
    patch_t *patch = NULL;
    err_code_t code = patch_load(index, runs, ELEMENTS, &patch, NULL);
    cr_assert_eq(patch != NULL, code == ERR_OK);
    patch_destroy(&patch);
    return code;
}

Test(patch, index_that_is_wrong_makes_none)
{
    cr_assert_eq(s_load((uint32_t[]){0, ELEMENTS}, 1), ERR_OK);
    static const uint32_t wrong[][4] = {
        {0, ELEMENTS + 1, 0, 0}, /* beyond the elements */
        {3, 1, 19, 2},
        {3, 0, 5, 1}, /* empty */
        {5, 1, 3, 1}, /* not ascending */
        {3, 1, 3, 1}, /* twice */
        {3, 3, 5, 1}, /* one upon the other */
        {3, 2, 5, 1}, /* without a gap */
        {UINT32_MAX, UINT32_MAX, 0, 1},
        {3, UINT32_MAX, 5, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(s_load(wrong[i], wrong[i][3] ? 2 : 1), ERR_MALFORMED, "row %zu", i);
    cr_assert_eq(s_load(NULL, RANGES_MAX + 1), ERR_LIMIT);
    cr_assert_eq(s_load(NULL, 0), ERR_OK);
}

Test(patch, sizes_are_judged_before_anything_is_made)
{
    cr_assert(patch_fits(ELEMENTS, 2, 6) && patch_fits(ELEMENTS, 0, 0) && patch_fits(ELEMENTS, 1, ELEMENTS));
    cr_assert_not(patch_fits(ELEMENTS, 2, 5), "a run has a value");
    cr_assert_not(patch_fits(ELEMENTS, 1, ELEMENTS + 1), "longer than what it is a part of");
    cr_assert_not(patch_fits(ELEMENTS, 0, 3) || patch_fits(ELEMENTS, 1, 0));
    cr_assert_not(patch_fits(ELEMENTS, UINT64_MAX, 6) || patch_fits(ELEMENTS, UINT64_MAX / 3 + 1, 6));
    cr_assert_not(patch_fits((uint64_t)PATCH_ELEMENTS_MAX + 1, 1, 3));
}
