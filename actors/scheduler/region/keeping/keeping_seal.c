/* Sealing the keepers of a shard, and where it goes on after that. */
#include "actors/scheduler/region/keeping/keeping.h"

#include <string.h>

#define SEAL_PATIENCE_US (3 * SECOND_US) /* for keepers that do not answer, when one of the assigned has */

/* ---- sealing, before a shard goes on elsewhere ---- */

static void s_send_seal(keeping_t *self, const char *to, size_t shard)
{
    message_t *m = core_message(&self->base->core, KIND_seal, to);
    message_set_name(m->seal.region, self->base->region->name);
    m->seal.shard = shard;
    m->seal.incarnation = self->list[shard].seal;
    core_send(&self->base->core, &m);
}

static seal_answer_t *s_answer_of(shard_keepers_t *keep, const char *name)
{
    for (size_t i = 0; i < keep->answer_count; i++)
        if (!strcmp(keep->answers[i].keeper, name))
            return &keep->answers[i];
    return NULL;
}

static bool s_has_newest(const keeping_t *self, size_t shard, const seal_answer_t *answer)
{
    const region_shard_t *newest = &self->shards->list[shard];
    return answer->incarnation == newest->newest_incarnation && answer->number == newest->newest_number;
}

/* The present keepers alone: of one that has handed over nothing newer can be anywhere. */
size_t keeping_sealed(keeping_t *self, size_t shard, size_t wished)
{
    shard_keepers_t *keep = &self->list[shard];
    size_t found = NOWHERE;
    if (!keep->seal)
        keep->seal = region_issue(self->base);
    for (size_t i = 0; i < keep->keeper_count; i++) {
        const region_actor_t *actor = keeping_named(self, keep->keepers[i].name);
        if (!actor || !nodes_stays(self->nodes, actor->index))
            continue;
        const seal_answer_t *answer = s_answer_of(keep, actor->name);
        if (!answer)
            s_send_seal(self, actor->name, shard);
        else if (s_has_newest(self, shard, answer) && (found == NOWHERE || found != wished))
            found = actor->index;
    }
    return found;
}

/* Asks every keeper that may have copies; returns how many have not answered. */
static size_t s_ask_seals(keeping_t *self, size_t shard)
{
    shard_keepers_t *keep = &self->list[shard];
    size_t missing = 0;
    for (size_t i = 0; i < self->actors->count; i++) {
        const region_actor_t *actor = &self->actors->list[i];
        if (actor->role != ROLE_KEEPER || !nodes_is_alive(self->nodes, actor->index) ||
            s_answer_of(keep, actor->name))
            continue;
        missing++;
        if (actor->state == PLACE_READY)
            s_send_seal(self, actor->name, shard);
    }
    for (size_t i = 0; i < keep->outside_count; i++) {
        if (s_answer_of(keep, keep->outside[i]))
            continue;
        missing++;
        s_send_seal(self, keep->outside[i], shard);
    }
    return missing;
}

/* One of those without which nothing becomes durable: then the shard's predecessor is fenced. Who those are
 * is not known when another scheduler had chosen them: then all must answer, while there is hope. */
static bool s_fenced(const keeping_t *self, shard_keepers_t *keep, int64_t now_us)
{
    if (keep->inherited)
        return keep->answer_count &&
               now_us - keep->seal_us >= self->base->spec.topology->job.sync.away_after_us;
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (s_answer_of(keep, keep->keepers[i].name))
            return true;
    return keep->keeper_count == 0 && keep->answer_count > 0;
}

static void s_note_answer(shard_keepers_t *keep, const char *keeper, uint64_t incarnation, uint64_t number)
{
    seal_answer_t *answer = s_answer_of(keep, keeper);
    if (!answer && keep->answer_count < KEEPING_ANSWERS_MAX)
        answer = &keep->answers[keep->answer_count++];
    if (!answer)
        return;
    message_set_name(answer->keeper, keeper);
    answer->incarnation = incarnation;
    answer->number = number;
}

/* A predecessor may have sealed the keepers of a shard that was found running afterwards: nothing of that
 * incarnation is kept any more, so that the shard goes on with one above the seal. */
static void s_end_sealed(keeping_t *self, size_t shard, uint64_t seal, int64_t now_us)
{
    region_actor_t *actor = &self->actors->list[shard];
    bool below = actor->state == PLACE_READY && actor->incarnation < seal;
    if (below && seal <= self->base->issued && !region_stops(self->base))
        actors_end(self->actors, actor, now_us);
}

static bool s_is_own(const keeping_t *self, uint64_t shard, const char *region)
{
    return self->list && shard < self->actors->shard_count && !strcmp(region, self->base->region->name);
}

