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

#include "actors/keeper/transfer.h"
#include "actors/kit/breaks.h"
#include "actors/shard/assembly.h"
#include "actors/shard/shard_core.h"
#include "actors/synchronizer/strategy.h"
#include "codec/base/names.h"
#include "codec/compress/encoding.h"

#define SHARD_BLOCK 4096u          /* elements worked on at a time: 16 KiB, stays in the first-level cache */
#define SHARD_WORKERS_MAX 4096u    /* names remembered */
#define SHARD_STAGED_MAX 2u        /* incomplete pushes per worker: one under way and one that overtakes it */
#define SHARD_INTERVALS_MAX 16384u /* of the applied set: what surely fits a map frame, twice */
#define SHARD_KEPT_MAX 1024u /* own deltas, whatever their bytes: each is a row of the state and two values */
#define SHARD_INCOMING_MAX 4u /* deltas per origin that are being assembled */
#define SHARD_SPARES 3u       /* released buffers kept for the next copy on write */

#define SHARD_TAKEN_US 20000
#define SHARD_HEAD_US 200000
#define SHARD_REPORT_US 1000000
#define SHARD_REPORT_SOON_US 100000
#define SHARD_RETRY_FIRST_US 100000
#define SHARD_RETRY_LAST_US 5000000
#define SHARD_STAND_FIRST_US 50000 /* stands are asked for again after this, doubling ... */
#define SHARD_STAND_LAST_US 500000 /* ... up to this */
#define SHARD_STAND_FINALS_US                                                                                \
    15000000 /* a shard that has all of its own asks again who owes his last delta; seldom, for the hold below */
#define SHARD_STAND_HOLD_US 3000000 /* nothing is let go for so long after another region has asked */
#define SHARD_DONOR_SILENCE_US 5000000
#define SHARD_DONOR_PATIENCE 4    /* times sync.away_after */
#define SHARD_POSITION_US 1000000 /* new positions are told again until all say that they know them */
#define SHARD_TRANSFER_WINDOW 8
#define SHARD_TRANSFER_PATIENCE_US 1000000
#define SHARD_MARK_US 10000000 /* silence of the global scheduler after which a point is given up here */
#define SHARD_MARKS_MAX 128u   /* more than checkpoint.marks may be */
#define SHARD_MARK_FIELDS 2u   /* of a row of marks: incarnation, name */

typedef struct {
    bool used;
    uint64_t batch, samples;
    uint64_t pull, pull_batch; /* request 0: none */
    uint64_t touched;          /* grows: the least is replaced first */
    uint64_t serial;           /* of this assembly; no other one has it */
    assembly_t assembly;
} staged_t;

typedef struct {
    wire_name_t name;
    uint64_t incarnation;
    staged_t staged[SHARD_STAGED_MAX];
    bool pull_waits;
    uint64_t pull, pull_batch, pull_answered;
} worker_entry_t;

#define HELD_RESTORED SIZE_MAX

/* A push that is whole and checked, or refused for its content, and waits for its step. */
typedef struct {
    size_t worker; /* HELD_RESTORED: of an earlier run */
    uint64_t batch, samples;
    err_code_t code; /* not 0: refused; has no data */
    uint64_t serial; /* of the assembly */
    assembly_t assembly;
} held_t;

/* What a delta says beside its data. */
typedef struct {
    uint64_t first, last;
    delta_kind_t kind;
    uint64_t steps, samples;
    bool final;
} delta_head_t;

/* An own delta, kept until it is durable at every destination. Its bytes never change. */
typedef struct {
    delta_head_t head;
    uint64_t mark;     /* newest common point before it was cut */
    buf_t *data;       /* NULL for kind nothing */
    uint64_t encoding; /* of data */
    buf_t *cursor;     /* pairs of uint64: own batches applied as of the cut */
    buf_t *seen; /* pairs of uint64: per region, history and number taken as of the cut; NULL: not told */
    uint64_t *checksums; /* per chunk, when it was sent once */
} kept_t;

/* Whose deltas go to whom, and how that line goes on from an earlier one. */
typedef struct {
    wire_name_t to;
    size_t origin;
    uint64_t history, follows_history, follows, stable;
} delivery_t;

/* Another region's contribution, kept for those who lack it; as receivers see it. */
typedef struct {
    size_t region;
    uint64_t history, follows_history, follows;
    kept_t kept;
} relay_t;

