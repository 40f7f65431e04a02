#include "actors/scheduler/region_state.h"

#include "codec/base/failpoint.h"

#include <stdlib.h>
#include <string.h>

/* ---- nodes
 * ---------------------------------------------------------------------------------------------------- */

region_node_t *region_node_find(region_core_t *self, const char *name)
{
    for (size_t index = 0; index < self->node_count; index++)
        if (!strcmp(self->nodes[index].name, name))
            return &self->nodes[index];
    return NULL;
}

static bool s_is_node_name(const region_core_t *self, const char *name)
{
    char prefix[WIRE_NAME_SIZE];
    int length = snprintf(prefix, sizeof prefix, "node/%s/", self->region->name);
    return !strncmp(name, prefix, (size_t)length) && name[length];
}

/* The job follows from the topology and the size of the data set, which the first node tells. */
err_code_t region_derive(region_core_t *self, uint64_t samples, err_t *err)
{
    if (self->job_known && samples != self->samples_announced)
        return err_set(err, ERR_JOB,
                       "the data set has %llu samples, other nodes have %llu; use the same data set",
                       (unsigned long long)samples, (unsigned long long)self->samples_announced);
    if (self->job_known)
        return ERR_OK;
    err_code_t code = job_derive(self->spec.topology, samples, &self->job, err);
    if (code)
        return code;
    self->job_known = true;
    self->samples_announced = samples;
    self->share = &self->job.regions[self->spec.region_index];
    return ERR_OK;
}

static bool s_held_well_formed(const message_t *message)
{
    return message->announce.held_shards.count == message->announce.held_incarnations.count &&
           message->announce.held_shards.count == message->announce.held_numbers.count;
}

static err_code_t s_check_announce(region_core_t *self, const message_t *message, err_t *err)
{
    if (strcmp(message->announce.digest, self->digest))
        return err_set(err, ERR_JOB, "this node has another topology; start it with the topology of the job");
    if (!s_held_well_formed(message))
        return err_set(err, ERR_MALFORMED, "the lists of held shards differ in length");
    return region_derive(self, message->announce.samples, err);
}

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
    message_destroy(&actor->status);
    if (actor->role == ROLE_WORKER)
        region_worker_lost(self, actor->index);
}

static void s_node_emptied(region_core_t *self, const region_node_t *node, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->actors[index].node == (size_t)(node - self->nodes))
            region_actor_ended(self, &self->actors[index], now_us);
}

static region_node_t *s_add_node(region_core_t *self, const message_t *message, int64_t now_us)
{
    if (self->node_count == NODES_MAX)
        return NULL;
    region_node_t *node = &self->nodes[self->node_count++];
    message_set_name(node->name, message->from);
    node->joined_us = now_us;
    self->newest_node_us = now_us;
    return node;
}

/* A node that runs what a predecessor placed may never be told anything else: it must hear of this scheduler, or it would
 * do what one that was taken for dead goes on to ask for. */
static void s_make_known(region_core_t *self, const message_t *announce)
{
    if (announce->announce.scheduler >= self->spec.term << 32 || self->decisions_kept < self->term_decision)
        return;
    message_t *ack = message_new(KIND_report_ack, announce->from, self->name);
    region_send(self, &ack);
}

void region_take_announce(region_core_t *self, const message_t *message, int64_t now_us)
{
    err_t err = {0};
    if (!s_is_node_name(self, message->from))
        return;
    if (s_check_announce(self, message, &err)) {
        region_refuse(self, message, err.code, err.text);
        return;
    }
    region_node_t *node = region_node_find(self, message->from);
    if (!node) {
        node = s_add_node(self, message, now_us);
        if (!node) {
            region_refuse(self, message, ERR_LIMIT, "the region has too many nodes");
            return;
        }
    } else if (message->incarnation < node->announce->incarnation) {
        return; /* of a process that was replaced */
    } else if (message->incarnation > node->announce->incarnation ||
               node->announce->announce.pid != message->announce.pid) {
        s_node_emptied(self, node, now_us);
        node->stopped = false;
    }
    if (node->lost) {
        node->lost = false;
        node->joined_us = now_us;
    }
    node->seen_us = now_us;
    message_destroy(&node->announce);
    node->announce = message_dup(message);
    region_keep_joined(self, (size_t)(node - self->nodes));
    region_check_fence(self, message);
    region_known_heard(self, message, now_us);
    s_make_known(self, message);
}

void region_node_left(region_core_t *self, region_node_t *node, int64_t now_us)
{
    if (node->lost)
        return;
    node->lost = true;
    node->rented_us += node->seen_us - node->joined_us;
    s_node_emptied(self, node, now_us);
}

/* Silence is counted while this scheduler listens: after it was held up itself, what the others sent meanwhile
 * is still to be read. */
bool region_is_silent(const region_core_t *self, int64_t seen_us, int64_t silence_us, int64_t now_us)
{
    int64_t from_us = seen_us > self->listens_us ? seen_us : self->listens_us;
    return now_us - from_us >= silence_us;
}

