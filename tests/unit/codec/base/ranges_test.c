#include "codec/base/ranges.h"
#include "codec/base/rng.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <string.h>

#define UNIVERSE 200

/* The reference: one flag per number. */
typedef struct {
    bool has[UNIVERSE];
} naive_t;

static void s_assert_valid(const ranges_t *set)
{
    err_t err = {0};
    cr_assert_eq(ranges_check(set->items, set->count, &err), ERR_OK, "%s", err.text);
}

static void s_assert_same(const ranges_t *set, const naive_t *naive)
{
    uint64_t size = 0;
    s_assert_valid(set);
    for (uint64_t number = 0; number < UNIVERSE; number++) {
        cr_assert_eq(ranges_size_below(set, number), size);
        cr_assert_eq(ranges_has(set, number), naive->has[number], "number %llu", (unsigned long long)number);
        size += naive->has[number];
    }
    cr_assert_eq(ranges_size(set), size);
}

static void s_pick(rng_t *rng, uint64_t *first, uint64_t *end)
{
    *first = rng_below(rng, UNIVERSE);
    *end = *first + rng_below(rng, UNIVERSE - *first + 1) / (1 + rng_below(rng, 8));
}

static void s_change(rng_t *rng, ranges_t *set, naive_t *naive)
{
    uint64_t first, end;
    s_pick(rng, &first, &end);
    bool add = rng_below(rng, 2);
    cr_assert_eq(add ? ranges_add(set, first, end) : ranges_remove(set, first, end), ERR_OK);
    for (uint64_t number = first; number < end; number++)
        naive->has[number] = add;
}

static void s_assert_queries(rng_t *rng, const ranges_t *set, const naive_t *naive)
{
    uint64_t first, end, gap_first = 0, gap_end = 0;
    s_pick(rng, &first, &end);
    bool all = true;
    uint64_t missing = end;
    for (uint64_t number = end; number-- > first;)
        if (!naive->has[number]) {
            all = false;
            missing = number;
        }
    cr_assert_eq(ranges_has_all(set, first, end), all);
    cr_assert_eq(ranges_gap(set, first, end, &gap_first, &gap_end), !all);
    if (all)
        return;
    cr_assert_eq(gap_first, missing);
    uint64_t stop = missing;
    while (stop < end && !naive->has[stop])
        stop++;
    cr_assert_eq(gap_end, stop);
}

Test(ranges, follows_a_set_of_flags)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (int round = 0; round < 40; round++) {
        ranges_t set = {0};
        naive_t naive = {{0}};
        for (int change = 0; change < 60; change++) {
            s_change(&rng, &set, &naive);
            s_assert_same(&set, &naive);
            s_assert_queries(&rng, &set, &naive);
        }
        ranges_fini(&set);
    }
}

Test(ranges, union_and_intersection_follow_flags)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (int round = 0; round < 300; round++) {
        ranges_t a = {0}, b = {0}, both = {0};
        naive_t na = {{0}}, nb = {{0}}, either, common;
        for (uint64_t change = rng_below(&rng, 12); change; change--)
            s_change(&rng, &a, &na);
        for (uint64_t change = rng_below(&rng, 12); change; change--)
            s_change(&rng, &b, &nb);
        for (int number = 0; number < UNIVERSE; number++) {
            either.has[number] = na.has[number] || nb.has[number];
            common.has[number] = na.has[number] && nb.has[number];
        }
        cr_assert_eq(ranges_copy(&both, &a), ERR_OK);
        cr_assert_eq(ranges_intersect(&both, &b), ERR_OK);
        s_assert_same(&both, &common);
        cr_assert_eq(ranges_union(&a, &b), ERR_OK);
        s_assert_same(&a, &either);
        cr_assert_eq(ranges_union(&both, &a), ERR_OK);
        cr_assert(ranges_equal(&both, &a));
        ranges_fini(&a);
        ranges_fini(&b);
        ranges_fini(&both);
    }
}

Test(ranges, touching_intervals_become_one)
{
    ranges_t set;
    ranges_init(&set);
    cr_assert_eq(ranges_add(&set, 0, 10), ERR_OK);
    cr_assert_eq(ranges_add(&set, 20, 30), ERR_OK);
    cr_assert_eq(set.count, 2);
    cr_assert_eq(ranges_add(&set, 10, 20), ERR_OK);
    cr_assert_eq(set.count, 1);
    cr_assert_eq(set.items[0].end, 30);
    ranges_fini(&set);
}

