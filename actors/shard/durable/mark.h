/* mark - snapshots of common points: what the global scheduler says of them, when one is to be taken,
 * which stores have one.
 *
 * Why      snapshots of all shards that belong together can be restored together. Which deltas may be taken,
 *          and what stays, is the gate's business (base/gate); this moves the gate.
 * Owns     tag and number of the point whose snapshot is wanted or out, and the list of those that are kept.
 * Reads    base.
 * Called   by durable: mark_take before each snapshot is made, mark_committed with what became of it.
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_DURABLE_MARK_H
#define ACTORS_SHARD_DURABLE_MARK_H

#include "actors/shard/base/base.h"

#define MARK_PINNED_MAX 128u /* more than checkpoint.marks may be */

typedef struct {
    base_t *base;
    uint64_t shot;   /* point of the snapshot that is out; 0: it is not for one */
    uint64_t done;   /* newest point whose snapshot this incarnation has made durable */
    uint64_t wanted; /* point whose snapshot is to be taken, while it is the one that is held */
    wire_name_t tag; /* of the point that is held */
    shard_state_marks_t pinned[MARK_PINNED_MAX]; /* stored; oldest first */
    size_t pinned_count;
} mark_t;

void mark_init(mark_t *self, base_t *base);

/* KIND_mark of the global scheduler. `undurable`: the disk takes no snapshot, and nobody
 * is to wait for one. */
void mark_message(mark_t *self, const message_t *message, bool undurable);
void mark_tick(mark_t *self);
/* Gives up: the shard stops, or takes another region's state. */
void mark_drop(mark_t *self);
/* With a state that lies behind that point. */
void mark_join(mark_t *self, uint64_t point);

const char *mark_tag(const mark_t *self); /* of the snapshot to be taken now; NULL: none */
void mark_take(mark_t *self);             /* a snapshot is about to be made */
void mark_committed(mark_t *self, err_code_t code);
/* The store of an earlier incarnation has a common point's snapshot that is still kept. */
bool mark_pins(const mark_t *self, uint64_t incarnation);

void mark_pack(const mark_t *self, message_t *message);
void mark_load(mark_t *self, const message_t *message);

#endif
