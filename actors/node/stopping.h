/* stopping - how a node ends: what makes it end, in which order its actors do, and with which outcome.
 *
 * Owns     whether it works, stops or has stopped; since when it leaves, and what it heard meanwhile; the
 *          outcome.
 * Reads    hosted, which it has drain.
 * Rules    workers first, then shards (their final snapshot), then synchronizers; then `stopped` is said
 *          until bye. Who serves other nodes goes on until then. One that does not end is ended: a
 *          failure, but not of a job that is done. A node that leaves stops by itself when it hears of no
 *          scheduler, or when nothing changes; one that hosts actors and hears of no broker stops too, as
 *          the job may be over.
 * Who      node_core begins it, and calls stopping_go_on after everything that happens to an actor from
 *          then on, and with each tick.
 * Threads  one owner.
 */
#ifndef ACTORS_NODE_STOPPING_H
#define ACTORS_NODE_STOPPING_H

#include "actors/node/hosted.h"

/* How long `stopped` is repeated without a bye; NODE_DRAIN_US with somebody who serves other nodes. */
#define NODE_BYE_US 3000000
/* Leaving: without a word from the scheduler, until it stops by itself. */
#define NODE_LEAVE_SILENCE_US 5000000
/* Leaving: without an actor that ends or starts, until it stops by itself. */
#define NODE_LEAVE_PATIENCE_US 60000000

/* Its phases, in order. */
typedef enum {
    NODE_WORKS,
    NODE_STOPS,   /* its actors are told to end */
    NODE_STOPPED, /* all have */
} node_life_t;

typedef struct {
    node_life_t life;
    bool leaving; /* told to end by its process: its scheduler has its actors go on elsewhere, and stops it */
    bool finished;                               /* the shell may end */
    bool released;                               /* by a bye */
    int64_t scheduler_us, changed_us, broker_us; /* newest word, change of an actor, answer */
    int64_t said_us, stopped_us;                 /* `stopped`; since when all have ended */
    err_t failure;                               /* the first */
} stopping_t;

/* An actor did not end as it should, or was missing at the end. Of failures the first counts. */
void stopping_fail(stopping_t *self, const char *actor, const err_t *why);

void stopping_begin(stopping_t *self);
/* Drains those whose turn it is, ends those that take too long; finishes when nobody says bye. Returns
 * whether `stopped` is to be said now. */
bool stopping_go_on(stopping_t *self, hosted_t *hosted, int64_t now_us);

/* Returns whether it leaves, and nobody takes care of what is here: it ends as it stands. */
bool stopping_is_forgotten(const stopping_t *self, int64_t now_us);
/* Returns whether the job may have ended while the node was cut off: nobody would ever tell it. Notes that
 * as the failure.
 *
 *   in  alone_us  this long without a broker; 0: for ever
 */
bool stopping_is_alone(stopping_t *self, const char *region, int64_t alone_us, int64_t now_us);

int64_t stopping_due(const stopping_t *self); /* of one that has stopped, or finished; ROLE_NEVER: nothing */

#endif
