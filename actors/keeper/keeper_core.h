/* keeper_core - holds other nodes' snapshots, so that a shard can go on when its node is gone with its disk.
 *
 * Why      a disk is one copy. A snapshot that a keeper has told to be kept is whole, verified and as durable
 *          as the job asks.
 * How      shards offer what they have committed; the keeper fetches it piece by piece (transfer.h), at a
 *          pace of its own: what comes from another region takes at most checkpoint.wan_share of the link's
 *          rate. One transfer per shard; a newer offer replaces an older one.
 * Seals    before a shard is placed elsewhere its scheduler seals it: from then on nothing is taken from
 *          older incarnations. A seal is stored before it is answered, and what was being stored when it came
 *          is part of the answer.
 * Effects  keeper_core_take_job offers what is to be done with the disk; the driver reports with
 *          keeper_core_done.
 * Threads  one at a time (see role.h).
 * Limits   KEEPER_ENTRIES_MAX shards; `most_bytes` of all snapshots that are fetched or wait to be stored.
 */
#ifndef ACTORS_KEEPER_KEEPER_CORE_H
#define ACTORS_KEEPER_KEEPER_CORE_H

#include "actors/kit/role.h"
#include "brokers/topology.h"
#include "store/snapshot.h"

#define KEEPER_ENTRIES_MAX 1024
#define KEEPER_MOST_BYTES ((uint64_t)8 << 30)
#define KEEPER_STATUS_US 1000000
#define KEEPER_SILENCE_US 2000000 /* without a piece: an offer is taken as the news that its sender is back */
#define KEEPER_PATIENCE_US 60000000 /* without a piece: what is here of a snapshot is dropped */
#define KEEPER_LOADED_US 5000000 /* a snapshot read to be given on is dropped after so long without a fetch */

typedef struct {
    const topology_t *topology; /* borrowed for the life of the core */
    size_t region_index;        /* of the keeper */
    const char *name;           /* copied */
    uint64_t incarnation;
    size_t piece_bytes;  /* at most, 0: MESSAGE_CHUNK_BYTES */
    uint64_t most_bytes; /* 0: KEEPER_MOST_BYTES */
} keeper_spec_t;

typedef struct keeper_core keeper_core_t;
extern const role_t keeper_role;

keeper_core_t *keeper_core_new(const keeper_spec_t *spec);

/* At the start: what lies on the disk of a shard, whole and verified (incarnation and number 0: nothing),
 * and its seal. */
void keeper_core_held(keeper_core_t *self, size_t region, uint64_t shard, uint64_t incarnation,
                      uint64_t number, uint64_t seal);

typedef enum {
    KEEPER_STORE, /* commit `snapshot` among the copies of its incarnation */
    KEEPER_SEAL,  /* store the seal `incarnation`, and close what is open of the shard */
    KEEPER_LOAD,  /* read a held snapshot, to be given on */
} keeper_verb_t;

typedef struct {
    keeper_verb_t verb;
    size_t region; /* of the shard */
    uint64_t shard;
    uint64_t incarnation, number;
    bool last; /* KEEPER_STORE: its incarnation is sealed; the store is closed before it is told to be kept */
    snapshot_t *snapshot; /* KEEPER_STORE: moved to the driver; KEEPER_LOAD: moved back with the result */
} keeper_job_t;

/* The next thing to be done; false when there is none. One job per shard and verb is out at a time. */
bool keeper_core_take_job(keeper_core_t *self, keeper_job_t *ret_job);

/* The driver says how a job ended; takes the job's snapshot. */
void keeper_core_done(keeper_core_t *self, keeper_job_t *job, const err_t *why, int64_t now_us);

/* Snapshots refused because what came was not what was offered, since the start; the newest reason,
 * borrowed. */
uint64_t keeper_core_refused(const keeper_core_t *self, const char **ret_reason);

/* How many snapshots it has kept since the start. */
uint64_t keeper_core_kept(const keeper_core_t *self);

#endif
