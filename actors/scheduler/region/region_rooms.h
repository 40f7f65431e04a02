/* region_rooms - the regional scheduler as a whole: its rooms, each above those before it, and nothing else.
 *
 * Why      five files compose the rooms: region_rooms.c (joins them), region_core.c (the advance loop),
 *          region_messages.c (who may say what), region_report.c (what the global scheduler is told) and
 *          region_state.c (what a successor must know). The second calls the others.
 * Not      for anybody else but tests of single rooms: the contract is region_core.h, and a room takes those
 *          below it one by one.
 */
#ifndef ACTORS_SCHEDULER_REGION_REGION_ROOMS_H
#define ACTORS_SCHEDULER_REGION_REGION_ROOMS_H

#include "actors/scheduler/region/ending/ending.h"
#include "actors/scheduler/region/placing/placing.h"
#include "actors/scheduler/region/region_core.h"
#include "actors/scheduler/region/training/still.h"

typedef struct {
    uint64_t count;                         /* reports sent */
    int64_t report_us, status_us, links_us; /* next */
    int64_t lived_before_us;                /* of predecessors */
    char waits_for[WIRE_NAME_SIZE];
    int64_t waits_since_us;
} region_reports_t;

struct region_core {
    region_base_t base;
    region_run_t run;
    region_links_t links;
    nodes_t nodes;
    actors_t actors;
    shards_t shards;
    training_t training;
    still_t still;
    keeping_t keeping;
    moving_t moving;
    workers_t workers;
    adopting_t adopting;
    renting_t renting;
    placing_t placing;
    ending_t ending;
    region_reports_t reports;
    bool due_known; /* nothing but news that move nothing on has come since it was found ... */
    int64_t due_us; /* ... when the next tick is needed */
};

/* region_rooms.c: of a core that is zero before; all that is in the rooms. */
void region_rooms_init(region_core_t *self, const region_spec_t *spec, int64_t now_us);
void region_rooms_fini(region_core_t *self);

/* region_messages.c: takes a message, or leaves it. */
void region_take(region_core_t *self, message_t **message_p, int64_t now_us);
/* Tells the rooms above of nodes that are gone and of workers that have ended. */
void region_note_gone(region_core_t *self, int64_t now_us);

/* region_report.c: what is waited for, and what is due to be told. */
void region_note_waits(region_core_t *self, int64_t now_us);
void region_tell(region_core_t *self, int64_t now_us);
int64_t region_tell_due(const region_core_t *self);

/* region_state.c: what a predecessor kept; once, before any event. */
void region_restore(region_core_t *self, int64_t now_us);

#endif
