/* Shards follow nodes that join: one at a time goes from the node that hosts most to the one that hosts
 * fewest, where that leaves them nearer to each other, so that this comes to an end. It goes as from a node
 * that leaves; to a node whose disk is full nothing goes. */
#include "actors/scheduler/region/moving/moving.h"

#include <stdio.h>

/* After so long a node that came is there to stay; as long is between two moves, a third of it between two
 * looks. */
#define STAYS_US (3 * SECOND_US)
#define GIVE_UP_US (60 * SECOND_US)
#define FAILED_US (60 * SECOND_US) /* before another is tried */

static int64_t s_stays_us(const moving_t *self)
{
    return self->base->spec.stays_us ? self->base->spec.stays_us : STAYS_US;
}

static bool s_is_quiet(const moving_t *self)
{
    for (size_t node = 0; node < self->nodes->count; node++)
        if (nodes_leaves(self->nodes, node))
            return false;
    for (size_t shard = 0; shard < self->actors->shard_count; shard++)
        if (self->list[shard].handing || self->list[shard].handed || self->keeping->list[shard].changed)
            return false;
    return true;
}

/* All run, there is something to do, and nothing is on its way. */
static bool s_works(const moving_t *self)
{
    bool trains = !self->base->failure && shards_known(self->shards) && actors_placed(self->actors);
    return trains && lease_table_free(self->shards->leases) && s_is_quiet(self);
}

static size_t s_shards_on(const moving_t *self, size_t node)
{
    size_t count = 0;
    for (size_t shard = 0; shard < self->actors->shard_count; shard++)
        count += self->actors->list[shard].state == PLACE_READY && self->actors->list[shard].node == node;
    return count;
}

static double s_cores(const moving_t *self, size_t node)
{
    uint64_t cores = self->nodes->list[node].announce->announce.cores;
    return cores ? (double)cores : 1;
}

/* The node that came first of those with most shards, or of those with fewest that are there to stay. */
static size_t s_extreme(const moving_t *self, bool most, int64_t now_us)
{
    size_t best = NOWHERE, its = 0;
    for (size_t node = 0; node < self->nodes->count; node++) {
        if (!nodes_stays(self->nodes, node) ||
            (!most && now_us - self->nodes->list[node].came_us < s_stays_us(self)))
            continue;
        size_t count = s_shards_on(self, node);
        if (best == NOWHERE || (most ? count > its : count < its)) {
            best = node;
            its = count;
        }
    }
    return best;
}

static void s_begin_move(moving_t *self, size_t from, size_t to, int64_t now_us)
{
    for (size_t shard = self->actors->shard_count; shard-- > 0;) {
        shard_move_t *move = &self->list[shard];
        if (self->actors->list[shard].node != from || self->actors->list[shard].state != PLACE_READY)
            continue;
        move->goes = true;
        move->target_node = to;
        move->goes_us = now_us;
        snprintf(move->why, sizeof move->why, "%zu shards there, %zu on the other node",
                 s_shards_on(self, from), s_shards_on(self, to));
        return;
    }
}

/* The keeper where it goes on has no room for it. */
static bool s_is_refused(const moving_t *self, size_t shard)
{
    const message_t *progress = self->shards->list[shard].progress;
    return progress && progress->incarnation == self->actors->list[shard].incarnation &&
           keeping_is_on(self->keeping, progress->progress.keep_refused, self->list[shard].target_node);
}

static bool s_can_go(const moving_t *self, size_t shard, int64_t now_us)
{
    const shard_move_t *move = &self->list[shard];
    const region_actor_t *actor = &self->actors->list[shard];
    bool there = nodes_stays(self->nodes, move->target_node) && !s_is_refused(self, shard);
    bool here = actor->state == PLACE_READY && nodes_stays(self->nodes, actor->node);
    return there && here && now_us - move->goes_us < GIVE_UP_US;
}

/* Where it was to go is gone or full, or nothing comes of it. Should it have been stopped already it goes on
 * where it is. */
static void s_give_up_moves(moving_t *self, int64_t now_us)
{
    for (size_t shard = 0; shard < self->actors->shard_count; shard++) {
        shard_move_t *move = &self->list[shard];
        if (!move->goes || move->handed || s_can_go(self, shard, now_us))
            continue;
        move->goes = false;
        self->balance_us = now_us + FAILED_US;
    }
}

void moving_balance(moving_t *self, int64_t now_us)
{
    s_give_up_moves(self, now_us);
    if (now_us < self->balance_us)
        return;
    self->balance_us = now_us + s_stays_us(self) / 3;
    if (!s_works(self))
        return;
    size_t from = s_extreme(self, true, now_us), to = s_extreme(self, false, now_us);
    if (from == NOWHERE || to == NOWHERE)
        return;
    size_t there = s_shards_on(self, from), here = s_shards_on(self, to);
    if (there < here + 2 || (double)there / s_cores(self, from) <= (double)(here + 1) / s_cores(self, to))
        return;
    s_begin_move(self, from, to, now_us);
    self->balance_us = now_us + s_stays_us(self);
}
