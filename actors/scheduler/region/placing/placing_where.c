/* On which node an actor goes. */
#include "actors/scheduler/region/placing/placing.h"

#include <inttypes.h>

/* Of all nodes, also those that have stopped, the one that holds the newest of a shard; the first of them. */
static size_t s_newest_holder(const placing_t *self, size_t shard)
{
    size_t best = NOWHERE;
    uint64_t incarnation = 0, number = 0, its_incarnation, its_number;
    for (size_t node = 0; node < self->nodes->count; node++) {
        if (self->nodes->list[node].lost ||
            !nodes_holds(self->nodes, node, shard, &its_incarnation, &its_number))
            continue;
        if (best != NOWHERE && incarnation_compare(its_incarnation, its_number, incarnation, number) <= 0)
            continue;
        best = node;
        incarnation = its_incarnation;
        number = its_number;
    }
    return best;
}

/* True: the node's disk has a snapshot of the shard that is not older. */
static bool s_has(const placing_t *self, size_t node, size_t shard, uint64_t incarnation, uint64_t number)
{
    uint64_t its_incarnation, its_number;
    return nodes_holds(self->nodes, node, shard, &its_incarnation, &its_number) &&
           incarnation_compare(incarnation, number, its_incarnation, its_number) <= 0;
}

/* The node's snapshot of a shard is the newest that is known, and nothing newer can be where it ran last. */
static bool s_holds_newest(const placing_t *self, size_t node, size_t shard)
{
    return shards_newest_is_on(self->shards, shard, node) &&
           s_has(self, node, shard, self->actors->list[shard].newest.incarnation, 0);
}

/* The node where a shard ran last, under this scheduler or a predecessor, if it is there; only it is sure to
 * have had the newest snapshot. A predecessor may have given it up as lost, or have let it go. */
static size_t s_ran_on(const placing_t *self, size_t shard)
{
    for (size_t node = 0; node < self->nodes->count; node++)
        if (nodes_is_alive(self->nodes, node) &&
            nodes_hash(self->nodes->list[node].name) == self->shards->list[shard].ran_on)
            return node;
    return NOWHERE;
}

/* Where its process has gone on since the shard ran there it says what it had before that. */
static bool s_has_gone_on(const placing_t *self, size_t node, size_t shard)
{
    return node != NOWHERE &&
           nodes_process(self->nodes->list[node].announce) == self->shards->list[shard].ran_process;
}

/* The node where it ran last is there, and so is every node that this scheduler or its predecessor knew, or
 * it has handed over what it had: nothing is to come. */
static bool s_none_missing(const placing_t *self, size_t ran_on)
{
    if (ran_on == NOWHERE)
        return false;
    for (size_t node = 0; node < self->nodes->count; node++)
        if (self->nodes->list[node].lost && !self->nodes->list[node].stopped)
            return false;
    return adopting_all_heard(self->adopting);
}

static void s_note_missing(placing_t *self, region_actor_t *actor, missing_t missing)
{
    shard_missing_t *noted = &self->missing[actor->index];
    int64_t patience_s = self->base->spec.topology->job.sync.away_after_us / 1000000;
    char text[2 * WIRE_NAME_SIZE];
    noted->untold = missing != MISSING_NONE && (missing != noted->missing || noted->untold);
    noted->missing = missing;
    snprintf(text, sizeof text, "snapshot %" PRIu64 " of %s (at most %" PRId64 " s)",
             self->shards->list[actor->index].newest_number, actor->name, patience_s);
    if (missing == MISSING_AWAITED)
        message_set_name(actor->waits_for, text);
}

/* A node that came back as another process tells what its disk has: less than it was known to have is a
 * loss. */
static void s_note_wiped(placing_t *self, region_actor_t *actor)
{
    const region_shard_t *shard = &self->shards->list[actor->index];
    bool stored = shard->newest_incarnation && shard->ran_process;
    bool wiped = stored && !s_has_gone_on(self, actor->node, actor->index) &&
                 !s_has(self, actor->node, actor->index, shard->newest_incarnation, shard->newest_number);
    s_note_missing(self, actor, wiped ? MISSING_ACCEPTED : MISSING_NONE);
}

/* Something of it was stored that no node here has; whether anybody may still come with it. */
static missing_t s_missing(const placing_t *self, const region_actor_t *actor, size_t ran_on, int64_t now_us)
{
    const region_shard_t *shard = &self->shards->list[actor->index];
    bool told = shard->progress && shard->progress->progress.durable.count > 0;
    if (!shard->newest_incarnation && !told)
        return MISSING_NONE;
    bool patient = now_us - actor->since_us < self->base->spec.topology->job.sync.away_after_us;
    return patient && !s_none_missing(self, ran_on) ? MISSING_AWAITED : MISSING_ACCEPTED;
}

/* Without keepers: where its snapshots are. One whose node is gone waits for it as long as a region may be
 * away, since a start from nothing, or from what it was before it moved, is a loss; not when all who could
 * have it are there and do not. */
static size_t s_disk_home(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    if (actor->ran && nodes_is_alive(self->nodes, actor->node)) {
        s_note_wiped(self, actor);
        return actor->node;
    }
    size_t ran_on = s_ran_on(self, actor->index);
    if (s_has_gone_on(self, ran_on, actor->index))
        return ran_on;
    size_t holder = s_newest_holder(self, actor->index);
    if (holder != NOWHERE && s_holds_newest(self, holder, actor->index))
        return holder;
    missing_t missing = s_missing(self, actor, ran_on, now_us);
    s_note_missing(self, actor, missing);
    if (missing == MISSING_AWAITED)
        return NOWHERE;
    return holder != NOWHERE ? holder : actors_least_loaded(self->actors);
}

static size_t s_store_home(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    if (moving_has_handed(self->moving, actor->index))
        return moving_home(self->moving, actor, now_us);
    if (self->base->spec.topology->checkpoint.replicas)
        return keeping_home(self->keeping, actor, now_us);
    return s_disk_home(self, actor, now_us);
}

static size_t s_home_of_shard(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    (void)now_us;
    size_t node = self->actors->list[actor->index].node;
    return nodes_is_alive(self->nodes, node) ? node : NOWHERE;
}

static size_t s_own_node(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    (void)now_us;
    return actors_own_node(self->actors, actor);
}

static size_t s_core_home(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    (void)now_us;
    return workers_home(self->workers, actor);
}

static size_t s_any_home(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    (void)actor, (void)now_us;
    return actors_least_loaded(self->actors);
}

size_t placing_home(placing_t *self, region_actor_t *actor, int64_t now_us)
{
    static size_t (*const homes[PLACED_COUNT])(placing_t *, region_actor_t *,
                                               int64_t) = {[PLACED_PER_SHARD] = s_any_home,
                                                           [PLACED_BESIDE_SHARD] = s_home_of_shard,
                                                           [PLACED_AS_NEEDED] = s_core_home,
                                                           [PLACED_PER_NODE] = s_own_node,
                                                           [PLACED_ONCE] = s_any_home};
    const role_row_t *row = role_row(actor->role);
    return (row->stores ? s_store_home : homes[row->placed])(self, actor, now_us);
}
