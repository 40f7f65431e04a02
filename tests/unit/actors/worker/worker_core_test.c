/* A worker driven by hand in virtual time: one region, two shards of 5 and 3 elements, chunks of 2. */
#include "actors/worker/worker_core.h"
#include "codec/base/hash.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000
#define SHARD_0 "shard/eu/0"
#define SHARD_1 "shard/eu/1"
#define SCHEDULER "scheduler/eu"
#define INCARNATION ((1ull << 32) | 4)

static const size_t s_first[] = {0, 5, 8};

typedef struct {
    topology_t topology;
    job_t job;
    worker_core_t *core;
    int64_t now_us;
} bench_t;

static bench_t *s_bench_as(uint64_t incarnation, bool checksums, inside_t inside, uint64_t workers)
{
    bench_t *bench = calloc(1, sizeof *bench);
    cr_assert_not_null(bench);
    topology_t *topology = &bench->topology;
    topology->job.epochs = 1;
    topology->job.batch = 10;
    topology->region_count = 1;
    strcpy(topology->regions[0].name, "eu");
    topology->regions[0].data_share = 1;
    topology->regions[0].workers = workers;
    topology->job.sync.inside = inside;
    topology->regions[0].shards = 2;
    err_t err;
    cr_assert_eq(job_derive(topology, 1000, &bench->job, &err), ERR_OK);
    worker_spec_t spec = {.topology = topology,
                          .job = &bench->job,
                          .incarnation = incarnation,
                          .shard_count = 2,
                          .shard_first = s_first,
                          .chunk_bytes = 8,
                          .checksums = checksums};
    bench->core = worker_core_new(&spec);
    worker_role.tick(bench->core, 0);
    return bench;
}

static bench_t *s_bench_of(bool checksums, inside_t inside, uint64_t workers)
{
    return s_bench_as(INCARNATION, checksums, inside, workers);
}

static bench_t *s_bench(bool checksums)
{
    return s_bench_of(checksums, INSIDE_ASYNC, 1);
}

static void s_free(bench_t *bench)
{
    worker_role.destroy((void **)&bench->core);
    free(bench);
}

static void s_drop_all(bench_t *bench)
{
    message_t *message;
    while ((message = outbox_take(worker_role.outbox(bench->core))))
        message_destroy(&message);
}

/* The next message of a kind; those before it are dropped. The caller owns it; NULL when there is none. */
static message_t *s_take(bench_t *bench, message_kind_t kind)
{
    message_t *message;
    while ((message = outbox_take(worker_role.outbox(bench->core)))) {
        if (message->kind == kind)
            return message;
        message_destroy(&message);
    }
    return NULL;
}

static size_t s_count(bench_t *bench, message_kind_t kind)
{
    size_t count = 0;
    message_t *message;
    while ((message = s_take(bench, kind))) {
        count++;
        message_destroy(&message);
    }
    return count;
}

static void s_tick(bench_t *bench, int64_t now_us)
{
    bench->now_us = now_us;
    worker_role.tick(bench->core, now_us);
}

static void s_give(bench_t *bench, message_t *message)
{
    worker_role.message(bench->core, &message, bench->now_us);
    cr_assert_null(message);
}

static void s_lease_to(bench_t *bench, uint64_t worker, uint64_t grant, uint64_t first, uint64_t end,
                       bool evaluate)
{
    message_t *lease = message_new(KIND_lease, "worker/eu/0", SCHEDULER);
    lease->incarnation = 1ull << 32;
    lease->lease.grant = grant;
    lease->lease.first = first;
    lease->lease.end = end;
    lease->lease.evaluate = evaluate;
    lease->lease.worker = worker;
    s_give(bench, lease);
}

static void s_lease(bench_t *bench, uint64_t grant, uint64_t first, uint64_t end)
{
    s_lease_to(bench, INCARNATION, grant, first, end, false);
}

typedef struct {
    uint64_t request, version, chunk, chunk_count, offset, total;
    size_t count;
    float value;
    uint64_t checksum;
    uint64_t incarnation;
} chunk_t;

