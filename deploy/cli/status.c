#include "deploy/cli/commands.h"

#include "codec/base/json.h"
#include "deploy/launch/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_print_actor(const json_value_t *row)
{
    const char *waits_for = json_get_string(row, "waits_for", "");
    uint64_t number = json_get_u64(row, "pid", 0);
    char pid[24];
    snprintf(pid, sizeof pid, number ? "%llu" : "-",
             (unsigned long long)number); /* 0 would name a group to `kill` */
    printf("  %-28s %-9s %8s %10llu %10llu  %.1f s%s%s\n", json_get_string(row, "name", ""),
           json_get_string(row, "state", ""), pid, (unsigned long long)json_get_u64(row, "applied", 0),
           (unsigned long long)json_get_u64(row, "durable", 0), json_get_number(row, "since_s", 0),
           *waits_for ? ", waits for " : "", waits_for);
}

/* What dies again and again, before the actors that nobody sees for that. */
static void s_print_dying(const json_value_t *document)
{
    const json_value_t *processes = json_get(document, "processes");
    for (size_t i = 0; i < json_count(processes); i++)
        if (json_get(json_at(processes, i), "died"))
            printf("  %s\n", json_get_string(json_at(processes, i), "died", ""));
}

static void s_print_table(const json_value_t *document, bool running)
{
    printf("job %s: %s%s\n", json_get_string(document, "job", ""), json_get_string(document, "state", ""),
           running ? "" : "; nothing runs now");
    if (running)
        s_print_dying(document);
    const json_value_t *actors = json_get(document, "actors");
    if (!running || !json_count(actors))
        return;
    printf("\n  %-28s %-9s %8s %10s %10s  since\n", "actor", "state", "pid", "applied", "durable");
    for (size_t i = 0; i < json_count(actors); i++)
        s_print_actor(json_at(actors, i));
}

/* Nothing runs: the last known state, without actors. */
static void s_forget_actors(json_value_t *document)
{
    json_value_t *none = json_new_array();
    json_set_moved(document, "actors", &none);
}

static int s_run(const cli_args_t *args)
{
    const char *dir = cli_value(args, "state");
    if (!dir)
        return cli_fail(EXIT_WRONG, "status", "--state is missing; name the run's state directory");
    char path[STATEDIR_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/" LAUNCH_STATUS_FILE, dir);
    bool running = launch_holder(dir) != 0;
    json_value_t *document = NULL;
    err_t err = {0};
    err_code_t rc = json_read_file(path, &document, &err);
    if (rc == ERR_NOT_FOUND) {
        if (!launch_is_state(dir))
            return cli_fail(EXIT_WRONG, "status", "%s is no state directory; give --state as for up", dir);
        document = json_new_object();
        json_set_string(document, "state", running ? "starting" : "stopped");
        s_forget_actors(document);
    } else if (rc) {
        return cli_fail(EXIT_FAILED, "status", "%s", err.text);
    }
    json_set_bool(document, "running", running);
    if (!running)
        s_forget_actors(document);
    if (cli_has(args, "json")) {
        char *text = json_print(document, false);
        fputs(text, stdout);
        free(text);
    } else {
        s_print_table(document, running);
    }
    json_destroy(&document);
    return EXIT_DONE;
}

const cli_command_t command_status = {
    .name = "status",
    .summary = "Shows every actor of a run: where it is, what it does, whom it waits for.",
    .example = "cloudless status --state run1",
    .run = s_run,
    .options = {{"state", 's', "DIR", "the run's state directory"}, {"json", 0, NULL, "print it as JSON"}}};
