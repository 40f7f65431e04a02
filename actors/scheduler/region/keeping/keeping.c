/* Keepers: one on each node, and which of them keep for which shard. */
#include "actors/scheduler/region/keeping/keeping.h"

#include "actors/kit/timers.h"
#include "codec/wire/actor_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TELL_EVERY_US (1 * SECOND_US)
#define GRACE_US (3 * SECOND_US) /* a keeper that is being started again keeps its shards for so long */
#define FULL_US (60 * SECOND_US) /* after a refusal for want of room a keeper is the last choice */
#define NAMED_SILENCE_US (10 * SECOND_US) /* then a keeper is asked for in the next region */

void keeping_init(keeping_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards)
{
    *self = (keeping_t){.base = base, .nodes = nodes, .actors = actors, .shards = shards};
}

static bool s_wanted(const keeping_t *self)
{
    return self->base->spec.topology->checkpoint.replicas > 0;
}

/* Copies for good, or for a move. */
static bool s_is_kept(const keeping_t *self, size_t shard)
{
    return s_wanted(self) || self->list[shard].moves;
}

/* ---- keepers as actors ---- */

const region_actor_t *keeping_named(const keeping_t *self, const char *name)
{
    for (size_t i = 0; i < self->actors->count; i++)
        if (self->actors->list[i].role == ROLE_KEEPER && !strcmp(self->actors->list[i].name, name))
            return &self->actors->list[i];
    return NULL;
}

void keeping_on(keeping_t *self, size_t node)
{
    region_actor_t *keeper = actors_add_on_node(self->actors, ROLE_KEEPER, node);
    keeper->wanted = true;
}

void keeping_anywhere(keeping_t *self)
{
    for (size_t i = 0; i < self->actors->count; i++)
        if (self->actors->list[i].role == ROLE_KEEPER && self->actors->list[i].wanted &&
            nodes_stays(self->nodes, self->actors->list[i].index))
            return;
    size_t node = actors_least_loaded(self->actors);
    if (node != NOWHERE)
        keeping_on(self, node);
}

void keeping_end(keeping_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->actors->count; i++) {
        region_actor_t *keeper = &self->actors->list[i];
        if (keeper->role != ROLE_KEEPER)
            continue;
        keeper->wanted = false;
        if (keeper->state == PLACE_NONE || now_us < keeper->retire_us)
            continue;
        actors_retire_actor(self->actors, keeper, now_us);
    }
}

region_actor_t *keeping_found(keeping_t *self, const char *actor, size_t node)
{
    actor_name_t own = actor_name_called(ROLE_KEEPER, self->base->region->name,
                                         nodes_last_part(self->nodes->list[node].name));
    return strcmp(own.text, actor) ? NULL : actors_add_on_node(self->actors, ROLE_KEEPER, node);
}

void keeping_node_came(keeping_t *self, size_t node)
{
    if (self->actors->list && s_wanted(self))
        actors_add_on_node(self->actors, ROLE_KEEPER, node);
}

/* ---- what a successor must know: who else may have copies ---- */

/* One that was named before may still be the only one that has something. */
static void s_remember_outside(shard_keepers_t *keep, const char *name)
{
    if (keep->outside_count == KEEPERS_MAX) {
        memmove(keep->outside, keep->outside + 1, (KEEPERS_MAX - 1) * sizeof *keep->outside);
        keep->outside_count--;
    }
    message_set_name(keep->outside[keep->outside_count++], name);
}

static bool s_is_outside(const shard_keepers_t *keep, const char *name)
{
    for (size_t i = 0; i < keep->outside_count; i++)
        if (!strcmp(keep->outside[i], name))
            return true;
    return false;
}

void keeping_put(const keeping_t *self, message_t *state)
{
    const message_t *saved = self->base->saved;
    size_t shards = self->actors->shard_count;
    if (!self->list && saved)
        message_copy_rows(&state->region_state.keepers, &saved->region_state.keepers);
    if (!self->list)
        return;
    region_state_keepers_t *rows = message_set_rows(&state->region_state.keepers, shards * KEEPERS_MAX);
    size_t count = 0;
    for (size_t k = 0; k < shards; k++)
        for (size_t i = 0; i < self->list[k].outside_count; i++, count++) {
            rows[count].shard = k;
            message_set_name(rows[count].keeper, self->list[k].outside[i]);
        }
    state->region_state.keepers.count = count;
}

