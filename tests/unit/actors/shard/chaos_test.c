/* The ledger over a network that drops, doubles and reorders everything, with stores that are slow or fail,
 * shards and synchronizers that die, and regions that are cut off. Whatever happens, every batch counts
 * once in every region. */
#include "tests/unit/actors/shard/world.h"

#include "codec/base/rng.h"

#define ELEMENTS 48
#define POOL_MAX 20000

typedef struct {
    world_t *w;
    rng_t rng;
    message_t *pool[POOL_MAX]; /* under way */
    size_t count;
    size_t dropped, doubled, deaths, failures;
    bool calm;
} chaos_t;

static void s_gather(chaos_t *c, outbox_t *box)
{
    message_t *m;
    while ((m = outbox_take(box))) {
        bool known = strncmp(m->to, "shard/", 6) == 0 || strncmp(m->to, "synchronizer/", 13) == 0;
        if (!known || c->count == POOL_MAX)
            message_destroy(&m);
        else
            c->pool[c->count++] = m;
    }
}

static void s_gather_all(chaos_t *c)
{
    for (size_t r = 0; r < c->w->topology->region_count; r++) {
        for (size_t k = 0; k < c->w->shards; k++) {
            s_gather(c, shard_role.outbox(c->w->shard[r][k]));
            s_gather(c, synchronizer_role.outbox(c->w->sync[r][k]));
        }
    }
}

/* Delivers some message of those that are under way; not always the oldest, not always once. */
static void s_deliver(chaos_t *c)
{
    size_t i = c->calm ? 0 : (size_t)rng_below(&c->rng, c->count < 12 ? c->count : 12);
    message_t *m = c->pool[i];
    uint64_t luck = c->calm ? 99 : rng_below(&c->rng, 100);
    if (luck < 5) {
        m = message_dup(m);
        c->doubled++;
    } else {
        c->count--;
        memmove(&c->pool[i], &c->pool[i + 1], (c->count - i) * sizeof *c->pool);
    }
    if (luck >= 5 && luck < 10) {
        message_destroy(&m);
        c->dropped++;
        return;
    }
    world_deliver(c->w, &m);
    s_gather_all(c);
}

static void s_gradient(uint64_t name, float *g)
{
    memset(g, 0, ELEMENTS * sizeof *g);
    g[name % ELEMENTS] = -1;
    g[(name + ELEMENTS / 2) % ELEMENTS] = -1;
}

static uint64_t s_name(const world_t *w, size_t r, uint64_t batch)
{
    return batch + (r ? w->job.regions[0].batches : 0);
}

/* Some worker pushes some batch that a shard lacks (or has: it cannot know). */
static void s_work(chaos_t *c)
{
    world_t *w = c->w;
    size_t r = (size_t)rng_below(&c->rng, w->topology->region_count),
           k = (size_t)rng_below(&c->rng, w->shards);
    uint64_t batch, end;
    if (!ranges_gap(shard_core_applied(w->shard[r][k]), 0, w->job.regions[r].batches, &batch, &end))
        return;
    batch += rng_below(&c->rng, end - batch < 3 ? end - batch : 3);
    float g[ELEMENTS];
    s_gradient(s_name(w, r, batch), g);
    size_t worker = (size_t)rng_below(&c->rng, 3);
    for (uint64_t chunk = 0; chunk < 3 && c->count < POOL_MAX; chunk++)
        c->pool[c->count++] = world_push_chunk(w, r, worker, k, batch, g, chunk, 3);
}

static void s_kill_synchronizer(chaos_t *c, size_t r, size_t k)
{
    world_t *w = c->w;
    synchronizer_role.destroy((void **)&w->sync[r][k]);
    synchronizer_spec_t spec = {
        .topology = w->topology, .region_index = r, .shard_index = k, .incarnation = ++w->incarnation};
    w->sync[r][k] = synchronizer_core_new(&spec);
    c->deaths++;
}

static void s_store(chaos_t *c, size_t r, size_t k)
{
    world_t *w = c->w;
    if (!w->out[r][k])
        w->out[r][k] = shard_core_take_snapshot(w->shard[r][k], w->now);
    if (!w->out[r][k] || (!c->calm && rng_below(&c->rng, 4)))
        return;
    bool fails = !c->calm && rng_below(&c->rng, 10) == 0;
    c->failures += fails;
    world_commit(w, r, k, fails ? ERR_IO : ERR_OK);
}

static void s_turn(chaos_t *c)
{
    world_t *w = c->w;
    w->now += 1000 + (int64_t)rng_below(&c->rng, 20000);
    for (size_t r = 0; r < w->topology->region_count; r++) {
        for (size_t k = 0; k < w->shards; k++) {
            shard_role.tick(w->shard[r][k], w->now);
            synchronizer_role.tick(w->sync[r][k], w->now);
            s_store(c, r, k);
        }
    }
    s_gather_all(c);
    for (uint64_t i = rng_below(&c->rng, 40) + (c->calm ? 400 : 0); i > 0 && c->count > 0; i--)
        s_deliver(c);
    s_work(c);
    if (c->calm)
        return;
    size_t r = (size_t)rng_below(&c->rng, w->topology->region_count),
           k = (size_t)rng_below(&c->rng, w->shards);
    if (rng_below(&c->rng, 100) == 0 && w->last[r][k]) {
        world_crash(w, r, k);
        c->deaths++;
    }
    if (rng_below(&c->rng, 200) == 0)
        s_kill_synchronizer(c, r, k);
    if (rng_below(&c->rng, 150) == 0)
        w->cut[r] = !w->cut[r];
}

