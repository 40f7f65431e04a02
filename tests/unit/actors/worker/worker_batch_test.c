/* A worker: the way of a batch, from parameters that are pulled to a gradient that is pushed. */
#include "tests/unit/actors/worker/worker_bench.h"

#include <math.h>

Test(worker, assembles_parameters_from_chunks_in_any_order)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 7, 9);
    cr_assert_eq(s_answer_pulls(bench), 7);
    worker_task_t task = s_task(bench);
    cr_assert_not(task.evaluate);
    cr_assert_eq(task.batch, 7);
    for (size_t index = 0; index < 8; index++)
        cr_assert_eq(task.params[index], 100 + (float)(index < 5 ? index : index - 5));
    worker_task_t second;
    cr_assert_not(worker_core_take_task(bench->by.core, &second), "one at a time");
    s_free(bench);
}

Test(worker, refuses_chunks_that_do_not_fit)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    message_t *pull = driver_take(&bench->by, KIND_pull);
    chunk_t good = {.request = pull->number,
                    .version = 1,
                    .chunk = 0,
                    .chunk_count = 3,
                    .total = 5,
                    .count = 2,
                    .value = 1};
    message_destroy(&pull);
    driver_drop(&bench->by);
    chunk_t wrong[] = {good, good, good, good, good};
    wrong[0].offset = 4; /* beyond the end */
    wrong[1].offset = UINT64_MAX;
    wrong[2].total = 6;
    wrong[3].chunk = 3;
    wrong[4].version = 2; /* after one of version 1 */
    for (size_t index = 0; index < 5; index++) {
        if (index == 4)
            s_params(bench, SHARD_0, &good);
        s_params(bench, SHARD_0, &wrong[index]);
        pull = driver_take(&bench->by, KIND_pull);
        if (index == 3 || index == 4) { /* the fourth in a row waits for the timer */
            cr_assert_null(pull);
            if (index == 3) {
                driver_tick(&bench->by, 600 * MS);
                pull = driver_take(&bench->by, KIND_pull);
                for (size_t later = 4; later < 5; later++)
                    wrong[later].request = pull->number;
                good.request = pull->number;
                message_destroy(&pull);
                driver_drop(&bench->by);
            }
            continue;
        }
        cr_assert_not_null(pull, "asked again at once after wrong chunk %zu", index);
        for (size_t later = index + 1; later < 5; later++)
            wrong[later].request = pull->number;
        message_destroy(&pull);
    }
    worker_task_t task;
    cr_assert_not(worker_core_take_task(bench->by.core, &task));
    s_free(bench);
}

Test(worker, insists_on_checksums_when_told_so)
{
    bench_t *bench = s_bench(true);
    s_lease(bench, 1, 0, 1);
    message_t *pull = driver_take(&bench->by, KIND_pull);
    float values[5] = {1, 2, 3, 4, 5};
    chunk_t chunk = {.request = pull->number,
                     .version = 1,
                     .chunk = 0,
                     .chunk_count = 1,
                     .total = 5,
                     .count = 5,
                     .value = 1};
    message_destroy(&pull);
    driver_drop(&bench->by);
    s_params(bench, SHARD_0, &chunk);
    pull = driver_take(&bench->by, KIND_pull);
    cr_assert_not_null(pull, "without a checksum it is not taken");
    chunk.request = pull->number;
    chunk.checksum = hash_checksum(values, sizeof values);
    message_destroy(&pull);
    s_params(bench, SHARD_0, &chunk);
    cr_assert_null(driver_take(&bench->by, KIND_pull));
    cr_assert_str_eq(worker_core_waits_for(bench->by.core, NULL), SHARD_1);
    s_free(bench);
}

Test(worker, asks_again_with_a_new_number_and_ignores_the_old_answer)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    message_t *pull = driver_take(&bench->by, KIND_pull);
    uint64_t old = pull->number;
    message_destroy(&pull);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 499 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0);
    driver_tick(&bench->by, 500 * MS);
    pull = driver_take(&bench->by, KIND_pull);
    cr_assert_gt(pull->number, old);
    s_answer(bench, 0, old, 1);
    cr_assert_str_eq(worker_core_waits_for(bench->by.core, NULL), SHARD_0);
    s_answer(bench, 0, pull->number, 1);
    cr_assert_str_eq(worker_core_waits_for(bench->by.core, NULL), SHARD_1);
    message_destroy(&pull);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 1499 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 0, "the pause doubles");
    driver_tick(&bench->by, 1500 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_pull), 1);
    s_free(bench);
}

