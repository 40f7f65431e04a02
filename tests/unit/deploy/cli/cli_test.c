#include "deploy/cli/commands.h"
#include "deploy/cli/version.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    int runs;
    char state[64], positional[64];
    char set[64]; /* the first */
    size_t sets;
    bool json;
} s_seen;

static int s_run(const cli_args_t *args)
{
    s_seen.runs++;
    const char *state = cli_value(args, "state"), *positional = cli_positional(args);
    snprintf(s_seen.state, sizeof s_seen.state, "%s", state ? state : "");
    snprintf(s_seen.positional, sizeof s_seen.positional, "%s", positional ? positional : "");
    const char *const *sets = cli_values(args, "set", &s_seen.sets);
    snprintf(s_seen.set, sizeof s_seen.set, "%s", s_seen.sets ? sets[0] : "");
    s_seen.json = cli_has(args, "json");
    return 7;
}

static const cli_command_t s_start = {
    .name = "start",
    .summary = "Starts.",
    .positional = "FILE",
    .example = "cloudless start x",
    .run = s_run,
    .options = {{"state", 's', "DIR", "where"}, {"set", 0, "K=V", "what"}, {"json", 0, NULL, "how"}}};
static const cli_command_t s_hidden = {.name = "stars", .run = s_run, .hidden = true};
static const cli_command_t *const s_table[] = {&s_start, &s_hidden, NULL};

static int s_call(int argc, const char **argv)
{
    memset(&s_seen, 0, sizeof s_seen);
    return cli_main(argc, (char **)(uintptr_t)argv, s_table);
}
#define CALL(...)                                                                                            \
    s_call(sizeof((const char *[]){"cloudless", __VA_ARGS__}) / sizeof(char *),                              \
           (const char *[]){"cloudless", __VA_ARGS__, NULL})

Test(cli, options_in_any_order_reach_the_command)
{
    cr_assert_eq(CALL("start", "--set", "a=1", "job.yaml", "-s", "dir", "--set=b=2", "--json"), 7);
    cr_assert_eq(s_seen.runs, 1);
    cr_assert_str_eq(s_seen.state, "dir");
    cr_assert_str_eq(s_seen.positional, "job.yaml");
    cr_assert_eq(s_seen.sets, 2);
    cr_assert(s_seen.json);
}

/* A shell leaves ~ alone in --state=~/x: all that names a file or a directory is expanded
 * here, and nothing else. */
Test(cli, a_tilde_is_the_home_directory_in_paths_alone)
{
    setenv("HOME", "/home/me", 1);
    cr_assert_eq(CALL("start", "--state=~/x", "~/job.yaml", "--set=~/y"), 7);
    cr_expect_str_eq(s_seen.state, "/home/me/x");
    cr_expect_str_eq(s_seen.positional, "/home/me/job.yaml");
    cr_expect_str_eq(s_seen.set, "~/y");
    cr_assert_eq(CALL("start", "-s", "~", "./~"), 7);
    cr_expect_str_eq(s_seen.state, "/home/me");
    cr_expect_str_eq(s_seen.positional, "./~");
}

Test(cli, what_is_wrong_is_told_and_nothing_runs, .init = cr_redirect_stderr)
{
    cr_expect_eq(CALL("start"), EXIT_WRONG);
    cr_expect_eq(CALL("start", "a", "b"), EXIT_WRONG);
    cr_expect_eq(CALL("start", "a", "--stat3"), EXIT_WRONG);
    cr_expect_eq(CALL("start", "a", "--state"), EXIT_WRONG);
    cr_expect_eq(CALL("strat", "a"), EXIT_WRONG);
    cr_expect_eq(CALL("unlike-anything"), EXIT_WRONG);
    cr_expect_eq(s_seen.runs, 0);
    cr_assert_stderr_eq_str("cloudless: start: missing: FILE; see cloudless start --help\n"
                            "cloudless: start: one argument too many: b; see cloudless start --help\n"
                            "cloudless: start: there is no option --stat3; see cloudless start --help\n"
                            "cloudless: start: a value is missing after --state; see cloudless start --help\n"
                            "cloudless: there is no command strat; did you mean start?\n"
                            "cloudless: there is no command unlike-anything; see cloudless --help\n");
}

Test(cli, help_is_no_error, .init = cr_redirect_stdout)
{
    cr_assert_eq(CALL("start", "--help"), EXIT_DONE);
    cr_assert_eq(CALL("--help"), EXIT_DONE);
    cr_assert_eq(s_seen.runs, 0);
}

Test(cli, the_nearest_command_is_a_visible_one)
{
    cr_assert_str_eq(cli_nearest("stars", s_table), "start");
    cr_assert_null(cli_nearest("xyz", s_table));
}

static size_t s_expect_help(const cli_command_t *const *table)
{
    size_t count = 0;
    for (; table[count]; count++) {
        const cli_command_t *command = table[count];
        cr_expect(command->summary && command->example, "%s", command->name);
        cr_expect(!command->run == (command->group != NULL), "%s", command->name);
        if (command->group)
            cr_expect_gt(s_expect_help(command->group), 5);
        cr_expect_eq(command->options[CLI_OPTIONS_MAX - 1].name, NULL, "%s: the table has no end",
                     command->name);
        for (const cli_option_t *option = command->options; option->name; option++)
            cr_expect(option->help && *option->help, "%s --%s", command->name, option->name);
    }
    return count;
}