/* In the order in which they were taken. */
typedef struct {
    relay_t *items;
    size_t count, capacity;
    size_t lacked, asked; /* soft: whose stream is lacking, who was asked for it */
    int64_t ask_us;
} shard_relays_t;

/* A contribution to a round that has not been applied. */
typedef struct {
    size_t region;
    delta_head_t head;
    buf_t *data;
} pending_t;

typedef struct {
    bool used;
    delta_head_t head;
    uint64_t history, stable, mark, follows_history, follows;
    err_code_t code; /* not 0: refused for its content; consumes its number in its turn */
    uint64_t encoding;
    assembly_t assembly;
    buf_t *cursor; /* pairs of uint64: the origin's batches as of its cut; comes with chunk 0 */
    bool tells;    /* how far the origin had taken this shard's stream as of its cut: */
    uint64_t seen_history, seen;
    buf_t *decoded; /* what the assembly held, once its turn has come; NULL: not encoded */
} incoming_t;

/* What a cut came to. */
typedef struct {
    buf_t *data; /* NULL: nothing to send */
    buf_t *view; /* float32, as receivers see it; NULL where only they want to know */
    uint64_t encoding;
    bool refused; /* it is not finite */
} encoded_t;

typedef struct {
    uint64_t history, taken, samples, stable, incarnation;
    bool final;
    uint64_t durable; /* taken, as of the newest committed snapshot */
    bool final_durable;
    buf_t *cursor;      /* pairs of uint64: the origin's batches that are in this shard's state; NULL: none */
    bool suspect;       /* its stream may have gone on without this shard: its stand will tell */
    bool position_told; /* its shard has said that it knows the present entry */
    uint64_t shard_incarnation; /* newest of its shard that has spoken */
    bool handed;                /* what came last of it was handed on by another region */
    incoming_t incoming[SHARD_INCOMING_MAX];
} origin_t;

/* One of the tensors that are added up: sum of weight_i x part_i / divisor. */
typedef struct {
    const assembly_t *assembly; /* one of the two */
    const buf_t *buf;
    double weight;
} part_t;

typedef struct {
    part_t *parts; /* in the order in which they are added */
    size_t count;
    double divisor;
    float *scratch; /* (2, SHARD_BLOCK) */
    double *sums;   /* (SHARD_BLOCK) */
} blend_t;

/* One tensor of the version during a pass. */
typedef struct {
    buf_t **slot; /* NULL: takes no part */
    buf_t *next;  /* NULL: in place */
    const float *from;
    float *to;
} target_t;

/* A pass over the version that applies one gradient. */
typedef struct {
    target_t w, v, open;
    float lr;
} pass_t;

/* A step that is computed chunk by chunk, while each chunk is in the cache, before its push is whole. Nobody sees it
 * until it is the next one to be applied and nothing that it was computed from has changed; else it is dropped. */
typedef struct {
    uint64_t serial; /* of the assembly; 0: none */
    pass_t pass;
    uint64_t base[3]; /* buf_id of what was read: parameters, momentum, accumulator */
    size_t elements;  /* done */
    uint64_t *checksums;
    uint64_t summed; /* how many of them are made */
} ahead_t;

/* The outer optimizer (shard_outer). */
typedef struct {
    bool on;
    bool keeps; /* only `start`: the mean that a late model gives way to */
    float lr, mu;
    buf_t *start; /* what deltas act on; local steps began here */
    buf_t *base;  /* while a cut's round is under way: local steps since the cut began here; NULL: at start */
    buf_t *momentum;   /* NULL: mu is 0 */
    buf_t *gathered;   /* without rounds: what its momentum lacks yet; NULL: nothing */
    uint64_t arrivals; /* in `gathered` */
    buf_t *room;       /* soft: for the next difference */
} outer_t;

/* Where this region's own steps had led to when it cut a number. */
typedef struct {
    uint64_t history, number;
    buf_t *own;
} drift_base_t;

/* How far this region has gone since others saw it last (shard_drift). Not stored: a restart begins anew. */
typedef struct {
    bool on;
    float lambda;
    buf_t *others; /* what other regions' deltas have added to the parameters; own = parameters - others */
    drift_base_t *bases; /* (most) oldest first */
    size_t count, most;
    uint64_t named[TOPOLOGY_REGIONS_MAX]; /* newest number that a delta of each region was compensated from */
    float *block;                         /* (2, SHARD_BLOCK) */
} drift_t;

