/* Keepers: one on each node; which of them keep for which shard; and where a shard goes when its node is gone with its disk. */

#include "actors/scheduler/region/region_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TELL_EVERY_US (1 * SECOND_US)
#define GRACE_US (3 * SECOND_US) /* a keeper that is being started again keeps its shards for so long */
#define SEAL_PATIENCE_US (3 * SECOND_US)  /* for keepers that do not answer, when one of the assigned has */
#define FULL_US (60 * SECOND_US)          /* after a refusal for want of room a keeper is the last choice */
#define NAMED_SILENCE_US (10 * SECOND_US) /* then a keeper is asked for in the next region */

static bool s_wanted(const region_core_t *self)
{
    return self->spec.topology->checkpoint.replicas > 0;
}

/* Copies for good, or for a move. */
static bool s_is_kept(const region_core_t *self, size_t shard)
{
    return s_wanted(self) || self->keeps[shard].handing;
}

static bool s_newer(uint64_t incarnation, uint64_t number, uint64_t than_incarnation, uint64_t than_number)
{
    return incarnation > than_incarnation || (incarnation == than_incarnation && number > than_number);
}

/* ---- keepers as actors ---- */

static const char *s_last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static region_actor_t *s_keeper_of(const region_core_t *self, size_t node)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].role == ROLE_KEEPER && self->actors[i].index == node)
            return &self->actors[i];
    return NULL;
}

static region_actor_t *s_add_keeper(region_core_t *self, size_t node)
{
    region_actor_t *keeper = s_keeper_of(self, node);
    return keeper ? keeper : region_actor_add(self, ROLE_KEEPER, node, s_last_part(self->nodes[node].name));
}

void region_keep_on(region_core_t *self, size_t node)
{
    region_actor_t *keeper = s_add_keeper(self, node);
    keeper->wanted = true;
}

region_actor_t *region_keep_found_keeper(region_core_t *self, const char *actor, size_t node)
{
    char own[3 * WIRE_NAME_SIZE];
    snprintf(own, sizeof own, "keeper/%s/%s", self->region->name, s_last_part(self->nodes[node].name));
    return strcmp(own, actor) ? NULL : s_add_keeper(self, node);
}

void region_keep_joined(region_core_t *self, size_t node)
{
    if (self->actors && s_wanted(self))
        s_add_keeper(self, node);
}

/* ---- what a successor must know: who else may have copies ---- */

/* One that was named before may still be the only one that has something. */
static void s_remember_outside(region_keep_t *keep, const char *name)
{
    if (keep->outside_count == REGION_KEEPERS_MAX) {
        memmove(keep->outside, keep->outside + 1, (REGION_KEEPERS_MAX - 1) * sizeof *keep->outside);
        keep->outside_count--;
    }
    message_set_name(keep->outside[keep->outside_count++], name);
}

static bool s_is_outside(const region_keep_t *keep, const char *name)
{
    for (size_t i = 0; i < keep->outside_count; i++)
        if (!strcmp(keep->outside[i], name))
            return true;
    return false;
}

void region_keep_put(const region_core_t *self, message_t *state)
{
    size_t size = self->shard_count * REGION_KEEPERS_MAX * (WIRE_NAME_SIZE + 24) + 1, at = 0;
    char *lines = calloc(1, size);
    CHECK(lines);
    for (size_t k = 0; k < self->shard_count; k++)
        for (size_t i = 0; i < self->keeps[k].outside_count; i++)
            at += (size_t)snprintf(lines + at, size - at, "%zu %s\n", k, self->keeps[k].outside[i]);
    message_set_text(&state->region_state.keepers, lines);
    free(lines);
}

static void s_take_outside(region_core_t *self)
{
    const char *at = self->saved ? self->saved->region_state.keepers : NULL;
    wire_name_t name;
    unsigned long shard;
    for (int length = 0; at && sscanf(at, "%lu %63[^ \n]%n", &shard, name, &length) == 2; at += length)
        if (shard < self->shard_count)
            s_remember_outside(&self->keeps[shard], name);
}

