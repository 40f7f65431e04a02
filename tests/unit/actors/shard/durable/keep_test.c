/* Snapshots on their way to keepers, without a shard: whom each is offered to, and when one counts. */
#include "actors/shard/durable/keep.h"
#include "tests/unit/actors/keepers.h"
#include "tests/unit/actors/shard/world.h"

#define A "keeper/here/a"
#define B "keeper/here/b"

typedef struct {
    topology_t *topology;
    job_t job;
    base_t base;
    keep_t keep;
} alone_t;

static alone_t *s_alone(durability_t durability, int64_t replicas)
{
    alone_t *a = calloc(1, sizeof *a);
    a->topology = world_topology(2, STRATEGY_ASGD, 1, 1);
    a->topology->checkpoint.durability = durability;
    a->topology->checkpoint.replicas = (uint64_t)replicas;
    cr_assert_eq(job_derive(a->topology, 64, &a->job, NULL), ERR_OK);
    const shard_spec_t spec = {.topology = a->topology, .job = &a->job, .incarnation = 5, .elements = 4};
    base_init(&a->base, &spec);
    a->base.core.now_us = 1;
    keep_init(&a->keep, &a->base);
    return a;
}

static void s_end(alone_t *a)
{
    keep_fini(&a->keep);
    base_fini(&a->base);
    free(a->topology);
    free(a);
}

/* A snapshot is taken, and committed here; returns whether it waits for keepers. */
static bool s_store(alone_t *a, uint64_t number)
{
    bool waits;
    snapshot_t *snapshot =
        snapshot_new(&(snapshot_id_t){.history = 1, .number = number, .incarnation = 5, .tag = "t"});
    buf_t *value = buf_new_zero(4);
    cr_assert_eq(snapshot_add(snapshot, "state", &value, NULL), ERR_OK);
    base_changed(&a->base);
    keep_taken(&a->keep, snapshot);
    snapshot_destroy(&snapshot);
    cr_assert_eq(keep_committed(&a->keep, number, &waits), ERR_OK);
    return waits;
}

static keep_news_t s_tell(alone_t *a, message_t *m)
{
    keep_news_t news = keep_message(&a->keep, m);
    message_destroy(&m);
    return news;
}

static keep_news_t s_assign(alone_t *a, uint64_t assignment, const char *names)
{
    message_t *m = message_new(KIND_keepers, a->base.core.name, a->base.scheduler);
    m->keepers.assignment = assignment;
    keepers_set(m, names);
    return s_tell(a, m);
}

static message_t *s_kept_message(alone_t *a, const char *keeper, uint64_t number, err_code_t code)
{
    message_t *m = message_new(KIND_snapshot_kept, a->base.core.name, keeper);
    m->snapshot_kept.incarnation = 5;
    m->snapshot_kept.number = number;
    m->snapshot_kept.code = (uint64_t)code;
    return m;
}

static keep_news_t s_kept(alone_t *a, const char *keeper, uint64_t number, err_code_t code)
{
    return s_tell(a, s_kept_message(a, keeper, number, code));
}

/* The number of the newest offer to a keeper; all that was sent is forgotten. */
static uint64_t s_offered(alone_t *a, const char *keeper)
{
    uint64_t number = 0;
    message_t *m;
    for (; (m = outbox_take(&a->base.core.outbox)); message_destroy(&m))
        if (m->kind == KIND_snapshot_offer && !strcmp(m->to, keeper))
            number = m->snapshot_offer.number;
    return number;
}

Test(keep, without_keepers_nothing_is_held_and_all_that_is_committed_counts)
{
    alone_t *a = s_alone(DURABILITY_DISK, 0);
    cr_assert_not(s_store(a, 1));
    cr_assert_eq(a->keep.counts, 1);
    cr_assert_eq(a->keep.newest, KEEP_NONE);
    cr_assert_eq(keep_due(&a->keep), ROLE_NEVER);
    cr_assert_null(keep_waits_for(&a->keep));
    s_end(a);
}

