/* Deciders that die at the worst moment, and votes that nobody may cast. */
#include "actors/shard/shard_inside.h"
#include "tests/unit/actors/shard/world.h"

#define ELEMENTS 16

static const float s_g[4][ELEMENTS] = {{1, 1}, {10, 10}, {100, 100}, {1000, 1000}};

static world_t *s_world_of(size_t regions, double quorum)
{
    topology_t *t = world_topology(regions, STRATEGY_SSGD, 1, 1);
    t->job.optimizer.lr = 1;
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    t->job.sync.quorum = quorum;
    t->job.sync.grace_us = 100000;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 120);
    world_run(w);
    return w;
}

static world_t *s_world(double quorum)
{
    return s_world_of(3, quorum);
}

static void s_push(world_t *w, size_t r, uint64_t batch)
{
    world_push(w, r, 0, batch, s_g[r]);
}

static float s_value(const world_t *w, size_t r)
{
    return -shard_core_parameters(w->shard[r][0])[0];
}

/* A late contribution is in the next round. */
static void s_expect_all(world_t *w)
{
    for (size_t r = 0; r < 3; r++)
        s_push(w, r, 1);
    world_settle(w, 8000000);
    for (size_t r = 0; r < 3; r++)
        cr_assert_eq(s_value(w, r), 222, "region %zu", r);
}

Test(vote, a_region_that_is_cut_off_is_left_out_after_grace_and_joins_later)
{
    world_t *w = s_world(0.5);
    w->cut[2] = true;
    for (size_t r = 0; r < 3; r++)
        s_push(w, r, 0);
    world_settle(w, 50000);
    cr_assert_eq(s_value(w, 0), 0, "within grace");
    world_settle(w, 3000000);
    cr_assert_eq(s_value(w, 0), 11);
    cr_assert_eq(s_value(w, 1), 11);
    cr_assert_eq(s_value(w, 2), 0, "no majority, no round");
    w->cut[2] = false;
    world_settle(w, 8000000);
    for (size_t r = 0; r < 3; r++)
        cr_assert_eq(s_value(w, r), 11, "region %zu", r);
    s_expect_all(w);
    world_destroy(w);
}

Test(vote, with_a_quorum_of_all_nobody_goes_on_alone)
{
    world_t *w = s_world(1);
    w->cut[2] = true;
    for (size_t r = 0; r < 3; r++)
        s_push(w, r, 0);
    world_settle(w, 5000000);
    cr_assert_eq(s_value(w, 0), 0);
    world_destroy(w);
}

/* The share that is asked for binds, not that some are a majority. */
static void s_check_share(double quorum, bool enough)
{
    world_t *w = s_world_of(4, quorum);
    w->cut[3] = true;
    for (size_t r = 0; r < 4; r++)
        s_push(w, r, 0);
    world_settle(w, 5000000);
    for (size_t r = 0; r < 3; r++)
        cr_assert_eq(s_value(w, r), enough ? 111 : 0, "quorum %g, region %zu: %g", quorum, r,
                     (double)s_value(w, r));
    w->cut[3] = false;
    world_settle(w, 8000000);
    for (size_t r = 0; r < 4; r++)
        cr_assert_eq(s_value(w, r), enough ? 111 : 1111, "quorum %g, region %zu: %g", quorum, r,
                     (double)s_value(w, r));
    world_destroy(w);
}

Test(vote, three_of_four_are_enough_for_three_quarters_and_not_for_nine_tenths)
{
    s_check_share(0.75, true);
    s_check_share(0.76, false);
    s_check_share(0.9, false);
}

/* The first decider stores what it proposes and dies before anybody hears of it, or after `hearer` has; the
 * other region was cut off until then. */
static void s_check_death(bool told, size_t hearer)
{
    world_t *w = s_world(0.5);
    size_t absent = 3 - hearer;
    w->cut[absent] = true;
    for (size_t r = 0; r < 3; r++)
        s_push(w, r, 0);
    w->auto_commit = false;
    for (int i = 0; i < 20;
         i++) { /* until grace is over and region 0 proposes: that is in a snapshot, not committed */
        world_tick(w, 10000);
        for (size_t r = 0; r < 3; r++)
            for (size_t k = 0; k < 2; k++)
                if (w->out[r][k] && (r || strcmp(w->out[r][k]->id.tag, "vote") != 0))
                    world_commit(w, r, k, ERR_OK);
        world_run(w);
    }
    cr_assert_not_null(w->out[0][0]);
    cr_assert_str_eq(w->out[0][0]->id.tag, "vote");
    world_commit(w, 0, 0, ERR_OK);
    if (told)
        world_run(w);
    cr_assert_eq(s_value(w, hearer), 0);
    world_crash(w, 0, 0); /* with what it had to say */
    w->cut[absent] = false;
    w->cut[0] = true; /* and stays away: others must find out what it may have decided */
    w->auto_commit = true;
    world_settle(w, 12000000);
    /* A value that one had accepted may be decided, whoever asks; else the others decide what both have. */
    float value = !told ? 110 : hearer == 1 ? 11 : 101;
    cr_assert_eq(s_value(w, hearer), value);
    cr_assert_eq(s_value(w, absent), value, "what region 0 sent is handed on by region %zu", hearer);
    w->cut[0] = false;
    world_settle(w, 12000000);
    s_expect_all(w);
    world_destroy(w);
}