/* An answer to a predecessor may still be on its way when its successor asks. */
Test(worker, no_two_incarnations_ask_with_the_same_number)
{
    static const uint64_t incarnations[] = {1ull << 32 | 4, 1ull << 32 | 5, 2ull << 32 | 4, 2ull << 32 | 5};
    uint64_t numbers[4];
    for (size_t i = 0; i < 4; i++) {
        bench_t *bench = s_bench_as(incarnations[i], false, INSIDE_ASYNC, 1);
        s_lease_to(bench, incarnations[i], 1, 0, 1, false);
        message_t *pull = driver_take(&bench->by, KIND_pull);
        cr_assert_not_null(pull);
        numbers[i] = pull->number;
        for (size_t k = 0; k < i; k++)
            cr_assert_gt(llabs((long long)(numbers[i] - numbers[k])), 1000000);
        message_destroy(&pull);
        s_free(bench);
    }
}

Test(worker, ignores_a_shards_former_incarnation)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    message_t *pull = driver_take(&bench->by, KIND_pull);
    chunk_t chunk = {.request = pull->number, .chunk_count = 3, .total = 5, .count = 2, .incarnation = 5};
    s_params(bench, SHARD_0, &chunk);
    s_answer(bench, 0, pull->number, 1); /* of incarnation 1 */
    cr_assert_str_eq(worker_core_waits_for(bench->by.core, NULL), SHARD_0);
    message_destroy(&pull);
    s_free(bench);
}

Test(worker, pushes_slices_and_carries_the_next_pull)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 2);
    s_answer_pulls(bench);
    driver_drop(&bench->by);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    size_t pushes = 0, carried = 0;
    message_t *push;
    float sum = 0;
    while ((push = driver_take(&bench->by, KIND_push))) {
        cr_assert_eq(push->push.batch, 0);
        cr_assert_eq(push->push.samples, 10);
        size_t shard = strcmp(push->to, SHARD_0) != 0;
        const float *values = slice_peek(&push->data);
        cr_assert_eq(values, task.gradient + s_first[shard] + push->push.offset, "without a copy");
        for (size_t index = 0; index < push->data.size_bytes / sizeof(float); index++)
            sum += values[index];
        if (push->push.pull) {
            cr_assert_eq(push->push.chunk + 1, push->push.chunk_count);
            cr_assert_eq(push->push.pull_batch, 1);
            s_answer(bench, shard, push->push.pull, 200);
            carried++;
        }
        pushes++;
        message_destroy(&push);
    }
    cr_assert_eq(pushes, 5);
    cr_assert_eq(carried, 2);
    cr_assert_eq(sum, 28);
    task = s_task(bench);
    cr_assert_eq(task.batch, 1, "computed while the first is on its way");
    cr_assert_eq(task.params[0], 200);
    s_free(bench);
}

Test(worker, has_a_whole_step_on_its_way_when_its_sisters_are_gone)
{
    bench_t *bench = s_bench_of(false, INSIDE_SYNC, 3);
    s_lease(bench, 1, 0, 4);
    s_push_unanswered(bench, 3);
    worker_task_t task;
    cr_assert_not(worker_core_take_task(bench->by.core, &task));
    s_free(bench);
}

Test(worker, has_at_most_two_batches_on_their_way)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 4);
    s_push_unanswered(bench, 2);
    worker_task_t task;
    cr_assert_not(worker_core_take_task(bench->by.core, &task));
    cr_assert_str_eq(worker_core_waits_for(bench->by.core, NULL), SHARD_0);
    s_ack(bench, SHARD_0, 0, true, ERR_OK);
    cr_assert_not(worker_core_take_task(bench->by.core, &task), "the other shard has not applied it");
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    cr_assert(worker_core_take_task(bench->by.core, &task));
    cr_assert_eq(task.batch, 2);
    cr_assert_eq(worker_core_done(bench->by.core), 1);
    s_free(bench);
}

