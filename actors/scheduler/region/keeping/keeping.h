/* keeping - who keeps copies of which shard's snapshots, and where a shard goes on when its node
 * is gone with its disk.
 *
 * Owns     per shard its keepers, their assignment's number, the seal and what sealed keepers answered;
 *          keepers of this region that other regions were told of.
 * Reads    base, nodes, actors (keepers are actors), shards (the newest snapshot that is known).
 * Who      the core gives it what keepers and other schedulers say, and calls keeping_tick after every
 *          event; placing asks where a shard goes on; moving has copies made for a move (keeping_for_move)
 *          and waits until they are.
 * Rules    a keeper is one on each node, and none keeps for a shard of its own node. An assignment that
 *          changes gets a new number, and a shard says which number its newest snapshot is kept under. Before
 *          a shard goes on elsewhere its keepers are sealed.
 * Files    keeping.c (who keeps for whom), keeping_seal.c (sealing, and where a shard goes);
 *          the second calls the first.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_KEEPING_KEEPING_H
#define ACTORS_SCHEDULER_REGION_KEEPING_KEEPING_H

#include "actors/scheduler/region/training/shards.h"

#define KEEPERS_MAX 8
#define KEEPING_ANSWERS_MAX 64

typedef struct {
    wire_name_t name;
    uint64_t incarnation; /* 0: of another region */
} shard_keeper_t;

/* The newest copy of a shard that a sealed keeper holds. */
typedef struct {
    wire_name_t keeper;
    uint64_t incarnation, number; /* 0: nothing */
} seal_answer_t;

typedef struct {
    uint64_t assignment;
    bool changed; /* and the shard has not been told */
    shard_keeper_t keepers[KEEPERS_MAX];
    size_t keeper_count;
    int64_t told_us;                  /* when it is told again */
    bool moves;                       /* copies are made for a move, whatever the topology says ... */
    size_t target_node;               /* ... to there; NOWHERE: to whichever node */
    wire_name_t elsewhere;            /* keeper in another region, empty: none */
    wire_name_t outside[KEEPERS_MAX]; /* all that were named, the newest last */
    size_t outside_count;
    size_t asked_region; /* how many regions after the own one; 0: nobody was asked */
    int64_t want_us, named_us;
    uint64_t process; /* of the node where it was placed last */
    bool inherited;   /* placed by a predecessor: who keeps for it is not known */
    uint64_t seal;    /* incarnation that the keepers are being sealed with; 0: they are not */
    int64_t seal_us;
    seal_answer_t answers[KEEPING_ANSWERS_MAX];
    size_t answer_count;
    wire_name_t target; /* keeper that fetches for it from another region */
} shard_keepers_t;

typedef struct {
    region_base_t *base;
    nodes_t *nodes;
    actors_t *actors;
    shards_t *shards;
    shard_keepers_t *list; /* per shard; NULL before there is a plan */
    wire_name_t *named;    /* (regions, shards) keepers that other regions were told of */
} keeping_t;

void keeping_init(keeping_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards);
void keeping_start(keeping_t *self); /* with the plan */
void keeping_fini(keeping_t *self);
void keeping_tick(keeping_t *self, int64_t now_us);
int64_t keeping_due(const keeping_t *self);

/* ---- keepers ---- */

void keeping_node_came(keeping_t *self, size_t node);
void keeping_on(keeping_t *self, size_t node); /* a keeper there, for a while */
void keeping_anywhere(keeping_t *self);        /* on a node that stays, unless there is one */
/* None is needed any more; they are asked again until they have ended. */
void keeping_end(keeping_t *self, int64_t now_us);
/* The keeper of a node, if it has that name: one that a predecessor had there for a while.
 * NULL: it has another. */
region_actor_t *keeping_found(keeping_t *self, const char *name, size_t node);
/* the keeper there runs, and is one of its */
bool keeping_has(const keeping_t *self, size_t shard, size_t node);
const region_actor_t *keeping_named(const keeping_t *self, const char *name); /* a keeper; NULL: none */
bool keeping_is_on(const keeping_t *self, const char *keeper, size_t node);

/* A shard moves, or not: then copies of it are made, also where the topology wants none. */
void keeping_for_move(keeping_t *self, size_t shard, bool moves, size_t target_node);
/* True: the shard has said that its newest snapshot is kept under the newest assignment. */
bool keeping_is_told(const keeping_t *self, size_t shard);

/* ---- what others say ---- */

/* another region's scheduler */
void keeping_take_want(keeping_t *self, const message_t *message, int64_t now_us);
void keeping_take_named(keeping_t *self, const message_t *message, int64_t now_us); /* likewise */
void keeping_take_sealed(keeping_t *self, const message_t *message, int64_t now_us);
void keeping_take_kept(keeping_t *self, const message_t *message);

/* ---- where a shard goes ---- */

void keeping_forget_seal(keeping_t *self, size_t shard);
/* Seals the present keepers; the node of one that has exactly the newest snapshot, `wished` if that has.
 * NOWHERE: nobody has said so. */
size_t keeping_sealed(keeping_t *self, size_t shard, size_t wished);
size_t keeping_home(keeping_t *self, region_actor_t *shard, int64_t now_us); /* NOWHERE: not yet */
void keeping_placed(keeping_t *self, const region_actor_t *shard);           /* where was decided */
/* Of a predecessor's shard: it runs there; or has ended there, and its node goes on. */
void keeping_ran(keeping_t *self, region_actor_t *actor, size_t node);

/* ---- for a successor ---- */

void keeping_put(const keeping_t *self, message_t *state);

#endif