Test(cli, every_command_has_what_help_prints)
{
    cr_assert_gt(s_expect_help(commands), 5);
}

static const cli_command_t s_look = {
    .name = "things look",
    .summary = "Looks.",
    .positional = "A B",
    .example = "cloudless things look a b",
    .run = s_run,
    .options = {{"state", 's', "DIR", "where"}, {"set", 0, "K=V", "what"}, {"json", 0, NULL, "how"}}};
static const cli_command_t *const s_things[] = {&s_look, NULL};
static const cli_command_t s_group = {
    .name = "things", .summary = "Things.", .example = "cloudless things look a b", .group = s_things};
static const cli_command_t *const s_grouped[] = {&s_group, NULL};

static int s_call_group(int argc, const char **argv)
{
    memset(&s_seen, 0, sizeof s_seen);
    return cli_main(argc, (char **)(uintptr_t)argv, s_grouped);
}

static const char *s_letters[256];

static void s_check_letters(const cli_command_t *const *table)
{
    for (; *table; table++) {
        if ((*table)->group)
            s_check_letters((*table)->group);
        for (const cli_option_t *option = (*table)->options; option->name; option++) {
            const char **meaning = &s_letters[(unsigned char)option->letter];
            cr_assert(!option->letter || !*meaning || !strcmp(*meaning, option->name),
                      "-%c is --%s, and --%s in %s", option->letter, *meaning, option->name, (*table)->name);
            *meaning = option->name;
        }
    }
}

Test(cli, a_letter_means_the_same_in_every_command)
{
    s_check_letters(commands);
    cr_assert_str_eq(s_letters['r'], "region");
}

Test(cli, a_group_has_commands_of_its_own, .init = cr_redirect_stderr)
{
    const char *good[] = {"cloudless", "things", "look", "x", "-s", "dir", "y", NULL};
    cr_expect_eq(s_call_group(7, good), 7);
    cr_expect_str_eq(s_seen.positional, "x");
    cr_expect_str_eq(s_seen.state, "dir");
    const char *few[] = {"cloudless", "things", "look", "x", NULL};
    cr_expect_eq(s_call_group(4, few), EXIT_WRONG);
    const char *wrong[] = {"cloudless", "things", "loop", NULL};
    cr_expect_eq(s_call_group(3, wrong), EXIT_WRONG);
    cr_expect_eq(s_call_group(2, wrong), EXIT_WRONG);
    cr_expect_eq(s_seen.runs, 0);
    fflush(stderr);
    cr_assert_stderr_eq_str("cloudless: things look: missing: B; see cloudless things look --help\n"
                            "cloudless: things: there is no command loop; did you mean look?\n"
                            "Things.\n\nUsage: cloudless things COMMAND [OPTIONS]\n\n"
                            "  look       Looks.\n\nEvery command explains itself: cloudless things COMMAND "
                            "--help, or cloudless help things COMMAND\n"
                            "\nExample: cloudless things look a b\n");
}

Test(cli, help_explains_a_command_as_its_own_option_does, .init = cr_redirect_stdout)
{
    const char *help[] = {"cloudless", "help", "things", "look", NULL};
    const char *option[] = {"cloudless", "things", "look", "--help", NULL};
    cr_expect_eq(s_call_group(4, help), EXIT_DONE);
    fflush(stdout);
    cr_expect_eq(s_call_group(4, option), EXIT_DONE);
    cr_expect_eq(s_seen.runs, 0);
    fflush(stdout);
    static const char text[] = "Looks.\n\nUsage: cloudless things look [OPTIONS] A B\n\n"
                               "  -s, --state DIR            where\n      --set K=V              what\n"
                               "      --json                 how\n      --help                 this text\n"
                               "\nExample: cloudless things look a b\n";
    char twice[2 * sizeof text];
    snprintf(twice, sizeof twice, "%s%s", text, text);
    cr_assert_stdout_eq_str(twice);
}

Test(cli, help_for_what_is_not_there_is_an_error, .init = cr_redirect_stderr)
{
    const char *wrong[] = {"cloudless", "help", "thinks", NULL};
    cr_expect_eq(s_call_group(3, wrong), EXIT_WRONG);
    fflush(stderr);
    cr_assert_stderr_eq_str("cloudless: there is no command thinks; did you mean things?\n");
}

Test(cli, version_names_the_commit_and_each_library)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert(out);
    version_print(out);
    fclose(out);
    cr_assert(strstr(text, "cloudless ") == text && strstr(text, "(commit "), "%s", text);
    static const char *const libraries[] = {"libzmq",    "czmq",       "msgpack-c", "LMDB",
                                            "OpenBLAS",  "libyaml",    "jansson",   "xxHash",
                                            "libsodium", "libarchive", "zlib"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        const char *line = strstr(text, libraries[i]);
        cr_assert(line && line[strcspn(line, "0123456789\n")] != '\n', "%s has no version in %s",
                  libraries[i], text);
    }
    free(text);
}