Test(vote, a_decider_that_dies_between_storing_and_sending_changes_nothing)
{
    for (size_t hearer = 1; hearer <= 2; hearer++) {
        s_check_death(false, hearer);
        s_check_death(true, hearer);
    }
}

Test(vote, only_the_same_shard_of_another_region_votes)
{
    static const char *const from[] = {"shard/region1/1", "worker/region1/0", "shard/region0/0",
                                       "shard/region2/1"};
    static const message_kind_t kinds[] = {KIND_vote_want, KIND_vote, KIND_decision};
    world_t *w = s_world(0.5);
    uint64_t taken[3] = {9, 9, 9};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 3; k++) {
            message_t *m = message_new(kinds[k], "shard/region0/0", from[i]);
            m->number = 1;
            if (kinds[k] == KIND_decision)
                message_set_u64s(&m->decision.included, taken, 3);
            world_forget_mail(w);
            world_send_shard(w, m);
        }
    /* Of the right sender, and nonsense. */
    message_t *m = message_new(KIND_decision, "shard/region0/0", "shard/region1/0");
    m->number = 1;
    message_set_u64s(&m->decision.included, taken, 2);
    world_send_shard(w, m);
    m = message_new(KIND_vote_want, "shard/region0/0", "shard/region1/0");
    m->number = UINT64_MAX;
    m->vote_want.ballot = 7;
    world_send_shard(w, m);
    cr_assert_eq(shard_core_round(w->shard[0][0]), 0);
    for (size_t r = 0; r < 3; r++)
        s_push(w, r, 0);
    world_settle(w, 3000000);
    for (size_t r = 0; r < 3; r++)
        cr_assert_eq(s_value(w, r), 111);
    world_destroy(w);
}

static message_t *s_want(uint64_t round)
{
    uint64_t have[3] = {0};
    message_t *m = message_new(KIND_vote_want, "shard/region0/0", "shard/region1/0");
    m->number = round;
    m->incarnation = 1;
    message_set_u64s(&m->vote_want.included, have, 3);
    return m;
}

/* A shard that was started from an older state than anybody knew asks for a round whose decision nobody
 * keeps. */
Test(vote, who_asks_for_a_decision_that_was_let_go_is_told_and_enters)
{
    world_t *w = s_world(0.5);
    for (uint64_t batch = 0; batch < 3; batch++) {
        for (size_t r = 0; r < 3; r++)
            s_push(w, r, batch);
        world_settle(w, 3000000);
    }
    cr_assert_eq(shard_core_round(w->shard[0][0]), 3);
    message_t *m = s_want(1), *told = NULL;
    shard_role.message(w->shard[0][0], &m, w->now);
    while (!told && (m = outbox_take(shard_role.outbox(w->shard[0][0])))) {
        if (m->kind == KIND_decision)
            told = m;
        else
            message_destroy(&m);
    }
    cr_assert_not_null(told);
    cr_assert_eq(told->number, 1);
    cr_assert_eq(told->decision.included.count, 0);
    told->number = 4; /* as to one whose next round that is */
    world_send_shard(w, told);
    world_settle(w, 3000000);
    cr_assert_eq(shard_core_transfers(w->shard[1][0]), 1);
    cr_assert_eq(shard_core_rolled_back(w->shard[1][0]), 0);
    for (size_t r = 0; r < 3; r++)
        s_push(w, r, 3);
    world_settle(w, 8000000);
    for (size_t r = 0; r < 3; r++)
        cr_assert_eq(s_value(w, r), 444, "region %zu", r);
    world_destroy(w);
}

