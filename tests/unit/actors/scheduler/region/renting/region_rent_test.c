#include "actors/scheduler/region/renting/region_rent.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND ((int64_t)1000000)

static topology_region_t s_region = {
    .name = "eu",
    .offer_count = 2,
    .offers = {{.name = "small", .count = 4, .cores = 1, .power = 1, .price_per_s = 1},
               {.name = "big", .count = 2, .cores = 4, .power = 1, .price_per_s = 3}},
};

static region_rent_t *s_new(int64_t settle_us)
{
    region_rent_spec_t spec = {.region = &s_region, .patience_us = 60 * SECOND, .settle_us = settle_us};
    return region_rent_new(&spec, 0);
}

static void s_seen(region_rent_t *rent, const char *offer, const char *name, size_t shards, int64_t now_us)
{
    region_rent_node_t node = {.offer = offer, .name = name, .shards = shards, .works = true};
    region_rent_seen(rent, &node, now_us);
}

/* It is there, and has not computed anything yet. */
static void s_comes(region_rent_t *rent, const char *offer, const char *name, int64_t now_us)
{
    region_rent_node_t node = {.offer = offer, .name = name};
    region_rent_seen(rent, &node, now_us);
}

static void s_want(region_rent_t *rent, uint64_t small, uint64_t big, int64_t now_us)
{
    uint64_t units[] = {small, big};
    region_rent_want(rent, units, 2, false, now_us);
}

static void s_expect(region_rent_t *rent, rent_verb_t verb, const char *name)
{
    rent_command_t command;
    cr_assert(region_rent_take_command(rent, &command), "nothing is to be done, not %s", name);
    cr_assert_eq(command.verb, verb, "%s", command.name);
    cr_assert_str_eq(command.name, name);
    cr_assert_eq(strncmp(command.name, command.offer, strlen(command.offer)), 0);
}

static void s_expect_nothing(region_rent_t *rent)
{
    rent_command_t command;
    cr_assert_not(region_rent_take_command(rent, &command), "%s is to be done", command.name);
}

/* Two small ones that are there since 1 s; the first hosts the shards. */
static region_rent_t *s_pair(void)
{
    region_rent_t *rent = s_new(0);
    s_want(rent, 2, 0, 0);
    s_expect(rent, RENT_START, "small-0");
    s_expect(rent, RENT_START, "small-1");
    s_seen(rent, "small", "small-0", 2, SECOND);
    s_seen(rent, "small", "small-1", 0, SECOND);
    cr_assert_eq(region_rent_present(rent, 0), 2);
    return rent;
}

