/* region_nodes_bench - a regional scheduler and what answers it, in virtual time: region eu of two, one
 * shard, nodes a, b and c.
 *
 * Why      tests of who goes where when nodes come, fall silent and leave need nodes that behave: they
 *          announce themselves, start and end what they are told to, and their actors tell that they run.
 */
#ifndef TESTS_UNIT_ACTORS_SCHEDULER_REGION_NODES_BENCH_H
#define TESTS_UNIT_ACTORS_SCHEDULER_REGION_NODES_BENCH_H

#include "actors/scheduler/region/region_core.h"
#include "brokers/job.h"
#include "tests/unit/actors/keepers.h"
#include "tests/unit/actors/driver.h"

#include <stdlib.h>

#define TERM 6ull
#define RUN 7u
#define NAME "scheduler/eu"
#define SAMPLES 300 /* 15 batches of this region */
#define BATCHES 15
#define NODES 3
#ifndef NODE_NAMES /* of nodes that are rented: OFFER-0 ... */
#define NODE_NAMES "a", "b", "c"
#endif
#define SHARD "shard/eu/0"

typedef struct {
    wire_name_t actor, node;
    uint64_t incarnation, newest_incarnation, newest_number;
    bool handed;
    bool ended; /* its node was told to retire it, and has */
} placed_t;

typedef struct {
    topology_t topology;
    region_core_t *core;
    int64_t now_us;
    bool silent[NODES], leaving[NODES];
    bool lingers; /* what is to be retired goes on */
    /* number of the shard's newest snapshot, which whoever is told to keep for it has; 0: nobody has any */
    uint64_t copied;
    uint64_t pid[NODES];
    uint64_t held_incarnation[NODES], held_number[NODES];
    placed_t placed[64]; /* newest of each actor */
    size_t placed_count;
    message_t *keepers, *seal, *keep_from, *want, *named, *hand_over, *retire, *report; /* newest heard */
    size_t seals, hand_overs, retires, stops[NODES];
} bench_t;

static inline const char *s_node_name(size_t index)
{
    static const char *const names[NODES] = {NODE_NAMES};
    return names[index];
}

static inline const char *s_node(size_t index)
{
    static char names[NODES][WIRE_NAME_SIZE];
    snprintf(names[index], sizeof names[index], "node/eu/%s", s_node_name(index));
    return names[index];
}

static inline placed_t *s_placed(bench_t *b, const char *actor)
{
    for (size_t i = 0; i < b->placed_count; i++)
        if (!strcmp(b->placed[i].actor, actor))
            return &b->placed[i];
    return NULL;
}

static inline size_t s_index(const char *node)
{
    size_t index = 0;
    while (index < NODES && strcmp(strrchr(node, '/') + 1, s_node_name(index)))
        index++;
    cr_assert_lt(index, NODES, "%s", node);
    return index;
}

static inline void s_give(bench_t *b, message_t *m)
{
    region_role.message(b->core, &m, b->now_us);
}

/* Whom a node hosts. */
static inline void s_set_hosted(const bench_t *b, size_t node, message_t *announce)
{
    uint64_t incarnations[64];
    size_t count = 0;
    for (size_t i = 0; i < b->placed_count; i++)
        if (!b->placed[i].ended && s_index(b->placed[i].node) == node)
            incarnations[count++] = b->placed[i].incarnation;
    message_set_u64s(&announce->announce.hosted, incarnations, count);
}

static inline void s_announce(bench_t *b, size_t node)
{
    message_t *m = message_new(KIND_announce, NAME, s_node(node));
    topology_digest(&b->topology, m->announce.digest);
    m->announce.pid = b->pid[node];
    m->announce.run = RUN;
    m->announce.cores = 2;
    m->announce.samples = SAMPLES;
    m->announce.leaving = b->leaving[node];
    const char *dash = strchr(s_node_name(node), '-');
    snprintf(m->announce.offer, sizeof m->announce.offer, "%.*s", dash ? (int)(dash - s_node_name(node)) : 0,
             s_node_name(node));
    s_set_hosted(b, node, m);
    message_set_rows(&m->announce.held, b->held_number[node] != 0);
    if (b->held_number[node])
        m->announce.held.items[0] =
            (announce_held_t){.incarnation = b->held_incarnation[node], .number = b->held_number[node]};
    s_give(b, m);
}

