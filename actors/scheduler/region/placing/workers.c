#include "actors/scheduler/region/placing/workers.h"

#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

#define WORKERS_EVERY_US (50 * MILLISECOND_US) /* between two looks at how many workers are needed */
#define WORKER_IDLE_US (1 * SECOND_US)         /* a worker for which there is nothing ends after so long */

void workers_init(workers_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                  training_t *training)
{
    *self =
        (workers_t){.base = base, .nodes = nodes, .actors = actors, .shards = shards, .training = training};
}

void workers_look(workers_t *self, int64_t now_us)
{
    self->actors->workers_us = now_us;
}

/* ---- numbers ---- */

region_actor_t *workers_add(workers_t *self)
{
    if (self->actors->worker_count == WORKERS_MAX)
        return NULL;
    region_actor_t *worker = actors_add(self->actors, ROLE_WORKER, self->actors->worker_count++);
    worker->wanted = false;
    training_grow(self->training);
    return worker;
}

region_actor_t *workers_found(workers_t *self, const char *name)
{
    actor_parts_t worker;
    if (!self->actors->elastic || !actor_is_of(name, ROLE_WORKER, self->base->region->name) ||
        !actor_split(name, strlen(name), &worker) || worker.number >= WORKERS_MAX)
        return NULL;
    while (self->actors->worker_count <= worker.number)
        workers_add(self);
    return actors_named(self->actors, name);
}

/* A number that nobody has, or had a moment ago. */
static region_actor_t *s_free_number(workers_t *self)
{
    for (size_t index = 0; index < self->actors->count; index++) {
        region_actor_t *actor = &self->actors->list[index];
        if (actor->role == ROLE_WORKER && !actor->wanted && actor->state == PLACE_NONE)
            return actor;
    }
    return workers_add(self);
}

/* ---- what there is to do ---- */

/* Batches that nobody works on, and an evaluation that waits for somebody. Before the shards have told there
 * may be anything. */
static uint64_t s_free(workers_t *self)
{
    if (!shards_known(self->shards))
        return UINT64_MAX;
    return lease_table_free(self->shards->leases) + training_evaluation_waits(self->training);
}

static bool s_works(const workers_t *self, const region_actor_t *worker)
{
    return lease_table_leased(self->shards->leases, worker->index)->count > 0 ||
           training_evaluates(self->training, worker->index);
}

static void s_dismiss(workers_t *self, region_actor_t *worker, int64_t now_us)
{
    worker->wanted = false;
    worker->worker.idle_us = 0;
    worker->worker.decided_us = 0;
    worker->retire_us = now_us;
    lease_table_retire(self->shards->leases, worker->index);
}

static void s_want_one(region_actor_t *worker, size_t home, int64_t now_us)
{
    worker->wanted = true;
    worker->ran = false; /* a start on demand is no restart */
    worker->worker.home = home;
    worker->worker.idle_us = 0;
    worker->worker.decided_us = 0; /* until it is its turn */
    worker->next_us = now_us;
    backoff_reset(&worker->trouble.pause);
}

/* Whoever has had nothing for a while ends; `free_p` is what is left for those who do not run. */
static void s_end_idle(workers_t *self, uint64_t *free_p, int64_t now_us)
{
    for (size_t index = 0; index < self->actors->count; index++) {
        region_actor_t *worker = &self->actors->list[index];
        if (worker->role != ROLE_WORKER || !worker->wanted)
            continue;
        bool busy = s_works(self, worker);
        if (busy || *free_p) {
            *free_p -= !busy && *free_p != UINT64_MAX;
            worker->worker.idle_us = 0;
        } else if (!worker->worker.idle_us) {
            worker->worker.idle_us = now_us;
        } else if (now_us - worker->worker.idle_us >= WORKER_IDLE_US || worker->state == PLACE_NONE) {
            s_dismiss(self, worker, now_us);
        }
    }
}

/* ---- one per core ---- */

static size_t s_cores(const workers_t *self, size_t node)
{
    if (!nodes_stays(self->nodes, node))
        return 0;
    uint64_t cores = self->nodes->list[node].announce->announce.cores;
    return cores < 1 ? 1 : cores > NODE_WORKERS_MAX ? NODE_WORKERS_MAX : (size_t)cores;
}

static size_t s_workers_of(const workers_t *self, size_t node)
{
    size_t count = 0;
    for (size_t index = 0; index < self->actors->count; index++)
        count += self->actors->list[index].role == ROLE_WORKER && self->actors->list[index].wanted &&
                 self->actors->list[index].worker.home == node;
    return count;
}

/* Workers whose node is gone, or leaves, are not needed: those of the nodes that are there do their work. */
static void s_end_homeless(workers_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->actors->count; index++) {
        region_actor_t *worker = &self->actors->list[index];
        if (worker->role != ROLE_WORKER || !worker->wanted)
            continue;
        if (worker->worker.home == NOWHERE)
            worker->worker.home = worker->node; /* adopted */
        if (!nodes_stays(self->nodes, worker->worker.home) ||
            s_workers_of(self, worker->worker.home) > s_cores(self, worker->worker.home))
            s_dismiss(self, worker, now_us);
    }
}

