/* The plan, and what is due to be placed. */
#include "actors/scheduler/region/placing/placing.h"

#include "actors/kit/timers.h"
#include "codec/base/failpoint.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>

#define PLAN_PATIENCE_US (2 * SECOND_US) /* then the topology's own numbers are the plan */

void placing_fini(placing_t *self)
{
    free(self->missing);
}

/* ---- the plan ---- */

static void s_set_plan(placing_t *self, size_t workers, bool elastic)
{
    self->plan_taken = true;
    self->actors->elastic = elastic;
    self->actors->shard_count = self->base->region->shards;
    self->actors->synchronizer_count =
        self->base->spec.topology->region_count > 1 ? self->actors->shard_count : 0;
    self->actors->worker_count = workers;
}

static bool s_fits(const placing_t *self, const message_t *plan)
{
    bool elastic = plan->plan.workers == 0;
    return plan->plan.shards == self->base->region->shards && plan->plan.workers <= WORKERS_MAX &&
           (!elastic || self->base->spec.topology->job.sync.inside == INSIDE_ASYNC);
}

void placing_take_plan(placing_t *self, const message_t *plan, int64_t now_us)
{
    if (plan->plan.plan <= self->plan)
        return;
    if (!s_fits(self, plan)) {
        core_refuse(&self->base->core, plan, ERR_CONFIG,
                    "the plan does not fit the topology; start all with the same one");
        return;
    }
    self->plan = plan->plan.plan;
    renting_plan(self->renting, plan, now_us);
    region_decide(self->base);
    if (!self->actors->list)
        s_set_plan(self, plan->plan.workers, plan->plan.workers == 0);
}

/* Those that are on each node are added where it is known that they are needed. */
static void s_add_all(actors_t *actors)
{
    const size_t counts[PLACED_COUNT] = {[PLACED_PER_SHARD] = actors->shard_count,
                                         [PLACED_BESIDE_SHARD] = actors->synchronizer_count,
                                         [PLACED_AS_NEEDED] = actors->worker_count,
                                         [PLACED_ONCE] = 1};
    for (actor_role_t role = 0; role < ROLE_NONE; role++)
        actors_add_numbered(actors, role, counts[role_row(role)->placed]);
    for (size_t index = 0; actors->elastic && index < actors->count; index++)
        actors->list[index].wanted = role_row(actors->list[index].role)->placed != PLACED_AS_NEEDED;
}

static void s_add_actors(placing_t *self)
{
    actors_t *actors = self->actors;
    s_add_all(actors);
    shards_start(self->shards);
    training_start(self->training);
    keeping_start(self->keeping);
    moving_start(self->moving);
    self->missing = calloc(actors->shard_count, sizeof *self->missing);
    CHECK(self->missing);
}

void placing_load(placing_t *self, const message_t *saved)
{
    if (!self->base->spec.topology->plan.apply) /* else the global scheduler is asked for the newest */
        self->plan = saved->region_state.plan;
    s_set_plan(self, saved->region_state.workers, saved->region_state.elastic);
    s_add_actors(self);
}

/* When the nodes that are there will do: all that are expected, or nobody new for a while. */
static int64_t s_settled_us(const placing_t *self)
{
    size_t living = nodes_staying(self->nodes);
    if (!living || !self->run->job_known)
        return ROLE_NEVER;
    size_t rented = renting_expected(self->renting);
    size_t expected = rented == SIZE_MAX ? self->base->spec.nodes_expected : rented;
    return living >= expected ? TIMER_NOW : self->nodes->newest_us + self->base->spec.settle_us;
}

/* Nobody has told a plan, and the topology's own will do; with `plan.apply` nobody but the global scheduler
 * knows what to rent. */
static int64_t s_plans_alone_us(const placing_t *self)
{
    bool alone = self->run->id != RUN_ID_NONE && !self->base->spec.topology->plan.apply;
    return alone && !self->plan_taken ? self->base->started_us + PLAN_PATIENCE_US : ROLE_NEVER;
}

static bool s_begin_placing(placing_t *self, int64_t now_us)
{
    size_t workers = self->base->region->workers;
    if (self->actors->list)
        return true;
    if (now_us >= s_plans_alone_us(self))
        s_set_plan(self, workers, workers == 0);
    if (!self->plan_taken || now_us < s_settled_us(self))
        return false;
    s_add_actors(self);
    return true;
}

/* ---- placing ---- */

/* Each finds those it talks to, and leases are right after a resume. */
static bool s_turn(const placing_t *self, actor_role_t role)
{
    bool leases = role_row(role)->placed == PLACED_AS_NEEDED;
    return actors_turn(self->actors, role) && (!leases || shards_known(self->shards));
}

/* A start must not be older than this. An incarnation that ran on another node, and did not hand over, may
 * have stored something there that it could not tell; where a snapshot counts only with its copies they would
 * know. */
static void s_put_newest(const placing_t *self, const region_actor_t *actor, message_t *place)
{
    const region_shard_t *newest = &self->shards->list[actor->index];
    bool here = actor->node == actor->newest.node;
    bool handed =
        moving_is_last(self->moving, actor->index) && (moving_has_handed(self->moving, actor->index) || here);
    bool exact = handed || self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    place->place.handed = handed;
    place->place.newest_incarnation = newest->newest_incarnation;
    place->place.newest_number = newest->newest_number;
    if (exact || here || actor->newest.incarnation <= newest->newest_incarnation)
        return;
    place->place.newest_incarnation = actor->newest.incarnation;
    place->place.newest_number = 0;
}

