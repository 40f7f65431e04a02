/* Base's part of a state: name, job, counters, and where the shard stands with common points. */

#include "actors/shard/base/base.h"

void base_pack(const base_t *self, message_t *message)
{
    message_set_name(message->shard_state.region, base_region_name(self, self->spec.region_index));
    message->shard_state.shard = self->spec.shard_index;
    message->shard_state.run = self->spec.run;
    message->shard_state.layout = self->spec.layout;
    message->shard_state.elements = self->spec.elements;
    message->shard_state.batches = self->region->batches;
    message->shard_state.duplicates = self->counts.duplicates;
    message->shard_state.refusals = self->counts.refusals;
    message->shard_state.not_finite = self->counts.not_finite;
    message->shard_state.rolled_back = self->counts.rolled_back;
    message->shard_state.uncompensated = self->counts.uncompensated;
    message->shard_state.welcomes = self->counts.welcomes;
    message->shard_state.mark = self->gate.number;
}

void base_load(base_t *self, const message_t *message)
{
    self->counts.duplicates = message->shard_state.duplicates;
    self->counts.refusals = message->shard_state.refusals;
    self->counts.not_finite = message->shard_state.not_finite;
    self->counts.rolled_back = message->shard_state.rolled_back;
    self->counts.uncompensated = message->shard_state.uncompensated;
    self->counts.welcomes = message->shard_state.welcomes;
    gate_load(&self->gate, message->shard_state.mark);
}
