/* Shards that go on elsewhere, mostly from nodes that leave. One trains on until there is a copy of it where it can go on, and is never
 * stopped before: a node may have no room, or nobody may get there. Then it stops and hands its last snapshot to the keeper there, and
 * goes on; when nothing is left on a node it is let go. Training goes on meanwhile: what workers ask of such a shard waits for a moment. */
#include "actors/scheduler/region/region_state.h"

#include <string.h>

#define HANDED_PATIENCE_US (10 * SECOND_US) /* for the keepers that a snapshot was handed to */

/* ---- handing over ---- */

static bool s_is_to_go(const region_core_t *self, size_t shard)
{
    const region_actor_t *actor = &self->actors[shard];
    return actor->state == PLACE_READY &&
           (self->keeps[shard].goes || (region_node_leaves(self, actor->node) && region_nodes_staying(self)));
}

static bool s_has_handed(const region_core_t *self, size_t shard)
{
    const message_t *progress = self->shards[shard].progress;
    return progress && progress->incarnation == self->actors[shard].incarnation &&
           progress->progress.handed && progress->progress.assignment == self->keeps[shard].assignment &&
           self->keeps[shard].keeper_count && !self->keeps[shard].changed;
}

static bool s_is_kept_on(const region_core_t *self, size_t shard, size_t node)
{
    return region_node_stays(self, node) && region_keep_has(self, shard, node);
}

/* Its keepers have some copy of what it is now, and one of them is where it can go on. */
static bool s_may_stop(const region_core_t *self, size_t shard)
{
    const region_keep_t *keep = &self->keeps[shard];
    const message_t *progress = self->shards[shard].progress;
    bool there = keep->goes && s_is_kept_on(self, shard, keep->target_node);
    for (size_t node = 0; !keep->goes && !there && node < self->node_count; node++)
        there = s_is_kept_on(self, shard, node);
    return there && progress && progress->incarnation == self->actors[shard].incarnation && !keep->changed &&
           progress->progress.assignment == keep->assignment;
}

/* Its node ends what is left of it there; whether that is heard does not matter, as its successor is newer. */
static void s_succeed(region_core_t *self, region_actor_t *actor, int64_t now_us)
{
    actor->former.node = actor->node;
    actor->former.incarnation = actor->incarnation;
    actor->former.next_us = now_us;
    actor->pause_us = 0;
    actor->moved = true;
    region_actor_ended(self, actor, now_us);
    actor->next_us = now_us;
    actor->pause_us = 0;
}

static void s_hand_over(region_core_t *self, size_t shard, int64_t now_us)
{
    region_actor_t *actor = &self->actors[shard];
    region_keep_t *keep = &self->keeps[shard];
    if (s_has_handed(self, shard)) {
        keep->handed = true;
        keep->handed_us = now_us;
        keep->handed_incarnation = actor->incarnation;
        keep->handed_number = self->shards[shard].progress->progress.number;
        region_decide(self);
        keep->seal = 0;
        keep->answer_count = 0;
        keep->from_node = actor->node;
        if (!keep->goes)
            snprintf(keep->why, sizeof keep->why, "its node leaves");
        self->moves++;
        s_succeed(self, actor, now_us);
        return;
    }
    if (now_us < keep->hand_us || !keep->keeper_count)
        return;
    keep->hand_us = now_us + REPEAT_EVERY_US; /* also to the next look at one that may not be stopped yet */
    if (!s_may_stop(self, shard))
        return;
    message_t *order = message_new(KIND_hand_over, actor->name, self->name);
    order->hand_over.incarnation = actor->incarnation;
    region_send(self, &order);
}

/* One that was told to hand over, maybe by a predecessor, and is not to go: it begins again where it is. */
static void s_stay(region_core_t *self, size_t shard, int64_t now_us)
{
    region_actor_t *actor = &self->actors[shard];
    const message_t *progress = self->shards[shard].progress;
    if (actor->state != PLACE_READY || !progress || progress->incarnation != actor->incarnation ||
        !progress->progress.handed || !region_node_stays(self, actor->node) || now_us < actor->retire_us)
        return;
    region_actor_retire(self, actor, now_us);
}

