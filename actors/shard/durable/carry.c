#include "actors/shard/durable/carry.h"

#include "actors/synchronizer/strategy.h"
#include "codec/base/hash.h"

#include <inttypes.h>

uint64_t shard_carry_rate(const topology_t *topology)
{
    double values[] = {topology->job.optimizer.lr, topology->job.optimizer.momentum,
                       (double)topology->job.optimizer.schedule, topology->job.optimizer.warmup};
    bool falls = topology->job.optimizer.schedule == SCHEDULE_STEPS;
    double later[] = {topology->job.optimizer.nesterov ? 1 : 0, topology->job.optimizer.weight_decay,
                      falls ? topology->job.optimizer.factor : 0};
    uint64_t rate = hash_checksum(values, sizeof values);
    for (size_t i = 0; falls && i < topology->job.optimizer.milestone_count; i++)
        rate = hash_checksum((uint64_t[]){rate, topology->job.optimizer.milestones[i]}, 2 * sizeof rate);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (later[i] > 0) /* 0: as before there was this key */
            rate = hash_checksum((uint64_t[]){rate, i, hash_checksum(&later[i], sizeof later[i])},
                                 3 * sizeof rate);
    return rate | 1;
}

static uint64_t s_applied(const message_t *state)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < state->shard_state.applied.count; i++)
        sum += state->shard_state.applied.items[i].end - state->shard_state.applied.items[i].first;
    return sum;
}

static uint64_t s_end_of_applied(const message_t *state)
{
    size_t count = state->shard_state.applied.count;
    return count ? state->shard_state.applied.items[count - 1].end : 0;
}

/* States of before they told it are of as many as they have, if they have all. */
bool shard_carry_has_grown(const job_region_t *region, const message_t *state)
{
    uint64_t then = state->shard_state.batches;
    return then ? then < region->batches : state->shard_state.closed && s_applied(state) < region->batches;
}

/* All that was to be trained, and every other region's last delta: in all regions, then, it is. */
static bool s_is_through(const message_t *state, size_t region, size_t region_count)
{
    for (size_t r = 0; r < region_count; r++)
        if (r != region &&
            (r >= state->shard_state.regions.count || !state->shard_state.regions.items[r].final))
            return false;
    return state->shard_state.closed && state->shard_state.pending.count == 0;
}

/* No other region can have come to the end: with rounds of all, its newest cut is the next after the
 * newest here, at most. */
static bool s_is_early(const topology_t *topology, uint64_t width, const message_t *state)
{
    uint64_t batches = state->shard_state.batches, applied = s_applied(state);
    return topology->job.sync.quorum >= 1 && !state->shard_state.closed && batches > applied &&
           (batches - applied) / width > 2 * topology->job.sync.every;
}

/* Rounds may be other steps now. Warmup and a falling rate are of the whole job. */
static bool s_changes_rounds(const topology_t *topology, bool epochs, const message_t *state)
{
    bool follows =
        topology->job.optimizer.schedule != SCHEDULE_CONSTANT || topology->job.optimizer.warmup > 0;
    uint64_t then = state->shard_state.rate;
    bool rate = then && then != shard_carry_rate(topology);
    return !strategy_find(topology->job.sync.strategy)->local_step && (rate || (epochs && follows));
}

err_code_t shard_carry(const topology_t *topology, const job_t *job, size_t region, const message_t *state,
                       err_t *err)
{
    const job_region_t *own = &job->regions[region];
    uint64_t then = state->shard_state.batches;
    const char *name = topology->regions[region].name;
    if (s_end_of_applied(state) > own->batches)
        return err_set(err, ERR_JOB,
                       "job.epochs: shard/%s/%" PRIu64 " has trained more than %llu epochs; write as many "
                       "as it had, or more",
                       name, state->shard_state.shard, (unsigned long long)job->epochs);
    bool epochs = shard_carry_has_grown(own, state) || then > own->batches;
    bool rounds = s_changes_rounds(topology, epochs, state);
    bool alone = topology->region_count == 1 || !job->waits, same = !rounds && !epochs;
    bool at_an_end = s_is_through(state, region, topology->region_count) ||
                     (!rounds && s_is_early(topology, own->width, state));
    if (alone || same || at_an_end)
        return ERR_OK;
    return err_set(
        err, ERR_JOB,
        "%s cannot change now: with job.sync.strategy %s regions go in rounds, and shard/%s/%" PRIu64
        " is amidst them; undo the change, let the job be done, and make it then",
        epochs ? "job.epochs" : "job.optimizer", strategy_find(topology->job.sync.strategy)->name, name,
        state->shard_state.shard);
}
