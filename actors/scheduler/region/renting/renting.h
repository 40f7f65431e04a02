/* renting - what a region rents: the units of region_rent.h as the regional scheduler sees them,
 * and what they come to.
 *
 * Owns     the list of units, and what workers have computed on them.
 * Reads    base, nodes, actors, shards, moving (what was handed over is nowhere to be waited for).
 * Who      the core tells it of nodes, plans and of what workers have computed, calls renting_tick after
 *          every event, and offers its commands to whoever carries them out.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_RENTING_RENTING_H
#define ACTORS_SCHEDULER_REGION_RENTING_RENTING_H

#include "actors/scheduler/region/moving/moving.h"
#include "actors/scheduler/region/renting/region_rent.h"
#include "actors/scheduler/region/training/training.h"

typedef struct {
    region_base_t *base;
    nodes_t *nodes;
    actors_t *actors;
    shards_t *shards;
    moving_t *moving;
    region_rent_t *rent;
    uint64_t noted;    /* commands that are among the decisions */
    uint64_t computed; /* samples, by workers */
    double core_s;     /* that they took, each second times the power of its core */
} renting_t;

void renting_init(renting_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                  moving_t *moving, int64_t now_us);
void renting_fini(renting_t *self);
void renting_tick(renting_t *self, int64_t now_us);
int64_t renting_due(const renting_t *self);

void renting_seen(renting_t *self, size_t node, int64_t now_us);
void renting_gone(renting_t *self, size_t node, int64_t now_us);
void renting_plan(renting_t *self, const message_t *plan, int64_t now_us);
void renting_computed(renting_t *self, const region_actor_t *worker, computed_t computed);

/* For whoever carries commands out. */
bool renting_take_command(renting_t *self, rent_command_t *ret_command);
void renting_unit_ended(renting_t *self, const char *name, rent_end_t end, int64_t now_us);

/* A plan that stands from the beginning: units of each offer, and whether all are kept until the end. */
void renting_want(renting_t *self, const uint64_t *units, bool stay, int64_t now_us);

/* nodes, before placing begins; SIZE_MAX: nothing is rented by plan */
size_t renting_expected(const renting_t *self);
bool renting_is_coming(const renting_t *self); /* somebody is on the way */

void renting_report(const renting_t *self, message_t *report, int64_t now_us);

/* For a successor: figures of the run; units that outlive this scheduler; the plan, which
 * goes on also unheard. */
void renting_put(const renting_t *self, message_t *state, int64_t now_us);
void renting_load_figures(renting_t *self, const message_t *saved);
void renting_load_units(renting_t *self, const message_t *saved, int64_t now_us);
void renting_load_plan(renting_t *self, const message_t *saved, int64_t now_us);

#endif
