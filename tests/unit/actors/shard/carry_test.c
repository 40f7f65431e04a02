/* A stored state, gone on with under other settings. */
#include "actors/shard/durable/carry.h"

#include "actors/synchronizer/strategy.h"
#include "deploy/state/catalog.h"
#include "tests/unit/actors/shard/world.h"

typedef struct {
    topology_t *topology;
    job_t job;
    message_t *state; /* of shard 1 of region 0 */
} bench_t;

/* 40 batches an epoch, 5 epochs then; `applied` of its own. */
static bench_t s_bench(strategy_name_t strategy, uint64_t applied)
{
    err_t err = {0};
    bench_t self = {.topology = world_topology(2, strategy, strategy == STRATEGY_SSGD ? 1 : 8, 1)};
    self.topology->job.epochs = 5;
    cr_assert_eq(job_derive(self.topology, 320, &self.job, &err), ERR_OK, "%s", err.text);
    range_t have = {0, applied};
    ranges_t ranges = {.items = &have, .count = applied ? 1 : 0};
    self.state = message_new(KIND_shard_state, "shard/region0/1", "shard/region0/1");
    self.state->shard_state.shard = 1;
    self.state->shard_state.batches = self.job.regions[0].batches;
    self.state->shard_state.rate = shard_carry_rate(self.topology);
    self.state->shard_state.closed = applied == self.job.regions[0].batches;
    message_set_ranges(&self.state->shard_state.applied, &ranges);
    message_set_rows(&self.state->shard_state.regions, 2);
    self.state->shard_state.regions.items[1].final = self.state->shard_state.closed;
    return self;
}

static void s_free(bench_t *self)
{
    message_destroy(&self->state);
    free(self->topology);
}

static err_code_t s_ask(bench_t *self, uint64_t epochs, double lr, err_t *err)
{
    self->topology->job.epochs = epochs;
    self->topology->job.optimizer.lr = lr;
    cr_assert_eq(job_derive(self->topology, 320, &self->job, err), ERR_OK);
    return shard_carry(self->topology, &self->job, 0, self->state, err);
}

#define RATE 0.05 /* world_topology's */

