/* rent_runner - runs the user's command that rents and gives back machines: COMMAND
 * start|stop REGION OFFER NAME.
 *
 * Why      what people's cloud tools do takes long, fails and hangs; none of it may hold up the scheduler, or
 *          leave a machine behind that is paid for.
 * How      commands for one unit run one after another, those of different units beside each other. A start
 *          may run as long as its node does; a stop goes before it. One that hangs is ended with its process
 *          group: a start when its unit is given up, a stop after `patience`. A stop that fails is run again,
 *          STOPS_MOST times in all. Their output goes to a log of the unit's; they outlive this process.
 * Threads  one.
 */
#ifndef DEPLOY_LAUNCH_RENT_RUNNER_H
#define DEPLOY_LAUNCH_RENT_RUNNER_H

#include "actors/scheduler/region/renting/region_rent.h"
#include "store/statedir.h"

typedef struct {
    const char *command, *region; /* borrowed for its life, as are the next two */
    const char *topology;         /* file that the command finds in CLOUDLESS_TOPOLOGY */
    const char *log_dir;
    int64_t patience_us;
} rent_runner_spec_t;

typedef struct rent_runner rent_runner_t;

rent_runner_t *rent_runner_new(const rent_runner_spec_t *spec);
/* Commands that still run are left alone, and said. */
void rent_runner_destroy(rent_runner_t **self_p);

void rent_runner_add(rent_runner_t *self, const rent_command_t *command, int64_t now_us);

/* Starts what may start, ends what hangs; then tells one after another what has come of them. False:
 * nothing else. */
bool rent_runner_look(rent_runner_t *self, int64_t now_us, char ret_name[2 * TOPOLOGY_NAME_MAX],
                      rent_end_t *ret_end);

/* How many are not done; a start that runs as long as its node counts. */
size_t rent_runner_count(const rent_runner_t *self);

/* The log of a unit's, opened to append; /dev/null where that cannot be. */
int rent_runner_open_log(const char *log_dir, const char *region, const char *name);

#endif
