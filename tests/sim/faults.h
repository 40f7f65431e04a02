/* faults - what worlds were asked to suffer, and what of it fired.
 *
 * Why      worlds in which a fault never happened show nothing about it, and nobody would see that from the
 *          outside.
 * How      faults_ask notes what a spec wants, faults_add what a world then had; faults_all_fired names what
 *          was wanted of some world and has fired in none of them.
 */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include "actors/kit/breaks.h"
#include "deploy/simulate/sim.h"

#include <stdio.h>

/* Columns: name, condition under which a spec asks for it, counter of sim_stats_t. */
#define FAULTS(X)                                                                                            \
    X("message lost", spec->loss > 0, lost)                                                                  \
    X("message doubled", spec->duplicate > 0, duplicated)                                                    \
    X("message reordered", spec->reorder > 0, reordered)                                                     \
    X("message cut off", spec->partition_count > 0, cut)                                                     \
    X("global scheduler cut off", spec->cut_global_until_us > 0, cut_global)                                 \
    X("all trained while it heard nobody", spec->cut_global_until_us > 0, done_unheard)                      \
    X("node cut off when the job ends", spec->alone_us > 0, cut_nodes)                                       \
    X("node that was cut off ended by itself", spec->alone_us > 0, ended_alone)                              \
    X("payload damaged", spec->damage > 0, damaged)                                                          \
    X("snapshot failed", spec->commit_failure > 0, snapshot_failures)                                        \
    X("worker killed", spec->kill_per_s > 0, killed[ROLE_WORKER])                                            \
    X("shard killed", spec->kill_per_s > 0, killed[ROLE_SHARD])                                              \
    X("synchronizer killed", spec->kill_per_s > 0, killed[ROLE_SYNCHRONIZER])                                \
    X("killed in silence", spec->kill_per_s > 0 && spec->kill_silent > 0, killed_in_silence)                 \
    X("disk emptied", spec->kill_per_s > 0 && spec->lose_disk > 0, disks_emptied)                            \
    X("disk at an older snapshot", spec->kill_per_s > 0 && spec->lose_disk > 0, disks_rolled_back)           \
    X("region wiped", spec->wipe_us > 0, regions_wiped)                                                      \
    X("who hung woke up", spec->kill_per_s > 0 && spec->zombie > 0, zombies)                                 \
    X("who woke up was refused",                                                                             \
      spec->kill_per_s > 0 && spec->zombie > 0 && !(spec->breaks & BREAK_FENCING), zombies_refused)          \
    X("node lost", spec->lose_node_per_s > 0, lost_nodes)                                                    \
    X("node lost with its disk", spec->lose_node_per_s > 0 && spec->lose_node_disk > 0, lost_disks)          \
    X("disk of a scheduler full", spec->full_per_s > 0, full_schedulers)                                     \
    X("decision that could not be kept", spec->full_per_s > 0, unkept)                                       \
    X("node joined", spec->join_per_s > 0, joined)                                                           \
    X("node told to leave", spec->leave_per_s > 0, told_to_leave)                                            \
    X("node left", spec->leave_per_s > 0, left)                                                              \
    X("node left with what its region needs", spec->leave_per_s > 0, drained)                                \
    X("scheduler of a region killed", spec->scheduler_kill_per_s > 0, killed_regional)                       \
    X("global scheduler killed", spec->scheduler_kill_per_s > 0, killed_global)                              \
    X("scheduler killed at the end", spec->scheduler_kill_per_s > 0, killed_at_end)                          \
    X("scheduler woke up", spec->scheduler_kill_per_s > 0 && spec->scheduler_zombie > 0, schedulers_woken)   \
    X("scheduler that woke up was refused", spec->scheduler_kill_per_s > 0 && spec->scheduler_zombie > 0,    \
      schedulers_refused)

typedef struct {
#define FAULTS_ONE(name, asks, counter) +1
    bool asked[0 FAULTS(FAULTS_ONE)]; /* in the order of FAULTS */
#undef FAULTS_ONE
    sim_stats_t fired;
} faults_t;

static inline void faults_ask(faults_t *self, const sim_spec_t *spec)
{
    size_t at = 0;
#define FAULTS_ASK(name, asks, counter) self->asked[at++] |= (asks);
    FAULTS(FAULTS_ASK)
#undef FAULTS_ASK
}

static inline void faults_add(faults_t *self, const sim_stats_t *stats)
{
#define FAULTS_ADD(name, asks, counter) self->fired.counter += stats->counter;
    FAULTS(FAULTS_ADD)
#undef FAULTS_ADD
}

/* For a fault of a judge's own. */
static inline bool faults_one_fired(const char *name, bool asked, uint64_t fired)
{
    if (asked && !fired)
        fprintf(stderr, "never fired, so these worlds show nothing of it: %s\n", name);
    return fired || !asked;
}

static inline bool faults_all_fired(const faults_t *self)
{
    bool all = true;
    size_t at = 0;
#define FAULTS_FIRED(name, asks, counter)                                                                    \
    all &= faults_one_fired(name, self->asked[at++], self->fired.counter);
    FAULTS(FAULTS_FIRED)
#undef FAULTS_FIRED
    return all;
}

#endif
