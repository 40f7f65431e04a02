/* region_base - what every room of the regional scheduler stands on: who it is, what it sends, how far its
 * life has come.
 *
 * Owns     the base of the core, spec, newest incarnation that was given, decisions, failure, life, and what
 *          a predecessor left.
 * Reads    nothing: there is no room below.
 * Who      every room, at any time. `life` is moved on by the end alone (stopping.h), `finished` by whoever
 *          finds that this scheduler is not the one that counts.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_BASE_REGION_BASE_H
#define ACTORS_SCHEDULER_REGION_BASE_REGION_BASE_H

#include "actors/kit/core_base.h"
#include "actors/scheduler/region/base/region_spec.h"
#include "codec/wire/actor_name.h"
#include "codec/wire/message.h"

#define MILLISECOND_US ((int64_t)1000)
#define SECOND_US (1000 * MILLISECOND_US)
#define REPEAT_EVERY_US (300 * MILLISECOND_US) /* place, close, stop, retire, hand over */
#define SILENCE_US (5 * SECOND_US)             /* a node or an actor silent for so long is lost */
#define NOWHERE SIZE_MAX

/* Its phases, in order: none is ever left out or taken back. */
typedef enum {
    REGION_WORKS,
    REGION_STOPS,   /* the nodes are told to end */
    REGION_STOPPED, /* all have; the final report is to be heard */
} region_life_t;

typedef struct {
    core_base_t core; /* its incarnation is that of the term */
    region_spec_t spec;
    const topology_region_t *region;
    char digest[17];
    message_t *saved; /* a predecessor's state, NULL: none */
    int64_t started_us;
    int64_t advanced_us; /* newest event */
    int64_t listens_us;  /* since when without a gap */
    uint64_t issued;     /* newest incarnation */
    uint64_t decisions, decisions_stored;
    region_life_t life;
    bool report_soon;
    err_code_t failure;
    char reason[ERR_TEXT_MAX];
} region_base_t;

void region_base_init(region_base_t *self, const region_spec_t *spec, int64_t now_us);
void region_base_fini(region_base_t *self);

/* ---- what counts ---- */

uint64_t region_issue(region_base_t *self); /* the next incarnation */
void region_decide(region_base_t *self);    /* something that must be durable before it is told */

/* ---- life ---- */

bool region_stops(const region_base_t *self);                 /* it is told to, or has */
void region_move_on(region_base_t *self, region_life_t life); /* aborts unless it is the next phase */

/* The first failure is the one that is told, with the next report. */
void region_fail(region_base_t *self, err_code_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void region_outdated(region_base_t *self); /* a newer scheduler runs: ends this one where it stands */

/* ---- hearing ---- */

/* Notes an event. After a time without one this scheduler itself was held up, and what others sent meanwhile
 * is still to be read. */
void region_hears(region_base_t *self, int64_t now_us);
/* True: somebody has been silent for so long while this scheduler listened. */
bool region_is_silent(const region_base_t *self, int64_t seen_us, int64_t silence_us, int64_t now_us);

#endif
