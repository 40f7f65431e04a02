/* A worker: leases, evaluations, stops, what it tells. */
#include "tests/unit/actors/worker/worker_bench.h"

#include <math.h>

Test(worker, asks_for_a_lease_and_repeats_it)
{
    bench_t *bench = s_bench(false);
    message_t *want = driver_take(&bench->by, KIND_lease_want);
    cr_assert_not_null(want);
    cr_assert_str_eq(want->to, SCHEDULER);
    cr_assert_eq(want->incarnation, INCARNATION);
    cr_assert_eq(want->lease_want.last_grant, 0);
    message_destroy(&want);
    driver_tick(&bench->by, 199 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 0);
    cr_assert_eq(worker_role.due(bench->by.core), 200 * MS);
    driver_tick(&bench->by, 200 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 1);
    int64_t since_us;
    cr_assert_str_eq(worker_core_waits_for(bench->by.core, &since_us), SCHEDULER);
    cr_assert_eq(since_us, 0);
    s_free(bench);
}

Test(worker, takes_grants_in_turn_and_for_itself_alone)
{
    bench_t *bench = s_bench(false);
    driver_drop(&bench->by);
    s_lease_to(bench, INCARNATION - 1, 1, 0, 4, false);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0, "for its predecessor");
    s_lease(bench, 2, 0, 4);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0, "out of turn");
    s_lease(bench, 1, 96, 101);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0, "the run has 100 batches");
    s_lease(bench, 1, 5, 4);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0);
    s_lease(bench, 1, 0, 4);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 2);
    s_lease(bench, 1, 50, 54);
    driver_tick(&bench->by, 2000 * MS);
    message_t *want = driver_take(&bench->by, KIND_lease_want);
    cr_assert_eq(want->lease_want.last_grant, 1);
    cr_assert_eq(want->lease_want.holding.count, 1);
    cr_assert_eq(want->lease_want.holding.items[0].end, 4);
    message_destroy(&want);
    s_free(bench);
}

Test(worker, does_not_ask_while_more_than_half_of_a_lease_is_left)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 4);
    s_answer_pulls(bench);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 0, "3 of 4 are not begun");
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 1, "2 of 4 are not begun");
    s_free(bench);
}

Test(worker, evaluates_the_newest_parameters_and_repeats_the_result)
{
    bench_t *bench = s_bench(false);
    s_lease_to(bench, INCARNATION, 1, 0, 0, true);
    message_t *pull = driver_take(&bench->by, KIND_pull);
    cr_assert(pull->pull.newest);
    s_answer(bench, 0, pull->number, 0);
    message_destroy(&pull);
    pull = driver_take(&bench->by, KIND_pull);
    s_answer(bench, 1, pull->number, 0);
    message_destroy(&pull);
    worker_task_t task = s_task(bench);
    cr_assert(task.evaluate);
    cr_assert_null(task.gradient);
    driver_drop(&bench->by);
    worker_core_evaluated(bench->by.core, &(worker_result_t){0.25, 0.75, 0.875}, 42, 10 * MS);
    message_t *result = driver_take(&bench->by, KIND_evaluated);
    cr_assert_not_null(result);
    cr_assert_eq(result->evaluated.grant, 1);
    cr_assert_eq(result->evaluated.accuracy, 0.75);
    cr_assert_eq(result->evaluated.auc, 0.875);
    cr_assert_eq(result->evaluated.took_us, 42);
    message_destroy(&result);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 1);
    driver_tick(&bench->by, 210 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_evaluated), 1);
    s_lease(bench, 2, 0, 1);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 410 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_evaluated), 0, "the newer grant says that it arrived");
    s_free(bench);
}

/* The next batch or evaluation, or -1: nothing is known. */
static int s_foreseen(const bench_t *bench, bool *ret_evaluate)
{
    uint64_t batch;
    return worker_core_foresee(bench->by.core, ret_evaluate, &batch) ? (int)batch : -1;
}

Test(worker, foresees_the_task_after_the_one_at_hand)
{
    bench_t *bench = s_bench(false);
    bool evaluate = true;
    cr_assert_eq(s_foreseen(bench, &evaluate), -1);
    s_lease(bench, 1, 0, 2);
    cr_assert(s_foreseen(bench, &evaluate) == 0 && !evaluate, "that which is pulled for");
    s_answer_pulls(bench);
    s_task(bench);
    cr_assert(s_foreseen(bench, &evaluate) == 1 && !evaluate, "that which is leased behind it");
    s_lease_to(bench, INCARNATION, 2, 2, 3, true);
    cr_assert(s_foreseen(bench, &evaluate) == 0 && evaluate, "an evaluation goes before");
    worker_core_computed(bench->by.core, 0.5, 10 * MS);
    s_answer_pulls(bench);
    cr_assert(s_task(bench).evaluate);
    cr_assert(s_foreseen(bench, &evaluate) == 1 && !evaluate, "and is not made twice");
    s_free(bench);
}

Test(worker, stop_lets_the_computation_at_hand_be_pushed)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 2);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    driver_give(&bench->by, message_new(KIND_stop, "worker/eu/0", "node/eu/a"));
    cr_assert_not(worker_role.finished(bench->by.core));
    driver_drop(&bench->by);
    s_compute(bench, &task);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 5);
    s_ack(bench, SHARD_0, 0, true, ERR_OK);
    cr_assert_not(worker_role.finished(bench->by.core), "the other shard may not have it yet");
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    cr_assert(worker_role.finished(bench->by.core));
    cr_assert_eq(worker_role.due(bench->by.core), ROLE_NEVER);
    s_free(bench);
}