/* A keeper where shards can go on, unless there is one. */
static void s_prepare(region_core_t *self, size_t shard)
{
    if (self->spec.topology->checkpoint.replicas)
        return;
    if (self->keeps[shard].goes) {
        region_keep_on(self, self->keeps[shard].target_node);
        return;
    }
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].role == ROLE_KEEPER && self->actors[i].wanted &&
            region_node_stays(self, self->actors[i].index))
            return;
    size_t node = region_least_loaded(self);
    if (node != NOWHERE)
        region_keep_on(self, node);
}

/* Keepers that were there for a move alone. */
static void s_end_keepers(region_core_t *self, int64_t now_us)
{
    bool needed = self->spec.topology->checkpoint.replicas > 0;
    for (size_t shard = 0; shard < self->shard_count; shard++)
        needed = needed || self->keeps[shard].handing || self->keeps[shard].handed;
    for (size_t i = 0; !needed && i < self->actor_count; i++) {
        region_actor_t *keeper = &self->actors[i];
        if (keeper->role != ROLE_KEEPER)
            continue;
        keeper->wanted = false;
        if (keeper->state == PLACE_NONE || now_us < keeper->retire_us)
            continue;
        region_actor_retire(self, keeper, now_us);
    }
}

/* Where the keeper that has all of it is. When none answers any more the shard begins again from its own disk. */
size_t region_move_home(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    region_keep_t *keep = &self->keeps[actor->index];
    size_t node = NOWHERE;
    message_set_name(keep->waits_for, "keepers");
    bool sealed = region_keep_sealed(self, actor->index, &node) && node != NOWHERE;
    bool awaits = keep->goes && node != keep->target_node && region_node_stays(self, keep->target_node) &&
                  now_us - keep->handed_us < HANDED_PATIENCE_US / 2;
    if (sealed && !awaits)
        return node;
    if (!region_nodes_staying(self) && !region_node_alive(self, actor->node))
        keep->handed_us = now_us; /* nobody is there who could have it */
    if (now_us - keep->handed_us >= HANDED_PATIENCE_US)
        keep->handed = false;
    return NOWHERE;
}

/* ---- synchronizers: beside their shards ---- */

static void s_follow(region_core_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->synchronizer_count; i++) {
        region_actor_t *actor = &self->actors[self->shard_count + i];
        const region_actor_t *shard = &self->actors[i];
        if (actor->state != PLACE_NONE && shard->state == PLACE_READY && shard->node != actor->node)
            s_succeed(self, actor, now_us);
    }
}

/* ---- former incarnations ---- */

static void s_end_former(region_core_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->actor_count; i++) {
        region_actor_t *actor = &self->actors[i];
        if (actor->former.node == NOWHERE || now_us < actor->former.next_us)
            continue;
        if (!region_node_alive(self, actor->former.node)) {
            actor->former.node = NOWHERE;
            continue;
        }
        actor->former.next_us = now_us + REPEAT_EVERY_US;
        region_retire(self, actor->former.node, actor->name, actor->former.incarnation);
    }
}

void region_former_ended(region_core_t *self, size_t node, const char *name, uint64_t incarnation)
{
    for (size_t i = 0; i < self->actor_count; i++) {
        region_actor_t *actor = &self->actors[i];
        if (actor->former.node == node && actor->former.incarnation == incarnation &&
            !strcmp(actor->name, name))
            actor->former.node = NOWHERE;
    }
}

/* ---- all of it ---- */