/* What a shard has promised, accepted or learned about a round; stored. */
typedef struct {
    uint64_t round, promised, ballot;
    uint64_t taken[TOPOLOGY_REGIONS_MAX]; /* accepted or decided: last number of each stream that is in it */
    bool decided;
    uint64_t changes; /* soft: what must be committed before it may be told */
    size_t asker;     /* soft: region that waits for it; SIZE_MAX: none */
} vote_t;

#define VOTE_FIELDS 4u /* and one per region */

#define VOTE_MUTED UINT64_MAX /* until all others have told how far rounds may have been voted on */

/* Where the shard stands with the members of rounds (shard_vote). All but the log and `muted` is soft. */
typedef struct {
    bool on, works; /* works: the round is wanted and not decided */
    vote_t *log;
    size_t count, capacity;
    uint64_t settled[TOPOLOGY_REGIONS_MAX]; /* last round that is durable there */
    uint64_t muted;                         /* stored; in rounds up to this votes may be lost */
    uint64_t heard, heard_round; /* regions that have said since the loss how far rounds went, and that */
    uint64_t *have;              /* (regions, regions) who has whose stream durably, up to where */
    uint64_t wanted;             /* changes that a snapshot is wanted for */
    size_t leader;               /* region that has decided last: proposes first */
    /* the own proposal */
    uint64_t round, ballot, seen, answers, firm; /* firm: whose answers nothing can be lost of */
    vote_t best;                                 /* of the promises */
    enum { VOTE_IDLE, VOTE_PROMISE, VOTE_ACCEPT } phase;
    int64_t enough_us, ready_us, turn_us, again_us, pause_us;
} shard_vote_t;

/* What the snapshot that is out contains; becomes durable when it is committed. */
typedef struct {
    uint64_t number; /* 0: none is out */
    bool outlived;   /* the state has been replaced since: what becomes of it does not matter */
    uint64_t changes, last, steps, round;
    ranges_t applied;
    bool closed;
    uint64_t taken[TOPOLOGY_REGIONS_MAX];
    bool final[TOPOLOGY_REGIONS_MAX];
} shot_t;

#define KEEP_KEEPERS_MAX 8u /* as many as checkpoint.replicas may say */
#define KEEP_GIVEN_MAX (KEEP_KEEPERS_MAX + 1)
#define KEEP_NONE SIZE_MAX
#define KEEP_OFFER_US 500000 /* an offer is repeated when nothing was fetched for so long */
#define KEEP_RETRY_US 1000000
#define KEEP_STOP_US 3000000
#define KEEP_WAIT_SHOWN_US 1000000

/* A committed snapshot, while a keeper is given it or may be. */
typedef struct {
    giver_t *giver; /* NULL: the place is free */
    uint64_t number, changes;
    int64_t taken_us;
} given_t;

typedef struct {
    wire_name_t name;
    uint64_t incarnation; /* another one may have another disk: it is asked what it has */
    uint64_t kept;        /* newest number that it has */
    size_t giving;        /* index of what it is given now; KEEP_NONE */
    int64_t offer_us;     /* when the offer is repeated */
    int64_t retry_us;     /* not before: it has refused one */
    err_code_t refused;   /* its newest answer */
} keeper_t;

typedef struct {
    uint64_t assignment; /* newest heard of */
    keeper_t keepers[KEEP_KEEPERS_MAX];
    size_t keeper_count;
    given_t given[KEEP_GIVEN_MAX];
    size_t newest;     /* index of the newest committed; KEEP_NONE */
    snapshot_t *taken; /* is being committed */
    int64_t taken_us;
    uint64_t taken_changes;
    /* number that is committed here and not kept by all yet, with durability replica; 0: none */
    uint64_t waits;
    uint64_t kept, kept_changes; /* newest that all keepers have */
    int64_t kept_us, begun_us, heard_us;
} keep_t;
/* What another region's shard has said of itself, and of this shard's stream. */
typedef struct {
    bool heard;
    bool entering, lossy;
    uint64_t history, taken; /* of this shard's stream */
    uint64_t cut, line, follows_history, follows, oldest, samples, round;
} stand_view_t;

