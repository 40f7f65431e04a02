/* region_rent - which nodes a region rents: compares what the plan wants with what is there, and
 * says what is to be done.
 *
 * Why      the plan decides what is rented, and nothing else; what runs follows from
 *          the nodes that are there.
 * How      a unit of an offer is one node, OFFER-K with the least K that is free. A unit is rented from the
 *          command that starts it until its node has ended; one that does not come within `patience`, or
 *          dies, is started anew after a pause that doubles. Too many: those that host no shard go first,
 *          then the newest; but none that is there goes before all that is wanted is there and works, so that
 *          whatever is swapped has somebody to hand over to. One that has died with shards that nobody else
 *          has is started anew for their sake, wanted or not. A region with nothing left to do keeps only
 *          units that host shards, unless it is to keep all. Units on machines of their own outlive this
 *          scheduler: its successor knows them (region_rent_put, _take), and takes them over when their nodes
 *          announce themselves. Each of them is cleared away when it has ended, however it did.
 * Effects  region_rent_take_command offers what is to be done; whoever does it reports with
 *          region_rent_ended, _refused and _given_back, and nodes report by themselves (region_rent_seen).
 * Threads  one at a time; time is given with every call.
 * Limits   REGION_UNITS_MAX units at a time; what is wanted beyond is not rented.
 */
#ifndef ACTORS_SCHEDULER_REGION_RENT_H
#define ACTORS_SCHEDULER_REGION_RENT_H

#include "brokers/topology.h"
#include "codec/wire/message.h"

#define REGION_UNITS_MAX 1024u

typedef struct region_rent region_rent_t;

typedef struct {
    const topology_region_t *region; /* borrowed */
    int64_t patience_us;
    /* nodes of a predecessor may tell for so long that they are there, before others are rented */
    int64_t settle_us;
    bool outlive; /* units are machines of their own */
} region_rent_spec_t;

region_rent_t *region_rent_new(const region_rent_spec_t *spec, int64_t now_us);
void region_rent_destroy(region_rent_t **self_p);

/* A plan: units of each offer (missing ones: 0), and whether all are kept until the end of the run. */
void region_rent_want(region_rent_t *self, const uint64_t *units, size_t count, bool stay, int64_t now_us);
/* The region has nothing left to compute. */
void region_rent_work_done(region_rent_t *self, bool done);
/* The run is being stopped: nothing more is rented; nodes that are there are ended with the run. */
void region_rent_stop(region_rent_t *self, int64_t now_us);

typedef struct {
    const char *offer, *name; /* borrowed; the last part of the node's name, OFFER-K */
    size_t shards;            /* how many it hosts */
    bool works;               /* something was computed there, or there is nothing to compute */
    int64_t age_us;           /* of its process */
} region_rent_node_t;

/* A node of an offer announced itself. Anybody's: one that was not rented here is counted as
 * rented from now on. */
void region_rent_seen(region_rent_t *self, const region_rent_node_t *node, int64_t now_us);
/* Facts about a unit without having heard from it: how many shards are there, or wait for it to come back. */
void region_rent_hosts(region_rent_t *self, const char *name, size_t shards);
void region_rent_works(region_rent_t *self, const char *name, int64_t now_us);
/* The next unit from `*at_p` on that is not there and for which shards wait; false: there is none. */
bool region_rent_missed(const region_rent_t *self, size_t *at_p, char ret_name[2 * TOPOLOGY_NAME_MAX]);
/* Its node has ended, died, or is given up as silent; whether that was wanted is known here. */
void region_rent_ended(region_rent_t *self, const char *name, int64_t now_us);
/* The same of a node that was heard and is not any more: nothing when the unit was started anew since, and
 * its node is to come. */
void region_rent_gone(region_rent_t *self, const char *name, int64_t now_us);

/* The outcome of a command that was run for a unit of its own machine; a node that is there
 * says more than either. */
void region_rent_refused(region_rent_t *self, const char *name, int64_t now_us); /* it could not be started */
void region_rent_given_back(region_rent_t *self, const char *name, int64_t now_us);

/* The three, for whoever carries commands out. */
typedef enum { RENT_END_NODE, RENT_END_REFUSED, RENT_END_GIVEN_BACK } rent_end_t;

typedef enum {
    /* its node is to leave, and then the machine to be given back */
    RENT_START,
    /* there is no node: whatever is left of it is to be given back */
    RENT_RETURN,
    RENT_CLEAR,
} rent_verb_t;

typedef struct {
    rent_verb_t verb;
    char offer[TOPOLOGY_NAME_MAX];
    char name[2 * TOPOLOGY_NAME_MAX];
    uint64_t again; /* how often it failed in a row */
} rent_command_t;

bool region_rent_take_command(region_rent_t *self, rent_command_t *ret_command);

void region_rent_tick(region_rent_t *self, int64_t now_us);
int64_t region_rent_due(const region_rent_t *self); /* INT64_MAX: never */

/* Figures. */
bool region_rent_wants(const region_rent_t *self); /* a plan was given */
uint64_t region_rent_wanted(const region_rent_t *self, size_t offer);
uint64_t region_rent_wanted_all(const region_rent_t *self);
bool region_rent_stays(const region_rent_t *self);
/* something stays until what is wanted in its place works */
bool region_rent_swaps(const region_rent_t *self);
bool region_rent_coming(const region_rent_t *self);                    /* something is on its way */
uint64_t region_rent_present(const region_rent_t *self, size_t offer); /* nodes that are there */
int64_t region_rent_us(const region_rent_t *self, size_t offer, int64_t now_us);
/* from the command to the first work, of the newest; 0: not known */
int64_t region_rent_start_us(const region_rent_t *self);
uint64_t region_rent_failures(const region_rent_t *self);
uint64_t region_rent_issued(const region_rent_t *self); /* commands so far */

/* Figures that a predecessor had counted; then the units that it had rented, of those that outlive it. */
void region_rent_restore(region_rent_t *self, const uint64_t *rented_us, size_t count, uint64_t failures);
void region_rent_take(region_rent_t *self, const message_t *saved, int64_t now_us);
void region_rent_put(const region_rent_t *self, message_t *state, int64_t now_us);

#endif
