/* Rounds' part of a state: the newest that is applied, the votes, and other regions' contributions that are
 * kept for others. Those lie in "relay/REGION/NUMBER" and "relay_cursor/REGION/NUMBER". */

#include "actors/shard/base/stored.h"
#include "actors/shard/rounds/rounds.h"

#include <stdlib.h>
#include <string.h>

/* -- out */

/* The content of the rounds is a list of its own, beside the rows: it is as wide as there are regions. */
static void s_pack_votes(const rounds_t *self, message_t *message)
{
    const ballot_t *ballot = &self->ballot;
    size_t regions = base_regions(self->base);
    uint64_t *included = calloc(ballot->count * regions + 1, sizeof *included);
    CHECK(included);
    shard_state_votes_t *rows = message_set_rows(&message->shard_state.votes, ballot->count);
    for (size_t i = 0; i < ballot->count; i++) {
        const vote_t *vote = &ballot->log[i];
        rows[i] = (shard_state_votes_t){.round = vote->round,
                                        .promised = vote->promised,
                                        .ballot = vote->ballot,
                                        .decided = vote->decided};
        memcpy(included + i * regions, vote->included, regions * sizeof *included);
    }
    message_set_u64s(&message->shard_state.votes_taken, included, ballot->count * regions);
    free(included);
}

static void s_pack_forwards(const rounds_t *self, message_t *message)
{
    shard_state_relays_t *rows = message_set_rows(&message->shard_state.relays, self->forwards.count);
    for (size_t i = 0; i < self->forwards.count; i++) {
        const forward_t *forward = &self->forwards.items[i];
        const delta_head_t *head = &forward->delta.head;
        rows[i] = (shard_state_relays_t){.region = forward->region,
                                         .number = head->last,
                                         .kind = (uint64_t)head->kind,
                                         .steps = head->steps,
                                         .samples = head->samples,
                                         .final = head->final,
                                         .history = forward->history,
                                         .parent_history = forward->parent_history,
                                         .parent_number = forward->parent_number};
    }
}

void rounds_pack(const rounds_t *self, message_t *message)
{
    message->shard_state.round = self->number;
    message->shard_state.muted = self->ballot.muted;
    s_pack_votes(self, message);
    s_pack_forwards(self, message);
}

bool rounds_values(const rounds_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    bool added = true;
    for (size_t i = 0; i < self->forwards.count && added; i++) {
        const forward_t *forward = &self->forwards.items[i];
        uint64_t number = forward->delta.head.last;
        stored_region_key(name, "relay", forward->region, number);
        added = stored_add(snapshot, name, forward->delta.data, err);
        stored_region_key(name, "relay_cursor", forward->region, number);
        added = added && stored_add(snapshot, name, forward->delta.cursor, err);
    }
    return added;
}

/* -- in */

static err_code_t s_load_votes(rounds_t *self, const message_t *message, err_t *err)
{
    size_t regions = base_regions(self->base), count = message->shard_state.votes.count;
    const wire_u64s_t *included = &message->shard_state.votes_taken;
    if (included->count != count * regions || count > 2 * SHARD_QUEUE_MAX)
        return err_set(err, ERR_MALFORMED, "state: votes");
    for (size_t i = 0; i < count; i++) {
        const shard_state_votes_t *row = &message->shard_state.votes.items[i];
        vote_t vote = {.round = row->round,
                       .promised = row->promised,
                       .ballot = row->ballot,
                       .decided = row->decided,
                       .asker = SIZE_MAX};
        if (vote.round == 0 || vote.ballot > vote.promised)
            return err_set(err, ERR_MALFORMED, "state: votes");
        memcpy(vote.included, included->items + i * regions, regions * sizeof *vote.included);
        ballot_add(&self->ballot, &vote);
    }
    return ERR_OK;
}

static err_code_t s_load_forward(rounds_t *self, const shard_state_relays_t *row, const snapshot_t *snapshot,
                                 err_t *err)
{
    stored_name_t name;
    forward_t forward = {.region = (size_t)row->region,
                         .history = row->history,
                         .parent_history = row->parent_history,
                         .parent_number = row->parent_number,
                         .delta = {.head = {.first = row->number,
                                            .last = row->number,
                                            .steps = row->steps,
                                            .samples = row->samples,
                                            .final = row->final},
                                   .point = self->base->gate.number}}; /* at least the one it was cut with */
    if (!stored_head(&forward.delta.head, row->kind) || row->region >= base_regions(self->base))
        return err_set(err, ERR_MALFORMED, "state: relays");
    stored_region_key(name, "relay_cursor", row->region, row->number);
    buf_t *cursor = snapshot_peek(snapshot, name);
    if (!cursor || buf_size(cursor) % sizeof(range_t))
        return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
    stored_region_key(name, "relay", row->region, row->number);
    err_code_t code = stored_tensor(self->base, snapshot, name, forward.delta.head.kind != DELTA_NOTHING,
                                    &forward.delta.data, err);
    if (code)
        return code;
    forward.delta.cursor = buf_ref(cursor);
    forward_add(self, &forward);
    return ERR_OK;
}

static err_code_t s_load_forwards(rounds_t *self, const message_t *message, const snapshot_t *snapshot,
                                  err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < message->shard_state.relays.count && !code; i++)
        code = s_load_forward(self, &message->shard_state.relays.items[i], snapshot, err);
    return code;
}

err_code_t rounds_load(rounds_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    self->number = message->shard_state.round;
    self->ballot.muted = message->shard_state.muted;
    if (self->number > self->stream->cut + UINT32_MAX)
        return err_set(err, ERR_MALFORMED, "state: numbers of rounds that cannot be");
    err_code_t code = s_load_votes(self, message, err);
    if (!code && !self->base->visits)
        code = s_load_forwards(self, message, snapshot, err);
    round_bound(self);
    return code;
}

void rounds_reopen(rounds_t *self)
{
    for (size_t i = 0; i < self->forwards.count; i++)
        self->forwards.items[i].delta.head.final = false;
}