static void s_lose_nodes(region_core_t *self, int64_t now_us)
{
    int64_t silence_us = self->stopping ? SILENCE_STOPPING_US : SILENCE_US;
    for (size_t index = 0; index < self->node_count; index++) {
        region_node_t *node = &self->nodes[index];
        if (!node->stopped && region_is_silent(self, node->seen_us, silence_us, now_us))
            region_node_left(self, node, now_us);
    }
}

/* Every actor that runs tells its status at least once a second. One that does not has died without a word that
 * arrived, or hangs; either way it is placed again. Its node ends what may be left of it before it starts the
 * successor, and where that cannot be done the incarnation keeps it from acting. */
static void s_lose_actors(region_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++) {
        region_actor_t *actor = &self->actors[index];
        if (actor->state == PLACE_READY && region_is_silent(self, actor->seen_us, SILENCE_US, now_us))
            region_actor_ended(self, actor, now_us);
    }
}

void region_lose_silent(region_core_t *self, int64_t now_us)
{
    if (now_us - self->advanced_us > HELD_UP_US)
        self->listens_us = now_us;
    self->advanced_us = now_us;
    s_lose_nodes(self, now_us);
    if (!self->stopping)
        s_lose_actors(self, now_us);
}

int64_t region_rented_us(const region_core_t *self, int64_t now_us)
{
    int64_t sum = self->rented_before_us;
    for (size_t index = 0; index < self->node_count; index++) {
        const region_node_t *node = &self->nodes[index];
        sum += node->rented_us;
        if (!node->lost)
            sum += now_us - node->joined_us;
    }
    return sum;
}

/* ---- the plan
 * ------------------------------------------------------------------------------------------------- */

static region_actor_t *s_add_actor(region_core_t *self, region_role_t role, const char *prefix, size_t index)
{
    region_actor_t *actor = &self->actors[self->actor_count++];
    *actor = (region_actor_t){.role = role, .index = index, .node = NOWHERE, .since_us = self->started_us};
    char name[2 * WIRE_NAME_SIZE];
    snprintf(name, sizeof name, "%s/%s/%zu", prefix, self->region->name, index);
    message_set_name(actor->name, name);
    return actor;
}

void region_set_plan(region_core_t *self, size_t workers)
{
    self->plan_taken = true;
    self->shard_count = self->region->shards;
    self->synchronizer_count = self->spec.topology->region_count > 1 ? self->shard_count : 0;
    self->worker_count = workers;
}

/* Numbers of actors follow the plan until the first of them is placed; then the plan's number alone is noted.
 */
void region_take_plan(region_core_t *self, const message_t *message)
{
    if (message->plan.plan <= self->plan)
        return;
    if (message->plan.shards != self->region->shards || message->plan.workers < 1 ||
        message->plan.workers > WORKERS_MAX) {
        region_refuse(self, message, ERR_CONFIG,
                      "the plan does not fit the topology; start all with the same one");
        return;
    }
    self->plan = message->plan.plan;
    region_decide(self);
    if (!self->actors)
        region_set_plan(self, message->plan.workers);
}

static bool s_nodes_settled(const region_core_t *self, int64_t now_us)
{
    size_t living = 0;
    for (size_t index = 0; index < self->node_count; index++)
        living += !self->nodes[index].lost;
    if (!living || !self->job_known)
        return false;
    return living >= self->spec.nodes_expected || now_us - self->newest_node_us >= self->spec.settle_us;
}

void region_add_actors(region_core_t *self)
{
    size_t count = self->shard_count + self->synchronizer_count + self->worker_count;
    self->actors = calloc(count, sizeof *self->actors);
    CHECK(self->actors);
    for (size_t index = 0; index < self->shard_count; index++)
        s_add_actor(self, ROLE_SHARD, "shard", index);
    for (size_t index = 0; index < self->synchronizer_count; index++)
        s_add_actor(self, ROLE_SYNCHRONIZER, "synchronizer", index);
    for (size_t index = 0; index < self->worker_count; index++)
        s_add_actor(self, ROLE_WORKER, "worker", index);
    region_train_start(self);
    region_keep_start(self);
}

static bool s_begin(region_core_t *self, int64_t now_us)
{
    if (self->actors)
        return true;
    if (!self->plan_taken && now_us - self->started_us >= PLAN_PATIENCE_US)
        region_set_plan(self, self->region->workers);
    if (!self->plan_taken || !s_nodes_settled(self, now_us))
        return false;
    region_add_actors(self);
    return true;
}

/* ---- where
 * ---------------------------------------------------------------------------------------------------- */

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
        if (self->nodes[index].lost || self->nodes[index].stopped)
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

static bool s_alive(const region_core_t *self, size_t node)
{
    return node != NOWHERE && !self->nodes[node].lost && !self->nodes[node].stopped;
}

/* A shard goes where its snapshots are. One whose node is gone waits for it as long as a region may be away,
 * since a start from nothing is a loss. */