static bool s_exact(const world_t *w, uint64_t seed)
{
    float expected[ELEMENTS] = {0}, have[ELEMENTS], g[ELEMENTS];
    for (size_t r = 0; r < w->topology->region_count; r++) {
        for (uint64_t b = 0; b < w->job.regions[r].batches; b++) {
            s_gradient(s_name(w, r, b), g);
            for (size_t i = 0; i < ELEMENTS; i++)
                expected[i] -= g[i];
        }
    }
    for (size_t r = 0; r < w->topology->region_count; r++) {
        world_replica(w, r, have);
        for (size_t i = 0; i < ELEMENTS; i++) {
            if (have[i] != expected[i]) {
                printf("seed %llu region %zu place %zu: %g instead of %g\n", (unsigned long long)seed, r, i,
                       (double)have[i], (double)expected[i]);
                return false;
            }
        }
    }
    return true;
}

static bool s_equal(const world_t *w)
{
    float first[ELEMENTS], have[ELEMENTS];
    world_replica(w, 0, first);
    for (size_t r = 1; r < w->topology->region_count; r++) {
        world_replica(w, r, have);
        if (memcmp(have, first, sizeof have) != 0)
            return false;
    }
    return true;
}

static bool s_ended(const world_t *w)
{
    for (size_t r = 0; r < w->topology->region_count; r++)
        for (size_t k = 0; k < w->shards; k++)
            if (!shard_core_closed(w->shard[r][k]) ||
                shard_core_lasts(w->shard[r][k]) + 1 != w->topology->region_count)
                return false;
    return true;
}

static void s_calm_down(chaos_t *c)
{
    world_t *w = c->w;
    c->calm = true;
    for (size_t r = 0; r < w->topology->region_count; r++)
        w->cut[r] = false;
    for (int turn = 0; turn < 20000 && !s_ended(w); turn++) {
        s_turn(c);
        for (size_t r = 0; turn % 16 == 0 && r < w->topology->region_count; r++) {
            for (size_t k = 0; k < w->shards; k++) {
                char to[64], from[64];
                snprintf(to, sizeof to, "shard/region%zu/%zu", r, k);
                snprintf(from, sizeof from, "scheduler/region%zu", r);
                c->pool[c->count++] = message_new(KIND_close, to, from);
            }
        }
    }
}

static bool s_run(strategy_name_t strategy, inside_t inside, uint64_t seed, size_t ret_faults[4])
{
    bool outer = strategy == STRATEGY_DILOCO || strategy == STRATEGY_DILOCO_ASYNC;
    size_t regions = outer ? 2 : 2 + seed % 2;
    topology_t *t = world_topology(regions, strategy, 1 + seed % 4, 2);
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    t->job.optimizer.lr = 1;
    t->job.sync.outer_lr = 2; /* of two equal regions: the mean of differences becomes their sum */
    t->job.sync.outer_momentum = 0;
    t->job.sync.threshold = 0.3;
    t->job.sync.inside = inside;
    t->job.sync.window_bytes = 96 * (1 + seed % 5);
    t->job.sync.staleness = 2 + seed % 9;
    t->checkpoint.every = seed % 5;
    chaos_t *c = calloc(1, sizeof *c);
    c->w = world_new(t, ELEMENTS);
    c->w->checksums = true;
    c->w->auto_commit = false;
    world_start(c->w, 300);
    rng_init(&c->rng, seed);
    for (int turn = 0; turn < 2000; turn++)
        s_turn(c);
    s_calm_down(c);
    bool fine = s_ended(c->w) && (strategy == STRATEGY_SMA ? s_equal(c->w) : s_exact(c->w, seed));
    if (!s_ended(c->w))
        printf("seed %llu strategy %d inside %d: has not ended\n", (unsigned long long)seed, (int)strategy,
               (int)inside);
    size_t faults[4] = {c->dropped, c->doubled, c->deaths, c->failures};
    for (size_t i = 0; i < 4; i++)
        ret_faults[i] += faults[i];
    for (size_t i = 0; i < c->count; i++)
        message_destroy(&c->pool[i]);
    world_destroy(c->w);
    free(c);
    return fine;
}

static void s_check(strategy_name_t strategy)
{
    const char *text = getenv("CLOUDLESS_SEED"), *many = getenv("CLOUDLESS_SEEDS");
    uint64_t base = text ? strtoull(text, NULL, 10) : 1;
    uint64_t seeds = many ? strtoull(many, NULL, 10) : text ? 1 : 8;
    size_t faults[4] = {0};
    for (uint64_t seed = base; seed < base + seeds; seed++)
        cr_assert(s_run(strategy, seed % 3 == 0 ? INSIDE_SYNC : INSIDE_ASYNC, seed, faults),
                  "CLOUDLESS_SEED=%llu replays it", (unsigned long long)seed);
    for (size_t i = 0; i < 4 && !text; i++)
        cr_assert_gt(faults[i], 0, "fault %zu must have happened", i);
}

Test(chaos, asgd)
{
    s_check(STRATEGY_ASGD);
}

Test(chaos, asgd_ga)
{
    s_check(STRATEGY_ASGD_GA);
}

Test(chaos, ssgd)
{
    s_check(STRATEGY_SSGD);
}

Test(chaos, diloco)
{
    s_check(STRATEGY_DILOCO);
}

Test(chaos, diloco_async)
{
    s_check(STRATEGY_DILOCO_ASYNC);
}

Test(chaos, asp)
{
    s_check(STRATEGY_ASP);
}

Test(chaos, sma_replicas_stay_equal)
{
    s_check(STRATEGY_SMA);
}