Test(keep, in_the_background_it_counts_at_once_and_is_offered_the_newest_next)
{
    alone_t *a = s_alone(DURABILITY_DISK, 1);
    cr_assert_not(s_store(a, 1));
    cr_assert_eq(a->keep.counts, 1);
    s_assign(a, 1, A " 1\n");
    cr_assert_eq(s_offered(a, A), 1);
    s_store(a, 2);
    s_store(a, 3);
    cr_assert_eq(s_offered(a, A), 0, "one at a time");
    s_kept(a, A, 1, ERR_OK);
    cr_assert_eq(s_offered(a, A), 3, "not the one between");
    s_kept(a, A, 3, ERR_OK);
    cr_assert_eq(keep_assignment(&a->keep), 1);
    cr_assert_eq(a->keep.kept, 3);
    s_end(a);
}

Test(keep, with_replica_it_counts_once_all_keepers_have_it)
{
    alone_t *a = s_alone(DURABILITY_REPLICA, 2);
    s_assign(a, 1, A " 1\n" B " 1\n");
    cr_assert(s_store(a, 1));
    cr_assert_eq(a->keep.counts, 0);
    cr_assert_eq(s_kept(a, A, 1, ERR_OK), KEEP_NO_NEWS);
    a->base.core.now_us += KEEP_WAIT_SHOWN_US;
    cr_assert_str_eq(keep_waits_for(&a->keep), B);
    cr_assert_eq(s_kept(a, B, 1, ERR_FULL), KEEP_NO_NEWS);
    cr_assert_str_eq(keep_refused(&a->keep), B);
    cr_assert_eq(s_kept(a, B, 1, ERR_OK), KEEP_COUNTS);
    cr_assert_eq(a->keep.counts, 1);
    cr_assert_eq(keep_assignment(&a->keep), 1);
    s_end(a);
}

Test(keep, fewer_keepers_than_were_asked_for_are_none)
{
    alone_t *a = s_alone(DURABILITY_REPLICA, 2);
    s_store(a, 1);
    s_assign(a, 1, A " 1\n");
    cr_assert_eq(s_kept(a, A, 1, ERR_OK), KEEP_NO_NEWS);
    cr_assert_eq(s_assign(a, 2, A " 1\n" B " 1\n"), KEEP_NO_NEWS);
    cr_assert_eq(s_kept(a, B, 1, ERR_OK), KEEP_COUNTS);
    s_end(a);
}

Test(keep, who_is_assigned_no_more_is_not_waited_for)
{
    alone_t *a = s_alone(DURABILITY_REPLICA, 1);
    s_assign(a, 1, A " 1\n" B " 1\n");
    s_store(a, 1);
    s_kept(a, A, 1, ERR_OK);
    cr_assert_eq(s_assign(a, 2, A " 1\n"), KEEP_COUNTS);
    s_end(a);
}

Test(keep, only_the_newest_assignment_counts)
{
    alone_t *a = s_alone(DURABILITY_DISK, 1);
    s_assign(a, 3, A " 1\n");
    s_assign(a, 2, A " 1\n" B " 1\n");
    cr_assert_eq(a->keep.keeper_count, 1);
    s_end(a);
}

Test(keep, a_keeper_that_began_anew_may_have_another_disk)
{
    alone_t *a = s_alone(DURABILITY_DISK, 1);
    s_assign(a, 1, A " 1\n");
    s_store(a, 1);
    s_kept(a, A, 1, ERR_OK);
    s_assign(a, 2, A " 1\n");
    cr_assert_eq(keep_assignment(&a->keep), 2, "the same one has it still");
    s_offered(a, A);
    s_assign(a, 3, A " 2\n");
    cr_assert_eq(keep_assignment(&a->keep), 0);
    cr_assert_eq(s_offered(a, A), 1);
    s_end(a);
}

Test(keep, what_cannot_be_is_not_believed)
{
    alone_t *a = s_alone(DURABILITY_REPLICA, 1);
    s_assign(a, 1, A " 1\n");
    s_store(a, 1);
    cr_assert_eq(s_kept(a, A, 2, ERR_OK), KEEP_NO_NEWS, "it was never taken");
    cr_assert_eq(s_kept(a, B, 1, ERR_OK), KEEP_NO_NEWS, "not a keeper of this one");
    message_t *m = s_kept_message(a, A, 1, ERR_OK);
    m->snapshot_kept.incarnation = 4;
    cr_assert_eq(s_tell(a, m), KEEP_NO_NEWS, "of another incarnation");
    m = s_kept_message(a, A, 1, ERR_OK);
    m->snapshot_kept.shard = 1;
    cr_assert_eq(s_tell(a, m), KEEP_NO_NEWS, "of another shard");
    cr_assert_eq(s_kept(a, A, 1, ERR_OK), KEEP_COUNTS);
    s_end(a);
}

