/* Stands: what a shard says of itself to the same shard of other regions, and what it
 * concludes from theirs. */

#include "actors/shard/entry/entry.h"

#include "actors/kit/timers.h"

#include <string.h>

/* -- saying -----------------------------------------------------------------------------------------------
 */

void stand_say(entry_t *self, size_t region)
{
    actor_name_t to = base_name_of(self->base, ROLE_SHARD, region);
    const origin_t *origin = &self->stream->origins[region];
    message_t *stand = core_message(&self->base->core, KIND_stand, to.text);
    stand->stand.history = origin->history;
    stand->stand.taken = origin->taken;
    stand->stand.entering = !life_runs(&self->base->life);
    stand->stand.lossy = self->base->life.lossy;
    stand->stand.cut = stream_last(self->stream);
    stand->stand.entry = self->stream->entry_number;
    stand->stand.line = self->stream->history;
    stand->stand.follows_history = self->stream->follows_history;
    stand->stand.follows = self->stream->follows;
    stand->stand.oldest = stream_oldest(self->stream);
    stand->stand.samples = self->replica->samples_applied;
    stand->stand.round = rounds_last(self->rounds);
    stand->stand.entry_known = self->stream->destination_entry[region];
    core_send(&self->base->core, &stand);
}

/* A shard that asks may be about to take another region's state, in which it stands further back: deltas that
 * it may then need stay in the queue for a while. */
void stand_want(entry_t *self, const message_t *message)
{
    size_t region = base_region_of(self->base, ROLE_SHARD, message->from);
    if (life_stops(&self->base->life) || region == SIZE_MAX)
        return;
    self->stream->destination_hold_us[region] = self->base->core.now_us + SHARD_STAND_HOLD_US;
    rounds_unsettle(self->rounds, region);
    stand_say(self, region);
}

/* -- asking -----------------------------------------------------------------------------------------------
 */

void stand_ask_one(entry_t *self, size_t region)
{
    actor_name_t to = base_name_of(self->base, ROLE_SHARD, region);
    message_t *want = core_message(&self->base->core, KIND_stand_want, to.text);
    core_send(&self->base->core, &want);
}

void stand_ask(entry_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index)
            stand_ask_one(self, r);
}

void stand_mute(entry_t *self)
{
    rounds_mute(self->rounds);
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->stands[r].heard)
            rounds_heard(self->rounds, r, self->stands[r].round);
}

/* -- suspicions -------------------------------------------------------------------------------------------
 */

static bool s_suspects(const entry_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->stream->origins[r].suspect)
            return true;
    return false;
}

static bool s_from_synchronizer(const entry_t *self, const message_t *message, size_t *ret_origin)
{
    *ret_origin = base_region_of(self->base, ROLE_SYNCHRONIZER, message->from);
    return *ret_origin != SIZE_MAX &&
           strcmp(message->stream_gap.origin, self->base->spec.topology->regions[*ret_origin].name) == 0 &&
           message->stream_gap.shard == self->base->spec.shard_index;
}

/* A synchronizer that does not know where this shard stands may be wrong: it is told. */
void stand_gap(entry_t *self, const message_t *message)
{
    size_t index;
    if (life_stops(&self->base->life))
        return;
    if (!s_from_synchronizer(self, message, &index)) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_DENIED,
                    "not this shard's stream, or not from its synchronizer");
        return;
    }
    const origin_t *origin = &self->stream->origins[index];
    if (message->stream_gap.history != origin->history || message->stream_gap.oldest > origin->taken + 1)
        stream_doubt(self->stream, index);
    if (life_runs(&self->base->life))
        stream_ack(self->stream, index, ERR_OK);
}

bool stand_can_follow(const entry_t *self, size_t region)
{
    const origin_t *origin = &self->stream->origins[region];
    const stand_view_t *stand = &self->stands[region];
    bool in_line = stand->line == origin->history ||
                   (stand->follows_history == origin->history && stand->follows == origin->taken);
    return in_line && stand->oldest <= origin->taken + 1;
}

