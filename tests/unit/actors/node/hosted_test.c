/* Whom a node hosts, without a node: places, retirements, ends. */
#include "actors/node/hosted.h"
#include "codec/base/run_id.h"

#include <criterion/criterion.h>

#include <string.h>

#define S ((int64_t)1000000)
#define RUN 7u

static const err_t s_finished = {0};
static const err_t s_killed = {.code = ERR_STOPPED, .text = "ended where it stood"};

static hosted_t *s_new(void)
{
    static hosted_t self;
    hosted_init(&self, "node/eu/a", RUN);
    return &self;
}

static void s_place(hosted_t *self, const char *actor, uint64_t incarnation, uint64_t run)
{
    message_t *place = message_new(KIND_place, "node/eu/a", "scheduler/eu");
    message_set_name(place->place.actor, actor);
    place->place.incarnation = incarnation;
    place->place.run = run;
    hosted_place(self, place);
    message_destroy(&place);
}

static void s_retire(hosted_t *self, const char *actor, uint64_t incarnation)
{
    message_t *retire = message_new(KIND_retire, "node/eu/a", "scheduler/eu");
    message_set_name(retire->retire.actor, actor);
    retire->retire.incarnation = incarnation;
    hosted_retire(self, retire, S);
    message_destroy(&retire);
}

static void s_expect(hosted_t *self, node_verb_t verb, const char *actor, uint64_t incarnation)
{
    node_command_t command;
    cr_assert(hosted_take_command(self, &command), "%s", actor);
    cr_assert_eq(command.verb, verb, "%s", actor);
    cr_assert_str_eq(command.actor, actor);
    cr_assert_eq(command.incarnation, incarnation);
    cr_assert_eq(command.run, RUN);
}

static void s_expect_nothing(hosted_t *self)
{
    node_command_t command;
    cr_assert_not(hosted_take_command(self, &command), "%s", command.actor);
}

static void s_expect_news(hosted_t *self, uint64_t incarnation, err_code_t code)
{
    message_t *news = outbox_take(&self->news);
    cr_assert_not_null(news);
    cr_assert_eq(news->kind, KIND_placed);
    cr_assert_eq(news->placed.incarnation, incarnation);
    cr_assert_eq(news->placed.code, (uint64_t)code);
    message_destroy(&news);
}

static void s_run(hosted_t *self, const char *actor, uint64_t incarnation)
{
    s_place(self, actor, incarnation, RUN);
    s_expect(self, NODE_START, actor, incarnation);
    cr_assert(hosted_ready(self, actor, incarnation));
    s_expect_news(self, incarnation, ERR_OK);
}

Test(hosted, one_incarnation_starts_once_and_a_newer_one_when_it_has_ended)
{
    hosted_t *self = s_new();
    s_place(self, "shard/eu/0", 5, RUN);
    s_place(self, "shard/eu/0", 5, RUN);
    s_expect(self, NODE_START, "shard/eu/0", 5);
    s_place(self, "shard/eu/0", 6, RUN);
    s_place(self, "shard/eu/0", 7, RUN);
    s_expect(self, NODE_KILL, "shard/eu/0", 5);
    s_expect_nothing(self);
    hosted_end_t end = hosted_ended(self, "shard/eu/0", 5, &s_killed, false);
    cr_assert(end.known && end.succeeded && !end.failed);
    s_expect(self, NODE_START, "shard/eu/0", 7);
    cr_assert_null(outbox_take(&self->news), "its end is no news");
    s_place(self, "shard/eu/0", 6, RUN);
    s_expect_news(self, 6, ERR_STALE);
    hosted_fini(self);
}

Test(hosted, the_first_placement_says_of_which_run_it_is)
{
    hosted_t *self = s_new();
    self->run = RUN_ID_NONE;
    s_place(self, "shard/eu/0", 5, RUN_ID_NONE);
    cr_assert_not(self->placed, "nobody who could place anything");
    s_place(self, "shard/eu/0", 5, RUN);
    cr_assert_eq(self->run, RUN);
    s_expect(self, NODE_START, "shard/eu/0", 5);
    s_place(self, "shard/eu/1", 6, RUN + 1);
    s_expect_news(self, 6, ERR_JOB);
    s_expect_nothing(self);
    hosted_fini(self);
}

Test(hosted, what_a_scheduler_cannot_have_given_is_neither_started_nor_remembered)
{
    hosted_t *self = s_new();
    s_place(self, "shard/eu/0", UINT64_MAX, RUN);
    s_expect_news(self, UINT64_MAX, ERR_LIMIT);
    s_retire(self, "shard/eu/0", UINT64_MAX);
    s_expect_news(self, UINT64_MAX, ERR_LIMIT);
    s_run(self, "shard/eu/0", 5);
    hosted_fini(self);
}

Test(hosted, what_was_told_to_end_before_it_came_does_not_start)
{
    hosted_t *self = s_new();
    s_retire(self, "worker/eu/3", 5);
    s_expect_news(self, 5, ERR_STOPPED);
    s_place(self, "worker/eu/3", 5, RUN);
    s_expect_news(self, 5, ERR_STOPPED);
    s_expect_nothing(self);
    s_run(self, "worker/eu/3", 6);
    hosted_fini(self);
}

