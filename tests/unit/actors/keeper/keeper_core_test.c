/* A keeper driven by hand: region eu of two, shards offered by hand-made givers, a disk that does what the
 * test says. */
#include "actors/keeper/keeper_core.h"

#include "actors/keeper/transfer.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define MS ((int64_t)1000)
#define NAME "keeper/eu/b"
#define SHARD "shard/eu/0"
#define FAR_SHARD "shard/us/0"
#define VALUE_BYTES 4000

typedef struct {
    topology_t topology;
    keeper_core_t *core;
    int64_t now_us;
    uint64_t fetched_bytes; /* asked for so far */
} bench_t;

static bench_t *s_bench(uint64_t most_bytes)
{
    bench_t *b = calloc(1, sizeof *b);
    topology_t *t = &b->topology;
    t->region_count = 2;
    strcpy(t->regions[0].name, "eu");
    strcpy(t->regions[1].name, "us");
    t->regions[0].shards = t->regions[1].shards = 2;
    t->links[0] = (topology_link_t){.between = {0, 1}, .rate_bytes_per_s = 50000};
    t->link_count = 1;
    t->checkpoint.replicas = 1;
    t->checkpoint.wan_share = 0.2;
    keeper_spec_t spec = {
        .topology = t, .name = NAME, .incarnation = 50, .piece_bytes = 1000, .most_bytes = most_bytes};
    b->core = keeper_core_new(&spec);
    b->now_us = 1000 * MS;
    return b;
}

static void s_free(bench_t *b)
{
    void *core = b->core;
    keeper_role.destroy(&core);
    free(b);
}

static giver_t *s_giver(const char *name, uint64_t incarnation, uint64_t number, char fill)
{
    snapshot_id_t id = {.history = 7, .number = number, .incarnation = incarnation};
    snapshot_t *snapshot = snapshot_new(&id);
    buf_t *buf = buf_new(VALUE_BYTES);
    memset(buf_data(buf), fill, VALUE_BYTES);
    cr_assert_eq(snapshot_add(snapshot, "w", &buf, NULL), ERR_OK);
    giver_t *giver = NULL;
    bool far = !strncmp(name, FAR_SHARD, strlen(FAR_SHARD));
    cr_assert_eq(giver_new(snapshot, far ? "us" : "eu", 0, name, incarnation, &giver, NULL), ERR_OK);
    snapshot_destroy(&snapshot);
    return giver;
}

static message_t *s_take(bench_t *b, message_kind_t kind)
{
    message_t *m;
    while ((m = outbox_take(keeper_role.outbox(b->core)))) {
        if (m->kind == kind)
            return m;
        message_destroy(&m);
    }
    return NULL;
}

static void s_give(bench_t *b, message_t *m)
{
    keeper_role.message(b->core, &m, b->now_us);
}

static void s_offer(bench_t *b, const giver_t *giver)
{
    outbox_t out;
    outbox_init(&out);
    giver_offer(giver, NAME, 0, &out);
    s_give(b, outbox_take(&out));
    outbox_fini(&out);
}

/* Answers fetches until none is asked for any more; anything else that was said is given back, at most
 * one. */
static message_t *s_serve(bench_t *b, const giver_t *giver)
{
    message_t *m, *other = NULL;
    while ((m = outbox_take(keeper_role.outbox(b->core)))) {
        if (m->kind == KIND_snapshot_fetch) {
            outbox_t out;
            outbox_init(&out);
            b->fetched_bytes += m->snapshot_fetch.length;
            giver_serve(giver, m, &out);
            s_give(b, outbox_take(&out));
            outbox_fini(&out);
        } else if (m->kind != KIND_status) {
            message_destroy(&other);
            other = m;
            m = NULL;
        }
        message_destroy(&m);
    }
    return other;
}

/* Takes the one job there is, and lets it end with a code. */
static void s_do(bench_t *b, keeper_verb_t verb, uint64_t incarnation, err_code_t code)
{
    keeper_job_t job;
    cr_assert(keeper_core_take_job(b->core, &job));
    cr_assert_eq(job.verb, verb);
    cr_assert_eq(job.incarnation, incarnation);
    err_t why = {.code = code};
    keeper_core_done(b->core, &job, &why, b->now_us);
    cr_assert_not(keeper_core_take_job(b->core, &job));
}

