#include "actors/node/hosting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const hosting_ops_t *ops;
} s_rows[ISOLATE_COUNT] = {
    [ISOLATE_REGION] = {"region", &hosting_threads},
    [ISOLATE_ROLE] = {"role", &hosting_processes},
    [ISOLATE_ACTOR] = {"actor", &hosting_processes},
};

const char *isolate_name(isolate_t isolate)
{
    return s_rows[isolate].name;
}

isolate_t isolate_find(const char *name)
{
    isolate_t isolate = ISOLATE_REGION;
    while (isolate < ISOLATE_COUNT && strcmp(s_rows[isolate].name, name))
        isolate++;
    return isolate;
}

const hosting_ops_t *hosting_ops(isolate_t isolate)
{
    return s_rows[isolate].ops;
}

/* ---- lines ---- */

static const char *const s_verbs[] = {[NODE_START] = "start", [NODE_DRAIN] = "drain", [NODE_KILL] = "kill"};

void hosting_print_command(const node_command_t *command, char *ret_line, size_t size)
{
    snprintf(ret_line, size, "%s %s %" PRIu64 " %d %" PRIu64 " %" PRIu64 " %d %" PRIu64,
             s_verbs[command->verb], command->actor, command->incarnation, command->done,
             command->newest_incarnation, command->newest_number, command->handed, command->run);
}

bool hosting_parse_command(const char *line, node_command_t *ret_command)
{
    char verb[16];
    int done, handed;
    *ret_command = (node_command_t){0};
    if (sscanf(line, "%15s %63s %" SCNu64 " %d %" SCNu64 " %" SCNu64 " %d %" SCNu64, verb, ret_command->actor,
               &ret_command->incarnation, &done, &ret_command->newest_incarnation,
               &ret_command->newest_number, &handed, &ret_command->run) != 8)
        return false;
    ret_command->done = done != 0;
    ret_command->handed = handed != 0;
    for (size_t i = 0; i < sizeof s_verbs / sizeof *s_verbs; i++)
        if (!strcmp(verb, s_verbs[i])) {
            ret_command->verb = (node_verb_t)i;
            return true;
        }
    return false;
}

void hosting_print_event(const hosting_event_t *event, char *ret_line, size_t size)
{
    snprintf(ret_line, size, "%s %s %" PRIu64 " %d %s", event->ended ? "ended" : "ready", event->actor,
             event->incarnation, (int)event->why.code, event->why.text);
}

bool hosting_parse_event(const char *line, hosting_event_t *ret_event)
{
    char what[16];
    int code, at = 0;
    *ret_event = (hosting_event_t){0};
    if (sscanf(line, "%15s %63s %" SCNu64 " %d%n", what, ret_event->actor, &ret_event->incarnation, &code,
               &at) != 4 ||
        (strcmp(what, "ended") && strcmp(what, "ready")))
        return false;
    ret_event->ended = !strcmp(what, "ended");
    ret_event->why.code = (err_code_t)code;
    snprintf(ret_event->why.text, sizeof ret_event->why.text, "%s", line[at] == ' ' ? line + at + 1 : "");
    return true;
}