typedef enum {
    ENTRY_RUNS,   /* trains */
    ENTRY_ASKS,   /* for the stands of the others */
    ENTRY_WANTS,  /* has chosen a donor, and waits for its offer */
    ENTRY_TAKES,  /* fetches the donor's snapshot */
    ENTRY_STORES, /* its new state is not durable yet */
} entry_phase_t;

/* The newcomer that is being given this shard's state. */
typedef struct {
    size_t region; /* SIZE_MAX: nobody */
    uint64_t incarnation, attempt;
    uint64_t number;      /* of the snapshot for it; 0: to be taken */
    snapshot_t *snapshot; /* taken, not durable yet */
    giver_t *giver;       /* once it is */
    int64_t heard_us;
} donor_t;

typedef struct {
    entry_phase_t phase;
    bool lossy; /* own batches may be lost: nothing of the present line is sent any more */
    bool start; /* asked by a start that is not sure of what it goes on from */
    size_t donor;
    uint64_t attempt;
    int64_t since_us;
    int64_t ask_us, pause_us; /* next stand_want */
    int64_t heard_us;         /* from the donor */
    bool stayed;         /* after a loss, with what was here: what it lacks of others may be kept no longer */
    int64_t position_us; /* next telling of new positions; ROLE_NEVER: all are known */
    taker_t *taker;
    stand_view_t stands[TOPOLOGY_REGIONS_MAX];
    int64_t suspect_us; /* next stand_want because of a suspicion */
    int64_t finals_us;  /* next look at whose last delta is lacking; 0: not begun */
    uint64_t number;    /* of the newest entry of this shard */
    donor_t giving;
    bool visits; /* is the state of another region's shard, loaded to be adopted */
} entry_t;

/* Where the shard stands with common points. A point is over when its snapshot is durable here, or when it was
 * given up. */
typedef struct {
    uint64_t number;    /* newest point that was taken or is over; what is cut next lies behind it; stored */
    uint64_t over;      /* newest point that is over: what lies behind it may be taken from other regions */
    uint64_t held;      /* point that is being made: no kept delta is let go; 0: none */
    uint64_t shot;      /* point of the snapshot that is out; 0: it is not for one */
    uint64_t done;      /* newest point whose snapshot this incarnation has made durable */
    uint64_t ahead;     /* newest point that another region's delta lies behind */
    bool wanted;        /* the snapshot of `held` is to be taken */
    wire_name_t tag;    /* of `held` */
    int64_t patient_us; /* when the global scheduler has been silent for too long; ROLE_NEVER: no matter */
    uint64_t kept[SHARD_MARKS_MAX * SHARD_MARK_FIELDS]; /* stored; rows of kept_count */
    size_t kept_count;
} shard_mark_t;

/* While the disk is full, and the job says to go on (shard_uncovered). Soft: what is lost by a death is just this. */
typedef struct {
    bool on;
    uint64_t last;    /* own delta that has left so */
    uint64_t count;   /* of those */
    uint64_t changes; /* what must be committed before nothing of it can be lost any more */
} uncovered_t;

/* What the settings of the job come to here. */
typedef struct {
    const strategy_t *strategy;
    uint64_t every;   /* steps per cut; at most so many when automatic */
    uint64_t first;   /* steps before the first cut */
    uint64_t overlap; /* steps between a cut and what its round does; 0: steps wait for the round */
    bool automatic;   /* a cut is made when every destination has taken the one before */
    bool in_order;    /* inside sync, and rounds: a step is the same batches in every shard */
    bool waits;       /* a waiting strategy among several regions */
    bool steps_alone; /* a local gradient is applied at once */
    bool sees_own;    /* own cuts act here as others see them */
    bool plain_sum;   /* the ledger: gradients are counts, not means */
} rules_t;

typedef struct {
    uint64_t duplicates, refusals, rolled_back, uncompensated, welcomes, snapshots_failed;
    uint64_t not_finite; /* of the refusals */
} counts_t;

/* What all rooms need to know. */
typedef struct {
    shard_spec_t spec;
    const job_region_t *region;
    rules_t rules;
    wire_name_t name, synchronizer, scheduler;
    uint64_t scheduler_incarnation; /* newest seen */
    outbox_t outbox;
    int64_t now_us;
    uint64_t changes; /* grows with every change of what is stored */
    counts_t counts;
    bool short_of_memory; /* something could not be applied: tried again at the next tick */
    bool stopping;
    bool report_soon;
} base_t;

