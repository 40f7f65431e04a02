#include "actors/scheduler/region/training/lease.h"
#include "codec/base/rng.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SHARDS 2

static lease_table_t *s_table(uint64_t batches, size_t workers, bool one_by_one)
{
    lease_spec_t spec = {
        .batches = batches, .shard_count = SHARDS, .worker_count = workers, .one_by_one = one_by_one};
    return lease_table_new(&spec);
}

static void s_report(lease_table_t *table, size_t shard, uint64_t incarnation, uint64_t end)
{
    ranges_t applied = {0};
    cr_assert_eq(ranges_add(&applied, 0, end), ERR_OK);
    cr_assert_eq(lease_table_progress(table, shard, incarnation, incarnation, &applied, &applied), ERR_OK);
    ranges_fini(&applied);
}

static lease_table_t *s_known(uint64_t batches, size_t workers, bool one_by_one)
{
    lease_table_t *table = s_table(batches, workers, one_by_one);
    for (size_t shard = 0; shard < SHARDS; shard++)
        s_report(table, shard, 1, 0);
    for (size_t worker = 0; worker < workers; worker++)
        lease_table_start(table, worker, 1);
    return table;
}

static lease_answer_t s_want(lease_table_t *table, size_t worker, uint64_t incarnation, uint64_t last_grant,
                             uint64_t first, uint64_t end, lease_grant_t *grant)
{
    ranges_t holding = {0};
    cr_assert_eq(ranges_add(&holding, first, end), ERR_OK);
    lease_request_t request = {.incarnation = incarnation, .last_grant = last_grant, .holding = &holding};
    lease_answer_t answer = lease_table_want(table, worker, &request, grant);
    ranges_fini(&holding);
    return answer;
}

Test(lease, nothing_is_leased_before_every_shard_has_reported)
{
    lease_table_t *table = s_table(100, 1, false);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_NOTHING);
    s_report(table, 0, 1, 10);
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_NOTHING);
    s_report(table, 1, 1, 4);
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 4, "what one shard lacks is missing: the intersection counts");
    lease_table_destroy(&table);
}

Test(lease, leases_are_short_near_the_end)
{
    lease_table_t *table = s_known(100, 2, false);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.end - grant.first, LEASE_LONGEST);
    for (size_t shard = 0; shard < SHARDS; shard++)
        s_report(table, shard, 1, 91);
    cr_assert_eq(s_want(table, 1, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 91);
    cr_assert_eq(grant.end, 94, "9 free batches, 2 workers: ceil(9 / 4)");
    lease_table_destroy(&table);
}

Test(lease, a_grant_that_was_lost_is_sent_again)
{
    lease_table_t *table = s_known(100, 1, false);
    lease_grant_t first, again;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &first), LEASE_GRANTED);
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &again), LEASE_REPEATED);
    cr_assert(again.number == first.number && again.first == first.first && again.end == first.end);
    cr_assert_eq(ranges_size(lease_table_leased(table, 0)), LEASE_LONGEST);
    lease_table_destroy(&table);
}

