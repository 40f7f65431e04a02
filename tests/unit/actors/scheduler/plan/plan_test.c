#include "actors/scheduler/plan/plan.h"

#include "codec/base/rng.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define CASES 1000

static topology_t s_topology;
static job_t s_job;

static plan_input_t s_input(void)
{
    return (plan_input_t){
        .topology = &s_topology, .job = &s_job, .samples_per_s = 100, .delta_bytes = 1000000};
}

static void s_derive(uint64_t samples)
{
    err_t err = {0};
    s_topology.job.batch = 10;
    s_topology.job.epochs = s_topology.job.epochs ? s_topology.job.epochs : 1;
    s_topology.job.sync.every = 4;
    cr_assert_eq(job_derive(&s_topology, samples, &s_job, &err), ERR_OK, "%s", err.text);
}

/* Two regions of 12 cores each, as in the paper's experiments. */
static void s_pair(double power_b, double data_a, double price_b)
{
    memset(&s_topology, 0, sizeof s_topology);
    s_topology.job.sync.strategy = STRATEGY_ASGD_GA;
    s_topology.region_count = 2;
    for (size_t r = 0; r < 2; r++) {
        topology_region_t *region = &s_topology.regions[r];
        snprintf(region->name, sizeof region->name, "r%zu", r);
        region->workers = region->shards = 1;
        region->data_share = r ? 1 : data_a;
        region->offer_count = 1;
        region->offers[0] = (topology_offer_t){.name = "core",
                                               .count = 12,
                                               .cores = 1,
                                               .power = r ? power_b : 1,
                                               .price_per_s = r ? price_b : 1};
    }
    s_derive(60000);
}