/* The version: parameters and what goes with them, and which own batches are in it. */
typedef struct {
    optimizer_t optimizer;
    const encoding_t *encoding;
    encoding_setting_t encoding_setting;
    buf_t *parameters, *momentum, *open;
    outer_t outer;
    drift_t drift;
    buf_t *residual; /* what encoded cuts have not carried yet; NULL: nothing */
    uint64_t version, steps, samples_applied;
    ranges_t applied, refused;
    uint64_t open_steps, open_samples;
    buf_t *spares[SHARD_SPARES];
    float *scratch; /* (2, SHARD_BLOCK) */
    double *sums;   /* (SHARD_BLOCK) */
} replica_t;

/* The region's own pushes and pulls. */
typedef struct {
    size_t *picks; /* (width) */
    part_t *parts; /* (width) */
    worker_entry_t *workers;
    size_t worker_count;
    names_t worker_names; /* index */
    size_t pulls_waiting; /* workers whose pull has not been answered */
    held_t *held;
    size_t held_count, held_capacity;
    uint64_t touches, serials;
    ahead_t ahead;
    uint64_t *checksums; /* of the chunks of the buffer checksums_of */
    uint64_t checksums_of;
} intake_t;

/* Own deltas on their way out, and other regions' on their way in. */
typedef struct {
    uint64_t history;
    uint64_t follows_history, follows; /* where the history goes on from */
    uint64_t cut, open_first;
    bool closed;    /* the final cut is made */
    uint64_t lines; /* histories begun by this core */
    kept_t *queue;
    size_t queue_count, queue_capacity;
    uint64_t kept_bytes;
    uint64_t destination_durable[TOPOLOGY_REGIONS_MAX];
    uint64_t destination_taken[TOPOLOGY_REGIONS_MAX]; /* not stored: a restart begins with what is durable */
    uint64_t destination_entry[TOPOLOGY_REGIONS_MAX];
    int64_t destination_hold_us[TOPOLOGY_REGIONS_MAX]; /* nothing is let go before this */
    bool destination_away[TOPOLOGY_REGIONS_MAX];
    origin_t origins[TOPOLOGY_REGIONS_MAX];
    bool nothing_comes; /* no delta of any region is being assembled, or waits for its turn */
    int64_t head_us;
} stream_t;

/* Contributions that wait for their round, and what is in it. */
typedef struct {
    uint64_t number; /* of the newest that is applied */
    pending_t *pending;
    part_t *pending_parts; /* (pending_capacity) */
    size_t pending_count, pending_capacity;
    shard_vote_t vote;
    shard_relays_t relays;
} rounds_t;

/* What is stored, and what that allows. */
typedef struct {
    uint64_t number;           /* of the newest snapshot taken */
    uint64_t committed_number; /* of the newest one that is durable in this incarnation, 0: none yet */
    bool stored;               /* some snapshot is durable */
    keep_t keep;
    shot_t shot;
    ranges_t applied;
    uint64_t committed_last, committed_changes, committed_steps;
    bool closed;
    int64_t taken_since_us; /* ROLE_NEVER: everything taken is in a snapshot */
    int64_t retry_us, retry_pause_us;
    err_code_t store_error;
    uncovered_t uncovered;
    shard_mark_t mark;
} durable_t;

/* How it ends, and what is told of it. */
typedef struct {
    bool finished;
    bool handing; /* stops, but stays until its last snapshot has gone to its keepers and it is told to end */
    uint64_t handed_from; /* number of the newest snapshot taken before that */
    int64_t reported_us;
    const char *state;
    wire_name_t waits_for;
    int64_t state_since_us;
} life_t;

struct shard_core {
    base_t base;
    replica_t replica;
    intake_t intake;
    stream_t stream;
    rounds_t rounds;
    durable_t durable;
    entry_t entry;
    life_t life;
};

/* shard_core */
message_t *shard_message(const shard_core_t *self, message_kind_t kind, const char *to);
void shard_send(shard_core_t *self, message_t **message_p);
/* Counts an update that was refused for its content. */
void shard_refused(shard_core_t *self, err_code_t code);
void shard_refuse(shard_core_t *self, const message_t *message, err_code_t code, const char *reason);
void shard_advance(shard_core_t *self); /* everything that can be done now */
void shard_changed(shard_core_t *self);
size_t shard_region_count(const shard_core_t *self);
size_t shard_bytes(const shard_core_t *self); /* of a tensor of this shard */
/* nothing is left to do here, and nothing is missing in the snapshot */
bool shard_has_handed(const shard_core_t *self);
shard_core_t *shard_alloc(const shard_spec_t *spec);
void shard_destroy(void **core_p);

