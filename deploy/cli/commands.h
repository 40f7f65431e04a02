/* commands - the rows of the command table, one file each.
 *
 * Threads  constant.
 */
#ifndef DEPLOY_CLI_COMMANDS_H
#define DEPLOY_CLI_COMMANDS_H

#include "actors/node/hosting.h"
#include "deploy/cli/cli.h"
#include "store/statedir.h"

extern const cli_command_t command_up, command_node, command_broker, command_scheduler, command_check,
    command_data, command_plan, command_simulate, command_status, command_stop, command_checkpoint,
    command_region, command_global, command_host;

/* For the processes that are started by hand. */
#define COMMANDS_RESUME                                                                                      \
    "Started again with the same --state it goes on from what is there: that is how a job that was "         \
    "stopped, or a\n"                                                                                        \
    "process that was killed, is resumed. The file may have another job.epochs or job.optimizer then, "      \
    "everywhere.\nA new run needs new directories on every machine."

#define COMMANDS_ISOLATE                                                                                     \
    "what shares a process: region (everything, the default), role, or actor (nothing), so that one can "    \
    "die alone"

/* Reads --isolate. Prints its error; 0 or the exit status. */
int commands_isolate(const cli_args_t *args, const char *where, isolate_t *ret_isolate);

/* --state, or where a run is when none is named, which is then said on standard error unless --json is given.
 * Prints its error; 0 or the exit status. */
#define COMMANDS_STATE                                                                                       \
    "the run's state directory (default: the only one, or the only one in use, in ~/.local/state/cloudless)"
int commands_state(const cli_args_t *args, const char *where, char ret_dir[STATEDIR_PATH_MAX]);

/* All of them in the order of help; ends with NULL. */
extern const cli_command_t *const commands[];

#endif