static double s_saved(objective_t objective)
{
    plan_input_t input = s_input();
    plan_t everything, plan;
    err_t err = {0};
    cr_assert_eq(plan_make(&input, OBJECTIVE_EVERYTHING, 0, &everything, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(plan_make(&input, objective, 0, &plan, &err), ERR_OK, "%s", err.text);
    cr_assert(plan.run_s <= everything.run_s * (1 + 1e-9));
    return 1 - plan.cost / everything.cost;
}

/* The arithmetic optimum with whole cores: 8.4 cores are 9, 6 are 6, 4 are 4. */
Test(plan, saves_what_arithmetic_allows)
{
    s_pair(0.7, 1, 1);
    cr_assert_float_eq(s_saved(OBJECTIVE_MATCH), 3 / 24.0, 1e-9);
    s_pair(0.5, 1, 1);
    cr_assert_float_eq(s_saved(OBJECTIVE_MATCH), 6 / 24.0, 1e-9);
    s_pair(1, 2, 1);
    cr_assert_float_eq(s_saved(OBJECTIVE_MATCH), 6 / 24.0, 1e-3);
    s_pair(1, 3, 1);
    cr_assert_float_eq(s_saved(OBJECTIVE_MATCH), 8 / 24.0, 1e-3);
}

/* Half of the time one region of two has nothing left to do, and all of its 12 units go but the one with its
 * shard. Where regions wait for each other none is done before the others. */
Test(plan, what_is_returned_when_a_region_is_done_is_not_paid)
{
    s_pair(1, 2, 1);
    cr_assert_float_eq(s_saved(OBJECTIVE_UNTIL_DONE), 11 / 12.0 * 6 / 24.0, 1e-3);
    cr_assert_lt(s_saved(OBJECTIVE_UNTIL_DONE), s_saved(OBJECTIVE_MATCH));
    s_topology.regions[1].shards = 6;
    cr_assert_float_eq(s_saved(OBJECTIVE_UNTIL_DONE), 6 / 12.0 * 6 / 24.0, 1e-3);
    s_topology.regions[1].shards = 20;
    cr_assert_float_eq(s_saved(OBJECTIVE_UNTIL_DONE), 0, 1e-9);
    s_pair(1, 1, 1);
    cr_assert_float_eq(s_saved(OBJECTIVE_UNTIL_DONE), 0, 1e-9);
    s_pair(1, 2, 1);
    s_topology.job.sync.strategy = STRATEGY_SMA;
    s_derive(60000);
    cr_assert_float_eq(s_saved(OBJECTIVE_UNTIL_DONE), 0, 1e-9);
}

/* ---- against trying every set of units ---- */

static void s_random_case(rng_t *rng)
{
    memset(&s_topology, 0, sizeof s_topology);
    s_topology.job.sync.strategy = rng_below(rng, 3) ? STRATEGY_ASGD_GA : STRATEGY_SMA;
    s_topology.job.epochs = 1 + rng_below(rng, 3);
    s_topology.region_count = 1 + rng_below(rng, 3);
    for (size_t r = 0; r < s_topology.region_count; r++) {
        topology_region_t *region = &s_topology.regions[r];
        snprintf(region->name, sizeof region->name, "r%zu", r);
        region->workers = region->shards = 1;
        region->data_share = 1 + (double)rng_below(rng, 4);
        region->offer_count = 1 + rng_below(rng, 3);
        for (size_t i = 0; i < region->offer_count; i++)
            region->offers[i] = (topology_offer_t){.name = "o",
                                                   .count = 1 + rng_below(rng, 3),
                                                   .cores = 1 + rng_below(rng, 4),
                                                   .power = 0.25 * (double)(1 + rng_below(rng, 8)),
                                                   .price_per_s = 0.5 * (double)(1 + rng_below(rng, 9))};
    }
    for (size_t a = 0; a < s_topology.region_count; a++)
        for (size_t b = a + 1; b < s_topology.region_count; b++)
            s_topology.links[s_topology.link_count++] =
                (topology_link_t){.between = {a, b},
                                  .rate_bytes_per_s = rng_below(rng, 3) * 4000000,
                                  .price_per_gb = (double)rng_below(rng, 3)};
    s_derive(1200 + rng_below(rng, 2000));
}

typedef struct {
    double fastest_s, fastest_cost, cheapest, within, first_s;
    double match_s, match_prices;
} brute_t;

static double s_compute_s(const plan_input_t *input, const plan_t *plan)
{
    double most = 0;
    for (size_t r = 0; r < s_topology.region_count; r++)
        most = fmax(most, plan->regions[r].compute_s);
    (void)input;
    return most;
}

static double s_prices(const plan_t *plan)
{
    double sum = 0;
    for (size_t r = 0; r < s_topology.region_count; r++)
        sum += plan->regions[r].price_per_s;
    return sum;
}

static bool s_less(double a, double b)
{
    return a < b * (1 - 1e-12);
}

static void s_look(const plan_input_t *input, const plan_t *plan, double deadline, double budget,
                   brute_t *best)
{
    double compute_s = s_compute_s(input, plan);
    if (s_less(plan->run_s, best->fastest_s) ||
        (!s_less(best->fastest_s, plan->run_s) && plan->cost < best->fastest_cost)) {
        best->fastest_s = plan->run_s;
        best->fastest_cost = plan->cost;
    }
    if (s_less(compute_s, best->match_s) ||
        (!s_less(best->match_s, compute_s) && s_prices(plan) < best->match_prices)) {
        best->match_s = compute_s;
        best->match_prices = s_prices(plan);
    }
    best->cheapest = fmin(best->cheapest, plan->cost);
    if (plan->run_s <= deadline)
        best->within = fmin(best->within, plan->cost);
    if (plan->cost <= budget)
        best->first_s = fmin(best->first_s, plan->run_s);
}

static brute_t s_brute(const plan_input_t *input, double deadline, double budget)
{
    brute_t best = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
    plan_t plan = {0};
    for (;;) {
        bool empty = false;
        for (size_t r = 0; r < s_topology.region_count; r++) {
            uint64_t units = 0;
            for (size_t i = 0; i < s_topology.regions[r].offer_count; i++)
                units += plan.regions[r].units[i];
            empty |= units == 0;
        }
        if (!empty) {
            plan_evaluate(input, &plan);
            s_look(input, &plan, deadline, budget, &best);
        }
        size_t r = 0, i = 0;
        while (r < s_topology.region_count &&
               ++plan.regions[r].units[i] > s_topology.regions[r].offers[i].count) {
            plan.regions[r].units[i] = 0;
            if (++i == s_topology.regions[r].offer_count) {
                r++;
                i = 0;
            }
        }
        if (r == s_topology.region_count)
            return best;
    }
}

static void s_compare(const plan_input_t *input, rng_t *rng, unsigned number)
{
    plan_t plan;
    err_t err = {0};
    cr_assert_eq(plan_make(input, OBJECTIVE_EVERYTHING, 0, &plan, &err), ERR_OK);
    double deadline = plan.run_s * (0.9 + 2 * rng_unit(rng)), budget = plan.cost * (0.3 + rng_unit(rng));
    brute_t best = s_brute(input, deadline, budget);
    cr_assert_eq(plan_make(input, OBJECTIVE_FASTEST, 0, &plan, &err), ERR_OK);
    cr_assert_float_eq(plan.run_s, best.fastest_s, 1e-9 * best.fastest_s, "case %u: fastest", number);
    cr_assert_float_eq(plan.cost, best.fastest_cost, 1e-9 * best.fastest_cost, "case %u: cost of fastest",
                       number);
    cr_assert_eq(plan_make(input, OBJECTIVE_CHEAPEST, 0, &plan, &err), ERR_OK);
    cr_assert_float_eq(plan.cost, best.cheapest, 1e-9 * best.cheapest, "case %u: cheapest", number);
    cr_assert_eq(plan_make(input, OBJECTIVE_MATCH, 0, &plan, &err), ERR_OK);
    double match_s = s_compute_s(input, &plan);
    cr_assert_float_eq(match_s, best.match_s, 1e-9 * best.match_s, "case %u: match", number);
    cr_assert_float_eq(s_prices(&plan), best.match_prices, 1e-9 * best.match_prices,
                       "case %u: prices of match", number);
    err_code_t rc = plan_make(input, OBJECTIVE_DEADLINE, deadline, &plan, &err);
    cr_assert_eq(rc, isfinite(best.within) ? ERR_OK : ERR_LIMIT, "case %u: deadline", number);
    double wanted = rc ? best.fastest_cost : best.within;
    cr_assert_float_eq(plan.cost, wanted, 1e-9 * wanted, "case %u: cost within the deadline", number);
    rc = plan_make(input, OBJECTIVE_BUDGET, budget, &plan, &err);
    cr_assert_eq(rc, isfinite(best.first_s) ? ERR_OK : ERR_LIMIT, "case %u: budget", number);
    if (!rc)
        cr_assert_float_eq(plan.run_s, best.first_s, 1e-9 * best.first_s, "case %u: time within the budget",
                           number);
    else
        cr_assert_float_eq(plan.cost, best.cheapest, 1e-9 * best.cheapest, "case %u: nearest budget", number);
}

Test(plan, equals_brute_force)
{
    rng_t rng;
    uint64_t seed = test_seed();
    rng_init(&rng, seed);
    for (unsigned number = 0; number < CASES; number++) {
        s_random_case(&rng);
        plan_input_t input = s_input();
        s_compare(&input, &rng, number);
    }
}

/* Five regions with 1, 2 ... 5 parts of the data, each with 12 cores at a price of 1 and 12 at 3: the last
 * one needs all of them, and then 4.8, 9.6, 14.4 and 19.2 cores are as fast. */
Test(plan, match_rents_the_cheapest_that_is_fast_enough_in_each_of_many_regions)
{
    for (size_t regions = 3; regions <= 5; regions++) {
        s_pair(1, 1, 1);
        s_topology.region_count = regions;
        for (size_t r = 0; r < regions; r++) {
            topology_region_t *region = &s_topology.regions[r];
            *region = (topology_region_t){.workers = 1, .shards = 1, .offer_count = 2};
            snprintf(region->name, sizeof region->name, "r%zu", r);
            region->data_share = (double)(r + 1);
            for (size_t i = 0; i < 2; i++)
                region->offers[i] = (topology_offer_t){
                    .name = "o", .count = 12, .cores = 1, .power = 1, .price_per_s = i ? 3 : 1};
        }
        s_derive(150000);
        plan_input_t input = s_input();
        plan_t plan;
        cr_assert_eq(plan_make(&input, OBJECTIVE_MATCH, 0, &plan, NULL), ERR_OK);
        for (size_t r = 0; r < regions; r++) {
            uint64_t cores = (uint64_t)ceil(24.0 * (double)(r + 1) / (double)regions - 0.01);
            cr_assert_eq(plan.regions[r].units[0], cores < 12 ? cores : 12, "region %zu of %zu", r, regions);
            cr_assert_eq(plan.regions[r].units[1], cores < 12 ? 0 : cores - 12, "region %zu of %zu", r,
                         regions);
        }
    }
}

/* ---- choices ---- */

/* Of more plans than are wanted every so-manieth is given, the first and the last among them. */
Test(plan, choices_are_spread_evenly)
{
    s_pair(0.7, 2, 1);
    plan_input_t input = s_input();
    plan_t *all = NULL, *some = NULL;
    size_t total = 0, count = 0;
    for (size_t r = 0; r < 2; r++) { /* what is fast is dear */
        topology_region_t *region = &s_topology.regions[r];
        for (region->offer_count = 1; region->offer_count < 4; region->offer_count++) {
            topology_offer_t *offer = &region->offers[region->offer_count];
            *offer = region->offers[0];
            offer->price_per_s = (double)region->offer_count + 1;
        }
    }
    cr_assert_eq(plan_choices(&input, 1000, &all, &total, NULL), ERR_OK);
    cr_assert(total > 12 && total < 1000, "%zu", total);
    for (size_t most = 2; most <= total + 1; most++) {
        cr_assert_eq(plan_choices(&input, most, &some, &count, NULL), ERR_OK);
        cr_assert_eq(count, most < total ? most : total, "%zu of %zu", count, total);
        for (size_t i = 0; i < count; i++) {
            size_t at = most < total ? i * (total - 1) / (most - 1) : i;
            cr_assert_float_eq(some[i].run_s, all[at].run_s, 1e-9, "choice %zu of %zu", i, most);
            cr_assert_float_eq(some[i].cost, all[at].cost, 1e-9 * all[at].cost);
        }
        free(some);
    }
    free(all);
}

Test(plan, choices_are_undominated)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (unsigned number = 0; number < 100; number++) {
        s_random_case(&rng);
        plan_input_t input = s_input();
        plan_t *plans = NULL, end;
        size_t count = 0;
        err_t err = {0};
        cr_assert_eq(plan_choices(&input, 8, &plans, &count, &err), ERR_OK, "%s", err.text);
        cr_assert(count >= 1 && count <= 8);
        for (size_t i = 1; i < count; i++)
            cr_assert(plans[i].run_s > plans[i - 1].run_s && plans[i].cost < plans[i - 1].cost);
        cr_assert_eq(plan_make(&input, OBJECTIVE_FASTEST, 0, &end, &err), ERR_OK);
        cr_assert_float_eq(plans[0].run_s, end.run_s, 1e-9 * end.run_s);
        cr_assert_eq(plan_make(&input, OBJECTIVE_CHEAPEST, 0, &end, &err), ERR_OK);
        cr_assert_float_eq(plans[count - 1].cost, end.cost, 1e-9 * end.cost);
        free(plans);
    }
}

/* Sets too many to keep them all: nothing may cost more than the grain of the frontier. */
Test(plan, many_offers)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    s_pair(1, 1, 1);
    for (size_t r = 0; r < 2; r++) {
        s_topology.regions[r].offer_count = TOPOLOGY_OFFERS_MAX;
        for (size_t i = 0; i < TOPOLOGY_OFFERS_MAX; i++)
            s_topology.regions[r].offers[i] = (topology_offer_t){.name = "o",
                                                                 .count = 16,
                                                                 .cores = 1,
                                                                 .power = 0.5 + rng_unit(&rng),
                                                                 .price_per_s = 0.5 + rng_unit(&rng)};
    }
    s_derive(60000);
    plan_input_t input = s_input();
    plan_t fastest, cheapest;
    err_t err = {0};
    cr_assert_eq(plan_make(&input, OBJECTIVE_FASTEST, 0, &fastest, &err), ERR_OK);
    cr_assert_eq(plan_make(&input, OBJECTIVE_CHEAPEST, 0, &cheapest, &err), ERR_OK);
    cr_assert(cheapest.cost <= fastest.cost);
    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < TOPOLOGY_OFFERS_MAX; i++)
            cr_assert(fastest.regions[r].units[i] <= 16);
}