/* shard_blend */
const float *blend_read(const blend_t *self, size_t first, size_t count);
bool slice_finite(const slice_t *slice, float *scratch); /* any alignment; size a multiple of 4 */

/* shard_version: all or nothing; false without memory */
bool version_step(shard_core_t *self, const blend_t *gradient, bool step, bool accumulate);
/* The same in pieces; `apart`: nothing is changed in place, so that it can be dropped. */
bool version_pass_open(shard_core_t *self, bool step, bool accumulate, bool apart, pass_t *ret_pass);
void version_pass_block(const shard_core_t *self, const pass_t *pass, size_t first, size_t count,
                        const float *g);
void version_pass_commit(shard_core_t *self, pass_t *pass);
void version_pass_drop(shard_core_t *self, pass_t *pass);
bool version_mix(shard_core_t *self, const blend_t *model, float keep, float take);
bool version_set(shard_core_t *self, const blend_t *model);
/* One tensor that is written next: in place, or apart. */
bool version_open(shard_core_t *self, target_t *target, buf_t **slot, bool apart);
void version_commit(shard_core_t *self, target_t *target);
void version_drop(shard_core_t *self, target_t *target);
buf_t *version_fresh(shard_core_t *self);
void version_release(shard_core_t *self, buf_t **buf_p);
buf_t *version_gather(shard_core_t *self, const assembly_t *assembly);

/* shard_outer: formulas in actors/synchronizer/strategy.h. false: without memory, nothing has changed */
void outer_begin(shard_core_t *self); /* once the parameters are there */
void outer_fini(shard_core_t *self);
void outer_keep(shard_core_t *self);   /* the parameters are a round's mean */
void outer_return(shard_core_t *self); /* local steps since `start` have come for nothing */
void outer_go_on(shard_core_t *self,
                 bool refused);       /* the own difference is cut: where it stays, the next begins here */
bool outer_ready(shard_core_t *self); /* a step may be made: there is room for its cut */
buf_t *outer_cut(shard_core_t *self, bool whole); /* the difference, with the residual if it is to be whole */
/* the own contribution, or what is none, waits for its round */
void outer_made(shard_core_t *self, bool carried);
bool outer_round(shard_core_t *self, const blend_t *mean); /* NULL: nobody contributed anything */
bool outer_add(shard_core_t *self, size_t region, const blend_t *delta);
bool outer_try(shard_core_t *self); /* without rounds: takes the own delta; whether it did */

/* shard_drift */
void drift_derive(shard_core_t *self);
void drift_begin(shard_core_t *self); /* the parameters are new: what was kept of older ones goes */
void drift_fini(shard_core_t *self);
buf_t *drift_seen(const shard_core_t *self); /* for a cut; NULL: not told */
void drift_keep(shard_core_t *self);         /* a number has been cut */
void drift_trim(shard_core_t *self);         /* a delta has been taken */
bool drift_step(shard_core_t *self, size_t origin, const incoming_t *incoming, const blend_t *gradient);

/* shard_ahead */
void ahead_add(shard_core_t *self, const staged_t *staged, uint64_t chunk, uint64_t offset,
               const slice_t *data);
/* whether the step was ready; it is in the version then */
bool ahead_commit(shard_core_t *self, uint64_t serial);
void ahead_drop(shard_core_t *self);

/* shard_push, shard_step, shard_pull */
worker_entry_t *shard_worker(shard_core_t *self, const message_t *message); /* NULL: answered already */
void shard_push(shard_core_t *self, message_t *message);
void shard_push_ack(shard_core_t *self, const char *to, uint64_t batch, bool applied, err_code_t code);
void staged_drop(staged_t *self);
void held_drop(shard_core_t *self, size_t index);
void held_add(shard_core_t *self, const held_t *held); /* moves its assembly in */
bool shard_step_try(shard_core_t *self);
bool shard_step_missing(const shard_core_t *self, uint64_t *ret_batch); /* a push that a begun step lacks */
void shard_pull(shard_core_t *self, const message_t *message);
void shard_pull_want(shard_core_t *self, worker_entry_t *worker, uint64_t request, uint64_t batch);
void shard_pull_forget(shard_core_t *self, worker_entry_t *worker);
void shard_pull_serve(shard_core_t *self);
bool shard_accumulates(const shard_core_t *self); /* local gradients are summed for other regions */
uint64_t shard_chunk_count(const shard_core_t *self);
size_t shard_chunk_size(const shard_core_t *self, uint64_t chunk);