void region_keep_start(region_core_t *self)
{
    self->keeps = calloc(self->shard_count, sizeof *self->keeps);
    CHECK(self->keeps);
    for (size_t k = 0; k < self->shard_count; k++)
        self->keeps[k] = (region_keep_t){.assignment = self->spec.term << 32,
                                         .inherited = self->saved != NULL,
                                         .target_node = NOWHERE,
                                         .from_node = NOWHERE};
    self->named = calloc(self->spec.topology->region_count * self->shard_count, sizeof *self->named);
    CHECK(self->named);
    const wire_u64s_t *handed = self->saved ? &self->saved->region_state.handed : NULL;
    for (size_t k = 0; handed && handed->count == 2 * self->shard_count && k < self->shard_count; k++) {
        self->keeps[k].handed_incarnation = handed->items[2 * k];
        self->keeps[k].handed_number = handed->items[2 * k + 1];
    }
    if (!s_wanted(self))
        return;
    s_take_outside(self);
    for (size_t node = 0; node < self->node_count; node++)
        s_add_keeper(self, node);
}

void region_keep_fini(region_core_t *self)
{
    free(self->keeps);
    free(self->named);
}

size_t region_keeper_home(const region_core_t *self, const region_actor_t *keeper)
{
    return keeper->wanted && region_node_alive(self, keeper->index) ? keeper->index : NOWHERE;
}

/* ---- who keeps for whom ---- */

static bool s_serves(const region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    return actor->role == ROLE_KEEPER && region_node_alive(self, actor->index) && actor->ran &&
           (actor->state == PLACE_READY || now_us - actor->since_us < GRACE_US);
}

static const region_actor_t *s_keeper_named(const region_core_t *self, const char *name)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].role == ROLE_KEEPER && !strcmp(self->actors[i].name, name))
            return &self->actors[i];
    return NULL;
}

static bool s_is_assigned(const region_keep_t *keep, const char *name)
{
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (!strcmp(keep->keepers[i].name, name))
            return true;
    return false;
}

static size_t s_times_assigned(const region_core_t *self, const char *name)
{
    size_t times = 0;
    for (size_t k = 0; k < self->shard_count; k++)
        times += s_is_assigned(&self->keeps[k], name);
    return times;
}

static void s_assign(region_keep_t *keep, const char *name, uint64_t incarnation)
{
    region_keeper_t *keeper = &keep->keepers[keep->keeper_count++];
    message_set_name(keeper->name, name);
    keeper->incarnation = incarnation;
    keep->changed = true;
}

bool region_keep_has(const region_core_t *self, size_t shard, size_t node)
{
    const region_actor_t *keeper = s_keeper_of(self, node);
    return keeper && keeper->state == PLACE_READY && s_is_assigned(&self->keeps[shard], keeper->name);
}

bool region_keep_is_on(const region_core_t *self, const char *keeper, size_t node)
{
    const region_actor_t *actor = s_keeper_of(self, node);
    return actor && !strcmp(actor->name, keeper);
}

static bool s_is_full(const region_actor_t *keeper, int64_t now_us)
{
    return keeper->full_us && now_us - keeper->full_us < FULL_US;
}

static void s_note_full(region_core_t *self, size_t shard, int64_t now_us)
{
    const message_t *progress = self->shards[shard].progress;
    if (!progress || progress->incarnation != self->actors[shard].incarnation ||
        !progress->progress.keep_refused[0])
        return;
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].role == ROLE_KEEPER &&
            !strcmp(self->actors[i].name, progress->progress.keep_refused))
            self->actors[i].full_us = now_us;
}