/* ---- bad input ---- */

static void s_expect_refused(const char *text)
{
    plan_input_t input = s_input();
    plan_t plan;
    err_t err = {0};
    cr_assert_eq(plan_make(&input, OBJECTIVE_MATCH, 0, &plan, &err), ERR_CONFIG);
    cr_assert(strstr(err.text, text), "%s", err.text);
}

Test(plan, refuses_what_cannot_be_planned)
{
    s_pair(1, 1, 1);
    s_topology.regions[1].offers[0].price_per_s = 0;
    s_expect_refused("regions[1].offers[0].price_per_s: offer core of region r1 has no price");
    s_topology.regions[1].offer_count = 0;
    s_expect_refused("regions[1].offers: region r1 has nothing to rent");
}

Test(plan, names_the_nearest_possible)
{
    s_pair(1, 1, 1);
    plan_input_t input = s_input();
    plan_t plan;
    err_t err = {0};
    cr_assert_eq(plan_make(&input, OBJECTIVE_DEADLINE, 1, &plan, &err), ERR_LIMIT);
    cr_assert(strstr(err.text, "the fastest takes 25 s"), "%s", err.text);
    cr_assert_eq(plan_make(&input, OBJECTIVE_BUDGET, 1, &plan, &err), ERR_LIMIT);
    cr_assert(strstr(err.text, "the cheapest costs"), "%s", err.text);
}