/* shard_cut */
void shard_cut_step(shard_core_t *self);             /* after every local step */
bool shard_cut_limited(const shard_core_t *self);    /* local steps must wait for a destination */
size_t shard_cut_slowest(const shard_core_t *self);  /* the destination that has taken the least */
uint64_t shard_cut_stable(const shard_core_t *self); /* what every destination has durably */
/* committed deltas whose last is in [from, to] */
void shard_cut_send(shard_core_t *self, uint64_t from, uint64_t to);
void shard_cut_send_kept(shard_core_t *self, kept_t *kept, const delivery_t *stream);
void shard_cut_head(shard_core_t *self);
void shard_cut_release(shard_core_t *self);
void shard_close(shard_core_t *self, const message_t *message);
void shard_stream(shard_core_t *self, const message_t *message);
void shard_fetch(shard_core_t *self, const message_t *message);
kept_t *shard_queue_add(shard_core_t *self, const kept_t *kept);
void shard_pending_add(shard_core_t *self, const pending_t *pending);

bool shard_cut_owes(const shard_core_t *self);         /* some destination lacks something */
uint64_t shard_cut_sendable(const shard_core_t *self); /* last number that may leave the region */
bool shard_cut_now(shard_core_t *self);      /* of all that is open, for a newcomer; false without memory */
void shard_cut_announce(shard_core_t *self); /* an empty delta that shows others a new line */
/* Who had made the final cut stands, as all others, behind the last of theirs: from here on equal numbers are of equal steps. */
void shard_cut_catch_up(shard_core_t *self);
void shard_cut_forget(shard_core_t *self); /* the whole queue and what is open */

/* shard_line */
/* SIZE_MAX: none */
size_t shard_region_by_name(const shard_core_t *self, const char *role, const char *from);
void shard_peer_name(const shard_core_t *self, const char *role, size_t region, char *ret_name, size_t size);
uint64_t shard_line_last(const shard_core_t *self);   /* of the own stream: the last delta made */
uint64_t shard_line_oldest(const shard_core_t *self); /* the first that can still be sent */
void shard_line_position(const shard_core_t *self, uint64_t *ret_history, uint64_t *ret_number);
/* and keeps all that follow */
bool shard_line_has(const shard_core_t *self, uint64_t history, uint64_t number);
void shard_line_begin(shard_core_t *self, uint64_t follows_history, uint64_t follows);
void shard_entry_next(shard_core_t *self);
bool shard_ignores(const shard_core_t *self, size_t region); /* away, and not waited for or kept for */
bool shard_holds(const shard_core_t *self);                  /* a newcomer may need what would be let go */

/* shard_stand */
void shard_stand_want(shard_core_t *self, const message_t *message);
void shard_stand(shard_core_t *self, const message_t *message);
void shard_stand_ask(shard_core_t *self);
void shard_stand_ask_one(shard_core_t *self, size_t region);
void shard_stand_say(shard_core_t *self, size_t region);
void shard_stand_tick(shard_core_t *self);
int64_t shard_stand_due(const shard_core_t *self);
void shard_suspect(shard_core_t *self, size_t origin);
/* Whether what follows this shard's position in the stream of `region` can still come, as that one has said. */
bool shard_stand_can_follow(const shard_core_t *self, size_t region);
void shard_gap(shard_core_t *self, const message_t *message);

/* shard_enter */
bool shard_runs(const shard_core_t *self);
bool shard_unsettled(const shard_core_t *self); /* not sure of its state: nothing of it is stored or sent */
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
/* shard_encode */
void shard_encode_derive(shard_core_t *self);
size_t shard_encoded_bytes(const shard_core_t *self); /* of a delta, at most */
encoded_t shard_encode(shard_core_t *self, buf_t **values_p, bool whole);
/* Before a cut that carries all there is: the residual joins what is open; false, and nothing changed, without memory */
bool shard_encode_whole(shard_core_t *self);
/* What receivers see of own bytes, to ret_view (elements). Errors: those of encoding_decode */
MUST_USE err_code_t shard_encode_view(const shard_core_t *self, uint64_t encoding, buf_t *data,
                                      buf_t *ret_view);