static void s_expect_kept(bench_t *b, const char *to, uint64_t number, err_code_t code)
{
    message_t *kept = s_take(b, KIND_snapshot_kept);
    cr_assert_not_null(kept, "nothing was said about snapshot %d", (int)number);
    cr_assert_str_eq(kept->to, to);
    cr_assert_eq(kept->snapshot_kept.number, number);
    cr_assert_eq(kept->snapshot_kept.code, (uint64_t)code);
    message_destroy(&kept);
}

static void s_keep(bench_t *b, uint64_t incarnation, uint64_t number)
{
    giver_t *giver = s_giver(SHARD, incarnation, number, 'a');
    s_offer(b, giver);
    message_t *other = s_serve(b, giver);
    cr_assert_null(other);
    s_do(b, KEEPER_STORE, incarnation, ERR_OK);
    s_expect_kept(b, SHARD, number, ERR_OK);
    giver_destroy(&giver);
}

static void s_seal(bench_t *b, const char *from, uint64_t incarnation)
{
    message_t *seal = message_new(KIND_seal, NAME, from);
    message_set_name(seal->seal.region, "eu");
    seal->seal.incarnation = incarnation;
    seal->incarnation = 1ull << 32;
    s_give(b, seal);
}

static void s_expect_sealed(bench_t *b, uint64_t seal, uint64_t incarnation, uint64_t number)
{
    message_t *sealed = s_take(b, KIND_sealed);
    cr_assert_not_null(sealed);
    cr_assert_str_eq(sealed->to, "scheduler/eu");
    cr_assert_eq(sealed->sealed.seal, seal);
    cr_assert_eq(sealed->sealed.incarnation, incarnation);
    cr_assert_eq(sealed->sealed.number, number);
    message_destroy(&sealed);
}

Test(keeper_core, what_is_offered_is_fetched_stored_and_only_then_kept)
{
    bench_t *b = s_bench(0);
    giver_t *giver = s_giver(SHARD, 3, 5, 'a');
    s_offer(b, giver);
    cr_assert_null(s_serve(b, giver), "not kept before it is stored");
    cr_assert_eq(keeper_core_kept(b->core), 0);
    s_do(b, KEEPER_STORE, 3, ERR_OK);
    s_expect_kept(b, SHARD, 5, ERR_OK);
    s_offer(b, giver); /* the answer was lost: it is said again and nothing is fetched */
    s_expect_kept(b, SHARD, 5, ERR_OK);
    cr_assert_eq(keeper_core_kept(b->core), 1);
    giver_destroy(&giver);
    s_keep(b, 3, 6);
    s_keep(b, 4, 7);
    s_free(b);
}

Test(keeper_core, a_disk_that_refuses_is_told)
{
    bench_t *b = s_bench(0);
    giver_t *giver = s_giver(SHARD, 3, 5, 'a');
    s_offer(b, giver);
    s_serve(b, giver);
    s_do(b, KEEPER_STORE, 3, ERR_FULL);
    s_expect_kept(b, SHARD, 5, ERR_FULL);
    s_offer(b, giver);
    s_serve(b, giver);
    s_do(b, KEEPER_STORE, 3, ERR_OK);
    s_expect_kept(b, SHARD, 5, ERR_OK);
    giver_destroy(&giver);
    s_free(b);
}

Test(keeper_core, what_is_damaged_on_its_way_is_refused)
{
    bench_t *b = s_bench(0);
    giver_t *giver = s_giver(SHARD, 3, 5, 'a');
    outbox_t out;
    outbox_init(&out);
    giver_offer(giver, NAME, 0, &out);
    message_t *offer = outbox_take(&out);
    offer->snapshot_offer.manifest_checksum++;
    s_give(b, offer);
    outbox_fini(&out);
    message_t *kept = s_serve(b, giver);
    cr_assert_eq(kept->kind, KIND_snapshot_kept);
    cr_assert_eq(kept->snapshot_kept.code, ERR_CHECKSUM);
    message_destroy(&kept);
    const char *reason;
    cr_assert_eq(keeper_core_refused(b->core, &reason), 1);
    cr_assert(strstr(reason, "shard/eu/0"), "%s", reason);
    keeper_job_t job;
    cr_assert_not(keeper_core_take_job(b->core, &job));
    giver_destroy(&giver);
    s_free(b);
}

