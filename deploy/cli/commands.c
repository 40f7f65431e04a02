#include "deploy/cli/commands.h"

const cli_command_t *const commands[] = {
    &command_up,        &command_check,  &command_plan, &command_status, &command_stop,   &command_export,
    &command_scheduler, &command_broker, &command_node,   &command_region, NULL};