/* ---- the WAN ---- */

static void s_line(strategy_name_t strategy)
{
    memset(&s_topology, 0, sizeof s_topology);
    s_topology.job.sync.strategy = strategy;
    s_topology.job.sync.quorum = 1;
    s_topology.region_count = 3;
    for (size_t r = 0; r < 3; r++) {
        topology_region_t *region = &s_topology.regions[r];
        snprintf(region->name, sizeof region->name, "r%zu", r);
        region->workers = region->shards = 1;
        region->data_share = 1;
        region->offer_count = 1;
        region->offers[0] =
            (topology_offer_t){.name = "core", .count = 4, .cores = 1, .power = 1, .price_per_s = 1};
    }
    /* a - b - c: a and c reach each other over b */
    s_topology.links[0] = (topology_link_t){
        .between = {0, 1}, .rate_bytes_per_s = 1000000, .rtt_us = 100000, .price_per_gb = 1};
    s_topology.links[1] = (topology_link_t){
        .between = {1, 2}, .rate_bytes_per_s = 2000000, .rtt_us = 300000, .price_per_gb = 10};
    s_topology.link_count = 2;
    s_derive(1200); /* 400 samples, 40 steps, 10 rounds each */
}

Test(plan, a_pair_without_a_link_goes_over_a_third_region_which_pays_its_hop)
{
    s_line(STRATEGY_ASGD_GA);
    plan_input_t input = s_input();
    plan_t plan;
    cr_assert_eq(plan_make(&input, OBJECTIVE_EVERYTHING, 0, &plan, NULL), ERR_OK);
    /* a-b carries, towards b, what a sends to b and to c: two deltas of 1 MB a round */
    cr_assert_float_eq(plan.regions[0].rounds, 10, 1e-9);
    cr_assert_float_eq(plan.regions[0].wan_s, 10 * 2 * 1.0, 1e-9);
    cr_assert_float_eq(plan.regions[0].sent_gb, 10 * 2e-3, 1e-9);
    cr_assert_float_eq(plan.regions[0].wan_cost, 10 * 2e-3 * 1, 1e-9);
    /* b sends to both, and hands on from a to c and from c to a */
    cr_assert_float_eq(plan.regions[1].sent_gb, 10 * 4e-3, 1e-9);
    cr_assert_float_eq(plan.regions[1].wan_cost, 10 * (2e-3 * 1 + 2e-3 * 10), 1e-9);
    cr_assert_float_eq(plan.regions[2].wan_s, 10 * 2 * 1.0, 1e-9, "its way to a ends in the slower link");
}

