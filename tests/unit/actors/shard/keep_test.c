/* A shard and its keepers, at the levels of durability. The keepers are the test. */
#include "tests/unit/actors/keepers.h"
#include "tests/unit/actors/shard/world.h"

#include "actors/shard/shard_inside.h"

#define ELEMENTS 24
#define A "keeper/here/a"
#define B "keeper/here/b"

static const float s_g[ELEMENTS] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

static world_t *s_world(durability_t durability)
{
    topology_t *t = world_topology(2, STRATEGY_ASGD, 1, 2);
    t->job.optimizer.lr = 1;
    t->checkpoint.replicas = 1;
    t->checkpoint.every = 1;
    t->checkpoint.durability = durability;
    world_t *w = world_new(t, ELEMENTS);
    world_start(w, 80);
    return w;
}

static void s_assign(world_t *w, size_t r, size_t k, uint64_t assignment, const char *names)
{
    char to[64], from[64];
    snprintf(to, sizeof to, "shard/region%zu/%zu", r, k);
    snprintf(from, sizeof from, "scheduler/region%zu", r);
    message_t *m = message_new(KIND_keepers, to, from);
    m->keepers.assignment = assignment;
    keepers_set(m, names);
    world_send_shard(w, m);
}

static void s_assign_all(world_t *w)
{
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < WORLD_SHARDS; k++)
            s_assign(w, r, k, 1, A " 1\n");
}

static void s_kept(world_t *w, const char *keeper, size_t r, size_t k, uint64_t number, err_code_t code)
{
    char to[64];
    snprintf(to, sizeof to, "shard/region%zu/%zu", r, k);
    message_t *m = message_new(KIND_snapshot_kept, to, keeper);
    snprintf(m->snapshot_kept.region, sizeof m->snapshot_kept.region, "region%zu", r);
    m->snapshot_kept.shard = k;
    m->snapshot_kept.incarnation = w->incarnation;
    m->snapshot_kept.number = number;
    m->snapshot_kept.code = (uint64_t)code;
    world_send_shard(w, m);
}

/* The newest number that shard r/k has offered a keeper since the mail was forgotten; 0: none. Forgets the
 * mail. */
static uint64_t s_offered(world_t *w, const char *keeper, size_t r, size_t k)
{
    uint64_t number = 0;
    char from[64];
    snprintf(from, sizeof from, "shard/region%zu/%zu", r, k);
    message_t *m;
    for (; (m = world_mail(w, KIND_snapshot_offer)); message_destroy(&m))
        if (!strcmp(m->to, keeper) && !strcmp(m->from, from))
            number = m->snapshot_offer.number;
    return number;
}

static uint64_t s_durable(const world_t *w, size_t r, size_t k)
{
    return ranges_size(&w->shard[r][k]->durable->applied);
}

static uint64_t s_taken(const world_t *w, size_t r, size_t k, size_t origin)
{
    return w->shard[r][k]->stream->origins[origin].taken;
}

/* Every keeper that is offered something keeps it, until nothing is offered any more. */
static void s_keep_all(world_t *w)
{
    for (int round = 0; round < 20; round++) {
        outbox_t mail = w->mail;
        outbox_init(&w->mail);
        message_t *m;
        while ((m = outbox_take(&mail))) {
            if (m->kind == KIND_snapshot_offer)
                s_kept(w, m->to, m->snapshot_offer.region[6] - '0', m->snapshot_offer.shard,
                       m->snapshot_offer.number, ERR_OK);
            message_destroy(&m);
        }
        outbox_fini(&mail);
        world_tick(w, KEEP_OFFER_US);
    }
}

Test(keep, with_replica_nothing_is_durable_and_nothing_leaves_before_a_keeper_has_it)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    world_push(w, 0, 0, 0, s_g);
    world_settle(w, 2 * KEEP_WAIT_SHOWN_US);
    cr_assert_eq(ranges_size(&w->shard[0][0]->replica->applied), 1);
    cr_assert_eq(s_durable(w, 0, 0), 0);
    cr_assert_eq(s_taken(w, 1, 0, 0), 0, "no delta has left");
    cr_assert_str_eq(w->shard[0][0]->report.waits_for, "keepers");
    s_assign_all(w);
    cr_assert_eq(s_offered(w, A, 0, 0), 1);
    world_settle(w, 2 * KEEP_WAIT_SHOWN_US);
    cr_assert_eq(s_durable(w, 0, 0), 0, "an offer is not enough");
    cr_assert_str_eq(w->shard[0][0]->report.waits_for, A);
    s_keep_all(w);
    cr_assert_eq(s_durable(w, 0, 0), 1);
    cr_assert_eq(s_taken(w, 1, 0, 0), 1);
    cr_assert_str_eq(w->shard[0][0]->report.waits_for, "");
    world_destroy(w);
}