static void s_take_outside(keeping_t *self)
{
    const message_t *saved = self->base->saved;
    for (size_t i = 0; saved && i < saved->region_state.keepers.count; i++) {
        const region_state_keepers_t *row = &saved->region_state.keepers.items[i];
        if (row->shard < self->actors->shard_count)
            s_remember_outside(&self->list[row->shard], row->keeper);
    }
}

void keeping_start(keeping_t *self)
{
    size_t shards = self->actors->shard_count;
    self->list = calloc(shards, sizeof *self->list);
    self->named = calloc(self->base->spec.topology->region_count * shards, sizeof *self->named);
    CHECK(self->list && self->named);
    for (size_t k = 0; k < shards; k++)
        self->list[k] = (shard_keepers_t){.assignment = self->base->core.incarnation,
                                          .inherited = self->base->saved != NULL,
                                          .target_node = NOWHERE};
    if (!s_wanted(self))
        return;
    s_take_outside(self);
    for (size_t node = 0; node < self->nodes->count; node++)
        actors_add_on_node(self->actors, ROLE_KEEPER, node);
}

void keeping_fini(keeping_t *self)
{
    free(self->list);
    free(self->named);
}

/* ---- who keeps for whom ---- */

static bool s_serves(const keeping_t *self, const region_actor_t *actor, int64_t now_us)
{
    bool runs = actor->state == PLACE_READY || now_us - actor->since_us < GRACE_US;
    return actor->role == ROLE_KEEPER && actor->ran && runs && nodes_is_alive(self->nodes, actor->index);
}

static bool s_is_assigned(const shard_keepers_t *keep, const char *name)
{
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (!strcmp(keep->keepers[i].name, name))
            return true;
    return false;
}

static size_t s_times_assigned(const keeping_t *self, const char *name)
{
    size_t times = 0;
    for (size_t k = 0; k < self->actors->shard_count; k++)
        times += s_is_assigned(&self->list[k], name);
    return times;
}

static void s_assign(shard_keepers_t *keep, const char *name, uint64_t incarnation)
{
    shard_keeper_t *keeper = &keep->keepers[keep->keeper_count++];
    message_set_name(keeper->name, name);
    keeper->incarnation = incarnation;
    keep->changed = true;
}

bool keeping_has(const keeping_t *self, size_t shard, size_t node)
{
    const region_actor_t *keeper = actors_on_node(self->actors, ROLE_KEEPER, node);
    return keeper && keeper->state == PLACE_READY && s_is_assigned(&self->list[shard], keeper->name);
}

void keeping_for_move(keeping_t *self, size_t shard, bool moves, size_t target_node)
{
    self->list[shard].moves = moves;
    self->list[shard].target_node = target_node;
}

bool keeping_is_told(const keeping_t *self, size_t shard)
{
    const message_t *progress = self->shards->list[shard].progress;
    const shard_keepers_t *keep = &self->list[shard];
    return progress && !keep->changed && progress->incarnation == self->actors->list[shard].incarnation &&
           progress->progress.assignment == keep->assignment;
}

bool keeping_is_on(const keeping_t *self, const char *keeper, size_t node)
{
    const region_actor_t *actor = actors_on_node(self->actors, ROLE_KEEPER, node);
    return actor && !strcmp(actor->name, keeper);
}

static bool s_is_full(const region_actor_t *keeper, int64_t now_us)
{
    return keeper->full_us && now_us - keeper->full_us < FULL_US;
}

static void s_note_full(keeping_t *self, size_t shard, int64_t now_us)
{
    const message_t *progress = self->shards->list[shard].progress;
    if (!progress || progress->incarnation != self->actors->list[shard].incarnation ||
        !progress->progress.keep_refused[0])
        return;
    for (size_t i = 0; i < self->actors->count; i++)
        if (self->actors->list[i].role == ROLE_KEEPER &&
            !strcmp(self->actors->list[i].name, progress->progress.keep_refused))
            self->actors->list[i].full_us = now_us;
}

/* On another node than the shard's, and running. */
static bool s_may_keep(const keeping_t *self, size_t shard, const region_actor_t *actor)
{
    bool runs = actor->role == ROLE_KEEPER && actor->state == PLACE_READY;
    return runs && actor->index != self->actors->list[shard].node && nodes_stays(self->nodes, actor->index) &&
           !s_is_assigned(&self->list[shard], actor->name);
}

