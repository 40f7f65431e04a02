#include "actors/scheduler/global/global_core.h"
#include "actors/scheduler/global/global_cost.h"
#include "actors/scheduler/global/global_plan.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECOND ((int64_t)1000000)
#define CORES 12

/* Two regions of twelve cores, 600 samples/s each; 120,000 samples: with all of them 100 s and more. */
static topology_t s_topology;
static global_plan_with_t s_with;

static void s_setup(objective_t objective)
{
    memset(&s_topology, 0, sizeof s_topology);
    s_topology.job.sync.strategy = STRATEGY_ASGD_GA;
    s_topology.job.sync.every = 8;
    s_topology.job.epochs = 10;
    s_topology.job.batch = 10;
    s_topology.plan.objective = objective;
    s_topology.plan.rent_patience_us = 60 * SECOND;
    s_topology.region_count = 2;
    for (size_t r = 0; r < 2; r++) {
        topology_region_t *region = &s_topology.regions[r];
        snprintf(region->name, sizeof region->name, "r%zu", r);
        region->data_share = region->shards = 1;
        region->offer_count = 1;
        region->offers[0] =
            (topology_offer_t){.name = "core", .count = CORES, .cores = 1, .power = 1, .price_per_s = 1};
    }
    s_topology.links[0] =
        (topology_link_t){.between = {0, 1}, .rate_bytes_per_s = 10000000, .price_per_gb = 1};
    s_topology.link_count = 1;
    s_with = (global_plan_with_t){.samples_per_s = 50, .delta_bytes = 1000, .start_s = 2};
    cr_assert_eq(job_derive(&s_topology, 12000, &s_with.job, NULL), ERR_OK);
}

static global_plan_t *s_new(void)
{
    global_plan_t *plan = NULL;
    err_t err = {0};
    cr_assert_eq(global_plan_new(&s_topology, &s_with, 0, &plan, &err), ERR_OK, "%s", err.text);
    return plan;
}

typedef struct {
    uint64_t done, units;
    double speed; /* of its cores beside what was assumed */
    uint64_t sent, rate;
    int64_t start_us; /* of what was rented, as measured */
} state_t;

static void s_tell(global_plan_t *plan, size_t region, state_t state, int64_t now_us)
{
    message_t *report = message_new(KIND_region_report, "scheduler/global", "scheduler/r0");
    report->region_report.placed = true;
    report->region_report.rent_start_us = state.start_us;
    report->region_report.samples = report->region_report.computed = state.done;
    report->region_report.core_s = (double)state.done / (50 * state.speed);
    message_set_rows(&report->region_report.offers, 1);
    message_set_rows(&report->region_report.links, 2);
    report->region_report.offers.items[0].units = state.units;
    report->region_report.links.items[!region] = (region_report_links_t){state.sent, state.rate};
    global_plan_report(plan, region, report, now_us);
    message_destroy(&report);
}

/* Both regions report every second from `from_s` on, doing `rate` samples/s each; stops when there is
 * another plan. */
static int64_t s_go(global_plan_t *plan, const state_t states[2], int from_s, int to_s)
{
    for (int s = from_s; s <= to_s; s++) {
        for (size_t r = 0; r < 2; r++) {
            state_t state = states[r];
            state.done *= (uint64_t)s;
            state.sent *= (uint64_t)s;
            s_tell(plan, r, state, s * SECOND);
        }
        if (global_plan_tick(plan, s * SECOND))
            return s * SECOND;
    }
    return -1;
}

static uint64_t s_units(const global_plan_t *plan, size_t region)
{
    return global_plan_newest(plan)->units[region][0];
}

static const char *s_reason(const global_plan_t *plan)
{
    static char reason[GLOBAL_PLAN_REASON_MAX];
    return global_plan_reason(global_plan_newest(plan), &s_topology, reason);
}

Test(global_plan, stays_while_all_goes_as_assumed)
{
    s_setup(OBJECTIVE_MATCH);
    s_topology.regions[1].offers[0].power = 0.5;
    global_plan_t *plan = s_new();
    cr_assert_eq(s_units(plan, 0), 6);
    cr_assert_eq(s_units(plan, 1), CORES);
    cr_assert_str_eq(s_reason(plan), "the run begins");
    state_t states[2] = {{.done = 300, .units = 6, .speed = 1}, {.done = 300, .units = CORES, .speed = 1}};
    cr_assert_eq(s_go(plan, states, 1, 180), -1, "%s", s_reason(plan));
    global_plan_destroy(&plan);
}

