/* region_spec - what a regional scheduler is told when it is made. */
#ifndef ACTORS_SCHEDULER_REGION_BASE_REGION_SPEC_H
#define ACTORS_SCHEDULER_REGION_BASE_REGION_SPEC_H

#include "actors/scheduler/base/journal.h"
#include "brokers/topology.h"

typedef struct {
    const topology_t *topology; /* borrowed */
    size_t region_index;
    uint64_t term; /* above everything seen before; stored and synced by the driver */
    /* places when so many have announced themselves, or settle_us after the newest did */
    size_t nodes_expected;
    int64_t settle_us;
    bool evaluates;      /* there is a test set: evaluate every quarter of an epoch and at the end */
    uint64_t pid;        /* of this process, for status; 0 when it does not matter */
    uint64_t run;        /* that its directory belongs to; RUN_ID_NONE: the first plan says */
    bool run_adopts;     /* that run was begun before runs had identities */
    const char *machine; /* host name, for status; NULL: not told */
    bool units_outlive;  /* what is rented are machines of their own, not processes that end with this one */
    /* a node that joins is there to stay after so long, and gets shards of others; 0: 3 s */
    int64_t stays_us;
    /* between two times that the global scheduler is told of all actors; 0: twice a second */
    int64_t status_us;
    const legacy_t *legacy; /* of the predecessor, borrowed for the call; NULL: none */
} region_spec_t;

#endif
