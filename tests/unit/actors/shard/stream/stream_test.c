/* Deltas out and in, without a shard: the rooms above are this test, which says what may leave
 * and what may be taken. */
#include "actors/shard/replica/exchange.h"
#include "actors/shard/stream/stream.h"
#include "codec/base/hash.h"
#include "tests/unit/actors/shard/alone.h"

#define N 4

static alone_t *s_alone(strategy_name_t strategy, uint64_t every)
{
    topology_t *topology = world_topology(3, strategy, every, 1);
    topology->job.optimizer.lr = 1;
    topology->job.sync.staleness = 2;
    alone_t *a = alone_new(topology, 64,
                           (shard_spec_t){.incarnation = 3, .elements = N, .chunk_bytes = 64, .history = 5});
    a->base.stored = true;
    return a;
}

/* A local step with a gradient of ones. */
static void s_step(alone_t *a)
{
    float ones[N] = {1, 1, 1, 1};
    buf_t *gradient = buf_new_copy(ones, sizeof ones);
    part_t part = {.buf = gradient, .weight = 1};
    blend_t blend = {
        .parts = &part, .count = 1, .divisor = 1, .scratch = a->replica.scratch, .sums = a->replica.sums};
    cr_assert(a->replica.exchange->ready(&a->replica));
    cr_assert(version_step(&a->replica, &blend, a->intake.terms.steps, a->intake.terms.sums));
    a->replica.open_steps++;
    a->replica.open_samples += 4;
    buf_destroy(&gradient);
    stream_cut_step(&a->stream);
}

static stream_news_t s_word(alone_t *a, const char *region, uint64_t applied, uint64_t durable,
                            uint64_t generation)
{
    size_t whose;
    message_t *m = message_new(KIND_stream, a->base.core.name, a->base.synchronizer);
    m->incarnation = 1;
    message_set_name(m->stream.region, region);
    m->stream.history = a->stream.history;
    m->stream.applied = applied;
    m->stream.durable = durable;
    m->stream.generation = generation;
    stream_news_t news = stream_message(&a->stream, m, &whose);
    message_destroy(&m);
    return news;
}

/* A whole delta of region 1. */
static heard_t s_delta(alone_t *a, uint64_t number, uint64_t history, float value)
{
    float values[N] = {value, value, value, value};
    message_t *m = message_new(KIND_delta, a->base.core.name, "synchronizer/region1/0");
    m->incarnation = 1;
    m->number = m->delta.first = m->delta.last = number;
    message_set_name(m->delta.origin, "region1");
    m->delta.history = history;
    m->delta.kind = (uint64_t)a->stream.terms.kind;
    m->delta.steps = 1;
    m->delta.samples = 4;
    m->delta.elements = N;
    m->delta.chunk_count = 1;
    m->delta.total = sizeof values;
    buf_t *data = buf_new_copy(values, sizeof values);
    m->data = slice_of(data, 0, sizeof values);
    buf_destroy(&data);
    m->delta.checksum = hash_checksum(slice_peek(&m->data), sizeof values);
    heard_t heard = stream_delta(&a->stream, m);
    message_destroy(&m);
    return heard;
}

static size_t s_sent(alone_t *a, message_kind_t kind)
{
    size_t count = 0;
    message_t *m;
    while ((m = outbox_take(&a->base.core.outbox))) {
        count += m->kind == kind;
        message_destroy(&m);
    }
    return count;
}

Test(stream, a_cut_is_kept_until_every_destination_has_it_durably)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA, 2);
    s_step(a);
    cr_assert_eq(stream_last(&a->stream), 0);
    s_step(a);
    cr_assert_eq(stream_last(&a->stream), 1);
    stream_send(&a->stream, 1, 1);
    cr_assert_eq(s_sent(a, KIND_delta), 1);
    a->stream.sendable = 1;
    cr_assert_eq(s_word(a, "region1", 1, 1, 0), STREAM_NOTHING);
    cr_assert_eq(a->stream.queue_count, 1, "region2 lacks it");
    cr_assert_eq(s_word(a, "region2", 1, 0, 0), STREAM_NOTHING);
    cr_assert_eq(a->stream.queue_count, 1, "it has only taken it");
    cr_assert_eq(s_word(a, "region2", 1, 1, 0), STREAM_NOTHING);
    cr_assert_eq(a->stream.queue_count, 0);
    cr_assert_eq(stream_stable(&a->stream), 1);
    alone_free(a);
}

