#include "deploy/cli/beside.h"
#include "deploy/cli/commands.h"

#include "actors/kit/clock.h"
#include "codec/base/failpoint.h"
#include "codec/base/log.h"
#include "deploy/launch/await_room.h"
#include "deploy/launch/finished.h"
#include "deploy/launch/planning.h"
#include "deploy/launch/supervise.h"

#include <stdio.h>
#include <stdlib.h>

/* Checks whether there is something to go on from, and whether that is wanted. A run that was stopped before
 * its first snapshot is one to go on with as well. */
static int s_check_resume(const launch_t *launch, bool resume, bool quiet)
{
    size_t count = 0;
    err_t err = {0};
    if (launch_count_snapshots(launch, &count, &err))
        return command_fail(EXIT_FAILED, "up", "%s", err.text);
    if (count && !resume)
        return command_fail(EXIT_WRONG, "up",
                            "%s: there is a run to go on with; add --resume, or choose another --state",
                            launch->state_dir);
    if (resume && statedir_is_new(launch->state))
        return command_fail(EXIT_WRONG, "up", "%s: there is nothing to go on with; leave --resume out",
                            launch->state_dir);
    if (!count && resume && !quiet)
        fprintf(stderr, "this job has no snapshot yet: it starts from the beginning\n");
    return EXIT_DONE;
}

/* Looks at what there is to resume, the data set, and the log, which this process writes too: its terminal
 * shows progress. */
static int s_prepare_state(launch_t *launch, const cli_args_t *args)
{
    err_t err = {0};
    int status = s_check_resume(launch, cli_has(args, "resume"), cli_has(args, "quiet"));
    if (status)
        return status;
    err_code_t rc = launch_open_copy(launch, &err);
    if (rc)
        return launch_wrong(launch, rc == ERR_NOT_FOUND || rc == ERR_CONFIG ? EXIT_WRONG : EXIT_FAILED, "up",
                            &err, false);
    if (cli_has(args, "resume") && finished(launch) && !cli_has(args, "quiet"))
        fprintf(stderr,
                "this job is finished: all %llu epochs are trained; it is only evaluated and reported once "
                "more; --set job.epochs=%llu, say, trains on\n",
                (unsigned long long)launch->job.epochs, (unsigned long long)launch->job.epochs + 1);
    if (launch->carried[0] && !cli_has(args, "quiet"))
        fprintf(stderr, "carried on with %s\n", launch->carried);
    rc = launch_open_log(launch, "up", false, &err);
    if (!rc && launch->carried[0])
        log_event(LEVEL_INFO, "up", "carried_on", "with=\"%s\"", launch->carried);
    return rc ? command_fail(EXIT_FAILED, "up", "%s", err.text) : EXIT_DONE;
}

static err_code_t s_take_state(void *hint, err_t *err)
{
    launch_t *launch = hint;
    statedir_close(&launch->state); /* of an attempt without room */
    return launch_take_state(launch, err);
}

/* Everything that can be wrong before anything runs; what fails here leaves nothing behind. */
static int s_prepare_up(launch_t *launch, const cli_args_t *args)
{
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    if (launch_read(launch, cli_positional(args), sets, set_count, cli_value(args, "seed"), &err))
        return launch_wrong(launch, EXIT_WRONG, NULL, &err, true);
    launch->carries = cli_has(args, "resume");
    launch->sets = sets;
    launch->set_count = set_count;
    err_code_t rc = launch_look_dataset(launch, LAUNCH_ALL, false, &err);
    if (rc)
        return command_fail(rc == ERR_NOT_FOUND || rc == ERR_CONFIG ? EXIT_WRONG : EXIT_FAILED, "up", "%s",
                            err.text);
    if (!cli_has(args, "quiet"))
        launch_print_absent(launch, "cloudless: up: ", stderr);
    if (launch->topology->plan.apply)
        rc = planning_check(launch, &err);
    if (rc)
        return command_fail(rc == ERR_LIMIT ? EXIT_PROBLEMS : EXIT_WRONG, "up", "%s", err.text);
    if (cli_has(args, "report"))
        rc = launch_check_output(cli_value(args, "report"), &err);
    if (!rc)
        rc = launch_choose_state(launch, cli_value(args, "state"), &err);
    await_room_t who = {.where = "up", .state_dir = launch->state_dir};
    if (!rc)
        rc = await_room(&who, s_take_state, launch, &err);
    int status = rc ? command_fail(EXIT_WRONG, "up", "%s", err.text) : s_prepare_state(launch, args);
    if (status)
        launch_abandon_state(launch);
    return status;
}

