/* A worker whose batches touch few elements: of 48, 40 in shard 0 and 8 in shard 1; chunks of 2. */
#define BENCH_FIRST                                                                                          \
    {                                                                                                        \
        0, 40, 48                                                                                            \
    }
#define BENCH_TOUCHES s_touches
#include "codec/base/ranges.h"

static err_code_t s_touches(void *hint, uint64_t batch, ranges_t *ret_elements);

#include "tests/unit/actors/worker/worker_bench.h"

#define NO_BATCH 3u /* touches too much, or memory is short */

/* Batch b: elements 4 b .. 4 b + 1, 30, and 1 in shard 1. */
static err_code_t s_touches(void *hint, uint64_t batch, ranges_t *ret_elements)
{
    (void)hint;
    err_code_t code = ranges_add(ret_elements, 4 * batch, 4 * batch + 2);
    if (!code)
        code = ranges_add(ret_elements, 30, 31);
    if (!code)
        code = ranges_add(ret_elements, 41, 42);
    return batch == NO_BATCH ? ERR_LIMIT : code;
}

static void s_expect_pull(const message_t *pull, uint64_t batch, uint64_t after)
{
    const uint32_t both[2][4] = {{(uint32_t)(4 * batch), 2, 30, 1}, {1, 1}};
    const uint32_t *index = both[strcmp(pull->to, SHARD_0) != 0];
    size_t bytes = strcmp(pull->to, SHARD_0) ? 8 : 16;
    cr_assert(pull->pull.some);
    cr_assert_eq(pull->pull.batch, batch);
    cr_assert_eq(pull->pull.after, after);
    cr_assert_eq(pull->data.size_bytes, bytes);
    cr_assert_arr_eq(slice_peek(&pull->data), index, bytes);
}

/* The next two pulls, each answered with values that begin at 100 and 200. */
static void s_answer_some(bench_t *bench, uint64_t batch, uint64_t after)
{
    for (size_t i = 0; i < 2; i++) {
        message_t *pull = driver_take(&bench->by, KIND_pull);
        cr_assert_not_null(pull);
        s_expect_pull(pull, batch, after);
        bool second = strcmp(pull->to, SHARD_0) != 0;
        size_t count = second ? 1 : 3;
        for (size_t at = 0; at < count; at += 2) {
            chunk_t chunk = {.request = pull->number,
                             .version = 9,
                             .chunk = at / 2,
                             .chunk_count = (count + 1) / 2,
                             .offset = at,
                             .total = count,
                             .count = count - at < 2 ? 1 : 2,
                             .value = (second ? 200 : 100) + (float)at};
            s_params(bench, pull->to, &chunk);
        }
        message_destroy(&pull);
    }
}

Test(worker_touched, pulls_what_a_batch_touches_to_its_place)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 4);
    s_answer_some(bench, 0, 0);
    worker_task_t task = s_task(bench);
    cr_assert_eq(task.params[0], 100);
    cr_assert_eq(task.params[1], 101);
    cr_assert_eq(task.params[30], 102);
    cr_assert_eq(task.params[41], 200);
    cr_assert_eq(task.params[2], 0);
    s_free(bench);
}

static void s_expect_push(const message_t *push, const uint32_t *index, size_t runs, const float *values,
                          size_t count)
{
    cr_assert_eq(push->push.patch, 1 + runs);
    cr_assert_eq(push->push.words, 2 * runs + count);
    size_t word = push->push.offset, words = push->data.size_bytes / 4;
    for (size_t i = 0; i < words; i++, word++) {
        const void *expected = word < 2 * runs ? (const void *)(index + word) : values + (word - 2 * runs);
        cr_assert_eq(memcmp((const char *)slice_peek(&push->data) + 4 * i, expected, 4), 0, "word %zu", word);
    }
}

Test(worker_touched, pushes_it_and_pulls_the_next_behind)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, 0, 3);
    s_answer_some(bench, 0, 0);
    worker_task_t task = s_task(bench);
    for (size_t i = 0; i < 48; i++)
        task.gradient[i] = (float)i;
    worker_core_computed(bench->by.core, 0.5, 0);
    size_t words = 0;
    for (size_t i = 0; i < 6; i++) { /* 7 and 3 words in pieces of 2 */
        message_t *push = driver_take(&bench->by, KIND_push);
        cr_assert_not_null(push);
        cr_assert_eq(push->push.pull, 0, "goes by a message of its own");
        if (strcmp(push->to, SHARD_0) == 0)
            s_expect_push(push, (uint32_t[]){0, 2, 30, 1}, 2, (float[]){0, 1, 30}, 3);
        else
            s_expect_push(push, (uint32_t[]){1, 1}, 1, (float[]){41}, 1);
        cr_assert_eq(push->push.total, strcmp(push->to, SHARD_0) ? 8 : 40);
        words += push->data.size_bytes / 4;
        message_destroy(&push);
    }
    cr_assert_eq(words, 10);
    s_answer_some(bench, 1, 0 + 1);
    task = s_task(bench);
    cr_assert_eq(task.params[4], 100);
    cr_assert_eq(task.params[30], 102);
    s_free(bench);
}

Test(worker_touched, is_everything_where_nobody_knows_and_at_an_evaluation)
{
    bench_t *bench = s_bench(false);
    s_lease(bench, 1, NO_BATCH, NO_BATCH + 1);
    message_t *pull = driver_take(&bench->by, KIND_pull);
    cr_assert(!pull->pull.some && !pull->data.buf);
    message_destroy(&pull);
    s_free(bench);
    bench = s_bench(false);
    s_lease_to(bench, INCARNATION, 1, 0, 0, true);
    pull = driver_take(&bench->by, KIND_pull);
    cr_assert(!pull->pull.some && pull->pull.newest);
    message_destroy(&pull);
    s_free(bench);
}

Test(worker_touched, answer_of_another_size_is_asked_for_again_without_waiting_for_a_push)
{
    bench_t *bench = s_bench(true);
    s_lease(bench, 1, 1, 2);
    message_t *pull = driver_take(&bench->by, KIND_pull);
    cr_assert_eq(pull->pull.checksum, hash_checksum(slice_peek(&pull->data), pull->data.size_bytes));
    driver_drop(&bench->by);
    chunk_t chunk = {.request = pull->number, .version = 9, .chunk_count = 1, .total = 40, .count = 2};
    s_params(bench, SHARD_0, &chunk);
    message_t *again = driver_take(&bench->by, KIND_pull);
    cr_assert_not_null(again);
    cr_assert_gt(again->number, pull->number);
    s_expect_pull(again, 1, 0);
    message_destroy(&again);
    message_destroy(&pull);
    s_free(bench);
}