static inline void s_tell_placed(bench_t *b, const char *node, const char *actor, uint64_t incarnation,
                                 err_code_t code)
{
    message_t *m = message_new(KIND_placed, NAME, node);
    message_set_name(m->placed.actor, actor);
    m->placed.incarnation = incarnation;
    m->placed.code = code;
    s_give(b, m);
}

static inline void s_answer_place(bench_t *b, const message_t *place)
{
    placed_t *known = s_placed(b, place->place.actor);
    if (!known) {
        cr_assert_lt(b->placed_count, sizeof b->placed / sizeof *b->placed);
        known = &b->placed[b->placed_count++];
    }
    *known = (placed_t){.incarnation = place->place.incarnation,
                        .newest_incarnation = place->place.newest_incarnation,
                        .newest_number = place->place.newest_number,
                        .handed = place->place.handed};
    message_set_name(known->actor, place->place.actor);
    message_set_name(known->node, place->to);
    if (!b->silent[s_index(place->to)])
        s_tell_placed(b, place->to, place->place.actor, place->place.incarnation, ERR_OK);
}

static inline void s_answer_retire(bench_t *b, const message_t *retire)
{
    placed_t *known = s_placed(b, retire->retire.actor);
    if (b->lingers || b->silent[s_index(retire->to)])
        return;
    if (known && known->incarnation == retire->retire.incarnation)
        known->ended = true;
    s_tell_placed(b, retire->to, retire->retire.actor, retire->retire.incarnation, ERR_STOPPED);
}

/* Where the newest of a kind is kept; NULL: not at all. */
static inline message_t **s_newest(bench_t *b, message_kind_t kind)
{
    switch (kind) {
    case KIND_keepers:
        return &b->keepers;
    case KIND_seal:
        return &b->seal;
    case KIND_keep_from:
        return &b->keep_from;
    case KIND_keeper_want:
        return &b->want;
    case KIND_keeper_named:
        return &b->named;
    case KIND_hand_over:
        return &b->hand_over;
    case KIND_retire:
        return &b->retire;
    case KIND_region_report:
        return &b->report;
    default:
        return NULL;
    }
}

static inline void s_hear(bench_t *b)
{
    message_t *m;
    while ((m = outbox_take(region_role.outbox(b->core)))) {
        message_t **keep = s_newest(b, m->kind);
        b->seals += m->kind == KIND_seal;
        b->hand_overs += m->kind == KIND_hand_over;
        b->retires += m->kind == KIND_retire;
        if (m->kind == KIND_stop)
            b->stops[s_index(m->to)]++;
        if (m->kind == KIND_place)
            s_answer_place(b, m);
        if (m->kind == KIND_retire)
            s_answer_retire(b, m);
        if (keep) {
            message_destroy(keep);
            *keep = m;
        } else {
            message_destroy(&m);
        }
    }
}

static inline message_t *s_progress_of(bench_t *b, uint64_t number)
{
    message_t *m = message_new(KIND_progress, NAME, SHARD);
    m->incarnation = s_placed(b, SHARD)->incarnation;
    m->progress.history = 5;
    m->progress.number = number;
    m->progress.keep_lag_us = 1234;
    return m;
}

static inline void s_tell_copied(bench_t *b)
{
    if (!b->copied || !b->keepers || !b->keepers->keepers.keepers.count ||
        b->silent[s_index(s_placed(b, SHARD)->node)])
        return;
    message_t *m = s_progress_of(b, b->copied);
    m->progress.assignment = b->keepers->keepers.assignment;
    s_give(b, m);
}

