/* The snapshot of a shard: "state" (a packed shard_state message behind the length of its envelope), the
 * tensors "parameters", "open" and "residual", those that the row of the optimizer names, of the outer
 * optimizer "start", "base", "outer" and "gathered", and "queue/LAST", "cursor/LAST", "seen/LAST",
 * "pending/REGION/NUMBER", "relay/REGION/NUMBER" and "relay_cursor/REGION/NUMBER" for what is kept, and
 * "cursor_of/REGION": the batches of another region that are in the parameters. Regions by index. */

#include "actors/shard/durable/carry.h"
#include "actors/shard/durable/durable.h"
#include "actors/shard/durable/former.h"

#include "codec/base/run_id.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- out --------------------------------------------------------------------------------------------------
 */

static buf_t *s_pack(const durable_t *self)
{
    message_t *message = core_message(&self->base->core, KIND_shard_state, self->base->core.name);
    message->incarnation = self->base->core.incarnation;
    base_pack(self->base, message);
    replica_pack(self->replica, message);
    pending_pack(self->replica, message);
    intake_pack(self->intake, message);
    message->shard_state.rate = shard_carry_rate(self->base->spec.topology);
    stream_pack(self->stream, message);
    rounds_pack(self->rounds, message);
    mark_pack(&self->mark, message);
    size_t envelope_bytes;
    buf_t *packed = message_pack(message, &envelope_bytes);
    message_destroy(&message);
    buf_t *out = packed ? buf_new(8 + buf_size(packed)) : NULL;
    if (out) {
        unsigned char *bytes = buf_data(out);
        for (size_t i = 0; i < 8; i++)
            bytes[i] = (unsigned char)((uint64_t)envelope_bytes >> (8 * i));
        memcpy(bytes + 8, buf_peek(packed), buf_size(packed));
    }
    buf_destroy(&packed);
    return out;
}

bool state_values(durable_t *self, snapshot_t *snapshot, err_t *err)
{
    buf_t *state = s_pack(self);
    if (!state || snapshot_add(snapshot, "state", &state, err))
        return false;
    bool added = replica_values(self->replica, snapshot, err) &&
                 stream_queue_values(self->stream, snapshot, err) &&
                 pending_values(self->replica, snapshot, err);
    return added && rounds_values(self->rounds, snapshot, err) &&
           stream_cursor_values(self->stream, snapshot, err) && intake_values(self->intake, snapshot, err);
}

/* -- in ---------------------------------------------------------------------------------------------------
 */

err_code_t state_decode(const buf_t *state, message_t **ret_message, err_t *err)
{
    if (!state || buf_size(state) < 8)
        return err_set(err, ERR_MALFORMED, "the snapshot has no state");
    const unsigned char *bytes = buf_peek(state);
    uint64_t envelope_bytes = 0;
    for (size_t i = 0; i < 8; i++)
        envelope_bytes |= (uint64_t)bytes[i] << (8 * i);
    size_t size = buf_size(state) - 8;
    if (envelope_bytes > size)
        return err_set(err, ERR_MALFORMED, "the state's envelope is longer than the state");
    err_code_t code = message_unpack(bytes + 8, envelope_bytes, bytes + 8 + envelope_bytes,
                                     size - envelope_bytes, NULL, ret_message, err);
    if (code)
        return err_prefix(err, code, "state");
    code = (*ret_message)->kind == KIND_shard_state
               ? former_state(*ret_message, err)
               : err_set(err, ERR_MALFORMED, "the state is another message");
    if (code)
        message_destroy(ret_message);
    return code;
}

err_code_t state_count(const buf_t *state, uint64_t *ret_batches, err_t *err)
{
    message_t *message = NULL;
    ranges_t applied = {0};
    err_code_t code = state_decode(state, &message, err);
    if (code)
        return code;
    code = ranges_load(&applied, message->shard_state.applied.items, message->shard_state.applied.count, err);
    message_destroy(&message);
    if (!code)
        *ret_batches = ranges_size(&applied);
    ranges_fini(&applied);
    return code;
}