/* On another node than the shard's, with room, and with the least to keep; ties go by name. */
static const region_actor_t *s_least_busy(const region_core_t *self, size_t shard, int64_t now_us)
{
    const region_actor_t *best = NULL;
    size_t least = 0;
    for (size_t i = 0; i < self->actor_count; i++) {
        const region_actor_t *actor = &self->actors[i];
        if (actor->role != ROLE_KEEPER || actor->state != PLACE_READY ||
            actor->index == self->actors[shard].node || !region_node_stays(self, actor->index) ||
            s_is_assigned(&self->keeps[shard], actor->name))
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
static bool s_may_replace(const region_core_t *self, size_t shard, const region_actor_t *keeper,
                          int64_t now_us)
{
    const region_actor_t *other = s_is_full(keeper, now_us) ? s_least_busy(self, shard, now_us) : NULL;
    return other && !s_is_full(other, now_us);
}

/* Whoever can keep no longer leaves; one that was started again may have lost its disk. */
static void s_drop_unable(const region_core_t *self, size_t shard, int64_t now_us)
{
    region_keep_t *keep = &self->keeps[shard];
    size_t count = 0;
    for (size_t i = 0; i < keep->keeper_count; i++) {
        region_keeper_t keeper = keep->keepers[i];
        const region_actor_t *actor = s_keeper_named(self, keeper.name);
        bool stays = actor ? s_serves(self, actor, now_us) && region_node_stays(self, actor->index) &&
                                 actor->index != self->actors[shard].node &&
                                 !s_may_replace(self, shard, actor, now_us)
                           : !strcmp(keeper.name, keep->elsewhere);
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

static void s_fill(const region_core_t *self, size_t shard, int64_t now_us)
{
    region_keep_t *keep = &self->keeps[shard];
    size_t wanted = self->spec.topology->checkpoint.replicas;
    if (keep->elsewhere[0] && !s_is_assigned(keep, keep->elsewhere))
        s_assign(keep, keep->elsewhere, 0);
    size_t here = wanted - (wanted && self->spec.topology->checkpoint.elsewhere);
    if (!here && keep->handing)
        here = 1; /* where it goes on */
    const region_actor_t *target = keep->goes ? s_keeper_of(self, keep->target_node) : NULL;
    if (target && target->state == PLACE_READY && !s_is_assigned(keep, target->name) &&
        keep->keeper_count < REGION_KEEPERS_MAX)
        s_assign(keep, target->name, target->incarnation);
    size_t have = keep->keeper_count - (keep->elsewhere[0] != 0);
    const region_actor_t *actor;
    for (; have < here && (actor = s_least_busy(self, shard, now_us)); have++)
        s_assign(keep, actor->name, actor->incarnation);
}

static void s_tell(region_core_t *self, size_t shard, int64_t now_us)
{
    region_keep_t *keep = &self->keeps[shard];
    if (keep->changed)
        keep->assignment++;
    if (!keep->changed && now_us < keep->told_us)
        return;
    keep->changed = false;
    keep->told_us = now_us + TELL_EVERY_US;
    char names[REGION_KEEPERS_MAX * (WIRE_NAME_SIZE + 20)] = "";
    size_t at = 0;
    for (size_t i = 0; i < keep->keeper_count; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s %" PRIx64 "\n", keep->keepers[i].name,
                               keep->keepers[i].incarnation);
    message_t *m = message_new(KIND_keepers, self->actors[shard].name, self->name);
    m->keepers.assignment = keep->assignment;
    message_set_text(&m->keepers.names, names);
    region_send(self, &m);
}

/* ---- a keeper in another region ---- */

static void s_want_elsewhere(region_core_t *self, size_t shard, int64_t now_us)
{
    region_keep_t *keep = &self->keeps[shard];
    size_t count = self->spec.topology->region_count;
    if (!self->spec.topology->checkpoint.elsewhere || now_us < keep->want_us)
        return;
    if (!keep->asked_region || now_us - keep->named_us >= NAMED_SILENCE_US) {
        keep->asked_region = keep->asked_region % (count - 1) + 1; /* 1 .. count - 1, from the own one on */
        keep->elsewhere[0] = 0;
        keep->named_us = now_us;
    }
    size_t region = (self->spec.region_index + keep->asked_region) % count;
    char to[WIRE_NAME_SIZE];
    snprintf(to, sizeof to, "scheduler/%s", self->spec.topology->regions[region].name);
    message_t *m = message_new(KIND_keeper_want, to, self->name);
    message_set_name(m->keeper_want.region, self->region->name);
    m->keeper_want.shard = shard;
    region_send(self, &m);
    keep->want_us = now_us + TELL_EVERY_US;
}

static void s_take_named(region_core_t *self, const message_t *m, int64_t now_us)
{
    if (m->keeper_named.shard >= self->shard_count || strcmp(m->keeper_named.region, self->region->name) ||
        !m->keeper_named.keeper[0])
        return;
    region_keep_t *keep = &self->keeps[m->keeper_named.shard];
    message_set_name(keep->elsewhere, m->keeper_named.keeper);
    keep->named_us = now_us;
    if (s_is_outside(keep, keep->elsewhere))
        return;
    s_remember_outside(keep, keep->elsewhere);
    region_decide(self);
}

/* Names one of this region's keepers for another's shard, and goes on naming it while it is there. */
static void s_take_want(region_core_t *self, const message_t *m, int64_t now_us)
{
    size_t region = topology_region_index(self->spec.topology, m->keeper_want.region);
    if (region == SIZE_MAX || region == self->spec.region_index || m->keeper_want.shard >= self->shard_count)
        return;
    char *named = self->named[region * self->shard_count + m->keeper_want.shard];
    const region_actor_t *actor = named[0] ? s_keeper_named(self, named) : NULL;
    if (!actor || !s_serves(self, actor, now_us)) {
        size_t seen = 0;
        actor = NULL;
        for (size_t i = 0; i < self->actor_count; i++)
            if (self->actors[i].role == ROLE_KEEPER && self->actors[i].state == PLACE_READY &&
                (!actor || seen++ < m->keeper_want.shard))
                actor = &self->actors[i];
        message_set_name(named, actor ? actor->name : "");
    }
    message_t *answer = message_new(KIND_keeper_named, m->from, self->name);
    message_set_name(answer->keeper_named.region, m->keeper_want.region);
    answer->keeper_named.shard = m->keeper_want.shard;
    message_set_name(answer->keeper_named.keeper, named);
    region_send(self, &answer);
}

/* ---- sealing, before a shard goes on elsewhere ---- */

static void s_send_seal(region_core_t *self, const char *to, size_t shard)
{
    message_t *m = message_new(KIND_seal, to, self->name);
    message_set_name(m->seal.region, self->region->name);
    m->seal.shard = shard;
    m->seal.incarnation = self->keeps[shard].seal;
    region_send(self, &m);
}

static region_answer_t *s_answer_of(region_keep_t *keep, const char *name)
{
    for (size_t i = 0; i < keep->answer_count; i++)
        if (!strcmp(keep->answers[i].keeper, name))
            return &keep->answers[i];
    return NULL;
}

/* The present keepers alone: of one that has handed over nothing newer can be anywhere. */
bool region_keep_sealed(region_core_t *self, size_t shard, size_t *ret_node)
{
    region_keep_t *keep = &self->keeps[shard];
    const region_shard_t *newest = &self->shards[shard];
    if (!keep->seal)
        keep->seal = ++self->issued;
    for (size_t i = 0; i < keep->keeper_count; i++) {
        const region_actor_t *actor = s_keeper_named(self, keep->keepers[i].name);
        if (!actor || !region_node_stays(self, actor->index))
            continue;
        const region_answer_t *answer = s_answer_of(keep, actor->name);
        if (!answer)
            s_send_seal(self, actor->name, shard);
        else if (answer->incarnation == newest->newest_incarnation &&
                 answer->number == newest->newest_number &&
                 (*ret_node == NOWHERE || !keep->goes || *ret_node != keep->target_node))
            *ret_node = actor->index;
    }
    return *ret_node != NOWHERE;
}

/* Asks every keeper that may have copies; returns how many have not answered. */
static size_t s_ask_seals(region_core_t *self, size_t shard)
{
    region_keep_t *keep = &self->keeps[shard];
    size_t missing = 0;
    for (size_t i = 0; i < self->actor_count; i++) {
        const region_actor_t *actor = &self->actors[i];
        if (actor->role != ROLE_KEEPER || !region_node_alive(self, actor->index) ||
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

/* One of those without which nothing becomes durable: then the shard's predecessor is fenced. Who those are is not known when
 * another scheduler had chosen them: then all must answer, while there is hope. */
static bool s_fenced(const region_core_t *self, region_keep_t *keep, int64_t now_us)
{
    if (keep->inherited)
        return keep->answer_count && now_us - keep->seal_us >= self->spec.topology->job.sync.away_after_us;
    for (size_t i = 0; i < keep->keeper_count; i++)
        if (s_answer_of(keep, keep->keepers[i].name))
            return true;
    return keep->keeper_count == 0 && keep->answer_count > 0;
}

static void s_note_answer(region_keep_t *keep, const char *keeper, uint64_t incarnation, uint64_t number)
{
    region_answer_t *answer = s_answer_of(keep, keeper);
    if (!answer && keep->answer_count < REGION_ANSWERS_MAX)
        answer = &keep->answers[keep->answer_count++];
    if (!answer)
        return;
    message_set_name(answer->keeper, keeper);
    answer->incarnation = incarnation;
    answer->number = number;
}

/* A predecessor may have sealed the keepers of a shard that was found running afterwards: nothing of that incarnation is
 * kept any more, so that the shard goes on with one above the seal. */
static void s_end_sealed(region_core_t *self, size_t shard, uint64_t seal, int64_t now_us)
{
    region_actor_t *actor = &self->actors[shard];
    if (actor->state != PLACE_READY || actor->incarnation >= seal || seal > self->issued || self->stopping)
        return;
    region_actor_ended(self, actor, now_us);
}

static void s_take_sealed(region_core_t *self, const message_t *m, int64_t now_us)
{
    if (m->sealed.shard >= self->shard_count || strcmp(m->sealed.region, self->region->name))
        return;
    region_keep_t *keep = &self->keeps[m->sealed.shard];
    s_end_sealed(self, m->sealed.shard, m->sealed.seal, now_us);
    if (keep->seal && m->sealed.seal >= keep->seal)
        s_note_answer(keep, m->from, m->sealed.incarnation, m->sealed.number);
}

/* ---- where a shard goes ---- */

static bool s_holds(const region_core_t *self, size_t node, size_t shard, uint64_t *ret_incarnation,
                    uint64_t *ret_number)
{
    const message_t *announce = self->nodes[node].announce;
    for (size_t i = 0; i < announce->announce.held_shards.count; i++) {
        if (announce->announce.held_shards.items[i] != shard)
            continue;
        *ret_incarnation = announce->announce.held_incarnations.items[i];
        *ret_number = announce->announce.held_numbers.items[i];
        return true;
    }
    return false;
}

/* Whether nothing newer is known than what a node says it holds. */
static bool s_holds_newest(const region_core_t *self, size_t node, size_t shard)
{
    uint64_t incarnation, number;
    const region_shard_t *newest = &self->shards[shard];
    return s_holds(self, node, shard, &incarnation, &number) &&
           !s_newer(newest->newest_incarnation, newest->newest_number, incarnation, number);
}

/* A node that has what the shard needs: the one where it was, if its process has gone on or its disk is still there; before
 * it ran any that holds the newest. */
static size_t s_at_home(const region_core_t *self, const region_actor_t *actor)
{
    size_t best = NOWHERE;
    uint64_t incarnation = 0, number = 0, i = 0, n = 0;
    if (actor->ran && region_node_alive(self, actor->node) &&
        (region_process(self->nodes[actor->node].announce) == self->keeps[actor->index].process ||
         s_holds_newest(self, actor->node, actor->index)))
        return actor->node;
    bool ran = actor->ran || (self->keeps[actor->index].inherited && self->adopted);
    for (size_t node = 0; !ran && node < self->node_count; node++) {
        if (!region_node_alive(self, node) || !s_holds_newest(self, node, actor->index) ||
            !s_holds(self, node, actor->index, &i, &n) ||
            (best != NOWHERE && !s_newer(i, n, incarnation, number)))
            continue;
        best = node;
        incarnation = i;
        number = n;
    }
    return best;
}

static bool s_anything_known(const region_core_t *self, size_t shard)
{
    uint64_t incarnation, number;
    for (size_t node = 0; node < self->node_count; node++)
        if (s_holds(self, node, shard, &incarnation, &number))
            return true;
    return self->shards[shard].newest_incarnation != 0;
}

static const region_answer_t *s_best_answer(const region_keep_t *keep)
{
    const region_answer_t *best = NULL;
    for (size_t i = 0; i < keep->answer_count; i++)
        if (keep->answers[i].number &&
            (!best ||
             s_newer(keep->answers[i].incarnation, keep->answers[i].number, best->incarnation, best->number)))
            best = &keep->answers[i];
    return best;
}

static const region_actor_t *s_keeper_on(const region_core_t *self, size_t node)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].role == ROLE_KEEPER && self->actors[i].index == node &&
            self->actors[i].state == PLACE_READY)
            return &self->actors[i];
    return NULL;
}

/* Has a keeper of this region fetch what only another region has; it is asked again and again until it has. */
static void s_fetch_here(region_core_t *self, size_t shard, const region_answer_t *best)
{
    region_keep_t *keep = &self->keeps[shard];
    const region_actor_t *target = keep->target[0] ? s_keeper_named(self, keep->target) : NULL;
    if (!target || target->state != PLACE_READY || !region_node_alive(self, target->index))
        target = s_keeper_on(self, region_least_loaded(self));
    if (!target)
        return;
    message_set_name(keep->target, target->name);
    message_t *m = message_new(KIND_keep_from, target->name, self->name);
    message_set_name(m->keep_from.region, self->region->name);
    m->keep_from.shard = shard;
    m->keep_from.incarnation = best->incarnation;
    m->keep_from.number = best->number;
    message_set_name(m->keep_from.source, best->keeper);
    region_send(self, &m);
}

static void s_take_kept(region_core_t *self, const message_t *m)
{
    if (m->snapshot_kept.shard >= self->shard_count || strcmp(m->snapshot_kept.region, self->region->name))
        return;
    region_keep_t *keep = &self->keeps[m->snapshot_kept.shard];
    if (!keep->target[0] || strcmp(keep->target, m->from))
        return;
    keep->target[0] = 0;
    if (m->snapshot_kept.code)
        keep->answer_count = 0; /* ask again who has what */
    else
        s_note_answer(keep, m->from, m->snapshot_kept.incarnation, m->snapshot_kept.number);
}

/* A node of this region whose keeper has as much as the best. */
static size_t s_node_with(const region_core_t *self, const region_keep_t *keep, const region_answer_t *best)
{
    for (size_t i = 0; i < keep->answer_count; i++) {
        const region_answer_t *answer = &keep->answers[i];
        const region_actor_t *actor = s_keeper_named(self, answer->keeper);
        if (actor && region_node_alive(self, actor->index) && answer->number &&
            !s_newer(best->incarnation, best->number, answer->incarnation, answer->number))
            return actor->index;
    }
    return NOWHERE;
}

/* A node whose own disk has nothing older than the best copy: it may be one of which a predecessor knew more. */
static size_t s_holder(const region_core_t *self, size_t shard, const region_answer_t *best)
{
    uint64_t incarnation = best ? best->incarnation : 0, number = best ? best->number : 0, i, n;
    size_t holder = NOWHERE;
    for (size_t node = 0; node < self->node_count; node++) {
        if (!region_node_alive(self, node) || !s_holds(self, node, shard, &i, &n) ||
            s_newer(incarnation, number, i, n))
            continue;
        holder = node;
        incarnation = i;
        number = n;
    }
    return holder;
}

/* Every keeper is sealed, and the newest copy of all is where the shard goes on. */
static size_t s_promote(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    region_keep_t *keep = &self->keeps[actor->index];
    const region_shard_t *newest = &self->shards[actor->index];
    if (!keep->seal) {
        keep->seal = ++self->issued;
        keep->seal_us = now_us;
    }
    message_set_name(keep->waits_for, "keepers");
    size_t missing = s_ask_seals(self, actor->index);
    if (missing && (!s_fenced(self, keep, now_us) || now_us - keep->seal_us < SEAL_PATIENCE_US))
        return NOWHERE;
    const region_answer_t *best = s_best_answer(keep);
    size_t holder = s_holder(self, actor->index, best);
    if (holder != NOWHERE && s_holds_newest(self, holder, actor->index))
        return holder;
    bool whole =
        best && !s_newer(newest->newest_incarnation, newest->newest_number, best->incarnation, best->number);
    bool exact = self->spec.topology->checkpoint.durability == DURABILITY_REPLICA;
    /* Less than what is known to be durable is a loss: whoever has more gets the time that a region may be away. */
    if ((!best || (exact && !whole)) &&
        now_us - actor->since_us < self->spec.topology->job.sync.away_after_us) {
        keep->answer_count = 0;
        return NOWHERE;
    }
    if (!best)
        return region_least_loaded(self);
    size_t node = s_node_with(self, keep, best);
    if (node == NOWHERE)
        s_fetch_here(self, actor->index, best);
    return node;
}

size_t region_keep_home(region_core_t *self, const region_actor_t *actor, int64_t now_us)
{
    region_keep_t *keep = &self->keeps[actor->index];
    size_t node = s_at_home(self, actor);
    if (node != NOWHERE)
        return node;
    if (!s_anything_known(self, actor->index))
        return region_least_loaded(self);
    bool away = !actor->ran || !region_node_alive(self, actor->node); /* it may come back, with its disk */
    if (away && now_us - actor->since_us < self->spec.topology->checkpoint.move_after_us) {
        message_set_name(keep->waits_for, actor->node != NOWHERE ? self->nodes[actor->node].name : "nodes");
        return NOWHERE;
    }
    return s_promote(self, actor, now_us);
}

void region_keep_placed(region_core_t *self, const region_actor_t *actor)
{
    if (actor->role != ROLE_SHARD)
        return;
    region_keep_t *keep = &self->keeps[actor->index];
    keep->process = region_process(self->nodes[actor->node].announce);
    keep->inherited = false;
    keep->seal = 0;
    keep->answer_count = 0;
    keep->target[0] = keep->waits_for[0] = 0;
}

void region_keep_found(region_core_t *self, region_actor_t *actor, size_t node)
{
    if (actor->role != ROLE_SHARD || !s_wanted(self))
        return;
    actor->ran = true;
    actor->node = node;
    self->keeps[actor->index].process = region_process(self->nodes[node].announce);
}

/* ---- from outside ---- */

void region_keep_message(region_core_t *self, const message_t *m, int64_t now_us)
{
    if (!self->actors)
        return;
    if (m->kind == KIND_sealed)
        s_take_sealed(self, m, now_us);
    else if (m->kind == KIND_snapshot_kept)
        s_take_kept(self, m);
    else if (m->kind == KIND_keeper_want && s_wanted(self))
        s_take_want(self, m, now_us);
    else if (m->kind == KIND_keeper_named && s_wanted(self))
        s_take_named(self, m, now_us);
}

void region_keep(region_core_t *self, int64_t now_us)
{
    if (!self->actors)
        return;
    for (size_t shard = 0; shard < self->shard_count; shard++) {
        s_want_elsewhere(self, shard, now_us);
        if (self->actors[shard].state != PLACE_READY || !s_is_kept(self, shard))
            continue; /* who kept for it is asked when it goes on elsewhere */
        s_note_full(self, shard, now_us);
        s_drop_unable(self, shard, now_us);
        s_fill(self, shard, now_us);
        s_tell(self, shard, now_us);
    }
}

int64_t region_keep_due(const region_core_t *self)
{
    int64_t due = ROLE_NEVER;
    for (size_t shard = 0; self->actors && shard < self->shard_count; shard++)
        if (self->actors[shard].state == PLACE_READY && s_is_kept(self, shard) &&
            self->keeps[shard].told_us < due)
            due = self->keeps[shard].told_us;
    return due;
}

int64_t region_keep_lag_us(const region_core_t *self)
{
    int64_t lag_us = 0;
    for (size_t shard = 0; self->actors && shard < self->shard_count; shard++)
        if (self->shards[shard].progress && self->shards[shard].progress->progress.keep_lag_us > lag_us)
            lag_us = self->shards[shard].progress->progress.keep_lag_us;
    return lag_us;
}

const char *region_keep_waits_for(const region_core_t *self, const region_actor_t *actor)
{
    bool shard = actor->role == ROLE_SHARD && actor->state == PLACE_NONE;
    if (actor->lacks_room[0])
        return actor->lacks_room;
    return shard && self->keeps[actor->index].waits_for[0] ? self->keeps[actor->index].waits_for
                                                           : actor->name;
}
