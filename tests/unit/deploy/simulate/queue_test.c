/* The events of a world come in the order of time, and of one moment in the order they were made. */
#include "codec/base/rng.h"
#include "deploy/simulate/queue.h"

#include <criterion/criterion.h>

Test(queue, events_come_by_time_and_then_in_the_order_they_were_made)
{
    queue_t queue = {0};
    rng_t rng;
    rng_init(&rng, 5);
    cr_assert_null(queue_peek(&queue));
    for (uint32_t i = 0; i < 5000; i++)
        queue_add(&queue, (queue_event_t){.at_us = (int64_t)rng_below(&rng, 300), .actor = i});
    queue_event_t before = {.at_us = -1};
    for (size_t i = 0; i < 5000; i++) {
        int64_t next_us = queue_peek(&queue)->at_us;
        queue_event_t event = queue_take(&queue);
        cr_assert_eq(event.at_us, next_us);
        cr_assert(event.at_us > before.at_us || (event.at_us == before.at_us && event.actor > before.actor));
        before = event;
    }
    cr_assert_null(queue_peek(&queue));
    queue_fini(&queue);
}

/* As a world does it: what is taken makes new ones, never before the present. */
Test(queue, taking_and_adding_in_turn_never_goes_back_in_time)
{
    queue_t queue = {0};
    rng_t rng;
    rng_init(&rng, 6);
    for (uint32_t i = 0; i < 100; i++)
        queue_add(&queue, (queue_event_t){.at_us = (int64_t)rng_below(&rng, 50)});
    int64_t now_us = 0;
    for (size_t i = 0; i < 20000; i++) {
        queue_event_t event = queue_take(&queue);
        cr_assert_geq(event.at_us, now_us);
        now_us = event.at_us;
        event.at_us = now_us + (int64_t)rng_below(&rng, 100);
        queue_add(&queue, event);
    }
    cr_assert_eq(queue.count, 100);
    queue_fini(&queue);
}
