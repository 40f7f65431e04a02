/* Storing, in rooms without a shard: the contents of a snapshot, and when one is due. */
#include "actors/shard/durable/durable.h"
#include "tests/unit/actors/keepers.h"
#include "tests/unit/actors/shard/alone.h"

#define ELEMENTS 8
#define EVERY 5
#define POINT (UINT64_C(7) << 32 | 1)

static alone_t *s_alone(when_full_t when_full)
{
    topology_t *topology = world_topology(2, STRATEGY_ASGD, 1, 1);
    topology->checkpoint.every = EVERY;
    topology->checkpoint.when_full = when_full;
    alone_t *a =
        alone_new(topology, 64,
                  (shard_spec_t){.incarnation = 5, .elements = ELEMENTS, .chunk_bytes = 16, .history = 1});
    a->base.changes = 1;
    a->base.core.now_us = 1;
    return a;
}

/* Takes the snapshot that is due; returns its tag. */
static const char *s_take(alone_t *a)
{
    static char tag[sizeof(((snapshot_id_t *)0)->tag)];
    snapshot_t *snapshot = durable_take(&a->durable);
    snprintf(tag, sizeof tag, "%s", snapshot ? snapshot->id.tag : "");
    snapshot_destroy(&snapshot);
    return tag;
}

static durable_done_t s_commit(alone_t *a, err_code_t code)
{
    return durable_committed(&a->durable, a->durable.shot.number, code);
}

/* The start is stored, and nothing is new. */
static alone_t *s_stored(when_full_t when_full)
{
    alone_t *a = s_alone(when_full);
    cr_assert_str_eq(s_take(a), "start");
    cr_assert(s_commit(a, ERR_OK).counts);
    cr_assert_eq(durable_due(&a->durable), ROLE_NEVER);
    return a;
}

/* A cut of nothing, as if by a step. */
static void s_cut(alone_t *a)
{
    stream_announce(&a->stream);
    base_changed(&a->base);
}

/* -- reasons ----------------------------------------------------------------------------------------------
 */

static void s_tell(alone_t *a, message_t *m)
{
    cr_assert_eq(durable_message(&a->durable, m).number, 0);
    message_destroy(&m);
}

static void s_mark(alone_t *a)
{
    for (uint64_t phase = 0; phase < 2; phase++) {
        message_t *m = message_new(KIND_mark, a->base.core.name, "scheduler/global");
        m->mark.point = POINT;
        m->mark.phase = phase;
        message_set_name(m->mark.tag, "mark/epoch-1");
        s_tell(a, m);
    }
}

static void s_loses_it(alone_t *a)
{
    a->base.stored = false;
}

static void s_hand_over(alone_t *a)
{
    durable_hand_over(&a->durable);
    life_end(&a->base.life, END_HANDS);
}

static void s_keepers(alone_t *a)
{
    message_t *m = message_new(KIND_keepers, a->base.core.name, a->base.scheduler);
    m->keepers.assignment = 1;
    keepers_set(m, "keeper/here/a 1\n");
    s_tell(a, m);
}

static void s_newcomer(alone_t *a)
{
    a->durable.wants |= DURABLE_TRANSFER;
}

static void s_stop(alone_t *a)
{
    life_end(&a->base.life, END_STOPS);
}

static void s_make(alone_t *a)
{
    a->stream.open_first++;
}

static void s_vote(alone_t *a)
{
    a->rounds.ballot.wanted = a->base.changes + 1; /* the change is noted behind this */
}

static void s_close(alone_t *a)
{
    a->stream.closed = true;
}

static void s_all_in(alone_t *a)
{
    cr_assert_eq(ranges_add(&a->replica.applied, 0, a->base.region->batches), ERR_OK);
}

static void s_steps(alone_t *a)
{
    a->replica.steps += EVERY;
}

/* In the order in which they name a snapshot; `clean`: also when nothing is new. */
static const struct {
    const char *tag;
    void (*calls)(alone_t *a);
    bool clean;
} reasons[] = {
    {"mark/epoch-1", s_mark, true}, {"start", s_loses_it, true},     {"stop", s_hand_over, true},
    {"keep", s_keepers, true},      {"transfer", s_newcomer, false}, {"stop", s_stop, false},
    {"cut", s_make, false},         {"vote", s_vote, false},         {"close", s_close, false},
    {"end", s_all_in, false},       {"steps", s_steps, false},
};
#define REASONS (sizeof reasons / sizeof *reasons)

