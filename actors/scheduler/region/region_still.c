/* How long a region stood still at most, and why: the longest time in which there were batches to do and none was applied. */
#include "actors/scheduler/region/region_state.h"

#include <string.h>

#define LEAST_US                                                                                             \
    (250 * MILLISECOND_US) /* a region that is told of its batches this seldom does not stand still */

/* ---- why ---- */

static const region_actor_t *s_of_role(const region_core_t *self, region_role_t role, bool waits)
{
    for (size_t index = 0; index < self->actor_count; index++) {
        const region_actor_t *actor = &self->actors[index];
        if (actor->role == role && actor->state == PLACE_READY &&
            (!waits || (actor->status && actor->status->status.waits_for[0])))
            return actor;
    }
    return NULL;
}

static const region_actor_t *s_missing_shard(const region_core_t *self)
{
    for (size_t shard = 0; shard < self->shard_count; shard++)
        if (self->actors[shard].state != PLACE_READY)
            return &self->actors[shard];
    return NULL;
}

/* A worker that waits for a shard waits for whatever that waits for. */
static void s_waited(const region_core_t *self, const region_actor_t *worker, char out[REGION_WHY_MAX])
{
    const char *first = worker->status->status.waits_for;
    const region_actor_t *shard = s_of_role(self, ROLE_SHARD, true);
    if (shard && !strncmp(first, "shard/", 6))
        snprintf(out, REGION_WHY_MAX, "%s waited for %s, and %s for %s", worker->name, first, shard->name,
                 shard->status->status.waits_for);
    else
        snprintf(out, REGION_WHY_MAX, "%s waited for %s", worker->name, first);
}

/* Empty: everybody computed. */
static void s_why(const region_core_t *self, char out[REGION_WHY_MAX])
{
    const region_actor_t *shard = s_missing_shard(self), *worker = s_of_role(self, ROLE_WORKER, true);
    out[0] = '\0';
    if (shard && strcmp(region_keep_waits_for(self, shard), shard->name))
        snprintf(out, REGION_WHY_MAX, "%s did not run and waited for %s", shard->name,
                 region_keep_waits_for(self, shard));
    else if (shard)
        snprintf(out, REGION_WHY_MAX, "%s did not run", shard->name);
    else if (!s_of_role(self, ROLE_WORKER, false))
        snprintf(out, REGION_WHY_MAX, "no worker ran");
    else if (worker)
        s_waited(self, worker, out);
    else if (self->evaluation.granted)
        snprintf(out, REGION_WHY_MAX, "a worker evaluated");
}

static void s_note_why(region_still_t *still, const char *text, int64_t us)
{
    size_t at = 0;
    while (at < still->why_count && strcmp(still->whys[at].text, text))
        at++;
    if (at == REGION_WHYS)
        return;
    if (at == still->why_count)
        snprintf(still->whys[still->why_count++].text, REGION_WHY_MAX, "%s", text);
    still->whys[at].us += us;
}

static const char *s_main_why(const region_still_t *still)
{
    size_t best = 0;
    for (size_t at = 1; at < still->why_count; at++)
        if (still->whys[at].us > still->whys[best].us)
            best = at;
    return still->why_count ? still->whys[best].text : "";
}

/* ---- how long ---- */

static void s_begin(region_still_t *still, int64_t now_us)
{
    still->since_us = now_us;
    memset(still->whys, 0, sizeof still->whys);
    still->why_count = 0;
}

/* There are batches that are not applied, and somebody has begun with them. */
static bool s_trains(const region_core_t *self)
{
    bool begun = self->first_lease_us >= 0 || (self->settled && self->train_before_us > 0);
    return begun && self->leases && !self->stopping && !self->failure &&
           !(region_shards_known(self) && lease_table_all_applied(self->leases));
}

static void s_go_on(region_core_t *self, int64_t now_us)
{
    region_still_t *still = &self->still;
    char why[REGION_WHY_MAX];
    if (now_us - still->since_us < LEAST_US)
        return;
    s_why(self, why);
    s_note_why(still, why, now_us - still->looked_us);
    if (now_us - still->since_us <= still->longest_us)
        return;
    still->longest_us = now_us - still->since_us;
    snprintf(still->longest_why, sizeof still->longest_why, "%s", s_main_why(still));
}

void region_still(region_core_t *self, int64_t now_us)
{
    region_still_t *still = &self->still;
    bool trains = s_trains(self), known = region_shards_known(self);
    uint64_t applied = known ? ranges_size(lease_table_applied(self->leases)) : still->applied;
    if (!trains || !still->trained || applied > still->applied)
        s_begin(still, now_us);
    else
        s_go_on(self, now_us);
    still->trained = trains;
    still->applied = applied;
    still->looked_us = now_us;
}

void region_still_report(const region_core_t *self, message_t *report)
{
    report->region_report.still_us = self->still.longest_us;
    message_set_text(&report->region_report.still_why, self->still.longest_why);
}

/* ---- for a successor ---- */

void region_still_put(const region_core_t *self, message_t *state)
{
    state->region_state.still_us = self->still.longest_us;
    message_set_text(&state->region_state.still_why, self->still.longest_why);
}

void region_still_take(region_core_t *self, const message_t *saved)
{
    self->still.longest_us = saved->region_state.still_us;
    snprintf(self->still.longest_why, sizeof self->still.longest_why, "%s",
             saved->region_state.still_why ? saved->region_state.still_why : "");
}