Test(keep, at_lower_levels_copies_follow_in_the_background_the_newest_next)
{
    world_t *w = s_world(DURABILITY_DISK);
    world_run(w);
    s_assign_all(w);
    cr_assert_eq(s_offered(w, A, 0, 0), 1);
    world_tick(w, 100000);
    world_forget_mail(w);
    for (uint64_t batch = 0; batch < 3; batch++) {
        world_push(w, 0, 0, batch, s_g);
        cr_assert_eq(s_durable(w, 0, 0), batch + 1, "committed here is durable");
    }
    cr_assert_eq(s_offered(w, A, 0, 0), 0, "one at a time");
    uint64_t newest = w->shard[0][0]->durable->keep.counts;
    s_kept(w, A, 0, 0, 1, ERR_OK);
    cr_assert_eq(s_offered(w, A, 0, 0), newest, "those between are passed over");
    cr_assert_eq(w->shard[0][0]->durable->keep.kept, 1);
    world_tick(w, 100000);
    cr_assert_eq(keep_lag_us(&w->shard[0][0]->durable->keep), 200000, "it lacks what came after the first");
    s_kept(w, A, 0, 0, newest, ERR_OK);
    cr_assert_leq(keep_lag_us(&w->shard[0][0]->durable->keep), 100000);
    cr_assert_eq(w->shard[0][0]->durable->keep.kept, newest);
    world_destroy(w);
}

Test(keep, what_is_given_is_the_snapshot_bit_for_bit_though_training_goes_on)
{
    world_t *w = s_world(DURABILITY_DISK);
    world_run(w);
    s_assign_all(w);
    world_push(w, 0, 0, 0, s_g);
    s_kept(w, A, 0, 0, 1, ERR_OK);
    message_t *offer;
    while ((offer = world_mail(w, KIND_snapshot_offer)) &&
           (strcmp(offer->from, "shard/region0/0") || offer->snapshot_offer.number == 1))
        message_destroy(&offer);
    cr_assert_not_null(offer);
    snapshot_t *expected = w->last[0][0];
    w->last[0][0] = NULL;
    cr_assert_eq(expected->id.number, offer->snapshot_offer.number);
    taker_spec_t spec = {.name = A,
                         .incarnation = 1,
                         .piece_bytes = 64,
                         .window = 2,
                         .most_bytes = 1 << 20,
                         .patience_us = 1000};
    taker_t *taker = NULL;
    cr_assert_eq(taker_new(&spec, offer, w->now, &taker, NULL), ERR_OK);
    message_destroy(&offer);
    outbox_t out;
    outbox_init(&out);
    taker_tick(taker, w->now, &out);
    taker_state_t state = TAKER_RUNS;
    for (uint64_t batch = 1; state == TAKER_RUNS; batch++) {
        if (batch < 9)
            world_push(w, 0, 0, batch, s_g);
        world_forget_mail(w);
        message_t *m;
        while ((m = outbox_take(&out)))
            world_send_shard(w, m);
        while ((m = world_mail(w, KIND_snapshot_piece))) {
            state = taker_piece(taker, m, w->now, &out, NULL);
            message_destroy(&m);
        }
    }
    cr_assert_eq(state, TAKER_WHOLE);
    snapshot_t *got = taker_take(taker);
    cr_assert_eq(got->count, expected->count);
    for (size_t i = 0; i < got->count; i++)
        cr_assert_eq(buf_checksum(got->values[i].buf),
                     hash_checksum(buf_peek(expected->values[i].buf), buf_size(expected->values[i].buf)));
    snapshot_destroy(&got);
    snapshot_destroy(&expected);
    taker_destroy(&taker);
    outbox_fini(&out);
    world_destroy(w);
}

Test(keep, another_keeper_takes_the_place_of_one_that_is_gone)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    s_assign(w, 0, 0, 1, A " 1\n" B " 1\n");
    s_kept(w, A, 0, 0, 1, ERR_OK);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 0, "all of them must have it");
    s_assign(w, 0, 0, 2, A " 1\n");
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 1, "who is assigned no more is not waited for");
    s_assign(w, 0, 0, 1, A " 1\n" B " 1\n");
    cr_assert_eq(w->shard[0][0]->durable->keep.keeper_count, 1, "an older assignment changes nothing");
    world_push(w, 0, 0, 0, s_g);
    world_forget_mail(w);
    s_assign(w, 0, 0, 3, B " 1\n");
    cr_assert_eq(s_offered(w, B, 0, 0), 2);
    s_kept(w, A, 0, 0, 2, ERR_OK);
    cr_assert_eq(s_durable(w, 0, 0), 0);
    s_kept(w, B, 0, 0, 2, ERR_OK);
    cr_assert_eq(s_durable(w, 0, 0), 1);
    world_destroy(w);
}

