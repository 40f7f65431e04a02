/* holders - who works in a state directory, found out from its locks without joining it.
 *
 * Why      whoever is started, asks or looks must know whether somebody is there, and whom to ask.
 * Threads  any.
 */
#ifndef DEPLOY_STATE_HOLDERS_H
#define DEPLOY_STATE_HOLDERS_H

#include "store/statedir.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Names of the processes of a run; those of regions by their role: "broker-eu", "node-eu-a". */
#define HOLDER_UP "up"
#define HOLDER_SCHEDULER "scheduler" /* the global one, by hand or under `up` */

/* Beside them lie the locks: DIR/run/ROLE.lock. */
#define HOLDER_LOCK_SUFFIX ".lock"

/* Returns whether a job's state is kept there. */
bool state_is_kept(const char *dir);

/* The process that was started by hand and works there, a scheduler before others, and as what; 0: none. */
pid_t state_role_holder(const char *state_dir, char ret_role[NAME_MAX + 1]);

/* The process that works in a state directory: of the lock, else the scheduler started by hand, else any
 * other; 0: none. The number is what that process knows itself by: good to be shown, never to be
 * signalled. */
pid_t state_holder(const char *state_dir);

/* Whom to ask about the run that works in a state directory, as control_ask calls them: `up`, else the
 * scheduler, else all brokers, else all nodes.
 *
 *   out  ret_names  (count) freed with free(), as one
 */
void state_owners(const char *state_dir, char (**ret_names)[STATEDIR_NAME_MAX], size_t *ret_count);

#endif
