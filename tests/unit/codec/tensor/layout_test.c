#include "codec/tensor/layout.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static layout_t s_two(void)
{
    layout_t layout = {0};
    cr_assert_eq(layout_add(&layout, "conv1.weight", 4, (size_t[]){2, 1, 3, 3}, NULL), ERR_OK);
    cr_assert_eq(layout_add(&layout, "conv1.bias", 1, (size_t[]){2}, NULL), ERR_OK);
    return layout;
}

Test(layout, tensors_lie_end_to_end)
{
    layout_t layout = s_two();
    cr_assert(layout.tensor_count == 2 && layout.count == 20);
    cr_assert(layout.tensors[0].offset == 0 && layout.tensors[0].count == 18 && layout.tensors[0].rank == 4);
    cr_assert(layout.tensors[1].offset == 18 && layout.tensors[1].count == 2 &&
              layout.tensors[1].dims[0] == 2);
}

Test(layout, refuses_and_stays_as_it_was)
{
    layout_t layout = s_two(), before;
    memcpy(&before, &layout, sizeof layout);
    char long_name[TENSOR_NAME_MAX + 1];
    memset(long_name, 'a', TENSOR_NAME_MAX);
    long_name[TENSOR_NAME_MAX] = '\0';
    err_t err;
    cr_assert_eq(layout_add(&layout, "conv1.bias", 1, (size_t[]){1}, &err), ERR_EXISTS);
    cr_assert(strstr(err.text, "conv1.bias"), "%s", err.text);
    cr_assert_eq(layout_add(&layout, "a", 0, (size_t[]){1}, NULL), ERR_SHAPE);
    cr_assert_eq(layout_add(&layout, "a", 5, (size_t[]){1, 1, 1, 1, 1}, NULL), ERR_SHAPE);
    cr_assert_eq(layout_add(&layout, "a", 2, (size_t[]){3, 0}, NULL), ERR_SHAPE);
    cr_assert_eq(layout_add(&layout, "a", 2, (size_t[]){SIZE_MAX, 2}, NULL), ERR_LIMIT);
    cr_assert_eq(layout_add(&layout, "a", 1, (size_t[]){SIZE_MAX - 10}, NULL), ERR_LIMIT);
    cr_assert_eq(layout_add(&layout, "a", 1, (size_t[]){SIZE_MAX / 4}, NULL), ERR_LIMIT);
    cr_assert_eq(layout_add(&layout, "", 1, (size_t[]){1}, NULL), ERR_LIMIT);
    cr_assert_eq(layout_add(&layout, long_name, 1, (size_t[]){1}, NULL), ERR_LIMIT);
    cr_assert_eq(layout_add(&layout, "a\"b", 1, (size_t[]){1}, NULL), ERR_MALFORMED);
    cr_assert_eq(layout_add(&layout, "a\\", 1, (size_t[]){1}, NULL), ERR_MALFORMED);
    cr_assert_eq(layout_add(&layout, "a\nb", 1, (size_t[]){1}, NULL), ERR_MALFORMED);
    cr_assert_eq(memcmp(&before, &layout, sizeof layout), 0);
    long_name[TENSOR_NAME_MAX - 1] = '\0';
    cr_assert_eq(layout_add(&layout, long_name, 1, (size_t[]){1}, NULL), ERR_OK);
    cr_assert_str_eq(layout.tensors[2].name, long_name);
}

Test(layout, has_a_limit)
{
    layout_t layout = {0};
    char name[TENSOR_NAME_MAX];
    for (int i = 0; i < LAYOUT_TENSORS_MAX; i++) {
        snprintf(name, sizeof name, "t%d", i);
        cr_assert_eq(layout_add(&layout, name, 1, (size_t[]){1}, NULL), ERR_OK);
    }
    cr_assert_eq(layout_add(&layout, "one.more", 1, (size_t[]){1}, NULL), ERR_LIMIT);
    cr_assert(layout.tensor_count == LAYOUT_TENSORS_MAX && layout.count == LAYOUT_TENSORS_MAX);
}

/* Shards follow each other without gaps, and sizes differ by at most one, the larger first. */
Test(layout, shards_cover_the_array)
{
    const size_t sizes[] = {1, 2, 3, 10, 1000, 431080};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t shard_count = 1; shard_count <= 17; shard_count++) {
            layout_t layout = {0};
            size_t at = 0, first, end, before = SIZE_MAX;
            cr_assert_eq(layout_add(&layout, "w", 1, sizes + s, NULL), ERR_OK);
            for (size_t i = 0; i < shard_count; i++) {
                layout_shard(&layout, shard_count, i, &first, &end);
                cr_assert(first == at && end >= first && end - first <= before);
                cr_assert(end - first == sizes[s] / shard_count || end - first == sizes[s] / shard_count + 1);
                before = end - first;
                at = end;
            }
            cr_assert_eq(at, sizes[s]);
        }
}

Test(layout, digest_names_tensors_and_shapes)
{
    layout_t same = s_two(), other = {0}, empty = {0};
    layout_t two = s_two();
    memset(two.tensors + 2, 0xee, sizeof *two.tensors); /* behind the last: not part of it */
    cr_assert_eq(layout_digest(&two), layout_digest(&same));
    cr_assert_neq(layout_digest(&two), layout_digest(&empty));

    cr_assert_eq(layout_add(&other, "conv1.weight", 3, (size_t[]){2, 3, 3}, NULL), ERR_OK);
    cr_assert_eq(layout_add(&other, "conv1.bias", 1, (size_t[]){2}, NULL), ERR_OK);
    cr_assert_neq(layout_digest(&two), layout_digest(&other), "another rank, as many elements");

    memset(&other, 0, sizeof other);
    cr_assert_eq(layout_add(&other, "conv1.bias", 1, (size_t[]){2}, NULL), ERR_OK);
    cr_assert_eq(layout_add(&other, "conv1.weight", 4, (size_t[]){2, 1, 3, 3}, NULL), ERR_OK);
    cr_assert_neq(layout_digest(&two), layout_digest(&other), "another order");

    memset(&other, 0, sizeof other);
    cr_assert_eq(layout_add(&other, "conv2.weight", 4, (size_t[]){2, 1, 3, 3}, NULL), ERR_OK);
    cr_assert_eq(layout_add(&other, "conv1.bias", 1, (size_t[]){2}, NULL), ERR_OK);
    cr_assert_neq(layout_digest(&two), layout_digest(&other), "another name");
    other = two;
    layout_last(&other)->rule = TENSOR_FIXED;
    cr_assert_neq(layout_digest(&two), layout_digest(&other), "another rule");
    other = two;
    layout_last(&other)->decays ^= true;
    cr_assert_neq(layout_digest(&two), layout_digest(&other), "another decay");
    other = two;
    layout_last(&other)->rate = 0.1F;
    cr_assert_neq(layout_digest(&two), layout_digest(&other), "another rate");
    other = two;
    layout_last(&other)->sparse = true;
    cr_assert_neq(layout_digest(&two), layout_digest(&other), "rows");
}