Test(lease, what_a_worker_holds_no_more_is_done_until_shards_deny_it)
{
    lease_table_t *table = s_known(8, 1, false);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert(grant.first == 0 && grant.end == 4);
    cr_assert_eq(s_want(table, 0, 1, 1, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 4, "0 to 4 are claimed to be done");
    for (int round = 0; round < 6; round++)
        for (size_t shard = 0; shard < SHARDS; shard++)
            s_report(table, shard, 1, 2);
    lease_table_start(table, 0, 2);
    cr_assert_eq(s_want(table, 0, 2, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 2, "the shards never confirmed 2 and 3");
    lease_table_destroy(&table);
}

Test(lease, a_shard_that_comes_back_with_less_cuts_the_claims)
{
    lease_table_t *table = s_known(8, 1, false);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    for (size_t shard = 0; shard < SHARDS; shard++)
        s_report(table, shard, 1, 4);
    cr_assert_eq(s_want(table, 0, 1, 1, 0, 0, &grant), LEASE_GRANTED);
    s_report(table, 1, 2, 1);
    cr_assert_eq(s_want(table, 0, 1, 2, 4, 6, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 1);
    s_report(table, 1, 1, 8);
    cr_assert_eq(ranges_size(lease_table_applied(table)), 1, "a report of a former incarnation is no news");
    lease_table_destroy(&table);
}

Test(lease, a_lost_workers_batches_are_free_again_and_it_gets_no_more)
{
    lease_table_t *table = s_known(100, 2, false);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    lease_table_release(table, 0);
    cr_assert_eq(s_want(table, 0, 1, 1, 0, 8, &grant), LEASE_NOTHING);
    cr_assert_eq(s_want(table, 1, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 0);
    cr_assert_eq(s_want(table, 0, 2, 0, 0, 0, &grant), LEASE_GRANTED, "its next incarnation does");
    cr_assert_eq(grant.first, 8);
    lease_table_destroy(&table);
}

Test(lease, one_by_one_shares_out_a_step)
{
    lease_table_t *table = s_known(100, 2, true);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert(grant.first == 0 && grant.end == 1);
    cr_assert_eq(s_want(table, 0, 1, 1, 0, 1, &grant), LEASE_NOTHING, "the other worker has none yet");
    cr_assert_eq(s_want(table, 1, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 1);
    cr_assert_eq(s_want(table, 0, 1, 1, 0, 1, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 2);
    cr_assert_eq(s_want(table, 1, 1, 1, 1, 2, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 3);
    lease_table_destroy(&table);
}

Test(lease, a_worker_whose_sisters_are_gone_gets_a_whole_step)
{
    lease_table_t *table = s_known(100, 3, true);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 1, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    lease_table_release(table, 0);
    lease_table_release(table, 2);
    cr_assert_eq(s_want(table, 1, 1, 1, 0, 1, &grant), LEASE_GRANTED);
    cr_assert_eq(s_want(table, 1, 1, 2, 0, 2, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 2, "no shard applies anything before it has this one, too");
    cr_assert_eq(s_want(table, 1, 1, 3, 0, 3, &grant), LEASE_NOTHING);
    lease_table_destroy(&table);
}

Test(lease, the_lowest_missing_batch_goes_even_to_a_worker_that_has_enough)
{
    lease_table_t *table = s_known(100, 2, true);
    lease_grant_t grant;
    ranges_t holding = {0};
    cr_assert_eq(s_want(table, 1, 1, 0, 0, 0, &grant), LEASE_GRANTED); /* 0 */
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED); /* 1 */
    cr_assert_eq(s_want(table, 0, 1, 1, 1, 2, &grant), LEASE_GRANTED); /* 2 */
    cr_assert_eq(ranges_add(&holding, 1, 3), ERR_OK);
    lease_request_t request = {.incarnation = 1, .last_grant = 2, .holding = &holding};
    cr_assert_eq(lease_table_want(table, 0, &request, &grant), LEASE_NOTHING, "two are enough");
    lease_table_release(table, 1);
    cr_assert_eq(lease_table_want(table, 0, &request, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.first, 0, "both wait for it");
    ranges_fini(&holding);
    lease_table_destroy(&table);
}

Test(lease, a_worker_older_than_the_scheduler_keeps_what_nobody_else_has)
{
    lease_table_t *table = s_known(100, 2, false);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED); /* 0 to 8 */
    cr_assert_eq(s_want(table, 1, 1, 7, 4, 12, &grant), LEASE_GRANTED);
    cr_assert_eq(grant.number, 8);
    cr_assert_eq(grant.first, 12);
    cr_assert_not(ranges_has(lease_table_leased(table, 1), 7));
    cr_assert(ranges_has_all(lease_table_leased(table, 1), 8, 20));
    lease_table_destroy(&table);
}

Test(lease, an_evaluation_is_a_grant_without_batches)
{
    lease_table_t *table = s_known(100, 1, false);
    ranges_t none = {0};
    lease_request_t request = {.incarnation = 1, .holding = &none, .evaluate = true};
    lease_grant_t grant;
    cr_assert_eq(lease_table_want(table, 0, &request, &grant), LEASE_GRANTED);
    cr_assert(grant.evaluate && grant.number == 1 && grant.first == grant.end);
    lease_table_destroy(&table);
}

Test(lease, batches_that_the_run_does_not_have_are_refused)
{
    lease_table_t *table = s_known(10, 1, false);
    ranges_t wrong = {0};
    cr_assert_eq(ranges_add(&wrong, 5, 11), ERR_OK);
    cr_assert_eq(lease_table_progress(table, 0, 1, 1, &wrong, &wrong), ERR_MALFORMED);
    cr_assert_eq(ranges_size(lease_table_applied(table)), 0);
    lease_grant_t grant;
    cr_assert_eq(s_want(table, 0, 1, 9, 3, UINT64_MAX, &grant), LEASE_GRANTED, "clipped to what there is");
    cr_assert(grant.end <= 10);
    ranges_fini(&wrong);
    lease_table_destroy(&table);
}

/* ---- property: random deaths, losses, duplicates and rollbacks ---- */

#define WORLD_BATCHES 60
#define WORLD_WORKERS 4

typedef struct {
    uint64_t incarnation, last_grant;
    ranges_t holding;
    bool dead;
    lease_grant_t inbox[4]; /* grants under way, some twice */
    size_t inbox_count;
} model_worker_t;

typedef struct {
    rng_t rng;
    lease_table_t *table;
    model_worker_t workers[WORLD_WORKERS];
    ranges_t applied[SHARDS], durable[SHARDS];
    uint64_t incarnations[SHARDS];
    bool one_by_one;
} world_t;

static bool s_chance(world_t *world, double p)
{
    return rng_unit(&world->rng) < p;
}

static void s_check_disjoint(world_t *world, uint64_t seed)
{
    for (size_t a = 0; a < WORLD_WORKERS; a++)
        for (size_t b = a + 1; b < WORLD_WORKERS; b++)
            for (uint64_t batch = 0; batch < WORLD_BATCHES; batch++)
                cr_assert_not(ranges_has(lease_table_leased(world->table, a), batch) &&
                                  ranges_has(lease_table_leased(world->table, b), batch),
                              "CLOUDLESS_SEED=%" PRIu64 ": batch %" PRIu64 " is in two leases", seed, batch);
}

static void s_world_want(world_t *world, size_t index)
{
    model_worker_t *worker = &world->workers[index];
    lease_request_t request = {
        .incarnation = worker->incarnation, .last_grant = worker->last_grant, .holding = &worker->holding};
    lease_grant_t grant;
    int copies = s_chance(world, 0.2)   ? 0
                 : s_chance(world, 0.2) ? 2
                                        : 1; /* the request is lost, or doubled */
    while (copies-- > 0)
        if (lease_table_want(world->table, index, &request, &grant) != LEASE_NOTHING &&
            worker->inbox_count < 4 && !s_chance(world, 0.2))
            worker->inbox[worker->inbox_count++] = grant;
}

static void s_world_take(world_t *world, size_t index)
{
    model_worker_t *worker = &world->workers[index];
    while (worker->inbox_count > 0) {
        lease_grant_t grant = worker->inbox[--worker->inbox_count];
        if (grant.number != worker->last_grant + 1)
            continue;
        worker->last_grant = grant.number;
        cr_assert_eq(ranges_add(&worker->holding, grant.first, grant.end), ERR_OK);
    }
}

/* The lowest batch held goes to the shards; with one by one a batch waits for all before it, as steps do. */
static void s_world_work(world_t *world, size_t index)
{
    model_worker_t *worker = &world->workers[index];
    if (!worker->holding.count)
        return;
    uint64_t batch = worker->holding.items[0].first;
    for (size_t shard = 0; shard < SHARDS; shard++) {
        if (world->one_by_one && !ranges_has_all(&world->applied[shard], 0, batch))
            return;
        cr_assert_eq(ranges_add(&world->applied[shard], batch, batch + 1), ERR_OK);
    }
    cr_assert_eq(ranges_remove(&worker->holding, batch, batch + 1), ERR_OK);
}

static void s_world_shard(world_t *world, size_t shard, double trouble)
{
    if (s_chance(world, 0.3))
        cr_assert_eq(ranges_copy(&world->durable[shard], &world->applied[shard]), ERR_OK);
    if (s_chance(world, trouble)) { /* it dies and goes on from what was durable */
        cr_assert_eq(ranges_copy(&world->applied[shard], &world->durable[shard]), ERR_OK);
        world->incarnations[shard]++;
    }
    if (s_chance(world, 0.3))
        cr_assert_eq(lease_table_progress(world->table, shard, world->incarnations[shard], 7,
                                          &world->applied[shard], &world->durable[shard]),
                     ERR_OK);
}

static void s_world_worker(world_t *world, size_t index, double trouble)
{
    model_worker_t *worker = &world->workers[index];
    if (!worker->dead && s_chance(world, trouble)) {
        lease_table_release(world->table, index);
        ranges_fini(&worker->holding);
        worker->dead = true;
    } else if (worker->dead && s_chance(world, 0.1)) {
        *worker = (model_worker_t){.incarnation = worker->incarnation + 1};
        lease_table_start(world->table, index, worker->incarnation);
    }
    if (worker->dead)
        return;
    s_world_want(world, index);
    s_world_take(world, index);
    s_world_work(world, index);
}

static void s_run_world(uint64_t seed, bool one_by_one)
{
    world_t world = {.table = s_table(WORLD_BATCHES, WORLD_WORKERS, one_by_one), .one_by_one = one_by_one};
    rng_init(&world.rng, seed);
    for (size_t shard = 0; shard < SHARDS; shard++)
        world.incarnations[shard] = 1;
    for (size_t index = 0; index < WORLD_WORKERS; index++)
        world.workers[index].incarnation = 1;
    int round = 0;
    for (; round < 5000 && !lease_table_all_durable(world.table); round++) {
        double trouble = round < 400 ? 0.05 : 0; /* then all is calm, and it must end */
        for (size_t index = 0; index < WORLD_WORKERS; index++)
            s_world_worker(&world, index, trouble);
        for (size_t shard = 0; shard < SHARDS; shard++)
            s_world_shard(&world, shard, trouble / 4);
        s_check_disjoint(&world, seed);
    }
    cr_assert(lease_table_all_durable(world.table), "CLOUDLESS_SEED=%" PRIu64 ": stuck after %d rounds", seed,
              round);
    for (size_t index = 0; index < WORLD_WORKERS; index++)
        ranges_fini(&world.workers[index].holding);
    for (size_t shard = 0; shard < SHARDS; shard++) {
        ranges_fini(&world.applied[shard]);
        ranges_fini(&world.durable[shard]);
    }
    lease_table_destroy(&world.table);
}

Test(lease, whoever_dies_every_batch_is_leased_until_it_is_durable)
{
    const char *given = getenv("CLOUDLESS_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    uint64_t end = given ? seed + 1 : seed + 200;
    for (; seed < end; seed++) {
        s_run_world(seed, false);
        s_run_world(seed, true);
    }
}

/* ---- speeds ---- */

#define PLAYED_MOST 8

/* Workers of known speed, which ask when they have nothing left. Virtual time in microseconds. */
typedef struct {
    double batch_us;
    uint64_t incarnation, last_grant, first, end, length; /* what it holds: the rest of its newest lease */
    uint64_t done, longest;
    int64_t ends_us; /* of the batch it computes; 0: idle */
} played_t;

static void s_played_want(lease_table_t *table, size_t index, played_t *worker, int64_t now_us)
{
    if (worker->first < worker->end)
        return;
    ranges_t holding = {0};
    lease_grant_t grant;
    cr_assert_eq(ranges_add(&holding, worker->first, worker->end), ERR_OK);
    lease_request_t request = {.incarnation = 1,
                               .last_grant = worker->last_grant,
                               .holding = &holding,
                               .batches_per_s = 1e6 / worker->batch_us,
                               .now_us = now_us};
    if (lease_table_want(table, index, &request, &grant) == LEASE_GRANTED) {
        worker->last_grant = grant.number;
        worker->first = grant.first;
        worker->end = grant.end;
        worker->length = grant.end - grant.first;
        if (worker->done && worker->length > worker->longest)
            worker->longest = worker->length;
    }
    ranges_fini(&holding);
}

/* Everything by every shard; returns when the last batch is computed and, for each worker, when it had its
 * last. */
static int64_t s_play(lease_table_t *table, played_t *workers, size_t count, uint64_t batches,
                      int64_t *ret_last_us)
{
    int64_t now_us = 1, end_us = 0;
    ranges_t applied = {0};
    for (; !ranges_has_all(&applied, 0, batches); now_us += 1000) {
        cr_assert_lt(now_us, 1000000000, "stuck");
        for (size_t i = 0; i < count; i++) {
            played_t *worker = &workers[i];
            if (worker->ends_us && worker->ends_us <= now_us) {
                cr_assert_eq(ranges_add(&applied, worker->first, worker->first + 1), ERR_OK);
                ret_last_us[i] = end_us = worker->ends_us;
                worker->first++;
                worker->done++;
                worker->ends_us = 0;
                for (size_t shard = 0; shard < SHARDS; shard++)
                    cr_assert_eq(lease_table_progress(table, shard, 1, 1, &applied, &applied), ERR_OK);
            }
            s_played_want(table, i, worker, now_us);
            if (!worker->ends_us && worker->first < worker->end)
                worker->ends_us = now_us + (int64_t)worker->batch_us;
        }
    }
    ranges_fini(&applied);
    return end_us;
}

/* Whatever their speeds, all workers end within the time that the slowest needs for one batch. */
static void s_end_together(const double *batch_us, size_t count, uint64_t batches)
{
    played_t workers[PLAYED_MOST] = {{0}};
    int64_t last_us[PLAYED_MOST] = {0};
    double slowest = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        workers[i].batch_us = batch_us[i];
        slowest = batch_us[i] > slowest ? batch_us[i] : slowest;
        sum += 1 / batch_us[i];
    }
    lease_table_t *table = s_known(batches, count, false);
    for (size_t i = 0; i < count; i++)
        lease_table_expect(table, i, 1e6 / batch_us[i]);
    int64_t end_us = s_play(table, workers, count, batches, last_us);
    double least_us = (double)batches / sum;
    cr_assert_leq((double)end_us, least_us + slowest + 1000.0 * (double)batches / (double)count,
                  "%zu workers, %llu batches: %.0f ms, %.0f at best, a slow batch takes %.0f", count,
                  (unsigned long long)batches, (double)end_us / 1e3, least_us / 1e3, slowest / 1e3);
    for (size_t i = 0; i < count && batches >= 20 * count; i++)
        cr_assert_leq((double)(end_us - last_us[i]), slowest * 1.1 + 2000,
                      "worker %zu stood still for %.0f ms", i, (double)(end_us - last_us[i]) / 1e3);
    lease_table_destroy(&table);
}

Test(lease, fast_and_slow_workers_reach_the_end_together)
{
    s_end_together((double[]){50000, 200000}, 2, 200);
    s_end_together((double[]){50000, 50000, 200000}, 3, 203);
    s_end_together((double[]){200000, 50000, 50000, 50000}, 4, 97);
    s_end_together((double[]){30000, 100000, 400000}, 3, 150);
    s_end_together((double[]){50000, 50000, 50000, 50000}, 4, 101);
    rng_t rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 40; round++) {
        double batch_us[PLAYED_MOST];
        size_t count = 1 + rng_below(&rng, PLAYED_MOST);
        for (size_t i = 0; i < count; i++)
            batch_us[i] = 20000 * (double)(1 + rng_below(&rng, 6));
        s_end_together(batch_us, count, 1 + rng_below(&rng, 300));
    }
}

Test(lease, a_slow_worker_gets_shorter_leases)
{
    lease_table_t *table = s_known(1000, 2, false);
    played_t workers[2] = {{.batch_us = 50000}, {.batch_us = 200000}};
    int64_t last_us[2];
    s_play(table, workers, 2, 1000, last_us);
    cr_assert_eq(workers[0].longest, LEASE_LONGEST);
    cr_assert_eq(workers[1].longest, LEASE_LONGEST / 4);
    cr_assert(workers[0].done > 780 && workers[0].done < 820, "%llu", (unsigned long long)workers[0].done);
    lease_table_destroy(&table);
}

/* The fast one hangs, or evaluates: what it leaves is refused to the slow one for as long as a batch takes
 * it. */
Test(lease, a_refusal_for_slowness_ends)
{
    lease_table_t *table = s_known(2, 2, false);
    ranges_t none = {0};
    lease_grant_t grant;
    lease_request_t fast = {.incarnation = 1, .holding = &none, .batches_per_s = 10, .now_us = 1};
    lease_request_t slow = {.incarnation = 1, .holding = &none, .batches_per_s = 1, .now_us = 1};
    cr_assert_eq(lease_table_want(table, 0, &fast, &grant), LEASE_GRANTED);
    cr_assert_eq(lease_table_want(table, 1, &slow, &grant), LEASE_NOTHING, "the fast one does both sooner");
    slow.now_us = 900000;
    cr_assert_eq(lease_table_want(table, 1, &slow, &grant), LEASE_NOTHING);
    slow.now_us = 1000002;
    cr_assert_eq(lease_table_want(table, 1, &slow, &grant), LEASE_GRANTED);
    lease_table_destroy(&table);
}

Test(lease, a_worker_that_was_added_gets_leases_and_one_that_is_retired_none)
{
    lease_table_t *table = s_known(100, 1, false);
    lease_grant_t grant;
    lease_table_grow(table, 3);
    cr_assert_eq(s_want(table, 2, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(lease_table_free(table), 100 - (grant.end - grant.first));
    lease_table_retire(table, 2);
    cr_assert_eq(s_want(table, 2, 1, 1, 0, 0, &grant), LEASE_NOTHING);
    cr_assert_eq(lease_table_free(table), 92, "what it works on is not free before it has ended");
    lease_table_release(table, 2);
    cr_assert_eq(lease_table_free(table), 100);
    lease_table_destroy(&table);
}

/* A message of the process before it was overtaken by one of the present process. */
Test(lease, what_a_workers_former_incarnation_wants_is_late)
{
    lease_table_t *table = s_known(100, 1, false);
    lease_grant_t grant, held;
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_GRANTED);
    cr_assert_eq(s_want(table, 0, 2, 0, 0, 0, &held), LEASE_GRANTED);
    cr_assert_eq(s_want(table, 0, 1, grant.number, 0, 0, &grant), LEASE_NOTHING);
    cr_assert_eq(s_want(table, 0, 1, 0, 0, 0, &grant), LEASE_NOTHING);
    cr_assert_eq(ranges_size(lease_table_leased(table, 0)), held.end - held.first,
                 "the present one works on that");
    lease_table_destroy(&table);
}
