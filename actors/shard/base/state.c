/* Base's part of a state: name, job, counters, and where the shard stands with common points. */

#include "actors/shard/base/base.h"

void base_pack(const base_t *self, message_t *message)
{
    message_set_name(message->shard_state.region, core_region_name(&self->core, self->spec.region_index));
    message->shard_state.shard = self->spec.shard_index;
    message->shard_state.run = self->spec.run;
    message->shard_state.layout = self->spec.layout;
    message->shard_state.elements = self->spec.elements;
    message->shard_state.batches = self->region->batches;
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    COUNTER_##stored(message->state = self->counts.name;)
#include "codec/wire/counters.def"
    message->shard_state.mark = self->gate.number;
}

void base_load(base_t *self, const message_t *message)
{
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    COUNTER_##stored(self->counts.name = message->state;)
#include "codec/wire/counters.def"
    gate_load(&self->gate, message->shard_state.mark);
}

void base_tell_counts(const base_t *self, message_t *message)
{
#define COUNTER(name, stored, add, word, state, progress, report, json, unit, help)                          \
    message->progress = self->counts.name;
#include "codec/wire/counters.def"
}
