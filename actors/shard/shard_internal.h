/* shard_internal - the inside of a shard core, shared by its files alone.
 *
 * Why      one state, one file per noun:
 *
 *   shard_core      life, dispatch, time              shard_push      pushes arrive, are staged, checked and held
 *   shard_step      held pushes become steps          shard_pull      parameters go out
 *   shard_version   copy-on-write arithmetic          shard_blend     several tensors read as one, block by block
 *   shard_ahead     a step computed while its push is still arriving
 *   shard_cut       own deltas and their queue        shard_delta     other regions' deltas
 *   shard_snapshot  when to store, what is durable
 *   shard_state     snapshot <-> state                shard_report    progress and status
 *   shard_keep      committed snapshots go to keepers
 *   shard_mark      common points of all shards
 *   shard_line      own lines, positions, who is away shard_stand     asking and saying where a shard stands
 *   shard_enter     taking another region's state     shard_adopt     the arithmetic of that
 *   shard_donor     giving the own state
 *   shard_outer     the second optimizer of diloco, and what asp adds
 *   shard_drift     late gradients compensated for what this region has done meanwhile
 *   shard_encode    what a cut carries, what it leaves for the next one
 *   shard_uncovered going on while the disk is full
 *
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_SHARD_INTERNAL_H
#define ACTORS_SHARD_SHARD_INTERNAL_H

#include "actors/kit/breaks.h"
#include "actors/shard/durable/rooms.h"
#include "actors/shard/entry/entry.h"
#include "actors/shard/shard_core.h"

#define SHARD_REPORT_US 1000000
#define SHARD_REPORT_SOON_US 100000

/* How it ends, and what is told of it. */
typedef struct {
    int64_t reported_us;
    const char *state;
    wire_name_t waits_for;
    int64_t state_since_us;
} report_t;

struct shard_core {
    rooms_t *rooms_of; /* those below, joined */
    base_t *base;
    replica_t *replica;
    intake_t *intake;
    stream_t *stream;
    rounds_t *rounds;
    durable_t *durable;
    entry_t entry_room, *entry;
    report_t report;
};

/* shard_core */
void shard_advance(shard_core_t *self); /* everything that can be done now */
void shard_destroy(void **core_p);

/* shard_report */
void shard_report(shard_core_t *self);
void shard_report_tick(shard_core_t *self);
int64_t shard_report_due(const shard_core_t *self);

#endif
