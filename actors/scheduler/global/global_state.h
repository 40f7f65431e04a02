/* global_state - what the files of the global scheduler share: the run, its regions, and what is known of actors.
 *
 * Why      one state machine in four files: global_core.c (messages, the run), global_run.c (regions of another run), global_rent.c (plans, prices) and
 *          global_kept.c (what a successor must know).
 * Not      for anybody else: the contract is global_core.h.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_STATE_H
#define ACTORS_SCHEDULER_GLOBAL_STATE_H

#include "actors/scheduler/global/global_core.h"
#include "codec/base/names.h"
#include "codec/base/run_id.h"

#define GLOBAL_ROWS_MAX (1u << 20) /* of one region's curve */

typedef struct {
    wire_name_t scheduler;
    message_t *report;
    int64_t seen_us; /* -1: never */
    curve_row_t *rows;
    size_t row_count, row_capacity;
    bool placed;  /* has been */
    bool stopped; /* its final report is here, with its whole curve */
    bool given_up;
    uint64_t foreign; /* incarnation of a scheduler of another run, 0: none has reported */
} region_entry_t;

typedef struct {
    message_t *status;
    int64_t seen_us;
} actor_entry_t;

typedef struct {
    message_t *state; /* NULL: not told yet */
    int64_t seen_us;
} link_entry_t;

struct global_core {
    global_spec_t spec;
    char digest[17];
    outbox_t outbox;
    region_entry_t regions[TOPOLOGY_REGIONS_MAX];
    global_mark_t *mark;
    topology_t *topology;  /* the spec's, with the prices of now */
    global_plan_t *plan;   /* NULL: nothing is rented by plan */
    global_paid_t *paid;   /* (regions) */
    int64_t ended_us;      /* when everything rented was over; -1: not yet */
    actor_entry_t *actors; /* the first is this scheduler itself */
    size_t actor_count, actor_capacity;
    names_t names; /* of actors: index */
    run_state_t state;
    bool done; /* the stop is the end of the job */
    wire_name_t stopper, machine;
    int64_t since_us, stop_us, stop_next_us, progress_us, patience_us;
    int64_t farewell_us; /* newest bye, or the end of the run */
    bool home_released;  /* bye was said to the region whose broker carries everybody's messages */
    bool drain_known;    /* the predecessor was draining; carried on when a region of that time is heard */
    int64_t advanced_us, listens_us; /* newest event; since when without a gap ... */
    int64_t heard_us;                /* ... in hearing any region */
    int64_t foreign_us;              /* since when regions of another run are heard, -1: none is */
    uint64_t foreign_run;
    char strangers[ERR_TEXT_MAX]; /* why who does not belong here was refused last; empty: nobody was */
    int64_t strangers_us;         /* when */
    uint64_t decisions;           /* see keep.h */
    buf_t *picture;               /* what is shown, NULL: nothing yet ... */
    int64_t pictured_us;          /* ... as of then */
    link_entry_t *links;          /* (regions, regions) from, to */
    bool finished, displaced;
    err_code_t failure;
    char reason[ERR_TEXT_MAX];
};

/* global_core.c */
void global_add_row(global_core_t *self, size_t region, const message_t *curve);
void global_begin_stop(global_core_t *self, bool done, const char *stopper, int64_t now_us);
void global_send(global_core_t *self, message_t **message_p);
/* where it stands: the run is another's */
void global_end(global_core_t *self, err_code_t code, const char *reason);

/* global_run.c */
/* and is refused */
bool global_run_is_foreign(global_core_t *self, size_t region, const message_t *report, int64_t now_us);
void global_run_refused(global_core_t *self, size_t region, const message_t *refused, int64_t now_us);
/* Notes, for people, whom it refuses and why. */
void global_run_note(global_core_t *self, const char *text, int64_t now_us);
void global_run_tick(global_core_t *self, int64_t now_us);

/* global_rent.c */
void global_rent_init(global_core_t *self, int64_t now_us);
void global_rent_fini(global_core_t *self);
void global_rent_report(global_core_t *self, size_t region, int64_t now_us);
void global_rent_tick(global_core_t *self, int64_t now_us);
int64_t global_rent_due(const global_core_t *self);
uint64_t global_rent_number(const global_core_t *self); /* of the newest plan; 1 when there are none */
void global_rent_fill(const global_core_t *self, size_t region, message_t *plan);
void global_rent_put(const global_core_t *self, int64_t now_us, message_t *state);
void global_rent_take(global_core_t *self, const message_t *state, int64_t now_us);

/* global_kept.c */
void global_restore(global_core_t *self, int64_t now_us);

#endif