static void s_params(bench_t *bench, const char *shard, const chunk_t *chunk)
{
    message_t *params = message_new(KIND_params, "worker/eu/0", shard);
    params->incarnation = chunk->incarnation ? chunk->incarnation : 1;
    params->number = chunk->request;
    params->params.version = chunk->version;
    params->params.chunk = chunk->chunk;
    params->params.chunk_count = chunk->chunk_count;
    params->params.offset = chunk->offset;
    params->params.total = chunk->total;
    params->params.checksum = chunk->checksum;
    buf_t *buf = buf_new(chunk->count * sizeof(float));
    float *values = buf_data(buf);
    for (size_t index = 0; index < chunk->count; index++)
        values[index] = chunk->value + (float)index;
    params->data = slice_of(buf, 0, chunk->count * sizeof(float));
    buf_destroy(&buf);
    s_give(bench, params);
}

/* All chunks of a shard, last first, element i of the shard having the value base + i. */
static void s_answer(bench_t *bench, size_t shard, uint64_t request, float base)
{
    size_t total = s_first[shard + 1] - s_first[shard], count = (total + 1) / 2;
    for (size_t index = count; index-- > 0;) {
        size_t length = total - 2 * index < 2 ? 1 : 2;
        chunk_t chunk = {.request = request,
                         .version = 9,
                         .chunk = index,
                         .chunk_count = count,
                         .offset = 2 * index,
                         .total = total,
                         .count = length,
                         .value = base + 2 * (float)index};
        s_params(bench, shard ? SHARD_1 : SHARD_0, &chunk);
    }
}

/* Answers the pulls that lie in the outbox. */
static uint64_t s_answer_pulls(bench_t *bench)
{
    uint64_t batch = UINT64_MAX;
    message_t *pull;
    while ((pull = s_take(bench, KIND_pull))) {
        batch = pull->pull.batch;
        s_answer(bench, strcmp(pull->to, SHARD_0) != 0, pull->number, 100);
        message_destroy(&pull);
    }
    return batch;
}

static worker_task_t s_task(bench_t *bench)
{
    worker_task_t task;
    cr_assert(worker_core_take_task(bench->core, &task), "a computation should be offered");
    return task;
}

static void s_compute(bench_t *bench, const worker_task_t *task)
{
    for (size_t index = 0; index < 8; index++)
        task->gradient[index] = (float)task->batch + (float)index;
    worker_core_computed(bench->core, 0.5, bench->now_us);
}

static void s_ack(bench_t *bench, const char *shard, uint64_t batch, bool applied, err_code_t code)
{
    message_t *ack = message_new(KIND_push_ack, "worker/eu/0", shard);
    ack->incarnation = 1;
    ack->number = ack->push_ack.batch = batch;
    ack->push_ack.applied = applied;
    ack->push_ack.code = code;
    s_give(bench, ack);
}

Test(worker, asks_for_a_lease_and_repeats_it)
{
    bench_t *bench = s_bench(false);
    message_t *want = s_take(bench, KIND_lease_want);
    cr_assert_not_null(want);
    cr_assert_str_eq(want->to, SCHEDULER);
    cr_assert_eq(want->incarnation, INCARNATION);
    cr_assert_eq(want->lease_want.last_grant, 0);
    message_destroy(&want);
    s_tick(bench, 199 * MS);
    cr_assert_eq(s_count(bench, KIND_lease_want), 0);
    cr_assert_eq(worker_role.due(bench->core), 200 * MS);
    s_tick(bench, 200 * MS);
    cr_assert_eq(s_count(bench, KIND_lease_want), 1);
    int64_t since_us;
    cr_assert_str_eq(worker_core_waits_for(bench->core, &since_us), SCHEDULER);
    cr_assert_eq(since_us, 0);
    s_free(bench);
}

Test(worker, takes_grants_in_turn_and_for_itself_alone)
{
    bench_t *bench = s_bench(false);
    s_drop_all(bench);
    s_lease_to(bench, INCARNATION - 1, 1, 0, 4, false);
    cr_assert_eq(s_count(bench, KIND_pull), 0, "for its predecessor");
    s_lease(bench, 2, 0, 4);
    cr_assert_eq(s_count(bench, KIND_pull), 0, "out of turn");
    s_lease(bench, 1, 96, 101);
    cr_assert_eq(s_count(bench, KIND_pull), 0, "the run has 100 batches");
    s_lease(bench, 1, 5, 4);
    cr_assert_eq(s_count(bench, KIND_pull), 0);
    s_lease(bench, 1, 0, 4);
    cr_assert_eq(s_count(bench, KIND_pull), 2);
    s_lease(bench, 1, 50, 54);
    s_tick(bench, 2000 * MS);
    message_t *want = s_take(bench, KIND_lease_want);
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
    s_drop_all(bench);
    s_tick(bench, 300 * MS);
    cr_assert_eq(s_count(bench, KIND_lease_want), 0, "3 of 4 are not begun");
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    cr_assert_eq(s_count(bench, KIND_lease_want), 1, "2 of 4 are not begun");
    s_free(bench);
}

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
    cr_assert_not(worker_core_take_task(bench->core, &second), "one at a time");
    s_free(bench);
}

