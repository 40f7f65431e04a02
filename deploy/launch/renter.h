/* renter - carries out what a region rents: node processes on this machine, or the user's own command.
 *
 * Why      the regional scheduler only says which unit is to start or to end.
 * How      on this machine a unit is a process of `cloudless region --parts node`, with the state directory
 *          of the run, its log beside the others; a return is a SIGTERM, upon which the node leaves in order.
 *          With plan.rent the user's command is run (rent_runner.h).
 * Threads  renter_want any; all others the main thread, which must outlive the units that are processes: the
 *          kernel ends them with it.
 */
#ifndef DEPLOY_LAUNCH_RENTER_H
#define DEPLOY_LAUNCH_RENTER_H

#include "actors/node/hosting.h"
#include "actors/scheduler/region/renting/region_rent.h"
#include "deploy/launch/launch.h"

typedef struct {
    const launch_t *launch; /* borrowed, as is command */
    size_t region_index;
    isolate_t isolate;
    const char *command; /* empty: processes on this machine */
    int notify_fd;       /* written when there is something to carry out */
} renter_spec_t;

typedef struct renter renter_t;

renter_t *renter_new(const renter_spec_t *spec);
/* Units still there are given `patience_us` to end by themselves, then killed. Commands that run have
 * plan.rent_patience to end, and are then left alone; with a patience of 0 at once, as a successor takes
 * over. */
void renter_destroy(renter_t **self_p, int64_t patience_us);

/* To be carried out at the next look; copied. */
void renter_want(renter_t *self, const rent_command_t *command);

/* Carries out what is wanted; then tells one after another what has come of units since. False: nothing
 * else. */
bool renter_look(renter_t *self, char ret_name[2 * TOPOLOGY_NAME_MAX], rent_end_t *ret_end);

#endif