Test(plan, where_regions_wait_each_round_takes_its_way)
{
    s_line(STRATEGY_SMA);
    plan_input_t input = s_input();
    plan_t plan;
    cr_assert_eq(plan_make(&input, OBJECTIVE_EVERYTHING, 0, &plan, NULL), ERR_OK);
    double round_s = 2 * 1.0 + (0.1 + 0.3) / 2;
    cr_assert_float_eq(plan.regions[1].wan_s, plan.regions[1].rounds * round_s, 1e-9,
                       "all wait for the longest way");
    const plan_region_t *first = &plan.regions[0];
    cr_assert_float_eq(first->epoch_s, first->compute_s + first->wan_s, 1e-9);
    s_topology.job.sync.strategy = STRATEGY_DILOCO;
    s_topology.job.sync.overlap = 1;
    plan_evaluate(&input, &plan);
    double left_s = first->wan_s - first->compute_s / (double)s_topology.job.sync.every;
    cr_assert_float_eq(first->epoch_s, first->compute_s + fmax(left_s, 0), 1e-9, "a part is overlapped");
    s_topology.job.sync.overlap = 0;
    s_topology.job.sync.quorum = 0.5;
    plan_evaluate(&input, &plan);
    cr_assert_float_eq(plan.regions[0].wan_s, plan.regions[0].rounds * (round_s + 2 * 0.4), 1e-9, "and vote");
}

