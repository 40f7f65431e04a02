/* Keepers in a region, driven by hand in virtual time: region eu of two, one shard, nodes a, b and c. */
#include "actors/scheduler/region_core.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)
#define TERM 6ull
#define NAME "scheduler/eu"
#define SAMPLES 300
#define NODES 3

typedef struct {
    wire_name_t actor, node;
    uint64_t incarnation, newest_incarnation, newest_number;
} placed_t;

typedef struct {
    topology_t topology;
    region_core_t *core;
    int64_t now_us;
    bool silent[NODES];
    uint64_t pid[NODES];
    uint64_t held_incarnation[NODES], held_number[NODES];
    placed_t placed[64]; /* newest of each actor */
    size_t placed_count;
    message_t *keepers, *seal, *keep_from, *want, *named; /* newest heard */
    size_t seals;
} bench_t;

static const char *s_node(size_t index)
{
    static const char *const names[NODES] = {"node/eu/a", "node/eu/b", "node/eu/c"};
    return names[index];
}

static placed_t *s_placed(bench_t *b, const char *actor)
{
    for (size_t i = 0; i < b->placed_count; i++)
        if (!strcmp(b->placed[i].actor, actor))
            return &b->placed[i];
    return NULL;
}

static void s_give(bench_t *b, message_t *m)
{
    region_role.message(b->core, &m, b->now_us);
}

static void s_announce(bench_t *b, size_t node)
{
    message_t *m = message_new(KIND_announce, NAME, s_node(node));
    topology_digest(&b->topology, m->announce.digest);
    m->announce.pid = b->pid[node];
    m->announce.cores = 2;
    m->announce.samples = SAMPLES;
    uint64_t zero = 0;
    message_set_u64s(&m->announce.held_shards, &zero, b->held_number[node] != 0);
    message_set_u64s(&m->announce.held_incarnations, &b->held_incarnation[node], b->held_number[node] != 0);
    message_set_u64s(&m->announce.held_numbers, &b->held_number[node], b->held_number[node] != 0);
    s_give(b, m);
}

static size_t s_index(const char *node)
{
    return (size_t)(node[strlen(node) - 1] - 'a');
}

static void s_answer_place(bench_t *b, const message_t *place)
{
    placed_t *known = s_placed(b, place->place.actor);
    if (!known)
        known = &b->placed[b->placed_count++];
    message_set_name(known->actor, place->place.actor);
    message_set_name(known->node, place->to);
    known->incarnation = place->place.incarnation;
    known->newest_incarnation = place->place.newest_incarnation;
    known->newest_number = place->place.newest_number;
    if (b->silent[s_index(place->to)])
        return;
    message_t *m = message_new(KIND_placed, NAME, place->to);
    message_set_name(m->placed.actor, place->place.actor);
    m->placed.incarnation = place->place.incarnation;
    s_give(b, m);
}

static void s_hear(bench_t *b)
{
    message_t *m;
    while ((m = outbox_take(region_role.outbox(b->core)))) {
        message_t **keep = m->kind == KIND_keepers        ? &b->keepers
                           : m->kind == KIND_seal         ? &b->seal
                           : m->kind == KIND_keep_from    ? &b->keep_from
                           : m->kind == KIND_keeper_want  ? &b->want
                           : m->kind == KIND_keeper_named ? &b->named
                                                          : NULL;
        b->seals += m->kind == KIND_seal;
        if (m->kind == KIND_place)
            s_answer_place(b, m);
        if (keep) {
            message_destroy(keep);
            *keep = m;
        } else {
            message_destroy(&m);
        }
    }
}

