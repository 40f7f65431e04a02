/* Workers' results, and the curve. */
#include "tests/unit/actors/scheduler/region/rooms.h"

#include <math.h>

static message_t *s_want(const rooms_t *rooms, size_t worker, uint64_t samples, double loss_sum,
                         int64_t compute_us)
{
    const region_actor_t *actor = &rooms->actors.list[4 + worker];
    message_t *want = message_new(KIND_lease_want, rooms->base.core.name, actor->name);
    want->incarnation = actor->incarnation;
    want->lease_want.samples = samples;
    want->lease_want.loss_sum = loss_sum;
    want->lease_want.compute_us = compute_us;
    return want;
}

static computed_t s_ask(rooms_t *rooms, size_t worker, uint64_t samples, double loss_sum, int64_t now_us)
{
    computed_t computed;
    message_t *want = s_want(rooms, worker, samples, loss_sum, now_us);
    cr_assert(training_take_want(&rooms->training, want, &rooms->actors.list[4 + worker], now_us, &computed));
    message_destroy(&want);
    return computed;
}

Test(training, the_first_lease_begins_the_time_that_counts)
{
    rooms_t *rooms = rooms_training();
    cr_assert_not(training_has_begun(&rooms->training));
    s_ask(rooms, 0, 0, 0, 2 * SECOND);
    cr_assert(training_has_begun(&rooms->training));
    message_t *lease = rooms_take(rooms, KIND_lease);
    cr_assert_lt(lease->lease.first, lease->lease.end);
    message_destroy(&lease);
    cr_assert_eq(training_us(&rooms->training, 5 * SECOND), 3 * SECOND);
    training_end(&rooms->training, 6 * SECOND);
    cr_assert_eq(training_us(&rooms->training, 9 * SECOND), 4 * SECOND);
    rooms_free(rooms);
}

Test(training, sums_of_workers_are_counted_once)
{
    rooms_t *rooms = rooms_training();
    computed_t first = s_ask(rooms, 0, 10, 5, SECOND), again = s_ask(rooms, 0, 10, 5, SECOND);
    cr_assert(first.samples == 10 && first.took_us == SECOND);
    cr_assert(again.samples == 0 && again.took_us == 0);
    s_ask(rooms, 1, 10, 15, SECOND);
    cr_assert_float_eq(training_mean_loss(&rooms->training), 1, 1e-9);
    rooms_free(rooms);
}

Test(training, nothing_is_granted_before_adopted_workers_have_told)
{
    rooms_t *rooms = rooms_training();
    rooms->actors.list[5].worker.untold = true;
    s_ask(rooms, 0, 0, 0, 0);
    cr_assert_eq(rooms_sent(rooms, KIND_lease), 0);
    s_ask(rooms, 1, 0, 0, 0);
    cr_assert_eq(rooms_sent(rooms, KIND_lease), 1, "it has told now");
    rooms_free(rooms);
}

Test(training, a_lost_worker_leaves_its_leases)
{
    rooms_t *rooms = rooms_training();
    s_ask(rooms, 0, 0, 0, 0);
    uint64_t before = lease_table_free(rooms->shards.leases);
    training_worker_lost(&rooms->training, &rooms->actors.list[4]);
    cr_assert_gt(lease_table_free(rooms->shards.leases), before);
    rooms_free(rooms);
}

/* ---- the curve ---- */

Test(training, a_quarter_has_a_row_and_waits_for_its_result)
{
    rooms_t *rooms = rooms_training();
    rooms->base.spec.evaluates = true;
    training_tick(&rooms->training, 0);
    rooms_tell(rooms, 0, 8, 0, 0);
    rooms_tell(rooms, 1, 8, 0, 0);
    training_tick(&rooms->training, SECOND);
    cr_assert(training_evaluation_waits(&rooms->training));
    cr_assert_eq(rooms->training.curve.row_count, 0);
    s_ask(rooms, 0, 0, 0, SECOND);
    cr_assert(training_evaluates(&rooms->training, 0) && !training_evaluates(&rooms->training, 1));
    message_t *result = message_new(KIND_evaluated, rooms->base.core.name, "worker/eu/0");
    result->evaluated.grant = rooms->training.curve.evaluation.grant;
    result->evaluated.accuracy = 0.5;
    training_take_evaluated(&rooms->training, result, &rooms->actors.list[4], 2 * SECOND);
    cr_assert_eq(rooms->training.curve.row_count, 1);
    cr_assert_float_eq(rooms->training.curve.rows[0].test_accuracy, 0.5, 1e-9);
    message_destroy(&result);
    rooms_free(rooms);
}

Test(training, an_area_beyond_its_bounds_is_refused)
{
    static const double areas[] = {-0.5, 1.5, NAN, INFINITY};
    rooms_t *rooms = rooms_training();
    rooms->base.spec.evaluates = true;
    training_tick(&rooms->training, 0);
    rooms_tell(rooms, 0, 8, 0, 0);
    rooms_tell(rooms, 1, 8, 0, 0);
    training_tick(&rooms->training, SECOND);
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        s_ask(rooms, 0, 0, 0, SECOND);
        message_t *result = message_new(KIND_evaluated, rooms->base.core.name, "worker/eu/0");
        result->evaluated.grant = rooms->training.curve.evaluation.grant;
        result->evaluated.accuracy = 0.5;
        result->evaluated.auc = areas[i];
        training_take_evaluated(&rooms->training, result, &rooms->actors.list[4], 2 * SECOND);
        cr_assert_eq(rooms->training.curve.row_count, 0, "%g", areas[i]);
        message_destroy(&result);
    }
    rooms_free(rooms);
}

Test(training, a_lost_evaluation_goes_to_the_next_that_asks)
{
    rooms_t *rooms = rooms_training();
    rooms->base.spec.evaluates = true;
    training_tick(&rooms->training, 0);
    rooms_tell(rooms, 0, 8, 0, 0);
    rooms_tell(rooms, 1, 8, 0, 0);
    training_tick(&rooms->training, SECOND);
    s_ask(rooms, 0, 0, 0, SECOND);
    training_worker_lost(&rooms->training, &rooms->actors.list[4]);
    cr_assert(training_evaluation_waits(&rooms->training));
    s_ask(rooms, 1, 0, 0, SECOND);
    cr_assert(training_evaluates(&rooms->training, 1));
    rooms_free(rooms);
}
