#include "deploy/launch/rent_runner.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND ((int64_t)1000000)

/* Writes what it was called with into `calls`; does as the file VERB-NAME beside it says, else ends well. */
static const char s_script[] = "#!/bin/sh\n"
                               "cd \"$(dirname \"$0\")\" || exit 9\n"
                               "echo \"$* $CLOUDLESS_TOPOLOGY\" >>calls\n"
                               "[ ! -e \"$1-$4\" ] || . \"./$1-$4\"\n"
                               "echo \"$1 $4 ends\" >>calls\n";

typedef struct {
    char dir[64], command[96];
    rent_runner_t *runner;
    int64_t now_us;
} world_t;

static void s_write(const world_t *w, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, 0700), 0);
}

static void s_begin(world_t *w, const char *command)
{
    snprintf(w->dir, sizeof w->dir, "/tmp/cloudless-rent-runner-XXXXXX");
    cr_assert(mkdtemp(w->dir));
    snprintf(w->command, sizeof w->command, "%s/%s", w->dir, command);
    s_write(w, "rent", s_script);
    s_write(w, "calls", "");
    rent_runner_spec_t spec = {.command = w->command,
                               .region = "eu",
                               .topology = "/etc/job.yaml",
                               .log_dir = w->dir,
                               .patience_us = 10 * SECOND};
    w->runner = rent_runner_new(&spec);
    w->now_us = SECOND;
}

static void s_end(world_t *w)
{
    char line[96];
    rent_runner_destroy(&w->runner);
    snprintf(line, sizeof line, "rm -rf %s", w->dir);
    cr_assert_eq(system(line), 0);
}

static void s_add(world_t *w, rent_verb_t verb, const char *name)
{
    rent_command_t command = {.verb = verb, .offer = "small"};
    snprintf(command.name, sizeof command.name, "%s", name);
    rent_runner_add(w->runner, &command, w->now_us);
}

static void s_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* Looks, at the same moment of the commands' clock, until something is told. */
static void s_expect(world_t *w, const char *name, rent_end_t end)
{
    char told[2 * TOPOLOGY_NAME_MAX];
    rent_end_t what = RENT_END_NODE;
    while (!rent_runner_look(w->runner, w->now_us, told, &what))
        s_pause();
    cr_assert_str_eq(told, name);
    cr_assert_eq(what, end);
}

/* Until nothing is left to do; nothing may be told meanwhile. */
static void s_expect_silence(world_t *w, size_t left)
{
    char told[2 * TOPOLOGY_NAME_MAX];
    rent_end_t what;
    do {
        cr_assert_not(rent_runner_look(w->runner, w->now_us, told, &what), "told of %s", told);
        s_pause();
    } while (rent_runner_count(w->runner) != left);
}

static const char *s_read(const world_t *w, const char *name)
{
    static char text[2048];
    char path[160];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *file = fopen(path, "r");
    cr_assert(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void s_await(world_t *w, const char *text)
{
    char told[2 * TOPOLOGY_NAME_MAX];
    rent_end_t what;
    while (!strstr(s_read(w, "calls"), text)) {
        cr_assert_not(rent_runner_look(w->runner, w->now_us, told, &what), "told of %s", told);
        s_pause();
    }
}

/* However long a shell takes to start and to end, the commands' clock stands still meanwhile. */
static void s_look_at_an_end(world_t *w)
{
    char told[2 * TOPOLOGY_NAME_MAX];
    rent_end_t what;
    siginfo_t info;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT))
        return; /* its end has been seen */
    cr_assert_not(rent_runner_look(w->runner, w->now_us, told, &what), "told of %s", told);
}

Test(runner, say_what_is_to_be_done_and_what_came_of_it)
{
    world_t w;
    s_begin(&w, "rent");
    s_write(&w, "start-small-1", "echo no machine; exit 3");
    s_add(&w, RENT_START, "small-0");
    s_expect_silence(&w, 0);
    s_add(&w, RENT_START, "small-1");
    s_expect(&w, "small-1", RENT_END_REFUSED);
    s_add(&w, RENT_RETURN, "small-0");
    s_expect(&w, "small-0", RENT_END_GIVEN_BACK);
    cr_assert_str_eq(s_read(&w, "calls"), "start eu small small-0 /etc/job.yaml\nstart small-0 ends\n"
                                          "start eu small small-1 /etc/job.yaml\n"
                                          "stop eu small small-0 /etc/job.yaml\nstop small-0 ends\n");
    cr_assert_str_eq(s_read(&w, "node-eu-small-1.log"), "no machine\n");
    s_end(&w);
}

