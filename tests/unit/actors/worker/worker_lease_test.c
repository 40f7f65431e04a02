#include "actors/worker/worker_lease.h"

#include <criterion/criterion.h>

static message_t *s_lease(uint64_t grant, uint64_t first, uint64_t end, bool evaluate)
{
    message_t *message = message_new(KIND_lease, "worker/west/0", "scheduler/west");
    message->lease.grant = grant;
    message->lease.first = first;
    message->lease.end = end;
    message->lease.evaluate = evaluate;
    return message;
}

static bool s_take(worker_lease_t *self, uint64_t grant, uint64_t first, uint64_t end, bool evaluate)
{
    message_t *message = s_lease(grant, first, end, evaluate);
    bool taken = worker_lease_take(self, message, 100);
    message_destroy(&message);
    return taken;
}

Test(worker_lease, grants_are_taken_in_order_and_once)
{
    worker_lease_t lease = {0};
    cr_assert(s_take(&lease, 1, 10, 14, false));
    cr_assert_not(s_take(&lease, 1, 20, 24, false), "repeated");
    cr_assert_not(s_take(&lease, 3, 20, 24, false), "one is missing before it");
    cr_assert_not(s_take(&lease, 2, 98, 101, false), "there are no such batches");
    cr_assert_eq(ranges_size(&lease.holding), 4);
    worker_lease_fini(&lease);
}

Test(worker_lease, what_it_holds_already_is_not_to_be_done_again)
{
    worker_lease_t lease = {0};
    cr_assert(s_take(&lease, 1, 10, 14, false));
    cr_assert(worker_lease_begin(&lease, 11));
    cr_assert(s_take(&lease, 2, 8, 16, false));
    cr_assert_eq(ranges_size(&lease.holding), 8);
    cr_assert_not(ranges_has(&lease.todo, 11), "it is computed");
    cr_assert_eq(ranges_size(&lease.todo), 7);
    worker_lease_fini(&lease);
}

Test(worker_lease, an_evaluation_is_first_then_the_lowest_batch)
{
    worker_lease_t lease = {0};
    bool evaluate;
    uint64_t batch;
    cr_assert_not(worker_lease_next(&lease, &evaluate, &batch));
    cr_assert(s_take(&lease, 1, 10, 14, true));
    cr_assert(worker_lease_next(&lease, &evaluate, &batch) && evaluate);
    message_t *result = message_new(KIND_evaluated, "scheduler/west", "worker/west/0");
    worker_lease_keep_result(&lease, &result);
    cr_assert(worker_lease_next(&lease, &evaluate, &batch) && !evaluate && batch == 10);
    cr_assert(worker_lease_begin(&lease, 10));
    cr_assert(worker_lease_next(&lease, &evaluate, &batch) && batch == 11);
    cr_assert(worker_lease_put_back(&lease, 10));
    cr_assert(worker_lease_next(&lease, &evaluate, &batch) && batch == 10);
    worker_lease_fini(&lease);
}

Test(worker_lease, asks_for_more_with_half_a_lease_left_or_something_to_tell)
{
    worker_lease_t lease = {0};
    cr_assert(worker_lease_wants(&lease), "it has nothing");
    cr_assert(s_take(&lease, 1, 0, 4, false));
    cr_assert_not(worker_lease_wants(&lease));
    message_t *result = message_new(KIND_evaluated, "scheduler/west", "worker/west/0");
    worker_lease_keep_result(&lease, &result);
    cr_assert(worker_lease_wants(&lease), "a result is to be told");
    cr_assert(s_take(&lease, 2, 4, 8, false));
    cr_assert_not(worker_lease_wants(&lease), "a newer grant says that it was heard");
    cr_assert(worker_lease_begin(&lease, 0) && worker_lease_begin(&lease, 1));
    for (uint64_t batch = 2; batch < 6; batch++)
        cr_assert(worker_lease_begin(&lease, batch));
    cr_assert(worker_lease_wants(&lease));
    cr_assert_eq(ranges_size(&lease.holding), 8, "it answers for them until every shard has them");
    cr_assert(worker_lease_done(&lease, 0));
    cr_assert_eq(ranges_size(&lease.holding), 7);
    worker_lease_fini(&lease);
}