Test(global_plan, follows_a_region_that_is_slower_than_assumed)
{
    s_setup(OBJECTIVE_MATCH);
    global_plan_t *plan = s_new();
    cr_assert_eq(s_units(plan, 0), CORES);
    state_t states[2] = {{.done = 600, .units = CORES, .speed = 1},
                         {.done = 300, .units = CORES, .speed = 0.5}};
    int64_t at_us = s_go(plan, states, 1, 60);
    cr_assert_gt(at_us, 0, "no new plan");
    cr_assert_lt(s_units(plan, 0), 7);
    cr_assert_eq(s_units(plan, 1), CORES);
    cr_assert_str_eq(s_reason(plan), "r1 has 0.50 of the speed that was assumed");
    cr_assert_eq(global_plan_number(plan), 2);
    cr_assert_eq(s_go(plan, states, (int)(at_us / SECOND) + 1, (int)(at_us / SECOND) + 8), -1,
                 "it goes to and fro");
    global_plan_destroy(&plan);
}

Test(global_plan, a_little_is_not_worth_a_change)
{
    s_setup(OBJECTIVE_MATCH);
    global_plan_t *plan = s_new();
    state_t states[2] = {{.done = 600, .units = CORES, .speed = 1},
                         {.done = 570, .units = CORES, .speed = 0.95}};
    cr_assert_eq(s_go(plan, states, 1, 30), -1, "%s", s_reason(plan));
    global_plan_destroy(&plan);
}

Test(global_plan, the_end_is_too_near_for_a_change)
{
    s_setup(OBJECTIVE_FASTEST);
    global_plan_t *plan = s_new();
    s_topology.regions[0].offers[0].count = s_topology.regions[1].offers[0].count = 2 * CORES;
    global_plan_reread(plan);
    state_t states[2] = {{.done = 59500, .units = CORES, .speed = 1},
                         {.done = 59500, .units = CORES, .speed = 1}};
    cr_assert_eq(s_go(plan, states, 1, 1), -1, "started nodes would come when all is done");
    global_plan_destroy(&plan);
}

Test(global_plan, a_price_that_changed_changes_the_plan)
{
    s_setup(OBJECTIVE_CHEAPEST);
    for (size_t r = 0; r < 2; r++) {
        s_topology.regions[r].offers[1] =
            (topology_offer_t){.name = "other", .count = CORES, .cores = 1, .power = 1, .price_per_s = 2};
        s_topology.regions[r].offer_count = 2;
    }
    global_plan_t *plan = s_new();
    cr_assert_gt(s_units(plan, 0), 0);
    s_topology.regions[0].offers[0].price_per_s = 5;
    global_plan_reread(plan);
    state_t states[2] = {{.done = 10, .units = s_units(plan, 0), .speed = 1},
                         {.done = 10, .units = s_units(plan, 1), .speed = 1}};
    cr_assert_eq(s_go(plan, states, 1, 1), SECOND, "it is looked at as soon as all are known");
    cr_assert_eq(s_units(plan, 0), 0);
    cr_assert_gt(global_plan_newest(plan)->units[0][1], 0);
    cr_assert_str_eq(s_reason(plan), "prices, offers or links in the topology have changed");
    global_plan_destroy(&plan);
}

/* ---- what a change must gain, and what it takes ---- */

/* One unit of a region computes for 1200 s at a price of 1; another one of an offer that is as strong
 * costs twice as much. */
static void s_two_offers(objective_t objective)
{
    s_setup(objective);
    for (size_t r = 0; r < 2; r++) {
        s_topology.regions[r].offers[1] = s_topology.regions[r].offers[0];
        s_topology.regions[r].offers[1].price_per_s = 2;
        s_topology.regions[r].offers[0].count = s_topology.regions[r].offers[1].count = 1;
        s_topology.regions[r].offer_count = 2;
    }
}

/* Then the other one is cheaper by `part`. */
static global_plan_t *s_cheaper_by(double part)
{
    s_two_offers(OBJECTIVE_CHEAPEST);
    global_plan_t *plan = s_new();
    cr_assert_eq(s_units(plan, 0), 1);
    for (size_t r = 0; r < 2; r++)
        s_topology.regions[r].offers[1].price_per_s = 1 - part;
    global_plan_reread(plan);
    return plan;
}

static bool s_swaps(global_plan_t *plan, int64_t start_us)
{
    state_t state = {.done = 10, .units = 1, .speed = 1, .start_us = start_us};
    return s_go(plan, (state_t[]){state, state}, 1, 1) > 0;
}