static err_code_t s_check_job(const durable_t *self, const message_t *message, err_t *err)
{
    const char *region = self->base->spec.topology->regions[self->base->spec.region_index].name;
    if (strcmp(message->shard_state.region, region) != 0 ||
        message->shard_state.shard != self->base->spec.shard_index)
        return err_set(err, ERR_JOB, "the snapshot is of shard %" PRIu64 " of region %s; start from its own",
                       message->shard_state.shard, message->shard_state.region);
    if (run_id_differs(message->shard_state.run, self->base->spec.run))
        return run_id_refuse(err, "the snapshot", message->shard_state.run, self->base->spec.run);
    if (message->shard_state.layout != self->base->spec.layout)
        return err_set(err, ERR_JOB, "the snapshot is of another model; use another state directory");
    if (message->shard_state.elements != self->base->spec.elements)
        return err_set(err, ERR_SHAPE, "the snapshot has %" PRIu64 " elements instead of %zu",
                       message->shard_state.elements, self->base->spec.elements);
    return message->shard_state.history ? ERR_OK : err_set(err, ERR_MALFORMED, "the snapshot has no history");
}

/* A state that was loaded may lie here alone, committed and never kept by others: nothing of it is durable,
 * and none of its deltas may leave, before the keepers have it again. */
static void s_forget_durable(durable_t *self)
{
    self->base->stored = false;
    self->committed_last = 0;
    self->closed = false;
    ranges_fini(&self->applied);
    for (size_t r = 0; r < base_regions(self->base); r++) {
        self->stream->origins[r].durable = 0;
        self->stream->origins[r].final_durable = false;
    }
}

/* The state that was loaded is what is committed. After a loss other regions may have what is not here: the
 * numbers of the old history must not be given to other bytes, so a new one begins, and is stored at once. */
static void s_settle(durable_t *self, const snapshot_t *snapshot)
{
    self->number = snapshot->id.number;
    self->base->stored = true;
    self->base->changes = self->committed_changes = 1;
    if (self->base->spec.loses) {
        self->stream->history = self->base->spec.history;
        self->base->counts.rolled_back += self->base->spec.lost;
        self->base->changes++;
        self->base->stored = false;
    }
    self->committed_steps = self->replica->steps;
    self->committed_last = self->stream->open_first - 1;
    bool settled = rounds_settled(self->rounds);
    self->closed = self->stream->closed && settled;
    for (size_t r = 0; r < base_regions(self->base); r++)
        self->stream->origins[r].final_durable = self->stream->origins[r].final && settled;
    if (self->base->spec.topology->checkpoint.durability == DURABILITY_REPLICA)
        s_forget_durable(self);
    self->stream->sendable = self->committed_last;
}

static err_code_t s_load_rooms(durable_t *self, const message_t *message, const snapshot_t *snapshot,
                               err_t *err)
{
    err_code_t code = s_check_job(self, message, err);
    /* Where something may be lost others are asked, and one of their states is taken. */
    bool whole = !self->base->visits && !self->base->spec.loses && !self->base->spec.uncertain;
    if (!code && whole)
        code = shard_carry(self->base->spec.topology, self->base->spec.job, self->base->spec.region_index,
                           message, err);
    if (code)
        return code;
    base_load(self->base, message);
    mark_load(&self->mark, message);
    code = replica_load(self->replica, message, snapshot, err);
    if (!code)
        code = ranges_copy(&self->applied, &self->replica->applied);
    if (!code)
        code = stream_load(self->stream, message, snapshot, err);
    if (!code)
        code = pending_load(self->replica, message, snapshot, err);
    if (!code)
        code = rounds_load(self->rounds, message, snapshot, err);
    if (!code && !self->base->visits)
        code = intake_load(self->intake, message, snapshot, err);
    return code;
}

static void s_begin_compensation(durable_t *self)
{
    position_t own = stream_position(self->stream);
    compensation_begin(self->replica, &own, stream_going(self->stream));
}

err_code_t state_load(durable_t *self, const snapshot_t *snapshot, err_t *err)
{
    message_t *message = NULL;
    err_code_t code = state_decode(snapshot_peek(snapshot, "state"), &message, err);
    if (code)
        return code;
    code = s_load_rooms(self, message, snapshot, err);
    bool grown = !code && shard_carry_has_grown(self->base->region, message),
         had_closed = self->stream->closed;
    message_destroy(&message);
    if (code)
        return code;
    if (grown) { /* the last of a region is not the last any more */
        stream_reopen(self->stream);
        pending_reopen(self->replica);
        rounds_reopen(self->rounds);
    }
    s_settle(self, snapshot);
    if (!self->base->visits)
        s_begin_compensation(self);
    if (grown && had_closed && !self->base->visits)
        stream_catch_up(self->stream, self->rounds->number);
    return ERR_OK;
}
