/* global_spec - what a global scheduler is told when it is made, and the words of what it tells. */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_SPEC_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_SPEC_H

#include "actors/scheduler/global/global_plan.h"
#include "actors/scheduler/base/journal.h"

typedef struct {
    const topology_t *topology; /* borrowed */
    uint64_t incarnation;
    uint64_t pid;    /* of this process, for status; 0 when it does not matter */
    uint64_t run;    /* its identity */
    bool run_adopts; /* it was begun before runs had identities: directories without one may belong to it */
    const char *machine;    /* host name, for status; NULL: not told */
    const legacy_t *legacy; /* of the predecessor, borrowed for the call; NULL: none */
    const global_plan_with_t
        *plan; /* what plans are made with, borrowed for the call; NULL: nothing is rented by plan */
} global_spec_t;

typedef enum { RUN_STARTING, RUN_TRAINING, RUN_STOPPING, RUN_DONE, RUN_DRAINED, RUN_FAILED } run_state_t;

typedef struct {
    uint64_t index;
    int64_t train_us;
    double epoch, loss, test_accuracy, test_loss, test_auc; /* 0: no such area */
} curve_row_t;

#endif