Test(keeper_core, a_newer_offer_replaces_one_that_is_under_way)
{
    bench_t *b = s_bench(0);
    giver_t *old = s_giver(SHARD, 3, 5, 'a'), *new = s_giver(SHARD, 3, 6, 'b');
    s_offer(b, old);
    s_offer(b, new);
    s_offer(b, old);
    message_t *m;
    while ((m = s_take(b, KIND_snapshot_fetch)) && m->snapshot_fetch.number == 5)
        message_destroy(&m);
    cr_assert_not_null(m);
    message_destroy(&m); /* lost: it is asked for again */
    b->now_us += 5000 * MS;
    keeper_role.tick(b->core, b->now_us);
    s_serve(b, new);
    s_do(b, KEEPER_STORE, 3, ERR_OK);
    s_expect_kept(b, SHARD, 6, ERR_OK);
    giver_destroy(&old);
    giver_destroy(&new);
    s_free(b);
}

Test(keeper_core, a_seal_is_stored_before_it_is_answered_and_shuts_older_incarnations_out)
{
    bench_t *b = s_bench(0);
    s_keep(b, 3, 5);
    s_seal(b, "scheduler/us", 9); /* not its scheduler */
    keeper_job_t job;
    cr_assert_not(keeper_core_take_job(b->core, &job));
    s_seal(b, "scheduler/eu", 9);
    cr_assert_null(s_take(b, KIND_sealed));
    s_do(b, KEEPER_SEAL, 9, ERR_IO);
    cr_assert_null(s_take(b, KIND_sealed), "a seal that is not stored is not one");
    s_seal(b, "scheduler/eu", 9);
    s_do(b, KEEPER_SEAL, 9, ERR_OK);
    s_expect_sealed(b, 9, 3, 5);
    giver_t *giver = s_giver(SHARD, 3, 6, 'a');
    s_offer(b, giver);
    s_expect_kept(b, SHARD, 6, ERR_STALE);
    s_expect_sealed(b, 9, 3, 5); /* a scheduler that adopted it may not know of the seal */
    giver_destroy(&giver);
    s_seal(b, "scheduler/eu", 8); /* late: the answer says which seal there is */
    s_expect_sealed(b, 9, 3, 5);
    s_keep(b, 10, 6);
    s_free(b);
}

/* Stored, either would shut out for good whatever may still come. */
Test(keeper_core, a_seal_or_an_offer_that_nobody_can_have_given_changes_nothing)
{
    bench_t *b = s_bench(0);
    keeper_job_t job;
    s_keep(b, 3, 5);
    s_seal(b, "scheduler/eu", UINT64_MAX);
    giver_t *giver = s_giver(SHARD, UINT64_MAX, 6, 'b');
    s_offer(b, giver);
    message_t *other = s_serve(b, giver);
    cr_assert_null(other);
    cr_assert_not(keeper_core_take_job(b->core, &job), "nothing is sealed, nothing is stored");
    s_keep(b, 3, 6);
    giver_destroy(&giver);
    s_free(b);
}

Test(keeper_core, what_is_being_stored_when_the_seal_comes_is_part_of_the_answer)
{
    bench_t *b = s_bench(0);
    giver_t *giver = s_giver(SHARD, 3, 5, 'a');
    s_offer(b, giver);
    s_serve(b, giver);
    keeper_job_t job;
    cr_assert(keeper_core_take_job(b->core, &job));
    s_seal(b, "scheduler/eu", 9);
    keeper_job_t other;
    cr_assert_not(keeper_core_take_job(b->core, &other), "the store is not closed under it");
    cr_assert_null(s_take(b, KIND_sealed));
    err_t why = {0};
    keeper_core_done(b->core, &job, &why, b->now_us);
    s_expect_kept(b, SHARD, 5, ERR_OK);
    s_do(b, KEEPER_SEAL, 9, ERR_OK);
    s_expect_sealed(b, 9, 3, 5);
    giver_destroy(&giver);
    s_free(b);
}

Test(keeper_core, what_was_only_fetched_when_the_seal_came_is_dropped)
{
    bench_t *b = s_bench(0);
    giver_t *giver = s_giver(SHARD, 3, 5, 'a');
    s_offer(b, giver);
    s_serve(b, giver);
    s_seal(b, "scheduler/eu", 9);
    s_do(b, KEEPER_SEAL, 9, ERR_OK);
    s_expect_sealed(b, 9, 0, 0);
    giver_destroy(&giver);
    s_free(b);
}

Test(keeper_core, what_lay_there_at_the_start_counts)
{
    bench_t *b = s_bench(0);
    keeper_core_held(b->core, 0, 0, 3, 5, 9);
    giver_t *giver = s_giver(SHARD, 3, 6, 'a');
    s_offer(b, giver);
    s_expect_kept(b, SHARD, 6, ERR_STALE);
    giver_destroy(&giver);
    s_seal(b, "scheduler/eu", 9);
    s_expect_sealed(b, 9, 3, 5);
    s_free(b);
}

