/* transfer - a snapshot on its way from who has it to who wants it: offered, fetched piece by piece, verified
 * as a whole.
 *
 * Why      keepers, newcomers and repairs move the same thing. The taker asks for every piece, so it alone
 *          sets the pace, a lost piece is asked for again, and a transfer that was cut goes on where it
 *          stood.
 * How      value 0 is the manifest as store/manifest.h encodes it; value i is the manifest's value i - 1.
 *          Every piece has a checksum, and every value its own; a snapshot is handed out only when all of
 *          them are right.
 * Not      sockets, disks: messages go to an outbox and come from the caller.
 * Threads  those of the core that owns it.
 * Limits   TRANSFER_MANIFEST_MAX bytes of manifest, MANIFEST_VALUES_MAX values, `most_bytes` of the taker for
 *          all values together; pieces of at most MESSAGE_CHUNK_BYTES, TRANSFER_WINDOW_MAX of them asked for
 *          at a time.
 */
#ifndef ACTORS_KEEPER_TRANSFER_H
#define ACTORS_KEEPER_TRANSFER_H

#include "actors/kit/outbox.h"
#include "store/snapshot.h"

#define TRANSFER_MANIFEST_MAX ((uint64_t)8 << 20) /* holds MANIFEST_VALUES_MAX values */
#define TRANSFER_WINDOW_MAX 64
#define TRANSFER_DAMAGED_MAX 16 /* times that one piece may come damaged before the transfer is given up */
#define TRANSFER_PATIENCE_GROWTH 8

/* ---- who has it: one snapshot, whose buffers are shared and not copied ---- */

typedef struct giver giver_t;

/* in  region, shard  whose snapshot it is;  name, incarnation  of the giving actor (`from` of its messages)
 * Errors: ERR_MEMORY, ERR_LIMIT. */
MUST_USE err_code_t giver_new(const snapshot_t *snapshot, const char *region, uint64_t shard,
                              const char *name, uint64_t incarnation, giver_t **ret_self, err_t *err);
void giver_destroy(giver_t **self_p);
const snapshot_id_t *giver_id(const giver_t *self); /* borrowed */

/* Offers it to an actor; `newcomer` as in the message. */
void giver_offer(const giver_t *self, const char *to, uint64_t newcomer, outbox_t *outbox);

/* Answers one snapshot_fetch with one snapshot_piece, or of length 0 with the offer; with code ERR_NOT_FOUND
 * when it is of another snapshot, ERR_LIMIT when there are no such bytes. */
void giver_serve(const giver_t *self, const message_t *fetch, outbox_t *outbox);

/* The answer of an actor that has nothing at all: code ERR_NOT_FOUND. */
void giver_refuse(const message_t *fetch, const char *name, uint64_t incarnation, outbox_t *outbox);

/* ---- who wants it ---- */

typedef struct {
    const char *name;          /* of the taking actor; copied */
    uint64_t incarnation;      /* of it */
    size_t piece_bytes;        /* asked for at a time */
    size_t window;             /* pieces asked for and not here yet */
    uint64_t rate_bytes_per_s; /* 0: as fast as the window allows; may be changed with taker_set_rate */
    uint64_t most_bytes;       /* of the whole snapshot */
    int64_t patience_us; /* a piece that did not come is asked for again after this, then after twice as long,
                                  up to TRANSFER_PATIENCE_GROWTH times as long */
} taker_spec_t;

typedef enum {
    TAKER_RUNS,
    TAKER_WHOLE,
    TAKER_GONE /* the giver has it no longer */,
    TAKER_BAD /* refused: see err */
} taker_state_t;

typedef struct taker taker_t;

/* Begins with an offer; asks its sender. Nothing is asked for before the first tick.
 * Errors: ERR_LIMIT (too large), ERR_MALFORMED, ERR_MEMORY. */
MUST_USE err_code_t taker_new(const taker_spec_t *spec, const message_t *offer, int64_t now_us,
                              taker_t **ret_self, err_t *err);
void taker_destroy(taker_t **self_p);

/* Returns whether an offer or a piece is of the snapshot this one takes. */
bool taker_is_of(const taker_t *self, const message_t *message);

/* Goes on with the sender of another offer of the same bytes, who may be another actor: what is asked for and
 * not here is asked of it. False when the bytes are others: then nothing has changed. */
bool taker_follow(taker_t *self, const message_t *offer);

/* A snapshot_piece has come; asks for more through the outbox. TAKER_GONE and TAKER_BAD stay. */
taker_state_t taker_piece(taker_t *self, const message_t *piece, int64_t now_us, outbox_t *outbox,
                          err_t *err);

/* Asks for what is due: the first pieces, those that did not come, those that the rate allows now. */
void taker_tick(taker_t *self, int64_t now_us, outbox_t *outbox);
int64_t taker_due(const taker_t *self); /* ROLE_NEVER when it is whole */
void taker_set_rate(taker_t *self, uint64_t rate_bytes_per_s);

uint64_t taker_have_bytes(const taker_t *self);
uint64_t taker_total_bytes(const taker_t *self);
int64_t
taker_progress_us(const taker_t *self); /* when the newest piece came: who waits sees progress by it */

/* The snapshot, once it is TAKER_WHOLE; the caller owns it. NULL before, and the second time. */
snapshot_t *taker_take(taker_t *self);

#endif