Test(ranges, empty_intervals_change_nothing)
{
    ranges_t set = {0};
    uint64_t first = 0, end = 0;
    cr_assert_eq(ranges_add(&set, 5, 5), ERR_OK);
    cr_assert_eq(ranges_add(&set, 6, 5), ERR_OK);
    cr_assert_eq(ranges_remove(&set, 0, 9), ERR_OK);
    cr_assert_eq(set.count, 0);
    cr_assert(ranges_has_all(&set, 3, 3));
    cr_assert_not(ranges_has(&set, 0));
    cr_assert_not(ranges_gap(&set, 7, 7, &first, &end));
    cr_assert(ranges_gap(&set, 7, 9, &first, &end));
    cr_assert(first == 7 && end == 9);
}

Test(ranges, reaches_the_greatest_number)
{
    ranges_t set = {0};
    uint64_t first = 0, end = 0;
    cr_assert_eq(ranges_add(&set, UINT64_MAX - 1, UINT64_MAX), ERR_OK);
    cr_assert_eq(ranges_add(&set, 0, 1), ERR_OK);
    cr_assert(ranges_has(&set, UINT64_MAX - 1));
    cr_assert_not(ranges_has(&set, UINT64_MAX));
    cr_assert_eq(ranges_size(&set), 2);
    cr_assert(ranges_gap(&set, 0, UINT64_MAX, &first, &end));
    cr_assert(first == 1 && end == UINT64_MAX - 1);
    ranges_fini(&set);
}

Test(ranges, over_the_limit_changes_nothing)
{
    ranges_t set = {0}, other = {0};
    for (uint64_t index = 0; index < RANGES_MAX; index++)
        cr_assert_eq(ranges_add(&set, 4 * index, 4 * index + 3), ERR_OK);
    cr_assert_eq(ranges_add(&other, 4 * (uint64_t)RANGES_MAX, 4 * (uint64_t)RANGES_MAX + 1), ERR_OK);
    cr_assert_eq(ranges_add(&other, UINT64_MAX - 1, UINT64_MAX), ERR_OK);
    uint64_t size = ranges_size(&set);
    cr_assert_eq(ranges_add(&set, UINT64_MAX - 3, UINT64_MAX), ERR_LIMIT);
    cr_assert_eq(ranges_remove(&set, 1, 2), ERR_LIMIT);
    cr_assert_eq(ranges_union(&set, &other), ERR_LIMIT);
    cr_assert_eq(set.count, RANGES_MAX);
    cr_assert_eq(ranges_size(&set), size);
    s_assert_valid(&set);
    ranges_fini(&set);
    ranges_fini(&other);
}

Test(ranges, load_refuses_what_is_not_a_set)
{
    const struct {
        range_t items[2];
        size_t count;
        err_code_t code;
    } rows[] = {
        {{{1, 2}, {4, 5}}, 2, ERR_OK},
        {{{1, 2}, {3, 4}}, 2, ERR_OK},
        {{{0, 0}}, 0, ERR_OK},
        {{{1, 1}}, 1, ERR_MALFORMED},
        {{{2, 1}}, 1, ERR_MALFORMED},
        {{{1, 2}, {2, 3}}, 2, ERR_MALFORMED},
        {{{1, 5}, {2, 3}}, 2, ERR_MALFORMED},
        {{{5, 6}, {1, 2}}, 2, ERR_MALFORMED},
        {{{1, 2}, {1, 2}}, 2, ERR_MALFORMED},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        ranges_t set = {0};
        err_t err = {0};
        cr_assert_eq(ranges_add(&set, 7, 9), ERR_OK);
        cr_assert_eq(ranges_load(&set, rows[row].items, rows[row].count, &err), rows[row].code, "row %zu",
                     row);
        if (rows[row].code)
            cr_assert(ranges_has_all(&set, 7, 9) && set.count == 1 && err.text[0]);
        else
            cr_assert_eq(set.count, rows[row].count);
        ranges_fini(&set);
    }
    ranges_t none = {0};
    cr_assert_eq(ranges_load(&none, NULL, RANGES_MAX + 1, NULL), ERR_LIMIT);
}
