/* synchronizer_core - carries one shard's deltas to the same shard of every other region, until they are
 * durable there.
 *
 * Why      the shard makes a delta once; fan-out, pacing, asking again and where each destination stands live
 *          here.
 * How      the shard sends committed deltas (chunks) and their stream_head; the synchronizer keeps references
 *          to the chunks, sends them to each destination within the window, and learns from delta_ack where
 *          it stands; a gap, a checksum or silence is answered by sending again from there. Each advance is
 *          told to the shard (stream). What a destination lacks and the shard keeps no longer is said
 *          (stream_gap): its shard enters. One that has entered stands elsewhere: its positions begin anew
 *          with a greater `generation`. One that lacks something and is silent longer than sync.away_after is
 *          away, which the shard is told. Soft state: after a restart it asks its shard (stream_fetch) and
 *          the destinations answer its deltas.
 * Limits   at most `window` bytes per destination on their way; chunks below the slowest destination are let
 *          go.
 */
#ifndef ACTORS_SYNCHRONIZER_SYNCHRONIZER_CORE_H
#define ACTORS_SYNCHRONIZER_SYNCHRONIZER_CORE_H

#include "actors/kit/breaks.h"
#include "actors/kit/role.h"
#include "brokers/job.h"

typedef struct {
    const topology_t *topology; /* borrowed */
    size_t region_index;
    size_t shard_index;
    uint64_t incarnation;
    unsigned breaks; /* of actors/kit/breaks.h; 0 but in tests */
} synchronizer_spec_t;

typedef struct synchronizer_core synchronizer_core_t;
extern const role_t synchronizer_role;

synchronizer_core_t *synchronizer_core_new(const synchronizer_spec_t *spec);

uint64_t
synchronizer_core_delivered(const synchronizer_core_t *self); /* number every destination has durably */
const char *synchronizer_core_waits_for(const synchronizer_core_t *self, int64_t *ret_since_us);

#endif
