/* strategies - how regions may exchange what they learn: the list of them, and what the rest of the system
 * needs to know of each.
 *
 * Why      a strategy is a row of strategies.def and a file of its own; nobody else knows one by name.
 * Threads  rows are constant.
 */
#ifndef BROKERS_STRATEGIES_H
#define BROKERS_STRATEGIES_H

#include <stdbool.h>

#define STRATEGY(ID, ...) STRATEGY_##ID,
typedef enum {
#include "brokers/strategies.def"
} strategy_name_t;
#undef STRATEGY

/* The content of a delta. Values travel on the wire. */
typedef enum { DELTA_GRADIENT, DELTA_MODEL, DELTA_NOTHING, DELTA_DIFFERENCE } delta_kind_t;

typedef struct {
    strategy_name_t id;
    const char *name;
    delta_kind_t cuts;               /* what a cut contains */
    bool waits;                      /* a cut opens a round that all members must reach */
    bool merges;                     /* at a full window further cuts are merged; else the region waits */
    bool every_step;                 /* a cut is made at every step; job.sync.every is 1 */
    bool local_step;                 /* a local gradient is applied at once; else only with its round */
    bool outer;                      /* has the outer optimizer of job.sync.outer_lr and outer_momentum */
    bool overlaps;                   /* steps may go on while a round is under way */
    bool sees_own;                   /* an own cut acts here as others see it, also without rounds */
    bool selects;                    /* a cut carries the values whose change is significant */
    bool compensates;                /* gradients come late, and may be corrected for it */
    double outer_lr, outer_momentum; /* what these keys are when the topology does not say; 0: as for all */
    const char *differs;             /* from what has the same name elsewhere, for `check`; NULL: does not */
} strategy_t;

const strategy_t *strategy_find(strategy_name_t id);

#endif