bool shard_encode_accepts(const shard_core_t *self, uint64_t encoding);
bool shard_encode_fits(const shard_core_t *self, uint64_t encoding, uint64_t size);
bool shard_decode(shard_core_t *self, incoming_t *incoming); /* its code tells; false without memory */

/* shard_delta, shard_round */
void shard_delta(shard_core_t *self, message_t *message);
bool shard_delta_try(shard_core_t *self);
void shard_delta_ack(shard_core_t *self, size_t origin, err_code_t code);
void incoming_drop(incoming_t *self);
bool shard_round_open(const shard_core_t *self); /* own contribution made, round not applied */
bool shard_round_bars(const shard_core_t *self); /* and no local step may be made before it is */
bool shard_round_try(shard_core_t *self);
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
vote_t *shard_vote_add(shard_core_t *self, const vote_t *vote);
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

/* shard_keep */
void shard_keep_init(shard_core_t *self);
void shard_keep_fini(shard_core_t *self);
void shard_keep_taken(shard_core_t *self, const snapshot_t *snapshot);
/* *ret_waits: it is not durable before keepers have it. Errors: ERR_MEMORY, when it would have to wait. */
err_code_t shard_keep_committed(shard_core_t *self, uint64_t number, bool *ret_waits);
void shard_keep_message(shard_core_t *self, const message_t *message);
/* false: there is no such snapshot to give */
bool shard_keep_fetch(shard_core_t *self, const message_t *message);
void shard_keep_tick(shard_core_t *self);
int64_t shard_keep_due(const shard_core_t *self);
uint64_t shard_keep_kept(const shard_core_t *self);
bool shard_keep_lacks(const shard_core_t *self);          /* a snapshot that its keepers could have */
uint64_t shard_keep_assignment(const shard_core_t *self); /* that is fulfilled; 0: none */
int64_t shard_keep_lag_us(const shard_core_t *self);
const char *shard_keep_waits_for(const shard_core_t *self);
const char *shard_keep_refused(const shard_core_t *self); /* a keeper whose disk is full; empty: none */

/* shard_snapshot, shard_state, shard_report */
void shard_committed(shard_core_t *self); /* the snapshot that is out is durable at the job's level */
bool shard_dirty(const shard_core_t *self);
int64_t shard_snapshot_due(const shard_core_t *self);
buf_t *state_pack(const shard_core_t *self);
err_code_t state_load(shard_core_t *self, const snapshot_t *snapshot, err_t *err);
bool state_add_values(const shard_core_t *self, snapshot_t *snapshot, err_t *err);

/* shard_uncovered */
bool shard_uncovered(const shard_core_t *self);          /* trains on without its disk, now */
void shard_uncovered_send(shard_core_t *self);           /* then: what is cut and has not left does so */
uint64_t shard_uncovered_sent(const shard_core_t *self); /* last own delta that has left */
void shard_uncovered_end(shard_core_t *self);

/* shard_mark */
void shard_mark(shard_core_t *self, const message_t *message);
bool shard_mark_holds(const shard_core_t *self); /* kept deltas stay */
/* a delta from behind this point may be taken */
bool shard_mark_lets(const shard_core_t *self, uint64_t mark);
void shard_mark_seen(shard_core_t *self, uint64_t mark);
const char *shard_mark_tag(const shard_core_t *self); /* of the snapshot to be taken now; NULL: none */
void shard_mark_take(shard_core_t *self);             /* before any snapshot is made */
void shard_mark_committed(shard_core_t *self, err_code_t code);
void shard_mark_drop(shard_core_t *self); /* gives up: the shard stops, or takes another region's state */
void shard_mark_join(shard_core_t *self, uint64_t number); /* with a state that lies behind that point */
void shard_mark_tick(shard_core_t *self);
void shard_mark_load(shard_core_t *self, uint64_t number, const wire_u64s_t *kept);

void shard_report(shard_core_t *self);
void shard_report_tick(shard_core_t *self);
int64_t shard_report_due(const shard_core_t *self);

#endif