/* A status of everybody who runs on a node that is not silent, once a second; time passes. */
static inline void s_pass(bench_t *b, int64_t us)
{
    for (int64_t end_us = b->now_us + us; b->now_us < end_us; b->now_us += 100 * MS) {
        for (size_t node = 0; b->now_us % SECOND == 0 && node < NODES; node++)
            if (!b->silent[node])
                s_announce(b, node);
        for (size_t i = 0; b->now_us % SECOND == 0 && i < b->placed_count; i++) {
            if (b->placed[i].ended || b->silent[s_index(b->placed[i].node)])
                continue;
            message_t *m = message_new(KIND_status, NAME, b->placed[i].actor);
            m->incarnation = b->placed[i].incarnation;
            s_give(b, m);
        }
        if (b->now_us % SECOND == 0)
            s_tell_copied(b);
        region_role.tick(b->core, b->now_us);
        s_hear(b);
    }
}

/* A scheduler for the topology as it is now. */
static inline void s_begin(bench_t *b)
{
    region_spec_t spec = {
        .topology = &b->topology, .term = TERM, .run = RUN, .nodes_expected = NODES, .settle_us = SECOND};
    region_role.destroy((void **)&b->core);
    b->core = region_core_new(&spec, 0);
}

/* `workers` 0: one for each core of the nodes. */
static inline bench_t *s_bench_of(uint64_t replicas, bool elsewhere, uint64_t workers)
{
    bench_t *b = calloc(1, sizeof *b);
    cr_assert_not_null(b);
    topology_t *t = &b->topology;
    t->job.epochs = 1;
    t->job.batch = 10;
    t->job.sync.away_after_us = 60 * SECOND;
    t->checkpoint.replicas = replicas;
    t->checkpoint.elsewhere = elsewhere;
    t->checkpoint.durability = replicas ? DURABILITY_REPLICA : DURABILITY_DISK;
    t->checkpoint.move_after_us = 10 * SECOND;
    t->region_count = 2;
    for (size_t index = 0; index < 2; index++) {
        strcpy(t->regions[index].name, index ? "us" : "eu");
        t->regions[index].data_share = 1;
        t->regions[index].workers = workers;
        t->regions[index].shards = 1;
    }
    for (size_t node = 0; node < NODES; node++)
        b->pid[node] = 100 + node;
    s_begin(b);
    return b;
}

static inline void s_start(bench_t *b)
{
    message_t *plan = message_new(KIND_plan, NAME, "scheduler/global");
    plan->plan = (plan_t_){.plan = 1, .run = RUN, .workers = b->topology.regions[0].workers, .shards = 1};
    s_give(b, plan);
    s_pass(b, 3 * SECOND);
}

static inline void s_free(bench_t *b)
{
    static const message_kind_t kinds[] = {KIND_keepers,     KIND_seal,         KIND_keep_from,
                                           KIND_keeper_want, KIND_keeper_named, KIND_hand_over,
                                           KIND_retire,      KIND_region_report};
    region_role.destroy((void **)&b->core);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        message_destroy(s_newest(b, kinds[i]));
    free(b);
}

static inline void s_progress(bench_t *b, uint64_t number)
{
    s_give(b, s_progress_of(b, number));
}

static inline void s_sealed(bench_t *b, const char *keeper, uint64_t incarnation, uint64_t number)
{
    cr_assert_not_null(b->seal, "nobody was sealed");
    message_t *m = message_new(KIND_sealed, NAME, keeper);
    message_set_name(m->sealed.region, "eu");
    m->sealed.seal = b->seal->seal.incarnation;
    m->sealed.incarnation = incarnation;
    m->sealed.number = number;
    s_give(b, m);
}

static inline void s_lose(bench_t *b, size_t node)
{
    b->silent[node] = true;
}

#endif
