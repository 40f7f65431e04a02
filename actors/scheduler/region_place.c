#include "actors/scheduler/region_state.h"

#include "codec/base/failpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void region_actor_ended(region_core_t *self, region_actor_t *actor, int64_t now_us)
{
    if (actor->state == PLACE_NONE)
        return;
    if (actor->state == PLACE_READY && now_us - actor->since_us >= PAUSE_FORGOTTEN_US)
        actor->pause_us = 0;
    actor->state = PLACE_NONE;
    actor->since_us = now_us;
    actor->next_us = now_us + actor->pause_us;
    actor->pause_us = actor->pause_us ? 2 * actor->pause_us : PAUSE_FIRST_US;
    if (actor->pause_us > PAUSE_MOST_US)
        actor->pause_us = PAUSE_MOST_US;
    actor->retire_us = 0;
    actor->decided_us = 0;
    message_destroy(&actor->status);
    if (actor->role != ROLE_WORKER)
        return;
    region_worker_lost(self, actor->index);
    self->workers_us = now_us;
}

/* ---- the plan ---- */

region_actor_t *region_actor_add(region_core_t *self, region_role_t role, size_t index, const char *rest)
{
    static const char *const prefixes[] = {[ROLE_SHARD] = "shard",
                                           [ROLE_SYNCHRONIZER] = "synchronizer",
                                           [ROLE_WORKER] = "worker",
                                           [ROLE_KEEPER] = "keeper"};
    self->actors = realloc(self->actors, (self->actor_count + 1) * sizeof *self->actors);
    CHECK(self->actors);
    region_actor_t *actor = &self->actors[self->actor_count++];
    *actor = (region_actor_t){.role = role,
                              .index = index,
                              .node = NOWHERE,
                              .since_us = self->started_us,
                              .wanted = true,
                              .home = NOWHERE,
                              .ran_node = NOWHERE,
                              .former.node = NOWHERE};
    char name[3 * WIRE_NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s/%s", prefixes[role], self->region->name, rest);
    message_set_name(actor->name, name);
    return actor;
}

static void s_add_numbered(region_core_t *self, region_role_t role, size_t count)
{
    char number[24];
    for (size_t index = 0; index < count; index++) {
        snprintf(number, sizeof number, "%zu", index);
        region_actor_add(self, role, index, number);
    }
}

void region_set_plan(region_core_t *self, size_t workers, bool elastic)
{
    self->plan_taken = true;
    self->elastic = elastic;
    self->shard_count = self->region->shards;
    self->synchronizer_count = self->spec.topology->region_count > 1 ? self->shard_count : 0;
    self->worker_count = workers;
}

/* Numbers of actors follow the plan until the first of them is placed; then the plan's number alone is noted.
 */
void region_take_plan(region_core_t *self, const message_t *message, int64_t now_us)
{
    if (!region_run_join(self, message, now_us) || message->plan.plan <= self->plan)
        return;
    bool elastic = message->plan.workers == 0;
    if (message->plan.shards != self->region->shards || message->plan.workers > WORKERS_MAX ||
        (elastic && self->spec.topology->job.sync.inside != INSIDE_ASYNC)) {
        region_refuse(self, message, ERR_CONFIG,
                      "the plan does not fit the topology; start all with the same one");
        return;
    }
    self->plan = message->plan.plan;
    region_units_plan(self, message, now_us);
    region_decide(self);
    if (!self->actors)
        region_set_plan(self, message->plan.workers, elastic);
}

static bool s_nodes_settled(const region_core_t *self, int64_t now_us)
{
    size_t living = region_nodes_staying(self);
    if (!living || !self->job_known)
        return false;
    size_t rented = region_units_expected(self);
    size_t expected = rented == SIZE_MAX ? self->spec.nodes_expected : rented;
    return living >= expected || now_us - self->newest_node_us >= self->spec.settle_us;
}

void region_add_actors(region_core_t *self)
{
    s_add_numbered(self, ROLE_SHARD, self->shard_count);
    s_add_numbered(self, ROLE_SYNCHRONIZER, self->synchronizer_count);
    s_add_numbered(self, ROLE_WORKER, self->worker_count);
    for (size_t index = 0; self->elastic && index < self->actor_count; index++)
        self->actors[index].wanted = self->actors[index].role != ROLE_WORKER;
    region_train_start(self);
    region_keep_start(self);
}

static bool s_begin(region_core_t *self, int64_t now_us)
{
    if (self->actors)
        return true;
    /* else nobody but the global scheduler knows what to rent */
    bool alone = self->run != RUN_ID_NONE && !self->spec.topology->plan.apply;
    if (alone && !self->plan_taken && now_us - self->started_us >= PLAN_PATIENCE_US)
        region_set_plan(self, self->region->workers, self->region->workers == 0);
    if (!self->plan_taken || !s_nodes_settled(self, now_us))
        return false;
    region_add_actors(self);
    return true;
}

/* ---- where ---- */

/* Actors per core, if one more came; synchronizers and keepers move bytes and count for nothing. */
static double s_load(const region_core_t *self, size_t node)
{
    uint64_t cores = self->nodes[node].announce->announce.cores;
    double load = 1;
    for (size_t index = 0; index < self->actor_count; index++)
        load += self->actors[index].node == node && self->actors[index].state != PLACE_NONE &&
                self->actors[index].role != ROLE_SYNCHRONIZER && self->actors[index].role != ROLE_KEEPER;
    return load / (double)(cores ? cores : 1);
}

/* Ties go by name, so that the order of arrival does not matter. */
size_t region_least_loaded(const region_core_t *self)
{
    size_t best = NOWHERE;
    double least = 0;
    for (size_t index = 0; index < self->node_count; index++) {
        if (!region_node_stays(self, index))
            continue;
        double load = s_load(self, index);
        if (best == NOWHERE || load < least ||
            (load <= least && strcmp(self->nodes[index].name, self->nodes[best].name) < 0)) {
            best = index;
            least = load;
        }
    }
    return best;
}

static size_t s_newest_holder(const region_core_t *self, size_t shard)
{
    size_t best = NOWHERE;
    uint64_t incarnation = 0, number = 0;
    for (size_t index = 0; index < self->node_count; index++) {
        const message_t *announce = self->nodes[index].announce;
        for (size_t held = 0; !self->nodes[index].lost && held < announce->announce.held_shards.count;
             held++) {
            uint64_t its_incarnation = announce->announce.held_incarnations.items[held];
            uint64_t its_number = announce->announce.held_numbers.items[held];
            if (announce->announce.held_shards.items[held] != shard)
                continue;
            if (best != NOWHERE &&
                (its_incarnation < incarnation || (its_incarnation == incarnation && its_number <= number)))
                continue;
            best = index;
            incarnation = its_incarnation;
            number = its_number;
        }
    }
    return best;
}

/* Whether the node's disk has a snapshot of the shard that is not older. */
static bool s_has(const region_core_t *self, size_t node, size_t shard, uint64_t incarnation, uint64_t number)
{
    const message_t *announce = self->nodes[node].announce;
    for (size_t held = 0; held < announce->announce.held_shards.count; held++) {
        uint64_t its = announce->announce.held_incarnations.items[held];
        if (announce->announce.held_shards.items[held] == shard)
            return its > incarnation ||
                   (its == incarnation && announce->announce.held_numbers.items[held] >= number);
    }
    return false;
}

/* What a node has of a shard is the newest that is known, and nothing newer can be where it ran last. */
static bool s_holds_newest(const region_core_t *self, size_t node, size_t shard)
{
    const region_shard_t *newest = &self->shards[shard];
    uint64_t ran = self->actors[shard].ran_incarnation;
    return s_has(self, node, shard, newest->newest_incarnation, newest->newest_number) &&
           s_has(self, node, shard, ran, 0);
}

/* The node where a shard ran last, under this scheduler or a predecessor, if it is there; only it is sure to have had the
 * newest snapshot. A predecessor may have given it up as lost, or have let it go. */
static size_t s_ran_on(const region_core_t *self, size_t shard)
{
    for (size_t index = 0; index < self->node_count; index++)
        if (region_node_alive(self, index) &&
            region_name_hash(self->nodes[index].name) == self->shards[shard].ran_on)
            return index;
    return NOWHERE;
}

/* Where its process has gone on since the shard ran there it says what it had before that. */
static bool s_has_gone_on(const region_core_t *self, size_t node, size_t shard)
{
    return node != NOWHERE && region_process(self->nodes[node].announce) == self->shards[shard].ran_process;
}

/* The node where it ran last is there, and so is every node that this scheduler or its predecessor knew, or it has handed over
 * what it had: nothing is to come. */
static bool s_none_missing(const region_core_t *self, size_t ran_on)
{
    if (ran_on == NOWHERE)
        return false;
    for (size_t index = 0; index < self->node_count; index++)
        if (self->nodes[index].lost && !self->nodes[index].stopped)
            return false;
    return region_known_all_heard(self);
}

static void s_note_missing(region_core_t *self, const region_actor_t *actor, region_missing_state_t missing)
{
    region_keep_t *keep = &self->keeps[actor->index];
    int64_t patience_s = self->spec.topology->job.sync.away_after_us / 1000000;
    char text[2 * WIRE_NAME_SIZE];
    keep->missing_untold = missing != MISSING_NONE && (missing != keep->missing || keep->missing_untold);
    keep->missing = missing;
    snprintf(text, sizeof text, "snapshot %" PRIu64 " of %s (at most %" PRId64 " s)",
             self->shards[actor->index].newest_number, actor->name, patience_s);
    if (missing == MISSING_AWAITED)
        message_set_name(keep->waits_for, text);
}

/* A node that came back as another process tells what its disk has: less than it was known to have is a loss. */
static void s_note_wiped(region_core_t *self, const region_actor_t *actor)
{
    const region_shard_t *shard = &self->shards[actor->index];
    bool wiped = shard->newest_incarnation && shard->ran_process &&
                 !s_has_gone_on(self, actor->node, actor->index) &&
                 !s_has(self, actor->node, actor->index, shard->newest_incarnation, shard->newest_number);
    s_note_missing(self, actor, wiped ? MISSING_ACCEPTED : MISSING_NONE);
}

/* A shard goes where its snapshots are. One whose node is gone waits for it as long as a region may be away, since a start
 * from nothing, or from what it was before it moved, is a loss; not when all who could have it are there and do not. */
static size_t s_shard_home(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    if (self->keeps[actor->index].handed)
        return region_move_home(self, actor, now_us);
    if (self->spec.topology->checkpoint.replicas)
        return region_keep_home(self, actor, now_us);
    if (actor->ran && region_node_alive(self, actor->node)) {
        s_note_wiped(self, actor);
        return actor->node;
    }
    size_t ran_on = s_ran_on(self, actor->index);
    if (s_has_gone_on(self, ran_on, actor->index))
        return ran_on;
    size_t holder = s_newest_holder(self, actor->index);
    if (holder != NOWHERE && s_holds_newest(self, holder, actor->index))
        return holder;
    const region_shard_t *shard = &self->shards[actor->index];
    bool stored =
        shard->newest_incarnation || (shard->progress && shard->progress->progress.durable.count > 0);
    bool waits = stored && !s_none_missing(self, ran_on) &&
                 now_us - actor->since_us < self->spec.topology->job.sync.away_after_us;
    s_note_missing(self, actor, waits ? MISSING_AWAITED : stored ? MISSING_ACCEPTED : MISSING_NONE);
    if (waits)
        return NOWHERE;
    return holder != NOWHERE ? holder : region_least_loaded(self);
}

static size_t s_home(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    if (actor->role == ROLE_SHARD)
        return s_shard_home(self, actor, now_us);
    if (actor->role == ROLE_KEEPER)
        return region_keeper_home(self, actor);
    if (actor->role == ROLE_SYNCHRONIZER) {
        size_t node = self->actors[actor->index].node;
        return region_node_alive(self, node) ? node : NOWHERE;
    }
    return region_worker_home(self, actor);
}

/* ---- placing ---- */

static bool s_all_ran(const region_core_t *self, region_role_t role)
{
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->actors[index].role == role && !self->actors[index].ran)
            return false;
    return true;
}