static void s_ask_node(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    message_t *place = core_message(&self->base->core, KIND_place, self->nodes->list[actor->node].name);
    message_set_name(place->place.actor, actor->name);
    place->place.incarnation = actor->incarnation;
    place->place.run = self->run->id;
    if (role_row(actor->role)->stores)
        s_put_newest(self, actor, place);
    core_send(&self->base->core, &place);
    actor->next_us = now_us + REPEAT_EVERY_US;
}

/* Where it goes is decided, in a new incarnation. */
static void s_decide(placing_t *self, region_actor_t *actor, size_t node, int64_t now_us)
{
    actor->node = node;
    actor->state = PLACE_ASKED;
    actor->since_us = now_us;
    actor->worker.decided_us = actor->worker.decided_us ? actor->worker.decided_us : now_us;
    actor->incarnation = region_issue(self->base);
    actor->waits_for[0] = 0;
    keeping_placed(self->keeping, actor);
    actor->worker.untold = false;
    FAILPOINT(scheduler_placed);
}

static bool s_may_place(const placing_t *self, const region_actor_t *actor, int64_t now_us)
{
    bool due = actor->state != PLACE_READY && actor->wanted && now_us >= actor->next_us;
    if (!due || !s_turn(self, actor->role))
        return false;
    bool starts = actor->state == PLACE_NONE && role_row(actor->role)->placed == PLACED_AS_NEEDED;
    return !starts || workers_may_start(self->workers, actor);
}

static void s_place_actor(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    if (!s_may_place(self, actor, now_us))
        return;
    if (actor->state == PLACE_NONE) {
        size_t node = placing_home(self, actor, now_us);
        if (node == NOWHERE) {
            actor->next_us = now_us + REPEAT_EVERY_US;
            return;
        }
        s_decide(self, actor, node, now_us);
    }
    s_ask_node(self, actor, now_us);
}

/* The nodes of a predecessor are all there again, or as many as there are to be. */
static bool s_may_settle(const placing_t *self, int64_t now_us)
{
    if (self->actors->settled || (self->adopting->known_count && adopting_all_heard(self->adopting)))
        return true;
    return now_us >= s_settled_us(self);
}

static bool s_may_begin(placing_t *self, int64_t now_us)
{
    return region_run_ready(self->run) && s_begin_placing(self, now_us) && s_may_settle(self, now_us) &&
           adopting_settle(self->adopting, now_us);
}

void placing_tick(placing_t *self, int64_t now_us)
{
    if (!s_may_begin(self, now_us))
        return;
    adopting_ask_workers(self->adopting, now_us);
    moving_balance(self->moving, now_us);
    moving_tick(self->moving, now_us);
    workers_tick(self->workers, now_us);
    for (size_t index = 0; index < self->actors->count; index++)
        s_place_actor(self, &self->actors->list[index], now_us);
}

static bool s_is_due(const placing_t *self, const region_actor_t *actor)
{
    return actor->state != PLACE_READY && actor->wanted && s_turn(self, actor->role);
}

/* Of what it waits for before it places: with a time that has passed it waits for something else. */
static int64_t s_begin_due(const placing_t *self)
{
    int64_t now_us = self->base->core.now_us, alone_us = s_plans_alone_us(self);
    int64_t settled_us = s_settled_us(self);
    return timer_first(alone_us > now_us ? alone_us : ROLE_NEVER,
                       settled_us > now_us ? settled_us : ROLE_NEVER);
}

int64_t placing_due(const placing_t *self)
{
    int64_t due = moving_due(self->moving);
    if (self->base->failure)
        return due;
    if (!self->actors->settled)
        return timer_first(due, s_begin_due(self));
    for (size_t index = 0; index < self->actors->count; index++) {
        const region_actor_t *actor = &self->actors->list[index];
        if (s_is_due(self, actor))
            due = timer_first(due, actor->next_us);
    }
    return shards_known(self->shards) ? timer_first(due, self->actors->workers_us) : due;
}

/* ---- waiting ---- */

/* A shard that has not told what it has, before which nobody gets work; the first of them all when there is
 * none. */
static const char *s_silent_shard(const placing_t *self)
{
    for (size_t index = 0; index < self->actors->shard_count; index++)
        if (!shards_progress(self->shards, index))
            return self->actors->list[index].name;
    return self->actors->list[0].name;
}

const char *placing_waits_for(const placing_t *self)
{
    if (!self->actors->list)
        return !self->plan_taken ? ACTOR_GLOBAL : "nodes";
    if (!self->actors->settled)
        return adopting_waits_for(self->adopting);
    for (size_t index = 0; index < self->actors->count; index++) {
        const region_actor_t *actor = &self->actors->list[index];
        if (actors_is_missing(self->actors, actor))
            return s_turn(self, actor->role) ? actor_waits_for(actor) : s_silent_shard(self);
    }
    return "";
}

bool placing_take_missing(placing_t *self, region_missing_t *ret_missing)
{
    for (size_t shard = 0; self->missing && shard < self->actors->shard_count; shard++) {
        shard_missing_t *missing = &self->missing[shard];
        const region_actor_t *actor = &self->actors->list[shard];
        bool awaited = missing->missing == MISSING_AWAITED;
        if (!missing->untold || (!awaited && actor->node == NOWHERE))
            continue;
        *ret_missing = (region_missing_t){.shard = actor->name,
                                          .incarnation = self->shards->list[shard].newest_incarnation,
                                          .number = self->shards->list[shard].newest_number,
                                          .awaited = awaited,
                                          .patience_us = self->base->spec.topology->job.sync.away_after_us,
                                          .node = awaited ? NULL : self->nodes->list[actor->node].name};
        missing->untold = false;
        return true;
    }
    return false;
}