/* A status of everybody who runs on a node that is not silent, once a second; time passes. */
static void s_pass(bench_t *b, int64_t us)
{
    for (int64_t end_us = b->now_us + us; b->now_us < end_us; b->now_us += 100 * MS) {
        for (size_t node = 0; b->now_us % SECOND == 0 && node < NODES; node++)
            if (!b->silent[node])
                s_announce(b, node);
        for (size_t i = 0; b->now_us % SECOND == 0 && i < b->placed_count; i++) {
            if (b->silent[s_index(b->placed[i].node)])
                continue;
            message_t *m = message_new(KIND_status, NAME, b->placed[i].actor);
            m->incarnation = b->placed[i].incarnation;
            s_give(b, m);
        }
        region_role.tick(b->core, b->now_us);
        s_hear(b);
    }
}

static bench_t *s_bench(uint64_t replicas, bool elsewhere)
{
    bench_t *b = calloc(1, sizeof *b);
    topology_t *t = &b->topology;
    t->job.epochs = 1;
    t->job.batch = 10;
    t->job.sync.away_after_us = 60 * SECOND;
    t->checkpoint.replicas = replicas;
    t->checkpoint.elsewhere = elsewhere;
    t->checkpoint.durability = DURABILITY_REPLICA;
    t->checkpoint.move_after_us = 10 * SECOND;
    t->region_count = 2;
    for (size_t index = 0; index < 2; index++) {
        strcpy(t->regions[index].name, index ? "us" : "eu");
        t->regions[index].data_share = 1;
        t->regions[index].workers = 1;
        t->regions[index].shards = 1;
    }
    region_spec_t spec = {.topology = t, .term = TERM, .nodes_expected = NODES, .settle_us = SECOND};
    b->core = region_core_new(&spec, 0);
    for (size_t node = 0; node < NODES; node++)
        b->pid[node] = 100 + node;
    return b;
}

static void s_start(bench_t *b)
{
    message_t *plan = message_new(KIND_plan, NAME, "scheduler/global");
    plan->plan = (plan_t_){.plan = 1, .workers = 1, .shards = 1};
    s_give(b, plan);
    s_pass(b, 3 * SECOND);
}

static void s_free(bench_t *b)
{
    region_role.destroy((void **)&b->core);
    message_t **const kept[] = {&b->keepers, &b->seal, &b->keep_from, &b->want, &b->named};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        message_destroy(kept[i]);
    free(b);
}

static void s_progress(bench_t *b, uint64_t number)
{
    message_t *m = message_new(KIND_progress, NAME, "shard/eu/0");
    m->incarnation = s_placed(b, "shard/eu/0")->incarnation;
    m->progress.history = 5;
    m->progress.number = number;
    m->progress.keep_lag_us = 1234;
    s_give(b, m);
}

static void s_sealed(bench_t *b, const char *keeper, uint64_t incarnation, uint64_t number)
{
    cr_assert_not_null(b->seal, "nobody was sealed");
    message_t *m = message_new(KIND_sealed, NAME, keeper);
    message_set_name(m->sealed.region, "eu");
    m->sealed.seal = b->seal->seal.incarnation;
    m->sealed.incarnation = incarnation;
    m->sealed.number = number;
    s_give(b, m);
}

static void s_lose(bench_t *b, size_t node)
{
    b->silent[node] = true;
}

/* The shard runs on a, its snapshot 4 is durable, and then its node is silent until it counts as lost. */
static uint64_t s_lose_shard(bench_t *b)
{
    s_start(b);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    uint64_t incarnation = s_placed(b, "shard/eu/0")->incarnation;
    s_progress(b, 4);
    s_lose(b, 0);
    s_pass(b, 8 * SECOND);
    return incarnation;
}

Test(region_keep, each_node_has_a_keeper_and_none_keeps_for_its_own_node)
{
    bench_t *b = s_bench(2, false);
    s_start(b);
    for (size_t node = 0; node < NODES; node++) {
        char name[32];
        snprintf(name, sizeof name, "keeper/eu/%c", (char)('a' + node));
        cr_assert_not_null(s_placed(b, name), "%s", name);
        cr_assert_str_eq(s_placed(b, name)->node, s_node(node));
    }
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    char expected[128];
    snprintf(expected, sizeof expected, "keeper/eu/b %llx\nkeeper/eu/c %llx\n",
             (unsigned long long)s_placed(b, "keeper/eu/b")->incarnation,
             (unsigned long long)s_placed(b, "keeper/eu/c")->incarnation);
    cr_assert_not_null(b->keepers);
    cr_assert_str_eq(b->keepers->keepers.names, expected);
    s_free(b);
}

