/* actors - which actors the region has, where each is or last was, and in which incarnation.
 *
 * Owns     the table of shards, synchronizers, workers and keepers; pauses between their starts; what they
 *          said of themselves last.
 * Reads    base, nodes.
 * Who      rooms above add actors and move them on; only placing starts one. Whoever ends one calls
 *          actors_end, and the core tells the rooms above of workers that ended (actors_take_ended).
 * Rules    shard k is the actor k, its synchronizer comes after all shards; then others in the order
 *          in which they were added. Adding moves the table: a pointer into it lives until then.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_NODES_ACTORS_H
#define ACTORS_SCHEDULER_REGION_NODES_ACTORS_H

#include "actors/scheduler/region/nodes/nodes.h"
#include "codec/base/backoff.h"
#include "codec/base/names.h"
#include "codec/wire/actor_name.h"

#define WORKERS_MAX 4096
#define TELL_US (2 * SECOND_US) /* grants wait so long for adopted workers to tell what they hold */

typedef enum { PLACE_NONE, PLACE_ASKED, PLACE_READY } place_state_t;

typedef struct {
    wire_name_t name;
    actor_role_t role;
    size_t index; /* within its role; of one that is on each node: that node */
    place_state_t state;
    int64_t since_us; /* of `state` */
    size_t node;      /* where it is or last was; NOWHERE before */
    uint64_t incarnation;
    bool ran; /* has been READY ... */
    struct {
        uint64_t incarnation;
        size_t node;
    } newest;    /* ... the newest that was, and where: it may have stored what it could not tell any more */
    bool wanted; /* worker, keeper: else it is not placed, and ends if it runs */
    bool moved;  /* it ends, or has ended, in order: its next start is no restart */
    int64_t next_us;   /* next `place`, or the earliest next placement */
    int64_t retire_us; /* next `retire` */
    int64_t seen_us;
    struct {
        message_t *status; /* newest of this incarnation, or NULL */
        int64_t us;
    } told;
    char waits_for[WIRE_NAME_SIZE]; /* of one that stores, before it is placed; empty: for itself */
    int64_t full_us;                /* keeper: its disk was full then; 0: never */
    struct {
        unsigned failures;      /* starts that failed in a row */
        unsigned deaths;        /* in a row since the region got ... */
        uint64_t died_at;       /* ... so far */
        wire_name_t lacks_room; /* "disk for NAME": the newest start found none on its node; empty: it did */
        backoff_t pause;        /* before the placement after the next end */
    } trouble;
    struct {
        bool untold;        /* adopted, and has not said what it holds */
        bool ended_untold;  /* the rooms above have not been told */
        size_t home;        /* in an elastic region: the node for a core of which it is */
        int64_t idle_us;    /* since when there is nothing for it; 0: there is */
        int64_t decided_us; /* when it was decided to start it; 0: that start is accounted for */
        int64_t ready_us;
    } worker;
    struct {
        size_t node; /* NOWHERE: none */
        uint64_t incarnation;
        int64_t next_us;
    } former; /* an incarnation that has a successor elsewhere and is to be ended */
} region_actor_t;

typedef struct {
    region_base_t *base;
    nodes_t *nodes;
    region_actor_t *list; /* NULL before there is a plan */
    size_t count;
    names_t names; /* index; an entry that does not fit any more is looked for anew */
    size_t shard_count, synchronizer_count;
    size_t worker_count; /* numbers that workers may have; not all of them run */
    bool elastic;        /* workers follow the cores of the nodes */
    bool settled;        /* what a predecessor had placed is known: placing has begun */
    int64_t settled_us;  /* since when */
    size_t adopted;      /* that were running under a predecessor */
    uint64_t restarts;
    size_t ended_count; /* workers that have ended untold */
    int64_t workers_us; /* when it is next looked at how many workers there are to be */
} actors_t;

void actors_init(actors_t *self, region_base_t *base, nodes_t *nodes);
void actors_fini(actors_t *self);

/* ---- the table ---- */

region_actor_t *actors_add(actors_t *self, actor_role_t role, size_t index);
void actors_add_numbered(actors_t *self, actor_role_t role, size_t count);            /* from 0 on */
region_actor_t *actors_on_node(const actors_t *self, actor_role_t role, size_t node); /* NULL: none */
region_actor_t *actors_add_on_node(actors_t *self, actor_role_t role, size_t node); /* unless there is one */
region_actor_t *actors_named(actors_t *self, const char *name);                     /* NULL: there is none */
/* The actor that sent it, placed and in that incarnation; NULL for anybody else. It and
 * its node are alive. */
region_actor_t *actors_sender(actors_t *self, const message_t *message, int64_t now_us);

/* ---- ending ---- */

/* it has ended; it is placed again after a pause */
void actors_end(actors_t *self, region_actor_t *actor, int64_t now_us);
void actors_node_gone(actors_t *self, size_t node, int64_t now_us); /* and with it all that ran there */
void actors_lose_silent(actors_t *self, int64_t now_us);
/* The next worker that has ended and was not told of; NULL: none. */
const region_actor_t *actors_take_ended(actors_t *self);

/* Has a node end one incarnation. */
void actors_retire(actors_t *self, size_t node, const char *name, uint64_t incarnation);
/* Has an actor end in order; asked again until its node tells. */
void actors_retire_actor(actors_t *self, region_actor_t *actor, int64_t now_us);

/* ---- what they say of themselves ---- */

void actor_note_status(region_actor_t *actor, message_t **message_p, int64_t now_us); /* takes it */
void actors_tell(const actors_t *self, int64_t now_us); /* the newest of all to the global scheduler */

/* ---- questions ---- */

/* True: every adopted worker has told what it holds, or has had its time to. */
bool actors_told(const actors_t *self, int64_t now_us);
size_t actors_ready(const actors_t *self, actor_role_t role);
bool actors_turn(const actors_t *self, actor_role_t role); /* all that start before this role have run */
bool actors_is_missing(const actors_t *self, const region_actor_t *actor); /* it is to run and does not */
bool actors_placed(const actors_t *self);                                  /* nobody is missing */
/* The node for which one that is on each node is there; NOWHERE: it is gone, or is not to have one. */
size_t actors_own_node(const actors_t *self, const region_actor_t *actor);
size_t actors_least_loaded(const actors_t *self); /* a node that stays; NOWHERE: there is none */
const char *actor_waits_for(const region_actor_t *actor);

#endif
