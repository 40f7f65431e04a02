/* The streams between regions, with the test in the place of the network: synchronizers are left out, and
 * what shards say to them is looked at and changed by hand. Shard 0 of two regions; region0 sends, region1
 * receives. */
#include "actors/shard/shard_inside.h"
#include "tests/unit/actors/shard/world.h"

#include <math.h>

#define ELEMENTS 24

static float s_g[ELEMENTS];

static world_t *s_world(strategy_name_t strategy)
{
    for (size_t i = 0; i < ELEMENTS; i++)
        s_g[i] = (float)(i + 1);
    topology_t *t = world_topology(2, strategy, 1, 1);
    t->job.optimizer.lr = 1;
    world_t *w = world_new(t, ELEMENTS);
    w->no_sync = true;
    world_start(w, 160);
    world_run(w);
    return w;
}

/* The deltas in the list, in order, addressed to the receiver as its synchronizer would. */
static size_t s_deltas(world_t *w, message_t **ret_items, size_t most)
{
    size_t count = 0;
    message_t *m;
    while ((m = outbox_take(&w->wan))) {
        if (m->kind == KIND_delta && m->delta.shard == 0 && count < most) {
            message_set_name(m->to, "shard/region1/0");
            message_set_name(m->from, "synchronizer/region0/0");
            ret_items[count++] = m;
        } else {
            message_destroy(&m);
        }
    }
    return count;
}

static void s_give(world_t *w, const message_t *m)
{
    message_t *copy = message_dup(m);
    world_deliver(w, &copy);
}

static void s_take_ack(world_t *w, uint64_t applied, err_code_t code)
{
    message_t *m = outbox_take(shard_role.outbox(w->shard[1][0]));
    while (m && m->kind != KIND_delta_ack) {
        message_destroy(&m);
        m = outbox_take(shard_role.outbox(w->shard[1][0]));
    }
    cr_assert_not_null(m);
    cr_assert_eq(m->delta_ack.applied, applied, "applied %d", (int)m->delta_ack.applied);
    cr_assert_eq(m->delta_ack.code, code, "code %d", (int)m->delta_ack.code);
    cr_assert_str_eq(m->to, "synchronizer/region0/0");
    cr_assert_str_eq(m->delta_ack.origin, "region0");
    cr_assert_str_eq(m->from, "shard/region1/0");
    message_destroy(&m);
}

static void s_expect(const world_t *w, float times)
{
    const float *p = shard_core_parameters(w->shard[1][0]);
    for (size_t i = 0; i < world_size(w, 0); i++)
        cr_assert_eq(p[i], 0 - times * s_g[i]);
}

#define CHUNKS 3 /* 12 elements in chunks of 16 bytes */

static void s_make(world_t *w, message_t **ret_items, size_t deltas)
{
    for (uint64_t b = 0; b < deltas; b++)
        world_push_shard(w, 0, 0, 0, b, s_g);
    world_run(w);
    cr_assert_eq(s_deltas(w, ret_items, CHUNKS * deltas), CHUNKS * deltas);
}

static void s_free(message_t **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        message_destroy(&items[i]);
}

Test(delta, leaves_only_after_its_snapshot_is_committed)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3];
    w->auto_commit = false;
    for (uint64_t b = 0; b < 2; b++) {
        world_push_shard(w, 0, 0, 0, b, s_g);
        world_run(w);
        cr_assert_eq(s_deltas(w, items, CHUNKS), 0);
    }
    world_commit(w, 0, 0, ERR_OK); /* was taken after the first push */
    world_run(w);
    cr_assert_eq(s_deltas(w, items, CHUNKS * 3), CHUNKS);
    cr_assert_eq(items[0]->delta.last, 1);
    s_free(items, CHUNKS);
    world_commit(w, 0, 0, ERR_IO); /* not stored: not sent */
    world_run(w);
    cr_assert_null(w->out[0][0]);
    cr_assert_eq(s_deltas(w, items, CHUNKS * 3), 0);
    world_tick(w, 150000);
    cr_assert_not_null(w->out[0][0], "tried again after a pause");
    world_commit(w, 0, 0, ERR_OK);
    world_run(w);
    cr_assert_eq(s_deltas(w, items, CHUNKS * 3), CHUNKS);
    cr_assert_eq(items[0]->delta.first, 2);
    s_free(items, CHUNKS);
    world_destroy(w);
}