/* With room, and with the least to keep; ties go by name. */
static const region_actor_t *s_least_busy(const keeping_t *self, size_t shard, int64_t now_us)
{
    const region_actor_t *best = NULL;
    size_t least = 0;
    for (size_t i = 0; i < self->actors->count; i++) {
        const region_actor_t *actor = &self->actors->list[i];
        if (!s_may_keep(self, shard, actor))
            continue;
        size_t times = s_times_assigned(self, actor->name) + (s_is_full(actor, now_us) ? SIZE_MAX / 2 : 0);
        if (!best || times < least || (times == least && strcmp(actor->name, best->name) < 0)) {
            best = actor;
            least = times;
        }
    }
    return best;
}

/* Another keeper has room for what this one has not. */
static bool s_may_replace(const keeping_t *self, size_t shard, const region_actor_t *keeper, int64_t now_us)
{
    const region_actor_t *other = s_is_full(keeper, now_us) ? s_least_busy(self, shard, now_us) : NULL;
    return other && !s_is_full(other, now_us);
}

static bool s_still_keeps(const keeping_t *self, size_t shard, const region_actor_t *actor, int64_t now_us)
{
    bool beside = actor->index != self->actors->list[shard].node;
    return beside && s_serves(self, actor, now_us) && nodes_stays(self->nodes, actor->index) &&
           !s_may_replace(self, shard, actor, now_us);
}

/* Whoever can keep no longer leaves; one that was started again may have lost its disk. */
static void s_drop_unable(const keeping_t *self, size_t shard, int64_t now_us)
{
    shard_keepers_t *keep = &self->list[shard];
    size_t count = 0;
    for (size_t i = 0; i < keep->keeper_count; i++) {
        shard_keeper_t keeper = keep->keepers[i];
        const region_actor_t *actor = keeping_named(self, keeper.name);
        bool stays =
            actor ? s_still_keeps(self, shard, actor, now_us) : !strcmp(keeper.name, keep->elsewhere);
        if (stays && actor && actor->incarnation != keeper.incarnation) {
            keeper.incarnation = actor->incarnation;
            keep->changed = true;
        }
        if (stays)
            keep->keepers[count++] = keeper;
    }
    keep->changed |= count != keep->keeper_count;
    keep->keeper_count = count;
}

/* One where the shard is to go on, too. */
static void s_fill_target(const keeping_t *self, shard_keepers_t *keep)
{
    const region_actor_t *target =
        keep->target_node == NOWHERE ? NULL : actors_on_node(self->actors, ROLE_KEEPER, keep->target_node);
    bool runs = target && target->state == PLACE_READY;
    if (runs && !s_is_assigned(keep, target->name) && keep->keeper_count < KEEPERS_MAX)
        s_assign(keep, target->name, target->incarnation);
}

static void s_fill_keepers(const keeping_t *self, size_t shard, int64_t now_us)
{
    shard_keepers_t *keep = &self->list[shard];
    size_t wanted = self->base->spec.topology->checkpoint.replicas;
    if (keep->elsewhere[0] && !s_is_assigned(keep, keep->elsewhere))
        s_assign(keep, keep->elsewhere, 0);
    size_t here = wanted - (wanted && self->base->spec.topology->checkpoint.elsewhere);
    if (!here && keep->moves)
        here = 1; /* where it goes on */
    s_fill_target(self, keep);
    size_t have = keep->keeper_count - (keep->elsewhere[0] != 0);
    const region_actor_t *actor;
    for (; have < here && (actor = s_least_busy(self, shard, now_us)); have++)
        s_assign(keep, actor->name, actor->incarnation);
}

static void s_tell_keepers(keeping_t *self, size_t shard, int64_t now_us)
{
    shard_keepers_t *keep = &self->list[shard];
    if (keep->changed)
        keep->assignment++;
    if (!keep->changed && now_us < keep->told_us)
        return;
    keep->changed = false;
    keep->told_us = now_us + TELL_EVERY_US;
    message_t *m = core_message(&self->base->core, KIND_keepers, self->actors->list[shard].name);
    m->keepers.assignment = keep->assignment;
    keepers_keepers_t *rows = message_set_rows(&m->keepers.keepers, keep->keeper_count);
    for (size_t i = 0; i < keep->keeper_count; i++) {
        message_set_name(rows[i].name, keep->keepers[i].name);
        rows[i].incarnation = keep->keepers[i].incarnation;
    }
    core_send(&self->base->core, &m);
}

