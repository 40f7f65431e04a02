/* Runs that are predicted: what arithmetic says of them must come out, and nobody may be taken for lost on
 * the way. */
#include "deploy/simulate/predict.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static topology_t *s_topology(size_t regions, unsigned workers, const char *sync, const char *link)
{
    char text[8192];
    int n = snprintf(text, sizeof text,
                     "job: {name: t, model: ledger, data: {kind: counter, samples: 60000}, batch: 10,\n"
                     "  optimizer: {name: sgd, lr: 1}, sync: {%s}}\n"
                     "checkpoint: {durability: process}\nplan: {samples_per_s: 100}\n"
                     "links: [{between: all, %s}]\nregions:\n",
                     sync, link);
    for (size_t r = 0; r < regions; r++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "  - {name: r%zu, data_share: 1, workers: %u, offers: [{name: one, count: %u, "
                      "price_per_s: 2}]}\n",
                      r, workers, workers);
    topology_t *topology = NULL;
    err_t err = {0};
    cr_assert_eq(topology_parse("t", text, (size_t)n, NULL, 0, &topology, &err), ERR_OK, "%s", err.text);
    return topology;
}

static prediction_t s_predict_units(const topology_t *topology, const predict_units_t *units, bool stay,
                                    int64_t limit_us)
{
    predict_spec_t spec = {.topology = topology,
                           .units = units,
                           .stay = stay,
                           .samples = topology->job.data.samples,
                           .pace = pace_given(topology),
                           .limit_us = limit_us,
                           .seed = 1};
    prediction_t *result = calloc(1, sizeof *result);
    err_t err = {0};
    cr_assert_eq(predict_run(&spec, result, &err), ERR_OK, "%s", err.text);
    prediction_t copy = *result;
    free(result);
    return copy;
}

static prediction_t s_predict(const topology_t *topology, int64_t limit_us)
{
    return s_predict_units(topology, NULL, false, limit_us);
}

/* 30,000 samples per region, 10 workers of 100 samples per second: 30 s, and almost all of them computed. */
Test(predict, a_run_takes_what_its_samples_take)
{
    topology_t *topology =
        s_topology(2, 10, "strategy: asgd-ga, every: 50", "rate: 1Gbit, rtt: 1ms, price_per_gb: 3");
    prediction_t result = s_predict(topology, INT64_MAX);
    cr_assert(result.over);
    cr_assert_eq(result.total.samples, 60000);
    cr_assert_eq(result.total.workers, 20);
    cr_assert_eq(result.total.restarts, 0);
    cr_assert(result.run_s > 29.5 && result.run_s < 33, "%g s", result.run_s);
    cr_assert(result.total.computed > 0.9, "%g computed", result.total.computed);
    double rent = result.total.rented_s * 10 * 2;
    cr_assert(result.total.rent > 0.99 * rent && result.total.rent < 1.01 * rent, "%g, not %g",
              result.total.rent, rent);
    cr_assert(result.total.wan_cost > 0 && result.total.sent_bytes == result.total.received_bytes);
    topology_destroy(&topology);
}

/* More than a thousand workers show signs of life more seldom; that must not look like death. */
Test(predict, a_crowd_is_not_taken_for_dead)
{
    topology_t *topology = s_topology(11, 100, "strategy: asgd-ga, every: 50", "rate: 1Gbit, rtt: 20ms");
    topology->job.data.samples = 60000000;
    prediction_t result = s_predict(topology, 30000000);
    cr_assert(!result.over);
    cr_assert_eq(result.total.workers, 1100);
    cr_assert_eq(result.total.restarts, 0);
    cr_assert(result.total.samples > 1100 * 100 * 20 && result.total.samples < 1100 * 100 * 31,
              "%llu samples", (unsigned long long)result.total.samples);
    cr_assert(result.run_s > 500 && result.run_s < 700, "%g s for the whole run", result.run_s);
    topology_destroy(&topology);
}

/* A model of 4,000 bytes each way and round, 50 kB/s: the link decides, and the workers wait for it. */
Test(predict, regions_that_wait_for_each_other_are_as_slow_as_their_link)
{
    topology_t *topology = s_topology(2, 1, "strategy: sma, every: 1", "rate: 400kbit, rtt: 0");
    topology->plan.samples_per_s = 1e6;
    topology->job.data.samples = 6000;
    prediction_t result = s_predict(topology, INT64_MAX);
    double least_s = (double)result.total.rounds * 0.08;
    cr_assert(result.over && result.total.rounds >= 300);
    cr_assert(result.run_s > least_s && result.run_s < 1.5 * least_s, "%g s, link %g s", result.run_s,
              least_s);
    cr_assert(result.total.waited_shard > 0.8, "%g waited", result.total.waited_shard);
    topology_destroy(&topology);
}

/* A region with half the data of the other is done after half of the time: then its units go, but those
 * that host a shard. */
Test(predict, units_of_a_region_that_is_done_are_returned)
{
    topology_t *topology = s_topology(2, 10, "strategy: asgd-ga, every: 50", "rate: 1Gbit, rtt: 1ms");
    static const predict_units_t units[2] = {{10}, {10}};
    topology->regions[0].data_share = 2;
    prediction_t keeps = s_predict_units(topology, units, true, INT64_MAX);
    prediction_t returns = s_predict_units(topology, units, false, INT64_MAX);
    double all_s = keeps.regions[0].rented_s, shards = (double)topology->regions[1].shards;
    cr_assert(keeps.over && returns.over && returns.total.restarts == 0);
    cr_assert_eq(returns.total.samples, 60000);
    cr_assert_float_eq(keeps.regions[1].rented_s, all_s, 0.02 * all_s);
    cr_assert_float_eq(returns.regions[0].rented_s, all_s, 0.05 * all_s, "%g of %g s",
                       returns.regions[0].rented_s, all_s);
    double least_s = (0.5 + 0.5 * shards / 10) * all_s;
    cr_assert(returns.regions[1].rented_s > 0.95 * least_s && returns.regions[1].rented_s < 1.1 * least_s,
              "%g of %g s, at least %g", returns.regions[1].rented_s, all_s, least_s);
    cr_assert_float_eq(returns.regions[1].rent, 2 * returns.regions[1].rented_s, 1e-6);
    topology_destroy(&topology);
}