Test(region_keep, another_takes_over_for_a_keeper_whose_node_is_gone)
{
    bench_t *b = s_bench(1, false);
    s_start(b);
    cr_assert(strstr(b->keepers->keepers.names, "keeper/eu/b "));
    uint64_t before = b->keepers->keepers.assignment;
    s_lose(b, 1);
    s_pass(b, 8 * SECOND);
    cr_assert(strstr(b->keepers->keepers.names, "keeper/eu/c "), "%s", b->keepers->keepers.names);
    cr_assert_gt(b->keepers->keepers.assignment, before);
    s_free(b);
}

Test(region_keep, a_shard_waits_for_its_node_then_goes_on_where_the_newest_copy_is)
{
    bench_t *b = s_bench(2, false);
    uint64_t before = s_lose_shard(b);
    cr_assert_eq(b->seals, 0, "nothing is sealed while it may come back");
    int64_t since_us;
    cr_assert_str_eq(region_core_waits_for(b->core, &since_us), "node/eu/a");
    s_pass(b, 8 * SECOND);
    cr_assert_gt(b->seals, 0);
    cr_assert_gt(b->seal->seal.incarnation, before);
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before, "not before they have answered");
    s_sealed(b, "keeper/eu/b", before, 3);
    s_pass(b, 500 * MS);
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before, "not before all have answered");
    s_sealed(b, "keeper/eu/c", before, 5);
    s_pass(b, SECOND);
    const placed_t *placed = s_placed(b, "shard/eu/0");
    cr_assert_str_eq(placed->node, "node/eu/c");
    cr_assert_gt(placed->incarnation, b->seal->seal.incarnation);
    cr_assert_eq(placed->newest_incarnation, before);
    cr_assert_eq(placed->newest_number, 4);
    s_free(b);
}

Test(region_keep, a_node_that_is_back_in_time_keeps_its_shard)
{
    bench_t *b = s_bench(2, false);
    uint64_t before = s_lose_shard(b);
    b->silent[0] = false; /* its process was started again, its disk is there */
    b->pid[0]++;
    b->held_incarnation[0] = before;
    b->held_number[0] = 4;
    s_pass(b, 3 * SECOND);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    cr_assert_gt(s_placed(b, "shard/eu/0")->incarnation, before);
    cr_assert_eq(b->seals, 0);
    s_free(b);
}

Test(region_keep, a_node_that_is_back_without_its_disk_is_not_home)
{
    bench_t *b = s_bench(2, false);
    uint64_t before = s_lose_shard(b);
    b->silent[0] = false;
    b->pid[0]++;
    b->held_incarnation[0] = before;
    b->held_number[0] = 3; /* less than what was durable */
    s_pass(b, 2 * SECOND);
    cr_assert_gt(b->seals, 0, "at once: nothing better will come from there");
    s_sealed(b, "keeper/eu/a", before, 3);
    s_sealed(b, "keeper/eu/b", before, 4);
    s_sealed(b, "keeper/eu/c", 0, 0);
    s_pass(b, SECOND);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/b");
    s_free(b);
}

Test(region_keep, a_shard_below_the_seal_of_a_keeper_goes_on_where_it_is_above_it)
{
    bench_t *b = s_bench(2, false);
    s_start(b);
    uint64_t before = s_placed(b, "shard/eu/0")->incarnation;
    for (uint64_t above = 0; above < 2; above++) {
        cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before,
                     "a seal shuts out what is below it only");
        message_t *m = message_new(KIND_sealed, NAME, "keeper/eu/b");
        message_set_name(m->sealed.region, "eu");
        m->sealed.seal = before + above;
        s_give(b, m);
        s_pass(b, 5 * SECOND);
    }
    cr_assert_gt(s_placed(b, "shard/eu/0")->incarnation, before + 1);
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/a");
    s_free(b);
}

