/* stream - own deltas on their way to other regions, and theirs on their way here.
 *
 * Owns     the lineage of histories and numbers, the queue of kept deltas, where each destination
 *          and each origin stands.
 * Reads    intake, replica, base.
 * Called   by the rooms above and the core.
 */
#ifndef ACTORS_SHARD_STREAM_STREAM_H
#define ACTORS_SHARD_STREAM_STREAM_H

#include "actors/shard/intake/intake.h"

#define SHARD_INCOMING_MAX 4u /* deltas per origin that are being assembled */
#define SHARD_HEAD_US 200000

/* An own delta, kept until it is durable at every destination. Its bytes never change. */
typedef struct {
    delta_head_t head;
    uint64_t point;    /* newest common point before it was cut */
    buf_t *data;       /* NULL for kind nothing */
    uint64_t encoding; /* of data */
    buf_t *cursor;     /* pairs of uint64: own batches applied as of the cut */
    buf_t *seen; /* pairs of uint64: per region, history and number taken as of the cut; NULL: not told */
    uint64_t *checksums; /* per chunk, when it was sent once */
} queued_t;

/* Whose deltas go to whom, and how that lineage goes on from an earlier one. */
typedef struct {
    wire_name_t to;
    size_t origin;
    uint64_t history, parent_history, parent_number, stable;
} delivery_t;

typedef struct {
    bool used;
    delta_head_t head;
    uint64_t history, stable, point, parent_history, parent_number;
    uint64_t incarnation; /* of the origin's synchronizer; 0: it was handed on */
    err_code_t code;      /* not 0: refused for its content; consumes its number in its turn */
    uint64_t encoding;
    assembly_t assembly;
    buf_t *cursor; /* pairs of uint64: the origin's batches as of its cut; comes with chunk 0 */
    bool tells;    /* how far the origin had taken this shard's stream as of its cut: */
    uint64_t seen_history, seen;
    buf_t *decoded; /* what the assembly held, once its turn has come; NULL: not encoded */
    patch_t *patch; /* where that may not be 0; NULL: everywhere */
} incoming_t;

#define STREAM_SPEAKER_US                                                                                    \
    10000000 /* silence of who spoke last, after which an older incarnation is heard again */

/* The last speaker by a name, and the time. Its words may have been nonsense: so this is soft, and
 * holds while it is heard. */
typedef struct {
    uint64_t incarnation;
    int64_t heard_us;
} speaker_t;

typedef struct {
    uint64_t history, taken, samples, stable;
    /* of its synchronizer: newest of whose deltas one was taken; of the own one: that was answered */
    uint64_t incarnation;
    bool final;
    uint64_t durable; /* taken, as of the newest committed snapshot */
    bool final_durable;
    buf_t *cursor;      /* pairs of uint64: the origin's batches that are in this shard's state; NULL: none */
    bool suspect;       /* its stream may have gone on without this shard: its status will tell */
    bool position_told; /* its shard has said that it knows the present generation */
    speaker_t synchronizer, shard;
    uint64_t vote_incarnation; /* newest of its shard that has voted: for good */
    incoming_t incoming[SHARD_INCOMING_MAX];
} origin_t;

/* Cuts: what they contain, and when they are made. */
typedef struct {
    delta_kind_t kind; /* of what a cut contains */
    uint64_t every;    /* steps per cut; at most so many when automatic */
    uint64_t first;    /* steps before the first cut */
    bool automatic;    /* a cut is made when every destination has taken the one before */
    bool merges;       /* at a full window further cuts are merged; else steps wait */
    bool hands;        /* own cuts are handed to the rooms above, as others see them */
    bool in_step; /* equal numbers are of equal steps in all regions: none is left out, or cut in between */
    bool spares_newest; /* steps go on while the newest is under way: it fills no window */
    uint64_t lag;       /* own deltas that a destination may lack before steps wait for it */
} stream_terms_t;

/* Own contributions that nobody has taken yet, oldest first. */
typedef struct {
    pending_t *items;
    size_t count, capacity;
} handed_t;

/* Own deltas on their way out, and other regions' on their way in. */
typedef struct {
    base_t *base;
    replica_t *replica;
    stream_terms_t terms;
    uint64_t history;
    uint64_t parent_history, parent_number; /* where the history goes on from */
    uint64_t cut, open_first;
    bool closed;        /* the final cut is made */
    uint64_t histories; /* histories begun by this core */
    queued_t *queue;
    size_t queue_count, queue_capacity;
    uint64_t queue_bytes;
    uint64_t destination_durable[TOPOLOGY_REGIONS_MAX];
    uint64_t destination_taken[TOPOLOGY_REGIONS_MAX]; /* not stored: a restart begins with what is durable */
    uint64_t destination_generation[TOPOLOGY_REGIONS_MAX];
    int64_t destination_hold_us[TOPOLOGY_REGIONS_MAX]; /* nothing is let go before this */
    bool destination_away[TOPOLOGY_REGIONS_MAX];
    origin_t origins[TOPOLOGY_REGIONS_MAX];
    /* last number of each origin that may be taken now; the room above says so */
    uint64_t bound[TOPOLOGY_REGIONS_MAX];
    handed_t handed;
    uint64_t generation; /* of the newest state transfer to this shard */
    uint64_t sendable;   /* last own number that may leave; the room above says so */
    bool undurable;      /* the disk is full and not waited for; the room above says so */
    int64_t doubt_us;    /* when those whose origin is in doubt are asked */
    bool nothing_comes;  /* no delta of any region is being assembled, or waits for its turn */
    int64_t head_us;
} stream_t;