static size_t s_shard_home(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    if (self->spec.topology->checkpoint.replicas)
        return region_keep_home(self, actor, now_us);
    if (actor->ran && s_alive(self, actor->node))
        return actor->node;
    size_t holder = s_newest_holder(self, actor->index);
    if (holder != NOWHERE)
        return holder;
    const region_shard_t *shard = &self->shards[actor->index];
    bool stored =
        shard->newest_incarnation || (shard->progress && shard->progress->progress.durable.count > 0);
    if (stored && now_us - actor->since_us < self->spec.topology->job.sync.away_after_us)
        return NOWHERE;
    return region_least_loaded(self);
}

static size_t s_home(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    if (actor->role == ROLE_SHARD)
        return s_shard_home(self, actor, now_us);
    if (actor->role == ROLE_KEEPER)
        return region_keeper_home(self, actor);
    if (actor->role == ROLE_SYNCHRONIZER) {
        size_t node = self->actors[actor->index].node;
        return s_alive(self, node) ? node : NOWHERE;
    }
    return region_least_loaded(self);
}

/* ---- placing
 * -------------------------------------------------------------------------------------------------- */

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

static void s_ask(region_core_t *self, region_actor_t *actor, int64_t now_us)
{
    message_t *place = message_new(KIND_place, self->nodes[actor->node].name, self->name);
    message_set_name(place->place.actor, actor->name);
    place->place.incarnation = actor->incarnation;
    if (actor->role == ROLE_SHARD) {
        place->place.newest_incarnation = self->shards[actor->index].newest_incarnation;
        place->place.newest_number = self->shards[actor->index].newest_number;
    }
    region_send(self, &place);
    actor->next_us = now_us + REPEAT_EVERY_US;
}

static void s_place_actor(region_core_t *self, region_actor_t *actor, int64_t now_us)
{
    if (actor->state == PLACE_READY || now_us < actor->next_us || !s_turn(self, actor->role))
        return;
    if (actor->state == PLACE_NONE) {
        size_t node = s_home(self, actor, now_us);
        if (node == NOWHERE) {
            actor->next_us = now_us + REPEAT_EVERY_US;
            return;
        }
        actor->node = node;
        actor->state = PLACE_ASKED;
        actor->since_us = now_us;
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

void region_place(region_core_t *self, int64_t now_us)
{
    if (!s_begin(self, now_us) || !s_may_settle(self, now_us) || !region_settle(self, now_us))
        return;
    region_ask_workers(self, now_us);
    for (size_t index = 0; index < self->actor_count; index++)
        s_place_actor(self, &self->actors[index], now_us);
}

static void s_start_failed(region_core_t *self, region_actor_t *actor, const message_t *message,
                           int64_t now_us)
{
    const char *reason = message->placed.reason ? message->placed.reason : err_meaning(message->placed.code);
    region_actor_ended(self, actor, now_us);
    if (++actor->failures > REPLACEMENTS_MAX)
        region_fail(self, (err_code_t)message->placed.code, "%s does not start: %s", actor->name, reason);
}

void region_take_placed(region_core_t *self, const message_t *message, int64_t now_us)
{
    region_node_t *node = region_node_find(self, message->from);
    if (!node)
        return;
    node->seen_us = now_us;
    region_actor_t *actor = region_actor_named(self, message->placed.actor);
    if (!actor)
        return;
    if (!message->placed.code &&
        region_adopt(self, actor, (size_t)(node - self->nodes), message->placed.incarnation, now_us))
        return;
    if (message->placed.code && actor->state == PLACE_NONE &&
        message->placed.incarnation > actor->incarnation &&
        message->placed.incarnation >> 32 < self->spec.term) {
        region_keep_found(self, actor, (size_t)(node - self->nodes));
        actor->incarnation = message->placed.incarnation; /* ended under a predecessor: not to be adopted */
    }
    if (actor->incarnation != message->placed.incarnation || actor->state == PLACE_NONE ||
        actor->node != (size_t)(node - self->nodes))
        return;
    if (message->placed.code) {
        if (actor->state == PLACE_READY)
            region_actor_ended(self, actor, now_us);
        else
            s_start_failed(self, actor, message, now_us);
    } else if (actor->state != PLACE_READY) {
        actor->state = PLACE_READY;
        self->restarts += actor->ran;
        actor->ran = true;
        actor->failures = 0;
        actor->since_us = actor->seen_us = now_us;
        if (actor->role == ROLE_WORKER)
            lease_table_start(self->leases, actor->index, actor->incarnation);
    }
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
    return actor->state != PLACE_READY &&
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
        if (self->actors[index].state != PLACE_READY && s_turn(self, self->actors[index].role) &&
            self->actors[index].next_us < due)
            due = self->actors[index].next_us;
    return due;
}

const char *region_place_waits_for(const region_core_t *self)
{
    if (!self->actors)
        return !self->plan_taken ? "scheduler/global" : "nodes";
    if (!self->settled)
        return region_adopt_waits_for(self);
    for (size_t index = 0; index < self->actor_count; index++)
        if (s_missing(self, &self->actors[index]))
            return region_keep_waits_for(self, &self->actors[index]);
    return "";
}
