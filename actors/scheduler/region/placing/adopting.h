/* adopting - what a scheduler that was started again finds: nodes and actors that run on.
 *
 * Owns     the nodes that a predecessor knew, who ran then and has not come back, and whether it was
 *          draining.
 * Reads    base, nodes, actors (writes `settled` and `adopted` there), shards, training, keeping.
 * Who      the core gives it every announcement, and carries on a drain when it says so; placing waits until
 *          all is known (adopting_settle), and tells of incarnations that are not its own.
 * Rules    nothing is placed before each node that was there has told whom it hosts, or has been silent for
 *          as long as a node may be.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_PLACING_ADOPTING_H
#define ACTORS_SCHEDULER_REGION_PLACING_ADOPTING_H

#include "actors/scheduler/region/keeping/keeping.h"
#include "actors/scheduler/region/training/training.h"

typedef struct {
    uint64_t name; /* hash */
    uint64_t process;
    bool heard; /* it is there again, was started anew, or has stopped */
} known_node_t;

typedef struct {
    region_base_t *base;
    nodes_t *nodes;
    actors_t *actors;
    shards_t *shards;
    training_t *training;
    keeping_t *keeping;
    known_node_t *known; /* nodes of the predecessor */
    size_t known_count;
    uint64_t *died; /* hashes of the names of actors that ran under it and have not been seen since */
    size_t died_count;
    bool drain_known;       /* it was draining; carried on when a node of that time is heard */
    bool drained_known;     /* all of them had stopped: carried on as well when no node is heard */
    int64_t ask_us;         /* next question to adopted workers */
    uint64_t term_decision; /* the term is in the directory when so many decisions are kept */
} adopting_t;

void adopting_init(adopting_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                   training_t *training, keeping_t *keeping);
void adopting_fini(adopting_t *self);

/* ---- nodes ---- */

/* A node may have seen a term that is not below this one: this scheduler takes a greater one, fails or
 * ends. */
void adopting_check_term(adopting_t *self, const message_t *announce);
/* A node is there. True: it is of a drain that is to be carried on. */
bool adopting_heard(adopting_t *self, const message_t *announce);
/* Tells a node that does not know this scheduler that it is there. */
void adopting_make_known(adopting_t *self, const message_t *announce);
/* A node has stopped; whether it is one of the predecessor's. */
bool adopting_stopped(adopting_t *self, const char *node);
bool adopting_all_heard(const adopting_t *self);
/* All had stopped, and nobody has come back: the drain is to be carried on, as the final report is still to
 * be heard. */
bool adopting_has_drained(const adopting_t *self, int64_t now_us);
void adopting_forget_drain(adopting_t *self);
bool adopting_has_told(const adopting_t *self, const region_node_t *node); /* of all whom it hosts */

/* ---- actors ---- */

/* An actor runs somewhere in some incarnation: true, that is the one that counts. */
bool adopting_take(adopting_t *self, region_actor_t *actor, size_t node, uint64_t incarnation,
                   int64_t now_us);
bool adopting_came_back(adopting_t *self, const char *actor); /* it ran under a predecessor; said once */
/* True: placing, or an end, may go on. */
bool adopting_settle(adopting_t *self, int64_t now_us);
void adopting_ask_workers(adopting_t *self, int64_t now_us);
const char *adopting_waits_for(const adopting_t *self);

/* ---- for a successor ---- */

void adopting_put(const adopting_t *self, bool in_order, message_t *state);
void adopting_load_running(adopting_t *self, const message_t *saved);
void adopting_load(adopting_t *self, const message_t *saved);

#endif
