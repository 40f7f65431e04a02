/* region_core - the regional scheduler: places actors on nodes, leases batches to workers, knows when a
 * region is done.
 *
 * Why      a region must go on when the WAN or the global scheduler is away, and when this scheduler itself
 *          was killed: what is decided elsewhere it asks again (nodes announce themselves and whom they host,
 *          shards tell what they have applied, workers what they hold), the rest is kept (journal.h): its
 *          term, figures, curve, decisions.
 * Restart  the term is above everything seen. Actors that run are adopted; nothing is placed before each node
 *          that was there has told whom it hosts, or has been silent for as long as a node may be. An older
 *          scheduler that is refused by anybody ends itself.
 * How      incarnation = term << 32 | count. Leases: the batches handed out are those that are neither
 *          applied in every shard, nor leased, nor reported done. A lost worker's leases are free again.
 * Ends     all batches durable in every shard -> close to the shards; every region's final delta durable in
 *          every shard -> last evaluation -> complete. stop -> nodes; all stopped -> final report until bye.
 */
#ifndef ACTORS_SCHEDULER_REGION_CORE_H
#define ACTORS_SCHEDULER_REGION_CORE_H

#include "actors/kit/dispatch.h"
#include "actors/kit/role.h"
#include "actors/scheduler/region/base/region_events.h"
#include "actors/scheduler/region/base/region_spec.h"
#include "actors/scheduler/region/renting/region_rent.h"

typedef struct region_core region_core_t;
extern const role_t region_role;
extern const dispatch_t region_dispatch; /* who may say what to it, and when */
extern const journal_source_t region_source;

region_core_t *region_core_new(const region_spec_t *spec, int64_t now_us);

/* The run it belongs to, RUN_ID_NONE: not known. Whoever drives it makes its directory one of that run before
 * what is kept is stored: nothing is placed before that. */
uint64_t region_core_run(const region_core_t *self, bool *ret_adopts);

/* A plan that stands from the beginning, where no global scheduler makes one: units of each of the region's
 * offers, and whether all are kept until the end. */
void region_core_rent(region_core_t *self, const uint64_t *units, bool stay, int64_t now_us);

/* The next unit that is to be rented or returned; false when there is nothing. Whoever does it tells what
 * came of it. */
bool region_core_take_command(region_core_t *self, rent_command_t *ret_command);
void region_core_unit_ended(region_core_t *self, const char *name, rent_end_t end, int64_t now_us);

/* The next shard that goes on on another node, for the log; false: none. */
bool region_core_take_move(region_core_t *self, region_move_t *ret_move);

/* The next shard whose newest snapshot is on no node that is here, for the log; false: none. */
bool region_core_take_missing(region_core_t *self, region_missing_t *ret_missing);

/* The broker process may end: stopped, and the global scheduler said bye (or did not within its time). */
bool region_core_finished(const region_core_t *self);
/* 0, or why the region failed; text borrowed. */
err_code_t region_core_failure(const region_core_t *self, const char **ret_reason);
/* JSON-free view for logs: a one-line summary of who is waited for; borrowed. */
const char *region_core_waits_for(const region_core_t *self, int64_t *ret_since_us);

#endif
