/* An array that grows. */
#include "codec/base/grow.h"

#include <criterion/criterion.h>

#include <stdlib.h>

Test(grow, items_stay_and_the_room_doubles)
{
    size_t *items = NULL, capacity = 0, moves = 0;
    for (size_t count = 0; count < 1000; count++) {
        size_t before = capacity;
        items = grow(items, count, &capacity, sizeof *items);
        cr_assert_gt(capacity, count);
        moves += capacity != before;
        items[count] = count;
    }
    for (size_t i = 0; i < 1000; i++)
        cr_assert_eq(items[i], i);
    cr_assert_eq(capacity, 1024);
    cr_assert_eq(moves, 8);
    free(items);
}
