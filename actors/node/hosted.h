/* hosted - which actors a node hosts, in which incarnation, and what is to be done with each.
 *
 * Owns     the list of actors, those that have ended and are still told of among them; what the driver is
 *          to do (commands); what their scheduler is to be told (news).
 * Rules    place is idempotent by incarnation: an older incarnation of the same actor is ended before the
 *          newer one starts, whether it runs or hangs, and an older placement is refused. One that was
 *          told to end and is not here is remembered as ended, as its placement may still be on its way.
 *          The first placement says of which run the node is from then on.
 * Who      node_core gives it what the scheduler and the driver say, and hands on commands and news.
 *          Stopping has its actors end.
 * Errors   a placement that cannot be is answered in the news, with its code.
 * Threads  one owner. Limits NODE_ACTORS_MAX actors; of those that have ended in order the oldest is
 *          forgotten.
 */
#ifndef ACTORS_NODE_HOSTED_H
#define ACTORS_NODE_HOSTED_H

#include "actors/kit/role.h"
#include "codec/wire/roles.h"

#define NODE_ACTORS_MAX 256
#define NODE_DRAIN_US 15000000 /* how long an actor may drain, before it is ended where it stands */

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

typedef enum {
    ACTOR_FREE,
    ACTOR_STARTING,
    ACTOR_RUNNING,
    ACTOR_DRAINING,
    ACTOR_KILLED,
    ACTOR_ENDED
} hosted_state_t;

typedef struct {
    char name[WIRE_NAME_SIZE];
    uint64_t incarnation;
    hosted_state_t state;
    bool ran;                                   /* this incarnation has been READY */
    bool asked;                                 /* it was told to end ... */
    bool former_asked;                          /* ... and so was who ran before it */
    err_t why;                                  /* of ACTOR_ENDED */
    int64_t draining_us;                        /* since when */
    uint64_t successor;                         /* incarnation that starts when this one has ended; 0: none */
    uint64_t newest_incarnation, newest_number; /* of the newest placement */
    bool handed;
} hosted_actor_t;

typedef struct {
    const char *node; /* its name; borrowed */
    uint64_t run;     /* RUN_ID_NONE: the first placement says */
    bool placed;      /* a scheduler of this run has placed somebody */
    bool done;        /* the job is complete: what drains from now on is told so */
    hosted_actor_t actors[NODE_ACTORS_MAX];
    size_t count;
    uint64_t forgotten; /* newest incarnation of an entry that made room for another */
    struct {
        node_command_t *items;
        size_t head, count, capacity;
    } commands;
    outbox_t news; /* messages `placed`, which whoever takes them addresses */
} hosted_t;

void hosted_init(hosted_t *self, const char *node, uint64_t run);
void hosted_fini(hosted_t *self);

/* The next thing to be done; false when there is none. */
bool hosted_take_command(hosted_t *self, node_command_t *ret_command);

/* ---- what the scheduler says ---- */

void hosted_place(hosted_t *self, const message_t *place);
void hosted_retire(hosted_t *self, const message_t *retire, int64_t now_us);
void hosted_tell_all(hosted_t *self); /* news of everybody of whom there is something to tell */

/* ---- what the driver says: of another incarnation than the one here it is passed over ---- */

bool hosted_ready(hosted_t *self, const char *name, uint64_t incarnation); /* false: it was not starting */

typedef struct {
    bool known;     /* somebody who lived */
    bool failed;    /* neither by itself nor as it was asked to */
    bool succeeded; /* its successor starts */
} hosted_end_t;

/* In `stops` an end is no news, and one that was ended where it stood has failed, but when the job is done:
 * then everything is durable. */
hosted_end_t hosted_ended(hosted_t *self, const char *name, uint64_t incarnation, const err_t *why,
                          bool stops);

/* ---- ending, in the order of role_row_t.stops ---- */

/* The lowest rank of which somebody lives; ROLE_STOPS_LAST: nobody below it does. */
unsigned hosted_lowest(const hosted_t *self);
bool hosted_serves_others(const hosted_t *self); /* somebody of ROLE_STOPS_LAST lives */
/* Has those of a rank drain, and ends those that take too long. */
void hosted_drain(hosted_t *self, unsigned rank, int64_t now_us);
void hosted_kill_late(hosted_t *self, int64_t now_us); /* of any rank, those that have drained for too long */
int64_t hosted_due(const hosted_t *self); /* of the next that has drained for too long; ROLE_NEVER: none */

/* The first that could not be started and was missing at the end; NULL: none. One that had run and died was
 * placed again, here or elsewhere, and one that lacked room has stored what it had. */
const hosted_actor_t *hosted_missing(const hosted_t *self);

/* Incarnations of all who live, into `ret_incarnations` (NODE_ACTORS_MAX); returns how many. */
size_t hosted_living(const hosted_t *self, uint64_t *ret_incarnations);

#endif