Test(delta, is_taken_whole_in_any_order_of_its_chunks)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS];
    s_make(w, items, 1);
    size_t order[] = {2, 0, 2, 1};
    for (size_t i = 0; i < 4; i++) {
        s_expect(w, 0);
        s_give(w, items[order[i]]);
        s_take_ack(w, i == 3, ERR_OK);
    }
    s_expect(w, 1);
    cr_assert_eq(shard_core_samples_applied(w->shard[1][0]), 4);
    for (size_t i = 0; i < CHUNKS; i++) {
        s_give(w, items[i]);
        s_take_ack(w, 1, ERR_OK);
    }
    s_expect(w, 1);
    s_free(items, CHUNKS);
    world_destroy(w);
}

Test(delta, is_taken_in_order_of_numbers)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3];
    s_make(w, items, 3);
    for (size_t i = CHUNKS; i < 3 * CHUNKS; i++) {
        s_give(w, items[i]);
        s_take_ack(w, 0, ERR_GAP);
    }
    s_expect(w, 0);
    for (size_t i = 0; i + 1 < CHUNKS; i++)
        s_give(w, items[i]);
    s_expect(w, 0);
    s_give(w, items[CHUNKS - 1]); /* and what was ahead follows */
    s_expect(w, 3);
    s_free(items, CHUNKS * 3);
    world_destroy(w);
}

Test(delta, far_ahead_is_not_kept)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 9];
    s_make(w, items, 9);
    for (size_t d = 9; d-- > 1;)
        for (size_t i = 0; i < CHUNKS; i++)
            s_give(w, items[d * CHUNKS + i]);
    for (size_t i = 0; i < CHUNKS; i++)
        s_give(w, items[i]);
    s_expect(w, 4); /* itself and three of those ahead: the nearest */
    s_free(items, CHUNKS * 9);
    world_destroy(w);
}

Test(delta, tells_what_is_durable_after_the_commit)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS];
    s_make(w, items, 1);
    w->auto_commit = false;
    for (size_t i = 0; i < CHUNKS; i++)
        s_give(w, items[i]);
    world_run(w);
    cr_assert_null(w->out[1][0], "several deltas share a snapshot");
    message_t *m, *last = NULL;
    while ((m = outbox_take(&w->wan))) {
        if (m->kind == KIND_delta_ack)
            cr_assert_eq(m->delta_ack.durable, 0);
        message_destroy(&m);
    }
    world_tick(w, 20000);
    world_commit(w, 1, 0, ERR_OK);
    world_run(w);
    while ((m = outbox_take(&w->wan))) {
        if (m->kind == KIND_delta_ack) {
            message_destroy(&last);
            last = message_dup(m);
        }
        message_destroy(&m);
    }
    cr_assert_not_null(last);
    cr_assert_eq(last->delta_ack.durable, 1);
    message_destroy(&last);
    s_free(items, CHUNKS);
    world_destroy(w);
}

Test(delta, with_a_wrong_checksum_is_asked_for_again)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS];
    s_make(w, items, 1);
    items[1]->delta.checksum ^= 1;
    for (size_t i = 0; i < CHUNKS; i++) {
        s_give(w, items[i]);
        s_take_ack(w, 0, i == 1 ? ERR_CHECKSUM : ERR_OK);
    }
    items[1]->delta.checksum ^= 1;
    s_give(w, items[1]);
    s_take_ack(w, 1, ERR_OK);
    s_expect(w, 1);
    s_free(items, CHUNKS);
    world_destroy(w);
}

/* Every way of being wrong: the position moves, no bit of the parameters does. */
Test(delta, refused_for_its_content_consumes_its_number)
{
    for (int what = 0; what < 8; what++) {
        world_t *w = s_world(STRATEGY_ASGD);
        message_t *items[CHUNKS * 2];
        s_make(w, items, 2);
        err_code_t code = ERR_SHAPE;
        for (size_t i = 0; i < CHUNKS; i++) {
            message_t *m = items[i];
            m->delta.layout += what == 0;
            m->delta.elements += what == 1;
            m->delta.encoding += what == 2;
            m->delta.kind += what == 3;
            m->delta.total += what == 4 ? 4 : 0;
            m->delta.chunk_count = what == 5 ? UINT64_MAX : m->delta.chunk_count;
            m->delta.samples = what == 6 ? UINT64_MAX : m->delta.samples;
        }
        if (what == 7) {
            float bad[4] = {1, NAN, 2, 3};
            buf_t *buf = buf_new_copy(bad, sizeof bad);
            slice_fini(&items[0]->data);
            items[0]->data = slice_of(buf, 0, sizeof bad);
            items[0]->delta.checksum = hash_checksum(bad, sizeof bad);
            buf_destroy(&buf);
        }
        code = what == 2 ? ERR_VERSION : what == 6 ? ERR_LIMIT : what == 7 ? ERR_NUMBER : ERR_SHAPE;
        s_give(w, items[0]);
        s_take_ack(w, 1, code);
        s_expect(w, 0);
        cr_assert_eq(shard_core_samples_applied(w->shard[1][0]), 0);
        for (size_t i = CHUNKS; i < 2 * CHUNKS; i++)
            s_give(w, items[i]);
        s_expect(w, 1);
        s_free(items, CHUNKS * 2);
        world_destroy(w);
    }
}

