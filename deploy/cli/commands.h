/* commands - the rows of the command table, one file each.
 *
 * Threads  constant.
 */
#ifndef DEPLOY_CLI_COMMANDS_H
#define DEPLOY_CLI_COMMANDS_H

#include "deploy/cli/cli.h"

extern const cli_command_t command_up, command_node, command_broker, command_scheduler, command_check,
    command_status, command_stop, command_export, command_region;

/* All of them in the order of help; ends with NULL. */
extern const cli_command_t *const commands[];

#endif
