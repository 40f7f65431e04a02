/* Rounds' part of a state: the newest that is applied, the votes, and other regions' contributions that are
 * kept for others. Those lie in "relay/REGION/NUMBER" and "relay_cursor/REGION/NUMBER". */

#include "actors/shard/base/stored.h"
#include "actors/shard/rounds/rounds.h"

#include <stdlib.h>
#include <string.h>

#define VOTE_FIELDS 4u /* and one per region */
#define FORWARD_HEAD_FIELDS (2 + STORED_HEAD_FIELDS)
#define FORWARD_FIELDS (FORWARD_HEAD_FIELDS + 3) /* and the line */

/* -- out */

static void s_pack_votes(const rounds_t *self, message_t *message)
{
    const ballot_t *ballot = &self->ballot;
    size_t regions = base_regions(self->base), fields = VOTE_FIELDS + regions;
    uint64_t *items = stored_rows(ballot->count, fields);
    for (size_t i = 0; i < ballot->count; i++) {
        const vote_t *vote = &ballot->log[i];
        uint64_t *row = items + i * fields;
        row[0] = vote->round;
        row[1] = vote->promised;
        row[2] = vote->ballot;
        row[3] = vote->decided;
        memcpy(row + VOTE_FIELDS, vote->taken, regions * sizeof *row);
    }
    message_set_u64s(&message->shard_state.votes, items, ballot->count * fields);
    free(items);
}

static void s_pack_forwards(const rounds_t *self, message_t *message)
{
    uint64_t *items = stored_rows(self->forwards.count, FORWARD_FIELDS);
    for (size_t i = 0; i < self->forwards.count; i++) {
        const forward_t *forward = &self->forwards.items[i];
        uint64_t *row = items + i * FORWARD_FIELDS;
        row[0] = forward->region;
        row[1] = forward->kept.head.last;
        stored_head(&forward->kept.head, row + 2);
        row[FORWARD_HEAD_FIELDS] = forward->history;
        row[FORWARD_HEAD_FIELDS + 1] = forward->follows_history;
        row[FORWARD_HEAD_FIELDS + 2] = forward->follows;
    }
    message_set_u64s(&message->shard_state.relays, items, self->forwards.count * FORWARD_FIELDS);
    free(items);
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
        uint64_t number = forward->kept.head.last;
        stored_region_key(name, "relay", forward->region, number);
        added = stored_add(snapshot, name, forward->kept.data, err);
        stored_region_key(name, "relay_cursor", forward->region, number);
        added = added && stored_add(snapshot, name, forward->kept.cursor, err);
    }
    return added;
}

/* -- in */

static err_code_t s_load_votes(rounds_t *self, const wire_u64s_t *rows, err_t *err)
{
    size_t regions = base_regions(self->base), fields = VOTE_FIELDS + regions;
    if (rows->count % fields || rows->count > 2 * SHARD_KEPT_MAX * fields)
        return err_set(err, ERR_MALFORMED, "state: votes");
    for (size_t i = 0; i < rows->count; i += fields) {
        const uint64_t *row = rows->items + i;
        vote_t vote = {
            .round = row[0], .promised = row[1], .ballot = row[2], .decided = row[3] != 0, .asker = SIZE_MAX};
        if (vote.round == 0 || vote.ballot > vote.promised)
            return err_set(err, ERR_MALFORMED, "state: votes");
        memcpy(vote.taken, row + VOTE_FIELDS, regions * sizeof *row);
        ballot_add(&self->ballot, &vote);
    }
    return ERR_OK;
}

static err_code_t s_load_forward(rounds_t *self, const uint64_t *row, const snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    forward_t forward = {.region = (size_t)row[0],
                         .history = row[FORWARD_HEAD_FIELDS],
                         .follows_history = row[FORWARD_HEAD_FIELDS + 1],
                         .follows = row[FORWARD_HEAD_FIELDS + 2],
                         .kept = {.mark = self->base->gate.number}}; /* at least the one it was cut with */
    if (!stored_head_load(row + 2, row[1], row[1], &forward.kept.head) || row[0] >= base_regions(self->base))
        return err_set(err, ERR_MALFORMED, "state: relays");
    buf_t *cursor = snapshot_peek(snapshot, stored_region_key(name, "relay_cursor", row[0], row[1]));
    if (!cursor || buf_size(cursor) % sizeof(range_t))
        return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
    err_code_t code = stored_tensor(self->base, snapshot, stored_region_key(name, "relay", row[0], row[1]),
                                    forward.kept.head.kind != DELTA_NOTHING, &forward.kept.data, err);
    if (code)
        return code;
    forward.kept.cursor = buf_ref(cursor);
    forward_add(self, &forward);
    return ERR_OK;
}

static err_code_t s_load_forwards(rounds_t *self, const wire_u64s_t *rows, const snapshot_t *snapshot,
                                  err_t *err)
{
    if (rows->count % FORWARD_FIELDS)
        return err_set(err, ERR_MALFORMED, "state: relays");
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < rows->count && !code; i += FORWARD_FIELDS)
        code = s_load_forward(self, rows->items + i, snapshot, err);
    return code;
}

err_code_t rounds_load(rounds_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    self->number = message->shard_state.round;
    self->ballot.muted = message->shard_state.muted;
    if (self->number > self->stream->cut + UINT32_MAX)
        return err_set(err, ERR_MALFORMED, "state: numbers of rounds that cannot be");
    err_code_t code = s_load_votes(self, &message->shard_state.votes, err);
    if (!code && !self->base->visits)
        code = s_load_forwards(self, &message->shard_state.relays, snapshot, err);
    round_bound(self);
    return code;
}

void rounds_reopen(rounds_t *self)
{
    for (size_t i = 0; i < self->forwards.count; i++)
        self->forwards.items[i].kept.head.final = false;
}