Test(delta, that_cannot_be_of_this_stream_consumes_nothing)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 2];
    s_make(w, items, 2);
    for (size_t i = 0; i < CHUNKS; i++)
        s_give(w, items[i]);
    world_run(w);
    message_t *m = items[CHUNKS];
    m->delta.history++;
    s_give(w, m);
    s_take_ack(w, 1, ERR_STALE);
    m->delta.history--;
    m->delta.first = 1; /* overlaps what was taken */
    s_give(w, m);
    s_take_ack(w, 1, ERR_STALE);
    m->delta.first = 3;
    s_give(w, m);
    s_take_ack(w, 1, ERR_MALFORMED);
    m->delta.first = 2;
    m->delta.last = UINT64_MAX - 1;
    s_give(w, m);
    s_take_ack(w, 1, ERR_LIMIT);
    m->delta.last = 2;
    const char *wrong[] = {"synchronizer/region1/0", "synchronizer/region0/1", "worker/region0/0"};
    for (size_t i = 0; i < 3; i++) {
        message_t *copy = message_dup(m);
        message_set_name(copy->from, wrong[i]);
        message_set_name(copy->to, "shard/region1/0");
        shard_role.message(w->shard[1][0], &copy, w->now);
    }
    m->delta.shard = 1;
    message_set_name(m->to, "shard/region1/0");
    s_give(w, m);
    m->delta.shard = 0;
    s_expect(w, 1);
    for (size_t i = CHUNKS; i < 2 * CHUNKS; i++)
        s_give(w, items[i]);
    s_expect(w, 2);
    s_free(items, CHUNKS * 2);
    world_destroy(w);
}

Test(delta, is_fenced_by_the_incarnation_of_its_synchronizer)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS];
    s_make(w, items, 1);
    items[0]->incarnation = 7;
    s_give(w, items[0]);
    for (size_t i = 1; i < CHUNKS; i++) {
        items[i]->incarnation = 6;
        s_give(w, items[i]);
    }
    s_expect(w, 0);
    for (size_t i = 1; i < CHUNKS; i++) {
        items[i]->incarnation = 7;
        s_give(w, items[i]);
    }
    s_expect(w, 1);
    s_free(items, CHUNKS);
    world_destroy(w);
}

/* Kept it would shut the true one out, and after a restart, too. */
Test(delta, nothing_lasts_of_the_incarnation_of_one_that_is_not_taken)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 2];
    s_make(w, items, 2);
    for (size_t i = 0; i < CHUNKS; i++)
        s_give(w, items[i]);
    world_run(w);
    for (int how = 0; how < 3; how++) {
        message_t *m = message_dup(items[CHUNKS]);
        m->incarnation = (INCARNATION_TERM_MAX << 32) - 1;
        m->delta.history += how == 0;
        m->delta.first += how == 1;
        m->delta.checksum += how == 2;
        s_give(w, m);
        message_destroy(&m);
    }
    for (size_t i = CHUNKS; i < 2 * CHUNKS; i++)
        s_give(w, items[i]);
    s_expect(w, 2);
    s_free(items, CHUNKS * 2);
    world_destroy(w);
}

/* Silence says nothing of it: the older one may have slept. */
Test(delta, of_one_that_was_replaced_is_refused_for_good_once_the_newer_ones_was_taken)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 2];
    s_make(w, items, 2);
    for (size_t i = 0; i < 2 * CHUNKS; i++) {
        items[i]->incarnation = i < CHUNKS ? 7 : 6;
        w->now += i == CHUNKS ? 2 * STREAM_SPEAKER_US : 0;
        s_give(w, items[i]);
    }
    s_expect(w, 1);
    s_free(items, CHUNKS * 2);
    world_destroy(w);
}