/* A worker for each core that has none, while there is something to do. */
static void s_add_workers(workers_t *self, uint64_t left, int64_t now_us)
{
    for (size_t node = 0; node < self->nodes->count; node++) {
        size_t cores = s_cores(self, node);
        for (size_t have = cores ? s_workers_of(self, node) : 0; have < cores && left; have++) {
            region_actor_t *worker = s_free_number(self);
            if (!worker)
                return;
            s_want_one(worker, node, now_us);
            left -= left != UINT64_MAX;
        }
    }
}

/* As many as the plan says. */
static void s_add_planned(workers_t *self, uint64_t left, int64_t now_us)
{
    for (size_t index = 0; index < self->actors->count && left; index++) {
        region_actor_t *worker = &self->actors->list[index];
        if (worker->role != ROLE_WORKER || worker->wanted || worker->state != PLACE_NONE)
            continue;
        s_want_one(worker, NOWHERE, now_us);
        left -= left != UINT64_MAX;
    }
}

/* ---- ending in order ---- */

/* One that is not wanted any more, or whose node leaves: it finishes what it is at, and its node tells. */
static void s_retire(workers_t *self, region_actor_t *worker, int64_t now_us)
{
    bool leaves = worker->state != PLACE_NONE && nodes_leaves(self->nodes, worker->node);
    if (worker->state == PLACE_NONE || (worker->wanted && !leaves) || now_us < worker->retire_us)
        return;
    lease_table_retire(self->shards->leases, worker->index);
    actors_retire_actor(self->actors, worker, now_us);
}

void workers_tick(workers_t *self, int64_t now_us)
{
    if (now_us < self->actors->workers_us)
        return;
    self->actors->workers_us = now_us + WORKERS_EVERY_US;
    uint64_t left = s_free(self);
    if (self->actors->elastic)
        s_end_homeless(self, now_us);
    s_end_idle(self, &left, now_us);
    if (self->actors->elastic)
        s_add_workers(self, left, now_us);
    else
        s_add_planned(self, left, now_us);
    for (size_t index = 0; index < self->actors->count; index++)
        if (self->actors->list[index].role == ROLE_WORKER)
            s_retire(self, &self->actors->list[index], now_us);
}

/* ---- where ---- */

bool workers_may_start(const workers_t *self, const region_actor_t *worker)
{
    return worker->worker.home == NOWHERE || nodes_stays(self->nodes, worker->worker.home);
}

size_t workers_home(const workers_t *self, const region_actor_t *worker)
{
    return worker->worker.home != NOWHERE ? worker->worker.home : actors_least_loaded(self->actors);
}

/* ---- figures ---- */

static void s_note_start(workers_t *self, region_actor_t *worker, int64_t begun_us)
{
    int64_t took_us = worker->worker.ready_us - worker->worker.decided_us + begun_us;
    worker->worker.decided_us = 0;
    self->starts[self->start_count++ % WORKERS_STARTS_MAX] = took_us;
    if (took_us > self->start_worst_us)
        self->start_worst_us = took_us;
}

static void s_note_join(workers_t *self, region_node_t *node, int64_t now_us)
{
    if (node->trained_us)
        return;
    node->trained_us = now_us;
    if (!node->joins)
        return;
    int64_t took_us = node->age_us + now_us - node->came_us;
    self->join_count++;
    if (took_us > self->join_worst_us)
        self->join_worst_us = took_us;
}

void workers_told(workers_t *self, const message_t *want, region_actor_t *worker, int64_t now_us)
{
    if (worker->worker.decided_us && worker->worker.ready_us >= worker->worker.decided_us &&
        want->lease_want.begun_us > 0)
        s_note_start(self, worker, want->lease_want.begun_us);
    if (want->lease_want.done)
        s_note_join(self, &self->nodes->list[worker->node], now_us);
}

static int s_by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int64_t s_start_median_us(const workers_t *self)
{
    int64_t starts[WORKERS_STARTS_MAX];
    size_t count = self->start_count < WORKERS_STARTS_MAX ? self->start_count : WORKERS_STARTS_MAX;
    memcpy(starts, self->starts, sizeof starts);
    qsort(starts, count, sizeof *starts, s_by_value);
    return count ? starts[count / 2] : 0;
}

void workers_report(const workers_t *self, message_t *report)
{
    report->region_report.worker_start_us = self->start_worst_us;
    report->region_report.worker_start_median_us = s_start_median_us(self);
    report->region_report.worker_starts = self->start_count;
    report->region_report.join_us = self->join_worst_us;
    report->region_report.joins = self->join_count;
}
