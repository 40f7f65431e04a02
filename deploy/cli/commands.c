#include "deploy/cli/commands.h"

#include "deploy/launch/launch.h"
#include "deploy/state/find.h"

#include <stdio.h>
#include <string.h>

const cli_command_t *const commands[] = {
    &command_up,     &command_check,  &command_data,       &command_plan,      &command_simulate,
    &command_status, &command_stop,   &command_checkpoint, &command_scheduler, &command_broker,
    &command_node,   &command_region, &command_global,     &command_host,      NULL};

int commands_state(const cli_args_t *args, const char *where, char ret_dir[STATEDIR_PATH_MAX])
{
    const char *given = cli_value(args, "state");
    err_t err = {0};
    if (given && (!*given || strlen(given) >= STATEDIR_PATH_MAX))
        return command_fail(EXIT_WRONG, where, "--state is empty or too long; name a directory");
    if (given) {
        snprintf(ret_dir, STATEDIR_PATH_MAX, "%s", given);
        return EXIT_DONE;
    }
    if (state_find(ret_dir, &err))
        return command_fail(EXIT_WRONG, where, "%s", err.text);
    if (!cli_has(args, "json"))
        fprintf(stderr, "state directory %s\n", ret_dir);
    return EXIT_DONE;
}

int commands_isolate(const cli_args_t *args, const char *where, isolate_t *ret_isolate)
{
    const char *value = cli_value(args, "isolate");
    isolate_t isolate = isolate_find(value ? value : "region");
    if (isolate == ISOLATE_COUNT)
        return command_fail(EXIT_WRONG, where, "--isolate %s: write region, role or actor", value);
    *ret_isolate = isolate;
    return EXIT_DONE;
}
