/* carry - whether what a shard has stored can be gone on with under other settings:
 * more epochs, another rate.
 *
 * Why      settings that change within a round that all regions wait for would change it
 *          in some of them alone.
 * How      nobody waits: at any time. Else the rate, where it acts in rounds, changes between two rounds of
 *          everybody, which only the end surely is; and so do the epochs, as the last cut of a region is no
 *          other's. Long before the end nobody can have made it: a region is at most one cut ahead of
 *          another. What is trained cannot be taken back.
 * Threads  pure: any.
 */
#ifndef ACTORS_SHARD_DURABLE_CARRY_H
#define ACTORS_SHARD_DURABLE_CARRY_H

#include "brokers/job.h"
#include "codec/wire/message.h"

/* In     topology, job  as they are now
 *        state          a shard_state of that region, which tells of the settings it was stored under
 * Errors ERR_JOB: not now; the text says which shard stands in the way, and what to do */
MUST_USE err_code_t shard_carry(const topology_t *topology, const job_t *job, size_t region,
                                const message_t *state, err_t *err);

/* The settings that a learning rate follows from, as one number that a state keeps; never 0. */
uint64_t shard_carry_rate(const topology_t *topology);

/* The state was stored for fewer epochs: its final delta is the last one no more. */
bool shard_carry_has_grown(const job_region_t *region, const message_t *state);

#endif