/* Shards, then synchronizers, then workers: each finds those it talks to, and leases are right after a
 * resume. */
static bool s_turn(const region_core_t *self, region_role_t role)
{
    if (role == ROLE_SHARD || role == ROLE_KEEPER)
        return true;
    if (role == ROLE_SYNCHRONIZER)
        return s_all_ran(self, ROLE_SHARD);
    return s_all_ran(self, ROLE_SHARD) && s_all_ran(self, ROLE_SYNCHRONIZER) && region_shards_known(self);
}

/* What a start must not be older than. An incarnation that ran on another node, and did not hand over, may have stored
 * something there that it could not tell; where a snapshot counts only with its copies they would know. */
static void s_put_newest(const region_core_t *self, const region_actor_t *actor, message_t *place)
{
    const region_shard_t *newest = &self->shards[actor->index];
    const region_keep_t *keep = &self->keeps[actor->index];
    bool last = newest->newest_incarnation && newest->newest_incarnation == keep->handed_incarnation &&
                newest->newest_number == keep->handed_number;
    bool handed = last && (keep->handed || actor->node == actor->ran_node);
    bool exact = handed || self->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    place->place.handed = handed;
    place->place.newest_incarnation = newest->newest_incarnation;
    place->place.newest_number = newest->newest_number;
    if (exact || actor->node == actor->ran_node || actor->ran_incarnation <= newest->newest_incarnation)
        return;
    place->place.newest_incarnation = actor->ran_incarnation;
    place->place.newest_number = 0;
}

