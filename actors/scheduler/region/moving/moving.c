/* Handing over, and letting go. */
#include "actors/scheduler/region/moving/moving.h"

#include "actors/kit/timers.h"

#include <stdlib.h>
#include <string.h>

#define HANDED_PATIENCE_US (10 * SECOND_US) /* for the keepers that a snapshot was handed to */

void moving_init(moving_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                 keeping_t *keeping)
{
    *self = (moving_t){.base = base, .nodes = nodes, .actors = actors, .shards = shards, .keeping = keeping};
}

void moving_start(moving_t *self)
{
    const message_t *saved = self->base->saved;
    size_t count = self->actors->shard_count;
    self->list = calloc(count, sizeof *self->list);
    CHECK(self->list);
    for (size_t shard = 0; shard < count; shard++)
        self->list[shard] = (shard_move_t){.target_node = NOWHERE, .from_node = NOWHERE};
    for (size_t shard = 0; saved && saved->region_state.handed.count == count && shard < count; shard++) {
        self->list[shard].handed_incarnation = saved->region_state.handed.items[shard].incarnation;
        self->list[shard].handed_number = saved->region_state.handed.items[shard].number;
    }
}

void moving_fini(moving_t *self)
{
    free(self->list);
}

/* ---- handing over ---- */

static bool s_is_to_go(const moving_t *self, size_t shard)
{
    const region_actor_t *actor = &self->actors->list[shard];
    return actor->state == PLACE_READY &&
           (self->list[shard].goes || (nodes_leaves(self->nodes, actor->node) && nodes_staying(self->nodes)));
}

static bool s_has_handed(const moving_t *self, size_t shard)
{
    return keeping_is_told(self->keeping, shard) && self->keeping->list[shard].keeper_count &&
           self->shards->list[shard].progress->progress.handed;
}

static bool s_is_kept_on(const moving_t *self, size_t shard, size_t node)
{
    return nodes_stays(self->nodes, node) && keeping_has(self->keeping, shard, node);
}

/* Its keepers have some copy of what it is now, and one of them is where it can go on. */
static bool s_may_stop(const moving_t *self, size_t shard)
{
    const shard_move_t *move = &self->list[shard];
    bool there = move->goes && s_is_kept_on(self, shard, move->target_node);
    for (size_t node = 0; !move->goes && !there && node < self->nodes->count; node++)
        there = s_is_kept_on(self, shard, node);
    return there && keeping_is_told(self->keeping, shard);
}

/* Its node ends what is left of it there; whether that is heard does not matter, as its successor is
 * newer. */
static void s_succeed(moving_t *self, region_actor_t *actor, int64_t now_us)
{
    actor->former.node = actor->node;
    actor->former.incarnation = actor->incarnation;
    actor->former.next_us = now_us;
    backoff_reset(&actor->trouble.pause);
    actor->moved = true;
    actors_end(self->actors, actor, now_us);
    actor->next_us = now_us;
    backoff_reset(&actor->trouble.pause);
}

static void s_note_handed(moving_t *self, size_t shard, int64_t now_us)
{
    shard_move_t *move = &self->list[shard];
    region_actor_t *actor = &self->actors->list[shard];
    move->handed = true;
    move->handed_us = now_us;
    move->handed_incarnation = actor->incarnation;
    move->handed_number = self->shards->list[shard].progress->progress.number;
    region_decide(self->base);
    keeping_forget_seal(self->keeping, shard);
    move->from_node = actor->node;
    if (!move->goes)
        snprintf(move->why, sizeof move->why, "its node leaves");
    self->moves++;
    s_succeed(self, actor, now_us);
}

static void s_hand_over(moving_t *self, size_t shard, int64_t now_us)
{
    const region_actor_t *actor = &self->actors->list[shard];
    shard_move_t *move = &self->list[shard];
    if (s_has_handed(self, shard)) {
        s_note_handed(self, shard, now_us);
        return;
    }
    if (now_us < move->hand_us || !self->keeping->list[shard].keeper_count)
        return;
    move->hand_us = now_us + REPEAT_EVERY_US; /* also to the next look at one that may not be stopped yet */
    if (!s_may_stop(self, shard))
        return;
    message_t *order = core_message(&self->base->core, KIND_hand_over, actor->name);
    order->hand_over.incarnation = actor->incarnation;
    core_send(&self->base->core, &order);
}

/* It was told to hand over, and has. */
static bool s_says_handed(const moving_t *self, const region_actor_t *actor)
{
    const message_t *progress = self->shards->list[actor->index].progress;
    return progress && progress->incarnation == actor->incarnation && progress->progress.handed;
}

