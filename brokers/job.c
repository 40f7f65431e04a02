#include "brokers/job.h"

#include "brokers/optimizers.h"

#include <math.h>

__extension__ typedef unsigned __int128 wide_t;

/* a x b / c rounded down, without overflow on the way; the result must fit. */
static uint64_t s_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((wide_t)a * b / c);
}

static uint64_t s_ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b ? 1 : 0);
}

static uint64_t s_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* -- shares -----------------------------------------------------------------------------------------------
 */

/* One share as a whole number on a scale common to all: the largest has 53 bits, so integers stay what they
 * are and no machine rounds differently. */
static uint64_t s_scaled_share(double share, int exponent)
{
    return (uint64_t)ldexp(share, 53 - exponent);
}

static int s_exponent(const double *shares, size_t region_count)
{
    double largest = 0;
    for (size_t i = 0; i < region_count; i++)
        largest = shares[i] > largest ? shares[i] : largest;
    CHECK(largest > 0 && isfinite(largest));
    int exponent;
    frexp(largest, &exponent);
    return exponent;
}

uint64_t job_region_samples(const double *shares, size_t region_count, size_t index, uint64_t total)
{
    CHECK(index < region_count);
    int exponent = s_exponent(shares, region_count);
    wide_t sum = 0;
    for (size_t i = 0; i < region_count; i++)
        sum += s_scaled_share(shares[i], exponent);

    wide_t mine = (wide_t)total * s_scaled_share(shares[index], exponent);
    uint64_t handed_out = 0;
    uint64_t ahead = 0; /* regions that take one of what is left before this one */
    for (size_t i = 0; i < region_count; i++) {
        wide_t other = (wide_t)total * s_scaled_share(shares[i], exponent);
        handed_out += (uint64_t)(other / sum);
        if (other % sum > mine % sum || (other % sum == mine % sum && i < index))
            ahead++;
    }
    return (uint64_t)(mine / sum) + (ahead < total - handed_out ? 1 : 0);
}

/* -- steps ------------------------------------------------------------------------------------------------
 */

/* Steps of every region under a waiting strategy: round(N / (batch x sum of widths)), and no region's batch
 * empty. */
static uint64_t s_common_steps(const job_t *self, uint64_t batch)
{
    wide_t per_step = 0;
    for (size_t i = 0; i < self->region_count; i++)
        per_step += (wide_t)batch * self->regions[i].width;
    uint64_t steps = (uint64_t)(((wide_t)self->samples * 2 + per_step) / (per_step * 2));
    for (size_t i = 0; i < self->region_count; i++)
        steps = s_least(steps, self->regions[i].samples / self->regions[i].width);
    return steps ? steps : 1;
}

static uint64_t s_own_steps(const job_region_t *region, uint64_t batch)
{
    wide_t per_step = (wide_t)batch * region->width;
    uint64_t steps = (uint64_t)((region->samples + per_step - 1) / per_step);
    return s_least(steps, region->samples / region->width);
}

static err_code_t s_derive_samples(const topology_t *topology, job_t *self, err_t *err)
{
    double shares[TOPOLOGY_REGIONS_MAX];
    for (size_t i = 0; i < self->region_count; i++)
        shares[i] = topology->regions[i].data_share;
    for (size_t i = 0; i < self->region_count; i++) {
        const topology_region_t *from = &topology->regions[i];
        job_region_t *region = &self->regions[i];
        region->samples = job_region_samples(shares, self->region_count, i, self->samples);
        region->share = self->samples ? (double)region->samples / (double)self->samples : 0;
        region->width = topology->job.sync.inside == INSIDE_SYNC ? from->workers : 1;
        if (region->samples == 0)
            return err_set(err, ERR_CONFIG,
                           "region %s would have none of the %llu samples; write a larger data_share or use "
                           "more samples",
                           from->name, (unsigned long long)self->samples);
        if (region->width > region->samples)
            return err_set(err, ERR_CONFIG,
                           "region %s has %llu samples for %llu workers in step; write fewer workers or use "
                           "more samples",
                           from->name, (unsigned long long)region->samples,
                           (unsigned long long)region->width);
    }
    return ERR_OK;
}

static void s_derive_steps(uint64_t batch, job_t *self)
{
    uint64_t common = self->waits ? s_common_steps(self, batch) : 0;
    for (size_t i = 0; i < self->region_count; i++) {
        job_region_t *region = &self->regions[i];
        region->steps_per_epoch = self->waits ? common : s_own_steps(region, batch);
        region->batches_per_epoch = region->steps_per_epoch * region->width;
        region->batches = region->batches_per_epoch * self->epochs;
        region->steps = region->steps_per_epoch * self->epochs;
        region->batch_max = s_ceil_div(region->samples, region->batches_per_epoch);
    }
}

err_code_t job_derive(const topology_t *topology, uint64_t samples, job_t *ret_self, err_t *err)
{
    uint64_t epochs = topology->job.epochs;
    CHECK(topology->region_count > 0 && topology->job.batch > 0 && epochs > 0);
    if (samples > UINT64_MAX / epochs)
        return err_set(err, ERR_CONFIG,
                       "%llu samples times %llu epochs are more than can be counted; write fewer epochs",
                       (unsigned long long)samples, (unsigned long long)epochs);
    job_t self = {.epochs = epochs, .samples = samples, .samples_total = samples * epochs};
    self.waits = topology_waits(topology);
    self.region_count = topology->region_count;
    err_code_t code = s_derive_samples(topology, &self, err);
    if (code)
        return code;
    s_derive_steps(topology->job.batch, &self);
    *ret_self = self;
    return ERR_OK;
}

/* -- batches ----------------------------------------------------------------------------------------------
 */

void job_batch_samples(const job_region_t *self, uint64_t batch, uint64_t *ret_first, uint64_t *ret_end)
{
    uint64_t k = batch % self->batches_per_epoch;
    *ret_first = s_mul_div(k, self->samples, self->batches_per_epoch);
    *ret_end = s_mul_div(k + 1, self->samples, self->batches_per_epoch);
}

uint64_t job_samples_below(const job_region_t *self, uint64_t end)
{
    uint64_t epoch = end / self->batches_per_epoch;
    uint64_t rest = end % self->batches_per_epoch;
    return epoch * self->samples + s_mul_div(rest, self->samples, self->batches_per_epoch);
}

bool job_sends_rows(const topology_t *topology, const layout_t *layout)
{
    bool decays = topology->job.optimizer.weight_decay > 0;
    return layout_is_sparse(layout) && optimizer_find(topology->job.optimizer.name)->idles && !decays;
}