/* Nobody has it, so whoever goes on computes it. */
Test(worker, stop_does_not_wait_for_a_step_of_minutes)
{
    bench_t *bench = s_bench(false);
    uint64_t batch;
    s_lease(bench, 1, 0, 2);
    s_answer_pulls(bench);
    s_task(bench);
    driver_tick(&bench->by, 60000 * MS);
    driver_give(&bench->by, message_new(KIND_stop, "worker/eu/0", "node/eu/a"));
    driver_tick(&bench->by, 64000 * MS);
    cr_assert_not(worker_role.finished(bench->by.core), "it may be over soon");
    driver_drop(&bench->by);
    cr_assert_leq(worker_role.due(bench->by.core), 65000 * MS);
    driver_tick(&bench->by, 65000 * MS);
    cr_assert(worker_role.finished(bench->by.core));
    cr_assert_eq(worker_core_failure(bench->by.core, NULL), ERR_OK);
    cr_assert(worker_core_gave_up(bench->by.core, &batch));
    cr_assert_eq(batch, 0);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 0);
    s_free(bench);
}

Test(worker, stop_sends_what_is_on_its_way_again_but_does_not_wait_for_ever)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 2);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    driver_drop(&bench->by);
    driver_give(&bench->by, message_new(KIND_stop, "worker/eu/0", "node/eu/a"));
    driver_tick(&bench->by, 1000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 5);
    cr_assert_leq(worker_role.due(bench->by.core), 2000 * MS);
    driver_tick(&bench->by, 1999 * MS);
    cr_assert_not(worker_role.finished(bench->by.core));
    driver_tick(&bench->by, 2000 * MS);
    cr_assert(worker_role.finished(bench->by.core));
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0);
    s_free(bench);
}

Test(worker, stop_ends_an_idle_worker_at_once)
{
    bench_t *bench = s_bench(false);
    driver_give(&bench->by, message_new(KIND_stop, "worker/eu/0", "node/eu/a"));
    cr_assert(worker_role.finished(bench->by.core));
    cr_assert_eq(worker_core_failure(bench->by.core, NULL), ERR_OK);
    s_free(bench);
}

Test(worker, ends_when_a_newer_incarnation_runs)
{
    bench_t *bench = s_bench(false);
    driver_give(&bench->by, s_stale(INCARNATION - 1));
    cr_assert_not(worker_role.finished(bench->by.core), "meant for its predecessor");
    driver_give(&bench->by, s_stale(INCARNATION));
    cr_assert(worker_role.finished(bench->by.core));
    const char *reason;
    cr_assert_eq(worker_core_failure(bench->by.core, &reason), ERR_STALE);
    cr_assert_neq(strstr(reason, SHARD_0), NULL);
    s_free(bench);
}

Test(worker, unreachable_leaves_it_to_the_timers)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    driver_drop(&bench->by);
    message_t *unreachable = message_new(KIND_unreachable, "worker/eu/0", "broker/eu");
    message_set_name(unreachable->unreachable.actor, SHARD_0);
    driver_give(&bench->by, unreachable);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0);
    driver_tick(&bench->by, 500 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 2);
    s_free(bench);
}

Test(worker, tells_how_it_is)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 100 * MS);
    message_t *status = driver_take(&bench->by, KIND_status);
    cr_assert_not_null(status, "a change is told soon");
    cr_assert_str_eq(status->status.state, "waiting");
    cr_assert_str_eq(status->status.waits_for, SHARD_0);
    cr_assert_eq(status->status.since_us, 100 * MS);
    message_destroy(&status);
    driver_tick(&bench->by, 599 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_status), 0);
    driver_tick(&bench->by, 600 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_status), 1);
    s_free(bench);
}

static void s_lease_from(bench_t *bench, uint64_t term, uint64_t grant, uint64_t first, uint64_t end)
{
    message_t *lease = message_new(KIND_lease, "worker/eu/0", SCHEDULER);
    lease->incarnation = term << 32;
    lease->lease.grant = grant;
    lease->lease.first = first;
    lease->lease.end = end;
    lease->lease.worker = INCARNATION;
    driver_give(&bench->by, lease);
}

Test(worker, tells_a_new_scheduler_what_it_holds_and_refuses_the_old_one)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 8);
    driver_drop(&bench->by);
    s_lease_from(bench, 2, 0, 0, 0);
    message_t *want = driver_take(&bench->by, KIND_lease_want);
    cr_assert_not_null(want, "though it needs nothing");
    cr_assert_eq(want->lease_want.holding.count, 1);
    cr_assert_eq(want->lease_want.holding.items[0].end, 8);
    message_destroy(&want);
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 0, "once");
    s_lease_from(bench, 1, 2, 8, 16);
    message_t *refused = driver_take(&bench->by, KIND_refused);
    cr_assert_not_null(refused);
    cr_assert_eq(refused->refused.code, ERR_STALE);
    cr_assert_eq(refused->refused.incarnation, 1ull << 32);
    message_destroy(&refused);
    s_lease_from(bench, 2, 0, 0, 0);
    want = driver_take(&bench->by, KIND_lease_want);
    cr_assert_eq(want->lease_want.holding.items[0].end, 8, "nothing was taken from the old one");
    message_destroy(&want);
    s_free(bench);
}