Test(durable, each_reason_calls_for_a_snapshot_of_its_name)
{
    for (size_t i = 0; i < REASONS; i++) {
        alone_t *a = s_stored(WHEN_FULL_WAIT);
        reasons[i].calls(a);
        if (!reasons[i].clean && !durable_dirty(&a->durable)) {
            cr_assert_str_eq(s_take(a), "", "%s: nothing is new", reasons[i].tag);
            base_changed(&a->base);
        }
        cr_assert_eq(durable_due(&a->durable), 0);
        cr_assert_str_eq(s_take(a), reasons[i].tag);
        cr_assert_str_eq(s_take(a), "", "one at a time");
        alone_free(a);
    }
}

Test(durable, of_several_reasons_the_first_names_it)
{
    for (size_t i = 0; i < REASONS; i++) {
        alone_t *a = s_stored(WHEN_FULL_WAIT);
        for (size_t k = REASONS; k-- > i;)
            if (reasons[k].calls != s_stop && reasons[k].calls != s_hand_over)
                reasons[k].calls(a);
        if (reasons[i].calls == s_stop || reasons[i].calls == s_hand_over)
            reasons[i].calls(a);
        base_changed(&a->base);
        cr_assert_str_eq(s_take(a), reasons[i].tag);
        alone_free(a);
    }
}

Test(durable, what_others_wait_to_hear_of_is_stored_soon)
{
    alone_t *a = s_stored(WHEN_FULL_WAIT);
    base_tell_soon(&a->base);
    base_changed(&a->base);
    cr_assert_eq(durable_due(&a->durable), 1 + DURABLE_TAKEN_US);
    cr_assert_str_eq(s_take(a), "");
    a->base.core.now_us = 1 + DURABLE_TAKEN_US;
    cr_assert_str_eq(s_take(a), "taken");
    cr_assert_eq(a->base.told_us, ROLE_NEVER);
    s_commit(a, ERR_IO);
    cr_assert_eq(a->base.told_us, a->base.core.now_us, "what was taken is not durable yet");
    alone_free(a);
}

/* -- what becomes of it -----------------------------------------------------------------------------------
 */

Test(durable, own_deltas_may_leave_once_they_are_stored)
{
    alone_t *a = s_stored(WHEN_FULL_WAIT);
    s_cut(a);
    s_cut(a);
    s_take(a);
    s_cut(a); /* is not in it */
    cr_assert_eq(a->stream.sendable, 0);
    durable_done_t done = s_commit(a, ERR_OK);
    cr_assert(done.counts);
    cr_assert_eq(done.first, 1);
    cr_assert_eq(done.last, 2);
    cr_assert_eq(a->stream.sendable, 2);
    cr_assert(durable_dirty(&a->durable));
    cr_assert_str_eq(s_take(a), "cut");
    alone_free(a);
}

Test(durable, origins_are_told_what_is_durable_and_no_more)
{
    alone_t *a = s_stored(WHEN_FULL_WAIT);
    origin_t *origin = &a->stream.origins[1];
    origin->taken = 3;
    base_changed(&a->base);
    base_tell_soon(&a->base);
    a->base.core.now_us += DURABLE_TAKEN_US;
    s_take(a);
    origin->taken = 4;
    s_commit(a, ERR_OK);
    message_t *m = outbox_take(&a->base.core.outbox);
    cr_assert_eq(m->kind, KIND_delta_ack);
    cr_assert_eq(m->delta_ack.applied, 4);
    cr_assert_eq(m->delta_ack.durable, 3);
    message_destroy(&m);
    cr_assert_null(outbox_take(&a->base.core.outbox));
    alone_free(a);
}

Test(durable, only_what_is_out_is_committed)
{
    alone_t *a = s_stored(WHEN_FULL_WAIT);
    s_cut(a);
    s_take(a);
    uint64_t number = a->durable.shot.number;
    cr_assert_eq(durable_committed(&a->durable, number + 1, ERR_OK).number, 0);
    cr_assert_eq(durable_committed(&a->durable, 0, ERR_OK).number, 0);
    cr_assert_eq(durable_committed(&a->durable, number, ERR_OK).number, number);
    cr_assert_eq(durable_committed(&a->durable, number, ERR_OK).number, 0, "twice");
    alone_free(a);
}

