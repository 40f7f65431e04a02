/* shard_core - one shard of a region's replica: the truth about its parameters and about
 * which batches changed them.
 *
 * Why      everything that must not be lost or doubled is here, as a state machine without
 *          sockets, disk or clock.
 * How      pushes are named by batch; the set of batches applied is the data cursor. A push's chunks are kept
 *          by reference, checked as they come, and applied when whole. The state is a version of
 *          reference-counted buffers: changed in place only while nobody else holds them, otherwise copied on
 *          write. Deltas are cut by the strategy, stored in the version, committed with it, and only then
 *          sent (cut, encode, commit, send).
 * Regions  what a shard has of another region's stream is (history, number), which names the same set of that
 *          region's batches wherever it is met. A shard that is not sure of its state asks the others for
 *          their status; one that has lost something, or whose next number is no longer kept, enters: it
 *          takes another region's state.
 * Effects  shard_core_take_snapshot offers one snapshot at a time; the driver stores it and calls
 *          shard_core_committed. Until then the training goes on.
 * Threads  one at a time (see role.h).
 * Limits   a worker has two staged pushes and one waiting pull; staged bytes, kept deltas and deltas
 *          received ahead of their turn are limited by the spec. Beyond a limit the sender is made to wait,
 *          nothing is dropped silently.
 */
#ifndef ACTORS_SHARD_SHARD_CORE_H
#define ACTORS_SHARD_SHARD_CORE_H

#include "actors/kit/dispatch.h"
#include "actors/kit/role.h"
#include "actors/shard/base/shard_spec.h"
#include "store/snapshot.h"

typedef struct shard_core shard_core_t;
extern const role_t shard_role;
extern const dispatch_t shard_dispatch; /* who may say what to it, and when */

/* A shard at its first start: `initial` (elements) float32 is taken. */
shard_core_t *shard_core_new(const shard_spec_t *spec, buf_t **initial_p);

/* A shard that goes on from a snapshot. Errors: ERR_MALFORMED, ERR_SHAPE, ERR_JOB. */
MUST_USE err_code_t shard_core_restore(const shard_spec_t *spec, const snapshot_t *snapshot,
                                       shard_core_t **ret_self, err_t *err);

/* The message in a snapshot's value "state". Errors: ERR_MALFORMED, and those of message_unpack. */
MUST_USE err_code_t shard_core_decode(const buf_t *state, message_t **ret_message, err_t *err);

/* How many own batches a snapshot's value "state" says are applied. Errors: ERR_MALFORMED. */
MUST_USE err_code_t shard_core_count(const buf_t *state, uint64_t *ret_batches, err_t *err);

/* A snapshot that should be stored now, or NULL; at most one is out at a time. The caller owns it
 * (snapshot_destroy). */
snapshot_t *shard_core_take_snapshot(shard_core_t *self, int64_t now_us);

/* The fate of the snapshot that was taken. On an error the core asks again, after a growing pause,
 * and training goes on. */
void shard_core_committed(shard_core_t *self, uint64_t number, err_code_t code, int64_t now_us);

/* With checkpoint.when_full: go_on, when the disk has refused a snapshot for want of room: training goes on
 * at durability `none`. The driver first notes on the disk that what it finds there is then not all that
 * others have seen (a start says so by `uncertain`); shard_core_uncovered tells when that note may go. */
bool shard_core_may_go_on(const shard_core_t *self);
void shard_core_go_on(shard_core_t *self, int64_t now_us);
bool shard_core_uncovered(const shard_core_t *self);

/* For status, tests and checkers; borrowed until the next call into the core. */
const float *shard_core_parameters(const shard_core_t *self); /* (elements) */
const ranges_t *shard_core_applied(const shard_core_t *self);
uint64_t shard_core_samples_applied(const shard_core_t *self);
uint64_t shard_core_round(const shard_core_t *self);     /* waiting strategies: rounds applied */
bool shard_core_closed(const shard_core_t *self);        /* its final cut is durable */
uint64_t shard_core_transfers(const shard_core_t *self); /* times it took another region's state */
uint64_t shard_core_rolled_back(const shard_core_t *self);
/* The store of an earlier incarnation has a common point's snapshot that is still kept. */
bool shard_core_pins(const shard_core_t *self, uint64_t incarnation);
size_t shard_core_lasts(const shard_core_t *self); /* how many other regions' final delta is durable here */

#endif
