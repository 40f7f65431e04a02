/* The rooms below and rounds, without a shard: contributions are put into them by hand, others' votes are
 * messages, and what is committed is said. Three regions; this one is region 1, and counts: a contribution is
 * added to what the parameters are. */
#include "actors/shard/rounds/rounds.h"
#include "tests/unit/actors/shard/alone.h"

#define ELEMENTS 8
#define HERE 1

static alone_t *s_bench(double quorum)
{
    topology_t *topology = world_topology(3, STRATEGY_SSGD, 1, 1);
    topology->job.optimizer.lr = 1;
    snprintf(topology->job.data.kind, sizeof topology->job.data.kind, "counter");
    topology->job.sync.quorum = quorum;
    topology->job.sync.grace_us = 100000;
    alone_t *h = alone_new(topology, 120,
                           (shard_spec_t){.region_index = HERE,
                                          .incarnation = 1,
                                          .elements = ELEMENTS,
                                          .layout = WORLD_LAYOUT,
                                          .chunk_bytes = 16,
                                          .history = 1000});
    h->base.core.now_us = 1;
    h->base.changes = 1;
    return h;
}

static buf_t *s_values(float value)
{
    buf_t *values = buf_new_zero(ELEMENTS * sizeof value);
    ((float *)buf_data(values))[0] = value;
    return values;
}

static delta_head_t s_head(uint64_t number)
{
    return (delta_head_t){.first = number, .last = number, .kind = DELTA_GRADIENT, .steps = 1, .samples = 4};
}

static void s_own(alone_t *h, uint64_t number, float value)
{
    pending_t own = {.region = HERE, .head = s_head(number), .data = s_values(value)};
    h->stream.cut = number;
    rounds_contribute(&h->rounds, &own);
}

/* As the core takes it: it waits here, and the origin's position is behind it. */
static void s_other(alone_t *h, size_t origin, uint64_t number, float value)
{
    incoming_t delta = {
        .head = s_head(number), .history = 70 + origin, .decoded = s_values(value), .cursor = buf_new(0)};
    cr_assert(rounds_take(&h->rounds, origin, &delta));
    h->stream.origins[origin].taken = number;
    buf_destroy(&delta.decoded);
    buf_destroy(&delta.cursor);
}

static float s_value(const alone_t *h)
{
    return -((const float *)buf_peek(h->replica.parameters))[0];
}

static bool s_hear(alone_t *h, message_kind_t kind, size_t region, uint64_t round, const uint64_t *taken)
{
    char from[64];
    snprintf(from, sizeof from, "shard/region%zu/0", region);
    message_t *m = message_new(kind, h->base.core.name, from);
    m->number = round;
    m->incarnation = 1;
    if (kind == KIND_decision)
        message_set_u64s(&m->decision.included, taken, taken ? 3 : 0);
    if (kind == KIND_vote_want)
        m->vote_want.ballot = 9;
    bool enters = rounds_message(&h->rounds, m);
    message_destroy(&m);
    return enters;
}

/* How many messages of a kind it has to send; they are gone afterwards. */
static size_t s_said(alone_t *h, message_kind_t kind)
{
    size_t count = 0;
    message_t *m;
    while ((m = outbox_take(&h->base.core.outbox))) {
        count += m->kind == kind;
        message_destroy(&m);
    }
    return count;
}

Test(rounds, a_round_acts_when_every_region_has_contributed)
{
    alone_t *h = s_bench(1);
    s_own(h, 1, 10);
    s_other(h, 0, 1, 1);
    cr_assert(rounds_bars(&h->rounds));
    cr_assert_eq(rounds_lacks(&h->rounds), 2);
    cr_assert_not(rounds_apply(&h->rounds));
    s_other(h, 2, 1, 100);
    cr_assert(rounds_apply(&h->rounds));
    cr_assert_eq(s_value(h), 111);
    cr_assert_eq(h->rounds.number, 1);
    cr_assert_not(rounds_open(&h->rounds));
    cr_assert_not(rounds_apply(&h->rounds), "nobody has reached the next one");
    alone_free(h);
}

Test(rounds, who_has_left_is_not_waited_for)
{
    alone_t *h = s_bench(1);
    h->stream.origins[2].final = true;
    s_own(h, 1, 10);
    s_other(h, 0, 1, 1);
    cr_assert(rounds_apply(&h->rounds));
    cr_assert_eq(s_value(h), 11);
    alone_free(h);
}