Test(worker, refuses_chunks_that_do_not_fit)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    message_t *pull = s_take(bench, KIND_pull);
    chunk_t good = {.request = pull->number,
                    .version = 1,
                    .chunk = 0,
                    .chunk_count = 3,
                    .total = 5,
                    .count = 2,
                    .value = 1};
    message_destroy(&pull);
    s_drop_all(bench);
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
        pull = s_take(bench, KIND_pull);
        if (index == 3 || index == 4) { /* the fourth in a row waits for the timer */
            cr_assert_null(pull);
            if (index == 3) {
                s_tick(bench, 600 * MS);
                pull = s_take(bench, KIND_pull);
                for (size_t later = 4; later < 5; later++)
                    wrong[later].request = pull->number;
                good.request = pull->number;
                message_destroy(&pull);
                s_drop_all(bench);
            }
            continue;
        }
        cr_assert_not_null(pull, "asked again at once after wrong chunk %zu", index);
        for (size_t later = index + 1; later < 5; later++)
            wrong[later].request = pull->number;
        message_destroy(&pull);
    }
    worker_task_t task;
    cr_assert_not(worker_core_take_task(bench->core, &task));
    s_free(bench);
}

Test(worker, insists_on_checksums_when_told_so)
{
    bench_t *bench = s_bench(true);
    s_lease(bench, 1, 0, 1);
    message_t *pull = s_take(bench, KIND_pull);
    float values[5] = {1, 2, 3, 4, 5};
    chunk_t chunk = {.request = pull->number,
                     .version = 1,
                     .chunk = 0,
                     .chunk_count = 1,
                     .total = 5,
                     .count = 5,
                     .value = 1};
    message_destroy(&pull);
    s_drop_all(bench);
    s_params(bench, SHARD_0, &chunk);
    pull = s_take(bench, KIND_pull);
    cr_assert_not_null(pull, "without a checksum it is not taken");
    chunk.request = pull->number;
    chunk.checksum = hash_checksum(values, sizeof values);
    message_destroy(&pull);
    s_params(bench, SHARD_0, &chunk);
    cr_assert_null(s_take(bench, KIND_pull));
    cr_assert_str_eq(worker_core_waits_for(bench->core, NULL), SHARD_1);
    s_free(bench);
}

Test(worker, asks_again_with_a_new_number_and_ignores_the_old_answer)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    message_t *pull = s_take(bench, KIND_pull);
    uint64_t old = pull->number;
    message_destroy(&pull);
    s_drop_all(bench);
    s_tick(bench, 499 * MS);
    cr_assert_eq(s_count(bench, KIND_pull), 0);
    s_tick(bench, 500 * MS);
    pull = s_take(bench, KIND_pull);
    cr_assert_gt(pull->number, old);
    s_answer(bench, 0, old, 1);
    cr_assert_str_eq(worker_core_waits_for(bench->core, NULL), SHARD_0);
    s_answer(bench, 0, pull->number, 1);
    cr_assert_str_eq(worker_core_waits_for(bench->core, NULL), SHARD_1);
    message_destroy(&pull);
    s_drop_all(bench);
    s_tick(bench, 1499 * MS);
    cr_assert_eq(s_count(bench, KIND_pull), 0, "the pause doubles");
    s_tick(bench, 1500 * MS);
    cr_assert_eq(s_count(bench, KIND_pull), 1);
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
        message_t *pull = s_take(bench, KIND_pull);
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
    message_t *pull = s_take(bench, KIND_pull);
    chunk_t chunk = {.request = pull->number, .chunk_count = 3, .total = 5, .count = 2, .incarnation = 5};
    s_params(bench, SHARD_0, &chunk);
    s_answer(bench, 0, pull->number, 1); /* of incarnation 1 */
    cr_assert_str_eq(worker_core_waits_for(bench->core, NULL), SHARD_0);
    message_destroy(&pull);
    s_free(bench);
}

