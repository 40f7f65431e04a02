#include "actors/kit/process.h"
#include "actors/node/hosting.h"
#include "codec/wire/actor_name.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Test(hosting, isolations_have_names)
{
    for (isolate_t isolate = ISOLATE_REGION; isolate < ISOLATE_COUNT; isolate++) {
        cr_assert_eq(isolate_find(isolate_name(isolate)), isolate);
        cr_assert_not_null(hosting_ops(isolate));
    }
    cr_assert_eq(isolate_find("nothing"), ISOLATE_COUNT);
    cr_assert_eq(isolate_find(""), ISOLATE_COUNT);
}

Test(hosting, commands_and_events_are_read_as_they_were_written)
{
    for (node_verb_t verb = NODE_START; verb <= NODE_KILL; verb++) {
        node_command_t command = {.verb = verb,
                                  .actor = "shard/eu/1",
                                  .incarnation = UINT64_MAX - 3,
                                  .done = verb == NODE_DRAIN,
                                  .newest_incarnation = UINT64_MAX - 5,
                                  .newest_number = 12,
                                  .run = UINT64_MAX - 7},
                       read;
        char line[PROCESS_LINE_MAX];
        hosting_print_command(&command, line, sizeof line);
        cr_assert(hosting_parse_command(line, &read), "%s", line);
        cr_assert_eq(read.verb, verb);
        cr_assert_str_eq(read.actor, "shard/eu/1");
        cr_assert_eq(read.incarnation, UINT64_MAX - 3);
        cr_assert_eq(read.done, verb == NODE_DRAIN);
        cr_assert_eq(read.newest_incarnation, UINT64_MAX - 5);
        cr_assert_eq(read.newest_number, 12);
        cr_assert_eq(read.run, UINT64_MAX - 7);
    }
    hosting_event_t events[] = {
        {.actor = "worker/eu/0", .incarnation = 7},
        {.ended = true, .actor = "worker/eu/0", .incarnation = 8, .why = {ERR_FULL, "no room; make some"}}};
    for (size_t i = 0; i < 2; i++) {
        hosting_event_t read;
        char line[PROCESS_LINE_MAX];
        hosting_print_event(&events[i], line, sizeof line);
        cr_assert(hosting_parse_event(line, &read), "%s", line);
        cr_assert_eq(read.ended, events[i].ended);
        cr_assert_str_eq(read.actor, "worker/eu/0");
        cr_assert_eq(read.incarnation, events[i].incarnation);
        cr_assert_eq(read.why.code, events[i].why.code);
        cr_assert_str_eq(read.why.text, events[i].why.text);
    }
}

Test(hosting, other_lines_are_neither)
{
    static const char *const lines[] = {"",
                                        "start",
                                        "start worker/eu/0",
                                        "start worker/eu/0 x 0",
                                        "begin worker/eu/0 1 0",
                                        "ready worker/eu/0 -",
                                        "lost worker/eu/0 1 0 why",
                                        "ended  "};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        node_command_t command;
        hosting_event_t event;
        cr_assert_not(hosting_parse_command(lines[i], &command), "%s", lines[i]);
        cr_assert_not(hosting_parse_event(lines[i], &event), "%s", lines[i]);
    }
}

/* ---- roles ---- */

static bool s_starts(const topology_t *topology, const char *actor)
{
    job_t job = {.region_count = topology->region_count};
    hosting_spec_t with = {
        .topology = topology, .job = &job, .state_dir = ".", .node = "node/eu/a", .region_index = 0};
    node_command_t command = {.verb = NODE_START, .incarnation = 1};
    shell_spec_t spec = {.name = actor};
    snprintf(command.actor, sizeof command.actor, "%s", actor);
    bool starts = hosting_fill(&with, &command, &spec);
    cr_assert_eq(starts, spec.role != NULL, "%s", actor);
    if (starts)
        spec.ops->close(spec.hint);
    return starts;
}

/* Of every role that nodes host somebody can be started; of no other. */
Test(hosting, a_role_that_nodes_host_has_a_way_to_start_it)
{
    static const char *const rest[] = {[NAMED_ALONE] = "", [NAMED_NUMBERED] = "/1", [NAMED_CALLED] = "/a"};
    static const topology_t topology = {.region_count = 1, .regions[0] = {.name = "eu", .shards = 2}};
    for (actor_role_t role = 0; role < ROLE_NONE; role++) {
        char name[WIRE_NAME_SIZE];
        snprintf(name, sizeof name, "%s/eu%s", role_row(role)->text, rest[role_row(role)->named]);
        cr_assert_eq(s_starts(&topology, name), role_is_hosted(role), "%s", name);
    }
}

Test(hosting, who_is_not_in_the_job_or_of_another_node_is_not_started)
{
    static const char *const foreign[] = {"shard/eu/2",  "synchronizer/eu/2", "shard/us/0", "worker/us/0",
                                          "keeper/eu/b", "keeper/us/a",       "worker/eu",  "worker/eu/x",
                                          "shard/eu/01", "somebody/eu",       "shard",      ""};
    static const topology_t topology = {.region_count = 1, .regions[0] = {.name = "eu", .shards = 2}};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        cr_assert_not(s_starts(&topology, foreign[i]), "%s", foreign[i]);
}

/* ---- lines over a socket ---- */

Test(process_lines, come_whole_in_order_and_without_their_ends)
{
    int ends[2];
    char line[PROCESS_LINE_MAX];
    process_lines_t one, two;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    process_lines_init(&one, ends[0]);
    process_lines_init(&two, ends[1]);
    cr_assert_not(process_lines_take(&two, line));
    cr_assert_eq(process_lines_say(&one, "first %d", 1), ERR_OK);
    cr_assert_eq(process_lines_say(&one, "two\nlines are one"), ERR_OK);
    cr_assert_eq(write(ends[0], "half", 4), 4);
    cr_assert(process_lines_take(&two, line));
    cr_assert_str_eq(line, "first 1");
    cr_assert(process_lines_take(&two, line));
    cr_assert_str_eq(line, "two lines are one");
    cr_assert_not(process_lines_take(&two, line), "half a line is none");
    cr_assert_eq(write(ends[0], " a line\n", 8), 8);
    cr_assert(process_lines_take(&two, line));
    cr_assert_str_eq(line, "half a line");
    cr_assert_not(two.ended);
    close(ends[0]);
    cr_assert_not(process_lines_take(&two, line));
    cr_assert(two.ended);
    cr_assert_eq(process_lines_say(&two, "anybody?"), ERR_UNREACHABLE);
    close(ends[1]);
}

Test(process_lines, too_long_a_line_is_cut_and_endless_bytes_end)
{
    int ends[2];
    char line[PROCESS_LINE_MAX], bytes[PROCESS_LINE_MAX + 200];
    process_lines_t one, two;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    process_lines_init(&one, ends[0]);
    process_lines_init(&two, ends[1]);
    memset(bytes, 'x', sizeof bytes);
    bytes[sizeof bytes - 1] = '\0';
    cr_assert_eq(process_lines_say(&one, "%s", bytes), ERR_OK);
    cr_assert(process_lines_take(&two, line));
    cr_assert_eq(strlen(line), PROCESS_LINE_MAX - 1);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(write(ends[0], bytes, sizeof bytes - 1), (ssize_t)sizeof bytes - 1);
        cr_assert_not(process_lines_take(&two, line));
    }
    cr_assert_eq(write(ends[0], "\nlast\n", 6), 6);
    while (process_lines_take(&two, line) && strcmp(line, "last")) {
    }
    cr_assert_str_eq(line, "last");
    close(ends[0]);
    close(ends[1]);
}