static void s_ask(region_core_t *self, region_actor_t *actor, int64_t now_us)
{
    message_t *place = message_new(KIND_place, self->nodes[actor->node].name, self->name);
    message_set_name(place->place.actor, actor->name);
    place->place.incarnation = actor->incarnation;
    place->place.run = self->run;
    if (actor->role == ROLE_SHARD)
        s_put_newest(self, actor, place);
    region_send(self, &place);
    actor->next_us = now_us + REPEAT_EVERY_US;
}

static void s_place_actor(region_core_t *self, region_actor_t *actor, int64_t now_us)
{
    if (actor->state == PLACE_READY || now_us < actor->next_us || !actor->wanted ||
        !s_turn(self, actor->role))
        return;
    if (actor->state == PLACE_NONE) {
        if (actor->role == ROLE_WORKER && !region_worker_may_start(self, actor))
            return;
        size_t node = s_home(self, actor, now_us);
        if (node == NOWHERE) {
            actor->next_us = now_us + REPEAT_EVERY_US;
            return;
        }
        actor->node = node;
        actor->state = PLACE_ASKED;
        actor->since_us = now_us;
        actor->decided_us = actor->decided_us ? actor->decided_us : now_us;
        actor->incarnation = ++self->issued;
        region_keep_placed(self, actor);
        actor->untold = false;
        FAILPOINT(scheduler_placed);
    }
    s_ask(self, actor, now_us);
}