void region_move(region_core_t *self, int64_t now_us)
{
    for (size_t shard = 0; shard < self->shard_count; shard++) {
        self->keeps[shard].handing = s_is_to_go(self, shard);
        if (!self->keeps[shard].handing) {
            s_stay(self, shard, now_us);
            continue;
        }
        s_prepare(self, shard);
        s_hand_over(self, shard, now_us);
    }
    s_follow(self, now_us);
    s_end_former(self, now_us);
    s_end_keepers(self, now_us);
}

int64_t region_move_due(const region_core_t *self)
{
    int64_t due = ROLE_NEVER;
    for (size_t shard = 0; self->settled && shard < self->shard_count; shard++)
        if (self->keeps[shard].handing && self->keeps[shard].keeper_count && self->keeps[shard].hand_us < due)
            due = self->keeps[shard].hand_us;
    for (size_t i = 0; self->settled && i < self->actor_count; i++)
        if (self->actors[i].former.node != NOWHERE && self->actors[i].former.next_us < due)
            due = self->actors[i].former.next_us;
    return due;
}

bool region_core_take_move(region_core_t *self, region_move_t *ret_move)
{
    for (size_t shard = 0; self->keeps && shard < self->shard_count; shard++) {
        region_keep_t *keep = &self->keeps[shard];
        const region_actor_t *actor = &self->actors[shard];
        if (keep->from_node == NOWHERE || actor->state != PLACE_READY)
            continue;
        *ret_move = (region_move_t){.shard = actor->name,
                                    .from = self->nodes[keep->from_node].name,
                                    .to = self->nodes[actor->node].name,
                                    .why = keep->why};
        keep->from_node = NOWHERE;
        return true;
    }
    return false;
}

/* ---- letting go ---- */

static bool s_is_keeper_of(const region_core_t *self, size_t node, uint64_t incarnation)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].role == ROLE_KEEPER && self->actors[i].index == node &&
            self->actors[i].incarnation == incarnation)
            return true;
    return false;
}

/* Shards that run elsewhere have keepers elsewhere, too. */
static bool s_are_kept(const region_core_t *self)
{
    for (size_t shard = 0; self->spec.topology->checkpoint.replicas && shard < self->shard_count; shard++) {
        const message_t *progress = self->shards[shard].progress;
        const region_keep_t *keep = &self->keeps[shard];
        if (self->actors[shard].state != PLACE_READY || !progress || keep->changed ||
            (keep->keeper_count && progress->progress.assignment != keep->assignment))
            return false;
    }
    return true;
}

static bool s_is_empty(const region_core_t *self, size_t node)
{
    for (size_t i = 0; i < self->actor_count; i++) {
        const region_actor_t *actor = &self->actors[i];
        bool here = actor->state != PLACE_NONE && actor->node == node && actor->role != ROLE_KEEPER;
        bool to_move = actor->role == ROLE_SHARD && actor->state == PLACE_NONE && actor->node == node;
        if (here || to_move || actor->former.node == node)
            return false;
    }
    const wire_u64s_t *hosted = &self->nodes[node].announce->announce.hosted;
    for (size_t i = 0; i < hosted->count; i++)
        if (!s_is_keeper_of(self, node, hosted->items[i]))
            return false;
    return s_are_kept(self);
}

/* Nothing is left there; or there is nobody to go on, nor anybody on the way, and then the node ends as in a drain. */
void region_let_go(region_core_t *self, int64_t now_us)
{
    if (self->actors && !self->settled)
        return; /* what a predecessor had placed is not known yet */
    bool last = !region_nodes_staying(self) && !region_rent_coming(self->rent);
    for (size_t node = 0; node < self->node_count; node++) {
        region_node_t *leaver = &self->nodes[node];
        if (!region_node_leaves(self, node) || now_us < leaver->let_go_us)
            continue;
        if (!last && !s_is_empty(self, node))
            continue;
        leaver->let_go_us = now_us + REPEAT_EVERY_US;
        message_t *stop = message_new(KIND_stop, leaver->name, self->name);
        region_send(self, &stop);
    }
}
