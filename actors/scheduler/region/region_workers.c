/* How many workers there are: as many as the plan says, or one for each core of the nodes that are there; and none for which
 * there is nothing to do. */
#include "actors/scheduler/region/region_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

region_actor_t *region_worker_add(region_core_t *self)
{
    if (self->worker_count == WORKERS_MAX)
        return NULL;
    char number[24];
    size_t index = self->worker_count++;
    snprintf(number, sizeof number, "%zu", index);
    region_actor_t *worker = region_actor_add(self, ROLE_WORKER, index, number);
    worker->wanted = false;
    self->losses = realloc(self->losses, self->worker_count * sizeof *self->losses);
    CHECK(self->losses);
    self->losses[index] = (region_loss_t){0};
    lease_table_grow(self->leases, self->worker_count);
    return worker;
}

/* A number that nobody has, or had a moment ago. */
static region_actor_t *s_free_number(region_core_t *self)
{
    for (size_t index = 0; index < self->actor_count; index++) {
        region_actor_t *actor = &self->actors[index];
        if (actor->role == ROLE_WORKER && !actor->wanted && actor->state == PLACE_NONE)
            return actor;
    }
    return region_worker_add(self);
}

/* ---- what there is to do ---- */

/* Batches that nobody works on, and an evaluation that waits for somebody. Before the shards have told there may be anything. */
static uint64_t s_free(region_core_t *self)
{
    if (!region_shards_known(self))
        return UINT64_MAX;
    return lease_table_free(self->leases) + (self->evaluation.pending && !self->evaluation.granted);
}

static bool s_works(const region_core_t *self, const region_actor_t *worker)
{
    return lease_table_leased(self->leases, worker->index)->count > 0 ||
           (self->evaluation.granted && self->evaluation.worker == worker->index);
}

static void s_dismiss(region_core_t *self, region_actor_t *worker, int64_t now_us)
{
    worker->wanted = false;
    worker->idle_us = 0;
    worker->decided_us = 0;
    worker->retire_us = now_us;
    lease_table_retire(self->leases, worker->index);
}

static void s_want_one(region_actor_t *worker, size_t home, int64_t now_us)
{
    worker->wanted = true;
    worker->ran = false; /* a start on demand is no restart */
    worker->home = home;
    worker->idle_us = 0;
    worker->decided_us = 0; /* until it is its turn */
    worker->next_us = now_us;
    worker->pause_us = 0;
}

/* Whoever has had nothing for a while ends; `free_p` is what is left for those who do not run. */
static void s_end_idle(region_core_t *self, uint64_t *free_p, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++) {
        region_actor_t *worker = &self->actors[index];
        if (worker->role != ROLE_WORKER || !worker->wanted)
            continue;
        bool busy = s_works(self, worker);
        if (busy || *free_p) {
            *free_p -= !busy && *free_p != UINT64_MAX;
            worker->idle_us = 0;
        } else if (!worker->idle_us) {
            worker->idle_us = now_us;
        } else if (now_us - worker->idle_us >= WORKER_IDLE_US || worker->state == PLACE_NONE) {
            s_dismiss(self, worker, now_us);
        }
    }
}

/* ---- one per core ---- */

static size_t s_cores(const region_core_t *self, size_t node)
{
    if (!region_node_stays(self, node))
        return 0;
    uint64_t cores = self->nodes[node].announce->announce.cores;
    return cores < 1 ? 1 : cores > NODE_WORKERS_MAX ? NODE_WORKERS_MAX : (size_t)cores;
}

static size_t s_workers_of(const region_core_t *self, size_t node)
{
    size_t count = 0;
    for (size_t index = 0; index < self->actor_count; index++)
        count += self->actors[index].role == ROLE_WORKER && self->actors[index].wanted &&
                 self->actors[index].home == node;
    return count;
}

/* Workers whose node is gone, or leaves, are not needed: those of the nodes that are there do their work. */
static void s_end_homeless(region_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++) {
        region_actor_t *worker = &self->actors[index];
        if (worker->role != ROLE_WORKER || !worker->wanted)
            continue;
        if (worker->home == NOWHERE)
            worker->home = worker->node; /* adopted */
        if (!region_node_stays(self, worker->home) ||
            s_workers_of(self, worker->home) > s_cores(self, worker->home))
            s_dismiss(self, worker, now_us);
    }
}

/* A worker for each core that has none, while there is something to do. */
static void s_add(region_core_t *self, uint64_t left, int64_t now_us)
{
    for (size_t node = 0; node < self->node_count; node++) {
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
static void s_add_planned(region_core_t *self, uint64_t left, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count && left; index++) {
        region_actor_t *worker = &self->actors[index];
        if (worker->role != ROLE_WORKER || worker->wanted || worker->state != PLACE_NONE)
            continue;
        s_want_one(worker, NOWHERE, now_us);
        left -= left != UINT64_MAX;
    }
}

/* ---- ending in order ---- */

/* One that is not wanted any more, or whose node leaves: it finishes what it is at, and its node tells. */
static void s_retire(region_core_t *self, region_actor_t *worker, int64_t now_us)
{
    bool leaves = worker->state != PLACE_NONE && region_node_leaves(self, worker->node);
    if (worker->state == PLACE_NONE || (worker->wanted && !leaves) || now_us < worker->retire_us)
        return;
    lease_table_retire(self->leases, worker->index);
    region_actor_retire(self, worker, now_us);
}

void region_workers(region_core_t *self, int64_t now_us)
{
    if (now_us < self->workers_us)
        return;
    self->workers_us = now_us + WORKERS_EVERY_US;
    uint64_t left = s_free(self);
    if (self->elastic)
        s_end_homeless(self, now_us);
    s_end_idle(self, &left, now_us);
    if (self->elastic)
        s_add(self, left, now_us);
    else
        s_add_planned(self, left, now_us);
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->actors[index].role == ROLE_WORKER)
            s_retire(self, &self->actors[index], now_us);
}

/* ---- where ---- */

bool region_worker_may_start(const region_core_t *self, const region_actor_t *worker)
{
    return worker->home == NOWHERE || region_node_stays(self, worker->home);
}

size_t region_worker_home(const region_core_t *self, const region_actor_t *worker)
{
    return worker->home != NOWHERE ? worker->home : region_least_loaded(self);
}

/* ---- figures ---- */

static void s_note_start(region_core_t *self, region_actor_t *worker, int64_t begun_us)
{
    int64_t took_us = worker->ready_us - worker->decided_us + begun_us;
    worker->decided_us = 0;
    self->worker_starts[self->worker_start_count++ % REGION_STARTS_MAX] = took_us;
    if (took_us > self->worker_start_worst_us)
        self->worker_start_worst_us = took_us;
}

static void s_note_join(region_core_t *self, region_node_t *node, int64_t now_us)
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

void region_worker_told(region_core_t *self, const message_t *want, region_actor_t *worker, int64_t now_us)
{
    if (worker->decided_us && worker->ready_us >= worker->decided_us && want->lease_want.begun_us > 0)
        s_note_start(self, worker, want->lease_want.begun_us);
    if (want->lease_want.done)
        s_note_join(self, &self->nodes[worker->node], now_us);
}

static int s_by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

int64_t region_worker_start_median_us(const region_core_t *self)
{
    int64_t starts[REGION_STARTS_MAX];
    size_t count =
        self->worker_start_count < REGION_STARTS_MAX ? self->worker_start_count : REGION_STARTS_MAX;
    memcpy(starts, self->worker_starts, sizeof starts);
    qsort(starts, count, sizeof *starts, s_by_value);
    return count ? starts[count / 2] : 0;
}