/* The nodes of a predecessor are all there again, or as many as there are to be. */
static bool s_may_settle(const region_core_t *self, int64_t now_us)
{
    if (self->settled || (self->known_count && region_known_all_heard(self)))
        return true;
    return s_nodes_settled(self, now_us);
}

bool region_core_take_missing(region_core_t *self, region_missing_t *ret_missing)
{
    for (size_t shard = 0; self->keeps && shard < self->shard_count; shard++) {
        region_keep_t *keep = &self->keeps[shard];
        const region_actor_t *actor = &self->actors[shard];
        bool awaited = keep->missing == MISSING_AWAITED;
        if (!keep->missing_untold || (!awaited && actor->node == NOWHERE))
            continue;
        *ret_missing = (region_missing_t){.shard = actor->name,
                                          .incarnation = self->shards[shard].newest_incarnation,
                                          .number = self->shards[shard].newest_number,
                                          .awaited = awaited,
                                          .patience_us = self->spec.topology->job.sync.away_after_us,
                                          .node = awaited ? NULL : self->nodes[actor->node].name};
        keep->missing_untold = false;
        return true;
    }
    return false;
}

void region_place(region_core_t *self, int64_t now_us)
{
    if (!region_run_ready(self) || !s_begin(self, now_us) || !s_may_settle(self, now_us) ||
        !region_settle(self, now_us))
        return;
    region_ask_workers(self, now_us);
    region_balance(self, now_us);
    region_move(self, now_us);
    region_workers(self, now_us);
    for (size_t index = 0; index < self->actor_count; index++)
        s_place_actor(self, &self->actors[index], now_us);
}

void region_retire(region_core_t *self, size_t node, const char *actor, uint64_t incarnation)
{
    message_t *retire = message_new(KIND_retire, self->nodes[node].name, self->name);
    message_set_name(retire->retire.actor, actor);
    retire->retire.incarnation = incarnation;
    region_send(self, &retire);
}

/* Asked again until its node tells. A successor has to know before the node does, or it would take it for one that died. */
void region_actor_retire(region_core_t *self, region_actor_t *actor, int64_t now_us)
{
    if (!actor->moved)
        region_decide(self);
    actor->moved = true;
    actor->retire_us = now_us + REPEAT_EVERY_US;
    region_retire(self, actor->node, actor->name, actor->incarnation);
}