/* It may have come back with an empty disk. */
Test(keep, a_keeper_that_was_started_again_is_asked_what_it_has)
{
    world_t *w = s_world(DURABILITY_DISK);
    world_run(w);
    s_assign(w, 0, 0, 1, A " 1\n");
    s_kept(w, A, 0, 0, 1, ERR_OK);
    world_forget_mail(w);
    s_assign(w, 0, 0, 2, A " 1\n");
    cr_assert_eq(s_offered(w, A, 0, 0), 0);
    s_assign(w, 0, 0, 3, A " 2\n");
    cr_assert_eq(s_offered(w, A, 0, 0), 1);
    world_destroy(w);
}

Test(keep, one_that_is_refused_is_offered_again_after_a_pause)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    s_assign(w, 0, 0, 1, A " 1\n");
    cr_assert_eq(s_offered(w, A, 0, 0), 1);
    s_kept(w, A, 0, 0, 1, ERR_FULL);
    world_tick(w, KEEP_RETRY_US / 2);
    cr_assert_eq(s_offered(w, A, 0, 0), 0);
    world_tick(w, KEEP_RETRY_US);
    cr_assert_eq(s_offered(w, A, 0, 0), 1);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 0);
    s_kept(w, A, 0, 0, 1, ERR_OK);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 1);
    world_destroy(w);
}

Test(keep, what_was_loaded_counts_only_when_keepers_have_it_again)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    s_assign_all(w);
    world_push(w, 0, 0, 0, s_g);
    s_keep_all(w);
    cr_assert_eq(s_durable(w, 0, 0), 1);
    world_push(w, 0, 0, 1, s_g); /* committed here, and kept by nobody when the shard dies */
    cr_assert_eq(s_durable(w, 0, 0), 1);
    world_crash(w, 0, 0);
    world_run(w);
    cr_assert_eq(ranges_size(&w->shard[0][0]->replica->applied), 2);
    cr_assert_eq(s_durable(w, 0, 0), 0);
    world_settle(w, 1000000);
    cr_assert_eq(s_taken(w, 1, 0, 0), 1);
    s_assign(w, 0, 0, 2, A " 1\n");
    s_keep_all(w);
    cr_assert_eq(s_durable(w, 0, 0), 2);
    cr_assert_eq(s_taken(w, 1, 0, 0), 2);
    world_destroy(w);
}

Test(keep, a_stop_waits_for_keepers_only_while_something_moves)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    s_assign_all(w);
    s_keep_all(w);
    w->cut[1] = true;
    world_push(w, 0, 0, 0, s_g);
    message_t *stop = message_new(KIND_stop, "shard/region0/0", "node/region0/x");
    world_send_shard(w, stop);
    world_settle(w, KEEP_STOP_US / 2);
    cr_assert_not(shard_role.finished(w->shard[0][0]));
    world_settle(w, 3 * KEEP_STOP_US);
    cr_assert(shard_role.finished(w->shard[0][0]));
    cr_assert_eq(s_durable(w, 0, 0), 0, "and says of nothing that it is durable");
    cr_assert_eq(w->last[0][0]->id.number, w->shard[0][0]->durable->number, "what is here is on the disk");
    world_destroy(w);
}

Test(keep, too_few_keepers_are_waited_for_by_name)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    w->topology->checkpoint.replicas = 2;
    world_run(w);
    world_push(w, 0, 0, 0, s_g);
    s_assign_all(w); /* one, of two */
    s_keep_all(w);
    world_settle(w, 2 * KEEP_WAIT_SHOWN_US);
    cr_assert_eq(s_durable(w, 0, 0), 0, "a copy is missing");
    cr_assert_eq(s_taken(w, 1, 0, 0), 0);
    cr_assert_str_eq(w->shard[0][0]->report.waits_for, "keepers");
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < WORLD_SHARDS; k++)
            s_assign(w, r, k, 2, A " 1\n" B " 1\n");
    s_keep_all(w);
    cr_assert_eq(s_durable(w, 0, 0), 1);
    cr_assert_eq(s_taken(w, 1, 0, 0), 1);
    world_destroy(w);
}

