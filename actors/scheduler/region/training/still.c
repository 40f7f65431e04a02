#include "actors/scheduler/region/training/still.h"

#include "codec/wire/actor_name.h"

#include <string.h>

#define LEAST_US                                                                                             \
    (250 * MILLISECOND_US) /* a region that is told of its batches this seldom does not stand still */

void still_init(still_t *self, region_base_t *base, actors_t *actors, shards_t *shards, training_t *training)
{
    *self = (still_t){.base = base, .actors = actors, .shards = shards, .training = training};
}

/* ---- why ---- */

static bool s_waits(const region_actor_t *actor)
{
    return actor->told.status && actor->told.status->status.waits_for[0];
}

static const region_actor_t *s_of_role(const still_t *self, actor_role_t role, bool waits)
{
    for (size_t index = 0; index < self->actors->count; index++) {
        const region_actor_t *actor = &self->actors->list[index];
        bool runs = actor->role == role && actor->state == PLACE_READY;
        if (runs && (!waits || s_waits(actor)))
            return actor;
    }
    return NULL;
}

static const region_actor_t *s_missing_shard(const still_t *self)
{
    for (size_t shard = 0; shard < self->actors->shard_count; shard++)
        if (self->actors->list[shard].state != PLACE_READY)
            return &self->actors->list[shard];
    return NULL;
}

/* A worker that waits for a shard waits for whatever that waits for. */
static void s_waited(const still_t *self, const region_actor_t *worker, char out[STILL_WHY_MAX])
{
    const char *first = worker->told.status->status.waits_for;
    const region_actor_t *shard = s_of_role(self, ROLE_SHARD, true);
    if (shard && actor_role_of(first) == ROLE_SHARD)
        snprintf(out, STILL_WHY_MAX, "%s waited for %s, and %s for %s", worker->name, first, shard->name,
                 shard->told.status->status.waits_for);
    else
        snprintf(out, STILL_WHY_MAX, "%s waited for %s", worker->name, first);
}

/* Empty: everybody computed. */
static void s_why(const still_t *self, char out[STILL_WHY_MAX])
{
    const region_actor_t *shard = s_missing_shard(self), *worker = s_of_role(self, ROLE_WORKER, true);
    out[0] = '\0';
    if (shard && strcmp(actor_waits_for(shard), shard->name))
        snprintf(out, STILL_WHY_MAX, "%s did not run and waited for %s", shard->name, actor_waits_for(shard));
    else if (shard)
        snprintf(out, STILL_WHY_MAX, "%s did not run", shard->name);
    else if (!s_of_role(self, ROLE_WORKER, false))
        snprintf(out, STILL_WHY_MAX, "no worker ran");
    else if (worker)
        s_waited(self, worker, out);
    else if (training_evaluates(self->training, SIZE_MAX))
        snprintf(out, STILL_WHY_MAX, "a worker evaluated");
}

static void s_note_why(still_t *self, const char *text, int64_t us)
{
    size_t at = 0;
    while (at < self->why_count && strcmp(self->whys[at].text, text))
        at++;
    if (at == STILL_WHYS)
        return;
    if (at == self->why_count)
        snprintf(self->whys[self->why_count++].text, STILL_WHY_MAX, "%s", text);
    self->whys[at].us += us;
}

static const char *s_main_why(const still_t *self)
{
    size_t best = 0;
    for (size_t at = 1; at < self->why_count; at++)
        if (self->whys[at].us > self->whys[best].us)
            best = at;
    return self->why_count ? self->whys[best].text : "";
}

/* ---- how long ---- */

static void s_begin_still(still_t *self, int64_t now_us)
{
    self->since_us = now_us;
    memset(self->whys, 0, sizeof self->whys);
    self->why_count = 0;
}

static bool s_has_begun(const still_t *self)
{
    return training_has_begun(self->training) ||
           (self->actors->settled && self->training->time.before_us > 0);
}

/* There are batches that are not applied, and somebody has begun with them. */
static bool s_trains(const still_t *self)
{
    bool goes_on = !region_stops(self->base) && !self->base->failure;
    return goes_on && self->shards->leases && s_has_begun(self) && !shards_all_applied(self->shards);
}

static void s_go_on(still_t *self, int64_t now_us)
{
    char why[STILL_WHY_MAX];
    if (now_us - self->since_us < LEAST_US)
        return;
    s_why(self, why);
    s_note_why(self, why, now_us - self->looked_us);
    if (now_us - self->since_us <= self->longest_us)
        return;
    self->longest_us = now_us - self->since_us;
    snprintf(self->longest_why, sizeof self->longest_why, "%s", s_main_why(self));
}

void still_look(still_t *self, int64_t now_us)
{
    bool trains = s_trains(self), known = shards_known(self->shards);
    uint64_t applied = known ? ranges_size(lease_table_applied(self->shards->leases)) : self->applied;
    if (!trains || !self->trained || applied > self->applied)
        s_begin_still(self, now_us);
    else
        s_go_on(self, now_us);
    self->trained = trains;
    self->applied = applied;
    self->looked_us = now_us;
}

void still_report(const still_t *self, message_t *report)
{
    report->region_report.still_us = self->longest_us;
    message_set_text(&report->region_report.still_why, self->longest_why);
}

/* ---- for a successor ---- */

void still_put(const still_t *self, message_t *state)
{
    state->region_state.still_us = self->longest_us;
    message_set_text(&state->region_state.still_why, self->longest_why);
}

void still_load(still_t *self, const message_t *saved)
{
    self->longest_us = saved->region_state.still_us;
    snprintf(self->longest_why, sizeof self->longest_why, "%s",
             saved->region_state.still_why ? saved->region_state.still_why : "");
}