static void s_start_failed(region_core_t *self, region_actor_t *actor, const message_t *message,
                           int64_t now_us)
{
    const char *reason = message->placed.reason ? message->placed.reason : err_meaning(message->placed.code);
    region_actor_ended(self, actor, now_us);
    actor->lacks_room[0] = 0;
    if (message->placed.code == ERR_FULL) /* it waits, however long that is */
        snprintf(actor->lacks_room, sizeof actor->lacks_room, "disk for %s", actor->name);
    else if (++actor->failures > REPLACEMENTS_MAX)
        region_fail(self, (err_code_t)message->placed.code, "%s does not start: %s", actor->name, reason);
}

/* One that dies again and again while nothing gets done would do so for ever: that is an outcome. While others get on it is
 * tried again in growing pauses. */
static void s_died(region_core_t *self, region_actor_t *actor, const message_t *message, int64_t now_us)
{
    const char *reason = message->placed.reason ? message->placed.reason : err_meaning(message->placed.code);
    actor->deaths = actor->died_at == self->samples_most ? actor->deaths + 1 : 1;
    actor->died_at = self->samples_most;
    region_actor_ended(self, actor, now_us);
    if (actor->deaths >= DEATHS_MAX)
        region_fail(self, (err_code_t)message->placed.code,
                    "%s died %u times in a row, and nothing was done in between: %s", actor->name,
                    actor->deaths, reason);
}

/* `in_order`: who ran before it had been told to end, maybe by a predecessor. */
static void s_started(region_core_t *self, region_actor_t *actor, bool in_order, int64_t now_us)
{
    if (actor->state == PLACE_READY)
        return;
    actor->state = PLACE_READY;
    bool came_back = region_came_back(self, actor->name); /* its scheduler died with it */
    self->restarts += (actor->ran || came_back) && !actor->moved && !in_order;
    actor->ran = true;
    actor->ran_incarnation = actor->incarnation;
    actor->ran_node = actor->node;
    region_shard_ran(self, actor);
    actor->moved = false;
    actor->failures = 0;
    actor->lacks_room[0] = 0;
    actor->since_us = actor->seen_us = actor->ready_us = now_us;
    if (actor->role == ROLE_WORKER) {
        lease_table_start(self->leases, actor->index, actor->incarnation);
        lease_table_expect(self->leases, actor->index, region_worker_expected(self, actor));
    }
    if (actor->role == ROLE_SHARD)
        /* what was handed over is its own now */
        self->keeps[actor->index].handed = self->keeps[actor->index].goes = false;
}

/* One that a predecessor has added: a worker for a core, a keeper for a while. */
static region_actor_t *s_add_named(region_core_t *self, const char *name, size_t node)
{
    char prefix[WIRE_NAME_SIZE];
    int length = snprintf(prefix, sizeof prefix, "worker/%s/", self->region->name);
    unsigned long index;
    char rest;
    if (!self->actors || self->settled)
        return NULL;
    if (!strncmp(name, prefix, (size_t)length) && sscanf(name + length, "%lu%c", &index, &rest) == 1 &&
        self->elastic && index < WORKERS_MAX) {
        while (self->worker_count <= index)
            region_worker_add(self);
        return region_actor_named(self, name);
    }
    return region_keep_found_keeper(self, name, node);
}

/* Asked to by a predecessor, maybe one that woke up again: not a death. */
static void s_ended_in_order(region_core_t *self, region_actor_t *actor)
{
    actor->moved = true;
    region_came_back(self, actor->name);
}

/* A node tells of an incarnation that is not the one that counts. */
static void s_take_other(region_core_t *self, region_actor_t *actor, size_t node, const message_t *message,
                         int64_t now_us)
{
    uint64_t incarnation = message->placed.incarnation;
    bool older = incarnation >> 32 < self->spec.term;
    if (!message->placed.code && region_adopt(self, actor, node, incarnation, now_us))
        return;
    if (message->placed.code && actor->state == PLACE_NONE && incarnation > actor->incarnation && older) {
        region_keep_found(self, actor, node);
        actor->incarnation = incarnation; /* ended under a predecessor: not to be adopted */
        if (message->placed.asked)
            s_ended_in_order(self, actor);
    }
    if (message->placed.code)
        region_former_ended(self, node, actor->name, incarnation);
    else if (self->settled && incarnation <= actor->incarnation)
        /* it has a successor, or is not wanted any more */
        region_retire(self, node, actor->name, incarnation);
}

