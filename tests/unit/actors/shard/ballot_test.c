/* One voter among puppets: what each message of Paxos may change, and what it must not. Four regions, so that
 * three are a majority, or two with the first. The voter is region 1's shard 0; its first own ballot is 6. */
#include "actors/shard/shard_inside.h"
#include "tests/unit/actors/shard/world.h"

#define ELEMENTS 16
#define OWN 6

static world_t *s_world_of(strategy_name_t strategy)
{
    topology_t *t = world_topology(4, strategy, 1, 1);
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    t->job.sync.quorum = 0.25;
    t->job.sync.grace_us = 100000;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 120);
    world_run(w);
    for (size_t r = 0; r < 4; r++)
        w->puppet[r] = r != 1;
    world_forget_mail(w);
    return w;
}

static world_t *s_world(void)
{
    return s_world_of(STRATEGY_SSGD);
}

static message_t *s_from(size_t region, message_kind_t kind)
{
    char from[64];
    snprintf(from, sizeof from, "shard/region%zu/0", region);
    message_t *m = message_new(kind, "shard/region1/0", from);
    m->number = 1;
    m->incarnation = 1;
    return m;
}

static void s_give(world_t *w, message_t *m)
{
    shard_role.message(w->shard[1][0], &m, w->now);
    world_run(w);
}

/* A puppet's answer. `value`: what it says to have accepted in `ballot`; 0: nothing. */
static void s_vote(world_t *w, size_t region, uint64_t promised, uint64_t ballot, uint64_t value, bool muted)
{
    uint64_t included[4] = {value, value, value, value};
    message_t *m = s_from(region, KIND_vote);
    m->vote.promised = promised;
    m->vote.ballot = ballot;
    m->vote.muted = muted;
    message_set_u64s(&m->vote.included, included, ballot ? 4 : 0);
    s_give(w, m);
}

/* A puppet's question: for a promise, or with a value to accept. */
static void s_want(world_t *w, size_t region, uint64_t ballot, uint64_t value)
{
    uint64_t included[4] = {value, value, value, value};
    message_t *m = s_from(region, KIND_vote_want);
    m->vote_want.ballot = ballot;
    message_set_u64s(&m->vote_want.included, included, value ? 4 : 0);
    s_give(w, m);
}

/* Its own batch is done, and its turn has come: it asks for promises. */
static void s_propose(world_t *w)
{
    static const float ones[ELEMENTS] = {1};
    world_push(w, 1, 0, 0, ones);
    world_settle(w, 1500000);
    cr_assert_eq(w->shard[1][0]->rounds->ballot.proposal.phase, BALLOT_PROMISE);
    cr_assert_eq(w->shard[1][0]->rounds->ballot.proposal.ballot, OWN);
    world_forget_mail(w);
}

static unsigned s_phase(const world_t *w)
{
    return w->shard[1][0]->rounds->ballot.proposal.phase;
}

static bool s_decided(const world_t *w)
{
    return vote_decided(w->shard[1][0]->rounds, 1) != NULL;
}

/* The newest that it has said to a puppet; the test's own. */
static message_t *s_said(world_t *w, message_kind_t kind)
{
    message_t *m, *newest = NULL;
    while ((m = world_mail(w, kind))) {
        message_destroy(&newest);
        newest = m;
    }
    return newest;
}

Test(ballot, of_the_promises_the_value_of_the_highest_ballot_is_taken_over)
{
    static const uint64_t ballots[][2] = {{3, 4}, {4, 3}};
    for (size_t i = 0; i < 2; i++) {
        world_t *w = s_world();
        s_propose(w);
        s_vote(w, 2, OWN, ballots[i][0], 10 + ballots[i][0], false);
        s_vote(w, 3, OWN, ballots[i][1], 10 + ballots[i][1], false);
        message_t *want = s_said(w, KIND_vote_want);
        cr_assert_not_null(want);
        cr_assert_eq(want->vote_want.included.count, 4);
        cr_assert_eq(want->vote_want.included.items[2], 14, "the value of ballot 4, whoever said it first");
        cr_assert_eq(want->vote_want.ballot, OWN);
        message_destroy(&want);
        world_destroy(w);
    }
}

