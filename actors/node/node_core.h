/* node_core - hosts actors: announces itself, starts and stops what its regional scheduler places, and ends
 * in order.
 *
 * Why      which actors run where is the scheduler's to decide; that a machine runs at most one incarnation
 *          of each, and stops them so that nothing is lost, is decided here.
 * How      place is idempotent by incarnation; an older incarnation of the same actor is ended first, whether
 *          it runs or hangs, an older placement is refused. What became of an actor (READY, FAILED, ended) is
 *          told with every announcement, so that a scheduler that was started again knows who runs; an older
 *          scheduler is refused.
 * Leaves   told to end by its process it says so to the scheduler, which has its actors end or go on
 *          elsewhere, and then stops it. It stops by itself when it hears of no scheduler, or when nothing
 *          changes.
 * Alone    one that hosts actors and finds no broker any more ends in order: the job may be over.
 * Stops    workers first, then shards (their final snapshot), then synchronizers; then `stopped`, until bye.
 *          A keeper goes on until then: the last snapshots of other nodes may be on their way to it.
 *          An actor that does not end is ended: a failure, but not of a job that is done, where everything is
 *          durable.
 * Effects  node_core_take_command offers what is to be done; the driver reports with node_core_ready and
 *          node_core_ended.
 * Threads  one at a time (see role.h).
 * Limits   NODE_ACTORS_MAX actors.
 */
#ifndef ACTORS_NODE_NODE_CORE_H
#define ACTORS_NODE_NODE_CORE_H

#include "actors/kit/dispatch.h"
#include "actors/kit/role.h"

#define NODE_ACTORS_MAX 256
#define NODE_HELD_MAX 256
#define NODE_BYE_US 3000000 /* how long `stopped` is repeated without a bye; NODE_DRAIN_US with a keeper */
#define NODE_DRAIN_US                                                                                        \
    15000000 /* how long an actor may drain without ending, before it is ended where it stands */

#define NODE_LEAVE_SILENCE_US                                                                                \
    5000000 /* leaving: without a word from the scheduler, until it stops by itself */
#define NODE_LEAVE_PATIENCE_US                                                                               \
    60000000 /* leaving: without an actor that ends or starts, until it stops by itself */

typedef struct {
    const char *name;   /* "node/eu/a"; copied */
    const char *region; /* copied */
    const char *host;   /* copied */
    const char *digest; /* of the topology; copied */
    uint64_t pid;
    uint64_t process; /* machine_process */
    uint64_t cores;
    uint64_t samples; /* training samples of all regions */
    uint64_t incarnation;
    uint64_t run;     /* that its directory belongs to; RUN_ID_NONE: the first placement says */
    int64_t alone_us; /* hosting actors it ends after so long without a broker; 0: never */
    int64_t
        announce_us;   /* between two announcements, once something is placed; 0: as the scheduler expects */
    const char *offer; /* that it is a unit of; copied; NULL: of none */
    double samples_per_s; /* of one core; 0: not measured */
    const char *kernel;   /* of OpenBLAS; copied; NULL: not known */
    int64_t age_us;       /* since its process was started, when the core is made */
    size_t held_count;    /* shards whose snapshots lie here */
    announce_held_t held[NODE_HELD_MAX];
} node_spec_t;

typedef struct node_core node_core_t;
extern const role_t node_role;
extern const dispatch_t node_dispatch; /* who may say what to it, and when */

node_core_t *node_core_new(const node_spec_t *spec);

typedef enum {
    NODE_START, /* start the actor's incarnation; then node_core_ready or node_core_ended */
    NODE_DRAIN, /* give it a stop message; it ends by itself */
    NODE_KILL,  /* end it where it stands; then node_core_ended */
} node_verb_t;

typedef struct {
    node_verb_t verb;
    char actor[WIRE_NAME_SIZE];
    uint64_t incarnation;
    uint64_t run; /* of NODE_START: the directory is one of this run before anything is started */
    bool done;    /* of NODE_DRAIN: the job is complete */
    uint64_t newest_incarnation, newest_number; /* of NODE_START: as in the message place ... */
    bool handed;                                /* ... this too */
} node_command_t;

/* The next thing to be done; false when there is none. What cannot be started in a directory of the run
 * has ended: ERR_JOB. */
bool node_core_take_command(node_core_t *self, node_command_t *ret_command);

void node_core_ready(node_core_t *self, const char *actor, uint64_t incarnation, int64_t now_us);
/* It has ended, or could not be started: why ERR_OK means that it had finished. */
void node_core_ended(node_core_t *self, const char *actor, uint64_t incarnation, const err_t *why,
                     int64_t now_us);

/* The process was told to end: it leaves, or stops where nobody has placed anything. */
void node_core_leave(node_core_t *self, int64_t now_us);
/* As a stop from the scheduler. */
void node_core_stop(node_core_t *self, int64_t now_us);

/* Once it has stopped: why an actor did not end as it should, or could not be started and was missing at the
 * end. ERR_OK also when actors died meanwhile and were placed again. Text borrowed. */
err_code_t node_core_failure(const node_core_t *self, const char **ret_reason);
/* Its broker has answered. */
void node_core_heard(node_core_t *self, int64_t now_us);
/* Told to stop, by whomever. */
bool node_core_stopping(const node_core_t *self);
/* Bye was said after a stop because the job is complete or was drained. */
bool node_core_released(const node_core_t *self);

#endif