void region_take_placed(region_core_t *self, const message_t *message, int64_t now_us)
{
    region_node_t *from = region_node_find(self, message->from);
    if (!from)
        return;
    from->seen_us = now_us;
    size_t node = (size_t)(from - self->nodes);
    region_actor_t *actor = region_actor_named(self, message->placed.actor);
    if (!actor)
        actor = s_add_named(self, message->placed.actor, node);
    if (!actor)
        return;
    if (actor->incarnation != message->placed.incarnation || actor->state == PLACE_NONE ||
        actor->node != node)
        s_take_other(self, actor, node, message, now_us);
    else if (!message->placed.code)
        s_started(self, actor, message->placed.asked, now_us);
    else if (actor->state == PLACE_READY || !actor->wanted || actor->retire_us) {
        bool asked = message->placed.asked || actor->retire_us || !actor->wanted;
        if (message->placed.asked)
            s_ended_in_order(self, actor);
        if (actor->state == PLACE_READY && !asked && !self->stopping)
            s_died(self, actor, message, now_us);
        else
            region_actor_ended(self, actor, now_us);
    } else
        s_start_failed(self, actor, message, now_us);
}

/* Actors are added, and may be arranged anew: then the table is made again. */
region_actor_t *region_actor_named(region_core_t *self, const char *name)
{
    size_t index = names_find(&self->names, name);
    if (index < self->actor_count && !strcmp(self->actors[index].name, name))
        return &self->actors[index];
    if (index == SIZE_MAX && self->names.count == self->actor_count)
        return NULL;
    names_fini(&self->names);
    for (index = 0; index < self->actor_count; index++)
        names_set(&self->names, self->actors[index].name, index);
    index = names_find(&self->names, name);
    return index == SIZE_MAX ? NULL : &self->actors[index];
}

region_actor_t *region_actor_find(region_core_t *self, const message_t *message)
{
    region_actor_t *actor = region_actor_named(self, message->from);
    if (!actor || actor->incarnation != message->incarnation || actor->state == PLACE_NONE)
        return NULL;
    return actor;
}

size_t region_ready(const region_core_t *self, region_role_t role)
{
    size_t count = 0;
    for (size_t index = 0; index < self->actor_count; index++)
        count += self->actors[index].role == role && self->actors[index].state == PLACE_READY;
    return count;
}

/* A keeper of a node that is gone is missed by nobody. */
static bool s_missing(const region_core_t *self, const region_actor_t *actor)
{
    return actor->state != PLACE_READY && actor->wanted &&
           (actor->role != ROLE_KEEPER || region_keeper_home(self, actor) != NOWHERE);
}

bool region_placed(const region_core_t *self)
{
    for (size_t index = 0; index < self->actor_count; index++)
        if (s_missing(self, &self->actors[index]))
            return false;
    return self->actors != NULL;
}

int64_t region_place_due(const region_core_t *self)
{
    int64_t due = ROLE_NEVER;
    for (size_t index = 0; self->settled && !self->failure && index < self->actor_count; index++)
        if (self->actors[index].state != PLACE_READY && self->actors[index].wanted &&
            s_turn(self, self->actors[index].role) && self->actors[index].next_us < due)
            due = self->actors[index].next_us;
    if (self->settled && !self->failure && self->workers_us < due && region_shards_known(self))
        due = self->workers_us;
    return region_move_due(self) < due ? region_move_due(self) : due;
}

/* A shard that has not told what it has, before which nobody gets work; the first of them all when there is none. */
static const char *s_silent_shard(const region_core_t *self)
{
    for (size_t index = 0; index < self->shard_count; index++) {
        const message_t *progress = self->shards[index].progress;
        if (!progress || progress->incarnation < self->actors[index].incarnation)
            return self->actors[index].name;
    }
    return self->actors[0].name;
}

const char *region_place_waits_for(const region_core_t *self)
{
    if (!self->actors)
        return !self->plan_taken ? "scheduler/global" : "nodes";
    if (!self->settled)
        return region_adopt_waits_for(self);
    for (size_t index = 0; index < self->actor_count; index++) {
        const region_actor_t *actor = &self->actors[index];
        if (s_missing(self, actor))
            return s_turn(self, actor->role) ? region_keep_waits_for(self, actor) : s_silent_shard(self);
    }
    return "";
}
