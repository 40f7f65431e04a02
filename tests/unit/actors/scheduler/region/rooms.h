/* rooms - rooms of the regional scheduler without a scheduler: region eu of two, two shards, two workers, in
 * virtual time.
 *
 * Why      a room is tested by what it owns: each test sets those below it as it needs them.
 */
#ifndef TESTS_UNIT_ACTORS_SCHEDULER_REGION_ROOMS_H
#define TESTS_UNIT_ACTORS_SCHEDULER_REGION_ROOMS_H

#include "actors/scheduler/region/region_rooms.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define TERM 6ull
#define RUN 7u
#define SAMPLES 300
#define MS MILLISECOND_US
#define SECOND SECOND_US

typedef region_core_t rooms_t;

static inline void rooms_fill(topology_t *topology)
{
    topology->job.epochs = 1;
    topology->job.batch = 10;
    topology->job.sync.away_after_us = 30 * SECOND;
    topology->region_count = 2;
    for (size_t index = 0; index < 2; index++) {
        strcpy(topology->regions[index].name, index ? "us" : "eu");
        topology->regions[index].data_share = 1;
        topology->regions[index].workers = 2;
        topology->regions[index].shards = 2;
    }
}

/* Of these rooms alone: a test may change it before it uses them. */
static inline topology_t *rooms_topology(const rooms_t *self)
{
    return (topology_t *)(uintptr_t)self->base.spec.topology;
}

static inline rooms_t *rooms_new(void)
{
    rooms_t *self = calloc(1, sizeof *self);
    topology_t *topology = calloc(1, sizeof *topology);
    cr_assert(self && topology);
    rooms_fill(topology);
    const region_spec_t spec = {
        .topology = topology, .term = TERM, .run = RUN, .nodes_expected = 2, .settle_us = 3 * SECOND};
    region_rooms_init(self, &spec, 0);
    return self;
}

static inline void rooms_free(rooms_t *self)
{
    topology_t *topology = rooms_topology(self);
    region_rooms_fini(self);
    free(topology);
    free(self);
}

/* The next message of a kind that is to be sent; those before it are thrown away. NULL: there is none. */
static inline message_t *rooms_take(rooms_t *self, message_kind_t kind)
{
    message_t *message;
    while ((message = outbox_take(&self->base.core.outbox)) && message->kind != kind)
        message_destroy(&message);
    return message;
}

static inline size_t rooms_sent(rooms_t *self, message_kind_t kind)
{
    size_t count = 0;
    for (message_t *message; (message = rooms_take(self, kind)); count++)
        message_destroy(&message);
    return count;
}

static inline message_t *rooms_announce(const rooms_t *self, const char *name, uint64_t process)
{
    message_t *announce = message_new(KIND_announce, self->base.core.name, name);
    message_set_name(announce->announce.digest, self->base.digest);
    announce->announce.process = process;
    announce->announce.run = RUN;
    announce->announce.cores = 2;
    announce->announce.samples = SAMPLES;
    return announce;
}

static inline size_t rooms_node(rooms_t *self, const char *name, int64_t now_us)
{
    nodes_news_t news;
    message_t *announce = rooms_announce(self, name, 1);
    size_t node = nodes_take_announce(&self->nodes, announce, false, now_us, &news);
    message_destroy(&announce);
    cr_assert_neq(node, NOWHERE);
    return node;
}

/* Two nodes, and a plan: two shards, two synchronizers, two workers, nobody placed. */
static inline void rooms_plan(rooms_t *self)
{
    rooms_node(self, "node/eu/a", 0);
    rooms_node(self, "node/eu/b", 0);
    self->actors.shard_count = self->actors.synchronizer_count = self->actors.worker_count = 2;
    actors_add_numbered(&self->actors, ROLE_SHARD, 2);
    actors_add_numbered(&self->actors, ROLE_SYNCHRONIZER, 2);
    actors_add_numbered(&self->actors, ROLE_WORKER, 2);
    shards_start(&self->shards);
    training_start(&self->training);
    keeping_start(&self->keeping);
    moving_start(&self->moving);
    self->placing.missing = calloc(2, sizeof *self->placing.missing);
}

/* An actor runs, on that node. */
static inline region_actor_t *rooms_run(rooms_t *self, const char *name, size_t node, int64_t now_us)
{
    region_actor_t *actor = actors_named(&self->actors, name);
    cr_assert_not_null(actor, "%s", name);
    actor->state = PLACE_READY;
    actor->node = actor->newest.node = node;
    actor->incarnation = actor->newest.incarnation = region_issue(&self->base);
    actor->ran = actor->wanted = true;
    actor->since_us = actor->seen_us = actor->worker.ready_us = now_us;
    return actor;
}

/* A shard's progress: batches below `applied` and `durable`, its newest snapshot. */
static inline message_t *rooms_progress(const rooms_t *self, size_t shard, uint64_t applied, uint64_t durable,
                                        uint64_t number)
{
    const region_actor_t *actor = &self->actors.list[shard];
    message_t *progress = message_new(KIND_progress, self->base.core.name, actor->name);
    progress->incarnation = actor->incarnation;
    progress->progress.history = 1;
    progress->progress.number = number;
    progress->progress.steps = applied;
    ranges_t set = {0};
    cr_assert_eq(ranges_add(&set, 0, applied), ERR_OK);
    message_set_ranges(&progress->progress.applied, &set);
    cr_assert_eq(ranges_remove(&set, durable, UINT64_MAX), ERR_OK);
    message_set_ranges(&progress->progress.durable, &set);
    ranges_fini(&set);
    return progress;
}

static inline void rooms_tell(rooms_t *self, size_t shard, uint64_t applied, uint64_t durable,
                              uint64_t number)
{
    message_t *progress = rooms_progress(self, shard, applied, durable, number);
    shards_take_progress(&self->shards, progress, shard);
    message_destroy(&progress);
}

/* Both shards run and have told, of a newest snapshot; nothing of a predecessor is waited for. */
static inline rooms_t *rooms_running(uint64_t number)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    rooms->actors.settled = true;
    rooms_run(rooms, "shard/eu/0", 0, 0);
    rooms_run(rooms, "shard/eu/1", 1, 0);
    rooms_tell(rooms, 0, 0, 0, number);
    rooms_tell(rooms, 1, 0, 0, number);
    return rooms;
}

/* And both workers; nothing is stored yet. */
static inline rooms_t *rooms_training(void)
{
    rooms_t *rooms = rooms_running(0);
    training_started(&rooms->training, rooms_run(rooms, "worker/eu/0", 0, 0));
    training_started(&rooms->training, rooms_run(rooms, "worker/eu/1", 1, 0));
    return rooms;
}

#endif
