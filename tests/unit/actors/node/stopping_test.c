/* How a node ends, with whom it hosts and without a node: the order is in hosted_test.c. */
#include "actors/node/stopping.h"

#include <criterion/criterion.h>

#include <string.h>

#define S ((int64_t)1000000)

static hosted_t *s_hosts(const char *actor)
{
    static hosted_t hosted;
    hosted_init(&hosted, "node/eu/a", 7);
    message_t *place = message_new(KIND_place, "node/eu/a", "scheduler/eu");
    message_set_name(place->place.actor, actor);
    place->place.incarnation = 5;
    place->place.run = 7;
    if (actor[0])
        hosted_place(&hosted, place);
    message_destroy(&place);
    return &hosted;
}

Test(stopping, says_that_it_has_stopped_when_nobody_is_left_and_again_until_a_bye)
{
    stopping_t self = {0};
    hosted_t *hosted = s_hosts("worker/eu/0");
    hosted_ready(hosted, "worker/eu/0", 5);
    stopping_begin(&self);
    cr_assert_not(stopping_go_on(&self, hosted, S), "somebody lives");
    cr_assert_eq(stopping_due(&self), ROLE_NEVER);
    hosted_ended(hosted, "worker/eu/0", 5, &(err_t){0}, true);
    cr_assert(stopping_go_on(&self, hosted, S));
    cr_assert_eq(self.life, NODE_STOPPED);
    cr_assert_not(stopping_go_on(&self, hosted, S + 1), "a moment ago");
    cr_assert(stopping_go_on(&self, hosted, stopping_due(&self)));
    cr_assert_not(stopping_go_on(&self, hosted, S + NODE_BYE_US));
    cr_assert(self.finished && !self.released && !self.failure.code);
    cr_assert_eq(stopping_due(&self), ROLE_NEVER);
    hosted_fini(hosted);
}

Test(stopping, waits_longer_for_a_bye_where_somebody_serves_other_nodes)
{
    stopping_t self = {0};
    hosted_t *hosted = s_hosts("keeper/eu/a");
    stopping_begin(&self);
    cr_assert(stopping_go_on(&self, hosted, S));
    stopping_go_on(&self, hosted, S + NODE_BYE_US);
    cr_assert_not(self.finished);
    stopping_go_on(&self, hosted, S + NODE_DRAIN_US);
    cr_assert(self.finished);
    hosted_fini(hosted);
}

Test(stopping, of_failures_the_first_counts_and_who_was_missing_is_one_unless_the_job_is_done)
{
    const err_t why = {.code = ERR_MEMORY, .text = "none"};
    for (int done = 0; done < 2; done++) {
        stopping_t self = {0};
        hosted_t *hosted = s_hosts("worker/eu/0");
        hosted_ended(hosted, "worker/eu/0", 5, &why, false);
        hosted->done = done;
        stopping_begin(&self);
        cr_assert(stopping_go_on(&self, hosted, S));
        cr_assert_eq(self.failure.code, done ? ERR_OK : ERR_MEMORY);
        stopping_fail(&self, "shard/eu/0", &(err_t){.code = ERR_IO, .text = "later"});
        cr_assert_eq(self.failure.code, done ? ERR_IO : ERR_MEMORY);
        cr_assert(strstr(self.failure.text, done ? "shard/eu/0" : "worker/eu/0"), "%s", self.failure.text);
        hosted_fini(hosted);
    }
}

Test(stopping, one_that_leaves_and_of_which_nobody_takes_care_is_forgotten)
{
    stopping_t self = {.scheduler_us = S, .changed_us = S};
    cr_assert_not(stopping_is_forgotten(&self, 2 * S + NODE_LEAVE_PATIENCE_US), "it does not leave");
    self.leaving = true;
    cr_assert_not(stopping_is_forgotten(&self, S + NODE_LEAVE_SILENCE_US - 1));
    cr_assert(stopping_is_forgotten(&self, S + NODE_LEAVE_SILENCE_US), "of no scheduler");
    self.scheduler_us = S + NODE_LEAVE_PATIENCE_US;
    cr_assert(stopping_is_forgotten(&self, S + NODE_LEAVE_PATIENCE_US), "nothing changes");
}

Test(stopping, one_without_a_broker_is_alone_after_its_time_and_says_what_to_do)
{
    stopping_t self = {.broker_us = S};
    cr_assert_not(stopping_is_alone(&self, "eu", 0, 1000 * S), "for ever");
    cr_assert_not(stopping_is_alone(&self, "eu", 10 * S, 11 * S - 1));
    cr_assert(stopping_is_alone(&self, "eu", 10 * S, 11 * S));
    cr_assert_eq(self.failure.code, ERR_TIMEOUT);
    cr_assert(strstr(self.failure.text, "region eu") && strstr(self.failure.text, "start this node again"));
}
