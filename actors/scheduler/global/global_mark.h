/* global_mark - leads all shards of a job to common points, at which they can be restored together.
 *
 * Why      a snapshot of one shard belongs to what that shard has sent and taken; only a set that was taken
 *          together is a state of the whole job.
 * How      hold, take, end: see actors/shard/durable/mark.c. Every phase is told again until each shard has
 *          answered it. A shard that cannot, or a time without any answer, ends the point; it is tried again
 *          under a new number. Numbers begin with the incarnation of the scheduler and are raised above what
 *          shards remember, so that one number, and one tag, never means two points.
 * Names    "mark/epoch-E"; ":START.COUNT", the two halves of the number, follows unless the number is the
 *          first one that a point at E can have. What is due stays due under its E until it is made, so that
 *          at most one E is without a whole point, and the stores' rule (one more than are wanted) never
 *          gives up the last whole one for it. A point that somebody asks for by name is "mark/NAME"; the
 *          halves of its number follow when that name may have been used before.
 * Not      training, the end or a stop of the run: nothing waits for a point.
 * Threads  one at a time, those of its owner.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_MARK_H
#define ACTORS_SCHEDULER_GLOBAL_MARK_H

#include "actors/kit/outbox.h"
#include "brokers/topology.h"
#include "codec/wire/message.h"

#define GLOBAL_MARK_REPEAT_US 500000
#define GLOBAL_MARK_PATIENCE_US 30000000 /* without a new answer */
#define GLOBAL_MARK_SETTLE_US 1000000    /* after the start of a later scheduler */
#define GLOBAL_MARK_PAUSE_US 1000000     /* after a point that was given up; doubles with each */
#define GLOBAL_MARK_PAUSE_LAST_US 60000000
#define GLOBAL_MARK_NAME_MAX 32 /* of a point that is asked for */
#define GLOBAL_MARK_TRIES 3     /* for it */

typedef struct global_mark global_mark_t;

global_mark_t *global_mark_new(const topology_t *topology, uint64_t incarnation);
void global_mark_destroy(global_mark_t **self_p);

/* The fate of the point that was asked for last. */
typedef enum { MARK_NOT_ASKED, MARK_AWAITED, MARK_MADE, MARK_FAILED } global_mark_state_t;

typedef struct {
    char name[GLOBAL_MARK_NAME_MAX + 1];
    global_mark_state_t state;
    wire_name_t tag; /* under which it was made */
} global_mark_asked_t;

/* A point may be called so: letters, digits, '-', '_' and '.', the first a letter or digit, and not as points
 * are called that are made by themselves. */
bool global_mark_name_fits(const char *name);

/* Asks for a point; `fresh`: the name was never used. One that is still awaited stays, and this one is not
 * taken. */
void global_mark_ask(global_mark_t *self, const char *name, bool fresh, int64_t now_us);
const global_mark_asked_t *global_mark_asked(const global_mark_t *self); /* borrowed */

/* How far the whole job is: samples applied in all regions, of `epoch_samples` in each epoch (0: not known
 * yet). */
void global_mark_reached(global_mark_t *self, uint64_t samples, uint64_t epoch_samples, int64_t now_us);

/* A shard's `marked`; anything else is passed over. */
void global_mark_answer(global_mark_t *self, const message_t *message, int64_t now_us);

/* The run ends: what is under way is given up, and nothing begins any more. */
void global_mark_stop(global_mark_t *self, int64_t now_us);

/* Appends to `outbox` what is to be sent now. */
void global_mark_tick(global_mark_t *self, int64_t now_us, outbox_t *outbox);
int64_t global_mark_due(const global_mark_t *self); /* ROLE_NEVER when nothing is pending */

/* The points that all shards have durably, and the attempts that were given up, since this scheduler's
 * start. */
uint64_t global_mark_made(const global_mark_t *self);
uint64_t global_mark_given_up(const global_mark_t *self);
const char *global_mark_newest(const global_mark_t *self); /* tag of the newest made, "" for none; borrowed */

#endif
