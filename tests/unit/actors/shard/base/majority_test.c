#include "actors/shard/base/majority.h"

#include <criterion/criterion.h>

Test(majority, is_more_than_half)
{
    cr_assert(majority_is(2, 3, false));
    cr_assert_not(majority_is(1, 3, true));
    cr_assert(majority_is(1, 1, true));
}

Test(majority, of_two_halves_is_the_one_with_the_first_region)
{
    for (size_t count = 2; count <= 64; count += 2) {
        cr_assert(majority_is(count / 2, count, true));
        cr_assert_not(majority_is(count / 2, count, false));
    }
}

Test(majority, is_never_on_both_sides)
{
    for (size_t count = 1; count <= 64; count++)
        for (size_t here = 0; here <= count; here++)
            cr_assert_neq(majority_is(here, count, true), majority_is(count - here, count, false));
}