#define FORGED ((INCARNATION_TERM_MAX << 32) - 1) /* the greatest that anybody can have been given */

/* Chunks of an older one that never came whole keep the true one out while it is heard, and no longer;
 * nor after a restart. */
Test(delta, who_has_only_begun_to_say_something_is_believed_for_a_while)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        world_t *w = s_world(STRATEGY_ASGD);
        message_t *items[CHUNKS * 2];
        s_make(w, items, 2);
        for (size_t i = 0; i < CHUNKS; i++)
            s_give(w, items[i]);
        world_run(w);
        world_settle(w, 100000);
        message_t *m = message_dup(items[CHUNKS]);
        m->incarnation = FORGED;
        m->delta.point = FORGED;
        s_give(w, m);
        message_destroy(&m);
        s_give(w, items[CHUNKS + 1]);
        world_settle(w, 100000);
        if (restarts)
            world_crash(w, 1, 0);
        else
            w->now += STREAM_SPEAKER_US;
        for (size_t i = CHUNKS; i < 2 * CHUNKS; i++)
            s_give(w, items[i]);
        s_expect(w, 2);
        world_settle(w, 2 * GATE_PATIENCE_US);
        cr_expect_eq(w->shard[1][0]->base->gate.number, 0, "nobody has led to a common point");
        cr_expect_lt(w->shard[1][0]->stream->origins[0].incarnation, FORGED);
        s_free(items, CHUNKS * 2);
        world_destroy(w);
    }
}

Test(delta, of_one_that_was_refused_for_its_content_the_number_alone_lasts)
{
    for (int what = 0; what < 2; what++) {
        world_t *w = s_world(STRATEGY_ASGD);
        message_t *items[CHUNKS * 2];
        s_make(w, items, 2);
        message_t *m = message_dup(items[0]);
        m->incarnation = FORGED;
        m->delta.layout += what == 0;
        m->delta.steps = what == 1 ? w->job.regions[0].batches + 1 : m->delta.steps;
        s_give(w, m);
        message_destroy(&m);
        s_take_ack(w, 1, what ? ERR_LIMIT : ERR_SHAPE);
        world_run(w);
        world_settle(w, 100000);
        world_crash(w, 1, 0);
        for (size_t i = CHUNKS; i < 2 * CHUNKS; i++)
            s_give(w, items[i]);
        s_expect(w, 1);
        s_free(items, CHUNKS * 2);
        world_destroy(w);
    }
}

Test(delta, from_behind_a_point_that_nobody_can_lead_to_waits_for_nothing)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS];
    s_make(w, items, 1);
    for (size_t i = 0; i < CHUNKS; i++) {
        items[i]->delta.point = UINT64_MAX;
        s_give(w, items[i]);
    }
    s_expect(w, 1);
    world_settle(w, 2 * GATE_PATIENCE_US);
    cr_expect_eq(w->shard[1][0]->base->gate.number, 0);
    s_free(items, CHUNKS);
    world_destroy(w);
}

static void s_say(world_t *w, message_t *m)
{
    message_set_name(m->to, "shard/region0/0");
    message_set_name(m->from, "synchronizer/region0/0");
    m->incarnation = 1;
    world_deliver(w, &m);
    world_run(w);
}

static void s_stream(world_t *w, uint64_t durable)
{
    message_t *m = message_new(KIND_stream, "x", "x");
    message_set_name(m->stream.region, "region1");
    m->stream.history = 1000;
    m->stream.applied = m->stream.durable = durable;
    s_say(w, m);
}

/* A generation that there cannot have been would make all that come later look late. */
Test(delta, a_position_in_a_generation_that_cannot_have_been_is_not_taken)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3];
    s_make(w, items, 3);
    message_t *m = message_new(KIND_stream, "x", "x");
    message_set_name(m->stream.region, "region1");
    m->stream.history = 1000;
    m->stream.generation = FORGED + 1;
    m->stream.away = true;
    world_forget_mail(w);
    s_say(w, m);
    message_t *refused = NULL;
    while (!refused && (m = outbox_take(&w->wan)))
        if (m->kind == KIND_refused)
            refused = m;
        else
            message_destroy(&m);
    cr_assert(refused && refused->refused.code == ERR_LIMIT);
    message_destroy(&refused);
    cr_expect_eq(w->shard[0][0]->stream->destination_generation[1], 0);
    cr_expect_not(w->shard[0][0]->stream->destination_away[1]);
    s_stream(w, 2);
    cr_expect_eq(w->shard[0][0]->stream->destination_durable[1], 2, "the true one is heard");
    s_free(items, CHUNKS * 3);
    world_destroy(w);
}