/* keep_from: one keeper fetches from another, whatever the seal says. */
Test(keeper_core, one_keeper_fetches_what_another_holds)
{
    bench_t *b = s_bench(0);
    keeper_core_held(b->core, 0, 0, 0, 0, 9);
    giver_t *giver = s_giver("keeper/us/x", 3, 5, 'a');
    for (int i = 0; i < 2; i++) { /* it is said again until it is answered */
        message_t *from = message_new(KIND_keep_from, NAME, "scheduler/eu");
        message_set_name(from->keep_from.region, "eu");
        from->keep_from.incarnation = 3;
        from->keep_from.number = 5;
        message_set_name(from->keep_from.source, "keeper/us/x");
        s_give(b, from);
    }
    for (int i = 0; i < 200; i++) { /* it comes from far away, at a pace */
        cr_assert_null(s_serve(b, giver));
        b->now_us += 20 * MS;
        keeper_role.tick(b->core, b->now_us);
    }
    keeper_job_t job;
    cr_assert(keeper_core_take_job(b->core, &job));
    cr_assert(job.last, "a shard may start from it as soon as it is kept");
    err_t why = {0};
    keeper_core_done(b->core, &job, &why, b->now_us);
    s_expect_kept(b, "scheduler/eu", 5, ERR_OK);
    giver_destroy(&giver);
    s_free(b);
}

Test(keeper_core, what_is_held_is_given_on_and_what_is_damaged_is_no_longer_held)
{
    bench_t *b = s_bench(0);
    keeper_core_held(b->core, 0, 0, 3, 5, 0);
    for (int round = 0; round < 2; round++) {
        message_t *fetch = message_new(KIND_snapshot_fetch, NAME, "keeper/eu/c");
        fetch->snapshot_fetch = (snapshot_fetch_t_){"eu", 0, 3, 5, 0, 0, 0, 0};
        s_give(b, fetch);
        if (round)
            break;
        keeper_job_t job;
        cr_assert(keeper_core_take_job(b->core, &job));
        cr_assert_eq(job.verb, KEEPER_LOAD);
        snapshot_id_t id = {.history = 7, .number = 5, .incarnation = 3};
        job.snapshot = snapshot_new(&id);
        err_t why = {0};
        keeper_core_done(b->core, &job, &why, b->now_us);
    }
    message_t *offer = s_take(b, KIND_snapshot_offer);
    cr_assert_not_null(offer);
    message_destroy(&offer);
    b->now_us += 10000 * MS; /* nobody asks: it is dropped, and read again for the next one */
    keeper_role.tick(b->core, b->now_us);
    message_t *fetch = message_new(KIND_snapshot_fetch, NAME, "keeper/eu/c");
    fetch->snapshot_fetch = (snapshot_fetch_t_){"eu", 0, 3, 5, 0, 0, 10, 0};
    s_give(b, fetch);
    s_do(b, KEEPER_LOAD, 3, ERR_CHECKSUM);
    s_seal(b, "scheduler/eu", 4);
    s_do(b, KEEPER_SEAL, 4, ERR_OK);
    s_expect_sealed(b, 4, 0, 0);
    s_free(b);
}

Test(keeper_core, all_that_is_in_hand_stays_below_its_limit)
{
    bench_t *b = s_bench(VALUE_BYTES + 500);
    giver_t *one = s_giver(SHARD, 3, 5, 'a'), *two = s_giver(FAR_SHARD, 3, 5, 'a');
    s_offer(b, one);
    s_offer(b, two); /* no room: passed over, and offered again later */
    message_t *m;
    while ((m = s_take(b, KIND_snapshot_fetch))) {
        cr_assert_str_eq(m->to, SHARD);
        message_destroy(&m);
    }
    giver_destroy(&one);
    giver_destroy(&two);
    s_free(b);
}