Test(worker, pushes_slices_and_carries_the_next_pull)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 2);
    s_answer_pulls(bench);
    s_drop_all(bench);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    size_t pushes = 0, carried = 0;
    message_t *push;
    float sum = 0;
    while ((push = s_take(bench, KIND_push))) {
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

/* Computes and pushes batches [0, end); nothing is acknowledged. */
static void s_push_unanswered(bench_t *bench, uint64_t end)
{
    s_answer_pulls(bench);
    for (uint64_t batch = 0; batch < end; batch++) {
        worker_task_t task = s_task(bench);
        cr_assert_eq(task.batch, batch);
        s_drop_all(bench);
        s_compute(bench, &task);
        message_t *push;
        while ((push = s_take(bench, KIND_push))) {
            if (push->push.pull)
                s_answer(bench, strcmp(push->to, SHARD_0) != 0, push->push.pull, 0);
            message_destroy(&push);
        }
    }
}

Test(worker, has_a_whole_step_on_its_way_when_its_sisters_are_gone)
{
    bench_t *bench = s_bench_of(false, INSIDE_SYNC, 3);
    s_lease(bench, 1, 0, 4);
    s_push_unanswered(bench, 3);
    worker_task_t task;
    cr_assert_not(worker_core_take_task(bench->core, &task));
    s_free(bench);
}

Test(worker, has_at_most_two_batches_on_their_way)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 4);
    s_push_unanswered(bench, 2);
    worker_task_t task;
    cr_assert_not(worker_core_take_task(bench->core, &task));
    cr_assert_str_eq(worker_core_waits_for(bench->core, NULL), SHARD_0);
    s_ack(bench, SHARD_0, 0, true, ERR_OK);
    cr_assert_not(worker_core_take_task(bench->core, &task), "the other shard has not applied it");
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    cr_assert(worker_core_take_task(bench->core, &task));
    cr_assert_eq(task.batch, 2);
    cr_assert_eq(worker_core_done(bench->core), 1);
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
    s_drop_all(bench);
    s_tick(bench, 999 * MS);
    cr_assert_eq(s_count(bench, KIND_push), 0);
    s_tick(bench, 1000 * MS);
    cr_assert_eq(s_count(bench, KIND_push), 2, "to the shard that has not said so, alone");
    s_tick(bench, 2999 * MS);
    cr_assert_eq(s_count(bench, KIND_push), 0);
    s_tick(bench, 3000 * MS);
    cr_assert_eq(s_count(bench, KIND_push), 2);
    s_ack(bench, SHARD_1, 0, false, ERR_OK);
    cr_assert_eq(worker_core_done(bench->core), 0, "received is not applied");
    s_ack(bench, SHARD_1, 5, true, ERR_OK);
    cr_assert_eq(worker_core_done(bench->core), 0, "another batch");
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    cr_assert_eq(worker_core_done(bench->core), 1);
    s_free(bench);
}

Test(worker, answers_damage_at_once_but_not_for_ever)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    s_drop_all(bench);
    for (int time = 0; time < 3; time++) {
        s_ack(bench, SHARD_1, 0, false, ERR_CHECKSUM);
        cr_assert_eq(s_count(bench, KIND_push), 2);
    }
    s_ack(bench, SHARD_1, 0, false, ERR_CHECKSUM);
    cr_assert_eq(s_count(bench, KIND_push), 0, "then by the timer");
    s_tick(bench, 1000 * MS);
    cr_assert_eq(s_count(bench, KIND_push), 5);
    s_free(bench);
}