Test(region_keep, copies_older_than_what_was_durable_wait_for_better_ones)
{
    bench_t *b = s_bench(1, false);
    uint64_t before = s_lose_shard(b);
    s_pass(b, 8 * SECOND);
    for (int i = 0; i < 20; i++) {
        s_sealed(b, "keeper/eu/b", before, 3);
        s_sealed(b, "keeper/eu/c", 0, 0);
        s_pass(b, 500 * MS);
    }
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before);
    int64_t since_us;
    cr_assert_str_eq(region_core_waits_for(b->core, &since_us), "keepers");
    for (int i = 0; i < 120 && s_placed(b, "shard/eu/0")->incarnation == before; i++) {
        s_sealed(b, "keeper/eu/b", before, 3);
        s_sealed(b, "keeper/eu/c", 0, 0);
        s_pass(b, 500 * MS);
    }
    cr_assert_str_eq(s_placed(b, "shard/eu/0")->node, "node/eu/b", "a region may not be away for ever");
    cr_assert_eq(s_placed(b, "shard/eu/0")->newest_number, 4, "and the shard is told that it is a loss");
    s_free(b);
}

Test(region_keep, what_only_another_region_has_is_fetched_first)
{
    bench_t *b = s_bench(1, true);
    s_start(b);
    cr_assert_not_null(b->want);
    cr_assert_str_eq(b->want->to, "scheduler/us");
    message_t *named = message_new(KIND_keeper_named, NAME, "scheduler/us");
    message_set_name(named->keeper_named.region, "eu");
    message_set_name(named->keeper_named.keeper, "keeper/us/x");
    s_give(b, named);
    s_pass(b, SECOND);
    cr_assert_str_eq(b->keepers->keepers.names, "keeper/us/x 0\n");
    uint64_t before = s_placed(b, "shard/eu/0")->incarnation;
    s_progress(b, 4);
    s_lose(b, 0);
    s_pass(b, 17 * SECOND);
    s_sealed(b, "keeper/eu/b", 0, 0);
    s_sealed(b, "keeper/eu/c", 0, 0);
    s_sealed(b, "keeper/us/x", before, 4);
    s_pass(b, SECOND);
    cr_assert_not_null(b->keep_from);
    cr_assert_eq(s_placed(b, "shard/eu/0")->incarnation, before);
    cr_assert_str_eq(b->keep_from->keep_from.source, "keeper/us/x");
    message_t *kept = message_new(KIND_snapshot_kept, NAME, b->keep_from->to);
    message_set_name(kept->snapshot_kept.region, "eu");
    kept->snapshot_kept.incarnation = before;
    kept->snapshot_kept.number = 4;
    s_give(b, kept);
    s_pass(b, SECOND);
    cr_assert_gt(s_placed(b, "shard/eu/0")->incarnation, before);
    cr_assert_eq(s_index(s_placed(b, "shard/eu/0")->node), s_index(b->keep_from->to));
    s_free(b);
}

Test(region_keep, a_keeper_is_named_for_another_region_and_stays_the_same)
{
    bench_t *b = s_bench(1, false);
    s_start(b);
    wire_name_t first = "";
    for (int i = 0; i < 2; i++) {
        message_t *want = message_new(KIND_keeper_want, NAME, "scheduler/us");
        message_set_name(want->keeper_want.region, "us");
        s_give(b, want);
        s_pass(b, 100 * MS);
        cr_assert_not_null(b->named);
        cr_assert_str_eq(b->named->to, "scheduler/us");
        cr_assert(s_placed(b, b->named->keeper_named.keeper));
        cr_assert(i == 0 || !strcmp(first, b->named->keeper_named.keeper));
        message_set_name(first, b->named->keeper_named.keeper);
        s_pass(b, 3 * SECOND);
    }
    s_free(b);
}
