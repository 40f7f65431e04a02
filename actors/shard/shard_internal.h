/* shard_internal - the inside of a shard core, shared by its files alone.
 *
 * Why      one state, one file per noun:
 *
 *   shard_core      life, dispatch, time              shard_push      pushes arrive, are staged, checked and held
 *   shard_step      held pushes become steps          shard_pull      parameters go out
 *   shard_version   copy-on-write arithmetic          shard_blend     several tensors read as one, block by block
 *   shard_ahead     a step computed while its push is still arriving
 *   shard_cut       own deltas and their queue        shard_delta     other regions' deltas
 *   shard_snapshot  when to store, what is durable
 *   shard_state     snapshot <-> state                shard_report    progress and status
 *   shard_keep      committed snapshots go to keepers
 *   shard_mark      common points of all shards
 *   shard_line      own lines, positions, who is away shard_stand     asking and saying where a shard stands
 *   shard_enter     taking another region's state     shard_adopt     the arithmetic of that
 *   shard_donor     giving the own state
 *   shard_outer     the second optimizer of diloco, and what asp adds
 *   shard_drift     late gradients compensated for what this region has done meanwhile
 *   shard_encode    what a cut carries, what it leaves for the next one
 *   shard_uncovered going on while the disk is full
 *
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_SHARD_INTERNAL_H
#define ACTORS_SHARD_SHARD_INTERNAL_H

#include "actors/kit/breaks.h"
#include "actors/shard/entry/entry.h"
#include "actors/shard/shard_core.h"

#define SHARD_REPORT_US 1000000
#define SHARD_REPORT_SOON_US 100000

/* How it ends, and what is told of it. */
typedef struct {
    int64_t reported_us;
    const char *state;
    wire_name_t waits_for;
    int64_t state_since_us;
} report_t;

struct shard_core {
    base_t *base;
    replica_t *replica;
    intake_t *intake;
    stream_t *stream;
    rounds_t *rounds;
    durable_t *durable;
    entry_t *entry;
    report_t *report;
};

/* shard_core */
void shard_advance(shard_core_t *self); /* everything that can be done now */
/* What the stream has made goes to whom it concerns; after every call that may cut. */
void shard_collect(shard_core_t *self);
void shard_drift_begin(shard_core_t *self); /* the parameters are new */
shard_core_t *shard_alloc(const shard_spec_t *spec);
void shard_destroy(void **core_p);

/* shard_stand */
void shard_stand_want(shard_core_t *self, const message_t *message);
void shard_stand(shard_core_t *self, const message_t *message);
void shard_stand_ask(shard_core_t *self);
void shard_stand_ask_one(shard_core_t *self, size_t region);
void shard_stand_say(shard_core_t *self, size_t region);
void shard_stand_tick(shard_core_t *self);
int64_t shard_stand_due(const shard_core_t *self);
/* Whether what follows this shard's position in the stream of `region` can still come, as that one has said. */
bool shard_stand_can_follow(const shard_core_t *self, size_t region);
void shard_gap(shard_core_t *self, const message_t *message);
void shard_mute(shard_core_t *self); /* own votes may be lost */

/* shard_enter */
void shard_ask_at_start(shard_core_t *self);
void shard_enter(shard_core_t *self, bool lossy);
void shard_enter_decide(shard_core_t *self);
void shard_enter_offer(shard_core_t *self, const message_t *message);
void shard_enter_piece(shard_core_t *self, const message_t *message);
void shard_enter_tick(shard_core_t *self);
int64_t shard_enter_due(const shard_core_t *self);
void shard_entered(shard_core_t *self); /* the new state is durable */
void shard_enter_drop(shard_core_t *self);
const char *shard_enter_waits_for(const shard_core_t *self, wire_name_t text); /* empty: for nobody */

/* shard_adopt: all or nothing. Errors: those of state_load, ERR_NUMBER, ERR_DENIED (of another region), ERR_MEMORY */
err_code_t shard_adopt(shard_core_t *self, size_t donor, snapshot_t **snapshot_p, err_t *err);

/* shard_donor */
void shard_donor_want(shard_core_t *self, const message_t *message);
void shard_donor_fetch(shard_core_t *self, const message_t *message);
void shard_donor_taken(shard_core_t *self, const snapshot_t *snapshot);
void shard_donor_committed(shard_core_t *self, uint64_t number, err_code_t code);
void shard_donor_tick(shard_core_t *self);
void shard_donor_drop(shard_core_t *self);
/* shard_report */
void shard_report(shard_core_t *self);
void shard_report_tick(shard_core_t *self);
int64_t shard_report_due(const shard_core_t *self);

#endif
