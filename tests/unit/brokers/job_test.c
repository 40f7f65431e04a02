/* The arithmetic of batches: by hand for a few jobs, by property for thousands of seeded ones. */
#include "brokers/job.h"
#include "codec/base/rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static uint64_t s_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20240611;
    fprintf(stderr, "CLOUDLESS_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* Two regions, 2 : 1, with 2 and 1 workers; batch 64; one epoch. */
static topology_t *s_topology(strategy_name_t strategy, inside_t inside)
{
    topology_t *topology = calloc(1, sizeof *topology);
    cr_assert_not_null(topology);
    topology->job.epochs = 1;
    topology->job.batch = 64;
    topology->job.sync.strategy = strategy;
    topology->job.sync.inside = inside;
    topology->region_count = 2;
    strcpy(topology->regions[0].name, "shanghai");
    strcpy(topology->regions[1].name, "chongqing");
    topology->regions[0].data_share = 2;
    topology->regions[1].data_share = 1;
    topology->regions[0].workers = 2;
    topology->regions[1].workers = 1;
    return topology;
}

static job_t s_derive(const topology_t *topology, uint64_t samples)
{
    job_t job;
    err_t err;
    cr_assert_eq(job_derive(topology, samples, &job, &err), ERR_OK, "%s", err.text);
    return job;
}

Test(job, regions_that_do_not_wait_step_by_their_own_data)
{
    topology_t *topology = s_topology(STRATEGY_ASGD_GA, INSIDE_ASYNC);
    topology->job.epochs = 4;
    job_t job = s_derive(topology, 60000);
    cr_assert_eq(job.regions[0].samples, 40000);
    cr_assert_eq(job.regions[1].samples, 20000);
    cr_assert_eq(job.regions[0].steps_per_epoch, 625);
    cr_assert_eq(job.regions[1].steps_per_epoch, 313);
    cr_assert_eq(job.regions[0].batches_per_epoch, 625);
    cr_assert_eq(job.regions[1].steps, 4 * 313);
    cr_assert_eq(job.regions[1].batches, 4 * 313);
    cr_assert_eq(job.regions[0].batch_max, 64);
    cr_assert_eq(job.samples_total, 240000);
    cr_assert(!job.waits);
    free(topology);
}

Test(job, a_step_in_sync_is_one_batch_of_each_worker)
{
    topology_t *topology = s_topology(STRATEGY_ASGD_GA, INSIDE_SYNC);
    job_t job = s_derive(topology, 60000);
    cr_assert_eq(job.regions[0].width, 2);
    cr_assert_eq(job.regions[0].steps_per_epoch, 313);
    cr_assert_eq(job.regions[0].batches_per_epoch, 626);
    cr_assert_eq(job.regions[1].width, 1);
    free(topology);
}

Test(job, waiting_regions_take_equal_steps_with_batches_in_proportion)
{
    topology_t *topology = s_topology(STRATEGY_SSGD, INSIDE_ASYNC);
    job_t job = s_derive(topology, 60000);
    cr_assert(job.waits);
    cr_assert_eq(job.regions[0].steps_per_epoch, 469); /* round(60000 / 128) */
    cr_assert_eq(job.regions[1].steps_per_epoch, 469);
    cr_assert_eq(job.regions[0].batch_max, 86);
    cr_assert_eq(job.regions[1].batch_max, 43);
    free(topology);
}

Test(job, a_tiny_region_cuts_the_common_steps_down_so_that_no_batch_is_empty)
{
    topology_t *topology = s_topology(STRATEGY_SMA, INSIDE_SYNC);
    topology->regions[0].data_share = 999;
    job_t job = s_derive(topology, 10000);
    cr_assert_eq(job.regions[1].samples, 10);
    cr_assert_eq(job.regions[0].steps_per_epoch, 10);
    cr_assert_eq(job.regions[1].steps_per_epoch, 10);
    cr_assert_eq(job.regions[0].batches_per_epoch, 20);
    free(topology);
}

Test(job, more_samples_than_bits_multiply_without_overflow)
{
    topology_t *topology = s_topology(STRATEGY_ASGD, INSIDE_ASYNC);
    topology->job.batch = 1;
    topology->job.epochs = 1;
    uint64_t total = UINT64_MAX - 1;
    job_t job = s_derive(topology, total);
    cr_assert_eq(job.regions[0].samples + job.regions[1].samples, total);
    uint64_t first, end;
    job_batch_samples(&job.regions[0], job.regions[0].batches - 1, &first, &end);
    cr_assert_eq(end, job.regions[0].samples);
    cr_assert_eq(end - first, 1);
    cr_assert_eq(job_samples_below(&job.regions[0], job.regions[0].batches), job.regions[0].samples);
    free(topology);
}

Test(job, what_cannot_be_cut_is_refused_in_one_line)
{
    topology_t *topology = s_topology(STRATEGY_ASGD, INSIDE_SYNC);
    job_t job;
    err_t err;
    topology->regions[0].data_share = 1e9;
    cr_assert_eq(job_derive(topology, 100, &job, &err), ERR_CONFIG);
    cr_assert_str_eq(err.text,
                     "region chongqing would have none of the 100 samples; write a larger data_share or use "
                     "more samples");
    topology->regions[0].data_share = 1;
    topology->regions[0].workers = 60;
    cr_assert_eq(job_derive(topology, 100, &job, &err), ERR_CONFIG);
    cr_assert_str_eq(err.text,
                     "region shanghai has 50 samples for 60 workers in step; write fewer workers or use more "
                     "samples");
    topology->regions[0].workers = 50;
    cr_assert_eq(job_derive(topology, 100, &job, &err), ERR_OK);
    topology->job.epochs = 1000000;
    cr_assert_eq(job_derive(topology, UINT64_MAX / 1000, &job, &err), ERR_CONFIG);
    cr_assert_str_eq(err.text,
                     "18446744073709551 samples times 1000000 epochs are more than can be counted; write "
                     "fewer epochs");
    free(topology);
}

Test(job, shares_are_cut_by_the_largest_remainder)
{
    const double thirds[] = {1, 1, 1};
    cr_assert_eq(job_region_samples(thirds, 3, 0, 11), 4);
    cr_assert_eq(job_region_samples(thirds, 3, 1, 11), 4);
    cr_assert_eq(job_region_samples(thirds, 3, 2, 11), 3);
    const double uneven[] = {1, 3.5, 1.5}; /* of 10: 1.67, 5.83, 2.5 */
    cr_assert_eq(job_region_samples(uneven, 3, 0, 10), 2);
    cr_assert_eq(job_region_samples(uneven, 3, 1, 10), 6);
    cr_assert_eq(job_region_samples(uneven, 3, 2, 10), 2);
    const double tie[] = {3, 1}; /* of 2: 1.5 and 0.5 */
    cr_assert_eq(job_region_samples(tie, 2, 0, 2), 2);
    cr_assert_eq(job_region_samples(tie, 2, 1, 2), 0);
}

Test(job, shares_of_any_scale_add_up)
{
    rng_t rng;
    rng_init(&rng, s_seed());
    for (int round = 0; round < 2000; round++) {
        double shares[TOPOLOGY_REGIONS_MAX];
        size_t count = 1 + rng_below(&rng, TOPOLOGY_REGIONS_MAX);
        double sum_of_shares = 0;
        for (size_t i = 0; i < count; i++) {
            shares[i] = rng_below(&rng, 2) ? 1e-3 + rng_unit(&rng) : (double)(1 + rng_below(&rng, 100000));
            sum_of_shares += shares[i];
        }
        uint64_t total = rng_below(&rng, 1000000);
        uint64_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t mine = job_region_samples(shares, count, i, total);
            double exact = (double)total * shares[i] / sum_of_shares;
            cr_assert((double)mine > exact - 1.001 && (double)mine < exact + 1.001, "round %d region %zu",
                      round, i);
            sum += mine;
        }
        cr_assert_eq(sum, total, "round %d", round);
    }
}