Test(worker, sends_a_push_again_until_every_shard_has_it)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    s_ack(bench, SHARD_0, 0, true, ERR_OK);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 999 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 0);
    driver_tick(&bench->by, 1000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 2, "to the shard that has not said so, alone");
    driver_tick(&bench->by, 2999 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 0);
    driver_tick(&bench->by, 3000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 2);
    s_ack(bench, SHARD_1, 0, false, ERR_OK);
    cr_assert_eq(worker_core_done(bench->by.core), 0, "received is not applied");
    s_ack(bench, SHARD_1, 5, true, ERR_OK);
    cr_assert_eq(worker_core_done(bench->by.core), 0, "another batch");
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    cr_assert_eq(worker_core_done(bench->by.core), 1);
    s_free(bench);
}

Test(worker, answers_damage_at_once_but_not_for_ever)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    driver_drop(&bench->by);
    for (int time = 0; time < 3; time++) {
        s_ack(bench, SHARD_1, 0, false, ERR_CHECKSUM);
        cr_assert_eq(driver_count(&bench->by, KIND_push), 2);
    }
    s_ack(bench, SHARD_1, 0, false, ERR_CHECKSUM);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 0, "then by the timer");
    driver_tick(&bench->by, 1000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_push), 5);
    s_free(bench);
}

Test(worker, announces_a_gradient_that_is_not_finite_without_sending_it)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    s_answer_pulls(bench);
    driver_drop(&bench->by);
    worker_task_t task = s_task(bench);
    memset(task.gradient, 0, 8 * sizeof(float));
    task.gradient[7] = NAN; /* in the last shard: the first must not get a part either */
    worker_core_computed(bench->by.core, 1, 0);
    message_t *push;
    size_t count = 0;
    while ((push = driver_take(&bench->by, KIND_push))) {
        cr_assert_eq(push->push.samples, 0);
        cr_assert_eq(push->push.chunk_count, 1);
        cr_assert_null(push->data.buf);
        message_destroy(&push);
        count++;
    }
    cr_assert_eq(count, 2);
    s_ack(bench, SHARD_0, 0, true, ERR_NUMBER);
    s_ack(bench, SHARD_1, 0, true, ERR_NUMBER);
    cr_assert_eq(worker_core_done(bench->by.core), 1);
    s_free(bench);
}

Test(worker, does_not_reuse_a_gradient_that_is_still_read)
{
    bench_t *bench = s_bench(false);
    message_t *kept[16];
    size_t kept_count = 0;
    s_lease(bench, 1, 0, 8);
    s_answer_pulls(bench);
    for (uint64_t batch = 0; batch < 6; batch++) {
        worker_task_t task = s_task(bench);
        driver_drop(&bench->by);
        s_compute(bench, &task);
        message_t *push;
        while ((push = driver_take(&bench->by, KIND_push))) {
            if (push->push.pull)
                s_answer(bench, strcmp(push->to, SHARD_0) != 0, push->push.pull, 0);
            if (push->push.chunk == 0 && !strcmp(push->to, SHARD_0))
                kept[kept_count++] = push;
            else
                message_destroy(&push);
        }
        s_ack(bench, SHARD_0, batch, true, ERR_OK);
        s_ack(bench, SHARD_1, batch, true, ERR_OK);
    }
    for (size_t index = 0; index < kept_count; index++) {
        cr_assert_eq(((const float *)slice_peek(&kept[index]->data))[0], (float)index,
                     "a shard still reads it");
        message_destroy(&kept[index]);
    }
    s_free(bench);
}

Test(worker, a_lower_batch_comes_before_one_whose_parameters_are_kept_back)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 10, 11);
    driver_drop(&bench->by);
    s_lease(bench, 2, 11, 12);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 999 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 0);
    driver_tick(&bench->by, 1000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 1, "what it waits for may be a batch nobody has");
    s_lease(bench, 3, 3, 4);
    cr_assert_eq(s_answer_pulls(bench), 3);
    worker_task_t task = s_task(bench);
    cr_assert_eq(task.batch, 3);
    s_compute(bench, &task);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 1600 * MS);
    cr_assert_eq(s_answer_pulls(bench), 10);
    s_free(bench);
}