Test(hosted, of_another_incarnation_the_driver_has_nothing_to_say)
{
    hosted_t *self = s_new();
    s_run(self, "shard/eu/0", 5);
    cr_assert_not(hosted_ready(self, "shard/eu/0", 5), "it runs already");
    cr_assert_not(hosted_ready(self, "shard/eu/0", 4));
    cr_assert_not(hosted_ended(self, "shard/eu/0", 4, &s_finished, false).known);
    cr_assert_not(hosted_ended(self, "shard/eu/1", 5, &s_finished, false).known);
    cr_assert(hosted_ended(self, "shard/eu/0", 5, &s_finished, false).known);
    cr_assert_not(hosted_ended(self, "shard/eu/0", 5, &s_finished, false).known, "twice");
    hosted_fini(self);
}

/* Ended by its node it has failed only where it should have drained, and had something to lose. */
Test(hosted, who_is_ended_where_it_stands_has_failed_unless_the_job_is_done)
{
    for (int done = 0; done < 2; done++) {
        hosted_t *self = s_new();
        self->done = done;
        s_run(self, "shard/eu/0", 5);
        hosted_drain(self, hosted_lowest(self), S);
        s_expect(self, NODE_DRAIN, "shard/eu/0", 5);
        hosted_drain(self, hosted_lowest(self), S + NODE_DRAIN_US - 1);
        s_expect_nothing(self);
        cr_assert_eq(hosted_due(self), S + NODE_DRAIN_US);
        hosted_drain(self, hosted_lowest(self), S + NODE_DRAIN_US);
        s_expect(self, NODE_KILL, "shard/eu/0", 5);
        cr_assert_eq(hosted_due(self), ROLE_NEVER);
        cr_assert_eq(hosted_ended(self, "shard/eu/0", 5, &s_killed, true).failed, !done);
        hosted_fini(self);
    }
}

Test(hosted, those_of_the_lowest_rank_drain_and_who_serves_others_is_in_none)
{
    hosted_t *self = s_new();
    s_run(self, "keeper/eu/a", 1);
    s_run(self, "synchronizer/eu/0", 2);
    s_run(self, "shard/eu/0", 3);
    s_run(self, "worker/eu/0", 4);
    uint64_t living[NODE_ACTORS_MAX];
    cr_assert_eq(hosted_living(self, living), 4);
    static const char *const order[] = {"worker/eu/0", "shard/eu/0", "synchronizer/eu/0"};
    for (uint64_t i = 0; i < 3; i++) {
        hosted_drain(self, hosted_lowest(self), S);
        s_expect(self, NODE_DRAIN, order[i], 4 - i);
        s_expect_nothing(self);
        cr_assert_not(hosted_ended(self, order[i], 4 - i, &s_finished, true).failed);
    }
    cr_assert_eq(hosted_lowest(self), ROLE_STOPS_LAST);
    cr_assert(hosted_serves_others(self));
    cr_assert_eq(hosted_living(self, living), 1);
    hosted_fini(self);
}

Test(hosted, missing_is_who_never_ran_for_another_reason_than_room)
{
    const err_t full = {.code = ERR_FULL, .text = "no room"}, broken = {.code = ERR_MEMORY, .text = "none"};
    hosted_t *self = s_new();
    s_place(self, "shard/eu/0", 5, RUN);
    s_expect(self, NODE_START, "shard/eu/0", 5);
    hosted_ended(self, "shard/eu/0", 5, &full, false);
    s_expect_news(self, 5, ERR_FULL);
    s_run(self, "worker/eu/0", 6);
    hosted_ended(self, "worker/eu/0", 6, &broken, false);
    cr_assert_null(hosted_missing(self));
    s_place(self, "worker/eu/1", 7, RUN);
    hosted_ended(self, "worker/eu/1", 7, &broken, false);
    cr_assert_not_null(hosted_missing(self));
    cr_assert_str_eq(hosted_missing(self)->name, "worker/eu/1");
    hosted_fini(self);
}

Test(hosted, one_that_drains_for_too_long_is_ended_also_while_the_node_works)
{
    hosted_t *self = s_new();
    s_run(self, "worker/eu/0", 5);
    s_retire(self, "worker/eu/0", 5);
    s_expect(self, NODE_DRAIN, "worker/eu/0", 5);
    hosted_kill_late(self, S + NODE_DRAIN_US - 1);
    s_expect_nothing(self);
    hosted_kill_late(self, S + NODE_DRAIN_US);
    s_expect(self, NODE_KILL, "worker/eu/0", 5);
    hosted_kill_late(self, S + 2 * NODE_DRAIN_US);
    s_expect_nothing(self);
    hosted_fini(self);
}

Test(hosted, all_of_whom_there_is_something_to_tell_are_told_of)
{
    hosted_t *self = s_new();
    s_run(self, "shard/eu/0", 5);
    s_run(self, "worker/eu/0", 6);
    hosted_ended(self, "worker/eu/0", 6, &s_finished, false);
    s_expect_news(self, 6, ERR_STOPPED);
    s_place(self, "worker/eu/1", 7, RUN);
    hosted_tell_all(self);
    s_expect_news(self, 5, ERR_OK);
    s_expect_news(self, 6, ERR_STOPPED);
    cr_assert_null(outbox_take(&self->news), "one that starts");
    hosted_fini(self);
}