Test(durable, a_store_that_fails_is_tried_again_with_growing_pauses)
{
    alone_t *a = s_stored(WHEN_FULL_WAIT);
    s_cut(a);
    int64_t pause = DURABLE_RETRY_FIRST_US;
    for (int i = 0; i < 10; i++) {
        cr_assert_str_eq(s_take(a), "cut");
        durable_done_t done = s_commit(a, ERR_FULL);
        cr_assert_eq(done.code, ERR_FULL);
        cr_assert_not(done.counts);
        cr_assert_eq(durable_due(&a->durable), a->base.core.now_us + pause);
        a->base.core.now_us += pause;
        pause = 2 * pause < DURABLE_RETRY_LAST_US ? 2 * pause : DURABLE_RETRY_LAST_US;
    }
    cr_assert_eq(a->stream.sendable, 0);
    cr_assert_str_eq(s_take(a), "cut");
    cr_assert(s_commit(a, ERR_OK).counts);
    cr_assert_eq(a->durable.store_error, ERR_OK);
    alone_free(a);
}

Test(durable, what_was_taken_of_a_former_state_or_lineage_does_not_count)
{
    for (int line = 0; line < 2; line++) {
        alone_t *a = s_stored(WHEN_FULL_WAIT);
        s_cut(a);
        s_cut(a);
        s_take(a);
        if (line)
            durable_begin_lineage(&a->durable, &(position_t){1, 1});
        else
            durable_replaced(&a->durable);
        uint64_t sendable = a->stream.sendable;
        durable_done_t done = s_commit(a, ERR_OK);
        cr_assert_neq(done.number, 0);
        cr_assert_not(done.counts);
        cr_assert_eq(a->stream.sendable, sendable);
        cr_assert_str_eq(s_take(a), "start", "all of it is stored anew");
        cr_assert(s_commit(a, ERR_OK).counts);
        alone_free(a);
    }
}

Test(durable, whoever_hands_over_stores_once_more_and_has_then)
{
    alone_t *a = s_stored(WHEN_FULL_WAIT);
    s_hand_over(a);
    cr_assert_not(durable_has_handed(&a->durable));
    cr_assert_str_eq(s_take(a), "stop");
    cr_assert_not(durable_has_handed(&a->durable));
    s_commit(a, ERR_OK);
    cr_assert(durable_has_handed(&a->durable));
    alone_free(a);
}

Test(durable, a_shard_ends_when_nothing_is_out_and_nothing_is_new)
{
    alone_t *a = s_stored(WHEN_FULL_WAIT);
    cr_assert(durable_is_done(&a->durable));
    s_cut(a);
    cr_assert_not(durable_is_done(&a->durable));
    s_take(a);
    cr_assert_not(durable_is_done(&a->durable));
    s_commit(a, ERR_OK);
    cr_assert(durable_is_done(&a->durable));
    alone_free(a);
}

/* -- without a disk -----------------------------------------------------------------------------------------
 */

Test(durable, only_a_full_disk_is_gone_on_without_and_only_when_told_so)
{
    const struct {
        when_full_t when_full;
        err_code_t code;
        bool may;
    } rows[] = {{WHEN_FULL_WAIT, ERR_FULL, false},
                {WHEN_FULL_GO_ON, ERR_IO, false},
                {WHEN_FULL_GO_ON, ERR_FULL, true}};
    for (size_t i = 0; i < 3; i++) {
        alone_t *a = s_stored(rows[i].when_full);
        s_cut(a);
        s_take(a);
        s_commit(a, rows[i].code);
        cr_assert_eq(durable_may_go_on(&a->durable), rows[i].may);
        alone_free(a);
    }
}

Test(durable, while_it_goes_on_without_a_disk_what_is_cut_leaves_until_a_snapshot_covers_it)
{
    alone_t *a = s_stored(WHEN_FULL_GO_ON);
    s_cut(a);
    s_take(a);
    s_commit(a, ERR_FULL);
    durable_go_on(&a->durable);
    cr_assert(durable_goes_on(&a->durable));
    cr_assert_eq(a->stream.sendable, 1);
    s_cut(a);
    durable_send_uncovered(&a->durable);
    cr_assert_eq(a->stream.sendable, 2);
    cr_assert_eq(a->base.counts.uncovered, 2);
    a->base.core.now_us = durable_due(&a->durable);
    s_take(a);
    base_changed(&a->base); /* is not in it */
    durable_done_t done = s_commit(a, ERR_OK);
    cr_assert_gt(done.first, done.last, "all of it has left");
    cr_assert_not(durable_goes_on(&a->durable));
    cr_assert(durable_is_uncovered(&a->durable), "what has changed meanwhile was told");
    s_cut(a);
    s_take(a);
    s_commit(a, ERR_OK);
    cr_assert_not(durable_is_uncovered(&a->durable));
    alone_free(a);
}