Test(global_plan, three_parts_in_a_hundred_of_the_cost_are_worth_a_change_and_less_is_not)
{
    static const struct {
        double part;
        bool swaps;
    } rows[] = {{0.001, false}, {0.01, false}, {0.028, false}, {0.04, true}, {0.1, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        global_plan_t *plan = s_cheaper_by(rows[i].part);
        cr_assert_eq(s_swaps(plan, 0), rows[i].swaps, "%g", rows[i].part);
        global_plan_destroy(&plan);
    }
}

Test(global_plan, three_parts_in_a_hundred_of_the_time_are_worth_a_change_and_less_is_not)
{
    static const struct {
        uint64_t more; /* cores beside 50 */
        bool swaps;
    } rows[] = {{1, false}, {2, true}, {5, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s_setup(OBJECTIVE_FASTEST);
        s_with.samples_per_s = 2;
        s_topology.regions[0].offers[0].count = s_topology.regions[1].offers[0].count = 50;
        global_plan_t *plan = s_new();
        s_topology.regions[0].offers[0].count = s_topology.regions[1].offers[0].count = 50 + rows[i].more;
        global_plan_reread(plan);
        state_t state = {.done = 10, .units = 50, .speed = 25};
        cr_assert_eq(s_go(plan, (state_t[]){state, state}, 1, 1) > 0, rows[i].swaps, "%d", (int)rows[i].more);
        global_plan_destroy(&plan);
    }
}

/* Both are paid for while the new one starts, and the old one computes; then it hands over, and nobody
 * does. */
Test(global_plan, a_swap_costs_its_overlap)
{
    global_plan_t *plan = s_cheaper_by(0.5);
    cr_assert(s_swaps(plan, 60 * SECOND));
    const global_plan_entry_t *entry = global_plan_newest(plan);
    double rest_s = 59990 / 50.0, start_s = 60, hand_s = 1;
    cr_assert_float_eq(entry->predicted_s, 1 + rest_s + hand_s, 0.01);
    double both = start_s * (1 + 0.5) + hand_s * (1 + 0.5), alone = (rest_s - start_s) * 0.5;
    cr_assert_float_eq(entry->predicted_cost, 2 * (both + alone), 0.01, "%g", entry->predicted_cost);
    global_plan_destroy(&plan);
}

Test(global_plan, a_swap_that_starts_slowly_does_not_pay)
{
    static const struct {
        int start_s;
        bool swaps;
    } rows[] = {{2, true}, {200, true}, {400, false}, {2000, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        global_plan_t *plan = s_cheaper_by(0.3);
        cr_assert_eq(s_swaps(plan, rows[i].start_s * SECOND), rows[i].swaps, "%d s", rows[i].start_s);
        global_plan_destroy(&plan);
    }
}

/* Handing over takes a second, which is little of a hundred and much of thirty. */
Test(global_plan, match_is_not_slower_for_money)
{
    for (int near = 0; near < 2; near++) {
        s_setup(OBJECTIVE_MATCH);
        topology_region_t *region = &s_topology.regions[0];
        region->offers[1] = region->offers[0];
        region->offers[1].price_per_s = 2;
        region->offer_count = 2;
        global_plan_t *plan = s_new();
        cr_assert_eq(s_units(plan, 0), CORES);
        region->offers[1].price_per_s = 0.5;
        global_plan_reread(plan);
        state_t state = {.done = near ? 42000 : 0, .units = CORES, .speed = 1};
        cr_assert_eq(s_go(plan, (state_t[]){state, state}, 1, 1) > 0, !near);
        global_plan_destroy(&plan);
    }
}

/* Whoever would be done in time stays, if handing over took too long: however cheap. */
Test(global_plan, a_swap_that_misses_the_deadline_is_none)
{
    static const struct {
        double deadline_s;
        bool swaps;
    } rows[] = {{1202.5, false}, {1210, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s_two_offers(OBJECTIVE_DEADLINE);
        s_topology.plan.deadline_us = (int64_t)(rows[i].deadline_s * 1e6);
        global_plan_t *plan = s_new();
        cr_assert_eq(global_plan_newest(plan)->units[0][1], 0);
        for (size_t r = 0; r < 2; r++)
            s_topology.regions[r].offers[1].price_per_s = 0.5;
        global_plan_reread(plan);
        state_t state = {.units = 1, .speed = 1};
        cr_assert_eq(s_go(plan, (state_t[]){state, state}, 2, 2) > 0, rows[i].swaps, "%g",
                     rows[i].deadline_s);
        global_plan_destroy(&plan);
    }
}

/* A hundred seconds in which nothing was done are gone from the deadline, and what was paid for them from
 * the budget. */
Test(global_plan, what_has_passed_and_was_spent_counts)
{
    static const objective_t objectives[] = {OBJECTIVE_DEADLINE, OBJECTIVE_BUDGET};
    for (size_t i = 0; i < 2; i++) {
        s_two_offers(objectives[i]);
        s_topology.plan.deadline_us = 1205 * SECOND;
        s_topology.plan.budget = 4000; /* both for 600 s are 3600, the cheap one for 1200 s is 2400 */
        global_plan_t *plan = s_new();
        cr_assert_eq(global_plan_newest(plan)->units[0][1], i, "the other one as well, where there is money");
        global_plan_spent(plan, 2000);
        state_t state = {.units = 1, .speed = 1};
        cr_assert_gt(s_go(plan, (state_t[]){state, state}, 100, 100), 0);
        cr_assert_eq(s_units(plan, 0), 1);
        cr_assert_eq(global_plan_newest(plan)->units[0][1], !i);
        global_plan_destroy(&plan);
    }
}

/* Its machines may host what others need. */
Test(global_plan, a_region_that_is_done_keeps_what_it_has)
{
    s_setup(OBJECTIVE_MATCH);
    global_plan_t *plan = s_new();
    state_t states[2] = {{.done = 10000, .units = CORES, .speed = 1},
                         {.done = 600, .units = CORES, .speed = 1}};
    cr_assert_eq(s_go(plan, states, 6, 6), -1, "%s", s_reason(plan));
    cr_assert_eq(s_units(plan, 0), CORES);
    global_plan_destroy(&plan);
}

Test(global_plan, what_does_not_come_is_done_without)
{
    s_setup(OBJECTIVE_MATCH);
    global_plan_t *plan = s_new();
    state_t states[2] = {{.done = 100, .units = CORES, .speed = 1}, {.done = 100, .units = 4, .speed = 1}};
    int64_t at_us = s_go(plan, states, 1, 120);
    cr_assert_geq(at_us, 60 * SECOND, "before its time");
    cr_assert_str_eq(s_reason(plan), "r1 lacks nodes that were there or rented");
    cr_assert_eq(s_units(plan, 1), 4);
    cr_assert_leq(s_units(plan, 0), 4);
    global_plan_destroy(&plan);
}

Test(global_plan, a_link_that_is_slower_counts_where_it_is_busy)
{
    s_setup(OBJECTIVE_FASTEST);
    s_with.delta_bytes = 500000; /* 75 rounds an epoch: 3.75 s each at 10 MB/s, computing 10 s */
    for (int busy = 0; busy < 2; busy++) {
        global_plan_t *plan = s_new();
        state_t states[2] = {{.done = 200, .units = CORES, .speed = 1, .rate = 1000000},
                             {.done = 200, .units = CORES, .speed = 1, .rate = 1000000}};
        states[0].sent = states[1].sent = busy ? 900000 : 300000;
        int64_t at_us = s_go(plan, states, 1, 30);
        cr_assert_eq(at_us > 0, busy == 1, "%s", s_reason(plan));
        if (busy) {
            cr_assert_lt(s_units(plan, 0), CORES, "computing faster than is sent is paid for nothing");
            cr_assert_str_eq(s_reason(plan), "r0 has 0.10 of the rate that its links were assumed to have");
        }
        global_plan_destroy(&plan);
    }
}

/* Each end has measured it; what it carries one way does not help the other. */
Test(global_plan, of_a_link_the_slower_end_counts)
{
    for (size_t slow = 0; slow < 2; slow++) {
        s_setup(OBJECTIVE_FASTEST);
        s_with.delta_bytes = 500000;
        global_plan_t *plan = s_new();
        state_t state = {.done = 200, .units = CORES, .speed = 1, .rate = 9000000, .sent = 8000000};
        state_t states[2] = {state, state};
        states[slow].rate = 1000000;
        states[slow].sent = 900000;
        cr_assert_gt(s_go(plan, states, 1, 30), 0, "%d", (int)slow);
        cr_assert_lt(s_units(plan, 0), CORES);
        global_plan_destroy(&plan);
    }
}

Test(global_plan, a_deadline_that_is_missed_rents_more)
{
    s_setup(OBJECTIVE_DEADLINE);
    s_topology.plan.deadline_us = 220 * SECOND;
    global_plan_t *plan = s_new();
    uint64_t before = s_units(plan, 0);
    cr_assert_lt(before, CORES);
    state_t states[2] = {{.done = 25 * before, .units = before, .speed = 0.5},
                         {.done = 50 * before, .units = before, .speed = 1}};
    cr_assert_gt(s_go(plan, states, 1, 60), 0);
    cr_assert_gt(s_units(plan, 0), before);
    global_plan_destroy(&plan);
}

Test(global_plan, an_impossible_limit_begins_with_the_nearest)
{
    s_setup(OBJECTIVE_DEADLINE);
    s_topology.plan.deadline_us = SECOND;
    global_plan_t *plan = s_new();
    cr_assert_eq(s_units(plan, 0), CORES);
    global_plan_destroy(&plan);
}

Test(global_plan, a_successor_goes_on_with_the_plan_and_its_story)
{
    s_setup(OBJECTIVE_MATCH);
    global_plan_t *plan = s_new();
    state_t states[2] = {{.done = 600, .units = CORES, .speed = 1},
                         {.done = 300, .units = CORES, .speed = 0.5}};
    cr_assert_gt(s_go(plan, states, 1, 60), 0);
    message_t *kept = message_new(KIND_global_state, "scheduler/global", "scheduler/global");
    global_plan_put(plan, 61 * SECOND, kept);
    global_plan_t *successor = s_new();
    global_plan_take(successor, kept, 1000 * SECOND);
    cr_assert_eq(global_plan_number(successor), 2);
    cr_assert_eq(global_plan_count(successor), 2);
    cr_assert_eq(s_units(successor, 0), s_units(plan, 0));
    cr_assert_eq(global_plan_age_us(successor, 1000 * SECOND), 61 * SECOND);
    cr_assert_str_eq(s_reason(successor), "r1 has 0.50 of the speed that was assumed");
    kept->global_state.plans_units.count--; /* of another topology */
    global_plan_t *other = s_new();
    global_plan_take(other, kept, 0);
    cr_assert_eq(global_plan_number(other), 1);
    message_destroy(&kept);
    global_plan_destroy(&plan);
    global_plan_destroy(&successor);
    global_plan_destroy(&other);
}

/* ---- cost ---- */

static message_t *s_used(uint64_t rented_us, uint64_t sent)
{
    message_t *report = message_new(KIND_region_report, "scheduler/global", "scheduler/r0");
    message_set_rows(&report->region_report.offers, 1);
    message_set_rows(&report->region_report.links, 2);
    report->region_report.offers.items[0].rented_us = rented_us;
    report->region_report.links.items[1].sent_bytes = sent;
    return report;
}

Test(global_cost, what_was_used_before_a_price_changed_is_paid_at_the_old_one)
{
    s_setup(OBJECTIVE_MATCH);
    global_paid_t paid = {0}, taken = {0};
    message_t *before = s_used(10 * (uint64_t)SECOND, 2000000000),
              *after = s_used(15 * (uint64_t)SECOND, 3000000000);
    cr_assert_float_eq(global_cost(&s_topology, 0, &paid, before).total, 10 * 1 + 2 * 1, 1e-9);
    global_cost_settle(&s_topology, 0, &paid, before);
    s_topology.regions[0].offers[0].price_per_s = 3;
    s_topology.links[0].price_per_gb = 7;
    cr_assert_float_eq(global_cost(&s_topology, 0, &paid, before).total, 12, 1e-9);
    message_t *state = message_new(KIND_global_state, "scheduler/global", "scheduler/global");
    message_set_rows(&state->global_state.regions, 1);
    global_cost_put(&paid, state);
    global_cost_take(&taken, 1, state);
    message_destroy(&state);
    global_cost_t cost = global_cost(&s_topology, 0, &taken, after);
    cr_assert_float_eq(cost.rent, 10 + 5 * 3, 1e-9);
    cr_assert_float_eq(cost.wan, 2 + 1 * 7, 1e-9);
    cr_assert_float_eq(cost.rented_s, 15, 1e-9);
    cr_assert_float_eq(global_cost(&s_topology, 0, &taken, NULL).total, 12, 1e-9);
    message_destroy(&before);
    message_destroy(&after);
}

/* A region whose state was lost counts from nothing again: what it had counted before stays paid. */
Test(global_cost, a_count_that_went_back_begins_anew)
{
    s_setup(OBJECTIVE_MATCH);
    global_paid_t paid = {0};
    message_t *before = s_used(10 * (uint64_t)SECOND, 2000000000),
              *after = s_used(4 * (uint64_t)SECOND, 1000000000);
    global_cost_settle(&s_topology, 0, &paid, before);
    global_cost_t cost = global_cost(&s_topology, 0, &paid, after);
    cr_assert_float_eq(cost.rent, 10 + 4, 1e-9, "%g", cost.rent);
    cr_assert_float_eq(cost.wan, 2 + 1, 1e-9, "%g", cost.wan);
    message_destroy(&before);
    message_destroy(&after);
}
