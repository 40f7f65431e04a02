#include "actors/shard/entry/entry.h"

#include "actors/kit/timers.h"

void entry_init(entry_t *self, base_t *base, replica_t *replica, intake_t *intake, stream_t *stream,
                rounds_t *rounds, durable_t *durable)
{
    *self = (entry_t){.base = base,
                      .replica = replica,
                      .intake = intake,
                      .stream = stream,
                      .rounds = rounds,
                      .durable = durable,
                      .donor = SIZE_MAX,
                      .position_us = ROLE_NEVER,
                      .giving = {.region = SIZE_MAX}};
}

void entry_stop(entry_t *self)
{
    donor_drop(self);
    entry_drop(self);
}

void entry_fini(entry_t *self)
{
    entry_stop(self);
}

void entry_tick(entry_t *self)
{
    enter_tick(self);
    stand_tick(self);
    donor_tick(self);
}

int64_t entry_due(const entry_t *self)
{
    return timer_first(enter_due(self), stand_due(self));
}