void keeping_take_sealed(keeping_t *self, const message_t *m, int64_t now_us)
{
    if (!s_is_own(self, m->sealed.shard, m->sealed.region))
        return;
    shard_keepers_t *keep = &self->list[m->sealed.shard];
    s_end_sealed(self, m->sealed.shard, m->sealed.seal, now_us);
    if (keep->seal && m->sealed.seal >= keep->seal)
        s_note_answer(keep, m->from, m->sealed.incarnation, m->sealed.number);
}

void keeping_forget_seal(keeping_t *self, size_t shard)
{
    self->list[shard].seal = 0;
    self->list[shard].answer_count = 0;
}

/* ---- where a shard goes ---- */

/* Where it was, if its process has gone on or its disk is still there. */
static bool s_may_go_on(const keeping_t *self, const region_actor_t *actor)
{
    if (!actor->ran || !nodes_is_alive(self->nodes, actor->node))
        return false;
    uint64_t process = nodes_process(self->nodes->list[actor->node].announce);
    return process == self->list[actor->index].process ||
           shards_newest_is_on(self->shards, actor->index, actor->node);
}

/* Of the nodes whose disks have nothing older than what is given the one with the
 * newest; NOWHERE: none has. */
static size_t s_newest_disk(const keeping_t *self, size_t shard, uint64_t incarnation, uint64_t number)
{
    size_t best = NOWHERE;
    uint64_t its_incarnation, its_number;
    for (size_t node = 0; node < self->nodes->count; node++) {
        if (!nodes_is_alive(self->nodes, node) ||
            !nodes_holds(self->nodes, node, shard, &its_incarnation, &its_number) ||
            incarnation_compare(incarnation, number, its_incarnation, its_number) > 0)
            continue;
        best = node;
        incarnation = its_incarnation;
        number = its_number;
    }
    return best;
}

/* A node that has what the shard needs; before it ran any that holds the newest, the first of them. */
static size_t s_at_home(const keeping_t *self, const region_actor_t *actor)
{
    if (s_may_go_on(self, actor))
        return actor->node;
    if (actor->ran || (self->list[actor->index].inherited && self->actors->adopted))
        return NOWHERE;
    size_t best = NOWHERE;
    uint64_t incarnation = 0, number = 0, i = 0, n = 0;
    for (size_t node = 0; node < self->nodes->count; node++) {
        if (!nodes_is_alive(self->nodes, node) || !shards_newest_is_on(self->shards, actor->index, node) ||
            !nodes_holds(self->nodes, node, actor->index, &i, &n))
            continue;
        if (best != NOWHERE && incarnation_compare(i, n, incarnation, number) <= 0)
            continue;
        best = node;
        incarnation = i;
        number = n;
    }
    return best;
}

static bool s_anything_known(const keeping_t *self, size_t shard)
{
    uint64_t incarnation, number;
    for (size_t node = 0; node < self->nodes->count; node++)
        if (nodes_holds(self->nodes, node, shard, &incarnation, &number))
            return true;
    return self->shards->list[shard].newest_incarnation != 0;
}

static const seal_answer_t *s_best_answer(const shard_keepers_t *keep)
{
    const seal_answer_t *best = NULL;
    for (size_t i = 0; i < keep->answer_count; i++)
        if (keep->answers[i].number &&
            (!best || incarnation_compare(keep->answers[i].incarnation, keep->answers[i].number,
                                          best->incarnation, best->number) > 0))
            best = &keep->answers[i];
    return best;
}

/* Has a keeper of this region fetch what only another region has; it is asked again and
 * again until it has. */
static void s_fetch_here(keeping_t *self, size_t shard, const seal_answer_t *best)
{
    shard_keepers_t *keep = &self->list[shard];
    const region_actor_t *target = keep->target[0] ? keeping_named(self, keep->target) : NULL;
    if (!target || target->state != PLACE_READY || !nodes_is_alive(self->nodes, target->index))
        target = actors_on_node(self->actors, ROLE_KEEPER, actors_least_loaded(self->actors));
    if (!target || target->state != PLACE_READY)
        return;
    message_set_name(keep->target, target->name);
    message_t *m = core_message(&self->base->core, KIND_keep_from, target->name);
    message_set_name(m->keep_from.region, self->base->region->name);
    m->keep_from.shard = shard;
    m->keep_from.incarnation = best->incarnation;
    m->keep_from.number = best->number;
    message_set_name(m->keep_from.source, best->keeper);
    core_send(&self->base->core, &m);
}

