/* Rounds' part of a state: the newest that is applied, votes on those that are not durable everywhere, and other regions' contributions
 * that are kept for who lacks them. */

#include "actors/shard/rounds/rounds.h"

#include <stdlib.h>
#include <string.h>

#define VOTE_FIELDS 4u /* and one per region */
#define VOTES_MAX (2 * SHARD_KEPT_MAX)
#define HEAD_FIELDS (2 + STORED_HEAD_FIELDS) /* region, last, head */
#define RELAY_FIELDS (HEAD_FIELDS + 3)       /* and the line */

/* -- votes ------------------------------------------------------------------------------------------------
 */

static void s_pack_votes(const rounds_t *self, message_t *message)
{
    const ballot_t *ballot = &self->ballot;
    size_t regions = base_regions(self->base), fields = VOTE_FIELDS + regions;
    uint64_t *rows = stored_rows(ballot->count, fields);
    for (size_t i = 0; i < ballot->count; i++) {
        const vote_t *vote = &ballot->log[i];
        uint64_t *row = rows + i * fields;
        row[0] = vote->round;
        row[1] = vote->promised;
        row[2] = vote->ballot;
        row[3] = vote->decided;
        memcpy(row + VOTE_FIELDS, vote->taken, regions * sizeof *row);
    }
    message_set_u64s(&message->shard_state.votes, rows, ballot->count * fields);
    free(rows);
}

static err_code_t s_load_votes(rounds_t *self, const wire_u64s_t *rows, err_t *err)
{
    size_t regions = base_regions(self->base), fields = VOTE_FIELDS + regions;
    if (rows->count % fields || rows->count > VOTES_MAX * fields)
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

/* -- what is handed on ------------------------------------------------------------------------------------
 */

static void s_pack_relays(const rounds_t *self, message_t *message)
{
    size_t count = self->relays.count;
    uint64_t *rows = stored_rows(count, RELAY_FIELDS);
    for (size_t i = 0; i < count; i++) {
        const relay_t *relay = &self->relays.items[i];
        uint64_t *row = rows + i * RELAY_FIELDS;
        row[0] = relay->region;
        row[1] = relay->kept.head.last;
        stored_head(&relay->kept.head, row + 2);
        row[HEAD_FIELDS] = relay->history;
        row[HEAD_FIELDS + 1] = relay->follows_history;
        row[HEAD_FIELDS + 2] = relay->follows;
    }
    message_set_u64s(&message->shard_state.relays, rows, count * RELAY_FIELDS);
    free(rows);
}

bool rounds_values(const rounds_t *self, snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    bool added = true;
    for (size_t i = 0; i < self->relays.count && added; i++) {
        const relay_t *relay = &self->relays.items[i];
        uint64_t number = relay->kept.head.last;
        stored_region_key(name, "relay", relay->region, number);
        added = stored_add(snapshot, name, relay->kept.data, err);
        stored_region_key(name, "relay_cursor", relay->region, number);
        added = added && stored_add(snapshot, name, relay->kept.cursor, err);
    }
    return added;
}

static err_code_t s_load_relay(rounds_t *self, const uint64_t *row, const snapshot_t *snapshot, err_t *err)
{
    stored_name_t name;
    relay_t relay = {.region = (size_t)row[0],
                     .history = row[HEAD_FIELDS],
                     .follows_history = row[HEAD_FIELDS + 1],
                     .follows = row[HEAD_FIELDS + 2],
                     .kept = {.mark = self->base->gate.number}}; /* at least the one it was cut with */
    if (!stored_head_load(row + 2, row[1], row[1], &relay.kept.head) || row[0] >= base_regions(self->base))
        return err_set(err, ERR_MALFORMED, "state: relays");
    buf_t *cursor = snapshot_peek(snapshot, stored_region_key(name, "relay_cursor", row[0], row[1]));
    if (!cursor || buf_size(cursor) % sizeof(range_t))
        return err_set(err, ERR_MALFORMED, "the snapshot has no %s", name);
    stored_region_key(name, "relay", row[0], row[1]);
    err_code_t code = stored_tensor(self->base, snapshot, name, relay.kept.head.kind != DELTA_NOTHING,
                                    &relay.kept.data, err);
    if (code)
        return code;
    relay.kept.cursor = buf_ref(cursor);
    rounds_relay_add(self, &relay);
    return ERR_OK;
}

static err_code_t s_load_relays(rounds_t *self, const wire_u64s_t *rows, const snapshot_t *snapshot,
                                err_t *err)
{
    if (rows->count % RELAY_FIELDS)
        return err_set(err, ERR_MALFORMED, "state: relays");
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < rows->count && !code; i += RELAY_FIELDS)
        code = s_load_relay(self, rows->items + i, snapshot, err);
    return code;
}

/* -- all ----------------------------------------------------------------------------------------------------
 */

void rounds_pack(const rounds_t *self, message_t *message)
{
    message->shard_state.round = self->number;
    message->shard_state.muted = self->ballot.muted;
    s_pack_votes(self, message);
    s_pack_relays(self, message);
}

err_code_t rounds_load(rounds_t *self, const message_t *message, const snapshot_t *snapshot, err_t *err)
{
    self->number = message->shard_state.round;
    self->ballot.muted = message->shard_state.muted;
    if (self->number > self->stream->cut + UINT32_MAX)
        return err_set(err, ERR_MALFORMED, "state: numbers of rounds that cannot be");
    err_code_t code = s_load_votes(self, &message->shard_state.votes, err);
    if (!code && !self->base->visits)
        code = s_load_relays(self, &message->shard_state.relays, snapshot, err);
    return code;
}

void rounds_reopen(rounds_t *self)
{
    for (size_t i = 0; i < self->relays.count; i++)
        self->relays.items[i].kept.head.final = false;
}