/* One that was told to hand over, maybe by a predecessor, and is not to go: it begins again where it is. */
static void s_stay(moving_t *self, size_t shard, int64_t now_us)
{
    region_actor_t *actor = &self->actors->list[shard];
    bool here = actor->state == PLACE_READY && nodes_stays(self->nodes, actor->node);
    if (here && s_says_handed(self, actor) && now_us >= actor->retire_us)
        actors_retire_actor(self->actors, actor, now_us);
}

/* A keeper where shards can go on, unless there is one. */
static void s_prepare(moving_t *self, size_t shard)
{
    if (self->base->spec.topology->checkpoint.replicas)
        return;
    if (self->list[shard].goes)
        keeping_on(self->keeping, self->list[shard].target_node);
    else
        keeping_anywhere(self->keeping);
}

/* Keepers that were there for a move alone. */
static void s_end_keepers(moving_t *self, int64_t now_us)
{
    bool needed = self->base->spec.topology->checkpoint.replicas > 0;
    for (size_t shard = 0; shard < self->actors->shard_count; shard++)
        needed = needed || self->list[shard].handing || self->list[shard].handed;
    if (!needed)
        keeping_end(self->keeping, now_us);
}

size_t moving_home(moving_t *self, region_actor_t *actor, int64_t now_us)
{
    shard_move_t *move = &self->list[actor->index];
    size_t wished = move->goes ? move->target_node : NOWHERE;
    message_set_name(actor->waits_for, "keepers");
    size_t node = keeping_sealed(self->keeping, actor->index, wished);
    bool awaits = node != wished && nodes_stays(self->nodes, wished) &&
                  now_us - move->handed_us < HANDED_PATIENCE_US / 2;
    if (node != NOWHERE && !awaits)
        return node;
    if (!nodes_staying(self->nodes) && !nodes_is_alive(self->nodes, actor->node))
        move->handed_us = now_us; /* nobody is there who could have it */
    if (now_us - move->handed_us >= HANDED_PATIENCE_US)
        move->handed = false;
    return NOWHERE;
}

bool moving_has_handed(const moving_t *self, size_t shard)
{
    return self->list && self->list[shard].handed;
}

bool moving_is_last(const moving_t *self, size_t shard)
{
    const region_shard_t *newest = &self->shards->list[shard];
    const shard_move_t *move = &self->list[shard];
    return newest->newest_incarnation && newest->newest_incarnation == move->handed_incarnation &&
           newest->newest_number == move->handed_number;
}

/* The snapshot that was handed over is its own now. */
void moving_started(moving_t *self, const region_actor_t *actor)
{
    if (role_row(actor->role)->stores)
        self->list[actor->index].handed = self->list[actor->index].goes = false;
}

/* ---- synchronizers: beside their shards ---- */

static void s_follow(moving_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->actors->synchronizer_count; i++) {
        region_actor_t *actor = &self->actors->list[self->actors->shard_count + i];
        const region_actor_t *shard = &self->actors->list[i];
        if (actor->state != PLACE_NONE && shard->state == PLACE_READY && shard->node != actor->node)
            s_succeed(self, actor, now_us);
    }
}

/* ---- former incarnations ---- */

static void s_end_former(moving_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->actors->count; i++) {
        region_actor_t *actor = &self->actors->list[i];
        if (actor->former.node == NOWHERE || now_us < actor->former.next_us)
            continue;
        if (!nodes_is_alive(self->nodes, actor->former.node)) {
            actor->former.node = NOWHERE;
            continue;
        }
        actor->former.next_us = now_us + REPEAT_EVERY_US;
        actors_retire(self->actors, actor->former.node, actor->name, actor->former.incarnation);
    }
}

void moving_former_ended(moving_t *self, size_t node, const char *name, uint64_t incarnation)
{
    for (size_t i = 0; i < self->actors->count; i++) {
        region_actor_t *actor = &self->actors->list[i];
        if (actor->former.node == node && actor->former.incarnation == incarnation &&
            !strcmp(actor->name, name))
            actor->former.node = NOWHERE;
    }
}

/* ---- all of it ---- */

static void s_move(moving_t *self, size_t shard, int64_t now_us)
{
    shard_move_t *move = &self->list[shard];
    move->handing = s_is_to_go(self, shard);
    if (!move->handing) {
        s_stay(self, shard, now_us);
        return;
    }
    s_prepare(self, shard);
    s_hand_over(self, shard, now_us);
}

void moving_tick(moving_t *self, int64_t now_us)
{
    for (size_t shard = 0; shard < self->actors->shard_count; shard++) {
        const shard_move_t *move = &self->list[shard];
        s_move(self, shard, now_us);
        keeping_for_move(self->keeping, shard, move->handing, move->goes ? move->target_node : NOWHERE);
    }
    s_follow(self, now_us);
    s_end_former(self, now_us);
    s_end_keepers(self, now_us);
}