/* Words about another lineage, or about numbers that were never sent, may be anybody's. */
Test(delta, a_synchronizer_that_speaks_nonsense_shuts_nobody_out)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3];
    s_make(w, items, 3);
    for (int what = 0; what < 4; what++) {
        message_t *m = message_new(what == 3 ? KIND_stream_fetch : KIND_stream, "shard/region0/0",
                                   "synchronizer/region0/0");
        m->incarnation = FORGED;
        if (what == 3) {
            m->stream_fetch.history = 999;
        } else {
            message_set_name(m->stream.region, what == 0 ? "region7" : "region1");
            m->stream.history = what == 1 ? 999 : 1000;
            m->stream.applied = what == 2 ? 4 : 0;
        }
        world_send_shard(w, m);
    }
    s_stream(w, 2);
    cr_expect_eq(w->shard[0][0]->stream->destination_durable[1], 2);
    s_free(items, CHUNKS * 3);
    world_destroy(w);
}

static void s_fetch(world_t *w, uint64_t from)
{
    message_t *m = message_new(KIND_stream_fetch, "x", "x");
    m->stream_fetch.history = 1000;
    m->stream_fetch.from = from;
    s_say(w, m);
}

Test(delta, is_sent_again_with_the_same_bytes_until_it_is_durable)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3], *again[CHUNKS * 3];
    s_make(w, items, 3);
    s_fetch(w, 2);
    cr_assert_eq(s_deltas(w, again, CHUNKS * 3), CHUNKS * 2);
    for (size_t i = 0; i < CHUNKS * 2; i++)
        cr_assert(message_equal(again[i], items[CHUNKS + i]));
    s_free(again, CHUNKS * 2);
    s_stream(w, 2);
    s_fetch(w, 0);
    cr_assert_eq(s_deltas(w, again, CHUNKS * 3), CHUNKS);
    cr_assert_eq(again[0]->delta.first, 3);
    cr_assert_eq(again[0]->delta.stable, 2);
    s_free(again, CHUNKS);
    s_stream(w, 1000); /* nobody can have what was not sent */
    s_fetch(w, 0);
    cr_assert_eq(s_deltas(w, again, CHUNKS * 3), CHUNKS);
    s_free(again, CHUNKS);
    s_free(items, CHUNKS * 3);
    world_destroy(w);
}

static void s_give_delta(world_t *w, message_t *const *items)
{
    for (size_t i = 0; i < CHUNKS; i++)
        s_give(w, items[i]);
}

/* It arrived while its lineage could be gone on from; then another one was. */
Test(delta, what_was_staged_of_a_lineage_that_ended_is_dropped)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 2];
    s_make(w, items, 2);
    s_give_delta(w, items + CHUNKS);
    s_expect(w, 0);
    for (size_t i = 0; i < CHUNKS; i++)
        items[i]->delta.history = 2000;
    s_give_delta(w, items);
    s_expect(w, 1);
    s_free(items, CHUNKS * 2);
    world_destroy(w);
}

Test(delta, a_new_lineage_goes_on_from_exactly_what_was_taken)
{
    for (uint64_t parent_number = 0; parent_number <= 2; parent_number++) {
        world_t *w = s_world(STRATEGY_ASGD);
        message_t *items[CHUNKS * 2];
        s_make(w, items, 2);
        s_give_delta(w, items);
        for (size_t i = CHUNKS; i < 2 * CHUNKS; i++) {
            items[i]->delta.history = 2000;
            items[i]->delta.parent_history = items[0]->delta.history;
            items[i]->delta.parent_number = parent_number;
        }
        s_give_delta(w, items + CHUNKS);
        s_expect(w, parent_number == 1 ? 2 : 1);
        s_free(items, CHUNKS * 2);
        world_destroy(w);
    }
}

Test(delta, whose_chunks_leave_a_gap_changes_nothing_and_uses_up_its_number)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 2];
    s_make(w, items, 2);
    items[1]->delta.offset = 0;
    s_give_delta(w, items);
    s_expect(w, 0);
    s_give_delta(w, items + CHUNKS);
    s_expect(w, 1);
    s_free(items, CHUNKS * 2);
    world_destroy(w);
}