/* A difference that comes late is counted once, and so is what the region learns before it has been taken. */
Test(vote, what_a_region_that_lags_has_gained_is_counted_once)
{
    topology_t *t = world_topology(3, STRATEGY_DILOCO, 1, 1);
    t->job.optimizer.lr = 1;
    t->job.sync.quorum = 0.5;
    t->job.sync.grace_us = 100000;
    t->job.sync.outer_lr = 1;
    t->job.sync.outer_momentum = 0;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 120);
    world_run(w);
    static const float nothing[ELEMENTS], three[ELEMENTS] = {3, 3};
    w->cut[2] = true;
    world_push(w, 2, 0, 0, three);
    for (uint64_t batch = 0; batch < 4; batch++) {
        for (size_t r = 0; r < 2; r++)
            world_push(w, r, 0, batch, nothing);
        world_settle(w, 2000000);
    }
    cr_assert_eq(shard_core_round(w->shard[0][0]), 4);
    w->cut[2] = false;
    world_settle(w, 8000000);
    cr_assert_eq(shard_core_round(w->shard[2][0]), 4, "it has caught up, and its differences are late");
    for (uint64_t batch = 1; batch < 4; batch++)
        world_push(w, 2, 0, batch, three);
    world_settle(w, 2000000);
    for (size_t r = 0; r < 3; r++)
        world_push(w, r, 0, 4, nothing);
    world_settle(w, 8000000);
    for (size_t r = 0; r < 3; r++)
        cr_assert_eq(s_value(w, r), 4, "region %zu: %g", r, (double)s_value(w, r));
    world_destroy(w);
}

/* Handing on: exactly what is asked for, of exactly that region. */
Test(vote, what_one_region_sent_is_handed_on_from_where_another_lacks_it)
{
    world_t *w = s_world(0.5);
    w->puppet[2] = true;
    for (uint64_t batch = 0; batch < 3; batch++) {
        for (size_t r = 0; r < 2; r++)
            s_push(w, r, batch);
        world_settle(w, 3000000);
    }
    cr_assert_eq(shard_core_round(w->shard[1][0]), 3);
    world_forget_mail(w);
    message_t *m = message_new(KIND_stream_fetch, "shard/region1/0", "shard/region2/0");
    m->incarnation = 1;
    m->stream_fetch.from = 2;
    message_set_name(m->stream_fetch.origin, "region0");
    shard_role.message(w->shard[1][0], &m, w->now);
    world_run(w);
    bool seen[4] = {false};
    while ((m = world_mail(w, KIND_delta))) {
        if (strcmp(m->from, "shard/region1/0") == 0) {
            cr_assert_str_eq(m->delta.origin, "region0");
            cr_assert(m->delta.first >= 2 && m->delta.first <= 3, "%d", (int)m->delta.first);
            seen[m->delta.first] = true;
        }
        message_destroy(&m);
    }
    cr_assert(seen[2] && seen[3]);
    world_destroy(w);
}

static void s_keep(world_t *w, size_t origin, uint64_t number, size_t bytes)
{
    buf_t *data = buf_new_zero(bytes), *cursor = buf_new_zero(2 * sizeof(uint64_t));
    incoming_t in = {.head = {.first = number, .last = number}, .cursor = cursor};
    forward_hold(w->shard[0][0]->rounds, origin, &in, data);
    buf_destroy(&data);
    buf_destroy(&cursor);
}

/* Contributions that are kept for others are bounded by `window` for each origin, and
 * the oldest goes first. */
Test(vote, what_is_kept_for_others_is_bounded_by_the_window)
{
    world_t *w = s_world(0.5);
    w->topology->job.sync.window_bytes = 3000;
    const forwards_t *forwards = &w->shard[0][0]->rounds->forwards;
    s_keep(w, 2, 1, 1000);
    for (uint64_t number = 1; number <= 6; number++)
        s_keep(w, 1, number, 1000);
    cr_assert_eq(forwards->count, 4);
    cr_assert_eq(forwards->items[0].region, 2, "another origin has a window of its own");
    for (size_t i = 1; i < 4; i++)
        cr_assert_eq(forwards->items[i].delta.head.last, 3 + i);
    world_destroy(w);
}

Test(vote, what_is_handed_on_is_of_the_region_that_was_asked_for)
{
    world_t *w = s_world(0.5);
    w->puppet[2] = true;
    s_keep(w, 2, 8, 32);
    s_keep(w, 1, 5, 32);
    s_keep(w, 2, 9, 32);
    s_keep(w, 1, 6, 32);
    message_t *m = message_new(KIND_stream_fetch, "shard/region0/0", "shard/region2/0");
    m->incarnation = 1;
    m->stream_fetch.from = 1;
    message_set_name(m->stream_fetch.origin, "region1");
    shard_role.message(w->shard[0][0], &m, w->now);
    world_run(w);
    uint64_t next = 5;
    while ((m = world_mail(w, KIND_delta))) {
        cr_assert_str_eq(m->delta.origin, "region1");
        cr_assert(m->delta.first == next || (m->delta.first == next + 1 && m->delta.chunk == 0), "%d",
                  (int)m->delta.first);
        next = m->delta.first;
        message_destroy(&m);
    }
    cr_assert_eq(next, 6);
    world_destroy(w);
}