Test(ballot, a_value_that_it_accepted_itself_counts_as_any)
{
    world_t *w = s_world();
    s_want(w, 0, 1, 21);
    s_propose(w);
    s_vote(w, 2, OWN, 0, 0, false);
    s_vote(w, 3, OWN, 0, 0, false);
    message_t *want = s_said(w, KIND_vote_want);
    cr_assert_eq(want->vote_want.included.items[2], 21);
    message_destroy(&want);
    world_destroy(w);
}

Test(ballot, two_of_four_are_a_majority_only_with_the_first_region)
{
    world_t *w = s_world();
    s_propose(w);
    s_vote(w, 2, OWN, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_PROMISE);
    world_destroy(w);
    w = s_world();
    s_propose(w);
    s_vote(w, 0, OWN, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_ACCEPT);
    world_destroy(w);
}

Test(ballot, who_may_have_lost_votes_counts_only_when_everybody_answers)
{
    world_t *w = s_world();
    s_propose(w);
    s_vote(w, 2, OWN, 0, 0, true);
    s_vote(w, 3, OWN, 0, 0, true);
    cr_assert_eq(s_phase(w), BALLOT_PROMISE, "three have answered, of whom two may have lost votes");
    s_vote(w, 0, OWN, 0, 0, true);
    cr_assert_eq(s_phase(w), BALLOT_ACCEPT, "all have");
    world_destroy(w);
}

Test(ballot, who_has_lost_votes_itself_does_not_count_itself)
{
    world_t *w = s_world();
    w->shard[1][0]->rounds->ballot.muted = 1;
    s_propose(w);
    s_vote(w, 2, OWN, 0, 0, false);
    s_vote(w, 3, OWN, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_PROMISE);
    s_vote(w, 0, OWN, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_ACCEPT);
    s_want(w, 0, 8, 0);
    message_t *vote = s_said(w, KIND_vote);
    cr_assert(vote->vote.muted, "and says so");
    message_destroy(&vote);
    world_destroy(w);
}

Test(ballot, a_promise_is_no_acceptance_and_an_answer_to_another_ballot_is_none)
{
    world_t *w = s_world();
    s_propose(w);
    s_vote(w, 2, OWN - 1, 0, 0, false);
    s_vote(w, 3, OWN - 1, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_PROMISE, "answers to somebody else's");
    s_vote(w, 2, OWN, 0, 0, false);
    s_vote(w, 3, OWN, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_ACCEPT);
    s_vote(w, 2, OWN, 0, 0, false);
    s_vote(w, 3, OWN, 5, 1, false);
    cr_assert_not(s_decided(w), "promises that come again, and what was accepted in another ballot");
    s_vote(w, 2, OWN, OWN, 1, false);
    cr_assert_not(s_decided(w));
    s_vote(w, 3, OWN, OWN, 1, false);
    cr_assert(s_decided(w));
    world_destroy(w);
}

Test(ballot, a_promise_to_a_higher_ballot_ends_the_own_proposal)
{
    world_t *w = s_world();
    s_propose(w);
    s_vote(w, 2, OWN + 1, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_IDLE);
    world_settle(w, 4000000);
    cr_assert_eq(w->shard[1][0]->rounds->ballot.proposal.ballot, 10,
                 "the next own one, above what it has seen");
    s_want(w, 2, 11, 0);
    s_vote(w, 2, 10, 0, 0, false);
    s_vote(w, 3, 10, 0, 0, false);
    cr_assert_eq(s_phase(w), BALLOT_IDLE, "it has promised ballot 11 meanwhile");
    world_destroy(w);
}