Test(keep, an_offer_is_repeated_and_a_refused_one_after_a_pause)
{
    alone_t *a = s_alone(DURABILITY_DISK, 1);
    s_assign(a, 1, A " 1\n");
    s_store(a, 1);
    s_offered(a, A);
    cr_assert_eq(keep_due(&a->keep), 1 + KEEP_OFFER_US);
    a->base.core.now_us = keep_due(&a->keep);
    cr_assert_eq(keep_tick(&a->keep), KEEP_NO_NEWS);
    cr_assert_eq(s_offered(a, A), 1);
    s_kept(a, A, 1, ERR_FULL);
    cr_assert_eq(keep_due(&a->keep), a->base.core.now_us + KEEP_RETRY_US);
    cr_assert_eq(s_offered(a, A), 0);
    a->base.core.now_us = keep_due(&a->keep);
    cr_assert_eq(keep_tick(&a->keep), KEEP_NO_NEWS);
    cr_assert_eq(s_offered(a, A), 1);
    s_end(a);
}

Test(keep, a_stop_waits_for_keepers_only_while_something_moves)
{
    alone_t *a = s_alone(DURABILITY_REPLICA, 1);
    s_assign(a, 1, A " 1\n");
    s_store(a, 1);
    a->base.core.now_us += KEEP_STOP_US;
    cr_assert_eq(keep_tick(&a->keep), KEEP_NO_NEWS, "it does not stop");
    life_end(&a->base.life, END_STOPS);
    a->keep.heard_us = a->base.core.now_us;
    cr_assert_eq(keep_due(&a->keep), a->base.core.now_us + KEEP_OFFER_US);
    a->base.core.now_us += KEEP_STOP_US - 1;
    cr_assert_eq(keep_tick(&a->keep), KEEP_NO_NEWS);
    a->base.core.now_us++;
    cr_assert_eq(keep_tick(&a->keep), KEEP_GIVEN_UP);
    cr_assert_eq(a->keep.counts, 0);
    cr_assert_eq(keep_tick(&a->keep), KEEP_NO_NEWS);
    s_end(a);
}

Test(keep, whoever_hands_over_has_its_last_snapshot_with_all_keepers)
{
    alone_t *a = s_alone(DURABILITY_DISK, 1);
    s_assign(a, 1, A " 1\n");
    s_store(a, 1);
    s_kept(a, A, 1, ERR_OK);
    s_store(a, 2);
    cr_assert_eq(keep_assignment(&a->keep), 1, "in the background the newest need not be there");
    life_end(&a->base.life, END_HANDS);
    cr_assert_eq(keep_assignment(&a->keep), 0);
    s_kept(a, A, 2, ERR_OK);
    cr_assert_eq(keep_assignment(&a->keep), 1);
    s_end(a);
}

Test(keep, keepers_that_come_amidst_training_lack_a_snapshot)
{
    alone_t *a = s_alone(DURABILITY_DISK, 0);
    s_store(a, 1);
    cr_assert_not(keep_lacks(&a->keep));
    s_assign(a, 1, A " 1\n");
    cr_assert(keep_lacks(&a->keep));
    s_store(a, 2);
    cr_assert_not(keep_lacks(&a->keep));
    cr_assert_eq(s_offered(a, A), 2);
    s_end(a);
}

Test(keep, what_is_fetched_is_served_or_refused)
{
    alone_t *a = s_alone(DURABILITY_DISK, 1);
    s_assign(a, 1, A " 1\n");
    s_store(a, 1);
    for (uint64_t number = 1; number <= 2; number++) {
        s_offered(a, A);
        message_t *m = message_new(KIND_snapshot_fetch, a->base.core.name, A);
        message_set_name(m->snapshot_fetch.region, "region0");
        m->snapshot_fetch.incarnation = 5;
        m->snapshot_fetch.number = number;
        m->snapshot_fetch.length = 1;
        s_tell(a, m);
        message_t *piece = outbox_take(&a->base.core.outbox);
        cr_assert_eq(piece->kind, KIND_snapshot_piece);
        cr_assert_eq(piece->snapshot_piece.code == ERR_NOT_FOUND, number == 2);
        message_destroy(&piece);
    }
    s_end(a);
}
