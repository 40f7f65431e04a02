/* worker_lease - what a worker may compute: the batches that are leased to it, and the evaluation that it was
 * asked for.
 *
 * Why      soft state: what a dead worker held is leased again. `holding` is what it answers for until every
 *          shard has it, `todo` the part of that whose computation has not begun.
 * Owns     both sets, the newest grants, and a result until the scheduler has it.
 * Called   by the worker alone. When the scheduler is asked, and whether a lease is for this worker, is the
 *          worker's business.
 * Threads  those of the worker.
 */
#ifndef ACTORS_WORKER_WORKER_LEASE_H
#define ACTORS_WORKER_WORKER_LEASE_H

#include "codec/wire/message.h"

typedef struct {
    ranges_t holding; /* leased and not applied by every shard */
    ranges_t todo;
    uint64_t last_grant;
    uint64_t length;         /* of the newest lease of batches */
    uint64_t evaluate_grant; /* not 0: evaluate next */
    message_t *result;       /* evaluated, until a newer grant */
    bool asked;              /* a new scheduler wants to know what it holds */
} worker_lease_t;

void worker_lease_fini(worker_lease_t *self);

/* Takes the next grant; false: it is another one, or memory is short, and it is as if it had not come. */
bool worker_lease_take(worker_lease_t *self, const message_t *lease, uint64_t batches);

/* The lowest batch. False: there is none. */
bool worker_lease_batch(const worker_lease_t *self, uint64_t *ret_batch);
/* The computation that comes next: an evaluation, else the lowest batch. False: there is none. */
bool worker_lease_next(const worker_lease_t *self, bool *ret_evaluate, uint64_t *ret_batch);
/* Its computation begins; is put back; every shard has it. False: memory is short, and it is not. */
bool worker_lease_begin(worker_lease_t *self, uint64_t batch);
bool worker_lease_put_back(worker_lease_t *self, uint64_t batch);
bool worker_lease_done(worker_lease_t *self, uint64_t batch);

/* Keeps what the scheduler is told with every request; takes it. The evaluation is over. */
void worker_lease_keep_result(worker_lease_t *self, message_t **result_p);

/* There is something to tell, or less to do than half a lease. */
bool worker_lease_wants(const worker_lease_t *self);

#endif