/* Arguments for the process that shows progress and prints the outcome. */
static void s_hand_on(const cli_args_t *args, const char **ret_arguments)
{
    static const char *const flags[] = {"json", "quiet"}, *const written[] = {"--json", "--quiet"};
    size_t count = 0;
    if (cli_has(args, "report")) {
        ret_arguments[count++] = "--report";
        ret_arguments[count++] = cli_value(args, "report");
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (cli_has(args, flags[i]))
            ret_arguments[count++] = written[i];
}

/* A run without one of its guards: the tests' judge must go red. */
static int s_break(const cli_args_t *args)
{
#ifdef CLOUDLESS_FAILPOINTS
    const char *guard = cli_value(args, "break");
    if (guard && !failpoint_is_break(guard))
        return command_fail(EXIT_WRONG, "up", "--break %s: there is no such guard; write " FAILPOINT_BREAKS,
                            guard);
    if (guard)
        setenv(FAILPOINT_BREAK_VARIABLE, guard, 1);
#else
    (void)args;
#endif
    return EXIT_DONE;
}

static int s_run_up(const cli_args_t *args)
{
    char began[24];
    snprintf(began, sizeof began, "%lld", (long long)clock_now_us());
    const char *arguments[8] = {"--began", began};
    s_hand_on(args, arguments + 2);
    supervise_spec_t spec = {.arguments = arguments,
                             .quiet = cli_has(args, "quiet"),
                             .topology = cli_positional(args),
                             .seed = cli_value(args, "seed")};
    spec.sets = cli_values(args, "set", &spec.set_count);
    int status = commands_isolate(args, "up", &spec.isolate);
    if (!status)
        status = s_break(args);
    if (status)
        return status;
    launch_t launch;
    launch_init(&launch);
    status = s_prepare_up(&launch, args);
    if (!status)
        status = supervise_run(&launch, &spec);
    launch_fini(&launch);
    return status;
}

/* A run, and what another strategy would have taken where that is asked for. */
static int s_run_beside(const cli_args_t *args)
{
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    bool tells = !cli_has(args, "json") && !cli_has(args, "quiet");
    beside_t *beside = calloc(1, sizeof *beside);
    CHECK(beside);
    int status = beside_prepare(beside, cli_value(args, "beside"), cli_positional(args), sets, set_count,
                                cli_value(args, "seed"), &err)
                     ? command_fail(EXIT_WRONG, "up", "%s", err.text)
                     : s_run_up(args);
    if (!status && tells)
        beside_print(beside);
    beside_fini(beside);
    free(beside);
    return status;
}

const cli_command_t command_up = {
    .name = "up",
    .summary = "Trains on this machine: all regions, each a process of its own, links emulated as the "
               "topology says.",
    .positional = "TOPOLOGY",
    .example = "cloudless up deploy/topologies/two-regions.yaml --state run1 --set job.epochs=2",
    .run = s_run_beside,
    .computes = true,
    .waits = true,
    .options = {
        {"state", 's', "DIR", "keep snapshots, logs and status here (default: ~/.local/state/cloudless/JOB)"},
        {"resume", 0, NULL,
         "go on from the snapshots in the state directory; job.epochs and job.optimizer may be others"},
        {"report", 0, "FILE", "write the final report as JSON"},
        {"isolate", 0, "WHAT", COMMANDS_ISOLATE},
        {"beside", 0, "STRATEGY", "say at the end what that strategy would have taken, simulated"},
        {"set", 0, "KEY=VALUE", "change a key of the topology, as in job.sync.every=4; may be repeated"},
        {"seed", 0, "N", "same as --set job.seed=N"},
#ifdef CLOUDLESS_FAILPOINTS
        {"break", 0, "GUARD", "test builds alone: without " FAILPOINT_BREAKS ", to see the tests go red"},
#endif
        {"json", 0, NULL, "print the final report as JSON in place of the table"},
        {"quiet", 'q', NULL, "no progress, no table"}}};
