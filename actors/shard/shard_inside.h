/* shard_inside - what a shard core is made of, for its own files and for tests that look into it.
 *
 * Rooms    base < replica < intake < stream < rounds < durable < transfer < core: each has a folder, a struct
 *          of its own and a header that is its contract, and calls those below it alone. What rooms above
 *          know is told to those below, or asked for by what a call returns: the core hands it up.
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_SHARD_INSIDE_H
#define ACTORS_SHARD_SHARD_INSIDE_H

#include "actors/shard/durable/rooms.h"
#include "actors/shard/transfer/transfer.h"
#include "actors/shard/shard_core.h"

/* The last report, against which the next one is news. */
typedef struct {
    int64_t reported_us;
    const char *state;
    wire_name_t waits_for;
    int64_t state_since_us;
} report_t;

struct shard_core {
    rooms_t *joined; /* those below entry */
    base_t *base;
    replica_t *replica;
    intake_t *intake;
    stream_t *stream;
    rounds_t *rounds;
    durable_t *durable;
    transfer_t *transfer;
    report_t report;
};

void shard_report(shard_core_t *self);
void shard_report_tick(shard_core_t *self);
int64_t shard_report_due(const shard_core_t *self);

#endif
