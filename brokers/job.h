/* job - what follows from a topology by arithmetic alone: batches, steps and shares. Every process has the
 * same.
 *
 * A batch has one global number b in 0 .. epochs x batches_per_epoch - 1 in its region; its epoch is b /
 * batches_per_epoch. Batches of an epoch cut the region's n samples near-evenly: batch k covers [k n / K, (k
 * + 1) n / K) of the epoch's seeded permutation, so sizes differ by at most one and every sample is in
 * exactly one batch. A step is `width` consecutive batches: 1, or the region's workers when inside is sync.
 *
 *   width_r            sync inside: workers of r, else 1
 *   waiting strategy   steps per epoch G = max(1, round(N / (batch sum of widths))), equal in all regions, so
 *                      that they end together and batch sizes are in proportion to the regions' data
 *   others             G_r = max(1, ceil(n_r / (batch width_r)))
 *   K_r                G_r width_r; G is cut down until K_r is at most n_r in every region it holds for, so
 *                      that no batch is empty
 *
 * Threads  immutable; any thread.
 */
#ifndef BROKERS_JOB_H
#define BROKERS_JOB_H

#include "brokers/topology.h"
#include "codec/tensor/layout.h"

typedef struct {
    uint64_t samples; /* of this region, per epoch */
    uint64_t width;   /* batches per step */
    uint64_t steps_per_epoch;
    uint64_t batches_per_epoch;
    uint64_t batches;   /* of the whole run: epochs x batches_per_epoch */
    uint64_t steps;     /* of the whole run */
    uint64_t batch_max; /* samples of the largest batch */
    double share;       /* samples / all regions' samples */
} job_region_t;

typedef struct {
    uint64_t epochs;
    uint64_t samples;       /* per epoch, all regions */
    uint64_t samples_total; /* samples x epochs: what drives the learning-rate schedule */
    bool waits;             /* the strategy waits for all regions each round */
    size_t region_count;
    job_region_t regions[TOPOLOGY_REGIONS_MAX];
} job_t;

/* `samples` is the number of training samples of all regions (from the dataset, or data.samples).
 * Errors: ERR_CONFIG when a region would have no sample, or fewer than its width. */
MUST_USE err_code_t job_derive(const topology_t *topology, uint64_t samples, job_t *ret_self, err_t *err);

/* How many of `total` samples region `index` has: largest-remainder rounding of the shares (any positive
 * scale; ties go to the region named first), in whole numbers, so that the regions' counts add up to `total`
 * on every machine. */
uint64_t job_region_samples(const double *shares, size_t region_count, size_t index, uint64_t total);

/* Position [*ret_first, *ret_end) of batch `batch` (global number) within its epoch's permutation. */
void job_batch_samples(const job_region_t *self, uint64_t batch, uint64_t *ret_first, uint64_t *ret_end);

/* The samples of all batches in [0, end): exact, for progress and schedules. */
uint64_t job_samples_below(const job_region_t *self, uint64_t end);

/* Tells whether gradients and parameters of this layout travel as the rows of sparse tensors that a batch
 * touches: where a step leaves rows without a gradient as they are. Else they travel whole, and steps are the
 * same. */
bool job_sends_rows(const topology_t *topology, const layout_t *layout);

#endif