Test(carry, when_settings_may_change)
{
    static const struct {
        strategy_name_t strategy;
        uint64_t applied, epochs;
        double lr;
        bool may;
    } rows[] = {
        {STRATEGY_ASGD_GA, 200, 9, 0.01, true},
        {STRATEGY_ASGD_GA, 150, 9, 0.01, true},
        {STRATEGY_ASGD_GA, 150, 4, RATE, true},
        {STRATEGY_ASGD_GA, 161, 4, RATE, false}, /* trained already */
        {STRATEGY_SMA, 200, 9, 0.01, true},
        {STRATEGY_SMA, 150, 9, RATE, true},
        {STRATEGY_SMA, 190, 9, RATE, false},
        {STRATEGY_SMA, 190, 5, 0.01, true}, /* a rate of local steps */
        {STRATEGY_SMA, 190, 5, RATE, true},
        {STRATEGY_DILOCO, 190, 9, RATE, false},
        {STRATEGY_SSGD, 200, 9, 0.01, true},
        {STRATEGY_SSGD, 20, 5, 0.01, false}, /* one of rounds */
        {STRATEGY_SSGD, 20, 9, RATE, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bench_t bench = s_bench(rows[i].strategy, rows[i].applied);
        err_t err = {0};
        err_code_t code = s_ask(&bench, rows[i].epochs, rows[i].lr, &err);
        cr_expect_eq(code, rows[i].may ? ERR_OK : ERR_JOB, "row %zu: %s", i, err.text);
        cr_expect(rows[i].may || (!strncmp(err.text, "job.", 4) && strstr(err.text, "shard/region0/1")), "%s",
                  err.text);
        s_free(&bench);
    }
}

Test(carry, a_falling_rate_of_rounds_changes_with_the_epochs)
{
    bench_t bench = s_bench(STRATEGY_SSGD, 20);
    err_t err = {0};
    bench.topology->job.optimizer.schedule = SCHEDULE_LINEAR;
    bench.state->shard_state.rate = shard_carry_rate(bench.topology);
    cr_expect_eq(s_ask(&bench, 9, RATE, &err), ERR_JOB);
    cr_expect_eq(s_ask(&bench, 5, RATE, &err), ERR_OK);
    s_free(&bench);
}

Test(carry, rounds_without_everybody_are_at_an_end_only_when_all_is_done)
{
    bench_t bench = s_bench(STRATEGY_SMA, 8);
    err_t err = {0};
    cr_expect_eq(s_ask(&bench, 9, RATE, &err), ERR_OK);
    bench.topology->job.sync.quorum = 0.5;
    cr_expect_eq(s_ask(&bench, 9, RATE, &err), ERR_JOB, "who lags is not at most a cut behind");
    s_free(&bench);
}

Test(carry, what_waits_for_its_round_is_not_through)
{
    bench_t bench = s_bench(STRATEGY_SMA, 200);
    err_t err = {0};
    message_set_rows(&bench.state->shard_state.pending, 1);
    bench.state->shard_state.pending.items[0] =
        (shard_state_pending_t){.region = 1, .number = 25, .final = true};
    cr_expect_eq(s_ask(&bench, 9, RATE, &err), ERR_JOB);
    s_free(&bench);
}

/* ---- going on ---- */

static const float s_g[] = {1, -1, 2, -2, 3, -3, 4, -4};

/* The rest of an epoch in both regions, to the end of all. */
static void s_train(world_t *w, uint64_t from)
{
    uint64_t end = w->job.regions[0].batches;
    for (uint64_t batch = from; batch < end; batch++) {
        world_push(w, 0, 0, batch, s_g);
        world_push(w, 1, 0, batch, s_g);
        world_tick(w, 30000);
    }
    world_finish(w);
}

static void s_carry_on(world_t *w)
{
    w->topology->job.epochs++;
    cr_assert_eq(job_derive(w->topology, w->job.samples, &w->job, NULL), ERR_OK);
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < w->shards; k++)
            world_crash(w, r, k);
}

Test(carry, a_job_that_is_done_goes_on_with_more_epochs_whatever_the_strategy)
{
    static const strategy_name_t strategies[] = {STRATEGY_ASGD,         STRATEGY_ASGD_GA, STRATEGY_AMA,
                                                 STRATEGY_SMA,          STRATEGY_SSGD,    STRATEGY_DILOCO,
                                                 STRATEGY_DILOCO_ASYNC, STRATEGY_ASP};
    for (size_t s = 0; s < sizeof strategies / sizeof *strategies; s++) {
        bool each = strategies[s] == STRATEGY_ASGD || strategies[s] == STRATEGY_SSGD;
        world_t *w = world_new(world_topology(2, strategies[s], each ? 1 : 3, 1), 8);
        world_start(w, 40); /* 5 batches an epoch: the last cut is a shorter one */
        float first[8], second[8];
        s_train(w, 0);
        uint64_t round = shard_core_round(w->shard[0][0]);
        s_carry_on(w);
        for (size_t r = 0; r < 2; r++)
            for (size_t k = 0; k < w->shards; k++)
                cr_expect(!shard_core_closed(w->shard[r][k]) && shard_core_lasts(w->shard[r][k]) == 0);
        s_train(w, 5);
        cr_expect_eq(shard_core_round(w->shard[0][0]), 2 * round, "as many rounds again");
        world_replica(w, 0, first);
        world_replica(w, 1, second);
        cr_expect(!strategy_find(strategies[s])->waits || !memcmp(first, second, sizeof first),
                  "strategy %zu: replicas differ", s);
        world_destroy(w);
    }
}

