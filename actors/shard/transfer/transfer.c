#include "actors/shard/transfer/transfer.h"

#include "actors/kit/timers.h"

void transfer_init(transfer_t *self, base_t *base, replica_t *replica, intake_t *intake, stream_t *stream,
                   rounds_t *rounds, durable_t *durable)
{
    *self = (transfer_t){.base = base,
                         .replica = replica,
                         .intake = intake,
                         .stream = stream,
                         .rounds = rounds,
                         .durable = durable,
                         .donor = SIZE_MAX,
                         .position_us = ROLE_NEVER,
                         .giving = {.region = SIZE_MAX}};
}

void transfer_stop(transfer_t *self)
{
    donor_drop(self);
    transfer_drop(self);
}

void transfer_fini(transfer_t *self)
{
    transfer_stop(self);
}

void transfer_tick(transfer_t *self)
{
    newcomer_tick(self);
    peer_status_tick(self);
    donor_tick(self);
}

int64_t transfer_due(const transfer_t *self)
{
    return timer_first(newcomer_due(self), peer_status_due(self));
}