int64_t moving_due(const moving_t *self)
{
    int64_t due = ROLE_NEVER;
    if (!self->actors->settled)
        return due;
    for (size_t shard = 0; shard < self->actors->shard_count; shard++) {
        const shard_move_t *move = &self->list[shard];
        if (move->handing && self->keeping->list[shard].keeper_count)
            due = timer_first(due, move->hand_us);
    }
    for (size_t i = 0; i < self->actors->count; i++) {
        const region_actor_t *actor = &self->actors->list[i];
        if (actor->former.node != NOWHERE)
            due = timer_first(due, actor->former.next_us);
    }
    return due;
}

bool moving_take(moving_t *self, region_move_t *ret_move)
{
    for (size_t shard = 0; self->list && shard < self->actors->shard_count; shard++) {
        shard_move_t *move = &self->list[shard];
        const region_actor_t *actor = &self->actors->list[shard];
        if (move->from_node == NOWHERE || actor->state != PLACE_READY)
            continue;
        *ret_move = (region_move_t){.shard = actor->name,
                                    .from = self->nodes->list[move->from_node].name,
                                    .to = self->nodes->list[actor->node].name,
                                    .why = move->why};
        move->from_node = NOWHERE;
        return true;
    }
    return false;
}

void moving_put(const moving_t *self, message_t *state)
{
    const message_t *saved = self->base->saved;
    size_t count = self->actors->shard_count;
    state->region_state.moves = self->moves;
    if (!self->list && saved)
        message_copy_rows(&state->region_state.handed, &saved->region_state.handed);
    if (!self->list)
        return;
    region_state_handed_t *rows = message_set_rows(&state->region_state.handed, count);
    for (size_t shard = 0; shard < count; shard++)
        rows[shard] =
            (region_state_handed_t){self->list[shard].handed_incarnation, self->list[shard].handed_number};
}

/* ---- letting go ---- */

/* It is on every node, and not kept on one for itself. */
static bool s_is_bound(const region_actor_t *actor)
{
    return role_row(actor->role)->placed == PLACED_PER_NODE;
}

static bool s_is_bound_to(const moving_t *self, size_t node, uint64_t incarnation)
{
    for (size_t i = 0; i < self->actors->count; i++) {
        const region_actor_t *actor = &self->actors->list[i];
        if (s_is_bound(actor) && actor->index == node && actor->incarnation == incarnation)
            return true;
    }
    return false;
}

/* One that runs elsewhere has keepers elsewhere, too. */
static bool s_is_kept(const moving_t *self, size_t shard)
{
    const message_t *progress = self->shards->list[shard].progress;
    const shard_keepers_t *keep = &self->keeping->list[shard];
    bool runs = self->actors->list[shard].state == PLACE_READY && progress && !keep->changed;
    return runs && (!keep->keeper_count || progress->progress.assignment == keep->assignment);
}

static bool s_are_kept(const moving_t *self)
{
    for (size_t shard = 0;
         self->base->spec.topology->checkpoint.replicas && shard < self->actors->shard_count; shard++)
        if (!s_is_kept(self, shard))
            return false;
    return true;
}

/* It runs there, or is to go on from there, or what it left there is still to end. */
static bool s_is_on(const region_actor_t *actor, size_t node)
{
    bool here = actor->node == node && !s_is_bound(actor) &&
                (actor->state != PLACE_NONE || role_row(actor->role)->stores);
    return here || actor->former.node == node;
}

static bool s_is_empty(const moving_t *self, size_t node)
{
    for (size_t i = 0; i < self->actors->count; i++)
        if (s_is_on(&self->actors->list[i], node))
            return false;
    const wire_u64s_t *hosted = &self->nodes->list[node].announce->announce.hosted;
    for (size_t i = 0; i < hosted->count; i++)
        if (!s_is_bound_to(self, node, hosted->items[i]))
            return false;
    return s_are_kept(self);
}

/* Nothing is left there; or there is nobody to go on, nor anybody on the way, and then the node ends as in a
 * drain. */
void moving_let_go(moving_t *self, bool coming, int64_t now_us)
{
    if (self->actors->list && !self->actors->settled)
        return; /* what a predecessor had placed is not known yet */
    bool last = !nodes_staying(self->nodes) && !coming;
    for (size_t node = 0; node < self->nodes->count; node++) {
        region_node_t *leaver = &self->nodes->list[node];
        bool waits = !nodes_leaves(self->nodes, node) || now_us < leaver->let_go_us;
        if (waits || (!last && !s_is_empty(self, node)))
            continue;
        leaver->let_go_us = now_us + REPEAT_EVERY_US;
        message_t *stop = core_message(&self->base->core, KIND_stop, leaver->name);
        core_send(&self->base->core, &stop);
    }
}