/* Batches of one epoch lie side by side from 0 to n, are not empty, and differ by at most one. */
static void s_check_epoch(const job_region_t *region, uint64_t epoch, int round)
{
    uint64_t at = 0, smallest = UINT64_MAX, largest = 0;
    for (uint64_t k = 0; k < region->batches_per_epoch; k++) {
        uint64_t first, end;
        uint64_t batch = epoch * region->batches_per_epoch + k;
        job_batch_samples(region, batch, &first, &end);
        cr_assert_eq(first, at, "round %d batch %llu", round, (unsigned long long)batch);
        cr_assert_gt(end, first, "round %d batch %llu is empty", round, (unsigned long long)batch);
        cr_assert_eq(job_samples_below(region, batch), epoch * region->samples + at, "round %d", round);
        smallest = end - first < smallest ? end - first : smallest;
        largest = end - first > largest ? end - first : largest;
        at = end;
    }
    cr_assert_eq(at, region->samples, "round %d", round);
    cr_assert_leq(largest - smallest, 1, "round %d", round);
    cr_assert_eq(largest, region->batch_max, "round %d", round);
}

static void s_random_topology(topology_t *topology, rng_t *rng)
{
    topology->job.epochs = 1 + rng_below(rng, 3);
    topology->job.batch = 1 + rng_below(rng, 100);
    topology->job.sync.strategy = (strategy_name_t)rng_below(rng, 5);
    topology->job.sync.inside = (inside_t)rng_below(rng, 3);
    topology->region_count = 1 + rng_below(rng, 5);
    for (size_t i = 0; i < topology->region_count; i++) {
        topology->regions[i].data_share = 0.5 + rng_unit(rng) * 10;
        topology->regions[i].workers = 1 + rng_below(rng, 6);
    }
}

Test(job, every_sample_is_in_exactly_one_batch_of_its_epoch)
{
    rng_t rng;
    rng_init(&rng, s_seed());
    topology_t *topology = calloc(1, sizeof *topology);
    int derived = 0;
    for (int round = 0; round < 1500; round++) {
        s_random_topology(topology, &rng);
        job_t job;
        err_t err;
        if (job_derive(topology, 1 + rng_below(&rng, 3000), &job, &err) != ERR_OK)
            continue;
        derived++;
        for (size_t i = 0; i < job.region_count; i++) {
            const job_region_t *region = &job.regions[i];
            s_check_epoch(region, 0, round);
            s_check_epoch(region, job.epochs - 1, round);
            cr_assert_eq(job_samples_below(region, region->batches), region->samples * job.epochs, "round %d",
                         round);
            cr_assert_eq(region->batches_per_epoch % region->width, 0, "round %d", round);
            cr_assert_eq(region->batches, region->steps * region->width, "round %d", round);
            if (job.waits)
                cr_assert_eq(region->steps, job.regions[0].steps, "round %d", round);
        }
    }
    cr_assert_gt(derived, 1000, "only %d of the random jobs were possible", derived);
    free(topology);
}