/* The link is said to carry 50,000 bytes per second, then measured as 200,000; a fifth of it may be taken. */
Test(keeper_core, over_a_wan_it_takes_no_more_than_its_share)
{
    bench_t *b = s_bench(0);
    const uint64_t rates[] = {50000, 200000};
    for (size_t i = 0; i < 2; i++) {
        giver_t *giver = s_giver(FAR_SHARD, 3, 5 + i, 'a');
        if (i) {
            message_t *state = message_new(KIND_link_state, NAME, "broker/eu");
            message_set_name(state->link_state.region, "us");
            state->link_state.up = true;
            state->link_state.rate_bytes_per_s = rates[i];
            s_give(b, state);
        }
        int64_t start_us = b->now_us;
        b->fetched_bytes = 0;
        s_offer(b, giver);
        keeper_job_t job;
        while (!keeper_core_take_job(b->core, &job)) {
            cr_assert_null(s_serve(b, giver));
            double allowed = 0.2 * (double)rates[i] * (double)(b->now_us - start_us) / 1e6 + 1000;
            cr_assert_leq((double)b->fetched_bytes, allowed);
            b->now_us += 5 * MS;
            keeper_role.tick(b->core, b->now_us);
        }
        double needed_s = (double)b->fetched_bytes / (0.2 * (double)rates[i]);
        cr_assert_leq((double)(b->now_us - start_us) / 1e6, 1.2 * needed_s + 0.02, "it takes what it may");
        err_t why = {0};
        keeper_core_done(b->core, &job, &why, b->now_us);
        s_expect_kept(b, FAR_SHARD, 5 + i, ERR_OK);
        giver_destroy(&giver);
    }
    s_free(b);
}

static message_t *s_newest_status(bench_t *b)
{
    message_t *m, *newest = NULL;
    while ((m = s_take(b, KIND_status))) {
        message_destroy(&newest);
        newest = m;
    }
    return newest;
}

Test(keeper_core, a_giver_that_went_is_named_and_dropped_in_the_end)
{
    bench_t *b = s_bench(0);
    giver_t *giver = s_giver(SHARD, 3, 5, 'a');
    s_offer(b, giver);
    b->now_us += 3000 * MS;
    keeper_role.tick(b->core, b->now_us);
    message_t *status = s_newest_status(b);
    cr_assert_str_eq(status->status.state, "waiting");
    cr_assert_str_eq(status->status.waits_for, SHARD);
    message_destroy(&status);
    b->now_us += KEEPER_PATIENCE_US;
    keeper_role.tick(b->core, b->now_us);
    b->now_us += KEEPER_STATUS_US;
    keeper_role.tick(b->core, b->now_us);
    status = s_newest_status(b);
    cr_assert_str_eq(status->status.state, "running");
    message_destroy(&status);
    giver_destroy(&giver);
    s_free(b);
}

/* Taken they would keep out everything that comes. */
Test(keeper_core, an_incarnation_that_nobody_can_have_given_shuts_nothing_out)
{
    bench_t *b = s_bench(0);
    keeper_job_t job;
    s_seal(b, "scheduler/eu", 2ull << 32);
    cr_assert_not(keeper_core_take_job(b->core, &job), "above the term of who seals");
    giver_t *giver = s_giver(SHARD, 3, 5, 'a');
    outbox_t out;
    outbox_init(&out);
    giver_offer(giver, NAME, 0, &out);
    message_t *offer = outbox_take(&out);
    offer->snapshot_offer.incarnation = offer->incarnation + 1;
    s_give(b, offer);
    cr_assert_null(s_take(b, KIND_snapshot_fetch), "of a later incarnation than who offers it");
    outbox_fini(&out);
    giver_destroy(&giver);
    s_keep(b, 3, 5);
    s_seal(b, "scheduler/eu", 4);
    s_do(b, KEEPER_SEAL, 4, ERR_OK);
    s_expect_sealed(b, 4, 3, 5);
    s_free(b);
}

Test(keeper_core, nonsense_changes_nothing)
{
    bench_t *b = s_bench(0);
    const message_kind_t kinds[] = {KIND_snapshot_offer,
                                    KIND_snapshot_piece,
                                    KIND_snapshot_fetch,
                                    KIND_seal,
                                    KIND_keep_from,
                                    KIND_link_state,
                                    KIND_push};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int named = 0; named < 2; named++) {
            message_t *m = message_new(kinds[i], NAME, "nobody");
            if (named && kinds[i] == KIND_snapshot_offer) {
                message_set_name(m->snapshot_offer.region, "eu");
                m->snapshot_offer.number = 1;
                m->snapshot_offer.total_bytes = UINT64_MAX;
                m->snapshot_offer.shard = UINT64_MAX;
            }
            s_give(b, m);
        }
    keeper_job_t job;
    cr_assert_not(keeper_core_take_job(b->core, &job));
    cr_assert_null(s_take(b, KIND_sealed));
    s_keep(b, 3, 5);
    s_free(b);
}
