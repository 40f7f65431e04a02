/* region_core - the regional scheduler: places actors on nodes, leases batches to workers, knows when a region is
 * done.
 *
 * Why      a region must go on when the WAN or the global scheduler is away, and when this scheduler itself was killed:
 *          what is decided elsewhere it asks again (nodes announce themselves and whom they host, shards tell what they
 *          have applied, workers what they hold), the rest is kept (keep.h): its term, figures, curve, decisions.
 * Restart  the term is above everything seen. Actors that run are adopted; nothing is placed before each node that was
 *          there has told whom it hosts, or has been silent for as long as a node may be. An older scheduler that is
 *          refused by anybody ends itself.
 * How      incarnation = term << 32 | count. Leases: the batches handed out are those that are neither applied in
 *          every shard, nor leased, nor reported done. A lost worker's leases are free again.
 * Ends     all batches durable in every shard -> close to the shards; every region's final delta durable in every
 *          shard -> last evaluation -> complete. stop -> nodes; all stopped -> final report until bye.
 */
#ifndef ACTORS_SCHEDULER_REGION_CORE_H
#define ACTORS_SCHEDULER_REGION_CORE_H

#include "actors/kit/role.h"
#include "actors/scheduler/keep.h"
#include "actors/scheduler/region_rent.h"
#include "brokers/job.h"

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
    const kept_t *kept; /* of the predecessor, borrowed for the call; NULL: none */
} region_spec_t;

typedef struct region_core region_core_t;
extern const role_t region_role;
extern const keep_source_t region_source;

region_core_t *region_core_new(const region_spec_t *spec, int64_t now_us);

/* The run it belongs to, RUN_ID_NONE: not known. Whoever drives it makes its directory one of that run before what is kept
 * is stored: nothing is placed before that. */
uint64_t region_core_run(const region_core_t *self, bool *ret_adopts);

/* A plan that stands from the beginning, where no global scheduler makes one: units of each of the region's offers, and whether
 * all are kept until the end. */
void region_core_rent(region_core_t *self, const uint64_t *units, bool keep, int64_t now_us);

/* What is to be rented or returned; false when there is nothing. Whoever does it tells what came of it. */
bool region_core_take_command(region_core_t *self, rent_command_t *ret_command);
void region_core_unit_ended(region_core_t *self, const char *name, rent_end_t end, int64_t now_us);

typedef struct {
    const char *shard, *from, *to, *why; /* borrowed until the next call */
} region_move_t;

/* The next shard that goes on on another node, for the log; false: none. */
bool region_core_take_move(region_core_t *self, region_move_t *ret_move);

typedef struct {
    const char *shard; /* borrowed until the next call */
    uint64_t incarnation,
        number;   /* of the newest snapshot that is known to have been durable; 0: not known */
    bool awaited; /* for whoever has it; else the shard goes on from what there is */
    int64_t patience_us;
    const char *node; /* where it goes on; NULL: it waits */
} region_missing_t;

/* The next shard whose newest snapshot is on no node that is here, for the log; false: none. */
bool region_core_take_missing(region_core_t *self, region_missing_t *ret_missing);

/* The broker process may end: stopped, and the global scheduler said bye (or did not within its time). */
bool region_core_finished(const region_core_t *self);
/* 0, or why the region failed; text borrowed. */
err_code_t region_core_failure(const region_core_t *self, const char **ret_reason);
/* JSON-free view for logs: a one-line summary of who is waited for; borrowed. */
const char *region_core_waits_for(const region_core_t *self, int64_t *ret_since_us);

#endif
