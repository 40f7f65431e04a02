#include "deploy/cli/commands.h"

const cli_command_t *const commands[] = {
    &command_up,        &command_check,  &command_status, &command_stop,   &command_checkpoint,
    &command_scheduler, &command_broker, &command_node,   &command_region, NULL};
