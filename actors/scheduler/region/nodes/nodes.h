/* nodes - who is there: nodes announce themselves, leave, stop, and are lost when they fall silent.
 *
 * Owns     the list of nodes and their newest announcements; an index is one node for the whole life of this
 *          scheduler.
 * Reads    base (silence), run (whether a node may belong to it).
 * Who      the core gives it announcements, and asks after every event who is gone (nodes_take_gone), for the
 *          rooms above: what ran there, and what was rented. Everybody above reads it.
 * Errors   an announcement that does not fit is refused here, with its reason.
 * Threads  one owner. Limits NODES_MAX.
 */
#ifndef ACTORS_SCHEDULER_REGION_NODES_NODES_H
#define ACTORS_SCHEDULER_REGION_NODES_NODES_H

#include "actors/scheduler/region/base/region_run.h"

#define NODES_MAX 1024
#define NODES_KERNELS_MAX 256

typedef struct {
    wire_name_t name;    /* node/REGION/NAME */
    message_t *announce; /* the newest */
    int64_t joined_us;
    int64_t seen_us;
    int64_t rented_us;  /* of stays that ended in silence */
    int64_t came_us;    /* of this process */
    int64_t trained_us; /* the first batch that was applied for it; 0: none yet */
    int64_t age_us;     /* of its process when it joined */
    int64_t let_go_us;  /* leaving: next `stop` */
    bool joins;         /* came while the region trained */
    bool lost;
    bool stopped;
    bool gone; /* lost or stopped, and the rooms above have not been told */
} region_node_t;

typedef struct {
    region_base_t *base;
    region_run_t *run;
    region_node_t list[NODES_MAX];
    size_t count;
    int64_t newest_us;        /* when the newest came */
    int64_t rented_before_us; /* of predecessors */
} nodes_t;

void nodes_init(nodes_t *self, region_base_t *base, region_run_t *run);
void nodes_fini(nodes_t *self);

/* ---- coming ---- */

/* News that an announcement brings besides the node itself. */
typedef struct {
    bool emptied; /* another process of that name: what ran there has ended */
    bool changed; /* somebody came, came back, or is about to leave */
} nodes_news_t;

/* Takes an announcement; returns its node, or NOWHERE: it was refused, or is of a process that has a
 * successor. `trains`: who comes now joins a region that is at work. */
size_t nodes_take_announce(nodes_t *self, const message_t *message, bool trains, int64_t now_us,
                           nodes_news_t *ret_news);

/* ---- going ---- */

void nodes_lose_silent(nodes_t *self, int64_t now_us);
void nodes_leave(nodes_t *self, size_t node); /* it is gone */
void nodes_stop(nodes_t *self, size_t node);  /* it has stopped, as it was told to */
/* Those that came before the run was known, and are of another one: told, and gone. */
void nodes_send_away(nodes_t *self);
/* The next node that is gone and has not been told of; NOWHERE: none. */
size_t nodes_take_gone(nodes_t *self);
void nodes_refuse_all(nodes_t *self, const err_t *why); /* the region ends */

/* ---- who is there ---- */

region_node_t *nodes_find(nodes_t *self, const char *name); /* NULL: nobody */
size_t nodes_index(const nodes_t *self, const region_node_t *node);
bool nodes_is_alive(const nodes_t *self, size_t node); /* NOWHERE: false */
bool nodes_leaves(const nodes_t *self, size_t node);
bool nodes_stays(const nodes_t *self, size_t node); /* alive, and not leaving */
size_t nodes_staying(const nodes_t *self);
const region_node_t *nodes_running(const nodes_t *self); /* any that has to be told to stop; NULL: none */
const char *nodes_last_part(const char *name);           /* NAME of node/REGION/NAME */

/* Which process a node is: ids of processes come again, and in a container it is always 1. */
uint64_t nodes_process(const message_t *announce);
uint64_t nodes_hash(const char *name); /* names in what is kept */

/* The newest of a shard that a node's disk has; false: nothing. */
bool nodes_holds(const nodes_t *self, size_t node, size_t shard, uint64_t *ret_incarnation,
                 uint64_t *ret_number);

/* ---- figures ---- */

int64_t nodes_rented_us(const nodes_t *self, int64_t now_us);
void nodes_report(const nodes_t *self, message_t *report, int64_t now_us);

#endif
