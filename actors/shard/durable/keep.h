/* keep - what becomes of committed snapshots beyond this node: keepers are given them, one at a time to
 * each, the newest next.
 *
 * Why      a node can be lost with its disk. With durability `replica` a snapshot counts only when all
 *          keepers have it; else this goes on in the background.
 * Owns     keepers and what each has, the snapshots that are being given, which snapshot counts.
 * Reads    base.
 * Called   by durable alone: keep_taken and keep_committed for each snapshot, keep_message for what
 *          schedulers and keepers say. What comes of a call for the snapshot that waits is
 *          returned; durable acts on it.
 * Threads  those of the core.
 * Limits   KEEP_KEEPERS_MAX keepers; the newest snapshot and one per keeper are held, by reference.
 */
#ifndef ACTORS_SHARD_DURABLE_KEEP_H
#define ACTORS_SHARD_DURABLE_KEEP_H

#include "actors/keeper/transfer.h"
#include "actors/shard/base/base.h"

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
    base_t *base;
    uint64_t assignment; /* newest heard of */
    keeper_t keepers[KEEP_KEEPERS_MAX];
    size_t keeper_count;
    given_t given[KEEP_GIVEN_MAX];
    size_t newest;     /* index of the newest committed; KEEP_NONE */
    snapshot_t *taken; /* is being committed */
    uint64_t taken_number;
    int64_t taken_us;
    uint64_t taken_changes;
    /* number that is committed here and not kept by all yet, with durability replica; 0: none */
    uint64_t waits;
    uint64_t counts; /* newest number that is durable at the job's level, in this incarnation; 0: none yet */
    uint64_t kept, kept_changes; /* newest that all keepers have */
    int64_t kept_us, begun_us, heard_us;
} keep_t;

/* The outcome of the snapshot that waited. */
typedef enum {
    /* it is durable */
    KEEP_NO_NEWS,
    KEEP_COUNTS,
    /* the shard stops, and nothing has moved for long: it is committed here, and that is all */
    KEEP_GIVEN_UP,
} keep_news_t;

void keep_init(keep_t *self, base_t *base);
void keep_fini(keep_t *self);

/* A snapshot has been made, and is going to the disk. */
void keep_taken(keep_t *self, const snapshot_t *snapshot);

/* It is committed there: keepers are offered it. *ret_waits: it counts only once they have it.
 *
 * Errors   ERR_MEMORY, when it would have to wait */
MUST_USE err_code_t keep_committed(keep_t *self, uint64_t number, bool *ret_waits);

/* KIND_keepers of the own scheduler; KIND_snapshot_kept and KIND_snapshot_fetch of keepers. */
MUST_USE keep_news_t keep_message(keep_t *self, const message_t *message);

MUST_USE keep_news_t keep_tick(keep_t *self);
int64_t keep_due(const keep_t *self);

/* Keepers that came in the midst of training have nothing to fetch until there is another
 * snapshot: it may be a while. */
bool keep_lacks(const keep_t *self);
/* The assignment that is fulfilled; 0: none is. Where a snapshot counts only with its copies, or is the last
 * one, all keepers must have that one. */
uint64_t keep_assignment(const keep_t *self);
/* How old is what a keeper may lack. */
int64_t keep_lag_us(const keep_t *self);
/* Whom a snapshot that is committed here still waits for; NULL: nobody. */
const char *keep_waits_for(const keep_t *self);
/* A keeper whose disk is full; empty: none. */
const char *keep_refused(const keep_t *self);

#endif
