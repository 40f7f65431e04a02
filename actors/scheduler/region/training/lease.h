/* lease - which batches of a region are handed out to which worker; a pure table without time or messages.
 *
 * Why      a batch should be computed once and must be computed at last, whoever dies. Doubling is harmless
 *          (shards know what they have applied) but wasteful, so no batch is ever in two live leases.
 * How      free = all batches - applied by every shard - leased - reported done. What a worker reports done
 *          is only a claim: every shard must confirm it with its own reports. A claim that two reports of
 *          every shard did not confirm is dropped, and all are dropped when a shard comes back with another
 *          incarnation or history; so a batch that a restarted shard lost is handed out again, and nothing
 *          waits for ever on a worker's word. The lowest free batches always go first: no holes are left
 *          behind for rounds or steps to wait on.
 * Not      who lives and who is lost: the caller says so.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_LEASE_H
#define ACTORS_SCHEDULER_LEASE_H

#include "codec/base/ranges.h"

#define LEASE_LONGEST 8 /* batches of one lease */

typedef struct {
    uint64_t batches; /* of the whole run */
    size_t shard_count;
    size_t worker_count; /* at the start; grows with lease_table_grow */
    /* sync, ssp and rounds: one batch at a time, spread over the workers, so that a step is shared out */
    bool one_by_one;
} lease_spec_t;

typedef struct lease_table lease_table_t;

lease_table_t *lease_table_new(const lease_spec_t *spec);
void lease_table_destroy(lease_table_t **self_p);

/* There are this many workers now; never fewer than before. */
void lease_table_grow(lease_table_t *self, size_t worker_count);

/* A shard says what it has applied and stored. Reports of an older incarnation are ignored; within one
 * incarnation and history the sets only grow, so reports that come out of order do no harm. Errors
 * ERR_MALFORMED (a batch that the run does not have), ERR_LIMIT; nothing is changed then. */
MUST_USE err_code_t lease_table_progress(lease_table_t *self, size_t shard, uint64_t incarnation,
                                         uint64_t history, const ranges_t *applied, const ranges_t *durable);

/* A worker runs with this incarnation; leases of its former ones are free. */
void lease_table_start(lease_table_t *self, size_t worker, uint64_t incarnation);
/* A worker is lost: its leases are free, and this incarnation gets no more. */
void lease_table_release(lease_table_t *self, size_t worker);

/* Its expected speed, in batches per second, until it has told; 0: not known. */
void lease_table_expect(lease_table_t *self, size_t worker, double batches_per_s);
/* It was told to end: it gets nothing more, and keeps what it works on until it is released. */
void lease_table_retire(lease_table_t *self, size_t worker);

typedef struct {
    uint64_t incarnation;
    uint64_t last_grant;
    const ranges_t *holding; /* borrowed */
    bool evaluate;           /* hand out an evaluation rather than batches, if anything is granted at all */
    bool only_tells;         /* note what it holds, hand out nothing */
    double batches_per_s;    /* measured speed of the worker; 0: not known */
    int64_t now_us;          /* what is refused to a slow worker is refused for a time */
} lease_request_t;

typedef struct {
    uint64_t number;
    uint64_t first;
    uint64_t end; /* equal to first for an evaluation */
    bool evaluate;
} lease_grant_t;

typedef enum { LEASE_NOTHING, LEASE_GRANTED, LEASE_REPEATED } lease_answer_t;

/* How much a worker gets follows its speed beside the others': of the longest lease, and near the end of the
 * run of what is left. Who would end the run later than the others could is refused a batch, for as long as
 * it would have taken with it.
 *
 * A worker's request. A request that has not seen the newest grant gets that one again; otherwise what the
 * worker holds is the truth about its leases, and what it holds no more is done. */
lease_answer_t lease_table_want(lease_table_t *self, size_t worker, const lease_request_t *request,
                                lease_grant_t *ret_grant);

bool lease_table_known(const lease_table_t *self); /* every shard has reported */
const ranges_t *
lease_table_applied(const lease_table_t *self);          /* by every shard; borrowed until the next change */
bool lease_table_all_applied(const lease_table_t *self); /* every batch of the run, in every shard */
bool lease_table_all_durable(const lease_table_t *self); /* the same, stored */
uint64_t lease_table_durable_count(const lease_table_t *self); /* batches stored by every shard */
/* Batches that nobody works on and that are not applied: 0 when there is nothing left to lease. */
uint64_t lease_table_free(lease_table_t *self);
const ranges_t *lease_table_leased(const lease_table_t *self, size_t worker); /* borrowed */

#endif