/* ---- a keeper in another region ---- */

static void s_want_elsewhere(keeping_t *self, size_t shard, int64_t now_us)
{
    shard_keepers_t *keep = &self->list[shard];
    size_t count = self->base->spec.topology->region_count;
    if (!self->base->spec.topology->checkpoint.elsewhere || now_us < keep->want_us)
        return;
    if (!keep->asked_region || now_us - keep->named_us >= NAMED_SILENCE_US) {
        keep->asked_region = keep->asked_region % (count - 1) + 1; /* 1 .. count - 1, from the own one on */
        keep->elsewhere[0] = 0;
        keep->named_us = now_us;
    }
    size_t region = (self->base->spec.region_index + keep->asked_region) % count;
    actor_name_t to = actor_name(ROLE_SCHEDULER, self->base->spec.topology->regions[region].name);
    message_t *m = core_message(&self->base->core, KIND_keeper_want, to.text);
    message_set_name(m->keeper_want.region, self->base->region->name);
    m->keeper_want.shard = shard;
    core_send(&self->base->core, &m);
    keep->want_us = now_us + TELL_EVERY_US;
}

void keeping_take_named(keeping_t *self, const message_t *m, int64_t now_us)
{
    bool its = self->list && s_wanted(self) && m->keeper_named.shard < self->actors->shard_count;
    if (!its || strcmp(m->keeper_named.region, self->base->region->name) || !m->keeper_named.keeper[0])
        return;
    shard_keepers_t *keep = &self->list[m->keeper_named.shard];
    message_set_name(keep->elsewhere, m->keeper_named.keeper);
    keep->named_us = now_us;
    if (s_is_outside(keep, keep->elsewhere))
        return;
    s_remember_outside(keep, keep->elsewhere);
    region_decide(self->base);
}

/* Shards with higher numbers get later keepers, as far as there are. */
static const region_actor_t *s_for_other(const keeping_t *self, uint64_t shard)
{
    const region_actor_t *found = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < self->actors->count; i++) {
        const region_actor_t *actor = &self->actors->list[i];
        bool runs = actor->role == ROLE_KEEPER && actor->state == PLACE_READY;
        if (runs && (!found || seen++ < shard))
            found = actor;
    }
    return found;
}

/* Names one of this region's keepers for another's shard, and goes on naming it while it is there. */
void keeping_take_want(keeping_t *self, const message_t *m, int64_t now_us)
{
    size_t region = topology_region_index(self->base->spec.topology, m->keeper_want.region);
    bool other = region != SIZE_MAX && region != self->base->spec.region_index;
    if (!self->list || !s_wanted(self) || !other || m->keeper_want.shard >= self->actors->shard_count)
        return;
    char *named = self->named[region * self->actors->shard_count + m->keeper_want.shard];
    const region_actor_t *actor = named[0] ? keeping_named(self, named) : NULL;
    if (!actor || !s_serves(self, actor, now_us)) {
        actor = s_for_other(self, m->keeper_want.shard);
        message_set_name(named, actor ? actor->name : "");
    }
    message_t *answer = core_message(&self->base->core, KIND_keeper_named, m->from);
    message_set_name(answer->keeper_named.region, m->keeper_want.region);
    answer->keeper_named.shard = m->keeper_want.shard;
    message_set_name(answer->keeper_named.keeper, named);
    core_send(&self->base->core, &answer);
}

/* ---- all of it ---- */

void keeping_tick(keeping_t *self, int64_t now_us)
{
    for (size_t shard = 0; self->list && shard < self->actors->shard_count; shard++) {
        s_want_elsewhere(self, shard, now_us);
        if (self->actors->list[shard].state != PLACE_READY || !s_is_kept(self, shard))
            continue; /* who kept for it is asked when it goes on elsewhere */
        s_note_full(self, shard, now_us);
        s_drop_unable(self, shard, now_us);
        s_fill_keepers(self, shard, now_us);
        s_tell_keepers(self, shard, now_us);
    }
}

int64_t keeping_due(const keeping_t *self)
{
    int64_t due = ROLE_NEVER;
    for (size_t shard = 0; self->list && shard < self->actors->shard_count; shard++) {
        bool told = self->actors->list[shard].state == PLACE_READY && s_is_kept(self, shard);
        if (told)
            due = timer_first(due, self->list[shard].told_us);
    }
    return due;
}