Test(ballot, what_is_promised_is_kept)
{
    world_t *w = s_world();
    s_want(w, 3, 8, 0);
    s_want(w, 2, 7, 31); /* a value in a lower ballot */
    message_t *vote = s_said(w, KIND_vote);
    cr_assert_eq(vote->vote.promised, 8);
    cr_assert_eq(vote->vote.ballot, 0, "it is not accepted");
    message_destroy(&vote);
    s_want(w, 3, 8, 32);
    vote = s_said(w, KIND_vote);
    cr_assert_eq(vote->vote.ballot, 8);
    cr_assert_eq(vote->vote.included.items[0], 32);
    message_destroy(&vote);
    s_want(w, 3, 8, 33); /* one ballot has one value */
    vote = s_said(w, KIND_vote);
    cr_assert_eq(vote->vote.included.items[0], 32);
    message_destroy(&vote);
    s_want(w, 2, 11, 0); /* a promise keeps what was accepted */
    vote = s_said(w, KIND_vote);
    cr_assert_eq(vote->vote.promised, 11);
    cr_assert_eq(vote->vote.ballot, 8);
    cr_assert_eq(vote->vote.included.items[0], 32);
    message_destroy(&vote);
    world_destroy(w);
}

Test(ballot, nothing_is_said_before_it_is_stored)
{
    world_t *w = s_world();
    w->auto_commit = false;
    s_want(w, 3, 8, 32);
    message_t *vote = s_said(w, KIND_vote);
    cr_assert_null(vote);
    world_commit(w, 1, 0, ERR_OK);
    world_run(w);
    vote = s_said(w, KIND_vote);
    cr_assert_not_null(vote);
    cr_assert_eq(vote->vote.ballot, 8);
    message_destroy(&vote);
    /* And it is still known after a death. */
    world_crash(w, 1, 0);
    w->auto_commit = true;
    world_tick(w, 50000);
    s_want(w, 2, 7, 31);
    vote = s_said(w, KIND_vote);
    cr_assert_eq(vote->vote.promised, 8);
    cr_assert_eq(vote->vote.ballot, 8);
    message_destroy(&vote);
    world_destroy(w);
}

Test(ballot, a_decision_is_told_to_whoever_asks)
{
    world_t *w = s_world();
    uint64_t included[4] = {0, 1, 0, 0};
    message_t *m = s_from(2, KIND_decision);
    message_set_u64s(&m->decision.included, included, 4);
    s_give(w, m);
    cr_assert(s_decided(w));
    world_forget_mail(w);
    s_want(w, 3, 12, 5);
    message_t *told = s_said(w, KIND_decision);
    cr_assert_not_null(told);
    cr_assert_eq(told->decision.included.items[1], 1, "and no later ballot changes it");
    message_destroy(&told);
    world_destroy(w);
}

/* A region that lacks another one's contribution does not belong to the group that decides. */
Test(ballot, only_what_all_of_a_group_have_is_proposed)
{
    world_t *w = s_world();
    uint64_t have[4] = {7, 0, 9, 0};
    message_t *m = s_from(2, KIND_vote_want);
    m->vote_want.ballot = 0;
    message_set_u64s(&m->vote_want.included, have, 4);
    s_give(w, m);
    s_propose(w);
    s_vote(w, 2, OWN, 0, 0, false);
    s_vote(w, 3, OWN, 0, 0, false);
    message_t *want = s_said(w, KIND_vote_want);
    cr_assert_eq(want->vote_want.included.items[1], 1, "its own");
    cr_assert_eq(want->vote_want.included.items[2], 0, "which it has not got itself");
    cr_assert_eq(want->vote_want.included.items[0], 0);
    message_destroy(&want);
    world_destroy(w);
}

/* Of a lineage that goes on from (parent_history, number - 1) in a history of its own, or of the first one;
 * without data. */
static message_t *s_delta_of(const world_t *w, uint64_t history, uint64_t parent_history, uint64_t number)
{
    message_t *m = message_new(KIND_delta, "shard/region1/0", "synchronizer/region2/0");
    message_set_name(m->delta.origin, "region2");
    m->incarnation = 1;
    m->delta.history = history;
    m->delta.parent_history = parent_history;
    m->delta.parent_number = parent_history ? number - 1 : 0;
    m->delta.first = m->delta.last = number;
    m->delta.layout = WORLD_LAYOUT;
    m->delta.elements = world_size(w, 0);
    m->delta.kind = DELTA_NOTHING;
    m->delta.chunk_count = 1;
    m->delta.checksum = hash_checksum("", 0);
    return m;
}

static void s_delta(world_t *w, uint64_t history, uint64_t parent_history, uint64_t number)
{
    s_give(w, s_delta_of(w, history, parent_history, number));
}