Test(worker, announces_a_gradient_that_is_not_finite_without_sending_it)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    s_answer_pulls(bench);
    s_drop_all(bench);
    worker_task_t task = s_task(bench);
    memset(task.gradient, 0, 8 * sizeof(float));
    task.gradient[7] = NAN; /* in the last shard: the first must not get a part either */
    worker_core_computed(bench->core, 1, 0);
    message_t *push;
    size_t count = 0;
    while ((push = s_take(bench, KIND_push))) {
        cr_assert_eq(push->push.samples, 0);
        cr_assert_eq(push->push.chunk_count, 1);
        cr_assert_null(push->data.buf);
        message_destroy(&push);
        count++;
    }
    cr_assert_eq(count, 2);
    s_ack(bench, SHARD_0, 0, true, ERR_NUMBER);
    s_ack(bench, SHARD_1, 0, true, ERR_NUMBER);
    cr_assert_eq(worker_core_done(bench->core), 1);
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
        s_drop_all(bench);
        s_compute(bench, &task);
        message_t *push;
        while ((push = s_take(bench, KIND_push))) {
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
    s_drop_all(bench);
    s_lease(bench, 2, 11, 12);
    s_drop_all(bench);
    s_tick(bench, 999 * MS);
    cr_assert_eq(s_count(bench, KIND_lease_want), 0);
    s_tick(bench, 1000 * MS);
    cr_assert_eq(s_count(bench, KIND_lease_want), 1, "what it waits for may be a batch nobody has");
    s_lease(bench, 3, 3, 4);
    cr_assert_eq(s_answer_pulls(bench), 3);
    worker_task_t task = s_task(bench);
    cr_assert_eq(task.batch, 3);
    s_compute(bench, &task);
    s_drop_all(bench);
    s_tick(bench, 1600 * MS);
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
        s_drop_all(bench);
        s_compute(bench, &task);
        message_t *push;
        while ((push = s_take(bench, KIND_push))) {
            if (push->push.pull)
                s_answer(bench, strcmp(push->to, SHARD_0) != 0, push->push.pull, 0);
            message_destroy(&push);
        }
        s_ack(bench, SHARD_0, batch, true, ERR_OK);
    }
    s_tick(bench, 200 * MS);
    s_lease(bench, 2, 3, 4); /* what shard 1 lost; it keeps 10 and 11 back for it */
    cr_assert_eq(s_answer_pulls(bench), 3);
    worker_task_t task;
    s_tick(bench, 1199 * MS);
    cr_assert_not(worker_core_take_task(bench->core, &task), "they may still be on their way");
    cr_assert_leq(worker_role.due(bench->core), 1200 * MS);
    s_tick(bench, 1200 * MS);
    task = s_task(bench);
    cr_assert_eq(task.batch, 3);
    s_drop_all(bench);
    s_compute(bench, &task);
    message_t *push = s_take(bench, KIND_push);
    cr_assert_not_null(push);
    cr_assert_eq(push->push.batch, 3);
    cr_assert_eq(push->push.pull_batch == 11 || push->push.chunk + 1 < push->push.chunk_count, true,
                 "the furthest is computed again");
    message_destroy(&push);
    s_ack(bench, SHARD_1, 10, true, ERR_OK);
    cr_assert_eq(worker_core_done(bench->core), 1, "the nearer one was kept");
    s_free(bench);
}

Test(worker, asks_for_leases_when_its_pushes_are_kept_back)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 10, 14);
    s_answer_pulls(bench);
    for (uint64_t batch = 10; batch < 12; batch++) {
        worker_task_t task = s_task(bench);
        s_drop_all(bench);
        s_compute(bench, &task);
        message_t *push;
        while ((push = s_take(bench, KIND_push))) {
            if (push->push.pull)
                s_answer(bench, strcmp(push->to, SHARD_0) != 0, push->push.pull, 0);
            message_destroy(&push);
        }
    }
    s_lease(bench, 2, 14, 18);
    s_tick(bench, 999 * MS);
    cr_assert_eq(s_count(bench, KIND_lease_want), 0);
    s_tick(bench, 1000 * MS);
    cr_assert_eq(s_count(bench, KIND_lease_want), 1, "what they wait for may be a batch nobody has");
    s_lease(bench, 3, 2, 3);
    cr_assert_eq(s_answer_pulls(bench), 2, "though 12 could be computed next");
    s_free(bench);
}

Test(worker, evaluates_the_newest_parameters_and_repeats_the_result)
{
    bench_t *bench = s_bench(false);
    s_lease_to(bench, INCARNATION, 1, 0, 0, true);
    message_t *pull = s_take(bench, KIND_pull);
    cr_assert(pull->pull.newest);
    s_answer(bench, 0, pull->number, 0);
    message_destroy(&pull);
    pull = s_take(bench, KIND_pull);
    s_answer(bench, 1, pull->number, 0);
    message_destroy(&pull);
    worker_task_t task = s_task(bench);
    cr_assert(task.evaluate);
    cr_assert_null(task.gradient);
    s_drop_all(bench);
    worker_core_evaluated(bench->core, 0.25, 0.75, 42, 10 * MS);
    message_t *result = s_take(bench, KIND_evaluated);
    cr_assert_not_null(result);
    cr_assert_eq(result->evaluated.grant, 1);
    cr_assert_eq(result->evaluated.accuracy, 0.75);
    cr_assert_eq(result->evaluated.took_us, 42);
    message_destroy(&result);
    cr_assert_eq(s_count(bench, KIND_lease_want), 1);
    s_tick(bench, 210 * MS);
    cr_assert_eq(s_count(bench, KIND_evaluated), 1);
    s_lease(bench, 2, 0, 1);
    s_drop_all(bench);
    s_tick(bench, 410 * MS);
    cr_assert_eq(s_count(bench, KIND_evaluated), 0, "the newer grant says that it arrived");
    s_free(bench);
}