Test(plan, every_auto_sends_what_the_links_drain)
{
    s_line(STRATEGY_ASGD_GA);
    s_topology.job.sync.every = 0;
    s_topology.job.sync.every_least = 1;
    s_topology.job.sync.every_most = 20;
    plan_input_t input = s_input();
    plan_t plan, fewer;
    cr_assert_eq(plan_make(&input, OBJECTIVE_EVERYTHING, 0, &plan, NULL), ERR_OK);
    cr_assert_float_eq(plan.regions[0].rounds, 2, 1e-9, "no fewer than every_most steps let");
    cr_assert_float_eq(plan.epoch_s, 4, 1e-9, "two rounds of two deltas");
    input.samples_per_s = 10; /* ten seconds and more of computing */
    cr_assert_eq(plan_make(&input, OBJECTIVE_EVERYTHING, 0, &plan, NULL), ERR_OK);
    cr_assert_float_eq(plan.epoch_s, 10, 1e-9);
    cr_assert_float_eq(plan.regions[0].rounds, 10 / (2 + 0.4), 1e-9);
    fewer = plan;
    fewer.regions[0].units[0] = 2;
    plan_evaluate(&input, &fewer);
    cr_assert_float_eq(fewer.regions[0].rounds, 20 / (2 + 0.4), 1e-9, "more time, more rounds");
    cr_assert(fewer.cost - fewer.rent > plan.cost - plan.rent);
}

Test(plan, an_encoding_and_the_start_count)
{
    s_line(STRATEGY_ASGD_GA);
    static const struct {
        const char *encoding;
        double per_value;
    } rows[] = {{"none", 4}, {"fp16", 2}, {"bf16", 2}, {"int8", 1.02}, {"int4", 0.53}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(s_topology.job.sync.encoding, sizeof s_topology.job.sync.encoding, "%s", rows[i].encoding);
        double bytes = (double)plan_delta_bytes(&s_topology, 100000);
        cr_assert_float_eq(bytes, 100000 * rows[i].per_value, 0.01 * bytes, "%s: %g", rows[i].encoding,
                           bytes);
    }
    plan_input_t input = s_input();
    plan_t bare, whole;
    cr_assert_eq(plan_make(&input, OBJECTIVE_FASTEST, 0, &bare, NULL), ERR_OK);
    input.start_s = 3;
    input.last_bytes = 5000000;
    cr_assert_eq(plan_make(&input, OBJECTIVE_FASTEST, 0, &whole, NULL), ERR_OK);
    cr_assert_float_eq(whole.run_s, bare.run_s + 3 + 2 * 5.0, 1e-9);
    cr_assert(whole.cost > bare.cost);
}

/* The start, and the last exchange at the end of the run, must be within the deadline, too. */
Test(plan, a_deadline_has_room_for_the_start_and_the_last_exchange)
{
    s_line(STRATEGY_ASGD_GA);
    plan_input_t input = s_input();
    plan_t plan;
    err_t err = {0};
    input.start_s = 3;
    input.last_bytes = 5000000;
    cr_assert_eq(plan_make(&input, OBJECTIVE_FASTEST, 0, &plan, NULL), ERR_OK);
    double least_s = plan.run_s;
    cr_assert_eq(plan_make(&input, OBJECTIVE_DEADLINE, least_s + 0.1, &plan, &err), ERR_OK, "%s", err.text);
    cr_assert_leq(plan.run_s, least_s + 0.1);
    cr_assert_eq(plan_make(&input, OBJECTIVE_DEADLINE, least_s - 0.1, &plan, &err), ERR_LIMIT);
}

Test(plan, the_power_for_the_load_is_the_power_by_the_share)
{
    s_pair(0.5, 2, 1);
    plan_input_t input = s_input();
    plan_t plan;
    cr_assert_eq(plan_make(&input, OBJECTIVE_EVERYTHING, 0, &plan, NULL), ERR_OK);
    for (size_t r = 0; r < 2; r++) /* 12 by two thirds, 6 by one */
        cr_assert_float_eq(plan.regions[r].load_power, 18, 1e-6, "%g", plan.regions[r].load_power);
}

Test(plan, nodes_that_cost_nothing_are_used_first)
{
    s_pair(1, 1, 1);
    plan_input_t input = s_input();
    plan_t plan;
    input.free_power[0] = 12;
    cr_assert_eq(plan_make(&input, OBJECTIVE_MATCH, 0, &plan, NULL), ERR_OK);
    cr_assert_eq(plan.regions[0].units[0], 0);
    cr_assert_eq(plan.regions[1].units[0], 12);
    cr_assert_float_eq(plan.regions[0].power, 12, 1e-9);
}
