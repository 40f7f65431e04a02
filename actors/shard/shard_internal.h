/* shard_internal - the inside of a shard core, shared by its files alone.
 *
 * Why      one state, one file per noun:
 *
 *   shard_core      life, dispatch, time              shard_push      pushes arrive, are staged, checked and held
 *   shard_step      held pushes become steps          shard_pull      parameters go out
 *   shard_version   copy-on-write arithmetic          shard_blend     several tensors read as one, block by block
 *   shard_ahead     a step computed while its push is still arriving
 *   shard_cut       own deltas and their queue        shard_delta     other regions' deltas
 *   shard_round     waiting strategies                shard_snapshot  when to store, what is durable
 *   shard_state     snapshot <-> state                shard_report    progress and status
 *   shard_keep      committed snapshots go to keepers
 *   shard_mark      common points of all shards
 *   shard_line      own lines, positions, who is away shard_stand     asking and saying where a shard stands
 *   shard_enter     taking another region's state     shard_adopt     the arithmetic of that
 *   shard_donor     giving the own state
 *   shard_outer     the second optimizer of diloco, and what asp adds
 *   shard_drift     late gradients compensated for what this region has done meanwhile
 *   shard_vote      what is in a round that not all regions need to reach
 *   shard_relay     handing on what others sent to those who lack it
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
/* nothing is left to do here, and nothing is missing in the snapshot */
bool shard_has_handed(const shard_core_t *self);
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
bool shard_donor_waits(const shard_core_t *self); /* for a snapshot */
void shard_donor_taken(shard_core_t *self, const snapshot_t *snapshot);
void shard_donor_committed(shard_core_t *self, uint64_t number, err_code_t code);
void shard_donor_tick(shard_core_t *self);
void shard_donor_drop(shard_core_t *self);
/* shard_round */
bool shard_round_open(const shard_core_t *self); /* own contribution made, round not applied */
bool shard_round_bars(const shard_core_t *self); /* and no local step may be made before it is */
bool shard_round_try(shard_core_t *self);
/* An own contribution, as others see it, is kept until its round; its data is moved in. */
void shard_round_contribute(shard_core_t *self, pending_t *own);
/* Another region's is; false without memory, and nothing changed. */
bool shard_round_take(shard_core_t *self, size_t origin, const incoming_t *delta);
size_t
shard_round_lacks(const shard_core_t *self); /* a region whose contribution is missing; SIZE_MAX: none */

bool shard_round_late(const shard_core_t *self, const delta_head_t *head); /* it has come for nothing */
/* No contribution waits for a decision: what is final is done. */
bool shard_round_settled(const shard_core_t *self);
bool shard_round_works(const shard_core_t *self); /* somebody has reached the next round, or is late */
uint64_t
shard_round_present(const shard_core_t *self);        /* bit r: region r has reached the next round or left */
uint64_t shard_round_heard(const shard_core_t *self); /* the same, or has sent something late */
/* it is all that the next round wants of it */
bool shard_round_has(const shard_core_t *self, size_t region, uint64_t number);

/* shard_vote */
void shard_vote_begin(shard_core_t *self);
void shard_vote_fini(shard_core_t *self);
void shard_vote(shard_core_t *self, const message_t *message);
void shard_vote_advance(shard_core_t *self);
int64_t shard_vote_due(const shard_core_t *self);
bool shard_vote_wants_snapshot(const shard_core_t *self);
void shard_vote_committed(shard_core_t *self);
uint64_t
shard_vote_last(const shard_core_t *self); /* nobody can have voted in a later round, as far as is known */
void shard_vote_mute(shard_core_t *self);  /* own votes may be lost */
void shard_vote_heard(shard_core_t *self, size_t region, uint64_t round);
void shard_vote_join(shard_core_t *self, const shard_core_t *peer); /* with its state */
void shard_vote_unsettle(shard_core_t *self, size_t region); /* it may go back: decisions are kept for it */
/* per region; NULL: not decided */
const uint64_t *shard_vote_decided(const shard_core_t *self, uint64_t round);
/* Whether a region has told that it has a number of an origin's stream durably, and whether any other has not. */
bool shard_vote_has(const shard_core_t *self, size_t region, size_t origin, uint64_t number);
bool shard_vote_lacked(const shard_core_t *self, size_t origin, uint64_t number);

/* shard_relay */
void shard_relay_keep(shard_core_t *self, size_t origin, const incoming_t *incoming, buf_t *data);
void shard_relay_add(shard_core_t *self, const relay_t *relay); /* moves its buffers in */
void shard_relay_trim(shard_core_t *self);                      /* what nobody lacks any more goes */
void shard_relay_drop(shard_core_t *self);                      /* all of it */
void shard_relay_fini(shard_core_t *self);
void shard_relay_advance(shard_core_t *self); /* asks for what a decided round needs */
int64_t shard_relay_due(const shard_core_t *self);
void shard_relay_heard(shard_core_t *self, size_t origin, bool handed); /* some of its stream has come */
void shard_relay_give(shard_core_t *self, const message_t *message);

/* shard_snapshot, shard_state, shard_report */
void shard_committed(shard_core_t *self); /* the snapshot that is out is durable at the job's level */
void shard_keep_news(shard_core_t *self, keep_news_t news);
bool shard_dirty(const shard_core_t *self);
int64_t shard_snapshot_due(const shard_core_t *self);
buf_t *state_pack(const shard_core_t *self);
err_code_t state_load(shard_core_t *self, const snapshot_t *snapshot, err_t *err);
bool state_add_values(const shard_core_t *self, snapshot_t *snapshot, err_t *err);

/* shard_uncovered */
void shard_begin_line(shard_core_t *self, const position_t *follows); /* a new history follows there */
bool shard_uncovered(const shard_core_t *self);                       /* trains on without its disk, now */
void shard_uncovered_send(shard_core_t *self);           /* then: what is cut and has not left does so */
uint64_t shard_uncovered_sent(const shard_core_t *self); /* last own delta that has left */
void shard_uncovered_end(shard_core_t *self);

/* shard_mark */
void shard_mark(shard_core_t *self, const message_t *message);
const char *shard_mark_tag(const shard_core_t *self); /* of the snapshot to be taken now; NULL: none */
void shard_mark_take(shard_core_t *self);             /* before any snapshot is made */
void shard_mark_committed(shard_core_t *self, err_code_t code);
void shard_mark_drop(shard_core_t *self); /* gives up: the shard stops, or takes another region's state */
void shard_mark_join(shard_core_t *self, uint64_t number); /* with a state that lies behind that point */
void shard_mark_tick(shard_core_t *self);
void shard_mark_load(shard_core_t *self, const wire_u64s_t *kept);

void shard_report(shard_core_t *self);
void shard_report_tick(shard_core_t *self);
int64_t shard_report_due(const shard_core_t *self);

#endif
