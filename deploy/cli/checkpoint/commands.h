/* commands - the rows of `cloudless checkpoint`, one file each.
 *
 * Threads  constant.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_COMMANDS_H
#define DEPLOY_CLI_CHECKPOINT_COMMANDS_H

#include "deploy/cli/cli.h"

extern const cli_command_t checkpoint_ls, checkpoint_show, checkpoint_verify, checkpoint_diff,
    checkpoint_export, checkpoint_import, checkpoint_copy, checkpoint_prune, checkpoint_restore,
    checkpoint_repair, checkpoint_mark;

#endif
