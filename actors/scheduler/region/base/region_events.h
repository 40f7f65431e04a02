/* region_events - what a regional scheduler has to say for the log; texts are borrowed until the next
 * call. */
#ifndef ACTORS_SCHEDULER_REGION_BASE_REGION_EVENTS_H
#define ACTORS_SCHEDULER_REGION_BASE_REGION_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* A shard goes on on another node. */
typedef struct {
    const char *shard, *from, *to, *why;
} region_move_t;

/* A shard's newest snapshot is on no node that is here. */
typedef struct {
    const char *shard;
    uint64_t incarnation, number; /* of the newest that is known to have been durable; 0: not known */
    bool awaited;                 /* for whoever has it; else the shard goes on from what there is */
    int64_t patience_us;
    const char *node; /* where it goes on; NULL: it waits */
} region_missing_t;

#endif