/* The conclusion from a word about the own stream. */
typedef enum {
    STREAM_NOTHING,
    /* somebody has more of it than has ever left: an older state was gone on from, unknown to anybody */
    STREAM_ROLLED_BACK,
    /* a destination has taken another region's state, and stands where that one stood */
    STREAM_RESET,
} stream_news_t;

/* The source of new numbers of an origin's stream. */
typedef struct {
    size_t origin; /* SIZE_MAX: nothing new */
    bool handed;   /* handed on by another region */
} heard_t;

void stream_init(stream_t *self, base_t *base, replica_t *replica, const stream_terms_t *terms);
void stream_fini(stream_t *self);
void stream_stop(stream_t *self); /* what is here in part goes */

/* -- what is stored (state.c). Errors: ERR_MALFORMED, ERR_JOB */

void stream_pack(const stream_t *self, message_t *message);
bool stream_queue_values(const stream_t *self, snapshot_t *snapshot, err_t *err);
bool stream_cursor_values(const stream_t *self, snapshot_t *snapshot, err_t *err);
MUST_USE err_code_t stream_load(stream_t *self, const message_t *message, const snapshot_t *snapshot,
                                err_t *err);
void stream_reopen(stream_t *self); /* the job has more epochs since: nobody has made a last cut */

/* -- lineage (line.c) */

uint64_t stream_last(const stream_t *self);       /* of the own stream: the last delta made */
uint64_t stream_oldest(const stream_t *self);     /* the first that can still be sent */
position_t stream_position(const stream_t *self); /* where the own parameters lie */
bool stream_has(const stream_t *self, uint64_t history, uint64_t number); /* and keeps all that follow */
void stream_begin(stream_t *self, const position_t *parent);              /* a new history follows there */
/* An incarnation is the newest by its name and may be listened to; it has said what could be true. */
bool stream_may_speak(const stream_t *self, const speaker_t *speaker, uint64_t incarnation);
void stream_spoke(const stream_t *self, speaker_t *speaker, uint64_t incarnation);
void stream_next_generation(stream_t *self);
bool stream_ignores(const stream_t *self, size_t region); /* away, and not waited for or kept for */
bool stream_holds(const stream_t *self);                  /* a newcomer may need what would be let go */
uint64_t stream_going(const stream_t *self); /* a bit for each other region whose last delta has not come */

void stream_rebase(stream_t *self); /* the parameters are new, and lie where the stream stands */

/* -- own deltas (cut.c) */

void stream_cut_step(stream_t *self);           /* after every local step */
bool stream_limited(const stream_t *self);      /* local steps must wait for a destination */
size_t stream_slowest(const stream_t *self);    /* the destination that has taken the least */
uint64_t stream_stable(const stream_t *self);   /* what every destination has durably */
uint64_t stream_sendable(const stream_t *self); /* last number that may leave the region */
bool stream_owes(const stream_t *self);         /* some destination lacks something */
bool stream_cut_now(stream_t *self); /* of all that is open, for a newcomer; false without memory */
/* An empty delta that shows others a new lineage; in step the next one does, if there is another one. */
void stream_announce(stream_t *self);
bool stream_close(stream_t *self); /* the final cut; false without memory */
/* The maker of the final cut stands, as all others, behind the last of theirs: from here on equal numbers
 * are of equal steps. */
void stream_catch_up(stream_t *self, uint64_t round);
void stream_forget(stream_t *self); /* the whole queue and what is open */
/* The next own contribution that nobody has taken yet, moved to *ret_own. Where own cuts act here as others
 * see them each must be taken before a snapshot is. */
bool stream_own(stream_t *self, pending_t *ret_own);
queued_t *stream_queue_add(stream_t *self, const queued_t *queued);

void stream_send(stream_t *self, uint64_t from, uint64_t to); /* deltas whose last is in [from, to] */
void stream_send_queued(stream_t *self, queued_t *queued, const delivery_t *stream);
void stream_head(stream_t *self);    /* says what is kept */
void stream_release(stream_t *self); /* lets go what every destination has */

/* Messages of the own synchronizer. *ret_region: whom STREAM_RESET is of. */
stream_news_t stream_message(stream_t *self, const message_t *message, size_t *ret_region);
void stream_fetch(stream_t *self, const message_t *message);

/* -- other regions' deltas (delta.c) */

heard_t stream_delta(stream_t *self, const message_t *message);
/* The delta whose turn it is, decoded, or refused (its code); false: none, or no memory. It stays
 * until stream_taken. */
bool stream_next(stream_t *self, size_t *ret_origin, incoming_t **ret_delta);
bool stream_values(const incoming_t *delta, part_t *ret_part); /* false: it has none */
void stream_taken(stream_t *self, size_t origin, incoming_t *delta);
void stream_ack(stream_t *self, size_t origin, err_code_t code);
void stream_doubt(stream_t *self, size_t origin); /* the position in its stream may be a wrong one */
void incoming_drop(incoming_t *self);

#endif
