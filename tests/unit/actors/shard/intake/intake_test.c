/* The region's own batches, without a shard: what becomes of pushes and pulls when somebody else says
 * whether steps may be made. */
#include "actors/shard/intake/intake.h"
#include "codec/base/hash.h"
#include "tests/unit/actors/shard/alone.h"

#include <math.h>

#define N 8

static alone_t *s_alone(inside_t inside, uint64_t workers)
{
    topology_t *topology = world_topology(1, STRATEGY_ASGD_GA, 1, workers);
    topology->job.optimizer.lr = 1;
    topology->job.sync.inside = inside;
    return alone_new(
        topology, 64,
        (shard_spec_t){.incarnation = 3, .elements = N, .chunk_bytes = 16, .history = 5, .checksums = true});
}

/* One of the two chunks of a push, of that value throughout. */
static void s_push(alone_t *a, const char *worker, uint64_t batch, uint64_t chunk, float value)
{
    float values[N / 2];
    for (size_t i = 0; i < N / 2; i++)
        values[i] = value;
    message_t *m = message_new(KIND_push, a->base.core.name, worker);
    m->incarnation = 1;
    m->number = m->push.batch = batch;
    m->push.samples = 4;
    m->push.chunk = chunk;
    m->push.chunk_count = 2;
    m->push.offset = chunk * N / 2;
    m->push.total = N;
    buf_t *data = buf_new_copy(values, sizeof values);
    m->data = slice_of(data, 0, sizeof values);
    buf_destroy(&data);
    m->push.checksum = hash_checksum(slice_peek(&m->data), m->data.size_bytes);
    intake_push(&a->intake, m);
    message_destroy(&m);
}

static void s_push_whole(alone_t *a, const char *worker, uint64_t batch, float value)
{
    s_push(a, worker, batch, 1, value);
    s_push(a, worker, batch, 0, value);
}

/* How many messages of a kind it has sent since, and what the last of them says. */
static size_t s_sent(alone_t *a, message_kind_t kind, err_code_t *ret_code)
{
    size_t count = 0;
    message_t *m;
    while ((m = outbox_take(&a->base.core.outbox))) {
        count += m->kind == kind;
        if (ret_code && m->kind == KIND_push_ack)
            *ret_code = (err_code_t)m->push_ack.code;
        message_destroy(&m);
    }
    return count;
}

static float s_first(const alone_t *a)
{
    return ((const float *)buf_peek(a->replica.parameters))[0];
}

Test(intake, a_push_is_a_step_once_it_is_whole_and_steps_may_be_made)
{
    alone_t *a = s_alone(INSIDE_ASYNC, 1);
    s_push(a, "worker/region0/0", 0, 0, 2);
    cr_assert_not(intake_step(&a->intake), "half of it");
    s_push(a, "worker/region0/0", 0, 1, 2);
    cr_assert_eq(s_sent(a, KIND_push_ack, NULL), 0, "it is not in the version yet");
    cr_assert(intake_step(&a->intake));
    cr_assert_eq(s_first(a), -2);
    cr_assert_eq(s_sent(a, KIND_push_ack, NULL), 1);
    cr_assert(ranges_has(&a->replica.applied, 0));
    s_push_whole(a, "worker/region0/0", 0, 2);
    cr_assert_not(intake_step(&a->intake), "a batch is applied once");
    cr_assert_eq(s_first(a), -2);
    cr_assert_gt(a->base.counts.duplicates, 0);
    alone_free(a);
}

Test(intake, what_is_not_finite_uses_up_its_batch_and_changes_nothing)
{
    alone_t *a = s_alone(INSIDE_ASYNC, 1);
    err_code_t code = ERR_OK;
    s_push(a, "worker/region0/0", 0, 0, 2);
    s_push(a, "worker/region0/0", 0, 1, INFINITY);
    cr_assert(intake_step(&a->intake));
    cr_assert_eq(s_first(a), 0);
    s_sent(a, KIND_push_ack, &code);
    cr_assert_eq(code, ERR_NUMBER);
    cr_assert(ranges_has(&a->replica.refused, 0));
    cr_assert_eq(a->base.counts.not_finite, 1);
    alone_free(a);
}

Test(intake, in_order_a_step_is_a_batch_of_every_worker)
{
    alone_t *a = s_alone(INSIDE_SYNC, 2);
    uint64_t missing;
    s_push_whole(a, "worker/region0/1", 1, 4);
    cr_assert_not(intake_step(&a->intake));
    cr_assert(intake_missing(&a->intake, &missing));
    cr_assert_eq(missing, 0);
    s_push_whole(a, "worker/region0/0", 0, 2);
    cr_assert(intake_step(&a->intake));
    cr_assert_eq(s_first(a), -3, "their mean");
    alone_free(a);
}

Test(intake, pulls_wait_while_steps_do)
{
    alone_t *a = s_alone(INSIDE_ASYNC, 1);
    message_t *m = message_new(KIND_pull, a->base.core.name, "worker/region0/0");
    m->incarnation = 1;
    m->number = 7;
    m->pull.batch = 0;
    intake_pull(&a->intake, m);
    message_destroy(&m);
    intake_serve(&a->intake, false);
    cr_assert_eq(s_sent(a, KIND_params, NULL), 0);
    intake_serve(&a->intake, true);
    cr_assert_eq(s_sent(a, KIND_params, NULL), 2, "both chunks");
    intake_serve(&a->intake, true);
    cr_assert_eq(s_sent(a, KIND_params, NULL), 0, "once");
    alone_free(a);
}

Test(intake, a_stop_leaves_what_steps_in_order_still_need)
{
    for (int i = 0; i < 2; i++) {
        alone_t *a = s_alone(i ? INSIDE_SYNC : INSIDE_ASYNC, 2);
        s_push_whole(a, "worker/region0/1", 1, 4);
        s_push(a, "worker/region0/0", 0, 0, 4);
        intake_stop(&a->intake);
        cr_assert_eq(a->intake.held_count, (size_t)i, "whole ones, where order matters");
        cr_assert_not(a->intake.workers[1].staged[0].used, "incomplete ones are sent again");
        alone_free(a);
    }
}

Test(intake, strangers_push_nothing)
{
    alone_t *a = s_alone(INSIDE_ASYNC, 1);
    s_push_whole(a, "worker/region9/0", 0, 2);
    cr_assert_not(intake_step(&a->intake));
    cr_assert_eq(s_sent(a, KIND_refused, NULL), 2);
    alone_free(a);
}