Test(stream, nothing_leaves_before_the_room_above_says_so)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA, 1);
    s_step(a);
    message_t *m = message_new(KIND_stream_fetch, a->base.core.name, a->base.synchronizer);
    m->incarnation = 1;
    m->stream_fetch.from = 1;
    stream_fetch(&a->stream, m);
    cr_assert_eq(s_sent(a, KIND_delta), 0);
    a->stream.sendable = 1;
    stream_fetch(&a->stream, m);
    cr_assert_eq(s_sent(a, KIND_delta), 1);
    message_destroy(&m);
    alone_free(a);
}

Test(stream, steps_wait_for_who_lacks_staleness_cuts)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA, 1);
    s_step(a);
    cr_assert_not(stream_limited(&a->stream));
    s_step(a);
    cr_assert(stream_limited(&a->stream));
    a->stream.sendable = 2;
    s_word(a, "region1", 2, 0, 0);
    cr_assert(stream_limited(&a->stream));
    cr_assert_eq(stream_slowest(&a->stream), 2);
    s_word(a, "region2", 1, 0, 0);
    cr_assert_not(stream_limited(&a->stream));
    alone_free(a);
}

Test(stream, more_than_was_sent_is_refused_or_a_sign_of_an_older_state)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA, 1);
    s_step(a);
    a->stream.sendable = 1;
    cr_assert_eq(s_word(a, "region1", 7, 0, 0), STREAM_NOTHING);
    cr_assert_eq(s_sent(a, KIND_refused), 1);
    cr_assert_eq(a->stream.destination_taken[1], 0);
    cr_assert_eq(s_word(a, "region1", 1, 1, 9), STREAM_RESET, "it has entered");
    cr_assert_eq(a->stream.destination_generation[1], 9);
    cr_assert_eq(s_word(a, "region1", 0, 0, 3), STREAM_NOTHING, "said before it did");
    cr_assert_eq(a->stream.destination_taken[1], 1);
    alone_free(a);
}

Test(stream, own_contributions_are_handed_out_once_and_in_order)
{
    alone_t *a = s_alone(STRATEGY_SSGD, 1);
    pending_t own;
    cr_assert_not(stream_own(&a->stream, &own));
    s_step(a);
    s_step(a);
    for (uint64_t number = 1; number <= 2; number++) {
        cr_assert(stream_own(&a->stream, &own));
        cr_assert_eq(own.region, 0);
        cr_assert_eq(own.head.last, number);
        cr_assert_not_null(own.data);
        buf_destroy(&own.data);
    }
    cr_assert_not(stream_own(&a->stream, &own));
    alone_free(a);
}

Test(stream, deltas_are_taken_in_their_turn_and_no_further_than_the_bound)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA, 1);
    size_t origin;
    incoming_t *delta;
    a->stream.origins[1].history = 8;
    cr_assert_eq(s_delta(a, 2, 8, 1).origin, 1);
    cr_assert_not(stream_next(&a->stream, &origin, &delta), "the first is lacking");
    cr_assert_eq(s_delta(a, 1, 8, 3).origin, 1);
    for (uint64_t number = 1; number <= 2; number++) {
        a->stream.bound[1] = number - 1;
        cr_assert_not(stream_next(&a->stream, &origin, &delta));
        a->stream.bound[1] = number;
        cr_assert(stream_next(&a->stream, &origin, &delta));
        cr_assert_eq(origin, 1);
        cr_assert_eq(delta->head.last, number);
        stream_taken(&a->stream, origin, delta);
        cr_assert_eq(a->stream.origins[1].taken, number);
    }
    cr_assert_eq(s_delta(a, 1, 8, 3).origin, SIZE_MAX, "known");
    cr_assert_not(stream_next(&a->stream, &origin, &delta));
    alone_free(a);
}

Test(stream, a_delta_of_another_lineage_makes_its_position_doubtful)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA, 1);
    a->stream.origins[1].history = 8;
    s_delta(a, 1, 99, 1);
    cr_assert(a->stream.origins[1].suspect);
    cr_assert_eq(a->stream.origins[1].taken, 0);
    alone_free(a);
}

Test(stream, a_new_lineage_begins_where_it_is_told_to)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA, 1);
    s_step(a);
    s_step(a);
    cr_assert(stream_has(&a->stream, 5, 1));
    stream_begin(&a->stream, &(position_t){5, 1});
    position_t at = stream_position(&a->stream);
    cr_assert_eq(at.history, 5);
    cr_assert_eq(at.number, 1);
    cr_assert_neq(a->stream.history, 5);
    cr_assert_eq(a->stream.queue_count, 0);
    cr_assert(stream_has(&a->stream, 5, 1));
    cr_assert_not(stream_has(&a->stream, 5, 2));
    alone_free(a);
}