void keeping_take_kept(keeping_t *self, const message_t *m)
{
    if (!s_is_own(self, m->snapshot_kept.shard, m->snapshot_kept.region))
        return;
    shard_keepers_t *keep = &self->list[m->snapshot_kept.shard];
    if (!keep->target[0] || strcmp(keep->target, m->from))
        return;
    keep->target[0] = 0;
    if (m->snapshot_kept.code)
        keep->answer_count = 0; /* ask again who has what */
    else
        s_note_answer(keep, m->from, m->snapshot_kept.incarnation, m->snapshot_kept.number);
}

/* A node of this region whose keeper has as much as the best. */
static size_t s_node_with(const keeping_t *self, const shard_keepers_t *keep, const seal_answer_t *best)
{
    for (size_t i = 0; i < keep->answer_count; i++) {
        const seal_answer_t *answer = &keep->answers[i];
        const region_actor_t *actor = keeping_named(self, answer->keeper);
        if (actor && nodes_is_alive(self->nodes, actor->index) && answer->number &&
            incarnation_compare(best->incarnation, best->number, answer->incarnation, answer->number) <= 0)
            return actor->index;
    }
    return NOWHERE;
}

/* A node whose own disk has nothing older than the best copy: it may be one of which a
 * predecessor knew more. */
static size_t s_holder(const keeping_t *self, size_t shard, const seal_answer_t *best)
{
    return s_newest_disk(self, shard, best ? best->incarnation : 0, best ? best->number : 0);
}

/* Asked, and enough of them have answered; `keep` is being sealed from now on. */
static bool s_is_sealed(keeping_t *self, region_actor_t *actor, int64_t now_us)
{
    shard_keepers_t *keep = &self->list[actor->index];
    if (!keep->seal) {
        keep->seal = region_issue(self->base);
        keep->seal_us = now_us;
    }
    message_set_name(actor->waits_for, "keepers");
    size_t missing = s_ask_seals(self, actor->index);
    return !missing || (s_fenced(self, keep, now_us) && now_us - keep->seal_us >= SEAL_PATIENCE_US);
}

/* Less than what is known to be durable is a loss: whoever has more gets the time that a
 * region may be away. */
static bool s_awaits_more(const keeping_t *self, const region_actor_t *actor, const seal_answer_t *best,
                          int64_t now_us)
{
    const region_shard_t *newest = &self->shards->list[actor->index];
    bool exact = self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    bool less = !best || (exact && incarnation_compare(newest->newest_incarnation, newest->newest_number,
                                                       best->incarnation, best->number) > 0);
    return less && now_us - actor->since_us < self->base->spec.topology->job.sync.away_after_us;
}

/* Every keeper is sealed, and the newest copy of all is where the shard goes on. */
static size_t s_promote(keeping_t *self, region_actor_t *actor, int64_t now_us)
{
    shard_keepers_t *keep = &self->list[actor->index];
    if (!s_is_sealed(self, actor, now_us))
        return NOWHERE;
    const seal_answer_t *best = s_best_answer(keep);
    size_t holder = s_holder(self, actor->index, best);
    if (holder != NOWHERE && shards_newest_is_on(self->shards, actor->index, holder))
        return holder;
    if (s_awaits_more(self, actor, best, now_us)) {
        keep->answer_count = 0;
        return NOWHERE;
    }
    if (!best)
        return actors_least_loaded(self->actors);
    size_t node = s_node_with(self, keep, best);
    if (node == NOWHERE)
        s_fetch_here(self, actor->index, best);
    return node;
}

size_t keeping_home(keeping_t *self, region_actor_t *actor, int64_t now_us)
{
    size_t node = s_at_home(self, actor);
    if (node != NOWHERE)
        return node;
    if (!s_anything_known(self, actor->index))
        return actors_least_loaded(self->actors);
    /* it may come back, with its disk */
    bool away = !actor->ran || !nodes_is_alive(self->nodes, actor->node);
    if (away && now_us - actor->since_us < self->base->spec.topology->checkpoint.move_after_us) {
        message_set_name(actor->waits_for,
                         actor->node != NOWHERE ? self->nodes->list[actor->node].name : "nodes");
        return NOWHERE;
    }
    return s_promote(self, actor, now_us);
}

void keeping_placed(keeping_t *self, const region_actor_t *actor)
{
    if (actor->role != ROLE_SHARD)
        return;
    shard_keepers_t *keep = &self->list[actor->index];
    keep->process = nodes_process(self->nodes->list[actor->node].announce);
    keep->inherited = false;
    keep->target[0] = 0;
    keeping_forget_seal(self, actor->index);
}

void keeping_ran(keeping_t *self, region_actor_t *actor, size_t node)
{
    if (actor->role != ROLE_SHARD || !self->base->spec.topology->checkpoint.replicas)
        return;
    actor->ran = true;
    actor->node = node;
    self->list[actor->index].process = nodes_process(self->nodes->list[node].announce);
}
