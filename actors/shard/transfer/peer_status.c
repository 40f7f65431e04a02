/* Status: what a shard says of itself to the same shard of other regions, and what it
 * concludes from theirs. */

#include "actors/shard/transfer/transfer.h"

#include "actors/kit/timers.h"

#include <string.h>

/* -- saying -----------------------------------------------------------------------------------------------
 */

void peer_status_say(transfer_t *self, size_t region)
{
    actor_name_t to = base_name_of(self->base, ROLE_SHARD, region);
    const origin_t *origin = &self->stream->origins[region];
    message_t *status = core_message(&self->base->core, KIND_peer_status, to.text);
    status->peer_status.history = origin->history;
    status->peer_status.taken = origin->taken;
    status->peer_status.entering = !life_runs(&self->base->life);
    status->peer_status.lossy = self->base->life.lossy;
    status->peer_status.cut = stream_last(self->stream);
    status->peer_status.generation = self->stream->generation;
    status->peer_status.own_history = self->stream->history;
    status->peer_status.parent_history = self->stream->parent_history;
    status->peer_status.parent_number = self->stream->parent_number;
    status->peer_status.oldest = stream_oldest(self->stream);
    status->peer_status.samples = self->replica->samples_applied;
    status->peer_status.round = rounds_last(self->rounds);
    status->peer_status.generation_known = self->stream->destination_generation[region];
    core_send(&self->base->core, &status);
}

/* A shard that asks may be about to take another region's state, in which it stands further back: deltas that
 * it may then need stay in the queue for a while. */
void peer_status_want(transfer_t *self, const message_t *message)
{
    size_t region = base_region_of(self->base, ROLE_SHARD, message->from);
    if (life_stops(&self->base->life) || region == SIZE_MAX)
        return;
    self->stream->destination_hold_us[region] = self->base->core.now_us + SHARD_PEER_STATUS_HOLD_US;
    rounds_unsettle(self->rounds, region);
    peer_status_say(self, region);
}

/* -- asking -----------------------------------------------------------------------------------------------
 */

void peer_status_ask_one(transfer_t *self, size_t region)
{
    actor_name_t to = base_name_of(self->base, ROLE_SHARD, region);
    message_t *want = core_message(&self->base->core, KIND_peer_status_want, to.text);
    core_send(&self->base->core, &want);
}

void peer_status_ask(transfer_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index)
            peer_status_ask_one(self, r);
}

void peer_status_mute(transfer_t *self)
{
    rounds_mute(self->rounds);
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->peers[r].heard)
            rounds_heard(self->rounds, r, self->peers[r].round);
}

/* -- suspicions -------------------------------------------------------------------------------------------
 */

static bool s_suspects(const transfer_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->stream->origins[r].suspect)
            return true;
    return false;
}

static bool s_from_synchronizer(const transfer_t *self, const message_t *message, size_t *ret_origin)
{
    *ret_origin = base_region_of(self->base, ROLE_SYNCHRONIZER, message->from);
    return *ret_origin != SIZE_MAX &&
           strcmp(message->stream_gap.origin, self->base->spec.topology->regions[*ret_origin].name) == 0 &&
           message->stream_gap.shard == self->base->spec.shard_index;
}

/* A synchronizer that does not know where this shard stands may be wrong: it is told. */
void peer_status_gap(transfer_t *self, const message_t *message)
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

bool peer_status_can_follow(const transfer_t *self, size_t region)
{
    const origin_t *origin = &self->stream->origins[region];
    const peer_view_t *status = &self->peers[region];
    bool in_lineage = status->own_history == origin->history ||
                      (status->parent_history == origin->history && status->parent_number == origin->taken);
    return in_lineage && status->oldest <= origin->taken + 1;
}

static void s_judge(transfer_t *self, size_t region)
{
    origin_t *origin = &self->stream->origins[region];
    const peer_view_t *status = &self->peers[region];
    if (!origin->suspect || status->entering) /* what enters will stand elsewhere afterwards */
        return;
    origin->suspect = false;
    if (!peer_status_can_follow(self, region))
        transfer_begin(self, false);
}

/* A region has more of the own stream than was ever made here: an older state was started from,
 * unknown to anybody. */
static bool s_rolled_back(const transfer_t *self, const peer_view_t *status)
{
    return life_runs(&self->base->life) && status->history == self->stream->history &&
           status->taken > stream_last(self->stream);
}

void peer_status_take(transfer_t *self, const message_t *message)
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
    /* At least the incarnation that entered, and more with each state transfer in it: what there cannot have
     * been is known, no more. */
    if (!incarnation_is_possible(message->peer_status.generation) ||
        !incarnation_is_possible(message->peer_status.generation_known)) {
        self->base->counts.refusals++;
        core_refuse(&self->base->core, message, ERR_LIMIT, "a generation that there cannot have been");
        return;
    }
    stream_spoke(self->stream, &self->stream->origins[region].shard, message->incarnation);
    self->peers[region] = (peer_view_t){.heard = true,
                                        .entering = message->peer_status.entering,
                                        .lossy = message->peer_status.lossy,
                                        .history = message->peer_status.history,
                                        .taken = message->peer_status.taken,
                                        .cut = message->peer_status.cut,
                                        .own_history = message->peer_status.own_history,
                                        .parent_history = message->peer_status.parent_history,
                                        .parent_number = message->peer_status.parent_number,
                                        .oldest = message->peer_status.oldest,
                                        .samples = message->peer_status.samples,
                                        .round = message->peer_status.round};
    rounds_heard(self->rounds, region, message->peer_status.round);
    self->stream->origins[region].position_told |=
        message->peer_status.generation_known >= self->stream->generation;
    if (!life_runs(&self->base->life) && message->peer_status.generation_known > self->stream->generation)
        self->stream->generation = message->peer_status.generation_known; /* of a disk that is lost */
    if (region == self->donor)
        self->heard_us = self->base->core.now_us;
    s_judge(self, region);
    if (s_rolled_back(self, &self->peers[region]))
        transfer_begin(self, true);
    transfer_decide(self);
}

/* -- time -------------------------------------------------------------------------------------------------
 */

static bool s_lacks_finals(const transfer_t *self)
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
static void s_look_for_finals(transfer_t *self)
{
    for (size_t r = 0; r < base_regions(self->base) && self->finals_us; r++)
        if (r != self->base->spec.region_index && !self->stream->origins[r].final)
            stream_doubt(self->stream, r);
    self->finals_us = self->base->core.now_us + SHARD_PEER_STATUS_FINALS_US;
}

static int64_t s_finals_due(const transfer_t *self)
{
    return s_lacks_finals(self) ? self->finals_us : ROLE_NEVER;
}

static int64_t s_doubt_due(const transfer_t *self)
{
    return life_runs(&self->base->life) && s_suspects(self) ? self->stream->doubt_us : ROLE_NEVER;
}

void peer_status_tick(transfer_t *self)
{
    int64_t now_us = self->base->core.now_us;
    if (now_us >= s_finals_due(self))
        s_look_for_finals(self);
    if (now_us < s_doubt_due(self))
        return;
    self->stream->doubt_us = now_us + SHARD_PEER_STATUS_LAST_US;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->stream->origins[r].suspect)
            peer_status_ask_one(self, r);
}

int64_t peer_status_due(const transfer_t *self)
{
    return timer_first(s_finals_due(self), s_doubt_due(self));
}