Test(rounds, nobody_is_two_rounds_ahead_but_for_what_is_decided)
{
    alone_t *h = s_bench(0.5);
    const uint64_t taken[3] = {1, 1, 7};
    cr_assert_eq(h->stream.bound[2], 2);
    cr_assert_not(s_hear(h, KIND_decision, 0, 1, taken));
    cr_assert_eq(h->stream.bound[2], 7);
    cr_assert_eq(h->stream.bound[0], 2);
    s_own(h, 1, 10);
    s_other(h, 0, 1, 1);
    s_other(h, 2, 7, 100);
    cr_assert(rounds_apply(&h->rounds));
    cr_assert_eq(h->stream.bound[2], 3);
    alone_free(h);
}

/* Everything up to the numbers that were decided, however late; and not before all of it is here. */
Test(rounds, what_is_decided_is_what_acts)
{
    alone_t *h = s_bench(0.5);
    const uint64_t first[3] = {1, 1, 0}, second[3] = {2, 1, 2};
    s_own(h, 1, 10);
    s_other(h, 0, 1, 1);
    s_other(h, 0, 2, 2);
    cr_assert_not(rounds_apply(&h->rounds), "nothing is decided");
    s_hear(h, KIND_decision, 0, 1, first);
    cr_assert(rounds_apply(&h->rounds));
    cr_assert_eq(s_value(h), 11);
    cr_assert_not(rounds_settled(&h->rounds));
    s_hear(h, KIND_decision, 0, 2, second);
    cr_assert_not(rounds_apply(&h->rounds), "region 2's is not here");
    s_other(h, 2, 1, 100);
    s_other(h, 2, 2, 200);
    cr_assert(rounds_apply(&h->rounds));
    cr_assert_eq(s_value(h), 313);
    cr_assert(rounds_settled(&h->rounds));
    alone_free(h);
}

Test(rounds, a_vote_is_said_when_it_is_stored)
{
    alone_t *h = s_bench(0.5);
    s_hear(h, KIND_vote_want, 0, 1, NULL);
    cr_assert_eq(s_said(h, KIND_vote), 0);
    cr_assert(rounds_wants_snapshot(&h->rounds));
    cr_assert(rounds_committed(&h->rounds, h->base.changes - 1, 0));
    cr_assert_eq(s_said(h, KIND_vote), 0, "what is stored is older");
    cr_assert(rounds_committed(&h->rounds, h->base.changes, 0));
    cr_assert_eq(s_said(h, KIND_vote), 1);
    cr_assert_not(rounds_wants_snapshot(&h->rounds));
    alone_free(h);
}

Test(rounds, a_decision_that_all_have_let_go_means_that_it_must_enter)
{
    alone_t *h = s_bench(0.5);
    cr_assert(s_hear(h, KIND_decision, 0, 1, NULL));
    cr_assert_not(s_hear(h, KIND_decision, 0, 2, NULL), "not the next one");
    const uint64_t taken[3] = {1, 1, 0};
    s_hear(h, KIND_decision, 2, 1, taken);
    cr_assert_not(s_hear(h, KIND_decision, 0, 1, NULL), "somebody has told it");
    alone_free(h);
}

static alone_t *s_stored_and_loaded(const alone_t *h)
{
    snapshot_id_t id = {.history = 1000, .number = 1, .incarnation = 1};
    snapshot_t *snapshot = snapshot_new(&id);
    message_t *message = core_message(&h->base.core, KIND_shard_state, h->base.core.name);
    rounds_pack(&h->rounds, message);
    cr_assert(rounds_values(&h->rounds, snapshot, NULL));
    alone_t *again = s_bench(0.5);
    again->stream.cut = h->stream.cut;
    cr_assert_eq(rounds_load(&again->rounds, message, snapshot, NULL), ERR_OK);
    message_destroy(&message);
    snapshot_destroy(&snapshot);
    return again;
}