/* Else a keeper would count for what it was never given, and be given nothing more. */
Test(keep, a_keeper_cannot_have_more_than_was_taken)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    s_assign(w, 0, 0, 1, A " 1\n");
    s_kept(w, A, 0, 0, 1000, ERR_OK);
    s_kept(w, A, 0, 0, 1, ERR_FULL);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 0);
    world_tick(w, 2 * KEEP_RETRY_US);
    cr_assert_eq(s_offered(w, A, 0, 0), 1);
    s_kept(w, A, 0, 0, 1, ERR_OK);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 1);
    world_destroy(w);
}

static void s_kept_of(world_t *w, uint64_t incarnation, uint64_t shard)
{
    message_t *m = message_new(KIND_snapshot_kept, "shard/region0/0", A);
    message_set_name(m->snapshot_kept.region, "region0");
    m->snapshot_kept.shard = shard;
    m->snapshot_kept.incarnation = incarnation;
    m->snapshot_kept.number = 1;
    world_send_shard(w, m);
}

Test(keep, what_a_keeper_says_of_another_snapshot_does_not_count)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    s_assign(w, 0, 0, 1, A " 1\n");
    s_kept_of(w, w->incarnation + 1, 0);
    s_kept_of(w, w->incarnation, 1);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 0);
    s_kept_of(w, w->incarnation, 0);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, 1);
    world_destroy(w);
}

Test(keep, its_own_scheduler_alone_says_who_keeps)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    message_t *m = message_new(KIND_keepers, "shard/region0/0", "scheduler/region1");
    m->keepers.assignment = 9;
    keepers_set(m, B " 1\n");
    world_send_shard(w, m);
    cr_assert_eq(w->shard[0][0]->durable->keep.keeper_count, 0);
    s_assign(w, 0, 0, 1, A " 1\n");
    cr_assert_eq(w->shard[0][0]->durable->keep.keeper_count, 1);
    world_destroy(w);
}

/* At lower levels any copy will do; of one that goes on elsewhere the last must be there. */
Test(keep, what_is_handed_over_is_the_last_snapshot)
{
    world_t *w = s_world(DURABILITY_DISK);
    shard_core_t *shard = w->shard[0][0];
    world_run(w);
    s_assign_all(w);
    world_push(w, 0, 0, 0, s_g);
    s_kept(w, A, 0, 0, 1, ERR_OK);
    cr_assert_eq(keep_assignment(&shard->durable->keep), 1);
    message_t *m = message_new(KIND_hand_over, "shard/region0/0", "scheduler/region0");
    m->hand_over.incarnation = w->incarnation;
    world_send_shard(w, m);
    cr_assert_gt(shard->durable->keep.counts, 1);
    cr_assert_eq(keep_assignment(&shard->durable->keep), 0);
    s_keep_all(w);
    cr_assert_eq(keep_assignment(&shard->durable->keep), 1);
    world_destroy(w);
}

/* It may be told to go as soon as there is a copy, and a snapshot of its own accord may be far off. */
Test(keep, keepers_that_come_in_the_midst_of_training_get_a_snapshot_at_once)
{
    world_t *w = s_world(DURABILITY_DISK);
    w->topology->checkpoint.replicas = 0;
    w->topology->checkpoint.every = 1000;
    world_run(w);
    world_push(w, 0, 0, 0, s_g);
    world_tick(w, 1);
    uint64_t before = w->shard[0][0]->durable->keep.counts;
    world_tick(w, 1);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, before, "nothing calls for one");
    world_forget_mail(w);
    s_assign(w, 0, 0, 1, A " 1\n");
    world_tick(w, 1);
    cr_assert_eq(s_offered(w, A, 0, 0), before + 1);
    s_kept(w, A, 0, 0, before + 1, ERR_OK);
    cr_assert_eq(keep_assignment(&w->shard[0][0]->durable->keep), 1);
    world_tick(w, 1);
    cr_assert_eq(w->shard[0][0]->durable->keep.counts, before + 1, "one is enough");
    world_destroy(w);
}

/* An offer that was repeated is taken up again after its first refusal. */
Test(keep, what_is_kept_after_a_refusal_counts_though_nothing_is_offered_at_the_moment)
{
    world_t *w = s_world(DURABILITY_REPLICA);
    world_run(w);
    s_assign(w, 0, 0, 1, A " 1\n");
    cr_assert_eq(s_offered(w, A, 0, 0), 1);
    world_push(w, 0, 0, 0, s_g);
    s_kept(w, A, 0, 0, 1, ERR_FULL);
    cr_assert_eq(w->shard[0][0]->durable->keep.waits, 1);
    s_kept(w, A, 0, 0, 1, ERR_OK);
    cr_assert_neq(w->shard[0][0]->durable->keep.waits, 1, "it waits for what it has been told");
    s_keep_all(w);
    cr_assert_eq(s_durable(w, 0, 0), 1);
    world_destroy(w);
}