Test(carry, amidst_rounds_it_does_not_start)
{
    world_t *w = world_new(world_topology(2, STRATEGY_SMA, 3, 1), 8);
    world_start(w, 40);
    world_push(w, 0, 0, 0, s_g);
    world_settle(w, 1000000);
    world_tick(w, 100000);
    message_t *stop = message_new(KIND_stop, "shard/region0/0", "scheduler/region0");
    world_send_shard(w, stop);
    world_settle(w, 1000000);
    w->topology->job.epochs = 2;
    cr_assert_eq(job_derive(w->topology, w->job.samples, &w->job, NULL), ERR_OK);
    shard_spec_t spec = world_spec(w, 0, 0);
    shard_core_t *core = NULL;
    err_t err = {0};
    cr_expect_eq(shard_core_restore(&spec, w->last[0][0], &core, &err), ERR_JOB);
    cr_expect_not_null(strstr(err.text, "job.epochs cannot change now"), "%s", err.text);
    spec.uncertain = true; /* whoever may have lost something takes another region's state */
    spec.incarnation++;
    cr_expect_eq(shard_core_restore(&spec, w->last[0][0], &core, &err), ERR_OK, "%s", err.text);
    shard_role.destroy((void **)&core);
    world_destroy(w);
}

Test(carry, what_was_the_last_delta_and_has_not_come_is_not_the_last_any_more)
{
    world_t *w = world_new(world_topology(2, STRATEGY_ASGD_GA, 3, 1), 8);
    world_start(w, 40);
    for (uint64_t batch = 0; batch < 5; batch++)
        for (size_t r = 0; r < 2; r++)
            world_push(w, r, 0, batch, s_g);
    world_settle(w, 1000000);
    w->cut[1] = true;
    world_close(w, 0);
    world_settle(w, 1000000);
    for (size_t k = 0; k < w->shards; k++)
        cr_assert(shard_core_closed(w->shard[0][k]) && shard_core_lasts(w->shard[1][k]) == 0);
    w->cut[1] = false;
    s_carry_on(w);
    s_train(w, 5); /* asserts that both have come to their ends */
    float first[8], second[8];
    world_replica(w, 0, first);
    world_replica(w, 1, second);
    for (size_t i = 0; i < 8; i++)
        cr_expect_float_eq(first[i], second[i], 1e-5, "every gradient is in both");
    world_destroy(w);
}

/* The same snapshot, of a shard that has seen one round more than it has numbers: another region began a
 * new lineage at its end. */
static snapshot_t *s_behind(const snapshot_t *from, uint64_t *ret_cut)
{
    snapshot_t *copy = snapshot_new(&from->id);
    message_t *state = NULL;
    cr_assert_eq(shard_core_decode(snapshot_peek(from, "state"), &state, NULL), ERR_OK);
    *ret_cut = state->shard_state.cut;
    state->shard_state.round++;
    for (size_t i = 0; i < from->count; i++) {
        bool is_state = !strcmp(from->values[i].name, "state");
        buf_t *buf = is_state ? catalog_encode(state) : buf_ref(from->values[i].buf);
        cr_assert_eq(snapshot_add(copy, from->values[i].name, &buf, NULL), ERR_OK);
    }
    message_destroy(&state);
    return copy;
}

Test(carry, whose_last_number_is_behind_the_others_draws_level)
{
    world_t *w = world_new(world_topology(2, STRATEGY_SMA, 3, 1), 8);
    world_start(w, 40);
    s_train(w, 0);
    uint64_t cut = 0;
    snapshot_t *behind = s_behind(w->last[0][0], &cut), *next;
    w->topology->job.epochs = 2;
    cr_assert_eq(job_derive(w->topology, w->job.samples, &w->job, NULL), ERR_OK);
    shard_spec_t spec = world_spec(w, 0, 0);
    spec.incarnation++;
    shard_core_t *core = NULL;
    message_t *state = NULL;
    cr_assert_eq(shard_core_restore(&spec, behind, &core, NULL), ERR_OK);
    next = shard_core_take_snapshot(core, w->now);
    cr_assert_not_null(next, "it has made a number that stands for nothing");
    cr_assert_eq(shard_core_decode(snapshot_peek(next, "state"), &state, NULL), ERR_OK);
    cr_expect_eq(state->shard_state.cut, cut + 1);
    cr_expect_eq(state->shard_state.round, cut + 1);
    message_destroy(&state);
    snapshot_destroy(&next);
    snapshot_destroy(&behind);
    shard_role.destroy((void **)&core);
    world_destroy(w);
}