Test(delta, of_another_shard_behind_the_end_or_beyond_the_region_is_not_taken)
{
    enum { SHARD, END, CURSOR, WAYS };
    for (int way = 0; way < WAYS; way++) {
        world_t *w = s_world(STRATEGY_ASGD);
        message_t *items[CHUNKS * 2];
        s_make(w, items, 2);
        range_t beyond = {0, UINT64_C(1) << 40};
        ranges_t cursor = {.items = &beyond, .count = 1};
        if (way == CURSOR)
            message_set_ranges(&items[0]->delta.cursor, &cursor);
        for (size_t i = 0; i < CHUNKS; i++) {
            items[i]->delta.shard = way == SHARD;
            items[i]->delta.final = way == END;
        }
        s_give_delta(w, items);
        s_expect(w, way == END);
        /* in its turn where the one before is refused for its content alone */
        s_give_delta(w, items + CHUNKS);
        s_expect(w, way == CURSOR || way == END);
        s_free(items, CHUNKS * 2);
        world_destroy(w);
    }
}

/* Whoever asks is given what is committed: the rest may yet be forgotten, and another be cut under its
 * number. */
Test(delta, that_is_not_committed_is_not_sent_to_who_asks_for_it_either)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3];
    s_make(w, items, 1);
    s_free(items, CHUNKS);
    w->auto_commit = false;
    world_push_shard(w, 0, 0, 0, 1, s_g);
    world_run(w);
    s_fetch(w, 2);
    cr_assert_eq(s_deltas(w, items, CHUNKS * 3), 0);
    s_fetch(w, 0);
    cr_assert_eq(s_deltas(w, items, CHUNKS * 3), CHUNKS);
    cr_assert_eq(items[0]->delta.last, 1);
    s_free(items, CHUNKS);
    world_commit(w, 0, 0, ERR_OK);
    world_run(w);
    cr_assert_eq(s_deltas(w, items, CHUNKS * 3), CHUNKS);
    cr_assert_eq(items[0]->delta.last, 2);
    s_free(items, CHUNKS);
    world_destroy(w);
}

Test(delta, a_synchronizer_that_was_replaced_is_not_listened_to)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3];
    s_make(w, items, 1);
    s_free(items, CHUNKS);
    for (uint64_t incarnation = 2; incarnation >= 1; incarnation--) {
        message_t *m = message_new(KIND_stream_fetch, "shard/region0/0", "synchronizer/region0/0");
        m->incarnation = incarnation;
        m->stream_fetch.history = 1000;
        world_send_shard(w, m);
        cr_assert_eq(s_deltas(w, items, CHUNKS * 3), incarnation == 2 ? CHUNKS : 0);
        if (incarnation == 2)
            s_free(items, CHUNKS);
    }
    world_destroy(w);
}

Test(delta, is_kept_across_a_restart)
{
    world_t *w = s_world(STRATEGY_ASGD);
    message_t *items[CHUNKS * 3], *again[CHUNKS * 3];
    s_make(w, items, 3);
    world_crash(w, 0, 0);
    s_fetch(w, 0);
    cr_assert_eq(s_deltas(w, again, CHUNKS * 3), CHUNKS * 3);
    for (size_t i = 0; i < CHUNKS * 3; i++) {
        again[i]->incarnation = items[i]->incarnation;
        cr_assert(message_equal(again[i], items[i]));
    }
    s_free(again, CHUNKS * 3);
    s_free(items, CHUNKS * 3);
    world_destroy(w);
}

Test(delta, of_a_round_that_cannot_be_yet_waits)
{
    world_t *w = s_world(STRATEGY_SSGD);
    message_t *items[CHUNKS];
    s_make(w, items, 1);
    for (uint64_t number = 1; number < 5; number++) {
        for (size_t i = 0; i < CHUNKS; i++) {
            items[i]->delta.first = items[i]->delta.last = number;
            s_give(w, items[i]);
        }
    }
    cr_assert_eq(shard_core_round(w->shard[1][0]), 0);
    s_take_ack(w, 0, ERR_OK);
    message_t *m, *last = NULL;
    while ((m = outbox_take(shard_role.outbox(w->shard[1][0])))) {
        if (m->kind == KIND_delta_ack) {
            message_destroy(&last);
            last = message_dup(m);
        }
        message_destroy(&m);
    }
    cr_assert_eq(last->delta_ack.applied, 2, "two rounds ahead at most");
    message_destroy(&last);
    s_expect(w, 0);
    s_free(items, CHUNKS);
    world_destroy(w);
}
