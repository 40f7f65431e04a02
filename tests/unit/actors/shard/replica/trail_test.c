#include "actors/shard/replica/trail.h"

#include <criterion/criterion.h>
#include <string.h>

#define ELEMENTS 1000

static void s_add(trail_t *trail, uint64_t from, uint64_t to, uint64_t first, uint64_t end)
{
    ranges_t touched = {0};
    cr_assert_eq(ranges_add(&touched, first, end), ERR_OK);
    trail_add(trail, from, to, &touched, ELEMENTS);
    ranges_fini(&touched);
}

Test(trail, leads_from_every_version_to_the_newest)
{
    trail_t trail = {0};
    s_add(&trail, 1, 5, 0, 10);
    s_add(&trail, 5, 7, 4, 20);
    s_add(&trail, 7, 8, 900, 901);
    cr_assert(trail_leads(&trail, 1, 8) && trail_leads(&trail, 5, 8) && trail_leads(&trail, 7, 8));
    cr_assert_not(trail_leads(&trail, 8, 8) || trail_leads(&trail, 1, 7) || trail_leads(&trail, 2, 8));
    trail_fini(&trail);
    cr_assert_not(trail_leads(&trail, 7, 8));
}

Test(trail, copies_what_the_steps_have_changed)
{
    trail_t trail = {0};
    float present[ELEMENTS], old[ELEMENTS] = {0};
    for (size_t i = 0; i < ELEMENTS; i++)
        present[i] = 1;
    s_add(&trail, 1, 5, 0, 10);
    s_add(&trail, 5, 7, 4, 20);
    s_add(&trail, 7, 8, 900, 901);
    trail_copy(&trail, 5, 8, present, old);
    for (size_t i = 0; i < ELEMENTS; i++)
        cr_assert_eq(old[i], (i >= 4 && i < 20) || i == 900, "element %zu", i);
    trail_fini(&trail);
}

Test(trail, ends_where_something_else_has_changed_the_tensor)
{
    trail_t trail = {0};
    s_add(&trail, 1, 5, 0, 10);
    s_add(&trail, 6, 7, 0, 10);
    cr_assert(trail_leads(&trail, 6, 7) && !trail_leads(&trail, 1, 7));
    trail_fini(&trail);
}

Test(trail, forgets_the_oldest_steps_first)
{
    trail_t trail = {0};
    for (uint64_t i = 1; i <= TRAIL_STEPS + 1; i++)
        s_add(&trail, i, i + 1, i, i + 1);
    cr_assert(trail_leads(&trail, 2, TRAIL_STEPS + 2) && !trail_leads(&trail, 1, TRAIL_STEPS + 2));
    trail_fini(&trail);
}

/* 16 bytes an interval, of 4 a value. */
Test(trail, is_at_most_half_as_long_as_the_tensor)
{
    trail_t trail = {0};
    ranges_t touched = {0};
    for (uint64_t i = 0; i < 60; i++)
        cr_assert_eq(ranges_add(&touched, 3 * i, 3 * i + 1), ERR_OK);
    for (uint64_t i = 1; i < 4; i++)
        trail_add(&trail, i, i + 1, &touched, ELEMENTS);
    cr_assert(trail_leads(&trail, 2, 4) && !trail_leads(&trail, 1, 4), "room for 125 intervals");
    for (uint64_t i = 60; i < 126; i++)
        cr_assert_eq(ranges_add(&touched, 3 * i, 3 * i + 1), ERR_OK);
    trail_add(&trail, 4, 5, &touched, ELEMENTS);
    cr_assert_not(trail_leads(&trail, 4, 5), "a step that is longer leads nowhere");
    ranges_fini(&touched);
    trail_fini(&trail);
}