Test(worker, a_push_that_is_kept_back_gives_way_to_a_lower_batch)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 10, 12);
    s_answer_pulls(bench);
    for (uint64_t batch = 10; batch < 12; batch++) {
        worker_task_t task = s_task(bench);
        cr_assert_eq(task.batch, batch);
        driver_drop(&bench->by);
        s_compute(bench, &task);
        message_t *push;
        while ((push = driver_take(&bench->by, KIND_push))) {
            if (push->push.pull)
                s_answer(bench, strcmp(push->to, SHARD_0) != 0, push->push.pull, 0);
            message_destroy(&push);
        }
        s_ack(bench, SHARD_0, batch, true, ERR_OK);
    }
    driver_tick(&bench->by, 200 * MS);
    s_lease(bench, 2, 3, 4); /* what shard 1 lost; it keeps 10 and 11 back for it */
    cr_assert_eq(s_answer_pulls(bench), 3);
    worker_task_t task;
    driver_tick(&bench->by, 1199 * MS);
    cr_assert_not(worker_core_take_task(bench->by.core, &task), "they may still be on their way");
    cr_assert_leq(worker_role.due(bench->by.core), 1200 * MS);
    driver_tick(&bench->by, 1200 * MS);
    task = s_task(bench);
    cr_assert_eq(task.batch, 3);
    driver_drop(&bench->by);
    s_compute(bench, &task);
    message_t *push = driver_take(&bench->by, KIND_push);
    cr_assert_not_null(push);
    cr_assert_eq(push->push.batch, 3);
    cr_assert_eq(push->push.pull_batch == 11 || push->push.chunk + 1 < push->push.chunk_count, true,
                 "the furthest is computed again");
    message_destroy(&push);
    s_ack(bench, SHARD_1, 10, true, ERR_OK);
    cr_assert_eq(worker_core_done(bench->by.core), 1, "the nearer one was kept");
    s_free(bench);
}

Test(worker, asks_for_leases_when_its_pushes_are_kept_back)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 10, 14);
    s_answer_pulls(bench);
    for (uint64_t batch = 10; batch < 12; batch++) {
        worker_task_t task = s_task(bench);
        driver_drop(&bench->by);
        s_compute(bench, &task);
        message_t *push;
        while ((push = driver_take(&bench->by, KIND_push))) {
            if (push->push.pull)
                s_answer(bench, strcmp(push->to, SHARD_0) != 0, push->push.pull, 0);
            message_destroy(&push);
        }
    }
    s_lease(bench, 2, 14, 18);
    driver_tick(&bench->by, 999 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 0);
    driver_tick(&bench->by, 1000 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_lease_want), 1,
                 "what they wait for may be a batch nobody has");
    s_lease(bench, 3, 2, 3);
    cr_assert_eq(s_answer_pulls(bench), 2, "though 12 could be computed next");
    s_free(bench);
}

Test(worker, pushes_a_gradient_that_is_clipped)
{
    bench_t *bench = s_bench(false);
    worker_role.destroy(&bench->by.core);
    bench->topology.job.optimizer.clip_norm = 1;
    worker_spec_t spec = {.topology = &bench->topology,
                          .job = &bench->job,
                          .incarnation = INCARNATION,
                          .shard_count = 2,
                          .shard_first = s_first,
                          .chunk_bytes = 8};
    bench->by.core = worker_core_new(&spec);
    worker_role.tick(bench->by.core, 0);
    s_lease(bench, 1, 0, 1);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task); /* 0 to 7: the sum of their squares is 140 */
    message_t *push;
    while ((push = driver_take(&bench->by, KIND_push))) {
        size_t first = (strcmp(push->to, SHARD_0) ? 5 : 0) + push->push.offset;
        const float *g = (const float *)slice_peek(&push->data);
        for (size_t i = 0; i < push->data.size_bytes / sizeof *g; i++)
            cr_assert_float_eq(g[i], (float)(first + i) / sqrtf(140), 1e-5);
        message_destroy(&push);
    }
    s_free(bench);
}