Test(worker, stop_lets_the_computation_at_hand_be_pushed)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 2);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    s_give(bench, message_new(KIND_stop, "worker/eu/0", "node/eu/a"));
    cr_assert_not(worker_role.finished(bench->core));
    s_drop_all(bench);
    s_compute(bench, &task);
    cr_assert_eq(s_count(bench, KIND_push), 5);
    s_ack(bench, SHARD_0, 0, true, ERR_OK);
    cr_assert_not(worker_role.finished(bench->core), "the other shard may not have it yet");
    s_ack(bench, SHARD_1, 0, true, ERR_OK);
    cr_assert(worker_role.finished(bench->core));
    cr_assert_eq(worker_role.due(bench->core), ROLE_NEVER);
    s_free(bench);
}

Test(worker, stop_sends_what_is_on_its_way_again_but_does_not_wait_for_ever)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 2);
    s_answer_pulls(bench);
    worker_task_t task = s_task(bench);
    s_compute(bench, &task);
    s_drop_all(bench);
    s_give(bench, message_new(KIND_stop, "worker/eu/0", "node/eu/a"));
    s_tick(bench, 1000 * MS);
    cr_assert_eq(s_count(bench, KIND_push), 5);
    cr_assert_leq(worker_role.due(bench->core), 2000 * MS);
    s_tick(bench, 1999 * MS);
    cr_assert_not(worker_role.finished(bench->core));
    s_tick(bench, 2000 * MS);
    cr_assert(worker_role.finished(bench->core));
    cr_assert_eq(s_count(bench, KIND_pull), 0);
    s_free(bench);
}

Test(worker, stop_ends_an_idle_worker_at_once)
{
    bench_t *bench = s_bench(false);
    s_give(bench, message_new(KIND_stop, "worker/eu/0", "node/eu/a"));
    cr_assert(worker_role.finished(bench->core));
    cr_assert_eq(worker_core_failure(bench->core, NULL), ERR_OK);
    s_free(bench);
}

static message_t *s_stale(uint64_t incarnation)
{
    message_t *refused = message_new(KIND_refused, "worker/eu/0", SHARD_0);
    refused->refused.code = ERR_STALE;
    refused->refused.kind = KIND_push;
    refused->refused.incarnation = incarnation;
    return refused;
}

Test(worker, ends_when_a_newer_incarnation_runs)
{
    bench_t *bench = s_bench(false);
    s_give(bench, s_stale(INCARNATION - 1));
    cr_assert_not(worker_role.finished(bench->core), "meant for its predecessor");
    s_give(bench, s_stale(INCARNATION));
    cr_assert(worker_role.finished(bench->core));
    const char *reason;
    cr_assert_eq(worker_core_failure(bench->core, &reason), ERR_STALE);
    cr_assert_neq(strstr(reason, SHARD_0), NULL);
    s_free(bench);
}

Test(worker, unreachable_leaves_it_to_the_timers)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    s_drop_all(bench);
    message_t *unreachable = message_new(KIND_unreachable, "worker/eu/0", "broker/eu");
    message_set_name(unreachable->unreachable.actor, SHARD_0);
    unreachable->unreachable.kind = KIND_pull;
    s_give(bench, unreachable);
    cr_assert_eq(s_count(bench, KIND_pull), 0);
    s_tick(bench, 500 * MS);
    cr_assert_eq(s_count(bench, KIND_pull), 2);
    s_free(bench);
}

Test(worker, tells_how_it_is)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 1);
    s_drop_all(bench);
    s_tick(bench, 100 * MS);
    message_t *status = s_take(bench, KIND_status);
    cr_assert_not_null(status, "a change is told soon");
    cr_assert_str_eq(status->status.state, "waiting");
    cr_assert_str_eq(status->status.waits_for, SHARD_0);
    cr_assert_eq(status->status.since_us, 100 * MS);
    message_destroy(&status);
    s_tick(bench, 599 * MS);
    cr_assert_eq(s_count(bench, KIND_status), 0);
    s_tick(bench, 600 * MS);
    cr_assert_eq(s_count(bench, KIND_status), 1);
    s_free(bench);
}