static void s_model(world_t *w, uint64_t history, uint64_t number, float value)
{
    message_t *m = s_delta_of(w, history, 0, number);
    buf_t *model = buf_new(world_size(w, 0) * sizeof value);
    for (size_t i = 0; i < world_size(w, 0); i++)
        ((float *)buf_data(model))[i] = value;
    m->delta.kind = DELTA_MODEL;
    m->delta.samples = 4;
    m->delta.total = buf_size(model);
    m->delta.checksum = buf_checksum(model);
    m->data = slice_of(model, 0, buf_size(model));
    buf_destroy(&model);
    s_give(w, m);
}

/* A region that had ended two rounds ahead lost its disk, and began a new lineage behind that: what is
 * decided is taken, however far ahead it is, and nothing else. */
Test(ballot, what_is_decided_is_taken_however_early)
{
    world_t *w = s_world();
    const origin_t *origin = &w->shard[1][0]->stream->origins[2];
    s_delta(w, 77, 0, 1);
    s_delta(w, 77, 0, 2);
    s_delta(w, 78, 77, 3);
    world_settle(w, 100000);
    cr_assert_eq(origin->taken, 2, "it is early");
    uint64_t included[4] = {0, 0, 3, 0};
    message_t *m = s_from(0, KIND_decision);
    message_set_u64s(&m->decision.included, included, 4);
    s_give(w, m);
    s_delta(w, 78, 77, 3);
    world_settle(w, 100000);
    cr_assert_eq(origin->taken, 3);
    cr_assert_eq(w->shard[1][0]->rounds->number, 1);
    world_destroy(w);
}

/* Region 2 is a round ahead, and what is decided reaches as far: its model is that of the second round all
 * the same. */
Test(ballot, a_model_is_in_the_round_that_it_is_of)
{
    world_t *w = s_world_of(STRATEGY_SMA);
    const shard_core_t *shard = w->shard[1][0];
    static const float ones[ELEMENTS] = {1};
    s_delta(w, 77, 0, 1);
    s_model(w, 77, 2, 100);
    cr_assert_eq(shard->stream->origins[2].taken, 2);
    world_push(w, 1, 0, 0, ones);
    float own = shard_core_parameters(shard)[0];
    uint64_t included[4] = {0, 1, 2, 0};
    for (uint64_t round = 1; round <= 2; round++) {
        message_t *m = s_from(0, KIND_decision);
        m->number = round;
        included[1] = 1;
        message_set_u64s(&m->decision.included, included, 4);
        s_give(w, m);
        world_settle(w, 100000);
        cr_assert_eq(shard->rounds->number, round);
        cr_assert_float_eq(shard_core_parameters(shard)[0], round == 1 ? own : 100, 1e-6);
    }
    world_destroy(w);
}

static bool s_says_muted(world_t *w, uint64_t round)
{
    world_forget_mail(w);
    message_t *m = s_from(0, KIND_vote_want), *vote = NULL;
    m->number = round;
    m->vote_want.ballot = 8;
    s_give(w, m);
    vote = s_said(w, KIND_vote);
    cr_assert_not_null(vote);
    bool muted = vote->vote.muted;
    message_destroy(&vote);
    return muted;
}

/* Which votes were lost nobody knows before all others have said how far they voted: until then it is
 * every round's. */
Test(ballot, who_lost_its_votes_is_mute_until_all_others_have_said_how_far_they_are)
{
    world_t *w = s_world();
    shard_core_t *shard = w->shard[1][0];
    rounds_mute(shard->rounds);
    cr_assert(s_says_muted(w, 1));
    cr_assert(s_says_muted(w, 100), "a round that is far ahead, too");
    rounds_heard(shard->rounds, 0, 3);
    rounds_heard(shard->rounds, 2, 5);
    cr_assert(s_says_muted(w, 100), "one has not been heard");
    rounds_heard(shard->rounds, 3, 4);
    cr_assert(s_says_muted(w, 5), "the farthest of them");
    cr_assert_not(s_says_muted(w, 6), "nobody can have voted on that yet");
    world_destroy(w);
}
