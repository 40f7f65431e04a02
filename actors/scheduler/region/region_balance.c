/* Shards follow nodes that join: one at a time goes from the node that hosts most to the one that hosts fewest, where that leaves
 * them nearer to each other, so that this comes to an end. It goes as from a node that leaves; to a node
 * whose disk is full nothing goes. */
#include "actors/scheduler/region/region_state.h"

#include <stdio.h>

/* After so long a node that came is there to stay; as long is between two moves, a third of it between two looks. */
#define STAYS_US (3 * SECOND_US)
#define GIVE_UP_US (60 * SECOND_US)
#define FAILED_US (60 * SECOND_US) /* before another is tried */

static int64_t s_stays_us(const region_core_t *self)
{
    return self->spec.stays_us ? self->spec.stays_us : STAYS_US;
}

static bool s_works(const region_core_t *self)
{
    if (self->failure || !self->leases || !region_placed(self) || !region_shards_known(self) ||
        !lease_table_free(self->leases))
        return false;
    for (size_t node = 0; node < self->node_count; node++)
        if (region_node_leaves(self, node))
            return false;
    for (size_t shard = 0; shard < self->shard_count; shard++)
        if (self->keeps[shard].handing || self->keeps[shard].handed || self->keeps[shard].changed)
            return false;
    return true;
}

static size_t s_shards_on(const region_core_t *self, size_t node)
{
    size_t count = 0;
    for (size_t shard = 0; shard < self->shard_count; shard++)
        count += self->actors[shard].state == PLACE_READY && self->actors[shard].node == node;
    return count;
}

static double s_cores(const region_core_t *self, size_t node)
{
    uint64_t cores = self->nodes[node].announce->announce.cores;
    return cores ? (double)cores : 1;
}

/* The node that came first of those with most shards, or of those with fewest that are there to stay. */
static size_t s_extreme(const region_core_t *self, bool most, int64_t now_us)
{
    size_t best = NOWHERE, its = 0;
    for (size_t node = 0; node < self->node_count; node++) {
        if (!region_node_stays(self, node) ||
            (!most && now_us - self->nodes[node].came_us < s_stays_us(self)))
            continue;
        size_t count = s_shards_on(self, node);
        if (best == NOWHERE || (most ? count > its : count < its)) {
            best = node;
            its = count;
        }
    }
    return best;
}

static void s_begin(region_core_t *self, size_t from, size_t to, int64_t now_us)
{
    for (size_t shard = self->shard_count; shard-- > 0;) {
        region_keep_t *keep = &self->keeps[shard];
        if (self->actors[shard].node != from || self->actors[shard].state != PLACE_READY)
            continue;
        keep->goes = true;
        keep->target_node = to;
        keep->goes_us = now_us;
        snprintf(keep->why, sizeof keep->why, "%zu shards there, %zu on the other node",
                 s_shards_on(self, from), s_shards_on(self, to));
        return;
    }
}

/* The keeper where it goes on has no room for it. */
static bool s_is_refused(const region_core_t *self, size_t shard)
{
    const message_t *progress = self->shards[shard].progress;
    return progress && progress->incarnation == self->actors[shard].incarnation &&
           region_keep_is_on(self, progress->progress.keep_refused, self->keeps[shard].target_node);
}

/* Where it was to go is gone or full, or nothing comes of it. Should it have been stopped already it goes on where it is. */
static void s_give_up(region_core_t *self, int64_t now_us)
{
    for (size_t shard = 0; shard < self->shard_count; shard++) {
        region_keep_t *keep = &self->keeps[shard];
        const region_actor_t *actor = &self->actors[shard];
        bool can = region_node_stays(self, keep->target_node) && actor->state == PLACE_READY &&
                   region_node_stays(self, actor->node) && now_us - keep->goes_us < GIVE_UP_US &&
                   !s_is_refused(self, shard);
        if (!keep->goes || keep->handed || can)
            continue;
        keep->goes = false;
        self->balance_us = now_us + FAILED_US;
    }
}

void region_balance(region_core_t *self, int64_t now_us)
{
    s_give_up(self, now_us);
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
    s_begin(self, from, to, now_us);
    self->balance_us = now_us + s_stays_us(self);
}