Test(rent, starts_what_is_wanted_and_returns_what_hosts_nothing_first)
{
    region_rent_t *rent = s_pair();
    s_want(rent, 1, 1, 2 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    s_expect_nothing(rent);
    s_comes(rent, "big", "big-0", 3 * SECOND);
    region_rent_tick(rent, 4 * SECOND);
    s_expect_nothing(rent);
    s_seen(rent, "big", "big-0", 0, 5 * SECOND);
    cr_assert_eq(region_rent_start_us(rent), 3 * SECOND, "from the command to the first work");
    region_rent_tick(rent, 5 * SECOND);
    s_expect(rent, RENT_RETURN, "small-1");
    s_expect_nothing(rent);
    region_rent_destroy(&rent);
}

/* ---- swaps ---- */

Test(rent, all_of_a_region_go_when_all_that_replace_them_work)
{
    region_rent_t *rent = s_pair();
    s_want(rent, 0, 2, 2 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    s_expect(rent, RENT_START, "big-1");
    cr_assert(region_rent_swaps(rent) && region_rent_coming(rent));
    s_seen(rent, "big", "big-0", 0, 3 * SECOND);
    s_comes(rent, "big", "big-1", 3 * SECOND);
    region_rent_tick(rent, 4 * SECOND);
    s_expect_nothing(rent);
    cr_assert_not(region_rent_coming(rent));
    s_seen(rent, "big", "big-1", 0, 5 * SECOND);
    region_rent_tick(rent, 5 * SECOND);
    s_expect(rent, RENT_RETURN, "small-1");
    s_expect(rent, RENT_RETURN, "small-0");
    s_expect_nothing(rent);
    cr_assert_not(region_rent_swaps(rent));
    region_rent_destroy(&rent);
}

Test(rent, what_is_there_stays_while_its_successor_does_not_come)
{
    region_rent_t *rent = s_pair();
    s_want(rent, 0, 1, 2 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    for (int64_t now_us = 3 * SECOND; now_us < 62 * SECOND; now_us += SECOND)
        region_rent_tick(rent, now_us);
    s_expect_nothing(rent);
    region_rent_tick(rent, 62 * SECOND);
    s_expect(rent, RENT_RETURN, "big-0"); /* whatever may still come of it */
    region_rent_tick(rent, 63 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    s_expect_nothing(rent);
    s_want(rent, 2, 0, 64 * SECOND); /* the planner has seen that it is not to be had */
    s_expect(rent, RENT_RETURN, "big-0");
    s_expect_nothing(rent);
    region_rent_destroy(&rent);
}

Test(rent, one_that_is_there_for_long_counts_though_nothing_was_computed_there)
{
    region_rent_t *rent = s_pair();
    s_want(rent, 1, 1, 2 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    s_comes(rent, "big", "big-0", 3 * SECOND);
    region_rent_tick(rent, 33 * SECOND - 1);
    s_expect_nothing(rent);
    region_rent_tick(rent, 33 * SECOND);
    s_expect(rent, RENT_RETURN, "small-1");
    region_rent_destroy(&rent);
}

Test(rent, one_that_dies_with_shards_comes_back_for_them_whatever_the_plan_wants)
{
    region_rent_t *rent = s_pair();
    s_want(rent, 0, 1, 2 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    region_rent_ended(rent, "small-1", 3 * SECOND); /* it hosted none: nobody misses it */
    region_rent_ended(rent, "small-0", 3 * SECOND);
    region_rent_tick(rent, 4 * SECOND);
    s_expect(rent, RENT_START, "small-0");
    s_expect_nothing(rent);
    char name[2 * TOPOLOGY_NAME_MAX];
    size_t at = 0;
    cr_assert(region_rent_missed(rent, &at, name));
    cr_assert_str_eq(name, "small-0");
    cr_assert_not(region_rent_missed(rent, &at, name));
    s_seen(rent, "small", "small-0", 2, 5 * SECOND);
    s_seen(rent, "big", "big-0", 0, 5 * SECOND);
    region_rent_tick(rent, 5 * SECOND);
    s_expect(rent, RENT_RETURN, "small-0");
    region_rent_ended(rent, "small-0", 6 * SECOND); /* before it has handed them over */
    region_rent_tick(rent, 8 * SECOND);
    s_expect(rent, RENT_START, "small-0");
    s_seen(rent, "small", "small-0", 2, 9 * SECOND);
    region_rent_tick(rent, 9 * SECOND);
    s_expect(rent, RENT_RETURN, "small-0");
    region_rent_hosts(rent, "small-0", 0);
    region_rent_ended(rent, "small-0", 10 * SECOND);
    region_rent_tick(rent, 60 * SECOND);
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_failures(rent), 3);
    region_rent_destroy(&rent);
}

Test(rent, one_whose_shards_run_elsewhere_is_not_missed)
{
    region_rent_t *rent = s_pair();
    s_want(rent, 0, 1, 2 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    region_rent_ended(rent, "small-0", 3 * SECOND);
    region_rent_hosts(rent, "small-0", 0);
    region_rent_tick(rent, 40 * SECOND);
    s_expect_nothing(rent);
    region_rent_destroy(&rent);
}

Test(rent, counts_from_the_command_to_the_end_of_the_node)
{
    region_rent_t *rent = s_pair();
    cr_assert_eq(region_rent_us(rent, 0, 3 * SECOND), 6 * SECOND);
    s_want(rent, 1, 0, 3 * SECOND);
    cr_assert_eq(region_rent_us(rent, 0, 5 * SECOND), 10 * SECOND, "one that leaves is paid for");
    s_expect(rent, RENT_RETURN, "small-1");
    region_rent_ended(rent, "small-1", 5 * SECOND);
    s_seen(rent, "small", "small-1", 0, 5 * SECOND + 1); /* said before it ended */
    cr_assert_eq(region_rent_us(rent, 0, 9 * SECOND), 14 * SECOND, "one that has left is not");
    cr_assert_eq(region_rent_failures(rent), 0);
    region_rent_destroy(&rent);
}

Test(rent, one_that_dies_is_rented_anew_in_growing_pauses)
{
    region_rent_t *rent = s_pair();
    int64_t now_us = 2 * SECOND, pause_us = SECOND;
    for (int i = 0; i < 4; i++, pause_us *= 2) {
        region_rent_ended(rent, "small-1", now_us);
        region_rent_tick(rent, now_us);
        s_expect_nothing(rent);
        cr_assert_eq(region_rent_due(rent), now_us + pause_us);
        now_us += pause_us;
        region_rent_tick(rent, now_us);
        s_expect(rent, RENT_START, "small-1");
        s_seen(rent, "small", "small-1", 0, ++now_us);
    }
    cr_assert_eq(region_rent_failures(rent), 4);
    region_rent_ended(rent, "small-1", now_us += 31 * SECOND);
    cr_assert_eq(region_rent_due(rent), now_us + SECOND, "it had been there for long");
    region_rent_destroy(&rent);
}

Test(rent, one_that_does_not_come_is_given_up_and_rented_anew)
{
    region_rent_t *rent = s_new(0);
    s_want(rent, 1, 0, 0);
    s_expect(rent, RENT_START, "small-0");
    region_rent_tick(rent, 60 * SECOND - 1);
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_due(rent), 60 * SECOND);
    region_rent_tick(rent, 60 * SECOND);
    s_expect(rent, RENT_RETURN, "small-0");
    region_rent_tick(rent, 61 * SECOND);
    s_expect(rent, RENT_START, "small-0");
    cr_assert_eq(region_rent_us(rent, 0, 61 * SECOND), 60 * SECOND);
    region_rent_destroy(&rent);
}

Test(rent, nothing_left_to_do_leaves_what_hosts_shards)
{
    region_rent_t *rent = s_pair();
    region_rent_work_done(rent, true);
    region_rent_tick(rent, 2 * SECOND);
    s_expect(rent, RENT_RETURN, "small-1");
    s_expect_nothing(rent);
    region_rent_ended(rent, "small-1", 3 * SECOND);
    region_rent_tick(rent, 4 * SECOND);
    s_expect_nothing(rent);
    region_rent_work_done(rent, false); /* a shard has lost something */
    region_rent_tick(rent, 5 * SECOND);
    s_expect(rent, RENT_START, "small-1");
    region_rent_destroy(&rent);
}

Test(rent, all_is_kept_until_the_end_where_the_plan_says_so)
{
    region_rent_t *rent = s_pair();
    region_rent_want(rent, (uint64_t[]){2, 0}, 2, true, SECOND);
    region_rent_work_done(rent, true);
    region_rent_tick(rent, 2 * SECOND);
    s_expect_nothing(rent);
    region_rent_stop(rent, 2 * SECOND);
    region_rent_ended(rent, "small-0", 3 * SECOND);
    region_rent_tick(rent, 30 * SECOND);
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_failures(rent), 0, "a run that stops ends its nodes");
    region_rent_destroy(&rent);
}

Test(rent, a_successor_waits_for_the_nodes_that_are_there)
{
    region_rent_t *rent = s_new(3 * SECOND);
    region_rent_restore(rent, (uint64_t[]){7000000, 0}, 2, 5);
    s_want(rent, 2, 0, 0);
    s_expect_nothing(rent);
    s_seen(rent, "small", "small-1", 0, SECOND);
    region_rent_tick(rent, 3 * SECOND);
    s_expect(rent, RENT_START, "small-0");
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_us(rent, 0, 4 * SECOND), 7 * SECOND + 3 * SECOND + SECOND);
    cr_assert_eq(region_rent_failures(rent), 5);
    region_rent_destroy(&rent);
}

Test(rent, strange_names_are_nobodys_units)
{
    region_rent_t *rent = s_new(0);
    s_want(rent, 1, 0, 0);
    s_expect(rent, RENT_START, "small-0");
    static const char *const names[] = {"small-", "small", "small-x", "smaller-1", "", "big-0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        s_seen(rent, "small", names[i], 0, SECOND);
    s_seen(rent, "huge", "huge-0", 0, SECOND);
    region_rent_ended(rent, "huge-0", SECOND);
    cr_assert_eq(region_rent_present(rent, 0), 0);
    region_rent_destroy(&rent);
}

Test(rent, a_successor_starts_what_has_the_shards_though_the_plan_wants_others)
{
    region_rent_t *rent = s_pair();
    s_want(rent, 0, 1, 2 * SECOND);
    message_t *state = message_new(KIND_region_state, "scheduler/eu", "scheduler/eu");
    region_rent_put(rent, state, 3 * SECOND);
    region_rent_destroy(&rent);
    rent = s_new(3 * SECOND);
    region_rent_take(rent, state, 0);
    message_destroy(&state);
    s_want(rent, 0, 1, 0);
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_us(rent, 0, 3 * SECOND), 0, "it is gone, and not paid for");
    region_rent_tick(rent, 3 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    s_expect(rent, RENT_START, "small-0");
    s_expect_nothing(rent);
    region_rent_destroy(&rent);
}

/* ---- machines of their own ---- */

static region_rent_t *s_machines(int64_t now_us)
{
    region_rent_spec_t spec = {.region = &s_region, .patience_us = 60 * SECOND, .outlive = true};
    return region_rent_new(&spec, now_us);
}

static void s_aged(region_rent_t *rent, const char *name, int64_t age_us, int64_t now_us)
{
    region_rent_node_t node = {.offer = "small", .name = name, .works = true, .age_us = age_us};
    region_rent_seen(rent, &node, now_us);
}

/* A successor by a clock that may be another one takes over at `now_us`. */
static region_rent_t *s_succeed(region_rent_t **rent_p, uint64_t small, int64_t then_us, int64_t now_us)
{
    message_t *state = message_new(KIND_region_state, "scheduler/eu", "scheduler/eu");
    uint64_t rented[] = {(uint64_t)region_rent_us(*rent_p, 0, then_us), 0};
    region_rent_put(*rent_p, state, then_us);
    region_rent_t *next = s_machines(now_us);
    region_rent_restore(next, rented, 2, region_rent_failures(*rent_p));
    region_rent_take(next, state, now_us);
    cr_assert_eq(region_rent_us(next, 0, now_us), rented[0], "nothing is lost, nothing counts twice");
    s_want(next, small, 0, now_us);
    message_destroy(&state);
    region_rent_destroy(rent_p);
    return next;
}

Test(rent, a_successor_takes_over_machines_and_pays_for_the_time_between)
{
    region_rent_t *rent = s_machines(0);
    s_want(rent, 3, 0, 0);
    for (int i = 0; i < 3; i++) {
        rent_command_t command;
        cr_assert(region_rent_take_command(rent, &command) && command.verb == RENT_START);
    }
    s_aged(rent, "small-0", SECOND, 3 * SECOND); /* 2 s from the command to the process */
    s_aged(rent, "small-1", SECOND, 5 * SECOND);
    int64_t now_us = 1000 * SECOND; /* 20 s later, by a clock that says something else */
    rent = s_succeed(&rent, 3, 10 * SECOND, now_us);
    s_expect_nothing(rent);
    s_aged(rent, "small-0", 9 * SECOND, now_us + SECOND);  /* was on its way when nobody listened */
    s_aged(rent, "small-0", 28 * SECOND, now_us + SECOND); /* it was 8 s old then; 21 s have passed */
    cr_assert_eq(region_rent_present(rent, 0), 1);
    cr_assert_eq(region_rent_us(rent, 0, now_us + SECOND), (30 + 11 + 11) * SECOND);
    s_aged(rent, "small-2", 4 * SECOND, now_us + SECOND); /* was on its way, and is there */
    region_rent_tick(rent, now_us + 10 * SECOND - 1);
    s_expect_nothing(rent);
    region_rent_tick(rent, now_us + 10 * SECOND); /* the other one is not there any more */
    s_expect(rent, RENT_CLEAR, "small-1");
    s_expect_nothing(rent);
    region_rent_tick(rent, now_us + 12 * SECOND);
    s_expect(rent, RENT_START, "small-1");
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_failures(rent), 1);
    region_rent_destroy(&rent);
}

Test(rent, a_successor_goes_on_waiting_for_a_machine_that_is_on_its_way)
{
    region_rent_t *rent = s_machines(0);
    s_want(rent, 1, 0, 0);
    s_expect(rent, RENT_START, "small-0");
    rent = s_succeed(&rent, 1, SECOND, 2 * SECOND);
    region_rent_refused(rent, "small-0", 3 * SECOND); /* nobody's command: it was not run by this one */
    region_rent_tick(rent, 61 * SECOND);
    s_expect_nothing(rent);
    region_rent_tick(rent, 62 * SECOND);
    s_expect(rent, RENT_CLEAR, "small-0");
    region_rent_destroy(&rent);
}

Test(rent, a_successor_returns_what_was_being_returned)
{
    region_rent_t *rent = s_machines(0);
    s_want(rent, 1, 0, 0);
    s_expect(rent, RENT_START, "small-0");
    s_aged(rent, "small-0", 0, SECOND);
    s_want(rent, 0, 0, 2 * SECOND);
    s_expect(rent, RENT_RETURN, "small-0");
    rent = s_succeed(&rent, 0, 3 * SECOND, 4 * SECOND);
    s_expect(rent, RENT_CLEAR, "small-0"); /* whether its node is there is not known */
    region_rent_given_back(rent, "small-0", 5 * SECOND);
    cr_assert_eq(region_rent_us(rent, 0, 9 * SECOND), 4 * SECOND);
    region_rent_destroy(&rent);
}

Test(rent, machines_are_cleared_away_however_they_end)
{
    region_rent_t *rent = s_machines(0);
    s_want(rent, 4, 0, 0);
    for (int i = 0; i < 4; i++) {
        rent_command_t command;
        cr_assert(region_rent_take_command(rent, &command));
    }
    s_aged(rent, "small-0", 0, SECOND);
    s_aged(rent, "small-1", 0, SECOND);
    region_rent_refused(rent, "small-2", SECOND); /* its command failed */
    s_expect(rent, RENT_CLEAR, "small-2");
    region_rent_refused(rent, "small-0", SECOND); /* but its node is there */
    s_expect_nothing(rent);
    region_rent_ended(rent, "small-1", 2 * SECOND); /* died */
    s_expect(rent, RENT_CLEAR, "small-1");
    region_rent_stop(rent, 2 * SECOND);
    s_expect(rent, RENT_CLEAR, "small-3");          /* on its way */
    region_rent_ended(rent, "small-0", 3 * SECOND); /* the end of the run */
    s_expect(rent, RENT_CLEAR, "small-0");
    region_rent_given_back(rent, "small-0", 4 * SECOND);
    region_rent_given_back(rent, "small-3", 5 * SECOND);
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_us(rent, 0, 9 * SECOND), (3 + 2 + 1 + 5) * SECOND);
    region_rent_destroy(&rent);
}

Test(rent, a_machine_that_is_returned_is_paid_for_until_its_node_has_ended)
{
    region_rent_t *rent = s_machines(0);
    s_want(rent, 2, 0, 0);
    s_expect(rent, RENT_START, "small-0");
    s_expect(rent, RENT_START, "small-1");
    s_aged(rent, "small-0", 0, SECOND);
    s_want(rent, 0, 0, 2 * SECOND);
    s_expect(rent, RENT_CLEAR, "small-1"); /* it never came */
    s_expect(rent, RENT_RETURN, "small-0");
    region_rent_given_back(rent, "small-0", 3 * SECOND); /* too early: its node is still heard */
    region_rent_given_back(rent, "small-1", 3 * SECOND);
    cr_assert_eq(region_rent_us(rent, 0, 4 * SECOND), (4 + 3) * SECOND);
    region_rent_ended(rent, "small-0", 5 * SECOND);
    s_expect_nothing(rent);
    cr_assert_eq(region_rent_us(rent, 0, 9 * SECOND), (5 + 3) * SECOND);
    region_rent_destroy(&rent);
}

Test(rent, a_successor_returns_nothing_before_what_replaces_it_works)
{
    region_rent_t *rent = s_machines(0);
    s_want(rent, 1, 0, 0);
    s_expect(rent, RENT_START, "small-0");
    s_aged(rent, "small-0", 0, SECOND);
    rent = s_succeed(&rent, 1, 3 * SECOND, 4 * SECOND);
    s_want(rent, 0, 1, 4 * SECOND);
    s_expect(rent, RENT_START, "big-0");
    s_expect_nothing(rent);
    s_aged(rent, "small-0", 3 * SECOND, 5 * SECOND);
    s_seen(rent, "big", "big-0", 0, 6 * SECOND);
    region_rent_tick(rent, 6 * SECOND);
    s_expect(rent, RENT_RETURN, "small-0");
    region_rent_destroy(&rent);
}