Test(runner, a_command_that_is_not_there_has_started_nothing)
{
    world_t w;
    s_begin(&w, "lease");
    s_add(&w, RENT_START, "small-0");
    s_expect(&w, "small-0", RENT_END_REFUSED);
    s_end(&w);
}

Test(runner, of_one_unit_go_one_after_another)
{
    world_t w;
    s_begin(&w, "rent");
    s_write(&w, "stop-small-0", "until [ -e go ]; do sleep 0.01; done");
    s_add(&w, RENT_CLEAR, "small-0");
    s_add(&w, RENT_CLEAR, "small-0"); /* it is at that already */
    s_add(&w, RENT_START, "small-0");
    s_add(&w, RENT_START, "small-1"); /* beside it */
    s_await(&w, "start small-1 ends");
    cr_assert_null(strstr(s_read(&w, "calls"), "start eu small small-0"));
    s_write(&w, "go", "");
    s_expect(&w, "small-0", RENT_END_GIVEN_BACK);
    s_expect_silence(&w, 0);
    const char *calls = s_read(&w, "calls");
    cr_assert(strstr(calls, "stop small-0 ends\nstart eu small small-0"), "%s", calls);
    s_end(&w);
}

Test(runner, a_start_that_hangs_is_ended_before_what_is_left_is_cleared_away)
{
    world_t w;
    s_begin(&w, "rent");
    s_write(&w, "start-small-0", "trap '' TERM; echo hangs >>calls; while :; do sleep 0.01; done");
    s_add(&w, RENT_START, "small-0");
    s_await(&w, "hangs");
    w.now_us += 3600 * SECOND; /* it may take as long as its node runs */
    s_add(&w, RENT_CLEAR, "small-0");
    s_expect_silence(&w, 2);
    cr_assert_null(strstr(s_read(&w, "calls"), "stop"));
    w.now_us += 5 * SECOND;
    s_expect(&w, "small-0", RENT_END_GIVEN_BACK);
    cr_assert_null(strstr(s_read(&w, "calls"), "start small-0 ends"));
    s_end(&w);
}

Test(runner, a_start_that_runs_as_long_as_its_node_does_not_hold_up_its_stop)
{
    world_t w;
    s_begin(&w, "rent");
    s_write(&w, "start-small-0", "echo runs >>calls; until [ -e over ]; do sleep 0.01; done");
    s_write(&w, "stop-small-0", "touch over");
    s_add(&w, RENT_START, "small-0");
    s_await(&w, "runs");
    s_add(&w, RENT_RETURN, "small-0");
    s_expect(&w, "small-0", RENT_END_GIVEN_BACK);
    s_expect_silence(&w, 0);
    s_end(&w);
}

Test(runner, a_stop_that_fails_or_hangs_is_run_again)
{
    world_t w;
    s_begin(&w, "rent");
    s_write(&w, "stop-small-0",
            "[ -e once ] && exit 0; touch once; echo hangs >>calls; while :; do sleep 0.01; done");
    s_add(&w, RENT_CLEAR, "small-0");
    s_await(&w, "hangs");
    w.now_us += 10 * SECOND;
    s_expect_silence(&w, 1); /* it is killed */
    s_look_at_an_end(&w);
    w.now_us += SECOND;
    s_expect(&w, "small-0", RENT_END_GIVEN_BACK);
    s_write(&w, "stop-small-1", "echo fails >>calls; exit 1");
    s_add(&w, RENT_CLEAR, "small-1");
    while (rent_runner_count(w.runner)) {
        s_expect_silence(&w, 1); /* it is started */
        s_look_at_an_end(&w);
        w.now_us += 4 * SECOND;
    }
    int times = 0;
    for (const char *at = s_read(&w, "calls"); (at = strstr(at, "fails")); at++)
        times++;
    cr_assert_eq(times, 4);
    s_end(&w);
}
