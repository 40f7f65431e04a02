#include "deploy/cli/commands.h"

const cli_command_t *const commands[] = {&command_up,         &command_check,
                                         &command_plan,       &command_simulate,
                                         &command_status,     &command_stop,
                                         &command_checkpoint, &command_scheduler,
                                         &command_broker,     &command_node,
                                         &command_region,     &command_global,
                                         &command_host,       NULL};

int commands_isolate(const cli_args_t *args, const char *where, isolate_t *ret_isolate)
{
    const char *value = cli_value(args, "isolate");
    isolate_t isolate = isolate_find(value ? value : "region");
    if (isolate == ISOLATE_COUNT)
        return cli_fail(EXIT_WRONG, where, "--isolate %s: write region, role or actor", value);
    *ret_isolate = isolate;
    return EXIT_DONE;
}