Test(rounds, what_is_stored_is_what_it_goes_on_from)
{
    alone_t *h = s_bench(0.5);
    const uint64_t taken[3] = {2, 1, 9};
    s_other(h, 0, 1, 1);
    s_other(h, 2, 1, 100);
    s_hear(h, KIND_decision, 0, 1, taken);
    s_hear(h, KIND_vote_want, 0, 2, NULL);
    rounds_mute(&h->rounds);
    alone_t *again = s_stored_and_loaded(h);
    const uint64_t *decided = vote_decided(&again->rounds, 1);
    cr_assert_not_null(decided);
    cr_assert_eq(decided[2], 9);
    cr_assert_eq(again->stream.bound[2], 9);
    cr_assert_eq(rounds_last(&again->rounds), 2);
    cr_assert_eq(again->rounds.ballot.muted, BALLOT_MUTED);
    cr_assert_eq(again->rounds.forwards.count, 2);
    cr_assert_eq(again->rounds.forwards.items[1].region, 2);
    cr_assert_eq(buf_size(again->rounds.forwards.items[1].delta.data), ELEMENTS * sizeof(float));
    alone_free(again);
    alone_free(h);
}

/* A region's contribution is given to a third one, from the number that it lacks. */
Test(rounds, what_others_sent_is_handed_on)
{
    static const struct {
        const char *from, *origin;
        size_t given;
    } cases[] = {{"shard/region0/0", "region2", 2},
                 {"shard/region2/0", "region2", 0},
                 {"worker/region0/0", "region2", 0}};
    alone_t *h = s_bench(0.5);
    for (uint64_t number = 1; number <= 3; number++) {
        s_other(h, 2, number, 100);
        s_other(h, 0, number, 1);
    }
    for (size_t i = 0; i < 3; i++) {
        message_t *m = message_new(KIND_stream_fetch, h->base.core.name, cases[i].from);
        m->stream_fetch.from = 2;
        message_set_name(m->stream_fetch.origin, cases[i].origin);
        rounds_give(&h->rounds, m);
        message_destroy(&m);
        cr_assert_eq(s_said(h, KIND_delta), 2 * cases[i].given, "from %s; a delta is two chunks",
                     cases[i].from);
    }
    alone_free(h);
}

/* Region 0 says that it has everything of region 2's stream up to `number`. */
static void s_has(alone_t *h, uint64_t number)
{
    const uint64_t have[3] = {0, 0, number};
    message_t *m = message_new(KIND_vote_want, h->base.core.name, "shard/region0/0");
    m->number = m->incarnation = 1;
    message_set_u64s(&m->vote_want.included, have, 3);
    cr_assert_not(rounds_message(&h->rounds, m));
    message_destroy(&m);
}

Test(rounds, what_is_kept_for_others_goes_when_they_have_it)
{
    alone_t *h = s_bench(0.5);
    for (uint64_t number = 1; number <= 3; number++)
        s_other(h, 2, number, 100);
    s_has(h, 0);
    rounds_committed(&h->rounds, h->base.changes, 0);
    cr_assert_eq(h->rounds.forwards.count, 3);
    s_has(h, 2);
    rounds_committed(&h->rounds, h->base.changes, 0);
    cr_assert_eq(h->rounds.forwards.count, 1);
    cr_assert_eq(h->rounds.forwards.items[0].delta.head.last, 3);
    alone_free(h);
}

Test(rounds, what_is_kept_for_others_is_bounded_by_the_window)
{
    alone_t *h = s_bench(0.5);
    alone_topology(h)->job.sync.window_bytes = 3 * ELEMENTS * sizeof(float);
    for (uint64_t number = 1; number <= 5; number++)
        s_other(h, 2, number, 100);
    cr_assert_eq(h->rounds.forwards.count, 3);
    cr_assert_eq(h->rounds.forwards.items[0].delta.head.last, 3, "the oldest has gone first");
    alone_free(h);
}

/* Asked is who has it; when the origin itself is silent for a while. */
Test(rounds, what_a_decided_round_lacks_is_asked_for)
{
    alone_t *h = s_bench(0.5);
    const uint64_t taken[3] = {0, 0, 1};
    s_hear(h, KIND_decision, 0, 1, taken);
    rounds_advance(&h->rounds);
    cr_assert_eq(s_said(h, KIND_stream_fetch), 0);
    h->base.core.now_us = rounds_due(&h->rounds);
    rounds_advance(&h->rounds);
    cr_assert_eq(s_said(h, KIND_stream_fetch), 1);
    rounds_given(&h->rounds, 2, true);
    h->base.core.now_us += 100000;
    rounds_advance(&h->rounds);
    cr_assert_eq(s_said(h, KIND_stream_fetch), 1, "the next is asked soon while one gives");
    alone_free(h);
}