static void s_judge(entry_t *self, size_t region)
{
    origin_t *origin = &self->stream->origins[region];
    const stand_view_t *stand = &self->stands[region];
    if (!origin->suspect || stand->entering) /* what enters will stand elsewhere afterwards */
        return;
    origin->suspect = false;
    if (!stand_can_follow(self, region))
        entry_begin(self, false);
}

/* A region has more of the own stream than was ever made here: an older state was started from,
 * unknown to anybody. */
static bool s_rolled_back(const entry_t *self, const stand_view_t *stand)
{
    return life_runs(&self->base->life) && stand->history == self->stream->history &&
           stand->taken > stream_last(self->stream);
}

void stand_take(entry_t *self, const message_t *message)
{
    size_t region = base_region_of(self->base, ROLE_SHARD, message->from);
    if (life_stops(&self->base->life))
        return;
    if (region == SIZE_MAX) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_DENIED,
                    "only the same shard of another region says where it stands");
        return;
    }
    if (!stream_may_speak(self->stream, &self->stream->origins[region].shard, message->incarnation))
        return;
    /* At least the incarnation that entered, and more with each entry in it: what there cannot have
     * been is known, no more. */
    if (!incarnation_is_possible(message->stand.entry) ||
        !incarnation_is_possible(message->stand.entry_known)) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_LIMIT,
                    "an entry in an incarnation that there cannot have been");
        return;
    }
    stream_spoke(self->stream, &self->stream->origins[region].shard, message->incarnation);
    self->stands[region] = (stand_view_t){.heard = true,
                                          .entering = message->stand.entering,
                                          .lossy = message->stand.lossy,
                                          .history = message->stand.history,
                                          .taken = message->stand.taken,
                                          .cut = message->stand.cut,
                                          .line = message->stand.line,
                                          .follows_history = message->stand.follows_history,
                                          .follows = message->stand.follows,
                                          .oldest = message->stand.oldest,
                                          .samples = message->stand.samples,
                                          .round = message->stand.round};
    rounds_heard(self->rounds, region, message->stand.round);
    self->stream->origins[region].position_told |= message->stand.entry_known >= self->stream->entry_number;
    if (!life_runs(&self->base->life) && message->stand.entry_known > self->stream->entry_number)
        self->stream->entry_number = message->stand.entry_known; /* of a disk that is lost */
    if (region == self->donor)
        self->heard_us = self->base->core.now_us;
    s_judge(self, region);
    if (s_rolled_back(self, &self->stands[region]))
        entry_begin(self, true);
    entry_decide(self);
}

/* -- time -------------------------------------------------------------------------------------------------
 */

static bool s_lacks_finals(const entry_t *self)
{
    if (!life_runs(&self->base->life) || life_stops(&self->base->life) || !self->durable->closed)
        return false;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && !self->stream->origins[r].final)
            return true;
    return false;
}

/* A region that lost its disk behind its last delta, and took it back from a third one, has nothing to send
 * any more by which this shard would learn that it stands elsewhere. */
static void s_look_for_finals(entry_t *self)
{
    for (size_t r = 0; r < base_regions(self->base) && self->finals_us; r++)
        if (r != self->base->spec.region_index && !self->stream->origins[r].final)
            stream_doubt(self->stream, r);
    self->finals_us = self->base->core.now_us + SHARD_STAND_FINALS_US;
}

static int64_t s_finals_due(const entry_t *self)
{
    return s_lacks_finals(self) ? self->finals_us : ROLE_NEVER;
}

static int64_t s_doubt_due(const entry_t *self)
{
    return life_runs(&self->base->life) && s_suspects(self) ? self->stream->doubt_us : ROLE_NEVER;
}

void stand_tick(entry_t *self)
{
    int64_t now_us = self->base->core.now_us;
    if (now_us >= s_finals_due(self))
        s_look_for_finals(self);
    if (now_us < s_doubt_due(self))
        return;
    self->stream->doubt_us = now_us + SHARD_STAND_LAST_US;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->stream->origins[r].suspect)
            stand_ask_one(self, r);
}

int64_t stand_due(const entry_t *self)
{
    return timer_first(s_finals_due(self), s_doubt_due(self));
}
